"""The items that a turn is about: titles, "the second", "it", "these", and titles that no item has."""

from __future__ import annotations

from bisect import bisect_left
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final

from tastemaker.agents.turn import Doubt, Piece, Turn

_MOST_TITLES: Final = 3
"""So many names that are no title are looked up by their spelling in a turn."""
_LONGEST_NAME: Final = 7
_POINTING: Final = ("similar", "named", "seen", "like", "hide", "tell", "not_similar", "accept")


@dataclass(slots=True)
class Reference:
    """Words that stand for items.

    Attributes:
        pieces: The words.
        items: Raw ids; empty where it is not clear which item is meant, or none has the name.
        unknown: The name, where no item has it.
    """

    pieces: tuple[Piece, ...]
    items: tuple[str, ...]
    unknown: str = ""

    @property
    def first(self) -> int:
        """The place of its first word."""
        return self.pieces[0].first


def references(turn: Turn) -> list[Reference]:
    """Return the items that a turn names or points to, in order; words such as "it" are not among them."""
    found: list[Reference] = []
    place = 0
    while place < len(turn.pieces):
        reference, place = _at(turn, place)
        if reference is not None:
            found.append(reference)
    return sorted(found + _unknown(turn), key=lambda reference: reference.first)


def _at(turn: Turn, place: int) -> tuple[Reference | None, int]:
    piece = turn.pieces[place]
    if piece.used or (place and turn.pieces[place - 1].has("than")):
        # "shorter than the first": what is compared with is a matter of the critique.
        return None, place + 1
    if piece.items:
        return _title(turn, place)
    ordinal = _ordinal(turn, place)
    return ordinal if ordinal is not None else (None, place + 1)


def _title(turn: Turn, place: int) -> tuple[Reference, int]:
    """Return the item that a title means; a year behind it tells items of one title apart."""
    pieces = turn.pieces
    own, last = pieces[place], place + 1
    items = own.items
    if len(items) > 1 and last < len(pieces):
        behind = last + 1 if pieces[last].has("from") and last + 1 < len(pieces) else last
        year = pieces[behind].number
        if year is not None and (dated := turn.titles.of_year(items, int(year))):
            items, last = dated, behind + 1
    said = tuple(pieces[place:last])
    shown = tuple(item for item in items if item in turn.state.last_shown)
    if len(items) > 1 and len(shown) == 1:
        items = shown
    if len(items) > 1:
        turn.doubts.append(Doubt("ambiguous title", turn.words(*said), items))
        return Reference(said, (), turn.words(*said)), last
    return Reference(said, items), last


def _ordinal(turn: Turn, place: int) -> tuple[Reference, int] | None:
    """Return the items of the latest list that "the second", "number two" or "the first three" mean."""
    pieces, shown = turn.pieces, turn.state.last_shown
    piece = pieces[place]
    after = pieces[place + 1] if place + 1 < len(pieces) and not pieces[place + 1].gap else None
    if not shown:
        return None
    if piece.has("other_one") and len(shown) == 2 and (focus := focused(turn, piece.first)):
        return Reference((piece,), tuple(item for item in shown if item not in focus)), place + 1
    if piece.has("numbered") and after is not None and after.number is not None and not piece.refused:
        number = int(after.number)
        behind = pieces[place + 2] if place + 2 < len(pieces) else None
        if 1 <= number <= len(shown) and not (behind is not None and (behind.units or behind.has("noun", "decade"))):
            return Reference((piece, after), (shown[number - 1],)), place + 2
        return None
    bare = piece.tagged("bare") if after is not None and after.has("noun") else []
    told = piece.tagged("ordinal") or bare
    if not told:
        return None
    number, last = int(told[0]), place + 1
    if after is not None and after.number is not None and number in (1, -1) and after.number <= len(shown):
        count = int(after.number)
        items = shown[:count] if number == 1 else shown[-count:]
        return Reference((piece, after), items), place + 2
    if after is not None and after.has("noun"):
        last += 1
    if after is not None and (after.meanings or after.has("years") or after.units) and not after.has("noun"):
        # "the last years", "the first detective story": no word on the list.
        return None
    index = number - 1 if number > 0 else len(shown) + number
    return (Reference(tuple(pieces[place:last]), (shown[index],)), last) if 0 <= index < len(shown) else None


def focused(turn: Turn, before: int) -> tuple[str, ...]:
    """Return the item that "it" means at a place: the one that was named last in the turn, or the only one shown."""
    place = bisect_left(turn.named, before, key=lambda piece: piece.first)
    if place:
        return turn.named[place - 1].items
    return turn.state.last_shown if len(turn.state.last_shown) == 1 else ()


