"""Rows of studies of reviews: what one network writes and rates, and controls that know neither person nor item."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, Final

import numpy as np
from numpy.typing import NDArray

from tastemaker.core.run import Run
from tastemaker.evaluation.labels import rmse
from tastemaker.models.generative_rating import GenerativeRating
from tastemaker.systems.reproduction.reading import Reading
from tastemaker.systems.studies.ratings import RMSE
from tastemaker.systems.studies.reviews import Written
from tastemaker.systems.studies.texts import ROUGE_1, most_frequent, nearness, sameness, to_others

SUMMARY: Final = "summary-rouge-1"

Values = dict[str, NDArray[np.float64]]


def told_together(recipe: Mapping[str, Any], spreads: Sequence[float], reviews: Written, run: Run) -> Reading:
    """Fit one network for ratings, explanations and summaries, the spread by RMSE on validation, and ask all three."""
    model, settings = _fitted(recipe, spreads, reviews, run)
    ratings = model.predict(reviews.split.test.unanswered())
    explained, summed = model.explanations(reviews.pairs), model.summaries(reviews.texts["text"])
    return Reading(
        values={**_rated(ratings, reviews), **_told(explained, reviews), **_summed(summed, reviews)},
        numbers=_numbers(explained, reviews),
        settings=settings,
        example=f"Of the first item asked about: “{explained[0]}”. In short: “{summed[0]}”.",
    )


def told_of_others(recipe: Mapping[str, Any], spreads: Sequence[float], reviews: Written, run: Run) -> Reading:
    """Return what the same network writes, each explanation beside a review of another item."""
    model, settings = _fitted(recipe, spreads, reviews, run)
    explained = model.explanations(reviews.pairs)
    moved = [explained[place] for place in to_others(reviews.items, run.rng("explanations of others"))]
    return Reading(values=_told(moved, reviews), numbers=_numbers(moved, reviews), settings=settings)


def always_the_same(reviews: Written, run: Run) -> Reading:
    """Return the mean rating, and the most frequent sentence and summary of training, for everybody."""
    ratings = reviews.split.train.sequences.ratings
    assert ratings is not None  # a split of ratings has them
    count = len(reviews.pairs)
    explained, summed = (
        [most_frequent(text for _, text in reviews.learnt(column) if text)] * count
        for column in ("explanation", "summary")
    )
    return Reading(
        values={
            **_rated(np.full(count, np.nanmean(ratings.astype(np.float64))), reviews),
            **_told(explained, reviews),
            **_summed(summed, reviews),
        },
        numbers=_numbers(explained, reviews),
    )


def somebody_elses(reviews: Written, run: Run) -> Reading:
    """Return for each test event what somebody wrote of the same item in training, of any item where nobody did."""
    return _drawn(reviews, run, same=True)


def of_another_item(reviews: Written, run: Run) -> Reading:
    """Return for each test event what somebody wrote of another item in training."""
    return _drawn(reviews, run, same=False)


def _drawn(reviews: Written, run: Run, *, same: bool) -> Reading:
    rng, learnt = run.rng("sentences of training"), reviews.learnt("explanation")
    items, texts = np.array([item for item, _ in learnt], dtype=object), [text for _, text in learnt]
    found = []
    for item in reviews.items:
        fitting = np.flatnonzero((items == item) == same)
        found.append(texts[int(rng.choice(fitting if len(fitting) else len(texts)))])
    return Reading(values=_told(found, reviews), numbers=_numbers(found, reviews))


def _fitted(
    recipe: Mapping[str, Any], spreads: Sequence[float], reviews: Written, run: Run
) -> tuple[GenerativeRating, dict[str, Any]]:
    """Fit a network for each spread and return the one that foresees the ratings of the validation part best."""
    split, found = reviews.split, []
    for spread in spreads:
        model = GenerativeRating(**{**recipe, "spread": spread}).fit(split.train, split.valid, run=run)
        found.append((rmse(model.predict(split.valid.unanswered()), split.valid.answers), spread, model))
    least, spread, best = min(found, key=lambda each: each[0])
    return best, {
        "spread": spread,
        "validation rmse": round(least, 4),
        "epochs": best.settings_["best_epoch"],
        "of spreads": {str(other): round(value, 4) for value, other, _ in found},
    }


def _rated(ratings: NDArray[np.float64], reviews: Written) -> Values:
    return {RMSE: (ratings - reviews.split.test.answers) ** 2}


def _told(texts: Sequence[str], reviews: Written) -> Values:
    return nearness(texts, reviews.texts["explanation"])


def _summed(texts: Sequence[str], reviews: Written) -> Values:
    return {SUMMARY: nearness(texts, reviews.texts["summary"])[ROUGE_1]}


def _numbers(texts: Sequence[str], reviews: Written) -> dict[str, float]:
    return sameness(texts, reviews.texts["explanation"])
