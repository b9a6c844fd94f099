"""What the client can ask, each as one description that both clients send; nothing is sent from here."""

from __future__ import annotations

import json
import uuid
from collections.abc import Mapping, Sequence
from typing import Any, cast

from tastemaker.client import answers
from tastemaker.client.call import Call, EventOrId, Id, Ids, Moment, at, given, plain


def recommend(
    user_id: Id | None = None,
    *,
    k: int = 10,
    history: Sequence[EventOrId] | None = None,
    session: Sequence[EventOrId] | None = None,
    liked: Ids | None = None,
    disliked: Ids | None = None,
    text: str | None = None,
    profile: Mapping[str, Any] | None = None,
    items: Ids | None = None,
    candidates: Ids | None = None,
    exclude: Ids | None = None,
    exclude_seen: bool = True,
    scenario: str | None = None,
    filters: str | None = None,
    context: Mapping[str, Any] | None = None,
    locale: str | None = None,
    deadline_ms: float | None = None,
    cursor: str | None = None,
    seed: int | None = None,
    reasons: bool = True,
    trace: bool = False,
    dry_run: bool = False,
) -> Call[answers.Answer]:
    """Recommend items to a person, or to whoever gives a history, likes or words; see ``POST /v1/recommend``."""
    asked = given(
        user_id=user_id,
        k=k,
        history=history,
        session=session,
        liked=liked,
        disliked=disliked,
        text=text,
        profile=profile,
        items=items,
        candidates=candidates,
        exclude=exclude,
        exclude_seen=exclude_seen,
        scenario=scenario,
        filters=filters,
        context=context,
        locale=locale,
        deadline_ms=deadline_ms,
        cursor=cursor,
        seed=seed,
        reasons=reasons,
        trace=trace,
        dry_run=dry_run,
    )
    return Call("POST", "/v1/recommend", body=asked)


def similar(item_id: Id, k: int = 10) -> Call[answers.Answer]:
    """Return the items most similar to one item."""
    return Call("GET", at("similar", item_id), {"k": k})


def explain(
    item_id: Id,
    user_id: Id | None = None,
    *,
    history: Sequence[EventOrId] | None = None,
    session: Sequence[EventOrId] | None = None,
    liked: Ids | None = None,
    disliked: Ids | None = None,
    text: str | None = None,
    profile: Mapping[str, Any] | None = None,
    items: Ids | None = None,
    context: Mapping[str, Any] | None = None,
) -> Call[answers.Explanation]:
    """Say where the score of one item comes from, for whoever is described as for `recommend`."""
    asked = given(
        item_id=item_id,
        user_id=user_id,
        history=history,
        session=session,
        liked=liked,
        disliked=disliked,
        text=text,
        profile=profile,
        items=items,
        context=context,
    )
    return Call("POST", "/v1/explain", body=asked)


def recommendation(recommendation_id: str) -> Call[answers.ShownList]:
    """Return a list that was shown."""
    return Call("GET", at("recommendations", recommendation_id))


def _scenarios(content: bytes) -> list[answers.Scenario]:
    return cast(list[answers.Scenario], json.loads(content)["scenarios"])


def scenarios() -> Call[list[answers.Scenario]]:
    """Return the placements that the server answers."""
    return Call("GET", "/v1/scenarios", read=_scenarios)


def send_event(
    user_id: Id,
    item_id: Id,
    event: str,
    *,
    timestamp: Moment | None = None,
    weight: float | None = None,
    rating: float | None = None,
    session_id: str | None = None,
    recommendation_id: str | None = None,
    context: Mapping[str, Any] | None = None,
    event_id: str | None = None,
) -> Call[answers.EventsResult]:
    """Keep an event; when this returns, the next answer goes by it. Under one ``event_id`` it counts once."""
    what = given(user_id=user_id, item_id=item_id, event=event, timestamp=timestamp, weight=weight, rating=rating)
    where = given(session_id=session_id, recommendation_id=recommendation_id, context=context)
    return Call("POST", "/v1/events", body=_named(what | where, event_id))


def _named(event: Mapping[str, Any], event_id: str | None = None) -> dict[str, Any]:
    """Give an event a name before it is sent, so that one that is sent again counts once."""
    return {**event, "event_id": event_id or event.get("event_id") or uuid.uuid4().hex}


def send_events(events: Sequence[Mapping[str, Any]]) -> Call[answers.EventsResult]:
    """Keep at most 1,000 events, each with the fields of `send_event`; bad ones are rejected alone."""
    return Call("POST", "/v1/events", body={"events": [_named(plain(event)) for event in events]})


def feedback(
    recommendation_id: str,
    item_id: Id,
    event: str,
    *,
    user_id: Id | None = None,
    timestamp: Moment | None = None,
    weight: float | None = None,
    rating: float | None = None,
    session_id: str | None = None,
    context: Mapping[str, Any] | None = None,
    event_id: str | None = None,
) -> Call[answers.EventResult]:
    """Keep what a person did with an item of a list that was shown to them."""
    what = given(user_id=user_id, item_id=item_id, event=event, timestamp=timestamp, weight=weight, rating=rating)
    where = given(session_id=session_id, context=context)
    path = f"{at('recommendations', recommendation_id)}/feedback"
    return Call("POST", path, body=_named(what | where, event_id))


