"""Cold start: the same people and answers at every point, as few fits as can be, and words that leak nothing."""

from __future__ import annotations

from dataclasses import replace
from io import StringIO
from typing import Any

import numpy as np
import polars as pl
import pytest
from numpy.typing import NDArray
from rich.console import Console

from tastemaker.core.errors import DataError
from tastemaker.core.query import QueryBatch
from tastemaker.core.recommender import Capabilities
from tastemaker.core.run import Run
from tastemaker.data import Dataset, HeldOut, Interactions, Users
from tastemaker.evaluation.cold_report import html_report, terminal_report
from tastemaker.evaluation.cold_start import ColdStart, cold_start
from tastemaker.evaluation.cold_words import Speaker
from tastemaker.models import ContentKNN, Popularity

PEOPLE, ITEMS, KINDS = 60, 40, ("harbour", "desert")
OWN = "I read of quiet places."


class Watched:
    """Scores every item alike; remembers what it was fitted on and asked."""

    name = "watched"
    capabilities = Capabilities()

    def __init__(self) -> None:
        self.fits: list[int] = []
        self.validated: list[set[int]] = []
        self.asked: list[QueryBatch] = []

    def fit(self, train: Dataset, valid: HeldOut | None = None, *, run: Run | None = None) -> Watched:
        assert valid is not None
        self.fits.append(len(train.interactions))
        self.validated.append(set(valid.queries.lengths().tolist()))
        self.item_ids = train.items.ids
        self.provenance_ = train.provenance()
        return self

    def score(self, queries: QueryBatch) -> NDArray[np.float32]:
        self.asked.append(queries)
        return np.zeros((len(queries), len(self.item_ids)), dtype=np.float32)


