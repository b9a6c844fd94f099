"""Answers without torch: the causal transformer of `tastemaker.blocks.sequence` in NumPy, and the times it reads."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any, Final, TypeAlias

import numpy as np
from numpy.typing import NDArray

from tastemaker.core.clock import MICROSECONDS_PER_DAY
from tastemaker.core.query import NO_TIME

Floats: TypeAlias = NDArray[np.float32]
Weights: TypeAlias = Mapping[str, NDArray[Any]]

_EPSILON: Final = np.float32(1e-5)
_EVENTS_AT_ONCE: Final = 4096

_GAPS: Final = ("since", "before")
_CALENDAR: Final = ("hour", "weekday", "month")
TIMES: Final[Mapping[str, tuple[str, ...]]] = {
    "none": (),
    "gaps": _GAPS,
    "calendar": _CALENDAR,
    "both": (*_GAPS, *_CALENDAR),
}
"""What is read of time: how long ago an event was when it was asked what follows (``since``), how long after the event
before it (``before``), and the hour, weekday and month of the asking, in UTC."""

_MICROSECONDS_PER_HOUR: Final = 3_600_000_000
_FIRST_WEEKDAY: Final = 3  # 1970 began on a Thursday
_ROWS: Final = {"since": 33, "before": 33, "hour": 25, "weekday": 8, "month": 13}
"""Rows that each has in the table of vectors: the first for the unknown, then gaps by their binary logarithm."""


class Transformer:
    """The weights of a `CausalTransformer`, by block, ready to answer again and again.

    Args:
        weights: Its state, by torch's names.
        heads: Heads of attention.
    """

    def __init__(self, weights: Weights, heads: int) -> None:
        self._weights, self._heads = weights, heads
        count = len({name.split(".")[1] for name in weights if name.startswith("blocks.")})
        self._blocks = [dict(_under(weights, f"blocks.{number}.")) for number in range(count)]

    def last_states(self, inputs: Floats, lengths: NDArray[np.int64]) -> Floats:
        """Return the state after the last event of each sequence, float32 ``[b, d]``.

        Args:
            inputs: Vectors of the events, float32 ``[b, l, d]``, from the left; what stands beyond a length is ignored.
            lengths: Events of each sequence, int64 ``[b]``, 1 or more.
        """
        x = inputs + self._weights["positions"][: inputs.shape[1]]
        last = lengths - 1
        for number, block in enumerate(self._blocks, start=1):
            x = _block(block, x, self._heads, last if number == len(self._blocks) else None)
        if not self._blocks:
            x = x[np.arange(len(x)), last]
        return _norm(x, self._weights, "norm")


def projected(weights: Weights, texts: Floats) -> Floats:
    """Return what a projector makes of vectors of texts, float32 ``[n, d]``.

    Args:
        weights: A linear layer (``weight``, ``bias``), or two with ReLU between (``0.``, ``2.``), by torch's names.
        texts: float32 ``[n, t]``.
    """
    if "weight" in weights:
        return np.asarray(texts @ weights["weight"].T + weights["bias"])
    return _linear(weights, "2", np.maximum(_linear(weights, "0", texts), 0))


def time_rows(kind: str) -> NDArray[np.int64]:
    """Return where the rows of each of ``TIMES[kind]`` begin, and where the last end, int64 ``[f + 1]``.

    The row at the beginning is that of the unknown.
    """
    return np.append(0, np.cumsum([_ROWS[name] for name in TIMES[kind]])).astype(np.int64)


def time_codes(
    times: NDArray[np.int64],
    starts: NDArray[np.int64],
    ends: NDArray[np.int64],
    now: NDArray[np.int64],
    kind: str,
) -> NDArray[np.int16]:
    """Return which rows of the table say when each event was and when it was asked what follows it, int16 ``[e, f]``.

    The moment of that question is the time of the event that follows, or ``now`` after the last. A gap of ``s``
    seconds has the ``floor(log2(1 + s))``-th row after the unknown, gaps below 0 are unknown, and nothing is before
    the first event of a sequence.

    Args:
        times: Microseconds since the epoch, int64 ``[e]``; `NO_TIME` where unknown.
        starts: First event of each sequence, int64 ``[q]``.
        ends: One past its last, int64 ``[q]``; a sequence may be empty, and events may belong to none.
        now: When it is asked what follows each sequence, int64 ``[q]``, in microseconds or `NO_TIME`.
        kind: A key of `TIMES`.
    """
    found = np.empty((len(times), len(TIMES[kind])), dtype=np.int16)
    if not found.size:
        return found
    some = ends > starts
    asked = np.concatenate([times[1:], times[:1]])
    asked[ends[some] - 1] = now[some]
    gaps = _gap(times, asked)
    for place, (name, first) in enumerate(zip(TIMES[kind], time_rows(kind).tolist(), strict=False)):
        if name == "since":
            found[:, place] = first + gaps
        elif name == "before":
            # The event before was asked what follows it at the time of this one.
            found[1:, place] = first + gaps[:-1]
            found[starts[some], place] = first
        else:
            found[:, place] = first + np.where(asked == NO_TIME, 0, 1 + _of_calendar(asked, name))
    return found


def asking_code(last: int, now: int, kind: str) -> tuple[int, ...]:
    """Return all that `time_codes` takes of the moment at which it is asked what follows a sequence.

    Args:
        last: Time of the last event in microseconds, or `NO_TIME`.
        now: When it is asked, in microseconds, or `NO_TIME`.
        kind: A key of `TIMES`.
    """
    found = []
    for name in TIMES[kind]:
        if name == "since":
            known = last != NO_TIME and now != NO_TIME and now >= last
            found.append(min((1 + (now - last) // 1_000_000).bit_length(), _ROWS[name] - 1) if known else 0)
        elif name in _CALENDAR:
            found.append(-1 if now == NO_TIME else int(_of_calendar(np.asarray([now]), name)[0]))
    return tuple(found)


def _of_calendar(moments: NDArray[np.int64], name: str) -> NDArray[np.int64]:
    """Return the hour of the day, the day of the week or the month of the year, from 0, int64 ``[e]``."""
    if name == "hour":
        return moments // _MICROSECONDS_PER_HOUR % 24
    if name == "weekday":
        return (moments // MICROSECONDS_PER_DAY + _FIRST_WEEKDAY) % 7
    return moments.view("datetime64[us]").astype("datetime64[M]").view(np.int64) % 12


def _gap(earlier: NDArray[np.int64], later: NDArray[np.int64]) -> NDArray[np.int64]:
    seconds = (later - earlier) // 1_000_000
    known = (earlier != NO_TIME) & (later != NO_TIME) & (seconds >= 0)
    bucket = 1 + np.log2(1.0 + np.where(known, seconds, 0)).astype(np.int64)
    return np.where(known, np.minimum(bucket, _ROWS["since"] - 1), 0)


def stand_ins(met: NDArray[np.bool_], kind: str) -> NDArray[np.int64]:
    """Return the row that serves for each row of the table, int64 ``[r]``: itself where training met it, bool ``[r]``.

    For a gap that training never met that is the nearest that it met, for an hour, weekday or month the unknown.
    """
    rows = np.arange(len(met))
    bounds = time_rows(kind)
    for name, first, end in zip(TIMES[kind], bounds[:-1], bounds[1:], strict=True):
        values = rows[first + 1 : end]
        known = values[met[values]]
        if name in _GAPS and len(known):
            rows[first + 1 : end] = known[np.abs(values[:, None] - known).argmin(axis=1)]
        else:
            rows[first + 1 : end] = np.where(met[values], values, first)
    return rows


def by_length(lengths: NDArray[np.int64], most: int = _EVENTS_AT_ONCE) -> Iterator[NDArray[np.int64]]:
    """Yield numbers of sequences of similar length, int64, at most ``most`` padded events at a time."""
    order = np.argsort(lengths, kind="stable")
    start = 0
    while start < len(order):
        sizes = np.arange(1, len(order) - start + 1) * lengths[order[start:]]
        end = start + max(1, int(np.searchsorted(sizes, most, side="right")))
        yield order[start:end]
        start = end


def _under(weights: Weights, prefix: str) -> Iterator[tuple[str, NDArray[Any]]]:
    return ((name.removeprefix(prefix), value) for name, value in weights.items() if name.startswith(prefix))


def _block(block: Weights, x: Floats, heads: int, last: NDArray[np.int64] | None) -> Floats:
    """Return the block's output at every position, or only at the places ``last``, ``[b, d]``."""
    added = _attention(block, _norm(x, block, "before_attention"), heads, last)
    if last is not None:
        x = x[np.arange(len(x)), last]
    gated = "attention_gate.weight" in block
    x = x + (added * _sigmoid(_linear(block, "attention_gate", x)) if gated else added)
    inside = _linear(block, "first", _norm(x, block, "before_forward"))
    if gated:
        opened, value = np.split(inside, 2, axis=-1)
        added = _linear(block, "second", opened * _sigmoid(opened) * value)
        return np.asarray(x + added * _sigmoid(_linear(block, "forward_gate", x)))
    x += _linear(block, "second", np.maximum(inside, 0, out=inside))
    return x


