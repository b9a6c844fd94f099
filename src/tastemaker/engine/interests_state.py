"""What one person is drawn to in one space of item vectors: sums that every event is added to.

An event costs the same after ten others and after ten thousand. Nothing here reads a log or knows a person.
"""

from __future__ import annotations

import math
import struct
from bisect import bisect_right
from typing import Any, Final, Self

import numpy as np
from numpy.typing import NDArray

from tastemaker.core.clock import MICROSECONDS_PER_DAY, to_microseconds
from tastemaker.core.errors import DataError
from tastemaker.core.query import Event
from tastemaker.engine.interests import Interests
from tastemaker.engine.interests_told import AGAINST, FIRST, SESSION, told_parts

FORMAT: Final = 1

_RECENT: Final = 32
"""Times of so many events are kept, so that one that comes late can be put in its place."""
_REBASE: Final = 64.0
"""Half-lives after which the sums are scaled down, so that they stay numbers."""
_NOTHING: Final = 2.0**-60
"""An interest that weighs less than this beside a new one is forgotten."""
_LONG: Final = 1_000.0
"""As many half-lives are as good as more."""
_MAGIC: Final = b"TMIN"
_HEADER: Final = struct.Struct("<4sHHIqqqddI")
_NEVER: Final = -(2**63)
_LIKES, _DISLIKES = 0, 1

Vector = NDArray[np.floating[Any]]


