"""iALS: matrix factorisation of everything, what was touched and what was not, by alternating least squares."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from functools import cached_property
from typing import Any, ClassVar, Final

import numpy as np
from numpy.typing import NDArray
from scipy import sparse

from tastemaker.core.errors import ModelError, nearest
from tastemaker.core.query import Query, QueryBatch
from tastemaker.core.recommendations import Contribution, Contributions
from tastemaker.core.run import Run
from tastemaker.data.dataset import Dataset
from tastemaker.models.base import Settings
from tastemaker.models.factors import FactorModel
from tastemaker.models.history import History
from tastemaker.models.item_to_item import DECAY_GRID
from tastemaker.models.linear_solvers import Floats, Rows, energies, improve_rows, principal_axes, solve_rows
from tastemaker.models.space import Choice, Integer, Real, Space

CONVENTIONS: Final = ("rendle", "hu")
_SPREAD: Final = 0.1
"""Expected length of an item's first vector (Rendle et al., 2022, section 4.4)."""


class IALS(FactorModel):
    """Implicit alternating least squares (Hu, Koren & Volinsky, 2008), with the regularisation of Rendle et al. (2022).

    ``r_ui`` is the sum of the weights of what person ``u`` did with item ``i``; ``x_u`` and ``y_i`` are their vectors.

    - ``convention="hu"`` (Hu et al., equation 3): the loss is ``sum over all u, i of c_ui (p_ui - x_u'y_i)^2`` with
      ``c_ui = 1 + alpha |r_ui|`` and ``p_ui = 1`` where ``r_ui > 0``, else 0. The library `implicit` sets
      ``c_ui = alpha r_ui`` where there was an event: where every ``r_ui`` is 1, its alpha is ``1 + alpha`` here.
    - ``convention="rendle"`` (Rendle et al., equations 1 to 3): the loss is ``sum over r_ui > 0 of
      r_ui (1 - x_u'y_i)^2 + unobserved_weight * sum over all u, i of (x_u'y_i)^2``.

    Both add ``regularisation * (sum_u (n_u + w n)^v |x_u|^2 + sum_i (n_i + w m)^v |y_i|^2)``: ``n_u`` and ``n_i``
    count observed pairs, ``m`` people, ``n`` items, ``w`` is ``unobserved_weight`` (1 for ``hu``), and ``v`` is
    ``frequency_power``; 0 is the plain ridge.

    People are not kept: the vector of a history is the exact minimum of the same loss with the items as they are, in
    which an event that ages counts ``r_ui * age_decay``. A disliked item is one that is 0 for sure.

    A sweep takes 3 steps of conjugate gradients for each vector, preconditioned by what all vectors share; on one
    core, 64 dimensions and a million events, about half a second.

    Args:
        dimensions: Length of the vectors.
        convention: A name of `CONVENTIONS`.
        alpha: How much more an event counts than none, for ``hu``.
        unobserved_weight: What a pair without an event counts, for ``rendle``.
        regularisation: lambda.
        frequency_power: v.
        sweeps: How often people and items are solved in turn.
        age_decay: A key of `tastemaker.models.history.AGE_DECAYS`; ``uniform`` is the published model.
    """

    name: ClassVar[str] = "ials"
    grid: ClassVar[Mapping[str, tuple[Any, ...]]] = {
        "dimensions": (64, 128, 256),
        "convention": ("rendle",),
        "alpha": (10.0,),
        "unobserved_weight": (0.1, 0.01, 0.03, 0.3),
        "regularisation": (0.003, 0.001, 0.01),
        "frequency_power": (1.0,),
        "sweeps": (16,),
        "age_decay": ("uniform", *[decay for decay in DECAY_GRID if decay != "uniform"]),
    }
    steps: ClassVar[tuple[tuple[str, ...], ...]] = (
        ("convention", "alpha", "unobserved_weight", "regularisation", "frequency_power", "sweeps", "age_decay"),
        ("dimensions",),
    )
    # Of Rendle's convention and the frequency_power of the grid: with others regularisation is on another scale.
    space: ClassVar[Space] = {
        "dimensions": Integer(8, 256, log=True),
        "unobserved_weight": Real(0.001, 1, log=True),
        "regularisation": Real(0.0001, 0.1, log=True),
        "age_decay": Choice(DECAY_GRID),
    }

    def __init__(
        self,
        *,
        dimensions: int | None = None,
        convention: str | None = None,
        alpha: float | None = None,
        unobserved_weight: float | None = None,
        regularisation: float | None = None,
        frequency_power: float | None = None,
        sweeps: int | None = None,
        age_decay: str | None = None,
    ) -> None:
        self.dimensions = dimensions
        self.convention = convention
        self.alpha = alpha
        self.unobserved_weight = unobserved_weight
        self.regularisation = regularisation
        self.frequency_power = frequency_power
        self.sweeps = sweeps
        self.age_decay = age_decay

    def _factorise(self, train: Dataset, settings: Settings, run: Run) -> None:
        by_user = _amounts(train)
        by_item = sparse.csr_array(by_user.T)
        people, items = (_rows(matrix, settings) for matrix in (by_user, by_item))
        m, n = by_user.shape
        unobserved = _unobserved_weight(settings)
        d = settings["dimensions"]
        start = run.rng("ials").standard_normal((n, d), dtype=np.float32) * np.float32(_SPREAD / np.sqrt(d))
        x: Floats = np.zeros((m, d), dtype=np.float32)
        y: Floats = start
        # The rows are shared out among the threads; matrix products with threads of their own would stall them.
        with replace(run, threads=1).limited(), run.track("Alternating", settings["sweeps"]) as advance:
            for _ in range(settings["sweeps"]):
                axes = principal_axes(y)
                y = y @ axes
                x = improve_rows(people, y, unobserved * energies(y), x @ axes, threads=run.threads)
                axes = principal_axes(x)
                x = x @ axes
                y = improve_rows(items, x, unobserved * energies(x), y @ axes, threads=run.threads)
                advance(1)
        self.item_factors_ = np.asarray(y @ principal_axes(y), dtype=np.float32)

    @cached_property
    def _energies(self) -> NDArray[np.float64]:
        return energies(self.item_factors_)

    def _forget_caches(self) -> None:
        super()._forget_caches()
        self.__dict__.pop("_energies", None)

    def _history_rows(self, queries: QueryBatch, settings: Settings) -> Rows:
        return _rows(History.of(queries, self.items_).matrix(len(self.items_), settings["age_decay"]), settings)

    def _vectors(self, queries: QueryBatch, settings: Settings) -> NDArray[np.float64]:
        rows = self._history_rows(queries, settings)
        return solve_rows(rows, self.item_factors_, _unobserved_weight(settings) * self._energies)

    def _parts(self, query: Query, item: int) -> Contributions:
        """Split the score over the history (Hu et al., 2008, equation 7): dislikes act through the others' shares."""
        rows = self._history_rows(QueryBatch.of([query]), self.settings_)
        vectors = self.item_factors_[rows.indices].astype(np.float64)
        system = vectors.T @ (rows.curvature[:, None] * vectors)
        system += np.diag(_unobserved_weight(self.settings_) * self._energies + rows.ridge[0])
        likeness = vectors @ np.linalg.lstsq(system, self.item_factors_[item].astype(np.float64), rcond=None)[0]
        parts = [
            Contribution("item", self.items_.ids[number], float(amount))
            for number, amount in zip(rows.indices, rows.pull * likeness, strict=True)
        ]
        parts.append(Contribution("popularity", "popularity", float(self._prior[item])))
        return Contributions(self.items_.ids[item], float(sum(part.amount for part in parts)), tuple(parts))


