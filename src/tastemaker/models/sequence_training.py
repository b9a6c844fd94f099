"""Next items as a task for the training loop: windows of histories in, losses and validation out. Needs torch."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any, Protocol

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor, nn
from torch.nn.functional import embedding

from tastemaker.blocks import losses
from tastemaker.blocks.sequence import CausalTransformer, ItemVectors, TimeVectors
from tastemaker.core.query import NO_TIME
from tastemaker.core.run import Run
from tastemaker.data.dataset import Dataset
from tastemaker.data.heldout import HeldOut
from tastemaker.evaluation.ranking import validation_ndcg
from tastemaker.models.base import Settings
from tastemaker.models.sequence_inference import TIMES, stand_ins, time_codes, time_rows
from tastemaker.training.batches import Windows, batches, padded, roomy, windows
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
        kind = settings["time"]
        self.times = None if kind == "none" else TimeVectors(int(time_rows(kind)[-1]), dim)


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
        starts, ends = self.indptr[:-1], self.indptr[1:]
        never = np.full(len(starts), NO_TIME)
        self.when = time_codes(sequences.timestamps[liked], starts, ends, never, settings["time"])
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
        width = self._width(batch)
        codes = torch.from_numpy(padded(self.codes, batch, width=width))
        lengths = torch.from_numpy(batch.lengths())
        table = self.module.items()
        states = self.module.trunk(self.inputs(batch, table))
        real = torch.arange(codes.shape[1] - 1) < (lengths - 1)[:, None]
        targets = codes[:, 1:][real]
        weights = torch.from_numpy(padded(self.weights_of_events, batch, width=width))[:, 1:][real]
        return self._loss(states[real], table, targets, weights), float(weights.sum())

    def _width(self, batch: Windows) -> int:
        longest = int(batch.lengths().max()) - 1
        most: int = self.settings["max_length"]
        return 1 + max(longest, min(roomy(longest), most))

    def inputs(self, batch: Windows, table: Tensor) -> Tensor:
        """Return what the network reads of some windows, all events but the last of each, float32 ``[w, l - 1, d]``.

        ``table`` are the vectors of the items, float32 ``[n, d]``. Of a target its time is read, never its item.
        """
        codes = torch.from_numpy(padded(self.codes, batch, width=self._width(batch)))
        read = embedding(codes[:, :-1], table)
        if self.module.times is None:
            return read
        return torch.as_tensor(read + self.module.times(self._moments(batch)))

    def _moments(self, batch: Windows) -> Tensor:
        """Return rows of the table of times, int64 ``[w, l - 1, f]``; in training some are made unknown.

        What may be unknown of a query is left out alike: its moment at single places, the times of a whole history,
        or all of these.
        """
        kind, share = self.settings["time"], self.settings["time_dropout"]
        places = batch.starts[:, None] + np.arange(self._width(batch) - 1)
        rows = torch.from_numpy(self.when[np.minimum(places, len(self.when) - 1)]).long()
        count, length, _ = rows.shape
        moment, history = torch.zeros(count, length, dtype=torch.bool), torch.zeros(count, 1, dtype=torch.bool)
        if self.module.training:
            everything = torch.rand(count, 1) < share
            moment = everything | (torch.rand(count, length) < share)
            history = everything | (torch.rand(count, 1) < share)
        first = torch.arange(length) == 0
        lost = {"since": moment | history, "before": first | history}
        unknown = torch.stack([lost.get(name, moment) for name in TIMES[kind]], dim=2)
        return torch.where(unknown, torch.from_numpy(time_rows(kind)[:-1]), rows)

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

        Where texts are read, the projector is there too, under ``project.``, and where times are read, ``times``.
        """
        self.module.eval()
        items = self.module.items
        with torch.no_grad():
            found = dict(self.module.trunk.state_dict())
            if items.project is not None:
                found |= {f"project.{name}": value for name, value in items.project.state_dict().items()}
            if self.module.times is not None:
                table = self.module.times.table
                met = np.bincount(self.when.ravel(), minlength=len(table)) > 0
                found["times"] = table[torch.from_numpy(stand_ins(met, self.settings["time"]))]
            return {name: value.numpy().copy() for name, value in {**found, "items": items()}.items()}


def train_sequences(task: SequenceTask, settings: Settings, run: Run, name: str, identity: str) -> Trained:
    """Train the network of a task by the settings of its model."""
    numbers = TrainingSettings(
        epochs=settings["epochs"],
        learning_rate=settings["learning_rate"],
        schedule=settings["schedule"],
        weight_decay=settings["weight_decay"],
        patience=settings["patience"],
    )
    folder: Path | None = None if run.output is None else run.output / f"{name}-{identity[:12]}"
    return train(task, numbers, run, name=name, folder=folder, identity=identity)
