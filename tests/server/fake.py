"""A live engine small enough to be seen through: lists, dictionaries, and counting."""

from __future__ import annotations

import threading
from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from concurrent.futures import Future
from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING, Any, cast

import polars as pl
from tests.server import conftest
from tests.server.moment import NOW

from tastemaker.core.clock import to_microseconds
from tastemaker.core.errors import BusyError, DataError, NotReadyError, QueryError, UnknownItemError, UnknownUserError
from tastemaker.core.query import Query
from tastemaker.core.recommendations import Contribution, Contributions
from tastemaker.data import Dataset
from tastemaker.engine import Engine
from tastemaker.models import Popularity
from tastemaker.pipeline.stage import Step, path_of
from tastemaker.retrieval import Hit, SearchAnswer
from tastemaker.store.ports import Key, NewEvent, Receipt, Served

if TYPE_CHECKING:
    from fastapi.testclient import TestClient

MODEL_CREATED = to_microseconds(NOW) - 3_600_000_000


@dataclass(frozen=True)
class Item:
    """A recommended item."""

    item_id: str
    title: str
    score: float
    rank: int
    reason: str
    evidence: tuple[Any, ...] = ()
    sources: tuple[str, ...] = ("popular",)
    propensity: float | None = None

    def to_dict(self) -> dict[str, Any]:
        return {**vars(self), "evidence": [], "sources": list(self.sources)}


@dataclass(frozen=True)
class Answer:
    """What the fake says."""

    items: tuple[Item, ...]
    history: tuple[tuple[str, str], ...]
    degraded: tuple[str, ...]
    recommendation_id: str
    scenario: str
    cursor: str | None
    filters: Mapping[str, Any] = field(default_factory=dict)
    model: str = "counting"
    milliseconds: float = 0.5
    trace: tuple[Step, ...] = path_of(
        (
            Step("counting", 2.0, 0, 20, part="retrieval"),
            Step("gate", 0.25, 20, 10, "two went", "gate"),
        )
    )

    def to_dict(self) -> dict[str, Any]:
        return {
            "recommendation_id": self.recommendation_id,
            "scenario": self.scenario,
            "items": [item.to_dict() for item in self.items],
            "history": [{"item_id": item, "title": title} for item, title in self.history],
            "degraded": list(self.degraded),
            "filters": {},
            "model": self.model,
            "cursor": self.cursor,
            "took_ms": self.milliseconds,
        }


