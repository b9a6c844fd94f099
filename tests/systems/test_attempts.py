"""The rows of a cell: where choices are made on one split, what is fitted on another makes none."""

from __future__ import annotations

from typing import Any

import pytest
from tests.models.small import SMALL

from tastemaker.data import make_split
from tastemaker.models import SASRec
from tastemaker.systems.reproduction.attempts import Attempts
from tastemaker.systems.reproduction.system import Trial
from tastemaker.testing import small_shop

SHOP = small_shop()
CHOOSING = make_split(SHOP, "leave-one-out")
WHOLE = make_split(SHOP, "leave-one-out", train_on_valid=True)


@pytest.mark.needs_extra("torch")
@pytest.mark.parametrize("hidden", [None, 8])
def test_epochs_are_chosen_on_one_split_and_gone_through_on_the_other(hidden: int | None) -> None:
    def build() -> SASRec:
        return SASRec(**{**SMALL["sasrec"], "hidden": hidden, "epochs": 9, "patience": 9})

    attempt: Any = Attempts({"ours": Trial(build)}, choosing=CHOOSING)["ours"]
    attempt.fit(WHOLE.train)
    chosen = build().fit(CHOOSING.train, CHOOSING.valid)
    assert len(attempt.training_) == chosen.settings_["best_epoch"] < len(chosen.training_)
    assert attempt.provenance_.rows.tolist() == WHOLE.train.provenance().rows.tolist()
    assert attempt.settings_tried_ == chosen.settings_tried_
