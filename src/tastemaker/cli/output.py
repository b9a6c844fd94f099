"""What the commands write: results on standard output, everything else on standard error."""

from __future__ import annotations

import json
import os
import re
import sys
from typing import TYPE_CHECKING, Any, Final

from tastemaker.core.errors import AmbiguousItemError, StorageError, TastemakerError

if TYPE_CHECKING:
    from rich.console import Console, RenderableType

    from tastemaker.core.run import Run

EXIT_CODES: Final = {
    0: "it worked",
    1: "another error",
    2: "the command line itself is wrong",
    3: "the configuration is wrong",
    4: "data are missing, damaged, or lack what is needed",
    5: "a download failed or is not what it should be",
    6: "a model cannot do it, or its folder is damaged",
    7: "the request cannot be answered: an unknown user or title, k = 0",
    8: "an extra is not installed",
    9: "a service cannot start (its port is in use), or cannot be reached",
    10: "a file or folder cannot be written",
    11: "what was measured anew differs from its record",
    130: "interrupted with Ctrl-C",
}
INTERRUPTED: Final = 130


def write_json(value: Any) -> None:
    """Write a JSON document to standard output."""
    sys.stdout.write(json.dumps(value, indent=2, ensure_ascii=False, allow_nan=False) + "\n")


class Output:
    """Where one command writes.

    Args:
        as_json: Results are one JSON document; notes and errors are JSON too, one a line.
        progress: Whether bars may be shown; they are if standard error is a terminal.
    """

    def __init__(self, *, as_json: bool = False, progress: bool = True) -> None:
        self.as_json = as_json
        self._progress = progress

    @property
    def interactive(self) -> bool:
        """Whether a person can be asked something."""
        return not self.as_json and sys.stdin.isatty() and sys.stderr.isatty()

    def print(self, *parts: RenderableType) -> None:
        """Show results to a person; with JSON nothing is shown."""
        if not self.as_json:
            console = _console()
            for part in parts:
                console.print(part, markup=False, highlight=False, soft_wrap=isinstance(part, str))

    def note(self, text: str) -> None:
        """Tell what is worth knowing but is not the result."""
        if self.as_json:
            sys.stderr.write(json.dumps({"note": text}, ensure_ascii=False) + "\n")
        else:
            self.stderr.print(text, style="dim", markup=False, highlight=False, soft_wrap=True)

    @property
    def stderr(self) -> Console:
        """The console of standard error, which the progress bars share."""
        if not hasattr(self, "_stderr"):
            self._stderr = _console(stderr=True)
        return self._stderr

    def run(self, seed: int = 0, threads: int | None = None) -> Run:
        """Return a `Run` that reports on this terminal; without ``threads`` it takes the usual number."""
        from tastemaker.core.run import Run, default_threads

        threads = threads or default_threads()
        if not self._progress or self.as_json or not sys.stderr.isatty():
            return Run(seed=seed, threads=threads, notify=self.note)
        from tastemaker.cli.progress import TerminalProgress

        return Run(seed=seed, threads=threads, progress=TerminalProgress(self.stderr), notify=self.note)

    def choose(self, question: str, candidates: list[tuple[str, str]]) -> str | None:
        """Ask which item is meant and return its id, or None for "none of these"."""
        from rich.prompt import IntPrompt

        self.stderr.print(question, markup=False, highlight=False)
        for number, (item_id, title) in enumerate(candidates, start=1):
            self.stderr.print(f"  {number}. {title} [{item_id}]", markup=False, highlight=False)
        allowed = [str(number) for number in range(len(candidates) + 1)]
        answer = IntPrompt.ask("Which one? (0: none)", console=self.stderr, choices=allowed, show_choices=False)
        return candidates[answer - 1][0] if answer else None


def _console(*, stderr: bool = False) -> Console:
    from rich.console import Console

    return Console(stderr=stderr)


def report(error: BaseException, *, as_json: bool) -> int:
    """Write an error to standard error and return the exit code that goes with it."""
    if isinstance(error, KeyboardInterrupt):
        known = TastemakerError("interrupted", remedy="Nothing was half-written; what stood there before is untouched.")
        return _write(known, INTERRUPTED, as_json, kind="Interrupted")
    if isinstance(error, TastemakerError):
        return _write(error, error.exit_code, as_json)
    text = " ".join(str(error).split())
    refused = _refused_by_system(error, text)
    if refused is not None:
        return _write(refused, refused.exit_code, as_json)
    known = TastemakerError(
        f"unexpected {type(error).__name__}{': ' if text else ''}{text}",
        remedy="This is a fault of Tastemaker: please report it. TASTEMAKER_TRACEBACK=1 shows where it happened.",
    )
    return _write(known, 1, as_json, kind=type(error).__name__)


def _refused_by_system(error: BaseException, text: str) -> StorageError | None:
    """Recognise a full disk or a lack of rights, also in the words of libraries that are written in Rust."""
    place = error.filename if isinstance(error, OSError) else None
    code = re.search(r"\(os error (\d+)\)", text)
    if place is None and code is None:
        return None
    reason = os.strerror(int(code[1])) if code else getattr(error, "strerror", None) or text
    return StorageError(
        f"a file could not be read or written: {reason}",
        where=None if place is None else str(place),
        remedy="Check the path, its rights and the space on the disk; what stood there before is untouched.",
    )


def report_usage(message: str, command: str, *, as_json: bool) -> int:
    """Write what is wrong with the command line to standard error and return the exit code."""
    known = TastemakerError(message.rstrip("."), remedy=f"See: {command} --help")
    return _write(known, 2, as_json, kind="UsageError")


def wants_traceback() -> bool:
    """Say whether the user asked for Python's own account of errors."""
    return os.environ.get("TASTEMAKER_TRACEBACK", "") not in ("", "0")


def _write(error: TastemakerError, code: int, as_json: bool, kind: str | None = None) -> int:
    if as_json:
        fields: dict[str, Any] = {
            "type": kind or type(error).__name__,
            "message": error.message.rstrip(),
            "where": error.where,
            "remedy": error.remedy,
            "exit_code": code,
        }
        if isinstance(error, AmbiguousItemError):
            fields["candidates"] = [{"item_id": item, "title": title} for item, title in error.candidates]
        sys.stderr.write(json.dumps({"error": fields}, ensure_ascii=False) + "\n")
        return code
    message = error.message.rstrip()
    place = f"{chr(10) + '  ' if chr(10) in message else ' '}({error.where})" if error.where else ""
    advice = f"\n  {error.remedy}" if error.remedy else ""
    sys.stderr.write(f"error: {message}{place}{advice}\n")
    return code
