"""What tasks learn from whose answers are items: what comes after a history, and what suits a person. No torch.

Tasks whose answers are no items have theirs in `tastemaker.models.generative_texts`.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from tastemaker.blocks.id_tables import Floats
from tastemaker.data.dataset import Dataset
from tastemaker.language.prompts import Prompt
from tastemaker.models.prompting import Ints, Lists


@dataclass(frozen=True)
class Examples:
    """Some questions of one task, put in one way, and their answers.

    Attributes:
        task: Name of the task.
        prompt: How it is put.
        people: Who asks, places in the graph, int64 ``[b]``.
        starts: First event that is read, a place in all events, int64 ``[b]``.
        ends: One past the last, int64 ``[b]``.
        targets: The item that is to be written, int64 ``[b]``.
        weights: What the event of the answer weighs, float32 ``[b]``.
        candidates: Items to choose from, the answer among them, int64 ``[b, c]``; ``None`` where the prompt names none.
    """

    task: str
    prompt: Prompt
    people: Ints
    starts: Ints
    ends: Ints
    targets: Ints
    weights: Floats
    candidates: Ints | None = None

    def __len__(self) -> int:
        return len(self.people)

    def __getitem__(self, rows: Ints) -> Examples:
        return Examples(
            self.task,
            self.prompt,
            self.people[rows],
            self.starts[rows],
            self.ends[rows],
            self.targets[rows],
            self.weights[rows],
            None if self.candidates is None else self.candidates[rows],
        )


class Events:
    """The events that are learnt from: those with a positive weight, person after person, oldest first.

    Args:
        train: The training part.
    """

    def __init__(self, train: Dataset) -> None:
        sequences = train.sequences
        liked = sequences.weights > 0
        self.items: Ints = sequences.codes[liked].astype(np.int64)
        self.weights: Floats = sequences.weights[liked]
        self.indptr: Ints = np.concatenate([[0], np.cumsum(liked)])[sequences.indptr]
        self.count = len(train.items)
        owners = np.repeat(np.arange(len(self.indptr) - 1), np.diff(self.indptr))
        self._touched: Ints = np.unique(owners * self.count + self.items)

    def some(self, share: float, least: int, rng: np.random.Generator) -> Ints:
        """Return people with ``least`` events or more, each ``share`` times on average, int64 ``[m]``."""
        enough = np.flatnonzero(np.diff(self.indptr) >= least)
        times = int(share) + (rng.random(len(enough)) < share - int(share))
        return np.repeat(enough, times)

    def sequential(self, prompt: Prompt, people: Ints, most: int, rng: np.random.Generator) -> Examples:
        """Return for each person a random event but the first, after at most ``most`` events before it."""
        firsts, lengths = self.indptr[people], np.diff(self.indptr)[people]
        places = firsts + 1 + rng.integers(0, lengths - 1)
        return self._examples("sequential", prompt, people, np.maximum(firsts, places - most), places, places)

    def direct(self, prompt: Prompt, people: Ints, candidates: int, rng: np.random.Generator) -> Examples:
        """Return for each person a random event; nothing of the history is read.

        Where the prompt names candidates they are the answer and others that the person has not touched, drawn
        uniformly, in random order.
        """
        places = self.indptr[people] + rng.integers(0, np.diff(self.indptr)[people])
        found = self._examples("direct", prompt, people, places, places, places)
        if "candidates" not in prompt.slots:
            return found
        drawn = rng.integers(0, self.count, (len(people), candidates))
        touched = np.isin(people[:, None] * self.count + drawn, self._touched)
        drawn[touched] = -1
        drawn[:, 0] = found.targets
        drawn = rng.permuted(drawn, axis=1)
        return Examples(**{**vars(found), "candidates": drawn})

    def _examples(self, task: str, prompt: Prompt, people: Ints, starts: Ints, ends: Ints, places: Ints) -> Examples:
        return Examples(task, prompt, people, starts, ends, self.items[places], self.weights[places])

    def lists(self, examples: Examples) -> dict[str, Lists]:
        """Return what fills the places of a prompt beside the person."""
        found = {"history": self.history(examples)}
        if examples.candidates is not None:
            found["candidates"] = Lists.of_table(examples.candidates)
        return found

    def history(self, examples: Examples) -> Lists:
        """Return what is read of each history."""
        lengths = examples.ends - examples.starts
        indptr = np.append(0, np.cumsum(lengths))
        places = np.repeat(examples.starts - indptr[:-1], lengths) + np.arange(indptr[-1])
        return Lists(self.items[places], indptr)
