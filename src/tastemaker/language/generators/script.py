"""A generator that says what it was given to say: a list, a function, or a file that `Recorder` wrote."""

from __future__ import annotations

import difflib
import json
import math
import re
import threading
from collections.abc import AsyncIterator, Callable, Iterator, Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any, ClassVar, Final, TypeAlias, cast

import numpy as np

from tastemaker.core.errors import ConfigError, DataError, GenerationError, PromptTooLongError
from tastemaker.core.generator import Choice, Generator, Reply, Usage
from tastemaker.language.encoders.identity import fingerprint_of
from tastemaker.language.generators.base import BaseGenerator
from tastemaker.language.generators.calls import Call, Result, check_deadline, plain_result, read_result
from tastemaker.language.generators.choices import choice_among
from tastemaker.language.generators.keeping import append_line
from tastemaker.language.generators.schemas import read_value
from tastemaker.language.generators.wrapper import Around, Wrapper

Line: TypeAlias = str | Reply | Choice | Mapping[str, Any] | Sequence[Any] | Exception
"""What a script says to a call: a text; JSON; to a choice, the option or a probability for each; an error to raise."""

Answer: TypeAlias = Callable[[Call], Line]

_UNSAID: Final = 1e-6
"""The probability of each option that a script did not say."""
_WORDS: Final = re.compile(r"\s*\S+\s*")


class Script(BaseGenerator):
    """Says what was written or recorded before; one of the arguments is given.

    Tokens are words, and so are the pieces of a stream. A reply is checked against its schema, and not repaired; a
    prior changes nothing, but is part of the call. A call that the script has nothing to say to is a `GenerationError`.

    Args:
        replies: What is said to one call after another.
        file: A file that `Recorder` wrote; calls are told by their hash. Of equal calls that were recorded several
            times, each has its own reply, and the last one stays.
        answer: A function of a call.
        context: How many words it reads.
    """

    name: ClassVar[str] = "script"

    def __init__(
        self,
        replies: Sequence[Line] | None = None,
        file: str | None = None,
        answer: Answer | None = None,
        context: int | None = None,
    ) -> None:
        if sum(given is not None for given in (replies, file, answer)) != 1:
            raise ConfigError("a script needs either replies, or a file, or a function", where="the generator 'script'")
        self.context = context
        self.calls: list[Call] = []
        self._replies, self._file, self._answer = replies, file, answer
        self._lock = threading.Lock()
        self._kept: dict[str, list[dict[str, Any]]] | None = None

    @property
    def fingerprint(self) -> str:
        """A hash of the replies, or of the file; of a function, only of its name."""
        if self._file is not None:
            return fingerprint_of(self.name, self._recorded())
        if self._replies is not None:
            return fingerprint_of(self.name, [_told(line) for line in self._replies])
        return fingerprint_of(self.name, getattr(self._answer, "__module__", ""), repr(_name_of(self._answer)))

    def count_tokens(self, text: str) -> int:
        """Return how many words a text has."""
        return len(text.split())

    def spec(self) -> dict[str, Any]:
        """Return what makes the same generator again.

        Raises:
            ConfigError: It is a function, or says what JSON cannot hold.
        """
        if self._file is not None:
            return {"name": self.name, "file": self._file, "context": self.context}
        if self._replies is None or any(isinstance(line, Reply | Choice | Exception) for line in self._replies):
            raise ConfigError(
                "a script of functions, replies or errors cannot be written down",
                remedy="Record it with Recorder, and name the file.",
            )
        return {"name": self.name, "replies": list(self._replies), "context": self.context}

    def _make(self, call: Call) -> Result:
        check_deadline(call.deadline)
        prompt = sum(self.count_tokens(message.content) for message in call.messages)
        if self.context is not None and prompt > self.context:
            raise PromptTooLongError(
                f"the messages have {prompt} words, and the script reads {self.context}", remedy="Send less."
            )
        line = self._next(call)
        if isinstance(line, Exception):
            raise line
        if call.kind == "choose":
            return line if isinstance(line, Choice) else _choice(call.options, line, prompt)
        return self._reply(call, line, prompt)

    async def _amake(self, call: Call) -> Result:
        return self._make(call)

    def _pieces(self, call: Call) -> Iterator[str | Reply]:
        reply = cast(Reply, self._make(call))
        yield from _WORDS.findall(reply.text) or filter(None, [reply.text])
        yield reply

    async def _apieces(self, call: Call) -> AsyncIterator[str | Reply]:
        for piece in self._pieces(call):
            yield piece

    def _next(self, call: Call) -> Line:
        with self._lock:
            self.calls.append(call)
            if self._replies is not None:
                if len(self.calls) > len(self._replies):
                    raise GenerationError(
                        f"the script has {len(self._replies)} replies, and was asked for one more",
                        remedy="Give it more replies.",
                    )
                return self._replies[len(self.calls) - 1]
            if self._file is not None:
                return self._recorded_reply(call)
        assert self._answer is not None
        return self._answer(call)

    def _reply(self, call: Call, line: Line, prompt: int) -> Reply:
        if isinstance(line, Choice):
            raise GenerationError("the script has a choice where words were asked for", where=_start(call))
        if isinstance(line, Reply):
            text, found = line.text, line
        else:
            text = line if isinstance(line, str) else json.dumps(line, ensure_ascii=False)
            found = Reply(text, usage=Usage(prompt, 0, self.count_tokens(text)), model=self.name)
        if call.schema is None or found.value is not None:
            return found
        value = read_value(text, call.schema)
        return replace(found, value=value)

    def _recorded(self) -> dict[str, list[dict[str, Any]]]:
        if self._kept is None:
            assert self._file is not None
            self._kept = _read_file(Path(self._file))
        return self._kept

    def _recorded_reply(self, call: Call) -> Line:
        kept = self._recorded().get(call.key)
        if kept:
            before = sum(earlier.key == call.key for earlier in self.calls[:-1])
            return read_result(kept[min(before, len(kept) - 1)]["result"])
        raise GenerationError(
            "this call was not recorded", where=self._file, remedy=_nearest(call, self._recorded().values())
        )