def _attention(block: Weights, x: Floats, heads: int, last: NDArray[np.int64] | None) -> Floats:
    b, length, d = x.shape
    width = d // heads
    inward = _linear(block, "attention.inward", x)
    q, k, v = inward[..., :d], inward[..., d : 2 * d], inward[..., 2 * d :]
    k, v = (each.reshape(b, length, heads, width).transpose(0, 2, 1, 3) for each in (k, v))
    here = np.arange(length)
    if last is None:
        q = q.reshape(b, length, heads, width).transpose(0, 2, 1, 3)
        allowed = here <= here[:, None]
    else:
        q = q[np.arange(b), last].reshape(b, heads, 1, width)
        allowed = (here <= last[:, None])[:, None, None, :]
    scores = q @ k.transpose(0, 1, 3, 2)
    scores *= np.float32(width**-0.5)
    if length > 1 and not (last is not None and last.min() == length - 1):
        scores = np.where(allowed, scores, np.float32(-np.inf))
    scores -= np.maximum.reduce(scores, axis=-1, keepdims=True)
    np.exp(scores, out=scores)
    scores /= np.add.reduce(scores, axis=-1, keepdims=True)
    mixed = np.asarray(scores @ v, dtype=np.float32).transpose(0, 2, 1, 3).reshape(b, -1, d)
    found = _linear(block, "attention.outward", mixed)
    return found if last is None else found[:, 0]


def _linear(weights: Weights, name: str, x: Floats) -> Floats:
    flat = x.reshape(-1, x.shape[-1]) @ weights[f"{name}.weight"].T
    flat += weights[f"{name}.bias"]
    return np.asarray(flat.reshape(*x.shape[:-1], -1))


def _norm(x: Floats, weights: Weights, name: str) -> Floats:
    # Means as sums: for one short history the checks of `mean` cost more than the sum.
    width = np.float32(x.shape[-1])
    mean: Floats = np.add.reduce(x, axis=-1, keepdims=True)
    mean /= width
    x = x - mean
    variance: Floats = np.add.reduce(np.square(x), axis=-1, keepdims=True)
    variance /= width
    variance += _EPSILON
    np.sqrt(variance, out=variance)
    x /= variance
    x *= weights[f"{name}.weight"]
    x += weights[f"{name}.bias"]
    return x


def _sigmoid(x: Floats) -> Floats:
    return np.asarray(0.5 + 0.5 * np.tanh(0.5 * x))
