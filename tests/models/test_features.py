"""What is known of things becomes tokens that a person can read."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Any

import numpy as np
import polars as pl
import pytest

from tastemaker.core.errors import DataError
from tastemaker.core.query import NO_TIME
from tastemaker.models.features import Features, Reader, chosen_columns, moments_of, title_tokens, with_moment
from tastemaker.models.ragged import Ragged, merged, row_pairs


def tokens(name: str, values: list[Any]) -> list[list[str]]:
    frame = pl.DataFrame({name: values}, strict=False)
    return Reader.of(frame, [name]).tokens(frame)


@pytest.mark.parametrize(
    ("values", "expected"),
    [
        (["F", "M", None, ""], [["x=F"], ["x=M"], [], []]),
        ([1.0, 2.5, None], [["x=1"], ["x=2.5"], []]),
        ([True, False], [["x=True"], ["x=False"]]),
        ([["Drama", "War"], [], None], [["x=Drama", "x=War"], [], []]),
        ([["Books > Crime"]], [["x=Books", "x=Books > Crime"]]),
    ],
)
def test_words_numbers_and_paths_become_tokens(values: list[Any], expected: list[list[str]]) -> None:
    assert tokens("x", values) == expected


def test_many_numbers_are_cut_at_their_deciles() -> None:
    found = [each for (each,) in tokens("year", list(range(1900, 2000)))]
    assert len(set(found)) == 10
    assert found[0] == "year=below 1910"
    assert found[15] == "year=1910 to 1920"
    assert found[99] == "year=from 1989"
    assert all(8 <= found.count(token) <= 12 for token in set(found))


def test_the_cuts_are_those_of_training() -> None:
    reader = Reader.of(pl.DataFrame({"price": list(range(100))}), ["price"])
    later = reader.tokens(pl.DataFrame({"price": [-5.0, 1000.0, None]}))
    assert later == [["price=below 10"], ["price=from 89"], []]
    assert reader.tokens(pl.DataFrame({"title": ["no price here"]})) == [[]]


def test_the_usual_columns_are_groups_and_never_ids() -> None:
    people = pl.DataFrame(
        {"user_id": list("abcdefghij"), "gender": list("FM" * 5), "zip": list("0123456789"), "text": ["x"] * 10}
    )
    assert chosen_columns(people, "all", None) == ["gender"]
    assert chosen_columns(people, ["zip"], None) == ["zip"]
    assert chosen_columns(people, "zip", None) == ["zip"]
    assert chosen_columns(people, "all", ("zip", "brand")) == ["zip"]
    assert chosen_columns(None, "all", None) == chosen_columns(people, "none", None) == []
    with pytest.raises(DataError, match=r"no column 'gendr'.*Did you mean 'gender'"):
        chosen_columns(people, ["gendr"], None)


def test_things_are_described_in_the_order_of_their_ids() -> None:
    frame = pl.DataFrame({"item_id": ["a", "b"], "brand": ["x", "y"]})
    found = Features.learnt(frame, "item_id", ["b", "nowhere", "a"], ["brand"])
    assert found.names == ["brand=x", "brand=y"]
    assert found.rows.toarray().tolist() == [[0, 1], [0, 0], [1, 0]]
    found.add(pl.DataFrame({"item_id": ["c", "d"], "brand": ["z", "x"]}), "item_id", ["c", "d"])
    assert found.rows.toarray()[3:].tolist() == [[0, 0], [1, 0]]
    assert found.of_rows(np.asarray([-1, 0])).toarray().tolist() == [[0, 0], [0, 1]]


def test_moments_have_hour_and_weekday() -> None:
    monday = datetime(2024, 1, 1, 13, 30, tzinfo=UTC)
    frame = with_moment(moments_of(np.asarray([int(monday.timestamp() * 1e6), NO_TIME])))
    assert frame["hour"].to_list() == [13, None]
    assert frame["weekday"].to_list() == [1, None]


def test_titles_become_words() -> None:
    catalogue = pl.DataFrame({"item_id": ["a", "b"], "title": ["Toy Story", None]})
    assert title_tokens(catalogue, ["b", "a", "c"]) == [[], ["word=toy", "word=story"], []]
    assert title_tokens(catalogue.drop("title"), ["a"]) == [[]]


def test_rows_of_different_lengths_are_cut_and_put_together() -> None:
    first = Ragged(np.asarray([0, 2, 2, 3]), np.asarray([1, 2, 3]))
    second = Ragged.at(np.asarray([1, 2]), np.asarray([8, 9]), 3)
    both = merged([first, second])
    assert both.indptr.tolist() == [0, 2, 3, 5]
    assert both.values.tolist() == [1, 2, 8, 3, 9]
    assert both[slice(1, 3)].indptr.tolist() == [0, 1, 3]
    assert both[slice(1, 3)].values.tolist() == [8, 3, 9]
    assert both.rows().tolist() == [0, 0, 1, 2, 2]


def test_pairs_are_all_within_a_row() -> None:
    rng = np.random.default_rng(0)
    lengths = rng.integers(0, 4, (2, 20))
    first, second = (np.append(0, np.cumsum(each)) for each in lengths)
    row, one, other = row_pairs(first, second)
    expected = [
        (r, a, b) for r in range(20) for a in range(first[r], first[r + 1]) for b in range(second[r], second[r + 1])
    ]
    assert list(zip(row.tolist(), one.tolist(), other.tolist(), strict=True)) == expected
