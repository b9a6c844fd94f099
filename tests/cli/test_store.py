"""`tastemaker store`: filled once, backed up, restored where nothing is, and what it holds of one person."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path

import pytest
from tests.cli.conftest import Done

from tastemaker.core.tenant import Tenant
from tastemaker.store import open_store
from tastemaker.store.ports import NewEvent

Run = Callable[..., Done]

PERSON = "somebody-9c1f0d7e"


@pytest.fixture
def filled(run: Run) -> Run:
    """A store with the configured data, and one person who came later."""
    assert run("store", "fill").code == 0
    store = open_store("store")
    tenant = store.for_tenant(Tenant())
    tenant.events.append(
        [
            NewEvent(event_id=f"e{step}", user_id=PERSON, item_id=f"f{step}", event="view", timestamp=step)
            for step in range(3)
        ]
    )
    tenant.people.put({PERSON: {"age": 30}})
    store.close()
    return run


def events(folder: str | Path) -> int:
    store = open_store(folder)
    try:
        return len(store.for_tenant(Tenant()).events)
    finally:
        store.close()


def test_a_store_is_filled_once(run: Run) -> None:
    first = run("store", "fill", "--json").json
    assert (first["events"], first["fresh"], first["items"]) == (720, 720, 24)
    assert first["rows_per_second"] > 0
    again = run("store", "fill")
    assert again.out == "Nothing new: all of it is in the store.\n"
    assert events("store") == 720


def test_facts_say_what_is_there(filled: Run) -> None:
    told = filled("store", "facts", "--json").json
    (tenant,) = told["tenants"]
    assert told["store"] == "store"
    assert told["bytes"] > 0
    assert {name: tenant[name] for name in ("tenant", "events", "people_with_events", "people", "items")} == {
        "tenant": "default",
        "events": 723,
        "people_with_events": 61,
        "people": 1,
        "items": 24,
    }
    assert (tenant["data_sets"], tenant["live"], tenant["jobs"]) == (["shop"], None, {})
    shown = filled("store", "facts").out
    assert "723" in shown
    assert "61" in shown


def test_a_whole_store_passes_its_check(filled: Run) -> None:
    done = filled("store", "check", "--json")
    assert done.code == 0
    assert done.json == {
        "tenant": "default",
        "events": 723,
        "items": 24,
        "people": 1,
        "models": 0,
        "wrong": [],
    }


def test_a_damaged_model_fails_the_check(filled: Run) -> None:
    assert filled("registry", "add", "model").code == 0
    (tensors,) = Path("store").rglob("tensors.safetensors")
    tensors.chmod(0o644)
    tensors.write_bytes(bytes(tensors.stat().st_size))
    done = filled("store", "check")
    assert done.code == 11
    assert "model " in done.err


def test_a_back_up_opens_and_restores(filled: Run) -> None:
    assert filled("store", "backup", "copy").code == 0
    assert filled("store", "erase", PERSON, "--yes").code == 0
    refused = filled("store", "restore", "copy")
    assert refused.code == 10
    assert "there is a store already" in refused.err
    assert events("store") == 720
    Path("store").rename("old")
    restored = filled("store", "restore", "copy", "--json")
    assert restored.json == {"store": "store", "tenants": ["default"]}
    assert "has to be erased again" in restored.err
    assert events("store") == 723
    assert filled("store", "facts", "--store", "copy", "--json").json["tenants"][0]["events"] == 723


def test_a_back_up_replaces_nothing(filled: Run) -> None:
    Path("there").mkdir()
    Path("there/file").write_text("mine")
    done = filled("store", "backup", "there")
    assert done.code == 10
    assert "is not empty" in done.err
    assert [path.name for path in Path("there").iterdir()] == ["file"]


def test_what_is_no_back_up_is_not_restored(run: Run) -> None:
    done = run("store", "restore", "shop")
    assert done.code == 10
    assert "there is no back-up" in done.err
    assert not Path("store").exists()


def test_a_damaged_back_up_leaves_no_store(filled: Run) -> None:
    assert filled("store", "backup", "copy").code == 0
    Path("copy/default/store.sqlite").write_bytes(b"no database at all" * 100)
    assert filled("store", "restore", "copy", "--store", "new").code == 10
    assert not Path("new").exists()


def test_a_person_is_handed_out_line_by_line(filled: Run) -> None:
    lines = [json.loads(line) for line in filled("store", "export", PERSON).out.splitlines()]
    assert [line["kind"] for line in lines] == ["profile", "event", "event", "event"]
    assert filled("store", "export", PERSON, "--out", "person.jsonl").out == ""
    assert [json.loads(line) for line in Path("person.jsonl").read_text().splitlines()] == lines


def test_nobody_is_an_error(filled: Run) -> None:
    done = filled("store", "export", "nobody")
    assert done.code == 7
    assert "nothing is stored" in done.err


def test_a_person_is_erased_with_a_receipt(filled: Run) -> None:
    done = filled("store", "erase", PERSON, "--yes", "--receipt", "receipt.json", "--json")
    assert done.json["removed"] == {
        "frozen_queries": 0,
        "served": 0,
        "state": 0,
        "profile": 1,
        "jobs": 0,
        "events": 3,
        "aliases": 0,
    }
    assert done.json["complete"] is True
    assert json.loads(Path("receipt.json").read_text()) == done.json
    assert PERSON not in done.out + done.err + Path("receipt.json").read_text()
    assert filled("store", "export", PERSON).code == 7
    assert not any(PERSON.encode() in path.read_bytes() for path in Path("store").rglob("*") if path.is_file())


def test_erasing_in_words_says_what_is_left_to_do(filled: Run) -> None:
    done = filled("store", "erase", "7", "--yes")
    assert "events" in done.out
    assert "12 of their events came from the files of the data set 'shop'" in done.err
    assert "Back-ups keep what they held" in done.err


def test_nothing_is_erased_without_a_yes(filled: Run) -> None:
    done = filled("store", "erase", PERSON)
    assert done.code == 7
    assert "cannot be brought back" in done.err
    assert events("store") == 723


@pytest.mark.parametrize(
    "command",
    [("facts",), ("check",), ("backup", "copy"), ("export", "a"), ("erase", "a", "--yes")],
    ids=lambda words: words[0],
)
def test_without_a_store_a_command_says_how_to_make_one_and_makes_none(run: Run, command: tuple[str, ...]) -> None:
    done = run("store", *command)
    assert done.code == 10
    assert "there is no store" in done.err
    assert "tastemaker store fill" in done.err
    assert not Path("store").exists()


def test_a_tenant_that_is_not_there_is_not_made(filled: Run) -> None:
    done = filled("store", "check", "--tenant", "other")
    assert done.code == 10
    assert "has no tenant 'other'" in done.err
    assert "Known: default" in done.err
    assert not Path("store/other").exists()


def test_a_store_that_is_in_use_says_what_the_server_does_itself(filled: Run) -> None:
    store = open_store("store")
    store.for_tenant(Tenant())
    try:
        erasing = filled("store", "erase", PERSON, "--yes")
        backing_up = filled("store", "backup", "copy")
    finally:
        store.close()
    assert erasing.code == backing_up.code == 10
    assert "another process has this store open" in erasing.err
    assert "A server that runs does it itself: DELETE /v1/people/USER" in erasing.err
    assert "A server that runs" not in backing_up.err
    assert events("store") == 723
