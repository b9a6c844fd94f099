"""A model becomes live only if it answers and is not worse; what was live stays, or comes back."""

from __future__ import annotations

import hashlib
import os
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from tests.engine.memory import MemoryTenant

from tastemaker import __version__
from tastemaker.core.errors import ModelError, ModelFormatError, StorageError
from tastemaker.core.query import Query
from tastemaker.core.recommendations import Recommendations
from tastemaker.core.run import Run
from tastemaker.data import Dataset
from tastemaker.engine import trial
from tastemaker.engine.frozen import FrozenQueries
from tastemaker.engine.intake import dataset_of, take_in
from tastemaker.engine.registry import Registry, described, lineage_of
from tastemaker.engine.trial import Verdict
from tastemaker.models import ItemKNN, Popularity, SequentialRules
from tastemaker.store.ports import Artefact
from tastemaker.testing import small_shop

DAY = 86_400_000_000

Promote = Callable[..., Verdict]


@pytest.fixture(scope="module")
def shop() -> Dataset:
    return small_shop(users=120)


@pytest.fixture
def registry(store: MemoryTenant, shop: Dataset) -> Registry:
    take_in(shop, store, Run())
    return Registry(store)


@pytest.fixture
def queries(store: MemoryTenant, registry: Registry) -> FrozenQueries:
    return FrozenQueries.freeze(store)


def saved(model: Any, folder: Path, dataset: Dataset) -> Path:
    model.fit(dataset).save(folder)
    return folder


class Stub:
    """A model that says what it is told to."""

    def __init__(self, items: Sequence[str], scores: Sequence[float] | None = None, best: Mapping[str, str] = {}):
        self.items, self.best = list(items), best
        self.scores = list(scores or np.linspace(1, 0, len(self.items)))
        self.item_ids = np.asarray(self.items, dtype=object)

    def recommend(self, queries: Sequence[Query], *, allowed: frozenset[str] | None = None) -> Recommendations:
        lists = []
        for query in queries:
            seen = {event.item_id for event in query.events()}
            own = str(query.user_id)
            first = [self.best[own]] if own in self.best else []
            found = (first + [item for item in self.items if item not in seen and item not in first])[: query.k]
            scores = np.asarray(self.scores[: len(found)], dtype=np.float32)
            lists.append((np.asarray(found, dtype=object), scores))
        return Recommendations.of(lists)


@pytest.fixture
def stubs(monkeypatch: pytest.MonkeyPatch) -> dict[str, Any]:
    """Models by the id of their artefact, for whom nothing has to be fitted."""
    known: dict[str, Any] = {}

    def load(folder: Path) -> Any:
        found = known[folder.name]
        if isinstance(found, Exception):
            raise found
        return found

    monkeypatch.setattr(trial, "load_model", load)
    return known


def put(store: MemoryTenant, tmp_path: Path, name: str, **facts: Any) -> Artefact:
    """Keep something that a stub stands for."""
    folder = tmp_path / name
    folder.mkdir()
    (folder / "name").write_text(name)
    return store.artefacts.put("model", folder, {"model": name, **facts})


# -- lineage ------------------------------------------------------------------------------------------------------


def test_a_registered_model_says_where_it_comes_from(registry: Registry, shop: Dataset, tmp_path: Path) -> None:
    folder = saved(SequentialRules(window=2), tmp_path / "model", shop)
    artefact = registry.register(folder, {"last_offset": 1440, "validation": {"ndcg@10": 0.1}})
    assert registry.models() == [artefact]
    assert registry.live() is None
    provenance = shop.provenance()
    assert artefact.facts["settings"]["window"] == 2
    assert {name: artefact.facts[name] for name in artefact.facts if name != "settings"} == {
        "model": "sequential-rules",
        "tastemaker": __version__,
        "dataset": "small-shop",
        "fingerprint": shop.fingerprint,
        "events": 1440,
        "people": 120,
        "items": 33,
        "last_event": provenance.last_event,
        "last_offset": 1440,
        "validation": {"ndcg@10": 0.1},
    }


