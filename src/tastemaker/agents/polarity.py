"""What of a turn is refused, and what is only preferred: how far a negation reaches, clause by clause."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Final

from tastemaker.agents.turn import Piece, Turn

_LISTED: Final = 16
"""So many pieces of a list are looked at for the "or" that ends it."""
_AHEAD: Final = 5


def set_polarity(turn: Turn) -> None:
    """Mark the pieces that stand under a negation, and those that are wished for softly.

    A negation reaches to the end of its clause, or to a word that wants something; over a comma or "and" only as far
    as more of the same is listed ("no horror, gore or romance"), so "no horror, something funny" refuses one thing.
    """
    for clause in turn.clauses:
        _forward(turn, clause)
        _backward(clause)
        _softly(clause)


def _says(piece: Piece) -> bool:
    """Say whether a piece is something that can be refused."""
    return bool(piece.meanings or piece.items or piece.number is not None or piece.companies)


def _forward(turn: Turn, clause: Sequence[Piece]) -> None:
    by: Piece | None = None
    last: Piece | None = None
    for place, piece in enumerate(clause):
        if piece.has("not") and not (piece.meanings and place + 1 == len(clause)):
            by, last = piece, None
            continue
        if by is None:
            continue
        if piece.gap == "comma" and place and not _goes_on(clause, place, last):
            by = None
            continue
        if piece.has("want", "instead", "correct", "similar", "no_negation") and (
            last is not None or not piece.has("want", "similar")
        ):
            by = None
            continue
        if piece.has("want") and by.tags >= {"no"}:
            by = None
            continue
        if last is not None and _joins(clause, place) and not _same_kind(turn, last, clause, place):
            by = None
            continue
        piece.refused, piece.by = True, by
        if _says(piece):
            last = piece


def _goes_on(clause: Sequence[Piece], place: int, last: Piece | None) -> bool:
    """Say whether a list of what is refused goes on behind a comma: only values follow, up to an "or"."""
    if last is None:
        return False
    for piece in clause[place : place + _LISTED]:
        if piece.has("or"):
            return True
        if piece.has("want", "not", "but") or not (_says(piece) or piece.has("and")):
            return False
    return False


def _joins(clause: Sequence[Piece], place: int) -> bool:
    return clause[place].has("and") and not _says(clause[place])


def _same_kind(turn: Turn, last: Piece, clause: Sequence[Piece], place: int) -> bool:
    """Say whether what follows an "and" is of the same slot as what was refused before it."""
    following = next(
        (piece for piece in clause[place : place + _AHEAD] if _says(piece) or piece.has("want", "not")), None
    )
    if following is None or following.has("want"):
        return False
    before = {meaning.slot for meaning in turn.heard.best(last.meanings)}
    after = {meaning.slot for meaning in following.meanings}
    return bool(before & after) or bool(last.items and following.items)


def _backward(clause: Sequence[Piece]) -> None:
    for place, piece in enumerate(clause):
        if not piece.has("not_after") or (
            piece.has("not") and any(_says(each) for each in clause[place + 1 : place + 3])
        ):
            continue
        for other in reversed(clause[:place]):
            if _says(other) and not other.refused:
                other.refused, other.by = True, piece
            if other.gap == "comma" or other.has("want"):
                break


def _softly(clause: Sequence[Piece]) -> None:
    soft = False
    for piece in clause:
        if piece.has("surely") and not piece.has("softly"):
            soft = False
        elif piece.has("softly"):
            soft = True
        elif piece.gap == "comma":
            soft = False
        piece.soft = piece.soft or soft
    for place, piece in enumerate(clause):
        if piece.has("softly_after"):
            # "funny if possible": what stands before it, up to a comma, is meant.
            for other in reversed(clause[:place]):
                other.soft = True
                if other.gap == "comma":
                    break
