"""An import that is killed at any moment goes on when it is started again, to the same bytes; so does a full disk."""

from __future__ import annotations

import gzip
import os
import random
import subprocess
import sys
import time
from pathlib import Path

import pytest

from tastemaker.core.errors import StorageError
from tastemaker.data.importing import Limits, Options, import_events
from tastemaker.data.importing.journal import Journal

from .conftest import content

LIMITS = Limits(block=20_000, line=1_000)
PROGRAM = """
import sys
from pathlib import Path
from tastemaker.data.importing import Limits, Options, import_events
paths, folder = [Path(p) for p in sys.argv[2:]], Path(sys.argv[1])
say = lambda text: print(text, flush=True)
say("ready")
import_events(paths, folder, options=Options(limits=Limits(20_000, 1_000)), notify=say)
"""


def write_log(path: Path, rows: int, seed: int) -> Path:
    """Write a log in which every now and then a row is bad or goes over two lines."""
    rng = random.Random(seed)
    lines = ["user_id,item_id,timestamp,event,note\n"]
    for number in range(rows):
        user, item = rng.randrange(200), rng.randrange(500)
        line = f"u{user},i{item},{1_700_000_000 + number},{rng.choice(['view', 'buy', 'odd'])},ü\n"
        lines.append({0: "broken\n", 1: f'u{user},"i\n{item}",{number},view,x\n'}.get(rng.randrange(100), line))
    data = "".join(lines).encode()
    path.write_bytes(gzip.compress(data, 1) if path.suffix == ".gz" else data)
    return path


@pytest.fixture
def logs(tmp_path: Path) -> list[Path]:
    return [write_log(tmp_path / "one.csv", 12_000, 1), write_log(tmp_path / "two.csv.gz", 6_000, 2)]


def start(folder: Path, logs: list[Path]) -> subprocess.Popen[str]:
    command = [sys.executable, "-c", PROGRAM, str(folder), *map(str, logs)]
    process = subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)
    assert process.stdout is not None
    assert process.stdout.readline() == "ready\n"
    return process


@pytest.mark.slow
def test_killed_at_any_moment_and_resumed_gives_the_same_bytes(tmp_path: Path, logs: list[Path]) -> None:
    whole = tmp_path / "whole" / "shop"
    process = start(whole, logs)
    began = time.perf_counter()
    assert process.wait() == 0, process.stderr
    process.communicate()
    length = time.perf_counter() - began
    rng = random.Random(os.environ.get("PYTEST_RANDOMLY_SEED", "7"))
    resumed = 0
    for round_number in range(4):
        shop = tmp_path / f"round-{round_number}" / "shop"
        for _ in range(30):
            process = start(shop, logs)
            time.sleep(rng.uniform(0, 0.9 * length))
            process.kill()
            said, _ = process.communicate()
            resumed += "cut off" in said
            assert not shop.exists() or content(shop) == content(whole)
            if process.returncode == 0:
                break
        import_events(logs, shop, options=Options(limits=LIMITS))
        assert content(shop) == content(whole)
        assert [path.name for path in shop.parent.iterdir()] == ["shop"]
    assert resumed


class Killed(BaseException):
    """Stands for the end of the process."""


@pytest.mark.parametrize("count", [1, 2, 7, 18, 25])
@pytest.mark.parametrize("moment", ["before", "after"])
def test_cut_off_after_each_block_goes_on_there(
    tmp_path: Path, logs: list[Path], monkeypatch: pytest.MonkeyPatch, count: int, moment: str
) -> None:
    whole, shop = tmp_path / "whole" / "shop", tmp_path / "cut" / "shop"
    options = Options(limits=LIMITS)
    import_events(logs, whole, options=options)
    commit, commits = Journal.commit, 0

    def dying(self: Journal, *given: object) -> None:
        nonlocal commits
        commits += 1
        if commits == count and moment == "before":
            raise Killed
        commit(self, *given)  # type: ignore[arg-type]
        if commits == count:
            raise Killed

    monkeypatch.setattr(Journal, "commit", dying)
    with pytest.raises(Killed):
        import_events(logs, shop, options=options)
    assert not shop.exists()
    monkeypatch.setattr(Journal, "commit", commit)
    notes: list[str] = []
    import_events(logs, shop, options=options, notify=notes.append)
    assert any("was cut off; it goes on" in note for note in notes)
    assert content(shop) == content(whole)


