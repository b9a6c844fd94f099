"""The tables ``[prompts.NAME]`` of the settings: parts of a prompt in other words, or a file in its place."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any, Final

from pydantic import ValidationError
from pydantic_core import InitErrorDetails

from tastemaker.core.errors import ConfigError
from tastemaker.language.asking.prompt import PARTS, ChatPrompt, load_prompt, prompt_names

FILE: Final = "file"
"""The key that names a file in a prompt's place."""


def check_tables(tables: Mapping[str, Any]) -> None:
    """Check the tables, as far as that goes without reading files.

    Raises:
        ValidationError: There is no such prompt, it has no such part, or a value is no text.
        ConfigError: A part has a slot where it must not stand, or one that the prompt has not.
    """
    for name, table in tables.items():
        if name not in prompt_names():
            raise _wrong("extra_forbidden", [name], table)
        if not isinstance(table, dict):
            raise _wrong("dict_type", [name], table)
        for key, value in table.items():
            if key not in (*PARTS, FILE):
                raise _wrong("extra_forbidden", [name, key], value)
            if not isinstance(value, str):
                raise _wrong("string_type", [name, key], value)
        if FILE not in table:
            _in_other_words(load_prompt(name), table)


def prompt_of(name: str, tables: Mapping[str, Mapping[str, str]], settings: Path | None = None) -> ChatPrompt:
    """Return a prompt in the words of its table, where there is one.

    A file need not declare options, nor the slots that its words leave out: those of the prompt that it stands for are
    taken over, so that whoever fills them finds them. Its name is that of the prompt.

    Args:
        name: The name of a prompt that is shipped.
        tables: Those of the settings, checked.
        settings: The settings' file, from whose folder paths start.

    Raises:
        ConfigError: There is no such prompt, or the file cannot stand in its place.
    """
    shipped, table = load_prompt(name), dict(tables.get(name, {}))
    if FILE not in table:
        return _in_other_words(shipped, table)
    path = Path(table.pop(FILE)).expanduser()
    return _in_other_words(in_place_of(shipped, load_prompt(settings.parent / path if settings else path)), table)


def in_place_of(shipped: ChatPrompt, other: ChatPrompt) -> ChatPrompt:
    """Return another prompt as it can stand where one that is shipped would.

    Raises:
        ConfigError: It has another number of options, or slots that nobody would fill.
    """
    if unknown := sorted(other.slots.keys() - shipped.slots.keys()):
        raise ConfigError(
            f"nobody fills the slot '{unknown[0]}' of a prompt that stands for '{shipped.name}'",
            where=other.name,
            remedy=f"Its slots are: {', '.join(shipped.slots)}.",
        )
    options = other.options or shipped.options
    if len(options) != len(shipped.options):
        raise ConfigError(
            f"a prompt that stands for '{shipped.name}' has {len(options)} options",
            where=other.name,
            remedy=f"Give it {len(shipped.options)}, in the order of: {', '.join(shipped.options) or 'none'}.",
        )
    return replace(other, name=shipped.name, slots={**shipped.slots, **other.slots}, options=options)


def _in_other_words(prompt: ChatPrompt, table: Mapping[str, str]) -> ChatPrompt:
    try:
        return prompt.with_parts(table)
    except ConfigError as error:
        raise ConfigError(error.message, where=f"[prompts.{prompt.name}]", remedy=error.remedy) from error


def _wrong(kind: str, place: Sequence[str], value: Any) -> ValidationError:
    return ValidationError.from_exception_data("prompts", [InitErrorDetails(type=kind, loc=tuple(place), input=value)])


def known_words(place: Sequence[str]) -> list[str]:
    """Return what might have been meant at a place ``prompts.NAME`` or ``prompts.NAME.KEY``."""
    return prompt_names() if len(place) < 3 else [*PARTS, FILE]
