"""How a history is told to a ranker: in order, with the latest item named again, or as a worked example."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Final, Literal, TypeAlias

from tastemaker.core.errors import ConfigError, nearest
from tastemaker.language.asking.prompt import Values

Style: TypeAlias = Literal["sequential", "recent", "example"]

STYLES: Final = ("sequential", "recent", "example")
"""The three ways of LLMRank (Hou et al., 2024, section 2.2): in order; with a note on which is the latest; in context,
where the last item is the right answer to the question that the ones before it would have been."""


def history_values(lines: Sequence[str], style: str = "sequential") -> Values:
    """Return what the slots ``history``, ``latest`` and ``then`` of the prompts ``rank-...`` say of a history.

    Args:
        lines: A line for each item, the latest last.
        style: One of `STYLES`; of one item alone there is no example, and it is told in order.

    Raises:
        ConfigError: There is no such style.

    >>> history_values(["Emma", "Persuasion"], "example")
    {'history': ['Emma'], 'then': 'Persuasion'}
    """
    if style not in STYLES:
        raise ConfigError(f"a history is not told as '{style}'", remedy=nearest(style, STYLES))
    told = list(lines)
    if style == "recent" and told:
        return {"history": told, "latest": told[-1]}
    if style == "example" and len(told) > 1:
        return {"history": told[:-1], "then": told[-1]}
    return {"history": told}
