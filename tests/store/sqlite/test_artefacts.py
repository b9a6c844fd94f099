"""Folders of artefacts: what is cut off leaves no trace, what was checked is not read again."""

from __future__ import annotations

import shutil
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path

import pytest
from tests.store.contracts.artefacts import read, write
from tests.store.contracts.opening import SHOP

from tastemaker.core.errors import StorageError
from tastemaker.store.ports import Artefacts
from tastemaker.store.sqlite import SQLiteStore, artefacts


@pytest.fixture
def store(tmp_path: Path) -> Iterator[SQLiteStore]:
    with closing(SQLiteStore(tmp_path / "store")) as store:
        yield store


@pytest.fixture
def kept(store: SQLiteStore) -> Artefacts:
    return store.for_tenant(SHOP).artefacts


@pytest.fixture
def model(tmp_path: Path) -> Path:
    return write(tmp_path / "model", {"a": b"1", "b/c": b"2"})


def test_a_folder_that_changes_while_it_is_copied_is_not_kept(
    kept: Artefacts, model: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    whole_copy = artefacts._copy_files

    def disturbed(source: Path, target: Path) -> None:
        write(source, {"a": b"changed"})
        whole_copy(source, target)

    monkeypatch.setattr(artefacts, "_copy_files", disturbed)
    with pytest.raises(StorageError, match="changed while it was copied"):
        kept.put("model", model, {})
    assert kept.of_kind("model") == []
    assert not list((tmp_path / "store" / "shop" / "artefacts").iterdir())


def test_what_a_killed_copy_left_is_swept_up(store: SQLiteStore, kept: Artefacts, model: Path, tmp_path: Path) -> None:
    artefact = kept.put("model", model, {})
    folder = tmp_path / "store" / "shop" / "artefacts"
    write(folder / ".0123.tmp", {"half": b""})
    store.for_tenant(SHOP).close()
    assert read(store.for_tenant(SHOP).artefacts.open(artefact.artefact_id)) == {"a": b"1", "b/c": b"2"}
    assert [path.name for path in folder.iterdir()] == [artefact.artefact_id]


def test_a_folder_without_its_row_is_taken_up_by_the_next_put(kept: Artefacts, model: Path, tmp_path: Path) -> None:
    artefact = kept.put("model", model, {})
    elsewhere = tmp_path / "elsewhere"
    shutil.copytree(kept.open(artefact.artefact_id), elsewhere)
    kept.delete(artefact.artefact_id)
    shutil.copytree(elsewhere, tmp_path / "store" / "shop" / "artefacts" / artefact.artefact_id)
    with pytest.raises(StorageError, match="no such artefact"):
        kept.open(artefact.artefact_id)
    assert kept.put("model", model, {}).artefact_id == artefact.artefact_id


def test_files_are_read_once_and_again_after_a_change(
    kept: Artefacts, model: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    artefact = kept.put("model", model, {})
    folder = kept.open(artefact.artefact_id)
    calls: list[Path] = []
    whole_hash = artefacts.folder_hash

    def counted(folder: Path) -> str:
        calls.append(folder)
        return whole_hash(folder)

    monkeypatch.setattr(artefacts, "folder_hash", counted)
    kept.open(artefact.artefact_id)
    assert calls == []
    (folder / "a").write_bytes(b"longer")
    with pytest.raises(StorageError, match="damaged"):
        kept.open(artefact.artefact_id)
    assert calls == [folder]


def test_a_damaged_artefact_is_not_taken_into_a_back_up(
    store: SQLiteStore, kept: Artefacts, model: Path, tmp_path: Path
) -> None:
    artefact = kept.put("model", model, {})
    (kept.open(artefact.artefact_id) / "a").write_bytes(b"broken")
    with pytest.raises(StorageError, match="damaged"):
        store.backup(tmp_path / "copy")
    assert not (tmp_path / "copy").exists()
