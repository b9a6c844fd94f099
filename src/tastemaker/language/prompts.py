"""Prompts with places for ids: files of them, by task, and what they are made of."""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from importlib.resources import files
from pathlib import Path
from typing import Final

from tastemaker.core.errors import ConfigError, nearest

SLOTS: Final = ("user", "history", "candidates", "item", "text")
"""What a prompt may have a place for: one person, items in order, items to choose from, one item, words.

The words are those of the review in the task ``review``, and of the item in the others that have any.
"""

TASKS: Final[Mapping[str, tuple[str, ...]]] = {
    "sequential": ("history",),
    "direct": ("user",),
    "rating": ("user", "item"),
    "explanation": ("user", "item"),
    "review": ("text",),
}
"""Name of a task -> the places that each of its prompts must have."""

ALSO: Final[Mapping[str, tuple[str, ...]]] = {
    "sequential": ("user",),
    "direct": ("candidates",),
    "rating": ("text",),
    "explanation": ("text",),
    "review": ("user", "item"),
}
"""Name of a task -> the places that its prompts may have as well; the last one, which asks, names no candidates."""

_PIECE: Final = re.compile(r"\{(\w*)\}|([a-z0-9']+|[^\sa-z0-9'{}])")
_SHIPPED: Final = files("tastemaker.language") / "prompt_files"


@dataclass(frozen=True)
class Slot:
    """A place for ids or words."""

    name: str


@dataclass(frozen=True)
class Prompt:
    """One way to put a task.

    Attributes:
        parts: Words in small letters, marks, and slots, in order.
    """

    parts: tuple[str | Slot, ...]

    @classmethod
    def parsed(cls, text: str) -> Prompt:
        """Read a prompt: words, and slots in braces.

        >>> Prompt.parsed("What next, {user}?").parts
        ('what', 'next', ',', Slot(name='user'), '?')

        Raises:
            ConfigError: It has a slot that does not exist, or a brace alone.
        """
        found: list[str | Slot] = []
        for piece in _PIECE.finditer(text.lower()):
            slot, word = piece.groups()
            if slot is not None and slot not in SLOTS:
                raise ConfigError(f"a prompt has a place for '{slot}'", where=text, remedy=nearest(slot, SLOTS))
            found.append(Slot(slot) if slot is not None else str(word))
        if len(re.findall(r"[{}]", text)) != 2 * sum(isinstance(part, Slot) for part in found):
            raise ConfigError("a brace of a prompt stands alone", where=text)
        return cls(tuple(found))

    @property
    def text(self) -> str:
        """The prompt as it is read by `parsed`."""
        return " ".join(f"{{{part.name}}}" if isinstance(part, Slot) else part for part in self.parts)

    @property
    def slots(self) -> tuple[str, ...]:
        """Names of the slots, in order."""
        return tuple(part.name for part in self.parts if isinstance(part, Slot))

    @property
    def words(self) -> tuple[str, ...]:
        """Words and marks, in order."""
        return tuple(part for part in self.parts if isinstance(part, str))


Prompts = Mapping[str, Sequence[Prompt]]
"""Name of a task -> its prompts; the last one is what questions are asked with, the others teach."""


def load_prompts(source: str | Path, tasks: Iterable[str]) -> Prompts:
    """Read the prompts of some tasks: a file ``TASK.txt`` each, one prompt a line, lines with ``#`` are comments.

    Args:
        source: The name of a set that is shipped, ``p5`` or ``bare``, or a folder.
        tasks: Names out of `TASKS`.

    Raises:
        ConfigError: There is no such task or set, a file is missing, or a prompt lacks a place that its task needs.
    """
    folder = _SHIPPED / source if isinstance(source, str) and "/" not in source else Path(source)
    if not folder.is_dir():
        shipped = [entry.name for entry in _SHIPPED.iterdir()]
        raise ConfigError(f"there are no prompts '{source}'", where="prompts", remedy=nearest(str(source), shipped))
    found: dict[str, Sequence[Prompt]] = {}
    for task in tasks:
        if task not in TASKS:
            raise ConfigError(f"there is no task '{task}'", where="tasks", remedy=nearest(task, TASKS))
        file = folder / f"{task}.txt"
        if not file.is_file():
            raise ConfigError(f"the prompts '{source}' have none for the task '{task}'", where=str(file))
        lines = [line.strip() for line in file.read_text(encoding="utf-8").splitlines()]
        found[task] = [_checked(line, task) for line in lines if line and not line.startswith("#")]
        if not found[task]:
            raise ConfigError(f"the task '{task}' has no prompt", where=str(file))
        if "candidates" in found[task][-1].slots:
            raise ConfigError(
                f"the last prompt of the task '{task}' names candidates, of which a question has none",
                where=str(file),
                remedy="End with one that does without.",
            )
    return found


def _checked(line: str, task: str) -> Prompt:
    prompt = Prompt.parsed(line)
    if missing := [slot for slot in TASKS[task] if slot not in prompt.slots]:
        raise ConfigError(f"a prompt of the task '{task}' has no place for '{missing[0]}'", where=line)
    known = (*TASKS[task], *ALSO[task])
    if strange := [slot for slot in prompt.slots if slot not in known]:
        raise ConfigError(
            f"a prompt of the task '{task}' has a place for '{strange[0]}'",
            where=line,
            remedy=f"Use {', '.join(known)}.",
        )
    return prompt


def vocabulary_of(prompts: Prompts) -> tuple[str, ...]:
    """Return the words and marks of all prompts, sorted, each once."""
    return tuple(sorted({word for each in prompts.values() for prompt in each for word in prompt.words}))
