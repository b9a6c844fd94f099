"""A language model as the recommender: it reads prompts with ids, and writes the code of an item token after token."""

from __future__ import annotations

from collections.abc import Mapping
from functools import cached_property
from inspect import signature
from typing import Any, ClassVar, Final

import numpy as np
from numpy.typing import NDArray

from tastemaker.blocks.codes import Codes
from tastemaker.blocks.digits import digit_codes, smallest_base
from tastemaker.blocks.id_graph import IdGraph, refuse_held_out
from tastemaker.blocks.indexers import Semantic, make_indexer
from tastemaker.blocks.trie import OVERS
from tastemaker.core.errors import MissingExtraError, ModelError, nearest
from tastemaker.core.query import Query, QueryBatch
from tastemaker.core.recommendations import Contribution, Contributions
from tastemaker.core.recommender import Capabilities
from tastemaker.core.run import Run
from tastemaker.data.dataset import Dataset
from tastemaker.data.heldout import HeldOut
from tastemaker.data.vocabulary import UNKNOWN
from tastemaker.evaluation.ranking import validation_ndcg
from tastemaker.language.encoders import DEFAULT_ENCODER, EncoderSpec
from tastemaker.language.prompts import TASKS, load_prompts, vocabulary_of
from tastemaker.models.base import Scores, Settings
from tastemaker.models.generative_material import Material
from tastemaker.models.generative_sources import given_vectors, id_settings, text_vectors
from tastemaker.models.item_to_item import popularity
from tastemaker.models.prompt_model import PromptModel
from tastemaker.models.prompting import Alphabet, Ints, Lists
from tastemaker.models.space import Choice, Integer, Real, Space

ASKED: Final = ("sequential", "direct")
"""Tasks whose answer is an item: what a question can be put as."""

NARROW: Final = 256
"""Nodes of a trie that are no leaves, up to which every item is scored; in a wider one a beam looks for the best."""


