"""The transformer never looks ahead, and item vectors are what they are made of."""

from __future__ import annotations

from typing import Any

import pytest

pytestmark = pytest.mark.needs_extra("torch")
torch = pytest.importorskip("torch")

from tastemaker.blocks.sequence import LAYOUTS, CausalTransformer, ItemVectors  # noqa: E402


@pytest.mark.parametrize("layout", LAYOUTS)
def test_a_state_depends_on_nothing_that_comes_later(layout: Any) -> None:
    torch.manual_seed(0)
    trunk = CausalTransformer(8, 2, 2, 16, 0.5, 10, layout).eval()
    x = torch.randn(3, 7, 8)
    later = x.clone()
    later[:, 4:] = torch.randn(3, 3, 8)
    torch.testing.assert_close(trunk(x)[:, :4], trunk(later)[:, :4])
    assert not torch.allclose(trunk(x)[:, 4:], trunk(later)[:, 4:])


@pytest.mark.parametrize("layout", LAYOUTS)
def test_order_matters(layout: Any) -> None:
    torch.manual_seed(0)
    trunk = CausalTransformer(8, 1, 1, 8, 0.0, 10, layout).eval()
    x = torch.randn(1, 5, 8)
    assert not torch.allclose(trunk(x)[:, -1], trunk(x[:, [1, 0, 2, 3, 4]])[:, -1])


def test_items_without_ids_are_their_texts_projected() -> None:
    texts = torch.randn(6, 5)
    vectors = ItemVectors(6, 3, texts, ids=False)
    assert isinstance(vectors.project, torch.nn.Linear)
    torch.testing.assert_close(vectors(), texts @ vectors.project.weight.T + vectors.project.bias)


def test_ids_that_are_dropped_leave_the_texts() -> None:
    torch.manual_seed(0)
    texts = torch.randn(40, 5)
    vectors = ItemVectors(40, 3, texts, id_dropout=0.5)
    assert vectors.project is not None
    alone = vectors.project(texts)
    kept = (vectors() != alone).any(dim=1)
    assert 5 < kept.sum() < 35
    torch.testing.assert_close(vectors.eval()(), alone + vectors.ids)


def test_items_have_to_have_something() -> None:
    with pytest.raises(ValueError, match="neither ids nor texts"):
        ItemVectors(3, 2, ids=False)
