"""The studies of P5: ratings, and texts of reviews, each beside what knows next to nothing."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from functools import partial
from typing import Any, Final

from tastemaker.core.recommender import Recommender
from tastemaker.data import EventSplit
from tastemaker.models import make_model
from tastemaker.models.generative_rating import GenerativeRating
from tastemaker.systems.reproduction.expectations import Beats
from tastemaker.systems.reproduction.experiment import Budget
from tastemaker.systems.reproduction.study import Measure, Study, Subject
from tastemaker.systems.studies import ratings, reviews, texts, writing

RATES: Final[Mapping[str, Any]] = {
    "indexer": "random",
    "id_vectors": {"kind": "per-id", "mode": "trained"},
    "over": "legal",
    "prompts": "bare",
    "dimensions": 32,
    "heads": 2,
    "hidden": 64,
    "blocks": 1,
    "learning_rate": 3e-3,
    "batch_tokens": 8192,
    "tasks": {"rating": 80.0},
    "epochs": 25,
    "patience": 4,
}
"""A network that rates, of a size chosen on validation on MovieLens-100K."""

PUBLISHED: Final = "P5 (Geng et al., 2022), of Amazon reviews"

MEASURES: Final = (
    Measure(ratings.RMSE, "root of the mean squared error of predicted ratings.", lower=True, rooted=True),
    Measure(ratings.MAE, "mean absolute error of predicted ratings.", lower=True),
)

SMALL: Final = (
    "The paper fine-tunes T5-small and T5-base, which have read the web, on prompts in words and for several tasks at "
    "once. Here the network is of 32 dimensions and one block on each side, has read nothing but the log, and learns "
    "ratings alone, from bare prompts.",
    "A prediction is the mean of the levels by their probabilities, not the level that is written, which is nearer to "
    "the truth by RMSE. With vectors of its own for each id the network is a factorisation that reads tokens.",
)


def rating_study(name: str, source: str, protocol: str, budget: Budget, shows: str, **given: Any) -> Study[EventSplit]:
    """Return the study of ratings on a source."""
    recipe = {**RATES, **given}
    builds: dict[str, Callable[[], Recommender]] = {
        "bias": partial(make_model, "bias"),
        "biased-mf": partial(make_model, "biased-mf"),
        "generative-rating": partial(GenerativeRating, **recipe),
        "generative-places": partial(GenerativeRating, **{**recipe, "id_vectors": "positional"}),
    }
    return Study(
        name=name,
        on=source,
        shows=shows,
        budget=budget,
        prepare=partial(ratings.split_ratings, source, protocol),
        rows={row: Subject(partial(ratings.rated, build), 90) for row, build in builds.items()},
        measures=MEASURES,
        units="events",
        drawn="people",
        baseline="bias",
        expectations=(
            Beats(model="generative-rating", other="bias", metric=ratings.RMSE),
            Beats(model="generative-rating", other="biased-mf", metric=ratings.RMSE),
            Beats(
                model="generative-rating",
                other="biased-mf",
                metric=ratings.MAE,
                source="P5 (Geng et al., 2022), of Amazon reviews",
            ),
            Beats(model="generative-rating", other="generative-places", metric=ratings.RMSE),
        ),
        differs=SMALL,
    )


RATING_100K: Final = rating_study(
    "rating-ml-100k", "movielens-100k", "random-ratio", "quick", "Whether a model that writes foresees ratings."
)
RATING_100K_BY_TIME: Final = rating_study(
    "rating-ml-100k-by-time",
    "movielens-100k",
    "global-time",
    "quick",
    "The same by one clock, where most people are new: a network that goes by ids knows nothing of them.",
)
RATING_1M: Final = rating_study(
    "rating-ml-1m",
    "movielens-1m",
    "random-ratio",
    "full",
    "The same on ten times as many ratings.",
    tasks={"rating": 60.0},
    batch_tokens=16384,
    patience=2,
)

TOGETHER: Final[Mapping[str, Any]] = {
    "tasks": {"rating": 1.0, "explanation": 1.0, "review": 1.0},
    "indexer": "item-token",
    "id_vectors": "none",
    "dimensions": 64,
    "hidden": 128,
    "blocks": 1,
    "words": 2000,
    "max_read": 60,
    "learning_rate": 1e-3,
    "epochs": 40,
    "patience": 10,
}
"""One network for three tasks; stopped by the RMSE on validation."""

SPREADS: Final = (0.2, 1.0)

ALL_BEAUTY: Final = Study(
    name="texts-all-beauty",
    on="amazon-2018-all-beauty",
    shows="Whether one network that rates, explains and sums up says anything of the item that it is asked about.",
    prepare=partial(reviews.split_reviews, "amazon-2018-all-beauty", "All_Beauty_5.json"),
    rows={
        "always-the-same": Subject(writing.always_the_same),
        "generative": Subject(partial(writing.told_together, TOGETHER, SPREADS)),
        "generative-shuffled": Subject(partial(writing.told_of_others, TOGETHER, SPREADS)),
        "somebody-elses": Subject(writing.somebody_elses),
        "of-another-item": Subject(writing.of_another_item),
    },
    measures=(
        Measure(texts.ROUGE_L, "ROUGE-L of the explanation, to the first sentence of the review."),
        Measure(texts.ROUGE_1, "ROUGE-1 of the same."),
        Measure(writing.SUMMARY, "ROUGE-1 of the summary, to the heading of the review, which was read."),
        Measure(ratings.RMSE, "root of the mean squared error of predicted ratings.", lower=True, rooted=True),
    ),
    units="reviews",
    drawn="people",
    baseline="always-the-same",
    expectations=(
        Beats(model="generative", other="generative-shuffled", metric=texts.ROUGE_L),
        Beats(model="generative", other="always-the-same", metric=texts.ROUGE_L),
        Beats(model="generative", other="of-another-item", metric=texts.ROUGE_L),
        Beats(model="generative", other="always-the-same", metric=writing.SUMMARY),
        Beats(model="generative", other="always-the-same", metric=ratings.RMSE),
    ),
    differs=(
        "Papers take as an explanation a sentence that names a feature of the item, found by a parser; here it is the "
        "first sentence of three words or more. The catalogue of these data has no words, so that an item is an id.",
        "Which row is `always-the-same`: the mean rating, and the most frequent sentence and heading of training. "
        "`somebody-elses` is what another person wrote of the same item.",
    ),
)

STUDIES: Final = (RATING_100K, RATING_100K_BY_TIME, RATING_1M, ALL_BEAUTY)
