"""Lists from elsewhere are put to our test as they are, and what is amiss with them is counted."""

from collections.abc import Callable, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import polars as pl
import pytest

from tastemaker.core.errors import DataError
from tastemaker.core.run import Run
from tastemaker.data import Dataset, HeldOut, Interactions, Split
from tastemaker.evaluation import compare, evaluate
from tastemaker.evaluation.judge import Judge
from tastemaker.evaluation.listed import evaluate_lists, placed
from tastemaker.evaluation.queries import query_ids, write_queries
from tastemaker.evaluation.runs import RunFile
from tastemaker.evaluation.targets import NEVER

Ask = Callable[..., HeldOut]
Make = Callable[..., Any]


@pytest.fixture
def judge(ask: Ask) -> Judge:
    """Queries of ``a`` (twice), ``b`` and ``c`` over the items ``i0 .. i5``."""
    rows = [{"user_id": "x", "item_id": f"i{number}"} for number in range(6)]
    train = Dataset.of(Interactions.from_frame(pl.DataFrame(rows)), name="small")
    held = ask([[1], [2, 3], [4], [5]], [[0], [0, 1], [2], []], items=6, users=[0, 0, 1, 2])
    queries = replace(held.queries, user_ids=np.array(["a", "a", "b", "c"], dtype=object))
    return Judge(replace(held, queries=queries), train, (3,))


def run_of(rows: Sequence[tuple[str, str, float]], order: str = "rank") -> RunFile:
    frame = pl.DataFrame(rows, schema=["query", "item_id", "number"], orient="row").with_columns(
        pl.col("number").cast(pl.Float64)
    )
    nothing = pl.lit(None, pl.Float64)
    columns = (
        [pl.col("number").alias("score"), nothing.alias("rank")]
        if order == "score"
        else [nothing.alias("score"), pl.col("number").alias("rank")]
    )
    return RunFile("theirs", Path("theirs.csv"), frame.select("query", "item_id", *columns), order)


def shown(judge: Judge, lists: Any) -> list[list[str | None]]:
    return [[None if item < 0 else str(judge.train.items.ids[item]) for item in row] for row in lists]


def test_queries_are_named_by_their_user_and_numbered_where_there_are_several(judge: Judge) -> None:
    assert query_ids(judge.held).tolist() == ["a#1", "a#2", "b", "c"]


def test_names_of_queries_never_meet_those_of_other_people(judge: Judge) -> None:
    odd = replace(judge.held.queries, user_ids=np.array(["a", "a", "a#1", "c"], dtype=object))
    assert query_ids(replace(judge.held, queries=odd)).tolist() == ["a##1", "a##2", "a#1", "c"]


def test_a_list_for_a_person_answers_all_their_queries_but_those_with_a_list_of_their_own(judge: Judge) -> None:
    rows = [("a", "i3", 1), ("a", "i1", 2), ("a#2", "i2", 1), ("b", "i4", 5), ("b", "i0", 7)]
    found = placed(run_of(rows), judge)
    assert found.ranks.tolist() == [2, 1, NEVER, 1, NEVER]
    assert shown(judge, found.lists) == [["i3", "i1", None], ["i2", None, None], ["i4", "i0", None], [None] * 3]
    assert found.lengths.tolist() == [2, 1, 2, 0]
    assert (found.counts["lists"], found.counts["missing_queries"], found.counts["missing_users"]) == (3, 1, 1)
    assert found.counts["short_lists"] == 3


def test_what_is_amiss_is_counted(judge: Judge) -> None:
    rows = [
        *[("a", "i0", 1), ("a", "zebra", 2), ("a", "i1", 3), ("a", "i1", 4)],
        *[("nobody", "i1", 1), ("nobody", "i2", 2), ("c", "i5", 1)],
    ]
    found = placed(run_of(rows), judge)
    # The unknown item and the seen one keep their places; a repeated item counts where it stands first.
    assert found.ranks.tolist() == [3, NEVER, NEVER, NEVER, 1]
    assert found.counts["rows"] == 7
    assert found.counts["unknown_items"] == 2
    assert found.counts["unknown_queries"] == 1
    assert found.counts["duplicates"] == 2
    assert found.counts["seen"] == 3
    assert shown(judge, found.lists)[0] == ["i0", None, "i1"]
    assert found.lengths.tolist() == [3, 3, 0, 1]
    dropped = placed(run_of(rows), judge, seen="drop")
    assert dropped.ranks.tolist() == [2, NEVER, NEVER, NEVER, 1]
    assert dropped.counts["seen"] == 3


def test_an_answer_in_the_history_is_not_a_seen_item(judge: Judge, ask: Ask) -> None:
    again = ask([1], [[1, 2]], items=6)
    found = placed(run_of([("0", "i1", 1), ("0", "i2", 2)]), Judge(again, judge.train, (3,)), seen="drop")
    assert found.ranks.tolist() == [1]
    assert found.counts["seen"] == 1


def test_a_file_of_scores_is_put_in_order_and_equal_scores_are_drawn(judge: Judge) -> None:
    rows = [("b", "i1", 0.5), ("b", "i4", 0.5), ("b", "i5", 0.9)]
    found = [placed(run_of(rows, "score"), judge, seed=seed).ranks.tolist()[3] for seed in range(40)]
    assert set(found) == {2, 3}
    assert found == [placed(run_of(rows, "score"), judge, seed=seed).ranks.tolist()[3] for seed in range(40)]


