"""Like or dislike by what somebody says of their taste: the statement that decides, cited, or no answer."""

from __future__ import annotations

import re
import string
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Final, Literal, NamedTuple, TypeAlias

import numpy as np

from tastemaker.core.errors import ServiceError
from tastemaker.core.generator import Generator
from tastemaker.language.asking.prompt import ChatPrompt, load_prompt
from tastemaker.language.cleaning import plain
from tastemaker.language.texts import in_words, row_text
from tastemaker.profiles.facts import content_words, decade

PROMPT: Final = "judge-statement"

MOST_STATEMENTS: Final = 20

FIELDS: Final = ("categories", "brand", "author", "keywords", "tags", "year")
"""Fields of an item by which a statement is recognised as one about it; text and title are left to a generator."""

By: TypeAlias = Literal["fields", "generator", "nothing"]

_LEAST_SHARE: Final = 0.5
"""A generator has to be so sure of a statement."""

_AGAINST: Final = re.compile(
    r"\b(?:avoids?|dislikes?|hates?|loathes?|never|no|not|nor|without|except|bored?|boring|cannot|can't|won't|don't|doesn't|"
    r"isn't|aren't|sick|tired|anything\s+but|stays?\s+away|nothing)\b",
    re.IGNORECASE,
)
_FOR: Final = re.compile(
    r"\b(?:likes?|loves?|enjoys?|prefers?|adores?|fond|fan|wants?|favou?rites?|always|looks?\s+for|into|interested)\b",
    re.IGNORECASE,
)
_AND: Final = re.compile(r",|/|\band\b|\bor\b", re.IGNORECASE)
_CLAUSE: Final = re.compile(r"\s*(?:\n+|[.;!?]+(?=\s|$)|\bbut\b|\bthough\b|\bexcept\b(?=\s))\s*", re.IGNORECASE)


@dataclass(frozen=True, slots=True)
class Statement:
    """A clause of what somebody says of their taste.

    Attributes:
        words: The clause as it was said.
        tone: 1 for a liking, -1 for a dislike.
        about: The words that say what it is about, those of each thing that is named.
    """

    words: str
    tone: int
    about: tuple[frozenset[str], ...]

    def shares(self, facts: frozenset[str]) -> float:
        """Return the share of the words of a named thing that are among some facts, that of the thing that has most.

        >>> statements_in("avoids violent thrillers and war")[0].shares(frozenset({"thriller"}))
        0.5
        """
        return max(len(each & facts) / len(each) for each in self.about)

    def shared(self, facts: frozenset[str]) -> tuple[str, ...]:
        """Return the words that are among some facts, sorted."""
        return tuple(sorted(frozenset[str]().union(*self.about) & facts))


def statements_in(text: str | Sequence[str]) -> list[Statement]:
    """Return what is stated, at most `MOST_STATEMENTS` clauses; one that says nothing of a taste is left out.

    A clause without a word for liking or disliking has the tone of the one before it, and the first is a liking.

    >>> [(each.words, each.tone) for each in statements_in("Likes quiet dramas, but avoids thrillers")]
    [('Likes quiet dramas,', 1), ('avoids thrillers', -1)]
    """
    lines = [text] if isinstance(text, str) else list(text)
    found: list[Statement] = []
    for line in lines:
        tone = 1
        for clause in filter(None, _CLAUSE.split(line)):
            said = plain(clause)
            tone = -1 if _AGAINST.search(said) else 1 if _FOR.search(said) else tone
            named = _AND.split(_FOR.sub(" ", _AGAINST.sub(" ", said)))
            if about := tuple(filter(None, map(content_words, named))):
                found.append(Statement(said, tone, about))
    return found[:MOST_STATEMENTS]


