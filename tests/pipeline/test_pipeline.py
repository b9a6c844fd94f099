"""The pipeline: in time, past what fails, never to an error, and never past the gate."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from itertools import count

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from tests.pipeline.asking import BRANDS, asked, falling, numbers, row, shop

from tastemaker.core.errors import ModelError, TastemakerError
from tastemaker.pipeline.diversity import MaximalMarginalRelevance
from tastemaker.pipeline.exploration import EpsilonGreedy, Softmax, Thompson
from tastemaker.pipeline.fusing import Fuse
from tastemaker.pipeline.gate import Gate
from tastemaker.pipeline.item_vectors import ItemVectors
from tastemaker.pipeline.nearest import Nearest, SimilarTo
from tastemaker.pipeline.pipeline import Pipeline
from tastemaker.pipeline.ranking import Rank
from tastemaker.pipeline.retrievers import Among, FromModel, Latest, Popular
from tastemaker.pipeline.rules import Boost, Bury, Fresh, Pin, Promote, Quota
from tastemaker.pipeline.slate import Slate
from tastemaker.pipeline.stage import Context, Person, Stage

N = 20
SHELF = shop(N)
VECTORS = ItemVectors.of(np.random.default_rng(5).normal(size=(N, 3)))


class Does:
    """A stage that does what it is told."""

    def __init__(self, name: str, does: Callable[[Slate, Context], Slate], needed: bool = True) -> None:
        self.name, self.does, self.needed = name, does, needed

    def __call__(self, slate: Slate, context: Context) -> Slate:
        return self.does(slate, context)


def fails(slate: Slate, context: Context) -> Slate:
    raise ValueError("a secret of the house")


def ticking() -> Iterator[float]:
    """Return a clock that is read as 0, 1, 2, and so on."""
    return count(0.0, 1.0)


def test_stages_run_in_their_order_and_the_gate_comes_last() -> None:
    context = asked(SHELF, k=3)
    found = Pipeline([FromModel(falling(N)), Boost("price = 9", 20)])(context)
    assert found.items.tolist() == [9, 0, 1]
    assert [step.name for step in context.trace] == ["allowed", "table", "boost price = 9", "gate"]
    assert [(step.before, step.after) for step in context.trace] == [(N, N), (0, N), (N, N), (N, 3)]


def test_each_step_is_measured_by_the_clock_of_the_request() -> None:
    clock = ticking()
    context = asked(SHELF, k=1, clock=lambda: next(clock))
    Pipeline([FromModel(falling(N))])(context)
    assert [step.milliseconds for step in context.trace] == [1000.0] * 3


def test_after_the_deadline_only_what_is_needed_runs() -> None:
    context = asked(SHELF, k=2, deadline_at=0.0, clock=lambda: 1.0)
    found = Pipeline([FromModel(falling(N)), Fresh(1, 1), Boost("price = 9", 20)])(context)
    assert found.items.tolist() == [9, 0]
    assert found.degraded == ("'fresh' left out: out of time",)
    assert [step.note for step in context.trace if step.name == "fresh"] == ["out of time"]


def test_before_the_deadline_everything_runs() -> None:
    context = asked(SHELF, k=2, deadline_at=2.0, clock=lambda: 1.0)
    assert Pipeline([FromModel(falling(N)), Fresh(1, 1)])(context).degraded == ()


def test_a_stage_that_fails_is_passed_over_and_nobody_outside_learns_why(caplog: pytest.LogCaptureFixture) -> None:
    context = asked(SHELF, k=2)
    found = Pipeline([FromModel(falling(N)), Does("broken", fails)])(context)
    assert found.items.tolist() == [0, 1]
    assert found.degraded == ("'broken' left out: it failed",)
    assert "a secret of the house" in caplog.text
    assert [step.note for step in context.trace if step.name == "broken"] == ["left out: it failed"]


def test_an_error_of_ours_says_what_was_wrong_but_not_where() -> None:
    def refuses(slate: Slate, context: Context) -> Slate:
        raise ModelError("the model cannot do that", where="/a/folder")

    found = Pipeline([Does("model", refuses)])(asked(SHELF, k=2))
    assert found.degraded[0] == "'model' left out: the model cannot do that"


@pytest.mark.parametrize("bad", [np.nan, np.inf])
def test_a_stage_whose_scores_are_no_numbers_is_passed_over(bad: float) -> None:
    def spoils(slate: Slate, context: Context) -> Slate:
        return Slate(slate.items[::-1], np.full(len(slate), bad, dtype=np.float32))

    found = Pipeline([FromModel(falling(N)), Does("spoilt", spoils)])(asked(SHELF, k=2))
    assert found.items.tolist() == [0, 1]
    assert "left out" in found.degraded[0]


def test_a_stage_that_returns_no_slate_is_passed_over() -> None:
    nothing: Callable[..., Slate] = lambda slate, context: None  # type: ignore[assignment, return-value]  # noqa: E731
    found = Pipeline([FromModel(falling(N)), Does("forgetful", nothing)])(asked(SHELF, k=2))
    assert found.items.tolist() == [0, 1]


def test_the_ladder_is_gone_down_until_the_list_is_full() -> None:
    ladder: list[Stage] = [FromModel(falling(3), name="session"), Popular(np.arange(6)), Latest()]
    found = Pipeline([FromModel(falling(2))], fallbacks=ladder)(asked(SHELF, k=7))
    assert found.items.tolist() == [0, 1, 2, 5, 4, 3, 6]
    assert found.degraded == (
        "1 of 7 filled up from 'session'",
        "3 of 7 filled up from 'popular'",
        "1 of 7 filled up from 'latest'",
    )


def test_a_rung_that_is_not_needed_is_not_asked() -> None:
    found = Pipeline([FromModel(falling(N))], fallbacks=[Does("never", fails)])(asked(SHELF, k=3))
    assert found.degraded == ()


def test_when_all_that_is_personal_fails_there_is_still_a_list() -> None:
    found = Pipeline([Does("broken", fails)], fallbacks=[Does("broken too", fails), Latest()])(asked(SHELF, k=2))
    assert found.items.tolist() == [0, 1]
    assert found.degraded == (
        "'broken' left out: it failed",
        "'broken too' left out: it failed",
        "2 of 2 filled up from 'latest'",
    )


def test_the_ladder_serves_even_when_time_is_over() -> None:
    context = asked(SHELF, k=2, deadline_at=0.0, clock=lambda: 1.0)
    found = Pipeline([FromModel(falling(N), needed=False)], fallbacks=[Latest(needed=False)])(context)
    assert found.items.tolist() == [0, 1]


def test_quotas_and_pins_hold_for_what_fills_up() -> None:
    found = Pipeline([FromModel(falling(1)), Quota("brand", 1), Pin({"i7": 2})])(asked(SHELF, k=4))
    assert found.items.tolist()[:2] == [0, 7]
    assert len({BRANDS[item % 3] for item in found.items.tolist() if item != 7}) == len(found) - 1


@pytest.mark.parametrize("explore", [EpsilonGreedy(0.9), Softmax(1.0), Thompson(lambda items: (items * 0, items * 0))])
def test_rules_hold_when_what_is_left_to_chance_comes_after_them(explore: Stage) -> None:
    stages: list[Stage] = [FromModel(falling(N)), Quota("brand", 2), Pin({"i7": 2}), explore]
    for seed in range(20):
        found = Pipeline(stages, fallbacks=())(asked(SHELF, seed=seed, k=6)).items.tolist()
        assert found[1] == 7
        brands = [BRANDS[item % 3] for item in found if item != 7]
        assert all(brands.count(name) <= 2 for name in BRANDS)


def test_an_empty_catalogue_gives_an_empty_list() -> None:
    found = Pipeline([FromModel(falling(3))])(asked(shop(0)))
    assert len(found) == 0
    assert found.degraded == ("the catalogue is empty",)


def test_where_nothing_matches_the_filter_is_named_and_no_model_is_asked() -> None:
    model = falling(N)
    found = Pipeline([FromModel(model)])(asked(SHELF, filters='price > 1000 and brand = "anvil"'))
    assert len(found) == 0
    assert found.degraded == ("nothing may be recommended; 7 without 'price > 1000'",)
    assert model.calls == 0


def test_a_short_list_says_why() -> None:
    found = Pipeline([FromModel(falling(N))])(asked(SHELF, filters="price < 2", k=5))
    assert found.items.tolist() == [0, 1]
    assert found.degraded == ("only 2 may be recommended; 20 without 'price < 2'",)
    found = Pipeline([FromModel(falling(2))], fallbacks=())(asked(SHELF, k=5))
    assert found.degraded == ("2 of 5 found",)


def test_filters_of_the_pipeline_hold_like_those_of_the_request() -> None:
    found = Pipeline([FromModel(falling(N))])(asked(SHELF, filters="price > 3", k=3), ['brand = "anvil"'])
    assert found.items.tolist() == [6, 9, 12]


def test_a_filter_that_cannot_be_read_is_the_one_error_there_is() -> None:
    with pytest.raises(TastemakerError, match="bargain"):
        Pipeline([FromModel(falling(N))])(asked(SHELF, filters="bargain = 3"))


def test_what_is_hidden_while_the_model_thinks_is_not_shown() -> None:
    hidden: list[int] = []

    def hides(slate: Slate, context: Context) -> Slate:
        hidden.append(int(slate.items[0]))
        return slate

    gate = Gate(newest=lambda context: Person(hidden=numbers(*hidden)))
    found = Pipeline([FromModel(falling(N)), Does("meanwhile", hides)], gate)(asked(SHELF, k=2))
    assert hidden == [0]
    assert found.items.tolist() == [1, 2]


def test_the_ladder_does_not_bring_back_what_the_gate_took_out() -> None:
    gate = Gate(newest=lambda context: Person(hidden=numbers(0, 1)))
    found = Pipeline([FromModel(falling(2))], gate)(asked(SHELF, k=2))
    assert found.items.tolist() == [2, 3]


def test_every_stage_that_is_shipped_is_one() -> None:
    assert all(isinstance(stage, Stage) for stage in STAGES)


def clicks(items: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    return np.full(len(items), 10), items % 7


def repeats(slate: Slate, context: Context) -> Slate:
    return slate.take(np.repeat(np.arange(len(slate)), 2))


def invents(slate: Slate, context: Context) -> Slate:
    return Slate(numbers(-1, 3, N, 10**6), np.zeros(4, dtype=np.float32))


STAGES: list[Stage] = [
    FromModel(falling(N), 5),
    FromModel(falling(7)),
    Latest(4),
    Popular(np.arange(N)[::-1]),
    Nearest("taste", VECTORS, 6),
    SimilarTo(VECTORS, 4),
    Among('brand = "bodkin"', Latest(2)),
    Fuse(),
    Fuse({"latest": 2.0}, "scores"),
    Rank(falling(N)),
    Boost("price < 9"),
    Bury('brand = "anvil"', 3),
    Pin({"i3": 1, "i11": 2, "i4": 4}),
    Quota("brand", 2),
    Quota("categories", 3),
    Promote('brand = "chisel"', 0.3),
    Fresh(),
    MaximalMarginalRelevance(0.4, VECTORS),
    EpsilonGreedy(0.3),
    Softmax(0.3),
    Thompson(clicks, draws=3),
    Does("broken", fails),
    Does("repeats", repeats),
    Does("invents", invents),
]
KEEPING = [stage for stage in STAGES if not isinstance(stage, Does)]
"""Those that name nothing which may not be shown: what the gate takes out above a pin moves it."""

few = st.frozensets(st.integers(0, N - 1), max_size=8)


@settings(max_examples=50)
@given(
    stages=st.lists(st.sampled_from(STAGES), max_size=7),
    hidden=few,
    seen=few,
    late_hidden=few,
    candidates=st.none() | few,
    dearest=st.integers(-1, N),
    k=st.integers(1, 9),
    seed=st.integers(0, 99),
    late=st.booleans(),
)
def test_whatever_the_stages_the_answer_is_distinct_allowed_and_at_most_k(
    stages: list[Stage],
    hidden: frozenset[int],
    seen: frozenset[int],
    late_hidden: frozenset[int],
    candidates: frozenset[int] | None,
    dearest: int,
    k: int,
    seed: int,
    late: bool,
) -> None:
    taste = np.array([[1.0, 0.0, 0.0], [0.0, 1.0, 0.0]], dtype=np.float32)
    person = Person(hidden=numbers(*hidden), seen=numbers(*seen), vectors={"taste": taste})
    context = asked(
        SHELF,
        person,
        seed=seed,
        k=k,
        items=("i2",),
        filters=f"price <= {dearest}",
        candidates=None if candidates is None else {f"i{item}" for item in candidates},
        deadline_at=0.0 if late else None,
    )
    newest = Person(hidden=numbers(*hidden, *(late_hidden - hidden)), seen=numbers(*seen))
    found = Pipeline(stages, Gate(newest=lambda _: newest))(context).items.tolist()
    allowed = set(range(N)) if candidates is None else set(candidates)
    allowed -= hidden | seen | late_hidden | {2} | set(range(dearest + 1, N))
    assert len(found) == len(set(found)) <= k
    assert set(found) <= allowed
    if not any(isinstance(stage, Quota) for stage in stages):
        assert len(found) == min(k, len(allowed))


@settings(max_examples=30)
@given(st.lists(st.sampled_from(STAGES), max_size=5), st.integers(1, 3), st.integers(1, 12), st.integers(0, 99))
def test_a_quota_at_the_end_holds_in_the_answer(stages: list[Stage], most: int, k: int, seed: int) -> None:
    found = Pipeline([*stages, Quota("categories", most)])(asked(SHELF, seed=seed, k=k))
    names = [name for item in found.items.tolist() for name in row(item)["categories"]]
    assert all(names.count(name) <= most for name in names)


def test_a_rule_holds_among_what_is_there_though_a_stage_invents_items() -> None:
    stages: list[Stage] = [Does("invents", invents), Among('brand = "bodkin"', Latest(2)), Quota("categories", 1)]
    found = Pipeline(stages)(asked(SHELF, k=2))
    names = [name for item in found.items.tolist() for name in row(item)["categories"]]
    assert len(names) == len(set(names))
    assert not any("left out" in note for note in found.degraded)


def test_pins_stand_where_they_were_pinned_where_nothing_else_names_candidates() -> None:
    found = Pipeline([Pin({"i7": 2, "i3": 4})])(asked(SHELF, k=6)).items.tolist()
    assert (found[1], found[3]) == (7, 3)
    assert len(found) == 6


@settings(max_examples=30)
@given(
    st.lists(st.sampled_from(KEEPING), max_size=5),
    st.dictionaries(st.integers(0, N - 1), st.integers(1, 6), max_size=4),
    few,
    st.integers(0, 99),
)
def test_pins_at_the_end_stand_where_they_were_pinned_if_allowed(
    stages: list[Stage], pins: dict[int, int], hidden: frozenset[int], seed: int
) -> None:
    pins = {item: place for item, place in pins.items() if list(pins.values()).count(place) == 1}
    pipeline = Pipeline([*stages, Pin({f"i{item}": place for item, place in pins.items()})])
    stages_that_drop = any(isinstance(stage, Quota) for stage in stages)
    found = pipeline(asked(SHELF, Person(hidden=numbers(*hidden)), seed=seed, k=6)).items.tolist()
    for item, place in pins.items():
        if item in hidden:
            assert item not in found
        elif place <= len(found) and not stages_that_drop:
            assert found[place - 1] == item
