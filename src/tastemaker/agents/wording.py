"""Whether words that may be a title, a name or a value are meant as one where they stand: by large letters and cues."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Final

from tastemaker.agents.heard import Meaning
from tastemaker.agents.turn import Gap, Turn

_LONG_WORD: Final = 6
_LONG_TITLE: Final = 4
_TITLED: Final = frozenset(("titled",))
_NAMING: Final = frozenset(("named",))
_POINTING: Final = frozenset(
    ("similar", "seen", "hide", "like", "accept", "tell", "compare", "not_similar", "not_seen")
)
_OF_YEARS: Final = frozenset(("written", "early", "late", "before", "after", "since", "between"))
_JUDGING: Final = frozenset(("like_after", "hide_after", "is_it"))


class Wording:
    """How a turn is worded.

    Args:
        turn: The turn, which has no pieces yet.
        gaps: The mark before each word.
        stems: The stem of each word.
        quoted: What stands in quotation marks: the first word, and how many.
    """

    def __init__(self, turn: Turn, gaps: Sequence[Gap], stems: Sequence[str], quoted: Mapping[int, int]) -> None:
        self.turn, self.gaps, self.stems, self.quoted = turn, gaps, stems, quoted
        self.forms = [token.form for token in turn.tokens]

    def whole(self, place: int, length: int) -> bool:
        """Say whether no mark stands within a phrase."""
        return not any(self.gaps[place + 1 : place + length])

    def heard(self, meaning: Meaning, place: int, length: int) -> bool:
        """Say whether a phrase may mean a value where it stands."""
        concept = self.turn.heard.concept_of.get(meaning.slot)
        if meaning.surname:
            return self._surname(place)
        if concept is not None and concept.name == "period" and self._cue_before(place, _OF_YEARS):
            # Written in the 19th century, or early in it: that is a matter of years.
            return "year" not in self.turn.heard.of_concept
        if self._bare_grammar(place, length) and not self.turn.heard.closed(meaning.slot):
            return False
        generic = all("noun" in self.turn.lexicon.tags.get(form) for form in self.forms[place : place + length])
        return not generic or self.turn.heard.closed(meaning.slot) or self._cue_before(place, frozenset(("about",)))

    def _surname(self, place: int) -> bool:
        """Say whether a word may be the name of somebody: written so, or behind a word for that, or no other word."""
        token, form = self.turn.tokens[place], self.forms[place]
        if self.written(place) or self._cue_before(
            place, frozenset(("by", "directed_by", "starring", "from", "with", "similar"))
        ):
            return True
        return (not self.usual(form) and len(form) >= _LONG_WORD) or (
            token.capital and self.turn.mixed and not self.usual(form)
        )

    def usual(self, word: str) -> bool:
        """Say whether a word is one of grammar, of requests, of cues, or another that everybody uses."""
        lexicon = self.turn.lexicon
        return lexicon.empty(word) or word in lexicon.common or word in lexicon.tags or word in lexicon.numbers

    def written(self, place: int) -> bool:
        """Say whether a word has a large letter that its place does not ask for."""
        return self.turn.tokens[place].capital and self.turn.mixed and place > 0 and self.gaps[place] != "stop"

    def _cue_before(self, place: int, cues: frozenset[str]) -> bool:
        """Say whether one of some cues ends right before a place."""
        if place and self.forms[place - 1] in self.turn.lexicon.articles and not self.gaps[place]:
            place -= 1
        if not self.whole(place - 1, 2):
            return False
        tags = self.turn.lexicon.tags
        starts = range(max(0, place - 4), place)
        return any(cues.intersection(tags.get(" ".join(self.forms[start:place]))) for start in starts)

    def sure(self, place: int, length: int) -> bool:
        """Say whether words that are a title are meant as one."""
        if self.quoted.get(place) == length or length == len(self.forms):
            return True
        weak = self._weak(place, length)
        if self._cue_before(place, _TITLED) or (
            self._cue_before(place, _NAMING) and not self._bare_grammar(place, length)
        ):
            return True
        if not weak:
            pointed = self._cue_before(place, _POINTING)
            return (
                length > 1
                or (self.turn.tokens[place].capital and self.turn.mixed)
                or pointed
                or len(self.forms[place]) >= _LONG_WORD
            )
        if self._capitals(place, length) or (length >= _LONG_TITLE and not self._is_phrase(place, length)):
            return True
        if self._judged(place, length):
            return True
        usual = self._is_phrase(place, length) or self._bare_grammar(place, length)
        return self._cue_before(place, _POINTING) and not usual

    def _judged(self, place: int, length: int) -> bool:
        """Say whether a title that begins a sentence is judged by what stands behind it: "Up was great"."""
        last = place + length
        if last >= len(self.forms) or (length == 1 and not (self.turn.tokens[place].capital and self.turn.mixed)):
            return False
        if length == 1 and {"it", "these"}.intersection(self.turn.lexicon.tags.get(self.forms[place])):
            return False
        known = self.turn.lexicon.tags.at(self.forms, last)
        return any(_JUDGING.intersection(tags) for _, tags in known) and not any(self.gaps[place + 1 : last + 1])

    def _weak(self, place: int, length: int) -> bool:
        """Say whether all words of a title are usual ones, or it is a value of the shop."""
        if self._is_phrase(place, length):
            return True
        return all(self.usual(word) or self._is_value(word) for word in self.forms[place : place + length])

    def _is_value(self, word: str) -> bool:
        """Say whether a word is a value of the shop by itself."""
        return self.turn.lexicon.stem(word) in self.turn.heard.phrases

    def _is_phrase(self, place: int, length: int) -> bool:
        stems, forms = " ".join(self.stems[place : place + length]), " ".join(self.forms[place : place + length])
        lexicon = self.turn.lexicon
        heard = self.turn.heard
        values = [*(each for each in heard.phrases.get(stems) if not each.surname), *heard.comparatives.get(forms)]
        return bool(values) or forms in lexicon.tags or forms in lexicon.companies

    def _bare_grammar(self, place: int, length: int) -> bool:
        small = not any(self.written(each) for each in range(place, place + length))
        return small and all(word in self.turn.lexicon.grammar for word in self.forms[place : place + length])

    def _capitals(self, place: int, length: int) -> bool:
        """Say whether a title is written with large letters where none are asked for."""
        said = [
            each
            for each in range(place, place + length)
            if length == 1 or self.forms[each] not in self.turn.lexicon.grammar or self.turn.tokens[each].capital
        ]
        if not said or not self.turn.mixed or not all(self.turn.tokens[each].capital for each in said):
            return False
        own = [self.turn.heard.phrases.get(self.stems[each]) for each in said]
        if length == 1 and any(str(meaning.value)[:1].isupper() for meanings in own for meaning in meanings):
            # The word has a large letter in any case: it is a place, or a person.
            return self._cue_before(place, _POINTING)
        return any(self.written(each) for each in said) and self.forms[place] != "i"
