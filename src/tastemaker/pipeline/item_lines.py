"""What a generator is told of a request, each thing in a line: items by their facts, the history, the moment."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import Any, Final

from tastemaker.data.catalogue import Relations
from tastemaker.language.cleaning import shortened
from tastemaker.language.texts import in_words
from tastemaker.pipeline.shelf import Shelf
from tastemaker.pipeline.stage import Context

FACTS: Final = ("year", "categories", "brand", "price")
"""Fields of an item that are told beside its title. Free text is not among them: whoever may write it could give orders
in it."""

_MOST_VALUES: Final = 4
_MOST_LETTERS: Final = 60
_SEASONS: Final = ("winter", "spring", "summer", "autumn")
_TROPIC: Final = 23.5
_HOURS: Final = ((5, "night"), (12, "morning"), (18, "afternoon"), (23, "evening"), (24, "night"))


def item_line(
    shelf: Shelf, number: int, fields: Sequence[str] = FACTS, facts: Mapping[str, Sequence[str]] | None = None
) -> str:
    """Return an item in a line: its title, and what is known of it.

    Args:
        shelf: The live catalogue.
        number: The item.
        fields: Fields that are told, in this order; one that an item lacks is passed over.
        facts: Raw id -> more that is told of it; see `facts_by_item`.
    """
    said = [shelf.title(number)]
    for name in fields:
        if name in shelf.fields() and (words := _in_words(name, shelf.value(number, name))):
            said.append(words if name == "categories" else f"{name.replace('_', ' ')} {words}")
    if facts is not None:
        said += facts.get(str(shelf.ids[number]), ())[:_MOST_VALUES]
    return "; ".join(said)


def _in_words(name: str, value: Any) -> str:
    if isinstance(value, float) and name == "year":
        return str(int(value))
    if isinstance(value, list | tuple):
        # Of a path of categories the last step says most.
        value = [str(each).rpartition(" > ")[2] for each in value[:_MOST_VALUES]]
    return shortened(in_words(value), _MOST_LETTERS)


def facts_by_item(relations: Relations, names: Mapping[str, str] | None = None) -> dict[str, tuple[str, ...]]:
    """Return what facts say of each head, as ``relation tail``, those of one relation together.

    Args:
        relations: The facts.
        names: Id -> how it is called, such as titles of items; ids stand for themselves otherwise.

    >>> import polars as pl
    >>> facts_by_item(Relations(pl.DataFrame({"head": ["m1"], "relation": ["directed_by"], "tail": ["Ang_Lee"]})))
    {'m1': ('directed by Ang Lee',)}
    """
    tails: dict[str, dict[str, list[str]]] = {}
    for head, relation, tail in relations.frame.select("head", "relation", "tail").drop_nulls().iter_rows():
        tails.setdefault(head, {}).setdefault(relation, []).append((names or {}).get(tail, tail).replace("_", " "))
    return {
        head: tuple(
            f"{relation.replace('_', ' ')} {', '.join(ends[:_MOST_VALUES])}" for relation, ends in of_head.items()
        )
        for head, of_head in tails.items()
    }


def history_lines(context: Context, most: int = 10) -> list[str]:
    """Return the latest items of a person, oldest first, each in a line with what they said of it.

    An item of several events stands at the last of them; items that are not on the shelf are passed over.

    Args:
        context: The request.
        most: How many.
    """
    shelf, latest = context.shelf, dict[str, str]()
    for event in reversed(context.query.asked_with() or context.person.history):
        if len(latest) >= most:
            break
        number = int(shelf.numbers([event.item_id])[0])
        if number < 0 or event.item_id in latest:
            continue
        rated = "" if event.rating is None else f"rated {event.rating:g}"
        opinion = "disliked" if event.weight < 0 else rated or ("liked" if event.event == "like" else "")
        line = item_line(shelf, number, ("year",))
        latest[event.item_id] = f"{line}: {opinion}" if opinion else line
    return list(reversed(latest.values()))


def moment_line(now: datetime, context: Mapping[str, Any]) -> str:
    """Return when and where somebody asks: season, day and hour, and what else the request says of it in words.

    Seasons are those of the north, unless the request says by ``lat`` that it comes from the south; between the
    tropics there are none.

    Args:
        now: The moment, in the time of whoever asks where that is known.
        context: Such as ``place``, ``occasion``, ``device``.

    >>> moment_line(datetime(2026, 1, 3, 20), {"occasion": "a birthday"})
    'winter, Saturday evening; occasion: a birthday'
    """
    hour = next(name for end, name in _HOURS if now.hour < end)
    latitude = context.get("lat")
    north = float(latitude) if isinstance(latitude, int | float) and not isinstance(latitude, bool) else 90.0
    season = _SEASONS[(now.month % 12 // 3 + (0 if north >= 0 else 2)) % 4]
    said = [f"{now:%A} {hour}" if abs(north) < _TROPIC else f"{season}, {now:%A} {hour}"]
    told = {name: value for name, value in context.items() if isinstance(value, str) and value.strip()}
    said += [f"{name.replace('_', ' ')}: {shortened(value, _MOST_LETTERS)}" for name, value in told.items()]
    return "; ".join(said)
