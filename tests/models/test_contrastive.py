"""The contrastive loss, maps and steps, against finite differences, formulas and autograd."""

from __future__ import annotations

import math
from typing import Any

import numpy as np
import pytest

from tastemaker.models.contrastive import Adam, Pass, directions, infonce, mapped, start


def vectors(count: int, length: int, seed: int) -> np.ndarray:
    return np.random.default_rng(seed).standard_normal((count, length))


def three() -> tuple[Any, Any, Any]:
    return vectors(4, 3, 1), vectors(4, 3, 2), vectors(5, 3, 3)


def weights(hidden: int) -> list[np.ndarray]:
    return [part.astype(np.float64) for part in start(6, 3, hidden, np.random.default_rng(0))]


def differences(loss: Any, array: np.ndarray, step: float = 1e-6) -> np.ndarray:
    """The gradient of ``loss()`` by an array that it reads, by central differences."""
    found = np.zeros_like(array)
    for place in np.ndindex(array.shape):
        kept = array[place]
        array[place] = kept + step
        above = loss()
        array[place] = kept - step
        found[place] = (above - loss()) / (2 * step)
        array[place] = kept
    return found


def test_the_loss_is_that_of_the_formula() -> None:
    asking, fitting, others = three()

    def cosine(one: np.ndarray, other: np.ndarray) -> float:
        return float(one @ other / (np.linalg.norm(one) * np.linalg.norm(other)))

    expected = 0.0
    for ask, fit in zip(asking, fitting, strict=True):
        own = math.exp(cosine(ask, fit) / 0.2)
        rest = sum(math.exp(cosine(ask, other) / 0.2) for other in others)
        expected -= math.log(own / (own + rest)) / 4
    assert infonce(asking, fitting, others, 0.2)[0] == pytest.approx(expected)


def test_the_loss_stands_a_tiny_temperature() -> None:
    loss, slopes = infonce(*three(), 1e-4)
    assert math.isfinite(loss)
    assert all(np.isfinite(part).all() for part in slopes)


@pytest.mark.parametrize("place", [0, 1, 2])
def test_gradients_of_the_loss_are_its_differences(place: int) -> None:
    arrays = three()
    slopes = infonce(*arrays, 0.3)[1][place]
    assert slopes == pytest.approx(differences(lambda: infonce(*arrays, 0.3)[0], arrays[place]), abs=1e-7)


def test_a_vector_of_length_zero_does_not_move() -> None:
    arrays = three()
    arrays[0][1] = 0
    assert (infonce(*arrays, 0.2)[1][0][1] == 0).all()
    assert (directions(arrays[0])[1] == 0).all()


@pytest.mark.parametrize("hidden", [0, 4])
def test_gradients_of_a_map_are_its_differences(hidden: int) -> None:
    own, inside, others = weights(hidden), vectors(5, 6, 4), vectors(5, 3, 5)
    found = Pass(own, inside).gradients(others)
    for part, slopes in zip(own, found, strict=True):
        assert slopes == pytest.approx(differences(lambda: float((mapped(own, inside) * others).sum()), part), abs=1e-6)


def test_a_map_of_two_layers_leaks_a_hundredth() -> None:
    identity = [np.eye(2), np.zeros(2), np.eye(2), np.ones(2)]
    assert mapped(identity, np.asarray([[2.0, -3.0]])).tolist() == [[3.0, 0.97]]


@pytest.mark.needs_extra("torch")
@pytest.mark.parametrize("hidden", [0, 4])
def test_loss_map_and_steps_agree_with_torch(hidden: int) -> None:
    import torch
    from torch.nn.functional import cross_entropy, leaky_relu, normalize

    own, inside = weights(hidden), vectors(13, 6, 7)
    theirs = [torch.tensor(part, requires_grad=True) for part in own]
    ours, optimiser = Adam(own, 0.01, 0.1), torch.optim.Adam(theirs, lr=0.01, weight_decay=0.1)
    for _ in range(3):
        there = Pass(own, inside)
        loss, slopes = infonce(there.out[:4], there.out[4:8], there.out[8:], 0.2)
        ours.descend(there.gradients(np.concatenate(slopes)))

        out = torch.tensor(inside) @ theirs[0]
        if hidden:
            out = leaky_relu(out + theirs[1]) @ theirs[2] + theirs[3]
        a, f, o = (normalize(part) for part in torch.split(out, [4, 4, 5]))
        logits = torch.cat([(a * f).sum(1, keepdim=True), a @ o.T], dim=1) / 0.2
        expected = cross_entropy(logits, torch.zeros(4, dtype=torch.long))
        optimiser.zero_grad()
        expected.backward()  # type: ignore[no-untyped-call]
        optimiser.step()

        assert loss == pytest.approx(expected.item())
        for part, their in zip(own, theirs, strict=True):
            assert part == pytest.approx(their.detach().numpy(), abs=1e-9)