class Generative(PromptModel):
    """Recommends by writing: prompts of people and items go in, codes of items come out (P5: Geng et al., 2022).

    An encoder-decoder in T5's shape, trained from scratch, reads prompts in which people and items are spelt by tokens,
    and learns several tasks at once: what comes after a history (``sequential``), and what suits a person of whom only
    the id is told (``direct``). These answers are codes along a trie, so that all of them are items. Beside them it may
    learn what people say of items: how many stars they give (``rating``, see `ratings`), a sentence with reasons
    (``explanation``, see `explanations`) and a review in a few words (``review``, see `summaries`). What is known of a
    person or an item beyond the spelling comes in by vectors of ids, which are added to the tokens of a phrase: by its
    place in the prompt (whole-word embeddings), by whom it means, or by where that stands in the graph of who touched
    what (ELMRec: Wang et al., 2024). Soft prompts are learnt vectors before each prompt of a task (POD: Li et al.,
    2023).

    Each person gives as many questions to an epoch as ``tasks`` says, each put in one of the task's prompts at random.
    The last prompt of a task is bare; questions are asked with it alone, and the others only teach. Of ratings and
    texts as many are drawn in all, from every event that has one. A held-out event is never read nor learnt: histories,
    targets, texts and the graph are of the training part, which is checked against the validation part.

    Args:
        indexer: What spells the items, by name, or by name and arguments: see `tastemaker.blocks.indexers.INDEXERS`.
        id_vectors: Which vectors are added: see `tastemaker.models.generative_sources.id_settings`.
        tasks: Name of a task -> questions of each person in an epoch, on average.
        asks: The task that questions are put as, ``sequential`` if ``None``. Strangers, of whom no id is known, are
            asked by their history.
        encoder: A text encoder, of whose vectors the indexer ``semantic`` makes codes.
        prompts: Name of a set of prompts, or a folder of them: see `tastemaker.language.prompts.load_prompts`.
        soft_prompts: Learnt vectors before each prompt.
        candidates: Items that a ``direct`` prompt names, the answer among them, where it names any.
        max_length: How many of the latest events of a history are read.
        dimensions: Length of the vectors.
        heads: Heads of attention.
        hidden: Width of the feed-forward parts.
        blocks: How many blocks encode, and how many decode.
        dropout: Probability.
        tied: Whether tokens are written by the vectors that they are read by.
        spread: Standard deviation of the entries of tokens' vectors at the start. With 1, as T5 has it, a token that is
            seen a few times an epoch, such as that of an item, takes tens of epochs to leave where it started.
        over: ``vocabulary``: the next token is any; ``legal``: one that the trie allows, in training (MSL: Wang et
            al., 2025) and in answers.
        temperature: Of the legal loss; answers have none.
        beams: Paths that are followed where the trie is too wide to score every item.
        words: Words of the training texts that are known, the most frequent ones.
        max_read: Words of a review that are read, at most.
        max_written: Words of an answer that are learnt and written, at most.
        learning_rate: Adam's.
        weight_decay: Of all weights.
        warmup: Steps over which the learning rate rises.
        clip: Largest length of a gradient; 0 does not clip.
        batch_tokens: Padded tokens of prompts in a batch, at most.
        epochs: At most.
        patience: Epochs without a gain on validation after which training stops; 0 goes through all ``epochs``, looks
            at no validation, and keeps the last one.
    """

    name: ClassVar[str] = "generative"
    capabilities = Capabilities(reads=frozenset({"history", "user"}))
    space: ClassVar[Space] = {
        "dimensions": Choice((64, 128, 256)),
        "blocks": Integer(1, 4),
        "dropout": Real(0.0, 0.4),
        "learning_rate": Real(2e-4, 5e-3, log=True),
        "over": Choice(OVERS),
    }

    usual_tasks: ClassVar[Mapping[str, float]] = {"sequential": 1.0, "direct": 1.0}
    questions: ClassVar[tuple[str, ...]] = ASKED
    """Tasks that questions can be put as; the first one is what they are put as where nobody says otherwise."""

    def __init__(
        self,
        *,
        indexer: str | Mapping[str, Any] = "random",
        id_vectors: str | Mapping[str, Any] = "positional",
        tasks: Mapping[str, float] | None = None,
        asks: str | None = None,
        encoder: EncoderSpec = DEFAULT_ENCODER,
        prompts: str = "p5",
        soft_prompts: int = 0,
        candidates: int = 20,
        max_length: int = 20,
        dimensions: int = 128,
        heads: int = 4,
        hidden: int = 256,
        blocks: int = 2,
        dropout: float = 0.1,
        tied: bool = True,
        spread: float = 0.2,
        over: str = "vocabulary",
        temperature: float = 1.0,
        beams: int = 30,
        words: int = 5000,
        max_read: int = 100,
        max_written: int = 20,
        learning_rate: float = 1e-3,
        weight_decay: float = 0.01,
        warmup: int = 100,
        clip: float = 1.0,
        batch_tokens: int = 4096,
        epochs: int = 100,
        patience: int = 5,
    ) -> None:
        self.indexer = indexer
        self.id_vectors = id_vectors
        self.tasks = dict(self.usual_tasks if tasks is None else tasks)
        self.asks = self.questions[0] if asks is None else asks
        self.encoder = encoder
        self.prompts = prompts
        self.soft_prompts = soft_prompts
        self.candidates = candidates
        self.max_length = max_length
        self.dimensions = dimensions
        self.heads = heads
        self.hidden = hidden
        self.blocks = blocks
        self.dropout = dropout
        self.tied = tied
        self.spread = spread
        self.over = over
        self.temperature = temperature
        self.beams = beams
        self.words = words
        self.max_read = max_read
        self.max_written = max_written
        self.learning_rate = learning_rate
        self.weight_decay = weight_decay
        self.warmup = warmup
        self.clip = clip
        self.batch_tokens = batch_tokens
        self.epochs = epochs
        self.patience = patience

    def settings(self) -> Settings:
        """Return the constructor's arguments."""
        return {name: getattr(self, name) for name in signature(type(self)).parameters}

    def is_settled(self) -> bool:
        """Say whether the number of epochs is not to be chosen on validation queries."""
        return self.patience == 0

    def settled_settings(self) -> Settings:
        """Return the constructor's arguments for as many epochs as the best one took here, whatever comes of them."""
        return {**self.settings(), "epochs": self.settings_["best_epoch"], "patience": 0}

    def _fit(self, train: Dataset, valid: HeldOut | None, run: Run) -> None:
        _check(self)
        try:
            import torch  # noqa: F401
        except ImportError as error:
            raise MissingExtraError(f"training '{self.name}'", "torch") from error
        self._run, self._sample = run, None
        self._graph, self._valid = self._graph_of(train, valid), valid
        if valid is not None and len(valid) and self.patience:
            self._sample = valid.sample(2500, run.rng("selection"))
        self._learn(train, self.settings())
        self._sample, self._valid = None, None

    def _graph_of(self, train: Dataset, valid: HeldOut | None) -> IdGraph:
        """Return the graph of the training events, checked for pairs of the validation part."""
        graph = IdGraph.of(train)
        if valid is not None:
            refuse_held_out(graph, valid)
        return graph

    def _learn(self, train: Dataset, settings: Settings) -> None:
        from tastemaker.models.generative_training import GenerativeTask, train_generative

        run = self._run
        prompts = load_prompts(self.prompts, self.tasks)
        material = Material(train, self._valid, self._graph, prompts, settings)
        kinds, source = id_settings(self.id_vectors, self.tasks)
        given = given_vectors(source, train, self._valid, self._graph, self.dimensions, run)
        indexer = make_indexer(self.indexer)
        vectors = text_vectors(train, self.encoder, run) if isinstance(indexer, Semantic) else None
        codes = indexer.fit(train, vectors, run)
        numbers = run.rng("numbers of people").permutation(len(self._graph.people))
        self.popularity_ = popularity(train)
        alphabet = Alphabet(codes, _people_codes(numbers), material.vocabulary(vocabulary_of(prompts)))
        told, spoken = material.told(alphabet)
        self._know(alphabet, self._graph.people, prompts, spoken)
        task = GenerativeTask(train, settings, prompts, alphabet, kinds, self._graph, run, self._value, given, told)
        trained = train_generative(task, settings, run, self.name, self._identity(train, settings, told, run))
        self.network_ = task.module
        self.weights_, self.form_ = task.module.kept(), task.module.form()
        self.training_ = trained.log
        self.settings_tried_ = sum("value" in entry for entry in trained.log)
        self.settings_ = {**settings, "best_epoch": trained.best_epoch, "threads": trained.threads}

    def _value(self, network: Any) -> float | None:
        """Return NDCG@10 on the sample of validation queries, averaged over the tasks that recommend."""
        if self._sample is None:
            return None
        self.network_ = network
        found = [
            validation_ndcg(
                lambda queries, task=task: self._answers(queries, task, self.beams),  # type: ignore[misc]
                self._sample,
                self.items_.ids,
                seed=self._run.seed,
            )
            for task in ASKED
            if task in self.tasks
        ]
        return float(np.mean(found))

    @cached_property
    def _share(self) -> NDArray[np.float32]:
        """Popularity as a share of the highest, float32 ``[n]``."""
        return self.popularity_ / max(float(self.popularity_.max(initial=0)), 1.0)

    def score(self, queries: QueryBatch) -> Scores:
        """Score the whole vocabulary, float32 ``[q, n]``: log-probabilities of the items' codes.

        What no beam found, or has no code, comes after all else, the better known first.
        """
        self._need_fitted()
        return self._answers(queries, self.asks, NARROW)

    def _open_scores(self, queries: QueryBatch, out: NDArray[np.bool_]) -> Scores:
        """Return the scores of what may be recommended; a beam looks for nothing else."""
        scores = self._answers(queries, self.asks, NARROW, ~out)
        scores[out] = -np.inf
        return scores

    def _answers(self, queries: QueryBatch, task: str, narrow: int, wanted: NDArray[np.bool_] | None = None) -> Scores:
        people = np.array([self._places.get(user, -1) for user in queries.user_ids], dtype=np.int64)
        scores = np.empty((len(queries), len(self.items_)), dtype=np.float32)
        strangers = (people < 0) & (task == "direct") & ("sequential" in self.tasks)
        for rows, asked in ((np.flatnonzero(~strangers), task), (np.flatnonzero(strangers), "sequential")):
            if len(rows):
                some = None if wanted is None else wanted[rows, : len(self.alphabet_.items)]
                scores[rows] = self._written(queries[rows], people[rows], asked, narrow, some)
        return scores

    def _written(
        self, queries: QueryBatch, people: Ints, task: str, narrow: int, wanted: NDArray[np.bool_] | None
    ) -> Scores:
        """Return the scores of all items after the bare prompt of a task."""
        from tastemaker.models.generative_network import all_scores

        history = self._history(queries).latest(self.max_length)
        prompted = self._prompter.write(self._prompts[task][-1], people, history=history)
        network, start = self.network_.eval(), self.alphabet_.start
        found = all_scores(network, prompted, task, self._trie, self.settings(), start, narrow, wanted)
        found = np.pad(found, ((0, 0), (0, len(self.items_) - found.shape[1])), constant_values=-np.inf)
        missing = ~np.isfinite(found)
        lowest = np.where(missing, np.inf, found).min(axis=1, keepdims=True)
        floor = np.where(np.isfinite(lowest), lowest, 0.0) - 2.0 + self._share
        return np.where(missing, floor, found).astype(np.float32)

    def _history(self, queries: QueryBatch) -> Lists:
        """Return the known items with a positive weight of each history."""
        indptr, positions = queries.flatten()
        items = self.items_.index(queries.dictionary)[queries.codes[positions]].astype(np.int64)
        read = (items != UNKNOWN) & (queries.weights[positions] > 0) & (items < len(self.alphabet_.items))
        return Lists(items[read], np.append(0, np.cumsum(read))[indptr])

    def _degraded(self, batch: QueryBatch, numbers: NDArray[np.int32]) -> tuple[str, ...]:
        notes = super()._degraded(batch, numbers)
        if self.asks == "direct" and len(batch) == 1 and batch.user_ids[0] in self._places:
            return tuple(note for note in notes if not note.startswith("no history"))
        return notes

    def _parts(self, query: Query, item: int) -> Contributions:
        """Say what the score loses when an event is taken out of the history; these do not add up."""
        asked = tuple(event for event in query.asked_with() if event.weight > 0)[-self.max_length :]
        histories = [asked, *(asked[:place] + asked[place + 1 :] for place in range(len(asked)))]
        batch = QueryBatch.of([Query(user_id=query.user_id, history=history, now=query.now) for history in histories])
        scores = self.score(batch)[:, item]
        parts = [
            Contribution("item", event.item_id, float(scores[0] - score))
            for event, score in zip(asked, scores[1:], strict=True)
        ]
        return Contributions(self.items_.ids[item], float(scores[0]), tuple(parts), additive=False)


