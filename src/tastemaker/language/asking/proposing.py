"""What somebody would like, in general terms: phrases to search a catalogue with, from a model or from a template."""

from __future__ import annotations

import re
import zlib
from collections import Counter, defaultdict
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, field
from itertools import combinations
from typing import Any, Final, TypeAlias

from tastemaker.core.errors import GenerationError
from tastemaker.core.generator import Generator, Usage
from tastemaker.language.asking.fencing import scrubbed
from tastemaker.language.asking.prompt import ChatPrompt, load_prompt
from tastemaker.language.asking.steps import Steps, arun_steps, run_steps, said
from tastemaker.language.generators.schemas import list_of, object_of
from tastemaker.language.tfidf import words

MOST: Final = 5
"""So many phrases are proposed at most."""

_LONGEST: Final = 80
_WORDS: Final = 10
_TITLES: Final = 10
_YEAR: Final = re.compile(r"\(\d{1,4}(?: BC)?\)")
_FADING: Final = 0.9
"""What each kind counts from one event to the one before it."""


@dataclass(frozen=True)
class Taste:
    """What is known of somebody's wishes, in words.

    Attributes:
        liked: Titles of what they chose, the latest last.
        kinds: The categories and keywords of each of these.
        disliked: Titles of what they turned down.
        unwanted: The categories and keywords of each of those.
        request: What they ask for now.
    """

    liked: tuple[str, ...] = ()
    kinds: tuple[tuple[str, ...], ...] = ()
    disliked: tuple[str, ...] = ()
    unwanted: tuple[tuple[str, ...], ...] = ()
    request: str = ""


@dataclass(frozen=True)
class Proposal:
    """What a catalogue is to be searched with.

    Attributes:
        phrases: Distinct, at most `MOST`; the request itself is none of them.
        by: ``model``, ``template``, or the name of a control.
        usage: What the model took.
        degraded: Why the model proposed nothing.
    """

    phrases: tuple[str, ...]
    by: str
    usage: Usage = field(default_factory=Usage)
    degraded: tuple[str, ...] = ()


Proposer: TypeAlias = Callable[[Taste, float | None], Proposal]
"""Proposes for somebody, before a moment of `time.monotonic`."""


def templated(taste: Taste, deadline: float | None = None) -> Proposal:
    """Propose without a model: the pairs of categories and keywords that are most frequent in what somebody liked.

    An event counts less the longer it is ago; what was turned down is taken off. An item of one kind speaks for that
    kind alone.
    """
    counts: dict[tuple[str, ...], float] = defaultdict(float)
    for sign, lists in ((1.0, taste.kinds), (-1.0, taste.unwanted)):
        for age, kinds in enumerate(reversed(lists)):
            pairs: list[tuple[str, ...]] = [*combinations(sorted(set(kinds)), 2)] or [(kind,) for kind in kinds]
            for pair in pairs:
                counts[pair] += sign * _FADING**age / len(pairs)
    best = sorted((pair for pair, count in counts.items() if count > 0), key=lambda pair: (-counts[pair], pair))
    return Proposal(_distinct(" ".join(pair) for pair in best), "template")


def directly(taste: Taste, deadline: float | None = None) -> Proposal:
    """Propose nothing in general terms: the latest titles stand as they are. The control without the idea."""
    titles = "; ".join(reversed(taste.liked[-_TITLES:]))
    return Proposal((titles,) if titles else (), "history")