def pointed(turn: Turn, clause: Sequence[Piece]) -> Reference | None:
    """Return what "it" or "these" mean in a clause; ``None`` where neither stands there."""
    shown = turn.state.last_shown
    for piece in clause:
        if piece.used or not piece.has("it", "these"):
            continue
        if piece.has("these") and not piece.has("it"):
            if shown:
                return Reference((piece,), shown)
        elif items := focused(turn, piece.first):
            return Reference((piece,), items)
        elif shown:
            turn.doubts.append(Doubt("which item", turn.words(piece), shown))
            return Reference((piece,), ())
    return None


def _unknown(turn: Turn) -> list[Reference]:
    """Return names that are no title as they are written, found by their spelling, or said to be none."""
    found: list[Reference] = []
    for place, piece in enumerate(turn.pieces):
        if len(found) == _MOST_TITLES:
            break
        said = _name_at(turn, place)
        if not said:
            continue
        words = turn.words(*said)
        item = turn.titles.spelt(words)
        if item is not None:
            turn.doubts.append(Doubt("spelling", words, (item,), turn.titles.title(item)))
            found.append(Reference(said, (item,)))
        elif _quoted(turn, piece) or _written(turn, said):
            turn.doubts.append(Doubt("not in catalogue", words))
            found.append(Reference(said, (), words))
    return found


def _name_at(turn: Turn, place: int) -> tuple[Piece, ...]:
    """Return the pieces of what is said to be a name at a place: in quotation marks, or behind a cue."""
    piece = turn.pieces[place]
    if piece.used or piece.items:
        return ()
    if _quoted(turn, piece):
        return (piece,)
    before = turn.pieces[place - 1] if place else None
    if (capitals := _capitals(turn, place)) and (before is None or before.has(*_POINTING, "search", "want")):
        return capitals
    following = turn.pieces[place + 1] if place + 1 < len(turn.pieces) else None
    article = turn.words(piece).casefold() in turn.lexicon.articles and following is not None
    content = following if article and following is not None and not following.gap else piece
    if before is None and _all_unknown(turn):
        return tuple(turn.pieces)
    if before is None or piece.gap or not before.has(*_POINTING) or turn.empty(content) or content.meanings:
        return ()
    said: list[Piece] = []
    for each in turn.pieces[place : place + _LONGEST_NAME]:
        if (each.gap and said) or each.clause != piece.clause or each.items or each.used:
            break
        if each.has("and", "or", "want", "not", "similar", "more_of", "like_after", "hide_after", "seen_after") or (
            said and each.has("with", "by", "like", "softly", "surely", "from", "too")
        ):
            break
        said.append(each)
    while said and turn.empty(said[-1]):
        said.pop()
    return () if any(each.companies or (each.number is not None and len(said) == 1) for each in said) else tuple(said)


def _all_unknown(turn: Turn) -> bool:
    """Say whether a turn is a few words that nobody knows, which may be a title that is spelt wrong."""
    ends = (turn.pieces[0], turn.pieces[-1])
    if any(turn.empty(piece) for piece in ends) or any(piece.gap for piece in turn.pieces):
        return False
    return len(turn.tokens) <= _LONGEST_NAME and not any(
        piece.meanings or piece.companies or piece.used or (piece.tags and not piece.has("noun"))
        for piece in turn.pieces
    )


def _capitals(turn: Turn, place: int) -> tuple[Piece, ...]:
    """Return the pieces of a run of words with large letters, such as an unknown title, from a place on."""
    said: list[Piece] = []
    last = 0
    strange = 0
    for piece in turn.pieces[place : place + _LONGEST_NAME]:
        tokens = turn.tokens[piece.first : piece.last]
        capital = all(token.capital for token in tokens) and piece.first > 0
        small = all(token.form in turn.lexicon.grammar for token in tokens)
        if (piece.gap and said) or piece.items or piece.used or not (capital or (small and said)):
            break
        said.append(piece)
        if capital:
            last = len(said)
            own = any(str(meaning.value)[:1].isupper() for meaning in piece.meanings)
            strange += not own and not all(token.form in turn.lexicon.grammar for token in tokens)
    return tuple(said[:last]) if turn.mixed and last > 1 and strange else ()


def _quoted(turn: Turn, piece: Piece) -> bool:
    """Say whether a piece is all that stands between two quotation marks."""
    start, end = turn.tokens[piece.first].start, turn.tokens[piece.last - 1].end
    return turn.text[start - 1 : start] in ('"', "“", "„", "«") and turn.text[end : end + 1] in ('"', "”", "“", "»")


def _written(turn: Turn, said: Sequence[Piece]) -> bool:
    """Say whether a name is written with a large letter, which makes it one even if nobody knows it."""
    token = turn.tokens[said[0].first]
    return token.capital and turn.mixed and token.form != "i"
