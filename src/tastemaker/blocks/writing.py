"""Sentences from a model that writes words: beam search until the end mark, without repeating itself.

Nothing here knows the network: a step function says what it thinks of the next token. What writes codes of items along
a trie is `tastemaker.blocks.decoding`.
"""

from __future__ import annotations

import numpy as np
import torch
from numpy.typing import ArrayLike, NDArray

from tastemaker.blocks.decoding import StepFunction
from tastemaker.core.errors import ConfigError, ModelError

Ints = NDArray[np.int64]
Floats = NDArray[np.float64]


def write(
    step: StepFunction,
    queries: int,
    legal: ArrayLike,
    *,
    start: int,
    end: int,
    most: int,
    beams: int = 1,
    no_repeat: int = 3,
    length_penalty: float = 1.0,
    device: torch.device | str = "cpu",
) -> list[Ints]:
    """Return what a beam search writes to each query: one legal token or more, without the end mark.

    Probabilities of the next token are shared out among the legal ones and the end mark. The end mark may not come
    first, and where it has not come after ``most`` tokens the answer is cut off there.

    Args:
        step: The model, at its start.
        queries: ``q``, how many the model answers at once.
        legal: Tokens that may be written, int, each once.
        start: The token before the first.
        end: The token after the last.
        most: Tokens of an answer, at most.
        beams: Answers of a query that are followed; 1 is greedy.
        no_repeat: No stretch of so many tokens occurs twice in an answer; 0 allows it.
        length_penalty: Of finished answers that is taken whose log-probability, divided by this power of its number of
            tokens with the end mark, is highest.
        device: Where the model is.

    Returns:
        An int64 array for each query.

    Raises:
        ConfigError: ``beams`` or ``most`` is not positive, or nothing is legal.
        ModelError: The model returns what is no number.
    """
    tokens = np.append(np.asarray(legal, dtype=np.int64), end)
    if min(beams, most) < 1 or len(tokens) < 2:
        raise ConfigError(
            f"nothing can be written with beams={beams}, most={most} and {len(tokens) - 1} legal tokens",
            remedy="Give positive numbers, and tokens that may be written.",
        )
    lines = np.empty((queries, 1, 0), dtype=np.int64)
    scores, lengths = np.zeros((queries, 1)), np.zeros((queries, 1), dtype=np.int64)
    done = np.zeros((queries, 1), dtype=bool)
    last, rows = np.full(queries, start), np.arange(queries)
    columns = torch.from_numpy(tokens).to(device)
    for place in range(most):
        with torch.no_grad():
            logits = step(torch.from_numpy(last).to(device), torch.from_numpy(rows).to(device))
            grown = logits[:, columns].double().log_softmax(dim=1).cpu().numpy()
        if np.isnan(grown).any():
            raise ModelError("the model's scores of the next token are no numbers", where="logits")
        grown = grown.reshape(queries, -1, len(tokens))
        if place == 0:
            grown[:, :, -1] = -np.inf
        grown[_repeats(lines, tokens, no_repeat)] = -np.inf
        # An answer that is done stays as it is: the end mark again, for nothing.
        grown[done] = -np.inf
        grown[done, -1] = 0.0
        parents, chosen, scores = _best(scores[:, :, None] + grown, beams)
        lines = np.concatenate(
            [np.take_along_axis(lines, parents[:, :, None], axis=1), tokens[chosen][:, :, None]], axis=2
        )
        lengths = np.take_along_axis(lengths, parents, axis=1) + ~np.take_along_axis(done, parents, axis=1)
        done = chosen == len(tokens) - 1
        if (done | ~np.isfinite(scores)).all():
            break
        width = grown.shape[1]
        last, rows = tokens[chosen].ravel(), (np.arange(queries)[:, None] * width + parents).ravel()
    return _chosen(lines, scores / np.maximum(lengths, 1) ** length_penalty, end)


def _repeats(lines: Ints, tokens: Ints, length: int) -> NDArray[np.bool_]:
    """Return which tokens would end a stretch of ``length`` that a line has already, bool ``[q, b, tokens]``."""
    queries, beams, places = lines.shape
    found = np.zeros((queries, beams, len(tokens)), dtype=bool)
    if length < 1 or places < length:
        return found
    numbers = np.full(int(tokens.max()) + 1, -1)
    numbers[tokens] = np.arange(len(tokens))
    stretches = np.lib.stride_tricks.sliding_window_view(lines, length, axis=2)
    latest = lines[:, :, places - length + 1 :]
    same = (stretches[:, :, :, :-1] == latest[:, :, None, :]).all(axis=3)
    query, beam, first = np.nonzero(same)
    found[query, beam, numbers[stretches[query, beam, first, -1]]] = True
    found[:, :, -1] = False
    return found


def _best(scores: Floats, beams: int) -> tuple[Ints, Ints, Floats]:
    """Return line, token and score of the best continuations of each query, each ``[q, beams]``, ties as they come."""
    queries, _, tokens = scores.shape
    flat = scores.reshape(queries, -1)
    if flat.shape[1] < beams:
        flat = np.pad(flat, ((0, 0), (0, beams - flat.shape[1])), constant_values=-np.inf)
    columns = np.sort(np.argpartition(-flat, beams - 1, axis=1)[:, :beams], axis=1)
    order = np.argsort(-np.take_along_axis(flat, columns, axis=1), axis=1, kind="stable")
    columns = np.take_along_axis(columns, order, axis=1)
    best = np.take_along_axis(flat, columns, axis=1)
    columns = np.where(np.isfinite(best), columns, 0)
    return columns // tokens, columns % tokens, best


def _chosen(lines: Ints, scores: Floats, end: int) -> list[Ints]:
    """Return the line with the highest score of each query, up to its end mark."""
    best = lines[np.arange(len(lines)), scores.argmax(axis=1)]
    return [line[: int((line == end).argmax())] if (line == end).any() else line for line in best]