class LiveShop:
    """Recommends what most people touched and the asker did not.

    Attributes:
        handed_in: Is set by `submit`.
        held: Futures of `submit` are kept here and not finished, while this is a list.
        busy: Whether `submit` refuses.
        building: Whether `search_texts` refuses.
        warmed: Whether `warm` was called.
        asked: Every query so far, with what else was asked for.
    """

    live = True

    def __init__(self) -> None:
        self.rows: dict[str, dict[str, Any]] = {f"i{n}": {"title": f"Item {n}", "price": float(n)} for n in range(8)}
        self.profiles: dict[str, dict[str, Any]] = {"ann": {"place": "Riga"}}
        self.log: list[NewEvent] = []
        self.lists: dict[str, Served] = {}
        self.revision = 0
        self.held: list[tuple[Future[list[Receipt]], list[Receipt]]] | None = None
        self.handed_in = threading.Event()
        self.busy = False
        self.building = self.warmed = False
        self.asked: list[tuple[Query, dict[str, Any]]] = []

    # -- reading

    def recommend(self, query: Query, *, reasons: bool = True, dry_run: bool = False) -> Answer:
        self.asked.append((query, {"reasons": reasons, "dry_run": dry_run}))
        if query.filters == "nonsense":
            raise QueryError("the filter makes no sense", where="filters", remedy="Read about filters.")
        if query.cursor is not None and query.cursor not in self.lists:
            raise QueryError("this cursor is unknown", where="cursor", remedy="Ask without one.")
        mine = [event.item_id for event in self.log if event.user_id == query.user_id]
        counts = Counter(event.item_id for event in self.log)
        shown = self.lists[query.cursor].item_ids if query.cursor else ()
        left_out = {*mine, *query.exclude, *shown} | {
            item for item, row in self.rows.items() if row.get("available") is False
        }
        best = sorted((item for item in self.rows if item not in left_out), key=lambda item: (-counts[item], item))
        name = "" if dry_run else f"r{len(self.lists)}"
        chosen = best[: query.k]
        said = (*mine, *query.liked, *query.disliked)
        if name:
            self.lists[name] = Served(
                recommendation_id=name,
                user_id=query.user_id,
                scenario=query.scenario or "home",
                at=to_microseconds(NOW),
                item_ids=tuple(chosen),
                propensities=(0.5,) * len(chosen),
                model="counting",
                details={"policy": "secret of the house"},
            )
        return Answer(
            items=tuple(
                Item(item, self.title(item), float(counts[item]), rank, "popular" if reasons else "")
                for rank, item in enumerate(chosen, start=1)
            ),
            history=tuple((item, self.title(item)) for item in said) if reasons else (),
            degraded=() if mine else ("nothing is known of the person",),
            recommendation_id=name,
            scenario=query.scenario or "home",
            cursor=name or None,
        )

    def waits(self, query: Query) -> bool:
        return query.scenario == "slow"

    def similar(self, item_id: str, k: int = 10) -> Answer:
        self.item(item_id)
        return self.recommend(Query(items=(item_id,), k=k, exclude=(item_id,)))

    def search(self, text: str, limit: int = 10) -> list[dict[str, Any]]:
        fits = [item for item in self.rows if text.lower() in self.title(item).lower()]
        return [{"item_id": item, "title": self.title(item), "categories": []} for item in fits[:limit]]

    def search_texts(self, text: str, k: int = 10, *, by: str = "both") -> SearchAnswer:
        if self.building:
            raise NotReadyError("the search is still being made", remedy="Try again in a moment.")
        said = text.lower().split()
        held = {item: tuple(word for word in said if word in self.title(item).lower()) for item in self.rows}
        best = sorted((item for item in held if held[item]), key=lambda item: (-len(held[item]), item))[:k]
        hits = (Hit(item, 1.0, rank, {"words": rank}, held[item]) for rank, item in enumerate(best, start=1))
        return SearchAnswer(text, "words", tuple(hits))

    def warm(self) -> None:
        self.warmed = True

    def explain(self, query: Query, item_id: str) -> Contributions:
        self.item(item_id)
        return Contributions(item_id, 1.5, (Contribution("popularity", "popularity", 1.5, "counts"),))

    def title(self, item_id: str) -> str:
        return str(self.rows.get(item_id, {}).get("title") or item_id)

    def item(self, item_id: str) -> Mapping[str, Any]:
        if item_id not in self.rows:
            raise UnknownItemError(f"there is no item '{item_id}' in the catalogue", remedy="Search for its title.")
        return {"item_id": item_id, **self.rows[item_id]}

    def some_people(self, count: int) -> list[str]:
        return sorted({event.user_id for event in self.log})[:count]

    def facts(self) -> Mapping[str, Any]:
        return {
            "model": "counting",
            "data": "fake",
            "version": "7",
            "model_created": MODEL_CREATED,
            "items": len(self.rows),
            "people": len(self.profiles),
            "events": len(self.log),
            "revision": self.revision,
        }

    def scenarios(self) -> Mapping[str, Mapping[str, Any]]:
        return {"home": {"about": "The first page.", "retrieve": [{"of": "model"}]}}

    def served(self, recommendation_id: str) -> Served | None:
        return self.lists.get(recommendation_id)

    # -- writing

    def submit(self, events: Sequence[NewEvent]) -> Future[list[Receipt]]:
        if self.busy:
            raise BusyError("the store has more to write than it can", remedy="Try again in a moment.")
        receipts = []
        for event in events:
            known = [place for place, old in enumerate(self.log, start=1) if old.event_id == event.event_id]
            if not known:
                self.log.append(event)
            receipts.append(Receipt(known[0] if known else len(self.log), fresh=not known))
        done: Future[list[Receipt]] = Future()
        if self.held is None:
            done.set_result(receipts)
        else:
            self.held.append((done, receipts))
        self.handed_in.set()
        return done

    def items(self, after: str = "", limit: int = 100) -> list[tuple[str, Mapping[str, Any]]]:
        listed: list[tuple[str, Mapping[str, Any]]] = [(item, self.rows[item]) for item in sorted(self.rows)]
        return [(item, row) for item, row in listed if item > after][:limit]

    def put_items(self, rows: Mapping[str, Mapping[str, Any]]) -> int:
        for item, row in rows.items():
            if not isinstance(row.get("colour", ""), str):
                raise DataError(f"'colour' of '{item}' is no text", remedy="Give text, or null.")
        self.rows.update({item: dict(row) for item, row in rows.items()})
        self.revision += len(rows)
        return self.revision

    def patch_item(self, item_id: str, changes: Mapping[str, Any]) -> Mapping[str, Any]:
        row = {**self.item(item_id), **changes}
        del row["item_id"]
        self.put_items({item_id: {name: value for name, value in row.items() if value is not None}})
        return self.item(item_id)

    def delete_items(self, ids: Sequence[str]) -> int:
        return sum(self.rows.pop(item, None) is not None for item in ids)

    def profile(self, user_id: str) -> Mapping[str, Any] | None:
        return self.profiles.get(user_id)

    def put_people(self, rows: Mapping[str, Mapping[str, Any]]) -> int:
        self.profiles.update({user: dict(row) for user, row in rows.items()})
        self.revision += len(rows)
        return self.revision

    def patch_person(self, user_id: str, changes: Mapping[str, Any]) -> Mapping[str, Any]:
        if user_id not in self.profiles:
            raise UnknownUserError(f"nothing is known of '{user_id}'", remedy="Write it with PUT.")
        changed = {**self.profiles[user_id], **changes}
        self.profiles[user_id] = {name: value for name, value in changed.items() if value is not None}
        return self.profiles[user_id]

    def merge(self, source: str, target: str) -> int:
        moved = [event for event in self.log if event.user_id == source]
        for event in moved:
            object.__setattr__(event, "user_id", target)
        return len(moved)

    def export(self, user_id: str) -> Iterator[Mapping[str, Any]]:
        if user_id not in self.profiles and all(event.user_id != user_id for event in self.log):
            raise UnknownUserError(f"nothing is known of '{user_id}'", remedy="Check the name.")
        yield {"kind": "profile", "profile": self.profiles.get(user_id)}
        for event in self.log:
            if event.user_id == user_id:
                yield {"kind": "event", "item_id": event.item_id, "event": event.event}

    def erase(self, user_id: str) -> Mapping[str, Any]:
        events = [event for event in self.log if event.user_id == user_id]
        self.log = [event for event in self.log if event.user_id != user_id]
        profile = self.profiles.pop(user_id, None)
        removed = {"events": len(events), "people": int(profile is not None)}
        return {"at": NOW.isoformat(), "removed": removed, "left": [], "to_do": ["Train the model anew."]}


