"""The garbage collector rests while rows are read, and goes on as it was before."""

from __future__ import annotations

import gc

import pytest

from tastemaker.engine.cycles import no_search_for_cycles


def test_the_collector_rests_within_and_goes_on_after_even_an_error() -> None:
    def fail() -> None:
        with no_search_for_cycles():
            assert not gc.isenabled()
            raise KeyError

    with pytest.raises(KeyError):
        fail()
    assert gc.isenabled()


def test_one_that_was_off_stays_off() -> None:
    gc.disable()
    try:
        with no_search_for_cycles():
            pass
        assert not gc.isenabled()
    finally:
        gc.enable()
