"""Next items as a task for the training loop: windows of histories in, losses and validation out. Needs torch."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any, Protocol

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor, nn

from tastemaker.blocks import losses
from tastemaker.blocks.sequence import CausalTransformer, ItemVectors
from tastemaker.core.run import Run
from tastemaker.data.dataset import Dataset
from tastemaker.data.heldout import HeldOut
from tastemaker.evaluation.ranking import validation_ndcg
from tastemaker.models.base import Settings
from tastemaker.training.batches import Windows, batches, padded, windows
from tastemaker.training.loop import Trained, train
from tastemaker.training.settings import TrainingSettings


class Answering(Protocol):
    """A model that takes over weights and scores with them."""

    name: str

    def _take(self, weights: Mapping[str, NDArray[np.float32]]) -> None: ...


class _Network(nn.Module):
    def __init__(self, count: int, settings: Settings, texts: NDArray[np.float32] | None) -> None:
        super().__init__()
        dim = settings["dimensions"]
        self.items = ItemVectors(
            count,
            dim,
            None if texts is None else torch.from_numpy(texts),
            ids=settings["items"] != "text",
            hidden=settings["projector"],
            id_dropout=settings["id_dropout"],
        )
        self.trunk = CausalTransformer(
            dim,
            settings["blocks"],
            settings["heads"],
            settings["hidden"] or dim,
            settings["dropout"],
            settings["max_length"],
            settings["layout"],
        )


class SequenceTask:
    """Predicting each event of a history from those before it.

    Args:
        data: What is learnt from.
        settings: Those of the model.
        run: Seed.
        sample: Validation queries; ``None`` validates nothing.
        model: What scores them with the weights of the moment.
        texts: Vectors of the items' texts, float32 ``[n, t]``, where the model reads them.
    """

    def __init__(
        self,
        data: Dataset,
        settings: Settings,
        run: Run,
        sample: HeldOut | None,
        model: Any,
        texts: NDArray[np.float32] | None = None,
    ) -> None:
        sequences = data.sequences
        liked = sequences.weights > 0
        self.codes = sequences.codes[liked].astype(np.int64)
        self.weights_of_events = sequences.weights[liked]
        self.indptr = np.concatenate([[0], np.cumsum(liked)])[sequences.indptr]
        self.settings = settings
        self.sample, self.model, self.seed = sample, model, run.seed
        self.count = len(data.items)
        torch.manual_seed(int(run.rng("network").integers(2**62)))
        self.module: _Network = _Network(self.count, settings, texts)

    def batches(self, rng: np.random.Generator) -> Sequence[Windows]:
        """Return the windows of an epoch in batches of similar length."""
        cut = windows(self.indptr, self.settings["max_length"] + 1, rng)
        chosen = batches(cut.lengths(), self.settings["batch_events"], rng)
        return [Windows(cut.starts[numbers], cut.ends[numbers]) for numbers in chosen]

    def loss(self, batch: Windows) -> tuple[Tensor, float]:
        """Return the mean loss of the targets of a batch, and the sum of their weights."""
        codes = torch.from_numpy(padded(self.codes, batch))
        lengths = torch.from_numpy(batch.lengths())
        table = self.module.items()
        states = self.module.trunk(table[codes[:, :-1]])
        real = torch.arange(codes.shape[1] - 1) < (lengths - 1)[:, None]
        targets = codes[:, 1:][real]
        weights = torch.from_numpy(padded(self.weights_of_events, batch))[:, 1:][real]
        return self._loss(states[real], table, targets, weights), float(weights.sum())

    def _loss(self, states: Tensor, table: Tensor, targets: Tensor, weights: Tensor) -> Tensor:
        kind, count = self.settings["loss"], self.settings["negatives"]
        if kind == "softmax":
            return losses.full_softmax(states, table, targets, weights)
        if kind == "sampled":
            return losses.sampled_softmax(states, table, targets, weights, torch.randint(self.count, (count,)))
        negatives = torch.randint(self.count, (len(targets), count))
        if kind == "bpr":
            return losses.bpr(states, table, targets, weights, negatives)
        exponent = 1.0
        if kind == "gbce":
            exponent = losses.gbce_exponent(count, self.count, self.settings["calibration"])
        return losses.binary(states, table, targets, weights, negatives, exponent)

    def validate(self) -> float | None:
        """Return NDCG@10 on the sample of validation queries."""
        if self.sample is None:
            return None
        self.model._take(self.weights())
        scorer = self.model._scored
        return validation_ndcg(
            lambda queries: scorer(queries, self.settings), self.sample, self.model.items_.ids, seed=self.seed
        )

    def weights(self) -> dict[str, NDArray[np.float32]]:
        """Return the weights of the moment, by torch's names: ``items`` are the vectors of all items.

        Where texts are read, the projector is there too, under ``project.``.
        """
        self.module.eval()
        items = self.module.items
        with torch.no_grad():
            found = dict(self.module.trunk.state_dict())
            if items.project is not None:
                found |= {f"project.{name}": value for name, value in items.project.state_dict().items()}
            return {name: value.numpy().copy() for name, value in {**found, "items": items()}.items()}


def train_sequences(task: SequenceTask, settings: Settings, run: Run, name: str, identity: str) -> Trained:
    """Train the network of a task by the settings of its model."""
    numbers = TrainingSettings(
        epochs=settings["epochs"],
        learning_rate=settings["learning_rate"],
        weight_decay=settings["weight_decay"],
        patience=settings["patience"],
    )
    folder: Path | None = None if run.output is None else run.output / f"{name}-{identity[:12]}"
    return train(task, numbers, run, name=name, folder=folder, identity=identity)
