"""The network in torch, and the one in NumPy against an implementation of torch's own parts."""

from __future__ import annotations

import sys
from collections.abc import Callable
from typing import Any

import numpy as np
import pytest

from tastemaker.core.errors import MissingExtraError
from tastemaker.language.minilm.numpy_bert import NumpyBert
from tastemaker.language.minilm.torch_bert import TorchBert
from tastemaker.language.minilm.weights import Bert


def by_torch(tensors: dict[str, Any], ids: Any, lengths: Any, heads: int, layers: int) -> Any:
    """Return hidden states from ``torch.nn.TransformerEncoderLayer``, float32."""
    import torch

    t = {name: torch.from_numpy(array) for name, array in tensors.items()}
    dim = t["embeddings.LayerNorm.weight"].shape[0]
    x = t["embeddings.word_embeddings.weight"][torch.from_numpy(ids)]
    x = x + t["embeddings.position_embeddings.weight"][: ids.shape[1]] + t["embeddings.token_type_embeddings.weight"][0]
    x = torch.nn.functional.layer_norm(x, (dim,), t["embeddings.LayerNorm.weight"], t["embeddings.LayerNorm.bias"])
    padding = torch.arange(ids.shape[1]) >= torch.from_numpy(lengths)[:, None]
    for number in range(layers):
        at = f"encoder.layer.{number}"
        inner = t[f"{at}.intermediate.dense.weight"].shape[0]
        block = torch.nn.TransformerEncoderLayer(dim, heads, inner, 0.0, "gelu", 1e-12, batch_first=True)
        attention = f"{at}.attention.self"
        names = {
            "self_attn.out_proj": "attention.output.dense",
            "linear1": "intermediate.dense",
            "linear2": "output.dense",
            "norm1": "attention.output.LayerNorm",
            "norm2": "output.LayerNorm",
        }
        state = {
            f"self_attn.in_proj_{kind}": torch.cat(
                [t[f"{attention}.{part}.{kind}"] for part in ("query", "key", "value")]
            )
            for kind in ("weight", "bias")
        }
        state |= {f"{to}.{kind}": t[f"{at}.{name}.{kind}"] for to, name in names.items() for kind in ("weight", "bias")}
        block.load_state_dict(state)
        with torch.no_grad():
            x = block.train()(x, src_key_padding_mask=padding)
    return x.numpy()


@pytest.mark.needs_extra("torch")
def test_numpy_agrees_with_the_transformer_of_torch(
    tensors: dict[str, Any], bert: Bert, padded: Any, same_texts: Callable[..., Any]
) -> None:
    ours, theirs = same_texts(
        NumpyBert(bert).hidden(*padded), by_torch(tensors, padded[0], padded[1], heads=4, layers=2)
    )
    np.testing.assert_allclose(ours, theirs, atol=5e-5)


@pytest.mark.needs_extra("torch")
def test_bfloat16_is_near_float32(bert: Bert, padded: Any, same_texts: Callable[..., Any]) -> None:
    quick, exact = same_texts(TorchBert(bert).hidden(*padded), NumpyBert(bert).hidden(*padded))
    cosines = (quick * exact).sum(-1) / np.linalg.norm(quick, axis=-1) / np.linalg.norm(exact, axis=-1)
    assert cosines.min() > 0.999


@pytest.mark.needs_extra("torch")
def test_padding_changes_little(bert: Bert, padded: Any) -> None:
    ids, lengths = padded
    network = TorchBert(bert)
    together, alone = network.hidden(ids, lengths), network.hidden(ids[1:2, :4], lengths[1:2])
    np.testing.assert_allclose(together[1, :4], alone[0], atol=0.1)


def test_without_the_extra_the_remedy_is_named(bert: Bert, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "torch", None)
    with pytest.raises(MissingExtraError, match=r"tastemaker\[torch\]"):
        TorchBert(bert)
