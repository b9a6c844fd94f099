"""The engine: a model, its catalogue and the stored histories, answering one request at a time with reasons."""

from __future__ import annotations

import time
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, replace
from functools import cached_property
from pathlib import Path
from typing import Any, Final

from tastemaker.core.clock import Clock, system_clock
from tastemaker.core.errors import UnknownItemError, UnknownUserError
from tastemaker.core.query import Query
from tastemaker.core.recommendations import Contributions
from tastemaker.core.slate import Slate
from tastemaker.data.dataset import Dataset
from tastemaker.language.texts import person_text
from tastemaker.models import DenseRecommender, load_model

_EVIDENCE: Final = 3
_EVIDENCE_SHARE: Final = 0.1
_EXPLAINED: Final = 50
"""Reasons are given for this many; a longer list is for programs, and each reason costs about a millisecond."""


@dataclass(frozen=True, slots=True)
class Evidence:
    """An item of the history that speaks for a recommendation.

    Attributes:
        item_id: Raw id.
        title: Its title.
        share: Its part of what the history says for the recommendation, 0 to 1; popularity is not counted.
    """

    item_id: str
    title: str
    share: float


@dataclass(frozen=True, slots=True)
class Recommended:
    """One recommended item, ready to be shown; beyond the 50th place without reason and evidence."""

    item_id: str
    title: str
    score: float
    rank: int
    reason: str
    evidence: tuple[Evidence, ...]


@dataclass(frozen=True, slots=True)
class Answer:
    """What the engine says to one query.

    Attributes:
        items: Best first, at most ``k``.
        history: The items of the history that the answer went by, oldest first, with titles.
        degraded: Why the answer is less personal than what was asked for.
        filters: Which filters were applied, and the ids that each took out at the gate.
        model: Name of the model.
        milliseconds: How long it took.
    """

    items: tuple[Recommended, ...]
    history: tuple[tuple[str, str], ...]
    degraded: tuple[str, ...]
    filters: Mapping[str, tuple[str, ...]]
    model: str
    milliseconds: float

    def to_dict(self) -> dict[str, Any]:
        """Return the answer as JSON values, as the server and ``--json`` give it."""
        return {
            "items": [asdict(item) for item in self.items],
            "history": [{"item_id": item, "title": title} for item, title in self.history],
            "degraded": list(self.degraded),
            "filters": {name: list(dropped) for name, dropped in self.filters.items()},
            "model": self.model,
            "took_ms": round(self.milliseconds, 3),
        }


