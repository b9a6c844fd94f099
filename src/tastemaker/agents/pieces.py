"""A text cut into pieces: cues, values, titles and numbers where they stand, the longest first."""

from __future__ import annotations

import re
from collections import defaultdict
from collections.abc import Sequence
from typing import Final

from tastemaker.agents.heard import Heard
from tastemaker.agents.lexicon import Lexicon
from tastemaker.agents.mentions import Titles
from tastemaker.agents.phrases import cover
from tastemaker.agents.state import State
from tastemaker.agents.tokens import LONGEST, Token, readable, tokens_of
from tastemaker.agents.turn import Doubt, Gap, Piece, Turn
from tastemaker.agents.wording import Wording

_QUOTED: Final = re.compile('["“„«]([^"“”„«»\n]{1,120})["”“»]')
_HUNDRED: Final = 100


def turn_of(text: str, state: State, lexicon: Lexicon, heard: Heard, titles: Titles) -> Turn:
    """Return a turn cut into pieces, none of which is read yet."""
    kept = readable(text)
    whole = tokens_of(kept)
    words, gaps = _without_marks(whole)
    turn = Turn(kept, words, [], frozenset(), state, lexicon, heard, titles)
    if len(text) > LONGEST:
        turn.doubts.append(Doubt("cut"))
    cutter = _Cutter(turn, gaps)
    turn.pieces = cutter.pieces()
    turn.question = _clauses(turn, whole)
    return turn


def _without_marks(tokens: Sequence[Token]) -> tuple[list[Token], list[Gap]]:
    """Return the tokens that are words, and the mark before each."""
    words: list[Token] = []
    gaps: list[Gap] = []
    gap: Gap = ""
    for place, token in enumerate(tokens):
        if not token.mark:
            words.append(token)
            gaps.append(gap)
            gap = ""
        elif token.stops:
            gap = "stop"
        elif (token.comma and not _between_words(tokens, place)) and gap != "stop":
            gap = "comma"
    return words, gaps


def _between_words(tokens: Sequence[Token], place: int) -> bool:
    """Say whether a mark joins two words, as the hyphen of "sci-fi" does."""
    if tokens[place].form == ",":
        return False
    after = tokens[place + 1] if place + 1 < len(tokens) else None
    return tokens[place].glued and after is not None and after.glued and not after.mark


def _clauses(turn: Turn, tokens: Sequence[Token]) -> frozenset[int]:
    """Number the clauses of the pieces; return those that end with a question mark."""
    clause = 0
    for place, piece in enumerate(turn.pieces):
        if place and (piece.gap == "stop" or piece.has("but")):
            clause += 1
        piece.clause = clause
    asked = [token.start for token in tokens if token.form == "?"]
    starts = [turn.tokens[piece.first].start for piece in turn.pieces]
    found = set()
    place = 0
    for mark in asked:
        while place < len(starts) and starts[place] < mark:
            place += 1
        if place:
            found.add(turn.pieces[place - 1].clause)
    return frozenset(found)


