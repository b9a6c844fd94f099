"""Each command does what it says, for people and as JSON."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import polars as pl
import pytest

from tastemaker.cli.explanation import bar
from tastemaker.cli.options import repeat_flags
from tastemaker.data import Dataset, read_folder
from tastemaker.models import load_model

Run = Callable[..., Any]


# -- data --------------------------------------------------------------------------------------------------------


def test_data_list(run: Run) -> None:
    rows = run("data", "list", "--json").json["sources"]
    assert {"name", "title", "licence", "homepage", "bytes", "access", "confirmed", "local"} == set(rows[0])
    access = {row["name"]: row["access"] for row in rows}
    assert (access["movielens-1m"], access["amazon-beauty"], access["yoochoose"]) == ("download", "opt-in", "by hand")
    assert access["bookshop"] == "packaged"
    assert {row["name"]: row["local"] for row in rows}["movielens-100k"] is None
    assert "movielens-100k" in run("data", "list").out


def test_data_list_knows_what_a_folder_of_the_user_holds(run: Run, shop: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (shop / "all" / "amazon2014-beauty").mkdir(parents=True)
    monkeypatch.setenv("TASTEMAKER_DATA", str(shop / "all"))
    rows = {row["name"]: row["local"] for row in run("data", "list", "--json").json["sources"]}
    assert rows["amazon-beauty"] == str(shop / "all" / "amazon2014-beauty")
    assert rows["amazon-sports"] is None


def test_data_show(run: Run, dataset: Dataset) -> None:
    facts = run("data", "show", "./shop", "--json").json
    assert (facts["events"], facts["people"], facts["items"]) == (720, 60, 24)
    assert facts["events_per_person"] == {"fewest": 12, "median": 12.0, "most": 12}
    assert facts["catalogue"]["title"] == 1.0
    assert facts["fingerprint"] == dataset.fingerprint
    assert facts["first_event"].startswith("2024-01-")
    assert "720" in run("data", "show", "./shop").out


def test_data_show_tells_where_a_source_comes_from(run: Run, shop: Path) -> None:
    folder = shop / "gowalla-lightgcn"
    folder.mkdir()
    for part, items in (("train", 810_128), ("test", 217_242)):
        pairs = pl.select(user_id=pl.int_range(items) % 29_858, item_id=pl.int_range(items) % 40_981)
        pairs.write_parquet(folder / f"{part}.parquet")
    facts = run("data", "show", "gowalla-lightgcn", "--data", folder, "--json").json
    assert (facts["access"], facts["confirmed"], facts["checksums"]) == ("opt-in", None, {})
    shown = run("data", "show", "gowalla-lightgcn", "--data", folder).out
    for address in facts["addresses"]:
        assert address in "".join(shown.split())
    assert "none known" in shown
    assert "not yet" in shown


def test_data_get_accepts_the_unknown_only_if_asked_to(run: Run, monkeypatch: pytest.MonkeyPatch) -> None:
    asked: list[bool] = []

    def load(name: str, data: Path | None, *, accept_unknown: bool, **more: Any) -> Dataset:
        asked.append(accept_unknown)
        return read_folder(Path("shop"))

    monkeypatch.setattr("tastemaker.data.load_dataset", load)
    run("data", "get", "amazon-beauty")
    run("data", "get", "amazon-beauty", "--accept-unknown")
    assert asked == [False, True]


def test_data_get_writes_our_layout(run: Run, dataset: Dataset) -> None:
    done = run("data", "get", "./shop", "--to", "copy", "--json")
    assert done.json["folder"] == "copy"
    assert read_folder(Path("copy")).fingerprint == dataset.fingerprint


def test_rows_that_were_set_aside_are_told(run: Run) -> None:
    Path("odd").mkdir()
    Path("odd/interactions.csv").write_text("user_id,item_id\na,x\n,y\nb,\n", encoding="utf-8")
    assert run("data", "show", "./odd", "--json").json["rejected_rows"] == 2
    assert "2 rows without a user" in run("data", "show", "./odd").out


# -- train, evaluate, compare --------------------------------------------------------------------------------------


def test_train_keeps_a_model_of_all_events(run: Run, dataset: Dataset) -> None:
    done = run("train", "--model", "item-knn", "--out", "kept", "--json")
    assert (done.json["model"], done.json["fitted_on"], done.json["events"]) == ("item-knn", "all events", 720)
    assert len(load_model("kept").provenance_.rows) == 720


def test_train_can_hold_out(run: Run) -> None:
    done = run("train", "--hold-out", "--out", "kept", "--json")
    assert done.json["fitted_on"] == "training part"
    assert len(load_model("kept").provenance_.rows) == done.json["events"] < 720


def test_train_holds_out_by_the_knobs_of_the_protocol(run: Run) -> None:
    knobs = ("--protocol", "leave-last-n", "--knob", "test_events=2", "--knob", "targets=together")
    kept = run("train", "--model", "item-knn", "--hold-out", "--out", "kept", *knobs, "--json").json
    assert kept["events"] == 720 - 3 * 60
    found = run("evaluate", "--folder", "kept", *knobs, "--json").json
    assert found["split_hash"] == kept["split_hash"]
    assert found["counts"]["targets"] == 2 * found["counts"]["queries"] == 120


def test_a_split_that_the_data_bring_along_is_taken(run: Run, shop: Path) -> None:
    rows = [
        f"u{user},i{(user + step) % 9},{'test' if step > 4 else 'train'}" for user in range(20) for step in range(7)
    ]
    Path("log").mkdir()
    Path("log/interactions.csv").write_text("\n".join(["user_id,item_id,split", *rows]) + "\n", encoding="utf-8")
    words = ("--source", "./log", "--protocol", "given", "--models", "item-knn", "--knob", "valid=0.2", "--json")
    found = run("compare", *words).json
    assert found["protocol"] == "given"
    assert (found["counts"]["train_events"], found["counts"]["queries"], found["counts"]["targets"]) == (80, 20, 40)
    said = {name: found["knobs"][name] for name in ("column", "valid_part", "valid", "history_at_test")}
    assert said == {
        "column": "split",
        "valid_part": "drawn from training",
        "valid": 0.2,
        "history_at_test": "the user's events in training and validation, whatever their time",
    }
    done = run("compare", "--protocol", "given", "--models", "item-knn")
    assert done.code == 4
    assert "these data bring no split along: their events have no column 'split'" in done.err


def test_train_tells_people_what_was_chosen(run: Run) -> None:
    done = run("train")
    assert "Trained sequential-rules on all 720 events" in done.out
    assert "Chosen on validation" in done.out
    assert "--hold-out" in done.err


def test_train_names_the_sources_that_a_fusion_left_out(run: Run) -> None:
    Path("shop/items.parquet").unlink()
    done = run("train", "--model", "fusion", "--protocol", "leave-one-out")
    assert done.code == 0
    assert "Left out: content-knn" in done.err


def test_compare_always_shows_the_counts(run: Run) -> None:
    done = run("compare", "--models", "popularity", "--k", "5", "--json")
    rows = {row["model"]: row for row in done.json["rows"]}
    assert list(rows) == ["sequential-rules", "popularity"]
    assert {"value", "low", "high"} == set(rows["popularity"]["metrics"]["ndcg@5"])
    assert "vs_baseline" in rows["popularity"]
    assert done.json["protocol"] == "global-time"


def test_compare_prints_a_table_and_writes_reports(run: Run) -> None:
    done = run("compare", "--models", "popularity", "--protocol", "leave-one-out", "--report", "page.html")
    assert "sequential-rules" in done.out
    assert "Wrote page.html" in done.out
    assert "<html" in Path("page.html").read_text(encoding="utf-8")


def test_threads_are_one_unless_somebody_says_more(run: Run, shop: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def threads(*words: str) -> int:
        found = run("compare", "--models", "popularity", "--no-probes", "--json", *words).json
        return int(found["knobs"]["threads"])

    assert threads() == 1
    monkeypatch.setenv("TASTEMAKER_THREADS", "2")
    assert threads() == 2
    with (shop / "tastemaker.toml").open("a") as file:
        file.write("[run]\nthreads = 3\n")
    assert threads() == 3
    assert threads("--threads", "4") == 4
    assert run("compare", "--threads", "0").code == 3


def test_compare_writes_page_and_json_into_the_configured_folder(run: Run) -> None:
    with Path("tastemaker.toml").open("a") as file:
        file.write("\n[evaluate]\nmodels = ['popularity']\nreports = 'reports'\n")
    assert run("compare").code == 0
    report = json.loads(Path("reports/shop-global-time.json").read_text(encoding="utf-8"))
    assert [row["model"] for row in report["rows"]] == ["sequential-rules", "popularity"]
    assert Path("reports/shop-global-time.html").exists()


def test_the_same_seed_gives_the_same_numbers(run: Run) -> None:
    def ranks(seed: int) -> list[str]:
        done = run("compare", "--models", "popularity", "--seed", str(seed), "--json")
        return [row["rank_hash"] for row in done.json["rows"]]

    assert ranks(1) == ranks(1) != ranks(2)


def test_evaluate_by_name(run: Run) -> None:
    rows = run("evaluate", "--model", "ease", "--json").json["rows"]
    assert [row["model"] for row in rows] == ["sequential-rules", "ease"]


def test_evaluate_takes_a_held_out_model_as_it_is(run: Run) -> None:
    run("train", "--model", "item-knn", "--hold-out", "--out", "kept")
    rows = run("evaluate", "--folder", "kept", "--json").json["rows"]
    assert [row["model"] for row in rows] == ["sequential-rules", "item-knn (kept)"]
    fresh = run("evaluate", "--model", "item-knn", "--json").json["rows"]
    assert rows[1]["rank_hash"] == fresh[1]["rank_hash"]


def test_evaluate_refuses_a_model_that_has_seen_the_answers(run: Run) -> None:
    done = run("evaluate", "--folder", "model")
    assert done.code == 4
    assert "was fitted on" in done.err
    assert "held-out rows (model)" in done.err
    assert "tastemaker train --hold-out" in done.err


def test_evaluate_takes_a_name_or_a_folder(run: Run) -> None:
    done = run("evaluate", "--folder", "model", "--model", "ease")
    assert done.code == 2
    assert "not both" in done.err


# -- recommend, similar, explain -----------------------------------------------------------------------------------


def test_recommend_to_a_known_user(run: Run, dataset: Dataset) -> None:
    answer = run("recommend", "--user", "42", "--k", "3", "--json").json
    assert {"items", "history", "degraded", "filters", "model", "took_ms"} < set(answer)
    assert (answer["scenario"], answer["recommendation_id"], answer["cursor"]) == ("home", None, None)
    assert [item["rank"] for item in answer["items"]] == [1, 2, 3]
    assert [entry["item_id"] for entry in answer["history"]] == dataset.history("42")
    assert not {item["item_id"] for item in answer["items"]} & set(dataset.history("42"))
    assert {"item_id", "title", "share"} == set(answer["items"][0]["evidence"][0])


def test_recommend_shows_titles_scores_and_reasons(run: Run) -> None:
    out = run("recommend", "--history", "Toy Story", "Heat").out
    assert "what spoke for it" in out
    assert "Fargo (1992)" in out
    assert "Heat (1991) " in out


@pytest.mark.parametrize(
    "words",
    [
        ("--history", "Toy Story", "Heat"),
        ("--history", "Toy Story", "--history", "Heat"),
        ("--history=Toy Story", "--history=Heat"),
        ("--history", "f0", "heat"),
    ],
)
def test_a_history_is_given_in_either_form(run: Run, words: tuple[str, ...]) -> None:
    answer = run("recommend", *words, "--k", "2", "--json").json
    assert [entry["item_id"] for entry in answer["history"]] == ["f0", "f1"]
    assert len(answer["items"]) == 2


def test_likes_and_dislikes_take_several_values_too(run: Run) -> None:
    answer = run("recommend", "--like", "Heat", "Fargo", "--dislike", "Brazil", "Star Wars", "--json").json
    assert [entry["item_id"] for entry in answer["history"]] == ["f1", "f2", "f8", "f3"]
    assert not {"f1", "f2", "f3", "f8"} & {item["item_id"] for item in answer["items"]}


def test_a_flag_for_several_values_needs_one(run: Run) -> None:
    done = run("recommend", "--history", "--json")
    assert done.code == 2
    assert "--history" in done.error["message"]
    assert "at least one" in done.error["message"]
    assert "tastemaker recommend --help" in done.error["remedy"]


def test_repeat_flags_leaves_what_stands_after_two_hyphens() -> None:
    assert repeat_flags(["--like", "a", "b", "--", "--like", "c"]) == [
        "--like", "a", "--like", "b", "--", "--like", "c"
    ]  # fmt: skip


def test_words_are_read_by_a_model_that_reads_them(run: Run) -> None:
    run("train", "--model", "content-knn", "--out", "words")
    answer = run("recommend", "--text", "a star", "--k", "5", "--model", "words", "--json").json
    assert all(item["title"].startswith("Star ") for item in answer["items"])


def test_nothing_to_go_by_gives_what_is_popular_and_says_so(run: Run) -> None:
    done = run("recommend")
    assert done.code == 0
    assert "Less personal than asked for: no history to go by" in done.err


def test_a_title_that_fits_several_is_asked_about(run: Run, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("tastemaker.cli.output.Output.interactive", True)
    done = run("recommend", "--history", "Star", "-k", "1", answer="9\n2\n")
    assert done.code == 0
    assert "'Star' fits several titles:" in done.err
    assert "1. Star" in done.err
    assert "100%" in done.out


def test_none_of_these_is_an_answer(run: Run, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("tastemaker.cli.output.Output.interactive", True)
    assert run("recommend", "--history", "Star", answer="0\n").code == 7


def test_similar(run: Run) -> None:
    answer = run("similar", "Heat", "-k", "4", "--json").json
    assert len(answer["items"]) == 4
    assert "f1" not in {item["item_id"] for item in answer["items"]}
    assert "Similar to Heat (1991) [f1]" in run("similar", "f1").out


def test_explain_adds_up(run: Run) -> None:
    found = run("explain", "Fargo", "--history", "Toy Story", "Heat", "--json").json
    assert (found["item_id"], found["title"]) == ("f2", "Fargo (1992)")
    assert {entry["name"] for entry in found["by_item"]} >= {"f1"}
    assert sum(part["amount"] for part in found["parts"]) == pytest.approx(found["score"], abs=1e-4)
    assert [entry["name"] for entry in found["by_source"]] == ["sequential-rules"]


def test_explain_draws_bars(run: Run) -> None:
    out = run("explain", "Fargo", "--user", "42").out
    assert "by item" in out
    assert "by part of the model" in out
    assert "█" in out


def test_a_bar_has_its_full_length_for_the_largest_amount() -> None:
    assert bar(-2.0, 2.0) == "█" * 28
    assert bar(0.0, 0.0) == ""


def test_a_model_of_other_data_is_told(run: Run, shop: Path) -> None:
    Path("other").mkdir()
    Path("other/interactions.csv").write_text("user_id,item_id\nu,f1\nu,f2\n", encoding="utf-8")
    done = run("recommend", "--user", "u", "--source", "./other")
    assert "The model was fitted on 'shop'" in done.err


# -- doctor --------------------------------------------------------------------------------------------------------


def test_doctor_finds_nothing_wrong(run: Run, free_port: int) -> None:
    with Path("tastemaker.toml").open("a") as file:
        file.write(f"\n[serve]\nport = {free_port}\n")
    done = run("doctor", "--json")
    assert done.code == 0, done.out
    states = {check["name"]: check["state"] for check in done.json["checks"]}
    assert {name for name, state in states.items() if state == "ok"} >= {
        "python", "tastemaker", "cache", "settings", "data", "model", "port"
    }  # fmt: skip
    assert "wrong" not in states.values()
    assert run("doctor").code == 0


def test_doctor_names_the_line_that_installs_a_missing_extra(run: Run, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("tastemaker.cli.doctor.find_spec", lambda name: None)
    checks = {check["name"]: check for check in run("doctor", "--json").json["checks"]}
    assert checks["extra serve"]["remedy"] == "pip install 'tastemaker[serve]'"
    assert checks["extra serve"]["state"] == "note"
