"""The encoder-decoder is what its formulas say, and decoding token after token is decoding all at once."""

from __future__ import annotations

import math
from typing import Any

import numpy as np
import pytest

from tastemaker.core.errors import ConfigError

pytestmark = pytest.mark.needs_extra("torch")
torch = pytest.importorskip("torch")

from torch.nn.functional import cross_entropy  # noqa: E402

from tastemaker.blocks.encoder_decoder import ACTIVATIONS, EncoderDecoder, SoftPrompts, Stepper, bucket  # noqa: E402


def model(**changed: Any) -> Any:
    torch.manual_seed(0)
    options: dict[str, Any] = {
        "vocabulary": 11,
        "dim": 12,
        "heads": 3,
        "hidden": 20,
        "encoder_blocks": 2,
        "decoder_blocks": 2,
        "dropout": 0.3,
    }
    found = EncoderDecoder(**(options | changed)).eval()
    for bias in (found.encoder_bias, found.decoder_bias):
        torch.nn.init.normal_(bias.table)
    return found


def inputs(rows: int = 3, length: int = 7) -> tuple[Any, Any]:
    generator = torch.Generator().manual_seed(1)
    return torch.randn(rows, length, 12, generator=generator), torch.ones(rows, length, dtype=torch.bool)


def bucket_by_integers(distance: int, both: bool, buckets: int, max_distance: int) -> int:
    """Return the bucket with whole numbers alone: the last whose beginning is no farther than the distance."""
    first = 0
    if both:
        buckets //= 2
        first = buckets if distance > 0 else 0
        distance = abs(distance)
    else:
        distance = max(-distance, 0)
    exact = buckets // 2
    if distance < exact:
        return first + distance
    wide = buckets - exact
    # Bucket exact + j begins at exact * (max_distance / exact) ** (j / wide).
    begun = [j for j in range(wide) if distance**wide * exact**j >= exact**wide * max_distance**j]
    return first + exact + max(begun)


@pytest.mark.parametrize("both", [True, False])
@pytest.mark.parametrize(("buckets", "max_distance"), [(32, 128), (16, 64), (8, 20)])
def test_buckets_are_those_of_t5(both: bool, buckets: int, max_distance: int) -> None:
    distances = range(-300, 301)
    wanted = [bucket_by_integers(each, both, buckets, max_distance) for each in distances]
    assert bucket(torch.tensor(distances), both, buckets, max_distance).tolist() == wanted


def test_some_buckets_worked_out_by_hand() -> None:
    distances = torch.tensor([0, -1, 1, -7, -8, -15, -16, -32, 64, 127, 128, 5000])
    assert bucket(distances, True).tolist() == [0, 1, 17, 7, 8, 9, 10, 12, 30, 31, 31, 31]
    assert bucket(distances, False).tolist() == [0, 1, 0, 7, 8, 15, 16, 21, 0, 0, 0, 0]


class Plain:
    """The same network in NumPy, one row and one head at a time."""

    def __init__(self, network: Any) -> None:
        self.weights = {name: value.double().numpy() for name, value in network.state_dict().items()}
        self.heads, self.gated = 3, network.encoder[0].gated

    def norm(self, x: Any, name: str) -> Any:
        return x / np.sqrt((x**2).mean(axis=-1, keepdims=True) + 1e-6) * self.weights[f"{name}.weight"]

    def attention(self, x: Any, memory: Any, name: str, bias: Any) -> Any:
        q, k, v = (
            np.split(source @ self.weights[f"{name}.{part}.weight"].T, self.heads, axis=1)
            for source, part in ((x, "query"), (memory, "key"), (memory, "value"))
        )
        mixed = []
        for head in range(self.heads):
            power = np.exp(q[head] @ k[head].T + bias[head])
            mixed.append(power / power.sum(axis=1, keepdims=True) @ v[head])
        return np.concatenate(mixed, axis=1) @ self.weights[f"{name}.outward.weight"].T

    def forward(self, x: Any, name: str) -> Any:
        inside = x @ self.weights[f"{name}.first.weight"].T
        if self.gated:
            gate, value = np.split(inside, 2, axis=1)
            inside = gate / 2 * (1 + np.tanh(math.sqrt(2 / math.pi) * (gate + 0.044715 * gate**3))) * value
        else:
            inside = np.maximum(inside, 0)
        return inside @ self.weights[f"{name}.second.weight"].T

    def bias(self, stack: str, length: int) -> Any:
        table, both = self.weights[f"{stack}_bias.table"], stack == "encoder"
        found = np.full((self.heads, length, length), -np.inf)
        for query in range(length):
            for key in range(length if both else query + 1):
                found[:, query, key] = table[bucket_by_integers(key - query, both, 32, 128)]
        return found

    def stack(self, x: Any, stack: str, memory: Any = None) -> Any:
        bias, none = self.bias(stack, len(x)), np.zeros(self.heads)
        for number in range(2):
            name = f"{stack}.{number}"
            inside = self.norm(x, f"{name}.before_attention")
            x = x + self.attention(inside, inside, f"{name}.attention", bias)
            if memory is not None:
                x = x + self.attention(self.norm(x, f"{name}.before_cross"), memory, f"{name}.cross", none)
            x = x + self.forward(self.norm(x, f"{name}.before_forward"), name)
        return self.norm(x, f"{stack}_norm")


