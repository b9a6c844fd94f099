"""The recency bias of models whose explanations are known."""

import math
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import polars as pl
import pytest

from tastemaker.core.errors import DataError
from tastemaker.core.query import Query
from tastemaker.core.recommendations import Contribution, Contributions
from tastemaker.data import HeldOut, Split
from tastemaker.evaluation import compare, evaluate
from tastemaker.evaluation.evidence import recency_bias
from tastemaker.evaluation.runs import RunFile
from tastemaker.models import make_model

Ask = Callable[..., HeldOut]


class Explained:
    """Recommends one item and explains it by weights that fall with the age of an event."""

    name = "explained"
    item_ids: Any = None

    def __init__(self, weight: Callable[[int], float]) -> None:
        self.weight = weight

    def recommend(self, query: Query, *, k: int) -> Any:
        class Answer:
            def items(self) -> list[str]:
                return ["i9"]

        return Answer()

    def explain(self, query: Query, item_id: str) -> Contributions:
        assert query.history is not None
        last = len(query.history) - 1
        parts = tuple(
            Contribution("item", event.item_id, self.weight(last - place)) for place, event in enumerate(query.history)
        )
        return Contributions(item_id, 0.0, parts)


def bias(ask: Ask, weight: Callable[[int], float], histories: list[list[int]]) -> Any:
    held = ask([9] * len(histories), histories, items=10)
    return recency_bias(Explained(weight), held, latest=2)  # type: ignore[arg-type]


def test_a_model_that_sums_alike_has_no_bias(ask: Ask) -> None:
    found = bias(ask, lambda age: 1.0, [[0, 1, 2, 3], [4, 5, 6]])
    assert found.latest_share == pytest.approx(found.latest_if_uniform) == pytest.approx((2 / 4 + 2 / 3) / 2)
    assert found.lift == pytest.approx(1.0)
    assert found.age == pytest.approx(0.5)
    assert found.queries == 2


def test_a_model_of_the_last_event_has_all_of_it(ask: Ask) -> None:
    found = bias(ask, lambda age: float(age == 0), [[0, 1, 2, 3, 4]])
    assert (found.latest_share, found.age) == (1.0, 0.0)
    assert found.lift == pytest.approx(5 / 2)


def test_what_speaks_against_an_item_is_no_evidence(ask: Ask) -> None:
    found = bias(ask, lambda age: -5.0 if age == 0 else 1.0, [[0, 1, 2, 3]])
    assert found.latest_share == pytest.approx(1 / 3)


def test_an_item_met_twice_counts_at_its_latest_event(ask: Ask) -> None:
    found = bias(ask, lambda age: float(age == 0), [[3, 0, 1, 2, 3]])
    assert found.latest_share == 1.0
    assert found.latest_if_uniform == 2 / 4


def test_lists_that_are_there_already_are_explained_as_they_are(ask: Ask) -> None:
    held = ask([9, 9], [[0, 1, 2, 3], [4, 5, 6]], items=10)
    model = Explained(lambda age: float(age == 0))
    model.item_ids = held.queries.dictionary
    lists = np.array([[7, -1], [-1, -1]], dtype=np.int32)
    found = recency_bias(model, held, latest=2, lists=lists)  # type: ignore[arg-type]
    assert (found.queries, found.latest_share, found.lift) == (1, 1.0, 2.0)


def test_a_comparison_reports_it_where_it_is_asked_for(split: Split, counts: Callable[..., Any]) -> None:
    models = {name: make_model(name) for name in ("sequential-rules", "markov", "popularity", "item-knn")}
    models["silent"] = counts()
    asked = ["recency_bias", "evidence_age"]
    listed = RunFile("theirs", Path("t.csv"), _some_lists(split), "rank")
    found = compare(models, split, metrics=asked, replicates=10, lists=[listed], ks=(5, 10))
    values = {row.model: [row.metrics[f"{name}@5"].value for name in asked] for row in found.rows}
    # A Markov chain rests on the latest event alone, neighbours on all; popularity, a file and a silent model give no
    # evidence.
    assert values["markov"][0] > values["item-knn"][0] > 0
    assert values["markov"][1] == 0 < 0.3 < values["item-knn"][1] < 0.8
    assert all(map(math.isnan, values["popularity"] + values["theirs"] + values["silent"]))
    rows = {row["model"]: row["metrics"]["recency_bias@10"]["value"] for row in found.to_json()["rows"]}
    assert (rows["popularity"], rows["theirs"]) == (None, None)
    assert found.knobs["recency_bias"].startswith("share of the evidence")
    again = evaluate(models["item-knn"], split.test, train=split.train, metrics=asked, ks=(5, 10))
    assert again.metrics["recency_bias@5"] == values["item-knn"][0]


def _some_lists(split: Split) -> pl.DataFrame:
    people = pl.Series("query", list(dict.fromkeys(map(str, split.test.queries.user_ids))))
    item = str(split.train.items.ids[0])
    return people.to_frame().with_columns(item_id=pl.lit(item), score=pl.lit(None, pl.Float64), rank=pl.lit(1.0))


def test_without_evidence_there_is_an_error(ask: Ask) -> None:
    with pytest.raises(DataError, match="no list of explained rests on"):
        bias(ask, lambda age: 0.0, [[0, 1, 2, 3]])
    with pytest.raises(DataError, match="longer than 2"):
        bias(ask, lambda age: 1.0, [[0]])
