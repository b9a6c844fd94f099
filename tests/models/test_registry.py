"""Models go by name: ours, and those of other packages."""

from __future__ import annotations

from importlib.metadata import EntryPoint
from pathlib import Path

import pytest
from tests.models.small import cases, small

from tastemaker.core.errors import ModelError
from tastemaker.models import LADDER, MODELS, Fusion, Popularity, load_model, make_model, model_class, registry
from tastemaker.models.refit import refit, unfitted_copy
from tastemaker.testing import small_shop


class Louder(Popularity):
    name = "louder"


@pytest.fixture
def plugin(monkeypatch: pytest.MonkeyPatch) -> None:
    point = EntryPoint("louder", f"{__name__}:Louder", "tastemaker.models")
    monkeypatch.setattr(EntryPoint, "load", lambda self: Louder)
    monkeypatch.setattr(registry, "entry_points", lambda group: [point] if group == "tastemaker.models" else [])


def test_every_name_leads_to_its_class_and_back() -> None:
    for name, kind in MODELS.items():
        assert kind.name == name
        assert model_class(name) is kind
        assert type(make_model(name)) is kind
    assert set(LADDER) <= set(MODELS)


def test_the_ladder_begins_with_counts_and_ends_with_everything() -> None:
    assert LADDER[0] == "popularity"
    assert LADDER[-1] == "fusion"


@pytest.mark.parametrize(("name", "said"), [("eese", "Did you mean 'ease'"), ("zzz", "Known: popularity, ")])
def test_an_unknown_name_offers_the_nearest(name: str, said: str) -> None:
    for look_up in (model_class, make_model):
        with pytest.raises(ModelError, match=rf"there is no model '{name}'\. {said}"):
            look_up(name)


def test_names_make_models_that_are_not_fitted_and_share_nothing() -> None:
    first, second = make_model("fusion"), make_model("fusion")
    assert isinstance(first, Fusion)
    assert isinstance(second, Fusion)
    assert not hasattr(first, "items_")
    assert all(first.sources[name] is not second.sources[name] for name in first.sources)
    assert Fusion.name not in first.sources


@pytest.mark.usefixtures("plugin")
def test_models_of_other_packages_are_found_made_and_loaded(tmp_path: Path) -> None:
    assert model_class("louder") is Louder
    with pytest.raises(ModelError, match="Did you mean 'louder'"):
        model_class("loudr")
    make_model("louder").fit(small_shop()).save(tmp_path / "model")
    assert type(load_model(tmp_path / "model")) is Louder


@pytest.mark.parametrize("name", cases())
def test_a_refit_keeps_the_choices_and_leaves_the_first_model_alone(name: str) -> None:
    first = small(name).fit(small_shop(seed=1))
    before = first.recommend(history=["i001"], k=5).items()
    again = refit(first, small_shop(seed=2))
    assert type(again) is type(first)
    assert unfitted_copy(again).settings() == unfitted_copy(first).settings()
    assert first.recommend(history=["i001"], k=5).items() == before
    assert again.provenance_.fingerprint == small_shop(seed=2).fingerprint
    assert not hasattr(unfitted_copy(first), "items_")
