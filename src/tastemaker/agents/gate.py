"""The gate before wishes that something other than the rules has read: a wish passes if the person's words bear it out.

A model under a schema names only what the shop has, and still invents: it copies an example, swaps least and most, or
wants what was refused. So a value needs evidence in the quoted words, and the role is that of the cues beside them.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final

import numpy as np

from tastemaker.agents.figures import figures
from tastemaker.agents.heard import Heard
from tastemaker.agents.tokens import words_of
from tastemaker.agents.turn import Piece, Turn
from tastemaker.agents.wishes import Sign, Wish
from tastemaker.core.encoder import Encoder

LIKENESS: Final = 0.6
"""The least cosine between the quoted words and a value that they are said to mean."""

NO_QUOTE: Final = "what was quoted was not said"
NO_FIELD: Final = "the shop has no such field"
NO_VALUE: Final = "the field has no such value"
NO_EVIDENCE: Final = "the words do not bear it out"
NO_NUMBER: Final = "the words have no such number"
OTHER_ROLE: Final = "the words say the opposite"
OUT_OF_RANGE: Final = "no item is near such a number"

_NEAR: Final = 3
"""So many pieces before a quote its cue may stand."""
_MOST: Final = ("at_most", "before", "or_less")
_LEAST: Final = ("at_least", "after", "since", "or_more")


@dataclass(frozen=True, slots=True)
class Proposal:
    """A wish that somebody has read out of a turn.

    Attributes:
        quote: The words that are said to say it.
        slot: Of what.
        sign: How.
        value: What.
    """

    quote: str
    slot: str
    sign: Sign
    value: str | float


class Gate:
    """Judges wishes by the words of the turn.

    Args:
        heard: What the shop's values are called.
        encoder: Says how near words are to a value in meaning; without one only known words are evidence.
        likeness: How near they have to be.
    """

    def __init__(self, heard: Heard, encoder: Encoder | None = None, likeness: float = LIKENESS) -> None:
        self.heard, self.encoder, self.likeness = heard, encoder, likeness

    def judge(self, turn: Turn, proposal: Proposal) -> Wish | str:
        """Return the wish that the words bear out, or why they bear out none.

        Args:
            turn: The turn, cut into pieces whose polarity is set.
            proposal: What is said to be wanted in it.
        """
        quoted = _quoted(turn, proposal.quote)
        if not quoted:
            return NO_QUOTE
        slot = self.heard.slots.get(proposal.slot)
        if slot is None:
            return NO_FIELD
        if slot.kind == "number":
            return self._number(turn, proposal, quoted)
        value = True if slot.kind == "flag" else self.heard.named(slot.name, str(proposal.value))
        if value is None:
            return NO_VALUE
        bearing = [
            piece for piece in quoted
            if any((meaning.slot, meaning.value) == (slot.name, value) for meaning in piece.meanings)
        ]  # fmt: skip
        if not bearing and not (isinstance(value, str) and self._near(proposal.quote, value)):
            return NO_EVIDENCE
        refused = any(piece.refused for piece in bearing or quoted)
        if refused != (proposal.sign == "is not"):
            return OTHER_ROLE
        hard = bool(bearing) and (refused or self.heard.closed(slot.name)) and not any(p.soft for p in quoted)
        return Wish(slot.name, proposal.sign, value, hard=hard, words=turn.words(*quoted), source="model")

    def _number(self, turn: Turn, proposal: Proposal, quoted: Sequence[Piece]) -> Wish | str:
        slot = self.heard.slots[proposal.slot]
        concept = self.heard.concept_of.get(slot.name)
        if isinstance(proposal.value, str) or proposal.sign not in ("at least", "at most"):
            return NO_VALUE
        value = float(proposal.value)
        step = 1.0 if concept is not None and concept.whole else 0.0
        said = figures(turn, quoted, slot.name)
        if not any(abs(value - number) <= step for number in said):
            return NO_NUMBER
        wide = slot.high - slot.low
        if not slot.low - wide <= value <= slot.high + wide:
            return OUT_OF_RANGE
        around = turn.pieces[max(0, turn.pieces.index(quoted[0]) - _NEAR) : turn.pieces.index(quoted[-1]) + 2]
        near = [piece for piece in around if piece.clause == quoted[0].clause]
        most, least = (any(piece.has(*cues) for piece in near) for cues in (_MOST, _LEAST))
        plain = concept is not None and concept.plain == proposal.sign
        if not (most if proposal.sign == "at most" else least) and (most or least or not plain):
            return OTHER_ROLE
        hard = not any(piece.soft for piece in quoted)
        return Wish(slot.name, proposal.sign, value, hard=hard, words=turn.words(*quoted), source="model")

    def _near(self, quote: str, value: str) -> bool:
        if self.encoder is None:
            return False
        one, other = np.asarray(self.encoder.encode([quote, value], kind="query"), dtype=np.float64)
        lengths = float(np.linalg.norm(one) * np.linalg.norm(other))
        return lengths > 0 and float(one @ other) / lengths >= self.likeness


def _quoted(turn: Turn, quote: str) -> list[Piece]:
    """Return the pieces in which the words of a quote stand, one after the other; none where they do not."""
    words = words_of(quote)
    said = [token.form for token in turn.tokens]
    starts = range(len(said) - len(words) + 1) if words else ()
    start = next((at for at in starts if said[at : at + len(words)] == words), None)
    if start is None:
        return []
    return [piece for piece in turn.pieces if piece.first < start + len(words) and piece.last > start]
