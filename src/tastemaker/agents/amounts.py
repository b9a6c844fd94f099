"""Numbers with what bounds them, as wishes of slots that hold numbers: prices, years, lengths, ages, ratings."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from typing import Final

from tastemaker.agents.figures import FIRST_YEAR, hyphened, number_at, of_title, years_at
from tastemaker.agents.lexicon import Concept
from tastemaker.agents.turn import WHOLE_TURN, Doubt, Piece, Turn
from tastemaker.agents.wishes import ABOUT, Sign, Wish

_LAST_YEAR: Final = 2100
_NEAR: Final = 4
"""So many pieces before a number its name may stand, as in "the price should be under 20"."""
_SOME: Final = 0.1
"""How far "around 20" reaches to both sides, of the number."""
_SOME_YEARS: Final = 3.0
_LOWER, _UPPER = ("at_most", "before"), ("at_least", "after", "since")


@dataclass
class _Amount:
    """A number, or two, with what stands around."""

    pieces: list[Piece]
    low: float
    high: float
    concept: str = ""
    cue: str = ""
    end: str = ""
    around: bool = False
    strict: bool = False
    soft: bool = field(default=False)


def read_amounts(turn: Turn) -> None:
    """Read the numbers of a turn that are wishes, and note those of which nobody knows what they are."""
    pieces = turn.pieces
    place = 0
    while place < len(pieces):
        found = None if pieces[place].used or of_title(turn, place) else _at(turn, place)
        if found is None:
            place += 1
            continue
        amount, place = found
        _wish(turn, amount, place)


def _at(turn: Turn, place: int) -> tuple[_Amount, int] | None:
    """Return the amount whose number begins at a place, and the place behind it."""
    pieces = turn.pieces
    span = years_at(turn, place)
    if span is not None:
        low, high, last = span
        amount = _Amount(pieces[place:last], low, high, "year")
        if last < len(pieces) and _joined(pieces, last) and (second := _second(turn, last)) is not None:
            (_, amount.high, last) = second
            amount.pieces = pieces[place:last]
        _before(turn, place, amount)
        return _behind(turn, last, amount)
    number, last, concept = number_at(turn, place)
    if number is None:
        return None
    amount = _Amount(pieces[place:last], number, number, concept)
    if (
        last < len(pieces)
        and (_joined(pieces, last) or hyphened(turn, last))
        and pieces[last - 1].clause == pieces[last].clause
    ):
        start = last if hyphened(turn, last) else last + 1
        other, after, unit = number_at(turn, start) if start < len(pieces) else (None, last, "")
        ranged = (
            other is not None
            and other >= number
            and (
                _ranged(turn, place)
                or hyphened(turn, last)
                or (pieces[last].has("from_to") and not pieces[last].has("and"))
            )
        )
        if other is not None and ranged:
            amount.high, last = other, after
            amount.concept = concept or unit
            amount.pieces = pieces[place:last]
            amount.cue = "between"
    _before(turn, place, amount)
    return _behind(turn, last, amount)


def _joined(pieces: Sequence[Piece], place: int) -> bool:
    return pieces[place].has("from_to") and not pieces[place].gap


def _second(turn: Turn, place: int) -> tuple[float, float, int] | None:
    """Return the span of years behind a word that joins two, articles left out."""
    for start in (place + 1, place + 2):
        if start < len(turn.pieces) and (found := years_at(turn, start)) is not None:
            return found
    return None


def _ranged(turn: Turn, place: int) -> bool:
    return any(piece.has("between", "from") for piece in turn.pieces[max(0, place - 2) : place])


def _before(turn: Turn, place: int, amount: _Amount) -> None:
    """Take in what stands before a number: cues of bounds, comparatives, the name of a respect."""
    pieces = turn.pieces
    clause = pieces[place].clause
    first = place
    for back in range(place - 1, max(-1, place - 1 - _NEAR), -1):
        piece = pieces[back]
        if piece.clause != clause or pieces[back + 1].gap or piece.number is not None:
            break
        if piece.has("than") and back and pieces[back - 1].sides("less", "more"):
            _compared(turn, pieces[back - 1], amount)
            first = back - 1
            break
        if _bounded(turn, piece, amount, near=back >= place - 2):
            first = back
        elif not _passed(turn, piece):
            break
    amount.pieces = [*pieces[first:place], *amount.pieces]


def _bounded(turn: Turn, piece: Piece, amount: _Amount, *, near: bool) -> bool:
    """Take in what a piece says of a number behind it; say whether it says something."""
    names = _numeric(turn, piece)
    cue = next((cue for cue in (*_LOWER, *_UPPER, "between", "last_years", "from") if piece.has(cue)), "")
    if piece.has("early", "late") and amount.high - amount.low >= 9:
        third = (amount.high - amount.low + 1) // 3
        early = piece.has("early")
        amount.low, amount.high = (amount.low, amount.low + third) if early else (amount.high - third, amount.high)
    elif cue and (not amount.cue or cue in ("between", "from")):
        amount.cue = amount.cue if cue == "from" else cue
        amount.strict = amount.cue in ("before", "after")
    elif piece.has("around") and near:
        amount.around = True
    elif not names:
        return False
    if names and not amount.concept:
        amount.concept = names[0]
    return True


def _numeric(turn: Turn, piece: Piece) -> list[str]:
    """Return the concepts that a piece names and of which the shop has numbers."""
    of, slots = turn.heard.of_concept, turn.heard.slots
    return [name for name, _ in piece.sides("names") if name in of and slots[of[name]].kind == "number"]


def _passed(turn: Turn, piece: Piece) -> bool:
    """Say whether a bound may stand before a piece that is between it and its number."""
    return bool(piece.sides("names")) or (turn.empty(piece) and not piece.has("not", "not_after", "like", "seen"))


def _compared(turn: Turn, piece: Piece, amount: _Amount) -> None:
    sides = [(name, side) for name, side in piece.sides("less", "more") if name in turn.heard.of_concept]
    own = [(name, side) for name, side in sides if name == amount.concept] or sides
    if own:
        amount.concept = amount.concept or own[0][0]
        amount.cue = "at_most" if own[0][1] == "less" else "at_least"
        if own[0][0] == "year":
            amount.cue, amount.strict = ("before" if own[0][1] == "less" else "after"), True


def _behind(turn: Turn, last: int, amount: _Amount) -> tuple[_Amount, int]:
    """Take in what stands behind a number: bounds, the name of a respect, an era."""
    pieces = turn.pieces
    if last < len(pieces) and pieces[last].has("bc") and not pieces[last].gap:
        amount.low, amount.high = -amount.high, -amount.low
        amount.concept = amount.concept or "year"
        amount.pieces.append(pieces[last])
        last += 1
    for _ in range(2):
        if last < len(pieces) and pieces[last].gap != "stop":
            piece = pieces[last]
            end = next((end for end in ("or_less", "or_more") if piece.has(end)), "")
            sides = _numeric(turn, piece)
            if end and not amount.cue and not (piece.has("and") and not _closes(turn, last)):
                amount.end = end
            elif sides and not amount.concept and not pieces[last].gap:
                amount.concept = sides[0]
            elif not piece.gap and amount.concept in {name for name, _ in piece.sides("low", "high")}:
                pass  # "two hours long" says no more than "two hours".
            else:
                break
            amount.pieces.append(piece)
            last += 1
    return amount, last


def _closes(turn: Turn, place: int) -> bool:
    """Say whether a word that also joins stands at the end of its clause."""
    following = turn.pieces[place + 1] if place + 1 < len(turn.pieces) else None
    return following is None or bool(following.gap) or following.clause != turn.pieces[place].clause


def _wish(turn: Turn, amount: _Amount, following: int) -> None:
    """Make wishes of an amount, if it is known what it is one of."""
    pieces = amount.pieces
    rest = turn.pieces[following] if following < len(turn.pieces) else None
    if rest is not None and rest.has("year_old") and not rest.gap:
        return
    if amount.cue == "last_years":
        amount = _recent(turn, amount, rest)
        pieces = amount.pieces
    slot = _slot_of(turn, amount, rest)
    refused = any(piece.refused for piece in pieces) and not amount.cue
    if refused and amount.low != amount.high:
        return
    if not slot:
        if amount.concept and any(piece.units for piece in pieces):
            words = turn.words(*pieces)
            turn.wish(Wish(ABOUT, "is not" if refused else "is", words, hard=False, words=words), *pieces)
        elif amount.cue in (*_LOWER, *_UPPER) and not (rest is not None and rest.has("noun")) and amount.concept == "":
            turn.doubts.append(Doubt("which slot", turn.words(*pieces)))
        return
    concept = turn.heard.concept_of.get(slot)
    words = turn.words(*pieces)
    hard = not (any(piece.soft for piece in pieces) or amount.around)
    for sign, value in _bounds(amount, concept, refused):
        turn.wish(Wish(slot, sign, float(value), hard=hard, words=words), *pieces)


def _recent(turn: Turn, amount: _Amount, rest: Piece | None) -> _Amount:
    """Return "the last five years" as a bound, counted back from the newest item."""
    slot = turn.heard.of_concept.get("year", "")
    if not slot or rest is None or not rest.has("years") or amount.low > 100:
        amount.concept = "none"
        return amount
    newest = turn.heard.slots[slot].high
    since = newest - amount.low
    return _Amount([*amount.pieces, rest], since, since, "year", "at_least")


def _slot_of(turn: Turn, amount: _Amount, rest: Piece | None) -> str:
    """Return the slot that an amount is of, an empty text for none."""
    heard = turn.heard
    if amount.concept:
        slot = heard.of_concept.get(amount.concept, "")
        return slot if slot and heard.slots[slot].kind == "number" else ""
    if rest is not None and rest.has("noun") and not rest.gap:
        return heard.of_concept.get("year", "") if _a_year(amount) else ""
    if amount.cue in ("before", "after") or _a_year(amount):
        slot = heard.of_concept.get("year", "")
        if slot and _a_year(amount) and heard.slots[slot].kind == "number":
            return slot
    asked = turn.asked
    short = len(turn.tokens) <= WHOLE_TURN
    return asked if asked in heard.slots and heard.slots[asked].kind == "number" and short else ""


def _a_year(amount: _Amount) -> bool:
    return FIRST_YEAR <= amount.low <= _LAST_YEAR and amount.low == int(amount.low) and amount.high <= _LAST_YEAR


def _bounds(amount: _Amount, concept: Concept | None, refused: bool) -> Iterator[tuple[Sign, float]]:
    """Yield the wishes that an amount is."""
    low, high = amount.low, amount.high
    step = 1.0 if amount.strict and concept is not None and concept.whole else 0.0
    cue = amount.cue
    if amount.around and cue not in (*_LOWER, *_UPPER):
        wide = _SOME_YEARS if concept is not None and concept.whole else _SOME * abs(low)
        low, high, cue = low - wide, high + wide, "between"
    if cue in _LOWER:
        yield "at most", (low - step if amount.strict else high)
    elif cue in _UPPER or amount.end == "or_more":
        yield "at least", (high + step if amount.strict else low)
    elif amount.end == "or_less":
        yield "at most", high
    elif refused:
        yield "is not", low
    elif low != high or concept is None or concept.plain == "exactly":
        yield "at least", low
        yield "at most", high
    else:
        yield concept.plain, low
