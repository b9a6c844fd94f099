"""Cold start: how good answers are to people of whom little is known, and about items that few have touched.

Every point of a curve has the same people, the same answers and, where training is the same, the same fitted models;
what differs is what is shown.
"""

from __future__ import annotations

import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any, Final, cast

import numpy as np
from numpy.typing import NDArray

from tastemaker.core.errors import DataError, nearest
from tastemaker.core.query import QueryBatch
from tastemaker.core.recommender import Recommender
from tastemaker.core.run import Run
from tastemaker.data.dataset import Dataset
from tastemaker.data.heldout import HeldOut
from tastemaker.data.split import Split, make_split
from tastemaker.data.splits.parts import saying
from tastemaker.evaluation.candidates import CANDIDATES
from tastemaker.evaluation.cold_words import KINDS, Speaker
from tastemaker.evaluation.compare import Announce, compare
from tastemaker.evaluation.comparison import BASELINE, Comparison

COLD: Final = {"items": "cold-item", "users": "cold-user"}
"""What can be cold, and the protocol that makes it so."""

FORMAT: Final = 1
_ASKED: Final = 10
_SAID_OF: Final = 5
"""How many events come before what is asked for where the words are made of them and no number asks for more."""


@dataclass(frozen=True)
class Point:
    """One point of a curve.

    Attributes:
        shown: How many events are shown, or what is said instead: a number, or a key of `cold_words.KINDS`.
        candidates: A key of `CANDIDATES`.
        split: What is learnt from and what is asked.
        ranked: Raw ids of the items that are ranked; ``None`` for all.
    """

    shown: str
    candidates: str
    split: Split
    ranked: frozenset[str] | None = None

    @property
    def words(self) -> bool:
        """Whether words are shown, and no events."""
        return self.shown in KINDS


@dataclass(frozen=True)
class ColdStart:
    """What a cold start found.

    Attributes:
        cold: A key of `COLD`.
        points: The points in the order in which they were asked for.
        comparisons: The comparison at each of them.
    """

    cold: str
    points: Sequence[Point]
    comparisons: Sequence[Comparison]

    @property
    def models(self) -> list[str]:
        """The names of the rows."""
        return [row.model for row in self.comparisons[0].rows]

    @property
    def metric(self) -> str:
        """The metric that reports lead with."""
        return self.comparisons[0].headline_metric

    def notes(self) -> list[str]:
        """Return what must be known before the numbers are believed, as sentences."""
        first = self.comparisons[0]
        said = [note for comparison in self.comparisons for note in comparison.notes()]
        if self.cold == "users":
            about = (
                "Every point asks the same people for the same answers. What is shown is also masked, so that the row "
                "popularity shows how much of a rise is the mask's doing alone."
            )
        else:
            about = (
                "Ranked jointly, an item competes with the whole catalogue; ranked alone, with the other held-out "
                "items. A model that knows nothing of them draws lots there."
            )
        made = [f"{name}: {KINDS[name]}." for name in dict.fromkeys(p.shown for p in self.points) if name in KINDS]
        sizes = f"{first.counts['users']:,} people, {first.counts['targets']:,} answers, seed {first.knobs['seed']}."
        return list(dict.fromkeys([sizes, about, *made, *said]))

    def to_json(self) -> dict[str, Any]:
        """Return everything as JSON values."""
        return {
            "format": FORMAT,
            "cold": self.cold,
            "metric": self.metric,
            "notes": self.notes(),
            "points": [
                {
                    "shown": point.shown,
                    "candidates": point.candidates,
                    "comparison": comparison.to_json(),
                }
                for point, comparison in zip(self.points, self.comparisons, strict=True)
            ],
        }


def cold_start(
    models: Mapping[str, Recommender],
    dataset: Dataset,
    cold: str,
    shown: Sequence[str | int] = (0, 1, 3, 5),
    *,
    knobs: Mapping[str, Any] | None = None,
    keywords: int = 5,
    person: str | None = None,
    leave_out: Sequence[str] = (),
    ks: Sequence[int] = (10,),
    baseline: str = BASELINE,
    run: Run | None = None,
    announce: Announce | None = None,
    **options: Any,
) -> ColdStart:
    """Compare models where little is known, at each of several points.

    Of ``users``, the point ``s`` shows the latest ``s`` events before the answers of people whom training has never
    met. Choices are made once, on other such people with the most events that are shown anywhere, and the same fitted
    model answers at every point. Words are said by people of whom no event is shown (`KINDS`).

    Of ``items``, the point ``s`` adds the first ``s`` events of each held-out item to training, so that every number
    has its own fit; each ranks the whole catalogue, and the held-out items alone.

    Args:
        models: Name in the report -> unfitted model.
        dataset: The whole data set.
        cold: A key of `COLD`.
        shown: Numbers, and for users also keys of `cold_words.KINDS`.
        knobs: Further knobs of the protocol.
        keywords: How many keywords a person says at most.
        person: A template of the words that a profile becomes.
        leave_out: Attributes of people that are not told.
        ks: Cut-offs.
        baseline: The row that others are compared with.
        run: Seed and progress.
        announce: Is told what the first point can show.
        options: More of what `compare` takes.

    Raises:
        DataError: There is no such point, or the data lack what it needs.
    """
    run = run or Run()
    if cold not in COLD:
        raise DataError(f"nothing called '{cold}' can be cold", where="cold", remedy=nearest(cold, COLD))
    asked = _asked(cold, shown)
    points = _of_items(dataset, asked, knobs or {}, run) if cold == "items" else None
    if points is None:
        speaking = {"keywords": keywords, "person": person, "leave_out": tuple(leave_out)}
        points = _of_users(dataset, asked, knobs or {}, run, speaking)
    once = {name: _Once(model) for name, model in models.items()}
    found: dict[int, Comparison] = {}
    with run.track("cold start", len(points)) as advance:
        for place in sorted(range(len(points)), key=lambda place: _fitted_first(points[place])):
            point = points[place]
            ranking = {name: cast("Recommender", _Ranks(model, point.ranked)) for name, model in once.items()}
            told = announce if not found else None
            result = compare(
                ranking, point.split, ks=ks, run=run, baseline=baseline, examples=0, announce=told, **options
            )
            said = {"shown": point.shown, "candidates": CANDIDATES[point.candidates]}
            found[place] = replace(result, knobs={**result.knobs, **said})
            advance(1)
    return ColdStart(cold, points, [found[place] for place in range(len(points))])


