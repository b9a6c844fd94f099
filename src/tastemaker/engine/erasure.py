"""What is stored of a person, handed out or taken away, and a receipt that proves it without naming them."""

from __future__ import annotations

import base64
import hashlib
import hmac
import threading
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import asdict
from datetime import datetime
from typing import Any, Final

from tastemaker.core.clock import from_microseconds
from tastemaker.engine.frozen import FrozenQueries
from tastemaker.engine.intake import NOTE as INTAKE
from tastemaker.engine.registry import Registry
from tastemaker.store.ports import StoredEvent, TenantStore

FORMAT: Final = 1
"""Version of the receipt."""

ERASURES: Final = "erasures"
"""The note that counts erasures, begun and ended ones, so that a fit can tell that one came in between."""

LONG_ENOUGH: Final = 12
"""A name of so many characters is looked for in every stored value: a shorter one may be part of something else, as
``42`` is of a price and ``anna`` of ``annabel``, and is looked for where names stand."""

_ALL: Final = 2**31 - 1
_COUNTING: Final = threading.Lock()


def export_person(store: TenantStore, user_id: str, *, fingerprint: str | None = None) -> Iterator[dict[str, Any]]:
    """Yield all that is stored of a person, as JSON values, one thing each.

    Each has a ``kind``: ``name`` (a name that was merged into another), ``profile``, ``event``, ``served`` (a list that
    was shown), ``state`` (what was derived), ``job`` (work that names them) and ``frozen-query`` (they are among those
    whose events test new models).

    Args:
        store: Where.
        user_id: Who, under any of their names.
        fingerprint: Of the code that derived their state (`tastemaker.engine.people_state.Following`), if that is
            wanted; its content is base64. It can be made of the rest at any time.
    """
    names = _names(store, user_id)
    if len(names) > 1:
        yield {"kind": "name", "asked": user_id, "current": names[0]}
    for name, row in store.people.get(names).items():
        yield {"kind": "profile", "user_id": name, "values": dict(row)}
    for stored in store.events.of_user(names[0]):
        times = {"offset": stored.offset, "received": _iso(stored.received), "happened": _iso(stored.event.timestamp)}
        yield {"kind": "event", **times, **asdict(stored.event)}
    for served in store.served.of_user(names[0], latest=_ALL):
        yield {"kind": "served", "shown": _iso(served.at), **asdict(served)}
    state = None if fingerprint is None else store.states.get(names[0], fingerprint)
    if state is not None:
        content = base64.b64encode(state.content).decode()
        yield {"kind": "state", "offset": state.offset, "fingerprint": state.fingerprint, "content": content}
    for job in _jobs_naming(store, names):
        yield {"kind": "job", "job_id": job, "does": getattr(store.jobs.get(job), "kind", "")}
    if not {store.events.current(name) for name in FrozenQueries.people(store)}.isdisjoint(names):
        yield {"kind": "frozen-query", "about": "one of the people whose events test new models"}


def erase_person(store: TenantStore, user_id: str, *, now: datetime, key: bytes = b"") -> dict[str, Any]:
    """Take away all that is stored of a person and the names merged into theirs, physically.

    The receipt says what was ``removed``, and what a scan over every port still finds (``left``; a name of at least
    `LONG_ENOUGH` characters is looked for in every stored value as well). Jobs whose payload or result names them go,
    too, unless they run: then they are in ``left``. It lists the ``models`` that were fitted on
    the person's events (which `Registry.stale` then counts), and in ``to_do`` what an erasure cannot do: models,
    back-ups and the files that events came from. A fit that is under way starts again by itself. If this was
    interrupted, do it again.

    What is in the memory of a server is dropped by its `Engine.erase`, which calls this.

    Args:
        store: Where.
        user_id: Who, under any of their names.
        now: When.
        key: Makes the person's hash in the receipt one that only its holder can work out again; without it the hash
            is a plain SHA-256, by which somebody who guesses the name can tell that the receipt is theirs.

    Returns:
        JSON values that hold none of the person's names.

    Raises:
        StorageError: Something could not be taken away.
    """
    names = _names(store, user_id)
    _count_erasure(store)
    events = store.events.of_user(names[0])
    removed = {
        "frozen_queries": FrozenQueries.forget(store, names),
        "served": sum(store.served.erase(name) for name in names),
        "state": sum(store.states.delete(name) for name in names),
        "profile": store.people.delete(names),
        "jobs": store.jobs.erase(_jobs_naming(store, names)),
        # Last, because it takes away what says which names are one person's.
        "events": store.events.erase(names[0]),
    }
    _count_erasure(store)
    removed["aliases"] = sum(store.events.current(name) == name for name in names[1:])
    left = _left(store, names)
    # After the second count: a model of a fit that did not see it is in the list.
    models = _models(store, events)
    if models:
        Registry(store).mark_stale(model["artefact_id"] for model in models)
    return {
        "format": FORMAT,
        "person": _hash(names[0], key),
        "tenant": store.tenant.name,
        "at": now.isoformat(),
        "removed": removed,
        "left": left,
        "complete": not left,
        "models": models,
        "to_do": _to_do(models, _origins(store, events)),
    }


