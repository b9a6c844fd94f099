"""What the two kinds of experiment have in common: a name, a lesson, a budget, and what is expected to come out."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Final, Literal

if TYPE_CHECKING:
    from tastemaker.systems.reproduction.expectations import Expectation

Budget = Literal["quick", "full"]
BUDGETS: Final = ("quick", "full")

MINUTES: Final = 60.0
"""What one row may take unless it says otherwise."""


@dataclass(frozen=True, kw_only=True)
class Experiment(ABC):
    """Some rows on the same data, and what is expected of them.

    Attributes:
        name: What it is called in files and on the command line.
        shows: What a reader learns from it, in a sentence.
        expectations: What should come out.
        budget: ``quick`` ones take minutes and are too small to rank methods; ``full`` ones take up to 90 minutes.
        seeds: Each row is made once for each.
        baseline: The row that others are compared with; none where empty.
        differs: What is not as it was in the sources of the expectations, and why; sentences.
    """

    name: str
    shows: str
    expectations: Sequence[Expectation] = ()
    budget: Budget = "full"
    seeds: Sequence[int] = (0,)
    baseline: str = ""
    differs: Sequence[str] = ()

    @property
    @abstractmethod
    def source(self) -> str:
        """Name of the data source."""

    @property
    @abstractmethod
    def names(self) -> list[str]:
        """Names of the rows."""

    @property
    @abstractmethod
    def about(self) -> str:
        """What is measured, in a word or a few."""
