"""What a stranger could say before any event of theirs is known: a sentence, keywords, or a profile.

All is made of what came before the answers, or of what is stored of the person; of the answers nothing is read.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import Any, Final

import numpy as np
from numpy.typing import NDArray

from tastemaker.core.errors import DataError
from tastemaker.data.catalogue import PATH_SEPARATOR
from tastemaker.data.dataset import Dataset
from tastemaker.data.heldout import HeldOut
from tastemaker.data.split import Split
from tastemaker.language.keywords import item_keywords
from tastemaker.language.texts import person_text

Texts = tuple[str | None, ...]

KINDS: Final = {
    "sentence": "what the person wrote of themselves, else a sentence that names the first item they liked",
    "keywords": "the keywords that weigh most in the items they liked before what is asked for",
    "profile": "what is stored of the person, in words",
}
"""What can be said, and how it is made."""

_OWN_WORDS: Final = "text"
_STEPS: Final = 3


@dataclass(frozen=True)
class Speaker:
    """Says what the people of a split could say of themselves.

    Attributes:
        dataset: All events; only those before what is asked for are looked at.
        split: A split whose people training has never met.
        before: How many events come before what is asked for.
        keywords: How many keywords are said at most.
        person: A template of the words that a profile becomes.
        leave_out: Attributes that are not told.
    """

    dataset: Dataset
    split: Split
    before: int
    keywords: int = 5
    person: str | None = None
    leave_out: Sequence[str] = ()

    def say(self, kind: str, held: HeldOut) -> Texts:
        """Return what the person of each question says, ``None`` where there is nothing to say.

        Raises:
            DataError: Nobody has anything to say of this kind.
        """
        made: Texts = getattr(self, f"_{kind}")(held)
        if not any(made):
            raise DataError(
                f"nobody who is asked has a {kind} to go by",
                where=self.dataset.name,
                remedy="A profile needs attributes of people, a sentence or keywords need words of items.",
            )
        return made

    def _profile(self, held: HeldOut) -> Texts:
        told = (self._known(user) for user in held.queries.user_ids)
        return tuple((person_text(known, self.person, self.leave_out) or None) if known else None for known in told)

    def _sentence(self, held: HeldOut) -> Texts:
        own = [str(self._known(user).get(_OWN_WORDS) or "") for user in held.queries.user_ids]
        first = [liked[:1] for liked in self._liked(held)]
        return tuple(
            said or (self._about(int(items[0])) if len(items) else None) for said, items in zip(own, first, strict=True)
        )

    def _keywords(self, held: HeldOut) -> Texts:
        counts, weights = self._weighed_keywords
        said: list[str | None] = []
        for liked in self._liked(held):
            total: dict[str, float] = {}
            for item in liked:
                for name in counts[item]:
                    total[name] = total.get(name, 0.0) + weights[name]
            chosen = sorted(total, key=lambda name: (-total[name], name))[: self.keywords]
            said.append(", ".join(chosen) or None)
        return tuple(said)

    def _known(self, user: Any) -> Mapping[str, Any]:
        """Return what is stored of a person, less what is left out."""
        known = {} if self.dataset.users is None else self.dataset.users.profile(str(user))
        hidden = {name.casefold() for name in self.leave_out}
        return {name: value for name, value in known.items() if name.casefold() not in hidden}

    def _liked(self, held: HeldOut) -> list[NDArray[np.int32]]:
        """Return the items that each person liked before what is asked for, oldest first, without any answer."""
        whole = self.dataset.histories([str(user) for user in held.queries.user_ids])
        bounds = np.searchsorted(held.query, np.arange(len(held) + 1))
        liked = []
        for place, (start, end) in enumerate(zip(whole.starts, whole.ends, strict=True)):
            early = slice(int(start), int(min(end, start + self.before)))
            items = whole.codes[early][whole.weights[early] > 0]
            answers = held.targets[bounds[place] : bounds[place + 1]]
            liked.append(items[~np.isin(items, answers)])
        return liked

    @cached_property
    def _weighed_keywords(self) -> tuple[list[dict[str, int]], dict[str, float]]:
        """Return the keywords of every item, and the weight ``log(n / items with it)`` of each keyword."""
        train = self.split.train
        counts = item_keywords(train.catalogue, train.items.ids, train.relations)
        often: dict[str, int] = {}
        for own in counts:
            for name in own:
                often[name] = often.get(name, 0) + 1
        return counts, {name: float(np.log(len(counts) / number)) for name, number in often.items()}

    def _about(self, item: int) -> str | None:
        """Return a sentence that names an item and its kinds."""
        raw = str(self.dataset.items.ids[item])
        known = self.dataset.catalogue.item(raw)
        kinds = [path.split(PATH_SEPARATOR)[-1] for path in (known.get("categories") or [])[:_STEPS]]
        if not known.get("title") and not kinds:
            return None
        return f"I liked {', '.join(part for part in (known.get('title'), ', '.join(kinds)) if part)}."