@pytest.fixture(scope="module")
def world() -> Dataset:
    """People of two tastes; item ``n`` is a harbour or a desert; everybody meets the 10 items of a start in order."""
    rng = np.random.default_rng(1)
    rows = []
    for user in range(PEOPLE):
        own = 2 * rng.permutation(ITEMS // 2)[:12] + user % 2
        rows += [(f"u{user}", f"i{item}", 1_000_000 + 86_400 * step) for step, item in enumerate(own)]
    events = pl.DataFrame(rows, schema=["user_id", "item_id", "timestamp"], orient="row")
    items = pl.DataFrame(
        {
            "item_id": [f"i{item}" for item in range(ITEMS)],
            "title": [f"{KINDS[item % 2]} no. {item}" for item in range(ITEMS)],
            "categories": [[KINDS[item % 2]] for item in range(ITEMS)],
        }
    )
    people = pl.DataFrame(
        {
            "user_id": [f"u{user}" for user in range(PEOPLE)],
            "likes": [KINDS[user % 2] for user in range(PEOPLE)],
            "text": [OWN if user % 3 == 0 else None for user in range(PEOPLE)],
        }
    )
    return Dataset.of(Interactions.from_frame(events), items, users=Users(people), name="world")


def measured(world: Dataset, cold: str, shown: list[Any], **more: Any) -> tuple[ColdStart, Watched]:
    watched = Watched()
    models: dict[str, Any] = {"popularity": Popularity(), "words": ContentKNN(), "watched": watched}
    usual = {"knobs": {"valid": 0.2, "test": 0.4}, "baseline": "popularity", "replicates": 50, "ks": (5,)}
    return cold_start(models, world, cold, shown, **{**usual, **more}), watched


@pytest.fixture(scope="module")
def users(world: Dataset) -> tuple[ColdStart, Watched]:
    return measured(world, "users", [0, "1", 3, "sentence", "keywords", "profile"])


def value(found: ColdStart, place: int, model: str) -> float:
    row = next(row for row in found.comparisons[place].rows if row.model == model)
    return row.metrics[found.metric].value


def test_every_point_asks_the_same_people_for_the_same_answers(users: tuple[ColdStart, Watched]) -> None:
    found, _ = users
    assert [point.shown for point in found.points] == ["0", "1", "3", "sentence", "keywords", "profile"]
    tests = [point.split.test for point in found.points]
    for test in tests:
        assert test.rows.tolist() == tests[0].rows.tolist()
        assert test.queries.user_ids.tolist() == tests[0].queries.user_ids.tolist()
    assert [set(test.queries.lengths().tolist()) for test in tests] == [{0}, {1}, {3}, {0}, {0}, {0}]
    assert [test.queries.texts is not None for test in tests] == [False] * 3 + [True] * 3
    assert len({point.split.hash for point in found.points}) == 6
    assert len({comparison.counts["targets"] for comparison in found.comparisons}) == 1


def test_models_are_fitted_once_where_most_is_shown(users: tuple[ColdStart, Watched]) -> None:
    _, watched = users
    assert len(watched.fits) == 1
    assert watched.validated == [{3}]


def test_people_who_are_asked_are_in_no_training_row(users: tuple[ColdStart, Watched]) -> None:
    found, _ = users
    for point in found.points:
        asked = set(point.split.test.queries.user_ids)
        assert not asked & set(point.split.train.sequences.user_ids)


def test_knowing_more_is_worth_more_to_a_model_that_can_read_it(users: tuple[ColdStart, Watched]) -> None:
    found, _ = users
    least, words = value(found, 0, "words"), [value(found, place, "words") for place in (2, 4, 5)]
    assert min(words) > least + 0.05
    assert value(found, 0, "popularity") == value(found, 5, "popularity")
    assert found.comparisons[2].rows[1].vs_baseline[found.metric].low > 0


def test_what_is_said_comes_from_before_the_answers_or_from_the_person(
    world: Dataset, users: tuple[ColdStart, Watched]
) -> None:
    found, _ = users
    sentence, keywords, profile = (found.points[place].split.test for place in (3, 4, 5))
    for place, user in enumerate(sentence.queries.user_ids):
        number = int(user[1:])
        first = world.history(user)[0]
        said = OWN if number % 3 == 0 else f"I liked {KINDS[number % 2]} no. {first[1:]}, {KINDS[number % 2]}."
        assert sentence.queries.texts is not None
        assert sentence.queries.texts[place] == said
        assert keywords.queries.texts is not None
        assert keywords.queries.texts[place] == KINDS[number % 2]
        assert profile.queries.texts is not None
        assert KINDS[number % 2] in str(profile.queries.texts[place])


def test_words_do_not_know_the_answers(world: Dataset, users: tuple[ColdStart, Watched]) -> None:
    found, _ = users
    split = found.points[0].split
    answers = split.test.queries.dictionary[split.test.targets]
    renamed = world.catalogue.frame.with_columns(
        title=pl.when(pl.col("item_id").is_in(answers.tolist())).then(pl.lit("GIVEN AWAY")).otherwise(pl.col("title"))
    )
    # Each person's own answers are renamed at once, so only those who liked none of them can be looked at.
    other = replace(world, catalogue=type(world.catalogue)(renamed))
    speaker = Speaker(other, split, 3)
    for kind in ("sentence", "keywords"):
        texts = speaker.say(kind, split.test)
        bounds = np.searchsorted(split.test.query, np.arange(len(split.test) + 1))
        for place, text in enumerate(texts):
            own = set(answers[bounds[place] : bounds[place + 1]])
            early = set(world.history(split.test.queries.user_ids[place])[:3])
            assert not own & early
            if not early & set(answers):
                assert "GIVEN AWAY" not in str(text)


def test_attributes_that_are_left_out_are_not_told(world: Dataset) -> None:
    found, _ = measured(world, "users", ["profile"], leave_out=["likes"])
    texts = found.points[0].split.test.queries.texts
    assert texts is not None
    assert {text for text in texts if text} == {OWN}
    with pytest.raises(DataError, match="nobody who is asked has a profile"):
        measured(world, "users", ["profile"], leave_out=["likes", "text"])
    with pytest.raises(DataError, match="nobody who is asked has a profile"):
        measured(replace(world, users=None), "users", [1, "profile"])


def test_items_are_ranked_jointly_and_alone_and_learnt_from_as_often_as_shown(world: Dataset) -> None:
    found, watched = measured(world, "items", [0, 3])
    assert [(point.shown, point.candidates) for point in found.points] == [
        ("0", "all"),
        ("0", "cold"),
        ("3", "all"),
        ("3", "cold"),
    ]
    assert len(watched.fits) == 2
    assert max(watched.fits) - min(watched.fits) == 3 * 24
    rows = [point.split.test.rows.tolist() for point in found.points]
    assert rows[0] == rows[1] == rows[2] == rows[3]
    assert found.points[1].ranked == found.points[3].ranked
    assert value(found, 0, "popularity") < value(found, 1, "popularity")
    assert value(found, 1, "words") > value(found, 1, "popularity") + 0.05
    assert found.comparisons[1].knobs["candidates"].startswith("items without an event in training")


@pytest.mark.parametrize(
    ("cold", "shown", "message"),
    [
        ("people", [0], "nothing called 'people' can be cold"),
        ("users", ["soon"], "'soon' cannot be shown of cold users"),
        ("users", [-1], "'-1' cannot be shown"),
        ("users", [], "nothing says what is shown"),
        ("items", ["profile"], "'profile' cannot be shown of cold items"),
        ("users", [500], "nobody has more than 12"),
    ],
)
def test_points_that_there_are_not_are_refused(world: Dataset, cold: str, shown: list[Any], message: str) -> None:
    with pytest.raises(DataError, match=message):
        measured(world, cold, shown)


def test_the_reports_have_a_line_for_each_model_and_point(users: tuple[ColdStart, Watched]) -> None:
    found, _ = users
    console = Console(width=120, record=True, file=StringIO())
    console.print(terminal_report(found))
    text = console.export_text()
    for shown in ("0 shown", "1 shown", "3 shown", "sentence", "keywords", "profile"):
        assert text.count(f" {shown} ") >= 3
    page = html_report(found)
    assert page.count("<tr><th") + page.count("<tr class=best") >= 18
    assert "<svg" in page
    assert "the same people for the same answers" in page
    document = found.to_json()
    assert document["format"] == 1
    assert [point["shown"] for point in document["points"]][-1] == "profile"
    assert document["points"][2]["comparison"]["rows"][0]["model"] == "popularity"
