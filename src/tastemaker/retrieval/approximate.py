"""Approximate vector search by usearch's graph (extra `ann`): far fewer products than there are vectors."""

from __future__ import annotations

from importlib.util import find_spec
from pathlib import Path
from typing import Any, ClassVar, Final, Self

import numpy as np
from numpy.typing import ArrayLike, NDArray

from tastemaker.core.errors import DataError, MissingExtraError
from tastemaker.core.files import atomic_folder
from tastemaker.core.run import Run
from tastemaker.retrieval import folder as stored
from tastemaker.retrieval.best import careful_scores, put_best
from tastemaker.retrieval.exact import ExactIndex
from tastemaker.retrieval.port import NOTHING, Allowed, Numbers, Scores, checked_k, checked_mask, checked_vectors

_GRAPH: Final = "graph.usearch"
COST: Final = 500
"""Looking at one candidate in the graph takes as long as comparing about so many vectors in their order."""
COPYING: Final = 5
"""Comparing a copied vector takes as long as comparing about so many in their order."""


def usearch_installed() -> bool:
    """Return whether the extra `ann` is there."""
    return find_spec("usearch") is not None


class UsearchIndex:
    """Walks a graph of neighbours (HNSW: Malkov and Yashunin, 2018) towards the query.

    The graph holds vectors as bfloat16, and finds candidates; what is returned is scored from the float32 vectors,
    as `ExactIndex` does. So scores are true, but a vector may be missed: the share that is found is what
    ``expansion_search`` buys with time, and depends on the data. It is lower where vectors have very different
    lengths, since the walk goes by products.

    With ``allowed``, more is asked of the graph, and more again until enough of it is allowed; where that would take
    longer than comparing all that may be found, they are compared instead.

    Args:
        vectors: Numbers in rows ``[n, d]``; float32 is not copied, and must not be changed afterwards.
        connectivity: Neighbours of a vector in the graph.
        expansion_add: How many candidates are looked at when a vector is put into the graph.
        expansion_search: How many when one is searched, at least ``k``; the more, the fewer are missed.
        run: Gives the number of threads; with more than one the graph is another each time.

    Raises:
        MissingExtraError: usearch is not installed.
        DataError: The vectors are no such table, or hold NaN or infinities.
    """

    kind: ClassVar[str] = "usearch"

    def __init__(
        self,
        vectors: ArrayLike,
        *,
        connectivity: int = 16,
        expansion_add: int = 128,
        expansion_search: int = 256,
        run: Run | None = None,
    ) -> None:
        given = checked_vectors(vectors)
        self._exact = ExactIndex(given[:0])
        self._settings = {
            "connectivity": connectivity,
            "expansion_add": expansion_add,
            "expansion_search": expansion_search,
        }
        self._threads = (run or Run()).threads
        self._graph = _empty_graph(given.shape[1], self._settings)
        self.add(given)

    @property
    def dim(self) -> int:
        """How long a vector is."""
        return self._exact.dim

    def __len__(self) -> int:
        return len(self._exact)

    def add(self, vectors: ArrayLike) -> None:
        """Take in more vectors ``[m, dim]``, and put them into the graph."""
        new = checked_vectors(vectors, self.dim)
        first = len(self)
        if len(new):
            self._graph.add(np.arange(first, first + len(new), dtype=np.uint64), new, threads=self._threads)
        if first:
            self._exact.add(new)
        else:
            self._exact = ExactIndex(new)

    def search(self, queries: ArrayLike, k: int, allowed: ArrayLike | None = None) -> tuple[Numbers, Scores]:
        """Return the best ``k`` that the graph finds for each query: see `VectorIndex.search`."""
        asked, k = checked_vectors(queries, self.dim, "queries"), checked_k(k)
        mask = checked_mask(allowed, len(self))
        share = 1.0 if mask is None else float(mask.mean())
        wanted = int(max(k, self._settings["expansion_search"]) / max(share, 1e-9))
        numbers = np.full((len(asked), k), NOTHING, dtype=np.int32)
        scores = np.full(numbers.shape, -np.inf, dtype=np.float32)
        short = np.arange(len(asked))
        while len(short) and self._worth_it(wanted, share):
            short = self._walk(asked, short, wanted, mask, numbers, scores)
            wanted *= 2
        if len(short):
            numbers[short], scores[short] = self._exact.search(asked[short], k, mask)
        return numbers, scores

    def _worth_it(self, wanted: int, share: float) -> bool:
        """Say whether asking the graph for so many is cheaper than comparing all, or a copy of a small share."""
        return wanted < len(self) and wanted * COST < len(self) * min(1.0, COPYING * share)

    def _walk(
        self,
        queries: NDArray[np.float32],
        which: NDArray[np.int64],
        wanted: int,
        mask: Allowed | None,
        numbers: Numbers,
        scores: Scores,
    ) -> NDArray[np.int64]:
        """Ask the graph for ``wanted`` of some queries, fill in theirs, and return those that have too few."""
        found = self._graph.search(queries[which], wanted, threads=self._threads)
        keys = np.asarray(found.keys).reshape(len(which), -1).astype(np.int64)
        counts = [keys.shape[1]] if len(which) == 1 else found.counts
        short: list[int] = []
        for query, row, count in zip(which.tolist(), keys, counts, strict=True):
            candidates = row[: int(count)].astype(np.int32)
            candidates = candidates if mask is None else candidates[mask[candidates]]
            if len(candidates) < numbers.shape[1]:
                short.append(query)
                continue
            careful = careful_scores(self._exact.vectors, queries[query], candidates)
            put_best(numbers[query], scores[query], candidates, careful)
        return np.asarray(short, dtype=np.int64)

    def save(self, folder: Path) -> None:
        """Write vectors and graph as a folder, whole or not at all."""
        with atomic_folder(Path(folder), replaces=stored.ABOUT) as place:
            stored.write_array(place / stored.VECTORS, self._exact.vectors)
            self._graph.save(str(place / _GRAPH))
            facts = {"vectors": len(self), "dim": self.dim, "longest": self._exact.longest, **self._settings}
            stored.write_about(place, self.kind, facts)

    @classmethod
    def load(cls, folder: Path, *, run: Run | None = None) -> Self:
        """Read what `save` wrote; the vectors stay on disk until they are needed, the graph is read.

        Raises:
            MissingExtraError: usearch is not installed.
            DataError: The folder is incomplete, damaged, or of something else.
        """
        about = stored.read_about(folder, cls.kind)
        names = ("connectivity", "expansion_add", "expansion_search")
        settings = {name: int(stored.number(about, name, folder)) for name in names}
        exact = ExactIndex.of_folder(folder, about)
        index = cls(exact.vectors[:0], **settings, run=run)
        index._exact = exact
        try:
            index._graph.load(str(Path(folder) / _GRAPH))
        except (OSError, RuntimeError, ValueError) as error:
            raise _damaged(folder) from error
        if len(index._graph) != len(exact):
            raise _damaged(folder)
        index._graph.expansion_add = settings["expansion_add"]
        index._graph.expansion_search = settings["expansion_search"]
        return index


def _damaged(folder: Path) -> DataError:
    return DataError(
        f"{_GRAPH} cannot be read", where=str(folder), remedy="Build the index again, or copy the whole folder."
    )


def _empty_graph(dim: int, settings: dict[str, int]) -> Any:
    if not usearch_installed():
        raise MissingExtraError("approximate vector search", "ann")
    from usearch.index import Index

    graph: Any = Index(
        ndim=dim,
        metric="ip",
        dtype="bf16",
        connectivity=settings["connectivity"],
        expansion_add=settings["expansion_add"],
        expansion_search=settings["expansion_search"],
    )
    return graph
