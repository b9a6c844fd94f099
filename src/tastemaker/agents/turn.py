"""A turn while it is read: its words, the phrases that cover them, and the acts that were read out of it so far."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from functools import cached_property
from typing import Final, Literal, TypeAlias

from tastemaker.agents.acts import Act
from tastemaker.agents.heard import Heard, Meaning
from tastemaker.agents.lexicon import Company, Lexicon, Unit
from tastemaker.agents.mentions import Titles
from tastemaker.agents.state import State
from tastemaker.agents.tokens import Token
from tastemaker.agents.wishes import Wish

Gap: TypeAlias = Literal["", "comma", "stop"]

DoubtKind: TypeAlias = Literal[
    "conflict", "ambiguous title", "not in catalogue", "which item", "which slot", "spelling", "several values", "cut",
    "model",
]  # fmt: skip

WHOLE_TURN: Final = 8
"""A longer turn is hardly an answer to a question in a word."""


@dataclass(frozen=True, slots=True)
class Doubt:
    """What a reader noticed and could not settle by itself.

    Attributes:
        kind: What it is.

            - ``conflict``: no item fulfils all that was said.
            - ``ambiguous title``: `items` have it.
            - ``not in catalogue``: a title that no item has.
            - ``which item``: "it" may be any of `items`.
            - ``which slot``: a number, and nobody knows of what.
            - ``spelling``: `words` were read as `text`.
            - ``several values``: a name that several have.
            - ``cut``: the turn was longer than is read.
            - ``model``: why a model was of no help.
        words: The words that it is about.
        items: Raw ids.
        text: More of it.
    """

    kind: DoubtKind
    words: str = ""
    items: tuple[str, ...] = ()
    text: str = ""

    def __str__(self) -> str:
        """Return it in a line."""
        told = (self.kind, self.words, self.text or ", ".join(self.items))
        return ": ".join(part for part in told if part)


@dataclass(slots=True, eq=False)
class Piece:
    """A phrase of a turn, or a word that nobody knows.

    Attributes:
        first: Its first word.
        last: The word behind it.
        gap: The mark before it.
        clause: The number of its clause; clauses end with a sentence, and before "but".
        tags: What the lexicon knows of it.
        units: The units that it may be.
        companies: The occasions and people that it may be.
        meanings: What of the shop it may mean.
        items: The items that it names.
        number: The number that it is.
        refused: Whether it stands under a negation.
        by: The piece that refuses it.
        soft: Whether it is wished for with "maybe" or "preferably".
        used: Whether an act has taken it in.
    """

    first: int
    last: int
    gap: Gap = ""
    clause: int = 0
    tags: frozenset[str] = frozenset()
    units: tuple[Unit, ...] = ()
    companies: tuple[tuple[str, Company], ...] = ()
    meanings: tuple[Meaning, ...] = ()
    items: tuple[str, ...] = ()
    number: float | None = None
    refused: bool = False
    by: Piece | None = None
    soft: bool = False
    used: bool = False

    def has(self, *tags: str) -> bool:
        """Say whether it is one of some cues."""
        return any(tag in self.tags for tag in tags)

    def tagged(self, start: str) -> list[str]:
        """Return what follows a colon, or a heading, in the tags that start so: of ``ordinal:2`` the 2."""
        return sorted(tag.partition(":")[2] for tag in self.tags if tag.startswith(f"{start}:"))

    def sides(self, *sides: str) -> list[tuple[str, str]]:
        """Return ``(concept, side)`` of what it says of concepts, such as ``("price", "less")``."""
        found = (tag.partition(".") for tag in self.tags if "." in tag)
        return sorted((concept, side) for concept, _, side in found if side in sides)


@dataclass
class Turn:
    """A turn while it is read.

    Attributes:
        text: As it is read.
        tokens: Its words, without marks.
        pieces: What covers them.
        question: By clause, whether it ends with a question mark.
        state: What came before.
        lexicon: The words of the language.
        heard: What the shop's values are called.
        titles: What its items are called.
        acts: Acts with the place of their words.
        doubts: What could not be settled.
        wished: Slot, sign and value of the wishes so far, and what was taken back.
        spoken_of: Clause -> items that it names and says nothing of but how they should be.
    """

    text: str
    tokens: Sequence[Token]
    pieces: list[Piece]
    question: frozenset[int]
    state: State
    lexicon: Lexicon
    heard: Heard
    titles: Titles
    acts: list[tuple[int, Act]] = field(default_factory=list)
    doubts: list[Doubt] = field(default_factory=list)
    spoken_of: dict[int, tuple[str, ...]] = field(default_factory=dict)
    wished: set[tuple[str, str, str | float | None]] = field(default_factory=set)

    @property
    def asked(self) -> str:
        """The slot of the question that was put last and is open, if the turn comes right after it."""
        last = self.state.asked[-1] if self.state.asked else None
        return last.slot if last is not None and last.answer == "open" and last.turn == self.state.turn else ""

    @cached_property
    def mixed(self) -> bool:
        """Whether it has small letters too, so that a large one says something."""
        return any(token.said[0].islower() for token in self.tokens)

    @cached_property
    def named(self) -> list[Piece]:
        """The pieces that name one item, in order."""
        return [piece for piece in self.pieces if len(piece.items) == 1]

    @cached_property
    def cues(self) -> list[dict[str, int]]:
        """By clause: cue -> the place of the first word that says it."""
        found: list[dict[str, int]] = [{} for _ in self.clauses]
        for piece in self.pieces:
            for tag in piece.tags:
                found[piece.clause].setdefault(tag, piece.first)
        return found

    @cached_property
    def clauses(self) -> list[list[Piece]]:
        """The pieces of each clause."""
        count = self.pieces[-1].clause + 1 if self.pieces else 0
        found: list[list[Piece]] = [[] for _ in range(count)]
        for piece in self.pieces:
            found[piece.clause].append(piece)
        return found

    def words(self, *pieces: Piece) -> str:
        """Return the text from the first of some pieces to the last of them."""
        if not pieces:
            return ""
        start = min(piece.first for piece in pieces)
        end = max(piece.last for piece in pieces) - 1
        return self.text[self.tokens[start].start : self.tokens[end].end]

    def act(self, act: Act, *pieces: Piece, used: Iterable[Piece] = ()) -> None:
        """Doubt an act and the pieces that say it; more pieces may be used up by it."""
        place = min((piece.first for piece in pieces), default=0)
        key = ("retract", act.slot, act.value)
        if act.kind != "retract" or act.items or key not in self.wished:
            self.acts.append((place, act))
        if act.kind == "retract":
            self.wished.add(key)
        for piece in (*pieces, *used):
            piece.used = True

    def wish(self, wish: Wish, *pieces: Piece) -> None:
        """Doubt a wish, once."""
        key = (wish.slot, wish.sign, wish.value)
        if key in self.wished:
            for piece in pieces:
                piece.used = True
            return
        self.wished.add(key)
        self.act(Act("wish", wish=wish, words=wish.words), *pieces)

    def kinds(self) -> set[str]:
        """Return the kinds of the acts so far."""
        return {act.kind for _, act in self.acts}

    def empty(self, piece: Piece) -> bool:
        """Say whether a piece has no content of its own: words of grammar and requests, and cues."""
        if piece.meanings or piece.items or piece.number is not None or piece.companies:
            return False
        return bool(piece.tags) or all(
            self.lexicon.empty(token.form) for token in self.tokens[piece.first : piece.last]
        )
