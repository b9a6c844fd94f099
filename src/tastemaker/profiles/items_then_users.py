"""People by the profiles of their items: these are written first, once each, and stand in the history for the facts."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import replace
from typing import ClassVar

from tastemaker.core.generator import Generator
from tastemaker.language.asking.prompt import ChatPrompt
from tastemaker.profiles.facts import content_words
from tastemaker.profiles.one_shot import SHOWN, OneShot
from tastemaker.profiles.profile import Profile
from tastemaker.profiles.profiler import chosen_lines
from tastemaker.profiles.seen import Line, Seen


def items_needed(people: Iterable[Seen], most: int = SHOWN) -> list[str]:
    """Return the items that are shown of some people, each once: those whose profiles are written first."""
    shown = (line.item_id for seen in people for line in chosen_lines(seen.lines, most))
    return list(dict.fromkeys(shown))


class ItemsThenUsers(OneShot):
    """As `OneShot`, with what was written of each item beside its title.

    A profile has seen what the profiles of its items have seen, other people's events among them.

    Args:
        generator: What writes.
        items: Raw id -> profile of the item; of one that has none its facts are shown.
        most: As in `OneShot`.
        samples: As in `OneShot`.
        person: The prompt for people.
    """

    kind: ClassVar[str] = "items-then-users"

    def __init__(
        self,
        generator: Generator,
        items: Mapping[str, Profile],
        *,
        most: int = SHOWN,
        samples: int = 1,
        person: ChatPrompt | None = None,
    ) -> None:
        super().__init__(generator, most=most, samples=samples, person=person)
        self.items = items

    def _told(self, seen: Seen) -> Seen:
        """See `OneShot`."""
        shown = {line.item_id for line in chosen_lines(seen.lines, self.most)}
        rows = [row for item in shown if item in self.items for row in self.items[item].cut.rows]
        return replace(seen, lines=tuple(map(self._line, seen.lines)), cut=seen.cut.with_rows(rows))

    def _line(self, line: Line) -> Line:
        about = self.items.get(line.item_id)
        if about is None or not about.claims:
            return line
        said = about.wanted()
        return replace(line, words=f"{line.words}; {said}", facts=line.facts | content_words(said))
