"""For whom and when something is wanted: occasions, children and their age, and what of the shop stands for these."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Final

from tastemaker.agents.acts import Act
from tastemaker.agents.lexicon import Company
from tastemaker.agents.tokens import words_of
from tastemaker.agents.turn import Piece, Turn
from tastemaker.agents.wishes import ABOUT, Wish

_ADULT: Final = 18.0
_BACK: Final = 3


def read_company(turn: Turn) -> None:
    """Read occasions and audiences; all of a turn make one act, as they hold together."""
    aged = any(_age(turn, place) is not None for place in range(len(turn.pieces)))
    said: list[tuple[int, str, tuple[Piece, ...]]] = []
    for place, piece in enumerate(turn.pieces):
        age = _age(turn, place)
        if age is not None:
            years, own = age
            said.append((piece.first, turn.words(*own), own))
            for each in own:
                each.used = True
            if years < _ADULT:
                _for_child(turn, years, _shop_of_age(turn, years), own)
        elif piece.companies and not piece.used and (kind := _called(turn, place)) is not None:
            if not piece.refused:
                said.append((piece.first, kind[1].name, (piece,)))
            _for(turn, kind, piece, ages=aged)
    if said:
        words = ", ".join(dict.fromkeys(word for _, word, _ in said))
        pieces = [piece for _, _, found in said for piece in found]
        turn.act(Act("occasion", value=words, words=turn.words(*pieces)), *pieces)


def _age(turn: Turn, place: int) -> tuple[float, tuple[Piece, ...]] | None:
    """Return the age that begins at a place, in years, and its pieces."""
    pieces = turn.pieces
    piece = pieces[place]
    after = pieces[place + 1] if place + 1 < len(pieces) else None
    if (joined := piece.tagged("age")) and not piece.used:
        return float(joined[0]), (piece,)
    if not piece.used and piece.number is not None and piece.number < _ADULT and (whose := _whose(turn, place)):
        return piece.number, (whose, piece)
    if piece.used or after is None or after.gap == "stop":
        return None
    if piece.number is not None and after.has("year_old"):
        return piece.number, (piece, after)
    if piece.has("aged") and after.number is not None and after.number < _ADULT and _of_people(turn, place):
        return after.number, (piece, after)
    return None


def _whose(turn: Turn, place: int) -> Piece | None:
    """Return the child whose age a number is, as in "my son is 9"."""
    following = turn.pieces[place + 1] if place + 1 < len(turn.pieces) else None
    if following is not None and not following.gap and (following.units or following.has("noun", "year_old", "years")):
        return None
    between = turn.pieces[max(0, place - _BACK) : place]
    for piece in reversed(between):
        if any(company.child is not None for _, company in piece.companies) and not piece.used:
            return piece if piece is not between[-1] else None
        if piece.gap == "stop" or not piece.has("is_it", "aged"):
            return None
    return None


def _of_people(turn: Turn, place: int) -> bool:
    """Say whether a number behind "age" is that of somebody: of a person, or for nobody at all behind it."""
    following = turn.pieces[place + 2] if place + 2 < len(turn.pieces) else None
    if following is not None and (following.units or following.has("noun", "years", "century", "th")):
        return False
    return not any(piece.sides("names") for piece in turn.pieces[max(0, place - 1) : place])


def _called(turn: Turn, place: int) -> tuple[str, Company] | None:
    """Return what of occasions and audiences a piece is, if it is meant as one."""
    piece = turn.pieces[place]
    if piece.items:
        return None
    before = turn.pieces[max(0, place - _BACK) : place]
    for kind, company in piece.companies:
        cue = "for_whom" if kind == "audiences" else "at_occasion"
        several = piece.last - piece.first > 1 and not piece.meanings
        if company.alone or _led(turn, before, cue, "for_whom") or (kind == "occasions" and several):
            return kind, company
    return None


def _led(turn: Turn, before: Sequence[Piece], *cues: str) -> bool:
    """Say whether a cue stands before a place, with nothing but empty words and other company between."""
    for piece in reversed(before):
        if piece.has(*cues):
            return True
        if piece.gap == "stop" or not (turn.empty(piece) or piece.companies or piece.number is not None):
            return False
        if piece.has("about", "set_in", "want") and not piece.companies:
            return False
    return False


def _for(turn: Turn, called: tuple[str, Company], piece: Piece, *, ages: bool) -> None:
    kind, company = called
    if company.child is not None:
        # An age that is said as well says it better.
        if not ages:
            _for_child(turn, company.child, company.shop, (piece,))
        return
    if kind == "occasions" and not piece.refused:
        for meaning in turn.heard.values_for(company.shop)[:1]:
            proxy = f"{meaning.slot}: {meaning.value}"
            words = turn.words(piece)
            turn.wish(Wish(meaning.slot, "is", meaning.value, hard=False, words=words, proxy=proxy), piece)


def _shop_of_age(turn: Turn, years: float) -> tuple[str, ...]:
    """Return the words for categories that stand for an age, those of the audience that is nearest to it."""
    lexicon = turn.lexicon
    known = [
        company
        for phrase in lexicon.companies
        for kind, company in lexicon.companies.get(phrase)
        if kind == "audiences" and company.child is not None
    ]
    fitting = [company for company in known if (company.child or 0) <= years + 1] or known
    nearest = max(fitting, key=lambda company: company.child or 0, default=None)
    return nearest.shop if nearest is not None else ()


def _for_child(turn: Turn, years: float, shop: Sequence[str], pieces: Sequence[Piece]) -> None:
    """Wish for what a child of an age may have: by a field of ages, by certificates, by categories, else in words."""
    heard, words = turn.heard, turn.words(*pieces)
    if pieces[0].refused:
        for meaning in heard.values_for(shop):
            turn.wish(Wish(meaning.slot, "is not", meaning.value, words=words), *pieces)
        return
    age = heard.of_concept.get("age", "")
    if age and heard.slots[age].kind == "number":
        turn.wish(Wish(age, "at most", years, words=words), *pieces)
        return
    allowed = certificates(turn, years)
    for slot, value in allowed:
        turn.wish(Wish(slot, "is", value, words=words, proxy=f"{slot}: {value}"), *pieces)
    found = heard.values_for(shop)
    for meaning in found:
        proxy = f"{meaning.slot}: {meaning.value}"
        turn.wish(Wish(meaning.slot, "is", meaning.value, hard=not allowed, words=words, proxy=proxy), *pieces)
    if not (allowed or found):
        turn.wish(Wish(ABOUT, "is", words, words=words), *pieces)


def certificates(turn: Turn, years: float) -> list[tuple[str, str]]:
    """Return ``(slot, value)`` of the certificates that allow an age, where the shop has certificates."""
    slot = turn.heard.of_concept.get("certificate", "")
    if not slot:
        return []
    return [(slot, value) for value, age in ages_of(turn, slot).items() if age <= years]


def ages_of(turn: Turn, slot: str) -> dict[str, float]:
    """Return the certificates of a slot that are known, with the age of each."""
    concept = turn.heard.concept_of[slot]
    known = {" ".join(words_of(value)): age for value, age in concept.order}
    found = {value: known.get(" ".join(words_of(value))) for value in turn.heard.slots[slot].values}
    return {value: age for value, age in found.items() if age is not None}
