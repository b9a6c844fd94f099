"""The live catalogue in columns: in memory, always current, for filtering a million items within a request."""

from __future__ import annotations

import threading
from collections.abc import Hashable, Mapping, Sequence
from itertools import chain, compress
from typing import Any, Final, Self

import numpy as np
from numpy.typing import NDArray

from tastemaker.core.errors import UnknownItemError
from tastemaker.data.catalogue import Catalogue
from tastemaker.pipeline.columns import Column, Mask
from tastemaker.pipeline.common import UNAVAILABLE, Common, Opening, Remembered, opening
from tastemaker.pipeline.filters import Filter, Moment, parse
from tastemaker.pipeline.fitting import resolved
from tastemaker.pipeline.kinds import KNOWN, Kind
from tastemaker.pipeline.numbering import Numbering, longer, view
from tastemaker.pipeline.slate import Numbers
from tastemaker.pipeline.table import Checked, Table, item_columns, new_column
from tastemaker.pipeline.text_lists import TextListColumn

_BLOCK: Final = 50_000
_ROOM: Final = 16


class Shelf:
    """Items and what is known of them, numbered in the order in which they came.

    A number never changes and is never given to another item while the process lives: a withdrawn item keeps its
    number, and has it again when it comes back. Arrays have a place for every number, ``n = len(shelf)``; they are
    read-only views of what changes in place, and of another length after an arrival.

    Rows are kept as columns only, of which `tastemaker.pipeline.kinds` says what they hold. A field that no known one
    is takes its kind from the first value that is seen. Changes, and masks, take turns among threads, so that a mask
    shows all of a change or nothing of it.
    """

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._table = Table()
        self._numbering = Numbering()
        self._first = np.empty(0, dtype=np.int64)
        self._present = np.empty(0, dtype=np.bool_)
        self._available = np.empty(0, dtype=np.bool_)
        self._revision = 0
        # True of the present state alone: whatever changes it forgets all of this, under the same lock.
        self._masks, self._commons = Remembered[Mask](), Remembered[Common]()
        self._opening: Opening | None = None

    @classmethod
    def of_catalogue(cls, catalogue: Catalogue, now: int = 0) -> Self:
        """Return a shelf with the items of a catalogue.

        Columns of kinds that nothing can be filtered by, such as vectors, are left out.

        Args:
            catalogue: The items.
            now: When they are put there, microseconds since the epoch.

        Raises:
            DataError: A value of a known field is of another kind.
        """
        shelf = cls()
        with shelf._lock:
            shelf._make_room(len(catalogue))
            # In blocks: a million rows as Python objects would take more memory than all of the columns.
            for block in catalogue.frame.iter_slices(_BLOCK):
                shelf._put(block["item_id"].to_list(), item_columns(block), now)
        return shelf

    def __len__(self) -> int:
        """Return how many numbers were given, those of withdrawn items included."""
        return len(self._numbering)

    def __contains__(self, item_id: object) -> bool:
        number = self._numbering.number(item_id)
        return 0 <= number < len(self) and bool(self._present[number])

    @property
    def revision(self) -> int:
        """Grows with every change."""
        return self._revision

    @property
    def arrivals(self) -> int:
        """Grows with every change that gave new numbers."""
        return self._numbering.arrivals

    @property
    def ids(self) -> NDArray[Any]:
        """Raw ids, object ``[n]``."""
        return self._numbering.ids

    @property
    def present(self) -> Mask:
        """Which items are not withdrawn, bool ``[n]``."""
        return view(self._present, len(self))

    @property
    def available(self) -> Mask:
        """Which items are present and not said to be unavailable, bool ``[n]``; see `open_at` for times."""
        return view(self._available, len(self))

    @property
    def added(self) -> NDArray[np.int64]:
        """When each came: what its row says (``added`` or ``timestamp``), or else when it was first put.

        Microseconds since the epoch, int64 ``[n]``.
        """
        n = len(self)
        return view(self._table.columns["added"].array(n), n)

    def open_at(self, now: int) -> Mask:
        """Return which items are available at a moment, bool ``[n]``, read-only.

        Not before ``available_from`` and not after ``available_until``, where a row has these. It is remembered until
        the next change, or the next moment at which an item opens or closes.

        Args:
            now: Microseconds since the epoch.
        """
        # A row that is written anew is for a moment without values.
        with self._lock:
            return self._open_at(now).mask

    def _open_at(self, now: int) -> Opening:
        found = self._opening
        if found is None or not found.holds_at(now):
            n, columns = len(self), self._table.columns
            opens, closes = (
                columns[name].array(n) if name in columns else None for name in ("available_from", "available_until")
            )
            total = int(np.count_nonzero(self._present[:n]))
            found = self._opening = opening(self._available[:n], total, opens, closes, now)
        return found

    def numbers(self, raw_ids: Sequence[str]) -> Numbers:
        """Return the numbers of items, withdrawn or not, int32 ``[m]``; -1 for those that never came."""
        return self._numbering.numbers(raw_ids)

    def numbering(self, ids: NDArray[Any]) -> Numbers:
        """Return the number of each raw id of a fitted model, int32 ``[m]``, read-only; -1 for those that never came.

        It is remembered for as long as the array ``ids`` lives, which must not be changed.
        """
        return self._numbering.of_model(ids)

    def title(self, number: int) -> str:
        """Return the title of an item, or its id where it has none."""
        return self.value(number, "title") or str(self.ids[number])

    def year(self, number: int) -> int | None:
        """Return the year of an item, if known."""
        found = self.value(number, "year")
        return None if found is None else int(found)

    def category_numbers(self, number: int) -> Numbers:
        """Return which of `categories` an item is in, int32, in the order of its row; steps of paths are not named."""
        column = self._table.columns.get("categories")
        return column.codes(number) if isinstance(column, TextListColumn) else np.empty(0, np.int32)

    @property
    def categories(self) -> Sequence[str]:
        """The categories that `category_numbers` numbers."""
        column = self._table.columns.get("categories")
        return column.texts if isinstance(column, TextListColumn) else ()

    def value(self, number: int, name: str) -> Any:
        """Return what is known of an item: a number, text, yes or no, texts, microseconds; ``None`` for nothing.

        Raises:
            QueryError: There is no such field.
        """
        column = self._table.column(name)
        return None if column is None else column.value(number)

    def column(self, name: str) -> NDArray[Any]:
        """Return what a field says of every item, read-only, ``[n]``.

        Returns:
            Numbers as float64, NaN for missing; times as int64 microseconds, `NO_TIME` for missing; yes or no as
            int8, -1 for missing; text as int32, equal for equal texts and -1 for missing; of a list of text the first.
            Titles are objects. Codes of text hold until the next change.

        Raises:
            QueryError: There is no such field.
        """
        n = len(self)
        column = self._table.column(name) or new_column(name, KNOWN[resolved(name, KNOWN)], n)
        return view(column.array(n), n)

    def kept(self, name: str) -> Column | None:
        """Return the column of a field; ``None`` while no item says anything about it."""
        return self._table.columns.get(name)

    def fields(self) -> Mapping[str, Kind]:
        """Return what each field holds: those that every shelf has, and those that rows had."""
        return self._table.kinds

    def mask(self, where: Filter | str, moment: Moment, strict: bool = True) -> Mask:
        """Return which items are present and fit a filter, bool ``[n]``, read-only.

        It is remembered until the next change, by what the filter says and reads of the moment.

        Args:
            where: The filter, or its text.
            moment: What the request gives.
            strict: Refuse unknown fields; otherwise everything about them is missing.

        Raises:
            FilterError: The filter cannot be read, or asks of a field what it does not hold.
            QueryError: The request does not give what the filter reads, or gives something of another kind.
        """
        wanted = parse(where) if isinstance(where, str) else where
        key = _key(wanted, moment, strict)
        with self._lock:
            return self._mask(wanted, key, moment, strict)

    def _mask(self, wanted: Filter, key: Hashable, moment: Moment, strict: bool = True) -> Mask:
        found = self._masks.get(key)
        if found is None:
            found = wanted.mask(self, moment, strict)
            found &= self.present
            found.setflags(write=False)
            self._masks.put(key, found, found.nbytes)
        return found

    def common(self, wanted: Sequence[Filter], moment: Moment) -> Common:
        """Return what is available at a moment and fits filters, each of their parts by itself, at one state.

        It is remembered as `mask` and `open_at` are.

        Raises:
            FilterError: A filter asks of a field what it does not hold.
            QueryError: The request does not give what a filter reads, or gives something of another kind.
        """
        parts = [part for each in wanted for part in each.parts]
        keys = [_key(part, moment) for part in parts]
        with self._lock:
            opened = self._open_at(moment.now)
            key = (opened.since, opened.until, *keys)
            found = self._commons.get(key)
            if found is None:
                masks = [(str(part), self._mask(part, key, moment)) for part, key in zip(parts, keys, strict=True)]
                found = Common.of([(UNAVAILABLE, opened.mask), *masks], opened.total, self._revision)
                # The masks of the parts may be forgotten elsewhere, and would still be held here.
                self._commons.put(key, found, found.mask.nbytes * (1 + len(masks)))
        return found

    def check(self, rows: Mapping[str, Mapping[str, Any]]) -> None:
        """See to it that rows could be put; nothing is changed.

        Raises:
            DataError: A value is of another kind than its field's, or there are too many fields.
        """
        with self._lock:
            self._table.checked(*_by_field(rows))

    def put(self, rows: Mapping[str, Mapping[str, Any]], at: int = 0) -> Numbers:
        """Put whole rows, all or none; what was known of an item before is forgotten.

        Args:
            rows: Raw id -> what is known, by field; ``None`` is as good as nothing.
            at: When, microseconds since the epoch.

        Returns:
            The numbers of the items, int32 ``[m]``.

        Raises:
            DataError: A value is of another kind than its field's, or there are too many fields.
        """
        ids, given = _by_field(rows)
        with self._lock:
            return self._put(ids, given, at)

    def patch(self, item_id: str, changes: Mapping[str, Any]) -> int:
        """Change some of what is known of an item, ``None`` taking it away; return its number.

        Raises:
            UnknownItemError: There is no such item.
            DataError: A value is of another kind than its field's.
        """
        with self._lock:
            if item_id not in self:
                raise UnknownItemError(f"there is no item '{item_id}' on the shelf", remedy="Put it there first.")
            numbers = self.numbers([item_id])
            given = {name: [value] for name, value in changes.items()}
            self._write(numbers, self._table.checked([item_id], given))
            self._changed()
        return int(numbers[0])

    def remove(self, item_ids: Sequence[str]) -> int:
        """Withdraw items; return how many were there."""
        with self._lock:
            numbers = np.unique(self.numbers(item_ids))
            numbers = numbers[numbers >= 0]
            numbers = numbers[self._present[numbers]]
            if len(numbers):
                self._table.clear(numbers)
                self._present[numbers] = self._available[numbers] = False
                self._changed()
        return len(numbers)

    def _put(self, ids: list[str], given: dict[str, list[Any]], at: int) -> Numbers:
        if not ids:
            return np.empty(0, np.int32)
        checked = self._table.checked(ids, {"added": [None] * len(ids), **given})
        numbers = self.numbers(ids)
        fresh = numbers < 0
        self._table.clear(numbers[~fresh])
        n = len(self) + int(np.count_nonzero(fresh))
        self._make_room(n)
        numbers[fresh] = arrived = np.arange(len(self), n, dtype=np.int32)
        self._first[arrived] = at
        self._numbering.enter(list(compress(ids, fresh.tolist())), arrived)
        self._write(numbers, checked)
        # Last, so that whoever looks meanwhile sees nothing that is not there in full.
        self._numbering.publish(n)
        self._changed()
        return numbers

    def _write(self, numbers: Numbers, checked: Checked) -> None:
        if "added" in checked:
            kind, times = checked["added"]
            first = self._first[numbers].tolist()
            filled = [came if time is None else time for time, came in zip(times, first, strict=True)]
            checked = {**checked, "added": (kind, filled)}
        self._table.write(numbers, checked)
        self._present[numbers] = True
        self._available[numbers] = self._table.columns["available"].array(len(self._present))[numbers] == 1

    def _make_room(self, n: int) -> None:
        old = len(self._present)
        if n > old:
            # By a quarter: twice as much as is needed would be too much of a large shelf.
            capacity = max(n, old + old // 4 + _ROOM) if old else n
            self._table.grow(capacity)
            self._numbering.grow(capacity)
            self._first = longer(self._first, capacity)
            self._present = longer(self._present, capacity)
            self._available = longer(self._available, capacity)

    def _changed(self) -> None:
        self._masks.clear()
        self._commons.clear()
        self._opening = None
        self._revision += 1


def _key(wanted: Filter, moment: Moment, strict: bool = True) -> Hashable:
    """Return all that a mask depends on beside the shelf: what the filter says, and what it reads of the moment."""
    given = [moment.read(name) for name in wanted.reads]
    return (str(wanted), strict, *((type(value), value) for value in given))


def _by_field(rows: Mapping[str, Mapping[str, Any]]) -> tuple[list[str], dict[str, list[Any]]]:
    """Return ids, and what rows say of each field."""
    fields = dict.fromkeys(chain.from_iterable(rows.values()))
    return list(rows), {name: [row.get(name) for row in rows.values()] for name in fields}
