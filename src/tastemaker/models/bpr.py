"""BPR: matrix factorisation that puts what was touched before what was not, by stochastic gradients."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any, ClassVar, Final

import numpy as np
from numpy.typing import NDArray
from scipy import sparse

from tastemaker.core.query import Query, QueryBatch
from tastemaker.core.recommendations import Contribution, Contributions
from tastemaker.core.run import Run
from tastemaker.data.dataset import Dataset
from tastemaker.models import storage
from tastemaker.models.base import Settings
from tastemaker.models.factors import FactorModel
from tastemaker.models.history import History
from tastemaker.models.item_to_item import DECAY_GRID, interaction_matrix
from tastemaker.models.space import Choice, Integer, Real, Space

_SPREAD: Final = 0.1
_FOLD_RIDGE: Final = 1e-3
"""Ridge of the map from histories to vectors, as a share of the average square that it acts on."""


class BPR(FactorModel):
    """Bayesian personalised ranking of matrix factorisation (Rendle et al., 2009, section 4.3.1).

    Maximises ``sum over (u, i, j) of ln sigma(x_u'y_i - x_u'y_j) - regularisation (|x_u|^2 + |y_i|^2 + |y_j|^2) / 2``
    where ``u`` touched ``i`` and not ``j``, drawn uniformly, in batches with steps of Adagrad (Duchi et al., 2011)
    instead of one by one.

    People are not kept, and BPR does not say how to serve somebody new. Here the vector of a history is
    ``c + M' a`` where ``a`` is the average of its items' vectors by ``weight * age_decay``; ``M`` and ``c`` are the
    ridge regression of the trained people's vectors on the averages of theirs.

    This is a baseline of the literature, not a model to choose: iALS and EASE are as quick and rank better.

    Args:
        dimensions: Length of the vectors.
        learning_rate: Adagrad's.
        regularisation: lambda, the same for people and items.
        epochs: How often each event is looked at.
        batch_size: Triples for each step.
        age_decay: A key of `tastemaker.models.history.AGE_DECAYS`.

    Attributes:
        fold_: ``M`` and, in the last row, ``c``, float32 ``[d + 1, d]``.
    """

    name: ClassVar[str] = "bpr"
    grid: ClassVar[Mapping[str, tuple[Any, ...]]] = {
        "dimensions": (64,),
        "learning_rate": (0.1,),
        "regularisation": (0.03, 0.01, 0.1),
        "epochs": (30,),
        "batch_size": (1024,),
        "age_decay": ("uniform", *[decay for decay in DECAY_GRID if decay != "uniform"]),
    }
    space: ClassVar[Space] = {
        "dimensions": Integer(8, 256, log=True),
        "learning_rate": Real(0.01, 0.5, log=True),
        "regularisation": Real(0.001, 1, log=True),
        "epochs": Integer(10, 100, log=True),
        "age_decay": Choice(DECAY_GRID),
    }

    fold_: NDArray[np.float32]

    def __init__(
        self,
        *,
        dimensions: int | None = None,
        learning_rate: float | None = None,
        regularisation: float | None = None,
        epochs: int | None = None,
        batch_size: int | None = None,
        age_decay: str | None = None,
    ) -> None:
        self.dimensions = dimensions
        self.learning_rate = learning_rate
        self.regularisation = regularisation
        self.epochs = epochs
        self.batch_size = batch_size
        self.age_decay = age_decay

    def _factorise(self, train: Dataset, settings: Settings, run: Run) -> None:
        touched = interaction_matrix(train)
        rng = run.rng("bpr")
        people, items = (_Table(_start(count, rng, settings), settings) for count in touched.shape)
        with run.track("Ranking pairs", settings["epochs"]) as advance:
            for _ in range(settings["epochs"]):
                for user, liked, other in _triples(touched, settings["batch_size"], rng):
                    x, gap = people.values[user], items.values[liked] - items.values[other]
                    lead = np.einsum("bd,bd->b", x, gap)[:, None]
                    surprise = 0.5 - 0.5 * np.tanh(lead / 2)  # the logistic function of -lead, which never overflows
                    people.ascend(user, surprise * gap)
                    items.ascend(np.concatenate([liked, other]), np.concatenate([surprise * x, -surprise * x]))
                advance(1)
        self.item_factors_ = items.values * (self.popularity_ > 0)[:, None]
        self.fold_ = _fold(_shares(touched) @ self.item_factors_, people.values)

    def _vectors(self, queries: QueryBatch, settings: Settings) -> NDArray[np.float32]:
        shares = _shares(History.of(queries, self.items_).matrix(len(self.items_), settings["age_decay"]))
        return np.asarray((shares @ self.item_factors_) @ self.fold_[:-1] + self.fold_[-1])

    def _parts(self, query: Query, item: int) -> Contributions:
        matrix = History.of(QueryBatch.of([query]), self.items_).matrix(len(self.items_), self.settings_["age_decay"])
        shares = _shares(matrix)
        amounts = shares.data * (self.item_factors_[shares.indices] @ (self.fold_[:-1] @ self.item_factors_[item]))
        parts = [
            Contribution("item", self.items_.ids[number], float(amount))
            for number, amount in zip(shares.indices, amounts, strict=True)
        ]
        anybody = float(self.fold_[-1] @ self.item_factors_[item]) + float(self._prior[item])
        parts.append(Contribution("popularity", "popularity", anybody))
        return Contributions(self.items_.ids[item], float(sum(part.amount for part in parts)), tuple(parts))

    def _state(self) -> tuple[dict[str, Any], storage.Tensors]:
        fitted, tensors = super()._state()
        return fitted, tensors | {"fold": self.fold_}

    def _restore(self, fitted: Mapping[str, Any], tensors: storage.Tensors) -> None:
        super()._restore(fitted, tensors)
        self.fold_ = tensors["fold"]


def _start(count: int, rng: np.random.Generator, settings: Settings) -> NDArray[np.float32]:
    return rng.standard_normal((count, settings["dimensions"]), dtype=np.float32) * np.float32(_SPREAD)


class _Table:
    """Vectors that climb by Adagrad."""

    def __init__(self, values: NDArray[np.float32], settings: Settings) -> None:
        self.values = values
        self._squares = np.full_like(values, 1e-8)
        self._rate = np.float32(settings["learning_rate"])
        self._ridge = np.float32(settings["regularisation"])

    def ascend(self, places: NDArray[np.int64], slopes: NDArray[np.float32]) -> None:
        """Climb along ``slopes``, summed where a place occurs more than once."""
        order = np.argsort(places, kind="stable")
        edges = np.append(np.flatnonzero(np.diff(places[order], prepend=-1)), len(places))
        rows = places[order[edges[:-1]]]
        ones = np.ones(len(places), dtype=np.float32)
        gather = sparse.csr_array((ones, order, edges), shape=(len(rows), len(places)))
        values, squares = self.values[rows], self._squares[rows]
        steps = gather @ slopes
        steps -= self._ridge * np.diff(edges)[:, None].astype(np.float32) * values
        squares += steps * steps
        steps *= self._rate / np.sqrt(squares)
        values += steps
        self.values[rows], self._squares[rows] = values, squares


def _triples(
    touched: sparse.csr_array, size: int, rng: np.random.Generator
) -> Iterator[tuple[NDArray[np.int64], NDArray[np.int64], NDArray[np.int64]]]:
    """Yield every pair in random order, each with an item that the person did not touch, ``size`` at a time."""
    m, n = touched.shape
    users = np.repeat(np.arange(m), np.diff(touched.indptr))
    liked = touched.indices.astype(np.int64)
    pairs = np.sort(users * n + liked)
    order = rng.permutation(len(pairs))
    for start in range(0, len(order), size):
        block = order[start : start + size]
        other = rng.integers(0, n, len(block))
        drawn = users[block] * n + other
        free = pairs[np.minimum(np.searchsorted(pairs, drawn), len(pairs) - 1)] != drawn
        if free.any():
            yield users[block][free], liked[block][free], other[free]


def _shares(amounts: sparse.csr_array) -> sparse.csr_array:
    """Return the rows of ``amounts`` divided by the sums of their magnitudes."""
    owner = np.repeat(np.arange(amounts.shape[0]), np.diff(amounts.indptr))
    total = np.bincount(owner, np.abs(amounts.data), amounts.shape[0])
    data = (amounts.data / np.maximum(total[owner], 1e-30)).astype(np.float32)
    return sparse.csr_array((data, amounts.indices, amounts.indptr), shape=amounts.shape)


def _fold(averages: NDArray[np.float32], people: NDArray[np.float32]) -> NDArray[np.float32]:
    """Return the ridge regression of ``people`` on ``averages`` and one, float32 ``[d + 1, d]``."""
    with_one = np.column_stack([averages, np.ones(len(averages))]).astype(np.float64)
    square = with_one.T @ with_one
    ridge = np.full(len(square), _FOLD_RIDGE * np.trace(square[:-1, :-1]) / (len(square) - 1) + 1e-12)
    ridge[-1] = 0
    found = np.linalg.solve(square + np.diag(ridge), with_one.T @ people.astype(np.float64))
    return np.asarray(found, dtype=np.float32)
