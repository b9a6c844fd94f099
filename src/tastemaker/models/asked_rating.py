"""Ratings by asking a language model, set right by what is known of the person and of the item."""

from __future__ import annotations

import json
import time
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any, ClassVar, Final

import numpy as np
import polars as pl
from numpy.typing import NDArray

from tastemaker.core.errors import ConfigError, ModelError
from tastemaker.core.generator import Generator
from tastemaker.core.query import Query, QueryBatch
from tastemaker.core.recommendations import Contribution, Contributions
from tastemaker.core.run import Run
from tastemaker.data.catalogue import Catalogue
from tastemaker.data.dataset import Dataset
from tastemaker.data.heldout import HeldOut
from tastemaker.data.labelled import LabelledEvents
from tastemaker.data.vocabulary import UNKNOWN
from tastemaker.language.asking.calling import Ask, Caller
from tastemaker.language.asking.prompt import ChatPrompt, load_prompt
from tastemaker.language.generators import GeneratorSpec, make_generator
from tastemaker.language.texts import item_texts
from tastemaker.models import storage
from tastemaker.models.base import Scores, Settings
from tastemaker.models.bias import Bias
from tastemaker.models.rating_factors import Array

ITEM: Final = "{title}[ ({year})][; {categories}][; {brand}]"
"""How an item is told: facts, no free text."""

SHOTS: Final = 5
SAMPLE: Final = 500

_LINES: Final = "lines.json"
_UNKNOWN_LINE: Final = "an item of which nothing is known"
_RIDGE: Final = 5.0
"""What keeps the coefficients of few ratings near those of `Bias`; of hundreds it changes little."""
_AT_ONCE: Final = 64
_QUERIES: Final = 2048


