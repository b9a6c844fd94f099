"""Progress bars: only where a terminal shows them, and gone when the work ends."""

from __future__ import annotations

import io

import pytest
from rich.console import Console

from tastemaker.cli.output import Output
from tastemaker.cli.progress import TerminalProgress
from tastemaker.core.run import Run, SilentProgress


def terminal() -> tuple[Console, io.StringIO]:
    written = io.StringIO()
    return Console(file=written, force_terminal=True, width=100), written


def test_bars_name_the_work_and_how_far_it_is() -> None:
    console, written = terminal()
    run = Run(progress=TerminalProgress(console))
    with run.track("Choosing ease", 4) as advance:
        advance(1)
        with run.track("evaluating [it]"):
            pass
    assert "Choosing ease" in written.getvalue()
    assert "evaluating [it]" in written.getvalue()
    assert "25%" in written.getvalue()


def test_the_terminal_is_given_back_after_an_interrupt() -> None:
    console, written = terminal()
    run = Run(progress=TerminalProgress(console))
    with pytest.raises(KeyboardInterrupt), run.track("Choosing ease", 4):
        raise KeyboardInterrupt
    hidden, shown = "\x1b[?25l", "\x1b[?25h"
    assert written.getvalue().rfind(shown) > written.getvalue().rfind(hidden), "the cursor is back"


def test_nothing_is_shown_where_standard_error_is_no_terminal() -> None:
    assert isinstance(Output().run().progress, SilentProgress)


@pytest.mark.parametrize(
    ("output", "shown"), [(Output(), True), (Output(progress=False), False), (Output(as_json=True), False)]
)
def test_bars_are_shown_on_a_terminal_unless_unwanted(
    output: Output, shown: bool, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("sys.stderr.isatty", lambda: True, raising=False)
    assert isinstance(output.run().progress, TerminalProgress) is shown
