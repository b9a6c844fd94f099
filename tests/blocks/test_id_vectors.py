"""Vectors of ids reach the tokens that spell them, and learn where they should."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

pytestmark = pytest.mark.needs_extra("torch")
torch = pytest.importorskip("torch")

from tests.blocks.random_log import random_log  # noqa: E402

from tastemaker.blocks.id_graph import IdGraph  # noqa: E402
from tastemaker.blocks.id_tables import MODES, IdSettings, make_table  # noqa: E402
from tastemaker.blocks.id_vectors import NearVectors, PropagatedVectors, make_id_vectors  # noqa: E402
from tastemaker.core.errors import ConfigError  # noqa: E402

CASES = [(kind, mode) for kind, modes in MODES.items() for mode in modes]
LEARNING = [case for case in CASES if case[1] != "frozen"]


@pytest.fixture(scope="module")
def graph() -> IdGraph:
    return IdGraph.of(random_log(people=30, items=20, events=4))


@pytest.fixture
def vocabulary() -> Any:
    return 3 * torch.randn(50, 6, generator=torch.Generator().manual_seed(0))


@pytest.fixture
def batch() -> tuple[Any, Any, Any]:
    """Two prompts: words, a person of two tokens, an item of three, another item; and words alone."""
    tokens = torch.randn(2, 7, 6, generator=torch.Generator().manual_seed(1))
    ids = torch.tensor([[0, 4, 4, 40, 40, 40, 33], [0, 0, 0, 0, 0, 0, 0]])
    phrases = torch.tensor([[0, 1, 1, 2, 2, 2, 3], [0, 0, 0, 0, 0, 0, 0]])
    return tokens, ids, phrases


def build(kind: str, mode: str, vocabulary: Any, graph: IdGraph, **more: Any) -> Any:
    given = np.random.default_rng(0).standard_normal((graph.rows - 1, 6))
    return make_id_vectors(IdSettings(kind, mode, positions=9, **more), vocabulary, graph, given)  # type: ignore[arg-type]


@pytest.mark.parametrize(("kind", "mode"), CASES)
def test_the_tokens_of_an_id_get_one_vector_and_others_none(
    kind: str, mode: str, vocabulary: Any, graph: IdGraph, batch: Any
) -> None:
    tokens = batch[0]
    added = (build(kind, mode, vocabulary, graph)(*batch) - tokens).detach()
    assert not added[1].any()
    assert not added[0, 0].any()
    if kind == "none":
        assert not added.any()
        return
    torch.testing.assert_close(added[0, 1], added[0, 2])
    torch.testing.assert_close(added[0, 3], added[0, 5])
    assert (added[0, [1, 3, 6]].std(dim=0) > 0).all()


@pytest.mark.parametrize("kind", ["per-id", "propagated", "svd", "given"])
def test_what_is_added_is_the_row_of_the_table(kind: str, vocabulary: Any, graph: IdGraph, batch: Any) -> None:
    tokens, ids, _ = batch
    rms = float(vocabulary.square().mean().sqrt())
    given = np.random.default_rng(0).standard_normal((graph.rows - 1, 6))
    made = make_table(IdSettings(kind, alpha=0.5), graph, 6, rms, given).vectors  # type: ignore[arg-type]
    for mode in MODES[kind]:
        added = build(kind, mode, vocabulary, graph, alpha=0.5, nearest=0)(*batch) - tokens
        np.testing.assert_allclose(added.detach(), made[ids], atol=1e-5)


def test_positional_vectors_go_by_the_phrase_and_not_by_the_id(vocabulary: Any, graph: IdGraph, batch: Any) -> None:
    tokens, ids, phrases = batch
    made = build("positional", "", vocabulary, graph)
    torch.testing.assert_close(made(tokens, ids, phrases), made(tokens, ids + 1, phrases))
    added = made(tokens, ids, phrases) - tokens
    torch.testing.assert_close(added[0, 6], made.vectors[3])
    scale = made.vectors[1:].square().mean().sqrt().item()
    assert scale == pytest.approx(vocabulary.square().mean().sqrt().item(), rel=1e-5)


@pytest.mark.parametrize("kind", ["none", "per-id", "propagated", "svd", "given"])
def test_what_is_frozen_has_nothing_to_learn(kind: str, vocabulary: Any, graph: IdGraph, batch: Any) -> None:
    tokens, ids, phrases = batch
    tokens.requires_grad_()
    made = build(kind, "frozen", vocabulary, graph)
    made(tokens, ids, phrases).sum().backward()
    assert not list(made.parameters())
    assert (tokens.grad == 1).all()


@pytest.mark.parametrize("kind", ["per-id", "propagated", "svd", "given"])
def test_a_trained_table_learns_at_the_rows_of_the_batch(
    kind: str, vocabulary: Any, graph: IdGraph, batch: Any
) -> None:
    made = build(kind, "trained", vocabulary, graph)
    made(*batch).sum().backward()
    assert made.vectors.grad.any(dim=1).nonzero().flatten().tolist() == [4, 33, 40]


@pytest.mark.parametrize(("kind", "mode"), LEARNING)
def test_the_row_of_no_id_stays_zero_while_others_learn(
    kind: str, mode: str, vocabulary: Any, graph: IdGraph, batch: Any
) -> None:
    made = build(kind, mode, vocabulary, graph)
    before = made.vectors.detach().clone()
    steps = torch.optim.AdamW(made.parameters(), lr=0.1, weight_decay=0.1)
    for _ in range(3):
        steps.zero_grad()
        made(*batch).square().sum().backward()
        steps.step()
    assert not made.vectors[0].any()
    assert not (made(*batch) - batch[0])[1].any()
    assert (made.vectors != before).any()


@pytest.mark.parametrize("nearest", [0, 50])
def test_linear_vectors_learn_with_the_gradient_of_the_propagation(
    nearest: int, vocabulary: Any, graph: IdGraph, batch: Any
) -> None:
    made = build("propagated", "linear", vocabulary, graph, layers=3, nearest=nearest)
    made(*batch).square().sum().backward()
    u = len(graph.people)
    touched = torch.from_numpy(graph.touched.toarray()).double()
    adjacency = torch.zeros(graph.rows, graph.rows, dtype=torch.float64)
    adjacency[1 : u + 1, u + 1 :] = touched
    adjacency += adjacency.T.clone()
    root = adjacency.sum(1).pow(-0.5).nan_to_num(posinf=0)
    normal = root[:, None] * adjacency * root
    features = made.vectors.detach().double().requires_grad_()
    table = sum(torch.linalg.matrix_power(normal, power) @ features for power in range(4)) / 4
    table = torch.cat([torch.zeros(1, 6), table[1:]])
    (batch[0] + table[batch[1]]).square().sum().backward()
    torch.testing.assert_close(made.vectors.grad.double(), features.grad, atol=1e-4, rtol=1e-4)
    neighbours = graph.edges[graph.edges[:, 0] == 3, 1] + 1 + u
    assert made.vectors.grad[neighbours].any(dim=1).all()


@pytest.mark.parametrize("nearest", [0, 7])
def test_the_table_of_linear_vectors_answers_as_they_do(
    nearest: int, vocabulary: Any, graph: IdGraph, batch: Any
) -> None:
    made = build("propagated", "linear", vocabulary, graph, nearest=nearest)
    assert isinstance(made, NearVectors if nearest else PropagatedVectors)
    torch.testing.assert_close(made(*batch), batch[0] + made.table()[batch[1]])


def test_a_frozen_table_is_kept_with_the_state(vocabulary: Any, graph: IdGraph) -> None:
    one, other = (build("per-id", "frozen", vocabulary, graph, seed=seed) for seed in (0, 1))
    assert (one.table() != other.table()).any()
    other.load_state_dict(one.state_dict())
    torch.testing.assert_close(one.table(), other.table())


def test_kinds_that_go_by_ids_need_the_graph(vocabulary: Any) -> None:
    with pytest.raises(ConfigError, match="graph"):
        make_id_vectors(IdSettings("propagated"), vocabulary)


def test_phrases_after_the_last_place_share_its_vector() -> None:
    added = make_id_vectors(IdSettings(kind="positional", positions=3), torch.randn(5, 4))
    tokens = torch.zeros(1, 4, 4)
    found = added(tokens, torch.zeros(1, 4, dtype=torch.long), torch.tensor([[3, 4, 90, 0]]))[0]
    assert torch.equal(found[0], found[1])
    assert torch.equal(found[0], found[2])
    assert not found[3].any()
