"""What is left to chance, and that the propensities noted are how often it happens."""

from __future__ import annotations

from collections import Counter
from dataclasses import replace
from types import MappingProxyType

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from tests.pipeline.asking import asked, numbers, shop, slate

from tastemaker.core.errors import ConfigError
from tastemaker.pipeline.allowed import Asked
from tastemaker.pipeline.exploration import EpsilonGreedy, Softmax, Thompson
from tastemaker.pipeline.slate import Numbers, Slate
from tastemaker.pipeline.stage import Person, Stage

SHELF = shop(8)
ITEMS = [4, 2, 7, 1]
SHOWN, CLICKED = np.array([10, 40, 5, 0, 30, 2, 0, 20]), np.array([2, 12, 1, 0, 12, 0, 0, 4])


def counts(items: Numbers) -> tuple[np.ndarray, np.ndarray]:
    return SHOWN[items], CLICKED[items]


def simulated(stage: Stage, lists: int, k: int) -> list[Slate]:
    """Return what comes of many requests, all with the same candidates."""
    context = Asked.over(asked(SHELF, k=k, seed=11))
    return [stage(slate(ITEMS, [4.0, 3.0, 2.5, 1.0]), context) for _ in range(lists)]


@pytest.mark.parametrize(
    "stage",
    [EpsilonGreedy(0.4), Softmax(0.5), Softmax(0.3, depth=3), Thompson(counts, draws=50), EpsilonGreedy(1.0)],
    ids=["epsilon", "softmax", "softmax of three", "thompson", "uniform"],
)
def test_propensities_are_how_often_it_happens(stage: Stage) -> None:
    """Of the lists that begin alike, the share that goes on with an item is the item's propensity there."""
    lists, k = 2_000, 2
    found = simulated(stage, lists, k)
    above, chosen = Counter[tuple[int, ...]](), Counter[tuple[int, ...]]()
    told: dict[tuple[int, ...], list[float]] = {}
    for each in found:
        top = tuple(each.items[:k].tolist())
        assert each.propensities is not None
        for end in range(k):
            above[top[:end]] += 1
            chosen[top[: end + 1]] += 1
            told.setdefault(top[: end + 1], []).append(float(each.propensities[end]))
    for start, count in chosen.items():
        chance, trials = float(np.mean(told[start])), above[start[:-1]]
        error = np.sqrt(chance * (1 - chance) / trials) + np.std(told[start]) / np.sqrt(count)
        bias = 1 / 51 if isinstance(stage, Thompson) else 0.0
        assert abs(count / trials - chance) < 4.5 * error + bias + 1e-9


@pytest.mark.parametrize("stage", [EpsilonGreedy(0.3), Softmax(0.4)], ids=["epsilon", "softmax"])
def test_exact_propensities_of_all_that_may_stand_in_a_place_sum_to_1(stage: Stage) -> None:
    firsts = {int(each.items[0]): float(each.propensities[0]) for each in simulated(stage, 400, 1)}  # type: ignore[index]
    assert set(firsts) == set(ITEMS)
    assert sum(firsts.values()) == pytest.approx(1)


def test_epsilon_greedy_by_its_formula() -> None:
    for each in simulated(EpsilonGreedy(0.4), 50, 2):
        assert each.propensities is not None
        left = list(ITEMS)
        for place, item in enumerate(each.items[:2].tolist()):
            expected = 0.4 / len(left) + (0.6 if item == left[0] else 0)
            assert each.propensities[place] == pytest.approx(expected)
            left.remove(item)
        assert each.propensities[2:].tolist() == [1, 1]
        assert each.items[2:].tolist() == left


def test_softmax_by_its_formula() -> None:
    worth = dict(zip(ITEMS, np.exp(np.array([1, 2 / 3, 0.5, 0]) / 0.4), strict=True))
    for each in simulated(Softmax(0.4), 50, 2):
        assert each.propensities is not None
        left = list(ITEMS)
        for place, item in enumerate(each.items.tolist()):
            expected = worth[item] / sum(worth[other] for other in left)
            assert each.propensities[place] == pytest.approx(expected)
            left.remove(item)


@pytest.mark.parametrize(
    "stage",
    [EpsilonGreedy(0.6), Softmax(0.5), Thompson(counts, draws=2_000)],
    ids=["epsilon", "softmax", "thompson"],
)
def test_what_was_pinned_or_promoted_keeps_its_place_and_the_others_share_the_rest(stage: Stage) -> None:
    held = replace(slate(ITEMS), marks=MappingProxyType({2: ("pinned",), 1: ("boosted", "promoted")}))
    lists, context = 1_000, Asked.over(asked(SHELF, k=4, seed=2))
    firsts, told = Counter[int](), dict[int, list[float]]()
    for _ in range(lists if not isinstance(stage, Thompson) else 200):
        found = stage(held, context)
        assert found.propensities is not None
        assert found.items[[1, 3]].tolist() == [2, 1]
        assert found.propensities[[1, 2, 3]].tolist() == [1, pytest.approx(1), 1]
        firsts[int(found.items[0])] += 1
        told.setdefault(int(found.items[0]), []).append(float(found.propensities[0]))
    assert set(firsts) == {4, 7}
    for item, count in firsts.items():
        chance, trials = float(np.mean(told[item])), firsts.total()
        assert abs(count / trials - chance) < 4.5 * np.sqrt(chance * (1 - chance) / trials) + 0.01


