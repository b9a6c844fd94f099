"""A graph that holds the answers: what untrained vectors of it score, beside those of the training events' graph.

The graph in ELMRec's released code is made of a random part of all reviews, in which half of the test's pairs are.
"""

from __future__ import annotations

import hashlib
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, replace
from functools import cached_property, partial
from typing import Any, ClassVar, Final

import numpy as np
from numpy.typing import NDArray

from tastemaker.blocks.id_graph import IdGraph, edges_of, refuse_held_out
from tastemaker.blocks.id_tables import IdSettings, Kind, make_table, sides
from tastemaker.core.query import QueryBatch
from tastemaker.core.run import Run
from tastemaker.data import Dataset, HeldOut, Split
from tastemaker.evaluation.ranking import Scorer
from tastemaker.models import Generative
from tastemaker.systems.reproduction.leak import Contestant, LeakRow

DIMENSIONS: Final = 256
LAYERS: Final = 4
"""Numbers of each vector, 512 in the released code, and steps along the graph."""

ABOUT: Final = (
    "The graph in the released code is made of a random part of all reviews, whatever the split, so that it has the "
    "very pair of about half of the answers that the test asks for. Here vectors are made of such a graph, half of all "
    "pairs of training, validation and test, and of the training events alone. An item scores the cosine of its vector "
    "and the person's: `random` are random features, spread four steps along the graph, and `svd` its leading "
    "directions, which these features blur; nobody trained them. `trained` is the direct task of the model with either "
    "graph. Elsewhere here a graph is checked, and the second one would be refused."
)

GRAPHS: Final = {"clean": "training events", "leaked": "half of all pairs"}
UNTRAINED: Final[Mapping[str, Kind]] = {"random": "propagated", "svd": "svd"}
VECTORS: Final = (*UNTRAINED, "trained")


@dataclass(frozen=True)
class Pairs:
    """Pairs of people and items, and which of them answer something.

    Attributes:
        graph: The pairs.
        held: Validation and test part of the split.
    """

    graph: IdGraph
    held: tuple[HeldOut, ...]

    def answers(self, part: HeldOut) -> NDArray[np.bool_]:
        """Return of which answers the graph has the pair, bool ``[t]``."""
        pairs = _pairs_of(self.graph, part)
        width = len(self.graph.items)
        inside = np.isin(pairs @ [width, 1], self.graph.edges @ [width, 1])
        return np.asarray(inside & (pairs >= 0).all(axis=1))

    @cached_property
    def rows(self) -> NDArray[np.int64]:
        """Original row numbers of the held-out events that the graph knows, int64 ``[m]``."""
        return np.concatenate([part.rows[self.answers(part)] for part in self.held])

    def share(self) -> float:
        """Return the share of the test's answers whose pair is an edge."""
        return float(self.answers(self.held[-1]).mean())