def test_the_lineage_of_what_answers_names_its_version_and_when_it_was_made(
    registry: Registry, shop: Dataset, tmp_path: Path
) -> None:
    folder = tmp_path / "model"
    Popularity().fit(shop).save(folder)
    artefact = registry.register(folder, {})
    assert lineage_of(artefact) == {"version": artefact.artefact_id, "model_created": artefact.created}
    config = folder / "config.json"
    os.utime(config, (1_700_000_000, 1_700_000_000))
    assert lineage_of(folder) == {
        "version": hashlib.sha256(config.read_bytes()).hexdigest(),
        "model_created": 1_700_000_000_000_000,
    }
    with pytest.raises(StorageError, match="cannot be read"):
        lineage_of(tmp_path / "nothing")


def test_what_is_no_whole_model_is_not_registered(registry: Registry, shop: Dataset, tmp_path: Path) -> None:
    with pytest.raises(ModelFormatError):
        registry.register(tmp_path, {})
    folder = saved(Popularity(), tmp_path / "model", shop)
    tensors = folder / "tensors.safetensors"
    tensors.write_bytes(bytes(tensors.stat().st_size))
    with pytest.raises(ModelError, match="damaged"):
        registry.register(folder, {})
    assert registry.models() == []


def test_a_model_is_found_by_the_beginning_of_its_id(store: MemoryTenant, registry: Registry, tmp_path: Path) -> None:
    one, _ = put(store, tmp_path, "one"), put(store, tmp_path, "two")
    assert registry.find(one.artefact_id[:6]) == one
    for start in (one.artefact_id[:5], "zzzzzz", ""):
        with pytest.raises(ModelError, match="no models have an id"):
            registry.find(start)


def test_a_model_in_words_is_its_id_and_its_lineage(store: MemoryTenant, registry: Registry, tmp_path: Path) -> None:
    one = put(store, tmp_path, "one", events=3)
    assert described(one, one) == {
        "artefact_id": one.artefact_id,
        "created": one.created,
        "live": True,
        "erased_since": 0,
        "model": "one",
        "events": 3,
    }
    assert described(one)["live"] is False


# -- real models --------------------------------------------------------------------------------------------------


def test_a_model_that_answers_becomes_live(
    registry: Registry, queries: FrozenQueries, shop: Dataset, tmp_path: Path
) -> None:
    first = registry.register(saved(SequentialRules(), tmp_path / "a", shop), {})
    verdict = registry.promote(first.artefact_id, queries=queries)
    assert verdict.promoted
    assert verdict.faults == ()
    assert registry.live() == first
    assert verdict.numbers["questions"] == 120
    assert 0 < verdict.numbers["popularity"] < verdict.numbers["ndcg@10"]
    assert "nothing to compare with" in verdict.notes[1]

    second = registry.register(saved(ItemKNN(), tmp_path / "b", shop), {})
    compared = registry.promote(second.artefact_id, queries=queries)
    assert 0 < compared.numbers["overlap"] < 1
    assert compared.live_before == first.artefact_id
    assert (
        compared.notes[-1]
        == "Both models have seen the answers: this shows breakage, and not which of the two is better."
    )


