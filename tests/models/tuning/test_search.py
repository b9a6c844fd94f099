"""A search tries the defaults first, looks at validation alone, and can be broken off and gone on with."""

from __future__ import annotations

import sys
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any, ClassVar

import numpy as np
import pytest

from tastemaker.core.errors import DataError, MissingExtraError, ModelError, StorageError
from tastemaker.core.run import Run
from tastemaker.data import Dataset, leave_one_out, split_events
from tastemaker.data.split import Rules
from tastemaker.evaluation import evaluate
from tastemaker.evaluation.labels import log_loss, rmse
from tastemaker.models import EASE, ContentKNN, ItemKNN, Popularity, RecentPopularity, SequentialRules, tune
from tastemaker.models.base import Settings
from tastemaker.models.event_model import EventModel
from tastemaker.models.registry import default_settings, model_class
from tastemaker.models.space import Choice, Integer, Real, Space
from tastemaker.models.tuning import Tuning, journal, read_tuning
from tastemaker.testing import small_shop

SPLIT = leave_one_out(small_shop())

needs_optuna = pytest.mark.needs_extra("tune")


def tried(found: Tuning) -> list[tuple[Settings, float | None, str]]:
    return [(trial.settings, trial.value, trial.reason) for trial in found.trials]


class Untouchable:
    """The test part of a split that is not to be touched."""

    def __getattribute__(self, name: str) -> Any:
        raise AssertionError(f"the test part was asked for its {name}")

    def __len__(self) -> int:
        raise AssertionError("the test part was counted")


class Breakable(ItemKNN):
    """Is interrupted where its number of neighbours is among those that `broken` names."""

    name: ClassVar[str] = "breakable"
    broken: ClassVar[list[type[BaseException]]] = []
    fits: ClassVar[int] = 0

    def _learn(self, train: Dataset, settings: Settings) -> None:
        type(self).fits += 1
        if self.fits == 4 and self.broken:
            type(self).fits = 3
            raise self.broken.pop()
        super()._learn(train, settings)


@pytest.fixture
def breakable() -> type[Breakable]:
    class Own(Breakable):
        broken: ClassVar[list[type[BaseException]]] = []
        fits: ClassVar[int] = 0

    return Own


@needs_optuna
def test_the_defaults_come_first_and_the_best_is_found() -> None:
    found = tune("item-knn", SPLIT, trials=12)
    assert found.trials[0].settings == default_settings(ItemKNN)
    assert [trial.number for trial in found.trials] == list(range(1, 13))
    values = [trial.value or 0.0 for trial in found.trials]
    assert found.best is not None
    assert found.best.value == max(values) > values[0]
    assert found.settings == found.best.settings
    assert found.ended == "all 12 trials were made"


@needs_optuna
def test_a_value_is_what_evaluation_says_of_the_validation_part() -> None:
    for trial in tune(EASE, SPLIT, trials=3, run=Run(seed=4)).trials:
        model = EASE(**trial.settings).fit(SPLIT.train)
        judged = evaluate(model, SPLIT.valid, train=SPLIT.train, run=Run(seed=4))
        assert judged.metrics["ndcg@10"] == pytest.approx(trial.value, abs=1e-12)


@needs_optuna
@pytest.mark.parametrize(
    ("model", "task", "loss"),
    [
        ("bias", "ratings", rmse),
        ("biased-mf", "ratings", rmse),
        ("ridge", "ratings", rmse),
        ("logistic", "clicks", log_loss),
    ],
)
def test_models_of_ratings_and_clicks_go_by_their_errors(
    tmp_path: Path, model: str, task: str, loss: Callable[..., float]
) -> None:
    split = split_events(small_shop(), task, "random-ratio")
    found = tune(model, replace(split, test=Untouchable()), trials=6, folder=tmp_path)  # type: ignore[arg-type]
    assert found.best is not None
    assert (found.metric, found.best.value) == (loss.__name__, min(trial.value or 9.0 for trial in found.trials))
    fitted = model_class(model)(**found.settings).fit(split.train)
    assert isinstance(fitted, EventModel)
    predicted = fitted.predict(split.valid.unanswered(), split.valid.context)
    assert loss(predicted, split.valid.answers) == pytest.approx(found.best.value)
    assert tried(read_tuning(tmp_path)) == tried(found)


