"""Rankers: what they add to the logarithm of a fused score, learnt from queries whose answers are known."""

from __future__ import annotations

import importlib.util
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, ClassVar, Final, Protocol, Self

import numpy as np
from numpy.typing import NDArray
from scipy import optimize

from tastemaker.core.errors import MissingExtraError
from tastemaker.core.run import Run
from tastemaker.models import storage
from tastemaker.models.item_facts import Values
from tastemaker.models.ranking_features import Feature, Features

LINEAR, BOOSTED = "linear", "boosted"

REGULARISATION: Final = 100.0
"""What the squared weights of `LinearRanker` are multiplied by, beside a loss summed over queries."""

TREES: Final = 100
TREE: Final[Mapping[str, Any]] = {
    "objective": "lambdarank",
    "lambdarank_truncation_level": 20,
    "learning_rate": 0.05,
    "num_leaves": 7,
    "min_data_in_leaf": 1000,
    "lambda_l2": 1.0,
    "max_bin": 63,
}
"""How `BoostedRanker` is grown: few small trees, for there are few answers to learn from."""

TEXT: Final = "ranker.txt"
"""The file that holds the trees."""

_STRONGEST: Final = 20.0


@dataclass(frozen=True)
class Answered:
    """Lists of items, an answer in each at least, for ``q`` queries and ``m`` items.

    Attributes:
        features: float32 ``[m, f]``, see `tastemaker.models.ranking_features.describe`.
        log_fused: Logarithm of the fused score, float64 ``[m]``.
        starts: First item of each query, int64 ``[q]``.
        mass: What each item counts as an answer: 0 for others, 1 on average over the queries in all, float64 ``[m]``.
    """

    features: Features
    log_fused: Values
    starts: NDArray[np.int64]
    mass: Values

    def sizes(self) -> NDArray[np.int64]:
        """Return how many items each query has, int64 ``[q]``."""
        return np.diff(self.starts, append=len(self.mass))


class Ranker(Protocol):
    """Puts items in order by ``strength * log_fused + correction``."""

    kind: ClassVar[str]
    """Its name."""

    @property
    def strength(self) -> float:
        """What the logarithm of the fused score counts."""
        ...

    def correction(self, features: Features) -> Values:
        """Return what is added for each item, float64 ``[m]``."""
        ...

    def contributions(self, features: Features) -> Values:
        """Return what each feature of one item adds, float64 ``[f]`` of float32 ``[1, f]``, and a rest, ``[f + 1]``.

        They sum to the `correction`.
        """
        ...

    def pack(self) -> tuple[dict[str, Any], storage.Tensors, dict[str, str]]:
        """Return the ranker as JSON values, as tensors, and as texts by the names of their files."""
        ...


def listwise_loss(
    weights: Values, columns: NDArray[np.floating], offset: Values | float, answered: Answered, regularisation: float
) -> tuple[float, Values]:
    """Return ``sum_q -mass_q log softmax(s)_q + regularisation / 2 * |w|^2`` and its gradient.

    ``s = offset + columns @ w``, and the softmax is over the items of a query; its ``mass`` is that of all its answers.
    With one answer a query this is ListNet's top-one loss (Cao, Qin, Liu, Tsai & Li, 2007, section 4.3).

    Args:
        weights: ``w``, float64 ``[f]``.
        columns: float ``[m, f]``.
        offset: float64 ``[m]``.
        answered: Lists and answers.
        regularisation: At least 0.
    """
    starts, sizes = answered.starts, answered.sizes()
    scores = offset + columns @ weights
    scores = scores - np.repeat(np.maximum.reduceat(scores, starts), sizes)
    powers = np.exp(scores)
    sums, mass = np.add.reduceat(powers, starts), np.add.reduceat(answered.mass, starts)
    loss = float(mass @ np.log(sums) - answered.mass @ scores + regularisation / 2 * weights @ weights)
    off = powers * np.repeat(mass / sums, sizes) - answered.mass
    return loss, np.asarray(off @ columns + regularisation * weights)


def fitted_strength(answered: Answered) -> float:
    """Return the ``a`` for which ``a * log_fused`` explains the answers best."""
    column = answered.log_fused[:, None]
    found = optimize.minimize_scalar(
        lambda strength: listwise_loss(np.array([strength]), column, 0.0, answered, 0.0)[0],
        bounds=(1 / _STRONGEST, _STRONGEST),
        method="bounded",
    )
    return float(found.x)


@dataclass(frozen=True)
class LinearRanker:
    """Adds ``sum_f weight_f * (x_f - centre_f) / scale_f``; what is unknown adds nothing.

    Attributes:
        strength: What the logarithm of the fused score counts.
        weights: float64 ``[f]``; 0 for what is the same for all items of a query.
        centre: Mean of each feature, float64 ``[f]``.
        scale: Standard deviation of each feature, float64 ``[f]``.
    """

    kind: ClassVar[str] = LINEAR
    strength: float
    weights: Values
    centre: Values
    scale: Values

    @classmethod
    def fit(cls, answered: Answered, features: Sequence[Feature], run: Run) -> Self:
        """Minimise `listwise_loss` by L-BFGS, from the order of the fused scores on."""
        centre, scale = _moments(answered.features)
        used = np.flatnonzero((scale > 0) & [not feature.of_query for feature in features])
        scale[scale == 0] = 1
        strength, weights = fitted_strength(answered), np.zeros(len(features))
        columns = _standard(answered.features[:, used], centre[used], scale[used])
        offset = strength * answered.log_fused
        with run.limited():
            weights[used] = optimize.minimize(
                listwise_loss,
                weights[used],
                args=(columns, offset, answered, REGULARISATION),
                jac=True,
                method="L-BFGS-B",
            ).x
        return cls(strength, weights, centre, scale)

    def correction(self, features: Features) -> Values:
        """Return what is added for each item, float64 ``[m]``."""
        total = np.zeros(len(features))
        for place in np.flatnonzero(self.weights):  # one by one: the digits must not depend on who else is asked
            column = _standard(features[:, place], self.centre[place], self.scale[place])
            total += self.weights[place] * column
        return total

    def contributions(self, features: Features) -> Values:
        """Return what each feature of one item adds, and a rest of 0, float64 ``[f + 1]``."""
        return np.append(self.weights * _standard(features[0], self.centre, self.scale), 0)

    def pack(self) -> tuple[dict[str, Any], storage.Tensors, dict[str, str]]:
        """Return the ranker as JSON values and as tensors."""
        tensors = {"ranker.weights": self.weights, "ranker.centre": self.centre, "ranker.scale": self.scale}
        return {"kind": self.kind, "strength": self.strength}, tensors, {}


