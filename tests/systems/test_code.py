"""A row rests on its model, on what that imports, and on the evaluation; not on other models or on pages."""

from __future__ import annotations

from pathlib import Path

import pytest

from tastemaker.models import EASE, Fusion, Popularity, SequentialRules
from tastemaker.systems.reproduction import code
from tastemaker.systems.reproduction.code import code_hash, modules_of, row_hash, spec_of


def files_behind(model: object) -> set[str]:
    paths = code._files({"tastemaker.evaluation.evaluate", *modules_of(model)})
    return {str(path.relative_to(code._PACKAGE)) for path in paths if path is not None}


def test_a_row_rests_on_its_model_and_on_the_evaluation() -> None:
    found = files_behind(SequentialRules())
    assert {
        "models/sequential_rules.py",
        "models/item_to_item.py",
        "models/history.py",
        "evaluation/judge.py",
        "evaluation/metrics.py",
        "core/query.py",
    } <= found
    assert not {"models/ease.py", "models/bpr.py", "evaluation/html.py", "cli/app.py", "__init__.py"} & found


def test_what_a_model_holds_counts_too() -> None:
    fusion = Fusion({"counts": SequentialRules(), "ease": EASE()})
    assert {"models/fusion.py", "models/sequential_rules.py", "models/ease.py"} <= files_behind(fusion)


def test_a_change_of_a_file_changes_the_hash(monkeypatch: pytest.MonkeyPatch) -> None:
    before, read = row_hash(EASE()), Path.read_bytes

    def with_a_line_more(path: Path) -> bytes:
        return read(path) + (b"# changed\n" if path.name == "ease.py" else b"")

    monkeypatch.setattr(Path, "read_bytes", with_a_line_more)
    assert row_hash(EASE()) != before


def test_a_change_of_a_file_leaves_rows_alone_that_do_not_rest_on_it(monkeypatch: pytest.MonkeyPatch) -> None:
    before, whole, read = row_hash(Popularity()), code_hash(), Path.read_bytes
    monkeypatch.setattr(Path, "read_bytes", lambda path: read(path) + (b"#" if path.name == "ease.py" else b""))
    assert row_hash(Popularity()) == before
    assert code_hash() != whole


def test_a_model_is_described_by_its_class_and_its_arguments_all_the_way_down() -> None:
    found = spec_of(Fusion({"ease": EASE(regularisation=5.0)}, weights={"ease": 2.0}))
    assert found["is"] == "tastemaker.models.fusion.Fusion"
    assert found["sources"]["ease"] == {
        "is": "tastemaker.models.ease.EASE",
        "age_decay": None,
        "regularisation": 5.0,
    }
    assert found["weights"] == {"ease": 2.0}
