"""Why an item is recommended: a template says it; a model's wording stands in its place only where it passes checks."""

from __future__ import annotations

import re
from dataclasses import dataclass, field, replace
from typing import Final

from tastemaker.core.errors import GenerationError
from tastemaker.core.generator import Generator, Reply, Usage
from tastemaker.language.asking.faithful import OUTSIDE, Check, Fact, checked
from tastemaker.language.asking.grounds import Ground, facts_of, worded
from tastemaker.language.asking.prompt import ChatPrompt, load_prompt
from tastemaker.language.asking.steps import Steps, arun_steps, run_steps, said

_END: Final = re.compile(r"[.!?]+[\"')]*(?=\s|$)")
_BY_TEMPLATE: Final = "template"


@dataclass(frozen=True)
class Explanation:
    """Why an item is recommended.

    Attributes:
        text: In one or two sentences.
        by: ``model`` or ``template``.
        facts: What may be said.
        cited: Places of the facts that it speaks of.
        rejected: What the model wrote and was not shown; empty where it wrote nothing, or was shown.
        faults: Why it was not shown.
        usage: What the model took.
        degraded: Why the model wrote nothing.
    """

    text: str
    by: str
    facts: tuple[Fact, ...]
    cited: tuple[int, ...] = ()
    rejected: str = ""
    faults: tuple[str, ...] = ()
    usage: Usage = field(default_factory=Usage)
    degraded: tuple[str, ...] = ()

    @property
    def check(self) -> Check:
        """What became of the model's wording; that of a template passes."""
        return Check(self.faults, self.cited)


@dataclass(frozen=True)
class Told:
    """What is to be explained.

    Attributes:
        item: Title of the item.
        grounds: What speaks for it, the strongest first.
        about: What is known of it, in words.
        disliked: Titles that the person turned down.
        request: What the person asks for.
    """

    item: str
    grounds: tuple[Ground, ...]
    about: str = ""
    disliked: tuple[str, ...] = ()
    request: str = ""

    def facts(self) -> list[Fact]:
        """Return what may be said."""
        return facts_of(self.item, self.grounds, self.about, disliked=self.disliked, request=self.request)


class Explainer:
    """Says why items are recommended.

    Of what a model writes, as many sentences are taken as the template has; what comes after them is left out. Beside
    the checks it has to say what speaks most for the item.

    Args:
        generator: What may say it in other words; without one the template stands.
        seed: Chooses among the ways in which a template says it.
        prompt: What the generator is asked.
        outside: See `tastemaker.language.asking.faithful.checked`.
    """

    def __init__(
        self,
        generator: Generator | None = None,
        *,
        seed: int = 0,
        prompt: ChatPrompt | str = "explain-item",
        outside: float = OUTSIDE,
    ) -> None:
        self.generator, self.seed, self.outside = generator, seed, outside
        self.prompt = load_prompt(prompt) if isinstance(prompt, str) else prompt

    def __call__(self, told: Told, deadline: float | None = None) -> Explanation:
        """Explain, before a moment of `time.monotonic`."""
        return run_steps(self.steps(told, deadline), self.generator)

    async def aexplain(self, told: Told, deadline: float | None = None) -> Explanation:
        """As a call, without holding up an event loop."""
        return await arun_steps(self.steps(told, deadline), self.generator)

    def steps(self, told: Told, deadline: float | None = None) -> Steps[Explanation]:
        """Explain, the calls of the model being yielded."""
        draft, facts = worded(told.item, told.grounds, self.seed), told.facts()
        plain = Explanation(draft, _BY_TEMPLATE, tuple(facts), checked(draft, facts).cited)
        if self.generator is None:
            return plain
        values = {"facts": [fact.text for fact in facts], "draft": draft}
        try:
            reply = yield from said(self.prompt.messages(values), self.prompt.max_tokens, deadline=deadline)
        except GenerationError as error:
            return replace(plain, degraded=(error.message,))
        text, whole = first_sentences(on_one_line(reply.text), max(len(told.grounds[:2]), 1))
        check = checked(text, facts, outside=self.outside)
        cut = () if whole else unfinished(reply)
        silent = ("it leaves out what speaks most for it",) if told.grounds and 0 not in check.cited else ()
        faults = (*check.faults, *cut, *silent, *(("it is the draft again",) if text == draft else ()))
        if faults:
            return replace(plain, rejected=text, faults=faults, usage=reply.usage)
        return Explanation(text, "model", plain.facts, check.cited, usage=reply.usage)


def first_sentences(text: str, most: int) -> tuple[str, bool]:
    """Return the first sentences of a text, and whether the last of them is there to its end.

    >>> first_sentences("You chose it. It is new! It", 2)
    ('You chose it. It is new!', True)
    """
    ends = [found.end() for found in _END.finditer(text)][:most]
    return (text[: ends[-1]].strip(), True) if ends else (text, False)


def without_number(text: str, number: str) -> str:
    """Return what a model wrote without the number that it was told stands before what it speaks of.

    >>> without_number("2: It is new.", "2"), without_number("2 of them", "2")
    ('It is new.', '2 of them')
    """
    rest = text.removeprefix(number)
    return rest[1:].strip() if rest != text and rest[:1] in (":", ".", ")") else text


def unfinished(reply: Reply) -> tuple[str, ...]:
    """Return what is wrong with the end of a reply, if anything."""
    return ("it was cut off",) if reply.finish != "stop" else ()


def on_one_line(text: str) -> str:
    """Return what a model wrote on one line, without quotes around all of it."""
    said = " ".join(text.split())
    return said[1:-1].strip() if len(said) > 1 and said[0] == said[-1] == '"' and said.count('"') == 2 else said
