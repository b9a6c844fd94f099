"""The contract of what makes profiles, and what those share that ask a generator."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from typing import Any, Final, Protocol

from tastemaker.core.generator import Generator
from tastemaker.language.encoders.identity import fingerprint_of
from tastemaker.language.generators.schemas import list_of, object_of
from tastemaker.language.generators.wrapper import Wrapper
from tastemaker.profiles.gate import MOST_LETTERS, SUMMARY_LETTERS, TONES, Said
from tastemaker.profiles.profile import ClaimKind, Profile
from tastemaker.profiles.seen import About, Line, Seen

MOST_CLAIMS: Final = 3
"""Claims of one kind that a generator is asked for."""

MOST_CITED: Final = 3
"""Lines that a claim cites."""

MOST_LINES: Final = 40
"""Lines that a prompt may hold."""

_FIRST: Final = {1: 1, -1: 51}
_LAST: Final = {1: 50, -1: 99}
"""Lines for something are cited by the numbers 1 to 50, those against it by 51 to 99: so one schema, the same for
everybody, holds claims of each kind to lines of their tone."""
_SAYS: Final = {1: "liked", -1: "disliked"}


class Profiler(Protocol):
    """Makes profiles of people or items."""

    @property
    def kind(self) -> str:
        """How they are made, such as ``one-shot``."""
        ...

    def key(self, seen: Seen) -> str:
        """Return a hash of all that decides the profile: what is shown, who writes, and how it is asked."""
        ...

    def profile(self, seen: Seen, before: Profile | None = None) -> Profile:
        """Return the profile of what is shown.

        Args:
            seen: The person or item.
            before: An earlier profile of the same, which a profiler that keeps a state goes on from.

        Raises:
            GenerationError: A generator gave no reply that can be used, or would pass its budget.
        """
        ...


def claims_schema(kinds: Sequence[ClaimKind]) -> dict[str, Any]:
    """Return the schema of a reply: a list of claims of each kind, and a summary.

    It is the same for everybody, so that what binds decoding to it is made once.
    """

    def claim(kind: ClaimKind) -> dict[str, Any]:
        tone = TONES[kind]
        number = {"type": "integer", "minimum": _FIRST[tone], "maximum": _LAST[tone]}
        return object_of(what={"type": "string", "maxLength": MOST_LETTERS}, events=list_of(number, MOST_CITED))

    summary = {"type": "string", "maxLength": SUMMARY_LETTERS}
    return object_of(**{kind: list_of(claim(kind), MOST_CLAIMS) for kind in kinds}, summary=summary)


def said_in(value: Mapping[str, Any], kinds: Sequence[ClaimKind]) -> list[Said]:
    """Return the claims of a reply that keeps `claims_schema`."""
    return [Said(kind, each["what"], each["events"]) for kind in kinds for each in value.get(kind, ())]


def kinds_for(of: About, lines: Sequence[Line]) -> tuple[ClaimKind, ...]:
    """Return what can be claimed of what is shown: without an event against anything there are no dislikes."""
    if of == "item":
        return ("suits",)
    return ("likes", "dislikes") if any(line.tone < 0 for line in lines) else ("likes",)


def chosen_lines(lines: Sequence[Line], most: int) -> tuple[Line, ...]:
    """Return the latest lines that say something, oldest first, a third of them against where there are as many."""
    places = {tone: [place for place, line in enumerate(lines) if line.tone == tone] for tone in (1, -1)}
    against = min(len(places[-1]), max(most // 3, most - len(places[1])))
    likes = min(len(places[1]), most - against)
    kept = places[1][len(places[1]) - likes :] + places[-1][len(places[-1]) - against :]
    return tuple(lines[place] for place in sorted(kept))


def numbered(lines: Iterable[Line]) -> dict[int, Line]:
    """Return lines that say something by the numbers by which they are cited; see `claims_schema`."""
    following = dict(_FIRST)
    found: dict[int, Line] = {}
    for line in lines:
        found[following[line.tone]] = line
        following[line.tone] += 1
    return found


def told(lines: Mapping[int, Line], *, tones: bool = True) -> list[str]:
    """Return numbered lines as a prompt has them."""
    return [
        f"{number}. {_SAYS[line.tone]}: {line.words}" if tones else f"{number}. {line.words}"
        for number, line in lines.items()
    ]


def key_of(kind: str, seen: Seen, generator: Generator, prompt: str, **settings: Any) -> str:
    """Return the hash of all that decides a profile.

    Args:
        kind: How it is made.
        seen: What is shown.
        generator: What writes.
        prompt: Fingerprint of the prompt.
        settings: What else decides it.
    """
    return fingerprint_of(kind, [seen.content, generator.fingerprint, prompt, settings])


def abreast(generator: Generator | None) -> int:
    """Return how many calls a generator takes at a time: an endpoint's requests, the slots of a model in process."""
    while isinstance(generator, Wrapper):
        generator = generator.of
    return int(getattr(generator, "concurrency", None) or getattr(generator, "slots", None) or 1)
