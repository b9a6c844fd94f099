"""Items whose words are near to a person's profile: what they like in words, encoded, beside the items' texts."""

from __future__ import annotations

import json
import zlib
from collections.abc import Iterator, Mapping, Sequence
from functools import cached_property, partial
from pathlib import Path
from typing import Any, ClassVar, Final

import numpy as np
from numpy.typing import NDArray

from tastemaker.core.query import Query, QueryBatch
from tastemaker.core.recommendations import Contribution, Contributions
from tastemaker.core.run import Run
from tastemaker.data.catalogue import Catalogue
from tastemaker.data.dataset import Dataset
from tastemaker.data.heldout import HeldOut
from tastemaker.language.encoders import DEFAULT_ENCODER, EncoderSpec, encode_cached
from tastemaker.language.texts import item_texts
from tastemaker.models import storage
from tastemaker.models.base import Scores, Settings, joined_provenance
from tastemaker.models.contrastive import directions
from tastemaker.models.dislikes import nearness
from tastemaker.models.fusion import CountsAndText, Fusion
from tastemaker.models.linear_solvers import products
from tastemaker.models.selection import BlockScorer
from tastemaker.models.space import Real, Space
from tastemaker.models.vector_model import VectorModel
from tastemaker.profiles.facts import item_facts
from tastemaker.profiles.profile import Profile
from tastemaker.profiles.seen import middle_of, tone_of
from tastemaker.profiles.store import Profiles, provenance_of
from tastemaker.profiles.template import Template, shares_of

Told = tuple[str, str]
"""What a person wants and what they do not, in words."""

_FACTS, _PEOPLE = "facts.json", "profiles.json"
_KEPT: Final = 8192
"""Texts whose vectors are kept in memory."""