def test_a_file_that_changed_in_between_starts_anew(
    tmp_path: Path, logs: list[Path], monkeypatch: pytest.MonkeyPatch
) -> None:
    commit, options = Journal.commit, Options(limits=LIMITS)

    def dying(self: Journal, number: int, block: int, *given: object) -> None:
        if block == 5:
            raise Killed
        commit(self, number, block, *given)  # type: ignore[arg-type]

    monkeypatch.setattr(Journal, "commit", dying)
    with pytest.raises(Killed):
        import_events(logs, tmp_path / "shop", options=options)
    monkeypatch.setattr(Journal, "commit", commit)
    logs[0].write_text("user_id,item_id\nu,i\n", encoding="utf-8")
    notes: list[str] = []
    report = import_events(logs[:1], tmp_path / "shop", options=options, notify=notes.append)
    assert (report.kept, notes) == (1, [])


def test_two_imports_into_one_folder_do_not_meet(tmp_path: Path, logs: list[Path]) -> None:
    with (
        Journal.beside(tmp_path / "shop").locked(),
        pytest.raises(StorageError, match="another import into the same folder is under way"),
    ):
        import_events(logs, tmp_path / "shop")


@pytest.mark.parametrize("call", [1, 2])
def test_cut_off_while_the_new_folder_takes_its_place_loses_nothing(
    tmp_path: Path, logs: list[Path], monkeypatch: pytest.MonkeyPatch, call: int
) -> None:
    """The old folder moves aside, then the new one takes its name: the process may end before either."""
    shop, whole, options = tmp_path / "shop", tmp_path / "whole" / "shop", Options(limits=LIMITS)
    import_events(logs, whole, options=options)
    import_events(logs[:1], shop, options=options)
    replace, moves = os.replace, 0

    def dying(source: Path, to: Path) -> None:
        nonlocal moves
        if shop.resolve() in (Path(source), Path(to)):
            moves += 1
            if moves >= call:
                raise Killed
        replace(source, to)

    monkeypatch.setattr("tastemaker.data.importing.journal.os.replace", dying)
    with pytest.raises(Killed):
        import_events(logs, shop, options=options)
    monkeypatch.undo()
    assert shop.exists() == (call == 1)
    import_events(logs, shop, options=options)
    assert content(shop) == content(whole)
    assert not list(tmp_path.glob(".shop*"))


FULL = """
import resource, signal
signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
resource.setrlimit(resource.RLIMIT_FSIZE, (LIMIT, LIMIT))
"""
REPORTED = """
from tastemaker.core.errors import StorageError
try:
    exec(PROGRAM)
except StorageError as error:
    print("STORAGE", error, flush=True)
"""


@pytest.mark.skipif(sys.platform == "win32", reason="limits of file sizes are POSIX")
@pytest.mark.parametrize("limit", [500, 3_000, 60_000])
def test_a_full_disk_is_said_and_leaves_the_folder_as_it_was(tmp_path: Path, logs: list[Path], limit: int) -> None:
    """A limit on the size of files stands for a full disk: blocks hit the small ones, the data set the large."""
    shop = tmp_path / "shop"
    first = tmp_path / "first.csv"
    first.write_text("user_id,item_id\nu,i\n", encoding="utf-8")
    import_events([first], shop, options=Options(limits=LIMITS))
    before = content(shop)
    program = FULL.replace("LIMIT, LIMIT", f"{limit}, {limit}") + REPORTED.replace("PROGRAM", repr(PROGRAM))
    command = [sys.executable, "-c", program, str(shop), *map(str, logs)]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    assert "STORAGE could not write: " in done.stdout, done.stdout + done.stderr
    assert "run the same import again" in done.stdout or "untouched" in done.stdout
    assert content(shop) == before
    assert not [path for path in tmp_path.iterdir() if path.name.endswith(".tmp")]
    import_events(logs, shop, options=Options(limits=LIMITS))
    assert (shop / "interactions.parquet").read_bytes() != before["interactions.parquet"]
