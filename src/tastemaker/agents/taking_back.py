"""Wishes that a person takes back, and respects in which they have none: "forget the price", "any length"."""

from __future__ import annotations

from collections.abc import Sequence

from tastemaker.agents.acts import Act
from tastemaker.agents.heard import Meaning
from tastemaker.agents.turn import Piece, Turn
from tastemaker.agents.wishes import Wish


def read_taking_back(turn: Turn) -> None:
    """Read what is taken back, and what does not matter."""
    for clause in turn.clauses:
        for place, piece in enumerate(clause):
            if piece.used:
                continue
            if piece.has("retract"):
                _retract(turn, piece, clause[place + 1 :])
            elif piece.has("any_of", "mind_not") and _any_of(turn, clause, place):
                pass
            elif piece.has("fine_after"):
                _fine(turn, piece, clause[:place])
            elif piece.has("no_matter_after"):
                _no_matter(turn, piece, clause[:place])


def slots_named(turn: Turn, piece: Piece) -> list[str]:
    """Return the slots whose respect a piece names, by its name, its ends or its comparatives."""
    sides = piece.sides("names", "low", "high", "less", "more")
    return list(dict.fromkeys(turn.heard.of_concept[name] for name, _ in sides if name in turn.heard.of_concept))


def _retract(turn: Turn, cue: Piece, rest: Sequence[Piece]) -> None:
    """Take back the first thing behind a cue."""
    for place, piece in enumerate(rest):
        if piece.gap == "comma" or piece.used or piece.has("want"):
            return
        words = turn.words(cue, piece)
        found = _held(turn, turn.heard.best(piece.meanings)) or turn.heard.best(piece.meanings)
        slots = slots_named(turn, piece)
        behind = rest[place + 1] if place + 1 < len(rest) else None
        if found and not (slots and not _held(turn, found)):
            for meaning in found:
                turn.act(Act("retract", slot=meaning.slot, value=meaning.value, words=words), cue, piece)
            _more_behind(turn, rest[place + 1 :])
            return
        if slots:
            turn.act(Act("retract", slot=slots[0], words=words), cue, piece, used=rest[place + 1 : place + 2])
            return
        if piece.number is not None or piece.tagged("decades"):
            slot = _slot_of_number(turn, piece, behind)
            if slot:
                turn.act(Act("retract", slot=slot, words=words), cue, piece, used=rest[place + 1 : place + 2])
            return
        if piece.items:
            kind = "retract" if set(piece.items) & set(turn.state.resembling) else "hide"
            turn.act(Act("retract" if kind == "retract" else "hide", items=piece.items, words=words), cue, piece)
            return


def _more_behind(turn: Turn, rest: Sequence[Piece]) -> None:
    """Take back what else is listed behind an "and" or "or"."""
    listed = False
    for piece in rest:
        if piece.has("and", "or") and not piece.meanings:
            listed = True
        elif listed and (found := turn.heard.best(piece.meanings)):
            for meaning in found:
                turn.act(Act("retract", slot=meaning.slot, value=meaning.value, words=turn.words(piece)), piece)
        elif not turn.empty(piece) or piece.has("want"):
            return


def _held(turn: Turn, meanings: Sequence[Meaning]) -> tuple[Meaning, ...]:
    """Return those of some meanings of which there is a wish that holds."""
    held = {(wish.slot, wish.value) for wish in turn.state.active}
    return tuple(meaning for meaning in meanings if (meaning.slot, meaning.value) in held)


def _slot_of_number(turn: Turn, piece: Piece, behind: Piece | None) -> str:
    """Return the slot of a bound that is taken back by its number."""
    by_value = [wish.slot for wish in turn.state.active if wish.value == piece.number]
    if by_value:
        return by_value[0]
    unit = behind.units[0].of if behind is not None and behind.units else ""
    decade = piece.tagged("decades") or (behind is not None and behind.has("decade"))
    return turn.heard.of_concept.get(unit or ("year" if decade else ""), "")


def _any_of(turn: Turn, clause: Sequence[Piece], place: int) -> bool:
    """Read "any length" and "I don't care about the price"; say whether it was that."""
    cue = clause[place]
    for piece in clause[place + 1 : place + 4]:
        slots = slots_named(turn, piece) if piece.sides("names") else []
        if slots:
            _matters_not(turn, slots[0], cue, piece)
            return True
        if piece.gap or not (turn.empty(piece) and not piece.has("not", "want", "similar")):
            return False
    return False


def _no_matter(turn: Turn, cue: Piece, before: Sequence[Piece]) -> None:
    for piece in reversed(before):
        if piece.gap == "comma" and piece.used:
            break
        slots = slots_named(turn, piece)
        if slots and not piece.used:
            _matters_not(turn, slots[0], piece, cue)
            return
    if turn.asked and not cue.used:
        _matters_not(turn, turn.asked, cue)


def _matters_not(turn: Turn, slot: str, *pieces: Piece) -> None:
    words = turn.words(*pieces)
    if turn.state.of_slot(slot):
        turn.act(Act("retract", slot=slot, words=words), *pieces)
    turn.act(Act("mind not", slot=slot, words=words), *pieces)


def _fine(turn: Turn, cue: Piece, before: Sequence[Piece]) -> None:
    """Read "horror is fine": what was refused is no more, and what was not wished may be."""
    for piece in reversed(before):
        if piece.used:
            continue
        words = turn.words(piece, cue)
        found = turn.heard.best(piece.meanings, turn.asked)
        slots = slots_named(turn, piece) if piece.sides("less", "more", "names") else []
        bounded = [slot for slot in slots if turn.state.of_slot(slot)]
        if found and not bounded:
            refused = {(wish.slot, wish.value) for wish in turn.state.active if wish.sign == "is not"}
            for meaning in found:
                if (meaning.slot, meaning.value) in refused:
                    turn.act(Act("retract", slot=meaning.slot, value=meaning.value, words=words), piece, cue)
                else:
                    hard = meaning.slot == turn.asked or any(
                        wish.sign == "is" for wish in turn.state.of_slot(meaning.slot)
                    )
                    wish = Wish(meaning.slot, "is", meaning.value, hard=hard, words=words)
                    turn.wish(wish, piece, cue)
        elif bounded:
            turn.act(Act("retract", slot=bounded[0], words=words), piece, cue)
        elif slots:
            turn.act(Act("mind not", slot=slots[0], words=words), piece, cue)
        if piece.gap == "comma":
            return