class _Cutter:
    """Cuts one turn.

    Args:
        turn: The turn; its pieces are made here.
        gaps: The mark before each word.
    """

    def __init__(self, turn: Turn, gaps: Sequence[Gap]) -> None:
        self.turn, self.gaps = turn, gaps
        self.forms = [token.form for token in turn.tokens]
        possessives = turn.lexicon.possessives
        self.names = [
            token.form[:-1] if token.said[-2:-1] in ("'", "\u2019") and token.form[-1:] in possessives else token.form
            for token in turn.tokens
        ]
        self.stems = [turn.lexicon.stem(name) for name in self.names]
        self.quoted = self._quoted()
        self.wording = Wording(turn, gaps, self.stems, self.quoted)
        self.found: dict[tuple[int, int], Piece] = {}
        self.worth: dict[int, dict[int, float]] = defaultdict(dict)

    def pieces(self) -> list[Piece]:
        """Return the pieces that cover the turn, single words that nobody knows among them."""
        for place in range(len(self.forms)):
            self._cues(place)
            self._values(place)
            self._titles(place)
            self._number(place)
        for place, length in self.quoted.items():
            self._piece(place, length, 2.0)
        covered = cover(len(self.forms), {place: found.items() for place, found in self.worth.items()})
        pieces: list[Piece] = []
        end = 0
        for first, last in (*covered, (len(self.forms), len(self.forms))):
            pieces += [self._unknown(place) for place in range(end, first)]
            if first < last:
                pieces.append(self.found[first, last - first])
            end = last
        for piece in pieces:
            piece.gap = self.gaps[piece.first]
        return pieces

    def _piece(self, place: int, length: int, more: float) -> Piece:
        piece = self.found.setdefault((place, length), Piece(place, place + length))
        known = self.worth[place]
        known[length] = max(more, known.get(length, more))
        return piece

    def _cues(self, place: int) -> None:
        lexicon = self.turn.lexicon
        for length, tags in lexicon.tags.at(self.forms, place):
            if self.wording.whole(place, length):
                self._piece(place, length, 0.1).tags |= frozenset(tags)
        for length, companies in lexicon.companies.at(self.names, place):
            if self.wording.whole(place, length):
                self._piece(place, length, 0.12).companies += tuple(companies)
        for length, units in lexicon.units.at(self.forms, place):
            if self.wording.whole(place, length):
                self._piece(place, length, 0.1).units += tuple(units)

    def _values(self, place: int) -> None:
        heard = self.turn.heard
        for length, meanings in heard.phrases.at(self.stems, place):
            if self.wording.whole(place, length):
                kept = tuple(each for each in meanings if self.wording.heard(each, place, length))
                if kept:
                    self._piece(place, length, 0.15).meanings += kept

        for length, meanings in heard.comparatives.at(self.forms, place):
            if self.wording.whole(place, length):
                self._piece(place, length, 0.2).meanings = tuple(meanings)

    # -- titles ----------------------------------------------------------------------------------------------------

    def _quoted(self) -> dict[int, int]:
        """Return what stands in quotation marks: the first word, and how many."""
        starts = {token.start: place for place, token in enumerate(self.turn.tokens)}
        ends = {token.end: place for place, token in enumerate(self.turn.tokens)}
        found = {}
        for match in _QUOTED.finditer(self.turn.text):
            inside = match[1].strip()
            begin = self.turn.text.index(inside, match.start()) if inside else -1
            first = starts.get(begin)
            last = next((ends[end] for end in range(match.end(), begin, -1) if end in ends), None)
            if first is not None and last is not None and first <= last:
                found[first] = last - first + 1
        return found

    def _titles(self, place: int) -> None:
        seen: dict[int, tuple[str, ...]] = {}
        for words in (self.forms, self.names):
            for length, items in self.turn.titles.phrases.at(words, place):
                seen[length] = tuple(dict.fromkeys((*seen.get(length, ()), *items)))
        for length, items in seen.items():
            if self.wording.sure(place, length):
                self._piece(place, length, 0.5).items = items

    # -- numbers and unknown words ---------------------------------------------------------------------------------

    def _number(self, place: int) -> None:
        token = self.turn.tokens[place]
        if token.number:
            self._piece(place, 1, 0.2).number = _figure(token.said, decimal_comma=self.turn.lexicon.decimal_comma)
            return
        numbers = self.turn.lexicon.numbers
        total, last, length = 0.0, 0.0, 0
        while place + length < len(self.forms) and length < 5 and self.wording.whole(place, length + 1):
            value = numbers.get(self.forms[place + length])
            if value is None:
                break
            if length == 0:
                total = value
            elif value >= _HUNDRED and total < value:
                total *= value
            elif (last >= 20 and last % 10 == 0 and value < 10) or (last >= _HUNDRED and value < last):
                total += value
            else:
                break
            last, length = value, length + 1
        if length:
            self._piece(place, length, 0.2).number = total

    def _unknown(self, place: int) -> Piece:
        """Return a piece of a word that nobody knows, or that is spelt wrong."""
        piece, form = Piece(place, place + 1), self.forms[place]
        known = form in self.turn.titles.words or place in self.quoted
        known = known or self.wording.usual(form) or self.wording.written(place)
        meant = None if known else self.turn.heard.spelling.nearest(form)
        if meant is not None:
            piece.meanings = tuple(self.turn.heard.phrases.get(self.turn.lexicon.stem(meant)))
            if piece.meanings:
                self.turn.doubts.append(Doubt("spelling", self.turn.tokens[place].said, text=meant))
        return piece


def _figure(said: str, *, decimal_comma: bool) -> float:
    """Return the number that figures say; three figures behind a mark are thousands.

    >>> _figure("1,500", decimal_comma=False), _figure("9,99", decimal_comma=True), _figure("1.5", decimal_comma=False)
    (1500.0, 9.99, 1.5)
    """
    point, group = (",", ".") if decimal_comma else (".", ",")
    parts = said.split(group)
    if len(parts) > 1 and all(len(part.partition(point)[0]) == 3 for part in parts[1:]):
        said = "".join(parts)
    digits = said.replace(group, ".").replace(point, ".")
    head, _, tail = digits.rpartition(".")
    if len(digits) > 18:
        digits, head, tail = digits[:18], "", ""
    return float(f"{head.replace('.', '')}.{tail}" if head else digits.replace(".", "") or 0)
