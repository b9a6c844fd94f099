"""Lists that were shown, on their way to the store: written together a moment later, and known at once."""

from __future__ import annotations

import logging
import threading
from typing import Final

from tastemaker.core.errors import DataError, ServiceError, StorageError
from tastemaker.store.ports import Served, ServedLog

SECONDS: Final = 0.2
"""Lists are written so long after the first of them was shown; a crash loses those of that time."""

MOST: Final = 20_000
"""So many may wait while the store cannot write; of more the oldest are lost, never an answer."""

_logger = logging.getLogger("tastemaker.engine")


class Shown:
    """A buffer before the log of what was shown, so that an answer does not wait for a disk or wake a writer.

    Args:
        log: Where lists are kept.
        seconds: See `SECONDS`.
        most: See `MOST`.

    Attributes:
        lost: How many lists could not be kept.
    """

    def __init__(self, log: ServedLog, seconds: float = SECONDS, most: int = MOST) -> None:
        self._log, self._seconds, self._most = log, seconds, most
        self._lock = threading.Lock()
        self._waiting: dict[str, Served] = {}
        self._timer: threading.Timer | None = None
        self.lost = 0

    def keep(self, served: Served) -> None:
        """Keep a list; never waits, and never fails."""
        with self._lock:
            self._waiting[served.recommendation_id] = served
            while len(self._waiting) > self._most:
                del self._waiting[next(iter(self._waiting))]
                self.lost += 1
            if self._timer is None:
                self._timer = threading.Timer(self._seconds, self._on_time)
                self._timer.daemon = True
                self._timer.start()

    def get(self, recommendation_id: str) -> Served | None:
        """Return a list."""
        with self._lock:
            waiting = self._waiting.get(recommendation_id)
        return waiting or self._log.get(recommendation_id)

    def _on_time(self) -> None:
        try:
            self.flush()
        except (ServiceError, StorageError) as error:
            # Closed, full, or busy: what waits is tried again with what comes next.
            _logger.warning("lists that were shown could not be kept: %s", error)

    def flush(self) -> None:
        """Hand what waits to the log, in the order in which it was shown.

        Raises:
            ServiceError: The store has more to write than it can.
            StorageError: It cannot write.
        """
        with self._lock:
            timer, self._timer = self._timer, None
            if timer is not None:
                timer.cancel()
            # Until the log has them, they are found here.
            waiting = list(self._waiting.values())
        if not waiting:
            return
        try:
            self._log.submit(waiting).result()
        except DataError:
            self._one_by_one(waiting)
        with self._lock:
            for served in waiting:
                if self._waiting.get(served.recommendation_id) is served:
                    del self._waiting[served.recommendation_id]

    def _one_by_one(self, waiting: list[Served]) -> None:
        """Keep all lists but those that no log can hold."""
        for served in waiting:
            try:
                self._log.submit([served]).result()
            except DataError:
                self.lost += 1
                _logger.warning("a list that was shown could not be kept", exc_info=True)
