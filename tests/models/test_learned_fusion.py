"""A learned fusion ranks the first items of a fusion anew where that helps, and is the fusion where it does not."""

from __future__ import annotations

import importlib.util
import sys
from collections.abc import Callable
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Self

import numpy as np
import polars as pl
import pytest

from tastemaker.core.errors import MissingExtraError, ModelError, ModelFormatError
from tastemaker.core.query import Event, Query, QueryBatch
from tastemaker.core.run import Run
from tastemaker.data import Catalogue, Dataset, HeldOut, Interactions, Split, leave_one_out
from tastemaker.evaluation.ranking import validation_ndcg
from tastemaker.models import (
    ContentKNN,
    Fusion,
    LearnedFusion,
    Popularity,
    SequentialRules,
    load_model,
    ranker_choice,
    rankers,
)
from tastemaker.models.base import DenseRecommender, Scores
from tastemaker.models.refit import refit
from tastemaker.models.storage import damaged_files
from tastemaker.testing import small_shop
from tastemaker.testing.conformance import RULES, Factory

KINDS = ["linear", pytest.param("boosted", marks=pytest.mark.needs_extra("boost"))]
START = datetime(2024, 1, 1, tzinfo=UTC)
SHOP = leave_one_out(small_shop(users=150, items=60, seed=4))


