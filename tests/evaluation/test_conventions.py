"""Each convention holds its published value, under its own name, and an independent evaluator agrees."""

from pathlib import Path
from typing import Any

import ir_measures
import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from ir_measures import AP, RR, P, R, nDCG

from tastemaker.core.errors import DataError
from tastemaker.evaluation.conventions import EVIDENCE, LISTS, METRICS, RANKS, SETS, USUAL
from tastemaker.evaluation.metrics import average_precision, precision_micro
from tastemaker.evaluation.targets import ranks_in_lists

# The example of RePlay's tests; values confirmed with trec_eval, RecTools, implicit, RePlay and LensKit's code.
LISTED = [[3, 7, 10, 11, 2], [5, 8, 11, 1, 3], [4, 9, 2]]
TRUTH = [{5, 6, 7, 8, 9, 10}, {4, 6, 7, 10, 11}, {1, 2, 3, 4, 5}]
LENGTHS = np.array([5, 5, 3])
GOLDEN = {
    "precision": (0.555556, 0.333333, 0.166667),
    "precision_of_list": (0.555556, 0.422222, 0.422222),
    "recall": (0.311111, 0.311111, 0.311111),
    "recall_capped": (0.555556, 0.333333, 0.311111),
    "hr": (1.0, 1.0, 1.0),
    "mrr": (0.611111, 0.611111, 0.611111),
    "map": (0.351852, 0.211111, 0.198148),
    "map_over_relevant": (0.198148, 0.198148, 0.198148),
    "map_over_k": (0.351852, 0.211111, 0.105556),
    "ndcg": (0.489760, 0.353962, 0.340181),
    "ndcg_over_k": (0.489760, 0.353962, 0.229697),
    "ndcg_clipped": (0.493208, 0.364329, 0.349374),
}
CASES = [(name, k, value) for name, row in GOLDEN.items() for k, value in zip((3, 5, 10), row, strict=True)]


def mean(name: str, k: int, lists: Any = LISTED, truth: Any = TRUTH) -> float:
    measure = RANKS[name].measure
    assert measure is not None
    return float(measure(ranks_in_lists(lists, truth), k, np.array([len(each) for each in lists])).mean())


@pytest.mark.parametrize(("name", "k", "value"), CASES)
def test_each_convention_has_its_published_value(name: str, k: int, value: float) -> None:
    assert mean(name, k) == pytest.approx(value, abs=1e-6)


@pytest.mark.parametrize(("k", "value"), [(3, 0.351852), (5, 0.285185), (10, 0.285185)])
def test_average_precision_over_the_list_is_that_of_lists_that_are_cut(k: int, value: float) -> None:
    # LensKit divides by min(relevant, length of the list), and its lists are cut at k.
    assert mean("map_over_list", k) == pytest.approx(value, abs=1e-6)


@pytest.mark.parametrize(("k", "value"), [(3, 0.555556), (5, 0.333333), (10, 0.312500)])
def test_micro_precision_is_the_ratio_of_sums(k: int, value: float) -> None:
    assert precision_micro(ranks_in_lists(LISTED, TRUTH), k) == pytest.approx(value, abs=1e-6)


def test_every_name_says_what_it_computes_and_who_agrees() -> None:
    for name, convention in METRICS.items():
        assert convention.formula, name
        assert convention.others, name
        assert (convention.measure is None) == (name not in RANKS)
    assert set(USUAL) | set(SETS) <= {*RANKS, *LISTS}
    assert len(METRICS) == len(RANKS) + len(LISTS) + len(EVIDENCE)


def test_a_denominator_that_does_not_exist_is_refused() -> None:
    ranks = ranks_in_lists(LISTED, TRUTH)
    with pytest.raises(DataError, match="no denominator 'kk'"):
        average_precision(ranks, 3, "kk")  # type: ignore[arg-type]
    with pytest.raises(DataError, match="lengths of the lists"):
        average_precision(ranks, 3, "list")


@st.composite
def judged_lists(draw: st.DrawFn) -> tuple[list[list[int]], list[set[int]]]:
    """Lists of distinct items, some empty or short, and one relevant item or more for each."""
    queries = draw(st.integers(1, 6))
    lists = [draw(st.lists(st.integers(0, 30), max_size=25, unique=True)) for _ in range(queries)]
    truth = [draw(st.sets(st.integers(0, 30), min_size=1, max_size=12)) for _ in range(queries)]
    return lists, truth


@given(case=judged_lists(), k=st.integers(1, 20))
@settings(max_examples=200, suppress_health_check=[HealthCheck.too_slow])
def test_trec_eval_agrees(case: tuple[list[list[int]], list[set[int]]], k: int) -> None:
    lists, truth = case
    judgements = [ir_measures.Qrel(str(q), str(item), 1) for q, items in enumerate(truth) for item in items]
    run = [
        ir_measures.ScoredDoc(str(q), str(item), float(-place))
        for q, items in enumerate(lists)
        for place, item in enumerate(items)
    ]
    theirs = {
        "ndcg": nDCG @ k,
        "precision": P @ k,
        "recall": R @ k,
        "mrr": RR @ k,
        "map_over_relevant": AP @ k,
    }
    found = ir_measures.calc_aggregate(list(theirs.values()), judgements, run)
    for name, measure in theirs.items():
        assert mean(name, k, lists, truth) == pytest.approx(found[measure], abs=1e-6), name


def test_the_page_on_evaluation_says_what_the_code_says() -> None:
    page = (Path(__file__).resolve().parents[2] / "docs" / "evaluation.md").read_text(encoding="utf-8")
    for name, convention in METRICS.items():
        formula, others = (text.replace("|", r"\|") for text in (convention.formula, convention.others))
        assert f"| `{name}` | {formula} | {others} |" in page