class KeysInMemory:
    """Keys in a dictionary; counts how often it was asked for one."""

    def __init__(self, *keys: Key) -> None:
        self.kept = {key.key_id: key for key in keys}
        self.gets = 0

    def put(self, key: Key) -> None:
        self.kept[key.key_id] = key

    def get(self, key_id: str) -> Key | None:
        self.gets += 1
        return self.kept.get(key_id)

    def revoke(self, key_id: str, at: int) -> bool:
        if key_id not in self.kept:
            return False
        self.kept[key_id] = replace(self.kept[key_id], revoked=at)
        return True

    def all(self, tenant: str | None = None) -> list[Key]:
        return [key for key in self.kept.values() if tenant in (None, key.tenant)]


def still() -> Engine:
    """Return a small engine that keeps nothing."""
    data = Dataset.of(pl.DataFrame({"user_id": ["a", "a", "b"], "item_id": ["x", "y", "x"]}))
    return Engine(Popularity().fit(data), data)


def connect(shop: LiveShop, **more: Any) -> TestClient:
    """Return a client of a new application over the fake."""
    return conftest.connect(cast(Engine, shop), **more)


class Hands:
    """A clock for limits and keys, in seconds, moved by the test."""

    def __init__(self) -> None:
        self.seconds = 100.0

    def __call__(self) -> float:
        return self.seconds
