"""What is left open is chosen on validation, on nothing else; a fit that fails leaves no half of a model."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, ClassVar

import numpy as np
import polars as pl
import pytest
from threadpoolctl import threadpool_info

from tastemaker.core.errors import DataError, NotFittedError
from tastemaker.core.query import Query, QueryBatch
from tastemaker.core.recommendations import Contributions
from tastemaker.core.recommender import Capabilities
from tastemaker.core.run import Advance, Run
from tastemaker.data import Dataset, HeldOut, leave_one_out
from tastemaker.models import EASE, ContentKNN, Fusion, Popularity, RecentPopularity, SequentialRules
from tastemaker.models.base import DenseRecommender, Scores, Settings
from tastemaker.models.selection import GridRecommender, rows_in_order
from tastemaker.models.storage import Tensors
from tastemaker.testing import small_shop


class Oracle(GridRecommender):
    """Knows the answers: with ``sharp`` it puts them first, else last."""

    name: ClassVar[str] = "oracle"
    capabilities = Capabilities()
    grid: ClassVar[Mapping[str, tuple[Any, ...]]] = {"sharp": (False, True), "useless": (1, 2, 3)}

    def __init__(self, *, sharp: bool | None = None, useless: int | None = None) -> None:
        self.sharp = sharp
        self.useless = useless
        self.asked: list[int] = []
        self.learnt: list[Settings] = []
        self.answers: dict[tuple[str, int], int] = {}

    def knowing(self, held: HeldOut) -> Oracle:
        ends = held.queries.lengths()[held.query]
        users = held.queries.user_ids[held.query]
        self.answers = {(user, int(end)): int(item) for user, end, item in zip(users, ends, held.targets, strict=True)}
        return self

    def _learn(self, train: Dataset, settings: Settings) -> None:
        self.learnt.append(settings)
        self._sharp = settings["sharp"]

    def score(self, queries: QueryBatch) -> Scores:
        self.asked.append(len(queries))
        scores = np.zeros((len(queries), len(self.items_)), np.float32)
        for row, (user, length) in enumerate(zip(queries.user_ids, queries.lengths(), strict=True)):
            scores[row, self.answers[user, int(length)]] = 1 if self._sharp else -1
        return scores

    def _parts(self, query: Query, item: int) -> Contributions:
        raise NotImplementedError

    def _state(self) -> tuple[dict[str, Any], Tensors]:
        raise NotImplementedError

    def _restore(self, fitted: Mapping[str, Any], tensors: Tensors) -> None:
        raise NotImplementedError


SPLIT = leave_one_out(small_shop())


def test_the_best_on_validation_is_taken_and_learnt_last() -> None:
    model = Oracle().knowing(SPLIT.valid).fit(SPLIT.train, SPLIT.valid)
    assert model.settings_ == {"sharp": True, "useless": 1}
    assert model.settings_tried_ == 6
    assert model.learnt[-1] == model.settings_


def test_of_equals_the_first_is_taken() -> None:
    assert Oracle(sharp=False).knowing(SPLIT.valid).fit(SPLIT.train, SPLIT.valid).settings_["useless"] == 1


def test_what_is_given_is_not_tried() -> None:
    model = Oracle(sharp=False).knowing(SPLIT.valid).fit(SPLIT.train, SPLIT.valid)
    assert model.settings_["sharp"] is False
    assert model.settings_tried_ == 3
    assert model.settings() == {"sharp": False, "useless": None}


def test_without_validation_the_first_value_is_taken_and_nothing_tried() -> None:
    model = Oracle().fit(SPLIT.train)
    assert model.settings_ == {"sharp": False, "useless": 1}
    assert model.settings_tried_ == 0
    assert model.asked == []


def test_with_nothing_left_open_validation_is_not_looked_at() -> None:
    model = Oracle(sharp=True, useless=2).fit(SPLIT.train, SPLIT.valid)
    assert model.asked == []
    assert model.settings_ == {"sharp": True, "useless": 2}


def test_few_validation_questions_are_all_asked() -> None:
    model = Oracle(useless=1).knowing(SPLIT.valid).fit(SPLIT.train, SPLIT.valid)
    assert sum(model.asked) == 2 * len(SPLIT.valid)


def test_many_validation_questions_are_sampled() -> None:
    split = leave_one_out(small_shop(users=2_600, events=4))
    model = Oracle(useless=1).knowing(split.valid).fit(split.train, split.valid)
    assert sum(model.asked) / 2 == pytest.approx(2_500, rel=0.01)


def test_the_choice_shows_its_progress() -> None:
    said: list[Any] = []

    class Recorder:
        def start(self, description: str, total: int | None) -> Advance:
            said.append((description, total))
            return said.append

        def describe(self, advance: Advance, description: str) -> None:
            """Nothing to show."""

        def finish(self, advance: Advance) -> None:
            said.append("end")

    Oracle().knowing(SPLIT.valid).fit(SPLIT.train, SPLIT.valid, run=Run(progress=Recorder()))
    assert said == [("Choosing oracle", 6), 1, 1, 1, 1, 1, 1, "end"]


def test_rows_are_handed_out_block_after_block() -> None:
    scores = np.arange(10, dtype=np.float32).reshape(5, 2)
    take = rows_in_order(scores)
    batch = QueryBatch.of([Query()] * 5)
    blocks = [take(batch[0:2]), take(batch[2:4]), take(batch[4:5])]
    assert np.concatenate(blocks).tolist() == scores.tolist()


TIMELESS = Dataset.of(pl.DataFrame({"user_id": ["u", "u", "v"], "item_id": ["a", "b", "a"]}))


@pytest.mark.parametrize(
    ("model", "message"),
    [
        (RecentPopularity(), "needs times"),
        (ContentKNN(), "has no words"),
        (Fusion({"recent": RecentPopularity()}), "no source of 'fusion' could be fitted"),
    ],
)
def test_a_fit_that_failed_is_no_fit(model: DenseRecommender, message: str) -> None:
    with pytest.raises(DataError, match=message):
        model.fit(TIMELESS)
    with pytest.raises(NotFittedError):
        model.recommend(history=["a"])
    model.fit(small_shop())
    with pytest.raises(DataError, match=message):
        model.fit(TIMELESS)
    with pytest.raises(NotFittedError):
        model.recommend(history=["i001"])


def test_an_interrupted_fit_is_no_fit(monkeypatch: pytest.MonkeyPatch) -> None:
    def interrupt(*_: object) -> None:
        raise KeyboardInterrupt

    monkeypatch.setattr(EASE, "_learn", interrupt)
    model = EASE()
    with pytest.raises(KeyboardInterrupt):
        model.fit(small_shop())
    with pytest.raises(NotFittedError):
        model.recommend(history=["i001"])


def test_a_fusion_that_left_a_source_out_takes_it_in_when_the_data_allow() -> None:
    fusion = Fusion({"popular": Popularity(), "recent": RecentPopularity()})
    assert set(fusion.fit(TIMELESS).left_out_) == {"recent"}
    assert fusion.fit(small_shop()).left_out_ == {}
    assert set(fusion.weights_) == {"popular", "recent"}


def test_a_fusion_is_incremental_if_what_it_listens_to_is() -> None:
    sources = {"rules": SequentialRules(), "ease": EASE()}
    deaf = Fusion(sources, weights={"rules": 1.0, "ease": 0.0}).fit(small_shop())
    assert deaf.capabilities.incremental
    deaf.extend(interactions=small_shop(users=3, seed=5))
    assert len(deaf.recommend(history=["i001"], k=5)) == 5
    both = Fusion({"rules": SequentialRules(), "ease": EASE()}).fit(small_shop())
    assert not both.capabilities.incremental


def test_a_fit_keeps_to_the_threads_of_the_run() -> None:
    found: set[int] = set()

    class Watching(Oracle):
        def _learn(self, train: Dataset, settings: Settings) -> None:
            found.update(library["num_threads"] for library in threadpool_info() if library["user_api"] == "blas")
            super()._learn(train, settings)

    Watching(sharp=True, useless=1).fit(SPLIT.train, run=Run(threads=2))
    assert found == {2}
