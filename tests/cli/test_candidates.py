"""`--candidates` and `--negatives` of compare and evaluate."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

Run = Callable[..., Any]


def test_compare_ranks_answers_among_sampled_negatives_and_says_so(run: Run) -> None:
    done = run("compare", "--models", "popularity", "--candidates", "uniform", "--negatives", "5", "-k", "1")
    assert done.code == 0, done.err
    text = " ".join(done.out.split())
    assert "1 + 5 candidates" in text
    assert "Ranked among 5 sampled negatives, not the whole catalogue." in text
    assert "cannot be compared with those of a ranking of the whole catalogue" in text
    assert "By chance alone hr@1 is 0.1667." in text


def test_evaluate_knows_the_same_and_keeps_what_was_measured_apart(run: Run, shop: Path) -> None:
    with (shop / "tastemaker.toml").open("a", encoding="utf-8") as file:
        file.write('\n[evaluate]\nreports = "reports"\n')
    words = ("evaluate", "--model", "popularity", "--no-probes", "--json")
    done = run(*words, "--candidates", "popular", "--negatives", "4")
    assert done.code == 0, done.err
    assert (done.json["knobs"]["negatives"], done.json["knobs"]["negative_seeds"]) == (4, [0, 1, 2, 3, 4])
    assert run(*words).code == 0
    stored = {path.name: json.loads(path.read_text()) for path in (shop / "reports").glob("*.json")}
    found = {name: "negatives" in document["knobs"] for name, document in stored.items()}
    assert found == {"shop-global-time-popular.json": True, "shop-global-time.json": False}


def test_more_negatives_than_there_are_items_is_an_error_of_ours(run: Run) -> None:
    done = run("compare", "--models", "popularity", "--candidates", "uniform", "--no-probes", "--json")
    assert done.code != 0
    assert "99 negatives for each answer are more than the" in done.error["message"]


@pytest.mark.parametrize(
    ("words", "message"),
    [
        (("--candidates", "some"), "'some' is none of all, cold, uniform, popular"),
        (("--negatives", "5"), "it needs --candidates uniform or popular"),
        (("--candidates", "cold", "--negatives", "5"), "it needs --candidates uniform or popular"),
        (("--candidates", "uniform", "--cold", "users"), "it does not go with --candidates"),
        (("--candidates", "uniform", "--task", "ratings"), "it belongs to rankings"),
    ],
)
def test_what_does_not_go_together_is_refused(run: Run, words: tuple[str, ...], message: str) -> None:
    done = run("compare", *words)
    assert done.code == 2
    assert message in " ".join(done.err.replace("│", " ").split())
