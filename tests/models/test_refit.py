"""A refit makes the choices of the first fit and none of its own, in models that choose how long to learn as well."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from tests.models.small import SMALL

from tastemaker.core.errors import MissingExtraError
from tastemaker.data import leave_one_out
from tastemaker.models import EASE, AlphaRec, SASRec, make_model
from tastemaker.models.refit import refit, unfitted_copy
from tastemaker.testing import small_shop

SHOP = small_shop()
SPLIT = leave_one_out(SHOP)
SLOW: dict[str, Any] = {**SMALL["sasrec"], "hidden": 8, "epochs": 9, "patience": 9}
WORDS: dict[str, Any] = {"encoder": {"name": "tfidf-svd", "min_texts": 1}}

needs_torch = pytest.mark.needs_extra("torch")


@pytest.mark.parametrize(
    ("model", "settled"),
    [
        (EASE(), False),
        (EASE(regularisation=3.0), False),
        (EASE(regularisation=3.0, age_decay="uniform"), True),
        (AlphaRec(age_decay="uniform"), False),
        (AlphaRec(age_decay="uniform", epochs=2), True),
        (SASRec(hidden=8), False),
        (SASRec(patience=0), True),
    ],
)
def test_a_model_is_settled_once_nothing_is_left_to_choose(model: Any, settled: bool) -> None:
    assert model.is_settled() == settled


@needs_torch
def test_sasrec_is_refitted_for_as_many_epochs_as_the_best_one_took() -> None:
    first = SASRec(**SLOW).fit(SPLIT.train, SPLIT.valid)
    values = [entry["value"] for entry in first.training_]
    best = int(np.argmax(values)) + 1
    assert best < len(values), "the best epoch must not be the last, or this shows nothing"
    again = refit(first, SHOP)
    assert isinstance(again, SASRec)
    assert [entry["epoch"] for entry in again.training_] == list(range(1, best + 1))
    assert not any("value" in entry for entry in again.training_)
    assert (again.settings_["epochs"], again.settings_["best_epoch"], again.settings_tried_) == (best, best, 0)


@needs_torch
def test_a_settled_sasrec_looks_at_no_validation() -> None:
    settled = unfitted_copy(SASRec(**SLOW).fit(SPLIT.train, SPLIT.valid))
    assert settled.is_settled()
    with_it = unfitted_copy(settled.fit(SPLIT.train)).fit(SPLIT.train, SPLIT.valid)
    assert isinstance(with_it, SASRec)
    assert isinstance(settled, SASRec)
    assert len(with_it.training_) == settled.settings_["epochs"]
    np.testing.assert_array_equal(with_it.item_factors_, settled.item_factors_)


def test_alpharec_is_refitted_for_the_epochs_that_were_chosen() -> None:
    first = AlphaRec(**WORDS, learning_rate=0.05, patience=2).fit(SPLIT.train, SPLIT.valid)
    again = refit(first, SHOP)
    assert not first.is_settled()
    assert again.is_settled()
    assert (again.settings_, again.settings_tried_) == (first.settings_, 0)


@pytest.mark.usefixtures("without_torch")
def test_without_torch_training_names_the_extra() -> None:
    with pytest.raises(MissingExtraError, match=r"'sasrec' needs the extra 'torch'.*pip install 'tastemaker\[torch\]'"):
        make_model("sasrec").fit(SHOP)
