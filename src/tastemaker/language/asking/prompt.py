"""Prompts for generators: files of an instruction, a task and a context with slots, each part replaceable."""

from __future__ import annotations

import hashlib
import json
import re
import tomllib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from functools import cached_property
from importlib.resources import files
from pathlib import Path
from typing import Any, Final, Literal, TypeAlias

from tastemaker.core.errors import ConfigError, nearest
from tastemaker.core.generator import Message
from tastemaker.language.asking.fencing import GUARD, fenced, scrubbed

Kind: TypeAlias = Literal["line", "lines", "words"]
Changes: TypeAlias = Literal["never", "person", "question", "item"]

KINDS: Final = ("line", "lines", "words")
CHANGES: Final = ("never", "person", "question", "item")
"""How often the value of a slot changes, the rarest first: what changes last stands last, so that a prompt shares its
beginning with as many others as it can."""

PARTS: Final = ("instruction", "task", "context")
"""What a user may replace of a prompt, each by itself."""

Values: TypeAlias = Mapping[str, str | Sequence[str]]

_SLOT: Final = re.compile(r"\{(\w+)\}")
_SHIPPED: Final = files("tastemaker.language.asking") / "files"


@dataclass(frozen=True)
class Slot:
    """A place in the context of a prompt.

    Attributes:
        kind: ``line``: words that others wrote, fenced as data; ``lines``: a list of such, each on a line with a dash;
            ``words``: our own, such as how many answers are wanted.
        changes: How often it changes.
        characters: The most characters of a value, of each line where there are several.
        most: The most lines; the last ones are kept.
    """

    kind: Kind = "line"
    changes: Changes = "question"
    characters: int = 300
    most: int = 20

    def said(self, value: str | Sequence[str]) -> str:
        """Return a value as it stands in a prompt; nothing where there is none."""
        if self.kind == "lines":
            lines = [value] if isinstance(value, str) else list(value)
            kept = [said for line in lines[-self.most :] if (said := fenced(line, self.characters))]
            return "\n".join(f"- {line}" for line in kept)
        if not isinstance(value, str):
            raise ConfigError("a slot of one line was given several", where=repr(value)[:80])
        return fenced(value, self.characters) if self.kind == "line" else scrubbed(value, self.characters).text


@dataclass(frozen=True)
class ChatPrompt:
    """What a generator is asked, with places for what changes.

    Attributes:
        name: Its name, that of its file.
        version: Rises with every change of the file that changes a message.
        purpose: What it is for, in a sentence.
        instruction: Who the model is to be and how it is to answer: the system's message. It has no slots.
        task: What is to be done: the beginning of the user's message. It has no slots.
        context: The rest of the user's message: lines with slots in braces. A line falls away whose slots are empty,
            and with it the heading right above it: a line without slots that ends with a colon.
        slots: Name -> what may stand there.
        options: What a reply may be, where it is one of a few; empty where it is written freely or by a schema.
        max_tokens: The most tokens of a reply.
        shared: What two questions have in common at least, as a share of their characters from the beginning, which a
            prefix cache reads once; the two differ only in the slots that change most often.
    """

    name: str
    version: int
    purpose: str
    instruction: str
    task: str
    context: str
    slots: Mapping[str, Slot] = field(default_factory=dict)
    options: tuple[str, ...] = ()
    max_tokens: int = 64
    shared: float = 0.0

    def messages(self, values: Values) -> list[Message]:
        """Return the messages with the values in their places.

        Raises:
            ConfigError: There is a value for no slot, or several for a slot of one line.
        """
        if strange := [name for name in values if name not in self.slots]:
            raise ConfigError(
                f"the prompt '{self.name}' has no slot '{strange[0]}'", remedy=nearest(strange[0], self.slots)
            )
        said = {name: slot.said(values.get(name, "")) for name, slot in self.slots.items()}
        lines: list[str] = []
        heading = False
        for line in self.context.splitlines():
            named = _SLOT.findall(line)
            if not named or any(said[name] for name in named):
                lines.append(_SLOT.sub(lambda found: said[found[1]], line))
            elif heading:
                lines.pop()
            heading = not named and line.rstrip().endswith(":")
        asked = "\n\n".join(part for part in (self.task, _squeezed(lines)) if part)
        return [Message("system", self._told), Message("user", asked)]

    @cached_property
    def _told(self) -> str:
        """The system's message."""
        fences = any(slot.kind != "words" for slot in self.slots.values())
        return f"{self.instruction} {GUARD}".strip() if fences else self.instruction

    @cached_property
    def fingerprint(self) -> str:
        """Hash of all that decides a message, hexadecimal; the version and the purpose are not among it."""
        slots = {name: vars(slot) for name, slot in self.slots.items()}
        said = [self._told, self.task, self.context, slots, self.options, self.max_tokens]
        return hashlib.sha256(json.dumps(said, sort_keys=True, ensure_ascii=False).encode()).hexdigest()

    def with_parts(self, parts: Mapping[str, str]) -> ChatPrompt:
        """Return the prompt with some of `PARTS` in other words.

        Raises:
            ConfigError: There is no such part, or its words have a slot that the prompt has not.
        """
        for part in parts:
            if part not in PARTS:
                raise ConfigError(f"a prompt has no part '{part}'", where=self.name, remedy=nearest(part, PARTS))
        instruction, task, context = (parts.get(part, getattr(self, part)).strip() for part in PARTS)
        return _checked(replace(self, instruction=instruction, task=task, context=context), self.name)


