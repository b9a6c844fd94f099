"""What the engine says to one query, with reasons in words and what speaks for them."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from tastemaker.core.query import Query
from tastemaker.core.recommendations import Contributions
from tastemaker.pipeline.stage import Step


@dataclass(frozen=True, slots=True)
class Evidence:
    """An item of the history that speaks for a recommendation.

    Attributes:
        item_id: Raw id.
        title: Its title.
        share: Its part of what the history says for the recommendation, 0 to 1; popularity is not counted.
    """

    item_id: str
    title: str
    share: float


@dataclass(frozen=True, slots=True)
class Recommended:
    """One recommended item, ready to be shown; beyond the 50th place without reason and evidence.

    Attributes:
        item_id: Raw id.
        title: Its title, with its year where that is known.
        score: What ordered the list.
        rank: From 1.
        reason: What speaks for it, in words.
        evidence: The items of the history that do.
        sources: What proposed it, such as ``model`` or ``latest``.
        propensity: How likely it was to get this place; ``None`` where nothing was left to chance.
    """

    item_id: str
    title: str
    score: float
    rank: int
    reason: str
    evidence: tuple[Evidence, ...]
    sources: tuple[str, ...] = ()
    propensity: float | None = None


@dataclass(frozen=True, slots=True)
class Answer:
    """What the engine says to one query.

    Attributes:
        items: Best first, at most ``k``.
        history: The items of the history that the answer went by, oldest first, with titles.
        degraded: Why the answer is less personal than what was asked for.
        filters: Which filters were applied, and the ids that each took out at the gate.
        model: Name of the model.
        milliseconds: How long it took.
        recommendation_id: The name of this answer, by which feedback refers to it; ``None`` where answers are not kept.
        scenario: The placement that it was made for.
        cursor: What asks for the next page; ``None`` at the end.
        trace: The parts of the path that the request took (`tastemaker.pipeline.stage.PATH`), each with its steps.
    """

    items: tuple[Recommended, ...]
    history: tuple[tuple[str, str], ...]
    degraded: tuple[str, ...]
    filters: Mapping[str, tuple[str, ...]]
    model: str
    milliseconds: float
    recommendation_id: str | None = None
    scenario: str = ""
    cursor: str | None = None
    trace: tuple[Step, ...] = ()

    def to_dict(self) -> dict[str, Any]:
        """Return the answer as JSON values, as the server and ``--json`` give it."""
        return {
            "recommendation_id": self.recommendation_id,
            "scenario": self.scenario,
            "items": [_as_dict(item) for item in self.items],
            "history": [{"item_id": item, "title": title} for item, title in self.history],
            "degraded": list(self.degraded),
            "filters": {name: list(dropped) for name, dropped in self.filters.items()},
            "model": self.model,
            "cursor": self.cursor,
            "took_ms": round(self.milliseconds, 3),
        }


def _as_dict(item: Recommended) -> dict[str, Any]:
    return {
        "item_id": item.item_id,
        "title": item.title,
        "score": item.score,
        "rank": item.rank,
        "reason": item.reason,
        "evidence": [{"item_id": one.item_id, "title": one.title, "share": one.share} for one in item.evidence],
        "sources": list(item.sources),
        "propensity": item.propensity,
    }


def discreet(note: str, said: str | None, asked: str | None) -> str:
    """Return a note that repeats what was asked for, and nothing of a profile that was joined to it."""
    return note if said == asked else note.replace(f"'{said}'", "of this request")


def fits(asked: str | None) -> str:
    """Say that an item fits the words of a request, or those of a profile, which are not repeated."""
    return f'fits "{asked}"' if asked else "fits the profile"


def mostly_popular(contributions: Contributions) -> bool:
    """Say whether more than half of what speaks for an item is that many people wanted it, and no words do."""
    speaking = [(part.kind, part.amount) for part in contributions.parts if part.amount > 0]
    if any(kind == "text" for kind, _ in speaking):
        return False
    popularity = sum(amount for kind, amount in speaking if kind == "popularity")
    return popularity > 0.5 * sum(amount for _, amount in speaking)


def reason_for(query: Query, contributions: Contributions, evidence: tuple[Evidence, ...], asked: str | None) -> str:
    """Say in words what speaks for an item, and no more than that; of a profile nothing is repeated."""
    if mostly_popular(contributions):
        return "popular"
    if not evidence:
        if query.text:
            return fits(asked)
        if any(part.kind == "feature" for part in contributions.parts):
            return "expected to be liked"
        # Many items may each say a little.
        history = sum(amount for amount in contributions.by_item().values() if amount > 0)
        return "fits the history as a whole" if history > 0.5 * contributions.score else "popular"
    titles = [one.title for one in evidence]
    listed = titles[0] if len(titles) == 1 else f"{', '.join(titles[:-1])} and {titles[-1]}"
    return f"similar to {listed}" if query.items else f"because of {listed}"
