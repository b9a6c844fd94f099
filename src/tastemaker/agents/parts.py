"""What an answer in a conversation consists of: words, cards, a question, the wishes that hold; nothing is markup."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import asdict, dataclass
from typing import Any, ClassVar, TypeAlias

from tastemaker.agents.wishes import Wish


@dataclass(frozen=True, slots=True)
class Words:
    """Plain text.

    Attributes:
        text: The words.
        items: Raw ids of the items that they name; nothing else is named.
    """

    text: str
    items: tuple[str, ...] = ()
    type: ClassVar[str] = "text"


@dataclass(frozen=True, slots=True)
class Card:
    """An item to look at.

    Attributes:
        item_id: Raw id.
        title: Its title, with its year where that is known.
        reason: What speaks for it, in words.
        facts: A few facts of it in words, such as ``short`` or ``1897``.
        evidence: Raw ids of the items that speak for it.
    """

    item_id: str
    title: str
    reason: str = ""
    facts: tuple[str, ...] = ()
    evidence: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Cards:
    """Items to look at, best first, and the name under which feedback on them counts."""

    cards: tuple[Card, ...]
    recommendation_id: str | None = None
    type: ClassVar[str] = "cards"


@dataclass(frozen=True, slots=True)
class Question:
    """A question about one slot, with values that may be chosen."""

    text: str
    slot: str
    choices: tuple[str, ...] = ()
    type: ClassVar[str] = "question"


@dataclass(frozen=True, slots=True)
class Chip:
    """One wish that holds, in words, by which it can be taken back."""

    text: str
    slot: str
    value: str | float
    hard: bool


@dataclass(frozen=True, slots=True)
class Chips:
    """The wishes that hold."""

    chips: tuple[Chip, ...]
    type: ClassVar[str] = "constraints"


@dataclass(frozen=True, slots=True)
class TraceLine:
    """What one step of a turn did and took."""

    step: str
    said: str
    milliseconds: float


@dataclass(frozen=True, slots=True)
class Trace:
    """What was done in a turn."""

    lines: tuple[TraceLine, ...]
    type: ClassVar[str] = "trace"


Part: TypeAlias = Words | Cards | Question | Chips | Trace


def to_json(part: Part) -> dict[str, Any]:
    """Return a part as JSON values, its ``type`` first."""
    return {"type": part.type, **asdict(part)}


def in_text(parts: Sequence[Part]) -> str:
    """Return an answer as plain text, for a terminal or an interface that knows nothing else."""
    said: list[str] = []
    for part in parts:
        if isinstance(part, Words):
            said.append(part.text)
        elif isinstance(part, Cards):
            for place, card in enumerate(part.cards, start=1):
                facts = f" ({', '.join(card.facts)})" if card.facts else ""
                said.append(f"{place}. {card.title}{facts}" + (f": {card.reason}" if card.reason else ""))
        elif isinstance(part, Question):
            said.append(part.text + (f" ({', '.join(part.choices)})" if part.choices else ""))
    return "\n".join(said)


def chip_of(wish: Wish, text: str) -> Chip:
    """Return the chip of a wish."""
    return Chip(text, wish.slot, wish.value, wish.hard)
