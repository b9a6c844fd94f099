"""Questions, data and recommenders that are small enough to work out by hand."""

from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import polars as pl
import pytest
from numpy.typing import NDArray

from tastemaker.core.errors import DataError
from tastemaker.core.query import NO_TIME, QueryBatch
from tastemaker.core.recommender import Capabilities
from tastemaker.core.run import Run
from tastemaker.data import Dataset, HeldOut, Interactions, Split, Users, leave_one_out
from tastemaker.evaluation import Comparison, RunFile, compare


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

    capabilities = Capabilities()

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


EVIL = "<script>alert('x')</script>"


@pytest.fixture(scope="session")
def evil() -> str:
    """What a title must not be able to do."""
    return EVIL


@pytest.fixture(scope="session")
def club() -> Dataset:
    """Two hundred and forty people with a gender, who like films of two studios; one title is a program."""
    rng = np.random.default_rng(7)
    items = rng.zipf(1.4, size=(240, 10)) % 30
    rows = [
        {"user_id": f"u{user}", "item_id": f"i{item}", "timestamp": 1_000_000_000 + 5000 * place + user}
        for user in range(240)
        for place, item in enumerate(dict.fromkeys(items[user].tolist()))
    ]
    catalogue = pl.DataFrame(
        {
            "item_id": [f"i{number}" for number in range(30)],
            "title": [EVIL if number == 1 else f"Film {number}" for number in range(30)],
            "categories": [["Drama"] if number % 2 else ["Comedy"] for number in range(30)],
            "brand": [f"Studio {number % 2}" for number in range(30)],
        }
    )
    people = pl.DataFrame(
        {"user_id": [f"u{user}" for user in range(240)], "gender": ["f" if user % 2 else "m" for user in range(240)]}
    )
    return Dataset.of(Interactions.from_frame(pl.DataFrame(rows)), catalogue, users=Users(people), name="club")


def lists_of(split: Split) -> RunFile:
    """Return lists for most people of a test, with an item that nobody knows and somebody who is not asked."""
    users = [str(user) for user in split.test.queries.user_ids]
    rows = [(user, f"i{place}", float(place)) for user in users[5:] for place in range(1, 12)]
    rows += [(users[5], "elsewhere", 0.0), ("nobody", "i1", 1.0)]
    frame = pl.DataFrame(rows, schema=["query", "item_id", "rank"], orient="row")
    return RunFile("theirs", Path("theirs.csv"), frame.with_columns(score=pl.lit(None, pl.Float64)), "rank")


@pytest.fixture(scope="session")
def rich(club: Dataset) -> Comparison:
    """A comparison that has everything that one can have."""
    models: dict[str, Any] = {
        "sequential-rules": Counts("sequential-rules"),
        "mixed": Counts("mixed", lambda number: 1.0 + number % 2),
        "reversed": Counts("reversed", lambda number: -1.0),
        "wordy": Unfit("wordy"),
    }
    split = leave_one_out(club)
    return compare(
        models,
        split,
        ks=(10, 5),
        replicates=60,
        seeds=(0, 1),
        groups=["gender"],
        provider="brand",
        lists=[lists_of(split)],
        probe=club,
    )


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
