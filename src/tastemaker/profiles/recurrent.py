"""Profiles that are kept up to date, some new events at a time, and that forget what nothing new shows."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from typing import ClassVar, Final

from tastemaker.core.errors import ConfigError
from tastemaker.core.generator import Generator, Sampling
from tastemaker.language.asking.prompt import ChatPrompt, load_prompt
from tastemaker.profiles.gate import gated
from tastemaker.profiles.one_shot import PERSON_PROMPT
from tastemaker.profiles.profile import Claim, Profile
from tastemaker.profiles.profiler import claims_schema, key_of, kinds_for, numbered, said_in, told
from tastemaker.profiles.seen import Line, Seen

CHUNK: Final = 8
"""Events that are read at a time."""

MEMORY: Final = 40
"""A claim is forgotten when the latest event that it cites is followed by so many others."""


_MOST_CHUNK: Final = 20


class Recurrent:
    """Reads a history from its beginning, some events at a time, each time with what was said before.

    What is said before is shown with the events that it cites, so that it can be said again, or not: a claim that the
    generator does not repeat is gone, and so is one whose events lie too far back. An earlier profile of the same
    person whose events are the beginning of the history is gone on from; its events are not read again.

    Args:
        generator: What writes.
        chunk: Events that are read at a time.
        memory: See `MEMORY`.
        person: The prompt.

    Raises:
        ConfigError: No event is to be read at a time, or more than a prompt may hold beside those of claims.
    """

    kind: ClassVar[str] = "recurrent"

    def __init__(
        self, generator: Generator, *, chunk: int = CHUNK, memory: int = MEMORY, person: ChatPrompt | None = None
    ) -> None:
        if memory < 1 or not 1 <= chunk <= _MOST_CHUNK:
            raise ConfigError(
                f"{chunk} events are to be read at a time, and {memory} remembered",
                remedy=f"Read 1 to {_MOST_CHUNK} at a time, and remember one at least.",
            )
        self.generator, self.chunk, self.memory = generator, chunk, memory
        self.prompt = person or load_prompt(PERSON_PROMPT)

    def key(self, seen: Seen) -> str:
        """See `Profiler.key`; where a profile was gone on from is no part of it."""
        prompt = self.prompt.fingerprint
        return key_of(self.kind, seen, self.generator, prompt, chunk=self.chunk, memory=self.memory)

    def profile(self, seen: Seen, before: Profile | None = None) -> Profile:
        """See `Profiler.profile`.

        Raises:
            ConfigError: An item is shown, which has no history.
        """
        if seen.of == "item":
            raise ConfigError("an item has no history to read bit by bit", remedy="Items have one-shot profiles.")
        made = Profile(seen.about, seen.of, self.kind, self.key(seen), seen.cut, seen.content)
        done = 0
        if before is not None and self._goes_on(before, seen):
            done = before.cut.events
            made = replace(made, claims=before.claims, summary=before.summary)
        for start in range(done, len(seen.lines), self.chunk):
            made = self._updated(made, seen.lines, start)
        return made

    def _goes_on(self, before: Profile, seen: Seen) -> bool:
        known = before.cut.events
        same = (before.about, before.kind) == (seen.about, self.kind)
        return same and known <= len(seen.lines) and seen.content_of(known) == before.content

    def _updated(self, made: Profile, lines: Sequence[Line], start: int) -> Profile:
        """Return a profile that has read the lines from ``start`` on, as many as are read at a time."""
        stop = min(start + self.chunk, len(lines))
        latest = {line.item_id: place for place, line in enumerate(lines[:stop])}
        claims = [
            claim for claim in made.claims if stop - max(latest.get(item, 0) for item in claim.events) <= self.memory
        ]
        new = [line for line in lines[start:stop] if line.tone]
        if not new:
            return replace(made, claims=tuple(claims))
        cited = dict.fromkeys(item for claim in claims for item in claim.events)
        old = [latest[item] for item in cited if latest.get(item, start) < start]
        shown = [lines[place] for place in sorted(old) if lines[place].tone] + new
        kinds = kinds_for("person", shown)
        lines_shown = numbered(shown)
        numbers = {line.item_id: number for number, line in lines_shown.items()}
        values = {"before": [_again(claim, numbers) for claim in claims], "history": told(lines_shown)}
        sampling = Sampling(max_tokens=self.prompt.max_tokens)
        reply = self.generator.generate(self.prompt.messages(values), schema=claims_schema(kinds), sampling=sampling)
        passed = gated(said_in(reply.value, kinds), lines_shown, reply.value["summary"])
        dropped = {
            reason: made.dropped.get(reason, 0) + passed.dropped.get(reason, 0)
            for reason in {**made.dropped, **passed.dropped}
        }
        return replace(
            made,
            claims=passed.claims,
            summary=passed.summary,
            dropped=dropped,
            usage=made.usage + reply.usage,
        )


def _again(claim: Claim, numbers: dict[str, int]) -> str:
    cited = ", ".join(str(numbers[item]) for item in claim.events if item in numbers)
    return f"{claim.kind} {claim.what} (events {cited})"
