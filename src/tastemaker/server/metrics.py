"""What is measured of the server, for Prometheus; nothing in it names a person, an item or a key."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterable, Mapping
from typing import Any, Final, Generic, TypeVar

from prometheus_client import CollectorRegistry, Counter, Histogram, generate_latest
from prometheus_client.core import CounterMetricFamily, GaugeMetricFamily, InfoMetricFamily, Metric
from prometheus_client.exposition import CONTENT_TYPE_LATEST
from prometheus_client.registry import Collector
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from tastemaker.core.clock import Clock, system_clock, to_microseconds

MEDIA_TYPE: Final = CONTENT_TYPE_LATEST
MAX_LABELS: Final = 50
"""So many values of one label are told apart; all others are ``other``."""

Metered = TypeVar("Metered", Counter, Histogram)

_METHODS: Final = frozenset({"GET", "HEAD", "POST", "PUT", "PATCH", "DELETE", "OPTIONS"})
_SECONDS: Final = (0.0005, 0.001, 0.002, 0.003, 0.005, 0.0075, 0.01, 0.015, 0.02, 0.03, 0.05, 0.1, 0.25, 1.0, 5.0)
_STAGE_SECONDS: Final = (0.0001, 0.00025, 0.0005, 0.001, 0.002, 0.005, 0.01, 0.02, 0.05, 0.1, 0.5, 2.0)
_MICROSECONDS: Final = 1e6
_COUNTED: Final = {
    "items": "Items in the catalogue.",
    "people": "People of whom more than events is stored; without a store those with events.",
    "events": "Events in the log.",
    "revision": "Newest revision of the catalogue.",
}


class Bounded:
    """The values of a label, of which there may not be too many.

    >>> names = Bounded(2)
    >>> [names(name) for name in ("home", "cart", "search", "home")]
    ['home', 'cart', 'other', 'home']
    """

    def __init__(self, most: int = MAX_LABELS) -> None:
        self._most = most
        self._seen: set[str] = set()

    def __call__(self, value: object) -> str:
        """Return the value, or ``other``."""
        text = str(value)
        if text not in self._seen:
            if len(self._seen) >= self._most:
                return "other"
            self._seen.add(text)
        return text


class _Labelled(Generic[Metered]):
    """A measurement by labels, each of which is looked up once: their values are few.

    Args:
        metric: With labels.
    """

    def __init__(self, metric: Metered) -> None:
        self._metric: Metered = metric
        self._known: dict[tuple[str, ...], Metered] = {}

    def __call__(self, *labels: str) -> Metered:
        """Return the measurement of some values of the labels."""
        found = self._known.get(labels)
        if found is None:
            found = self._known[labels] = self._metric.labels(*labels)
        return found


class Metrics:
    """The measurements of one application.

    Args:
        facts: Returns what is served; see `tastemaker.server.service.Reader.facts`.
        clock: Where "now" comes from, for the age of the model.
    """

    def __init__(self, facts: Callable[[], Mapping[str, Any]], clock: Clock = system_clock) -> None:
        self._registry = CollectorRegistry(auto_describe=False)
        self._scenario, self._source, self._stage = Bounded(), Bounded(), Bounded()
        requests = Histogram(
            "tastemaker_request_seconds",
            "How long requests took, errors included.",
            ("method", "route", "status"),
            registry=self._registry,
            buckets=_SECONDS,
        )
        stages = Histogram(
            "tastemaker_stage_seconds",
            "How long the stages of recommendations took.",
            ("stage",),
            registry=self._registry,
            buckets=_STAGE_SECONDS,
        )
        answers = Counter(
            "tastemaker_answers",
            "Recommendations: full, degraded (less than was asked for) or empty.",
            ("scenario", "outcome"),
            registry=self._registry,
        )
        items = Counter(
            "tastemaker_recommended_items",
            "Recommended items by what found them; fallbacks such as popular are among it.",
            ("source",),
            registry=self._registry,
        )
        events = Counter(
            "tastemaker_taken_events",
            "Events that were sent: accepted, duplicate or rejected.",
            ("status",),
            registry=self._registry,
        )
        self._requests, self._stages = _Labelled(requests), _Labelled(stages)
        self._answers, self._items, self._events = _Labelled(answers), _Labelled(items), _Labelled(events)
        self._lag = Histogram(
            "tastemaker_event_visible_seconds",
            "From receiving events until they are durable and the next request goes by them.",
            registry=self._registry,
            buckets=_SECONDS,
        )
        self._registry.register(_Facts(facts, clock))

    def asked(self, method: str, route: str, status: int, seconds: float) -> None:
        """Count a request and its answer."""
        self._requests(method if method in _METHODS else "other", route, str(status)).observe(seconds)

    def answered(self, answer: Mapping[str, Any], steps: Iterable[tuple[str, float]]) -> None:
        """Count a recommendation.

        Args:
            answer: As it goes over the wire.
            steps: Stages and how many milliseconds each took.
        """
        outcome = "empty" if not answer["items"] else "degraded" if answer["degraded"] else "full"
        self._answers(self._scenario(answer.get("scenario") or "none"), outcome).inc()
        sources: dict[str, int] = {}
        for item in answer["items"]:
            for source in item.get("sources") or ("unknown",):
                sources[source] = sources.get(source, 0) + 1
        for source, number in sources.items():
            self._items(self._source(source)).inc(number)
        for stage, milliseconds in steps:
            self._stages(self._stage(stage)).observe(milliseconds / 1000)

    def took_in(self, accepted: int, duplicates: int, rejected: int, seconds: float | None) -> None:
        """Count events.

        Args:
            accepted: How many are new.
            duplicates: How many were there before.
            rejected: How many were bad.
            seconds: How long it took until they were durable and visible; ``None`` where all were bad.
        """
        for status, number in (("accepted", accepted), ("duplicate", duplicates), ("rejected", rejected)):
            self._events(status).inc(number)
        if seconds is not None:
            self._lag.observe(seconds)

    def text(self) -> bytes:
        """Return all measurements in Prometheus' format."""
        return generate_latest(self._registry)