def town(*, newest_only: bool, people: int = 200, items: int = 90, events: int = 8, seed: int = 0) -> Split:
    """Every second day an item appears; people choose one of the latest four, or one of all that are there."""
    rng = np.random.default_rng(seed)
    rows = []
    for person in range(people):
        met: list[int] = []
        for day in np.sort(rng.choice(np.arange(10, 2 * items), size=events, replace=False)).tolist():
            offered = set(range(day // 2 - 4 if newest_only else 0, day // 2)) - set(met)
            met.append(int(rng.choice(sorted(offered))))
            rows.append((f"u{person:03}", f"i{met[-1]:03}", START + timedelta(days=day)))
    frame = pl.DataFrame(rows, schema=["user_id", "item_id", "timestamp"], orient="row")
    return leave_one_out(Dataset.of(Interactions.from_frame(frame), name="town"))


NEWEST, ANY = town(newest_only=True), town(newest_only=False)


def sources() -> dict[str, DenseRecommender]:
    return {
        "rules": SequentialRules(window=10, gap_decay="1/d", reverse=1.0, age_decay="1/a^2"),
        "words": ContentKNN(age_decay="uniform"),
        "popular": Popularity(),
    }


def learnt(ranker: str = "linear", *, depth: int = 200, split: Split = SHOP) -> LearnedFusion:
    return LearnedFusion(sources(), ranker=ranker, depth=depth).fit(split.train, split.valid)


@pytest.fixture(scope="module")
def linear() -> LearnedFusion:
    return learnt()


@pytest.fixture(scope="module")
def short() -> LearnedFusion:
    """Ranks only ten items anew."""
    return learnt(depth=10)


def held_out(model: DenseRecommender, held: HeldOut) -> float:
    return validation_ndcg(model.score, held, model.item_ids)


class SelfTaught(LearnedFusion):
    """Holds out validation queries of its own, so that there is always something to learn from."""

    def fit(self, train: Dataset, valid: HeldOut | None = None, *, run: Run | None = None) -> Self:
        split = leave_one_out(train)
        return super().fit(split.train, valid or split.valid, run=run)


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("rule", RULES, ids=lambda rule: rule.__name__)
def test_with_a_ranker_it_keeps_the_contract(
    kind: str, rule: Callable[[Factory], None], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(ranker_choice, "_FEWEST", 1)
    monkeypatch.setattr(rankers, "TREE", {**rankers.TREE, "min_data_in_leaf": 5})
    made: list[SelfTaught] = []

    def make() -> SelfTaught:
        made.append(SelfTaught({"rules": SequentialRules(), "words": ContentKNN()}, ranker=kind, depth=12))
        return made[-1]

    rule(make)
    assert all(model.ranker_ is not None for model in made if hasattr(model, "items_"))


# -- choosing ------------------------------------------------------------------------------------------------------


def test_what_decides_is_found() -> None:
    fusion = Fusion({"popular": Popularity()}).fit(NEWEST.train, NEWEST.valid)
    model = LearnedFusion({"popular": Popularity()}).fit(NEWEST.train, NEWEST.valid)
    assert model.settings_["ranker"] in ("linear", "boosted")
    assert held_out(fusion, NEWEST.test) < 0.1
    assert held_out(model, NEWEST.test) > 0.3


def test_where_nothing_decides_the_plain_order_is_kept() -> None:
    fusion = Fusion({"popular": Popularity()}).fit(ANY.train, ANY.valid)
    model = LearnedFusion({"popular": Popularity()}).fit(ANY.train, ANY.valid)
    assert model.settings_["ranker"] == "plain"
    np.testing.assert_array_equal(model.score(ANY.test.queries), fusion.score(ANY.test.queries))


def test_the_settings_say_what_was_compared() -> None:
    model = LearnedFusion(sources()).fit(SHOP.train, SHOP.valid)
    kinds = {"plain", "linear"} | ({"boosted"} if importlib.util.find_spec("lightgbm") else set())
    assert set(model.settings_["values"]) == kinds
    assert all(0 < value < 1 for value in model.settings_["values"].values())
    plain = Fusion(sources()).fit(SHOP.train, SHOP.valid)
    assert model.settings_tried_ == plain.settings_tried_ + len(kinds)
    assert model.settings_["values"]["plain"] == pytest.approx(held_out(plain, SHOP.valid))


def test_without_lightgbm_the_linear_ranker_is_left(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("tastemaker.models.learned_fusion.installed", lambda: False)
    monkeypatch.setitem(sys.modules, "lightgbm", None)
    model = LearnedFusion({"popular": Popularity()}).fit(NEWEST.train, NEWEST.valid)
    assert model.settings_["ranker"] == "linear"
    with pytest.raises(MissingExtraError, match=r"tastemaker\[boost\]"):
        LearnedFusion({"popular": Popularity()}, ranker="boosted").fit(NEWEST.train, NEWEST.valid)


def test_an_unknown_ranker_is_refused_before_anything_is_fitted() -> None:
    popular = Popularity()
    with pytest.raises(ModelError, match="Did you mean 'linear'"):
        LearnedFusion({"popular": popular}, ranker="liner").fit(SHOP.train, SHOP.valid)
    assert not hasattr(popular, "items_")


def test_without_validation_it_is_the_fusion() -> None:
    model, fusion = LearnedFusion(sources(), ranker="linear").fit(SHOP.train), Fusion(sources()).fit(SHOP.train)
    assert model.ranker_ is None
    np.testing.assert_array_equal(model.score(SHOP.valid.queries), fusion.score(SHOP.valid.queries))


def test_of_people_without_a_history_nothing_is_learnt() -> None:
    queries = SHOP.valid.queries
    strangers = replace(SHOP.valid, queries=replace(queries, ends=queries.starts))
    model = LearnedFusion(sources(), ranker="linear").fit(SHOP.train, strangers)
    assert model.ranker_ is None


def test_two_fits_with_one_seed_are_the_same() -> None:
    one, other = learnt(), learnt()
    np.testing.assert_array_equal(one.score(SHOP.test.queries), other.score(SHOP.test.queries))


# -- the order -----------------------------------------------------------------------------------------------------


def unseen(model: LearnedFusion, query: int) -> np.ndarray:
    queries = SHOP.test.queries
    seen = model.items_.index(queries.dictionary)[queries.codes[queries.starts[query] : queries.ends[query]]]
    return np.setdiff1d(np.arange(len(model.items_)), seen)


def fused(model: LearnedFusion, queries: QueryBatch) -> Scores:
    return Fusion.score(model, queries)


def test_only_the_first_unseen_items_change_and_stay_the_first(short: LearnedFusion) -> None:
    before, after = fused(short, SHOP.test.queries), short.score(SHOP.test.queries)
    changed = 0
    for query in range(40):
        items = unseen(short, query)
        order = items[np.argsort(-before[query, items], kind="stable")]
        first, others = order[:10], order[10:]
        np.testing.assert_array_equal(after[query, others], before[query, others])
        assert after[query, first].min() >= after[query, others].max()
        assert after[query, first].max() == pytest.approx(before[query, first].max())
        assert after[query, first].min() == pytest.approx(before[query, first].min())
        changed += int((np.argsort(-after[query, first], kind="stable") != np.arange(10)).any())
    assert changed > 20


def test_items_of_the_history_keep_their_places_among_the_first(short: LearnedFusion) -> None:
    before, after = fused(short, SHOP.test.queries), short.score(SHOP.test.queries)
    everything = np.arange(len(short.items_))
    for query in range(40):
        items = unseen(short, query)
        for item in np.setdiff1d(everything, items):
            assert (after[query, items] > after[query, item]).sum() == (
                before[query, items] > before[query, item]
            ).sum()


def test_a_small_choice_is_ranked_by_the_ranker_too(short: LearnedFusion) -> None:
    query = Query(history=(Event("i003"), Event("i006"), Event("i009")), k=10)
    batch = QueryBatch.of([query])
    order = short.items_.ids[np.argsort(-fused(short, batch)[0], kind="stable")]
    last = [item for item in order if item not in ("i003", "i006", "i009")][-10:]
    found = short.recommend(query, allowed=last)
    assert sorted(found.items()) == sorted(last)
    assert found.items() != last
    assert short.recommend(replace(query, candidates=frozenset(last))).items() == found.items()
    explained = short.explain(replace(query, candidates=frozenset(last)), found.items()[0])
    assert explained.score == pytest.approx(float(found.scores()[0]), rel=1e-4)


def test_whoever_has_no_history_gets_the_order_of_the_fusion(linear: LearnedFusion) -> None:
    for history in ((), (Event("from elsewhere"),), (Event("i003", "dislike"),)):
        batch = QueryBatch.of([Query(history=history, text="garden")])
        np.testing.assert_array_equal(linear.score(batch), fused(linear, batch))


def test_the_day_of_the_question_matters() -> None:
    model = LearnedFusion({"popular": Popularity()}, ranker="linear").fit(NEWEST.train, NEWEST.valid)
    history = (Event("i005", timestamp=START + timedelta(days=14)),)
    early, late = (
        model.recommend(Query(history=history, now=START + timedelta(days=day), k=5)).items() for day in (60, 160)
    )
    assert np.mean([int(item[1:]) for item in late]) > np.mean([int(item[1:]) for item in early]) + 20


# -- explaining ----------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("kind", KINDS)
def test_what_is_said_of_a_score_sums_to_it(kind: str) -> None:
    model = learnt(kind, depth=10)
    query = Query(history=(Event("i003"), Event("i006"), Event("i009")), k=25)
    found = model.recommend(query)
    for item, score in zip(found.items(), found.scores(), strict=True):
        explained = model.explain(query, item)
        assert explained.score == pytest.approx(float(score), rel=1e-4)
        assert sum(part.amount for part in explained.parts) == pytest.approx(explained.score, rel=1e-4)
    for item in ("i003", "i006", "i009"):
        kept = model.explain(query, item)
        assert kept.score == pytest.approx(
            float(model.score_candidates(QueryBatch.of([query]), [item])[0, 0]), rel=1e-4
        )
        assert sum(part.amount for part in kept.parts) == pytest.approx(kept.score, rel=1e-4)


def test_an_explanation_names_items_sources_and_features(linear: LearnedFusion) -> None:
    query = Query(history=(Event("i003"), Event("i006")), k=1)
    explained = linear.explain(query, linear.recommend(query).items()[0])
    assert explained.additive
    assert set(explained.by_item()) == {"i003", "i006"}
    named = {(part.kind, part.name, part.source) for part in explained.parts}
    assert ("feature", "rules: rank", "rules") in named
    assert ("popularity", "events so far", "") in named
    assert ("feature", "categories of the latest item", "") in named
    assert ("feature", "among the first 200", "") in named
    assert {source for _, _, source in named} == {"rules", "words", "popular", ""}


@pytest.mark.needs_extra("boost")
def test_trees_are_no_sum_of_their_parts() -> None:
    model = learnt("boosted")
    query = Query(history=(Event("i003"),), k=1)
    assert not model.explain(query, model.recommend(query).items()[0]).additive


# -- keeping and extending -----------------------------------------------------------------------------------------


@pytest.mark.parametrize("kind", KINDS)
def test_a_saved_model_answers_the_same(kind: str, tmp_path: Path) -> None:
    model = learnt(kind)
    model.save(tmp_path / "model")
    loaded = load_model(tmp_path / "model")
    assert isinstance(loaded, LearnedFusion)
    assert loaded.settings_ == model.settings_
    assert (tmp_path / "model" / "ranker.txt").exists() == (kind == "boosted")
    np.testing.assert_allclose(loaded.score(SHOP.test.queries), model.score(SHOP.test.queries), rtol=1e-5)


@pytest.mark.needs_extra("boost")
def test_a_damaged_ranker_is_found(tmp_path: Path) -> None:
    learnt("boosted").save(tmp_path / "model")
    path = tmp_path / "model" / "ranker.txt"
    whole = path.read_bytes()
    path.write_bytes(whole.replace(b"Tree=3", b"Tree=4"))
    assert damaged_files(tmp_path / "model") == ["ranker.txt"]
    path.write_bytes(whole[:1000])
    with pytest.raises(ModelFormatError, match=r"ranker\.txt has 1000 bytes"):
        load_model(tmp_path / "model")
    path.unlink()
    with pytest.raises(ModelFormatError, match=r"ranker\.txt is missing"):
        load_model(tmp_path / "model")


@pytest.mark.needs_extra("boost")
def test_trees_cannot_be_loaded_without_lightgbm(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    learnt("boosted").save(tmp_path / "model")
    monkeypatch.setitem(sys.modules, "lightgbm", None)
    with pytest.raises(MissingExtraError, match=r"tastemaker\[boost\]"):
        load_model(tmp_path / "model")


def test_a_ranker_of_other_features_is_refused(tmp_path: Path, linear: LearnedFusion) -> None:
    linear.save(tmp_path / "model")
    config = (tmp_path / "model" / "config.json").read_text()
    (tmp_path / "model" / "config.json").write_text(config.replace('"age in years"', '"age in months"'))
    with pytest.raises(ModelFormatError, match="other features"):
        load_model(tmp_path / "model")


@pytest.mark.parametrize("kind", KINDS)
def test_a_refit_on_all_events_takes_the_ranker_over(kind: str) -> None:
    model = learnt(kind)
    again = refit(model, SHOP.train)
    assert isinstance(again, LearnedFusion)
    assert again.ranker_ is model.ranker_
    assert again.settings_ == model.settings_
    np.testing.assert_allclose(again.score(SHOP.test.queries), model.score(SHOP.test.queries), rtol=1e-5)
    other = refit(model, small_shop(users=80, items=60, seed=5))
    assert other.recommend(history=["i001", "i002"], k=5).items()
    twice = refit(again, SHOP.train)
    np.testing.assert_allclose(twice.score(SHOP.test.queries), model.score(SHOP.test.queries), rtol=1e-5)


def test_a_refit_without_one_of_the_sources_is_refused(linear: LearnedFusion) -> None:
    wordless = Dataset.of(SHOP.train.interactions, name="wordless")
    with pytest.raises(ModelError, match="cannot be fitted here: words"):
        refit(linear, wordless)


def test_a_refit_with_validation_learns_anew(linear: LearnedFusion) -> None:
    again = linear.with_choices_fixed(sources()).fit(NEWEST.train, NEWEST.valid)
    assert again.ranker_ is not linear.ranker_


def test_new_items_and_new_events_are_known_to_the_ranker() -> None:
    model = LearnedFusion({"popular": Popularity()}, ranker="linear").fit(NEWEST.train, NEWEST.valid)
    now = START + timedelta(days=400)
    query = Query(history=(Event("i080", timestamp=START + timedelta(days=160)),), now=now, k=5)
    model.extend(items=Catalogue.of_ids(["new", "old"]))
    rows = [(f"n{number}", "new", START + timedelta(days=390 + number % 8)) for number in range(10)]
    rows += [(f"o{number}", "old", START + timedelta(days=-100)) for number in range(10)]
    frame = pl.DataFrame(rows, schema=["user_id", "item_id", "timestamp"], orient="row")
    model.extend(interactions=Dataset.of(Interactions.from_frame(frame)))
    order = model.recommend(replace(query, k=100)).items()
    assert order.index("new") < 3
    assert order.index("new") < order.index("old")


def test_a_ranker_looks_at_sources_without_weight_so_they_must_take_in_new_events_too() -> None:
    parts = {"popular": Popularity(), "words": ContentKNN(age_decay="uniform")}
    weights = {"popular": 1.0, "words": 0.0}
    plain = LearnedFusion(parts, weights=weights, ranker="plain").fit(SHOP.train, SHOP.valid)
    assert plain.capabilities.incremental
    assert "context" not in plain.capabilities.reads
    ranked = LearnedFusion(parts, weights=weights, ranker="linear").fit(SHOP.train, SHOP.valid)
    assert not ranked.capabilities.incremental
    assert "context" in ranked.capabilities.reads
    with pytest.raises(ModelError, match="words cannot take in new events"):
        ranked.extend(interactions=small_shop(users=5, seed=9))
