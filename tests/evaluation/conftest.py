"""Questions, data and recommenders that are small enough to work out by hand."""

from collections.abc import Callable, Sequence
from typing import Any

import numpy as np
import polars as pl
import pytest
from numpy.typing import NDArray

from tastemaker.core.errors import DataError
from tastemaker.core.query import NO_TIME, QueryBatch
from tastemaker.core.run import Run
from tastemaker.data import Dataset, HeldOut, Interactions, Split, leave_one_out


def ids(count: int) -> NDArray[np.object_]:
    return np.asarray([f"i{number}" for number in range(count)] + [None], dtype=object)[:-1]


def ask(
    targets: Sequence[int | Sequence[int]],
    histories: Sequence[Sequence[int]] | None = None,
    *,
    items: int,
    users: Sequence[int] | None = None,
) -> HeldOut:
    """Return one query for each target or several, by the numbers of items ``i0, i1, ...``."""
    wanted = [[target] if isinstance(target, int) else list(target) for target in targets]
    past = [list(history) for history in (histories or [[]] * len(targets))]
    edges = np.concatenate([[0], np.cumsum([len(history) for history in past])]).astype(np.int64)
    codes = np.asarray([item for history in past for item in history], dtype=np.int32)
    queries = QueryBatch(
        dictionary=ids(items),
        codes=codes,
        weights=np.ones(len(codes), dtype=np.float32),
        timestamps=np.full(len(codes), NO_TIME),
        starts=edges[:-1],
        ends=edges[1:],
        user_ids=np.asarray([str(number) for number in range(len(targets))] + [None], dtype=object)[:-1],
        now=np.full(len(targets), NO_TIME),
    )
    people = np.arange(len(targets)) if users is None else np.asarray(users)
    return HeldOut(
        queries,
        np.asarray([item for group in wanted for item in group], dtype=np.int32),
        np.repeat(np.arange(len(wanted), dtype=np.int32), [len(group) for group in wanted]),
        people.astype(np.int32),
        np.arange(sum(map(len, wanted))),
        "print",
    )


def in_order(scores: Any) -> Callable[[QueryBatch], Any]:
    """Return a scorer that hands out the rows of ``scores``, block after block."""
    done = 0

    def take(batch: QueryBatch) -> Any:
        nonlocal done
        rows = scores[done : done + len(batch)]
        done += len(batch)
        return rows

    return take


class Counts:
    """Scores by counts of the training data, times a factor for each item if given."""

    def __init__(self, name: str = "counts", factors: Callable[[int], float] | None = None) -> None:
        self.name = name
        self.factors = factors
        self.settings_ = {"shrinkage": np.float32(0.5)}
        self.settings_tried_ = 3

    def fit(self, train: Dataset, valid: HeldOut | None = None, *, run: Run | None = None) -> "Counts":
        self.item_ids = train.items.ids
        self.provenance_ = train.provenance()
        counts = np.bincount(train.sequences.codes, minlength=len(train.items)).astype(np.float32)
        if self.factors is not None:
            counts *= np.asarray([self.factors(number) for number in range(len(counts))], dtype=np.float32)
        self.row = counts
        return self

    def score(self, queries: QueryBatch) -> NDArray[np.float32]:
        return np.broadcast_to(self.row, (len(queries), len(self.row)))


class Unfit(Counts):
    """Cannot be fitted."""

    def fit(self, train: Dataset, valid: HeldOut | None = None, *, run: Run | None = None) -> "Counts":
        raise DataError("it needs text", remedy="Give the items titles.")


@pytest.fixture(scope="session")
def dataset() -> Dataset:
    rng = np.random.default_rng(5)
    items = rng.zipf(1.5, size=(120, 14)) % 60
    rows = [
        {"user_id": f"u{user}", "item_id": f"i{item}", "timestamp": 1_000_000_000 + 1000 * place + user}
        for user in range(120)
        for place, item in enumerate(dict.fromkeys(items[user].tolist()))
    ]
    return Dataset.of(Interactions.from_frame(pl.DataFrame(rows)), name="tiny")


@pytest.fixture(scope="session")
def split(dataset: Dataset) -> Split:
    return leave_one_out(dataset)


@pytest.fixture(scope="session", name="ask")
def ask_fixture() -> Callable[..., HeldOut]:
    return ask


@pytest.fixture(scope="session", name="in_order")
def in_order_fixture() -> Callable[[Any], Callable[[QueryBatch], Any]]:
    return in_order


@pytest.fixture(scope="session")
def counts() -> Callable[..., Any]:
    return Counts


@pytest.fixture(scope="session")
def unfit() -> Callable[..., Any]:
    return Unfit
