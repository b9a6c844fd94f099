"""Vectors from a server: any that answers ``POST /v1/embeddings`` as OpenAI's does."""

from __future__ import annotations

import threading
from collections.abc import Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from typing import Any, ClassVar

import numpy as np
from numpy.typing import NDArray

from tastemaker.core.encoder import TextKind
from tastemaker.core.errors import ServiceError
from tastemaker.core.run import Run
from tastemaker.language.cleaning import cleaned
from tastemaker.language.encoders.identity import fingerprint_of
from tastemaker.language.encoders.postman import Postman
from tastemaker.language.encoders.prefixes import checked_prefixes
from tastemaker.language.encoders.registry import need_at_least
from tastemaker.language.services import checked_address, key_of


class Endpoint:
    """The vectors that a server gives, scaled to length 1.

    Texts lose control characters and are cut before they are sent; empty ones are not sent, and are zero. What fails
    in passing (no connection, no answer in time, "too many requests", the server's own errors) is tried again, after
    the time that the server asks for if it asks for one. What cannot be right (no JSON, too few vectors, another
    length than before, numbers that are none) is an error at once, and nothing of it is kept.

    Args:
        base_url: Address of the server up to and with the version, such as ``http://127.0.0.1:8080/v1``.
        model: Name of the model there.
        key_from: Name of the environment variable that holds the key; empty where none is needed. The key itself is
            never written anywhere.
        dim: How long a vector has to be; ``None`` takes what comes first.
        batch: Texts in one request.
        parallel: Requests at a time.
        timeout: Seconds that one request may take.
        retries: How often a request is sent again.
        max_chars: Where texts are cut.
        prefixes: What stands before a text of each kind (``item``, ``query``, ``user``), for models that want it so.
    """

    name: ClassVar[str] = "endpoint"
    normalised: ClassVar[bool] = True

    def __init__(
        self,
        base_url: str,
        model: str,
        key_from: str = "",
        dim: int | None = None,
        batch: int = 64,
        parallel: int = 4,
        timeout: float = 60.0,
        retries: int = 4,
        max_chars: int = 8000,
        prefixes: Mapping[str, str] | None = None,
    ) -> None:
        need_at_least(1, dim=dim, batch=batch, parallel=parallel, max_chars=max_chars)
        need_at_least(0, retries=retries)
        need_at_least(0.001, timeout=timeout)
        self.base_url = checked_address(base_url)
        self.model = model
        self.key_from = key_from
        self.batch = batch
        self.parallel = parallel
        self.timeout = timeout
        self.retries = retries
        self.max_chars = max_chars
        self.prefixes = checked_prefixes(prefixes)
        self.truncated = 0
        self._given_dim = dim
        self._seen_dim = dim
        self._lock = threading.Lock()
        self._postman = Postman(f"{self.base_url}/embeddings", timeout=timeout, retries=retries)

    @property
    def dim(self) -> int:
        """How long a vector is; asks the server where nobody has said it. Raises `ServiceError` as `encode` does."""
        if self._seen_dim is None:
            self._request(["dimension"])
        assert self._seen_dim is not None
        return self._seen_dim

    @property
    def fingerprint(self) -> str:
        """A hash of the address, the model's name and what is done to texts; what the server changes, it cannot see."""
        return fingerprint_of(self.name, self.base_url, self.model, self.max_chars, self.prefixes)

    def encode(self, texts: Sequence[str], kind: TextKind = "item", *, run: Run | None = None) -> NDArray[np.float32]:
        """Return the vectors of some texts, float32 ``[n, dim]``.

        Raises:
            ServiceError: The server cannot be reached, refuses, or answers what cannot be right.
            ConfigError: The environment variable of the key is not set.
        """
        prepared = [cleaned(text) for text in texts]
        places = [place for place, text in enumerate(prepared) if text]
        self.truncated += sum(len(prepared[place]) > self.max_chars for place in places)
        prefix = self.prefixes.get(kind, "")
        sent = [prefix + prepared[place][: self.max_chars] for place in places]
        batches = [sent[start : start + self.batch] for start in range(0, len(sent), self.batch)]
        answers = self._all(batches)
        found = np.zeros((len(texts), self.dim), dtype=np.float32)
        if answers:
            found[places] = np.concatenate(answers)
        return found

    def _all(self, batches: Sequence[list[str]]) -> list[NDArray[np.float32]]:
        if len(batches) < 2:
            return [self._request(batch) for batch in batches]
        with ThreadPoolExecutor(max_workers=self.parallel) as pool:
            asked = [pool.submit(self._request, batch) for batch in batches]
            try:
                return [answer.result() for answer in asked]
            finally:
                pool.shutdown(wait=False, cancel_futures=True)

    def _request(self, texts: list[str]) -> NDArray[np.float32]:
        answer = self._postman.ask({"model": self.model, "input": texts}, key_of(self.key_from, self.base_url))
        vectors = self._read(answer, len(texts))
        lengths = np.linalg.norm(vectors, axis=1, keepdims=True)
        return np.asarray(vectors / np.where(lengths > 0, lengths, 1), dtype=np.float32)

    def _read(self, answer: Any, wanted: int) -> NDArray[np.float64]:
        """Return the vectors of an answer in the order of the texts, float64 ``[n, dim]``."""
        try:
            rows = _in_order(answer["data"])
            vectors = np.asarray([row["embedding"] for row in rows], dtype=np.float64)
        except (KeyError, TypeError, ValueError) as error:
            raise self._wrong("JSON that holds no vectors as /v1/embeddings should") from error
        if len(vectors) != wanted:
            raise self._wrong(f"{len(vectors)} vectors for {wanted} texts")
        if vectors.ndim != 2 or not vectors.shape[1]:
            raise self._wrong("vectors that are none")
        if not np.isfinite(vectors).all():
            raise self._wrong("vectors with numbers that are none (NaN or infinite)")
        with self._lock:
            self._seen_dim = self._seen_dim or vectors.shape[1]
        if vectors.shape[1] != self._seen_dim:
            raise self._wrong(f"vectors of length {vectors.shape[1]} where {self._seen_dim} was expected")
        return vectors

    def _wrong(self, what: str) -> ServiceError:
        return ServiceError(
            f"the endpoint answered {what}",
            where=f"{self.base_url}, model {self.model}",
            remedy="Check the address and the model's name; what was encoded before is kept.",
        )

    def spec(self) -> dict[str, Any]:
        """Return what makes the same encoder again: the name of the variable that holds the key, never the key."""
        return {
            "name": self.name,
            "base_url": self.base_url,
            "model": self.model,
            "key_from": self.key_from,
            "dim": self._given_dim,
            "batch": self.batch,
            "parallel": self.parallel,
            "timeout": self.timeout,
            "retries": self.retries,
            "max_chars": self.max_chars,
            "prefixes": dict(self.prefixes),
        }


def _in_order(rows: Sequence[Mapping[str, Any]]) -> list[Mapping[str, Any]]:
    """Return the rows of an answer by their ``index``, where they have one."""
    if not any("index" in row for row in rows):
        return list(rows)
    ordered = sorted(rows, key=lambda row: int(row["index"]))
    if [row["index"] for row in ordered] != list(range(len(ordered))):
        raise ValueError("indices that are not 0, 1, 2, ...")
    return ordered