def half_of_all_pairs(split: Split, run: Run) -> IdGraph:
    """Return the graph of half of all pairs of the three parts, drawn by the run's seed: it holds answers of the test.

    Pairs with somebody or something that the training part does not know are left out.
    """
    graph = IdGraph.of(split.train)
    held = [_pairs_of(graph, part) for part in (split.valid, split.test)]
    pairs = np.unique(np.concatenate([edges_of(split.train), *held]), axis=0)
    pairs = pairs[(pairs >= 0).all(axis=1)]
    drawn = run.rng("half of all pairs").permutation(len(pairs))[: len(pairs) // 2]
    return replace(graph, edges=pairs[np.sort(drawn)])


def _pairs_of(graph: IdGraph, part: HeldOut) -> NDArray[np.int64]:
    """Return person and item of each answer by their places in the graph, int64 ``[t, 2]``, negative if not there."""
    people = graph.person_rows(part.queries.user_ids)[part.query] - 1
    items = graph.item_rows(part.queries.dictionary)[part.targets] - 1 - len(graph.people)
    return np.stack([people, items], axis=1)


def contestants(split: Split, run: Run, *, recipe: Mapping[str, Any]) -> Iterator[Contestant]:
    """Yield rows for every graph and all that is made of it.

    Args:
        split: The three parts.
        run: Its seed draws the pairs and the random features.
        recipe: Arguments of `Generative` for the rows that are trained.

    Raises:
        LeakError: The graph of the training events holds answers.
    """
    held = (split.valid, split.test)
    clean = IdGraph.of(split.train)
    refuse_held_out(clean, *held)
    for key, graph in (("clean", clean), ("leaked", half_of_all_pairs(split, run))):
        pairs = Pairs(graph, held)
        row = partial(Contestant, graph=GRAPHS[key], inside=pairs.share())
        for name, kind in UNTRAINED.items():
            yield row(f"{name}-{key}", name, partial(untrained, graph, kind, run.seed))
        known = None if key == "clean" else pairs
        yield row(f"trained-{key}", "trained", partial(_trained, split, run, recipe, known), budget="full")


def untrained(graph: IdGraph, kind: Kind, seed: int) -> tuple[Scorer, NDArray[np.object_]]:
    """Return what scores items by the cosine of their untrained vectors to the person's, and the items' raw ids.

    Who is not in the graph has no vector, and all items score 0.

    Args:
        graph: Who touched what, or is said to have.
        kind: ``propagated`` or ``svd``.
        seed: Of the random features.
    """
    least = min(len(graph.people), len(graph.items))
    dimensions = max(1, min(DIMENSIONS, least - 1)) if kind == "svd" else DIMENSIONS
    settings = IdSettings(kind=kind, mode="frozen", layers=LAYERS, seed=seed)
    table = make_table(settings, graph, dimensions, token_rms=1.0).vectors
    lengths = np.linalg.norm(table, axis=1, keepdims=True)
    unit = np.divide(table, lengths, out=np.zeros_like(table), where=lengths > 0)
    items = np.ascontiguousarray(sides(graph, unit)[1].T)

    def score(queries: QueryBatch) -> NDArray[np.float32]:
        return np.asarray(unit[graph.person_rows(queries.user_ids)] @ items)

    return score, graph.items


def _trained(
    split: Split, run: Run, recipe: Mapping[str, Any], leaked: Pairs | None
) -> tuple[Scorer, NDArray[np.object_]]:
    model = Generative(**recipe) if leaked is None else CheatingGenerative.with_graph(leaked, recipe)
    model.fit(split.train, split.valid, run=run)
    return model.score, model.item_ids


class CheatingGenerative(Generative):
    """CHEATS: a `Generative` whose vectors of ids come from a graph that holds answers of the test.

    It is here to show what that is worth, and for nothing else. Its provenance names the answers that it has read, so
    that evaluation refuses it.
    """

    name: ClassVar[str] = "generative-that-cheats"

    _pairs: Pairs

    @classmethod
    def with_graph(cls, pairs: Pairs, recipe: Mapping[str, Any]) -> CheatingGenerative:
        """Return an unfitted model that will read these pairs instead of those of the training events."""
        model = cls(**recipe)
        model._pairs = pairs
        return model

    def _graph_of(self, train: Dataset, valid: HeldOut | None) -> IdGraph:
        pairs = self._pairs
        self._run.notify(
            f"{self.name}: the graph has {pairs.share():.0%} of the test's answers; what this model scores is no result"
        )
        seen = self.provenance_
        self.provenance_ = replace(seen, rows=np.union1d(seen.rows, pairs.rows))
        return pairs.graph

    def _identity(self, *given: Any, **named: Any) -> str:
        edges = self._pairs.graph.edges.astype("<i8").tobytes()
        return hashlib.sha256(super()._identity(*given, **named).encode() + edges).hexdigest()


def says(rows: Mapping[str, LeakRow]) -> str:
    """Say in a sentence or two what the rows show; nothing before the untrained ones and chance are there."""
    if not {"random-clean", "random-leaked", "chance"} <= rows.keys():
        return ""
    metric = [name for name in rows["chance"].metrics if name.startswith("hr@")][-1]
    known = {name: row.metrics[metric] for name, row in rows.items()}
    made = [name for name in VECTORS if {f"{name}-clean", f"{name}-leaked"} <= known.keys()]
    clean, leaked = (" and ".join(f"{known[f'{name}-{key}'].value:.2f} ({name})" for name in made) for key in GRAPHS)
    told = (
        f"With {rows['random-leaked'].inside:.0%} of the answers in the graph, {metric} is {leaked}; with none of "
        f"them it is {clean}, where chance is {known['chance'].value:.2f}."
    ).replace("%", " %")
    silent = [name for name in made if known[f"{name}-leaked"].low <= known[f"{name}-clean"].high]
    if silent == made:
        return f"{told} The intervals overlap: the leak does not show here."
    but = f" ({' and '.join(silent)} does not show it)" if silent else ""
    return f"{told} The difference is the leak{but}: a number from such a graph says nothing about a model."
