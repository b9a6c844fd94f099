"""The engine: a model, a live catalogue and live people, answering one request at a time with reasons."""

from __future__ import annotations

import logging
import secrets
import threading
import time
import zlib
from collections.abc import Iterator, Mapping, Sequence
from concurrent.futures import Future
from dataclasses import replace
from datetime import datetime
from functools import cached_property
from pathlib import Path
from typing import Any, Final, Protocol

import numpy as np

from tastemaker.core.clock import Clock, system_clock, to_microseconds
from tastemaker.core.errors import (
    ConfigError,
    QueryError,
    ServiceError,
    StorageError,
    UnknownItemError,
    UnknownUserError,
    nearest,
)
from tastemaker.core.query import Event, Query
from tastemaker.core.recommendations import Contributions
from tastemaker.core.tenant import Tenant
from tastemaker.data.catalogue import Catalogue
from tastemaker.data.dataset import Dataset
from tastemaker.engine.answers import Answer, Evidence, Recommended, discreet, reason_for
from tastemaker.engine.erasure import erase_person, export_person
from tastemaker.engine.newcomers import as_catalogue, introduce
from tastemaker.engine.pages import Pages
from tastemaker.engine.people import People
from tastemaker.engine.people_items import Numbering
from tastemaker.engine.people_state import Following
from tastemaker.engine.scenarios import USUAL_SCENARIOS, Parts, ScenarioSettings, make_pipeline, usual_scenario
from tastemaker.engine.shop import Shop
from tastemaker.engine.shown import Shown
from tastemaker.engine.still import StillPeople
from tastemaker.engine.wanted import Wanted
from tastemaker.language.texts import person_text
from tastemaker.models import DenseRecommender, load_model
from tastemaker.pipeline.item_vectors import ItemVectors
from tastemaker.pipeline.pipeline import Pipeline
from tastemaker.pipeline.slate import Slate
from tastemaker.pipeline.stage import Context, Person, Step
from tastemaker.retrieval.text_search import TextSearch
from tastemaker.store.ports import NewEvent, Receipt, Row, Served, StoredEvent, TenantStore

_EVIDENCE: Final = 3
_EVIDENCE_SHARE: Final = 0.1
_EXPLAINED: Final = 50
"""Reasons are given for this many; a longer list is for programs, and each reason costs about a millisecond."""

_PAGE: Final = 5_000

_logger = logging.getLogger("tastemaker.engine")


class Known(Protocol):
    """Whoever knows people: `People` of a store, or `StillPeople` of a data set."""

    def person(self, user_id: str | None, shelf: Numbering, now: datetime, session: Sequence[Event] = ()) -> Person:
        """Return somebody as of now."""
        ...


