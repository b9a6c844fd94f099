"""What a search may try: every model says it in terms of its own constructor, and every point can be fitted."""

from __future__ import annotations

import inspect
import math
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from tests.models.small import SMALL, cases

from tastemaker.core.errors import ModelError
from tastemaker.data import leave_one_out, split_events
from tastemaker.models import MODELS, Fusion, make_model
from tastemaker.models.event_model import EventModel
from tastemaker.models.registry import default_settings
from tastemaker.models.space import Choice, Integer, Parameter, Real, from_json, points
from tastemaker.testing import small_shop

SPLIT = leave_one_out(small_shop())
CLICKS = split_events(small_shop(), "clicks")  # its training part has ratings and labels
NOTHING_TO_CHOOSE = {"popularity", "markov"}
CHOOSES_BY_ITSELF = {name for name, model in MODELS.items() if issubclass(model, Fusion)}
SEARCHED = [name for name, model in MODELS.items() if model.space]


def drawn(parameter: Parameter, rng: np.random.Generator) -> Any:
    if isinstance(parameter, Choice):
        return parameter.values[rng.integers(len(parameter.values))]
    low, high = float(parameter.low), float(parameter.high)
    value = math.exp(rng.uniform(math.log(low), math.log(high))) if parameter.log else rng.uniform(low, high)
    return round(value) if isinstance(parameter, Integer) else value


def corner(parameter: Parameter, *, high: bool) -> Any:
    if isinstance(parameter, Choice):
        return parameter.values[-1 if high else 0]
    return parameter.high if high else parameter.low


def test_every_model_has_something_to_search_or_says_that_it_has_not() -> None:
    assert {name for name, model in MODELS.items() if not model.space} == NOTHING_TO_CHOOSE | CHOOSES_BY_ITSELF
    assert all(not default_settings(MODELS[name]) for name in NOTHING_TO_CHOOSE)
    for model in (Fusion, *(MODELS[name] for name in NOTHING_TO_CHOOSE)):
        assert "its search space is empty" in (model.__doc__ or "")


@pytest.mark.parametrize("name", SEARCHED)
def test_a_space_names_arguments_and_holds_their_defaults(name: str) -> None:
    defaults = default_settings(MODELS[name])
    assert MODELS[name].space.keys() <= inspect.signature(MODELS[name]).parameters.keys()
    for argument, parameter in MODELS[name].space.items():
        assert defaults[argument] is None or defaults[argument] in parameter, argument  # none: by the data
        if defaults[argument] is not None:
            assert isinstance(corner(parameter, high=True), type(defaults[argument])) or isinstance(parameter, Real)


@pytest.mark.parametrize("name", cases(SEARCHED))
def test_points_of_a_space_can_be_fitted(name: str) -> None:
    space, rng = MODELS[name].space, np.random.default_rng(3)
    quick = {"epochs": 1} if "epochs" in SMALL.get(name, {}) else {}
    chosen = [{key: drawn(parameter, rng) for key, parameter in space.items()} for _ in range(4)]
    chosen += [{key: corner(parameter, high=high) for key, parameter in space.items()} for high in (False, True)]
    for settings in chosen:
        try:
            model = MODELS[name](**quick, **settings)
            model.fit(CLICKS.train if issubclass(MODELS[name], EventModel) else SPLIT.train)
        except ModelError as error:  # numbers that float32 cannot solve are told, not hidden
            assert "cannot be solved" in str(error)  # noqa: PT017
            continue
        assert {key: model.settings_[key] for key in settings} == settings
        assert np.isfinite(model.score(SPLIT.valid.queries)).all()


@pytest.mark.parametrize(
    ("parameter", "inside", "outside"),
    [
        (Integer(5, 100, log=True), (5, 100), (4, 101, 7.5, "7", True)),
        (Real(0, 1), (0, 0.5, 1.0), (-0.1, 1.1, "0.5", False)),
        (Choice(("cosine", "dot")), ("cosine",), ("jaccard", 1)),
    ],
)
def test_a_parameter_knows_its_values(parameter: Parameter, inside: Any, outside: Any) -> None:
    assert all(value in parameter for value in inside)
    assert not any(value in parameter for value in outside)
    assert from_json(parameter.to_json()) == parameter


def test_points_are_counted() -> None:
    assert points({"a": Integer(1, 4), "b": Choice((1, 2, 3))}) == 12
    assert points({"a": Choice((1,)), "b": Real(0, 1)}) == math.inf


def test_an_unknown_kind_of_parameter_is_refused() -> None:
    with pytest.raises(ValueError, match="no kind of parameter 'complex'"):
        from_json({"kind": "complex", "low": 0, "high": 1, "log": False})


def test_a_model_is_made_with_what_is_given() -> None:
    given: dict[str, dict[str, Any]] = {"ease": {"regularisation": 7.0}, "fusion": {"weights": {"ease": 1.0}}}
    assert make_model("ease", given).settings() == {"regularisation": 7.0, "age_decay": None}
    fusion = make_model("fusion", given)
    assert fusion.settings()["weights"] == {"ease": 1.0}
    assert fusion.sources["ease"].settings()["regularisation"] == 7.0  # type: ignore[attr-defined]
    assert make_model("slim", given).settings()["l1"] is None


def test_the_page_lists_every_space() -> None:
    page = (Path(__file__).parents[2] / "docs" / "tuning.md").read_text(encoding="utf-8")
    rows = [
        f"| {f'`{name}`' if place == 0 else ''} | `{argument}` | {said(parameter)} |"
        for name in SEARCHED
        for place, (argument, parameter) in enumerate(MODELS[name].space.items())
    ]
    assert page.split("<!-- spaces:begin -->")[1].split("<!-- spaces:end -->")[0].strip().splitlines()[2:] == rows


def said(parameter: Parameter) -> str:
    if isinstance(parameter, Choice):
        return ", ".join(f"`{value}`" if isinstance(value, str) else f"{value:g}" for value in parameter.values)
    return f"{parameter.low:g} to {parameter.high:g}{' log' if parameter.log else ''}"
