"""What is left of a turn when values, numbers and items are read: how many, more, wishes without a field."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Final

from tastemaker.agents.acts import Act, Kind
from tastemaker.agents.turn import Piece, Turn
from tastemaker.agents.wishes import ABOUT, Sign, Wish

_MOST: Final = 100
"""More items than that nobody asks for."""
_AHEAD: Final = 4
_LONGEST: Final = 16
"""More pieces are not compared with items at once."""


def read_quantity(turn: Turn) -> None:
    """Read how many items are wanted: a number before a word for items, or behind "just" and "show me"."""
    for place, piece in enumerate(turn.pieces):
        told = piece.tagged("quantities")
        number = float(told[0]) if told else piece.number
        if piece.used or number is None or not 1 <= number <= _MOST or number != int(number):
            continue
        before = turn.pieces[place - 1] if place and not piece.gap else None
        if before is not None and before.has("numbered") and not before.has("not"):
            continue
        counted = _counted(turn, place) or _values(turn, place)
        led = before is not None and before.has("just", "want", "search") and _ends(turn, place)
        if (counted is None and not led) or (number == 1 and not (before is not None and before.has("just"))):
            # "One" is more often an article, or stands for an item.
            continue
        pieces = [*([before] if led and before is not None else []), piece]
        if counted is not None and not counted.meanings:
            pieces.append(counted)
        turn.act(Act("quantity", number=int(number), words=turn.words(piece)), *pieces)
        return


def _counted(turn: Turn, place: int) -> Piece | None:
    """Return the word for items that a number counts."""
    for piece in turn.pieces[place + 1 : place + 1 + _AHEAD]:
        if piece.gap == "stop" or piece.has("but", "with", "about", "than", "by"):
            return None
        ending = turn.lexicon.tags.get(turn.tokens[piece.last - 1].form)
        if piece.has("noun", "more") or ("noun" in ending and piece.meanings):
            return piece
    return None


def _values(turn: Turn, place: int) -> Piece | None:
    """Return the value right behind a number that counts items of it, as in "two plays"."""
    before = turn.pieces[place - 1] if place else None
    following = turn.pieces[place + 1] if place + 1 < len(turn.pieces) else None
    if (
        following is None
        or following.gap
        or (before is not None and before.has("about", "with", "set_in", "from", "by"))
    ):
        return None
    closed = any(turn.heard.closed(meaning.slot) for meaning in following.meanings)
    return following if closed and turn.words(following) != turn.words(following).upper() else None


def _ends(turn: Turn, place: int) -> bool:
    following = turn.pieces[place + 1] if place + 1 < len(turn.pieces) else None
    return following is None or bool(following.gap) or following.has("polite", "but") or bool(following.meanings)


def read_more(turn: Turn) -> None:
    """Read that other items are wanted, beside what else is said."""
    if "more" in turn.kinds():
        return
    listed = bool(turn.state.last_shown)
    nothing = all(turn.empty(piece) for piece in turn.pieces)
    for piece in turn.pieces:
        if piece.used or not piece.has("more") or (piece.has("more_of", "at_least") and not nothing):
            continue
        if listed or (piece.last - piece.first > 1 and not piece.has("want")):
            turn.act(Act("more", words=turn.words(piece)), piece)
            return


def read_leftover(turn: Turn) -> tuple[str, ...]:
    """Make soft wishes of what is wanted and has no field; return the words that no rule has understood."""
    left = []
    acted, wished = bool(turn.acts), "wish" in turn.kinds()
    for clause in turn.clauses:
        wanting = any(
            piece.has("want", "about", "with", "set_in", "for_whom", "by", "similar", "softly") for piece in clause
        )
        question = clause[0].clause in turn.question
        for run in _runs(turn, clause):
            words = turn.words(*run)
            left.append(words)
            if all(piece.number is not None for piece in run):
                # Of what it is a number nobody knows: that is asked, and nothing is compared with it.
                continue
            lead = clause[clause.index(run[0]) - 1] if run[0] is not clause[0] and not run[0].gap else None
            # "Less violent" and "too violent" want the opposite of what they name.
            less = lead is not None and lead.has("less_of", "too") and not run[0].refused
            refused = run[0].refused or less
            told = not acted and not question and len(turn.clauses) == 1
            if wanting or (wished and not question) or refused or told:
                sign: Sign = "is not" if refused else "is"
                by = [run[0].by] if run[0].by is not None and run[0].by.clause == run[0].clause else []
                by += [lead] if less and lead is not None else []
                turn.wish(Wish(ABOUT, sign, words, hard=False, words=turn.words(*by, *run)), *run, *by)
    return tuple(left)


def _runs(turn: Turn, clause: Sequence[Piece]) -> Iterator[list[Piece]]:
    """Yield runs of pieces with content that nobody has read, with the words of grammar between them."""
    run: list[Piece] = []
    between: list[Piece] = []
    for piece in clause:
        content = not piece.used and not _silent(turn, piece)
        joins = not piece.used and _grammatical(turn, piece) and not piece.has("want", "not")
        if run and (piece.gap or len(run) >= _LONGEST or not (content or joins) or piece.refused != run[0].refused):
            yield run
            run, between = [], []
        if content:
            run += [*between, piece]
            between = []
        elif run:
            between.append(piece)
    if run:
        yield run


def _silent(turn: Turn, piece: Piece) -> bool:
    """Say whether a piece has no content that a wish could be made of."""
    words = turn.tokens[piece.first : piece.last]
    if piece.tags and all(turn.lexicon.empty(token.form) for token in words):
        return True
    if piece.meanings or piece.items or piece.companies:
        return False
    if piece.number is not None:
        return not turn.tokens[piece.first].number
    return turn.empty(piece)


def _grammatical(turn: Turn, piece: Piece) -> bool:
    return all(token.form in turn.lexicon.grammar for token in turn.tokens[piece.first : piece.last])


def read_unclear(turn: Turn, left: Sequence[str]) -> None:
    """Say of a turn without an act that it was not understood."""
    if turn.acts or not turn.pieces:
        return
    kind: Kind = "small talk" if any(piece.has("small_talk") for piece in turn.pieces) and not left else "unclear"
    words = turn.text.strip()[:300]
    turn.act(Act(kind, text=words, words=words))
