"""Items from a model that writes their codes token after token: beam search in a trie, and the scores of given items.

Nothing here knows the network: a step function says what it thinks of the next token.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Protocol

import numpy as np
import torch
from numpy.typing import ArrayLike, NDArray
from torch import Tensor

from tastemaker.blocks.trie import NOWHERE, OVERS, Over, Trie
from tastemaker.core.errors import ConfigError, ModelError


class StepFunction(Protocol):
    """What a model thinks of the next token; `tastemaker.blocks.encoder_decoder.Stepper` is one."""

    def __call__(self, tokens: Tensor, rows: Tensor) -> Tensor:
        """Return the logits after one more token in each row, float32 ``[m, v]``.

        Args:
            tokens: The last token of each row, int64 ``[m]``; ``m`` is a multiple of ``q``, the number of queries, and
                rows of one query stand together. In the first call it is ``q``, and the token is the start.
            rows: The rows of the last call that these continue, each of the same query, int64 ``[m]``; in the first
                call 0 to ``q - 1``.
        """


@dataclass(frozen=True)
class Found:
    """Items of each query, the best first, each at most once.

    Attributes:
        items: int64 ``[q, k]``, `NOWHERE` after the last.
        log_probabilities: Of their codes, sums over tokens, float64 ``[q, k]``, minus infinity after the last.
    """

    items: NDArray[np.int64]
    log_probabilities: NDArray[np.float64]


@dataclass(frozen=True)
class _Paths:
    """Beginnings of codes, sorted by query: query, node, last token, row of the last call, log-probability."""

    queries: NDArray[np.int64]
    nodes: NDArray[np.int64]
    tokens: NDArray[np.int64]
    rows: NDArray[np.int64]
    scores: NDArray[np.float64]

    def __getitem__(self, chosen: NDArray[np.int64] | NDArray[np.bool_]) -> _Paths:
        return _Paths(
            self.queries[chosen], self.nodes[chosen], self.tokens[chosen], self.rows[chosen], self.scores[chosen]
        )


def beam(
    step: StepFunction,
    trie: Trie,
    queries: int,
    k: int,
    beams: int,
    *,
    start: int,
    over: Over = "vocabulary",
    length_penalty: float = 0.0,
    mask: NDArray[np.bool_] | None = None,
    device: torch.device | str = "cpu",
) -> Found:
    """Return the items whose codes a beam search in the trie finds.

    Every item that one more token makes of a path is a candidate, so that there may be more items than beams. With as
    many beams as items the result is exact.

    Args:
        step: The model, at its start.
        trie: Codes of the items.
        queries: ``q``, how many the model answers at once.
        k: Items wanted for each.
        beams: Unfinished paths of a query that are followed.
        start: The token before the first.
        over: Whether probabilities of the next token add up to 1 over the ``vocabulary``, or over the tokens that are
            ``legal`` in the trie: as the model was trained (`tastemaker.blocks.token_losses`).
        length_penalty: Items are ordered by their log-probability divided by this power of their number of tokens.
        mask: Items that may be found, bool ``[q, n]``; ``None`` allows all of the trie. Probabilities stay those of the
            whole trie: to share them out among fewer items, give a `Trie.subset`.
        device: Where the model is.

    Raises:
        ConfigError: ``k`` or ``beams`` is not positive, or ``over`` is unknown.
        ModelError: The model returns what is no number.
    """
    if min(k, beams) < 1 or over not in OVERS:
        raise ConfigError(
            f"no beam search with k={k}, beams={beams}, over={over!r}",
            remedy=f"k and beams are positive, over is one of {', '.join(OVERS)}.",
        )
    may = None if mask is None else _reachable(trie, mask)
    every = np.arange(queries)
    paths = _Paths(every, np.full(queries, trie.root), np.full(queries, start), every, np.zeros(queries))
    finished, orders = [paths[every[:0]]], [np.zeros(0)]
    before, length = 1, 0
    while len(paths.queries):
        width = int(np.bincount(paths.queries).max())
        tokens, rows, places = _rows(paths, queries, before, width, start)
        with torch.no_grad():
            logits = step(torch.from_numpy(tokens).to(device), torch.from_numpy(rows).to(device))
            grown = _grown(paths, places, logits, trie, over)
        before, length = width, length + 1
        if may is not None:
            grown = grown[may[grown.queries, grown.nodes]]
        leaf = trie.item_of(grown.nodes) != NOWHERE
        ended, going = grown[leaf], grown[~leaf]
        finished.append(ended[_best(ended.queries, ended.scores, queries, k)])
        orders.append(finished[-1].scores / length**length_penalty)
        paths = going[_best(going.queries, going.scores, queries, beams)]
    return _collected(finished, orders, trie, queries, k)


def score_items(
    step: StepFunction,
    trie: Trie,
    candidates: ArrayLike,
    *,
    start: int,
    over: Over = "vocabulary",
    device: torch.device | str = "cpu",
) -> NDArray[np.float64]:
    """Return the log-probability of each candidate's code, exactly, float64 ``[q, c]``.

    What codes of a query's candidates begin with in common is worked out once. As many rows are in the model at once as
    the candidates of all queries have beginnings: score queries in blocks.

    Args:
        step: The model, at its start.
        trie: Codes of the items.
        candidates: Items, int ``[q, c]``; `NOWHERE`, or an item that is not in the trie, has minus infinity.
        start: The token before the first.
        over: As in `beam`.
        device: Where the model is.

    Raises:
        ModelError: The model returns what is no number.
    """
    wanted = np.asarray(candidates, dtype=np.int64)
    (queries, count), items = wanted.shape, len(trie.codes)
    known = (wanted >= 0) & (wanted < items)
    keys = np.arange(queries)[:, None] * items + wanted
    mask = np.zeros(queries * items, dtype=bool)
    mask[keys[known]] = True
    most = max(count, 1)
    found = beam(
        step, trie, queries, most, most, start=start, over=over, mask=mask.reshape(queries, items), device=device
    )
    there = found.items != NOWHERE
    found_keys = (np.arange(queries)[:, None] * items + found.items)[there]
    order = np.argsort(found_keys)
    scores = np.full(wanted.shape, -np.inf)
    known &= np.isin(keys, found_keys)
    scores[known] = found.log_probabilities[there][order][np.searchsorted(found_keys, keys[known], sorter=order)]
    return scores


def score_all(
    step: StepFunction,
    trie: Trie,
    queries: int,
    *,
    start: int,
    over: Over = "vocabulary",
    device: torch.device | str = "cpu",
) -> NDArray[np.float32]:
    """Return the log-probability of every item's code, exactly, float32 ``[q, n]``.

    A row for each node that is no leaf goes through the model for each query: for tries with few of these, as of one
    token an item, or of numbers in a large base. Items that a subset of a trie lacks have minus infinity.

    Args:
        step: The model, at its start.
        trie: Codes of the items.
        queries: ``q``, how many the model answers at once.
        start: The token before the first.
        over: As in `beam`.
        device: Where the model is.

    Raises:
        ModelError: The model returns what is no number.
    """
    found = np.full((queries, len(trie.codes)), -np.inf, dtype=np.float32)
    nodes, tokens, rows = np.array([trie.root]), np.array([start]), np.arange(queries)
    known = torch.zeros((queries, 1), device=device)
    while len(nodes):
        with torch.no_grad():
            logits = step(torch.from_numpy(np.tile(tokens, queries)).to(device), torch.from_numpy(rows).to(device))
            logits = logits.view(queries, len(nodes), -1)
            indptr, following, children = trie.allowed(nodes)
            owners = np.repeat(np.arange(len(nodes)), np.diff(indptr))
            at = torch.from_numpy(owners).to(device), torch.from_numpy(following.astype(np.int64)).to(device)
            scores = logits[:, at[0], at[1]]
            if over == "vocabulary":
                scores = scores - logits.logsumexp(dim=2)[:, at[0]]
            else:
                bounds = zip(indptr[:-1].tolist(), indptr[1:].tolist(), strict=True)
                sums = [scores[:, first:end].logsumexp(dim=1) for first, end in bounds]
                scores = scores - torch.stack(sums, dim=1)[:, at[0]]
            scores = scores + known[:, at[0]]
        leaf = trie.item_of(children) != NOWHERE
        found[:, trie.item_of(children[leaf])] = scores[:, torch.from_numpy(leaf)].cpu().numpy()
        going = np.flatnonzero(~leaf)
        rows = (np.arange(queries)[:, None] * len(nodes) + owners[going]).ravel()
        nodes, tokens, known = children[going], following[going].astype(np.int64), scores[:, torch.from_numpy(going)]
    if np.isnan(found).any():
        raise _no_number()
    return found


def _reachable(trie: Trie, mask: NDArray[np.bool_]) -> NDArray[np.bool_]:
    """Return whether each query may find an item at or below each node, bool ``[q, nodes]``."""
    may: NDArray[np.bool_] = (trie.items != NOWHERE) & mask[:, np.maximum(trie.items, 0)]
    levels, first, end = [], 0, 1
    while first < end:
        levels.append((first, end))
        first, end = int(trie.indptr[first]) + 1, int(trie.indptr[end]) + 1
    for first, end in reversed(levels):
        parents = first + np.flatnonzero(np.diff(trie.indptr[first : end + 1]))
        if len(parents):
            children = may[:, trie.indptr[first] + 1 : trie.indptr[end] + 1]
            may[:, parents] |= np.logical_or.reduceat(children, trie.indptr[parents] - trie.indptr[first], axis=1)
    return may


def _rows(
    paths: _Paths, queries: int, before: int, width: int, start: int
) -> tuple[NDArray[np.int64], NDArray[np.int64], NDArray[np.int64]]:
    """Return tokens and rows for the model, ``width`` for each query after ``before``, and where in them paths are."""
    places = paths.queries * width + _ranks(paths.queries, queries)
    tokens = np.full(queries * width, start)
    tokens[places] = paths.tokens
    # Rows that no path fills go on with one of their own query.
    rows = np.repeat(np.arange(queries) * before, width)
    rows[places] = paths.rows
    return tokens, rows, places


def _grown(paths: _Paths, places: NDArray[np.int64], logits: Tensor, trie: Trie, over: Over) -> _Paths:
    """Return each path with each token that may follow it."""
    indptr, tokens, children = trie.allowed(paths.nodes)
    owners = np.repeat(np.arange(len(paths.nodes)), np.diff(indptr))
    rows = places[owners]
    at = torch.from_numpy(rows).to(logits.device), torch.from_numpy(tokens.astype(np.int64)).to(logits.device)
    scores = logits[at].double().cpu().numpy()
    if over == "vocabulary":
        scores -= torch.logsumexp(logits, dim=1).double().cpu().numpy()[rows]
    else:
        scores -= _log_sums(scores, indptr)[owners]
    if np.isnan(scores).any():
        raise _no_number()
    return _Paths(paths.queries[owners], children, tokens.astype(np.int64), rows, paths.scores[owners] + scores)


def _no_number() -> ModelError:
    return ModelError(
        "the model's scores of the next token are no numbers",
        where="logits",
        remedy="Look at its training: a loss that is NaN, a learning rate that is too high.",
    )


def _log_sums(scores: NDArray[np.float64], indptr: NDArray[np.int64]) -> NDArray[np.float64]:
    """Return the logarithm of the sum of exponentials of each segment; minus infinity where it is empty."""
    sums = np.full(len(indptr) - 1, -np.inf)
    filled = np.flatnonzero(np.diff(indptr))
    if len(filled):
        sums[filled] = np.logaddexp.reduceat(scores, indptr[filled])
    return sums


def _ranks(queries: NDArray[np.int64], count: int) -> NDArray[np.int64]:
    """Return the place of each among those of its query, of which there are ``count`` in ascending order."""
    counts = np.bincount(queries, minlength=count)
    return np.arange(len(queries)) - (np.cumsum(counts) - counts)[queries]


def _best(queries: NDArray[np.int64], scores: NDArray[np.float64], count: int, width: int) -> NDArray[np.int64]:
    """Return where the ``width`` highest finite scores of each query are, the highest first, ties as they come.

    Queries ascend; there are ``count`` of them.
    """
    counts = np.bincount(queries, minlength=count)
    table = np.full((count, max(int(counts.max(initial=0)), 1)), np.inf)
    table[queries, _ranks(queries, count)] = -scores
    if width < table.shape[1]:
        columns = np.sort(np.argpartition(table, width - 1, axis=1)[:, :width], axis=1)
    else:
        columns = np.broadcast_to(np.arange(table.shape[1]), table.shape)
    order = np.argsort(np.take_along_axis(table, columns, axis=1), axis=1, kind="stable")
    columns = np.take_along_axis(columns, order, axis=1)
    kept = np.isfinite(np.take_along_axis(table, columns, axis=1))
    places: NDArray[np.int64] = ((np.cumsum(counts) - counts)[:, None] + columns)[kept]
    return places


def _collected(finished: list[_Paths], orders: list[NDArray[np.float64]], trie: Trie, queries: int, k: int) -> Found:
    """Return the first ``k`` of each query by ``orders``."""
    of = np.concatenate([each.queries for each in finished])
    by_query = np.argsort(of, kind="stable")
    best = by_query[_best(of[by_query], np.concatenate(orders)[by_query], queries, k)]
    at = of[best], _ranks(of[best], queries)
    items, scores = np.full((queries, k), NOWHERE, dtype=np.int64), np.full((queries, k), -np.inf)
    items[at] = trie.item_of(np.concatenate([each.nodes for each in finished]))[best]
    scores[at] = np.concatenate([each.scores for each in finished])[best]
    return Found(items, scores)
