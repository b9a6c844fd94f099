"""Categories and keywords of items that have none, by a generator: categories of a given list, keywords of the text."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Sequence
from typing import ClassVar, Final

import polars as pl

from tastemaker.core.errors import ConfigError
from tastemaker.core.generator import Generator, Sampling
from tastemaker.data.catalogue import PATH_SEPARATOR, Catalogue, Relations
from tastemaker.language.asking.prompt import ChatPrompt, load_prompt
from tastemaker.language.generators.schemas import list_of, object_of, one_of
from tastemaker.language.keywords import LONGEST, RELATION, keyword
from tastemaker.profiles.facts import content_words
from tastemaker.profiles.gate import SILENT, TWICE, UNSHOWN
from tastemaker.profiles.profile import Claim, Profile
from tastemaker.profiles.profiler import key_of
from tastemaker.profiles.seen import Seen

PROMPT: Final = "tags-item"

MOST_CATEGORIES: Final = 40
"""Categories that a generator chooses among, the most frequent ones of the catalogue."""

MOST_OF_AN_ITEM: Final = 3
"""Categories of one item."""

MOST_KEYWORDS: Final = 8
"""Keywords of one item."""

STRANGE: Final = "is no category of the catalogue"
LONG: Final = f"is a keyword of more than {LONGEST} words"

_LETTERS: Final = 40


def usual_categories(catalogue: Catalogue, most: int = MOST_CATEGORIES) -> list[str]:
    """Return the narrowest steps of a catalogue's categories, the most frequent ones, the first of them first."""
    if "categories" not in catalogue.frame.columns:
        return []
    paths = (path for own in catalogue.frame["categories"] if own is not None for path in own if path)
    counts = Counter(path.rpartition(PATH_SEPARATOR)[2] for path in paths)
    return [name for name, _ in sorted(counts.items(), key=lambda each: (-each[1], each[0]))[:most]]


class Tags:
    """Asks for categories and keywords, and keeps those that are of the list, or in the item's own words.

    Args:
        generator: What writes.
        categories: What is chosen among; two at least, or none, and then only keywords are asked for.
        prompt: The prompt.

    Raises:
        ConfigError: There is one category only.
    """

    kind: ClassVar[str] = "tags"

    def __init__(self, generator: Generator, categories: Sequence[str] = (), prompt: ChatPrompt | None = None) -> None:
        if len(categories) == 1:
            raise ConfigError("there is one category only, so there is nothing to choose", where=categories[0])
        self.generator, self.categories = generator, list(categories)
        self.prompt = prompt or load_prompt(PROMPT)

    def key(self, seen: Seen) -> str:
        """See `Profiler.key`."""
        return key_of(self.kind, seen, self.generator, self.prompt.fingerprint, categories=self.categories)

    def profile(self, seen: Seen, before: Profile | None = None) -> Profile:
        """See `Profiler.profile`.

        Raises:
            ConfigError: A person is shown.
        """
        if seen.of != "item":
            raise ConfigError("people have no tags", remedy="Ask for those of items.")
        (line, *_) = seen.lines
        words = list_of({"type": "string", "maxLength": _LETTERS}, MOST_KEYWORDS)
        chosen = {"categories": list_of(one_of(self.categories), MOST_OF_AN_ITEM)} if self.categories else {}
        values = {"categories": ", ".join(self.categories), "item": line.words}
        reply = self.generator.generate(
            self.prompt.messages(values),
            schema=object_of(**chosen, keywords=words),
            sampling=Sampling(max_tokens=self.prompt.max_tokens),
        )
        claims, dropped = self._passed(reply.value, seen)
        return Profile(
            seen.about, seen.of, self.kind, self.key(seen), seen.cut, seen.content, claims, "", dropped, reply.usage
        )

    def _passed(self, value: dict[str, list[str]], seen: Seen) -> tuple[tuple[Claim, ...], dict[str, int]]:
        dropped: Counter[str] = Counter()
        kept: dict[tuple[str, str], Claim] = {}
        for name in value.get("categories", ()):
            fault = "" if name in self.categories else STRANGE
            fault = TWICE if ("category", name) in kept else fault
            dropped[fault] += 1
            if not fault:
                kept["category", name] = Claim("category", name, (seen.about,))
        for said in value["keywords"]:
            word = keyword(said)
            spoken = content_words(word)
            fault = "" if spoken <= seen.lines[0].facts else UNSHOWN
            fault = LONG if len(word.split()) > LONGEST else fault
            fault = TWICE if ("keyword", word) in kept else fault
            fault = fault if spoken else SILENT
            dropped[fault] += 1
            if not fault:
                kept["keyword", word] = Claim("keyword", word, (seen.about,))
        del dropped[""]
        return tuple(kept.values()), dict(dropped)


def tags_as_relations(profiles: Iterable[Profile]) -> Relations:
    """Return the keywords of items as facts ``has_tag``, which models of keywords read."""
    pairs = [(profile.about, RELATION, word) for profile in profiles for word in profile.said("keyword")]
    return Relations(pl.DataFrame(pairs, schema=["head", "relation", "tail"], orient="row"))
