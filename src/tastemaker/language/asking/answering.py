"""Reasons from what was retrieved and nothing else: by a model where what it says passes checks, else by a template."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from typing import Any, Final

from tastemaker.core.errors import GenerationError
from tastemaker.core.generator import Generator, Usage
from tastemaker.language.asking.explaining import (
    Explanation,
    Told,
    first_sentences,
    on_one_line,
    unfinished,
    without_number,
)
from tastemaker.language.asking.faithful import OUTSIDE, checked
from tastemaker.language.asking.grounds import plainly, worded
from tastemaker.language.asking.prompt import ChatPrompt, load_prompt
from tastemaker.language.asking.steps import Steps, arun_steps, run_steps, said
from tastemaker.language.generators.schemas import list_of, object_of, one_of

MOST: Final = 10
"""A model is asked about so many items; what comes after them is said by the template."""

_LONGEST: Final = 160


@dataclass(frozen=True)
class Reasons:
    """What speaks for each of some items.

    Attributes:
        explanations: One for each item, in the order of the items.
        usage: What the model took for all of them.
        degraded: Why the model said nothing.
    """

    explanations: tuple[Explanation, ...]
    usage: Usage = field(default_factory=Usage)
    degraded: tuple[str, ...] = ()


class Answerer:
    """Says why items that were retrieved suit somebody.

    The model is given the items with numbers and says something of each; which items are shown, and in which order, is
    decided before. What it says of one has to stand in the facts about that one.

    Args:
        generator: The model; without one the template speaks.
        seed: Chooses among the ways in which a template says it.
        prompt: What the model is asked.
        outside: See `tastemaker.language.asking.faithful.checked`.
    """

    def __init__(
        self,
        generator: Generator | None = None,
        *,
        seed: int = 0,
        prompt: ChatPrompt | str = "answer-from-context",
        outside: float = OUTSIDE,
    ) -> None:
        self.generator, self.seed, self.outside = generator, seed, outside
        self.prompt = load_prompt(prompt) if isinstance(prompt, str) else prompt

    def __call__(self, told: Sequence[Told], liked: Sequence[str] = (), deadline: float | None = None) -> Reasons:
        """Give reasons, before a moment of `time.monotonic`."""
        return run_steps(self.steps(told, liked, deadline), self.generator)

    async def areasons(self, told: Sequence[Told], liked: Sequence[str] = (), deadline: float | None = None) -> Reasons:
        """As a call, without holding up an event loop."""
        return await arun_steps(self.steps(told, liked, deadline), self.generator)

    def steps(self, told: Sequence[Told], liked: Sequence[str] = (), deadline: float | None = None) -> Steps[Reasons]:
        """Give reasons, the calls of the model being yielded.

        Args:
            told: The items that were retrieved, in their order.
            liked: Titles of what the person chose.
            deadline: A moment of `time.monotonic`.
        """
        plain = tuple(self._plain(one) for one in told)
        if not told:
            return Reasons(plain)
        asked = told[:MOST]
        numbered = [str(number) for number in range(1, len(asked) + 1)]
        values = {
            "liked": "; ".join(map(plainly, liked)),
            "disliked": "; ".join(map(plainly, told[0].disliked)),
            "request": told[0].request,
            "items": [f"{number}: {one.item}. {one.about}" for number, one in zip(numbered, asked, strict=True)],
        }
        reason = object_of(item=one_of(numbered), why={"type": "string", "maxLength": _LONGEST})
        schema = object_of(reasons=list_of(reason, len(asked), 1))
        try:
            reply = yield from said(
                self.prompt.messages(values), self.prompt.max_tokens, schema=schema, deadline=deadline
            )
        except GenerationError as error:
            return Reasons(plain, degraded=(error.message,))
        spoken = _spoken(reply.value, numbered)
        found = tuple(
            self._kept(one, spoken.get(place), unfinished(reply) if place == max(spoken, default=0) else ())
            for place, one in enumerate(plain)
        )
        return Reasons(found, reply.usage)

    def _plain(self, told: Told) -> Explanation:
        draft, facts = worded(told.item, told.grounds, self.seed), told.facts()
        return Explanation(draft, "template", tuple(facts), checked(draft, facts).cited)

    def _kept(self, plain: Explanation, text: str | None, faults: tuple[str, ...]) -> Explanation:
        """Return what the model said where it passes, or else what the template says."""
        if text is None:
            return plain
        check = checked(text, plain.facts, outside=self.outside)
        if check.passed and not faults:
            return Explanation(text, "model", plain.facts, check.cited)
        return replace(plain, rejected=text, faults=(*check.faults, *faults))


def opening(titles: Sequence[str], request: str) -> str:
    """Return the first sentence of an answer.

    >>> opening(["Heat", "Fargo"], "a crime film")
    'For "a crime film", this was found: Heat and Fargo.'
    """
    named = [plainly(title) for title in titles]
    asked = f'"{plainly(request)}"' if request.strip() else ""
    if not named:
        return f"Nothing that may be recommended fits {asked}." if asked else "There is nothing to go by."
    listed = named[0] if len(named) == 1 else f"{', '.join(named[:-1])} and {named[-1]}"
    return f"For {asked}, this was found: {listed}." if asked else f"By what you chose, this was found: {listed}."


def _spoken(value: Any, numbered: Sequence[str]) -> dict[int, str]:
    """Return what a reply says of each place, the first time that it speaks of it; whatever the reply is."""
    listed = value.get("reasons") if isinstance(value, dict) else None
    found: dict[int, str] = {}
    for entry in listed if isinstance(listed, list) else ():
        if not isinstance(entry, dict):
            continue
        number, why = entry.get("item"), entry.get("why")
        if isinstance(number, str) and number in numbered and isinstance(why, str) and why.strip():
            found.setdefault(numbered.index(number), first_sentences(without_number(on_one_line(why), number), 1)[0])
    return found
