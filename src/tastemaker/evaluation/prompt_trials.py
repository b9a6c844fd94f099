"""Prompts that rank, tried on frozen questions: how often the item that came next comes first, and what that takes."""

from __future__ import annotations

import time
from dataclasses import dataclass
from typing import Any, Final

import numpy as np
from numpy.typing import NDArray

from tastemaker.core.errors import ConfigError, DataError, nearest
from tastemaker.core.generator import Generator, Usage
from tastemaker.core.run import Run
from tastemaker.evaluation.bootstrap import Interval, interval, resampled_means
from tastemaker.evaluation.frozen_questions import FrozenQuestions
from tastemaker.language.asking.calling import Caller
from tastemaker.language.asking.prompt import ChatPrompt
from tastemaker.language.asking.rankings import PROMPTS, WAYS, Way
from tastemaker.language.asking.styles import history_values

TRIED: Final = tuple(PROMPTS.values())
"""Names of the prompts that can be tried: those that rank."""


@dataclass(frozen=True)
class Trial:
    """What came of one prompt.

    Attributes:
        questions: Hash of the questions.
        hits: Whether the right item came first, float64 ``[q]``; 0 where there was no answer.
        answered: How many questions had an answer.
        calls: How often the generator was asked.
        usage: Tokens of all answers.
        seconds: By the clock.
        mass: The share of probability that the options had on average; NaN where that is not known.
        flaws: What went wrong, in words.
    """

    questions: str
    hits: NDArray[np.float64]
    answered: int
    calls: int
    usage: Usage
    seconds: float
    mass: float
    flaws: tuple[str, ...]

    @property
    def accuracy(self) -> Interval:
        """How often the right item came first, with an interval from resampled people."""
        return _interval(self.hits)

    def to_json(self) -> dict[str, Any]:
        """Return it as JSON values."""
        return {
            "questions": len(self.hits),
            "answered": self.answered,
            "accuracy": interval_to_json(self.accuracy),
            "calls": self.calls,
            "prompt_tokens": self.usage.prompt_tokens,
            "reused_tokens": self.usage.reused_tokens,
            "reply_tokens": self.usage.reply_tokens,
            "seconds": round(self.seconds, 3),
            "mass": None if np.isnan(self.mass) else round(self.mass, 4),
            "flaws": list(self.flaws),
        }


def way_of(name: str) -> Way:
    """Return how a prompt asks.

    Raises:
        ConfigError: It is none that ranks.
    """
    for way, own in PROMPTS.items():
        if own == name:
            return way
    raise ConfigError(f"the prompt '{name}' ranks nothing", where="prompts", remedy=nearest(name, TRIED))


def try_prompt(
    prompt: ChatPrompt,
    generator: Generator,
    frozen: FrozenQuestions,
    way: Way,
    *,
    style: str = "sequential",
    run: Run | None = None,
) -> Trial:
    """Ask all questions.

    Args:
        prompt: The prompt.
        generator: What is asked; after three failures on end nothing more is.
        frozen: The questions.
        way: How the prompt asks.
        style: How histories are told: one of `tastemaker.language.asking.styles.STYLES`.
        run: Progress, and the seed of orders.

    Raises:
        ConfigError: There is no such style.
    """
    run = run or Run()
    caller, hits, answered = Caller(generator), np.zeros(len(frozen)), 0
    began = time.perf_counter()
    with run.track(f"Asking with '{prompt.name}'", total=len(frozen)) as advance:
        for number, question in enumerate(frozen.questions):
            rng = np.random.default_rng([run.seed, number])
            shared = history_values(question.history, style)
            ranking = WAYS[way](caller, prompt, shared, question.candidates, rng)
            if not np.isnan(ranking.scores).all():
                answered += 1
                hits[number] = float(ranking.order[0] == question.answer)
            advance(1)
    seconds = time.perf_counter() - began
    return Trial(frozen.hash, hits, answered, caller.calls, caller.usage, seconds, caller.mass, caller.flaws)


def difference(one: Trial, other: Trial) -> Interval:
    """Return how much more often the other is right, with the interval of a paired bootstrap over people.

    Raises:
        DataError: They were not asked the same.
    """
    if one.questions != other.questions:
        raise DataError("two prompts are compared that were not asked the same", remedy="Take one file of questions.")
    return _interval(other.hits - one.hits)


def verdict(found: Interval, answered: bool = True) -> str:
    """Say in a sentence what a difference tells.

    >>> verdict(Interval(0.02, -0.04, 0.08))
    'not decidable on these questions: only a difference of 0.086 or more would be found four times in five'
    """
    if not answered:
        return "not decidable: some questions had no answer"
    if found.excludes_zero():
        return "the second is better" if found.value > 0 else "the first is better"
    if found.detectable() == 0:
        return "not decidable on these questions: both were right and wrong on the same ones"
    return (
        f"not decidable on these questions: only a difference of {found.detectable():.2g} or more would be found "
        "four times in five"
    )


def interval_to_json(found: Interval) -> dict[str, float]:
    """Return an interval as JSON values."""
    return {"value": round(found.value, 4), "low": round(found.low, 4), "high": round(found.high, 4)}


def _interval(values: NDArray[np.float64]) -> Interval:
    return interval(float(values.mean()), resampled_means(values[:, None])[:, 0])
