"""Bad input: one clear message, the documented exit code, and nothing lost."""

from __future__ import annotations

import errno
import json
import os
import shutil
import signal
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from tastemaker.models import load_model

Run = Callable[..., Any]


def contents(folder: Path) -> dict[str, bytes]:
    """Every file below a folder with its bytes."""
    return {str(path.relative_to(folder)): path.read_bytes() for path in folder.rglob("*") if path.is_file()}


def leftovers(folder: Path) -> list[str]:
    return [path.name for path in folder.rglob("*") if ".tmp" in path.name]


# -- data ----------------------------------------------------------------------------------------------------------


@pytest.fixture
def log(shop: Path) -> Callable[[str, bytes], Path]:
    """Make the folder ./log with one file."""

    def write(name: str, content: bytes) -> Path:
        (shop / "log").mkdir()
        (shop / "log" / name).write_bytes(content)
        return shop / "log" / name

    return write


def test_a_missing_folder(run: Run) -> None:
    done = run("train", "--source", "./absent")
    assert done.code == 4
    assert done.err == "error: there is no such folder (absent)\n  Check the path given as --data.\n"


def test_a_missing_data_folder_of_a_named_source(run: Run) -> None:
    done = run("compare", "--source", "amazon-beauty", "--data", "absent")
    assert done.code == 4
    assert "there is no such folder (absent)" in done.err


def test_a_named_source_that_has_to_be_put_in_place(run: Run) -> None:
    done = run("data", "get", "amazon-beauty")
    assert done.code == 5
    assert "'amazon-beauty' has to be put in place by hand" in done.err
    assert "--data DIR" in done.err


def test_an_unknown_source(run: Run) -> None:
    done = run("data", "show", "movilens-100k", "--json")
    assert (done.code, done.out) == (4, "")
    assert done.error["message"] == "there is no data source 'movilens-100k', and no folder of that name"
    assert done.error["remedy"] == "Did you mean 'movielens-100k'?"


def test_data_of_ones_own_in_the_place_of_a_named_source(run: Run) -> None:
    done = run("train", "--source", "movielens-100k", "--data", "shop")
    assert done.code == 4
    assert "movielens-100k is not in this folder (shop)" in done.err
    assert "it is the source itself: --source shop" in done.err


def test_an_empty_folder(run: Run) -> None:
    Path("log").mkdir()
    done = run("train", "--source", "./log")
    assert done.code == 4
    assert "the folder has no interactions.parquet (nor .csv, .csv.gz) (log holds nothing)" in done.err


def test_an_empty_file(run: Run, log: Callable[[str, bytes], Path]) -> None:
    log("interactions.csv", b"")
    done = run("train", "--source", "./log")
    assert done.code == 4
    assert done.err.startswith("error: the file is empty (log/interactions.csv)")


def test_a_header_without_rows(run: Run, log: Callable[[str, bytes], Path]) -> None:
    log("interactions.csv", b"user_id,item_id\n")
    done = run("train", "--source", "./log")
    assert done.code == 4
    assert "interactions are empty" in done.err


@pytest.mark.parametrize("name", ["interactions.csv", "interactions.parquet", "interactions.csv.gz"])
def test_a_binary_file(run: Run, log: Callable[[str, bytes], Path], name: str) -> None:
    log(name, bytes(range(256)) * 40)
    done = run("train", "--source", "./log")
    assert done.code == 4
    assert f"log/{name}" in done.err


