"""The process that fits chooses on validation, fits on all events, leaves figures, and ends with who started it."""

from __future__ import annotations

import json
import os
import threading
from pathlib import Path
from typing import Any

import pytest

from tastemaker.core.errors import ModelError
from tastemaker.data import write_folder
from tastemaker.engine import fitting
from tastemaker.engine.fitting import fit
from tastemaker.models import load_model
from tastemaker.testing import small_shop


def folder(place: Path, **told: Any) -> Path:
    plan: dict[str, Any] = {
        "model": "ease",
        "tables": {},
        "protocol": "global-time",
        "knobs": {},
        "minutes": None,
        "seed": 0,
        "threads": 1,
    }
    (place / "plan.json").write_text(json.dumps({**plan, **told}))
    write_folder(small_shop(), place / "data")
    return place


def test_choices_are_made_on_validation_and_the_model_has_seen_everything(tmp_path: Path) -> None:
    facts = fit(folder(tmp_path))
    model = load_model(tmp_path / "model")
    assert len(model.provenance_.rows) == 480
    assert model.settings()["regularisation"] == model.settings_["regularisation"]  # what was chosen is fixed
    assert json.loads((tmp_path / "facts.json").read_text()) == facts
    assert facts["validation"]["questions"] > 0
    assert facts["seconds"] > 0
    assert set(facts["validation"]) == {"protocol", "questions", "ndcg@10", "ndcg@10 of sequential-rules"}


def test_the_plan_gives_hyper_parameters_and_the_split(tmp_path: Path) -> None:
    told = {"tables": {"ease": {"regularisation": 77.0}}, "protocol": "leave-one-out"}
    facts = fit(folder(tmp_path, **told))
    assert load_model(tmp_path / "model").settings_["regularisation"] == 77.0
    assert facts["validation"]["protocol"] == "leave-one-out"


def test_a_model_of_ratings_has_no_ranking_figure(tmp_path: Path) -> None:
    facts = fit(folder(tmp_path, model="bias"))
    assert "ndcg@10" not in facts["validation"]
    assert "ndcg@10 of sequential-rules" in facts["validation"]


def test_an_unknown_model_is_an_error_of_ours(tmp_path: Path) -> None:
    with pytest.raises(ModelError, match="no model 'eese'"):
        fit(folder(tmp_path, model="eese"))


def test_the_process_ends_when_whoever_started_it_is_gone() -> None:
    reading, writing = os.pipe()
    codes: list[int] = []
    thread = threading.Thread(target=fitting._end_with_parent, args=(reading, codes.append))
    thread.start()
    os.write(writing, b"still here")
    os.close(writing)
    thread.join(10)
    os.close(reading)
    assert codes == [1]


def test_an_error_of_ours_is_the_last_line_and_the_exit_code(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr(fitting, "_end_with_parent", lambda: None)
    monkeypatch.setattr(os, "nice", lambda by: by)
    assert fitting.main(folder(tmp_path, model="eese")) == ModelError.exit_code
    assert capsys.readouterr().err.splitlines()[-1].startswith("there is no model 'eese'. Did you mean 'ease'")


def test_what_goes_well_is_code_0(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    calm: list[int] = []
    monkeypatch.setattr(fitting, "_end_with_parent", lambda: None)
    monkeypatch.setattr(os, "nice", calm.append)
    assert fitting.main(folder(tmp_path, model="popularity")) == 0
    assert calm == [10]
    assert load_model(tmp_path / "model").name == "popularity"
