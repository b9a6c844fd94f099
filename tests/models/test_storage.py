"""A model is a folder that answers by itself; a damaged one is refused in words, and a failed save loses nothing."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy import sparse
from tests.models.small import cases, fittable, small

from tastemaker.core.errors import ModelError, ModelFormatError, StorageError
from tastemaker.data import Dataset, global_time
from tastemaker.models import EASE, MODELS, Popularity, SequentialRules, load_model, make_model, storage
from tastemaker.models.base import DenseRecommender
from tastemaker.testing import small_shop

HISTORY = ["i003", "i006", "i001"]


@pytest.fixture(scope="module")
def shop() -> Dataset:
    return small_shop()


@pytest.fixture(scope="module")
def models(shop: Dataset) -> dict[str, DenseRecommender]:
    split = global_time(shop)
    return {name: small(name).fit(split.train, split.valid) for name in fittable()}


@pytest.fixture(scope="module")
def originals(models: dict[str, DenseRecommender], tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("originals")
    for name, model in models.items():
        model.save(folder / name)
    return folder


@pytest.fixture
def saved(originals: Path, tmp_path: Path) -> Path:
    """Every model in a folder of its name, to be damaged at will."""
    shutil.copytree(originals, tmp_path / "saved")
    return tmp_path / "saved"


def files(folder: Path) -> dict[str, bytes]:
    return {str(path.relative_to(folder)): path.read_bytes() for path in folder.rglob("*") if path.is_file()}


def change_config(folder: Path, **values: Any) -> None:
    config = json.loads((folder / "config.json").read_text())
    config.update(values)
    (folder / "config.json").write_text(json.dumps({key: value for key, value in config.items() if value is not ...}))


# -- what a folder holds ------------------------------------------------------------------------------------------


def test_every_model_answers_from_its_folder_in_a_program_that_has_no_data(
    models: dict[str, DenseRecommender], saved: Path
) -> None:
    program = (
        "import json, sys; from pathlib import Path; from tastemaker import load_model; found = {}\n"
        "for folder in sorted(Path(sys.argv[1]).iterdir()):\n"
        "    answer = load_model(folder).recommend(history=sys.argv[2:], k=8)\n"
        "    found[folder.name] = [answer.items(), answer.scores().tolist()]\n"
        "print(json.dumps(found))"
    )
    command = [sys.executable, "-c", program, str(saved), *HISTORY]
    result = subprocess.run(command, capture_output=True, text=True, check=True, cwd=saved)
    found = json.loads(result.stdout)
    assert set(found) == set(models)
    for name, model in models.items():
        expected = model.recommend(history=HISTORY, k=8)
        assert found[name][0] == expected.items(), name
        assert found[name][1] == pytest.approx(expected.scores().tolist(), rel=1e-5), name


@pytest.mark.parametrize("name", cases())
def test_a_loaded_model_is_the_model_that_was_saved(
    name: str, models: dict[str, DenseRecommender], saved: Path
) -> None:
    model, again = models[name], load_model(saved / name)
    assert type(again) is type(model)
    assert again.settings() == model.settings()
    assert again.settings_ == model.settings_
    assert again.settings_tried_ == model.settings_tried_
    assert again.item_ids.tolist() == model.item_ids.tolist()
    assert again.items_.epochs == model.items_.epochs
    seen, before = again.provenance_, model.provenance_
    assert seen.rows.tolist() == before.rows.tolist()
    assert (seen.dataset, seen.fingerprint, seen.users, seen.last_event, seen.others) == (
        before.dataset,
        before.fingerprint,
        before.users,
        before.last_event,
        before.others,
    )


@pytest.mark.parametrize("name", [name for name in MODELS if make_model(name).capabilities.incremental])
def test_a_loaded_model_learns_on_like_the_one_that_was_saved(name: str, shop: Dataset, tmp_path: Path) -> None:
    model = make_model(name).fit(shop)
    model.save(tmp_path / "model")
    again = load_model(tmp_path / "model")
    later = small_shop(users=5, items=40, seed=9)
    for one in (model, again):
        one.extend(interactions=later)
    first, second = model.recommend(history=HISTORY, k=9), again.recommend(history=HISTORY, k=9)
    assert first.items() == second.items()
    assert first.scores() == pytest.approx(second.scores())


def test_a_folder_holds_no_pickle_and_a_card_that_says_what_it_is(saved: Path) -> None:
    folder = saved / "sequential-rules"
    assert sorted(path.name for path in folder.iterdir()) == [
        "README.md",
        "config.json",
        "tensors.safetensors",
        "vocabulary.parquet",
    ]
    card = (folder / "README.md").read_text()
    assert card.startswith("# sequential-rules\n")
    assert "knows 33 items" in card
    chosen = load_model(folder).settings_
    assert f"- `window`: {chosen['window']}" in card


def test_a_composed_model_holds_the_folders_of_its_parts(saved: Path) -> None:
    names = {path.name for path in (saved / "fusion").iterdir() if path.is_dir()}
    assert names == {"sequential-rules", "item-knn", "ease", "content-knn", "recent-popularity"}
    assert isinstance(load_model(saved / "fusion" / "ease"), EASE)


def test_saving_over_an_older_model_replaces_it(saved: Path, models: dict[str, DenseRecommender]) -> None:
    models["popularity"].save(saved / "fusion")
    assert isinstance(load_model(saved / "fusion"), Popularity)
    assert not (saved / "fusion" / "ease").exists()


@given(st.integers(0, 8), st.integers(0, 8), st.floats(0, 1))
@settings(max_examples=20)
def test_sparse_matrices_come_back(rows: int, columns: int, density: float) -> None:
    matrix = sparse.random_array((rows, columns), density=density, format="csr", dtype=np.float32, rng=1)
    again = storage.unpack_sparse("m", storage.pack_sparse("m", matrix))
    assert again.shape == (rows, columns)
    assert (again.toarray() == matrix.toarray()).all()


# -- damaged folders ----------------------------------------------------------------------------------------------


def test_no_folder(tmp_path: Path) -> None:
    with pytest.raises(ModelFormatError, match=r"there is no such model folder .*Train a model first"):
        load_model(tmp_path / "nowhere")


@pytest.mark.parametrize("name", ["ease", "fusion"])
def test_no_configuration(saved: Path, name: str) -> None:
    (saved / name / "config.json").unlink()
    with pytest.raises(ModelFormatError, match=r"the model folder has no config.json") as caught:
        load_model(saved / name)
    assert "copy the whole folder" in str(caught.value)


def test_a_configuration_cut_in_half(saved: Path) -> None:
    path = saved / "ease" / "config.json"
    path.write_bytes(path.read_bytes()[: path.stat().st_size // 2])
    with pytest.raises(ModelFormatError, match=r"config.json is damaged") as caught:
        load_model(saved / "ease")
    assert caught.value.where == str(path)


@pytest.mark.parametrize("text", ["", "[]", "3", "null", "{}", '"x"', '{"format": 1, "files": [1]}', "\0\0\0", "\xff"])
def test_a_configuration_of_something_else(saved: Path, text: str) -> None:
    (saved / "ease" / "config.json").write_text(text, encoding="latin-1")
    with pytest.raises(ModelFormatError, match=r"config.json is damaged"):
        load_model(saved / "ease")


@pytest.mark.parametrize("key", ["model", "settings", "fitted", "vocabulary", "provenance"])
def test_a_configuration_that_lacks_a_part(saved: Path, key: str) -> None:
    change_config(saved / "ease", **{key: ...})
    with pytest.raises(ModelFormatError, match=f"config.json lacks {key}"):
        load_model(saved / "ease")


@pytest.mark.parametrize("changes", [{"fitted": {}}, {"settings": {"lambda": 3}}, {"provenance": {}}, {"settings": 3}])
def test_a_configuration_with_other_content(saved: Path, changes: dict[str, Any]) -> None:
    change_config(saved / "ease", **changes)
    with pytest.raises(ModelFormatError, match="the model folder is damaged"):
        load_model(saved / "ease")


@pytest.mark.parametrize("version", [0, 2, "1", None])
def test_another_format_version_is_named_with_ours(saved: Path, version: object) -> None:
    change_config(saved / "ease", format=version)
    with pytest.raises(
        ModelFormatError, match=f"format version {version}, and this Tastemaker reads version 1"
    ) as caught:
        load_model(saved / "ease")
    assert "Train it again with this version" in str(caught.value)


@pytest.mark.parametrize("file", ["tensors.safetensors", "vocabulary.parquet"])
def test_a_missing_file(saved: Path, file: str) -> None:
    (saved / "ease" / file).unlink()
    with pytest.raises(ModelFormatError, match=f"the model folder is incomplete: {file} is missing"):
        load_model(saved / "ease")


@pytest.mark.parametrize("file", ["tensors.safetensors", "vocabulary.parquet"])
def test_a_file_cut_in_half(saved: Path, file: str) -> None:
    path = saved / "ease" / file
    whole = path.read_bytes()
    path.write_bytes(whole[: len(whole) // 2])
    message = f"the model folder is incomplete: {file} has {len(whole) // 2} bytes instead of {len(whole)}"
    with pytest.raises(ModelFormatError, match=message):
        load_model(saved / "ease")


@pytest.mark.parametrize("file", ["tensors.safetensors", "vocabulary.parquet"])
@pytest.mark.parametrize("garbage", [bytes, np.random.default_rng(0).bytes], ids=["zeros", "noise"])
def test_a_file_of_the_right_length_and_no_sense(saved: Path, file: str, garbage: Callable[[int], bytes]) -> None:
    path = saved / "ease" / file
    path.write_bytes(garbage(path.stat().st_size))
    with pytest.raises(ModelFormatError, match="the model folder is damaged"):
        load_model(saved / "ease")


def test_a_part_that_is_cut_in_half_breaks_the_whole(saved: Path) -> None:
    path = saved / "fusion" / "ease" / "tensors.safetensors"
    path.write_bytes(path.read_bytes()[:100])
    with pytest.raises(
        ModelFormatError, match=r"the model folder is incomplete: tensors.safetensors has 100 bytes"
    ) as caught:
        load_model(saved / "fusion")
    assert caught.value.where == str(saved / "fusion" / "ease")


def test_a_missing_part_is_named(saved: Path) -> None:
    shutil.rmtree(saved / "fusion" / "ease")
    with pytest.raises(ModelFormatError, match=r"there is no such model folder .*ease"):
        load_model(saved / "fusion")


def test_bytes_that_changed_under_the_same_length_are_found_by_looking(saved: Path) -> None:
    assert storage.damaged_files(saved / "fusion") == []
    path = saved / "fusion" / "ease" / "tensors.safetensors"
    changed = bytearray(path.read_bytes())
    changed[-1] ^= 1
    path.write_bytes(changed)
    assert storage.damaged_files(saved / "fusion") == [os.path.join("ease", "tensors.safetensors")]


def test_the_folder_of_another_model_is_named(saved: Path) -> None:
    with pytest.raises(ModelFormatError, match=r"the folder holds 'popularity', not 'ease' .*load_model\(folder\)"):
        EASE.load(saved / "popularity")


def test_a_model_that_is_not_installed_is_named(saved: Path) -> None:
    change_config(saved / "ease", model="eas")
    with pytest.raises(ModelError, match=r"there is no model 'eas'. Did you mean 'ease'"):
        load_model(saved / "ease")


# -- saves that fail ----------------------------------------------------------------------------------------------


@pytest.mark.parametrize("name", ["ease", "fusion"])
@pytest.mark.parametrize("call", [1, 2])
@pytest.mark.parametrize(
    ("error", "expected"),
    [(OSError(28, "No space left on device"), StorageError), (KeyboardInterrupt(), KeyboardInterrupt)],
    ids=["full disk", "Ctrl-C"],
)
def test_a_full_disk_or_an_interrupt_leaves_the_old_model(
    saved: Path,
    monkeypatch: pytest.MonkeyPatch,
    name: str,
    call: int,
    error: BaseException,
    expected: type[BaseException],
) -> None:
    model = load_model(saved / name)
    before = files(saved)
    write_text, calls = Path.write_text, 0

    def failing(path: Path, *arguments: Any, **more: Any) -> int:
        nonlocal calls
        calls += 1
        if calls == call:
            raise error
        return write_text(path, *arguments, **more)

    monkeypatch.setattr(Path, "write_text", failing)
    with pytest.raises(expected):
        model.save(saved / name)
    assert calls == call
    assert files(saved) == before
    assert sorted(path.name for path in saved.iterdir()) == sorted(fittable())
    assert load_model(saved / name).recommend(history=HISTORY, k=3).items()


REFUSED = """
import resource, sys
from pathlib import Path
from tastemaker import load_model, write_folder
from tastemaker.core.errors import StorageError
from tastemaker.testing import small_shop

