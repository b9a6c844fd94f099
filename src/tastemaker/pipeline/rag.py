"""Answers from the catalogue alone: proposals of a model, refined to items, and reasons from what was found of them."""

from __future__ import annotations

import time
import zlib
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import datetime
from typing import Any, Final

import numpy as np

from tastemaker.core.clock import system_clock
from tastemaker.core.generator import Generator, Usage
from tastemaker.core.query import Query
from tastemaker.language.asking.answering import Answerer, opening
from tastemaker.language.asking.common_words import STEMS, stem
from tastemaker.language.asking.explaining import Explanation, Told
from tastemaker.language.asking.faithful import tokens
from tastemaker.language.asking.grounds import Ground
from tastemaker.language.asking.proposing import FromModel, Proposal, Taste
from tastemaker.language.asking.steps import NO_MODEL, Steps, arun_steps, run_steps
from tastemaker.pipeline.allowed import Where
from tastemaker.pipeline.pipeline import Pipeline
from tastemaker.pipeline.proposing import Refine, Search, kinds_of, monotonic_deadline, taste_of, titled
from tastemaker.pipeline.retrievers import USUAL
from tastemaker.pipeline.shelf import Shelf
from tastemaker.pipeline.slate import Slate
from tastemaker.pipeline.stage import Chance, Context, Person

_WORDS: Final = 4
_TITLES: Final = 2
_HALF: Final = 0.5
"""Of the time that is left, a proposal may take so much; the rest is for the answer."""


@dataclass(frozen=True)
class RagItem:
    """An item of an answer.

    Attributes:
        item_id: Raw id.
        title: Its title, with its year where that is known.
        rank: From 1.
        score: Fused reciprocal ranks.
        reason: Why it suits, in words.
        by: Who says it so: ``model`` or ``template``.
        evidence: The facts that the reason speaks of.
        found_by: The phrase that put it highest: words to search with, which may be a model's, and no reason.
        rejected: What the model said and was not shown; empty where nothing was.
        faults: Why it was not shown.
    """

    item_id: str
    title: str
    rank: int
    score: float
    reason: str
    by: str
    evidence: tuple[str, ...]
    found_by: str
    rejected: str = ""
    faults: tuple[str, ...] = ()


@dataclass(frozen=True)
class Took:
    """What one step took.

    Attributes:
        name: ``propose``, ``refine`` or ``answer``.
        milliseconds: How long.
        usage: What the model took.
        note: What came of it.
    """

    name: str
    milliseconds: float
    usage: Usage = field(default_factory=Usage)
    note: str = ""


@dataclass(frozen=True)
class RagAnswer:
    """What is said to one request.

    Attributes:
        text: All of it in words: what was found, and a reason for each item.
        items: Best first, at most as many as were asked for; all of them may be recommended.
        proposal: What the catalogue was searched with, and who proposed it.
        dropped: Filter -> ids that it took out at the gate.
        steps: What each step took.
        degraded: Why the answer is less than what was asked for.
    """

    text: str
    items: tuple[RagItem, ...]
    proposal: Proposal
    dropped: Mapping[str, tuple[str, ...]]
    steps: tuple[Took, ...]
    degraded: tuple[str, ...]

    @property
    def usage(self) -> Usage:
        """What the model took for all of it."""
        return sum((step.usage for step in self.steps), Usage())

    def to_dict(self) -> dict[str, Any]:
        """Return the answer as JSON values."""
        return {
            "text": self.text,
            "items": [
                {
                    "item_id": item.item_id,
                    "title": item.title,
                    "rank": item.rank,
                    "score": item.score,
                    "reason": item.reason,
                    "by": item.by,
                    "evidence": list(item.evidence),
                    "found_by": item.found_by,
                    "rejected": item.rejected or None,
                    "faults": list(item.faults),
                }
                for item in self.items
            ],
            "proposal": {"phrases": list(self.proposal.phrases), "by": self.proposal.by},
            "dropped": {name: list(ids) for name, ids in self.dropped.items()},
            "steps": [
                {
                    "name": step.name,
                    "took_ms": round(step.milliseconds, 3),
                    "prompt_tokens": step.usage.prompt_tokens,
                    "reply_tokens": step.usage.reply_tokens,
                    "note": step.note,
                }
                for step in self.steps
            ],
            "degraded": list(self.degraded),
        }


