"""Encoders that know nothing of what a text says: what a claim about language has to beat."""

from __future__ import annotations

import hashlib
from collections.abc import Mapping, Sequence
from typing import Any, ClassVar

import numpy as np
from numpy.typing import NDArray

from tastemaker.core.encoder import TextKind
from tastemaker.core.run import Run
from tastemaker.language.encoders.cache import encode_cached
from tastemaker.language.encoders.identity import fingerprint_of, pack_texts, text_bytes, unpack_texts
from tastemaker.language.encoders.registry import EncoderSpec, need_at_least
from tastemaker.language.encoders.wrapper import Wrapper


class RandomVectors:
    """Gaussian vectors of length 1, drawn from the hash of the text and a seed: same text, same vector.

    Two different texts are as good as orthogonal, however alike their words. An empty text is zero. The normal
    deviates are made of the bits of SHAKE-256 by the method of Box and Muller (1958), so that they are the same
    everywhere.

    Args:
        dim: How long a vector is.
        seed: Another seed gives other vectors.
    """

    name: ClassVar[str] = "random"
    cached: ClassVar[bool] = False
    normalised: ClassVar[bool] = True
    truncated: ClassVar[int] = 0

    def __init__(self, dim: int = 384, seed: int = 0) -> None:
        need_at_least(1, dim=dim)
        self.dim = dim
        self.seed = seed

    @property
    def fingerprint(self) -> str:
        """A hash of all that decides a vector."""
        return fingerprint_of(self.spec())

    def encode(self, texts: Sequence[str], kind: TextKind = "item", *, run: Run | None = None) -> NDArray[np.float32]:
        """Return the vectors of some texts, float32 ``[n, dim]``; all kinds are alike."""
        half = (self.dim + 1) // 2
        prefix = f"{self.seed}:".encode()
        bits = b"".join(hashlib.shake_256(prefix + text_bytes(text)).digest(8 * half) for text in texts)
        uniform = (np.frombuffer(bits, dtype="<u4").reshape(len(texts), 2, half) + 0.5) / 2**32
        radius, angle = np.sqrt(-2 * np.log(uniform[:, 0])), 2 * np.pi * uniform[:, 1]
        normal = np.concatenate([radius * np.cos(angle), radius * np.sin(angle)], axis=1)[:, : self.dim]
        normal /= np.linalg.norm(normal, axis=1, keepdims=True)
        normal[[not text for text in texts]] = 0
        return normal.astype(np.float32)

    def spec(self) -> dict[str, Any]:
        """Return what makes the same encoder again."""
        return {"name": self.name, "dim": self.dim, "seed": self.seed}


class Shuffled(Wrapper):
    """The vectors of another encoder, each given to the wrong text.

    The different texts that it is fitted on stand in a random ring, and each has the vector of the next: none keeps
    its own, each vector is used once, and all geometry stays but for which text is where. A text that it was not
    fitted on has the vector of one of the ring, chosen by its hash. An empty text keeps its own vector, since it says
    nothing. Where fewer than two texts were seen there is nothing to exchange.

    Args:
        of: The other encoder.
        seed: Another seed gives another ring.
    """

    name: ClassVar[str] = "shuffled"

    def __init__(self, of: EncoderSpec = "minilm", seed: int = 0) -> None:
        super().__init__(of)
        need_at_least(0, seed=seed)
        self.seed = seed

    def _learn(self, texts: Sequence[str], run: Run) -> None:
        known = [text for text in texts if text]
        self._stand([known[place] for place in np.random.default_rng(self.seed).permutation(len(known))])

    def _stand(self, ring: list[str]) -> None:
        self._ring = ring
        self._next = dict(zip(ring, [*ring[1:], *ring[:1]], strict=True))

    def instead_of(self, text: str) -> str:
        """Return the text whose vector a text has.

        Raises:
            NotFittedError: It has not seen any texts.
        """
        self._need_fitted()
        if not text or len(self._ring) < 2:
            return text
        if text in self._next:
            return self._next[text]
        drawn = hashlib.sha256(f"{self.seed}:".encode() + text_bytes(text)).digest()
        return self._ring[int.from_bytes(drawn[:8], "big") % len(self._ring)]

    def encode(self, texts: Sequence[str], kind: TextKind = "item", *, run: Run | None = None) -> NDArray[np.float32]:
        """Return the vectors of some texts, float32 ``[n, dim]``."""
        return encode_cached(self.of, [self.instead_of(text) for text in texts], kind, run=run)

    def _own_spec(self) -> dict[str, Any]:
        return {"seed": self.seed}

    def _own_tensors(self) -> dict[str, NDArray[Any]]:
        return pack_texts("ring", self._ring)

    def _restore(self, tensors: Mapping[str, NDArray[Any]]) -> None:
        self._stand(unpack_texts("ring", tensors))
