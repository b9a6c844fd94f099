"""`tastemaker profiles`: making, showing and writing out what is said of people and items."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import polars as pl
import pytest

Run = Callable[..., Any]
EMPTY = {"likes": [], "summary": ""}


def script(*replies: Any) -> str:
    return json.dumps({"name": "script", "replies": replies})


def test_templates_are_made_shown_and_written_out(run: Run, shop: Path) -> None:
    made = run("profiles", "make", "--json").json
    assert (made["made"], made["known"], made["kept_share"], made["stopped"]) == (60, 0, 1.0, None)
    assert run("profiles", "make", "--json").json["known"] == 60
    found = run("profiles", "show", "7", "--json").json
    assert (found["kind"], found["of"], found["about"]) == ("template", "person", "7")
    assert found["seen"]["events"] < 12  # the rest is held out
    for claim in found["claims"]:
        assert len(claim["titles"]) == len(claim["events"]) >= 1
    shown = run("profiles", "show", "7").out
    assert found["claims"][0]["titles"][0] in shown
    assert "Seen: " in shown
    for name in ("people.csv", "people.parquet", "people.jsonl"):
        assert run("profiles", "export", "--to", name, "--json").json["texts"] == 60
    table = pl.read_csv("people.csv", schema_overrides={"user_id": pl.String})
    assert table.columns == pl.read_parquet("people.parquet").columns == ["user_id", "text"]
    assert table.filter(pl.col("user_id") == "7")["text"][0] == found["text"]


def test_a_generator_is_asked_and_what_no_event_shows_is_dropped(run: Run) -> None:
    reply = {
        "likes": [{"what": "comedy", "events": [1, 2]}, {"what": "dragons", "events": [1]}],
        "summary": "",
    }
    words = ("profiles", "make", "--kind", "one-shot", "--users", "7", "--generator")
    made = run(*words, script(reply), "--json").json
    assert made["made"] == 1
    assert sum(made["dropped"].values()) >= 1
    assert made["usage"]["prompt_tokens"] > 0
    # It is there: nothing is asked.
    assert run(*words, script(reply), "--json").json["known"] == 1
    told = run("profiles", "make", "--kind", "one-shot", "--users", "8", "--generator", script("no JSON"))
    assert (told.code, "The same command tries them again" in told.err) == (0, True)


def test_everything_may_be_looked_at_to_serve(run: Run) -> None:
    run("profiles", "make", "--users", "7", "--all-events", "--limit", "1")
    assert run("profiles", "show", "7", "--json").json["seen"]["events"] == 12


def test_items_are_profiled_first_and_then_people(run: Run) -> None:
    written = {"name": "script", "replies": [{"suits": [], "summary": ""}] * 10 + [EMPTY]}
    made = run("profiles", "make", "--kind", "items-then-users", "--users", "7", "--generator", json.dumps(written))
    assert made.code == 0
    assert "Made 1 profiles" in made.out


def test_items_have_tags(run: Run) -> None:
    reply = {"categories": ["Comedy"], "keywords": ["toy story"]}
    words = ("profiles", "make", "--kind", "tags", "--items", "f0", "--generator")
    assert run(*words, script(reply), "--json").json["claims"] == 2
    found = run("profiles", "show", "f0", "--items", "--json").json
    assert found["text"] == "Categories: Comedy. Keywords: toy story."
    assert run("profiles", "show", "f0", "--items").out.startswith("Toy Story, tags")
    assert run("profiles", "export", "--items", "--to", "items.csv", "--json").json["texts"] == 1


@pytest.mark.parametrize(
    ("words", "code", "said"),
    [
        (("make", "--kind", "templat"), 3, "Did you mean 'template'"),
        (("make", "--kind", "one-shot"), 3, "--generator llama"),
        (("make", "--kind", "template", "--items", "all"), 3, "one-shot, tags"),
        (("make", "--kind", "tags"), 3, "--items all"),
        (("make", "--users", "nobody"), 7, "--all-events"),
        (("make", "--users", ","), 3, "ids with commas"),
        (("make", "--kind", "tags", "--items", "f99", "--generator", script()), 7, "no item 'f99'"),
        (("show", "7"), 4, "profiles make"),
        (("export", "--to", "people.txt"), 3, ".parquet"),
    ],
)
def test_what_cannot_be_done_says_what_can(run: Run, words: tuple[str, ...], code: int, said: str) -> None:
    done = run("profiles", *words)
    assert done.code == code
    assert said in done.err


def test_who_has_no_profile_is_told_so(run: Run) -> None:
    run("profiles", "make", "--users", "7")
    done = run("profiles", "show", "8")
    assert (done.code, "no profile of '8'" in done.err) == (4, True)


def test_who_did_not_agree_is_left_out(run: Run, shop: Path) -> None:
    everybody = [str(user) for user in range(1, 61)]
    people = pl.DataFrame({"user_id": everybody, "consent": [user != "7" for user in everybody]})
    people.write_parquet(shop / "shop" / "users.parquet")
    done = run("profiles", "make")
    assert "Made 59 profiles" in done.out
    assert "1 people did not agree" in done.err
