"""Growth of memory and traces in files are found where they are."""

from __future__ import annotations

import sys
from pathlib import Path

import pytest

sys.path.insert(0, str(Path(__file__).resolve().parents[2]))
from benchmarks.parts.day import files_with, growth


def test_growth_is_the_slope_after_the_warm_up() -> None:
    # 100 MB an hour at first, then 2 MB an hour from 400 MB on.
    memory = [(hour, 100.0 * hour) for hour in range(4)] + [(hour, 400.0 + 2 * (hour - 4)) for hour in range(4, 9)]
    slope, grown, share = growth(memory, 4)
    assert slope == pytest.approx(2.0)
    assert grown == pytest.approx(8.0)
    assert share == pytest.approx(0.02)


def test_memory_that_stays_does_not_grow() -> None:
    assert growth([(hour, 50.0) for hour in range(24)], 6) == pytest.approx((0.0, 0.0, 0.0))


def test_the_step_at_noon_is_left_out() -> None:
    memory = [(hour, 50.0 if hour < 12 else 80.0) for hour in range(24)]
    assert growth(memory, 6, 30.0) == pytest.approx((0.0, 0.0, 0.0))
    assert growth(memory, 6)[1] == pytest.approx(30.0)


@pytest.mark.parametrize("block", range(1, 12))
def test_a_text_is_found_wherever_it_lies(tmp_path: Path, block: int) -> None:
    (tmp_path / "inner").mkdir()
    (tmp_path / "a").write_bytes(b"so is n\xc3\xa4me here")
    (tmp_path / "b").write_bytes(b"n\xc3\xa4")
    (tmp_path / "inner" / "c").write_bytes(b"\0n\xc3\xa4me")
    assert files_with(tmp_path, "n\u00e4me", block) == ["a", "c"]
    assert files_with(tmp_path, "other", block) == []
