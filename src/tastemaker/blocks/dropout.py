"""Dropout whose random numbers are bytes: on a processor most of the time of the usual one goes into drawing them."""

from __future__ import annotations

import torch
from torch import Tensor, nn

from tastemaker.core.errors import ConfigError

_VALUES = 256


class Dropout(nn.Module):
    """Makes entries 0 with a probability in training, and divides the others by one minus it (Srivastava et al., 2014).

    An entry is left out where a random byte is small, so that probabilities are multiples of 1/256; what the others are
    divided by follows the one that is used.

    Args:
        probability: From 0 to below 1.

    Attributes:
        probability: The nearest multiple of 1/256.

    Raises:
        ConfigError: It is out of range.
    """

    def __init__(self, probability: float) -> None:
        super().__init__()
        if not 0 <= probability < 1:
            raise ConfigError(f"dropout is {probability}, but should be from 0 to below 1", where="dropout")
        self._below = min(round(probability * _VALUES), _VALUES - 1)
        self.probability = self._below / _VALUES

    def forward(self, x: Tensor) -> Tensor:
        """Return ``x`` with some entries 0 in training, and as it is otherwise."""
        if not self.training or not self._below:
            return x
        words = torch.empty(-(-x.numel() // 8), dtype=torch.int64, device=x.device)
        drawn = words.random_(-(2**63), None).view(torch.uint8)[: x.numel()].view(x.shape)
        return x * (drawn >= self._below).to(x.dtype).mul_(1 / (1 - self.probability))