def slots_in(prompt: ChatPrompt) -> list[str]:
    """Return the names of the slots that stand in the context, each once, in order."""
    return list(dict.fromkeys(_SLOT.findall(prompt.context)))


def prompt_names() -> list[str]:
    """Return the names of the prompts that are shipped, sorted."""
    return sorted(entry.name.removesuffix(".toml") for entry in _SHIPPED.iterdir() if entry.name.endswith(".toml"))


def load_prompt(source: str | Path, parts: Mapping[str, str] | None = None) -> ChatPrompt:
    """Read a prompt.

    Args:
        source: The name of one that is shipped, or a file.
        parts: Other words for some of `PARTS`, such as a user's settings have them.

    Raises:
        ConfigError: There is no such prompt, the file is damaged, a slot is missing or stands where it must not.
    """
    shipped = isinstance(source, str) and not source.endswith(".toml")
    file = _SHIPPED / f"{source}.toml" if shipped else Path(source)
    if not file.is_file():
        raise ConfigError(
            f"there is no prompt '{source}'", where="prompts", remedy=nearest(str(source), prompt_names())
        )
    try:
        read = tomllib.loads(file.read_text(encoding="utf-8"))
    except (tomllib.TOMLDecodeError, UnicodeDecodeError) as error:
        raise ConfigError(f"a prompt cannot be read: {error}", where=str(file)) from error
    name = file.name.removesuffix(".toml")
    try:
        slots = {each: _slot(given, name) for each, given in read.pop("slots", {}).items()}
        options, version = tuple(read.pop("options", ())), read.pop("version")
        instruction, task, context = (str(read.pop(part, "")).strip() for part in PARTS)
        found = ChatPrompt(
            name, version, instruction=instruction, task=task, context=context, slots=slots, options=options, **read
        )
    except (TypeError, KeyError) as error:
        raise ConfigError(f"a prompt lacks an entry, or has one that there is not: {error}", where=str(file)) from error
    return _checked(found, str(file)).with_parts(parts or {})


def _slot(given: Mapping[str, Any], where: str) -> Slot:
    slot = Slot(**given)
    for value, known in ((slot.kind, KINDS), (slot.changes, CHANGES)):
        if value not in known:
            raise ConfigError(f"a slot cannot be '{value}'", where=where, remedy=nearest(str(value), known))
    return slot


def _checked(prompt: ChatPrompt, where: str) -> ChatPrompt:
    for part in ("instruction", "task"):
        if _SLOT.search(getattr(prompt, part)):
            raise ConfigError(
                f"the {part} of a prompt has a slot",
                where=where,
                remedy="Slots stand in the context, which comes last.",
            )
    named = _SLOT.findall(prompt.context)
    if strange := [name for name in named if name not in prompt.slots]:
        remedy = nearest(strange[0], prompt.slots)
        raise ConfigError(f"the context of a prompt has a slot '{strange[0]}'", where=where, remedy=remedy)
    order = [CHANGES.index(prompt.slots[name].changes) for name in named]
    if order != sorted(order):
        raise ConfigError(
            "a slot that changes often stands before one that changes rarely",
            where=where,
            remedy="What all questions share comes first: it is then read once.",
        )
    return prompt


def _squeezed(lines: Sequence[str]) -> str:
    """Return lines with no more than one empty one in a row."""
    kept: list[str] = []
    for line in lines:
        if line.strip() or (kept and kept[-1].strip()):
            kept.append(line.rstrip())
    return "\n".join(kept).strip()