class ProfileKNN(VectorModel):
    """Scores ``cosine(wanted, item) - against * max(0, cosine(unwanted, item) - mean cosine)`` of a person's profile.

    The profile is one that was made before (`tastemaker.profiles`), if there is one of the person that claims anything;
    else what their history counts up to (`tastemaker.profiles.template.Template`), which needs no generator and is
    fresh with every query. The words of a query count as much as the profile. Of an item whose profile was made, its
    words stand behind the item's own text.

    Profiles that were made before have seen rows of their own: these are part of the model's provenance, so that
    evaluation refuses a model whose profiles have seen held-out events.

    Args:
        encoder: A text encoder by name, or by name and arguments.
        template: How the text of an item is made (`tastemaker.language.texts.item_texts`); empty for the usual one.
        profiles: A file of profiles (`tastemaker profiles make`); empty for none.
        shuffled: Whether everybody gets the profile of somebody else in training: the control that shows what
            profiles are worth.
        against: What a dislike takes away.

    Attributes:
        people_: Raw id -> what is wanted and unwanted, of those whose profile does not come from the query.
    """

    name: ClassVar[str] = "profile-knn"
    fixed: ClassVar[tuple[str, ...]] = ("encoder", "template", "profiles", "shuffled")
    grid: ClassVar[Mapping[str, tuple[Any, ...]]] = {"against": (0.5, 0.0, 1.0)}
    space: ClassVar[Space] = {"against": Real(0, 2)}

    people_: dict[str, Told]

    def __init__(
        self,
        *,
        encoder: EncoderSpec = DEFAULT_ENCODER,
        template: str = "",
        profiles: str = "",
        shuffled: bool = False,
        against: float | None = None,
    ) -> None:
        self.encoder = encoder
        self.template = template
        self.profiles = profiles
        self.shuffled = shuffled
        self.against = against

    def _fit(self, train: Dataset, valid: HeldOut | None, run: Run) -> None:
        self._run = run
        super()._fit(train, valid, run)

    def _learn(self, train: Dataset, settings: Settings) -> None:
        made = Profiles(Path(settings["profiles"])) if settings["profiles"] else Profiles()
        self._encode(train, settings["encoder"], settings["template"], self._run)
        self._append(train.catalogue, made.all("item"))
        self._facts = item_facts(train.catalogue, train.items.ids, train.relations)
        self._usual = shares_of(self._facts)
        self._middle = middle_of(train.sequences.ratings)
        self._forget_caches()
        self.people_ = {raw: (each.wanted(), each.unwanted()) for raw, each in made.all().items() if each.claims}
        if settings["shuffled"]:
            self.people_ = self._shuffled(train)
        seen = provenance_of(made)
        if seen is not None:
            self.provenance_ = joined_provenance(train.provenance(), seen)

    def _append(self, catalogue: Catalogue, about: Mapping[str, Profile]) -> None:
        """Encode the items anew whose profiles say more than their texts."""
        said = {item: each.wanted() for item, each in about.items() if item in catalogue and each.wanted()}
        numbers = self.items_.index(list(said))
        texts = item_texts(catalogue, said, self.template or None)
        longer = [
            f"{text.rstrip('. ')}. {more}" if text else more for text, more in zip(texts, said.values(), strict=True)
        ]
        if longer:
            self.vectors_[numbers] = directions(encode_cached(self._texts_of.encoder, longer, "item", run=self._run))

    def _shuffled(self, train: Dataset) -> dict[str, Told]:
        """Return the profiles of the people in training, each under the name of somebody else."""
        people = [str(user) for user in train.sequences.user_ids]
        told = self._told(train.histories(people))
        order = self._run.rng("profiles").permutation(len(people)).tolist()
        return {people[place]: told[other] for place, other in zip(order, order[1:] + order[:1], strict=True)}

    def _candidates(
        self, train: Dataset, sample: HeldOut, combinations: list[Settings]
    ) -> Iterator[tuple[Settings, BlockScorer]]:
        self._learn(train, combinations[0])
        for settings in combinations:
            yield settings, partial(self._scored, against=settings["against"])

    def score(self, queries: QueryBatch) -> Scores:
        """Score the whole vocabulary, float32 ``[q, n]``."""
        self._need_fitted()
        return self._scored(queries, self.settings_["against"])

    def _scored(self, queries: QueryBatch, against: float) -> Scores:
        told = self._told(queries)
        scores = products(self._encoded([wanted for wanted, _ in told]) + self._words(queries), self.vectors_)
        if against and any(unwanted for _, unwanted in told):
            scores -= against * nearness(self._encoded([unwanted for _, unwanted in told]), self.vectors_)
        return self._settled(scores)

    def _told(self, queries: QueryBatch) -> list[Told]:
        """Return what each query's person wants and does not, in words."""
        return [self._of_query(queries, place) for place in range(len(queries))]

    def _of_query(self, queries: QueryBatch, place: int) -> Told:
        person = queries.user_ids[place]
        if person is not None and str(person) in self.people_:
            return self.people_[str(person)]
        own = slice(int(queries.starts[place]), int(queries.ends[place]))
        items = queries.dictionary[queries.codes[own]].tolist()
        ratings = [None] * len(items) if queries.ratings is None else queries.ratings[own].tolist()
        tones = [
            tone_of(weight, rating, self._middle)
            for weight, rating in zip(queries.weights[own].tolist(), ratings, strict=True)
        ]
        claims = self._template.claims(zip(items, tones, strict=True))
        wanted = ", ".join(claim.what for claim in claims if claim.kind == "likes")
        unwanted = ", ".join(claim.what for claim in claims if claim.kind == "dislikes")
        if self.shuffled and self.people_:
            others = list(self.people_.values())
            return others[zlib.crc32(f"{wanted} {unwanted}".encode()) % len(others)]
        return wanted, unwanted

    @cached_property
    def _template(self) -> Template:
        return Template(self._facts, self._usual)

    @cached_property
    def _vectors_by_text(self) -> dict[str, NDArray[np.float32]]:
        return {}

    def _encoded(self, texts: Sequence[str]) -> NDArray[np.float32]:
        """Return the vectors of texts, float32 ``[q, d]``, zeros for nothing; many queries have the same profile."""
        kept = self._vectors_by_text
        new = [text for text in dict.fromkeys(texts) if text and text not in kept]
        if len(kept) + len(new) > _KEPT:
            kept.clear()
            new = [text for text in dict.fromkeys(texts) if text]
        kept.update(zip(new, self._texts_of.words(new), strict=True))
        nothing = np.zeros(self.vectors_.shape[1], dtype=np.float32)
        return np.stack([kept[text] if text else nothing for text in texts]) if texts else nothing[None][:0]

    def _parts(self, query: Query, item: int) -> Contributions:
        batch, against = QueryBatch.of([query]), self.settings_["against"]
        ((wanted, unwanted),) = self._told(batch)
        towards = self.vectors_[item]
        parts = []
        if wanted:
            parts.append(Contribution("feature", f"likes {wanted}", float(self._encoded([wanted])[0] @ towards)))
        if unwanted and against:
            less = float(nearness(self._encoded([unwanted]), self.vectors_)[0, item])
            parts.append(Contribution("feature", f"dislikes {unwanted}", -against * less))
        if query.text:
            parts.append(Contribution("text", query.text, float(self._words(batch)[0] @ towards)))
        parts.append(Contribution("popularity", "popularity", float(self._prior[item])))
        return Contributions(self.items_.ids[item], float(sum(part.amount for part in parts)), tuple(parts))

    def _forget_caches(self) -> None:
        super()._forget_caches()
        self.__dict__.pop("_template", None)
        self.__dict__.pop("_vectors_by_text", None)

    def _grow(self, catalogue: Catalogue, new: int) -> None:
        super()._grow(catalogue, new)
        self._facts = {**self._facts, **item_facts(catalogue, self.items_.ids[-new:])}
        self._forget_caches()

    def _state(self) -> tuple[dict[str, Any], storage.Tensors]:
        fitted, tensors = super()._state()
        return {**fitted, "middle": self._middle}, tensors

    def _texts(self) -> dict[str, str]:
        return {_FACTS: json.dumps([self._facts, self._usual]), _PEOPLE: json.dumps(self.people_)}

    def _read(self, folder: Path, stored: storage.Stored) -> None:
        (facts, usual), people = (json.loads((folder / name).read_text(encoding="utf-8")) for name in (_FACTS, _PEOPLE))
        self._facts = {item: tuple(own) for item, own in facts.items()}
        self._usual = {fact: float(share) for fact, share in usual.items()}
        self.people_ = {raw: (str(wanted), str(unwanted)) for raw, (wanted, unwanted) in people.items()}
        super()._read(folder, stored)

    def _restore(self, fitted: Mapping[str, Any], tensors: storage.Tensors) -> None:
        self._middle = fitted["middle"]
        super()._restore(fitted, tensors)


class CountsTextAndProfiles(Fusion):
    """`CountsAndText`, and what is near to the person's profile."""

    name: ClassVar[str] = "counts-text-and-profiles"
    usual: ClassVar[tuple[str, ...]] = (*CountsAndText.usual, "profile-knn")
