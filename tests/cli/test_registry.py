"""`tastemaker registry`: models come in, go live if they pass, and go back."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest
from tests.cli.conftest import Done

from tastemaker.data import Dataset
from tastemaker.models import Popularity

Run = Callable[..., Done]


@pytest.fixture
def filled(run: Run) -> Run:
    assert run("store", "fill").code == 0
    return run


@pytest.fixture
def two(filled: Run, dataset: Dataset) -> tuple[str, str]:
    """Two models in the registry: counting, and plain popularity, which is worse."""
    Popularity().fit(dataset).save("popular")
    ids = [filled("registry", "add", folder, "--json").json["artefact_id"] for folder in ("model", "popular")]
    return ids[0], ids[1]


def test_models_are_listed_with_where_they_come_from(filled: Run, two: tuple[str, str]) -> None:
    rows = filled("registry", "list", "--json").json["models"]
    assert [(row["artefact_id"], row["model"], row["events"], row["live"]) for row in rows] == [
        (two[0], "sequential-rules", 720, False),
        (two[1], "popularity", 720, False),
    ]
    shown = filled("registry", "list").out
    assert two[0][:12] in shown
    assert "sequential-rules" in shown


def test_an_empty_registry_says_how_to_begin(filled: Run) -> None:
    assert "tastemaker jobs enqueue train" in filled("registry", "list").out
    assert "No model has been live yet." in filled("registry", "history").out


def test_a_model_goes_live_and_a_worse_one_does_not(filled: Run, two: tuple[str, str]) -> None:
    first = filled("registry", "promote", two[0][:8])
    assert first.code == 0
    assert first.out.startswith(f"{two[0][:12]} is live now.")
    worse = filled("registry", "promote", two[1], "--json")
    assert worse.code == 6
    assert worse.json["promoted"] is False
    assert worse.json["numbers"]["ndcg@10"] < worse.json["numbers"]["live"]
    assert "is lower than that of the live model by more than 2%" in worse.json["faults"][0]
    assert [row["live"] for row in filled("registry", "list", "--json").json["models"]] == [True, False]


def test_force_and_a_way_back(filled: Run, two: tuple[str, str]) -> None:
    filled("registry", "promote", two[0])
    assert filled("registry", "promote", two[1], "--force").code == 0
    back = filled("registry", "rollback", "--reason", "clicks fell")
    assert back.out == f"{two[0][:12]} (sequential-rules) is live again.\n"
    rows = filled("registry", "history", "--json").json["history"]
    assert [row["model"] for row in rows] == ["sequential-rules", "popularity", "sequential-rules"]
    assert rows[-1]["reason"] == "rolled back: clicks fell"
    assert "clicks fell" in filled("registry", "history").out
    none = filled("registry", "rollback")
    assert none.code == 6
    assert "no earlier model" in none.err


def test_the_people_who_are_asked_can_be_drawn_anew(filled: Run) -> None:
    last = filled("registry", "freeze", "--people", "5", "--json").json
    assert last["people"] == 5
    cut = filled("registry", "freeze", "--before", "2024-05-01", "--json").json
    assert cut["people"] == 60
    assert cut["cut"] >= 1_714_521_600_000_000
    assert "60 people" in filled("registry", "freeze", "--before", "2024-05-01").out


def test_old_models_go(filled: Run, two: tuple[str, str]) -> None:
    filled("registry", "promote", two[1])
    assert filled("registry", "prune", "--keep", "0", "--json").json == {"gone": [two[0]]}
    assert [row["artefact_id"] for row in filled("registry", "list", "--json").json["models"]] == [two[1]]


def test_an_unknown_model_is_an_error(filled: Run) -> None:
    done = filled("registry", "promote", "abcdef123")
    assert done.code == 6
    assert "no models have an id that begins with 'abcdef123'" in done.err


def test_what_is_no_model_is_not_added(filled: Run) -> None:
    assert filled("registry", "add", Path("shop")).code == 6
