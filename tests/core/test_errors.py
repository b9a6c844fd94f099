"""Errors say what was wrong, where, and what to do; each kind ends the program with its own exit code."""

from __future__ import annotations

import inspect

import pytest

from tastemaker.core import errors
from tastemaker.core.errors import AmbiguousItemError, DataError, LeakError, MissingExtraError, TastemakerError, nearest

KINDS = [kind for _, kind in inspect.getmembers(errors, inspect.isclass) if issubclass(kind, TastemakerError)]


def test_an_error_reads_as_what_where_and_what_to_do() -> None:
    error = TastemakerError("the file is empty", where="events.csv", remedy="Export it again.")
    assert str(error) == "the file is empty (events.csv). Export it again."
    assert (error.message, error.where, error.remedy) == ("the file is empty", "events.csv", "Export it again.")


def test_place_and_remedy_may_be_missing() -> None:
    assert str(TastemakerError("it broke")) == "it broke"
    assert str(TastemakerError("it broke", where="row 3")) == "it broke (row 3)"
    assert str(TastemakerError("it broke", remedy="Mend it.")) == "it broke. Mend it."


def test_kinds_that_a_script_tells_apart_have_exit_codes_of_their_own() -> None:
    roots = [kind for kind in KINDS if TastemakerError in kind.__bases__ and "exit_code" in vars(kind)]
    codes = [kind.exit_code for kind in roots]
    assert len(set(codes)) == len(codes)
    # 0 is success, 1 any failure, 2 what the command line parser uses.
    assert min(codes) > 2


def test_a_special_kind_has_the_exit_code_of_its_general_kind() -> None:
    assert LeakError("seen").exit_code == DataError.exit_code
    assert issubclass(LeakError, DataError)


def test_an_ambiguous_title_brings_its_candidates() -> None:
    error = AmbiguousItemError("two fit", candidates=[("1", "Heat"), ("2", "Heat")])
    assert error.candidates == [("1", "Heat"), ("2", "Heat")]


def test_a_missing_extra_says_how_to_install_it() -> None:
    error = MissingExtraError("the server", "serve")
    assert "pip install 'tastemaker[serve]'" in str(error)
    assert error.extra == "serve"


@pytest.mark.parametrize(
    ("word", "known", "said"),
    [
        ("colums", ["columns", "ignore"], "Did you mean 'columns'?"),
        ("qqq", ["columns", "ignore"], "Known: columns, ignore"),
        ("qqq", [], "Known: none"),
    ],
)
def test_the_nearest_known_name_is_offered(word: str, known: list[str], said: str) -> None:
    assert nearest(word, known) == said


def test_names_may_come_from_any_iterable() -> None:
    assert nearest("evnt", (name for name in ("event", "weight"))) == "Did you mean 'event'?"
