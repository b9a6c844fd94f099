"""Which index is taken for how many vectors."""

from __future__ import annotations

import numpy as np
import pytest

from tastemaker.core.errors import MissingExtraError
from tastemaker.retrieval import ExactIndex, UsearchIndex, choice, make_index


@pytest.fixture
def few(monkeypatch: pytest.MonkeyPatch) -> np.ndarray:
    """Vectors that are one too many for exact search."""
    monkeypatch.setattr(choice, "EXACT_UP_TO", 10)
    return np.eye(11, dtype=np.float32)


def test_few_vectors_are_compared_one_by_one(few: np.ndarray) -> None:
    assert isinstance(make_index(few[:10]), ExactIndex)


@pytest.mark.needs_extra("ann")
def test_many_have_a_graph(few: np.ndarray) -> None:
    told: list[str] = []
    assert isinstance(make_index(few, notify=told.append), UsearchIndex)
    assert told == []


def test_without_usearch_many_are_compared_one_by_one_with_a_word(
    few: np.ndarray, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(choice, "usearch_installed", lambda: False)
    told: list[str] = []
    assert isinstance(make_index(few, notify=told.append), ExactIndex)
    assert "tastemaker[ann]" in told[0]


def test_asking_for_a_graph_without_usearch_says_what_to_install(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("tastemaker.retrieval.approximate.usearch_installed", lambda: False)
    with pytest.raises(MissingExtraError, match="ann"):
        UsearchIndex(np.eye(3, dtype=np.float32))
