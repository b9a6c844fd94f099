"""From what a model says of a score to sentences with their facts: the recommendations of any model, explained."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from typing import Final

from tastemaker.core.errors import UnknownItemError
from tastemaker.core.query import Query
from tastemaker.core.recommendations import Contributions
from tastemaker.core.recommender import Recommender
from tastemaker.data.catalogue import Catalogue
from tastemaker.language.asking.explaining import Explainer, Explanation, Told
from tastemaker.language.asking.grounds import Ground
from tastemaker.language.texts import row_text

_NAMED: Final = 3
_SHARE: Final = 0.1
"""An item of the history is named where this much of what the history says comes from it."""
_MOSTLY: Final = 0.5


def grounds_in(contributions: Contributions, query: Query, title: Callable[[str], str]) -> tuple[Ground, ...]:
    """Return what speaks for an item, by where its score came from, the strongest first; at least one ground.

    Args:
        contributions: Where the score came from.
        query: The request that was answered.
        title: Gives the title of an item.
    """
    grounds: list[Ground] = []
    speaking = {item: amount for item, amount in contributions.by_item().items() if amount > 0}
    total = sum(speaking.values())
    named = tuple(title(item) for item, amount in list(speaking.items())[:_NAMED] if amount >= _SHARE * total)
    if named:
        grounds.append(Ground("similar" if query.items else "history", named))
    if any(part.kind == "text" and part.amount > 0 for part in contributions.parts):
        grounds.append(Ground("meaning" if query.text else "profile"))
    if grounds:
        return tuple(grounds)
    if any(part.kind == "feature" for part in contributions.parts):
        return (Ground("expected"),)
    return (Ground("whole" if total > _MOSTLY * contributions.score else "popular"),)


def told_of(
    contributions: Contributions,
    query: Query,
    catalogue: Catalogue,
) -> Told:
    """Return what is to be explained of one item, by where its score came from.

    Args:
        contributions: Where the score came from.
        query: The request, its history filled in.
        catalogue: What is known of items.
    """
    refused = [event.item_id for event in query.events() if event.weight < 0]
    return Told(
        item=catalogue.title_and_year(contributions.item_id),
        grounds=grounds_in(contributions, query, catalogue.title_and_year),
        about=about(catalogue, contributions.item_id),
        disliked=tuple(catalogue.title_and_year(item) for item in dict.fromkeys(refused)),
        request=query.text or "",
    )


def about(catalogue: Catalogue, item_id: str) -> str:
    """Return what a catalogue says of an item, in words; nothing of one that it does not know."""
    return row_text(catalogue.item(item_id)) if item_id in catalogue else ""


def explained(
    model: Recommender,
    query: Query,
    item_ids: Iterable[str],
    catalogue: Catalogue,
    explainer: Explainer,
    deadline: float | None = None,
) -> list[Explanation]:
    """Explain recommendations of any model.

    Args:
        model: What recommended them.
        query: The request, its history filled in.
        item_ids: The items, such as `Recommendations.items` gives them.
        catalogue: What is known of items.
        explainer: Says it.
        deadline: A moment of `time.monotonic`; what comes after it is said by a template.
    """
    found = []
    for item in item_ids:
        try:
            contributions = model.explain(query, item)
        except UnknownItemError:
            # The model does not know it: something beside the model has put it there.
            contributions = Contributions(item, 0.0, ())
        found.append(explainer(told_of(contributions, query, catalogue), deadline))
    return found
