"""SASRec reads time where it is told to: gaps between events, and the calendar of the moment of the question."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import numpy as np
import polars as pl
import pytest
from numpy.typing import NDArray

from tastemaker.core.clock import to_microseconds
from tastemaker.core.errors import ModelError
from tastemaker.core.query import NO_TIME, Event, Query, QueryBatch
from tastemaker.core.run import Run
from tastemaker.data.dataset import Dataset
from tastemaker.data.interactions import Interactions
from tastemaker.models.sasrec import SASRec
from tastemaker.models.sequence_inference import TIMES, asking_code, stand_ins, time_codes, time_rows
from tastemaker.testing.conformance import RULES

pytestmark = pytest.mark.needs_extra("torch")
torch = pytest.importorskip("torch")

ITEMS = 8
SMALL: dict[str, Any] = {
    "dimensions": 16,
    "epochs": 20,
    "dropout": 0.1,
    "max_length": 12,
    "learning_rate": 0.01,
    "batch_events": 200,
}
THOROUGH = {**SMALL, "dropout": 0.0, "epochs": 40}
READING = [kind for kind in TIMES if kind != "none"]
MONDAY = datetime(2024, 1, 1, 12, tzinfo=UTC)
MINUTE, MONTH, DAY = timedelta(minutes=1), timedelta(days=30), timedelta(days=1)


def walks(step: Callable[[datetime, datetime], int], gaps: Sequence[timedelta], people: int = 60) -> Dataset:
    """Return people on a ring of items, each of whose steps depends on when it is taken and when the one before was."""
    rng = np.random.default_rng(0)
    rows = []
    for person in range(people):
        item, moment = int(rng.integers(ITEMS)), MONDAY + DAY * int(rng.integers(7))
        for _ in range(10):
            rows.append((f"u{person}", f"i{item}", moment))
            then = moment + gaps[int(rng.integers(len(gaps)))]
            item, moment = (item + step(moment, then)) % ITEMS, then
    frame = pl.DataFrame(rows, schema=["user_id", "item_id", "timestamp"], orient="row")
    return Dataset.of(Interactions.from_frame(frame), name="walks")


def by_gap(before: datetime, now: datetime) -> int:
    return 1 if now - before < DAY else 4


def by_weekday(_: datetime, now: datetime) -> int:
    return 1 if now.weekday() < 3 else 4


GAPS = walks(by_gap, [MINUTE, MONTH])
WEEKDAYS = walks(by_weekday, [DAY * days for days in range(1, 8)])


def share_right(model: SASRec, step: Callable[[datetime, datetime], int], gaps: Sequence[timedelta]) -> float:
    """Return how often the first recommendation after one event is the item that the rule leads to."""
    asked = [(item, MONDAY + DAY * day, gap) for item in range(ITEMS) for day in range(7) for gap in gaps]
    queries = [
        Query(history=(Event(f"i{item}", timestamp=moment),), now=moment + gap, k=1) for item, moment, gap in asked
    ]
    found = model.recommend(queries)
    right = [f"i{(item + step(moment, moment + gap)) % ITEMS}" for item, moment, gap in asked]
    return float(np.mean([found.items(place) == [answer] for place, answer in enumerate(right)]))


@pytest.mark.parametrize(
    ("kind", "step", "gaps", "data"),
    [("gaps", by_gap, [MINUTE, MONTH], GAPS), ("calendar", by_weekday, [DAY, 2 * DAY], WEEKDAYS)],
    ids=["gaps", "calendar"],
)
def test_it_learns_what_depends_on_time_where_it_reads_it(kind: str, step: Any, gaps: Any, data: Dataset) -> None:
    assert share_right(SASRec(**THOROUGH, time=kind).fit(data), step, gaps) > 0.9
    assert share_right(SASRec(**THOROUGH, time="none").fit(data), step, gaps) < 0.65


@pytest.mark.parametrize("moment", [MONDAY, None])
def test_where_the_moment_is_unknown_it_names_what_may_come_sooner_or_later(moment: datetime | None) -> None:
    model = SASRec(**THOROUGH, time="gaps").fit(GAPS)
    queries = [Query(history=(Event(f"i{item}", timestamp=moment),), k=2) for item in range(ITEMS)]
    found = model.recommend(queries)
    for item in range(ITEMS):
        assert set(found.items(item)) == {f"i{(item + 1) % ITEMS}", f"i{(item + 4) % ITEMS}"}


def at(moment: datetime | None) -> int:
    return NO_TIME if moment is None else to_microseconds(moment)


def codes_of(moments: Sequence[datetime | None], now: datetime | None, kind: str = "both") -> list[dict[str, int]]:
    """Return what is read of each event of one history, each counted from its own first row."""
    times, ends = np.asarray([at(moment) for moment in moments]), np.asarray([len(moments)])
    rows = time_codes(times, ends * 0, ends, np.asarray([at(now)]), kind) - time_rows(kind)[:-1]
    return [dict(zip(TIMES[kind], row, strict=True)) for row in rows.tolist()]


@pytest.mark.parametrize(("seconds", "row"), [(0, 1), (1, 2), (2, 2), (3, 3), (86_400, 17), (10**10, 32), (-5, 0)])
def test_gaps_have_rows_by_their_logarithm(seconds: int, row: int) -> None:
    later = MONDAY + timedelta(seconds=seconds)
    assert codes_of([MONDAY], later)[0]["since"] == row
    assert codes_of([MONDAY, later], None)[1]["before"] == row


@pytest.mark.parametrize("moment", [MONDAY, datetime(1969, 2, 28, 23, 59), datetime(2024, 12, 31, 0, 1)])
def test_the_calendar_is_that_of_the_question(moment: datetime) -> None:
    for read in (codes_of([MONDAY], moment)[0], codes_of([MONDAY, moment], None)[0]):
        assert (read["hour"], read["weekday"], read["month"]) == (moment.hour + 1, moment.weekday() + 1, moment.month)


def test_what_is_not_known_has_the_first_row() -> None:
    first, last = codes_of([None, MONDAY], None)
    assert (first["since"], first["before"], first["hour"]) == (0, 0, 13)
    assert last == dict.fromkeys(TIMES["both"], 0)


def test_rows_that_training_never_met_are_served_by_others() -> None:
    bounds = time_rows("both")
    met = np.zeros(bounds[-1], dtype=bool)
    rows = {name: slice(first, end) for name, first, end in zip(TIMES["both"], bounds, bounds[1:], strict=False)}
    met[[bounds[0] + 1, bounds[0] + 17, bounds[4] + 6]] = True
    found = stand_ins(met, "both")
    assert (found[rows["since"]] - bounds[0]).tolist() == [0, *[1] * 9, *[17] * 23]
    assert (found[rows["month"]] - bounds[4]).tolist() == [6 if month == 6 else 0 for month in range(13)]
    assert (found[rows["hour"]] == bounds[2]).all()


def log(people: int = 20) -> Dataset:
    """Return people with 2 to 20 events at any time of some years."""
    rng = np.random.default_rng(1)
    rows = [
        (f"u{person}", f"i{rng.integers(ITEMS)}", int(moment))
        for person in range(people)
        for moment in np.sort(1.5e9 + 10 ** rng.uniform(0, 8, 1 + person % 20 + 1))
    ]
    frame = pl.DataFrame(rows, schema=["user_id", "item_id", "timestamp"], orient="row")
    return Dataset.of(Interactions.from_frame(frame), name="log")


LOG = log()


def task_of(kind: str, data: Dataset = LOG, share: float = 0.1) -> Any:
    """Return a task whose network was not trained but has large weights everywhere."""
    from tastemaker.models.sequence_training import SequenceTask

    settings = {**SASRec(**SMALL, time=kind, time_dropout=share, heads=2, blocks=2).settings()}
    task = SequenceTask(data, settings, Run(), None, None)
    for number, each in enumerate(task.module.parameters()):
        torch.nn.init.normal_(each, std=0.5, generator=torch.Generator().manual_seed(number))
    task.module.eval()
    return task


def whole(data: Dataset) -> Any:
    """Return the last events of each person as windows."""
    from tastemaker.training.batches import Windows

    ends = data.sequences.indptr[1:]
    return Windows(np.maximum(data.sequences.indptr[:-1], ends - SMALL["max_length"] - 1), ends)


def last_inputs(data: Dataset, moments: NDArray[np.int64]) -> QueryBatch:
    """Return the question for each person's last event, asked at some moments."""
    sequences = data.sequences
    return QueryBatch(
        data.items.ids,
        sequences.codes,
        sequences.weights,
        sequences.timestamps,
        sequences.indptr[:-1],
        sequences.indptr[1:] - 1,
        sequences.user_ids,
        moments,
    )


