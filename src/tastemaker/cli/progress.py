"""Progress bars on standard error; loaded only where a terminal shows them."""

from __future__ import annotations

from rich.console import Console
from rich.progress import BarColumn, Progress, SpinnerColumn, TaskID, TaskProgressColumn, TextColumn, TimeElapsedColumn

from tastemaker.core.run import Advance


class _Task:
    """One bar; calling it moves the bar on."""

    def __init__(self, bars: Progress, number: TaskID) -> None:
        self.number = number
        self._bars = bars

    def __call__(self, units: int) -> None:
        self._bars.advance(self.number, units)


class TerminalProgress:
    """Shows the tasks under way as bars that vanish when the last one ends.

    Args:
        console: Where they are drawn; whatever else is written there appears above them.
    """

    def __init__(self, console: Console) -> None:
        self._console = console
        self._bars: Progress | None = None

    def start(self, description: str, total: int | None) -> Advance:
        """Draw one more bar; without a total it only shows that work goes on."""
        if self._bars is None:
            self._bars = Progress(
                SpinnerColumn(),
                TextColumn("{task.description}", markup=False),
                BarColumn(),
                TaskProgressColumn(),
                TimeElapsedColumn(),
                console=self._console,
                transient=True,
            )
            self._bars.start()
        return _Task(self._bars, self._bars.add_task(description, total=total))

    def describe(self, advance: Advance, description: str) -> None:
        """Put other words before a bar."""
        if self._bars is not None and isinstance(advance, _Task):
            self._bars.update(advance.number, description=description)

    def finish(self, advance: Advance) -> None:
        """Take a bar away, finished or not."""
        if self._bars is None or not isinstance(advance, _Task):
            return
        self._bars.remove_task(advance.number)
        if not self._bars.task_ids:
            self._bars.stop()
            self._bars = None