def test_a_half_written_file(run: Run, shop: Path, log: Callable[[str, bytes], Path]) -> None:
    whole = (shop / "shop" / "interactions.parquet").read_bytes()
    log("interactions.parquet", whole[: len(whole) // 2])
    done = run("train", "--source", "./log")
    assert done.code == 4
    assert "cannot read the file as Parquet; it is damaged, cut off, or something else" in done.err
    assert "Export it again" in done.err


@pytest.mark.parametrize(("missing", "header"), [("user_id", "who_knows,item_id"), ("item_id", "user_id,thing")])
def test_no_user_or_item_column(run: Run, log: Callable[[str, bytes], Path], missing: str, header: str) -> None:
    log("interactions.csv", f"{header}\n1,2\n".encode())
    done = run("train", "--source", "./log")
    assert done.code == 4
    assert f"no column '{missing}', and none that looks like it" in done.err
    assert f"columns: {header.replace(',', ', ')}" in done.err
    assert f'[interactions] columns = {{{missing} = "..."}}' in done.err


def test_no_times_for_a_split_by_time(run: Run, log: Callable[[str, bytes], Path]) -> None:
    log("interactions.csv", b"user_id,item_id\n" + b"".join(b"u%d,i%d\n" % (n % 5, n) for n in range(50)))
    done = run("compare", "--source", "./log")
    assert done.code == 4
    assert "a split by time needs times, and these events have none" in done.err
    assert "--protocol leave-one-out" in done.err


@pytest.mark.parametrize(
    ("rows", "protocol", "message"),
    [
        ([("u", f"i{n}", n) for n in range(30)], "user-k-fold", "needs at least 5 users, and here is 1"),
        ([("u", f"i{n}", n) for n in range(30)], "cold-user", "cold-user needs at least 3 users, and here is 1"),
        ([(f"u{n}", "i", n) for n in range(30)], "global-time", "there is one item only"),
        ([(f"u{n}", f"i{n}", n) for n in range(30)], "leave-one-out", "the validation part of leave-one-out is empty"),
        ([(f"u{n % 9}", f"i{n % 2}", 5) for n in range(30)], "global-time", "part of global-time is empty"),
        ([("u", "i", 1)], "leave-one-out", "the validation part of leave-one-out is empty"),
    ],
    ids=["one user, folds", "one user, cold", "one item", "one event each", "one time", "one event"],
)
def test_too_little_to_compare_on(
    run: Run, log: Callable[[str, bytes], Path], rows: list[tuple[str, str, int]], protocol: str, message: str
) -> None:
    lines = "".join(f"{user},{item},{1_700_000_000 + 86_400 * day}\n" for user, item, day in rows)
    log("interactions.csv", f"user_id,item_id,timestamp\n{lines}".encode())
    done = run("compare", "--source", "./log", "--protocol", protocol, "--models", "popularity")
    assert done.code == 4
    assert message in done.err


def test_one_user_is_enough_where_a_protocol_cuts_within_users(run: Run, log: Callable[[str, bytes], Path]) -> None:
    lines = "".join(f"u,i{n % 20},{1_700_000_000 + n}\n" for n in range(20))
    log("interactions.csv", f"user_id,item_id,timestamp\n{lines}".encode())
    done = run("compare", "--source", "./log", "--protocol", "leave-one-out", "--models", "popularity", "--json")
    assert done.code == 0, done.err
    assert done.json["counts"]["users"] == 1


def test_answers_that_training_never_met_are_counted_as_missed(run: Run, log: Callable[[str, bytes], Path]) -> None:
    """People and items of the test have nothing in common with those of the training part."""
    rows = [(f"u{n % 9}", f"i{n % 7}", n) for n in range(80)] + [(f"v{n % 9}", f"j{n % 7}", 100 + n) for n in range(20)]
    lines = "".join(f"{user},{item},{1_700_000_000 + 86_400 * day}\n" for user, item, day in rows)
    log("interactions.csv", f"user_id,item_id,timestamp\n{lines}".encode())
    done = run("compare", "--source", "./log", "--models", "popularity", "-k", "5", "--json")
    assert done.code == 0, done.err
    counts = done.json["counts"]
    assert counts["cold_targets"] == counts["targets"] > 0
    assert [row["metrics"]["hr@5"]["value"] for row in done.json["rows"] if row["model"] == "popularity"] == [0.0]


def test_an_unknown_protocol(run: Run) -> None:
    done = run("compare", "--protocol", "leave-one-in")
    assert done.code == 4
    assert "there is no protocol 'leave-one-in'" in done.err
    assert "Did you mean 'leave-one-out'?" in done.err


def test_writing_data_over_something_else(run: Run, shop: Path) -> None:
    (shop / "photos").mkdir()
    (shop / "photos" / "cat.jpg").write_bytes(b"meow")
    done = run("data", "get", "./shop", "--to", "photos")
    assert done.code == 10
    assert "this is no folder that may be replaced: it has no interactions.parquet (photos)" in done.err
    assert contents(shop / "photos") == {"cat.jpg": b"meow"}


# -- downloads -----------------------------------------------------------------------------------------------------


def test_no_network_and_no_cache(run: Run, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("TASTEMAKER_OFFLINE", "1")
    done = run("data", "get", "movielens-100k")
    assert done.code == 5
    assert "movielens-100k is not in the cache, and the network may not be used" in done.err
    assert "By hand: get https://" in done.err


def test_a_wrong_checksum(run: Run, shop: Path) -> None:
    (shop / "ml-100k").mkdir()
    (shop / "ml-100k" / "u.data").write_bytes(b"0" * 1_979_173)
    done = run("data", "get", "movielens-100k", "--data", "ml-100k")
    assert done.code == 5
    assert "wrong checksum: sha256 is" in done.err
    assert "ml-100k/u.data" in done.err
    assert "leave the folder out to fetch movielens-100k anew" in done.err


def test_a_cut_off_file_of_a_named_source(run: Run, shop: Path) -> None:
    (shop / "ml-100k").mkdir()
    (shop / "ml-100k" / "u.data").write_bytes(b"196\t242\t3\t881250949\n")
    done = run("data", "get", "movielens-100k", "--data", "ml-100k", "--json")
    assert done.code == 5
    assert done.error["type"] == "ChecksumError"
    assert done.error["message"] == "the file has 20 bytes, not 1,979,173"


# -- models --------------------------------------------------------------------------------------------------------


def test_no_model_yet(run: Run, shop: Path) -> None:
    shutil.rmtree(shop / "model")
    done = run("recommend", "--user", "42")
    assert done.code == 6
    assert done.err == "error: there is no such model folder (model)\n  Train a model first.\n"


def test_an_unknown_model(run: Run) -> None:
    done = run("train", "--model", "sequental-rules")
    assert done.code == 6
    assert "there is no model 'sequental-rules'" in done.err
    assert "Did you mean 'sequential-rules'?" in done.err


def test_an_unknown_model_of_a_comparison(run: Run) -> None:
    done = run("compare", "--models", "ladder,eese")
    assert done.code == 6
    assert "Did you mean 'ease'?" in done.err


def test_a_model_folder_cut_in_half(run: Run, shop: Path) -> None:
    tensors = shop / "model" / "tensors.safetensors"
    tensors.write_bytes(tensors.read_bytes()[:100])
    done = run("recommend", "--user", "42")
    assert done.code == 6
    assert "the model folder is incomplete: tensors.safetensors has 100 bytes instead of" in done.err
    assert "Train the model again, or copy the whole folder." in done.err


def test_a_model_folder_without_a_file(run: Run, shop: Path) -> None:
    (shop / "model" / "vocabulary.parquet").unlink()
    done = run("similar", "Heat")
    assert done.code == 6
    assert "the model folder is incomplete: vocabulary.parquet is missing (model)" in done.err


def test_a_model_folder_of_another_format(run: Run, shop: Path) -> None:
    path = shop / "model" / "config.json"
    path.write_text(json.dumps({**json.loads(path.read_text()), "format": 99}))
    done = run("explain", "Heat", "--user", "42", "--json")
    assert done.code == 6
    assert done.error["message"] == "the model has format version 99, and this Tastemaker reads version 1"
    assert done.error["where"] == "model"


def test_a_configuration_of_a_model_that_is_half_written(run: Run, shop: Path) -> None:
    path = shop / "model" / "config.json"
    path.write_text(path.read_text()[:50])
    done = run("recommend", "--user", "42")
    assert done.code == 6
    assert "config.json is damaged" in done.err


def test_training_over_something_else(run: Run, shop: Path) -> None:
    done = run("train", "--out", ".")
    assert done.code == 10
    assert "this is no folder that may be replaced: it has no config.json (.)" in done.err
    assert (shop / "shop" / "interactions.parquet").exists()


# -- requests ------------------------------------------------------------------------------------------------------


def test_a_title_that_matches_nothing(run: Run) -> None:
    done = run("recommend", "--history", "Toy Stori")
    assert done.code == 7
    assert done.err == "error: no title fits 'Toy Stori'\n  Nearest: 'Toy Story'.\n"


def test_a_title_that_matches_five_items(run: Run) -> None:
    done = run("recommend", "--history", "Star")
    assert done.code == 7
    assert "'Star' fits 5 titles: " in done.err
    assert "Star Wars" in done.err
    assert all(f"[f{number}]" in done.err for number in range(3, 8))
    assert "Give the full title or the id in brackets." in done.err


def test_a_title_that_matches_five_items_as_json(run: Run) -> None:
    done = run("similar", "Star", "--json")
    assert (done.code, done.out) == (7, "")
    assert done.error["type"] == "AmbiguousItemError"
    assert {"item_id": "f3", "title": "Star Wars"} in done.error["candidates"]
    assert len(done.error["candidates"]) == 5


def test_an_unknown_user(run: Run) -> None:
    done = run("recommend", "--user", "4242")
    assert done.code == 7
    assert "there is no user '4242' in shop" in done.err
    assert "a newcomer can give a history instead" in done.err


@pytest.mark.parametrize("command", [("recommend", "--user", "42"), ("similar", "Heat")])
def test_k_of_zero(run: Run, command: tuple[str, ...]) -> None:
    done = run(*command, "--k", "0")
    assert done.code == 7
    assert "k is 0, but must be a whole number of at least 1" in done.err


def test_k_of_zero_in_a_comparison(run: Run) -> None:
    done = run("compare", "--k", "0")
    assert done.code == 3
    assert "'evaluate.k' is 0, but should be greater than or equal to 1 (command line)" in done.err


def test_k_of_a_million_gives_what_there_is(run: Run) -> None:
    done = run("recommend", "--user", "42", "--k", "1000000", "--json")
    assert done.code == 0
    assert len(done.json["items"]) == 12
    note = json.loads(done.err.splitlines()[-1])["note"]
    assert note == "1,000,000 were asked for; there are 12 to recommend."


# -- surroundings --------------------------------------------------------------------------------------------------


@pytest.mark.needs_extra("serve")
def test_a_port_in_use(run: Run, taken_port: int) -> None:
    done = run("serve", "--port", str(taken_port))
    assert done.code == 9
    assert f"error: port {taken_port} is in use (127.0.0.1:{taken_port})" in done.err
    assert "--port" in done.err


def test_doctor_finds_a_port_in_use(run: Run, taken_port: int) -> None:
    with Path("tastemaker.toml").open("a") as file:
        file.write(f"\n[serve]\nport = {taken_port}\n")
    done = run("doctor", "--json")
    assert done.code == 9
    wrong = [check for check in done.json["checks"] if check["state"] == "wrong"]
    assert [check["name"] for check in wrong] == ["port"]


def test_doctor_finds_a_damaged_model(run: Run, shop: Path) -> None:
    tensors = shop / "model" / "tensors.safetensors"
    whole = tensors.read_bytes()
    tensors.write_bytes(whole[:-1] + bytes([whole[-1] ^ 1]))
    done = run("doctor")
    assert done.code == 6
    assert "files are not as they were written: tensors.safetensors" in done.out


def test_doctor_finds_a_typo(run: Run) -> None:
    Path("tastemaker.toml").write_text("[data]\nsuorce = 'x'\n", encoding="utf-8")
    done = run("doctor", "--json")
    assert done.code == done.json["exit_code"] == 3
    assert done.json["ok"] is False


def test_doctor_finds_data_missing(run: Run, shop: Path) -> None:
    shutil.rmtree(shop / "shop")
    done = run("doctor")
    assert done.code == 4
    assert "there is no data source" in done.out


def test_a_host_that_is_none(run: Run) -> None:
    with Path("tastemaker.toml").open("a") as file:
        file.write("\n[serve]\nhost = '256.256.256.256'\n")
    assert run("doctor").code == 9


def test_the_extra_of_the_server_is_missing(run: Run, monkeypatch: pytest.MonkeyPatch) -> None:
    for name in [name for name in sys.modules if name.startswith("tastemaker.server")]:
        monkeypatch.delitem(sys.modules, name)
    monkeypatch.setitem(sys.modules, "fastapi", None)
    done = run("serve")
    assert done.code == 8
    assert "needs the extra 'serve', which is not installed" in done.err
    assert "pip install 'tastemaker[serve]'" in done.err


# -- interrupts and full disks -------------------------------------------------------------------------------------


def interrupted(*_: Any, **__: Any) -> Any:
    raise KeyboardInterrupt


def test_ctrl_c_while_a_model_is_fitted(run: Run, shop: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    before = contents(shop / "model")
    monkeypatch.setattr("tastemaker.models.refit.refit", interrupted)
    done = run("train")
    assert done.code == 130
    assert done.err == "error: interrupted\n  Nothing was half-written; what stood there before is untouched.\n"
    assert contents(shop / "model") == before
    assert not leftovers(shop)


def test_ctrl_c_while_a_model_is_written(run: Run, shop: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    before = contents(shop / "model")

    def begin(folder: Path, stored: Any) -> None:
        (folder / "tensors.safetensors").write_bytes(b"half")
        raise KeyboardInterrupt

    monkeypatch.setattr("tastemaker.models.storage.write", begin)
    done = run("train", "--json")
    assert (done.code, done.out) == (130, "")
    assert done.error["type"] == "Interrupted"
    assert contents(shop / "model") == before
    assert not leftovers(shop)


SIGNALLED = """
import os, signal, time
from tastemaker.cli import main
from tastemaker.models import storage

def write(folder, stored):
    (folder / "tensors.safetensors").write_bytes(b"half")
    os.kill(os.getpid(), signal.SIGINT)
    time.sleep(60)

storage.write = write
main()
"""

NO_SPACE = """
import resource
from tastemaker.cli import main

resource.setrlimit(resource.RLIMIT_FSIZE, (2000, 2000))
main()
"""


def outside(program: str, *words: str) -> subprocess.CompletedProcess[str]:
    """Run a command line in a process of its own."""
    command = [sys.executable, "-c", program, *words]
    return subprocess.run(command, capture_output=True, text=True, check=False, timeout=60)


def test_a_real_ctrl_c(shop: Path) -> None:
    before = contents(shop / "model")
    done = outside(SIGNALLED, "train")
    assert done.returncode == 128 + signal.SIGINT == 130
    assert done.stderr.startswith("error: interrupted\n")
    assert contents(shop / "model") == before
    assert not leftovers(shop)


@pytest.mark.skipif(os.name == "nt", reason="limits of a process are POSIX")
def test_a_file_that_cannot_grow(shop: Path) -> None:
    before = contents(shop / "model")
    done = outside(NO_SPACE, "train")
    assert done.returncode == 10
    assert "File too large" in done.stderr
    assert contents(shop / "model") == before
    assert not leftovers(shop)


@pytest.mark.parametrize(
    "command",
    [
        ("train",),
        ("data", "get", "./shop", "--to", "copy"),
        ("compare", "--models", "popularity", "--report", "page.html"),
        ("init", "--force"),
    ],
)
def test_a_full_disk(run: Run, shop: Path, monkeypatch: pytest.MonkeyPatch, command: tuple[str, ...]) -> None:
    before = contents(shop)

    def full(path: Path) -> None:
        raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC), str(path))

    monkeypatch.setattr("tastemaker.core.files._sync", full)
    done = run(*command)
    assert done.code == 10
    assert "error: could not write: No space left on device (" in done.err
    assert "Free some space or choose another folder; what stood there before is untouched." in done.err
    assert contents(shop) == before


def test_the_old_model_still_answers_after_a_full_disk(run: Run, shop: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    with monkeypatch.context() as patch:
        patch.setattr("tastemaker.core.files._sync", interrupted)
        assert run("train").code == 130
    assert load_model(shop / "model").recommend(history=["f1"], k=1).items()


# -- faults of ours ------------------------------------------------------------------------------------------------


def broken(*_: Any, **__: Any) -> Any:
    raise ValueError("shapes (3,) and\n(4,) differ")


def test_a_fault_of_ours_is_one_line_and_how_to_see_more(run: Run, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("tastemaker.data.load_dataset", broken)
    done = run("train")
    assert done.code == 1
    first, second = done.err.splitlines()
    assert first == "error: unexpected ValueError: shapes (3,) and (4,) differ"
    assert "TASTEMAKER_TRACEBACK=1" in second


def test_the_traceback_is_there_for_who_asks(shop: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("TASTEMAKER_TRACEBACK", "1")
    done = outside("from tastemaker.cli import main; main()", "train", "--model", "absent")
    assert done.returncode == 1
    assert "Traceback (most recent call last)" in done.stderr
    assert "ModelError: there is no model 'absent'" in done.stderr


def test_a_reader_that_goes_away_is_no_fault(shop: Path) -> None:
    command = f"{sys.executable} -m tastemaker data list --json | true"
    done = subprocess.run(command, shell=True, capture_output=True, text=True, check=False)
    assert done.stderr == ""