def test_a_model_that_was_fitted_before_the_cut_is_compared_fairly(
    store: MemoryTenant, registry: Registry, shop: Dataset, tmp_path: Path
) -> None:
    last = shop.provenance().last_event
    assert last is not None
    cut = last - 20 * DAY
    queries = FrozenQueries.freeze(store, before=cut)
    assert queries.cut is not None
    assert queries.cut >= cut
    early = dataset_of(store, "early", weights={}, until=cut, run=Run())
    for name, model, data in (("a", SequentialRules(), early), ("b", ItemKNN(), early), ("c", Popularity(), shop)):
        artefact = registry.register(saved(model, tmp_path / name, data), {})
        verdict = registry.promote(artefact.artefact_id, queries=queries, force=True)
    assert registry.history()[-1].artefact_id == artefact.artefact_id
    assert verdict.notes[-1].startswith("The candidate has seen the answers and the live model has not")
    again = registry.promote(registry.models()[0].artefact_id, queries=queries, force=True)
    assert again.notes[-1].startswith("The live model has seen the answers and the candidate has not")
    third = registry.promote(registry.models()[1].artefact_id, queries=queries, force=True)
    assert third.notes[-1] == "Neither model has seen the answers: this is a fair comparison of the two."


# -- the test itself ----------------------------------------------------------------------------------------------

ITEMS = [f"i{number:03}" for number in range(33)]


@pytest.mark.parametrize(
    ("model", "fault"),
    [
        (Stub(ITEMS[:12]), "are shorter than they could be"),
        (
            Stub(["i000", *ITEMS], best={f"u{number:03}": "i000" for number in range(120)}),
            "hold what is in the history",
        ),
        (Stub([*ITEMS[:9], "i032", "i032", *ITEMS[9:]]), "hold an item twice"),
        (Stub(["unheard-of", *ITEMS]), "hold what is not on offer"),
        (Stub(ITEMS, [float("nan")] * 10), "have scores that are no numbers"),
    ],
    ids=["short", "seen", "twice", "foreign", "nan"],
)
def test_a_model_whose_lists_are_broken_is_refused(
    store: MemoryTenant,
    registry: Registry,
    queries: FrozenQueries,
    stubs: dict[str, Any],
    tmp_path: Path,
    model: Stub,
    fault: str,
) -> None:
    candidate = put(store, tmp_path, "broken")
    stubs[candidate.artefact_id] = model
    verdict = registry.promote(candidate.artefact_id, queries=queries)
    assert not verdict.promoted
    assert any(fault in each for each in verdict.faults)
    assert registry.live() is None
    assert verdict.sentences()[0] == f"{candidate.artefact_id[:12]} was refused, and what was live still is."


def test_what_cannot_be_loaded_is_refused_even_by_force(
    store: MemoryTenant, registry: Registry, queries: FrozenQueries, stubs: dict[str, Any], tmp_path: Path
) -> None:
    candidate = put(store, tmp_path, "broken")
    stubs[candidate.artefact_id] = RuntimeError("half a file")
    verdict = registry.promote(candidate.artefact_id, queries=queries, force=True)
    assert not verdict.promoted
    assert verdict.faults == ("It cannot answer: RuntimeError: half a file.",)
    assert registry.live() is None


def test_what_is_not_on_offer_may_not_be_in_a_list(
    store: MemoryTenant, registry: Registry, queries: FrozenQueries, stubs: dict[str, Any], tmp_path: Path
) -> None:
    store.items.put({"i032": {"available": False}})
    candidate = put(store, tmp_path, "stubborn")
    stubs[candidate.artefact_id] = Stub(["i032", *ITEMS[:32]])
    assert any("not on offer" in each for each in registry.promote(candidate.artefact_id, queries=queries).faults)


def oracle(queries: FrozenQueries, right: int) -> Stub:
    """Return a model that puts the answer first for so many people, and else nowhere."""
    answers = {str(query.user_id): min(held) for query, held in zip(queries.queries, queries.held, strict=True)}
    lists: dict[str, str] = dict(list(answers.items())[:right])
    return Wrong(ITEMS, best=lists, answers=answers)