def test_a_split_asks_about_what_the_model_predicts() -> None:
    with pytest.raises(DataError, match="'bias' predicts ratings, and this split does not ask about them"):
        tune("bias", SPLIT)
    with pytest.raises(DataError, match="'logistic' predicts clicks"):
        tune("logistic", split_events(small_shop(), "ratings"))
    with pytest.raises(DataError, match="'ease' ranks items, and this split asks about ratings"):
        tune("ease", split_events(small_shop(), "ratings"))


@needs_optuna
def test_the_test_part_is_not_touched(tmp_path: Path) -> None:
    split = replace(SPLIT, test=Untouchable())  # type: ignore[arg-type]
    assert tune("ease", split, trials=2, folder=tmp_path / "out").best is not None


@needs_optuna
def test_what_is_tried_lies_in_the_space_and_is_written_as_it_was_tried() -> None:
    for trial in tune("item-knn", SPLIT, trials=12).trials:
        assert all(trial.settings[name] in parameter for name, parameter in ItemKNN.space.items())
        assert float(f"{trial.settings['shrinkage']:.4g}") == trial.settings["shrinkage"]


@needs_optuna
def test_the_seed_decides_what_is_tried() -> None:
    one, again, other = (tune("ease", SPLIT, trials=4, run=Run(seed=seed)) for seed in (1, 1, 2))
    assert tried(one) == tried(again)
    assert tried(one)[1:] != tried(other)[1:]


@needs_optuna
def test_a_search_goes_on_where_it_ended(tmp_path: Path) -> None:
    said: list[str] = []
    tune("ease", SPLIT, trials=5, folder=tmp_path, notify=said.append)
    assert said == []
    longer = tune("ease", SPLIT, trials=13, folder=tmp_path, notify=said.append)
    assert said == [f"Going on after 5 trials in {tmp_path}"]
    assert tried(longer) == tried(tune("ease", SPLIT, trials=13))
    assert tried(read_tuning(tmp_path)) == tried(longer)


@needs_optuna
@pytest.mark.parametrize("ends", [KeyboardInterrupt, SystemExit])
def test_a_search_that_was_interrupted_comes_to_the_same(
    tmp_path: Path, breakable: type[Breakable], ends: type[BaseException]
) -> None:
    whole = tune(breakable, SPLIT, trials=6)
    breakable.fits, breakable.broken[:] = 0, [ends] * 4
    for _ in range(4):
        with pytest.raises(ends):
            tune(breakable, SPLIT, trials=6, folder=tmp_path)
        so_far = read_tuning(tmp_path)
        assert (len(so_far.trials), so_far.ended) == (3, "")
    assert tried(tune(breakable, SPLIT, trials=6, folder=tmp_path)) == tried(whole)


@needs_optuna
def test_a_process_that_was_killed_comes_to_the_same(
    tmp_path: Path, breakable: type[Breakable], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(journal.Journal, "take_back_start", lambda self: None)  # nobody tidies up after kill -9
    whole = tune(breakable, SPLIT, trials=6)
    breakable.fits, breakable.broken[:] = 0, [SystemExit] * 2
    for _ in range(2):
        with pytest.raises(SystemExit):
            tune(breakable, SPLIT, trials=6, folder=tmp_path)
        (tmp_path / "trials.journal.lock").touch()  # killed while it wrote
    assert tried(tune(breakable, SPLIT, trials=6, folder=tmp_path)) == tried(whole)


@needs_optuna
def test_what_ends_the_process_three_times_is_not_tried_again(
    tmp_path: Path, breakable: type[Breakable], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(journal.Journal, "take_back_start", lambda self: None)
    breakable.broken[:] = [SystemExit] * 3
    for _ in range(3):
        with pytest.raises(SystemExit):
            tune(breakable, SPLIT, trials=5, folder=tmp_path)
    found = tune(breakable, SPLIT, trials=5, folder=tmp_path)
    assert [trial.value is None for trial in found.trials] == [False, False, False, True, False]
    assert "ended three times" in found.trials[3].reason


@needs_optuna
@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"split": leave_one_out(small_shop(), min_events=4)}, r"another search: split \w+ there, \w+ here$"),
        ({"split": leave_one_out(small_shop(seed=1))}, r"data \w+ there, \w+ here; split \w+ there, \w+ here$"),
        ({"run": Run(seed=3)}, "another search: seed 0 there, 3 here$"),
        ({"model": "recent-popularity"}, "another search: model ease there, recent-popularity here$"),
    ],
    ids=["split", "data", "seed", "model"],
)
def test_a_folder_holds_one_search(tmp_path: Path, change: dict[str, Any], message: str) -> None:
    asked: dict[str, Any] = {"model": "ease", "split": SPLIT, "trials": 1, "folder": tmp_path}
    tune(**asked)
    before = {path.name: path.read_bytes() for path in tmp_path.iterdir()}
    with pytest.raises(StorageError) as refused:
        tune(**{**asked, **change, "trials": 2})
    assert refused.match(message.replace("$", r" \("))
    assert {path.name: path.read_bytes() for path in tmp_path.iterdir()} == before


