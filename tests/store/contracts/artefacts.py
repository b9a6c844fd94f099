"""What every store of artefacts keeps."""

from __future__ import annotations

import hashlib
import math
from pathlib import Path

import pytest
from tests.store.contracts.opening import Contract, Reopen, SetClock

from tastemaker.core.errors import DataError, StorageError
from tastemaker.store.ports import Artefacts, TenantStore

FILES = {"config.json": b"{}", "deep/er/weights": bytes(range(256)), ".hidden": b"", "ü": b"x"}


def write(folder: Path, files: dict[str, bytes]) -> Path:
    for name, content in files.items():
        (folder / name).parent.mkdir(parents=True, exist_ok=True)
        (folder / name).write_bytes(content)
    return folder


def read(folder: Path) -> dict[str, bytes]:
    return {path.relative_to(folder).as_posix(): path.read_bytes() for path in folder.rglob("*") if path.is_file()}


class ArtefactsContract(Contract):
    @pytest.fixture
    def artefacts(self, tenant: TenantStore) -> Artefacts:
        return tenant.artefacts

    @pytest.fixture
    def model(self, tmp_path: Path) -> Path:
        return write(tmp_path / "model", FILES)

    def another(self, tmp_path: Path, content: bytes) -> Path:
        return write(tmp_path / f"model {content!r}", {"weights": content})

    def test_a_folder_comes_back_as_it_was_put(self, artefacts: Artefacts, model: Path, reopen: Reopen) -> None:
        artefact = artefacts.put("model", model, {"ndcg": 0.1})
        assert read(artefacts.open(artefact.artefact_id)) == FILES
        assert read(reopen().artefacts.open(artefact.artefact_id)) == FILES

    def test_it_is_named_by_the_names_and_contents_of_its_files(self, artefacts: Artefacts, model: Path) -> None:
        whole = hashlib.sha256()
        for name in sorted(FILES):
            whole.update(name.encode() + b"\0" + hashlib.sha256(FILES[name]).digest())
        assert artefacts.put("model", model, {}).artefact_id == whole.hexdigest()

    def test_it_says_what_it_is_since_when_and_what_is_known_of_it(
        self, artefacts: Artefacts, model: Path, clock: SetClock
    ) -> None:
        artefact = artefacts.put("model", model, {"ndcg": 0.1, "seen": ["a"]})
        assert (artefact.kind, artefact.created, artefact.facts) == (
            "model",
            clock.microseconds,
            {"ndcg": 0.1, "seen": ["a"]},
        )
        assert artefacts.of_kind("model") == [artefact]
        assert artefacts.of_kind("index") == []

    def test_the_copy_does_not_follow_the_folder(self, artefacts: Artefacts, model: Path) -> None:
        artefact = artefacts.put("model", model, {})
        write(model, {"config.json": b"other"})
        assert read(artefacts.open(artefact.artefact_id)) == FILES

    def test_the_same_content_again_is_the_same_artefact(
        self, artefacts: Artefacts, model: Path, tmp_path: Path, clock: SetClock
    ) -> None:
        first = artefacts.put("model", model, {"try": 1})
        clock.advance(60)
        assert artefacts.put("other", write(tmp_path / "again", FILES), {"try": 2}) == first
        assert artefacts.of_kind("model") == [first]

    def test_other_names_or_contents_are_other_artefacts(self, artefacts: Artefacts, tmp_path: Path) -> None:
        found = {
            artefacts.put("model", write(tmp_path / str(number), files), {}).artefact_id
            for number, files in enumerate([{"a": b"b"}, {"a": b"c"}, {"ab": b""}, {"a/b": b""}, {"a": b"", "b": b""}])
        }
        assert len(found) == 5

    def test_a_folder_without_files_is_refused(self, artefacts: Artefacts, tmp_path: Path) -> None:
        (tmp_path / "empty" / "inner").mkdir(parents=True)
        for folder in (tmp_path / "empty", tmp_path / "not there"):
            with pytest.raises(DataError, match="no files"):
                artefacts.put("model", folder, {})

    def test_facts_that_json_cannot_hold_are_refused(self, artefacts: Artefacts, model: Path) -> None:
        with pytest.raises(DataError, match=r"facts\.ndcg"):
            artefacts.put("model", model, {"ndcg": math.nan})
        assert artefacts.of_kind("model") == []

    def test_what_is_not_there_cannot_be_opened(self, artefacts: Artefacts, model: Path) -> None:
        for name in ("0" * 64, "../model", ""):
            with pytest.raises(StorageError, match="no such artefact"):
                artefacts.open(name)

    def test_damage_is_found(self, artefacts: Artefacts, model: Path) -> None:
        artefact = artefacts.put("model", model, {})
        folder = artefacts.open(artefact.artefact_id)
        write(folder, {"config.json": b"[]"})
        with pytest.raises(StorageError, match="damaged"):
            artefacts.open(artefact.artefact_id)

    @pytest.mark.parametrize("harm", ["missing", "more"])
    def test_a_file_too_few_or_too_many_is_damage(self, artefacts: Artefacts, model: Path, harm: str) -> None:
        artefact = artefacts.put("model", model, {})
        folder = artefacts.open(artefact.artefact_id)
        if harm == "missing":
            (folder / ".hidden").unlink()
        else:
            write(folder, {"more": b""})
        with pytest.raises(StorageError, match="damaged"):
            artefacts.open(artefact.artefact_id)

    def test_what_was_damaged_is_healed_by_putting_it_again(self, artefacts: Artefacts, model: Path) -> None:
        artefact = artefacts.put("model", model, {})
        write(artefacts.open(artefact.artefact_id), {"config.json": b"[]"})
        artefacts.put("model", model, {})
        assert read(artefacts.open(artefact.artefact_id)) == FILES

    def test_artefacts_of_a_kind_come_oldest_first(self, artefacts: Artefacts, tmp_path: Path) -> None:
        put = [artefacts.put("model", self.another(tmp_path, content), {}) for content in (b"c", b"a", b"b")]
        assert artefacts.of_kind("model") == put

    def test_a_name_means_what_it_was_last_pointed_at(
        self, artefacts: Artefacts, tmp_path: Path, clock: SetClock, reopen: Reopen
    ) -> None:
        first, second = (artefacts.put("model", self.another(tmp_path, content), {}) for content in (b"1", b"2"))
        assert (artefacts.pointed("live"), artefacts.history("live")) == (None, [])
        began = clock.microseconds
        artefacts.point("live", first.artefact_id)
        later = clock.advance(60)
        artefacts.point("live", second.artefact_id, "better by 3 %")
        artefacts.point("shadow", first.artefact_id)
        for again in (False, True):
            found = reopen().artefacts if again else artefacts
            assert (found.pointed("live"), found.pointed("shadow")) == (second, first)
            assert found.history("live") == [
                (began, first.artefact_id, ""),
                (later, second.artefact_id, "better by 3 %"),
            ]

    def test_a_name_cannot_mean_what_is_not_there(self, artefacts: Artefacts) -> None:
        with pytest.raises(StorageError, match="no such artefact"):
            artefacts.point("live", "0" * 64)
        assert artefacts.history("live") == []

    def test_what_a_name_means_cannot_be_forgotten(self, artefacts: Artefacts, tmp_path: Path) -> None:
        first, second = (artefacts.put("model", self.another(tmp_path, content), {}) for content in (b"1", b"2"))
        artefacts.point("live", first.artefact_id)
        with pytest.raises(StorageError, match="in use under the name 'live'"):
            artefacts.delete(first.artefact_id)
        assert read(artefacts.open(first.artefact_id)) == {"weights": b"1"}
        artefacts.point("live", second.artefact_id)
        artefacts.delete(first.artefact_id)
        assert artefacts.of_kind("model") == [second]

    def test_what_is_forgotten_is_gone(self, artefacts: Artefacts, model: Path, tenant: TenantStore) -> None:
        artefact = artefacts.put("model", model, {"trained by": "ann"})
        folder = artefacts.open(artefact.artefact_id)
        assert tenant.holds("ann") == ["artefacts.facts"]
        artefacts.delete(artefact.artefact_id)
        artefacts.delete(artefact.artefact_id)
        assert (artefacts.of_kind("model"), folder.exists(), tenant.holds("ann")) == ([], False, [])
        with pytest.raises(StorageError, match="no such artefact"):
            artefacts.open(artefact.artefact_id)
