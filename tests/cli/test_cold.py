"""`--cold` of evaluate and compare, and `--profile` of recommend."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import polars as pl
import pytest

from tastemaker.models import make_model

Run = Callable[..., Any]


def test_a_curve_of_cold_users_has_a_line_for_each_point(run: Run) -> None:
    done = run("compare", "--cold", "users", "--shown", "0,2,keywords", "--models", "popularity,content-knn")
    assert done.code == 0, done.err
    for known in ("0 shown", "2 shown", "keywords"):
        assert done.out.count(f" {known} ") >= 3, done.out
    assert "vs counts" in done.out


def test_a_curve_as_json_and_as_a_page(run: Run) -> None:
    done = run(
        "evaluate", "--model", "content-knn", "--cold", "users", "--shown", "0,1", "--json", "--report", "c.html"
    )
    assert done.code == 0, done.err
    assert done.json["cold"] == "users"
    assert [point["shown"] for point in done.json["points"]] == ["0", "1"]
    assert [row["model"] for row in done.json["points"][0]["comparison"]["rows"]] == ["sequential-rules", "content-knn"]
    assert "cold users" in Path("c.html").read_text(encoding="utf-8")


def test_cold_items_are_ranked_jointly_and_alone(run: Run) -> None:
    done = run("evaluate", "--model", "content-knn", "--cold", "items", "--knob", "test=0.2", "--json")
    assert done.code == 0, done.err
    assert [point["candidates"] for point in done.json["points"]] == ["all", "cold"]
    assert done.json["points"][0]["comparison"]["protocol"] == "cold-item"


def test_reports_go_into_the_configured_folder(run: Run, shop: Path) -> None:
    with (shop / "tastemaker.toml").open("a", encoding="utf-8") as file:
        file.write('\n[evaluate]\nreports = "reports"\n')
    done = run("evaluate", "--model", "popularity", "--cold", "users", "--shown", "0")
    assert done.code == 0, done.err
    assert json.loads((shop / "reports" / "shop-cold-users.json").read_text(encoding="utf-8"))["format"] == 1
    assert (shop / "reports" / "shop-cold-users.html").is_file()


@pytest.mark.parametrize(
    ("words", "message"),
    [
        (("--cold", "people"), "neither items nor users"),
        (("--shown", "1"), "it needs --cold"),
        (("--cold", "users", "--protocol", "leave-one-out"), "it does not go with --protocol"),
        (("--cold", "users", "--csv", "x.csv"), "it does not go with --csv"),
        (("--cold", "users", "--task", "ratings"), "it does not go with --task"),
    ],
)
def test_what_does_not_go_together_is_refused(run: Run, words: tuple[str, ...], message: str) -> None:
    done = run("compare", *words)
    assert done.code == 2
    assert message in " ".join(done.err.replace("│", " ").split())


@pytest.mark.parametrize(
    ("words", "message"),
    [
        (("users", "--shown", "soon"), "'soon' cannot be shown of cold users"),
        (("users", "--shown", "profile"), "nobody who is asked has a profile"),
        (("items", "--shown", "keywords"), "cannot be shown of cold items"),
        (("users", "--knob", "ties=never"), "ties is 'never'"),
    ],
)
def test_what_cannot_be_shown_is_an_error_of_ours(run: Run, words: tuple[str, ...], message: str) -> None:
    done = run("compare", "--models", "popularity", "--json", "--cold", *words)
    assert done.code != 0
    assert message in done.error["message"]


# -- profiles -----------------------------------------------------------------------------------------------------


@pytest.fixture
def reading(run: Run, shop: Path, dataset: Any) -> Run:
    """A model that reads words in place of the usual one."""
    make_model("content-bm25").fit(dataset).save(shop / "model")
    return run


def test_a_profile_is_something_to_go_by(reading: Run) -> None:
    done = reading("recommend", "--profile", "likes=star wars", "--profile", "likes=star trek", "-k", "2", "--json")
    assert done.code == 0, done.err
    assert {item["title"].split(" (")[0] for item in done.json["items"]} == {"Star Wars", "Star Trek"}
    assert {item["reason"] for item in done.json["items"]} == {"fits the profile"}


def test_what_is_left_out_reaches_no_model(reading: Run, shop: Path) -> None:
    with (shop / "tastemaker.toml").open("a", encoding="utf-8") as file:
        file.write('\n[text]\nleave_out = ["likes"]\n')
    done = reading("recommend", "--profile", "likes=star wars", "-k", "2", "--json")
    assert done.code == 0, done.err
    assert {item["reason"] for item in done.json["items"]} == {"popular"}


def test_somebody_with_a_stored_profile_alone_is_known(reading: Run, shop: Path) -> None:
    pl.DataFrame({"user_id": ["new"], "likes": ["star wars"]}).write_parquet(shop / "shop" / "users.parquet")
    done = reading("recommend", "--user", "new", "-k", "1", "--json")
    assert done.code == 0, done.err
    assert done.json["items"][0]["title"].startswith("Star Wars")


def test_a_profile_that_is_none_is_refused(reading: Run) -> None:
    assert "is not NAME=VALUE" in reading("recommend", "--profile", "Riga").err
    done = reading("recommend", "--profile", f"text={'x' * 600}", "--json")
    assert done.code != 0
    assert "at most 500 characters" in done.error["message"]
