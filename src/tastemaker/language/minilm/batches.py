"""From texts to unit vectors over any way to compute the network: batches of like length, pooling, threads."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from typing import Final, Protocol

import numpy as np
from numpy.typing import NDArray

from tastemaker.core.run import Advance, Run
from tastemaker.language.minilm.wordpiece import WordPiece

# A batch of so many tokens stays in a processor's caches on its way through the network.
_TOKENS_AT_ONCE: Final = 1024
_TEXTS_AT_ONCE: Final = 1 << 15


class Backend(Protocol):
    """What computes the network. Several threads ask it at once."""

    @property
    def precision(self) -> str:
        """In which numbers it multiplies matrices: ``float32``, ``bfloat16`` or ``int8``."""
        ...

    def hidden(self, ids: NDArray[np.int64], lengths: NDArray[np.int64]) -> NDArray[np.float32]:
        """Return the last hidden states, float32 ``[b, t, d]``; those of padding mean nothing.

        Args:
            ids: Of the pieces, ``[b, t]``, padded with any that exists.
            lengths: How many pieces each row has, ``[b]``, at least 1.
        """
        ...


def means(hidden: NDArray[np.float32], lengths: NDArray[np.int64]) -> NDArray[np.float32]:
    """Return each text's mean hidden state, padding left out: float32 ``[b, d]``.

    Source: N. Reimers and I. Gurevych (2019), Sentence-BERT, section 3 ("MEAN").
    """
    return np.stack([row[:length].mean(axis=0) for row, length in zip(hidden, lengths, strict=True)])


def unit(vectors: NDArray[np.float32]) -> NDArray[np.float32]:
    """Scale each vector to length 1, in place; one of zeros stays so."""
    vectors /= np.maximum(np.linalg.norm(vectors, axis=1, keepdims=True), np.float32(1e-12))
    return vectors


def batches_of(lengths: NDArray[np.int64], tokens: int = _TOKENS_AT_ONCE) -> Iterator[NDArray[np.int64]]:
    """Yield the places of texts of like length, shortest first, so many that they have at most so many tokens.

    >>> [batch.tolist() for batch in batches_of(np.array([3, 9, 3, 8]), tokens=12)]
    [[0, 2], [3], [1]]
    """
    order = np.argsort(lengths, kind="stable")
    begin = 0
    for end in range(1, len(order) + 1):
        if end == len(order) or (end + 1 - begin) * lengths[order[end]] > tokens:
            yield order[begin:end]
            begin = end


def _padded(ids: Sequence[Sequence[int]]) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
    lengths = np.fromiter(map(len, ids), dtype=np.int64, count=len(ids))
    padded = np.zeros((len(ids), lengths.max()), dtype=np.int64)
    padded[np.arange(padded.shape[1]) < lengths[:, None]] = [one for of_text in ids for one in of_text]
    return padded, lengths


@contextmanager
def _mapping(threads: int) -> Iterator[Callable[..., Iterator[int]]]:
    """Yield what maps a function over batches: in this thread where there is one, else in so many."""
    if threads == 1:
        yield map
        return
    with ThreadPoolExecutor(threads) as pool:
        yield pool.map


def encode_pieces(
    texts: Sequence[Sequence[int]], backend: Backend, dim: int, threads: int, advance: Advance
) -> NDArray[np.float32]:
    """Encode texts that are cut into pieces, those of like length together, each thread at a batch of its own.

    Threads that share one product wait for each other; threads with a product each do not.

    Args:
        texts: The ids of each text's pieces, at least one.
        backend: Computes the network.
        dim: How long its vectors are.
        threads: How many.
        advance: Told how many texts are done.

    Returns:
        The mean hidden states, float32 ``[n, dim]``.
    """
    from threadpoolctl import threadpool_limits

    vectors = np.zeros((len(texts), dim), dtype=np.float32)

    def encode(places: NDArray[np.int64]) -> int:
        padded, lengths = _padded([texts[place] for place in places])
        vectors[places] = means(backend.hidden(padded, lengths), lengths)
        return len(places)

    lengths = np.fromiter(map(len, texts), dtype=np.int64, count=len(texts))
    with threadpool_limits(1), _mapping(threads) as mapped:
        for done in mapped(encode, batches_of(lengths)):
            advance(done)
    return vectors


def unit_vectors(
    texts: Sequence[str], tokenizer: WordPiece, backend: Backend, dim: int, max_tokens: int, run: Run
) -> tuple[NDArray[np.float32], int]:
    """Encode texts as vectors of length 1.

    Args:
        texts: Any texts; an empty one is its start and its end.
        tokenizer: Cuts them.
        backend: Computes the network.
        dim: How long its vectors are.
        max_tokens: Longer texts are cut to so many pieces, start and end among them.
        run: Gives the threads, and is told how many texts are done.

    Returns:
        The vectors, float32 ``[n, dim]``, and how many texts were cut.
    """
    vectors = np.zeros((len(texts), dim), dtype=np.float32)
    cut = 0
    with run.track("Encoding texts", len(texts)) as advance:
        for begin in range(0, len(texts), _TEXTS_AT_ONCE):
            part = slice(begin, begin + _TEXTS_AT_ONCE)
            pieces = [tokenizer.encode(text, max_tokens) for text in texts[part]]
            cut += sum(was_cut for _, was_cut in pieces)
            vectors[part] = encode_pieces([ids for ids, _ in pieces], backend, dim, run.threads, advance)
    return unit(vectors), cut
