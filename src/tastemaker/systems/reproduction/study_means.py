"""From readings to a record's numbers: means with intervals, paired differences, and what seeds make of them."""

from __future__ import annotations

import hashlib
from collections.abc import Mapping, Sequence

import numpy as np
from numpy.typing import NDArray

from tastemaker.core.errors import DataError
from tastemaker.evaluation.bootstrap import Interval
from tastemaker.evaluation.unit_means import Units
from tastemaker.systems.reproduction.documents import Pair
from tastemaker.systems.reproduction.reading import Ground, Reading
from tastemaker.systems.reproduction.readings import Taken
from tastemaker.systems.reproduction.study import Measure
from tastemaker.systems.reproduction.study_record import StudyRow

Floats = NDArray[np.float64]


class Means:
    """The rows of a study that were run, as numbers.

    Args:
        measures: What was measured.
        ground: Its units and their clusters.
        taken: Name of a row -> what it gave, for each seed.
        seed: Start of the draws.
    """

    def __init__(
        self, measures: Sequence[Measure], ground: Ground[object], taken: Mapping[str, Sequence[Taken]], seed: int
    ) -> None:
        self._measures = {measure.name: measure for measure in measures}
        self._units = Units(ground.units, ground.clusters, seed)
        self._taken = taken

    def row(self, name: str, baseline: str) -> StudyRow:
        """Return a row that was run, with its differences to the baseline."""
        taken = self._taken[name]
        known = [measure for measure in self._measures if measure in taken[0].reading.values]
        several = len(taken) > 1
        peaks = [each.peak_mb for each in taken if each.peak_mb is not None]
        pairs = [Pair(name, baseline, measure) for measure in known] if baseline not in ("", name) else []
        return StudyRow(
            name=name,
            values={measure: self._mean(self._values(name, measure), measure) for measure in known},
            against={pair.metric: found for pair, found in self.differences(pairs).items()},
            by_seed={measure: [self._point(each.reading, measure) for each in taken] for measure in known}
            if several
            else {},
            numbers=_averaged([each.reading.numbers for each in taken]),
            costs=_averaged([each.reading.costs for each in taken]),
            settings=taken[-1].reading.settings,
            example=taken[0].reading.example,
            seconds=sum(each.seconds for each in taken),
            peak_mb=max(peaks, default=None),
            hash=_hash([each.reading for each in taken]),
        )

    def differences(self, pairs: Sequence[Pair]) -> dict[Pair, Interval]:
        """Return those differences whose rows were both run and have the measure; above 0 ``model`` is the better."""
        found = {}
        for pair in dict.fromkeys(pairs):
            taken = [self._taken.get(pair.model), self._taken.get(pair.other)]
            if not all(each and pair.metric in each[0].reading.values for each in taken):
                continue
            measure = self._measures[pair.metric]
            one, other = self._values(pair.model, pair.metric), self._values(pair.other, pair.metric)
            if measure.lower:
                one, other = other, one
            found[pair] = self._units.difference(one, other, rooted=measure.rooted)
        return found

    def _values(self, name: str, measure: str) -> Floats:
        """Return the values of a row for each unit, means over seeds; of squares, means of squares."""
        return np.asarray(np.mean([each.reading.values[measure] for each in self._taken[name]], axis=0))

    def _mean(self, values: Floats, measure: str) -> Interval:
        return self._units.mean(values, rooted=self._measures[measure].rooted)

    def _point(self, reading: Reading, measure: str) -> float:
        values = reading.values[measure]
        known = values[~np.isnan(values)]
        mean = float(known.mean()) if len(known) else float("nan")
        return mean**0.5 if self._measures[measure].rooted else mean


def checked(reading: Reading, measures: Sequence[Measure], units: int, row: str) -> Reading:
    """Return a reading if its values are of the study's measures and units.

    Raises:
        DataError: They are not.
    """
    known = {measure.name: measure for measure in measures}
    for name, values in reading.values.items():
        if name not in known:
            raise DataError(f"a row gave values of '{name}', which the study does not measure", where=row)
        if values.shape != (units,) or values.dtype != np.float64:
            raise DataError(
                f"a row gave {values.shape} values of '{name}', {values.dtype}",
                where=row,
                remedy=f"Give {units:,} floats.",
            )
        if known[name].rooted and (values < 0).any():
            raise DataError(f"the values of '{name}' are to be squares, and some are below 0", where=row)
    return reading


def _averaged(each: Sequence[Mapping[str, float]]) -> dict[str, float]:
    return {name: float(np.mean([one[name] for one in each])) for name in each[0]}


def _hash(readings: Sequence[Reading]) -> str:
    digest = hashlib.sha256()
    for reading in readings:
        for name in sorted(reading.values):
            digest.update(name.encode() + np.ascontiguousarray(reading.values[name]).tobytes())
    return digest.hexdigest()