class InterestState:
    """One person in one space; times are microseconds since the epoch.

    With ``a_i`` what event ``i`` says and ``x_i`` the vector of its item, of length 1:

    - an interest is ``sum a_i 2^((t_i - t_0) / half_life) x_i`` over the events that joined it. That is the decayed
      sum times a number that all share, so that a late event is added with its own age, and nothing has to be decayed
      (forward decay: Cormode, Shkapenyuk, Srivastava and Xu, 2009);
    - an event joins the interest of the largest cosine, if that is at least ``threshold``, or opens one. Beyond
      ``centroids`` the one of the least weight, which may be the new one, is added to the one nearest to it;
    - the session's vector is ``sum a_i 2^(r_i / session_half_life) x_i`` over the likes, the ``r_i``-th of them. A late
      one stands as many places behind the latest as came after it, and does not push back those before it;
    - dislikes have one sum ``n`` of their own, with the mass ``m = sum |a_i| 2^((t_i - now) / half_life)``.

    What is told is each interest ``p``, the one nearest to the session's vector ``s`` as ``(1 - share) p + share s``,
    pushed away from ``n`` where they agree (all of length 1): ``p - beta m / (1 + m) max(0, p'n) n``, scaled to length
    1. This is the third term of Rocchio (1971), limited to what is there, so that nothing is ever turned round; the
    first fresh dislike counts half, and it fades with time.

    The sum of all interests and ``n`` do not depend on the order of the events; who joined whom, and the session, do.
    The same events in the same order give the same numbers to the last bit, kept (`to_bytes`) in between or not.

    Args:
        settings: How events become vectors.
        dim: Length of the vectors.
    """

    __slots__ = (
        "_against",
        "_base",
        "_landmarks",
        "_masses",
        "_norms",
        "_ranks",
        "_recent",
        "_rows",
        "_told",
        "settings",
    )

    def __init__(self, settings: Interests, dim: int) -> None:
        self.settings = settings
        # One more than is kept: a newcomer, before the least is added to another.
        self._rows = np.zeros((FIRST + settings.centroids + 1, dim))
        self._masses: list[float] = []
        self._norms: list[float] = []
        self._against = 0.0
        self._landmarks = [_NEVER, _NEVER]
        self._ranks = 0  # the place that the next one of the session gets
        self._base = 0.0
        self._recent: list[int] = []
        self._told: tuple[int, NDArray[np.float32], NDArray[np.float32]] | None = None

    @property
    def dim(self) -> int:
        """Length of the vectors."""
        return int(self._rows.shape[1])

    @property
    def nbytes(self) -> int:
        """About how much memory it takes."""
        return int(self._rows.nbytes) + 32 * len(self._recent) + 1_000

    def copy(self) -> InterestState:
        """Return a state that goes its own way from here."""
        other = InterestState(self.settings, self.dim)
        other._rows[:] = self._rows
        other._masses, other._norms, other._recent = self._masses[:], self._norms[:], self._recent[:]
        other._against, other._landmarks = self._against, self._landmarks.copy()
        other._ranks, other._base, other._told = self._ranks, self._base, self._told
        return other

    def update(self, event: Event, vector: Vector, now: int) -> None:
        """Take in an event; without a time it is of ``now``, and never of later. Its weight multiplies its kind's."""
        at = now if event.timestamp is None else min(now, to_microseconds(event.timestamp))
        settings = self.settings
        self.add(vector, settings.amount(settings.kind(event.event), settings.stated(event), event.rating), at)

    def add(self, vector: Vector, amount: float, at: int) -> None:
        """Take in what an event said at a time of an item with this vector, float ``[d]`` of length 1."""
        if not amount:
            return
        self._told = None
        x = vector.astype(np.float64)
        if amount < 0:
            weight = -amount * 2.0 ** self._age(at, _DISLIKES)
            self._against += weight
            x *= weight
            self._rows[AGAINST] += x
            return
        weight = amount * 2.0 ** self._age(at, _LIKES)
        self._rows[SESSION] += (amount * 2.0 ** self._rank(at)) * x
        self._join(x, weight)

    def _age(self, at: int, side: int) -> float:
        """Return how many half-lives a moment is after the landmark, which moves by whole ones: that is exact.

        Likes and dislikes have landmarks of their own, so that neither becomes nothing because only the other goes on.
        """
        if self._landmarks[side] == _NEVER:
            self._landmarks[side] = at
        half_life = self.settings.half_life * MICROSECONDS_PER_DAY
        age = (at - self._landmarks[side]) / half_life
        if age <= _REBASE:
            return max(age, -_LONG)
        whole = math.floor(age)
        self._landmarks[side] = at - round((age - whole) * half_life)
        scale = 2.0 ** -min(whole, _LONG)
        if side == _DISLIKES:
            self._against *= scale
            self._rows[AGAINST] *= scale
        else:
            self._fade(scale)
        return age - whole

    def _fade(self, scale: float) -> None:
        self._rows[FIRST:] *= scale
        self._masses = [mass * scale for mass in self._masses]
        self._norms = [norm * scale for norm in self._norms]
        for place in reversed(range(len(self._masses))):
            if self._masses[place] < _NOTHING:
                self._remove(place)

    def _rank(self, at: int) -> float:
        """Return the place of an event among those of the session, in half-lives."""
        newer = len(self._recent) - bisect_right(self._recent, at)
        self._recent.insert(len(self._recent) - newer, at)
        del self._recent[:-_RECENT]
        half_life = self.settings.session_half_life
        if newer:
            return (self._ranks - 1 - newer) / half_life - self._base
        place = self._ranks / half_life - self._base
        self._ranks += 1
        if place > _REBASE:
            moved = min(math.floor(place), _LONG)
            self._base += math.floor(place)
            self._rows[SESSION] *= 2.0**-moved
            place -= math.floor(place)
        return place

    def _join(self, x: NDArray[np.float64], weight: float) -> None:
        used = len(self._masses)
        if used:
            best, cosine, product = self._nearest(x)
            if cosine >= self.settings.threshold or self.settings.centroids == 1:
                x *= weight
                self._rows[FIRST + best] += x
                self._masses[best] += weight
                self._norms[best] = math.sqrt(max(0.0, self._norms[best] ** 2 + weight * (2 * product + weight)))
                return
        x *= weight
        self._rows[FIRST + used] = x
        self._masses.append(weight)
        self._norms.append(weight)
        if used == self.settings.centroids:
            self._merge_least()

    def _nearest(self, x: NDArray[np.float64], but: int | None = None) -> tuple[int, float, float]:
        """Return the interest of the largest cosine with a vector of length 1, that cosine, and their product."""
        products = (self._rows[FIRST : FIRST + len(self._norms)] @ x).tolist()
        cosines = [product / norm if norm else 0.0 for product, norm in zip(products, self._norms, strict=True)]
        if but is not None:
            cosines[but] = -math.inf
        cosine = max(cosines)
        best = cosines.index(cosine)
        return best, cosine, products[best]

    def _merge_least(self) -> None:
        least = self._masses.index(min(self._masses))
        nearest = self._nearest(self._rows[FIRST + least], but=least)[0]
        row = self._rows[FIRST + nearest]
        row += self._rows[FIRST + least]
        self._masses[nearest] += self._masses[least]
        self._norms[nearest] = math.sqrt(float(row @ row))
        self._remove(least)

    def _remove(self, place: int) -> None:
        last = len(self._masses) - 1
        self._rows[FIRST + place] = self._rows[FIRST + last]
        self._rows[FIRST + last] = 0.0
        for values in (self._masses, self._norms):
            values[place] = values[last]
            del values[last]

    # -- what is told --------------------------------------------------------------------------------------------

    def vectors(self, now: int, most: int | None = None) -> NDArray[np.float32]:
        """Return what the person is drawn to, float32 ``[c, d]``; see `told`."""
        return self.told(now, most)[0]

    def strengths(self, now: int, most: int | None = None) -> NDArray[np.float32]:
        """Return how much each of `vectors` counts, float32 ``[c]``; see `told`."""
        return self.told(now, most)[1]

    def told(self, now: int, most: int | None = None) -> tuple[NDArray[np.float32], NDArray[np.float32]]:
        """Return interests and strengths, the strongest first; nothing where there is nothing to go by.

        Args:
            now: The present, by which dislikes fade.
            most: At most so many interests; with 1 it is the sum of all that are kept.

        Returns:
            Vectors of length 1, float32 ``[c, d]``, and strengths that sum to 1, float32 ``[c]``; read-only.
        """
        count = self.settings.centroids if most is None else max(1, min(most, self.settings.centroids))
        if self._told is not None and self._told[0] == count:
            return self._told[1:]
        rows, masses = self._rows[: FIRST + len(self._masses)], self._masses
        if count == 1 and len(masses) > 1:
            rows = np.concatenate([rows[:FIRST], rows[FIRST:].sum(axis=0, keepdims=True)])
            masses = [sum(masses)]
        # Everything told is a sum of the rows, so that the products of these say how long it is.
        products = (rows @ rows.T).tolist()
        parts, strengths = told_parts(products, masses, count, self.settings.session_share, self._push(now))
        vectors = (np.asarray(parts).reshape(-1, len(rows)) @ rows).astype(np.float32)
        told = vectors, np.asarray(strengths, dtype=np.float32)
        for array in told:
            array.setflags(write=False)
        if not self._against:  # dislikes fade, and what is told with them changes by itself
            self._told = (count, *told)
        return told

    def _push(self, now: int) -> float:
        """Return how much of what agrees with the dislikes is taken away."""
        if not self._against:
            return 0.0
        age = (now - self._landmarks[_DISLIKES]) / (self.settings.half_life * MICROSECONDS_PER_DAY)
        mass = self._against * math.exp2(-min(max(age, -_REBASE), _LONG))
        return self.settings.beta * mass / (1 + mass)

    # -- kept ----------------------------------------------------------------------------------------------------

    def to_bytes(self) -> bytes:
        """Return the state, to be taken back by `from_bytes` under the same settings."""
        used, recent = len(self._masses), len(self._recent)
        header = _HEADER.pack(
            _MAGIC, FORMAT, used, self.dim, *self._landmarks, self._ranks, self._base, self._against, recent
        )
        numbers = struct.pack(f"<{recent}q{2 * used}d", *self._recent, *self._masses, *self._norms)
        return header + numbers + self._rows[: FIRST + used].astype("<f8").tobytes()

    @classmethod
    def from_bytes(cls, settings: Interests, content: bytes) -> Self:
        """Take back what `to_bytes` gave.

        Raises:
            DataError: It is no such state, of another format, or of other settings.
        """
        try:
            return cls._read(settings, content)
        except (struct.error, ValueError) as error:
            raise DataError(f"a state is damaged: {error}", remedy="Make it anew from the log of events.") from error

    @classmethod
    def _read(cls, settings: Interests, content: bytes) -> Self:
        magic, version, used, dim, liked, disliked, ranks, base, against, recent = _HEADER.unpack_from(content)
        if magic != _MAGIC or version != FORMAT:
            raise ValueError(f"it is not of format {FORMAT}")
        if used > settings.centroids:
            raise ValueError(f"it has {used} interests, where {settings.centroids} are kept")
        numbers = struct.Struct(f"<{recent}q{2 * used}d")
        found = numbers.unpack_from(content, _HEADER.size)
        rows = np.frombuffer(content, "<f8", offset=_HEADER.size + numbers.size)
        state = cls(settings, dim)
        state._rows[: FIRST + used] = rows.reshape(FIRST + used, dim)
        state._landmarks, state._ranks, state._base, state._against = [liked, disliked], ranks, base, against
        state._recent = list(found[:recent])
        state._masses, state._norms = list(found[recent : recent + used]), list(found[recent + used :])
        return state
