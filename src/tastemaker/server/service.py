"""What the server asks of an engine: a protocol, so that it knows no more of one than it uses."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from concurrent.futures import Future
from typing import Any, Protocol, cast

from starlette.requests import Request

from tastemaker.core.query import Query
from tastemaker.core.recommendations import Contributions
from tastemaker.pipeline.stage import Step
from tastemaker.retrieval import SearchAnswer
from tastemaker.server.refusals import ReadOnlyServer
from tastemaker.store.ports import NewEvent, Receipt, Served


class Answered(Protocol):
    """An answer of an engine."""

    @property
    def trace(self) -> tuple[Step, ...]:
        """The parts of the path that the request took, each with its steps."""
        ...

    def to_dict(self) -> dict[str, Any]:
        """Return it ready for JSON, with the fields of `tastemaker.server.schemas.recommend.AnswerOut`."""
        ...


class Reader(Protocol):
    """What answers without writing anything."""

    @property
    def live(self) -> bool:
        """Whether this is a `Service`: it keeps events, items and people."""
        ...

    def recommend(self, query: Query, *, reasons: bool = True, dry_run: bool = False) -> Answered:
        """Answer one query.

        Raises:
            QueryError: It cannot be answered as it was put: filters, a scenario or a cursor that is unknown.
        """
        ...

    def waits(self, query: Query) -> bool:
        """Say whether the answer to a query waits for something, such as an endpoint, that others must not wait for."""
        ...

    def similar(self, item_id: str, k: int = 10) -> Answered:
        """Return the items most similar to one item.

        Raises:
            UnknownItemError: There is no such item.
        """
        ...

    def search(self, text: str, limit: int = 10) -> list[dict[str, Any]]:
        """Return items whose titles fit ``text``, best first, each as ``item_id, title, categories``."""
        ...

    def search_texts(self, text: str, k: int = 10, *, by: str = "both") -> SearchAnswer:
        """Return the available items whose texts hold the words of ``text`` or mean the same, best first.

        Raises:
            QueryError: The question is empty, or there is no such way to search.
            NotReadyError: The search is still being made.
        """
        ...

    def warm(self) -> None:
        """Make ahead what the first request would wait for; what takes long goes on in the background.

        Raises:
            QueryError: A scenario uses what there is not.
        """
        ...

    def explain(self, query: Query, item_id: str) -> Contributions:
        """Say where the score of one item comes from.

        Raises:
            UnknownItemError: There is no such item.
        """
        ...

    def title(self, item_id: str) -> str:
        """Return the title of an item as it is shown; the id where nothing is known of it."""
        ...

    def item(self, item_id: str) -> Mapping[str, Any]:
        """Return the row of an item.

        Raises:
            UnknownItemError: There is no such item.
        """
        ...

    def some_people(self, count: int) -> list[str]:
        """Return a few people with a history, the same every time."""
        ...

    def facts(self) -> Mapping[str, Any]:
        """Return what is served: ``model`` and ``data`` (their names), ``items`` and ``people`` (how many).

        Where known also ``version`` (of the model), ``model_created`` (microseconds since the epoch), ``events`` (how
        many), ``revision`` (of the catalogue) and ``jobs_ended`` ((kind of job, outcome) -> how many attempts).
        """
        ...


class Service(Reader, Protocol):
    """A live engine: what is written is seen by the next request."""

    def submit(self, events: Sequence[NewEvent]) -> Future[list[Receipt]]:
        """Hand events in; the future is done when they are durable and visible.

        Raises:
            BusyError: More is under way than can be taken in; the future may raise it as well.
        """
        ...

    def items(self, after: str = "", limit: int = 100) -> list[tuple[str, Mapping[str, Any]]]:
        """Return items with their rows in the order of their ids, those beyond ``after``."""
        ...

    def put_items(self, rows: Mapping[str, Mapping[str, Any]]) -> int:
        """Write whole rows, durable and visible; return the newest revision."""
        ...

    def patch_item(self, item_id: str, changes: Mapping[str, Any]) -> Mapping[str, Any]:
        """Change some values of an item, ``None`` taking one away; return its row.

        Raises:
            UnknownItemError: There is no such item.
        """
        ...

    def delete_items(self, ids: Sequence[str]) -> int:
        """Delete items; return how many there were."""
        ...

    def profile(self, user_id: str) -> Mapping[str, Any] | None:
        """Return what is known of a person, by name; ``None`` for somebody unknown."""
        ...

    def put_people(self, rows: Mapping[str, Mapping[str, Any]]) -> int:
        """Write whole profiles, durable and visible; return the newest revision."""
        ...

    def patch_person(self, user_id: str, changes: Mapping[str, Any]) -> Mapping[str, Any]:
        """Change some attributes of a person, ``None`` taking one away; return the profile.

        Raises:
            UnknownUserError: There is no such person.
        """
        ...

    def merge(self, source: str, target: str) -> int:
        """Give all that is known of one person to another; return how many events changed hands."""
        ...

    def export(self, user_id: str) -> Iterator[Mapping[str, Any]]:
        """Return all that is known of a person, a mapping a line: profile, events, lists shown, derived state."""
        ...

    def erase(self, user_id: str) -> Mapping[str, Any]:
        """Forget a person everywhere; return the receipt.

        It has ``at`` (ISO 8601), ``removed`` (place -> how many entries) and ``left`` (places that still name the
        person: none), and may have ``complete``, ``models`` and ``to_do``, what is left to do in words.
        """
        ...

    def served(self, recommendation_id: str) -> Served | None:
        """Return a list that was shown."""
        ...

    def scenarios(self) -> Mapping[str, Mapping[str, Any]]:
        """Return placements by name, each as its settings say, with what it is for under ``about``."""
        ...


def reader(request: Request) -> Reader:
    """Return what answers requests that write nothing."""
    return cast(Reader, request.app.state.service)


def service(request: Request) -> Service:
    """Return what answers requests that write.

    Raises:
        ReadOnlyServer: This server keeps nothing.
    """
    found = reader(request)
    if not found.live:
        raise ReadOnlyServer
    return cast(Service, found)
