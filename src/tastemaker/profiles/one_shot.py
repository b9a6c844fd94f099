"""Profiles that a generator writes in one reply from the latest events of a person, or from the facts of an item."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from typing import Any, ClassVar, Final

from tastemaker.core.errors import ConfigError
from tastemaker.core.generator import Generator, Reply, Sampling
from tastemaker.language.asking.prompt import ChatPrompt, load_prompt
from tastemaker.profiles.gate import Passed, gated
from tastemaker.profiles.profile import Profile
from tastemaker.profiles.profiler import (
    MOST_LINES,
    chosen_lines,
    claims_schema,
    key_of,
    kinds_for,
    numbered,
    said_in,
    told,
)
from tastemaker.profiles.seen import Line, Seen

PERSON_PROMPT, ITEM_PROMPT = "profile-person", "profile-item"

SHOWN: Final = 10
"""Events that are shown of a person."""

_VARIED: Final = 1.0
"""The temperature of several samples."""


class OneShot:
    """Shows numbered events, and lets pass what of the reply these events show.

    Args:
        generator: What writes.
        most: Events that are shown of a person, the latest; all lines of an item are shown.
        samples: How many replies are drawn. Of several, the one with the most claims that pass is kept, then the one
            with the fewest that do not.
        person: The prompt for people.
        item: The prompt for items.

    Raises:
        ConfigError: Less than one event or sample is asked for, or more events than a prompt may hold.
    """

    kind: ClassVar[str] = "one-shot"

    def __init__(
        self,
        generator: Generator,
        *,
        most: int = SHOWN,
        samples: int = 1,
        person: ChatPrompt | None = None,
        item: ChatPrompt | None = None,
    ) -> None:
        if samples < 1 or not 1 <= most <= MOST_LINES:
            raise ConfigError(
                f"{most} events and {samples} samples were asked for",
                remedy=f"A profile is written from 1 to {MOST_LINES} events, and one sample at least.",
            )
        self.generator, self.most, self.samples = generator, most, samples
        self.prompts = {"person": person or load_prompt(PERSON_PROMPT), "item": item or load_prompt(ITEM_PROMPT)}

    def key(self, seen: Seen) -> str:
        """See `Profiler.key`."""
        return self._key(self._told(seen))

    def _key(self, shown: Seen) -> str:
        prompt = self.prompts[shown.of].fingerprint
        return key_of(self.kind, shown, self.generator, prompt, most=self.most, samples=self.samples)

    def _told(self, seen: Seen) -> Seen:
        """Return what is shown in the words in which it is."""
        return seen

    def profile(self, seen: Seen, before: Profile | None = None) -> Profile:
        """See `Profiler.profile`; what was said before is not looked at."""
        shown = self._told(seen)
        made = Profile(seen.about, seen.of, self.kind, self._key(shown), shown.cut, seen.content)
        lines = shown.lines if shown.of == "item" else chosen_lines(shown.lines, self.most)
        return self._written(made, shown, lines) if lines else made

    def _written(self, made: Profile, seen: Seen, lines: Sequence[Line]) -> Profile:
        kinds = kinds_for(seen.of, lines)
        shown = numbered(lines)
        values = {"facts": told(shown, tones=False)} if seen.of == "item" else {"history": told(shown)}
        tries: list[Passed] = []
        for seed in range(self.samples):
            reply = self._asked(seen, values, claims_schema(kinds), seed)
            made = replace(made, usage=made.usage + reply.usage)
            tries.append(gated(said_in(reply.value, kinds), shown, reply.value["summary"]))
        best = max(tries, key=lambda each: (len(each.claims), -sum(each.dropped.values())))
        return replace(made, claims=best.claims, summary=best.summary, dropped=best.dropped)

    def _asked(self, seen: Seen, values: dict[str, list[str]], schema: dict[str, Any], seed: int) -> Reply:
        prompt = self.prompts[seen.of]
        varied = _VARIED if self.samples > 1 else 0.0
        sampling = Sampling(varied, max_tokens=prompt.max_tokens, seed=seed)
        return self.generator.generate(prompt.messages(values), schema=schema, sampling=sampling)
