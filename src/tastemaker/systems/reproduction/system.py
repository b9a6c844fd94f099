"""What a system is: a claim, and experiments that test it; a cell compares models in one setting."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from functools import partial
from typing import Any, Literal

from tastemaker.core.errors import DataError, nearest
from tastemaker.core.recommender import Recommender
from tastemaker.evaluation.comparison import BASELINE
from tastemaker.evaluation.negatives import NEGATIVES, SEEDS
from tastemaker.models import make_model
from tastemaker.systems.reproduction.experiment import MINUTES, Budget, Experiment
from tastemaker.systems.reproduction.leak import Leak
from tastemaker.systems.reproduction.study import Study

Kind = Literal["recommender", "agent", "judge", "simulator", "attack", "training"]


@dataclass(frozen=True)
class Trial:
    """One row of a cell.

    Attributes:
        build: Returns the unfitted model. It is called when the row's turn comes, and the model is forgotten after
            it; what cannot be built, because an extra is missing, becomes a row ``not run``.
        minutes: How long the row may take, fitting and testing together, for each seed.
        elsewhere: Names of data sources that the model learns from instead of the cell's own, joined and cut as the
            cell's; what it learnt is then taken to the cell's data by its method ``transfer``.
    """

    build: Callable[[], Recommender]
    minutes: float = MINUTES
    elsewhere: Sequence[str] = ()


def shipped(*names: str, minutes: float = MINUTES) -> dict[str, Trial]:
    """Return trials of models that are shipped, by their names; what they leave open is chosen on validation."""
    return {name: Trial(partial(make_model, name), minutes) for name in names}


@dataclass(frozen=True, kw_only=True)
class Setting:
    """What models are compared on; several cells, and several systems, may share one.

    Attributes:
        source: Name of a data source.
        protocol: Name of a split.
        knobs: Its knobs.
        people: The share of the people who are drawn before all else, for what would take too long with everybody.
        ks: Cut-offs; the first is the headline's.
        candidates: What is ranked, see `tastemaker.evaluation.candidates.CANDIDATES`.
        negatives: How many items each answer is ranked among where ``candidates`` are sampled.
        negative_seeds: They are drawn once for each.
        refit: Choices are made on validation, and the model is then fitted anew on training and validation together,
            as papers do that have no validation part.
    """

    source: str
    protocol: str
    knobs: Mapping[str, Any] = field(default_factory=dict)
    people: float = 1.0
    ks: Sequence[int] = (10,)
    candidates: str = "all"
    negatives: int = NEGATIVES
    negative_seeds: Sequence[int] = SEEDS
    refit: bool = False


@dataclass(frozen=True, kw_only=True)
class Cell(Experiment):
    """One comparison of rankings: some models in one setting, and what is expected of them.

    Attributes:
        setting: What they are compared on.
        models: Name of a row -> its trial, the baseline among them.
        baseline: The row that others are compared with.
        columns: Metrics in the report's table; by default NDCG and hit rate at the first cut-off.
        parts: Families of parts of the test that the report shows, such as ``popularity``.
    """

    setting: Setting
    models: Mapping[str, Trial]
    baseline: str = BASELINE
    columns: Sequence[str] = ()
    parts: Sequence[str] = ()

    @property
    def source(self) -> str:
        """Name of the data source."""
        return self.setting.source

    @property
    def names(self) -> list[str]:
        """Names of the rows."""
        return list(self.models)

    @property
    def about(self) -> str:
        """How the data are split."""
        return self.setting.protocol


@dataclass(frozen=True, kw_only=True)
class System:
    """A published method, or a family of them.

    Attributes:
        name: What the user types.
        title: The heading of its report.
        kind: What it is.
        citation: Who published it, and where.
        claim: What is claimed, as a sentence that can be wrong.
        must_move: The metric that must move if the claim is true; written down before the first run.
        cells: The experiments, the quick one first: comparisons of rankings (`Cell`), and others (`Study`).
        leak: A leak of its published evaluation, which can be shown.
        account: What was published and what the released code does, as observations; a sentence or a few each, in
            Markdown.
    """

    name: str
    title: str
    kind: Kind
    citation: str
    claim: str
    must_move: str
    cells: Sequence[Cell | Study[Any]]
    leak: Leak | None = None
    account: Sequence[str] = ()

    def chosen(self, names: Sequence[str] = (), budget: Budget = "full") -> list[Cell | Study[Any]]:
        """Return the cells of these names, or all that a budget has room for: a full one for every cell.

        Raises:
            DataError: There is no cell of a name.
        """
        known = {cell.name: cell for cell in self.cells}
        if unknown := [name for name in names if name not in known]:
            raise DataError(f"{self.name} has no cell '{unknown[0]}'", remedy=nearest(unknown[0], known))
        if names:
            return [cell for cell in self.cells if cell.name in names]
        return [cell for cell in self.cells if budget != "quick" or cell.budget == "quick"]
