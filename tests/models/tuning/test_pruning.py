"""A trial whose training falls behind the others is given up, in a search of one piece as in one of several."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any, ClassVar, Self

import pytest

from tastemaker.core.errors import ModelError, StorageError
from tastemaker.core.run import Run
from tastemaker.data import Dataset, leave_one_out
from tastemaker.data.heldout import HeldOut
from tastemaker.models import Popularity, tune
from tastemaker.models.space import Real, Space
from tastemaker.models.tuning import read_tuning
from tastemaker.models.tuning.journal import JOURNAL
from tastemaker.testing import small_shop

pytestmark = pytest.mark.needs_extra("tune")

SPLIT = leave_one_out(small_shop())
EPOCHS = 8


class Learner(Popularity):
    """Learns in epochs: after each it is as good as its talent lets it be, and the last is no better than the rest."""

    name: ClassVar[str] = "learner"
    space: ClassVar[Space] = {"talent": Real(0, 1)}

    def __init__(self, *, talent: float = 0.5, patience: int = 1) -> None:
        self.talent, self.patience = talent, patience

    def settings(self) -> dict[str, Any]:
        return {"talent": self.talent, "patience": self.patience}

    def is_settled(self) -> bool:
        return self.patience == 0

    def fit(self, train: Dataset, valid: HeldOut | None = None, *, run: Run | None = None) -> Self:
        watch = None if run is None or valid is None else run.watch
        for epoch in range(1, EPOCHS + 1):
            if watch is not None:
                watch([self.talent * (1 - 0.5**done) for done in range(1, epoch + 1)])
        super().fit(train, valid, run=run)
        self.settings_ = self.settings()
        return self


def test_what_falls_below_the_median_is_given_up() -> None:
    found = tune(Learner, SPLIT, trials=14)
    finished = [trial for trial in found.trials if trial.value is not None]
    given_up = [trial for trial in found.trials if trial.given_up]
    assert len(finished) + len(given_up) == 14
    assert given_up
    assert all(len(trial.curve) == EPOCHS for trial in finished)
    for trial in given_up:
        before = sorted(one.settings["talent"] for one in finished if one.number < trial.number)
        assert len(before) >= 5, "five trials must be finished before one is given up"
        middle = (before[(len(before) - 1) // 2] + before[len(before) // 2]) / 2
        assert trial.settings["talent"] < middle
        assert 5 <= len(trial.curve) < EPOCHS
        assert f"{max(trial.curve):.4f} at best after {len(trial.curve)} epochs is below the median" in trial.reason
    assert found.best in finished


def test_it_comes_to_the_same_in_pieces_and_from_the_file(tmp_path: Path) -> None:
    whole = tune(Learner, SPLIT, trials=12)
    for trials in (3, 7, 12):
        pieces = tune(Learner, SPLIT, trials=trials, folder=tmp_path)
    assert [(one.settings, one.value, one.curve) for one in pieces.trials] == [
        (one.settings, one.value, one.curve) for one in whole.trials
    ]
    read = read_tuning(tmp_path)
    assert [one.given_up for one in read.trials] == [one.given_up for one in whole.trials]
    assert [tuple(one.curve) for one in read.trials] == [tuple(one.curve) for one in whole.trials]
    told = json.loads((tmp_path / "tuning.json").read_text())["trials"]
    assert {"curve"} == told[0].keys() - {"number", "settings", "value", "seconds", "reason"}
    assert "given up, " in (tmp_path / "tuning.html").read_text()
    assert (tmp_path / JOURNAL).is_file()


def test_what_is_settled_is_not_validated_while_it_learns() -> None:
    found = tune(Learner, SPLIT, trials=8, given={"patience": 0})
    assert not any(trial.curve for trial in found.trials)
    assert all(trial.value is not None for trial in found.trials)


def test_what_is_given_is_not_searched() -> None:
    found = tune("item-knn", SPLIT, trials=6, given={"similarity": "dot", "shrinkage": 2e4})
    assert "similarity" not in found.space
    assert {(one.settings["similarity"], one.settings["shrinkage"]) for one in found.trials} == {("dot", 2e4)}
    assert len({one.settings["neighbours"] for one in found.trials}) > 1


def test_a_search_with_something_else_given_is_another_search(tmp_path: Path) -> None:
    tune(Learner, SPLIT, trials=1, folder=tmp_path)
    with pytest.raises(StorageError, match="another search: another default for patience"):
        tune(Learner, SPLIT, trials=2, given={"patience": 4}, folder=tmp_path)


@pytest.mark.parametrize(
    ("given", "said"),
    [
        ({"talent": 0.4}, "'learner' has nothing to tune. All that might be tried is given"),
        ({"talant": 0.4}, "'learner' has no hyper-parameter 'talant'. Did you mean 'talent'"),
    ],
)
def test_given_values_leave_something_to_search_and_are_known(given: dict[str, Any], said: str) -> None:
    with pytest.raises(ModelError, match=said):
        tune(Learner, SPLIT, given=given)


@pytest.mark.needs_extra("torch")
def test_sasrec_is_searched_by_what_it_stops_at() -> None:
    given = {"epochs": 3, "patience": 3, "dimensions": 32, "blocks": 1, "heads": 1, "max_length": 10}
    found = tune("sasrec", SPLIT, trials=2, given=given)
    for trial in found.trials:
        assert len(trial.curve) == 3
        assert trial.value == pytest.approx(max(trial.curve))  # few people: the sample is all of them
        assert given.items() <= trial.settings.items()
