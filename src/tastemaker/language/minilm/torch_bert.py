"""The network in torch, its matrix products in bfloat16: for processors that multiply such numbers faster."""

from __future__ import annotations

from typing import Any, Final

import numpy as np
from numpy.typing import NDArray

from tastemaker.core.errors import MissingExtraError
from tastemaker.language.minilm.numpy_bert import EPSILON, embed, padding_bias
from tastemaker.language.minilm.weights import Array, Bert, Layer

_MATRICES: Final = ("qkv", "mix", "up", "down")
_NORMS: Final = ("mix_norm", "down_norm")


class TorchBert:
    """The network by torch, one thread a call; sums, norms and softmax are float32.

    Args:
        bert: Its weights.

    Raises:
        MissingExtraError: The extra ``torch`` is not installed.
    """

    precision = "bfloat16"

    def __init__(self, bert: Bert) -> None:
        try:
            import torch
        except ImportError as error:
            raise MissingExtraError("the MiniLM encoder in torch", "torch") from error
        self._torch = torch
        self._bert = bert
        self._layers = [self._converted(layer) for layer in bert.layers]

    def _converted(self, layer: Layer) -> dict[str, Any]:
        """Return a layer's arrays as tensors: matrices as torch multiplies them, ``[outputs, inputs]``."""
        torch = self._torch
        converted = {}
        for name, array in vars(layer).items():
            tensor = torch.from_numpy(np.ascontiguousarray(array.T) if name in _MATRICES else array)
            converted[name] = tensor if name in _NORMS else tensor.bfloat16()
        return converted

    def hidden(self, ids: NDArray[np.int64], lengths: NDArray[np.int64]) -> Array:
        """Return the last hidden states, float32 ``[b, t, d]``; see `NumpyBert.hidden`."""
        torch = self._torch
        if torch.get_num_threads() != 1:
            torch.set_num_threads(1)
        with torch.inference_mode():
            bias = padding_bias(lengths, ids.shape[1])
            mask = None if bias is None else torch.from_numpy(bias).bfloat16()
            x = torch.from_numpy(embed(self._bert, ids))
            for layer in self._layers:
                x = self._block(x, layer, mask)
            hidden: Array = x.numpy()
        return hidden

    def _block(self, x: Any, layer: dict[str, Any], mask: Any) -> Any:
        functional = self._torch.nn.functional
        batch, width, dim = x.shape
        qkv = functional.linear(x.bfloat16(), layer["qkv"], layer["qkv_bias"])
        query, key, value = qkv.view(batch, width, 3, self._bert.heads, -1).permute(2, 0, 3, 1, 4)
        mixed = functional.scaled_dot_product_attention(query, key, value, attn_mask=mask, scale=1.0)
        mixed = mixed.transpose(1, 2).reshape(batch, width, dim)
        x = self._normed(x + functional.linear(mixed, layer["mix"], layer["mix_bias"]), layer["mix_norm"])
        up = functional.gelu(functional.linear(x.bfloat16(), layer["up"], layer["up_bias"]))
        return self._normed(x + functional.linear(up, layer["down"], layer["down_bias"]), layer["down_norm"])

    def _normed(self, x: Any, norm: Any) -> Any:
        return self._torch.nn.functional.layer_norm(x, x.shape[-1:], norm[0], norm[1], eps=float(EPSILON))