class Verdict(NamedTuple):
    """Whether somebody likes an item, by what they state.

    Attributes:
        tone: 1 for yes, -1 for no, 0 where no statement speaks of the item.
        statement: What decides, one of those that were made; ``None`` with a tone of 0.
        shared: The words that it shares with the item, sorted.
        by: What found it.
    """

    tone: int
    statement: Statement | None
    shared: tuple[str, ...]
    by: By

    def sentence(self, rating: float | None = None) -> str:
        """Return the verdict in words, against the rating that the item has where both are known.

        >>> said = statements_in("avoids thrillers")[0]
        >>> Verdict(-1, said, ("thriller",), "fields").sentence(4.5)
        'Rated 4.5, but the person says: "avoids thrillers" (thriller).'
        """
        if self.statement is None:
            return "Nothing that the person says speaks of it."
        cited = f'"{self.statement.words}" ({", ".join(self.shared)})'
        if rating is None:
            return f"The person says: {cited}."
        return f"Rated {rating:g}, {'but' if self.tone < 0 else 'and'} the person says: {cited}."


NO_VERDICT: Final = Verdict(0, None, (), "nothing")


def judge(
    statements: Sequence[Statement],
    item: Mapping[str, Any],
    generator: Generator | None = None,
    *,
    prompt: ChatPrompt | None = None,
    deadline: float | None = None,
) -> Verdict:
    """Say whether somebody likes an item, and by which statement.

    First the item's own fields decide: the statement whose words are in `FIELDS`, a dislike before a liking, of several
    the one that names most of it. Where none does, a generator may choose among the statements, with the title and
    text of the item before it. What it chooses counts only if the statement shares a word with the item: so every
    verdict cites a statement that was made, and a fact that there is. A generator that fails, is late or unsure leaves
    the question open.

    Args:
        statements: What the person says (`statements_in`).
        item: A row of the catalogue.
        generator: Is asked where the fields say nothing.
        prompt: What it is asked.
        deadline: A moment of `time.monotonic` by which it has to answer.
    """
    fields = content_words(" ".join(_field_words(item)))
    by_fields = _strongest(statements, fields)
    if by_fields is not None:
        return Verdict(by_fields.tone, by_fields, by_fields.shared(fields), "fields")
    if generator is None or not statements:
        return NO_VERDICT
    chosen = _chosen(statements, item, generator, prompt or load_prompt(PROMPT), deadline)
    known = fields | content_words(f"{in_words(item.get('title'))} {in_words(item.get('text'))}")
    if chosen is None or not chosen.shared(known):
        return NO_VERDICT
    return Verdict(chosen.tone, chosen, chosen.shared(known), "generator")


def _field_words(item: Mapping[str, Any]) -> list[str]:
    said = [in_words(item.get(name)) for name in FIELDS]
    year = item.get("year")
    return [*said, decade(int(year))] if isinstance(year, int) else said


def _strongest(statements: Sequence[Statement], facts: frozenset[str]) -> Statement | None:
    """Return the statement that speaks most of some facts, dislikes first; ``None`` if none speaks clearly.

    Who avoids violent thrillers does not avoid every thriller: so a dislike needs more than half of the words of what
    it names, and a liking half of them.
    """
    shares = {each: each.shares(facts) for each in statements}
    clear = [each for each in statements if shares[each] > 0.5 or (each.tone > 0 and shares[each] == 0.5)]
    return min(clear, key=lambda each: (each.tone, -shares[each]), default=None)


def _chosen(
    statements: Sequence[Statement],
    item: Mapping[str, Any],
    generator: Generator,
    prompt: ChatPrompt,
    deadline: float | None,
) -> Statement | None:
    letters = string.ascii_uppercase[: len(statements) + 1]
    told = [f"{letter}: {each.words}" for letter, each in zip(letters, statements, strict=False)]
    values = {"statements": told, "none": letters[-1], "item": row_text(item)}
    try:
        choice = generator.choose(prompt.messages(values), list(letters), deadline=deadline)
    except ServiceError:
        return None
    shares = np.exp(choice.log_probabilities)
    best = int(np.argmax(shares))
    if not shares[best] >= _LEAST_SHARE or best == len(statements):
        return None
    return statements[best]
