"""Worked examples: a few people of the test, what they did, what came, and what each model would have shown them."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Final, Self

import numpy as np
from numpy.typing import NDArray

from tastemaker.data.heldout import HeldOut
from tastemaker.evaluation.entries import Entry
from tastemaker.evaluation.judge import Evaluation, Judge
from tastemaker.evaluation.targets import NEVER

PEOPLE: Final = 3
"""How many people are shown unless asked otherwise."""

LATEST: Final = 5
"""How many of the latest events of a history are shown."""

ANSWERS: Final = 5
"""How many answers of one question are shown at most."""

LENGTH: Final = 5
"""How much of each list is shown."""

FOREIGN: Final = "not in the data"


@dataclass(frozen=True)
class Item:
    """An item as it is shown; its title is its id where it has none."""

    item_id: str
    title: str

    def to_json(self) -> dict[str, Any]:
        """Return it as JSON values."""
        return {"item_id": self.item_id, "title": self.title}

    @classmethod
    def from_json(cls, entry: Entry) -> Self:
        """Read what `to_json` wrote."""
        return cls(entry["item_id"].text(), entry["title"].text())


@dataclass(frozen=True)
class Shown:
    """What one model shows to one person.

    Attributes:
        items: The first of its list.
        hits: Whether each of them is an answer.
        ranks: Where the answers of the example stand, from 1; ``None`` for one that the model never shows.
    """

    items: Sequence[Item]
    hits: Sequence[bool]
    ranks: Sequence[int | None]

    def to_json(self) -> dict[str, Any]:
        """Return it as JSON values."""
        items = [{**item.to_json(), "hit": hit} for item, hit in zip(self.items, self.hits, strict=True)]
        return {"items": items, "ranks": list(self.ranks)}

    @classmethod
    def from_json(cls, entry: Entry) -> Self:
        """Read what `to_json` wrote."""
        items = list(entry["items"].each())
        ranks = [None if rank.value is None else rank.whole() for rank in entry["ranks"].each()]
        return cls([Item.from_json(item) for item in items], [item["hit"].flag() for item in items], ranks)


@dataclass(frozen=True)
class Example:
    """One question of the test.

    Attributes:
        user_id: Who asks.
        events: How many events the history has.
        history: The latest items of it, the latest last.
        asked: How many answers there are.
        answers: The first of them.
        lists: Name of a row -> what it shows.
    """

    user_id: str
    events: int
    history: Sequence[Item]
    asked: int
    answers: Sequence[Item]
    lists: Mapping[str, Shown] = field(default_factory=dict)

    def to_json(self) -> dict[str, Any]:
        """Return it as JSON values."""
        return {
            "user_id": self.user_id,
            "events": self.events,
            "history": [item.to_json() for item in self.history],
            "asked": self.asked,
            "answers": [item.to_json() for item in self.answers],
            "lists": {name: shown.to_json() for name, shown in self.lists.items()},
        }

    @classmethod
    def from_json(cls, entry: Entry) -> Self:
        """Read what `to_json` wrote."""
        return cls(
            entry["user_id"].text(),
            entry["events"].whole(),
            [Item.from_json(item) for item in entry["history"].each()],
            entry["asked"].whole(),
            [Item.from_json(item) for item in entry["answers"].each()],
            {name: Shown.from_json(shown) for name, shown in entry["lists"].items()},
        )


def drawn(held: HeldOut, people: int, rng: np.random.Generator) -> NDArray[np.int64]:
    """Return the number of one question of each of ``people`` people, all drawn at random, int64 ``[e]``."""
    if not (many := min(people, held.user_count)):
        return np.empty(0, dtype=np.int64)
    chosen = rng.choice(held.user_count, size=many, replace=False)
    return np.asarray([rng.choice(np.flatnonzero(held.users == person)) for person in chosen], dtype=np.int64)


def worked(judge: Judge, evaluations: Mapping[str, Evaluation]) -> list[Example]:
    """Return the questions that the judge keeps lists of, with what each row shows."""
    held, train = judge.held, judge.train
    ids, title = held.queries.dictionary, train.catalogue.title
    found = []
    for place, query in enumerate(judge.kept.tolist()):
        start, end = int(held.queries.starts[query]), int(held.queries.ends[query])
        latest = held.queries.codes[max(start, end - LATEST) : end]
        own = np.flatnonzero(held.query == query)
        answers = {str(ids[code]) for code in held.targets[own]}
        lists = {}
        for name, evaluation in evaluations.items():
            if len(evaluation.kept) != len(judge.kept):
                continue  # measured before, when others were drawn
            items = [_item(number, judge) for number in _cut(evaluation.kept[place][:LENGTH])]
            placed = np.atleast_2d(evaluation.ranks)[0, own[:ANSWERS]].tolist()
            ranks = [None if rank == NEVER else rank for rank in placed]
            lists[name] = Shown(items, [item.item_id in answers for item in items], ranks)
        found.append(
            Example(
                str(held.queries.user_ids[query]),
                end - start,
                [Item(str(ids[code]), title(str(ids[code]))) for code in latest],
                len(own),
                [Item(str(ids[code]), title(str(ids[code]))) for code in held.targets[own[:ANSWERS]]],
                lists,
            )
        )
    return found


def _cut(numbers: NDArray[np.int32]) -> list[int]:
    """Return a list without the places behind its end; what it has between is foreign to the data."""
    filled = np.flatnonzero(numbers >= 0)
    return numbers[: filled[-1] + 1].tolist() if len(filled) else []


def _item(number: int, judge: Judge) -> Item:
    if number < 0:
        return Item("", FOREIGN)
    item_id = str(judge.train.items.ids[number])
    return Item(item_id, judge.train.catalogue.title(item_id))
