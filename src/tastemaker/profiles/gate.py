"""The gate of evidence: of what was written about somebody only that passes which their own events show."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from typing import Final, NamedTuple

from tastemaker.language.asking.fencing import scrubbed
from tastemaker.language.cleaning import shortened
from tastemaker.profiles.facts import content_words
from tastemaker.profiles.profile import Claim, ClaimKind
from tastemaker.profiles.seen import Line

TONES: Final[Mapping[ClaimKind, int]] = {"likes": 1, "dislikes": -1, "suits": 1}
"""The tone that every event has which a claim of a kind cites."""

MOST_LETTERS: Final = 48
"""Characters of a claim."""

SUMMARY_LETTERS: Final = 160

_COPIED: Final = re.compile(r"^\s*\d+\s*\.|\b(?:dis)?liked\s*:", re.IGNORECASE)
_SENTENCE: Final = re.compile(r"[^.!?]+[.!?]*")

SILENT: Final = "says nothing"
COPIED: Final = "copies a line instead of saying what it shows"
TWICE: Final = "was said before"
UNCITED: Final = "cites nothing"
FOREIGN: Final = "cites what is not in the history"
TURNED: Final = "cites an event that shows something else"
UNSHOWN: Final = "shares no word with what it cites"
SUMMARY: Final = "a sentence of the summary that no claim bears out"

REASONS: Final = (SILENT, COPIED, TWICE, UNCITED, FOREIGN, TURNED, UNSHOWN, SUMMARY)
"""Why something is dropped, in the order in which it is looked at."""


class Said(NamedTuple):
    """A claim as it was written.

    Attributes:
        kind: Which way.
        what: Its words.
        numbers: The lines that it cites.
    """

    kind: ClaimKind
    what: str
    numbers: Sequence[int]


class Passed(NamedTuple):
    """What passed, and how much did not, by reason."""

    claims: tuple[Claim, ...]
    summary: str
    dropped: dict[str, int]


def gated(said: Iterable[Said], lines: Mapping[int, Line], summary: str = "") -> Passed:
    """Return the claims that what they cite shows, and the sentences of a summary that these claims bear out.

    A sentence passes if half of its words at least are words of claims that passed, or of what these cite.

    A claim passes if it has words, is no copy of a line and none that was said before, cites one line at least and only
    lines that there are, if every line that it cites has its tone (see `TONES`: a like rests on what was liked, a
    dislike on what was not), and if it shares a word with one of them. So whoever has no event against anything has no
    dislike.

    Args:
        said: The claims.
        lines: What may be cited, by number.
        summary: What was written beside them.
    """
    dropped: Counter[str] = Counter()
    claims: list[Claim] = []
    shown: set[str] = set()
    for each in said:
        what = scrubbed(each.what, MOST_LETTERS).text.strip(" .,;:-\"'")
        cited = [lines[number] for number in dict.fromkeys(each.numbers) if number in lines]
        if fault := _fault(each, what, cited, claims):
            dropped[fault] += 1
            continue
        claims.append(Claim(each.kind, what, tuple(dict.fromkeys(line.item_id for line in cited))))
        shown |= content_words(what).union(*(line.facts for line in cited))
    kept = []
    for sentence in _SENTENCE.findall(scrubbed(summary, 4 * SUMMARY_LETTERS).text):
        spoken = content_words(sentence)
        if spoken and 2 * len(spoken & shown) >= len(spoken):
            kept.append(sentence.strip())
        elif sentence.strip():
            dropped[SUMMARY] += 1
    return Passed(tuple(claims), shortened(" ".join(kept), SUMMARY_LETTERS), dict(dropped))


def _fault(said: Said, what: str, cited: Sequence[Line], before: Sequence[Claim]) -> str:
    """Return why a claim does not pass; nothing if it does."""
    spoken = content_words(what)
    if not spoken:
        return SILENT
    if _COPIED.search(said.what):
        return COPIED
    if any(claim.kind == said.kind and content_words(claim.what) == spoken for claim in before):
        return TWICE
    if not said.numbers:
        return UNCITED
    if len(cited) < len(set(said.numbers)):
        return FOREIGN
    if any(line.tone != TONES[said.kind] for line in cited):
        return TURNED
    return "" if any(spoken & line.facts for line in cited) else UNSHOWN
