"""What a model that writes codes learns from: prompts of several tasks, drawn anew for each epoch. Needs torch."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import TypeAlias

import numpy as np
import torch
from torch import Tensor

from tastemaker.blocks.id_graph import IdGraph
from tastemaker.blocks.id_tables import Floats, IdSettings
from tastemaker.blocks.token_losses import IGNORED, legal_cross_entropy, legal_tokens, token_cross_entropy
from tastemaker.blocks.trie import Trie
from tastemaker.core.run import Run
from tastemaker.data.dataset import Dataset
from tastemaker.language.prompts import Prompt, Prompts
from tastemaker.models.base import Settings
from tastemaker.models.generative_examples import Events, Examples
from tastemaker.models.generative_network import Network
from tastemaker.models.generative_texts import Questions, Told
from tastemaker.models.prompting import Alphabet, Ints, Prompter
from tastemaker.training.batches import batches
from tastemaker.training.loop import Trained, train
from tastemaker.training.settings import TrainingSettings

Batch: TypeAlias = Examples | Questions


class GenerativeTask:
    """Writing answers after prompts of several tasks, codes of items, marks or words, for the training loop.

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
        told: Name of a task whose answers are no items -> what it learns from.
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
        told: Mapping[str, Told] | None = None,
    ) -> None:
        self.settings, self.prompts, self.alphabet = settings, prompts, alphabet
        self.events, self.told = Events(train), dict(told or {})
        self.prompter = Prompter(alphabet)
        self.trie = Trie(alphabet.items)
        self._value = value
        torch.manual_seed(int(run.rng("network").integers(2**62)))
        self.module: Network = Network(len(alphabet), settings, tuple(sorted(settings["tasks"])), kinds, graph, given)

    def batches(self, rng: np.random.Generator) -> Sequence[Batch]:
        """Return the questions of an epoch: so many a person for each task, spread over its prompts."""
        found: list[Batch] = []
        for task, share in self.settings["tasks"].items():
            asked = self._asked(task, share, rng)
            ways = rng.integers(0, len(self.prompts[task]), len(asked))
            for way, prompt in enumerate(self.prompts[task]):
                asking = asked[ways == way]
                if len(asking):
                    drawn = self._drawn(task, prompt, asking, rng)
                    found += [drawn[rows] for rows in batches(self._lengths(drawn), self.settings["batch_tokens"], rng)]
        return [found[place] for place in rng.permutation(len(found))]

    def _asked(self, task: str, share: float, rng: np.random.Generator) -> Ints:
        """Return the people who ask in an epoch; of a task whose answers are no items, the events asked about."""
        if task in self.told:
            return self.told[task].some(share * (len(self.events.indptr) - 1), rng)
        return self.events.some(share, 2 if task == "sequential" else 1, rng)

    def _drawn(self, task: str, prompt: Prompt, asking: Ints, rng: np.random.Generator) -> Batch:
        if task in self.told:
            return self.told[task].questions(task, prompt, asking, rng)
        if task == "sequential":
            return self.events.sequential(prompt, asking, self.settings["max_length"], rng)
        return self.events.direct(prompt, asking, self.settings["candidates"], rng)

    def _lengths(self, drawn: Batch) -> Ints:
        """Return about how many tokens each prompt has, int64 ``[b]``."""
        person, item = (codes.tokens.shape[1] for codes in (self.alphabet.people, self.alphabet.items))
        if isinstance(drawn, Questions):
            return self.told[drawn.task].lengths(drawn, person, item)
        listed = 0 if drawn.candidates is None else drawn.candidates.shape[1]
        lengths: Ints = 1 + len(drawn.prompt.words) + person + item * (drawn.ends - drawn.starts + listed)
        return lengths

    def loss(self, batch: Batch) -> tuple[Tensor, float]:
        """Return the mean loss of the answers of a batch, and the sum of their weights."""
        weights = torch.from_numpy(np.asarray(batch.weights, dtype=np.float32))
        loss = self._told_loss(batch, weights) if isinstance(batch, Questions) else self._item_loss(batch, weights)
        return loss, float(weights.sum())

    def _item_loss(self, batch: Examples, weights: Tensor) -> Tensor:
        prompted = self.prompter.write(batch.prompt, batch.people, **self.events.lists(batch))
        answers = torch.from_numpy(self.alphabet.items.tokens[batch.targets].astype(np.int64))
        states = self.module.states(prompted, batch.task, answers, self.alphabet.start)
        if self.settings["over"] == "legal":
            legal = legal_tokens(self.trie, answers, len(self.alphabet))
            logits = self.module.model.logits(states)
            return legal_cross_entropy(logits, answers, legal, weights, self.settings["temperature"])
        return token_cross_entropy(states, self.module.model.written, answers, weights)

    def _told_loss(self, batch: Questions, weights: Tensor) -> Tensor:
        """Return the loss of answers in marks or words; words that are not known are read there and not learnt."""
        told = self.told[batch.task]
        prompted = self.prompter.write(batch.prompt, batch.people, **told.lists(batch))
        answers = torch.from_numpy(told.answer_table(batch.places))
        states = self.module.states(prompted, batch.task, answers, self.alphabet.start)
        targets = answers.masked_fill(answers == self.alphabet.unknown, IGNORED)
        if self.settings["over"] != "legal":
            return token_cross_entropy(states, self.module.model.written, targets, weights)
        # Answers differ in length, and scores of all words at places without a target would be most of the work.
        rows, places = torch.nonzero(targets != IGNORED, as_tuple=True)
        logits = self.module.model.logits(states[rows, places])[:, None]
        legal = torch.zeros(len(self.alphabet), dtype=torch.bool)
        legal[torch.from_numpy(told.legal)] = True
        legal, temperature = legal.expand_as(logits), self.settings["temperature"]
        return legal_cross_entropy(logits, targets[rows, places][:, None], legal, weights[rows], temperature)

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