def _people_codes(numbers: NDArray[np.int64]) -> Codes:
    return digit_codes(numbers, 2, max(2, smallest_base(len(numbers), 2)))


def _check(model: Generative) -> None:
    if not model.tasks or not set(model.tasks) <= set(TASKS):
        wrong = next(iter(set(model.tasks) - set(TASKS)), "")
        raise ModelError(f"there is no task '{wrong}'", where="tasks", remedy=nearest(wrong, TASKS))
    if model.asks not in model.questions:
        remedy = nearest(model.asks, model.questions)
        raise ModelError(f"questions cannot be put as '{model.asks}'", where="asks", remedy=remedy)
    if model.asks not in model.tasks:
        raise ModelError(f"the task '{model.asks}' is asked and not learnt", where="asks", remedy="Name it in tasks.")
    if model.over not in OVERS:
        raise ModelError(f"there are no probabilities over '{model.over}'", remedy=nearest(model.over, OVERS))
    if model.spread <= 0:
        raise ModelError(f"vectors of spread {model.spread} tell no tokens apart", where="spread")
    if model.dimensions % model.heads:
        raise ModelError(f"{model.heads} heads do not divide {model.dimensions} dimensions", where="heads")
    if min(model.tasks.values()) <= 0 or model.candidates < 2 or model.max_length < 1:
        raise ModelError("shares of tasks must be above 0, candidates at least 2, max_length at least 1")
    if min(model.words, model.max_read, model.max_written) < 1:
        raise ModelError("words, max_read and max_written must be at least 1")
