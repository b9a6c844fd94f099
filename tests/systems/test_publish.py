"""A report and its pictures are written together, and what is not as the records say is found."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import pytest

from tastemaker.core.errors import StorageError
from tastemaker.systems.reproduction import Bench, System, run_experiment
from tastemaker.systems.reproduction.publish import outdated, report_files, write_report


@pytest.fixture
def out(system: System, bench: Bench) -> Path:
    run_experiment(system, system.cells[0], bench)
    return bench.out


def names(folder: Path) -> list[str]:
    return sorted(path.name for path in folder.iterdir())


def test_a_report_is_written_with_its_pictures_and_leaves_the_records_alone(system: System, out: Path) -> None:
    before = (out / "tiny" / "quick.json").read_bytes()
    assert outdated(system, out) == [], "what was never written is not old"
    assert write_report(system, out) == out / "tiny.md"
    assert names(out / "tiny") == ["quick.json", "quick.parts.svg", "quick.svg"]
    assert (out / "tiny" / "quick.json").read_bytes() == before
    assert outdated(system, out) == []
    assert all(path.read_text(encoding="utf-8") == text for path, text in report_files(system, out).items())


@pytest.mark.parametrize(
    ("change", "name"),
    [
        (lambda path: path.unlink(), "quick.svg"),
        (lambda path: path.write_text("other"), "quick.parts.svg"),
        (lambda path: path.write_text("other"), "../tiny.md"),
    ],
)
def test_a_file_that_is_gone_or_other_is_old_until_it_is_written_anew(
    system: System, out: Path, change: Callable[[Path], object], name: str
) -> None:
    write_report(system, out)
    path = out / "tiny" / name
    change(path)
    assert [each.name for each in outdated(system, out)] == [path.name]
    write_report(system, out)
    assert outdated(system, out) == []


def test_pictures_of_cells_that_are_gone_are_removed_and_those_of_others_stay(system: System, out: Path) -> None:
    write_report(system, out)
    theirs = out / "tiny" / "theirs.svg"
    theirs.write_text("<svg/>")
    renamed = replace(system, cells=(replace(system.cells[0], name="other"), *system.cells[1:]))
    assert [path.name for path in outdated(renamed, out)] == ["quick.parts.svg", "quick.svg", "tiny.md"]
    write_report(renamed, out)
    assert names(out / "tiny") == ["quick.json", "theirs.svg"]


def test_what_cannot_be_removed_is_told(system: System, out: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    write_report(system, out)

    def refuse(path: Path, missing_ok: bool = False) -> None:
        raise PermissionError(13, "not yours")

    alone = replace(system, cells=system.cells[1:])
    monkeypatch.setattr(Path, "unlink", refuse)
    with pytest.raises(StorageError, match="could not remove: not yours"):
        write_report(alone, out)