def _amounts(train: Dataset) -> sparse.csr_array:
    """Return the sum of the weights of each pair, float32 ``[u, n]``, negative for a dislike."""
    sequences = train.sequences
    shape = (len(sequences.user_ids), len(train.items))
    places = (sequences.user_of_event().astype(np.int32), sequences.codes)
    matrix = sparse.csr_array((sequences.weights, places), shape=shape)
    matrix.sum_duplicates()
    return matrix


def _unobserved_weight(settings: Settings) -> float:
    return 1.0 if settings["convention"] == "hu" else float(settings["unobserved_weight"])


def _rows(amounts: sparse.csr_array, settings: Settings) -> Rows:
    """Return the systems of people, from their amounts, or of items, from the transposed ones."""
    if settings["convention"] not in CONVENTIONS:
        raise ModelError(
            f"iALS has no convention '{settings['convention']}'", remedy=nearest(settings["convention"], CONVENTIONS)
        )
    size = np.abs(amounts.data)
    if settings["convention"] == "hu":
        curvature = np.float32(settings["alpha"]) * size
        pull = np.where(amounts.data > 0, 1 + curvature, np.float32(0))
    else:
        curvature, pull = size, np.maximum(amounts.data, np.float32(0))
    counted = np.diff(amounts.indptr) + _unobserved_weight(settings) * amounts.shape[1]
    ridge = settings["regularisation"] * counted ** settings["frequency_power"]
    return Rows(amounts.indptr, amounts.indices, curvature, pull, ridge.astype(np.float32))
