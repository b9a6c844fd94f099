"""From a person's words to acts, by rules: what is wanted of a shop's fields, and what is said of its items."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Final, Self

from tastemaker.agents.acts import Act
from tastemaker.agents.amounts import read_amounts
from tastemaker.agents.company import read_company
from tastemaker.agents.heard import Heard
from tastemaker.agents.items import read_items
from tastemaker.agents.leftover import read_leftover, read_more, read_quantity, read_unclear
from tastemaker.agents.lexicon import Lexicon, load_lexicon
from tastemaker.agents.mentions import Titles
from tastemaker.agents.pieces import turn_of
from tastemaker.agents.polarity import set_polarity
from tastemaker.agents.slots import Slot, slots_of
from tastemaker.agents.state import State
from tastemaker.agents.taking_back import read_taking_back
from tastemaker.agents.talk import read_talk
from tastemaker.agents.turn import Doubt, Turn
from tastemaker.agents.wishes import Wish
from tastemaker.agents.wishing import read_wishes
from tastemaker.pipeline.shelf import Shelf

_COMPARED: Final = 100
"""So many wishes of a turn are compared with each other."""


@dataclass(frozen=True)
class Reading:
    """What came of a turn.

    Attributes:
        text: The turn as it was read: without what cannot be seen, and cut where it is too long. The words of every
            act stand in it.
        acts: In the order of their words.
        unparsed: Words that are of no field; what was wanted with them is a wish of the slot ``about``.
        doubts: What could not be settled.
    """

    text: str
    acts: tuple[Act, ...] = ()
    unparsed: tuple[str, ...] = ()
    doubts: tuple[Doubt, ...] = ()

    @property
    def notes(self) -> tuple[str, ...]:
        """The doubts, each in a line."""
        return tuple(map(str, self.doubts))


class Reader:
    """Reads the turns of one shop's people in one language, by rules: the same words give the same acts.

    Args:
        slots: What can be wished for.
        lexicon: The words of a language.
        titles: The items by their titles.
    """

    def __init__(self, slots: Mapping[str, Slot], lexicon: Lexicon, titles: Titles) -> None:
        self.slots, self.lexicon, self.titles = slots, lexicon, titles
        self.heard = Heard(slots, lexicon)

    @classmethod
    def of_shelf(cls, shelf: Shelf, locale: str = "en") -> Self:
        """Return a reader for the items on a shelf as it is now.

        Raises:
            ConfigError: There are no words of that language.
        """
        return cls(slots_of(shelf), load_lexicon(locale), Titles.of_shelf(shelf))

    def read(self, text: str, state: State) -> Reading:
        """Return what a person does with some words, after what came before. Any text is read, in linear time."""
        turn = self.turn(text, state)
        if not turn.pieces:
            return Reading(turn.text, (Act("unclear", text=turn.text),), doubts=tuple(turn.doubts))
        set_polarity(turn)
        read_talk(turn)
        read_taking_back(turn)
        read_company(turn)
        read_amounts(turn)
        read_items(turn)
        read_quantity(turn)
        read_wishes(turn)
        read_more(turn)
        left = read_leftover(turn)
        read_unclear(turn, left)
        acts = tuple(act for _, act in sorted(turn.acts, key=lambda each: each[0]))
        return Reading(turn.text, acts, left, (*turn.doubts, *conflicts(acts)))

    def turn(self, text: str, state: State) -> Turn:
        """Return a turn cut into pieces, before it is read."""
        return turn_of(text, state, self.lexicon, self.heard, self.titles)


def conflicts(acts: tuple[Act, ...]) -> tuple[Doubt, ...]:
    """Return a doubt for each two wishes of a turn that no item fulfils together."""
    wishes: list[Wish] = [act.wish for act in acts if act.wish is not None][:_COMPARED]
    return tuple(
        Doubt("conflict", f"{one.words}; {other.words}", text=one.slot)
        for place, one in enumerate(wishes)
        for other in wishes[place + 1 :]
        if one.contradicts(other)
    )
