"""Where vectors of people and items come from that a model's prompts carry, and those that its codes are made of."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any, Final

import numpy as np
from numpy.typing import NDArray

from tastemaker.blocks.id_graph import IdGraph
from tastemaker.blocks.id_tables import IdSettings
from tastemaker.core.errors import ConfigError, nearest
from tastemaker.core.run import Run
from tastemaker.data.dataset import Dataset
from tastemaker.data.heldout import HeldOut
from tastemaker.language.encoders import EncoderSpec
from tastemaker.models.lightgcn import LightGCN
from tastemaker.models.text_vectors import TextVectors

Vectors = NDArray[np.float32]
IdSpec = str | Mapping[str, Any]


def id_settings(given: IdSpec, tasks: Mapping[str, float]) -> tuple[dict[str, IdSettings], str]:
    """Return which vectors of ids each task has, and the source of given ones; empty where none are given.

    Args:
        given: A ``kind``, or arguments of `IdSettings` with ``of`` for the source of the kind ``given``, or one of
            these for each task.
        tasks: Names of the tasks.

    Raises:
        ConfigError: A task is left out, or an argument or source does not exist.
    """
    by_task = isinstance(given, Mapping) and "kind" not in given
    if isinstance(given, Mapping) and by_task and given.keys() != tasks.keys():
        wanted = f"Give one for each of: {', '.join(tasks)}."
        raise ConfigError(
            f"id vectors are given for {', '.join(given) or 'no task'}", where="id_vectors", remedy=wanted
        )
    found, sources = dict[str, IdSettings](), set[str]()
    for task in tasks:
        one = given[task] if isinstance(given, Mapping) and by_task else given
        arguments: dict[str, Any] = {"kind": one} if isinstance(one, str) else dict(one)
        if arguments.get("kind") == "given":
            sources.add(str(arguments.pop("of", "")))
        try:
            found[task] = IdSettings(**arguments)
        except TypeError as error:
            raise ConfigError(f"id vectors cannot be made: {error}", where="id_vectors") from error
    for source in sorted(sources):
        if source not in SOURCES:
            raise ConfigError(
                f"there are no vectors of '{source}'", where="id_vectors", remedy=nearest(source, SOURCES)
            )
    if len(sources) > 1:
        raise ConfigError("all tasks must have given vectors of one source", where="id_vectors")
    return found, next(iter(sources), "")


def given_vectors(
    source: str, train: Dataset, valid: HeldOut | None, graph: IdGraph, dimensions: int, run: Run
) -> Vectors | None:
    """Return vectors of all people and then all items, float32 ``[u + n, d]``; none for no source."""
    return SOURCES[source](train, valid, graph, dimensions, run) if source else None


def text_vectors(train: Dataset, encoder: EncoderSpec, run: Run) -> Vectors:
    """Return the vectors of the items' texts, float32 ``[n, t]``."""
    return TextVectors.of(train, encoder, run=run).items(train.catalogue, train.items.ids, run)


def _of_lightgcn(train: Dataset, valid: HeldOut | None, graph: IdGraph, dimensions: int, run: Run) -> Vectors:
    """Return what LightGCN has learnt, its epochs chosen on validation."""
    model = LightGCN(dimensions=dimensions).fit(train, valid, run=run)
    return np.concatenate([model.user_factors_, model.item_factors_])


def _of_texts(train: Dataset, valid: HeldOut | None, graph: IdGraph, dimensions: int, run: Run) -> Vectors:
    """Return what MiniLM makes of the items' texts, in its leading directions, and the mean of theirs for people."""
    texts = text_vectors(train, "minilm", run)
    known = np.asarray(texts.any(axis=1))
    centred = np.where(known[:, None], texts - texts[known].mean(axis=0), 0)
    _, _, directions = np.linalg.svd(centred[known], full_matrices=False)
    items = centred @ directions[:dimensions].T
    items = np.pad(items, ((0, 0), (0, dimensions - items.shape[1])))
    counts = np.maximum(np.asarray(graph.touched.sum(axis=1)).ravel(), 1)[:, None]
    return np.concatenate([graph.touched @ items / counts, items]).astype(np.float32)


SOURCES: Final[Mapping[str, Callable[[Dataset, HeldOut | None, IdGraph, int, Run], Vectors]]] = {
    "lightgcn": _of_lightgcn,
    "text": _of_texts,
}
"""Where vectors of the kind ``given`` come from."""
