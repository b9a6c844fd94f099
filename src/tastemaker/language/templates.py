"""Templates: sentences with fields, of which those fall away that have nothing to say."""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from functools import cached_property, lru_cache
from typing import Final, TypeAlias

from tastemaker.core.errors import ConfigError, nearest

_TOKEN: Final = re.compile(r"\{\{|\}\}|\{\s*(\w+)\s*\}|[\[\]{}]|[^\[\]{}]+")
_DOUBLED: Final = ("{{", "}}")
_SENTENCE: Final = re.compile(r"(?<=[.;!?])\s+|\s*\n\s*")
_EMPTY: Final = re.compile(r"\(\s*\)|\"\s*\"|'\s*'")
_LOOSE: Final = re.compile(r" (?=[.,;:!?)])")
_REPEATED: Final = re.compile(r"[,;:]+(?=[.,;!?])|[,:]+$")
_ENDS: Final = (".", "!", "?", "…")


@dataclass(frozen=True)
class Field:
    """A place for a value, by name."""

    name: str


@dataclass(frozen=True)
class Clause:
    """Words, fields and smaller clauses, which stay or go together."""

    parts: tuple[Part, ...]

    @cached_property
    def fields(self) -> tuple[str, ...]:
        """Names of the fields, those of smaller clauses among them."""
        names: list[str] = []
        for part in self.parts:
            names += (part.name,) if isinstance(part, Field) else part.fields if isinstance(part, Clause) else ()
        return tuple(dict.fromkeys(names))

    def filled(self, values: Mapping[str, str]) -> str:
        """Return the words with the values; nothing if there are fields and none of them has a value."""
        if self.fields and not any(map(values.get, self.fields)):
            return ""
        said = ""
        for part in self.parts:
            if isinstance(part, Clause):
                said += part.filled(values)
            elif isinstance(part, Field):
                said += values.get(part.name, "")
            else:
                said += part[1:] if part.startswith(".") and said.endswith(_ENDS) else part
        return said


Part: TypeAlias = str | Field | Clause


@dataclass(frozen=True)
class Template:
    """A parsed template.

    Fields stand in braces. A clause is a sentence (what ends with ``.``, ``;``, ``!`` or ``?`` and a space, or with
    the line) or what stands in square brackets; it falls away where none of its fields has a value. Of what stays,
    empty parentheses and marks that have lost their words are taken away. Doubled braces stand for braces.

    >>> book = Template.of("{title}[ by {author}]. Published {year}. {text}")
    >>> book.filled({"title": "Emma", "year": "1815"})
    'Emma. Published 1815.'
    """

    clauses: tuple[Clause, ...]

    @classmethod
    @lru_cache(maxsize=64)
    def of(cls, text: str, where: str = "a template") -> Template:
        """Parse a template.

        Args:
            text: The template.
            where: The setting it came from, for errors.

        Raises:
            ConfigError: Braces or brackets do not fit together.
        """
        open_clauses: list[list[Part]] = [[]]
        sentences: list[Clause] = []
        for token in _TOKEN.finditer(text):
            said, name = token[0], token[1]
            if name is not None:
                open_clauses[-1].append(Field(name))
            elif said == "[":
                open_clauses.append([])
            elif said == "]" and len(open_clauses) > 1:
                inner = open_clauses.pop()
                open_clauses[-1].append(Clause(tuple(inner)))
            elif said in ("{", "}", "]"):
                raise _unfit(text, said, token.start(), where)
            elif said in _DOUBLED:
                open_clauses[-1].append(said[0])
            elif len(open_clauses) > 1:
                open_clauses[-1].append(said)
            else:
                first, *others = _SENTENCE.split(said)
                open_clauses[-1].append(first)
                for other in others:
                    sentences.append(Clause(tuple(open_clauses[-1])))
                    open_clauses[-1] = [other]
        if len(open_clauses) > 1:
            raise _unfit(text, "[", text.rfind("["), where)
        return cls((*sentences, Clause(tuple(open_clauses[0]))))

    @cached_property
    def fields(self) -> tuple[str, ...]:
        """Names of the fields, each once."""
        return tuple(dict.fromkeys(name for clause in self.clauses for name in clause.fields))

    def need_known(self, known: Iterable[str], where: str) -> None:
        """Raise `ConfigError` if there is a field that is not known."""
        names = sorted(set(known))
        for field in self.fields:
            if field not in names:
                raise ConfigError(f"there is no field '{field}'", where=where, remedy=nearest(field, names))

    def filled(self, values: Mapping[str, str]) -> str:
        """Return the text with the values; nothing if there are fields and none of them has a value."""
        if self.fields and not any(map(values.get, self.fields)):
            return ""
        return " ".join(said for clause in self.clauses if (said := _tidy(clause.filled(values)))).rstrip("; ")


def _tidy(said: str) -> str:
    return _REPEATED.sub("", _LOOSE.sub("", " ".join(_EMPTY.sub("", said).split())))


def _unfit(text: str, mark: str, place: int, where: str) -> ConfigError:
    return ConfigError(
        f"'{mark}' at character {place + 1} of the template \"{text}\" has no counterpart",
        where=where,
        remedy="Write fields as {title}, parts that may be missing as [ by {author}], and a brace itself as {{.",
    )
