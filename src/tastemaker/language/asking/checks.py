"""What can be said of a prompt without asking anybody: how it looks with values, how long it is, what it shares."""

from __future__ import annotations

from dataclasses import dataclass
from itertools import takewhile
from typing import Final

from tastemaker.core.generator import Generator, Message
from tastemaker.language.asking.prompt import CHANGES, ChatPrompt, Slot, Values, slots_in

_LINES: Final = ("Pride and Prejudice; year 1813; Novels", "Middlemarch; year 1871; Novels", "Emma; year 1815; Comedy")
_ITEMS: Final = ("Persuasion; year 1817; Novels", "Walden; year 1854; Nature", "Dracula; year 1897; Horror")

EXAMPLES: Final[Values] = {
    "history": _LINES,
    "liked": _LINES,
    "latest": _LINES[-1],
    "then": _ITEMS[0],
    "profile": "Reads on trains, likes dry humour, has two small children.",
    "moment": "winter, Saturday evening; occasion: a birthday",
    "request": "something short and not too sad",
    "item": _ITEMS[0],
    "items": _ITEMS,
    "facts": ("1: Persuasion; year 1817; Novels", "2: by the author of Emma"),
    "claim": "It is by the author of Emma.",
    "draft": "Persuasion, because you liked Emma: both are by Jane Austen.",
    "keywords": "quiet, witty, too long",
    "reviews": ("1: Quiet and witty.", "2: I laughed, but it is too long."),
    "statements": ("A: I like dry humour.", "B: I do not like sad endings."),
    "none": "C",
    "categories": "Novels, Comedy, Horror, Nature",
    "before": ("likes: dry humour [1, 3]",),
    "disliked": "Dracula",
    "common": "Novels, Comedy",
    "count": "five",
}
"""Values by the name of a slot, which show what a prompt looks like."""

_OTHERWISE: Final = "something else"
_WORD: Final = "reading "


@dataclass(frozen=True)
class PromptCheck:
    """What was found of a prompt.

    Attributes:
        characters: Of the messages with `EXAMPLES`.
        tokens: The same in tokens, with the longest reply; ``None`` where nobody counts them.
        most_tokens: The same with values of all the characters and lines that its slots take.
        context: How many tokens the generator holds, where that is known.
        shared: The share of its characters that two questions have in common from the beginning.
        faults: What is wrong, in words.
    """

    characters: int
    tokens: int | None
    most_tokens: int | None
    context: int | None
    shared: float
    faults: tuple[str, ...]


def example_values(prompt: ChatPrompt) -> Values:
    """Return a value for each slot of a prompt: of `EXAMPLES`, or one of three items in turn."""
    values = {}
    for place, (name, slot) in enumerate(prompt.slots.items()):
        value = EXAMPLES.get(name, _ITEMS if slot.kind == "lines" else _ITEMS[place % len(_ITEMS)])
        lines = (value,) if isinstance(value, str) else tuple(value)
        values[name] = lines if slot.kind == "lines" else lines[0]
    return values


def check_prompt(prompt: ChatPrompt, generator: Generator | None = None) -> PromptCheck:
    """Check a prompt: its values stand in it, at its longest it fits, and questions share what it promises.

    Args:
        prompt: The prompt.
        generator: Counts tokens and says how many it holds; it is asked nothing.
    """
    values = example_values(prompt)
    messages = prompt.messages(values)
    share = shared_share(prompt, values)
    faults = [f"nothing is left of the value of '{name}'" for name in prompt.slots if not _stands(prompt, name, values)]
    if share < prompt.shared:
        faults.append(f"questions share {share:.0%} of their beginning, and {prompt.shared:.0%} are promised")
    tokens = most_tokens = context = None
    if generator is not None:
        context = generator.context
        tokens = _tokens(messages, prompt, generator)
        most_tokens = _tokens(prompt.messages(_fullest(prompt, values)), prompt, generator)
        if context is not None and most_tokens > context:
            faults.append(
                f"at its longest it has {most_tokens:,} tokens with the reply, and the model holds {context:,}"
            )
    return PromptCheck(len(_joined(messages)), tokens, most_tokens, context, share, tuple(faults))


def shared_share(prompt: ChatPrompt, values: Values) -> float:
    """Return how much of a question another has in common with it from the beginning, as a share of its characters.

    Args:
        prompt: The prompt.
        values: Those of the question; the other one differs in the slots that change most often.
    """
    changing = [CHANGES.index(prompt.slots[name].changes) for name in slots_in(prompt)]
    if not changing:
        return 1.0
    often = CHANGES[max(changing)]
    others = {name: _OTHERWISE for name, slot in prompt.slots.items() if slot.changes == often}
    one, other = _joined(prompt.messages(values)), _joined(prompt.messages({**values, **others}))
    common = takewhile(lambda pair: pair[0] == pair[1], zip(one, other, strict=False))
    return sum(1 for _ in common) / len(one)


def _stands(prompt: ChatPrompt, name: str, values: Values) -> bool:
    """Say whether a value is seen where the context has its slot; what the context leaves out cannot be."""
    return name not in slots_in(prompt) or bool(prompt.slots[name].said(values[name]))


def _fullest(prompt: ChatPrompt, values: Values) -> Values:
    """Return values with all the characters and lines that the slots take; our own words stay as they are."""

    def filled(slot: Slot) -> str | tuple[str, ...]:
        line = (_WORD * slot.characters)[: slot.characters]
        return (line,) * slot.most if slot.kind == "lines" else line

    return {name: values[name] if slot.kind == "words" else filled(slot) for name, slot in prompt.slots.items()}


def _tokens(messages: list[Message], prompt: ChatPrompt, generator: Generator) -> int:
    return sum(generator.count_tokens(message.content) for message in messages) + prompt.max_tokens


def _joined(messages: list[Message]) -> str:
    return "\n".join(message.content for message in messages)