class Engine:
    """Answers requests from one model over a shop, and where there is a store takes in what people do.

    Args:
        model: A fitted recommender.
        dataset: Items, histories and profiles, where there is no store: such an engine takes in nothing.
        store: Where items, people and events are kept.
        scenarios: The placements that may ask; the usual ones if not given.
        following: What is worked out of people's events.
        spaces: Name of a space -> the items' vectors there.
        search: What searches texts for scenarios that do.
        clock: Where "now" comes from.
        person: A template of the words that a profile becomes (`tastemaker.language.texts.person_text`).
        leave_out: Attributes of people that no model gets to see.

    Raises:
        ConfigError: A scenario uses what there is not.
    """

    def __init__(
        self,
        model: DenseRecommender,
        dataset: Dataset | None = None,
        *,
        store: TenantStore | None = None,
        scenarios: Mapping[str, ScenarioSettings] | None = None,
        following: Following | None = None,
        spaces: Mapping[str, ItemVectors] | None = None,
        search: TextSearch | None = None,
        clock: Clock = system_clock,
        person: str | None = None,
        leave_out: Sequence[str] = (),
    ) -> None:
        self.model = model
        self.store = store
        self.clock = clock
        self.person = person
        self.leave_out = tuple(leave_out)
        self._dataset = dataset
        self._settings = dict(scenarios or USUAL_SCENARIOS)
        self._spaces, self._search = dict(spaces or {}), search
        self._lock = threading.RLock()
        self._pages = Pages(time.monotonic)
        self._pipelines: dict[str, Pipeline] = {}
        self._counting = threading.Lock()
        self._leaving: set[str] = set()
        self._live: People | None = None
        self._known: Known
        if store is not None:
            self.shop = Shop.of_records(store.items, clock)
            self.name = str(store.notes.get("name") or store.tenant.name)
            self._live = self._known = People(store, following)
            self._shown = Shown(store.served)
        elif dataset is not None:
            self.shop = Shop.of_dataset(dataset, clock)
            self.name = dataset.name
            self._known = StillPeople(dataset)
        else:
            raise ConfigError("an engine needs a data set or a store")

    @classmethod
    def open(cls, folder: str | Path, dataset: Dataset) -> Engine:
        """Load a saved model and serve it over ``dataset``.

        Raises:
            ModelFormatError: The folder does not hold a whole model.
        """
        return cls(load_model(folder), dataset)

    # -- what it is made of --------------------------------------------------------------------------------------

    @property
    def live(self) -> bool:
        """Whether it takes in events."""
        return self._live is not None

    @property
    def dataset(self) -> Dataset:
        """The data set of an engine without a store.

        Raises:
            ServiceError: There is a store instead.
        """
        if self._dataset is None:
            raise ServiceError("this engine has a store and no data set", remedy="Ask its shop and its people.")
        return self._dataset

    @cached_property
    def _wanted(self) -> Wanted:
        with self._counting:
            wanted = Wanted(self.shop.shelf)
            if self.store is not None:
                wanted.load(self.store)
            elif self._dataset is not None:
                wanted.take_dataset(self._dataset)
            return wanted

    def _pipeline(self, scenario: str) -> Pipeline:
        pipeline = self._pipelines.get(scenario)
        if pipeline is None:
            settings = self._settings.get(scenario)
            if settings is None:
                raise QueryError(
                    f"there is no scenario '{scenario}'", where="scenario", remedy=nearest(scenario, self._settings)
                )
            newest = None if self._live is None else self._newest
            parts = Parts(self.model, lambda: self._wanted(), self._search, self._spaces, newest)
            try:
                pipeline = make_pipeline(settings, parts)
            except ConfigError as error:
                raise QueryError(error.message, where=f"scenario '{scenario}'", remedy=error.remedy) from error
            self._pipelines[scenario] = pipeline
        return pipeline

    def warm(self) -> None:
        """Make every pipeline, and what is counted at the first request, so that none has to wait for it.

        Raises:
            QueryError: A scenario uses what there is not.
        """
        for name, settings in self._settings.items():
            if self._search is not None or all(source.of != "search" for source in settings.retrieve):
                self._pipeline(name)
        self._wanted()

    def scenarios(self) -> dict[str, dict[str, Any]]:
        """Return the placements that may ask, each as its settings say."""
        return {name: settings.model_dump(exclude_none=True) for name, settings in self._settings.items()}

    def facts(self) -> dict[str, Any]:
        """Return what is served."""
        store = self.store
        return {
            "model": self.model.name,
            "data": self.name,
            "items": len(self.shop),
            "people": len(self.dataset.sequences.user_ids) if store is None else len(store.people),
            "events": len(self.dataset.interactions) if store is None else len(store.events),
            "revision": self.shop.shelf.revision,
            "live": self.live,
        }

    # -- who asks ------------------------------------------------------------------------------------------------

    def knows_user(self, user_id: str) -> bool:
        """Say whether there is a stored history of this person, or a profile."""
        person = self._person(user_id)
        return bool(person.history or person.profile)

    def need_user(self, user_id: str) -> None:
        """Raise `UnknownUserError` unless there is a stored history of this person, or a profile."""
        if not self.knows_user(user_id):
            some = ", ".join(f"'{user}'" for user in self._everybody()[:3])
            raise UnknownUserError(
                f"there is no user '{user_id}' in {self.name}",
                remedy=f"Users are called {some} and so on; a newcomer can give a history instead.",
            )

    def some_people(self, count: int) -> list[str]:
        """Return a few people with a history, the same every time."""
        everybody = self._everybody()
        return everybody[:: max(1, len(everybody) // count)][:count]

    def _everybody(self) -> list[str]:
        """Return people with a history, the first thousand of a store."""
        if self.store is not None:
            return self.store.events.users(limit=1000)
        return [str(user) for user in self.dataset.sequences.user_ids]

    def _person(self, user_id: str | None, session: Sequence[Event] = ()) -> Person:
        return self._known.person(user_id, self.shop.shelf, self.clock(), session)

    def _newest(self, context: Context) -> Person:
        """Return who asks as known by now, for the gate: what they hid while the answer was made is not shown."""
        person = context.person
        if person.user_id is None:
            return person
        newest = self._person(person.user_id)
        # A history that was given replaces what was seen.
        seen = newest.seen if len(person.seen) else person.seen
        if np.array_equal(newest.hidden, person.hidden) and np.array_equal(seen, person.seen):
            return person
        return replace(person, seen=seen, hidden=newest.hidden)

    def resolve(self, query: Query) -> tuple[Query, tuple[str, ...]]:
        """Fill in what the query leaves to the store: the stored history, the profile in words, and the present.

        The profile of the query joins its text. Where there is neither that nor a history, what is stored of the
        person serves.

        Returns:
            The full query, and notes on what could not be filled.
        """
        full, _, notes = self._resolved(query)
        return full, notes

    def _resolved(self, query: Query) -> tuple[Query, Person, tuple[str, ...]]:
        now = query.now or self.clock()
        notes: list[str] = []
        try:
            person = self._person(query.user_id)
        except StorageError:
            _logger.exception("somebody could not be read")
            person = Person(query.user_id)
            notes.append("what is stored of the person could not be read")
        profile = query.profile
        if query.history is None and not query.items:
            if query.user_id is not None and not person.history:
                profile = profile or dict(person.profile)
                if not profile:
                    notes.append(f"user '{query.user_id}' is unknown")
            query = replace(query, history=person.history)
        elif query.history is not None:
            # What is given replaces what is stored, except that nobody is shown what they hid.
            person = replace(person, history=(), seen=person.seen[:0])
        said = person_text(profile, self.person, self.leave_out) if profile else ""
        if said and "text" not in self.model.capabilities.reads:
            notes.append(f"'{self.model.name}' reads no words, so a profile says nothing to it")
        elif said:
            query = replace(query, text=" ".join(part for part in (query.text, said) if part))
        full = replace(query, now=now)
        return full, self._drawn(full, person), tuple(notes)

    def _drawn(self, query: Query, person: Person) -> Person:
        """Return the person with the vectors of what the request itself tells, beside what is stored."""
        if self._live is None or not self._spaces:
            return person
        told = query.events() if not person.history else (*query.session, *query.events()[len(person.history) :])
        if not told:
            return person
        drawn = self._person(query.user_id if person.history else None, told)
        return replace(person, vectors=drawn.vectors, strengths=drawn.strengths)

    # -- answers -------------------------------------------------------------------------------------------------

    def recommend(self, query: Query, *, reasons: bool = True, dry_run: bool = False) -> Answer:
        """Answer one query; an unknown person gets what is popular, and the answer says so.

        Args:
            query: The request.
            reasons: Whether to say what speaks for each item, which costs about a millisecond an item.
            dry_run: Whether to leave no trace: the list is not kept, and moves no policy.

        Raises:
            QueryError: A filter, a scenario or a cursor of the request makes no sense.
        """
        began = time.perf_counter()
        if query.cursor is not None:
            query = self._pages.following(query)
        with self._lock:
            full, person, notes = self._resolved(query)
            name = full.scenario or usual_scenario(full)
            pipeline = self._pipeline(name)
            context = self._context(full, person, self._settings[name], began)
            slate = pipeline(context, [where] if (where := self._settings[name].where) else ())
            model = self.model
            items = tuple(
                self._present(context, slate, place, full, reasons, query.text) for place in range(len(slate))
            )
            recommendation_id = cursor = None
            # Of somebody who is being erased nothing is kept.
            if self.live and not dry_run and full.user_id not in self._leaving:
                recommendation_id = self._keep(full, context, slate, name, model.name)
                if len(slate) == full.k:
                    cursor = recommendation_id
                    self._pages.keep(cursor, replace(query, scenario=name), tuple(item.item_id for item in items))
        ids = self.shop.shelf.ids
        return Answer(
            items=items,
            history=tuple((event.item_id, self.title(event.item_id)) for event in full.events()) if reasons else (),
            degraded=(*notes, *(discreet(note, full.text, query.text) for note in slate.degraded)),
            filters={name: tuple(ids[dropped].tolist()) for name, dropped in slate.dropped.items()},
            model=model.name,
            milliseconds=1000 * (time.perf_counter() - began),
            recommendation_id=recommendation_id,
            scenario=name,
            cursor=cursor,
            trace=tuple(context.trace),
        )

    def _context(self, full: Query, person: Person, settings: ScenarioSettings, began: float) -> Context:
        assert full.now is not None
        budget = full.deadline if full.deadline is not None else settings.deadline
        chance = [full.seed, zlib.crc32((full.user_id or "").encode())]
        if self.live:
            # The same request a moment later is another chance; a replay names its moment.
            chance.append(max(0, to_microseconds(full.now)))
        what = f"{len(person.history)} events, up to number {person.version} of the log"
        drawn = ", ".join(f"{len(vectors)} in '{space}'" for space, vectors in person.vectors.items())
        policy = f", policy '{person.policy}'" if person.policy else ""
        step = Step(
            "person",
            1000 * (time.perf_counter() - began),
            0,
            0,
            f"{what}{f', vectors: {drawn}' if drawn else ''}{policy}",
        )
        return Context(
            query=full,
            person=person,
            shelf=self.shop.shelf,
            now=full.now,
            rng=np.random.default_rng(chance),
            deadline=None if budget is None else began + budget / 1000,
            trace=[step],
            tenant=Tenant() if self.store is None else self.store.tenant,
        )

    def _keep(self, query: Query, context: Context, slate: Slate, scenario: str, model: str) -> str:
        """Keep what was shown, without waiting for the disk, and let the session policy know."""
        assert self.store is not None
        assert self._live is not None
        served = Served(
            recommendation_id=secrets.token_hex(12),
            user_id=query.user_id,
            scenario=scenario,
            at=to_microseconds(context.now),
            item_ids=tuple(context.shelf.ids[slate.items].tolist()),
            propensities=() if slate.propensities is None else tuple(slate.propensities.tolist()),
            model=model,
            details={"policy": context.person.policy},
        )
        self._shown.keep(served)
        self._live.served(served)
        return served.recommendation_id

    def _present(
        self, context: Context, slate: Slate, place: int, query: Query, reasons: bool, asked: str | None
    ) -> Recommended:
        number = int(slate.items[place])
        item, score = str(context.shelf.ids[number]), float(slate.scores[place])
        sources = tuple(name for name, given in slate.sources.items() if not np.isnan(given[place]))
        chance = None if slate.propensities is None else float(slate.propensities[place])
        reason: str = ""
        evidence: tuple[Evidence, ...] = ()
        if reasons and place < _EXPLAINED:
            reason, evidence = self._reason(query, item, sources, asked)
        return Recommended(item, self.title(item), score, place + 1, reason, evidence, sources, chance)

    def _reason(
        self, query: Query, item: str, sources: tuple[str, ...], asked: str | None
    ) -> tuple[str, tuple[Evidence, ...]]:
        try:
            contributions = self.model.explain(query, item)
        except Exception as error:
            # A list is not lost because a reason cannot be had.
            if not isinstance(error, UnknownItemError):
                _logger.warning("no reason could be given", exc_info=True)
            return ("new" if "latest" in sources else "popular"), ()
        evidence = self.evidence(contributions)
        return reason_for(query, contributions, evidence, asked), evidence

    def evidence(self, contributions: Contributions) -> tuple[Evidence, ...]:
        """Return the items of the history that speak most for an item, strongest first, at most three."""
        speaking = {item: amount for item, amount in contributions.by_item().items() if amount > 0}
        total = sum(speaking.values())
        return tuple(
            Evidence(item, self.title(item), amount / total)
            for item, amount in list(speaking.items())[:_EVIDENCE]
            if amount >= _EVIDENCE_SHARE * total
        )

    def similar(self, item_id: str, k: int = 10) -> Answer:
        """Return the items most similar to one item.

        Raises:
            UnknownItemError: There is no such item.
        """
        if item_id not in self.shop:
            raise UnknownItemError(f"there is no item '{item_id}' in the catalogue", remedy="Search for its title.")
        return self.recommend(Query(items=(item_id,), k=k))

    def explain(self, query: Query, item_id: str) -> Contributions:
        """Say where the score of one item comes from."""
        with self._lock:
            return self.model.explain(self.resolve(query)[0], item_id)

    def title(self, item_id: str) -> str:
        """Return the title of an item, with its year where that is known."""
        return self.shop.title(item_id)

    def item(self, item_id: str) -> dict[str, Any]:
        """Return what is known of one item.

        Raises:
            UnknownItemError: There is no such item.
        """
        return self.shop.item(item_id)

    def items(self, after: str = "", limit: int = 100) -> list[tuple[str, Row]]:
        """Return items in the order of their ids, those beyond ``after``."""
        return self.shop.items(after, limit)

    def search(self, text: str, limit: int = 10) -> list[dict[str, Any]]:
        """Return items whose titles fit ``text``, best first, each as ``item_id, title, categories``."""
        return [
            {
                "item_id": item,
                "title": self.title(item),
                "categories": list(self.shop.item(item).get("categories") or []),
            }
            for item in self.shop.search(text, limit)
        ]

    # -- what people do ------------------------------------------------------------------------------------------

    def submit(self, events: Sequence[NewEvent]) -> Future[list[Receipt]]:
        """Take in events; once the future is done they would survive a loss of power, and the next answer knows them.

        Raises:
            ServiceError: This engine has no store, or more to write than it can.
        """
        store, live = self._stored()
        done: Future[list[Receipt]] = Future()
        now = to_microseconds(self.clock())

        def applied(committed: Future[list[Receipt]]) -> None:
            try:
                receipts = committed.result()
                fresh = sorted(
                    (
                        StoredEvent(receipt.offset, now, _renamed(event, store.events.current(event.user_id)))
                        for event, receipt in zip(events, receipts, strict=True)
                        if receipt.fresh
                    ),
                    key=lambda stored: stored.offset,
                )
                live.apply(fresh)
                self._wanted.take(fresh)
            except BaseException as error:
                done.set_exception(error)
            else:
                done.set_result(receipts)

        store.events.submit(events).add_done_callback(applied)
        return done

    def record(self, events: Sequence[NewEvent]) -> list[Receipt]:
        """Take in events and wait for `submit`."""
        return self.submit(events).result()

    def put_items(self, rows: Mapping[str, Row]) -> int:
        """Write whole items, durably; they are shown from the next answer on. Returns the newest revision.

        A model that can score items which nobody touched learns of the new ones at once.

        Raises:
            DataError: A value cannot be kept, or is of another kind than its field's.
        """
        self._stored()
        revision = self.shop.put(rows)
        self._introduce(rows)
        return revision

    def _introduce(self, rows: Mapping[str, Row]) -> int:
        with self._lock:
            return introduce(self.model, rows)

    def patch_item(self, item_id: str, changes: Row) -> dict[str, Any]:
        """Change some values of an item, ``None`` taking one away; return its row.

        Raises:
            UnknownItemError: There is no such item.
        """
        self._stored()
        return self.shop.patch(item_id, changes)

    def delete_items(self, ids: Sequence[str]) -> int:
        """Take items away; none is shown from the next answer on. Returns how many were there."""
        self._stored()
        return self.shop.delete(ids)

    # -- people --------------------------------------------------------------------------------------------------

    def profile(self, user_id: str) -> Row | None:
        """Return what is stored of a person, ``None`` where nothing is."""
        if self.store is None:
            return dict(self._person(user_id).profile) or None
        name = self.store.events.current(user_id)
        return self.store.people.get([name]).get(name)

    def put_people(self, rows: Mapping[str, Row]) -> int:
        """Write what is known of people; return the newest revision."""
        store, live = self._stored()
        revision = store.people.put({store.events.current(name): row for name, row in rows.items()})
        live.follow()
        return revision

    def patch_person(self, user_id: str, changes: Row) -> Row:
        """Change some of what is known of a person, ``None`` taking something away; return all of it."""
        store, live = self._stored()
        name = store.events.current(user_id)
        with self._lock:
            row = store.people.patch(name, changes)
            if row is None:
                row = {field: value for field, value in changes.items() if value is not None}
                store.people.put({name: row})
        live.follow()
        return row

    def merge(self, source: str, target: str) -> int:
        """Make one person of two, such as a visit and the account that it turned out to be.

        Returns:
            How many events changed hands.

        Raises:
            QueryError: A person cannot be merged with themselves.
        """
        store, live = self._stored()
        self._shown.flush()
        moved = store.events.merge(source, target)
        into = store.events.current(target)
        store.served.merge(source, into)
        rows = store.people.get([source, into])
        if source in rows:
            store.people.put({into: {**rows[source], **rows.get(into, {})}})
            store.people.delete([source])
        live.forget(*store.events.names(into))
        live.follow()
        return moved

    def export(self, user_id: str) -> Iterator[Mapping[str, Any]]:
        """Return all that is stored of a person, as lines of JSON values."""
        store, _ = self._stored()
        return export_person(store, user_id)

    def erase(self, user_id: str) -> Mapping[str, Any]:
        """Forget a person everywhere, physically; return the receipt, which does not name them."""
        store, live = self._stored()
        names = {*store.events.names(user_id), user_id}
        with self._lock:
            self._leaving |= names
        try:
            # Not under the lock: others are answered meanwhile.
            self._shown.flush()
            receipt = erase_person(store, user_id, now=self.clock())
            live.forget(*names)
            pages = self._pages.forget(*names)
        finally:
            with self._lock:
                self._leaving -= names
        return {**receipt, "removed": {**receipt.get("removed", {}), "pages": pages}}

    def served(self, recommendation_id: str) -> Served | None:
        """Return a list that was shown."""
        self._stored()
        return self._shown.get(recommendation_id)

    # -- its own life --------------------------------------------------------------------------------------------

    def catalogue(self) -> Catalogue:
        """Return all items with the fields that models and searches read."""
        if self._dataset is not None:
            return self._dataset.catalogue
        return as_catalogue({item: row for page in self._pages_of_items() for item, row in page})

    def introduce_all(self) -> int:
        """Tell the model of every item that it does not know; return how many it took in."""
        return sum(self._introduce(dict(page)) for page in self._pages_of_items())

    def _pages_of_items(self) -> Iterator[list[tuple[str, Row]]]:
        after = ""
        while page := self.shop.items(after, _PAGE):
            yield page
            after = page[-1][0]

    def take_search(self, search: TextSearch) -> None:
        """Search texts by another index from the next request on."""
        with self._lock:
            self._search = search
            self._pipelines.clear()

    @property
    def text_search(self) -> TextSearch | None:
        """What searches texts, if anything does."""
        return self._search

    def take_model(self, model: DenseRecommender) -> None:
        """Answer from another model from the next request on."""
        with self._lock:
            self.model = model
            self._pipelines.clear()

    def flush(self) -> None:
        """Keep what was derived, so that the next start is quick; nothing is lost without it."""
        if self.store is not None and self._live is not None:
            self._shown.flush()
            self._live.flush()
            self._wanted.keep(self.store)

    def _stored(self) -> tuple[TenantStore, People]:
        if self.store is None or self._live is None:
            raise ServiceError("this engine keeps nothing", remedy="Start it with a store: tastemaker serve.")
        return self.store, self._live


def _renamed(event: NewEvent, user_id: str) -> NewEvent:
    return event if event.user_id == user_id else replace(event, user_id=user_id)
