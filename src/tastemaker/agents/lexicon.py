"""What people say when they speak of wishes, by language: read from files of words, so that no code knows a language.

A file of a locale says which words are of grammar, which phrases refuse, bound, take back, refer to a list, and so on
(its *cues*), what people call the respects in which items differ, and which words mean the same. Names of fields stand
in ``locales/concepts.toml``, for shops of any language.
"""

from __future__ import annotations

import tomllib
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from functools import lru_cache
from importlib.resources import files
from pathlib import Path
from typing import Any, Final, Literal

from tastemaker.agents.phrases import Phrases
from tastemaker.agents.tokens import words_of
from tastemaker.core.errors import ConfigError, nearest

_SHIPPED: Final = files("tastemaker.agents") / "locales"
_CONCEPTS: Final = "concepts"
_SIDES: Final = ("names", "low", "high", "less", "more", "ask")
_SHORTEST: Final = 3


@dataclass(frozen=True)
class Concept:
    """A respect in which items of any shop differ.

    Attributes:
        name: Its name.
        fields: Names that shops give the field, the usual one first.
        plain: How a number is meant that stands without a word of bounds.
        people: Whether its values are names of people.
        whole: Whether its numbers are whole ones.
        title: Whether it holds other titles of the item.
        order: Values from the mildest to the strongest, with an age for each.
    """

    name: str
    fields: tuple[str, ...]
    plain: Literal["at most", "at least", "exactly"] = "exactly"
    people: bool = False
    whole: bool = False
    title: bool = False
    order: tuple[tuple[str, float], ...] = ()


@dataclass(frozen=True)
class Group:
    """Words that mean the same: what people say, what shops write, the usual first, and comparatives; all folded."""

    say: tuple[str, ...]
    shop: tuple[str, ...]
    more: tuple[str, ...] = ()


@dataclass(frozen=True)
class Unit:
    """A unit: of which concept, and how many of the concept's own units it is."""

    of: str
    times: float


@dataclass(frozen=True)
class Company:
    """Somebody for whom, or a time at which, something is wanted; `child` is an age that stands for it."""

    name: str
    shop: tuple[str, ...]
    child: float | None = None
    alone: bool = False


