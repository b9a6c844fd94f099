"""AlphaRec: collaborative filtering that knows items by their words alone, through one learnt map and the graph."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import replace
from functools import partial
from typing import Any, ClassVar, Final, NamedTuple

import numpy as np
from numpy.typing import NDArray
from scipy import sparse

from tastemaker.blocks.graph import handed_on, normalised, propagate
from tastemaker.core.errors import ModelError, nearest
from tastemaker.core.query import Query, QueryBatch
from tastemaker.core.recommendations import Contribution, Contributions
from tastemaker.core.run import Run
from tastemaker.data.catalogue import Catalogue
from tastemaker.data.dataset import Dataset
from tastemaker.data.heldout import HeldOut
from tastemaker.evaluation.ranking import validation_ndcg
from tastemaker.language.encoders import DEFAULT_ENCODER, EncoderSpec
from tastemaker.models import storage
from tastemaker.models.alpharec_training import Training
from tastemaker.models.base import Scores, Settings
from tastemaker.models.contrastive import Weights, directions, mapped, start
from tastemaker.models.history import AGE_DECAYS, History
from tastemaker.models.item_to_item import interaction_matrix
from tastemaker.models.linear_solvers import products
from tastemaker.models.selection import BlockScorer
from tastemaker.models.space import Choice, Integer, Real, Space
from tastemaker.models.vector_model import VectorModel

_MOST_QUERIES: Final = 5000
_MOST_EPOCHS: Final = 100


class _Asked(NamedTuple):
    """What some queries amount to.

    Attributes:
        shares: What each item of the history says, float32 ``[q, n]``; magnitudes of a row sum to 1, or are zeros.
        roots: Roots of the number of items in each history, float32 ``[q, 1]``.
        words: Vectors of what is asked for in words, float32 ``[q, d]``.
        word_shares: Share of the words in the vector of the person, float32 ``[q, 1]``.
    """

    shares: sparse.csr_array
    roots: NDArray[np.float32]
    words: NDArray[np.float32]
    word_shares: NDArray[np.float32]


class AlphaRec(VectorModel):
    """Language representations as the only ones (Sheng et al., 2025): no vector belongs to an item's or person's id.

    An item is the frozen vector of its text, a person the mean of their items. A learnt map ``f`` shortens both; what
    comes out is averaged over the graph of who touched what (`tastemaker.blocks.graph.propagate`), and the score is a
    cosine. ``f`` is learnt so that people are nearer to what they touched than to items drawn uniformly, the same
    ones for all pairs of a batch (`tastemaker.models.contrastive.infonce`).

    People are not kept. Whoever asks joins the graph as it was in training by edges to the items of their history,
    which carry to them and not from them; somebody who was there with the same history gets the vector they had. In a
    history that is let age, an item's share in both the mean and the edges is its decay. Without a known item and
    without words, popular items come first.

    Only ``f`` is learnt, so it can be taken elsewhere: `transfer`.

    Args:
        encoder: A text encoder by name, or by name and arguments.
        template: How the text of an item is made; empty for the usual one.
        hidden: Length of the layer between, for a map of two layers with LeakyReLU; 0 for a linear map.
        dimensions: Length of the vectors that come out of the map.
        layers: Steps along the graph, from 0.
        temperature: What cosines are divided by in the loss.
        negatives: Items drawn for each batch.
        batch_size: Pairs for each step.
        learning_rate: Adam's; the paper has .0005, and a patience of 20.
        weight_decay: Ridge on the map.
        epochs: How often each pair is looked at; ``None`` stops when NDCG@10 on up to 5,000 validation queries has
            not risen for ``patience`` epochs, at 100 at the latest, and takes the best; without validation it is 30.
        patience: See ``epochs``.
        age_decay: A key of `tastemaker.models.history.AGE_DECAYS`; the paper's histories have no order (``uniform``).
        text_share: Share of the words of a query in the vector of a person who has a history, from 0 to 1.

    Attributes:
        item_factors_: Directions of the items after map and graph, float32 ``[n, d]``.
        handed_on_: What items hand on to newcomers (`tastemaker.blocks.graph.handed_on`), float32 ``[n, d]``.
        map_: Weights of ``f``.
    """

    name: ClassVar[str] = "alpharec"
    grid: ClassVar[Mapping[str, tuple[Any, ...]]] = {
        "epochs": (30,),
        "age_decay": ("uniform", *[decay for decay in AGE_DECAYS if decay != "uniform"]),
    }
    fixed: ClassVar[tuple[str, ...]] = (
        "encoder",
        "template",
        "hidden",
        "dimensions",
        "layers",
        "temperature",
        "negatives",
        "batch_size",
        "learning_rate",
        "weight_decay",
        "patience",
        "text_share",
    )
    space: ClassVar[Space] = {
        "dimensions": Integer(32, 256, log=True),
        "layers": Integer(0, 3),
        "temperature": Real(0.05, 0.5, log=True),
        "learning_rate": Real(1e-4, 1e-2, log=True),
        "age_decay": Choice(tuple(AGE_DECAYS)),
    }

    item_factors_: NDArray[np.float32]
    handed_on_: NDArray[np.float32]
    map_: Weights

    def __init__(
        self,
        *,
        encoder: EncoderSpec = DEFAULT_ENCODER,
        template: str = "",
        hidden: int = 0,
        dimensions: int = 64,
        layers: int = 2,
        temperature: float = 0.15,
        negatives: int = 256,
        batch_size: int = 4096,
        learning_rate: float = 2e-3,
        weight_decay: float = 1e-6,
        epochs: int | None = None,
        patience: int = 5,
        age_decay: str | None = None,
        text_share: float = 0.5,
    ) -> None:
        self.encoder = encoder
        self.template = template
        self.hidden = hidden
        self.dimensions = dimensions
        self.layers = layers
        self.temperature = temperature
        self.negatives = negatives
        self.batch_size = batch_size
        self.learning_rate = learning_rate
        self.weight_decay = weight_decay
        self.epochs = epochs
        self.patience = patience
        self.age_decay = age_decay
        self.text_share = text_share

    def _fit(self, train: Dataset, valid: HeldOut | None, run: Run) -> None:
        settings = {name: self.grid[name][0] if value is None else value for name, value in self.settings().items()}
        self.settings_ = settings
        sample = valid.sample(_MOST_QUERIES, run.rng("selection")) if valid is not None and len(valid) else None
        self._encode(train, settings["encoder"], settings["template"], run)
        self._learn(train, settings, None if self.epochs is not None else sample, run)
        if sample is not None and self.age_decay is None:
            decays = [{**settings, "age_decay": decay} for decay in self.grid["age_decay"]]
            self.settings_ = self._select(train, sample, decays, run, settings, -1.0)[0]

    def _candidates(
        self, train: Dataset, sample: HeldOut, combinations: list[Settings]
    ) -> Iterator[tuple[Settings, BlockScorer]]:
        for settings in combinations:
            yield settings, partial(self._scored, decay=settings["age_decay"])

    def _learn(self, train: Dataset, settings: Settings, sample: HeldOut | None = None, run: Run | None = None) -> None:
        """Learn the map: for as long as it gets better on ``sample``, or else for the epochs that settings say."""
        run = run or Run()
        rng, touched = run.rng("alpharec"), interaction_matrix(train)
        self.map_ = start(self.vectors_.shape[1], settings["dimensions"], settings["hidden"], rng)
        training = Training(touched, _means(touched) @ self.vectors_, self.vectors_, self.map_, settings, rng)
        most = settings["epochs"] if sample is None else _MOST_EPOCHS
        scorer = partial(self._scored, decay=settings["age_decay"])
        best, best_value, best_epoch = self.map_, -1.0, 0
        with run.track("Learning the map", most) as advance:
            for epoch in range(1, most + 1):
                training.epoch()
                advance(1)
                if sample is None:
                    continue
                self._place(touched)
                value = validation_ndcg(scorer, sample, self.items_.ids, seed=run.seed, name=self.name)
                if value > best_value:
                    best, best_value, best_epoch = [part.copy() for part in self.map_], value, epoch
                elif epoch - best_epoch >= settings["patience"]:
                    break
        if sample is not None:
            self.map_, settings["epochs"] = best, best_epoch
            self.settings_tried_ += epoch
        self._place(touched)

    def _place(self, touched: sparse.csr_array) -> None:
        """Work out where the map and the graph put the items."""
        layers, graph = int(self.settings_["layers"]), normalised(touched)
        people = mapped(self.map_, _means(touched) @ self.vectors_)
        items = mapped(self.map_, self.vectors_)
        self.item_factors_ = np.asarray(directions(propagate(graph, people, items, layers)[1]), dtype=np.float32)
        degrees = np.bincount(touched.indices, minlength=touched.shape[1]).astype(np.float32)
        self.handed_on_ = np.asarray(handed_on(graph, degrees, people, items, layers), dtype=np.float32)

    def transfer(self, to: Dataset) -> AlphaRec:
        """Return a model of another catalogue with the map that was learnt here.

        Items and people get their vectors from the words and the graph of ``to``; nothing is learnt from it. What is
        returned has seen the events of ``to``, and names what was learnt from among its provenance's ``others``.

        Args:
            to: The other data set: its training part.

        Raises:
            DataError: Its items have no words.
        """
        self._need_fitted()
        there = type(self)(**self.settled_settings())
        there.settings_, there.settings_tried_ = dict(self.settings_), self.settings_tried_
        learnt_from = (self.provenance_.dataset, *self.provenance_.others)
        there.provenance_ = replace(to.provenance(), others=learnt_from)
        there._texts_of, there.map_ = self._texts_of, self.map_
        there.vectors_ = self._texts_of.items(to.catalogue, to.items.ids)
        there._count(to)
        there._place(interaction_matrix(to))
        there.items_ = to.items
        return there

    def score(self, queries: QueryBatch) -> Scores:
        """Score the whole vocabulary, float32 ``[q, n]``."""
        self._need_fitted()
        return self._scored(queries, self.settings_["age_decay"])

    def user_vectors(self, queries: QueryBatch) -> NDArray[np.float32]:
        """Return the vectors of some histories after map and graph, float32 ``[q, d]``."""
        self._need_fitted()
        return self._vectors(queries, self.settings_["age_decay"])

    def _scored(self, queries: QueryBatch, decay: str) -> Scores:
        people = np.asarray(directions(self._vectors(queries, decay)), dtype=np.float32)
        return self._settled(products(people, self.item_factors_))

    def _vectors(self, queries: QueryBatch, decay: str) -> NDArray[np.float32]:
        asked = self._asked(queries, decay)
        means = (1 - asked.word_shares) * (asked.shares @ self.vectors_) + asked.word_shares * asked.words
        known = (asked.roots > 0) | (asked.word_shares > 0)  # no offset of the map speaks for who said nothing
        first = np.where(known, mapped(self.map_, means), 0)
        vectors = first + asked.roots * (asked.shares @ self.handed_on_)
        return np.asarray(vectors / (self.settings_["layers"] + 1), dtype=np.float32)

    def _asked(self, queries: QueryBatch, decay: str) -> _Asked:
        shares, roots = _shares(History.of(queries, self.items_), len(self.items_), decay)
        words = self._words(queries)
        some = np.where(roots > 0, np.float32(self.settings_["text_share"]), np.float32(1))
        return _Asked(shares, roots, words, np.where(words.any(axis=1, keepdims=True), some, np.float32(0)))

    def _parts(self, query: Query, item: int) -> Contributions:
        batch = QueryBatch.of([query])
        asked = self._asked(batch, self.settings_["age_decay"])
        vector = self._vectors(batch, self.settings_["age_decay"])[0]
        length = max(float(np.linalg.norm(vector)), 1e-12) * (self.settings_["layers"] + 1)
        towards = self.item_factors_[item] / length
        history, shares = asked.shares.indices, asked.shares.data
        amounts = shares * asked.roots[0] * (self.handed_on_[history] @ towards)
        said = float(asked.word_shares[0, 0])
        parts = []
        if self.settings_["hidden"]:
            means = (1 - said) * (asked.shares @ self.vectors_) + said * asked.words
            amount = float(mapped(self.map_, means)[0] @ towards) if len(history) or said else 0.0
            parts.append(Contribution("feature", "the words of history and query together", amount))
        else:
            amounts = amounts + (1 - said) * shares * (mapped(self.map_, self.vectors_[history]) @ towards)
            if said:
                amount = said * float(mapped(self.map_, asked.words)[0] @ towards)
                parts.append(Contribution("text", query.text or "", amount))
        for number, amount in zip(history, amounts, strict=True):
            parts.append(Contribution("item", self.items_.ids[number], float(amount)))
        parts.append(Contribution("popularity", "popularity", float(self._prior[item])))
        return Contributions(self.items_.ids[item], float(sum(part.amount for part in parts)), tuple(parts))

    def _grow(self, catalogue: Catalogue, new: int) -> None:
        super()._grow(catalogue, new)
        first = np.asarray(mapped(self.map_, self.vectors_[-new:]), dtype=np.float32)
        self.item_factors_ = np.concatenate([self.item_factors_, directions(first)])
        self.handed_on_ = np.concatenate([self.handed_on_, first if self.settings_["layers"] else np.zeros_like(first)])

    def _state(self) -> tuple[dict[str, Any], storage.Tensors]:
        fitted, tensors = super()._state()
        tensors |= {f"map.{place}": part for place, part in enumerate(self.map_)}
        return fitted, {**tensors, "item_factors": self.item_factors_, "handed_on": self.handed_on_}

    def _restore(self, fitted: Mapping[str, Any], tensors: storage.Tensors) -> None:
        super()._restore(fitted, tensors)
        self.map_ = [tensors[f"map.{place}"] for place in range(4 if self.settings_["hidden"] else 1)]
        self.item_factors_, self.handed_on_ = tensors["item_factors"], tensors["handed_on"]


def _means(touched: sparse.csr_array) -> sparse.csr_array:
    """Return the rows of ones of ``touched`` divided by how many they are."""
    counts = np.diff(touched.indptr)
    data = np.repeat(1 / np.maximum(counts, 1), counts).astype(np.float32)
    return sparse.csr_array((data, touched.indices, touched.indptr), shape=touched.shape)


def _shares(history: History, n: int, decay: str) -> tuple[sparse.csr_array, NDArray[np.float32]]:
    """Return the items of each history in shares ``[q, n]``, an item once as in the graph, and the root of how many."""
    if decay not in AGE_DECAYS:
        raise ModelError(f"there is no age decay '{decay}'", remedy=nearest(decay, AGE_DECAYS))
    keys = history.query * max(n, 1) + history.items
    latest = np.sort(len(keys) - 1 - np.unique(keys[::-1], return_index=True)[1])
    latest = latest[history.weights[latest] != 0]
    query = history.query[latest]
    amounts = np.sign(history.weights[latest]) * AGE_DECAYS[decay](history.ages[latest])
    total = np.bincount(query, np.abs(amounts), history.queries)
    data = (amounts / total[query]).astype(np.float32)
    roots = np.sqrt(np.bincount(query, minlength=history.queries)).astype(np.float32)
    return sparse.csr_array((data, (query, history.items[latest])), shape=(history.queries, n)), roots[:, None]
