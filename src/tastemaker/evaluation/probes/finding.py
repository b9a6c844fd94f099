"""What a probe found: a verdict with the number behind it, what chance would give, and what to do."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any, Final, Literal, Self

from tastemaker.evaluation.entries import Entry
from tastemaker.evaluation.rows import plain

Verdict = Literal["clean", "not run", "suspicious", "leak"]

SEVERITY: Final[tuple[Verdict, ...]] = ("clean", "not run", "suspicious", "leak")
"""Verdicts from the best to the worst."""

FALSE_ALARMS: Final = 0.01
"""At most one in so many runs of all probes over clean data raises an alarm; each test gets its share of it."""


@dataclass(frozen=True)
class Finding:
    """What one probe found.

    A probe calls something a ``leak`` where held-out answers can be told from it, ``suspicious`` where the data
    show a pattern that chance does not explain but that does not give answers away by itself, and ``clean`` where
    chance explains what is seen. ``not run`` says why nothing can be said.

    Attributes:
        probe: Name of the probe, such as ``tie order``.
        subject: What was looked at: a column, a numbering, a model.
        verdict: See above.
        value: The statistic.
        expected: What the statistic is where nothing is wrong.
        chance: The statistic lies in here where nothing is wrong, but for one test in ``1 / level``.
        p_value: Chance of a statistic at least as far out where nothing is wrong; NaN for exact checks.
        level: Alarm is raised where ``p_value`` is below this; the false alarm rate of this one test.
        message: What was seen, in a sentence or two.
        remedy: What to do about it; empty where nothing needs doing.
    """

    probe: str
    subject: str
    verdict: Verdict
    value: float = float("nan")
    expected: float = float("nan")
    chance: tuple[float, float] = (float("nan"), float("nan"))
    p_value: float = float("nan")
    level: float = float("nan")
    message: str = ""
    remedy: str = ""

    def to_json(self) -> dict[str, Any]:
        """Return the finding as JSON values; what is not a number is ``null``."""
        return {name: plain(value) for name, value in vars(self).items()}

    @classmethod
    def from_json(cls, entry: Entry) -> Self:
        """Read what `to_json` wrote."""
        verdict = next((known for known in SEVERITY if known == entry["verdict"].value), None)
        if verdict is None:
            entry["verdict"].refuse(f"one of {', '.join(SEVERITY)}")
        chance = [bound.number() for bound in entry["chance"].each()]
        if len(chance) != 2:
            entry["chance"].refuse("a list of two numbers")
        value, expected, p_value, level = (entry[name].number() for name in ("value", "expected", "p_value", "level"))
        return cls(
            entry["probe"].text(),
            entry["subject"].text(),
            verdict,
            value,
            expected,
            (chance[0], chance[1]),
            p_value,
            level,
            entry["message"].text(),
            entry["remedy"].text(),
        )


def not_run(probe: str, subject: str, reason: str) -> Finding:
    """Return the finding of a probe that can say nothing here."""
    return Finding(probe, subject, "not run", message=reason)


def worst(findings: Iterable[Finding]) -> Verdict:
    """Return the worst verdict; ``not run`` only where nothing else is known.

    >>> worst([Finding("a", "x", "clean"), Finding("b", "x", "not run"), Finding("c", "x", "suspicious")])
    'suspicious'
    """
    verdicts = {finding.verdict for finding in findings}
    if verdicts - {"not run"}:
        verdicts -= {"not run"}
    return max(verdicts, key=SEVERITY.index, default="not run")
