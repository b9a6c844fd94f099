"""A file or folder is written whole or not at all, and what stood there before outlives every failure."""

from __future__ import annotations

import errno
import os
from collections.abc import Callable
from pathlib import Path

import pytest

from tastemaker.core.errors import StorageError
from tastemaker.core.files import atomic_file, atomic_folder


def content(folder: Path) -> dict[str, str]:
    return {str(path.relative_to(folder)): path.read_text() for path in sorted(folder.rglob("*")) if path.is_file()}


@pytest.fixture
def old(tmp_path: Path) -> Path:
    folder = tmp_path / "model"
    folder.mkdir()
    (folder / "config.json").write_text("old")
    return folder


def full_disk() -> None:
    raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))


def interrupt() -> None:
    raise KeyboardInterrupt


def bug() -> None:
    raise ZeroDivisionError


def half_of(path: Path, fail: Callable[[], None]) -> None:
    path.write_text("half")
    fail()


FAILURES = [
    pytest.param(full_disk, StorageError, id="full disk"),
    pytest.param(interrupt, KeyboardInterrupt, id="Ctrl-C"),
    pytest.param(bug, ZeroDivisionError, id="a bug"),
]


def test_a_file_takes_its_name_when_it_is_done(tmp_path: Path) -> None:
    target = tmp_path / "deep" / "report.json"
    with atomic_file(target) as temporary:
        temporary.write_text("new")
        assert not target.exists()
    assert content(tmp_path) == {"deep/report.json": "new"}


@pytest.mark.parametrize(("fail", "error"), FAILURES)
def test_a_failed_file_leaves_the_old_one(tmp_path: Path, fail: Callable[[], None], error: type[BaseException]) -> None:
    target = tmp_path / "report.json"
    target.write_text("old")
    with pytest.raises(error), atomic_file(target) as temporary:
        half_of(temporary, fail)
    assert content(tmp_path) == {"report.json": "old"}


def test_a_folder_is_replaced_as_a_whole(old: Path) -> None:
    with atomic_folder(old) as temporary:
        (temporary / "inner").mkdir()
        (temporary / "inner" / "tensors").write_text("new")
        assert content(old) == {"config.json": "old"}
    assert content(old.parent) == {"model/inner/tensors": "new"}


def test_a_folder_is_made_where_there_was_none(tmp_path: Path) -> None:
    with atomic_folder(tmp_path / "a" / "b") as temporary:
        (temporary / "file").write_text("new")
    assert content(tmp_path) == {"a/b/file": "new"}


@pytest.mark.parametrize(("fail", "error"), FAILURES)
def test_a_failed_folder_leaves_the_old_one(old: Path, fail: Callable[[], None], error: type[BaseException]) -> None:
    with pytest.raises(error), atomic_folder(old) as temporary:
        half_of(temporary / "config.json", fail)
    assert content(old.parent) == {"model/config.json": "old"}
    assert [path.name for path in old.parent.iterdir()] == ["model"]


@pytest.mark.parametrize("moment", [1, 2])
@pytest.mark.parametrize(("fail", "error"), FAILURES)
def test_a_failure_between_the_renames_leaves_the_old_one(
    old: Path, monkeypatch: pytest.MonkeyPatch, fail: Callable[[], None], error: type[BaseException], moment: int
) -> None:
    rename, calls = os.replace, 0

    def failing(source: Path, target: Path) -> None:
        nonlocal calls
        calls += 1
        if calls == moment:
            fail()
        rename(source, target)

    monkeypatch.setattr(os, "replace", failing)
    with pytest.raises(error), atomic_folder(old) as temporary:
        (temporary / "config.json").write_text("new")
    assert content(old.parent) == {"model/config.json": "old"}
    assert [path.name for path in old.parent.iterdir()] == ["model"]


def test_a_full_disk_is_said_in_words(old: Path) -> None:
    with pytest.raises(StorageError, match="could not write: No space left on device") as caught, atomic_folder(old):
        full_disk()
    assert caught.value.where == str(old)
    assert "what stood there before is untouched" in str(caught.value)


def test_a_file_in_the_way_of_a_folder_is_not_removed(tmp_path: Path) -> None:
    (tmp_path / "notes").write_text("mine")
    with pytest.raises(StorageError, match="a file is in the way"), atomic_folder(tmp_path / "notes"):
        pytest.fail("nothing may be written")
    assert content(tmp_path) == {"notes": "mine"}


def test_a_folder_of_other_things_is_not_replaced(tmp_path: Path) -> None:
    (tmp_path / "thesis.txt").write_text("mine")
    refused = pytest.raises(StorageError, match=r"holds other things .*\(it has no config.json\)")
    with refused, atomic_folder(tmp_path, replaces="config.json"):
        pytest.fail("nothing may be written")
    assert content(tmp_path) == {"thesis.txt": "mine"}


def test_an_empty_folder_and_an_older_version_are_replaced(tmp_path: Path, old: Path) -> None:
    (tmp_path / "empty").mkdir()
    for folder in (tmp_path / "empty", old):
        with atomic_folder(folder, replaces="config.json") as temporary:
            (temporary / "config.json").write_text("new")
        assert content(folder) == {"config.json": "new"}


def test_a_link_keeps_pointing_to_the_folder_that_is_replaced(tmp_path: Path, old: Path) -> None:
    link = tmp_path / "latest"
    link.symlink_to(old, target_is_directory=True)
    with atomic_folder(link) as temporary:
        (temporary / "config.json").write_text("new")
    assert link.is_symlink()
    assert content(old) == {"config.json": "new"}
    assert sorted(path.name for path in tmp_path.iterdir()) == ["latest", "model"]


def test_a_parent_that_is_a_file_is_a_storage_error(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    with pytest.raises(StorageError, match="could not write"), atomic_file(tmp_path / "file" / "report.json"):
        pytest.fail("there is nowhere to write")