class FromModel:
    """Proposes what a language model says; where it says nothing that can be searched with, what a template does.

    What it writes is words to search with and nothing else: an invented title finds whatever of the catalogue is
    nearest to its words.

    Args:
        generator: The model; without one the template speaks, and the proposal says so.
        prompt: What it is asked.
    """

    def __init__(self, generator: Generator | None, prompt: ChatPrompt | str = "ideal-item") -> None:
        self.generator = generator
        self.prompt = load_prompt(prompt) if isinstance(prompt, str) else prompt

    def __call__(self, taste: Taste, deadline: float | None = None) -> Proposal:
        """Propose for somebody, before a moment of `time.monotonic`."""
        return run_steps(self.steps(taste, deadline), self.generator)

    async def apropose(self, taste: Taste, deadline: float | None = None) -> Proposal:
        """As a call, without holding up an event loop."""
        return await arun_steps(self.steps(taste, deadline), self.generator)

    def steps(self, taste: Taste, deadline: float | None = None) -> Steps[Proposal]:
        """Propose, the calls of the model being yielded."""
        plain = templated(taste)
        if not (taste.liked or taste.request.strip()):
            # Nothing is known, so that there is nothing to ask about.
            return plain
        values = {
            "liked": taste.liked or ["nothing that is known"],
            "common": ", ".join(common_kinds(taste)),
            "disliked": "; ".join(taste.disliked[-_TITLES:]),
            "request": taste.request,
            "count": "five",
        }
        schema = object_of(phrases=list_of({"type": "string", "maxLength": _LONGEST}, MOST, 1))
        try:
            reply = yield from said(
                self.prompt.messages(values), self.prompt.max_tokens, schema=schema, deadline=deadline
            )
        except GenerationError as error:
            return Proposal(plain.phrases, plain.by, degraded=(error.message,))
        phrases = _distinct(_general(_listed(reply.value), taste))
        if phrases:
            return Proposal(phrases, "model", reply.usage)
        return Proposal(plain.phrases, plain.by, reply.usage, ("the language model proposed nothing to search with",))


class OfSomebodyElse:
    """Proposes what suits somebody else: the control with a shuffled context.

    Args:
        proposer: What proposes.
        others: Whose tastes; which of them stands for somebody is drawn by a hash of what that one liked and asks for.
    """

    def __init__(self, proposer: Proposer, others: Sequence[Taste]) -> None:
        self.proposer, self.others = proposer, tuple(others)

    def __call__(self, taste: Taste, deadline: float | None = None) -> Proposal:
        """Propose for somebody else, before a moment of `time.monotonic`."""
        others = [other for other in self.others if other.liked != taste.liked]
        if not others:
            return Proposal((), "somebody else")
        drawn = zlib.crc32("\n".join((*taste.liked, taste.request)).encode()) % len(others)
        found = self.proposer(others[drawn], deadline)
        return Proposal(found.phrases, "somebody else", found.usage, found.degraded)


def common_kinds(taste: Taste, most: int = MOST) -> list[str]:
    """Return the categories and keywords that most of what somebody liked has, the most frequent first."""
    counts = Counter(kind for kinds in taste.kinds for kind in set(kinds))
    counts.subtract(kind for kinds in taste.unwanted for kind in set(kinds))
    return [kind for kind, count in sorted(counts.items(), key=lambda one: (-one[1], one[0]))[:most] if count > 0]


def _listed(value: Any) -> list[str]:
    """Return the texts of a reply, whatever it is."""
    listed = value.get("phrases") if isinstance(value, dict) else value
    return [entry for entry in listed if isinstance(entry, str)] if isinstance(listed, list) else []


def _general(phrases: Sequence[str], taste: Taste) -> list[str]:
    """Return the phrases that are no titles of what somebody chose or turned down: these would only find themselves."""
    titles = {_without_year(title) for title in (*taste.liked, *taste.disliked)}
    return [phrase for phrase in phrases if _without_year(phrase) not in titles]


def _without_year(title: str) -> str:
    return " ".join(words(_YEAR.sub("", title)))


def _distinct(phrases: Iterable[str]) -> tuple[str, ...]:
    """Return phrases as they may be searched with: short, with words in them, no two alike."""
    found: dict[str, str] = {}
    for phrase in phrases:
        once: dict[str, str] = {}
        for word in scrubbed(phrase, _LONGEST).text.split():
            once.setdefault(word.casefold().strip(".,;"), word)
        short = " ".join(list(once.values())[:_WORDS]).strip(" .,;:-\"'")
        if any(letter.isalnum() for letter in short):
            found.setdefault(short.casefold(), short)
        if len(found) == MOST:
            break
    return tuple(found.values())
