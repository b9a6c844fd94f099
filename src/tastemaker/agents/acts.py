"""What a person does in a turn, as data: a turn is a list of acts, whoever read them out of its words."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Final, Literal, TypeAlias

from tastemaker.agents.wishes import Wish
from tastemaker.core.errors import DataError

Kind: TypeAlias = Literal[
    "wish", "retract", "like", "hide", "seen", "resembling", "critique", "quantity", "occasion", "mind not", "ask why",
    "ask fact", "compare", "more", "accept", "search", "restart", "thanks", "small talk", "unclear",
]  # fmt: skip

KINDS: Final[Mapping[str, str]] = {
    "wish": "wants something of the items: `wish`",
    "retract": "takes a wish back: `slot`, and `value` where only one of several is meant; all where neither is said",
    "like": "likes an item: `items`",
    "hide": "never wants to see an item again: `items`",
    "seen": "knows an item already: `items`",
    "resembling": "wants what is like items: `items`",
    "critique": "wants the same but other in one respect: `slot`, `sign`, of texts `value`; `items`: than what",
    "quantity": "says how many: `number`",
    "occasion": "says for whom or when: `value`",
    "mind not": "has no wish where it was asked for one: `slot`",
    "ask why": "asks for the reasons of an item: `items`",
    "ask fact": "asks what is known of an item: `items`, and `slot`, `value` where it is one thing",
    "compare": "wants items compared: `items`",
    "more": "wants other items",
    "accept": "takes an item: `items`",
    "search": "names an item: `items`, or `text` where none was found",
    "restart": "begins anew: all wishes end",
    "thanks": "is done, or polite",
    "small talk": "talks of something else: `text`",
    "unclear": "says what was not understood: `text`",
}
"""Kind of act -> what it means, and which fields it has."""


@dataclass(frozen=True, slots=True)
class Act:
    """One thing that a person does.

    Attributes:
        kind: A key of `KINDS`.
        wish: What is wanted.
        items: Raw ids of the items that it is about.
        slot: Name of a slot.
        value: A value of it.
        sign: The direction of a critique: ``more`` or ``less`` of the slot.
        number: How many.
        text: What could not be put otherwise.
        words: The words that say all that.
    """

    kind: Kind
    wish: Wish | None = None
    items: tuple[str, ...] = ()
    slot: str = ""
    value: str | float | None = None
    sign: Literal["", "more", "less"] = ""
    number: int | None = None
    text: str = ""
    words: str = ""

    def to_json(self) -> dict[str, Any]:
        """Return it as JSON values, without what is empty."""
        found: dict[str, Any] = {"kind": self.kind}
        for name in ("items", "slot", "value", "sign", "number", "text", "words"):
            if (value := getattr(self, name)) not in (None, "", ()):
                found[name] = list(value) if name == "items" else value
        if self.wish is not None:
            found["wish"] = self.wish.to_json()
        return found

    @classmethod
    def from_json(cls, given: Mapping[str, Any]) -> Act:
        """Read what `to_json` wrote.

        Raises:
            DataError: It is no act.
        """
        if given.get("kind") not in KINDS:
            raise DataError("what should be an act is none", where=str(given)[:120])
        wish = given.get("wish")
        try:
            read = {
                **given,
                "items": tuple(given.get("items", ())),
                "wish": None if wish is None else Wish.from_json(wish),
            }
            return cls(**read)
        except TypeError as error:
            raise DataError(f"what should be an act is none: {error}", where=str(given)[:120]) from error
