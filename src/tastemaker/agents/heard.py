"""What of a shop's own values people's words may mean: by the value itself, a step or part of it, or another word."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from itertools import pairwise
from typing import Final

from tastemaker.agents.lexicon import Concept, Lexicon
from tastemaker.agents.phrases import Phrases
from tastemaker.agents.slots import Slot
from tastemaker.agents.spelling import Spelling
from tastemaker.agents.tokens import words_of
from tastemaker.data.catalogue import PATH_SEPARATOR

CLOSED: Final = 64
"""A slot with no more values says of every item what it is; one with more holds what somebody thought of."""

_WHOLE, _STRIPPED, _PART, _SAME, _NAMED = 4.0, 3.9, 3.7, 3.6, 3.0
NEAR: Final = _PART
"""A phrase that is worth as much is the value's own words, not others for the same."""
_LESS: Final = 0.02
"""How much worse each further word for the same is than the one before it."""
_CLOSED_MORE: Final = 0.3
_ALIKE: Final = 1e-9


@dataclass(frozen=True, slots=True)
class Meaning:
    """A value that a phrase may mean.

    Attributes:
        slot: Name of a slot.
        value: The value, or a step of its path; ``True`` of a flag.
        worth: How near the phrase is to it; the larger the nearer.
        sign: ``more`` for a comparative of it.
        surname: Whether the phrase is only the end of a name.
    """

    slot: str
    value: str | bool
    worth: float
    sign: str = ""
    surname: bool = False


class Heard:
    """The words by which a shop's slots and values are known.

    Args:
        slots: The slots of the shop.
        lexicon: The words of a language.

    Attributes:
        slots: As given.
        of_concept: Concept -> the slot that is it, those the shop has.
        concept_of: The other way round.
        phrases: Phrase of stems -> what it may mean.
        comparatives: Phrase, as it is said, -> of what it is more; an ending tells it from the word itself.
    """

    def __init__(self, slots: Mapping[str, Slot], lexicon: Lexicon) -> None:
        self.slots, self.lexicon = slots, lexicon
        self.of_concept = {
            name: found for name, concept in lexicon.concepts.items() if (found := _field_of(concept, slots))
        }
        self.concept_of = {slot: lexicon.concepts[name] for name, slot in reversed(self.of_concept.items())}
        self.phrases: Phrases[Meaning] = Phrases()
        self.comparatives: Phrases[Meaning] = Phrases()
        self._counts: dict[tuple[str, str | bool], int] = {
            (slot.name, value): count for slot in slots.values() for value, count in _counted(slot)
        }
        self._known = self._forms()
        self._enter()
        self.spelling = Spelling(self._spelt())

    def closed(self, slot: str) -> bool:
        """Say whether every item says what it is in this respect, so that a wish of it can be a must."""
        found = self.slots[slot]
        if found.kind in ("number", "flag"):
            return True
        concept = self.concept_of.get(slot)
        return found.kind == "text" or len(found.values) <= CLOSED or (concept is not None and concept.people)

    def best(self, meanings: Iterable[Meaning], slot: str = "") -> tuple[Meaning, ...]:
        """Return what is most likely meant: the nearest values of one slot.

        Args:
            meanings: What a phrase may mean.
            slot: One that was asked for, which comes before all others.
        """
        found = [meaning for meaning in meanings if meaning.slot == slot] or list(meanings)
        if not found:
            return ()
        worths = {meaning: self._worth(meaning) for meaning in found}
        # Of words that are as near, those that more items have: a part of a shelf's name, or a rare keyword.
        top = max(found, key=lambda each: (round(worths[each], 6), self._counts.get((each.slot, each.value), 0)))
        return tuple(
            meaning
            for meaning in found
            if meaning.slot == top.slot and meaning.sign == top.sign and worths[meaning] >= worths[top] - _ALIKE
        )

    def means(self, phrase: str) -> tuple[Meaning, ...]:
        """Return what a phrase may mean by itself."""
        return tuple(self.phrases.get(" ".join(map(self.lexicon.stem, words_of(phrase)))))

    def values_for(self, shop: Sequence[str]) -> tuple[Meaning, ...]:
        """Return the values that are one of some words, of the slot that has the most items with them."""
        by_slot: dict[str, list[Meaning]] = defaultdict(list)
        for word in shop:
            for slot, value, worth in self._known.get(self._stemmed(word), ()):
                if worth >= _STRIPPED and value not in {meaning.value for meaning in by_slot[slot]}:
                    by_slot[slot].append(Meaning(slot, value, worth))
        count = {
            slot: sum(self._counts.get((slot, each.value), 0) for each in found) for slot, found in by_slot.items()
        }
        best = max(count, key=lambda slot: (self.closed(slot), count[slot]), default="")
        return tuple(by_slot.get(best, ()))

    def named(self, slot: str, value: str) -> str | None:
        """Return the value of a slot, or the step of its paths, that a text is, whatever its case; ``None`` if none."""
        wanted = self._stemmed(value)
        exact = [known for name, known, worth in self._known.get(wanted, ()) if name == slot and worth >= _WHOLE]
        return next((known for known in exact if known == value), exact[0] if exact else None)

    # -- how it is made ------------------------------------------------------------------------------------------

    def _worth(self, meaning: Meaning) -> float:
        return meaning.worth + (_CLOSED_MORE if self.closed(meaning.slot) and not meaning.surname else 0)

    def _stemmed(self, phrase: str) -> str:
        return " ".join(map(self.lexicon.stem, words_of(phrase)))

    def _forms(self) -> dict[str, list[tuple[str, str, float]]]:
        """Return stems -> ``(slot, value, worth)`` of each form of each value of text."""
        found: dict[str, list[tuple[str, str, float]]] = defaultdict(list)
        for slot in self.slots.values():
            concept = self.concept_of.get(slot.name)
            if slot.kind not in ("text", "texts") or (concept is not None and concept.title):
                continue
            for value, _ in _counted(slot):
                for form, worth in self._said(value, people=concept is not None and concept.people):
                    found[" ".join(map(self.lexicon.stem, form))].append((slot.name, value, worth))
        return found

    def _said(self, value: str, *, people: bool) -> Iterator[tuple[tuple[str, ...], float]]:
        """Yield the words by which a value is known, and what each is worth."""
        words = tuple(words_of(value))
        if not words or all(word in self.lexicon.grammar for word in words):
            return
        yield words, _WHOLE
        if people:
            yield from _ends_of_names(words)
            return
        generic = {word for word in words if "noun" in self.lexicon.tags.get(word)}
        stripped = tuple(word for word in words if word not in generic)
        if stripped and stripped != words:
            yield stripped, _STRIPPED
        parts = _parts(words, {word for word in words if "and" in self.lexicon.tags.get(word)})
        if len(parts) > 1:
            for part in parts:
                yield part, _PART

    def _enter(self) -> None:
        for form, known in self._known.items():
            for slot, value, worth in known:
                self._add(form, Meaning(slot, value, worth, surname=worth == _NAMED))
        for group in self.lexicon.groups:
            shop = [
                (slot, value, min(worth, _SAME) - place * _LESS)
                for place, word in enumerate(group.shop)
                for slot, value, worth in self._known.get(self._stemmed(word), ())
                if worth != _NAMED
            ]
            for slot, value, worth in shop:
                for said in group.say:
                    self._add(self._stemmed(said), Meaning(slot, value, worth))
                for said in group.more:
                    self.comparatives.add(said.split(), Meaning(slot, value, worth, "more"))
        for flag in (name for name, slot in self.slots.items() if slot.kind == "flag"):
            self._add(self._stemmed(flag.replace("_", " ")), Meaning(flag, True, _WHOLE))

    def _add(self, form: str, meaning: Meaning) -> None:
        same = [known for known in self.phrases.get(form) if (known.slot, known.value) == (meaning.slot, meaning.value)]
        if not any(known.worth >= meaning.worth for known in same):
            self.phrases.add(form.split(), meaning)

    def _spelt(self) -> Iterator[str]:
        """Yield the words that may be meant by one that is spelt wrong: of closed slots, and of what means the same."""
        for form, known in self._known.items():
            if any(worth != _NAMED and self.closed(slot) for slot, _, worth in known):
                yield from form.split()
        for group in self.lexicon.groups:
            yield from (word for phrase in group.say for word in phrase.split())