class Wrong(Stub):
    """A model that knows the answers of some, and never guesses those of others."""

    def __init__(self, items: Sequence[str], *, best: Mapping[str, str], answers: Mapping[str, str]) -> None:
        super().__init__(items, best=best)
        self.answers = answers

    def recommend(self, queries: Sequence[Query], *, allowed: frozenset[str] | None = None) -> Recommendations:
        lists = []
        for query in queries:
            own = str(query.user_id)
            barred = {event.item_id for event in query.events()} | {self.answers.get(own, "")}
            first = [self.best[own]] if own in self.best else []
            found = (first + [item for item in self.items if item not in barred])[: query.k]
            lists.append((np.asarray(found, dtype=object), np.linspace(1, 0, len(found), dtype=np.float32)))
        return Recommendations.of(lists)


@pytest.mark.parametrize(
    ("before", "after", "passes"),
    [(60, 40, False), (60, 59, True), (2, 1, True), (60, 60, True), (40, 60, True)],
    ids=["clearly-worse", "within-tolerance", "by-chance", "equal", "better"],
)
def test_a_model_that_is_clearly_worse_is_refused(
    store: MemoryTenant,
    registry: Registry,
    queries: FrozenQueries,
    stubs: dict[str, Any],
    tmp_path: Path,
    before: int,
    after: int,
    passes: bool,
) -> None:
    live, candidate = put(store, tmp_path, "live"), put(store, tmp_path, "candidate")
    stubs[live.artefact_id], stubs[candidate.artefact_id] = oracle(queries, before), oracle(queries, after)
    assert registry.promote(live.artefact_id, queries=queries).promoted
    verdict = registry.promote(candidate.artefact_id, queries=queries)
    assert verdict.numbers["ndcg@10"] == pytest.approx(after / 120)
    assert verdict.numbers["live"] == pytest.approx(before / 120)
    assert verdict.numbers["difference"]["value"] == pytest.approx((after - before) / 120)
    assert verdict.promoted is passes
    now = registry.live()
    assert now is not None
    assert now.artefact_id == (candidate if passes else live).artefact_id
    if not passes:
        assert "lower than that of the live model by more than 2%" in verdict.faults[0]


def test_force_promotes_what_is_worse_and_says_so(
    store: MemoryTenant, registry: Registry, queries: FrozenQueries, stubs: dict[str, Any], tmp_path: Path
) -> None:
    live, candidate = put(store, tmp_path, "live"), put(store, tmp_path, "candidate")
    stubs[live.artefact_id], stubs[candidate.artefact_id] = oracle(queries, 60), oracle(queries, 20)
    registry.promote(live.artefact_id, queries=queries)
    verdict = registry.promote(candidate.artefact_id, queries=queries, force=True)
    assert verdict.promoted
    assert verdict.forced
    assert registry.live() == candidate
    assert registry.history()[-1].reason.startswith("forced, though: Its ndcg@10 is lower")
    assert "by force, though:" in verdict.sentences()[0]


def test_a_live_model_that_is_broken_does_not_stand_in_the_way(
    store: MemoryTenant, registry: Registry, queries: FrozenQueries, stubs: dict[str, Any], tmp_path: Path
) -> None:
    live, candidate = put(store, tmp_path, "live"), put(store, tmp_path, "candidate")
    stubs[live.artefact_id], stubs[candidate.artefact_id] = Stub(ITEMS), Stub(ITEMS)
    registry.promote(live.artefact_id, queries=queries)
    stubs[live.artefact_id] = ModelError("a file is gone")
    verdict = registry.promote(candidate.artefact_id, queries=queries)
    assert verdict.promoted
    assert "The live model cannot answer (a file is gone)" in verdict.notes[1]


def test_without_questions_a_model_still_has_to_answer(
    store: MemoryTenant, stubs: dict[str, Any], tmp_path: Path
) -> None:
    good, bad = put(store, tmp_path, "good"), put(store, tmp_path, "bad")
    stubs[good.artefact_id], stubs[bad.artefact_id] = Stub(ITEMS), Stub([])
    bad_items = {item: {"title": item} for item in ITEMS}
    store.items.put(bad_items)
    empty = FrozenQueries.freeze(store)
    registry = Registry(store)
    assert not registry.promote(bad.artefact_id, queries=empty).promoted
    verdict = registry.promote(good.artefact_id, queries=empty)
    assert verdict.promoted
    assert verdict.notes == ("There are no frozen queries, so that only loading and one answer were tested.",)