@pytest.mark.parametrize("stage", [EpsilonGreedy(0.6), Softmax(0.5), Thompson(counts)])
def test_where_every_place_is_held_nothing_moves(stage: Stage) -> None:
    held = replace(slate(ITEMS), marks=MappingProxyType(dict.fromkeys(ITEMS, ("pinned",))))
    found = stage(held, asked(SHELF))
    assert found.items.tolist() == ITEMS
    assert found.propensities is None or found.propensities.tolist() == [1, 1, 1, 1]


def test_thompson_never_says_that_what_happened_cannot() -> None:
    found = simulated(Thompson(counts, draws=20), 100, 3)
    assert min(float(each.propensities.min()) for each in found if each.propensities is not None) >= 1 / 21


def test_thompson_prefers_what_is_clicked() -> None:
    def sure(items: Numbers) -> tuple[np.ndarray, np.ndarray]:
        return np.full(len(items), 10_000), np.where(items == 7, 9_000, 100)

    assert all(each.items[0] == 7 for each in simulated(Thompson(sure), 30, 1))


@pytest.mark.parametrize("stage", [EpsilonGreedy(0), Softmax(0)], ids=["epsilon", "softmax"])
def test_without_chance_there_are_no_propensities(stage: Stage) -> None:
    found = stage(slate(ITEMS), asked(SHELF))
    assert found.items.tolist() == ITEMS
    assert found.propensities is None


def test_the_knobs_of_a_policy_go_before_the_stages_own() -> None:
    def person(**knobs: float) -> Person:
        return Person(knobs=MappingProxyType(knobs))

    calm = asked(SHELF, person(epsilon=0.0, temperature=0.0))
    assert EpsilonGreedy(0.9)(slate(ITEMS), calm).propensities is None
    assert Softmax(3)(slate(ITEMS), calm).propensities is None
    wild = asked(SHELF, person(epsilon=1.0), k=1)
    assert EpsilonGreedy(0)(slate(ITEMS), wild).propensities.tolist()[:1] == [0.25]  # type: ignore[union-attr]


@pytest.mark.parametrize("knob", [float("nan"), -1.0, float("inf")])
def test_a_knob_that_makes_no_sense_is_passed_over(knob: float) -> None:
    context = asked(SHELF, Person(knobs=MappingProxyType({"epsilon": knob, "temperature": knob})))
    assert EpsilonGreedy(0)(slate(ITEMS), context).propensities is None
    assert Softmax(0)(slate(ITEMS), context).propensities is None


def test_what_came_by_chance_is_marked() -> None:
    for each in simulated(EpsilonGreedy(0.5), 50, 1):
        first = int(each.items[0])
        assert dict(each.marks) == ({} if first == ITEMS[0] else {first: ("explored",)})


@settings(max_examples=40)
@given(
    st.sampled_from([EpsilonGreedy(0.7), Softmax(1.0), Thompson(counts, draws=5), EpsilonGreedy(0.5, depth=2)]),
    st.permutations(range(8)),
    st.frozensets(st.integers(0, 7)),
    st.integers(1, 9),
    st.integers(0, 99),
)
def test_only_what_is_allowed_is_explored_and_nothing_is_lost(
    stage: Stage, items: list[int], hidden: frozenset[int], k: int, seed: int
) -> None:
    context = asked(SHELF, Person(hidden=numbers(*hidden)), k=k, seed=seed)
    found = stage(slate(items), context)
    assert sorted(found.items.tolist()) == sorted(set(items) - hidden)
    if found.propensities is not None:
        assert ((found.propensities > 0) & (found.propensities <= 1)).all()
    assert (np.diff(found.scores) <= 0).all()


def test_the_same_seed_gives_the_same_list() -> None:
    for stage in (EpsilonGreedy(0.5), Softmax(1), Thompson(counts)):
        once, again = (stage(slate(ITEMS), asked(SHELF, seed=3)).items.tolist() for _ in range(2))
        assert once == again


@pytest.mark.parametrize(
    "make",
    [
        lambda: EpsilonGreedy(1.1),
        lambda: Softmax(-1),
        lambda: Thompson(counts, prior=(0, 1)),
        lambda: Thompson(counts, draws=0),
    ],
)
def test_settings_out_of_range_are_refused(make) -> None:  # type: ignore[no-untyped-def]
    with pytest.raises(ConfigError):
        make()
