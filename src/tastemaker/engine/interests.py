"""How events become what a person is drawn to: what a kind of event says, how it fades, how interests are told apart.

The vectors themselves are in `tastemaker.engine.interests_state`.
"""

from __future__ import annotations

import hashlib
import json
import math
from collections.abc import Mapping
from dataclasses import dataclass, field
from types import MappingProxyType
from typing import Final

from tastemaker.core.errors import ConfigError
from tastemaker.core.query import NEGATIVE_EVENTS, Event
from tastemaker.data.importing.events import ALIASES

WEIGHTS: Final[Mapping[str, float]] = MappingProxyType(
    {
        "view": 0.3,
        "click": 0.5,
        "cart": 0.6,
        "buy": 1.0,
        "like": 1.0,
        "dislike": -1.0,
        "hide": -1.0,
        "unhide": 0.0,
        "impression": 0.0,
        "impressions": 0.0,
    }
)
"""What an event of a kind says where nothing else is configured; 0 where nobody did anything with the item."""

_MOST: Final = 64


@dataclass(frozen=True, kw_only=True)
class Interests:
    """How events become vectors.

    Attributes:
        weights: What an event of a kind says; below 0 it speaks against, and of a kind of 0 nothing is noted. What
            `tastemaker import` takes for another name of a kind is taken for it here, unless it is among them itself.
        other: What an event of a kind that is not among them says; 1, as in a log that knows no kinds.
        rating_middle: A rating that says nothing. What carries a rating says ``(rating - middle) / span``, held to -1
            to 1, whatever its kind, unless that speaks against. The middle is that of the scale, not of the person,
            so that an event says the same whenever it is read.
        rating_span: How far from the middle a rating has to be to say as much as a buy.
        half_life: Days after which an event says half as much.
        session_half_life: Further events after which it says half as much to the session's vector.
        session_share: How far the session's vector pulls the interest nearest to it.
        centroids: Most interests that are told apart.
        threshold: An event joins the nearest interest if its cosine with that is at least so high.
        beta: How far vectors are pushed away from what is disliked, below 1.

    Raises:
        ConfigError: A value is out of range.
    """

    weights: Mapping[str, float] = field(default_factory=lambda: WEIGHTS, hash=False)
    other: float = 1.0
    rating_middle: float = 3.0
    rating_span: float = 2.0
    half_life: float = 7.0
    session_half_life: float = 3.0
    session_share: float = 0.5
    centroids: int = 3
    threshold: float = 0.35
    beta: float = 0.5

    def __post_init__(self) -> None:
        bounds = {
            "rating_span": (self.rating_span > 0, "above 0"),
            "half_life": (self.half_life > 0, "above 0 days"),
            "session_half_life": (self.session_half_life > 0, "above 0 events"),
            "session_share": (0 <= self.session_share <= 1, "from 0 to 1"),
            "centroids": (1 <= self.centroids <= _MOST, f"from 1 to {_MOST}"),
            "threshold": (0 < self.threshold <= 1, "above 0, at most 1"),
            "beta": (0 <= self.beta < 1, "from 0 to below 1"),
        }
        for name, (good, expected) in bounds.items():
            if not good:
                raise ConfigError(f"{name} is {getattr(self, name)}, but must be {expected}", where="interests")
        for kind, weight in {**self.weights, "other": self.other}.items():
            if not math.isfinite(weight):
                raise ConfigError(f"an event '{kind}' weighs {weight}, not a number", where="interests.weights")

    def kind(self, named: str) -> str:
        """Return what we call a kind of event.

        >>> Interests().kind("Purchase"), Interests().kind("click"), Interests().kind("wave")
        ('buy', 'click', 'wave')
        """
        return named if named in self.weights else ALIASES.get(named.strip().lower(), named)

    def amount(self, kind: str, weight: float | None = None, rating: float | None = None) -> float:
        """Return what an event says, below 0 where it speaks against its item.

        Args:
            kind: Such as ``view``, as `kind` calls it.
            weight: What it says itself, instead of its kind; of a kind that speaks against, whatever the sign.
            rating: What the item was given; it then decides, and a weight multiplies, but for one below 0.

        >>> interests = Interests()
        >>> interests.amount("buy"), interests.amount("view", 2.0), interests.amount("hide", 0.5)
        (1.0, 2.0, -0.5)
        >>> interests.amount("rating", rating=5.0), interests.amount("rating", rating=2.5)
        (1.0, -0.25)
        """
        said = self.weights.get(kind, self.other)
        said = -abs(said) if kind in NEGATIVE_EVENTS else said
        if said < 0:
            return said if weight is None else -abs(weight)
        if not said:
            return 0.0
        if rating is None or (weight is not None and weight < 0):
            return said if weight is None else weight
        liked = min(1.0, max(-1.0, (rating - self.rating_middle) / self.rating_span))
        return liked if weight is None else liked * weight

    def stated(self, event: Event) -> float | None:
        """Return what an event of a request says itself, ``None`` where it leaves that to its kind.

        Its weight multiplies what the kind says; 1, or -1 of what speaks against, is what it has without being told.
        """
        said = self.amount(self.kind(event.event))
        if event.weight == (-1.0 if event.event in NEGATIVE_EVENTS else 1.0):
            return None
        return said * (abs(event.weight) if said < 0 else event.weight)

    def fingerprint(self) -> str:
        """Return what two settings share exactly if they turn the same events into the same vectors."""
        settings = {**vars(self), "weights": dict(self.weights)}
        return hashlib.sha256(json.dumps(settings, sort_keys=True).encode()).hexdigest()[:16]
