"""The control: what a person likes and dislikes, counted. A profile that a language model wrote has to beat it."""

from __future__ import annotations

import hashlib
import json
import math
from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from functools import cached_property
from typing import ClassVar, Final

from tastemaker.core.errors import ConfigError
from tastemaker.profiles.facts import content_words
from tastemaker.profiles.profile import Claim, Profile
from tastemaker.profiles.seen import Seen

MOST_LIKES: Final = 6
MOST_DISLIKES: Final = 3

_CITED: Final = 5
"""Events that a claim cites, the latest ones."""
_PRIOR: Final = 2.0
"""A share is taken as if so many events of the usual kind had been seen before."""


class Template:
    """Counts facts over the events for and against, and says those that stand out in a fixed sentence.

    A fact of ``c`` of ``n`` events for items has the share ``s = (c + 2 b) / (n + 2)``, where ``b`` is its share among
    all items, and weighs ``c log(s / b)``; the heaviest are the likes. Dislikes are weighed alike among the events
    against items, where ``b`` is the fact's share among the events for them, so that a person dislikes nothing that
    they are as fond of.

    Args:
        facts: Raw id -> facts (`tastemaker.profiles.facts.item_facts`).
        usual: Fact -> its share among the items; counted in ``facts`` if not given. A fact that it lacks is rare.
    """

    kind: ClassVar[str] = "template"

    def __init__(self, facts: Mapping[str, Sequence[str]], usual: Mapping[str, float] | None = None) -> None:
        self.facts = facts
        self.usual = shares_of(facts) if usual is None else usual

    @cached_property
    def _identity(self) -> str:
        """A hash of the facts."""
        told = [{item: list(own) for item, own in self.facts.items()}, dict(self.usual)]
        return hashlib.sha256(json.dumps(told, sort_keys=True).encode()).hexdigest()

    def claims(self, events: Iterable[tuple[str, int]]) -> tuple[Claim, ...]:
        """Return what stands out.

        Args:
            events: Raw ids with their tones (`tastemaker.profiles.seen.tone_of`), oldest first.
        """
        liked: dict[str, list[str]] = {}
        disliked: dict[str, list[str]] = {}
        counts = {1: 0, -1: 0}
        for item, tone in events:
            if tone:
                counts[tone] += 1
                for fact in self.facts.get(item, ()):
                    (liked if tone > 0 else disliked).setdefault(fact, []).append(item)
        rare = min(self.usual.values(), default=1.0)
        usual = {fact: self.usual.get(fact, rare) for fact in {**liked, **disliked}}
        shares = {fact: (len(liked.get(fact, ())) + _PRIOR * usual[fact]) / (counts[1] + _PRIOR) for fact in disliked}
        likes = _heaviest(liked, counts[1], usual, MOST_LIKES)
        others = {fact: items for fact, items in disliked.items() if fact not in likes}
        dislikes = _heaviest(others, counts[-1], shares, MOST_DISLIKES)
        return (
            *(Claim("likes", fact, _latest(liked[fact])) for fact in likes),
            *(Claim("dislikes", fact, _latest(disliked[fact])) for fact in dislikes),
        )

    def key(self, seen: Seen) -> str:
        """Return the hash of all that decides the profile."""
        return hashlib.sha256(f"{self.kind} {seen.content} {self._identity}".encode()).hexdigest()

    def profile(self, seen: Seen, before: Profile | None = None) -> Profile:
        """Return the profile of a person.

        Raises:
            ConfigError: An item is shown, whose facts say themselves what could be counted.
        """
        if seen.of == "item":
            raise ConfigError("a template counts what people did", remedy="Items have one-shot profiles and tags.")
        claims = self.claims((line.item_id, line.tone) for line in seen.lines)
        return Profile(seen.about, seen.of, self.kind, self.key(seen), seen.cut, seen.content, claims)


def shares_of(facts: Mapping[str, Sequence[str]]) -> dict[str, float]:
    """Return the share of each fact among some items.

    >>> shares_of({"a": ("Drama",), "b": ("Drama", "War")})
    {'Drama': 1.0, 'War': 0.5}
    """
    counts = Counter(fact for own in facts.values() for fact in own)
    return {fact: count / len(facts) for fact, count in counts.items()}


def _heaviest(cited: Mapping[str, Sequence[str]], events: int, usual: Mapping[str, float], most: int) -> list[str]:
    """Return the facts that stand out, the heaviest first; one whose words are all in heavier ones says no more."""
    weights = {}
    for fact, items in cited.items():
        share = (len(items) + _PRIOR * usual[fact]) / (events + _PRIOR)
        weights[fact] = len(items) * math.log(share / usual[fact])
    found: list[str] = []
    said: set[str] = set()
    for fact in sorted(weights, key=lambda fact: (-weights[fact], fact)):
        spoken = content_words(fact)
        if weights[fact] > 0 and spoken - said and len(found) < most:
            found.append(fact)
            said |= spoken
    return found


def _latest(items: Sequence[str]) -> tuple[str, ...]:
    return tuple(dict.fromkeys(reversed(items)))[:_CITED]
