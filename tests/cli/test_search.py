"""`tastemaker search`: what fits some words, by which source, and what is missing."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from tastemaker.core.errors import AssetError
from tastemaker.language.encoders import controls

Run = Callable[..., Any]


def test_words_find_titles_and_say_which_words(run: Run) -> None:
    done = run("search", "a STAR film with wars", "--by", "words", "-k", "2")
    assert done.code == 0
    first = done.out.splitlines()[1]
    assert "Star Wars (1993)" in first
    assert "words #1" in first
    assert "star, wars" in first
    assert len(done.out.splitlines()) == 3
    assert done.err == ""


def test_vectors_are_searched_beside_words(run: Run) -> None:
    done = run("search", "toy story", "--encoder", "random", "--json")
    assert done.code == 0
    assert (done.json["by"], done.json["degraded"], done.json["text"]) == ("both", [], "toy story")
    assert len(done.json["items"]) == 10
    assert {source for item in done.json["items"] for source in item["sources"]} == {"words", "vectors"}
    first = done.json["items"][0]
    assert set(first) == {"item_id", "title", "score", "rank", "sources", "words"}
    shown = run("search", "toy story", "--encoder", "random", "--by", "vectors").out
    assert "meaning #1" in shown
    assert "words #" not in shown


def test_without_weights_words_are_searched_and_the_reason_is_told(run: Run, monkeypatch: pytest.MonkeyPatch) -> None:
    def encode(*given: Any, **more: Any) -> Any:
        raise AssetError("the weights cannot be fetched", remedy="Go online.")

    monkeypatch.setattr(controls.RandomVectors, "encode", encode)
    done = run("search", "heat", "--encoder", "random", "--json")
    assert (done.code, done.json["by"]) == (0, "words")
    assert done.json["items"][0]["title"] == "Heat (1991)"
    assert done.json["degraded"] == ["searched by words alone: the weights cannot be fetched. Go online."]
    shown = run("search", "heat", "--encoder", "random")
    assert "Less than was asked for: searched by words alone" in shown.err
    assert "Heat (1991)" in shown.out


def test_nothing_fits(run: Run) -> None:
    done = run("search", "zeppelin", "--by", "words")
    assert (done.code, done.out) == (0, 'Nothing fits "zeppelin".\n')


@pytest.mark.parametrize(
    ("words", "code", "said"),
    [
        (("sea", "--by", "mind"), 2, "'mind' is none of words, vectors, both"),
        (("  ",), 2, "nothing to search for"),
        (("sea", "--by", "words", "--encoder", "random"), 2, "without an encoder"),
        (("sea", "--encoder", "rondom"), 3, "Did you mean 'random'?"),
        (("sea", "-k", "0"), 7, "k"),
        (("sea", "--source", "./nowhere"), 4, "nowhere"),
        ((), 2, "TEXT"),
    ],
)
def test_what_cannot_be_searched_is_said(run: Run, words: tuple[str, ...], code: int, said: str) -> None:
    done = run("search", *words)
    assert done.code == code
    assert said in done.err
    assert "Traceback" not in done.err


def test_a_catalogue_without_words_is_said(run: Run, shop: Path) -> None:
    (shop / "shop" / "items.parquet").unlink()
    done = run("search", "heat", "--encoder", "random")
    assert done.code == 4
    assert "the catalogue has no words to search" in done.err


def test_encoder_and_template_come_from_the_settings(run: Run, shop: Path) -> None:
    with (shop / "tastemaker.toml").open("a") as file:
        file.write('\n[text]\nitem = "{year}"\nencoder = { name = "random", dim = 8 }\n')
    done = run("search", "1991", "--json")
    assert (done.json["by"], done.json["degraded"]) == ("both", [])
    assert done.json["items"][0]["title"] == "Heat (1991)"
    assert run("search", "heat", "--by", "words", "--json").json["items"] == []