def _read_file(file: Path) -> dict[str, list[dict[str, Any]]]:
    try:
        lines = file.read_text(encoding="utf-8").splitlines()
    except OSError as error:
        raise DataError(f"the script cannot be read: {error.strerror}", where=str(file)) from error
    found: dict[str, list[dict[str, Any]]] = {}
    for number, line in enumerate(lines, 1):
        try:
            record = json.loads(line)
            read_result(record["result"])
            found.setdefault(record["key"], []).append(record)
        except (ValueError, KeyError, TypeError) as error:
            raise DataError(
                "a line of the script is no recorded call", where=f"{file}:{number}", remedy="Record it again."
            ) from error
    return found


def _nearest(call: Call, records: Any) -> str:
    asked = _lines(call.facts())
    known = [_lines(kept[0]["call"]) for kept in records]
    if not known:
        return "Nothing was recorded."
    closest = max(known, key=lambda lines: difflib.SequenceMatcher(None, lines, asked, autojunk=False).ratio())
    changes = [line for line in difflib.unified_diff(closest, asked, lineterm="", n=0) if line[:2] not in ("--", "++")]
    shown = [line[:200] for line in changes if not line.startswith("@@")][:12]
    return "The nearest recorded call (-) differs from it (+) in:\n" + "\n".join(shown)


def _lines(facts: Mapping[str, Any]) -> list[str]:
    return json.dumps(facts, indent=1, ensure_ascii=False).replace("\\n", "\n").splitlines()


def _choice(options: Sequence[str], line: Any, prompt: int) -> Choice:
    usage = Usage(prompt, 0, 1)
    if isinstance(line, Mapping) and set(line) == set(options) and all(value > 0 for value in line.values()):
        return choice_among(np.log([line[option] for option in options]), 1.0, usage=usage)
    if line in options:
        said = [1 - _UNSAID * (len(options) - 1) if option == line else _UNSAID for option in options]
        return choice_among([math.log(share) for share in said], 1.0, usage=usage)
    raise GenerationError(
        f"the script says {line!r} where one of {', '.join(options)} was asked for",
        remedy="Give it an option, or a probability for each option.",
    )


def _told(line: Line) -> Any:
    if isinstance(line, Reply | Choice):
        return plain_result(line)
    return repr(line) if isinstance(line, Exception) else line


def _name_of(answer: Any) -> str:
    return str(getattr(answer, "__qualname__", type(answer).__qualname__))


def _start(call: Call) -> str:
    return call.messages[-1].content[:80]


class Recorder(Wrapper):
    """Every call and its result are written to a file that `Script` replays; errors are not.

    The file holds all that was said. It is appended to, so that several recorders may share it.

    Args:
        of: The generator.
        file: The file, a line of JSON for each call.
    """

    def __init__(self, of: Generator, file: Path) -> None:
        super().__init__(of)
        self.file = file

    def around(self, call: Call) -> Around:
        """See `Wrapper.around`."""
        result = yield call
        record = {"key": call.key, "call": call.facts(), "result": plain_result(result)}
        append_line(self.file, json.dumps(record, ensure_ascii=True))
        return result
