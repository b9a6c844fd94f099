"""The engine: a model, a live catalogue and live people, answering one request at a time with reasons."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from concurrent.futures import Future
from dataclasses import replace
from functools import cached_property
from pathlib import Path
from typing import Any

from tastemaker.core.clock import Clock, system_clock
from tastemaker.core.encoder import Encoder
from tastemaker.core.errors import ConfigError, NotReadyError, ServiceError, UnknownItemError
from tastemaker.core.generator import Generator
from tastemaker.core.query import Query
from tastemaker.core.recommendations import Contributions
from tastemaker.data.catalogue import Catalogue
from tastemaker.data.dataset import Dataset
from tastemaker.engine.answers import Answer, Evidence, discreet
from tastemaker.engine.cycles import no_search_for_cycles
from tastemaker.engine.keeping import Keeper
from tastemaker.engine.newcomers import introduced
from tastemaker.engine.pages import Pages
from tastemaker.engine.people import People
from tastemaker.engine.people_state import Following
from tastemaker.engine.placements import Placements
from tastemaker.engine.presenting import Presenter
from tastemaker.engine.resolving import Known, Resolver
from tastemaker.engine.responses import Responses
from tastemaker.engine.scenarios import USUAL_SCENARIOS, ScenarioSettings, usual_scenario
from tastemaker.engine.shop import Shop
from tastemaker.engine.spaces import TEXT, ShelfSpace
from tastemaker.engine.still import StillPeople
from tastemaker.engine.texts import ShopTexts
from tastemaker.engine.wanted import Wanted
from tastemaker.engine.writing import Writer
from tastemaker.language.asking.prompt import ChatPrompt, load_prompt
from tastemaker.language.encoders.registry import is_learnt
from tastemaker.models import DenseRecommender, load_model
from tastemaker.pipeline.filters import parse
from tastemaker.pipeline.item_vectors import ItemVectors
from tastemaker.pipeline.stage import path_of
from tastemaker.retrieval.text_search import SearchAnswer
from tastemaker.store.ports import NewEvent, Receipt, Row, Served, TenantStore


class Engine:
    """Answers requests from one model over a shop, and where there is a store takes in what people do.

    Args:
        model: A fitted recommender.
        dataset: Items, histories and profiles, where there is no store: such an engine takes in nothing.
        store: Where items, people and events are kept.
        scenarios: The placements that may ask; the usual ones if not given.
        following: What is worked out of people's events.
        spaces: Name of a space -> the items' vectors there, beside those of the texts.
        encoder: What turns items' texts into vectors, for searches by meaning and the space ``text``.
        no_encoder: Why there is none, for answers that lack it.
        item: A template of the words that an item becomes (`tastemaker.language.texts.item_texts`).
        clock: Where "now" comes from.
        person: A template of the words that a profile becomes (`tastemaker.language.texts.person_text`).
        leave_out: Attributes of people that no model gets to see.
        generator: The language model that ranks where a scenario asks for it.
        prompt: Gives the words for it, by the name of a prompt.

    Attributes:
        model: What answers.
        lineage: Where the model came from, as `take_model` was told.
        jobs_ended: Kind of job and how an attempt at it ended -> how often, where a worker of this process does jobs.

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
        encoder: Encoder | None = None,
        no_encoder: str = "no encoder was named",
        item: str | None = None,
        clock: Clock = system_clock,
        person: str | None = None,
        leave_out: Sequence[str] = (),
        generator: Generator | None = None,
        prompt: Callable[[str], ChatPrompt] = load_prompt,
    ) -> None:
        self.model = model
        self.lineage: Mapping[str, Any] = {}
        self.jobs_ended: Mapping[tuple[str, str], int] = {}
        self.store = store
        self.clock = clock
        self._dataset = dataset
        self._lock = threading.RLock()
        self._counting, self._growing = threading.Lock(), threading.Lock()
        self._live: People | None = None
        self._pages = Pages(time.monotonic)
        self._keeper: Keeper | None = None
        self._writer: Writer | None = None
        known: Known
        if store is not None:
            self.shop = Shop.of_records(store.items, clock, model.item_ids)
            self.name = str(store.notes.get("name") or store.tenant.name)
            self._live = known = People(store, following)
            self._keeper = Keeper(store, self._live, self._pages)
            self._writer = Writer(store, self._live, lambda: self._wanted, self._keeper, clock)
        elif dataset is not None:
            self.shop = Shop.of_dataset(dataset, clock)
            self.name = dataset.name
            known = StillPeople(dataset)
        else:
            raise ConfigError("an engine needs a data set or a store")
        self.texts = ShopTexts(
            self.shop, encoder, reason=no_encoder, template=item, on_space=self._take_space, clock=clock
        )
        self._resolver = Resolver(
            known,
            self.shop.shelf,
            clock,
            self._everybody,
            live=self.live,
            draws=lambda: self._live is not None and bool(self._live.following.spaces),
            template=person,
            leave_out=leave_out,
            tenant=None if store is None else store.tenant,
        )
        self._encodes_slowly = encoder is not None and not is_learnt(encoder)
        self._presenter = Presenter(self.shop, lambda: self._wanted())
        self._placements = Placements(
            scenarios or USUAL_SCENARIOS,
            lambda: self._wanted(),
            search=self.texts,
            spaces={**(spaces or {}), **({TEXT: self.texts.vectors} if encoder is not None else {})},
            newest=self._resolver.newest if self.live else None,
            responses=(lambda numbers: self._responses(numbers)) if self.live else None,
            generator=generator,
            prompt=prompt,
        )

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
                with no_search_for_cycles():
                    wanted.load(self.store)
            elif self._dataset is not None:
                wanted.take_dataset(self._dataset)
            return wanted

    @cached_property
    def _responses(self) -> Responses:
        with self._counting:
            assert self.store is not None
            responses = Responses(self.store, self.shop.shelf, clock=self.clock)
            responses.load()
            return responses

    def warm(self) -> None:
        """Make every pipeline, and what is counted at the first request, so that none has to wait for it.

        The look-up by title and the search for texts are made in the background: who looks for a title before that
        waits for it, and `search_texts` refuses.

        Raises:
            QueryError: A scenario uses what there is not.
        """
        # The grammar of filters is read with the first of them.
        parse("true")
        self._placements.warm(self.model)
        self._wanted()
        if self._placements.explores_by_clicks:
            self._responses.follow()
        self.shop.index_titles()
        self.texts.start()

    def scenarios(self) -> dict[str, dict[str, Any]]:
        """Return the placements that may ask, each as its settings say."""
        return self._placements.described()

    def facts(self) -> dict[str, Any]:
        """Return what is served; of the model also its ``lineage`` (`tastemaker.engine.registry.lineage_of`)."""
        store = self.store
        return {
            "model": self.model.name,
            "data": self.name,
            "items": len(self.shop),
            "people": len(self.dataset.sequences.user_ids) if store is None else len(store.people),
            "events": len(self.dataset.interactions) if store is None else len(store.events),
            "revision": self.shop.shelf.revision,
            "live": self.live,
            "jobs_ended": self.jobs_ended,
            **self.lineage,
        }

    # -- who asks ------------------------------------------------------------------------------------------------

    def knows_user(self, user_id: str) -> bool:
        """Say whether there is a stored history of this person, or a profile."""
        return self._resolver.knows(user_id)

    def need_user(self, user_id: str) -> None:
        """Raise `UnknownUserError` unless there is a stored history of this person, or a profile."""
        self._resolver.need(user_id, self.name)

    def some_people(self, count: int) -> list[str]:
        """Return a few people with a history, the same every time."""
        return self._resolver.some(count)

    def _everybody(self) -> list[str]:
        """Return people with a history, the first thousand of a store."""
        if self.store is not None:
            return self.store.events.users(limit=1000)
        return [str(user) for user in self.dataset.sequences.user_ids]

    def resolve(self, query: Query) -> tuple[Query, tuple[str, ...]]:
        """Fill in what the query leaves to the store: the stored history, the profile in words, and the present.

        The profile of the query joins its text. Where there is neither that nor a history, what is stored of the
        person serves.

        Returns:
            The full query, and notes on what could not be filled.
        """
        resolved = self._resolver(query, self.model)
        return resolved.query, resolved.notes

    # -- answers -------------------------------------------------------------------------------------------------

    def recommend(self, query: Query, *, reasons: bool = True, dry_run: bool = False) -> Answer:
        """Answer one query; an unknown person gets what is popular, and the answer says so.

        Args:
            query: The request.
            reasons: Whether to say what speaks for each item, which costs about a millisecond an item.
            dry_run: Whether to leave no trace: the list is not kept, and moves no policy.

        Raises:
            QueryError: A filter, a scenario or a cursor of the request makes no sense.
            NotReadyError: The scenario searches texts, and the search is still being made.
        """
        began = time.perf_counter()
        if query.cursor is not None:
            query = self._pages.following(query)
        encoding = self._prepare_search(query)
        with self._lock:
            model = self.model
            resolved = self._resolver(query, model)
            full = resolved.query
            name = full.scenario or usual_scenario(full)
            pipeline, settings = self._placements.pipeline(name, model), self._placements.settings(name)
            context = self._resolver.context(resolved, settings.deadline, began, encoding)
            slate = pipeline(context, [settings.where] if settings.where else ())
            items = self._presenter.items(slate, model, full, query.text, reasons=reasons)
        recommendation_id = cursor = None
        if self._keeper is not None and not dry_run:
            recommendation_id, cursor = self._keeper.keep(query, name, context, slate, items, model.name)
        return Answer(
            items=items,
            history=tuple((event.item_id, self.title(event.item_id)) for event in full.events()) if reasons else (),
            degraded=(*resolved.notes, *(discreet(note, full.text, query.text) for note in slate.degraded)),
            filters={name: self.shop.ids_of(dropped) for name, dropped in slate.dropped.items()},
            model=model.name,
            milliseconds=1000 * (time.perf_counter() - began),
            recommendation_id=recommendation_id,
            scenario=name,
            cursor=cursor,
            trace=path_of(context.trace),
        )

    def waits(self, query: Query) -> bool:
        """Say whether a query is encoded by something that takes its time, such as a language model or an endpoint.

        What learns from the items' texts, and multiplies counts of words, is no such thing.
        """
        if not self._encodes_slowly:
            return False
        if query.cursor is not None:
            # What it goes on with says where to look; whether it is still known is found out later.
            return any(self._placements.settings(name).searches() for name in self._placements.names)
        return self._placements.settings(query.scenario or usual_scenario(query)).searches()

    def _prepare_search(self, query: Query) -> float | None:
        """Make or encode what a scenario that searches needs, before anybody has to wait for it.

        Returns:
            Milliseconds that encoding took; ``None`` where there was nothing to encode.
        """
        settings = self._placements.settings(query.scenario or usual_scenario(query))
        if not settings.searches():
            return None
        try:
            self.texts.need()
        except NotReadyError:
            if settings.only_searches():
                raise
        said = self.resolve(query)[0].text if self.texts.encodes else None
        if not said:
            return None
        began = time.perf_counter()
        self.texts.prepare(said)
        return 1000 * (time.perf_counter() - began)

    def evidence(self, contributions: Contributions) -> tuple[Evidence, ...]:
        """Return the items of the history that speak most for an item, strongest first, at most three."""
        return self._presenter.evidence(contributions)

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
        return [self.shop.card(item) for item in self.shop.search(text, limit)]

    def search_texts(self, text: str, k: int = 10, *, by: str = "both") -> SearchAnswer:
        """Return the available items whose texts hold the words of ``text`` or mean the same, best first.

        Args:
            text: The question.
            k: How many at most.
            by: ``words``, ``vectors`` or ``both``.

        Raises:
            QueryError: The question is empty, ``k`` is less than 1, or there is no such way.
            NotReadyError: The search is still being made.
        """
        return self.texts.search(text, k, by=by)

    # -- what people do ------------------------------------------------------------------------------------------

    def submit(self, events: Sequence[NewEvent]) -> Future[list[Receipt]]:
        """Take in events; once the future is done they would survive a loss of power, and the next answer knows them.

        Raises:
            ServiceError: This engine has no store, or more to write than it can.
        """
        return self._writes.submit(events)

    def record(self, events: Sequence[NewEvent]) -> list[Receipt]:
        """Take in events and wait for `submit`."""
        return self.submit(events).result()

    def put_items(self, rows: Mapping[str, Row]) -> int:
        """Write whole items, durably; they are shown from the next answer on. Returns the newest revision.

        A model that can score items which nobody touched learns of the new ones at once.

        Raises:
            DataError: A value cannot be kept, or is of another kind than its field's.
        """
        revision = self.shop.put(rows)
        self._introduce(rows)
        return revision

    def _introduce(self, rows: Mapping[str, Row]) -> int:
        # One after the other; what is asked meanwhile is answered from the model as it was.
        with self._growing:
            while True:
                model = self.model
                other, count = introduced(model, rows)
                with self._lock:
                    # Another model may have been taken meanwhile, which has to be told as well.
                    if self.model is model:
                        if count:
                            self.model = other
                            self._placements.forget()
                        return count

    def patch_item(self, item_id: str, changes: Row) -> dict[str, Any]:
        """Change some values of an item, ``None`` taking one away; return its row.

        Raises:
            UnknownItemError: There is no such item.
        """
        return self.shop.patch(item_id, changes)

    def delete_items(self, ids: Sequence[str]) -> int:
        """Take items away; none is shown from the next answer on. Returns how many were there."""
        return self.shop.delete(ids)

    # -- people --------------------------------------------------------------------------------------------------

    def profile(self, user_id: str) -> Row | None:
        """Return what is stored of a person, ``None`` where nothing is."""
        if self._writer is None:
            return dict(self._resolver.person(user_id).profile) or None
        return self._writer.profile(user_id)

    def put_people(self, rows: Mapping[str, Row]) -> int:
        """Write what is known of people; return the newest revision."""
        return self._writes.put(rows)

    def patch_person(self, user_id: str, changes: Row) -> Row:
        """Change some of what is known of a person, ``None`` taking something away; return all of it."""
        return self._writes.patch(user_id, changes)

    def merge(self, source: str, target: str) -> int:
        """Make one person of two, such as a visit and the account that it turned out to be.

        Returns:
            How many events changed hands.

        Raises:
            QueryError: A person cannot be merged with themselves.
        """
        return self._writes.merge(source, target)

    def export(self, user_id: str) -> Iterator[Mapping[str, Any]]:
        """Return all that is stored of a person, as lines of JSON values."""
        return self._writes.export(user_id)

    def erase(self, user_id: str) -> Mapping[str, Any]:
        """Forget a person everywhere, physically; return the receipt, which does not name them."""
        return self._writes.erase(user_id)

    def served(self, recommendation_id: str) -> Served | None:
        """Return a list that was shown."""
        if self._keeper is None:
            raise _keeps_nothing()
        return self._keeper.get(recommendation_id)

    # -- its own life --------------------------------------------------------------------------------------------

    def catalogue(self) -> Catalogue:
        """Return all items with the fields that models and searches read."""
        return self.shop.catalogue()

    def introduce_all(self) -> int:
        """Tell the model of every item that it does not know; return how many it took in."""
        return sum(self._introduce(page) for page in self.shop.pages())

    def _take_space(self, space: ShelfSpace) -> None:
        """Work out people's vectors in a space that is there from now on."""
        if self._live is not None:
            following = self._live.following
            others = tuple(other for other in following.spaces if other.name != space.name)
            self._live.follow_as(replace(following, spaces=(*others, space)))

    def take_model(self, model: DenseRecommender, lineage: Mapping[str, Any] | None = None) -> None:
        """Answer from another model from the next request on; ``lineage`` becomes part of `facts`."""
        with self._lock:
            self.model, self.lineage = model, dict(lineage or {})
            self._placements.forget()

    def flush(self) -> None:
        """Keep what was derived, so that the next start is quick; nothing is lost without it."""
        if self.store is not None and self._live is not None and self._keeper is not None:
            self._keeper.flush()
            self._live.flush()
            self._wanted.keep(self.store)
            if "_responses" in vars(self):
                self._responses.keep()

    @property
    def _writes(self) -> Writer:
        if self._writer is None:
            raise _keeps_nothing()
        return self._writer


def _keeps_nothing() -> ServiceError:
    return ServiceError("this engine keeps nothing", remedy="Start it with a store: tastemaker serve.")