class Rag:
    """Answers a request by retrieval: propose, refine, answer.

    Items come from the catalogue and through the gate, never from what a model writes: its proposals are words to
    search with, and its reasons are shown only where they pass the checks of `tastemaker.language.asking.faithful`.
    Where it is missing, late or absurd, templates speak, and the answer says so.

    Args:
        search: What searches the catalogue's texts.
        about: Gives what is known of an item in words, by its raw id.
        generator: The model; without one templates propose and speak.
        n: How many candidates are refined.
        by: What is searched: ``words``, ``vectors`` or ``both``.
        seed: Chooses among the ways in which templates say it.
    """

    def __init__(
        self,
        search: Search,
        about: Callable[[str], str],
        generator: Generator | None = None,
        *,
        n: int = USUAL,
        by: str = "both",
        seed: int = 0,
    ) -> None:
        self.search, self.about, self.generator, self.n, self.by = search, about, generator, n, by
        self.proposer, self.answerer = FromModel(generator), Answerer(generator, seed=seed)

    def __call__(self, context: Context, filters: Sequence[Where] = ()) -> RagAnswer:
        """Answer a request.

        Args:
            context: The request; `request_context` makes one without an engine.
            filters: What every item has to pass besides the filter of the query.

        Raises:
            TastemakerError: A filter cannot be read, or asks for what the shelf cannot tell. Nothing else is an error.
        """
        return run_steps(self.steps(context, filters), self.generator)

    async def aanswer(self, context: Context, filters: Sequence[Where] = ()) -> RagAnswer:
        """As a call, without holding up an event loop."""
        return await arun_steps(self.steps(context, filters), self.generator)

    def steps(self, context: Context, filters: Sequence[Where] = ()) -> Steps[RagAnswer]:
        """Answer a request, the calls of the model being yielded."""
        deadline = monotonic_deadline(context)
        began, taste = time.perf_counter(), taste_of(context)
        proposal = yield from self.proposer.steps(taste, _part(deadline))
        took = [_took("propose", began, proposal.usage, f"{len(proposal.phrases)} phrases by the {proposal.by}")]

        began = time.perf_counter()
        refine = Refine(self.search, proposal, self.n, by=self.by)
        slate = Pipeline((refine,), fallbacks=())(context, filters)
        took.append(_took("refine", began, note=f"{len(slate)} items"))

        began = time.perf_counter()
        told = [self._told(int(number), taste, context.shelf) for number in slate.items]
        reasons = yield from self.answerer.steps(told, taste.liked, deadline)
        spoken = sum(one.by == "model" for one in reasons.explanations)
        took.append(_took("answer", began, reasons.usage, f"{spoken} of {len(told)} reasons by the model"))

        ids = context.shelf.ids
        items = tuple(
            _item(str(ids[number]), place, float(score), one, told_of, refine.found_by.get(int(number), ""))
            for place, (number, score, one, told_of) in enumerate(
                zip(slate.items, slate.scores, reasons.explanations, told, strict=True), start=1
            )
        )
        text = " ".join([opening([item.title for item in items], taste.request), *(item.reason for item in items)])
        return RagAnswer(
            text=text,
            items=items,
            proposal=proposal,
            dropped={name: tuple(ids[gone].tolist()) for name, gone in slate.dropped.items()},
            steps=tuple(took),
            degraded=self._degraded(slate, reasons.degraded),
        )

    def _degraded(self, slate: Slate, said: Sequence[str]) -> tuple[str, ...]:
        missing = (NO_MODEL,) if self.generator is None else ()
        return tuple(dict.fromkeys((*missing, *slate.degraded, *said)))

    def _told(self, number: int, taste: Taste, shelf: Shelf) -> Told:
        """Return what is to be said of an item: what it has of the request, and in common with what was liked."""
        about = self.about(str(shelf.ids[number]))
        grounds = []
        if words := _shared_words(taste.request, about):
            grounds.append(Ground("words", words))
        if shared := _shared_kind(kinds_of(shelf, number), taste):
            grounds.append(shared)
        if not grounds:
            grounds.append(Ground("meaning" if taste.request else "whole" if taste.liked else "new"))
        return Told(titled(shelf, number), tuple(grounds), about, taste.disliked, taste.request)


def request_context(
    query: Query, shelf: Shelf, *, now: datetime | None = None, clock: Callable[[], float] = time.perf_counter
) -> Context:
    """Return a request to a shelf as stages see it, of somebody of whom nothing is known but the query.

    Args:
        query: The request, its history filled in; its ``deadline`` begins now.
        shelf: The items.
        now: The moment of the request; that of the query, or else the present, if not given.
        clock: Seconds, growing.
    """
    moment = now or query.now or system_clock()
    events = query.events()
    touched = np.unique(shelf.numbers([event.item_id for event in events]))
    person = Person(user_id=query.user_id, history=events, seen=touched[touched >= 0])
    chance = Chance([query.seed, zlib.crc32((query.user_id or "").encode())])
    context = Context(replace(query, now=moment), person, shelf, moment, chance, clock=clock)
    if query.deadline is not None:
        context.deadline = clock() + query.deadline / 1000
    return context


def _item(item_id: str, rank: int, score: float, one: Explanation, told: Told, found_by: str) -> RagItem:
    evidence = tuple(one.facts[place].text for place in one.cited)
    return RagItem(item_id, told.item, rank, score, one.text, one.by, evidence, found_by, one.rejected, one.faults)


def _shared_words(request: str, about: str) -> tuple[str, ...]:
    """Return the words of a request with a meaning that a text has in some form, as the request writes them."""
    there = {stem(word) for word in tokens(about)}
    asked = [word for word in tokens(request) if len(word) > 2 and word not in STEMS and stem(word) not in STEMS]
    return tuple(dict.fromkeys(word for word in asked if stem(word) in there))[:_WORDS]


def _shared_kind(kinds: Sequence[str], taste: Taste) -> Ground | None:
    """Return the kind that an item shares with most of what was liked, and the latest titles of that kind."""
    unwanted = {kind for each in taste.unwanted for kind in each}
    counts = {kind: sum(kind in each for each in taste.kinds) for kind in kinds if kind not in unwanted}
    best = max(counts, key=lambda kind: counts[kind], default="")
    if not best or not counts[best]:
        return None
    titles = [title for title, each in zip(taste.liked, taste.kinds, strict=True) if best in each]
    return Ground("shared", tuple(reversed(titles[-_TITLES:])), best)


def _part(deadline: float | None) -> float | None:
    """Return the moment by which the first of two calls of a model has to be there."""
    if deadline is None:
        return None
    now = time.monotonic()
    return now + _HALF * (deadline - now)


def _took(name: str, began: float, usage: Usage | None = None, note: str = "") -> Took:
    return Took(name, 1000 * (time.perf_counter() - began), usage or Usage(), note)
