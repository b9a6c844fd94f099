"""Every encoder that is shipped and runs without anything else keeps the contract; broken ones are found out."""

from __future__ import annotations

import json
from collections.abc import Sequence
from typing import Any

import numpy as np
import pytest
from numpy.typing import NDArray

from tastemaker.core.encoder import TextKind
from tastemaker.core.run import Run
from tastemaker.language.encoders import make_encoder
from tastemaker.language.encoders.controls import RandomVectors
from tastemaker.testing import check_encoder
from tastemaker.testing.encoders import RULES, learns_before_it_encodes


@pytest.mark.parametrize(
    "spec",
    [
        "tfidf-svd",
        '{"name": "random", "dim": 7, "seed": 3}',
        "shuffled:tfidf-svd",
        '{"name": "whitened", "of": "random", "dim": 4, "shrinkage": 0.5}',
        "whitened:shuffled:tfidf-svd",
    ],
)
def test_encoders_keep_the_contract(spec: str) -> None:
    check_encoder(make_encoder(spec))


class Broken(RandomVectors):
    """Random vectors, and one fault."""

    def __init__(self, fault: str) -> None:
        super().__init__(dim=8)
        self.fault = fault
        self.calls = 0

    def encode(self, texts: Sequence[str], kind: TextKind = "item", *, run: Run | None = None) -> NDArray[np.float32]:
        found = super().encode(texts, kind)
        self.calls += 1
        if self.fault == "centred" and len(texts) > 1:
            found = found - found.mean(axis=0)
        if self.fault == "nan":
            found[[not text.strip() for text in texts]] = np.nan
        if self.fault == "sorted":
            found = found[np.argsort(texts)]
        if self.fault == "drifting":
            found = found * np.float32(1 + 1e-5 * self.calls)
        if self.fault == "long":
            found = 2 * found
        if self.fault == "fails" and any("\ud800" in text for text in texts):
            raise UnicodeEncodeError("utf-8", "\ud800", 0, 1, "surrogates")
        return found.astype(np.float64) if self.fault == "double" else found

    def spec(self) -> dict[str, Any]:
        return {**super().spec(), "seed": 1} if self.fault == "spec" else super().spec()


@pytest.mark.parametrize(
    ("fault", "rule"),
    [
        ("centred", "length 1"),
        ("nan", "finite"),
        ("sorted", "alone and among others"),
        ("drifting", "the same numbers"),
        ("long", "length 1"),
        ("double", "float32"),
        ("fails", "half surrogates"),
        ("spec", "same vectors"),
    ],
)
def test_a_broken_encoder_is_found_out(fault: str, rule: str) -> None:
    with pytest.raises(AssertionError, match=rule):
        check_encoder(Broken(fault))


def test_the_first_rule_fits() -> None:
    encoder = make_encoder("tfidf-svd")
    assert RULES[0] is learns_before_it_encodes
    learns_before_it_encodes(encoder)
    assert json.dumps(encoder.spec())
    assert encoder.encode(["the sea"]).any()