class BoostedRanker:
    """Adds what trees say that LightGBM grew by LambdaMART from the fused order on (Burges, 2010).

    Attributes:
        strength: What the logarithm of the fused score counts.
    """

    kind: ClassVar[str] = BOOSTED

    def __init__(self, strength: float, booster: Any) -> None:
        self.strength = strength
        self._booster = booster

    @classmethod
    def fit(cls, answered: Answered, features: Sequence[Feature], run: Run) -> Self:
        """Grow the trees.

        Raises:
            MissingExtraError: LightGBM is not installed.
        """
        library = lightgbm()
        strength, sizes = fitted_strength(answered), answered.sizes()
        # Trees would count every query alike, and so whoever asks often more than others.
        each = np.add.reduceat(answered.mass, answered.starts)
        weights = None if np.allclose(each, 1) else np.repeat(each, sizes)
        asked = {"seed": run.seed, "num_threads": run.threads, "deterministic": True, "force_row_wise": True}
        parameters = {**TREE, **asked, "verbose": -1}
        data = library.Dataset(
            answered.features,
            (answered.mass > 0).astype(np.int32),
            group=sizes,
            weight=weights,
            init_score=strength * answered.log_fused,
            feature_name=[f"{place}_{re.sub(r'[^a-z]+', '_', feature.key)}" for place, feature in enumerate(features)],
            params=parameters,
        )
        return cls(strength, library.train(parameters, data, TREES))

    @classmethod
    def of_text(cls, strength: float, text: str) -> Self:
        """Read the trees.

        Raises:
            MissingExtraError: LightGBM is not installed.
            ValueError: The text is damaged.
        """
        library = lightgbm()
        try:
            return cls(strength, library.Booster(model_str=text))
        except library.basic.LightGBMError as error:
            raise ValueError(str(error)) from error

    def correction(self, features: Features) -> Values:
        """Return what is added for each item, float64 ``[m]``."""
        return np.asarray(self._booster.predict(features, num_threads=1), dtype=np.float64)

    def contributions(self, features: Features) -> Values:
        """Return the Shapley values of the features of one item, and the average, float64 ``[f + 1]``."""
        found = self._booster.predict(features, pred_contrib=True, num_threads=1)
        return np.asarray(found[0], dtype=np.float64)

    def pack(self) -> tuple[dict[str, Any], storage.Tensors, dict[str, str]]:
        """Return the ranker as JSON values, and its trees in the text format of LightGBM."""
        return {"kind": self.kind, "strength": self.strength}, {}, {TEXT: self._booster.model_to_string()}


RANKERS: Final[Mapping[str, type[LinearRanker] | type[BoostedRanker]]] = {
    each.kind: each for each in (LinearRanker, BoostedRanker)
}


def fit_ranker(kind: str, answered: Answered, features: Sequence[Feature], run: Run) -> Ranker:
    """Learn a ranker of a kind of `RANKERS` by the features that describe the items."""
    return RANKERS[kind].fit(answered, features, run)


def unpacked(fitted: Mapping[str, Any], tensors: storage.Tensors, texts: Mapping[str, str]) -> Ranker:
    """Read what a ranker's ``pack`` gave."""
    if fitted["kind"] == BOOSTED:
        return BoostedRanker.of_text(float(fitted["strength"]), texts[TEXT])
    parts = (tensors[f"ranker.{name}"] for name in ("weights", "centre", "scale"))
    return LinearRanker(float(fitted["strength"]), *parts)


def installed() -> bool:
    """Say whether LightGBM is there."""
    return importlib.util.find_spec("lightgbm") is not None


def lightgbm() -> Any:
    """Return the library.

    Raises:
        MissingExtraError: It is not installed.
    """
    try:
        import lightgbm as library
    except ImportError as error:
        raise MissingExtraError("a ranker of boosted trees", "boost") from error
    return library


def _moments(features: Features) -> tuple[Values, Values]:
    """Return mean and standard deviation of what is known of each feature, float64 ``[f]``; 0 of what is constant."""
    known = ~np.isnan(features)
    counts = np.maximum(known.sum(axis=0), 1)
    filled = np.where(known, features, 0)
    mean = filled.sum(axis=0, dtype=np.float64) / counts
    spread = np.where(known, filled - mean, 0)
    deviation = np.sqrt((spread**2).sum(axis=0) / counts)
    return mean, np.where(deviation > 1e-6 * (1 + np.abs(mean)), deviation, 0)


def _standard(values: NDArray[np.float32], centre: Values | float, scale: Values | float) -> Values:
    """Return values in standard deviations from their mean, 0 where unknown, float64."""
    found = np.asarray((values - centre) / scale, dtype=np.float64)
    found[np.isnan(found)] = 0
    return found
