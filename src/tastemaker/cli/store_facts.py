"""What is in a tenant's store, counted and read through, for `tastemaker store facts` and `check`."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping
from itertools import pairwise
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

if TYPE_CHECKING:
    from tastemaker.cli.output import Output
    from tastemaker.cli.workspace import Workspace
    from tastemaker.store.ports import TenantStore

_PAGE: Final = 10_000


def facts_of(store: TenantStore) -> dict[str, Any]:
    """Return what one tenant has, as JSON values."""
    from tastemaker.engine.intake import NOTE
    from tastemaker.engine.registry import Registry

    registry = Registry(store)
    live = registry.live()
    last = store.events.last_offset()
    newest = store.events.after(last - 1, 1) if last else []
    return {
        "tenant": store.tenant.name,
        "events": len(store.events),
        "people_with_events": _count_people(store),
        "people": len(store.people),
        "items": len(store.items),
        "newest_event": _moment(newest[0].event.timestamp) if newest else None,
        "data_sets": sorted(store.notes.get(NOTE) or {}),
        "models": len(registry.models()),
        "live": None if live is None else f"{live.facts.get('model')} {live.artefact_id[:12]}",
        "jobs": dict(Counter(job.state for job in store.jobs.newest(limit=_PAGE))),
        "vectors": store.vectors.spaces(),
    }


def _count_people(store: TenantStore) -> int:
    count, after = 0, ""
    while page := store.events.users(after, _PAGE):
        count, after = count + len(page), page[-1]
    return count


def checked(store: TenantStore, work: Workspace) -> tuple[dict[str, Any], list[str]]:
    """Return what was read, and what is wrong with it."""
    from tastemaker.core.errors import TastemakerError
    from tastemaker.engine.registry import Registry
    from tastemaker.engine.training_data import rows_of

    wrong: list[str] = []
    events, offset = 0, 0
    with work.run.track("Reading the log", len(store.events)) as advance:
        while page := store.events.after(offset, _PAGE):
            places = [offset, *(stored.offset for stored in page)]
            if any(later <= earlier for earlier, later in pairwise(places)):
                wrong.append("the log is out of order")
                break
            events, offset = events + len(page), places[-1]
            advance(len(page))
    if events != len(store.events):
        wrong.append(f"the log says that it has {len(store.events):,} events, and {events:,} can be read")
    rows = {name: sum(1 for _ in rows_of(table)) for name, table in (("items", store.items), ("people", store.people))}
    models = Registry(store).models()
    for model in models:
        try:
            store.artefacts.open(model.artefact_id)
        except TastemakerError as error:
            wrong.append(f"model {model.artefact_id[:12]}: {error.message}")
    return {"tenant": store.tenant.name, "events": events, **rows, "models": len(models)}, wrong


def size_of(folder: str) -> int:
    """Return the bytes of a folder; 0 of what is no folder."""
    return sum(path.stat().st_size for path in Path(folder).rglob("*") if path.is_file()) if "://" not in folder else 0


def _moment(microseconds: int) -> str:
    from tastemaker.core.clock import from_microseconds

    return from_microseconds(microseconds).isoformat(timespec="seconds")


def show(out: Output, facts: Mapping[str, Any]) -> None:
    """Show facts to a person, a line each."""
    from rich.table import Table
    from rich.text import Text

    table = Table(box=None, pad_edge=False, show_header=False)
    table.add_column(no_wrap=True)
    table.add_column(overflow="fold")
    for name, value in facts.items():
        table.add_row(Text(name.replace("_", " "), style="bold"), Text(_in_words(value)))
    out.print(table)


def _in_words(value: Any) -> str:
    if isinstance(value, dict):
        return ", ".join(f"{name} {count:,}" for name, count in value.items()) or "none"
    if isinstance(value, list):
        return ", ".join(map(str, value)) or "none"
    return f"{value:,}" if isinstance(value, int) else "none" if value is None else str(value)
