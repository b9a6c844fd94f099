"""What a model that writes codes learns from: prompts of several tasks, drawn anew for each epoch. Needs torch."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import torch
from torch import Tensor

from tastemaker.blocks.id_graph import IdGraph
from tastemaker.blocks.id_tables import Floats, IdSettings
from tastemaker.blocks.token_losses import legal_cross_entropy, legal_tokens, token_cross_entropy
from tastemaker.blocks.trie import Trie
from tastemaker.core.run import Run
from tastemaker.data.dataset import Dataset
from tastemaker.language.prompts import Prompt, Prompts
from tastemaker.models.base import Settings
from tastemaker.models.generative_network import Network
from tastemaker.models.prompting import Alphabet, Ints, Lists, Prompter
from tastemaker.training.batches import batches
from tastemaker.training.loop import Trained, train
from tastemaker.training.settings import TrainingSettings


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

    def history(self, examples: Examples) -> Lists:
        """Return what is read of each history."""
        lengths = examples.ends - examples.starts
        indptr = np.append(0, np.cumsum(lengths))
        places = np.repeat(examples.starts - indptr[:-1], lengths) + np.arange(indptr[-1])
        return Lists(self.items[places], indptr)


class GenerativeTask:
    """Writing the code of an item after prompts of several tasks, for the training loop.

    Args:
        train: What is learnt from.
        settings: Those of the model.
        prompts: Prompts of each task; all of them teach.
        alphabet: Numbers of all tokens.
        kinds: Name of a task -> which vectors of ids are added in it.
        graph: Who touched what in ``train``.
        run: Seed.
        value: Returns the metric that training stops by, with the weights of the network as they are.
        given: Vectors of people and items, for the kind ``given``.
    """

    def __init__(
        self,
        train: Dataset,
        settings: Settings,
        prompts: Prompts,
        alphabet: Alphabet,
        kinds: Mapping[str, IdSettings],
        graph: IdGraph,
        run: Run,
        value: Callable[[Network], float | None],
        given: Floats | None = None,
    ) -> None:
        self.settings, self.prompts, self.alphabet = settings, prompts, alphabet
        self.events = Events(train)
        self.prompter = Prompter(alphabet)
        self.trie = Trie(alphabet.items)
        self._value = value
        torch.manual_seed(int(run.rng("network").integers(2**62)))
        self.module: Network = Network(len(alphabet), settings, tuple(sorted(settings["tasks"])), kinds, graph, given)

    def batches(self, rng: np.random.Generator) -> Sequence[Examples]:
        """Return the questions of an epoch: so many a person for each task, spread over its prompts."""
        found: list[Examples] = []
        for task, share in self.settings["tasks"].items():
            people = self.events.some(share, 2 if task == "sequential" else 1, rng)
            ways = rng.integers(0, len(self.prompts[task]), len(people))
            for way, prompt in enumerate(self.prompts[task]):
                asking = people[ways == way]
                if len(asking):
                    drawn = self._drawn(task, prompt, asking, rng)
                    found += [drawn[rows] for rows in batches(self._lengths(drawn), self.settings["batch_tokens"], rng)]
        return [found[place] for place in rng.permutation(len(found))]

    def _drawn(self, task: str, prompt: Prompt, people: Ints, rng: np.random.Generator) -> Examples:
        if task == "sequential":
            return self.events.sequential(prompt, people, self.settings["max_length"], rng)
        return self.events.direct(prompt, people, self.settings["candidates"], rng)

    def _lengths(self, examples: Examples) -> Ints:
        """Return about how many tokens each prompt has, int64 ``[b]``."""
        width = self.alphabet.items.tokens.shape[1]
        listed = 0 if examples.candidates is None else examples.candidates.shape[1]
        around = 1 + len(examples.prompt.words) + self.alphabet.people.tokens.shape[1]
        lengths: Ints = around + width * (examples.ends - examples.starts + listed)
        return lengths

    def loss(self, batch: Examples) -> tuple[Tensor, float]:
        """Return the mean loss of the answers of a batch, and the sum of their weights."""
        lists = {"history": self.events.history(batch)}
        if batch.candidates is not None:
            lists["candidates"] = Lists.of_table(batch.candidates)
        prompted = self.prompter.write(batch.prompt, batch.people, **lists)
        answers = torch.from_numpy(self.alphabet.items.tokens[batch.targets].astype(np.int64))
        logits = self.module.logits(prompted, batch.task, answers, self.alphabet.start)
        weights = torch.from_numpy(np.asarray(batch.weights, dtype=np.float32))
        if self.settings["over"] == "legal":
            legal = legal_tokens(self.trie, answers, len(self.alphabet))
            loss = legal_cross_entropy(logits, answers, legal, weights, self.settings["temperature"])
        else:
            loss = token_cross_entropy(logits, answers, weights)
        return loss, float(weights.sum())

    def validate(self) -> float | None:
        """Return NDCG@10 on validation queries, averaged over the tasks."""
        return self._value(self.module)


def train_generative(task: GenerativeTask, settings: Settings, run: Run, name: str, identity: str) -> Trained:
    """Train the network of a task by the settings of its model."""
    numbers = TrainingSettings(
        epochs=settings["epochs"],
        learning_rate=settings["learning_rate"],
        weight_decay=settings["weight_decay"],
        warmup=settings["warmup"],
        clip=settings["clip"],
        patience=settings["patience"],
    )
    folder: Path | None = None if run.output is None else run.output / f"{name}-{identity[:12]}"
    return train(task, numbers, run, name=name, folder=folder, identity=identity)
