"""The network of a model that writes codes of items, and what it thinks of them after some prompts. Needs torch."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor, nn

from tastemaker.blocks.decoding import beam, score_all
from tastemaker.blocks.encoder_decoder import EncoderDecoder, SoftPrompts, Stepper
from tastemaker.blocks.id_graph import IdGraph
from tastemaker.blocks.id_tables import Floats, IdSettings
from tastemaker.blocks.id_vectors import IdVectors, PhraseVectors, TableVectors, make_id_vectors
from tastemaker.blocks.trie import NOWHERE, Trie
from tastemaker.models.base import Settings
from tastemaker.models.prompting import Prompted

Weights = Mapping[str, NDArray[Any]]


class Network(nn.Module):
    """An encoder-decoder, vectors of ids that are added to what it reads, and soft prompts.

    Args:
        vocabulary: How many tokens there are.
        settings: Those of the model.
        tasks: Names of its tasks.
        kinds: Name of a task -> which vectors of ids are added in it; equal ones are shared.
        graph: Who touched what in training.
        given: Vectors of people and items, for the kind ``given``.
    """

    def __init__(
        self,
        vocabulary: int,
        settings: Settings,
        tasks: tuple[str, ...],
        kinds: Mapping[str, IdSettings],
        graph: IdGraph,
        given: Floats | None = None,
    ) -> None:
        super().__init__()
        self.tasks = tasks
        self.model = EncoderDecoder(
            vocabulary,
            settings["dimensions"],
            settings["heads"],
            settings["hidden"],
            settings["blocks"],
            settings["blocks"],
            settings["dropout"],
            tied=settings["tied"],
            spread=settings["spread"],
        )
        self.distinct = list(dict.fromkeys(kinds[task] for task in tasks))
        self.added = nn.ModuleList(make_id_vectors(kind, self.model.tokens, graph, given) for kind in self.distinct)
        self.of_task = [self.distinct.index(kinds[task]) for task in tasks]
        prompts = settings["soft_prompts"]
        self.soft = SoftPrompts(len(tasks), prompts, settings["dimensions"]) if prompts else None

    def encode(self, prompted: Prompted, task: str) -> tuple[Tensor, Tensor]:
        """Return the memory of some prompts, float32 ``[b, l, d]``, and its mask, bool ``[b, l]``."""
        number = self.tasks.index(task)
        mask = torch.from_numpy(prompted.mask)
        added = self.added[self.of_task[number]]
        embedded = self.model.embed(torch.from_numpy(prompted.tokens))
        embedded = added(embedded, torch.from_numpy(prompted.ids), torch.from_numpy(prompted.phrases))
        if self.soft is not None:
            embedded, mask = self.soft(embedded, mask, torch.full((len(mask),), number))
        return self.model.encode(embedded, mask), mask

    def states(self, prompted: Prompted, task: str, answers: Tensor, start: int) -> Tensor:
        """Return the state after what is before each token of some answers, int64 ``[b, t]``, as ``[b, t, d]``."""
        memory, mask = self.encode(prompted, task)
        before = torch.cat([torch.full_like(answers[:, :1], start), answers[:, :-1].clamp(min=0)], dim=1)
        return self.model.decode(self.model.embed(before), memory, mask)

    def stepper(self, prompted: Prompted, task: str) -> Stepper:
        """Return what decodes answers to some prompts."""
        with torch.no_grad():
            memory, mask = self.encode(prompted, task)
            return Stepper(self.model, memory, mask)

    def kept(self) -> dict[str, NDArray[Any]]:
        """Return the weights that answering needs: tables of ids as they are now, whatever they are made from."""
        with torch.no_grad():
            found = {name: value for name, value in self.state_dict().items() if not name.startswith("added.")}
            for place, added in enumerate(self.added):
                if isinstance(added, TableVectors):
                    found[f"added.{place}.vectors"] = added.table()
                else:
                    found |= {f"added.{place}.{name}": value for name, value in added.state_dict().items()}
            return {name: value.numpy().copy() for name, value in found.items()}

    def form(self) -> dict[str, Any]:
        """Return what `restored` has to know beside the weights, as JSON values."""
        return {"of_task": self.of_task, "added": [_form(added) for added in self.added]}


def restored(
    vocabulary: int, settings: Settings, tasks: tuple[str, ...], form: Mapping[str, Any], weights: Weights
) -> Network:
    """Return a network that answers, of what `Network.form` and `Network.kept` gave."""
    empty = np.empty(0, dtype=object)
    graph = IdGraph(empty, empty, np.empty((0, 2), dtype=np.int64))
    network = Network(vocabulary, settings, tasks, dict.fromkeys(tasks, IdSettings(kind="none")), graph)
    state = {name: torch.from_numpy(np.array(value)) for name, value in weights.items()}
    made = [_made(kind, state.get(f"added.{place}.vectors")) for place, kind in enumerate(form["added"])]
    network.added, network.of_task = nn.ModuleList(made), list(form["of_task"])
    network.load_state_dict(state)
    network.eval()
    return network


def _form(added: nn.Module) -> str:
    return "table" if isinstance(added, TableVectors) else "phrase" if isinstance(added, PhraseVectors) else "none"


def _made(kind: str, vectors: Tensor | None) -> IdVectors:
    if vectors is None:
        return IdVectors()
    return PhraseVectors(vectors) if kind == "phrase" else TableVectors(vectors, trained=False)


def all_scores(
    network: Network,
    prompted: Prompted,
    task: str,
    trie: Trie,
    settings: Settings,
    start: int,
    narrow: int,
    wanted: NDArray[np.bool_] | None = None,
) -> Floats:
    """Return the log-probability of every item's code after each prompt, float32 ``[b, n]``.

    In a trie with more than ``narrow`` nodes that are no leaves a beam search looks for the best of the ``wanted``
    items, bool ``[b, n]``; all others have minus infinity.
    """
    step, count = network.stepper(prompted, task), len(prompted.tokens)
    over = settings["over"]
    if len(trie) - np.count_nonzero(trie.items != NOWHERE) <= narrow:
        return score_all(step, trie, count, start=start, over=over)
    found = beam(step, trie, count, 4 * settings["beams"], settings["beams"], start=start, over=over, mask=wanted)
    scores = np.full((count, len(trie.codes)), -np.inf, dtype=np.float32)
    rows, places = np.nonzero(found.items != NOWHERE)
    scores[rows, found.items[rows, places]] = found.log_probabilities[rows, places]
    return scores


def level_shares(network: Network, prompted: Prompted, task: str, marks: NDArray[np.int64], start: int) -> Floats:
    """Return how likely each of some marks is after each prompt, float64 ``[b, r]``; rows add up to 1."""
    count = len(prompted.tokens)
    with torch.no_grad():
        logits = network.stepper(prompted, task)(torch.full((count,), start), torch.arange(count))
    found: Floats = logits[:, torch.from_numpy(marks)].double().softmax(dim=1).numpy()
    return found