def answering(task: Any, data: Dataset) -> SASRec:
    """Return a model that has the weights of a task."""
    model = SASRec(**{**SMALL, "epochs": 1}).fit(data)
    model.settings_ = task.settings
    model.popularity_[:] = 1
    model._take(task.weights())
    return model


def lasts(states: Any, windows: Any) -> NDArray[np.float32]:
    return np.asarray(states[torch.arange(len(windows)), torch.from_numpy(windows.lengths() - 2)])


@pytest.mark.parametrize("kind", list(TIMES))
def test_numpy_gives_the_states_of_torch(kind: str) -> None:
    task, windows = task_of(kind), whole(LOG)
    with torch.no_grad():
        theirs = lasts(task.module.trunk(task.inputs(windows, task.module.items())), windows)
    queries = last_inputs(LOG, LOG.sequences.timestamps[LOG.sequences.indptr[1:] - 1])
    np.testing.assert_allclose(answering(task, LOG).user_vectors(queries), theirs, atol=1e-4)


@pytest.mark.parametrize("kind", READING)
@pytest.mark.parametrize("times", [True, False])
def test_numpy_gives_the_states_of_torch_without_the_moment(kind: str, times: bool) -> None:
    """With the last event's time left out of the log, torch reads the same unknown as a query without a moment."""
    last = pl.int_range(pl.len()).over("user_id") == pl.len().over("user_id") - 1
    known = ~last if times else pl.lit(False)
    frame = LOG.interactions.frame.with_columns(pl.when(known).then("timestamp"))
    data = Dataset.of(Interactions.from_frame(frame.select("user_id", "item_id", "timestamp")))
    task, windows = task_of(kind, data), whole(data)
    with torch.no_grad():
        theirs = lasts(task.module.trunk(task.inputs(windows, task.module.items())), windows)
    queries = last_inputs(data, np.full(len(windows), NO_TIME))
    np.testing.assert_allclose(answering(task, data).user_vectors(queries), theirs, atol=1e-4)


