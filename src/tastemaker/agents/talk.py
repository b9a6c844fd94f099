"""Turns, and sentences of turns, that say one usual thing: thanks, more, start over, never mind, yes and no."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Final

from tastemaker.agents.acts import Act, Kind
from tastemaker.agents.turn import Piece, Turn
from tastemaker.agents.wishes import Wish

_PLAIN: Final[Sequence[tuple[str, Kind]]] = (("restart", "restart"), ("more", "more"), ("thanks", "thanks"))


def read_talk(turn: Turn) -> None:
    """Read the sentences that are a usual phrase and nothing else."""
    for clause in turn.clauses:
        said = [piece for piece in clause if not _polite(piece)]
        if all(piece.has("yes", "no") for piece in said):
            said = []
        if not said and len(turn.clauses) == 1:
            _short(turn, clause)
        elif said and not _usual(turn, said) and len(turn.clauses) > 1 and all(piece.has("thanks") for piece in said):
            turn.act(Act("thanks", words=turn.words(*said)), *said)


def _polite(piece: Piece) -> bool:
    return piece.has("polite") and not piece.has("restart", "undo", "accepted", "more", "why")


def _usual(turn: Turn, said: Sequence[Piece]) -> bool:
    """Read a sentence that is a usual phrase; say whether it was one."""

    def all_have(*tags: str) -> bool:
        return all(piece.has(*tags) for piece in said)

    words = turn.words(*said)
    if all_have("mind_not") and turn.asked:
        _mind_not(turn, words, said)
    elif all_have("accepted") and turn.state.last_shown:
        turn.act(Act("accept", items=_single(turn), words=words), *said)
    elif all_have("restart"):
        turn.act(Act("restart", words=words), *said)
    elif all_have("undo"):
        _undo(turn, words, said)
    elif (
        all_have("more", "noun", "mind_not", "other_one", "just") and any(piece.has("more") for piece in said)
    ) or all_have("mind_not"):
        turn.act(Act("more", words=words), *said)
    elif all_have("thanks"):
        turn.act(Act("thanks", words=words), *said)
    elif said[0].has("small_talk") and _nothing_else(turn, said):
        turn.act(Act("small talk", text=turn.words(*said), words=words), *said)
    else:
        return False
    return True


def _nothing_else(turn: Turn, said: Sequence[Piece]) -> bool:
    return all(turn.empty(piece) for piece in said[1:]) and len(said) <= 3


def _single(turn: Turn) -> tuple[str, ...]:
    """Return the item that "it" means where one was shown, or the first of a list."""
    return turn.state.last_shown[:1]


def _mind_not(turn: Turn, words: str, said: Sequence[Piece]) -> None:
    slot = turn.asked
    if turn.state.of_slot(slot):
        turn.act(Act("retract", slot=slot, words=words), *said)
    turn.act(Act("mind not", slot=slot, words=words), *said)


def _undo(turn: Turn, words: str, said: Sequence[Piece]) -> None:
    """Take back what was said last: the wishes of the latest turn that has some."""
    latest = max((wish.turn for wish in turn.state.active), default=None)
    for wish in turn.state.active:
        if wish.turn == latest:
            turn.act(Act("retract", slot=wish.slot, value=wish.value, words=words), *said)
    if latest is None:
        turn.act(Act("unclear", text=words, words=words), *said)


def _short(turn: Turn, clause: Sequence[Piece]) -> None:
    """Read a turn of yes, no, or a polite word."""
    words = turn.words(*clause)
    first = clause[0]
    asked = turn.heard.slots.get(turn.asked)
    if first.has("no") and asked is not None:
        if asked.kind == "flag":
            turn.wish(Wish(asked.name, "is not", True, words=words), *clause)
        else:
            _mind_not(turn, words, clause)
    elif first.has("yes") and asked is not None and asked.kind == "flag":
        turn.wish(Wish(asked.name, "is", True, words=words), *clause)
    elif first.has("yes") and not first.has("thanks") and len(turn.state.last_shown) == 1 and not turn.asked:
        turn.act(Act("accept", items=turn.state.last_shown, words=words), *clause)
    elif first.has("no") and not first.has("thanks") and turn.state.last_shown:
        turn.act(Act("more", words=words), *clause)
    elif any(piece.has("mind_not") for piece in clause) and turn.asked:
        _mind_not(turn, words, clause)
    elif any(piece.has("thanks") for piece in clause):
        turn.act(Act("thanks", words=words), *clause)
    elif any(piece.has("small_talk") for piece in clause):
        turn.act(Act("small talk", text=words, words=words), *clause)
    else:
        turn.act(Act("unclear", text=words, words=words), *clause)