def _asked(cold: str, shown: Sequence[str | int]) -> list[str]:
    """Return the points as text, each once."""
    points = list(dict.fromkeys(str(each).strip() for each in shown))
    words = list(KINDS) if cold == "users" else []
    for point in points:
        if not (point.isascii() and point.isdigit()) and point not in words:
            known = f"Known: numbers{''.join(f', {word}' for word in words)}."
            raise DataError(f"'{point}' cannot be shown of cold {cold}", where="shown", remedy=known)
    if not points:
        raise DataError("nothing says what is shown", where="shown", remedy="Give 0,1,3,5, for example.")
    return points


def _fitted_first(point: Point) -> tuple[bool, int]:
    """Put the point with the most events first: choices are made there."""
    return (point.words, 0 if point.words else -int(point.shown))


def _of_users(
    dataset: Dataset, asked: Sequence[str], knobs: Mapping[str, Any], run: Run, speaking: Mapping[str, Any]
) -> list[Point]:
    numbers = [int(point) for point in asked if point not in KINDS]
    least = _SAID_OF if len(numbers) < len(asked) else 0
    usual = {"asked": _ASKED, "after": max([*numbers, least])}
    own = {**usual, **knobs}

    def split(number: int) -> Split:
        return make_split(dataset, "cold-user", run=run, **{**own, "shown": number})

    points = []
    stranger = split(0) if len(numbers) < len(asked) else None
    for name in asked:
        if name not in KINDS:
            points.append(Point(name, "all", split(int(name))))
            continue
        assert stranger is not None
        speaker = Speaker(dataset, stranger, int(own["after"] or 0), **speaking)
        points.append(Point(name, "all", _spoken(stranger, speaker, name)))
    return points


def _spoken(split: Split, speaker: Speaker, kind: str) -> Split:
    """Return the split in which strangers say something."""
    valid = speaker.say(kind, split.valid) if len(split.valid) else ()
    about = {"keywords": speaker.keywords} if kind == "keywords" else {}
    return saying(split, valid, speaker.say(kind, split.test), said=kind, **about)


def _of_items(dataset: Dataset, asked: Sequence[str], knobs: Mapping[str, Any], run: Run) -> list[Point]:
    after = max(map(int, asked))
    usual = {"after": after, **knobs}

    def split(number: int) -> Split:
        return make_split(dataset, "cold-item", run=run, **{**usual, "shown": number})

    splits = {number: split(number) for number in {0, *map(int, asked)}}
    untouched = splits[0].train
    events = np.bincount(untouched.sequences.codes, minlength=len(untouched.items))
    alone = frozenset(map(str, untouched.items.ids[events == 0]))
    return [
        Point(number, candidates, splits[int(number)], ranked)
        for number in asked
        for candidates, ranked in (("all", None), ("cold", alone))
    ]


class _Once:
    """A model that is fitted again only where the training rows or the seed are others."""

    def __init__(self, model: Recommender) -> None:
        self._model = model
        self._rows: tuple[int, NDArray[np.int64]] | None = None
        self._seconds = 0.0
        self.spared_seconds_ = 0.0

    def __getattr__(self, name: str) -> Any:
        return getattr(self._model, name)

    def fit(self, train: Dataset, valid: HeldOut | None = None, *, run: Run | None = None) -> _Once:
        """Fit the model, or leave it as it is; what that spared is counted as its time all the same."""
        run = run or Run()
        rows = (run.seed, train.sequences.rows)
        if self._rows is not None and self._rows[0] == rows[0] and np.array_equal(self._rows[1], rows[1]):
            self.spared_seconds_ = self._seconds
            return self
        self._rows = None
        started = time.perf_counter()
        self._model.fit(train, valid, run=run)
        self.spared_seconds_ = float(getattr(self._model, "spared_seconds_", 0.0))
        self._seconds = time.perf_counter() - started + self.spared_seconds_
        self._rows = rows
        return self


class _Ranks:
    """A model as it ranks some items: whatever else there is comes after them."""

    def __init__(self, model: _Once, ranked: frozenset[str] | None) -> None:
        self._model = model
        self._ranked = ranked
        self._kept: NDArray[np.bool_] | None = None

    def __getattr__(self, name: str) -> Any:
        return getattr(self._model, name)

    def fit(self, train: Dataset, valid: HeldOut | None = None, *, run: Run | None = None) -> _Ranks:
        """Fit the model."""
        self._model.fit(train, valid, run=run)
        self._kept = None
        return self

    def score(self, queries: QueryBatch) -> NDArray[np.floating[Any]]:
        """Score the items, float ``[q, n]``."""
        scores = self._model.score(queries)
        if self._ranked is None:
            return np.asarray(scores)
        if self._kept is None:
            self._kept = np.fromiter((item in self._ranked for item in self._model.item_ids), dtype=bool)
        return np.where(self._kept, scores, -np.inf).astype(np.float32, copy=False)
