"""Tables of vectors for the ids of people and items, in NumPy: random, spread along the graph, its leading directions.

What learns is in `tastemaker.blocks.id_vectors`. A table has the rows of `tastemaker.blocks.id_graph.IdGraph`; row 0,
for no id, is zero.

With ``A`` the normalised adjacency of people and items, let ``P = mean_{k=0..L} A^k``. For ``X`` of independent normal
entries of variance ``1/d``, the expectation of ``E E^T`` with ``E = P X`` is ``P P^T`` (Johnson and Lindenstrauss,
1984): who is near whom by paths of up to ``2 L`` steps, in ``d`` numbers each, blurred by about ``1 / sqrt(d)``. The
leading directions give the best ``P P^T`` that ``d`` numbers each can give, and are not blurred.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Final, Literal, TypeAlias

import numpy as np
from numpy.typing import NDArray
from scipy import sparse
from scipy.sparse.linalg import svds

from tastemaker.blocks.graph import handed_on, normalised, propagate
from tastemaker.blocks.id_graph import NO_ID, IdGraph
from tastemaker.core.errors import ConfigError, nearest

Floats: TypeAlias = NDArray[np.floating[Any]]

Kind = Literal["none", "positional", "per-id", "propagated", "svd", "given"]
Mode = Literal["frozen", "trained", "linear"]

MODES: Final[Mapping[str, tuple[Mode, ...]]] = {
    "none": ("frozen",),
    "positional": ("trained",),
    "per-id": ("frozen", "trained"),
    "propagated": ("frozen", "linear", "trained"),
    "svd": ("frozen", "trained"),
    "given": ("frozen", "trained"),
}
"""The modes that each kind has; the first is the default."""

_NOTHING: Final = 1e-5


@dataclass(frozen=True)
class IdSettings:
    """Which vectors are added to the tokens of ids.

    Attributes:
        kind: ``none``; ``positional``, one vector for the k-th id of the prompt (whole-word embeddings; Geng et al.,
            2022); ``per-id``, a random one for each id; ``propagated``, random ones spread along the graph; ``svd``,
            the leading directions of the same; ``given``, a table from elsewhere: of texts, of a trained model.
        mode: ``frozen`` never changes; ``trained`` starts there and is then free; ``linear`` trains what is spread.
            Empty for the kind's first in `MODES`.
        layers: Steps along the graph, ``L``, from 0.
        alpha: Root mean square of the vectors' entries over that of the tokens' entries, above 0.
        nearest: How many entries of each row of ``P`` the mode ``linear`` keeps, the largest; 0 keeps all, and takes
            ``2 L`` sparse products of the whole graph at every step.
        positions: How many ids of a prompt have a vector in ``positional``.
        seed: Of everything that is drawn.

    Raises:
        ConfigError: There is no such kind, it has no such mode, or a number is out of range.
    """

    kind: Kind = "propagated"
    mode: Mode | Literal[""] = ""
    layers: int = 4
    alpha: float = 1.0
    nearest: int = 32
    positions: int = 512
    seed: int = 0

    def __post_init__(self) -> None:
        if self.kind not in MODES:
            raise ConfigError(f"there are no id vectors '{self.kind}'", where="kind", remedy=nearest(self.kind, MODES))
        if not self.mode:
            object.__setattr__(self, "mode", MODES[self.kind][0])
        if self.mode not in MODES[self.kind]:
            advice = f"It can be: {', '.join(MODES[self.kind])}"
            raise ConfigError(f"id vectors '{self.kind}' cannot be '{self.mode}'", where="mode", remedy=advice)
        if not 0 < self.alpha < np.inf:
            raise ConfigError(f"alpha is {self.alpha}, but should be above 0", where="alpha")
        if self.layers < 0 or self.nearest < 0 or self.positions < 1:
            raise ConfigError(
                "layers and nearest should be at least 0, positions at least 1", where="layers, nearest, positions"
            )


def entry_rms(table: Floats) -> float:
    """Return the root mean square of the entries of all rows that are not zero; 0 where all are.

    Rows of zeros stand for no id, or for an id of which nothing is known.
    """
    rows = table[table.any(axis=1)]
    return float(np.sqrt(np.mean(np.square(rows, dtype=np.float64)))) if len(rows) else 0.0


def scale_to(table: Floats, rms: float) -> float:
    """Return what a table is multiplied by so that `entry_rms` becomes ``rms``.

    Raises:
        ConfigError: It is zero everywhere.
    """
    if not (own := entry_rms(table)):
        raise ConfigError("the vectors of ids are all zero, and cannot be scaled", where="kind")
    return rms / own


def random_features(rows: int, dim: int, seed: int) -> NDArray[np.float32]:
    """Return independent normal entries of variance ``1 / dim``, float32 ``[rows, dim]``; row 0 is zero."""
    drawn = np.random.default_rng(seed).standard_normal((rows, dim), dtype=np.float32)
    drawn /= np.float32(np.sqrt(dim))
    drawn[NO_ID] = 0
    return drawn


def leading_features(graph: IdGraph, dim: int, seed: int) -> NDArray[np.float32]:
    """Return the leading singular vectors of ``P``, those of the largest singular value first, float32 ``[rows, dim]``.

    They are the same for every number of layers from 1 on: a triplet ``(u, s, v)`` of the block of people and items
    makes an eigenvector ``(u, v) / sqrt(2)`` of ``A`` with eigenvalue ``s``, and ``mean_k s^k`` grows with ``s`` and
    is above what ``-s`` and 0 make of it. Who has no edge has zeros, and so have directions that the graph lacks.
    Spread along the graph they are ``U S``, so that ``E E^T`` is the best of rank ``dim`` for ``P P^T``.

    Args:
        graph: Who touched what.
        dim: How many, fewer than there are people and items.
        seed: Where the iteration starts.

    Raises:
        ConfigError: There are too few people or items.
    """
    least = min(len(graph.people), len(graph.items))
    if dim >= least:
        advice = f"Ask for fewer than {least} dimensions, or for propagated vectors."
        raise ConfigError(f"a graph of {least} on one side has no {dim} directions", where="svd", remedy=advice)
    start = np.random.default_rng(seed).standard_normal(least)
    block = normalised(graph.touched).astype(np.float64)
    people, values, items = svds(block, k=dim, v0=start)
    order = np.argsort(-values, kind="stable")
    both = np.concatenate([people[:, order], items[order].T]) / np.sqrt(2)
    both[:, values[order] < _NOTHING] = 0
    both[np.bincount(_ends(graph), minlength=len(both)) == 0] = 0
    signs = np.where(both[np.abs(both).argmax(axis=0), np.arange(dim)] < 0, -1, 1)
    return np.concatenate([np.zeros((1, dim)), both * signs]).astype(np.float32)


def sides(graph: IdGraph, table: Floats) -> tuple[Floats, Floats]:
    """Return the rows of the people ``[u, d]`` and those of the items ``[n, d]`` of a table, as views."""
    between = 1 + len(graph.people)
    return table[1:between], table[between:]


def propagated(graph: IdGraph, features: Floats, layers: int) -> Floats:
    """Return ``E = mean_{k=0..L} A^k X`` (He et al., 2020, equations 3 and 4; X random: Wang et al., 2024).

    Who has no edge keeps ``X / (L + 1)``.

    Args:
        graph: Who touched what.
        features: ``X``, ``[rows, d]``.
        layers: ``L``, from 0.

    Returns:
        ``[rows, d]`` of the type of ``features``; row 0 is zero.
    """
    found = propagate(normalised(graph.touched), *sides(graph, features), layers)
    return np.concatenate([np.zeros_like(features[:1]), *found])


def nearest_rows(
    graph: IdGraph, layers: int, count: int, *, block: int = 64
) -> tuple[NDArray[np.int64], NDArray[np.float32]]:
    """Return the largest entries of each row of ``P = mean_{k=0..L} A^k``: who is near whom, and how near.

    Of what the rows of Amazon's Beauty hold beside their own entry, by squares, 32 entries keep 96 %.

    Args:
        graph: Who touched what.
        layers: ``L``, from 0.
        count: How many are kept of a row; fewer where there are fewer rows.
        block: Rows that are worked out at a time.

    Returns:
        Rows of the table, int64 ``[rows, count]``, and the entries, float32 ``[rows, count]``; 0 where there are no
        more, and in row 0.
    """
    matrix, people = normalised(graph.touched), len(graph.people)
    count = min(count, graph.rows - 1)
    rows, entries = np.zeros((graph.rows, count), dtype=np.int64), np.zeros((graph.rows, count), dtype=np.float32)
    for first in range(1, graph.rows, block):
        some = np.arange(first, min(first + block, graph.rows))
        ones = np.zeros((graph.rows - 1, len(some)), dtype=np.float32)
        ones[some - 1, np.arange(len(some))] = 1
        found = np.concatenate(propagate(matrix, ones[:people], ones[people:], layers)).T
        rows[some] = np.argpartition(-found, count - 1, axis=1)[:, :count]
        entries[some] = np.take_along_axis(found, rows[some], axis=1)
    rows += 1
    rows[entries == 0] = NO_ID
    return rows, entries


@dataclass(frozen=True)
class IdTable:
    """A finished table and what it was made from.

    Attributes:
        vectors: ``E``, float32 ``[rows, d]``; row 0 is zero.
        features: ``X`` on the same scale, float32 ``[rows, d]``; ``vectors`` itself where nothing was spread.
    """

    vectors: NDArray[np.float32]
    features: NDArray[np.float32]


def make_table(
    settings: IdSettings, graph: IdGraph, dim: int, token_rms: float, given: Floats | None = None
) -> IdTable:
    """Return a table by id, scaled so that the root mean square of its entries is ``alpha`` times that of the tokens.

    Rows of zeros do not count, see `entry_rms`.

    Args:
        settings: A kind that goes by ids: ``per-id``, ``propagated``, ``svd`` or ``given``.
        graph: Who touched what in training; check it with `tastemaker.blocks.id_graph.refuse_held_out`.
        dim: ``d``, the length of the tokens' embeddings.
        token_rms: Root mean square of the entries of the tokens' embeddings, see `entry_rms`.
        given: The vectors of ``given``, people before items, ``[u + n, d]``; zeros where there is none.

    Raises:
        ConfigError: The kind does not go by ids, or the vectors given are missing or of another shape.
    """
    if settings.kind == "given":
        features = _checked(given, graph, dim)
    elif settings.kind == "svd":
        features = leading_features(graph, dim, settings.seed)
    elif settings.kind in ("per-id", "propagated"):
        features = random_features(graph.rows, dim, settings.seed)
    else:
        raise ConfigError(f"id vectors '{settings.kind}' have no table by id", where="kind")
    spread = settings.kind in ("propagated", "svd")
    vectors = propagated(graph, features, settings.layers) if spread else features
    scale = np.float32(scale_to(vectors, settings.alpha * token_rms))
    if not spread:
        return IdTable(vectors * scale, vectors * scale)
    return IdTable(vectors * scale, features * scale)


def _ends(graph: IdGraph) -> NDArray[np.int64]:
    """Return both ends of every edge, people counted from 0 and items after them, int64 ``[2 e]``."""
    return np.concatenate([graph.edges[:, 0], len(graph.people) + graph.edges[:, 1]])


def _checked(given: Floats | None, graph: IdGraph, dim: int) -> NDArray[np.float32]:
    shape = (graph.rows - 1, dim)
    if given is None or given.shape != shape or not np.isfinite(given).all():
        found = "missing" if given is None else f"of shape {given.shape}"
        advice = f"People before items, finite, of shape {shape}; zeros where there is none."
        raise ConfigError(f"the id vectors given are {found} or not finite", where="given", remedy=advice)
    return np.concatenate([np.zeros((1, dim), dtype=np.float32), given.astype(np.float32)])


def handed_on_by_items(graph: IdGraph, features: Floats, layers: int) -> Floats:
    """Return what each item hands on to somebody who joins the graph, ``[n, d]``, for `newcomers`.

    See `tastemaker.blocks.graph.handed_on`; here the newcomer's edge counts in the item's degree.
    """
    degrees = np.bincount(graph.edges[:, 1], minlength=len(graph.items)).astype(np.float32) + 1
    return handed_on(normalised(graph.touched), degrees, *sides(graph, features), layers)


def newcomers(handed: Floats, histories: Sequence[NDArray[np.integer[Any]]], layers: int) -> Floats:
    """Return the vectors of people who were not in the graph, from what they touched.

    It is the row that they would have had in the table with a zero row in ``X``, but that nothing flows from them to
    their items: exact for one layer, and near it for more where the items have many people. Without a known item it is
    zero. A table that was trained freely has moved away from what its features say; there this is where somebody with
    that history would have started.

    Args:
        handed: What `handed_on_by_items` returns, ``[n, d]``.
        histories: Numbers of the items that each person touched; negative ones, unknown, and repeats do not count.
        layers: ``L``, as there.

    Returns:
        ``[q, d]`` of the type of ``handed``.
    """
    known = [np.unique(items[items >= 0]) for items in histories]
    sizes = np.array([len(items) for items in known], dtype=np.int64)
    codes = np.concatenate([np.empty(0, dtype=np.int64), *known])
    shares = (1 / np.sqrt(np.maximum(sizes, 1)) / (layers + 1)).astype(handed.dtype)
    weights = np.repeat(shares, sizes)
    bounds = np.concatenate([[0], np.cumsum(sizes)])
    matrix = sparse.csr_array((weights, codes, bounds), shape=(len(known), len(handed)))
    return np.asarray(matrix @ handed)