def test_a_trec_run_goes_by_score_and_then_by_rank(judge: Judge) -> None:
    frame = pl.DataFrame(
        {"query": ["b"] * 3, "item_id": ["i1", "i4", "i5"], "score": [0.5, 0.5, 0.9], "rank": [2.0, 1.0, 3.0]}
    )
    found = placed(RunFile("t", Path("t.run"), frame, "score, then rank"), judge)
    assert shown(judge, found.lists)[2] == ["i5", "i4", "i1"]


def test_lists_for_other_people_are_refused(judge: Judge) -> None:
    with pytest.raises(
        DataError, match=r"not one of its lists .*'zoe' and others; the test asks for 'a#1'.*write-queries"
    ):
        placed(run_of([("zoe", "i1", 1)]), judge)


def test_missing_lists_count_as_missed(judge: Judge) -> None:
    evaluation, _ = evaluate_lists(run_of([("b", "i4", 1)]), judge)
    assert evaluation.per_user["ndcg@3"].tolist() == [0.0, 1.0, 0.0]
    assert evaluation.metrics["hr@3"] == pytest.approx(1 / 3)


def test_the_lists_of_a_model_are_worth_what_the_model_is(split: Split, counts: Make, tmp_path: Path) -> None:
    write_queries(split, tmp_path / "queries")
    queries = pl.read_parquet(tmp_path / "queries" / "test.parquet")
    train = pl.read_parquet(tmp_path / "queries" / "train.parquet")
    known = train["item_id"].value_counts().sort("count", "item_id", descending=[True, False])
    rows = []
    for query, history in queries.select("query_id", "history").iter_rows():
        unseen = known.filter(~pl.col("item_id").is_in(history)).head(10)
        rows += [(query, item, float(count)) for item, count in unseen.iter_rows()]
    frame = pl.DataFrame(rows, schema=["query", "item_id", "score"], orient="row").with_columns(
        pl.lit(None, pl.Float64).alias("rank")
    )
    model = counts().fit(split.train)
    ours = evaluate(model, split.test, train=split.train)
    theirs, found = evaluate_lists(RunFile("t", Path("t"), frame, "score"), Judge(split.test, split.train))
    assert not {name: found.counts[name] for name in ("seen", "missing_queries", "unknown_items") if found.counts[name]}
    # But for equal counts, which are drawn.
    assert theirs.metrics["hr@10"] == pytest.approx(ours.metrics["hr@10"], abs=0.06)
    assert theirs.metrics["ndcg@10"] == pytest.approx(ours.metrics["ndcg@10"], abs=0.04)


def test_queries_for_others_hold_no_answer_of_the_test(split: Split, tmp_path: Path) -> None:
    folder = tmp_path / "queries"
    write_queries(split, folder)
    files = {path.stem: pl.read_parquet(path) for path in folder.glob("*.parquet")}
    assert set(files) == {"train", "valid", "test", "items"}
    assert files["test"].columns == ["query_id", "user_id", "now", "history", "weights"]
    assert files["test"].height == len(split.test)
    assert files["train"].height == len(split.train.interactions)
    assert files["valid"]["targets"].list.len().sum() == len(split.valid.targets)
    answers = split.test.queries.dictionary[split.test.targets].tolist()
    assert not any(answer in row for answer, row in zip(answers, files["test"]["history"].to_list(), strict=True))
    first = files["test"].row(0, named=True)
    part = slice(int(split.test.queries.starts[0]), int(split.test.queries.ends[0]))
    assert first["history"] == split.test.queries.dictionary[split.test.queries.codes[part]].tolist()


def test_lists_stand_beside_models_in_one_table(split: Split, counts: Make) -> None:
    queries = query_ids(split.test).tolist()
    popular = split.train.interactions.frame["item_id"].value_counts(sort=True)["item_id"].head(10).to_list()
    rows = [(query, item, float(place)) for query in queries[:-3] for place, item in enumerate(popular)]
    found = compare({"sequential-rules": counts()}, split, lists=[run_of(rows)], run=Run(seed=2), replicates=50)
    row = found.rows[1]
    assert (row.model, row.status, row.settings_tried) == ("theirs", "ok", 0)
    assert row.lists is not None
    assert row.lists["missing_users"] == 3
    assert set(row.vs_baseline) >= {"ndcg@10", "hr@10", "popularity_lift@10"}
    json = found.to_json()["rows"][1]
    assert json["lists"]["seen_items"] == "counted as they stand in the lists"
    assert json["seconds"] is None
    assert "theirs is lists from a file" in found.notes()[-2]
    assert "3 people without a list" in found.notes()[-2]
    assert "ndcg_over_k" in found.notes()[-1]


def test_a_file_for_others_is_a_row_that_was_not_run(split: Split, counts: Make) -> None:
    lists = [run_of([("zoe", "i1", 1)])]
    found = compare({"sequential-rules": counts()}, split, lists=lists, replicates=10)
    assert found.rows[1].status == "not run"
    assert "not one of its lists" in str(found.rows[1].reason)


def test_two_rows_of_one_name_are_refused(split: Split, counts: Make) -> None:
    with pytest.raises(DataError, match="two rows are called 'theirs'"):
        compare({"theirs": counts()}, split, lists=[run_of([("1", "i1", 1)])])