def _names(store: TenantStore, user_id: str) -> list[str]:
    """Return all names of a person, the one under which they are known now first."""
    return list(dict.fromkeys((*store.events.names(user_id), user_id)))


def _hash(name: str, key: bytes) -> str:
    if key:
        return f"hmac-sha256:{hmac.new(key, name.encode(), 'sha256').hexdigest()}"
    return f"sha256:{hashlib.sha256(name.encode()).hexdigest()}"


def _count_erasure(store: TenantStore) -> None:
    # A fit that read the log before this, or between the two, sees another number when it ends. Two erasures at once
    # must not write the same number, or one would take back what the other counted.
    with _COUNTING:
        store.notes.put(ERASURES, int(store.notes.get(ERASURES) or 0) + 1)


def _left(store: TenantStore, names: Sequence[str]) -> list[str]:
    """Return in words what still names a person."""
    left = [f"jobs.{job}: it runs, and its payload or result names them" for job in _jobs_naming(store, names)]
    places: set[str] = set()
    for name in names:
        found = {
            "events": store.events.of_user(name),
            "events, as a name merged into another": store.events.current(name) != name,
            "served": store.served.of_user(name, 1),
            "people": store.people.get([name]),
            "frozen queries": name in FrozenQueries.people(store),
        }
        places.update(place for place, there in found.items() if there)
        if len(name) >= LONG_ENOUGH:
            places.update(f"{place}: a value has the name in it" for place in store.holds(name))
    for title, progress in (store.notes.get(INTAKE) or {}).items():
        if not progress["done"]:
            places.add(f"the data set '{title}' is not wholly taken in, and what is still to come may name them")
    return [*left, *sorted(places)]


def _jobs_naming(store: TenantStore, names: Sequence[str]) -> list[int]:
    jobs = store.jobs.newest(limit=_ALL)
    return sorted(job.job_id for job in jobs if any(_is_named(part, names) for part in (job.payload, job.result)))


def _is_named(value: Any, names: Sequence[str]) -> bool:
    """Say whether a value, or one within it, is a name; of a long name whether it is part of one."""
    if isinstance(value, str):
        return value in names or any(len(name) >= LONG_ENOUGH and name in value for name in names)
    if isinstance(value, Mapping):
        return any(_is_named(part, names) for pair in value.items() for part in pair)
    return isinstance(value, list | tuple) and any(_is_named(part, names) for part in value)


def _models(store: TenantStore, events: Sequence[StoredEvent]) -> list[dict[str, Any]]:
    """Return the models that were fitted on some events, or of which it is not known whether they were."""
    if not events:
        return []
    registry = Registry(store)
    live = registry.live()
    found = []
    for artefact in registry.models():
        fitted = _fitted_on(artefact.facts, events)
        if fitted is not False:
            found.append(
                {
                    "artefact_id": artefact.artefact_id,
                    "model": artefact.facts.get("model"),
                    "created": _iso(artefact.created),
                    "live": live is not None and live.artefact_id == artefact.artefact_id,
                    "fitted_on_their_events": "yes" if fitted else "not known",
                }
            )
    return found


def _fitted_on(facts: Mapping[str, Any], events: Sequence[StoredEvent]) -> bool | None:
    last, until = facts.get("last_offset"), facts.get("until")
    if last is None:
        return None
    return any(each.offset <= last and (until is None or each.event.timestamp < until) for each in events)


def _origins(store: TenantStore, events: Sequence[StoredEvent]) -> dict[str, int]:
    """Return how many of some events came from the files of which data set."""
    known = {progress["fingerprint"][:12]: title for title, progress in (store.notes.get(INTAKE) or {}).items()}
    counts: dict[str, int] = {}
    for each in events:
        title = known.get(each.event.event_id.partition(":")[0])
        if title is not None:
            counts[title] = counts.get(title, 0) + 1
    return counts


def _to_do(models: Sequence[Mapping[str, Any]], origins: Mapping[str, int]) -> list[str]:
    advice = []
    if models:
        live = ", the live one among them" if any(model["live"] for model in models) else ""
        advice.append(
            f"{len(models)} models were, or may have been, fitted on their events{live}. Fit one anew (tastemaker jobs "
            "enqueue train); those that are live no more go with: tastemaker registry prune"
        )
    advice += [
        f"{count:,} of their events came from the files of the data set '{title}', which are as they were."
        for title, count in origins.items()
    ]
    advice.append("Back-ups keep what they held until they are deleted; after restoring one, erase again.")
    return advice


def _iso(microseconds: int) -> str:
    return from_microseconds(microseconds).isoformat()