def _field_of(concept: Concept, slots: Mapping[str, Slot]) -> str:
    by_form = {" ".join(words_of(name.replace("_", " "))): name for name in slots}
    forms = (" ".join(words_of(field.replace("_", " "))) for field in concept.fields)
    return next((by_form[form] for form in forms if form in by_form), "")


def _counted(slot: Slot) -> Iterator[tuple[str, int]]:
    """Yield values with how many items have them; of paths each step too."""
    if not slot.paths:
        yield from zip(slot.values, slot.counts, strict=True)
        return
    counts: dict[str, int] = defaultdict(int)
    for value, count in zip(slot.values, slot.counts, strict=True):
        for step in dict.fromkeys(value.split(PATH_SEPARATOR)):
            counts[step] += count
    yield from counts.items()


def _ends_of_names(words: Sequence[str]) -> Iterator[tuple[tuple[str, ...], float]]:
    if len(words) < 2:
        return
    yield (words[-1],), _NAMED
    if len(words) > 2:
        yield tuple(words[-2:]), _NAMED
        yield (words[0], words[-1]), _NAMED


def _parts(words: Sequence[str], between: Iterable[str]) -> list[tuple[str, ...]]:
    """Return what stands between some words, such as "crime" and "detection" of "crime and detection"."""
    cuts = [-1, *(place for place, word in enumerate(words) if word in set(between)), len(words)]
    return [tuple(words[start + 1 : end]) for start, end in pairwise(cuts) if end > start + 1]