def test_the_live_model_can_be_tested_again_and_nothing_moves(
    store: MemoryTenant, registry: Registry, queries: FrozenQueries, stubs: dict[str, Any], tmp_path: Path
) -> None:
    live = put(store, tmp_path, "live")
    stubs[live.artefact_id] = Stub(ITEMS)
    registry.promote(live.artefact_id, queries=queries)
    verdict = registry.promote(live.artefact_id, queries=queries)
    assert verdict.promoted
    assert "It is the live model itself." in verdict.notes
    assert len(registry.history()) == 1


def test_a_verdict_is_json(
    store: MemoryTenant, registry: Registry, queries: FrozenQueries, stubs: dict[str, Any], tmp_path: Path
) -> None:
    live = put(store, tmp_path, "live")
    stubs[live.artefact_id] = Stub(ITEMS)
    verdict = registry.promote(live.artefact_id, queries=queries).to_dict()
    store.notes.put("verdict", verdict)
    assert store.notes.get("verdict") == verdict


# -- back, and away -----------------------------------------------------------------------------------------------


@pytest.fixture
def promote(store: MemoryTenant, stubs: dict[str, Any], tmp_path: Path) -> Callable[[str], None]:
    """Make a model live that is called so."""
    known: dict[str, Artefact] = {}

    def move(name: str) -> None:
        if name not in known:
            known[name] = put(store, tmp_path, name)
            stubs[known[name].artefact_id] = Stub(ITEMS)
        Registry(store).promote(known[name].artefact_id, queries=FrozenQueries((), (), None, ""))

    return move


def live_name(store: MemoryTenant) -> str:
    live = Registry(store).live()
    return "" if live is None else str(live.facts["model"])


def test_rolling_back_brings_back_the_one_before_and_then_the_one_before_that(
    store: MemoryTenant, promote: Callable[[str], None]
) -> None:
    for name in ("one", "two", "three"):
        promote(name)
    registry = Registry(store)
    assert registry.rollback("clicks fell").facts["model"] == "two"
    assert live_name(store) == "two"
    registry.rollback("still bad")
    assert live_name(store) == "one"
    with pytest.raises(ModelError, match="no earlier model"):
        registry.rollback("again")
    assert live_name(store) == "one"
    promote("three")
    registry.rollback("once more")
    assert live_name(store) == "one"
    reasons = [change.reason for change in registry.history()]
    assert [reason for reason in reasons if reason.startswith("rolled back")] == [
        "rolled back: clicks fell",
        "rolled back: still bad",
        "rolled back: once more",
    ]


def test_there_is_nothing_to_go_back_to_at_first(store: MemoryTenant) -> None:
    with pytest.raises(ModelError, match="no earlier model"):
        Registry(store).rollback("why not")


def test_old_models_go_and_the_live_one_and_the_one_before_stay(
    store: MemoryTenant, promote: Callable[[str], None], tmp_path: Path
) -> None:
    promote("one")
    promote("two")
    for number in range(4):
        put(store, tmp_path, f"more {number}")
    registry = Registry(store)
    gone = registry.prune(keep=1)
    assert [artefact.facts["model"] for artefact in gone] == ["more 0", "more 1", "more 2"]
    assert [artefact.facts["model"] for artefact in registry.models()] == ["one", "two", "more 3"]
    assert registry.prune(keep=1) == []


def test_a_model_that_is_gone_stays_in_the_history(store: MemoryTenant, promote: Callable[[str], None]) -> None:
    for name in ("one", "two", "three"):
        promote(name)
    registry = Registry(store)
    registry.prune(keep=0)
    assert [change.artefact is None for change in registry.history()] == [True, False, False]