class Lexicon:
    """The words of one language.

    Args:
        locale: Language and country, such as ``en`` or ``de-AT``; only the language counts.
        given: What the file of the language says.
        concepts: What ``concepts.toml`` says.

    Attributes:
        tags: Phrase -> its cues; of a concept ``price.less``, of an ordinal ``ordinal:1``.
        units: Phrase -> units.
        numbers: Word -> the number that it is.
        grammar: Words that belong to no wish by themselves.
        talk: Words that make up a request and say nothing of what is wanted.
        common: Words so usual that a title of them alone has to be said to be one.
        groups: Words that mean the same.
        companies: Phrase -> occasions and audiences.
    """

    def __init__(self, locale: str, given: Mapping[str, Any], concepts: Mapping[str, Any]) -> None:
        self.locale = locale
        self.concepts = {name: _concept(name, told) for name, told in concepts.items()}
        self.decimal_comma: bool = given.get("decimal_comma", False)
        self.endings = tuple((str(old), str(new)) for old, new in given.get("endings", ()))
        self.articles = frozenset(given.get("articles", ()))
        self.possessives = frozenset(given.get("possessives", ()))
        self.grammar, self.talk, self.common = (
            frozenset(words_of(given.get(name, ""))) for name in ("grammar", "talk", "common")
        )
        self.numbers = {" ".join(words_of(word)): float(number) for word, number in given.get("numbers", {}).items()}
        self.tags: Phrases[str] = Phrases()
        self.units: Phrases[Unit] = Phrases()
        self.companies: Phrases[tuple[str, Company]] = Phrases()
        self.groups = tuple(_group(told) for told in given.get("values", ()))
        self._enter(given)

    def _enter(self, given: Mapping[str, Any]) -> None:
        for cue, phrases in given["cues"].items():
            self._tag(phrases, cue)
        for name, told in given.get("concepts", {}).items():
            for side in _SIDES:
                self._tag(told.get(side, ()), f"{name}.{side}")
        self._enter_numbers(given)
        for told in given.get("units", {}).values():
            for phrase in told["say"]:
                self.units.add(words_of(phrase), Unit(told["of"], float(told["times"])))
        for kind in ("audiences", "occasions"):
            for told in given.get(kind, ()):
                self._company(kind, told)

    def _enter_numbers(self, given: Mapping[str, Any]) -> None:
        for number, words in given.get("ordinals", {}).items():
            self._tag(words, f"bare:{number}")
            self._tag([f"{article} {word}" for word in words for article in sorted(self.articles)], f"ordinal:{number}")
        for number, words in given.get("centuries", {}).items():
            self._tag(words, f"centuries:{number}")
        for heading in ("decades", "quantities"):
            for phrase, number in given.get(heading, {}).items():
                self._tag([phrase], f"{heading}:{number}")
        if given.get("joined_ages", False):
            olds = [phrase for phrase in given["cues"]["year_old"] if " " not in phrase]
            for word, number in given.get("numbers", {}).items():
                self._tag([word + old for old in olds], f"age:{number}")

    def _tag(self, phrases: Iterable[str], tag: str) -> None:
        for phrase in phrases:
            self.tags.add(words_of(phrase), tag)

    def _company(self, kind: str, told: Mapping[str, Any]) -> None:
        shop = _folded(told.get("shop", ()))
        for heading in ("say", "alone"):
            for phrase in told.get(heading, ()):
                company = Company(phrase, shop, told.get("child"), heading == "alone")
                self.companies.add(words_of(phrase), (kind, company))

    def stem(self, word: str) -> str:
        """Return a word without the ending of its plural, roughly.

        >>> load_lexicon("en").stem("mysteries"), load_lexicon("en").stem("gas")
        ('mystery', 'gas')
        """
        for old, new in self.endings:
            if word.endswith(old) and len(word) - len(old) + len(new) >= _SHORTEST and not word.endswith("ss"):
                return word[: len(word) - len(old)] + new
        return word

    def empty(self, word: str) -> bool:
        """Say whether a word is no content: of grammar, of requests, or a single letter."""
        return word in self.grammar or word in self.talk or len(word) < 2


def _concept(name: str, told: Mapping[str, Any]) -> Concept:
    order = tuple((str(value), float(age)) for value, age in told.get("order", ()))
    return Concept(name, **{**told, "fields": tuple(told["fields"]), "order": order})


def _group(told: Mapping[str, Sequence[str]]) -> Group:
    return Group(*(_folded(told.get(name, ())) for name in ("say", "shop", "more")))


def _folded(phrases: Iterable[str]) -> tuple[str, ...]:
    return tuple(dict.fromkeys(" ".join(words_of(phrase)) for phrase in phrases))


def locales() -> list[str]:
    """Return the languages for which there are words, sorted."""
    names = (entry.name.removesuffix(".toml") for entry in _SHIPPED.iterdir() if entry.name.endswith(".toml"))
    return sorted(name for name in names if name != _CONCEPTS)


@lru_cache(maxsize=8)
def load_lexicon(locale: str, file: Path | None = None) -> Lexicon:
    """Read the words of a language.

    Args:
        locale: Such as ``en`` or ``de-AT``.
        file: A file of one's own instead of the one that is shipped.

    Raises:
        ConfigError: There is none, or it cannot be read.
    """
    language = locale.replace("_", "-").partition("-")[0].lower()
    if file is None and language not in locales():
        raise ConfigError(f"there are no words of the language '{locale}'", remedy=nearest(language, locales()))
    try:
        given = tomllib.loads((file or _SHIPPED / f"{language}.toml").read_text(encoding="utf-8"))
        concepts = tomllib.loads((_SHIPPED / f"{_CONCEPTS}.toml").read_text(encoding="utf-8"))
        return Lexicon(language, given, concepts)
    except (OSError, tomllib.TOMLDecodeError, UnicodeDecodeError, KeyError, TypeError, ValueError) as error:
        raise ConfigError(f"the words of a language cannot be read: {error}", where=str(file or language)) from error
