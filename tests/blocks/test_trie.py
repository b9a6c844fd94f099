"""The trie knows the beginnings of codes and nothing else, also that of a few of the items."""

from __future__ import annotations

from itertools import pairwise

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from tastemaker.blocks.codes import Codes
from tastemaker.blocks.trie import NOWHERE, Trie
from tastemaker.core.errors import DataError, UnknownItemError

VOCABULARY = 4
Code = tuple[int, ...]


@st.composite
def prefix_free(draw: st.DrawFn) -> list[Code]:
    """Distinct codes of 1 to 4 tokens, none the beginning of another, in any order."""
    drawn = draw(st.lists(st.lists(st.integers(0, VOCABULARY - 1), min_size=1, max_size=4), max_size=40))
    kept: list[Code] = []
    for row in map(tuple, drawn):
        if not any(row[: len(other)] == other[: len(row)] for other in kept):
            kept.append(row)
    return kept


def codes(rows: list[Code]) -> Codes:
    tokens = np.full((len(rows), 4), -1, dtype=np.int32)
    for item, row in enumerate(rows):
        tokens[item, : len(row)] = row
    return Codes(tokens, VOCABULARY)


def followers(rows: list[Code]) -> dict[Code, list[int]]:
    """What may follow each beginning: the plain dictionary that the trie has to agree with."""
    found: dict[Code, set[int]] = {(): set()}
    for row in rows:
        for length in range(len(row)):
            found.setdefault(row[:length], set()).add(row[length])
        found[row] = set()
    return {beginning: sorted(tokens) for beginning, tokens in found.items()}


def walk(trie: Trie, beginning: Code) -> int:
    node = np.array([trie.root])
    for token in beginning:
        node = trie.step(node, [token])
    return int(node[0])


def check(trie: Trie, items: dict[Code, int]) -> None:
    """Compare a trie with the codes of its items, at all beginnings in one call."""
    wanted = followers(list(items))
    beginnings = list(wanted)
    nodes = np.array([walk(trie, beginning) for beginning in beginnings])
    assert sorted(nodes) == list(range(len(trie)))
    indptr, tokens, children = trie.allowed(nodes)
    assert [tokens[a:b].tolist() for a, b in pairwise(indptr)] == list(wanted.values())
    assert trie.item_of(nodes).tolist() == [items.get(beginning, NOWHERE) for beginning in beginnings]
    for token in range(-1, VOCABULARY + 1):
        stepped = trie.step(nodes, [token])
        for place, beginning in enumerate(beginnings):
            if token in wanted[beginning]:
                edge = indptr[place] + wanted[beginning].index(token)
                assert stepped[place] == children[edge] == walk(trie, (*beginning, token))
            else:
                assert stepped[place] == NOWHERE


@given(prefix_free())
def test_the_trie_agrees_with_a_dictionary_of_beginnings(rows: list[Code]) -> None:
    check(Trie(codes(rows)), {row: item for item, row in enumerate(rows)})


@given(prefix_free(), st.data())
def test_a_subset_is_the_trie_of_its_items(rows: list[Code], data: st.DataObject) -> None:
    items = data.draw(st.lists(st.sampled_from(range(len(rows))), max_size=10)) if rows else []
    subset = Trie(codes(rows)).subset(items)
    check(subset, {rows[item]: item for item in items})
    chosen = sorted(set(items))
    alone = Trie(codes([rows[item] for item in chosen]))
    assert subset.indptr.tolist() == alone.indptr.tolist()
    assert subset.tokens.tolist() == alone.tokens.tolist()
    assert subset.items.tolist() == [chosen[item] if item >= 0 else NOWHERE for item in alone.items]
    fewer = chosen[::2]
    check(subset.subset(fewer), {rows[item]: item for item in fewer})


def test_nothing_follows_what_is_no_beginning() -> None:
    trie = Trie(codes([(0, 1), (2,)]))
    assert trie.step([NOWHERE, NOWHERE], [0, 3]).tolist() == [NOWHERE, NOWHERE]
    indptr, tokens, children = trie.allowed([NOWHERE, trie.root])
    assert (indptr.tolist(), tokens.tolist(), children.tolist()) == ([0, 0, 2], [0, 2], [1, 2])
    assert trie.item_of([NOWHERE]).tolist() == [NOWHERE]


def test_a_token_outside_the_vocabulary_reaches_no_neighbour() -> None:
    trie = Trie(codes([(0, 3), (1, 0)]))
    first = trie.step([trie.root], [0])
    assert trie.step(first, [VOCABULARY]).tolist() == [NOWHERE]
    assert trie.step(first + 1, [-1]).tolist() == [NOWHERE]


def test_items_that_share_a_code_have_no_trie() -> None:
    with pytest.raises(DataError, match=r"share a code \(items 0 and 2: 1 2\).*resolved"):
        Trie(codes([(1, 2), (0,), (1, 2)]))


@pytest.mark.parametrize("item", [-1, 2, 3])
def test_an_item_that_is_not_in_the_trie_is_in_no_subset(item: int) -> None:
    part = Trie(codes([(0,), (1,), (2,)])).subset([0, 1])
    assert part.is_subset
    with pytest.raises(UnknownItemError, match=f"item {item} is not in the trie"):
        part.subset([0, item])


def test_every_item_is_found_by_its_code_at_once() -> None:
    tokens = np.random.default_rng(0).permutation(6**4)[:800]
    many = Codes((tokens[:, None] // 6 ** np.arange(4) % 6).astype(np.int32), 6)
    trie = Trie(many)
    nodes = np.full(len(many), trie.root)
    for place in range(4):
        assert (trie.item_of(nodes) == NOWHERE).all()
        nodes = trie.step(nodes, many.tokens[:, place])
    assert trie.item_of(nodes).tolist() == list(range(800))