@pytest.mark.parametrize("kind", list(TIMES))
def test_the_item_of_a_target_changes_nothing_that_it_is_predicted_from(kind: str) -> None:
    task, windows = task_of(kind), whole(LOG)
    table = task.module.items()
    real = torch.arange(SMALL["max_length"]) < torch.from_numpy(windows.lengths() - 1)[:, None]
    for place in range(1, SMALL["max_length"] + 1):
        inputs = task.inputs(windows, table)
        states = task.module.trunk(inputs)
        before = task.codes.copy()
        targets = (windows.starts + place)[windows.lengths() > place]
        task.codes[targets] = (task.codes[targets] + 1) % ITEMS
        changed = task.inputs(windows, table)
        for one, other in ((inputs, changed), (states, task.module.trunk(changed))):
            torch.testing.assert_close(*(each[:, :place][real[:, :place]] for each in (one, other)), atol=0, rtol=0)
        task.codes = before


def test_times_are_left_out_of_some_of_the_training() -> None:
    task, windows = task_of("both", share=0.5), whole(LOG)
    full = task._moments(windows)
    task.module.train()
    torch.manual_seed(0)
    unknown = torch.from_numpy(time_rows("both")[:-1])
    found = torch.stack([task._moments(windows) for _ in range(20)])
    changed = found != full
    assert ((found == unknown) | ~changed).all()
    held = (full != unknown)[None].expand_as(changed)
    shares = [float(changed[..., place][held[..., place]].float().mean()) for place in range(5)]
    # Everything with 1/2, else the history with 1/2 and the moment with 1/2; ``since`` needs both.
    np.testing.assert_allclose(shares, [0.875, 0.75, 0.75, 0.75, 0.75], atol=0.05)
    torch.testing.assert_close(changed[..., 2], changed[..., 2] & held[..., 2])


def test_explanations_take_the_times_of_events_along() -> None:
    model = SASRec(**{**SMALL, "epochs": 5}, time="both").fit(GAPS)
    history = [Event(f"i{place}", timestamp=MONDAY + MONTH * place) for place in range(3)]
    query = Query(history=tuple(history), now=MONDAY + 3 * MONTH)
    parts = model.explain(query, "i7")
    one_less = [history[:place] + history[place + 1 :] for place in range(3)]
    asked = QueryBatch.of([query, *(Query(history=tuple(less), now=query.now) for less in one_less)])
    score, *without = model.score_candidates(asked, ["i7"])[:, 0]
    np.testing.assert_allclose(parts.score, score, rtol=1e-5)
    np.testing.assert_allclose([part.amount for part in parts.parts], score - np.asarray(without), atol=1e-5)