@needs_optuna
def test_another_space_is_another_search(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    tune(EASE, SPLIT, trials=1, folder=tmp_path)
    monkeypatch.setattr(EASE, "space", {**EASE.space, "regularisation": Real(1, 10)})
    with pytest.raises(StorageError, match="another search: another space for regularisation"):
        tune(EASE, SPLIT, trials=2, folder=tmp_path)


@needs_optuna
def test_a_folder_is_searched_in_by_one_process(tmp_path: Path) -> None:
    with journal.opened(tmp_path, {}, EASE.space), pytest.raises(StorageError, match="another process searches"):
        tune("ease", SPLIT, trials=1, folder=tmp_path)


@needs_optuna
def test_a_folder_with_other_things_is_left_alone(tmp_path: Path) -> None:
    (tmp_path / "thesis.doc").touch()
    with pytest.raises(StorageError, match="holds other things"):
        tune("ease", SPLIT, trials=1, folder=tmp_path)


@needs_optuna
def test_a_trial_that_was_half_written_is_made_again(tmp_path: Path) -> None:
    whole = tune("ease", SPLIT, trials=3, folder=tmp_path)
    path = tmp_path / journal.JOURNAL
    path.write_bytes(path.read_bytes()[:-20])  # the power went while the last trial was written
    assert tried(tune("ease", SPLIT, trials=3, folder=tmp_path)) == tried(whole)


@needs_optuna
def test_a_damaged_journal_is_told(tmp_path: Path) -> None:
    tune("ease", SPLIT, trials=2, folder=tmp_path)
    (tmp_path / journal.JOURNAL).write_text("{\nno journal\n", encoding="utf-8")
    with pytest.raises(StorageError, match="the trials cannot be read"):
        tune("ease", SPLIT, trials=2, folder=tmp_path)


@needs_optuna
def test_the_time_is_kept_between_trials(tmp_path: Path) -> None:
    found = tune("ease", SPLIT, trials=5, seconds=1e-6, folder=tmp_path)
    assert (len(found.trials), found.ended) == (1, "the 1e-06 seconds were over")
    assert len(tune("ease", SPLIT, trials=5, seconds=1e-6, folder=tmp_path).trials) == 1
    assert len(tune("ease", SPLIT, trials=5, seconds=1e6, folder=tmp_path).trials) == 5


class Fragile(EASE):
    """Cannot be fitted with a small ridge for one reason, with a large one for another."""

    name: ClassVar[str] = "fragile"
    space: ClassVar[Space] = {"regularisation": Choice((200.0, 1.0, 1e6))}

    def _learn(self, train: Dataset, settings: Settings) -> None:
        if settings["regularisation"] == 1.0:
            raise MemoryError("no room for 1 TB")
        if settings["regularisation"] == 1e6:
            raise np.linalg.LinAlgError("singular")
        super()._learn(train, settings)


@needs_optuna
def test_a_trial_that_fails_is_kept_with_its_reason(tmp_path: Path) -> None:
    tune(Fragile, SPLIT, trials=2, folder=tmp_path)
    found = tune(Fragile, SPLIT, trials=3, folder=tmp_path)
    reasons = {trial.settings["regularisation"]: (trial.value is None, trial.reason) for trial in found.trials}
    assert reasons == {200.0: (False, ""), 1.0: (True, "no room for 1 TB"), 1e6: (True, "singular")}
    assert found.best is found.trials[0]


@needs_optuna
def test_a_search_of_which_nothing_came_says_why() -> None:
    class Hopeless(EASE):
        def _learn(self, train: Dataset, settings: Settings) -> None:
            raise MemoryError

    with pytest.raises(ModelError, match=r"all 2 trials failed, the first because MemoryError \(ease\)"):
        tune(Hopeless, SPLIT, trials=2)


@needs_optuna
@pytest.mark.parametrize(("fault", "raised"), [(DataError("no words"), DataError), (TypeError("bug"), TypeError)])
def test_what_is_no_fault_of_the_settings_ends_the_search(fault: Exception, raised: type[Exception]) -> None:
    class Unlucky(EASE):
        def _learn(self, train: Dataset, settings: Settings) -> None:
            raise fault

    with pytest.raises(raised):
        tune(Unlucky, SPLIT, trials=2)


@needs_optuna
def test_a_small_space_is_tried_as_a_whole_and_nothing_twice() -> None:
    class Small(SequentialRules):
        space: ClassVar[Space] = {"window": Integer(9, 11), "age_decay": Choice(("1/a", "uniform"))}

    found = tune(Small, SPLIT, trials=30)
    points = {(trial.settings["window"], trial.settings["age_decay"]) for trial in found.trials}
    assert (len(points), len(found.trials)) == (6, 6)
    assert found.ended == "all 6 settings were tried"
    assert found.trials[0].settings == default_settings(SequentialRules)


@needs_optuna
def test_defaults_outside_a_small_space_are_none_of_its_points() -> None:
    class Small(SequentialRules):
        space: ClassVar[Space] = {"window": Integer(2, 3)}

    found = tune(Small, SPLIT, trials=30)
    assert sorted(trial.settings["window"] for trial in found.trials) == [2, 3, 10]


@needs_optuna
def test_defaults_outside_the_space_are_tried_all_the_same(tmp_path: Path) -> None:
    class Elsewhere(EASE):
        space: ClassVar[Space] = {"regularisation": Real(1e3, 1e6, log=True)}

    found = tune(Elsewhere, SPLIT, trials=3, folder=tmp_path)
    assert found.trials[0].settings["regularisation"] == 200.0
    assert tried(found) == tried(tune(Elsewhere, SPLIT, trials=3, folder=tmp_path))


@needs_optuna
def test_progress_tells_the_best_so_far() -> None:
    shown: list[str] = []

    class Shown:
        def start(self, description: str, total: int | None) -> Callable[[int], None]:
            shown.append(description)
            return lambda units: None

        def describe(self, advance: Callable[[int], None], description: str) -> None:
            """Nothing to show."""

        def finish(self, advance: Callable[[int], None]) -> None:
            pass

    found = tune("ease", SPLIT, trials=2, run=Run(progress=Shown()))
    value = found.trials[0].value
    assert [words for words in shown if words.startswith("Tri")] == [
        "Trial 1 of 2",
        f"Trial 2 of 2, best ndcg@10 so far {value:.4f}",
    ]


@needs_optuna
@pytest.mark.parametrize(
    ("model", "message"),
    [
        ("popularity", "'popularity' has nothing to tune. It has no hyper-parameters."),
        ("markov", "'markov' has nothing to tune. It has no hyper-parameters."),
        ("fusion", "'fusion' has nothing to tune. Its weights are chosen whenever it is fitted; tune its sources."),
        ("easy", "there is no model 'easy'. Did you mean 'ease'?"),
    ],
)
def test_what_cannot_be_searched_is_refused(model: str, message: str) -> None:
    with pytest.raises(ModelError) as refused:
        tune(model, SPLIT)
    assert str(refused.value) == message


def test_a_budget_and_something_to_select_on_are_needed() -> None:
    with pytest.raises(DataError, match="at least"):
        tune("ease", SPLIT, trials=0)
    with pytest.raises(DataError, match="cannot take 0 seconds"):
        tune("ease", SPLIT, seconds=0.0)
    with pytest.raises(DataError, match="no validation queries"):
        tune("ease", leave_one_out(small_shop(), rules=Rules(train_on_valid=True)))


def test_without_its_extra_it_says_so(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "optuna", None)
    with pytest.raises(MissingExtraError, match=r"tastemaker\[tune\]"):
        tune(RecentPopularity, SPLIT)


def test_a_model_without_a_space_is_told_from_one_without_hyper_parameters() -> None:
    class Plain(ContentKNN):
        space: ClassVar[Space] = {}

    assert not Popularity.space
    with pytest.raises(ModelError, match="declares no search space"):
        tune(Plain, SPLIT)
