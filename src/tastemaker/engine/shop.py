"""The live catalogue: a shelf of columns to filter by, the rows behind it, and the search for titles."""

from __future__ import annotations

import threading
from collections.abc import Iterable, Iterator, Mapping, Sequence
from itertools import tee
from typing import Any, Protocol, Self

from tastemaker.core.clock import Clock, system_clock, to_microseconds
from tastemaker.core.errors import ServiceError, UnknownItemError
from tastemaker.data.catalogue import Catalogue
from tastemaker.data.dataset import Dataset
from tastemaker.data.titles import TitleIndex, year_in_words
from tastemaker.engine.cycles import no_search_for_cycles
from tastemaker.engine.item_rows import put_stored
from tastemaker.engine.newcomers import as_catalogue
from tastemaker.pipeline.shelf import Shelf
from tastemaker.pipeline.slate import Numbers
from tastemaker.store.ports import Records, Row

_PAGE = 10_000


class Follower(Protocol):
    """What is made of a shop's items and follows them; called while others wait to write, so it has to be quick."""

    def put(self, rows: Mapping[str, Row]) -> None:
        """Take in whole rows that were written."""
        ...

    def forget(self, ids: Sequence[str]) -> None:
        """Take in that items were taken away."""
        ...


class Shop:
    """Items as they are now.

    Args:
        shelf: Their columns.
        rows: Where whole rows lie; ``None`` for a catalogue that cannot be changed.
        catalogue: What gives rows where ``rows`` is ``None``.
        clock: Tells when an item came.
    """

    def __init__(
        self,
        shelf: Shelf,
        rows: Records | None = None,
        catalogue: Catalogue | None = None,
        clock: Clock = system_clock,
    ) -> None:
        self.shelf = shelf
        self._rows, self._catalogue, self._clock = rows, catalogue, clock
        self._lock, self._finding = threading.RLock(), threading.Lock()
        self._titles: tuple[int, TitleIndex] | None = None
        self._making: threading.Thread | None = None
        self._followers: list[Follower] = []

    def follow(self, follower: Follower) -> None:
        """Tell somebody of every change from now on, in the order of the changes, before the writer is answered."""
        with self._lock:
            self._followers.append(follower)

    @classmethod
    def of_dataset(cls, dataset: Dataset, clock: Clock = system_clock) -> Self:
        """Return the catalogue of a data set, as it stands."""
        return cls(Shelf.of_catalogue(dataset.catalogue), None, dataset.catalogue, clock)

    @classmethod
    def of_records(cls, rows: Records, clock: Clock = system_clock, ids: Iterable[str] = ()) -> Self:
        """Return the catalogue that a store holds; a value that no column can take is left out, and the log says so.

        Args:
            rows: What the store holds.
            clock: See above.
            ids: Ids that are held in memory anyway, as those of a model: of a million items once is enough.
        """
        shelf, after, held = Shelf(), "", dict(zip(*tee(ids), strict=True))
        with no_search_for_cycles():
            while page := rows.scan(after, _PAGE):
                put_stored(shelf, {held.get(item, item): row for item, row in page})
                after = page[-1][0]
        return cls(shelf, rows, None, clock)

    def __len__(self) -> int:
        """Return how many items there are."""
        return int(self.shelf.present.sum())

    def __contains__(self, item_id: str) -> bool:
        number = int(self.shelf.numbers([item_id])[0])
        return number >= 0 and bool(self.shelf.present[number])

    # -- reading -------------------------------------------------------------------------------------------------

    def item(self, item_id: str) -> dict[str, Any]:
        """Return what is known of one item.

        Raises:
            UnknownItemError: There is no such item.
        """
        if self._rows is None:
            assert self._catalogue is not None
            return self._catalogue.item(item_id)
        row = self._rows.get([item_id]).get(item_id)
        if row is None:
            raise UnknownItemError(f"there is no item '{item_id}' in the catalogue", remedy="Search for its title.")
        return {"item_id": item_id, **row}

    def items(self, after: str = "", limit: int = 100) -> list[tuple[str, Row]]:
        """Return rows in the order of their ids, those beyond ``after``."""
        if self._rows is not None:
            return self._rows.scan(after, limit)
        assert self._catalogue is not None
        ids = sorted(item for item in self._catalogue.frame["item_id"] if item > after)[:limit]
        return [(item, self._catalogue.item(item)) for item in ids]

    def pages(self) -> Iterator[dict[str, Row]]:
        """Yield all rows in the order of their ids, some thousands at a time."""
        after = ""
        while page := self.items(after, _PAGE):
            yield dict(page)
            after = page[-1][0]

    def catalogue(self) -> Catalogue:
        """Return all items with the fields that models and searches read."""
        if self._catalogue is not None:
            return self._catalogue
        return as_catalogue({item: row for page in self.pages() for item, row in page.items()})

    def title(self, item_id: str) -> str:
        """Return the title of an item, with its year where that is known; its id where it is not."""
        number = int(self.shelf.numbers([item_id])[0])
        return item_id if number < 0 else self.titles_of([number])[0]

    def ids_of(self, numbers: Numbers) -> tuple[str, ...]:
        """Return the raw ids of items with these numbers on the shelf."""
        return tuple(self.shelf.ids[numbers].tolist()) if len(numbers) else ()

    def titles_of(self, numbers: Sequence[int]) -> list[str]:
        """Return the titles of items with these numbers on the shelf, as `title` does."""
        titles, years, ids = self.shelf.kept("title"), self.shelf.kept("year"), self.shelf.ids
        found = []
        for number in numbers:
            title = (titles and titles.value(number)) or str(ids[number])
            year = years and years.value(number)
            found.append(f"{title} ({year_in_words(int(year))})" if year else title)
        return found

    def card(self, item_id: str) -> dict[str, Any]:
        """Return what a list of search results shows of an item: ``item_id, title, categories``."""
        categories = list(self.item(item_id).get("categories") or [])
        return {"item_id": item_id, "title": self.title(item_id), "categories": categories}

    def search(self, text: str, limit: int = 10) -> list[str]:
        """Return the ids of the items whose titles fit ``text``, best first; a new title within a moment."""
        found = self.titles().search(text, limit)
        return [item for item, _ in found if item in self]

    def titles(self) -> TitleIndex:
        """Return the look-up by title; where the catalogue has changed a newer one is made beside the work."""
        if self._catalogue is not None:
            return self._catalogue.titles
        # Not the lock of those who write: making it takes longer than a change may wait.
        with self._finding:
            if self._titles is None:
                self._titles = self._indexed()
            elif self._titles[0] != self.shelf.revision and (self._making is None or not self._making.is_alive()):
                self._making = threading.Thread(target=self._renew, name="titles", daemon=True)
                self._making.start()
            return self._titles[1]

    def index_titles(self) -> None:
        """Begin to make the look-up by title in the background; who asks before it is made waits for it."""
        threading.Thread(target=self.titles, name="titles", daemon=True).start()

    def _renew(self) -> None:
        self._titles = self._indexed()

    def _indexed(self) -> tuple[int, TitleIndex]:
        shelf = self.shelf
        revision, present = shelf.revision, shelf.present.nonzero()[0].tolist()
        ids = [str(shelf.ids[number]) for number in present]
        titles = [shelf.title(number) or item for number, item in zip(present, ids, strict=True)]
        return revision, TitleIndex(ids, titles, [shelf.year(number) for number in present])

    # -- writing -------------------------------------------------------------------------------------------------

    def put(self, rows: Mapping[str, Row]) -> int:
        """Write whole rows, durably, and show them from the next request on; return the newest revision.

        Raises:
            DataError: A value is of another kind than others of its field, or nothing that JSON can hold.
        """
        records = self._writable()
        with self._lock:
            # The shelf checks kinds, and what it refuses is not written.
            self.shelf.check(rows)
            revision = records.put(rows)
            self.shelf.put(rows, to_microseconds(self._clock()))
            for follower in self._followers:
                follower.put(rows)
        return revision

    def patch(self, item_id: str, changes: Row) -> dict[str, Any]:
        """Change some values of an item, ``None`` taking one away; return its row.

        Raises:
            UnknownItemError: There is no such item.
        """
        with self._lock:
            row = {**self.item(item_id), **changes}
            del row["item_id"]
            self.put({item_id: {name: value for name, value in row.items() if value is not None}})
        return self.item(item_id)

    def delete(self, ids: Sequence[str]) -> int:
        """Take items away; none is shown from the next request on. Return how many were there."""
        records = self._writable()
        with self._lock:
            self.shelf.remove(ids)
            gone = records.delete(ids)
            for follower in self._followers:
                follower.forget(ids)
            return gone

    def _writable(self) -> Records:
        if self._rows is None:
            raise ServiceError(
                "this catalogue is that of a data set and cannot be changed", remedy="Start the engine with a store."
            )
        return self._rows
