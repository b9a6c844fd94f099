"""Programs in processes of their own: who asks one to stop is told by its exit code that it did so in order."""

from __future__ import annotations

from pathlib import Path

from benchmarks.parts.processes import Served


def test_a_program_that_is_asked_to_stop_ends_in_order(tmp_path: Path) -> None:
    (tmp_path / "reply").write_bytes(b"{}")
    with (tmp_path / "errors").open("wb") as errors, Served("reply", tmp_path / "reply", errors=errors) as program:
        program.wait_until_ready()
        assert program.stop() == 0
    assert (tmp_path / "errors").read_text() == ""
