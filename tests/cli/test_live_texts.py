"""Which encoder a server has: the one that is named, one that a scenario needs, or none; nothing is fetched for it."""

from __future__ import annotations

from contextlib import closing
from importlib import import_module
from pathlib import Path

import pytest

from tastemaker.cli.output import Output
from tastemaker.cli.workspace import Workspace, stand_in
from tastemaker.core.errors import ConfigError
from tastemaker.core.query import Query, as_events
from tastemaker.core.tenant import Tenant
from tastemaker.store import open_store

MINILM = "tastemaker.language.minilm.encoder"
"""By its name: a test of what is imported may have made the module anew."""

NEAR = '\n[scenarios.near]\nretrieve = ["nearest:text"]\n'


def opened(shop: Path, more: str = "") -> Workspace:
    file = shop / "tastemaker.toml"
    file.write_text(file.read_text() + more)
    return Workspace.open(Output(progress=False), None)


def test_without_a_name_and_a_need_there_is_none(shop: Path) -> None:
    assert opened(shop).live_encoder(needed=False) == (None, "no encoder was named")


def test_the_one_that_is_named_is_taken(shop: Path) -> None:
    encoder, why = opened(shop, '\n[text]\nencoder = "tfidf-svd"\n').live_encoder(needed=False)
    assert encoder is not None
    assert (encoder.name, why) == ("tfidf-svd", "")


def test_a_name_that_is_none_is_refused(shop: Path) -> None:
    with pytest.raises(ConfigError, match="no encoder 'mniilm'"):
        opened(shop, '\n[text]\nencoder = "mniilm"\n').live_encoder(needed=False)


@pytest.mark.parametrize(("here", "name"), [(True, "minilm"), (False, "tfidf-svd")])
def test_without_a_name_the_machine_decides(here: bool, name: str) -> None:
    assert stand_in(here) == name


def test_a_scenario_that_needs_one_gets_one(shop: Path) -> None:
    encoder, why = opened(shop).live_encoder(needed=True)
    assert encoder is not None
    assert encoder.name in ("minilm", "tfidf-svd")
    assert why == ""


def test_minilm_is_not_here_where_its_files_are_not(shop: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("TASTEMAKER_CACHE", str(shop / "nothing"))
    monkeypatch.setattr(import_module(MINILM), "chosen_backend", lambda: "onnx")
    assert not import_module(MINILM).is_quick_here()


def test_a_served_scenario_finds_what_lies_near_in_the_space_of_texts(
    shop: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(import_module(MINILM), "is_quick_here", lambda: False)
    work = opened(shop, NEAR)
    with closing(open_store(shop / "store")) as store:
        engine = work.live_engine(store.for_tenant(Tenant()))
        assert engine.texts.wait(60)
        answer = engine.recommend(Query(history=as_events(["f3"]), scenario="near", k=4))
        assert [item.sources for item in answer.items] == [("nearest text",)] * 4
        assert all(item.title.startswith("Star") for item in answer.items)
        found = engine.search_texts("star trek", 1)
        assert (found.by, found.hits[0].item_id) == ("both", "f4")
        engine.texts.stop()


def test_items_are_put_into_words_by_the_settings_whatever_fields_they_name(shop: Path) -> None:
    work = opened(shop, '\n[text]\nitem = "{title}. {mood}"\n')
    with closing(open_store(shop / "store")) as store:
        engine = work.live_engine(store.for_tenant(Tenant()))
        assert engine.texts.wait(60)
        engine.put_items({"new": {"title": "A film", "mood": "wistful"}})
        assert [hit.item_id for hit in engine.search_texts("wistful").hits] == ["new"]
        engine.texts.stop()
