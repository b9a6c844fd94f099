"""Words for what was decided: from templates of a locale, with nothing in them that is not a fact of the shop."""

from __future__ import annotations

import tomllib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import cache
from importlib.resources import files
from typing import Any, Final

from tastemaker.agents import questions
from tastemaker.agents.parts import Question
from tastemaker.agents.wishes import ABOUT, Wish
from tastemaker.core.errors import ConfigError, nearest
from tastemaker.data.catalogue import PATH_SEPARATOR
from tastemaker.language.asking.fencing import scrubbed
from tastemaker.pipeline.written import written

_SAYINGS: Final = files("tastemaker.agents") / "sayings"
_MOST_WORDS: Final = 120
"""Characters of a person's own words that are said back."""


@dataclass(frozen=True)
class Speaker:
    """Says things in one language.

    Attributes:
        locale: The language.
        sayings: Section -> name -> wordings, as the file of the locale has them.
    """

    locale: str
    sayings: Mapping[str, Mapping[str, Any]]

    def say(self, name: str, turn: int, /, **words: str) -> str:
        """Return a saying, another wording in each turn, with words in its places."""
        return _filled(self.sayings["say"][name], turn, words)

    def ask(self, slot: str, turn: int) -> str:
        """Return a question about a slot."""
        asked = self.sayings["ask"]
        return _filled(asked.get(slot, asked["any"]), turn, {"slot": self.slot(slot)})

    def question(self, asked: questions.Question, turn: int) -> Question:
        """Return a question with its choices as they are said."""
        return Question(self.ask(asked.slot, turn), asked.slot, asked.choices)

    def slot(self, name: str) -> str:
        """Return what a slot is called."""
        return str(self.sayings["slots"].get(name, name.replace("_", " ")))

    def value(self, value: str | float) -> str:
        """Return a value as it is said; of a path of categories the last step."""
        return value.rpartition(PATH_SEPARATOR)[2] if isinstance(value, str) else written(value)

    def wish(self, wish: Wish) -> str:
        """Return a wish in words."""
        if wish.slot == ABOUT:
            return scrubbed(str(wish.value), _MOST_WORDS).text
        said = self.sayings["values"][wish.sign]
        return str(said).format(slot=self.slot(wish.slot), value=self.value(wish.value))

    def listed(self, words: Sequence[str]) -> str:
        """Return words one after the other."""
        return ", ".join(words)


def _filled(wordings: Sequence[str], turn: int, words: Mapping[str, str]) -> str:
    return wordings[turn % len(wordings)].format_map(words)


@cache
def speaker(locale: str) -> Speaker:
    """Return who speaks a language; of ``de-AT`` the language ``de``.

    Raises:
        ConfigError: There are no sayings in it.
    """
    known = sorted(entry.name.removesuffix(".toml") for entry in _SAYINGS.iterdir() if entry.name.endswith(".toml"))
    language = locale.replace("_", "-").partition("-")[0].lower()
    if language not in known:
        raise ConfigError(f"nothing can be said in '{locale}'", where="locale", remedy=nearest(language, known))
    return Speaker(language, tomllib.loads((_SAYINGS / f"{language}.toml").read_text(encoding="utf-8")))
