"""What a study is: rows that are measured in the same units, by whatever measures, beside what is expected of them."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Generic, TypeVar

from tastemaker.core.errors import DataError, nearest
from tastemaker.core.run import Run
from tastemaker.systems.reproduction.expectations import AtLeast, Beats
from tastemaker.systems.reproduction.experiment import MINUTES, Experiment
from tastemaker.systems.reproduction.reading import Ground, Reading

if TYPE_CHECKING:
    from tastemaker.systems.reproduction.bench import Bench

T = TypeVar("T")


@dataclass(frozen=True)
class Measure:
    """What is measured of each unit.

    Attributes:
        name: Such as ``rmse`` or ``faithful``.
        says: What it is, in a sentence.
        lower: Lower is better.
        rooted: The values are squares, and the measure is the root of their mean.
    """

    name: str
    says: str
    lower: bool = False
    rooted: bool = False

    @property
    def sign(self) -> float:
        """What a difference is multiplied by, so that above 0 is better."""
        return -1.0 if self.lower else 1.0


@dataclass(frozen=True)
class Subject(Generic[T]):
    """One row of a study.

    Attributes:
        take: Measures it, given what `Ground.holds` and a run with the seed; called when the row's turn comes. A
            function of a module, or one with arguments by `functools.partial`: its name, its arguments and the modules
            that it rests on decide whether a row that was kept is still good.
        minutes: How long it may take, for each seed, if it reports progress.
    """

    take: Callable[[T, Run], Reading]
    minutes: float = MINUTES


@dataclass(frozen=True, kw_only=True)
class Study(Experiment, Generic[T]):
    """An experiment whose rows are no rankings: ratings, texts, choices, rewards, or whatever has a value a unit.

    Every row gives one value for each unit and measure, so that differences of rows are paired. Differences are such
    that above 0 is better, also where lower values are.

    Attributes:
        on: Name of the data source.
        prepare: Loads the data and cuts them, once for all rows and seeds; its run has the first seed.
        rows: Name of a row -> what measures it.
        measures: What is measured; the first one is drawn.
        units: What has a value each, in the plural: ``events``, ``texts``, ``people``.
        drawn: Whom the units belong to, in the plural, where intervals are over these; else the units are drawn.

    Raises:
        DataError: An expectation or the baseline is of a row or measure that there is not, or there is a floor under a
            measure of which less is better.
    """

    on: str
    prepare: Callable[[Bench, Run], Ground[T]]
    rows: Mapping[str, Subject[T]]
    measures: Sequence[Measure]
    units: str
    drawn: str = ""

    def __post_init__(self) -> None:
        known = {measure.name: measure for measure in self.measures}
        if not known:
            raise DataError("a study measures nothing", where=self.name)
        wanted = [self.baseline] if self.baseline else []
        for each in self.expectations:
            wanted += [each.model, each.other] if isinstance(each, Beats) else [each.model]
            if isinstance(each, Beats) and each.metric not in known:
                raise self._refused(f"there is no measure '{each.metric}'", nearest(each.metric, known))
            if isinstance(each, AtLeast) and each.metric in known and known[each.metric].lower:
                raise self._refused(
                    f"there is a floor under '{each.metric}', of which less is better", "Use Published."
                )
        if unknown := [name for name in wanted if name not in self.rows]:
            raise self._refused(f"there is no row '{unknown[0]}'", nearest(unknown[0], self.rows))

    def _refused(self, what: str, remedy: str) -> DataError:
        return DataError(what, where=f"study '{self.name}'", remedy=remedy)

    @property
    def source(self) -> str:
        """Name of the data source."""
        return self.on

    @property
    def names(self) -> list[str]:
        """Names of the rows."""
        return list(self.rows)

    @property
    def about(self) -> str:
        """What is measured."""
        return f"{', '.join(measure.name for measure in self.measures)} of {self.units}"
