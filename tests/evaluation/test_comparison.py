"""A comparison that was written is read again as it was, and a damaged one is refused with file and place."""

from __future__ import annotations

import copy
import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from tastemaker.core.errors import DataError
from tastemaker.evaluation import Comparison, read_comparison
from tastemaker.evaluation.beside import differences, warnings
from tastemaker.evaluation.html import html_report
from tastemaker.evaluation.pages.runs import runs_report
from tastemaker.evaluation.probes import Finding


@pytest.fixture(scope="module")
def document(rich: Comparison) -> dict[str, Any]:
    return dict(json.loads(json.dumps(rich.to_json(), allow_nan=False)))


def test_reading_gives_back_what_was_written(rich: Comparison, document: dict[str, Any]) -> None:
    again = Comparison.from_json(document)
    assert again.to_json() == document
    assert html_report(again) == html_report(rich)
    assert again.rows[1].spread == rich.rows[1].spread
    assert again.detectable == rich.detectable
    assert again.notes() == rich.notes()


def test_reading_a_file_names_it(tmp_path: Path, document: dict[str, Any]) -> None:
    path = tmp_path / "run.json"
    path.write_text(json.dumps(document), encoding="utf-8")
    assert read_comparison(path).to_json() == document
    broken = copy.deepcopy(document)
    del broken["rows"][1]["metrics"]["hr@10"]
    path.write_text(json.dumps(broken), encoding="utf-8")
    with pytest.raises(DataError, match=r"'hr@10' is missing") as error:
        read_comparison(path)
    assert error.value.where == f"{path}: rows[1].metrics"


def test_another_format_is_refused_with_who_wrote_it(document: dict[str, Any]) -> None:
    newer = {**document, "format": 99, "environment": {"tastemaker": "9.9.9"}}
    with pytest.raises(DataError, match=r"format 99 by version 9\.9\.9; this version reads format 2") as error:
        Comparison.from_json(newer, "run.json")
    assert error.value.where == "run.json"


@pytest.mark.parametrize("other", [{}, [], "text", None, {"findings": [], "format": 2}])
def test_other_json_is_no_comparison(other: Any) -> None:
    with pytest.raises(DataError, match="no comparison") as error:
        Comparison.from_json(other, "probes.json")
    assert "compare --json" in str(error.value.remedy)


def test_leaks_that_probes_found_are_told_first(rich: Comparison) -> None:
    leak = Finding("tie order", "item_id", "leak", message="the ids rise.")
    notes = Comparison(**{**vars(rich), "probes": [leak]}).notes()
    assert notes[0].startswith("Probes found that held-out answers can be told from tie order (item_id)")
    assert not any("Probes" in note for note in rich.notes())


def places(value: Any, way: tuple[Any, ...] = ()) -> Iterator[tuple[Any, ...]]:
    """Yield the way to every part of a document; of lists, to the first two entries."""
    yield way
    if isinstance(value, dict):
        for name, part in value.items():
            yield from places(part, (*way, name))
    elif isinstance(value, list):
        for number, part in enumerate(value[:2]):
            yield from places(part, (*way, number))


def patterns(document: dict[str, Any]) -> list[tuple[Any, ...]]:
    """Return one way for each kind of place: metrics, parts and models are alike."""
    kinds: dict[tuple[Any, ...], tuple[Any, ...]] = {}
    for way in places(document):
        kind = tuple("*" if isinstance(step, int) or "@" in str(step) else step for step in way)
        kinds.setdefault(kind, way)
    return [way for way in kinds.values() if way]


def changed(document: dict[str, Any], way: tuple[Any, ...], value: Any) -> dict[str, Any]:
    """Return a copy with another value at the end of the way; what lies beside the way is shared."""
    top: Any = dict(document)
    part = top
    for step in way[:-1]:
        inner = part[step]
        part[step] = list(inner) if isinstance(inner, list) else dict(inner)
        part = part[step]
    if value is patterns:
        del part[way[-1]]
    else:
        part[way[-1]] = value
    return dict(top)


def attempted(document: dict[str, Any]) -> Comparison | DataError:
    try:
        return Comparison.from_json(document, "run.json")
    except DataError as error:
        return error


@pytest.mark.parametrize("value", [None, "words", -1, {}, patterns])
def test_whatever_is_damaged_gives_a_page_or_an_error_with_its_place(document: dict[str, Any], value: Any) -> None:
    refused = 0
    for way in patterns(document):
        read = attempted(changed(document, way, value))
        if isinstance(read, DataError):
            refused += 1
            assert str(read.where).startswith("run.json"), way
            continue
        assert "<h1>" in html_report(read), way
        if len(way) < 4:
            runs = {"one": read, "other": read}
            assert "<h1>" in runs_report(runs), way
            json.dumps([differences(runs), warnings(runs)], allow_nan=False)
    assert refused > 20