def search(text: str, k: int = 10, *, by: str = "both") -> Call[answers.Hits]:
    """Return items whose texts hold the words of ``text`` or mean the same, best first."""
    return Call("GET", "/v1/search", {"q": text, "k": k, "by": by})


def find_items(title: str, limit: int = 10) -> Call[answers.ItemsPage]:
    """Return items whose titles fit, best first."""
    return Call("GET", "/v1/items", {"q": title, "limit": limit})


def items(after: str = "", limit: int = 100) -> Call[answers.ItemsPage]:
    """Return items in the order of their ids, those beyond ``after``."""
    return Call("GET", "/v1/items", {"after": after, "limit": limit})


def item(item_id: Id) -> Call[answers.Item]:
    """Return what is known of one item."""
    return Call("GET", at("items", item_id))


def put_item(item_id: Id, row: Mapping[str, Any]) -> Call[answers.ItemWritten]:
    """Write all that is known of an item; what was known before is forgotten."""
    return Call("PUT", at("items", item_id), body=plain(row))


def put_items(rows: Mapping[str, Mapping[str, Any]]) -> Call[answers.ItemsResult]:
    """Write at most 1,000 whole rows by their ids; bad ones are rejected alone."""
    return Call("PUT", "/v1/items", body={"items": [{**plain(row), "item_id": name} for name, row in rows.items()]})


def patch_item(item_id: Id, changes: Mapping[str, Any]) -> Call[answers.Item]:
    """Change some of what is known of an item; ``None`` takes a field away. Returns what is known then."""
    return Call("PATCH", at("items", item_id), body=plain(changes))


def delete_item(item_id: Id) -> Call[answers.ItemDeleted]:
    """Delete an item; it is never recommended again."""
    return Call("DELETE", at("items", item_id))


def person(user_id: Id) -> Call[answers.Person]:
    """Return the profile of a person."""
    return Call("GET", at("people", user_id))


def put_person(user_id: Id, profile: Mapping[str, Any]) -> Call[answers.PersonWritten]:
    """Write all attributes of a person; what was known before is forgotten. Events stay as they are."""
    return Call("PUT", at("people", user_id), body=plain(profile))


def patch_person(user_id: Id, changes: Mapping[str, Any]) -> Call[answers.Person]:
    """Change some attributes of a person; ``None`` takes one away. Returns what is known then."""
    return Call("PATCH", at("people", user_id), body=plain(changes))


def merge_people(source: Id, into: Id) -> Call[answers.Merged]:
    """Give all that is known of one person to another, for good, as when a visitor signs in."""
    return Call("POST", f"{at('people', source)}/merge", body={"into": into})


def _lines(content: bytes) -> list[dict[str, Any]]:
    return [json.loads(line) for line in content.splitlines() if line]


def export_person(user_id: Id) -> Call[list[dict[str, Any]]]:
    """Return all that is known of a person, a dictionary for each thing."""
    return Call("GET", f"{at('people', user_id)}/export", read=_lines)


def erase_person(user_id: Id) -> Call[answers.Erasure]:
    """Forget a person everywhere, and return the receipt."""
    return Call("DELETE", at("people", user_id))


def back_up() -> Call[answers.Backup]:
    """Write a copy of the whole store into the server's folder for back-ups; give a client that asks this time."""
    return Call("POST", at("admin", "backup"))


def _jobs(content: bytes) -> list[answers.Job]:
    return cast(list[answers.Job], json.loads(content)["jobs"])


def jobs(kind: str | None = None, limit: int = 20) -> Call[list[answers.Job]]:
    """Return the newest jobs first."""
    return Call("GET", at("admin", "jobs"), given(kind=kind, limit=limit), read=_jobs)


def job(job_id: int) -> Call[answers.Job]:
    """Return a job, and what came of it."""
    return Call("GET", at("admin", "jobs", job_id))


def enqueue_job(
    kind: str, *, model: str | None = None, until: Moment | None = None, promote: bool | None = None
) -> Call[answers.Job]:
    """Put work in line: ``train``, ``encode`` or ``clean``; the rest is for ``train``."""
    return Call("POST", at("admin", "jobs"), body=given(kind=kind, model=model, until=until, promote=promote))


def cancel_job(job_id: int) -> Call[answers.Job]:
    """Let a job that waits or runs fail for good."""
    return Call("DELETE", at("admin", "jobs", job_id))


def _models(content: bytes) -> list[answers.Model]:
    return cast(list[answers.Model], json.loads(content)["models"])


def models() -> Call[list[answers.Model]]:
    """Return the models of the registry with their lineage, oldest first."""
    return Call("GET", at("admin", "models"), read=_models)


def promote_model(artefact_id: str, *, tolerance: float = 0.02, force: bool = False) -> Call[answers.Verdict]:
    """Test a model, by its id or the beginning of it, and let it answer from the next request on if it passes."""
    return Call("POST", f"{at('admin', 'models', artefact_id)}/promote", body={"tolerance": tolerance, "force": force})


def roll_back_model(reason: str = "by hand") -> Call[answers.Model]:
    """Let the model that was live before answer again; return it."""
    return Call("POST", at("admin", "models", "rollback"), body={"reason": reason})


def ready() -> Call[answers.Ready]:
    """Return what is being served."""
    return Call("GET", "/ready")