def test_events_beyond_the_longest_history_are_not_read() -> None:
    model = SASRec(**{**SMALL, "max_length": 3, "epochs": 2}, time="gaps").fit(GAPS)
    events = [Event(f"i{place}", timestamp=MONDAY + DAY * place**2) for place in range(6)]
    queries = [Query(history=tuple(part), now=MONDAY + MONTH * 2) for part in (events, events[-3:])]
    long, short = model.user_vectors(QueryBatch.of(queries))
    np.testing.assert_allclose(long, short, atol=1e-6)


def test_without_times_in_the_data_nothing_is_read() -> None:
    data = Dataset.of(Interactions.from_frame(GAPS.interactions.frame.select("user_id", "item_id")))
    model, plain = (SASRec(**{**SMALL, "epochs": 2}, time=kind).fit(data) for kind in ("both", "none"))
    assert model.settings_["time"] == "none"
    assert model.settings()["time"] == "both"
    np.testing.assert_array_equal(model.item_factors_, plain.item_factors_)
    query = QueryBatch.of([Query(history=(Event("i1", timestamp=MONDAY),), now=MONDAY)])
    np.testing.assert_array_equal(model.score(query), plain.score(query))


def test_a_saved_model_reads_the_same_times(tmp_path: Path) -> None:
    model = SASRec(**{**SMALL, "epochs": 3}, time="both").fit(GAPS)
    model.save(tmp_path / "model")
    moments = [None, MONDAY + MINUTE, MONDAY + MONTH]
    queries = QueryBatch.of([Query(history=(Event("i1", timestamp=MONDAY),), now=now) for now in moments])
    scores = SASRec.load(tmp_path / "model").score(queries)
    np.testing.assert_array_equal(scores, model.score(queries))
    assert len(np.unique(scores[:, 0])) == 3


@pytest.mark.parametrize("rule", RULES, ids=lambda rule: rule.__name__)
def test_keeps_the_rule(rule: Any) -> None:
    rule(lambda: SASRec(**SMALL, time="both"))


@pytest.mark.parametrize(
    ("settings", "said"),
    [({"time": "gap"}, "no 'gap' to read of time"), ({"time_dropout": 1.0}, "time_dropout must be from 0")],
)
def test_settings_out_of_range_are_named(settings: dict[str, Any], said: str) -> None:
    with pytest.raises(ModelError, match=said):
        SASRec(**settings).fit(GAPS)


@pytest.mark.parametrize("kind", list(TIMES))
def test_what_is_taken_of_the_asking_decides_the_codes(kind: str) -> None:
    moments = [NO_TIME, -1, 0, 1, 2, 3, 7, 8, 2**20 - 1, 2**20, 2**33 - 2, 2**33 - 1, 2**33, 2**36]
    asked = [each if each == NO_TIME else to_microseconds(MONDAY) + 1_000_000 * each for each in moments]
    asked += [to_microseconds(MONDAY + step * timedelta(hours=7)) for step in range(200)]
    for last in (NO_TIME, to_microseconds(MONDAY)):
        times, one = np.asarray([last]), np.asarray([0, 1])
        codes = [tuple(time_codes(times, one[:1], one[1:], np.asarray([now]), kind)[0].tolist()) for now in asked]
        taken = [asking_code(last, now, kind) for now in asked]
        for now, code in zip(taken, codes, strict=True):
            assert [other for other, each in zip(codes, taken, strict=True) if each == now] == [code] * taken.count(now)
        assert len(set(taken)) == len(set(codes))


@pytest.mark.parametrize("kind", READING)
def test_a_remembered_state_is_that_of_the_moment(kind: str) -> None:
    model = SASRec(**{**SMALL, "epochs": 2}, time=kind).fit(walks(by_gap, [MINUTE, MONTH]))
    history = tuple(Event(f"i{place}", timestamp=MONDAY + place * DAY) for place in range(3))
    soon = MONDAY + 2 * DAY + MINUTE
    moments = [soon, soon + timedelta(seconds=1), MONDAY + 40 * DAY]
    batches = [QueryBatch.of([Query(history=history, now=now)]) for now in moments]
    first = [model.score(batch) for batch in batches]
    for batch, before in zip(batches, first, strict=True):
        np.testing.assert_array_equal(model.score(batch), before)
    together = model.score(QueryBatch.of([Query(history=history, now=now) for now in moments]))
    np.testing.assert_allclose(np.concatenate(first), together, rtol=1e-5)
    assert not np.allclose(first[0], first[2])