@pytest.mark.parametrize("activation", ACTIVATIONS)
def test_the_network_is_t5_written_out_in_numpy(activation: Any) -> None:
    network, (x, mask) = model(activation=activation), inputs(1)
    targets = torch.tensor([[0, 4, 9, 2]])
    with torch.no_grad():
        memory = network.encode(x, mask)
        logits = network.logits(network.decode(network.embed(targets), memory, mask))
    plain = Plain(network)
    expected = plain.stack(x[0].double().numpy(), "encoder")
    np.testing.assert_allclose(memory[0], expected, atol=1e-5)
    vectors = plain.weights["tokens"][targets[0].numpy()] * math.sqrt(12)
    states = plain.stack(vectors, "decoder", expected)
    np.testing.assert_allclose(logits[0], states @ plain.weights["output.weight"].T, atol=1e-5)


def states(network: Any, x: Any, mask: Any, targets: Any) -> Any:
    with torch.no_grad():
        return network.decode(network.embed(targets), network.encode(x, mask), mask)


def test_padding_changes_nothing() -> None:
    network, (x, mask), targets = model(), inputs(), torch.tensor([[0, 1, 2]] * 3)
    mask[1, 4:] = False
    found = states(network, x, mask, targets)
    torch.testing.assert_close(found[1:2], states(network, x[1:2, :4], mask[1:2, :4], targets[:1]))
    wider = torch.cat([x, torch.full((3, 5, 12), 9.0)], dim=1), torch.cat([mask, mask.new_zeros(3, 5)], dim=1)
    torch.testing.assert_close(found, states(network, *wider, targets))


def test_an_input_without_anything_is_no_nan() -> None:
    network, (x, mask) = model(), inputs()
    mask[2] = False
    assert states(network, x, mask, torch.zeros(3, 2, dtype=torch.long)).isfinite().all()


def test_a_state_depends_on_the_input_and_on_no_later_target() -> None:
    network, (x, mask) = model(), inputs()
    targets = torch.tensor([[0, 1, 2, 3, 4]] * 3)
    later = targets.clone()
    later[:, 3:] = 9
    found, changed = states(network, x, mask, targets), states(network, x, mask, later)
    torch.testing.assert_close(found[:, :3], changed[:, :3])
    assert not torch.allclose(found[:, 3:], changed[:, 3:])
    assert not torch.allclose(found, states(network, x.flip(1), mask, targets))


def test_decoding_in_steps_is_decoding_at_once() -> None:
    network, (x, mask) = model(), inputs()
    mask[0, 5:] = False
    targets = torch.tensor([[0, 1, 2, 3], [0, 4, 5, 6], [0, 9, 8, 7]])
    with torch.no_grad():
        memory = network.encode(x, mask)
        cache, found = network.begin(memory, mask), []
        for place in range(4):
            state, cache = network.step(network.embed(targets[:, place]), cache)
            found.append(state)
        at_once = network.decode(network.embed(targets), memory, mask)
    torch.testing.assert_close(torch.stack(found, dim=1), at_once, atol=1e-5, rtol=0)


