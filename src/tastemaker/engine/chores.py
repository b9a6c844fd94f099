"""Small jobs that keep a store in order: encoding ahead of time, keeping states, forgetting what is old."""

from __future__ import annotations

import threading
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any, Final

from tastemaker.core.clock import MICROSECONDS_PER_DAY, Clock, system_clock, to_microseconds
from tastemaker.core.run import Run
from tastemaker.data.catalogue import Catalogue
from tastemaker.engine.refit import TRAIN, Plan, Refit
from tastemaker.engine.registry import Registry
from tastemaker.engine.training_data import table_of
from tastemaker.engine.worker import Handler, Interrupted
from tastemaker.store.ports import Job, Row, TenantStore

ENCODE: Final = "encode"
SNAPSHOT: Final = "snapshot"
CLEAN: Final = "clean"

_AT_ONCE: Final = 2_048


@dataclass(frozen=True)
class Encode:
    """Does jobs of the kind `ENCODE`: puts the items into words, and the words into the encoder's cache on disk.

    A model or an index that needs the vectors then finds them there. An encoder that learns has nothing to cache.

    Attributes:
        store: Whose items.
        encoder: What names it, as `tastemaker.language.encoders.make_encoder` takes it.
        template: How an item is put into words; the usual way if ``None``.
        run: Progress and threads.
    """

    store: TenantStore
    encoder: str | Mapping[str, Any] = "minilm"
    template: str | None = None
    run: Run = field(default_factory=Run)

    def __call__(self, job: Job, leave_off: threading.Event) -> Row:
        """Encode what is not there yet; what is done stays done if it has to leave off."""
        from tastemaker.language.encoders import encode_cached, make_encoder
        from tastemaker.language.texts import item_texts

        table = table_of(self.store.items, "item_id")
        encoder = make_encoder(self.encoder)
        if table is None or not getattr(encoder, "cached", True):
            return {"encoder": encoder.name, "texts": 0}
        catalogue = Catalogue(table)
        texts = [text for text in item_texts(catalogue, catalogue.frame["item_id"], self.template) if text]
        for start in range(0, len(texts), _AT_ONCE):
            if leave_off.is_set():
                raise Interrupted
            encode_cached(encoder, texts[start : start + _AT_ONCE], "item", run=self.run)
        return {"encoder": encoder.name, "texts": len(texts)}


@dataclass(frozen=True)
class Keep:
    """Does jobs of the kind `SNAPSHOT`: lets whoever holds derived states in memory keep them (`Engine.flush`).

    Attributes:
        flush: What does it.
    """

    flush: Callable[[], object]

    def __call__(self, job: Job, leave_off: threading.Event) -> Row:
        """Keep the states."""
        self.flush()
        return {}


@dataclass(frozen=True)
class Clean:
    """Does jobs of the kind `CLEAN`: forgets lists that were shown long ago, models that are old, and jobs that ended.

    Attributes:
        store: Whose.
        days: Lists stay so long; feedback on a list that is gone still counts as an event.
        models: So many of the newest models stay, and the live one and the one before it whatever their age.
        job_days: Jobs stay so long after they ended.
        clock: Where "now" comes from.
    """

    store: TenantStore
    days: int = 180
    models: int = 5
    job_days: int = 30
    clock: Clock = system_clock

    def __call__(self, job: Job, leave_off: threading.Event) -> Row:
        """Forget what is old; return how much."""
        now = to_microseconds(self.clock())
        return {
            "served": self.store.served.erase_before(now - self.days * MICROSECONDS_PER_DAY),
            "models": len(Registry(self.store).prune(self.models)),
            "jobs": self.store.jobs.erase_before(now - self.job_days * MICROSECONDS_PER_DAY),
        }


def handlers(
    store: TenantStore,
    plan: Plan,
    *,
    encoder: str | Mapping[str, Any] = "minilm",
    template: str | None = None,
    days: int = 180,
    flush: Callable[[], object] | None = None,
    clock: Clock = system_clock,
    run: Run | None = None,
) -> dict[str, Handler]:
    """Return what does each kind of job of a store, for a `tastemaker.engine.worker.Worker`.

    Args:
        store: Whose.
        plan: How models are fitted.
        encoder: See `Encode`.
        template: See `Encode`.
        days: See `Clean`.
        flush: See `Keep`; without it nobody does jobs of that kind.
        clock: Where "now" comes from.
        run: Progress.
    """
    run = run or Run()
    found: dict[str, Handler] = {
        TRAIN: Refit(store, plan, run),
        ENCODE: Encode(store, encoder, template, run),
        CLEAN: Clean(store, days, clock=clock),
    }
    return found if flush is None else {**found, SNAPSHOT: Keep(flush)}
