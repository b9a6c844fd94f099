"""What the page on importing shows is what happens."""

from __future__ import annotations

import re
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from tastemaker.data.importing import judging
from tastemaker.data.importing.events import EVENT_WEIGHTS

Run = Callable[..., Any]

PAGE = (Path(__file__).resolve().parents[2] / "docs" / "importing.md").read_text(encoding="utf-8")


def blocks(language: str) -> list[str]:
    return re.findall(rf"```{language}\n(.*?)```", PAGE, re.DOTALL)


def lines(text: str) -> list[str]:
    """Return the lines without what a terminal pads them with."""
    return [line.rstrip() for line in text.splitlines() if line.strip()]


@pytest.fixture
def files(shop: Path) -> None:
    for name, content in zip(("log.csv", "items.csv"), blocks("csv"), strict=True):
        Path(name).write_text(content, encoding="utf-8")
    Path("tastemaker.toml").unlink()


def test_the_first_import_gives_what_is_shown(run: Run, files: None, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("COLUMNS", "160")
    command, *shown = lines(blocks("console")[0])
    Path("shop/interactions.parquet").unlink()  # the folder of the fixture is in the way
    for path in Path("shop").iterdir():
        path.unlink()
    done = run(*command.removeprefix("$ tastemaker ").split())
    assert done.code == 0, done.err
    assert lines(done.err) + lines(done.out) == shown
    assert lines(Path("shop/quarantine.jsonl").read_text(encoding="utf-8")) == lines(blocks("json")[0])


def test_the_program_and_the_settings_run(run: Run, files: None) -> None:
    for path in Path("shop").iterdir():
        path.unlink()
    program = blocks("python")[0]
    exec(compile(program, "importing.md", "exec"), {})
    assert Path("shop/import_report.json").exists()
    Path("tastemaker.toml").write_text(blocks("toml")[0], encoding="utf-8")
    assert run("import", "log.csv", "--to", "other").code == 0
    assert all(f"`{kind}`" in PAGE for kind in EVENT_WEIGHTS)


def test_every_reason_of_a_bad_row_is_on_the_page() -> None:
    table = PAGE.split("## Why rows are set aside")[1].split("\n## ")[0]
    named = set(re.findall(r"`([^`]+)`", table))
    said = set(judging.IDS.values()) | {f"{name} is not a number" for name in ("weight", "rating", "position")}
    said |= {"time cannot be read", "time out of range", "wrong number of fields", "torn last line", "line too long"}
    said |= {"quote is not closed", "text after a closing quote", "NUL byte", "not UTF-8"}
    said |= {"not valid JSON", "not a JSON object", "a list is no id"}
    assert said <= named, said - named