class _Facts(Collector):
    """What is served, asked for whenever somebody looks."""

    def __init__(self, facts: Callable[[], Mapping[str, Any]], clock: Clock) -> None:
        self._facts = facts
        self._clock = clock

    def collect(self) -> Iterable[Metric]:
        """Return how much is served, by which model, how old it is, and how background jobs ended."""
        facts = self._facts()
        labels = {"name": str(facts.get("model", "")), "version": str(facts.get("version", ""))}
        yield InfoMetricFamily("tastemaker_model", "The model that answers.", labels)
        for name, about in _COUNTED.items():
            if facts.get(name) is not None:
                yield GaugeMetricFamily(f"tastemaker_{name}", about, float(facts[name]))
        if facts.get("model_created") is not None:
            age = (to_microseconds(self._clock()) - facts["model_created"]) / _MICROSECONDS
            yield GaugeMetricFamily("tastemaker_model_age_seconds", "Since the model was made.", age)
        jobs = CounterMetricFamily(
            "tastemaker_jobs",
            "Attempts at background jobs: done, failed (for good), retried (later) or interrupted.",
            labels=("kind", "outcome"),
        )
        for (kind, outcome), number in dict(facts.get("jobs_ended") or {}).items():
            jobs.add_metric((kind, outcome), number)
        yield jobs

    def describe(self) -> Iterable[Metric]:
        """Return nothing: the names are ours alone, and the engine may not be there yet."""
        return []


class Measured:
    """ASGI middleware around a whole application: how long each request took, and how it ended.

    Args:
        app: What it surrounds.
        metrics: Where that is kept.
        timer: Seconds, growing.
    """

    def __init__(self, app: ASGIApp, metrics: Metrics, timer: Callable[[], float] = time.perf_counter) -> None:
        self.app = app
        self._metrics = metrics
        self._timer = timer

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Serve one request."""
        if scope["type"] != "http":
            await self.app(scope, receive, send)
            return
        status = 500
        began = self._timer()

        async def noting(message: Message) -> None:
            nonlocal status
            if message["type"] == "http.response.start":
                status = message["status"]
            await send(message)

        try:
            await self.app(scope, receive, noting)
        finally:
            # The template, not the path: paths name items and people. What no route answers has none.
            route = getattr(scope.get("route"), "path_format", "none")
            self._metrics.asked(scope["method"], route, status, self._timer() - began)
