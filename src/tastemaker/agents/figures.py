"""Numbers as people say them: with units, with halves, as decades and centuries; not yet what is wanted of them."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Final

from tastemaker.agents.turn import Piece, Turn

FIRST_YEAR: Final = 1000
"""Lower numbers of a year need a word that says so."""


def number_at(turn: Turn, place: int) -> tuple[float | None, int, str]:
    """Return a number with its unit in units of the concept, the place behind both, and the concept."""
    pieces = turn.pieces
    piece = pieces[place]
    money = ""
    if piece.units and place + 1 < len(pieces) and pieces[place + 1].number is not None and not piece.number:
        unit = piece.units[0]
        if len(turn.words(piece)) == 1:
            money, place, piece = unit.of, place + 1, pieces[place + 1]
    if piece.number is None:
        half = piece.has("half_of", "single")
        if half and place + 1 < len(pieces) and pieces[place + 1].units and pieces[place + 1].units[0].of == "length":
            number, last = (0.5 if piece.has("half_of") else 1.0), place + 1
        else:
            return None, place, ""
    else:
        number, last = piece.number, place + 1
    if last < len(pieces) and pieces[last].has("half"):
        number, last = number + 0.5, last + 1
    if last < len(pieces) and pieces[last].units and not pieces[last].gap:
        unit = pieces[last].units[0]
        number, last = number * unit.times, last + 1
        if last < len(pieces) and pieces[last].has("half"):
            number, last = number + unit.times / 2, last + 1
        more, after, of = _rest(turn, last, unit.of, unit.times)
        return number + more, after, of
    return number, last, money


def _rest(turn: Turn, place: int, of: str, times: float) -> tuple[float, int, str]:
    """Return what follows in smaller units, such as the minutes behind hours."""
    pieces = turn.pieces
    start = place + 1 if place < len(pieces) and pieces[place].has("and") else place
    if times > 1 and start + 1 < len(pieces) and pieces[start].number is not None and pieces[start + 1].units:
        unit = pieces[start + 1].units[0]
        if unit.of == of and unit.times < times:
            return (pieces[start].number or 0.0) * unit.times, start + 2, of
    return 0.0, place, of


def years_at(turn: Turn, place: int) -> tuple[float, float, int] | None:
    """Return the first and the last year of a decade or a century, and the place behind it."""
    pieces = turn.pieces
    piece = pieces[place]
    slot = turn.heard.of_concept.get("year")
    if slot is None:
        return None
    high = turn.heard.slots[slot].high
    begin, length, last = None, 10, place + 1
    follow = pieces[last] if last < len(pieces) else None
    if piece.tagged("decades"):
        begin = _decade(float(piece.tagged("decades")[0]), high)
    elif piece.number is not None and follow is not None and follow.has("decade") and turn.tokens[follow.first].glued:
        begin, last = _decade(piece.number, high), last + 1
    elif piece.number is not None and piece.number < 30 and follow is not None:
        if follow.has("th") and turn.tokens[follow.first].glued and last + 1 < len(pieces):
            last, follow = last + 1, pieces[last + 1]
        if follow.has("century"):
            begin, length, last = 100 * (piece.number - 1) + 1, 100, last + 1
    elif piece.tagged("centuries") and follow is not None and follow.has("century"):
        begin, length, last = 100 * (float(piece.tagged("centuries")[0]) - 1) + 1, 100, last + 1
    return None if begin is None else (begin, begin + length - 1, last)


def _decade(number: float, high: float) -> float | None:
    """Return the first year of a decade that is said in two figures or four; of the last century that the shop has."""
    if number % 10:
        return None
    if number >= FIRST_YEAR:
        return number
    if number >= 100:
        return None
    century = high // 100 * 100
    return number + (century if number + century <= high else century - 100)


def hyphened(turn: Turn, place: int) -> bool:
    """Say whether a number stands behind another with nothing but a dash between."""
    if not 0 < place < len(turn.pieces) or turn.pieces[place].number is None:
        return False
    before, token = turn.tokens[turn.pieces[place].first - 1], turn.tokens[turn.pieces[place].first]
    return turn.text[before.end : token.start].strip() in ("-", "\u2013", "\u2014")


def of_title(turn: Turn, place: int) -> bool:
    """Say whether a number is the year of the title before it."""
    number = turn.pieces[place].number
    before = turn.pieces[max(0, place - 2) : place]
    return number is not None and any(turn.titles.of_year(piece.items, int(number)) for piece in before if piece.items)


def figures(turn: Turn, pieces: Sequence[Piece], slot: str) -> set[float]:
    """Return the numbers that some pieces say, those with a unit in the unit of a slot, decades by both their ends."""
    found: set[float] = set()
    for piece in pieces:
        place = turn.pieces.index(piece)
        span = years_at(turn, place)
        if span is not None and turn.heard.of_concept.get("year") == slot:
            found |= {span[0], span[1]}
            continue
        number, _, concept = number_at(turn, place)
        if number is not None and (not concept or turn.heard.of_concept.get(concept) == slot):
            found.add(number)
    return found
