"""Wishes of values, of ends such as "cheap" and "recent", and critiques of what was shown."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Final, Literal

from tastemaker.agents.acts import Act
from tastemaker.agents.company import ages_of
from tastemaker.agents.heard import NEAR, Meaning
from tastemaker.agents.naming import focused
from tastemaker.agents.turn import Doubt, Piece, Turn
from tastemaker.agents.wishes import Sign, Wish

Direction = Literal["more", "less"]

_PREFERRED: Final = {
    "directed_by": ("director",),
    "starring": ("cast",),
    "translated_by": ("translator",),
    "by": ("author", "director", "brand"),
    "with": ("cast",),
    "set_in": ("place", "period"),
    "about": ("topic",),
    "from": ("author", "director", "country"),
    "written": ("language", "year"),
}
"""Cue -> the respects that what follows is of, if it may be."""
_OTHER: Final = {"more": "less", "less": "more"}


def read_wishes(turn: Turn) -> None:
    """Read wishes and critiques of all that no rule before has taken in."""
    for clause in turn.clauses:
        wanting = not _telling(turn, clause)
        for place, piece in enumerate(clause):
            wanting = wanting or piece.has("want", "softly", "surely", "correct", "not", "more_of", "less_of")
            if piece.used or piece.items or not wanting:
                continue
            if not _critique(turn, clause, place):
                _value(turn, clause, place)


def _telling(turn: Turn, clause: Sequence[Piece]) -> bool:
    """Say whether a clause tells what somebody saw, or asks something, rather than what is wanted."""
    if clause[0].clause in turn.question:
        first = next((piece for piece in clause if not piece.has("polite")), clause[0])
        return first.has("tell", "why", "ask") and not first.has("want", "search")
    return any(piece.used and piece.has("seen") for piece in clause)


# -- critiques -------------------------------------------------------------------------------------------------------


def _critique(turn: Turn, clause: Sequence[Piece], place: int) -> bool:
    """Read "shorter", "less sad", "too long"; say whether it was that."""
    piece = clause[place]
    before = clause[place - 1] if place and not piece.gap else None
    sides = _available(turn, piece, "less", "more")
    compared = [meaning for meaning in piece.meanings if meaning.sign]
    if sides or compared:
        slot, sign = sides[0] if sides else (turn.heard.best(compared)[0].slot, "more")
        value = None if sides else turn.heard.best(compared)[0].value
        pieces: tuple[Piece, ...] = (piece,)
        if piece.refused and piece.by is not None:
            sign, pieces = _OTHER[sign], (piece.by, piece)
    elif before is not None and before.has("more_of", "less_of", "too") and not (before.has("too") and piece.refused):
        found = _degree(turn, before, piece)
        if found is None:
            return False
        slot, sign, value = found
        pieces = (before, piece)
    else:
        return False
    items = _than(turn, clause, place) or turn.spoken_of.get(piece.clause, ())
    words = turn.words(*pieces)
    if items or turn.state.last_shown:
        told = None if value is True else value
        turn.act(
            Act(
                "critique",
                slot=slot,
                value=told,
                sign=_direction(sign),
                items=items or turn.state.last_shown,
                words=words,
            ),
            *pieces,
        )
    else:
        _without_list(turn, slot, sign, value, pieces)
    return True


def _direction(sign: str) -> Direction:
    return "more" if sign == "more" else "less"


def _available(turn: Turn, piece: Piece, *sides: str) -> list[tuple[str, str]]:
    """Return ``(slot, side)`` of the concepts of a piece that the shop has."""
    of = turn.heard.of_concept
    return [
        (of[name], side)
        for name, side in piece.sides(*sides)
        if name in of and turn.heard.slots[of[name]].kind != "texts"
    ]


def _degree(turn: Turn, before: Piece, piece: Piece) -> tuple[str, str, str | bool | None] | None:
    """Return slot, direction and value of "more funny", "less sad", "too long"."""
    sign = "more" if before.has("more_of") else "less"
    ends = _available(turn, piece, "low", "high")
    if ends:
        slot, end = ends[0]
        # Less of what is low is more: "too short" wants it longer.
        return slot, (_OTHER[sign] if end == "low" else sign), None
    names = _available(turn, piece, "names")
    meant = turn.heard.best(piece.meanings)
    if meant:
        return meant[0].slot, sign, meant[0].value
    if names and turn.heard.slots[names[0][0]].kind == "number" and not before.has("too"):
        return names[0][0], sign, None
    return None


def _than(turn: Turn, clause: Sequence[Piece], place: int) -> tuple[str, ...]:
    """Return the item that stands behind "than"."""
    rest = list(clause[place + 1 :])
    than = next((at for at, piece in enumerate(rest[:2]) if piece.has("than")), None)
    if than is None:
        return ()
    for piece in rest[than:]:
        if piece.items:
            piece.used = True
            return piece.items if len(piece.items) == 1 else ()
        shown = turn.state.last_shown
        if (told := piece.tagged("ordinal") or piece.tagged("bare")) and shown:
            index = int(told[0]) - 1 if int(told[0]) > 0 else len(shown) + int(told[0])
            piece.used = True
            return (shown[index],) if 0 <= index < len(shown) else ()
        if piece.has("it", "these"):
            return focused(turn, piece.first)
    return ()


def _without_list(turn: Turn, slot: str, sign: str, value: str | bool | None, pieces: Sequence[Piece]) -> None:
    """Read "something shorter" where nothing was shown: as a wish for that end."""
    words = turn.words(*pieces)
    if value is not None:
        turn.wish(Wish(slot, "is" if sign == "more" else "is not", value, hard=False, words=words), *pieces)
    elif turn.heard.slots[slot].kind == "number":
        _end(turn, slot, "high" if sign == "more" else "low", pieces, refused=False)
    else:
        end = _end_value(turn, slot, "high" if sign == "more" else "low")
        if end is not None:
            turn.wish(Wish(slot, "is", end, hard=False, words=words), *pieces)


def _end_value(turn: Turn, slot: str, side: str) -> str | None:
    """Return the value of a slot of text that is its low or high end, such as ``short``."""
    concept = turn.heard.concept_of.get(slot)
    if concept is None:
        return None
    tag = f"{concept.name}.{side}"
    return next((value for value in turn.heard.slots[slot].values if tag in turn.lexicon.tags.get(value.lower())), None)


# -- values ----------------------------------------------------------------------------------------------------------


def _value(turn: Turn, clause: Sequence[Piece], place: int) -> None:
    piece = clause[place]
    ends = _available(turn, piece, "low", "high")
    numeric = [(slot, side) for slot, side in ends if turn.heard.slots[slot].kind == "number"]
    found = _meant(turn, clause, place)
    if found and not (numeric and not turn.heard.closed(found[0].slot)):
        if not _is_cue(turn, clause, place):
            _wish_values(turn, clause, place, found)
    elif numeric and not _is_cue(turn, clause, place):
        slot, side = numeric[0]
        _end(turn, slot, side, (piece,) if piece.by is None else (piece.by, piece), refused=piece.refused)


def _meant(turn: Turn, clause: Sequence[Piece], place: int) -> tuple[Meaning, ...]:
    """Return the values that a piece means, by what stands before it."""
    piece = clause[place]
    meanings = [each for each in piece.meanings if not each.sign and _certain(turn, clause, place, each)]
    for before in reversed(clause[max(0, place - 2) : place]):
        for cue, concepts in _PREFERRED.items():
            slots = [turn.heard.of_concept[name] for name in concepts if name in turn.heard.of_concept]
            if before.has(cue):
                own = [
                    each
                    for slot in slots
                    for each in meanings
                    if each.slot == slot and (each.worth >= NEAR or each.surname)
                ]
                if own:
                    return turn.heard.best(own, own[0].slot)
        if not turn.empty(before):
            break
    return turn.heard.best(meanings, turn.asked)


def _certain(turn: Turn, clause: Sequence[Piece], place: int, meaning: Meaning) -> bool:
    """Say whether a certificate of a letter or a number is meant as one."""
    concept = turn.heard.concept_of.get(meaning.slot)
    if concept is None or not concept.order or meaning.slot == turn.asked:
        return True
    if len(str(meaning.value)) > 2 or (turn.words(clause[place]).isupper() and len(str(meaning.value)) > 1):
        return True
    near = [*clause[max(0, place - 2) : place], *clause[place + 1 : place + 2]]
    return any(piece.has("rated") or ("certificate", "names") in piece.sides("names") for piece in near)


def _is_cue(turn: Turn, clause: Sequence[Piece], place: int) -> bool:
    """Say whether a word that is also a value is meant as a cue here, as "love" is in "we love comedies"."""
    piece = clause[place]
    if not piece.has("like", "similar", "more", "search", "accept", "seen"):
        return False
    before = clause[place - 1] if place else None
    following = clause[place + 1] if place + 1 < len(clause) else None
    if before is not None and before.has("about", "with", "not"):
        return False
    return following is not None and bool(following.meanings or following.items)


def _wish_values(turn: Turn, clause: Sequence[Piece], place: int, found: Sequence[Meaning]) -> None:
    piece = clause[place]
    pieces = (piece,) if piece.by is None or piece.by.clause != piece.clause else (piece.by, piece)
    words = turn.words(*pieces)
    slot = found[0].slot
    if len(found) > 1 and found[0].surname:
        turn.doubts.append(
            Doubt("several values", turn.words(piece), text=", ".join(str(each.value) for each in found))
        )
    bounded = _certificates(turn, clause, place, slot, str(found[0].value))
    if bounded:
        for value in bounded:
            turn.wish(Wish(slot, "is", value, words=words), *pieces)
        return
    instead = _behind_instead(clause, place)
    held = {wish.value for wish in turn.state.of_slot(slot) if wish.sign == "is"}
    if instead and held & {each.value for each in found}:
        for each in found:
            turn.act(Act("retract", slot=slot, value=each.value, words=words), *pieces)
        return
    sign: Sign = "is not" if piece.refused or instead else "is"
    if sign == "is" and _replaces(turn, clause, place, slot):
        for other in sorted(held - {each.value for each in found}, key=str):
            turn.act(Act("retract", slot=slot, value=other, words=words), *pieces)
    surely = turn.cues[piece.clause].get("surely", piece.first) < piece.first
    like = any(each.has("similar") and not each.has("softly") for each in clause[max(0, place - 1) : place])
    hard = (sign == "is not" or turn.heard.closed(slot) or surely) and not piece.soft and not like
    for each in found:
        turn.wish(Wish(slot, sign, each.value, hard=hard, words=words), *pieces)


def _behind_instead(clause: Sequence[Piece], place: int) -> bool:
    return any(piece.has("instead_of") for piece in clause[max(0, place - 2) : place])


def _replaces(turn: Turn, clause: Sequence[Piece], place: int, slot: str) -> bool:
    """Say whether a wish takes the place of those of its slot: a correction, or another place on one scale."""
    cues = turn.cues[clause[place].clause]
    if "also" in cues:
        return False
    if "correct" in cues or "instead" in cues:
        return True
    earlier = all(wish.turn <= turn.state.turn for wish in turn.state.of_slot(slot))
    return earlier and bool(_available(turn, clause[place], "low", "high")) and "or" not in cues


def _certificates(turn: Turn, clause: Sequence[Piece], place: int, slot: str, value: str) -> list[str]:
    """Return the certificates up to one, or from one on, where a bound stands beside it."""
    concept = turn.heard.concept_of.get(slot)
    if concept is None or not concept.order:
        return []
    ages = ages_of(turn, slot)
    if value not in ages:
        return []
    before, after = clause[max(0, place - 1) : place], clause[place + 1 : place + 2]
    if any(piece.has("at_most", "before") for piece in before) or any(piece.has("or_less") for piece in after):
        return [each for each, age in ages.items() if age <= ages[value]]
    if any(piece.has("at_least", "after") for piece in before) or any(piece.has("or_more") for piece in after):
        return [each for each, age in ages.items() if age >= ages[value]]
    return []


def _end(turn: Turn, slot: str, side: str, pieces: Sequence[Piece], *, refused: bool) -> None:
    """Wish for an end of a slot of numbers: its lowest or highest third, or, refused, all but that."""
    low, high = turn.heard.slots[slot].thirds
    sign: Sign
    if side == "low":
        sign, bound = ("at least", low) if refused else ("at most", low)
    else:
        sign, bound = ("at most", high) if refused else ("at least", high)
    mark = "<=" if sign == "at most" else ">="
    words = turn.words(*pieces)
    turn.wish(Wish(slot, sign, bound, hard=False, words=words, proxy=f"{slot} {mark} {bound:g}"), *pieces)