def test_rows_of_an_input_branch_and_change_places() -> None:
    network, (x, mask) = model(), inputs(2)
    mask[1, 3:] = False
    paths = torch.tensor([[0, 1, 5], [0, 2, 6], [0, 1, 7], [0, 3, 8], [0, 3, 9], [0, 4, 10]])
    with torch.no_grad():
        memory = network.encode(x, mask)
        step = Stepper(network, memory, mask)
        step(torch.tensor([0, 0]), torch.tensor([0, 1]))
        step(torch.tensor([1, 2, 3, 4]), torch.tensor([0, 0, 1, 1]))
        found = step(paths[:, 2], torch.tensor([0, 1, 0, 2, 2, 3]))
        whole = network.decode(network.embed(paths), memory.repeat_interleave(3, 0), mask.repeat_interleave(3, 0))
        wanted = network.logits(whole[:, -1])
    torch.testing.assert_close(found, wanted, atol=1e-5, rtol=0)


def test_there_are_no_biases_and_what_is_tied_is_one_table() -> None:
    names = dict(model().named_parameters())
    assert not [name for name in names if name.endswith(".bias")]
    assert {value.ndim for name, value in names.items() if "norm" in name or "before" in name} == {1}
    network = model(tied=True)
    assert "output.weight" not in dict(network.named_parameters())
    state = torch.randn(2, 12)
    torch.testing.assert_close(network.logits(state), state @ network.tokens.T)


@pytest.mark.parametrize(("tied", "spread"), [(True, 1.0), (False, 1.0), (True, 0.2)])
def test_it_starts_from_vectors_of_their_spread_and_close_to_a_guess(tied: bool, spread: float) -> None:
    network, tokens = model(vocabulary=500, dim=96, tied=tied, spread=spread), torch.randint(500, (16, 10))
    vectors, mask = network.embed(tokens), torch.ones(16, 10, dtype=torch.bool)
    assert vectors.std().item() == pytest.approx(spread, rel=0.05)
    with torch.no_grad():
        logits = network.logits(network.decode(vectors, network.encode(vectors, mask), mask))
    assert cross_entropy(logits.flatten(0, 1), torch.randint(500, (160,))).item() < math.log(500) + 1.2


def test_heads_must_fit() -> None:
    with pytest.raises(ConfigError, match="5 heads do not divide 12 dimensions"):
        model(heads=5)
    assert model(heads=5, head_dim=4).encode(*inputs()).shape == (3, 7, 12)


def test_soft_prompts_stand_before_the_input_of_their_task() -> None:
    prompts, (x, mask) = SoftPrompts(4, 2, 12), inputs()
    mask[0, 3:] = False
    longer, longer_mask = prompts(x, mask, torch.tensor([3, 0, 3]))
    assert longer.shape == (3, 9, 12)
    torch.testing.assert_close(longer[:, 2:], x)
    assert longer_mask.tolist() == [[True, True, *row] for row in mask.tolist()]
    torch.testing.assert_close(longer[0, :2], longer[2, :2])
    assert not torch.allclose(longer[0, :2], longer[1, :2])
    gradient = torch.autograd.grad(longer.sum(), prompts.table)[0]
    assert gradient.abs().sum(dim=(1, 2)).bool().tolist() == [True, False, False, True]


def test_it_learns_to_copy() -> None:
    network = model(vocabulary=9, dim=24, heads=2, hidden=32, encoder_blocks=1, decoder_blocks=1, dropout=0.0)
    optimiser = torch.optim.Adam(network.parameters(), 0.01)
    generator = torch.Generator().manual_seed(2)
    mask = torch.ones(64, 3, dtype=torch.bool)

    def scores(tokens: Any) -> Any:
        known = torch.cat([torch.zeros(64, 1, dtype=torch.long), tokens[:, :-1]], dim=1)
        return network.logits(network.decode(network.embed(known), network.encode(network.embed(tokens), mask), mask))

    for _ in range(120):
        tokens = torch.randint(1, 9, (64, 3), generator=generator)
        loss: Any = cross_entropy(scores(tokens).flatten(0, 1), tokens.flatten())
        optimiser.zero_grad()
        loss.backward()
        optimiser.step()
    tokens = torch.randint(1, 9, (64, 3), generator=generator)
    assert (scores(tokens).argmax(dim=2) == tokens).float().mean().item() > 0.85
