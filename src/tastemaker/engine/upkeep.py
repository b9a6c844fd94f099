"""What an engine does beside its answers: jobs, the live model, and keeping what it derived, in a thread of its own."""

from __future__ import annotations

import logging
import threading
from collections.abc import Callable, Mapping
from datetime import timedelta
from typing import Final

from tastemaker.core.clock import Clock, system_clock
from tastemaker.engine.engine import Engine
from tastemaker.engine.registry import Registry, lineage_of
from tastemaker.engine.worker import Handler, Worker
from tastemaker.models import DenseRecommender, load_model

SECONDS: Final = 5.0
"""Between looks at which model is live."""

FLUSH_EVERY: Final = 60.0
"""Seconds after which what was derived is kept anew, so that a start after a crash has little to read again."""

_logger = logging.getLogger("tastemaker.engine")


class Upkeep:
    """Does the jobs of a live engine's store and follows its registry, until it is stopped.

    Args:
        engine: A live engine.
        handlers: Kind of job -> what does it.
        name: Of the worker; two that run at once need two.
        every: Kind of job -> how often it is put in line anew.
        clock: Where "now" comes from.
        load: Reads a model of the registry.
        passed_over: Id of a live model to which the engine is not moved, because it was told to begin with another one.
    """

    def __init__(
        self,
        engine: Engine,
        handlers: Mapping[str, Handler],
        name: str,
        *,
        every: Mapping[str, timedelta] | None = None,
        clock: Clock = system_clock,
        load: Callable[..., DenseRecommender] = load_model,
        passed_over: str = "",
    ) -> None:
        assert engine.store is not None
        self._engine, self._load = engine, load
        self._registry = Registry(engine.store)
        self._worker = Worker(engine.store, handlers, name, clock)
        engine.jobs_ended = self._worker.ended
        for kind, period in (every or {}).items():
            self._worker.schedule(kind, period)
        self._stop = threading.Event()
        # Its own thread follows, and so does whoever changed the live model.
        self._following = threading.Lock()
        self._threads: list[threading.Thread] = []
        self._served, self._passed_over = str(engine.lineage.get("version", "")), passed_over

    def start(self) -> None:
        """Begin, in threads that end with the process."""
        for work in (self._worker.run, self._follow):
            thread = threading.Thread(target=work, name=f"upkeep {work.__name__}", daemon=True)
            thread.start()
            self._threads.append(thread)

    def stop(self) -> None:
        """Leave off: a job under way is given back, to be done later."""
        self._stop.set()
        self._worker.stop()
        for thread in self._threads:
            thread.join()

    def follow(self) -> bool:
        """Answer from the model that the registry calls live, if it is another than before; say whether it is."""
        with self._following:
            live = self._registry.live()
            if live is None or live.artefact_id in (self._served, self._passed_over):
                return False
            assert self._engine.store is not None
            model = self._load(self._engine.store.artefacts.open(live.artefact_id))
            self._engine.take_model(model, lineage_of(live))
            self._engine.introduce_all()
            self._served = live.artefact_id
            return True

    def try_to_follow(self) -> None:
        """Do `follow`; where that fails, the model that answers goes on answering, and the log says why."""
        try:
            self.follow()
        except Exception:
            _logger.exception("the live model could not be taken")

    def move(self) -> None:
        """Do `try_to_follow` after somebody changed the live model by hand: none is passed over from now on."""
        self._passed_over = ""
        self.try_to_follow()

    def _follow(self) -> None:
        flushed = 0.0
        while not self._stop.wait(SECONDS):
            flushed += SECONDS
            self.try_to_follow()
            if flushed >= FLUSH_EVERY:
                flushed = 0.0
                try:
                    self._engine.flush()
                except Exception:
                    _logger.exception("what was derived could not be kept; the log has everything")
