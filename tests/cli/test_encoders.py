"""`tastemaker encoders`: what there is, what it makes of some texts, and what is kept on disk."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from tastemaker.language.encoders import ENCODERS, encode_cached
from tastemaker.language.encoders.controls import RandomVectors

Run = Callable[..., Any]


def test_every_encoder_is_listed(run: Run) -> None:
    rows = {row["name"]: row for row in run("encoders", "list", "--json").json["encoders"]}
    assert rows.keys() == ENCODERS.keys()
    assert all(row["about"] and row["dim"] and row["licence"] for row in rows.values())
    assert [name for name, row in rows.items() if row["default"]] == ["minilm"]
    shown = run("encoders", "list").out
    assert all(name in shown for name in ENCODERS)


def test_texts_are_tried(run: Run) -> None:
    found = run("encoders", "try", '{"name": "random", "dim": 8}', "the sea", "a garden", "the sea", "--json").json
    assert found["encoder"] == {"name": "random", "dim": 8, "seed": 0}
    assert (found["dim"], found["normalised"], found["learnt_from"]) == (8, True, None)
    assert [text["norm"] for text in found["texts"]] == [1.0, 1.0, 1.0]
    assert found["cosines"][0][2] == 1.0
    assert found["cosines"][0][1] == found["cosines"][1][0] < 1
    assert found["texts_per_second"] > 0


def test_an_encoder_that_learns_is_fitted_on_the_items(run: Run) -> None:
    done = run("encoders", "try", "tfidf-svd", "star wars", "star trek", "drama in space")
    assert done.code == 0
    assert "learnt from 24 items of shop" in done.out
    assert "star wars" in done.out


def test_a_long_text_is_shown_in_part(run: Run) -> None:
    done = run("encoders", "try", "random", "word " * 1000, "\x1b[31mred [bold]")
    assert done.code == 0
    assert "…" in done.out
    assert "\x1b[31m" not in done.out


@pytest.mark.parametrize(
    ("spec", "code", "message"),
    [
        ("randm", 3, "Did you mean 'random'?"),
        ("{", 3, "no JSON"),
        ('{"name": "endpoint", "base_url": "http://127.0.0.1:9/v1", "model": "m", "retries": 0}', 9, "be reached"),
    ],
)
def test_what_cannot_be_tried_is_an_error(run: Run, spec: str, code: int, message: str) -> None:
    done = run("encoders", "try", spec, "the sea")
    assert (done.code, done.out) == (code, "")
    assert message in done.err


def test_kept_vectors_are_shown_and_deleted(run: Run, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(RandomVectors, "cached", True)
    encode_cached(RandomVectors(), ["the sea", "a garden"])
    encode_cached(RandomVectors(seed=1), ["the sea"])
    (first, second) = run("encoders", "cache", "--json").json["encoders"]
    assert (first["vectors"], second["vectors"]) == (2, 1)
    assert "2 vectors" in run("encoders", "cache").out
    assert [gone["encoder"] for gone in run("encoders", "clear", first["encoder"], "--json").json["deleted"]] == [
        first["encoder"]
    ]
    refused = run("encoders", "clear", "rndom")
    assert refused.code == 3
    assert "no vectors of 'rndom'" in refused.err
    assert run("encoders", "clear").code == 0
    assert run("encoders", "cache", "--json").json["encoders"] == []


def test_a_model_takes_the_encoder_of_the_settings(run: Run, shop: Path) -> None:
    own = '[models.embedding-knn]\nencoder = "tfidf-svd"\n'
    with (shop / "tastemaker.toml").open("a", encoding="utf-8") as file:
        file.write(f"[text]\nitem = '{{title}} of {{year}}'\nencoder = 'random'\n{own}")
    assert run("train", "--model", "embedding-knn", "--out", "words").code == 0
    kept = json.loads((shop / "words" / "config.json").read_text(encoding="utf-8"))
    assert '"tfidf-svd"' in json.dumps(kept["fitted"])
    assert "{title} of {year}" in json.dumps(kept)
    assert run("recommend", "--model", "words", "--text", "star wars", "--json").json["items"]
