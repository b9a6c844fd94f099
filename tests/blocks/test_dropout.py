"""Dropout leaves out the share that it should, at random, and keeps what is expected."""

from __future__ import annotations

import pytest

from tastemaker.core.errors import ConfigError

pytestmark = pytest.mark.needs_extra("torch")
torch = pytest.importorskip("torch")

from tastemaker.blocks.dropout import Dropout  # noqa: E402


@pytest.mark.parametrize("probability", [0.1, 0.4, 0.999])
def test_the_share_left_out_and_the_mean_are_as_they_should_be(probability: float) -> None:
    torch.manual_seed(0)
    drop = Dropout(probability)
    out = drop(torch.ones(200_003))
    left_out = float((out == 0).float().mean())
    error = (drop.probability * (1 - drop.probability) / len(out)) ** 0.5
    assert abs(left_out - drop.probability) < 4 * error
    assert abs(drop.probability - probability) <= 1 / 256
    assert out[out != 0].unique().tolist() == pytest.approx([1 / (1 - drop.probability)])


def test_neighbouring_entries_are_left_out_apart_from_each_other() -> None:
    torch.manual_seed(1)
    out = (Dropout(0.5)(torch.ones(100_000)) == 0).float()
    for step in range(1, 17):
        both = float((out[:-step] * out[step:]).mean())
        assert abs(both - 0.25) < 4 * (0.25 * 0.75 / len(out)) ** 0.5 * 1.5


def test_gradients_go_where_values_went() -> None:
    torch.manual_seed(2)
    x = torch.ones(3, 5, 7, requires_grad=True)
    out = Dropout(0.3)(x)
    out.sum().backward()
    assert torch.equal(x.grad, out.detach())


def test_nothing_happens_in_evaluation_or_without_probability() -> None:
    x = torch.randn(4, 4)
    assert Dropout(0.5).eval()(x) is x
    assert Dropout(0.0)(x) is x
    assert Dropout(0.5)(torch.empty(0)).shape == (0,)


def test_the_seed_decides() -> None:
    found = []
    for seed in (3, 3, 4):
        torch.manual_seed(seed)
        found.append(Dropout(0.5)(torch.ones(64)))
    assert torch.equal(found[0], found[1])
    assert not torch.equal(found[0], found[2])


@pytest.mark.parametrize("probability", [-0.1, 1.0])
def test_a_probability_out_of_range_is_an_error(probability: float) -> None:
    with pytest.raises(ConfigError, match="from 0 to below 1"):
        Dropout(probability)
