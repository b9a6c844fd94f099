"""A run carries seed, threads and progress; randomness has a name and depends on nothing else."""

from __future__ import annotations

import contextlib

import numpy as np  # noqa: F401 (brings a BLAS)
import pytest
from threadpoolctl import threadpool_info

from tastemaker.core.errors import ConfigError
from tastemaker.core.run import Advance, Run


class Recorder:
    def __init__(self) -> None:
        self.said: list[tuple[str, object]] = []

    def start(self, description: str, total: int | None) -> Advance:
        self.said.append(("start", (description, total)))
        return lambda units: self.said.append(("advance", units))

    def describe(self, advance: Advance, description: str) -> None:
        """Nothing to show."""

    def finish(self, advance: Advance) -> None:
        self.said.append(("finish", None))


def draws(seed: int, purpose: str) -> list[int]:
    return [int(number) for number in Run(seed=seed).rng(purpose).integers(1 << 30, size=4)]


def test_the_same_seed_and_purpose_give_the_same_numbers() -> None:
    assert draws(3, "ties") == draws(3, "ties")


def test_purposes_and_seeds_have_streams_of_their_own() -> None:
    assert draws(3, "ties") != draws(3, "split")
    assert draws(3, "ties") != draws(4, "ties")


def test_drawing_for_one_purpose_does_not_disturb_another() -> None:
    run = Run(seed=1)
    run.rng("ties").random(100)
    assert [int(number) for number in run.rng("split").integers(1 << 30, size=4)] == draws(1, "split")


def test_a_seed_is_not_negative() -> None:
    with pytest.raises(ConfigError, match=r"the seed is -1, but must be a whole number of at least 0"):
        Run(seed=-1)


def test_progress_is_told_begin_steps_and_end() -> None:
    recorder = Recorder()
    with Run(progress=recorder).track("Counting", 3) as advance:
        advance(1)
        advance(2)
    assert recorder.said == [("start", ("Counting", 3)), ("advance", 1), ("advance", 2), ("finish", None)]


def test_progress_is_told_of_an_early_end_too() -> None:
    recorder = Recorder()
    with pytest.raises(KeyboardInterrupt), Run(progress=recorder).track("Counting"):
        raise KeyboardInterrupt
    assert recorder.said == [("start", ("Counting", None)), ("finish", None)]


def test_a_run_is_silent_unless_told_otherwise(capsys: pytest.CaptureFixture[str]) -> None:
    with Run().track("Counting", 1) as advance:
        advance(1)
    assert capsys.readouterr() == ("", "")


def threads() -> set[int]:
    return {library["num_threads"] for library in threadpool_info() if library["user_api"] == "blas"}


def test_a_run_takes_one_thread_unless_the_environment_says_more(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("TASTEMAKER_THREADS", raising=False)
    assert Run().threads == 1
    monkeypatch.setenv("TASTEMAKER_THREADS", "3")
    assert Run().threads == 3
    assert Run(threads=2).threads == 2


@pytest.mark.parametrize("said", ["two", "1.5"])
def test_an_environment_that_says_no_number_is_told_so(monkeypatch: pytest.MonkeyPatch, said: str) -> None:
    monkeypatch.setenv("TASTEMAKER_THREADS", said)
    with pytest.raises(ConfigError, match=f"TASTEMAKER_THREADS is '{said}', but must be a whole number"):
        Run()


@pytest.mark.parametrize("number", [0, -2])
def test_there_is_at_least_one_thread(number: int) -> None:
    with pytest.raises(ConfigError, match=f"there are to be {number} threads"):
        Run(threads=number)


@pytest.mark.parametrize("number", [1, 2])
def test_libraries_keep_to_the_threads_of_the_run_and_get_their_own_back(number: int) -> None:
    before = threads()
    with Run(threads=number).limited():
        assert threads() == {number}
    assert threads() == before


def test_libraries_get_their_threads_back_from_a_block_that_fails() -> None:
    before = threads()
    with contextlib.suppress(KeyboardInterrupt), Run(threads=2).limited():
        raise KeyboardInterrupt
    assert threads() == before
