"""Peak memory rises with what is allocated and falls when it is reset."""

from pathlib import Path

import numpy as np
import pytest

from tastemaker.evaluation import memory


def test_the_peak_holds_what_was_allocated_and_forgets_it_when_reset() -> None:
    if memory.reset_peak() != memory.RESET:
        pytest.skip("this system does not let a process reset its peak")
    before = memory.peak_mb()
    held = np.ones(10_000_000)
    after = memory.peak_mb()
    assert before is not None
    assert after is not None
    assert after - before == pytest.approx(held.nbytes / 1e6, rel=0.2)
    del held
    memory.reset_peak()
    again = memory.peak_mb()
    assert again is not None
    assert again < after - 40


def test_where_it_cannot_be_reset_the_report_says_so(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setattr(memory, "_CLEAR", tmp_path / "no" / "such")
    monkeypatch.setattr(memory, "_STATUS", tmp_path / "none")
    assert memory.reset_peak() == memory.WHOLE_PROCESS
    assert (memory.peak_mb() or 0) > 1
