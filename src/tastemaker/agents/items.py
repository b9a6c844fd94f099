"""What a turn does with items: likes them, hides them, has seen them, wants what is like them, asks about them."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Sequence
from typing import Final

from tastemaker.agents.acts import Act, Kind
from tastemaker.agents.naming import Reference, focused, pointed, references
from tastemaker.agents.turn import Doubt, Piece, Turn
from tastemaker.agents.wishes import ABOUT, Sign, Wish

_CUES: Final = (
    "not_similar", "similar", "not_seen", "seen", "hide", "like", "accept", "why", "compare", "ask", "tell", "search",
)  # fmt: skip
"""Cues before items, those that say most first."""
_AFTER: Final = {
    "similar_after": "similar", "hide_after": "hide", "like_after": "like", "seen_after": "seen",
    "accept_after": "accept", "tell_after": "tell", "not_after": "hide",
}  # fmt: skip
"""Cues behind items -> what they say."""
_KINDS: Final[dict[str, Kind]] = {
    "similar": "resembling", "seen": "seen", "hide": "hide", "like": "like", "accept": "accept", "why": "ask why",
    "compare": "compare", "ask": "ask fact", "tell": "ask fact", "search": "search",
}  # fmt: skip
_LAZY: Final = frozenset(("seen", "hide", "like", "accept", "similar", "tell", "ask", "why", "compare"))
"""What may be said of "it" and "these"."""
_ALONE: Final = frozenset(("why", "compare", "ask", "tell"))
"""What may be said of what was shown without naming it."""


def read_items(turn: Turn) -> None:
    """Read what is said of items, clause by clause."""
    found: dict[int, list[Reference]] = defaultdict(list)
    for reference in references(turn):
        found[reference.pieces[0].clause].append(reference)
    for clause in turn.clauses:
        own = found[clause[0].clause]
        if not _asked(turn, clause, own):
            _clause(turn, clause, own)


def _cue(turn: Turn, piece: Piece) -> str:
    """Return what a piece says of items behind it, nothing for most."""
    if piece.used:
        return ""
    if piece.sides("ask"):
        return "ask"
    if piece.has("similar_after", "not_similar") and piece.has("similar"):
        return "similar"
    return next((cue for cue in _CUES if piece.has(cue)), "")


def _clause(turn: Turn, clause: Sequence[Piece], own: Sequence[Reference]) -> None:
    said: list[tuple[str, Reference, Piece | None]] = []
    cue, cue_piece = "", None
    starts = {each.first: each for each in own}
    inside = {id(piece) for each in own for piece in each.pieces}
    for piece in clause:
        if piece.first in starts:
            # "not" refuses an item also from afar; another cue has said what is meant.
            said.append((_refused(cue, piece), starts[piece.first], cue_piece))
        elif id(piece) not in inside:
            after = next((kind for tag, kind in _AFTER.items() if piece.has(tag)), "")
            if after and said and not (piece.has("similar") and not _last(clause, piece)):
                said = [
                    (
                        after
                        if kind in ("", "search", "similar" if after != "similar" else "", "hide")
                        and _near(reference, piece, clause)
                        else kind,
                        reference,
                        by or piece,
                    )
                    for kind, reference, by in said
                ]
                cue, cue_piece = "", None
            elif (
                piece.has("it") and cue in ("like", "hide", "accept") and (items := focused(turn, piece.first)) and said
            ):
                said.append((cue, Reference((piece,), items), cue_piece))
            elif found := _cue(turn, piece):
                cue, cue_piece = found, piece
    if said:
        _act(turn, said, clause)
    else:
        _lazily(turn, clause)


def _last(clause: Sequence[Piece], piece: Piece) -> bool:
    return piece is clause[-1]


def _near(reference: Reference, piece: Piece, clause: Sequence[Piece]) -> bool:
    """Say whether no other wanting stands between an item and a cue behind it."""
    return not any(each.has("want") for each in clause if reference.first < each.first < piece.first)


def _refused(cue: str, piece: Piece) -> str:
    if not piece.refused or cue in ("not_seen", "not_similar", "hide"):
        return cue
    return {"similar": "not_similar", "seen": "not_seen"}.get(cue, "hide")


def _act(turn: Turn, said: Sequence[tuple[str, Reference, Piece | None]], clause: Sequence[Piece]) -> None:
    """Doubt the acts that were found, items of the same kind together."""
    if any(_judges(clause, place) for place in range(len(clause))):
        plain = [reference for kind, reference, _ in said if kind in ("", "search")]
        items = tuple(item for reference in plain for item in reference.items)
        if items:
            turn.spoken_of[clause[0].clause] = items
            for piece in (piece for reference in plain for piece in reference.pieces):
                piece.used = True
            said = [each for each in said if each[1] not in plain]
    kinds = list(dict.fromkeys(kind for kind, _, _ in said))
    if (
        kinds == [""]
        and len(said) == 2
        and any(piece.has("or") for piece in clause)
        and clause[0].clause in turn.question
    ):
        said = [("compare", reference, by) for _, reference, by in said]
        kinds = ["compare"]
    for kind in kinds:
        own = [(reference, by) for other, reference, by in said if other == kind]
        pieces = [piece for reference, _ in own for piece in reference.pieces]
        cues = [by for _, by in own if by is not None]
        items = tuple(dict.fromkeys(item for reference, _ in own for item in reference.items))
        unknown = ", ".join(reference.unknown for reference, _ in own if reference.unknown)
        _one(turn, kind or "search", items, unknown, (*cues, *pieces), clause)


def _judges(clause: Sequence[Piece], place: int) -> bool:
    """Say whether a piece says how an item should be otherwise: "too long", "shorter"."""
    piece = clause[place]
    following = clause[place + 1] if place + 1 < len(clause) else None
    if piece.has("too") and following is not None and not piece.refused:
        return bool(following.meanings or following.sides("low", "high"))
    return bool(piece.sides("less", "more")) and following is None


def _one(
    turn: Turn, kind: str, items: tuple[str, ...], unknown: str, pieces: Sequence[Piece], clause: Sequence[Piece]
) -> None:
    words = turn.words(*pieces)
    if kind == "not_seen":
        turn.act(Act("search", items=items, text=unknown, words=words), *pieces)
    elif kind == "not_similar" or (kind == "similar" and not items):
        sign: Sign = "is not" if kind == "not_similar" else "is"
        turn.wish(Wish(ABOUT, sign, words, words=words), *pieces)
    elif kind == "ask":
        slot = _slot_asked(turn, clause)
        turn.act(Act("ask fact", items=items, slot=slot, text=unknown, words=words), *pieces)
    elif kind == "compare":
        turn.act(Act("compare", items=items, slot=_slot_compared(turn, clause), words=words), *pieces)
    else:
        turn.act(Act(_KINDS[kind], items=items, text=unknown, words=words), *pieces)


def _slot_asked(turn: Turn, clause: Sequence[Piece]) -> str:
    """Return the slot that a question is about."""
    for piece in clause:
        for name, _ in piece.sides("ask"):
            if name in turn.heard.of_concept:
                piece.used = True
                return turn.heard.of_concept[name]
    return ""


def _slot_compared(turn: Turn, clause: Sequence[Piece]) -> str:
    """Return the slot in which items are to be compared."""
    for piece in clause:
        for name, _ in piece.sides("less", "more", "names", "low", "high"):
            if name in turn.heard.of_concept:
                piece.used = True
                return turn.heard.of_concept[name]
        for meaning in turn.heard.best(piece.meanings):
            piece.used = True
            return meaning.slot
    return ""


def _lazily(turn: Turn, clause: Sequence[Piece]) -> None:
    """Read what is said of "it", "these", or of nothing that is named."""
    after = [("similar", piece) for piece in clause if piece.has("similar_alone") and not piece.used]
    cues = [(cue, piece) for piece in clause if (cue := _cue(turn, piece)) in _LAZY]
    after += [(kind, piece) for piece in clause for tag, kind in _AFTER.items() if piece.has(tag) and not piece.used]
    wanted = max((piece.first for piece in clause if piece.meanings), default=-1)
    reference = pointed(turn, clause) if cues or after else None
    for cue, piece in (*after, *cues):
        if wanted > piece.first and cue in ("like", "hide", "similar", "seen"):
            continue
        if reference is not None:
            _one(turn, cue, reference.items, "", (piece, *reference.pieces), clause)
            return
        if piece.has("similar_alone") and (items := focused(turn, piece.first)):
            _one(turn, "similar", items, "", (piece,), clause)
            return
        if cue in _ALONE and wanted < piece.first and (turn.state.last_shown or cue == "why"):
            items = focused(turn, piece.first) or (turn.state.last_shown if cue in ("why", "compare") else ())
            if not items and turn.state.last_shown:
                turn.doubts.append(Doubt("which item", turn.words(piece), turn.state.last_shown))
            _one(turn, cue, items, "", (piece,), clause)
            return


def _asked(turn: Turn, clause: Sequence[Piece], own: Sequence[Reference]) -> bool:
    """Read "is it scary?"; say whether it was that."""
    first = next((piece for piece in clause if not piece.has("polite")), None)
    if first is None or not first.has("is_it") or first.has("search", "want") or first.sides("ask"):
        return False
    phrase = len(turn.words(first).split()) > 1
    if (not own and not phrase) or clause[0].clause not in turn.question:
        return False
    items = own[0].items if own else focused(turn, first.first)
    if not items and not turn.state.last_shown:
        return False
    if not items:
        turn.doubts.append(Doubt("which item", turn.words(first), turn.state.last_shown))
    pieces = [first, *(piece for each in own for piece in each.pieces)]
    taken = {id(piece) for piece in pieces}
    asked = [piece for piece in clause if piece.meanings and id(piece) not in taken]
    for piece in asked:
        meaning = turn.heard.best(piece.meanings)[0]
        words = turn.words(first, piece)
        turn.act(Act("ask fact", items=items, slot=meaning.slot, value=meaning.value, words=words), *pieces, piece)
    if not asked:
        slot = next((turn.heard.of_concept[name] for piece in clause for name, _ in piece.sides("low", "high", "names")
                     if name in turn.heard.of_concept), "")  # fmt: skip
        turn.act(Act("ask fact", items=items, slot=slot, words=turn.words(*clause)), *clause)
    return True