class AskedRating(Bias):
    """Predicts ``c0 + c1 b_u + c2 b_i + c3 (E - mean)``, ``E`` being the rating that a language model expects.

    It is asked about one item and one person at a time, with what the person rated last, and ``E`` is the mean of the
    numbers 1 to 5, each by the probability that the model answers with it (not what it would write). The levels are
    those of `Bias`; the coefficients are fitted by least squares to a sample of the validation ratings, from which
    nothing else was learnt, with a ridge towards `Bias`: ``c0 = mean, c1 = c2 = 1, c3 = 0``. Without validation ratings
    they are these, and nothing is ever asked. Where the language model gives no answer, coefficients stand that were
    fitted without it.

    Whether it is worth asking can be read off `coefficients_` and from the comparison with ``bias``. Asking takes as
    long as it takes: `predict` asks once for each event, and `score` once for each item of the vocabulary.

    Args:
        generator: A language model by name, by name and arguments, or itself; it is saved by these, never with a key.
        shots: The latest ratings of a person that are told, so many at least and less than twice as many, where there
            are; 0 tells nothing of the person. The window moves in steps, so that questions share their beginning.
        sample: How many validation ratings the coefficients are fitted to, at most.
        prompt: The name of a prompt, or a file; its options are numbers, the lowest first.
        convention: As in `Bias`.
        item_damping: As in `Bias`.
        user_damping: As in `Bias`.

    Attributes:
        coefficients_: ``c0`` to ``c3``, float64 ``[4]``.
        without_: ``c0`` to ``c2`` where there is no answer, float64 ``[3]``.
        asked_: What asking took so far: ``calls``, ``answers`` and ``tokens``.
    """

    name: ClassVar[str] = "asked-rating"

    coefficients_: Array
    without_: Array
    asked_: dict[str, int]
    _lines: list[str]

    def __init__(
        self,
        *,
        generator: GeneratorSpec = "llama",
        shots: int = SHOTS,
        sample: int = SAMPLE,
        prompt: str = "rate-digit",
        convention: str | None = None,
        item_damping: float | None = None,
        user_damping: float | None = None,
    ) -> None:
        super().__init__(convention=convention, item_damping=item_damping, user_damping=user_damping)
        for key, value, least in (("shots", shots, 0), ("sample", sample, 1)):
            if value < least:
                raise ModelError(f"{key} is {value}, but must be at least {least}", where=key)
        self.generator, self.shots, self.sample, self.prompt = generator, shots, sample, prompt
        self._made: tuple[Generator, ChatPrompt] | None = None

    def settings(self) -> Settings:
        """Return the constructor's arguments, ``None`` where a choice was left open."""
        told = self.generator if isinstance(self.generator, str) else make_generator(self.generator).spec()
        return {
            "generator": told, "shots": self.shots, "sample": self.sample, "prompt": self.prompt, **super().settings()
        }  # fmt: skip

    # -- learning ----------------------------------------------------------------------------------------------

    def _fit(self, train: Dataset, valid: HeldOut | None, run: Run) -> None:
        self._lines = _told(train.catalogue, train.items.ids)
        self._levels_alone()
        super()._fit(train, valid, run)
        if isinstance(valid, LabelledEvents) and len(valid):
            self._calibrate(valid, run)

    def _levels_alone(self) -> None:
        self.coefficients_, self.without_ = np.zeros(4), np.zeros(3)
        self.asked_ = {"calls": 0, "answers": 0, "tokens": 0}

    def _calibrate(self, valid: LabelledEvents, run: Run) -> None:
        count = len(valid.answers)
        drawn = np.sort(run.rng("asking").choice(count, size=min(self.sample, count), replace=False))
        deadline = None if run.minutes is None else time.monotonic() + 60 * run.minutes
        query, items, flaws = valid.query[drawn], self._numbers(valid)[drawn], dict[str, None]()
        features, true = self._levels_of(valid)[drawn], valid.answers[drawn]
        answers = np.full(len(drawn), np.nan)
        with run.track("Asking for ratings", len(drawn)) as advance:
            for start in range(0, len(drawn), _AT_ONCE):
                part = slice(start, start + _AT_ONCE)
                answers[part] = self._asked(valid.queries, query[part], items[part], deadline, flaws)
                advance(len(answers[part]))
        given = np.isfinite(answers)
        if not given.any():
            raise ModelError(
                f"the language model rated nothing: {'; '.join(flaws) or 'there was nothing to ask'}",
                where="generator",
                remedy="Check it: tastemaker models check.",
            )
        alone = np.array([self.mean_, 1.0, 1.0])
        self.without_ = _least_squares(features, true, alone)
        whole = np.column_stack([features, answers - self.mean_])
        self.coefficients_ = _least_squares(whole[given], true[given], np.append(alone, 0.0))

    # -- asking ------------------------------------------------------------------------------------------------

    def _whom(self) -> tuple[Generator, ChatPrompt]:
        if self._made is None:
            prompt = load_prompt(self.prompt)
            if len(prompt.options) < 2 or not all(option.isdecimal() for option in prompt.options):
                raise ConfigError(
                    f"the prompt '{self.prompt}' has options that are no numbers",
                    where="prompt",
                    remedy='For example: options = ["1", "2", "3", "4", "5"].',
                )
            self._made = make_generator(self.generator), prompt
        return self._made

    def _asked(
        self,
        queries: QueryBatch,
        query: NDArray[np.integer[Any]],
        items: NDArray[np.integer[Any]],
        deadline: float | None = None,
        flaws: dict[str, None] | None = None,
    ) -> Array:
        """Return the rating that the language model expects of each pair, float64 ``[p]``; NaN without an answer.

        Args:
            queries: Who is asked about.
            query: Of each pair, ``[p]``.
            items: Number of each pair's item, -1 for one that is not known, ``[p]``.
            deadline: A moment of `time.monotonic`.
            flaws: What goes wrong is put into it.
        """
        generator, prompt = self._whom()
        caller = Caller(generator, deadline)
        histories = {int(row): self._history_lines(queries, int(row)) for row in np.unique(query)}
        asks = [
            Ask(prompt.messages({"history": histories[int(row)], "item": self._line(int(item))}), prompt.options)
            for row, item in zip(query, items, strict=True)
        ]
        said = caller.chosen(asks)
        levels = np.array([float(option) for option in prompt.options])
        low, high = self.range_
        expected = np.array([np.nan if each is None else float(np.exp(each) @ levels) for each in said])
        self.asked_["calls"] += caller.calls
        self.asked_["answers"] += sum(each is not None for each in said)
        self.asked_["tokens"] += caller.usage.prompt_tokens - caller.usage.reused_tokens + caller.usage.reply_tokens
        if flaws is not None:
            flaws.update(dict.fromkeys(caller.flaws))
        return np.asarray(low + (expected - levels[0]) * (high - low) / (levels[-1] - levels[0]))

    def _history_lines(self, queries: QueryBatch, row: int) -> list[str]:
        """Return the latest ratings of a query, oldest first, on the scale of the prompt's options."""
        if not self.shots or queries.ratings is None:
            return []
        events = np.arange(queries.starts[row], queries.ends[row])
        events = events[~np.isnan(queries.ratings[events])]
        events = events[max(0, (len(events) // self.shots - 1) * self.shots) :]
        items = self.items_.index(queries.dictionary[queries.codes[events]])
        options, (low, high) = self._whom()[1].options, self.range_
        scale = (float(options[-1]) - float(options[0])) / (high - low) if high > low else 0.0
        given = float(options[0]) + scale * (queries.ratings[events].astype(np.float64) - low)
        return [f"{self._line(int(item))}: {round(float(each), 1):g}" for item, each in zip(items, given, strict=True)]

    def _line(self, item: int) -> str:
        return (self._lines[item] if item != UNKNOWN else "") or _UNKNOWN_LINE

    # -- answering ---------------------------------------------------------------------------------------------

    def _numbers(self, held: HeldOut) -> NDArray[np.int32]:
        return np.asarray(self.items_.index(held.queries.dictionary)[held.targets])

    def _levels_of(self, held: HeldOut) -> Array:
        """Return 1, ``b_u`` and ``b_i`` for each target, float64 ``[t, 3]``."""
        blocks = range(0, len(held), _QUERIES)
        levels = [self._people(self._history(held.queries[start : start + _QUERIES]))[:, 0] for start in blocks]
        people = np.concatenate([np.empty(0), *levels])
        items = np.append(self.offsets_, 0.0)  # the last is for unknown items, number -1
        return np.column_stack([np.ones(len(held.targets)), people[held.query], items[self._numbers(held)]])

    def _asks(self) -> bool:
        return bool(self.coefficients_.any())

    def predict(self, held: HeldOut, context: pl.DataFrame | None = None) -> Array:
        """Return the expected rating of each target, float64 ``[t]``, within the range of the training ratings."""
        self._need_fitted()
        if not self._asks():
            return super().predict(held, context)
        levels = self._levels_of(held)
        answers = self._asked(held.queries, held.query, self._numbers(held))
        return np.clip(self._together(levels, answers), *self.range_)

    def _together(self, levels: Array, answers: Array) -> Array:
        with_answer = levels @ self.coefficients_[:3] + self.coefficients_[3] * np.nan_to_num(answers - self.mean_)
        return np.where(np.isfinite(answers), with_answer, levels @ self.without_)

    def score(self, queries: QueryBatch) -> Scores:
        """Return the expected rating of every item, float32 ``[q, n]``: a question for each person and item."""
        self._need_fitted()
        if not self._asks():
            return super().score(queries)
        people = self._people(self._history(queries))[:, 0]
        every = np.arange(len(self.items_))
        ones, items = np.ones(len(every)), self.offsets_
        rows = []
        for row, person in enumerate(people.tolist()):
            levels = np.column_stack([ones, np.full(len(every), person), items])
            rows.append(self._together(levels, self._asked(queries, np.full(len(every), row), every)))
        return np.array(rows, dtype=np.float32).reshape(len(queries), len(every))

    def _parts(self, query: Query, item: int) -> Contributions:
        if not self._asks():
            return super()._parts(query, item)
        queries = QueryBatch.of([query])
        answer = self._asked(queries, np.zeros(1, np.int64), np.array([item]))[0]
        c = self.coefficients_ if np.isfinite(answer) else np.append(self.without_, 0.0)
        person = self._people(self._history(queries))[0, 0]
        amounts = {
            "the average rating": c[0],
            "how this person rates": c[1] * person,
            "how this item is rated": c[2] * self.offsets_[item],
            "what a language model expects": c[3] * np.nan_to_num(answer - self.mean_),
        }
        parts = tuple(Contribution("feature", name, float(amount)) for name, amount in amounts.items())
        return Contributions(self.items_.ids[item], float(sum(part.amount for part in parts)), parts)

    # -- keeping and extending ---------------------------------------------------------------------------------

    def _grow(self, catalogue: Catalogue, new: int) -> None:
        super()._grow(catalogue, new)
        self._lines = [*self._lines, *_told(catalogue, self.items_.ids[-new:])]

    def _state(self) -> tuple[dict[str, Any], storage.Tensors]:
        fitted, tensors = super()._state()
        return {**fitted, "asked": self.asked_}, {
            **tensors, "coefficients": self.coefficients_, "without": self.without_
        }  # fmt: skip

    def _texts(self) -> dict[str, str]:
        return {_LINES: json.dumps(self._lines)}

    def _read(self, folder: Path, stored: storage.Stored) -> None:
        self._lines = json.loads((folder / _LINES).read_text(encoding="utf-8"))
        super()._read(folder, stored)

    def _restore(self, fitted: Mapping[str, Any], tensors: storage.Tensors) -> None:
        super()._restore(fitted, tensors)
        self.asked_ = dict(fitted["asked"])
        self.coefficients_, self.without_ = tensors["coefficients"], tensors["without"]


def _told(catalogue: Catalogue, item_ids: Sequence[str] | NDArray[np.object_]) -> list[str]:
    """Return each item in a line; nothing for one of which nothing is known."""
    return item_texts(catalogue, list(item_ids), ITEM)


def _least_squares(features: Array, answers: Array, usual: Array) -> Array:
    """Return the coefficients ``c`` that minimise ``|answers - features c|^2 + ridge |c - usual|^2``."""
    system = features.T @ features + _RIDGE * np.eye(len(usual))
    return np.asarray(np.linalg.solve(system, features.T @ answers + _RIDGE * usual))