here, limit = Path(sys.argv[1]), int(sys.argv[2])
model, shop, failed = load_model(here / "ease"), small_shop(users=300), []
resource.setrlimit(resource.RLIMIT_FSIZE, (limit, limit))
for write in (lambda: model.save(here / "ease"), lambda: write_folder(shop, here / "data")):
    try:
        write()
    except StorageError as error:
        failed.append(error.message)
sys.stdout.write(" | ".join(failed))
"""


@pytest.mark.skipif(sys.platform == "win32", reason="limits are those of POSIX")
def test_a_write_that_the_system_refuses_is_a_storage_error(saved: Path) -> None:
    before = files(saved)
    command = [sys.executable, "-c", REFUSED, str(saved), "2000"]
    result = subprocess.run(command, capture_output=True, text=True, check=True)
    assert result.stdout.count("could not write: ") == 2
    assert result.stdout.count("File too large") == 2
    assert files(saved) == before
    assert sorted(path.name for path in saved.iterdir()) == sorted(fittable())


def test_a_folder_of_other_things_is_not_overwritten(tmp_path: Path, models: dict[str, DenseRecommender]) -> None:
    (tmp_path / "thesis.tex").write_text("mine")
    with pytest.raises(StorageError, match=r"holds other things .*no config.json"):
        models["popularity"].save(tmp_path)
    assert files(tmp_path) == {"thesis.tex": b"mine"}


# -- models that grow ---------------------------------------------------------------------------------------------


def test_scores_after_growing_are_not_those_that_were_kept_from_before() -> None:
    model = SequentialRules(window=2, gap_decay="1/d", reverse=0.0, age_decay="1/a").fit(small_shop())
    before = model.recommend(history=[], k=3).items()
    fans = small_shop(users=1)
    loved = next(item for item in fans.history("u000") if item not in before)
    for _ in range(60):
        model.extend(interactions=fans)
    ranked = model.recommend(history=[], k=12).items()
    assert loved in ranked
    assert set(ranked) == set(fans.history("u000"))


def test_a_growth_that_failed_did_not_happen(monkeypatch: pytest.MonkeyPatch) -> None:
    model = EASE().fit(small_shop())
    before = model.recommend(history=HISTORY, k=5)

    def fail(*_: object) -> None:
        raise MemoryError

    monkeypatch.setattr(EASE, "_grow", fail)
    with pytest.raises(MemoryError):
        model.extend(items=small_shop(items=60).catalogue)
    after = model.recommend(history=HISTORY, k=5)
    assert after.items() == before.items()
    assert len(model.item_ids) == 33
