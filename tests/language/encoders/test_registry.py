"""Encoders by name, with arguments, from other packages, and kept with a model."""

from __future__ import annotations

import json
import sys
from importlib.metadata import EntryPoint
from typing import Any

import numpy as np
import pytest
from safetensors.numpy import load, save

from tastemaker.cli import settings
from tastemaker.core.errors import ConfigError, ModelFormatError
from tastemaker.language import named
from tastemaker.language.encoders import (
    DEFAULT_ENCODER,
    ENCODERS,
    encoder_names,
    fit_encoder,
    is_learnt,
    make_encoder,
    restored_encoder,
    store_encoder,
)
from tastemaker.language.encoders.controls import RandomVectors

TEXTS = ["the quiet sea", "the loud sea", "a quiet garden", "a loud garden", "", "\ud800 the sea"]


@pytest.mark.parametrize(
    ("spec", "expected"),
    [
        ("random", {"name": "random", "dim": 384, "seed": 0}),
        (" random ", {"name": "random", "dim": 384, "seed": 0}),
        ({"name": "random", "dim": 5}, {"name": "random", "dim": 5, "seed": 0}),
        ('{"name": "random", "seed": 2}', {"name": "random", "dim": 384, "seed": 2}),
        (
            "shuffled:random",
            {"name": "shuffled", "of": {"name": "random", "dim": 384, "seed": 0}, "seed": 0},
        ),
        (
            {"name": "whitened", "of": {"name": "shuffled", "of": "random"}, "dim": 4},
            {
                "name": "whitened",
                "of": {"name": "shuffled", "of": {"name": "random", "dim": 384, "seed": 0}, "seed": 0},
                "dim": 4,
                "shrinkage": None,
            },
        ),
    ],
)
def test_a_spec_names_an_encoder_and_its_arguments(spec: Any, expected: dict[str, Any]) -> None:
    assert make_encoder(spec).spec() == expected
    assert make_encoder(make_encoder(spec).spec()).spec() == expected


def test_an_encoder_is_its_own_spec() -> None:
    encoder = RandomVectors()
    assert make_encoder(encoder) is encoder


@pytest.mark.parametrize(
    ("spec", "message"),
    [
        ("tfidf-svdd", "Did you mean 'tfidf-svd'"),
        ("shuffled:rndom", "Did you mean 'random'"),
        ({"name": "random", "dimm": 3}, "no argument 'dimm'.*Did you mean 'dim'"),
        ("random:3", "takes nothing after a colon"),
        ("endpoint", "cannot be made: .*base_url"),
        ({"dim": 3}, "the key 'name'"),
        ("{nonsense", "no JSON"),
        ("", "there is no encoder ''"),
        ({"name": "random", "dim": "many"}, "'dim' of the encoder 'random' is 'many', but should be int"),
        ({"name": "random", "dim": True}, "is True, but should be int"),
        ({"name": "random", "dim": 0}, "'dim' of an encoder is 0, but should be at least 1"),
        ({"name": "tfidf-svd", "min_texts": -1}, "at least 1"),
        ({"name": "whitened", "of": "random", "shrinkage": 2}, "from 0 to 1"),
        ({"name": "whitened", "of": 3}, "named by text"),
        ({"name": "endpoint", "base_url": "http://host/v1", "model": 3}, "should be str"),
        ({"name": "endpoint", "base_url": "http://host/v1", "model": "m", "batch": 0}, "at least 1"),
        ({"name": "endpoint", "base_url": "http://host/v1", "model": "m", "timeout": 0}, "at least 0.001"),
        ({"name": "endpoint", "base_url": "http://host/v1", "model": "m", "prefixes": {"all": "x"}}, "no kind"),
        ({"name": "endpoint", "base_url": "http://host/v1", "model": "m", "prefixes": {"item": 3}}, "should be text"),
        ({"name": "endpoint", "base_url": "http://host/v1", "model": "m", "prefixes": "x"}, "should be a table"),
        ('{"name": 3}', "the key 'name'"),
        (3, "named by text"),
    ],
)
def test_what_names_no_encoder_is_refused(spec: Any, message: str) -> None:
    with pytest.raises(ConfigError, match=message):
        make_encoder(spec)


def test_settings_have_the_same_default() -> None:
    assert settings.DEFAULT_ENCODER == DEFAULT_ENCODER
    assert DEFAULT_ENCODER in ENCODERS


def test_encoders_of_other_packages_are_found(monkeypatch: pytest.MonkeyPatch) -> None:
    place = "tastemaker.language.encoders.controls:RandomVectors"
    point = EntryPoint(name="theirs", value=place, group="tastemaker.encoders")
    monkeypatch.setattr(named, "entry_points", lambda group: [point] if group == point.group else [])
    assert encoder_names() == [*ENCODERS, "theirs"]
    assert isinstance(make_encoder({"name": "theirs", "dim": 3}), RandomVectors)
    assert make_encoder("shuffled:theirs").dim == 384


def test_importing_the_registry_imports_no_encoder() -> None:
    assert not {"torch", "onnxruntime", "sentence_transformers"} & {
        module.partition(":")[0] for module in (entry.place for entry in ENCODERS.values())
    }


@pytest.mark.parametrize(
    "spec", ["random", "tfidf-svd", "shuffled:tfidf-svd", "whitened:shuffled:tfidf-svd", "shuffled:whitened:random"]
)
def test_a_kept_encoder_comes_back_from_json_and_safetensors(spec: str) -> None:
    encoder = fit_encoder(make_encoder(spec), TEXTS)
    stored, tensors = store_encoder(encoder)
    back = restored_encoder(json.loads(json.dumps(stored)), load(save(tensors)))
    assert back.fingerprint == encoder.fingerprint
    np.testing.assert_array_equal(back.encode(TEXTS), encoder.encode(TEXTS))


def test_another_encoder_than_the_kept_one_is_refused() -> None:
    stored, tensors = store_encoder(fit_encoder(make_encoder("tfidf-svd"), TEXTS))
    tensors["idf"] = tensors["idf"] * np.float32(1.5)
    with pytest.raises(ModelFormatError, match="not the one that the model was trained with"):
        restored_encoder(stored, tensors)


@pytest.mark.parametrize("absent", ["spec", "learnt", "fingerprint"])
def test_a_damaged_encoder_is_refused(absent: str) -> None:
    stored, tensors = store_encoder(fit_encoder(make_encoder("shuffled:random"), TEXTS))
    del stored[absent]
    with pytest.raises(ModelFormatError, match="damaged"):
        restored_encoder(stored, tensors)
    with pytest.raises(ModelFormatError, match="damaged"):
        restored_encoder(store_encoder(fit_encoder(make_encoder("shuffled:random"), TEXTS))[0], {})


def test_what_learns_is_told_from_what_does_not() -> None:
    assert [is_learnt(make_encoder(name)) for name in ("random", "tfidf-svd", "shuffled:random")] == [False, True, True]


def test_a_missing_library_is_named(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "sentence_transformers", None)
    encoder = make_encoder("sentence-transformers:somewhere")
    with pytest.raises(ConfigError, match="pip install sentence-transformers"):
        encoder.encode(["the sea"])
