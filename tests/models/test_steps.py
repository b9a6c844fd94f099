"""Models whose hyper-parameters are chosen one group after another, with work shared between the settings."""

from __future__ import annotations

import math
from itertools import chain, product

import numpy as np
import polars as pl
import pytest

from tastemaker.core.run import Run
from tastemaker.data import Dataset, leave_one_out
from tastemaker.models import MODELS, ItemKNN, RP3beta, SequentialRules, SessionKNN, UserKNN
from tastemaker.models.item_to_item import PRIOR_SCALE, dense
from tastemaker.models.selection import GridRecommender
from tastemaker.testing import small_shop

SPLIT = leave_one_out(small_shop(users=60))
STEPPED: list[type[GridRecommender]] = [ItemKNN, UserKNN, RP3beta, SessionKNN]


@pytest.mark.parametrize("name", MODELS)
def test_groups_hold_each_hyper_parameter_once(name: str) -> None:
    kind = MODELS[name]
    if issubclass(kind, GridRecommender) and kind.steps:
        assert sorted(chain(*kind.steps)) == sorted(kind.grid)


@pytest.mark.parametrize("kind", STEPPED)
def test_every_group_is_tried_once_and_what_was_tried_is_not_tried_again(kind: type[GridRecommender]) -> None:
    model = kind().fit(SPLIT.train, SPLIT.valid)
    sizes = [math.prod(len(kind.grid[name]) for name in group) for group in kind.steps]
    assert model.settings_tried_ == sum(sizes) - (len(sizes) - 1)
    assert model.settings_tried_ >= 30


def test_a_group_that_is_given_is_not_tried() -> None:
    model = RP3beta(alpha=0.6, beta=0.0).fit(SPLIT.train, SPLIT.valid)
    assert model.settings_["alpha"] == 0.6
    assert model.settings_tried_ == len(RP3beta.grid["neighbours"]) * len(RP3beta.grid["age_decay"])


@pytest.mark.parametrize("kind", STEPPED)
def test_shared_work_gives_the_scores_of_a_model_fitted_alone(kind: type[GridRecommender]) -> None:
    first = {name: values[0] for name, values in kind.grid.items()}
    tried = []
    for group in kind.steps:
        for values in product(*(kind.grid[name][:2] for name in group)):
            tried.append({**first, **dict(zip(group, values, strict=True))})
    model = kind().fit(SPLIT.train)
    for settings, scorer in model._candidates(SPLIT.train, SPLIT.valid, tried):
        shared = scorer(SPLIT.valid.queries)
        alone = kind(**settings).fit(SPLIT.train).score(SPLIT.valid.queries)
        assert dense(shared) == pytest.approx(alone, rel=1e-4, abs=2 * PRIOR_SCALE + 1e-6), settings


@pytest.mark.parametrize("kind", [SequentialRules, *STEPPED])
def test_histories_with_dislikes_are_chosen_on_as_well(kind: type[GridRecommender]) -> None:
    shop = small_shop(users=300, items=2000)
    rng = np.random.default_rng(0)
    frame = shop.interactions.frame.select("user_id", "item_id", "timestamp")
    frame = frame.with_columns(weight=pl.Series(np.where(rng.random(frame.height) < 0.3, -1.0, 1.0)))
    split = leave_one_out(Dataset.of(frame))
    last = list(kind.grid)[-1]
    given = {name: values[0] for name, values in kind.grid.items() if name != last}
    model = kind(**given).fit(split.train, split.valid, run=Run())
    assert model.settings_tried_ == len(kind.grid[last])
