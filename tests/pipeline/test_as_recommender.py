"""A pipeline keeps the contract of a recommender where it is the model alone, and is measured like one with rules."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from pathlib import Path

import numpy as np
import pytest

from tastemaker.core.errors import NotFittedError
from tastemaker.core.query import Event, Query, QueryBatch
from tastemaker.core.recommender import Recommender
from tastemaker.data.split import global_time
from tastemaker.evaluation.evaluate import evaluate
from tastemaker.models import Popularity, SequentialRules
from tastemaker.models.base import DenseRecommender
from tastemaker.pipeline.as_recommender import PipelineRecommender
from tastemaker.pipeline.retrievers import FromModel
from tastemaker.pipeline.rules import Pin, Quota
from tastemaker.pipeline.shelf import Shelf
from tastemaker.pipeline.stage import Stage
from tastemaker.testing.conformance import RULES
from tastemaker.testing.worlds import small_shop

DATA = small_shop()
HISTORY = tuple(map(Event, DATA.history("u003")[:5]))


def with_quota(model: DenseRecommender, shelf: Shelf) -> Sequence[Stage]:
    return (FromModel(model), Quota("categories", 2))


@pytest.mark.parametrize("rule", RULES, ids=lambda rule: rule.__name__)
def test_the_model_alone_keeps_the_contract(rule) -> None:  # type: ignore[no-untyped-def]
    rule(lambda: PipelineRecommender(SequentialRules()))


def test_it_is_a_recommender() -> None:
    assert isinstance(PipelineRecommender(Popularity()).fit(DATA), Recommender)


def test_the_model_alone_recommends_what_the_model_does() -> None:
    model = SequentialRules().fit(DATA)
    query = Query(history=HISTORY, k=7)
    expected, found = model.recommend(query), PipelineRecommender(model).recommend(query)
    assert found.items() == expected.items()
    np.testing.assert_allclose(found.scores(), expected.scores())


def test_rules_hold_in_its_lists() -> None:
    model = PipelineRecommender(SequentialRules(), with_quota).fit(DATA)
    found = model.recommend([Query(history=HISTORY, k=6), Query(history=(), k=6)])
    for place in range(2):
        shelves = Counter(DATA.catalogue.item(item)["categories"][0] for item in found.items(place))
        assert max(shelves.values()) <= 2


def test_scores_put_the_list_first_and_the_model_orders_the_rest() -> None:
    model = PipelineRecommender(SequentialRules(), with_quota, k=4).fit(DATA)
    scores = model.score(QueryBatch.of([Query(history=HISTORY)]))[0]
    listed = model.recommend(Query(history=HISTORY, k=4)).items()
    order = model.item_ids[np.argsort(-scores, kind="stable")].tolist()
    assert order[: len(listed)] == listed
    alone = model.model.score(QueryBatch.of([Query(history=HISTORY)]))[0]
    rest = ~np.isin(model.item_ids, listed)
    np.testing.assert_array_equal(scores[rest], alone[rest])
    assert scores[~rest].min() > scores[rest].max()


def test_it_is_evaluated_beside_its_model() -> None:
    split = global_time(DATA)
    model = Popularity()
    alone = PipelineRecommender(model, k=10).fit(split.train, split.valid)
    plain, ours = (evaluate(each, split.test, train=split.train) for each in (model, alone))
    assert ours.metrics["hr@10"] == pytest.approx(plain.metrics["hr@10"], abs=0.15)
    target = str(split.test.queries.dictionary[split.test.targets[0]])
    pinned = PipelineRecommender(model, lambda m, s: (FromModel(m), Pin({target: 1})), name="pinned", k=10)
    pinned.fit(split.train, split.valid)
    found = evaluate(pinned, split.test, train=split.train)
    assert found.ranks[0] == 1
    assert found.model == "pinned"


def test_a_batch_keeps_weights_times_and_words() -> None:
    model = PipelineRecommender(SequentialRules()).fit(DATA)
    queries = [
        Query(history=(*HISTORY, Event("i009", "dislike")), exclude_seen=False, k=40),
        Query(history=HISTORY, exclude_seen=False, k=40),
    ]
    found = model.recommend(QueryBatch.of(queries), k=40, exclude_seen=False)
    assert "i009" not in found.items(0)
    assert "i009" in found.items(1)
    assert found.items(1) == model.recommend(queries[1]).items()


def test_it_recommends_only_what_is_asked_about() -> None:
    model = PipelineRecommender(SequentialRules()).fit(DATA)
    mask = np.zeros(len(model.item_ids), dtype=bool)
    mask[:9] = True
    query = Query(history=(), candidates=frozenset(model.item_ids[5:20].tolist()), k=40)
    assert set(model.recommend(query, allowed=mask).items()) == set(model.item_ids[5:9].tolist())


def test_before_a_fit_it_says_so() -> None:
    with pytest.raises(NotFittedError):
        PipelineRecommender(Popularity()).score(QueryBatch.of([Query()]))


def test_it_is_loaded_with_the_stages_that_are_named_anew(tmp_path: Path) -> None:
    model = PipelineRecommender(SequentialRules(), with_quota).fit(DATA)
    model.save(tmp_path / "model")
    again = PipelineRecommender.load(tmp_path / "model", with_quota, catalogue=DATA.catalogue)
    query = Query(history=HISTORY, k=6)
    assert again.recommend(query).items() == model.recommend(query).items()
    assert again.settings_["stages"] == ["sequential-rules", "at most 2 of the same categories"]
