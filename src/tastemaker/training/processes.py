"""Several processes that train one module together, as `torchrun` starts them; one process is the plain case."""

from __future__ import annotations

import os
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass

import torch
from torch import Tensor, distributed, nn


@dataclass(frozen=True)
class Group:
    """This process among those that train together.

    Attributes:
        rank: Its number, from 0.
        size: How many there are.
    """

    rank: int = 0
    size: int = 1

    def sum(self, value: Tensor) -> Tensor:
        """Return the sum of a tensor over all processes; the tensor itself is overwritten."""
        if self.size > 1:
            distributed.all_reduce(value)
        return value

    def sum_gradients(self, module: nn.Module) -> None:
        """Add up the gradients of all processes, in each of them."""
        if self.size == 1:
            return
        found = [each for each in module.parameters() if each.requires_grad]
        flat = torch.cat([(torch.zeros_like(each) if each.grad is None else each.grad).reshape(-1) for each in found])
        distributed.all_reduce(flat)
        parts = torch.split(flat, [each.numel() for each in found])
        for each, part in zip(found, parts, strict=True):
            each.grad = part.view_as(each).clone()

    def first(self, value: float) -> float:
        """Return the value that the first process has, in each of them."""
        if self.size == 1:
            return value
        told = torch.tensor([value], dtype=torch.float64)
        distributed.broadcast(told, src=0)
        return float(told[0])


@contextmanager
def joined() -> Iterator[Group]:
    """Join the processes that `torchrun` started this one with, over gloo; without it, work alone."""
    if int(os.environ.get("WORLD_SIZE", "1")) == 1:
        yield Group()
        return
    mine = not distributed.is_initialized()
    if mine:
        distributed.init_process_group("gloo")
    try:
        yield Group(distributed.get_rank(), distributed.get_world_size())
        distributed.barrier()  # who leaves first takes the others' connections along
    finally:
        if mine:
            distributed.destroy_process_group()