class Engine:
    """Answers requests from one model over one data set.

    Args:
        model: A fitted recommender.
        dataset: Gives titles, and the histories of the people it knows.
        clock: Where "now" comes from.
        person: A template of the words that a profile becomes (`tastemaker.language.texts.person_text`).
        leave_out: Attributes of people that no model gets to see.
    """

    def __init__(
        self,
        model: DenseRecommender,
        dataset: Dataset,
        *,
        clock: Clock = system_clock,
        person: str | None = None,
        leave_out: Sequence[str] = (),
    ) -> None:
        self.model = model
        self.dataset = dataset
        self.clock = clock
        self.person = person
        self.leave_out = tuple(leave_out)

    @classmethod
    def open(cls, folder: str | Path, dataset: Dataset) -> Engine:
        """Load a saved model and serve it over ``dataset``.

        Raises:
            ModelFormatError: The folder does not hold a whole model.
        """
        return cls(load_model(folder), dataset)

    @cached_property
    def _unavailable(self) -> frozenset[str]:
        frame = self.dataset.catalogue.frame
        if "available" not in frame.columns:
            return frozenset()
        return frozenset(frame.filter(~frame["available"].cast(bool))["item_id"])

    @cached_property
    def _allowed(self) -> frozenset[str] | None:
        return frozenset(self.dataset.catalogue.frame["item_id"]) - self._unavailable if self._unavailable else None

    def knows_user(self, user_id: str) -> bool:
        """Say whether there is a stored history of this person, or a profile."""
        return bool(self.dataset.history(user_id) or self._stored_profile(user_id))

    def _stored_profile(self, user_id: str) -> dict[str, Any]:
        return {} if self.dataset.users is None else self.dataset.users.profile(user_id)

    def need_user(self, user_id: str) -> None:
        """Raise `UnknownUserError` unless there is a stored history of this person, or a profile."""
        if not self.knows_user(user_id):
            some = ", ".join(f"'{user}'" for user in self.dataset.sequences.user_ids[:3])
            raise UnknownUserError(
                f"there is no user '{user_id}' in {self.dataset.name}",
                remedy=f"Users are called {some} and so on; a newcomer can give a history instead.",
            )

    def resolve(self, query: Query) -> tuple[Query, tuple[str, ...]]:
        """Fill in what the query leaves to the store: the stored history, the profile in words, and the present.

        The profile of the query joins its text. Where there is neither that nor a history, what is stored of the
        person serves.

        Returns:
            The full query, and notes on what could not be filled.
        """
        notes: list[str] = []
        profile = query.profile
        if query.history is None and not query.items:
            stored = self.dataset.rated_history(query.user_id) if query.user_id is not None else ()
            if query.user_id is not None and not stored:
                profile = profile or self._stored_profile(query.user_id)
                if not profile:
                    notes.append(f"user '{query.user_id}' is unknown")
            query = replace(query, history=stored)
        said = person_text(profile, self.person, self.leave_out) if profile else ""
        if said and "text" not in self.model.capabilities.reads:
            notes.append(f"'{self.model.name}' reads no words, so a profile says nothing to it")
        elif said:
            query = replace(query, text=" ".join(part for part in (query.text, said) if part))
        return replace(query, now=query.now or self.clock()), tuple(notes)

    def recommend(self, query: Query) -> Answer:
        """Answer one query; an unknown person gets what is popular, and the answer says so."""
        began = time.perf_counter()
        full, notes = self.resolve(query)
        # What the gate may take out is asked for on top, so that the list is as long as it can be.
        spare = len(full.events()) + len(full.items) if full.exclude_seen else len(full.disliked)
        found = self.model.recommend(replace(full, k=full.k + spare), allowed=self._allowed)
        slate = self._gate(Slate(found.item_id, found.score), full).top(full.k)
        seen = [event.item_id for event in full.events()]
        return Answer(
            items=tuple(
                self._present(full, item, float(score), rank, query.text)
                for rank, (item, score) in enumerate(zip(slate.item_ids, slate.scores, strict=True), start=1)
            ),
            history=tuple((item, self.title(item)) for item in seen),
            degraded=(*notes, *(_discreet(note, full.text, query.text) for note in found.degraded)),
            filters=slate.dropped,
            model=self.model.name,
            milliseconds=1000 * (time.perf_counter() - began),
        )

    def _gate(self, slate: Slate, query: Query) -> Slate:
        """Check once more, after the model, what must never be shown."""
        if query.exclude_seen:
            slate = slate.drop("seen", frozenset(event.item_id for event in query.events()) | set(query.items))
        return slate.drop("disliked", frozenset(query.disliked)).drop("unavailable", self._unavailable)

    def _present(self, query: Query, item: str, score: float, rank: int, asked: str | None) -> Recommended:
        if rank > _EXPLAINED:
            return Recommended(item, self.title(item), score, rank, "", ())
        contributions = self.model.explain(query, item)
        evidence = self.evidence(contributions)
        reason = _reason(query, contributions, evidence, asked)
        return Recommended(item, self.title(item), score, rank, reason, evidence)

    def evidence(self, contributions: Contributions) -> tuple[Evidence, ...]:
        """Return the items of the history that speak most for an item, strongest first, at most three."""
        speaking = {item: amount for item, amount in contributions.by_item().items() if amount > 0}
        total = sum(speaking.values())
        return tuple(
            Evidence(item, self.title(item), amount / total)
            for item, amount in list(speaking.items())[:_EVIDENCE]
            if amount >= _EVIDENCE_SHARE * total
        )

    def similar(self, item_id: str, k: int = 10) -> Answer:
        """Return the items most similar to one item.

        Raises:
            UnknownItemError: There is no such item.
        """
        if item_id not in self.dataset.catalogue:
            raise UnknownItemError(f"there is no item '{item_id}' in the catalogue", remedy="Search for its title.")
        return self.recommend(Query(items=(item_id,), k=k))

    def explain(self, query: Query, item_id: str) -> Contributions:
        """Say where the score of one item comes from."""
        return self.model.explain(self.resolve(query)[0], item_id)

    def title(self, item_id: str) -> str:
        """Return the title of an item, with its year where that is known."""
        return self.dataset.catalogue.title_and_year(item_id)

    def search(self, text: str, limit: int = 10) -> list[dict[str, Any]]:
        """Return items whose titles fit ``text``, best first, each as ``item_id, title, categories``."""
        found = []
        for item_id, _ in self.dataset.catalogue.titles.search(text, limit):
            row = self.dataset.catalogue.item(item_id)
            found.append(
                {
                    "item_id": item_id,
                    "title": self.title(item_id),
                    "categories": list(row.get("categories") or []),
                }
            )
        return found


def _discreet(note: str, said: str | None, asked: str | None) -> str:
    """Return a note that repeats what was asked for, and nothing of a profile that was joined to it."""
    return note if said == asked else note.replace(f"'{said}'", "of this request")


def _reason(query: Query, contributions: Contributions, evidence: tuple[Evidence, ...], asked: str | None) -> str:
    """Say in words what speaks for an item, and no more than that; of a profile nothing is repeated."""
    if not evidence:
        if query.text:
            return f'fits "{asked}"' if asked else "fits the profile"
        if any(part.kind == "feature" for part in contributions.parts):
            return "expected to be liked"
        # Many items may each say a little.
        history = sum(amount for amount in contributions.by_item().values() if amount > 0)
        return "fits the history as a whole" if history > 0.5 * contributions.score else "popular"
    titles = [one.title for one in evidence]
    listed = titles[0] if len(titles) == 1 else f"{', '.join(titles[:-1])} and {titles[-1]}"
    return f"similar to {listed}" if query.items else f"because of {listed}"
