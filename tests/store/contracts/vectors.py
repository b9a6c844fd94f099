"""What every store of vectors keeps."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor

import numpy as np
import pytest
from tests.store.contracts.opening import Contract, Reopen

from tastemaker.core.errors import DataError, QueryError
from tastemaker.store.ports import TenantStore, Vectors, VectorStore

DIM = 4


def drawn(count: int, seed: int = 0) -> Vectors:
    """Return vectors of small whole numbers: their products are exact, and many are equal."""
    return np.random.default_rng(seed).integers(-3, 4, (count, DIM)).astype(np.float32)


def sorted_out(
    kept: dict[str, Vectors], queries: Vectors, k: int, allowed: frozenset[str] | None
) -> list[list[tuple[str, float]]]:
    """Return the best ``k`` by a full sort."""
    return [
        sorted(
            ((name, float(vector @ query)) for name, vector in kept.items() if allowed is None or name in allowed),
            key=lambda hit: (-hit[1], hit[0]),
        )[:k]
        for query in queries
    ]


class VectorStoreContract(Contract):
    @pytest.fixture
    def vectors(self, tenant: TenantStore) -> VectorStore:
        return tenant.vectors

    def test_vectors_come_back_to_the_last_bit_in_the_order_asked(self, vectors: VectorStore, reopen: Reopen) -> None:
        table = np.random.default_rng(0).standard_normal((3, 5)).astype(np.float32)
        vectors.put("text", ["a", "é", "c"], table)
        for again in (False, True):
            store = reopen().vectors if again else vectors
            names, found = store.get("text", ["c", "nothing", "a"])
            assert names == ["c", "a"]
            assert found.dtype == np.float32
            np.testing.assert_array_equal(found, table[[2, 0]])

    def test_nothing_comes_from_a_space_that_is_not_there(self, vectors: VectorStore) -> None:
        names, found = vectors.get("none", ["a"])
        assert (names, len(found)) == ([], 0)
        assert vectors.search("none", drawn(2), 3) == [[], []]
        assert (list(vectors.scan("none")), vectors.spaces(), vectors.delete("none", ["a"])) == ([], {}, 0)

    def test_a_vector_that_was_there_is_replaced(self, vectors: VectorStore) -> None:
        vectors.put("text", ["a", "b"], drawn(2, 1))
        vectors.put("text", ["b", "b"], drawn(2, 2))
        np.testing.assert_array_equal(vectors.get("text", ["b"])[1], drawn(2, 2)[1:])
        assert vectors.spaces() == {"text": 2}

    def test_what_is_kept_does_not_follow_the_array_of_the_caller(self, vectors: VectorStore) -> None:
        table = np.ones((1, DIM), np.float32)
        vectors.search("text", table, 1)
        vectors.put("text", ["a"], table)
        vectors.search("text", table, 1)
        table[:] = 9
        assert vectors.search("text", np.ones((1, DIM), np.float32), 1) == [[("a", 4.0)]]

    def test_a_space_keeps_its_length(self, vectors: VectorStore, reopen: Reopen) -> None:
        vectors.put("text", ["a"], drawn(1))
        for again in (False, True):
            store = reopen().vectors if again else vectors
            with pytest.raises(DataError, match="3 dimensions, and those of the space have 4"):
                store.put("text", ["b"], np.ones((1, 3), np.float32))
            with pytest.raises(DataError, match="dimensions"):
                store.search("text", np.ones((1, 3), np.float32), 1)
            store.put("image", ["b"], np.ones((1, 3), np.float32))

    @pytest.mark.parametrize("wrong", [np.nan, np.inf])
    def test_numbers_that_are_none_are_refused_and_the_others_with_them(
        self, vectors: VectorStore, wrong: float
    ) -> None:
        table = drawn(2)
        table[1, 0] = wrong
        with pytest.raises(DataError, match="not finite"):
            vectors.put("text", ["a", "b"], table)
        assert vectors.spaces() == {}

    def test_each_vector_has_one_id(self, vectors: VectorStore) -> None:
        with pytest.raises(DataError, match="3 ids came with 2 vectors"):
            vectors.put("text", ["a", "b", "c"], drawn(2))
        with pytest.raises(DataError, match="empty"):
            vectors.put("text", ["a", ""], drawn(2))

    def test_at_least_one_is_asked_for(self, vectors: VectorStore) -> None:
        with pytest.raises(QueryError, match="k is 0"):
            vectors.search("text", drawn(1), 0)

    def test_the_best_are_those_of_a_full_sort(self, vectors: VectorStore) -> None:
        names = [f"v{number}" for number in range(50)]
        vectors.put("text", names, drawn(50))
        kept = dict(zip(names, drawn(50), strict=True))
        for k in (1, 7, 99):
            assert vectors.search("text", drawn(3, 9), k) == sorted_out(kept, drawn(3, 9), k, None)

    def test_only_what_is_allowed_is_found(self, vectors: VectorStore) -> None:
        names = [f"v{number}" for number in range(20)]
        vectors.put("text", names, drawn(20))
        kept = dict(zip(names, drawn(20), strict=True))
        for allowed in (frozenset(names[:3]), frozenset(["v5", "nothing"]), frozenset[str]()):
            assert vectors.search("text", drawn(2, 9), 5, allowed) == sorted_out(kept, drawn(2, 9), 5, allowed)

    @pytest.mark.parametrize("seed", range(4))
    def test_search_sees_every_change_before_it(self, vectors: VectorStore, seed: int, reopen: Reopen) -> None:
        rng = np.random.default_rng(seed)
        names = [f"v{number}" for number in range(12)]
        kept: dict[str, Vectors] = {}
        for step in range(30):
            some = [str(name) for name in rng.choice(names, rng.integers(1, 5), replace=False)]
            if rng.random() < 0.6:
                table = drawn(len(some), 100 * seed + step)
                vectors.put("text", some, table)
                kept.update(zip(some, table, strict=True))
            else:
                assert vectors.delete("text", some) == len(kept.keys() & set(some))
                kept = {name: vector for name, vector in kept.items() if name not in some}
            allowed = None if rng.random() < 0.5 else frozenset(names[:6])
            if rng.random() < 0.7:
                assert vectors.search("text", drawn(2, step), 4, allowed) == sorted_out(
                    kept, drawn(2, step), 4, allowed
                )
            if rng.random() < 0.05:
                vectors = reopen().vectors
        assert vectors.spaces() == ({"text": len(kept)} if kept else {})

    def test_search_while_others_put_finds_what_was_put_before_it(self, vectors: VectorStore) -> None:
        def put_and_find(number: int) -> bool:
            vector = np.zeros((1, DIM), np.float32)
            vector[0, number % DIM] = 10 + number
            vectors.put("text", [f"v{number}"], vector)
            return any(name == f"v{number}" for name, _ in vectors.search("text", vector, 40)[0])

        with ThreadPoolExecutor(4) as threads:
            assert all(threads.map(put_and_find, range(24)))

    def test_all_of_a_space_comes_in_the_order_of_its_ids(self, vectors: VectorStore) -> None:
        vectors.put("text", ["b", "a"], drawn(2, 1))
        vectors.put("text", ["c"], drawn(1, 2))
        vectors.put("image", ["z"], drawn(1, 3))
        blocks = list(vectors.scan("text"))
        assert [name for names, _ in blocks for name in names] == ["a", "b", "c"]
        table = np.concatenate([block for _, block in blocks])
        np.testing.assert_array_equal(table, np.concatenate([drawn(2, 1)[::-1], drawn(1, 2)]))

    def test_forgotten_vectors_are_gone_from_their_space_only(self, vectors: VectorStore, tenant: TenantStore) -> None:
        vectors.put("text", ["ann", "bob"], drawn(2))
        vectors.put("taste", ["ann"], drawn(1))
        assert vectors.delete("text", ["ann", "ann", "cy"]) == 1
        assert vectors.spaces() == {"taste": 1, "text": 1}
        assert tenant.holds("ann") == ["vectors.id"]
        vectors.delete("taste", ["ann"])
        assert tenant.holds("ann") == []
