"""Cold items ranked among themselves, and answers among a sample: every report says which it was."""

from __future__ import annotations

import json
from collections.abc import Callable
from io import StringIO
from pathlib import Path
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
from tastemaker.data import Dataset, Split, cold_item, make_split
from tastemaker.evaluation import Comparison, RunFile, compare
from tastemaker.evaluation.candidates import sampled
from tastemaker.evaluation.export import csv_report, latex_report
from tastemaker.evaluation.html import html_report
from tastemaker.evaluation.metrics import hit_rate, ndcg
from tastemaker.evaluation.pages.runs import runs_report
from tastemaker.evaluation.resume import RowFolder
from tastemaker.evaluation.table import terminal_report
from tastemaker.evaluation.targets import per_user
from tastemaker.evaluation.wording import headline
from tastemaker.models import ContentKNN, Popularity

Make = Callable[..., Any]


@pytest.fixture(scope="module")
def shop() -> Dataset:
    """People who stay with one of four kinds of things; the title says the kind."""
    rng = np.random.default_rng(0)
    kinds = ("tea", "shoe", "lamp", "book")
    events = [
        {"user_id": f"u{user}", "item_id": f"{kinds[user % 4]}{item}", "timestamp": 1000 + place}
        for user in range(160)
        for place, item in enumerate(rng.permutation(15)[:8].tolist())
    ]
    items = [{"item_id": f"{kind}{item}", "title": f"{kind} {kind}s"} for kind in kinds for item in range(15)]
    return Dataset.of(pl.DataFrame(events), pl.DataFrame(items), name="kinds")


@pytest.fixture(scope="module")
def cold(shop: Dataset) -> Split:
    return cold_item(shop, test=0.2)


def compared(split: Split, candidates: str) -> Comparison:
    return compare(
        {"sequential-rules": Popularity(), "content-knn": ContentKNN()}, split, replicates=20, candidates=candidates
    )


def test_among_themselves_cold_items_are_few_and_chance_is_high(cold: Split) -> None:
    alone, jointly = compared(cold, "cold"), compared(cold, "all")
    # 6 items of 60 for validation and 12 for the test are cold; counts draw lots among the 18.
    assert alone.rows[0].metrics["hr@10"].value == pytest.approx(10 / 18, abs=0.06)
    assert jointly.rows[0].metrics["hr@10"].value == 0
    assert alone.rows[1].metrics["ndcg@10"].value > jointly.rows[1].metrics["ndcg@10"].value
    assert alone.rows[1].metrics["hr@10"].value > 0.9
    assert alone.knobs["candidates"] == "items without an event in training, among themselves"
    assert jointly.knobs["candidates"] == "the whole catalogue"


def test_lists_hold_nothing_but_candidates(cold: Split) -> None:
    # 18 items of 60 can be shown at most.
    assert compared(cold, "cold").rows[0].metrics["coverage@10"].value <= 18 / 60


def test_where_no_answer_is_cold_the_question_makes_no_sense(split: Split) -> None:
    models = {"sequential-rules": Popularity()}
    with pytest.raises(DataError, match="and no answer is cold"):
        compare(models, split, candidates="cold")
    with pytest.raises(DataError, match=r"there are no candidates 'clod'. Did you mean 'cold'\?"):
        compare(models, split, candidates="clod")


def rival(split: Split, kind: str, **options: Any) -> Comparison:
    """Return counts and a model that knows nothing, ranked among 9 sampled negatives."""
    models = {"sequential-rules": Popularity(), "random": Chance()}
    options = {"ks": (5, 1), "replicates": 30, "negatives": 9, **options}
    return compare(models, split, candidates=kind, **options)


class Chance(Popularity):
    """Scores at random."""

    def score(self, queries: QueryBatch) -> NDArray[np.float32]:
        rng = np.random.default_rng(queries.starts + 1)
        return rng.random((len(queries), len(self.item_ids)), dtype=np.float32)


@pytest.fixture(scope="module")
def sample(split: Split) -> Comparison:
    return rival(split, "uniform")


def slow(split: Split, kind: str, seeds: tuple[int, ...]) -> NDArray[np.float64]:
    """Return HR@5 and NDCG@5 of counts for each draw and person, ``[2, d, u]``: sort, and look for the answer."""
    found = sampled(split, kind, 9, seeds)
    assert found is not None
    held, scores = found.test.held, Popularity().fit(split.train).score(split.test.queries)
    rng = np.random.default_rng(0)
    ranks = [
        [
            1 + np.flatnonzero(np.lexsort((rng.random(10), -scores[query, [target, *others]])) == 0)[0]
            for query, (target, others) in enumerate(zip(held.targets, draw, strict=True))
        ]
        for draw in found.test.drawn(slice(0, len(held)))
    ]
    return np.asarray(
        [[per_user(metric(np.asarray(row), 5), held.users) for row in ranks] for metric in (hit_rate, ndcg)]
    )


@pytest.mark.parametrize("kind", ["uniform", "popular"])
def test_values_are_means_over_draws_and_then_over_people(split: Split, kind: str) -> None:
    row = rival(split, kind, negative_seeds=(0, 1, 2)).rows[0]
    expected = slow(split, kind, (0, 1, 2)).mean(axis=(1, 2))
    # Ties are broken by other numbers there.
    for value, name in zip(expected, ("hr@5", "ndcg@5"), strict=True):
        assert row.metrics[name].value == pytest.approx(value, abs=0.02)
    assert row.metrics["hr@1"].value < row.metrics["hr@5"].value
    assert row.metrics["ndcg@1"].value == row.metrics["hr@1"].value


def test_popular_negatives_are_harder_to_beat_for_counts(split: Split, sample: Comparison) -> None:
    popular = rival(split, "popular").rows[0].metrics["ndcg@5"].value
    assert popular < sample.rows[0].metrics["ndcg@5"].value - 0.1


def test_intervals_are_over_people_and_chance_is_what_the_note_says(sample: Comparison, split: Split) -> None:
    one, five = rival(split, "uniform", negative_seeds=(0,)).rows[1], sample.rows[1]
    for row in (one, five):
        # 5 of 10: three standard errors of as many questions as there are people.
        assert row.metrics["hr@5"].value == pytest.approx(0.5, abs=3 * 0.5 / np.sqrt(len(split.test)))
    widths = [row.metrics["hr@5"].high - row.metrics["hr@5"].low for row in (one, five)]
    # What a person's answer scores is the same in all draws: five of them are no five people.
    assert 0.6 * widths[0] < widths[1] < widths[0]
    assert "By chance alone hr@5 is 0.5000, hr@1 is 0.1000." in sample.notes()[0]


def test_every_report_says_that_candidates_were_sampled(sample: Comparison, split: Split) -> None:
    assert headline(sample).startswith("Ranked among 9 sampled negatives, not the whole catalogue. ")
    note = sample.notes()[0]
    assert "cannot be compared with those of a ranking of the whole catalogue" in note
    assert "another order (Krichene and Rendle, 2020)" in note
    assert "means over 5 draws" in note
    console = Console(width=200, file=StringIO())
    console.print(terminal_report(sample))
    assert isinstance(console.file, StringIO)
    for text in (console.file.getvalue(), html_report(sample)):
        assert "1 + 9 candidates" in text
        assert "Ranked among 9 sampled negatives" in text
        assert "Krichene and Rendle" in " ".join(text.split())
    assert "(1 + 9 candidates)" in latex_report(sample)
    lines = csv_report(sample).splitlines()
    assert lines[0].endswith(",candidates")
    assert all(line.endswith(",1 + 9") for line in lines[1:])
    whole = rival(split, "all")
    assert whole.negatives is None
    assert "Krichene" not in html_report(whole)
    assert "candidates" not in csv_report(whole)


def test_the_choices_are_in_the_record_and_come_back(sample: Comparison) -> None:
    assert sample.knobs["candidates"] == "the answer and a uniform sample of the items that its person never met"
    assert (sample.knobs["negatives"], sample.knobs["negative_seeds"]) == (9, [0, 1, 2, 3, 4])
    assert sample.counts["short_of_negatives"] == 0
    again = Comparison.from_json(json.loads(json.dumps(sample.to_json(), allow_nan=False)))
    assert again.to_json() == sample.to_json()
    assert again.notes() == sample.notes()


def test_runs_over_the_whole_catalogue_and_over_a_sample_do_not_stand_side_by_side(
    sample: Comparison, split: Split
) -> None:
    page = runs_report({"sampled": sample, "whole": rival(split, "all")})
    assert "2 runs on the same split, not measured alike" in page
    assert "not how it was measured: candidates, negatives, negative seeds differ" in page
    assert "their numbers compare" in runs_report({"one": sample, "two": sample})


def test_parts_and_differences_rest_on_the_same_draws(sample: Comparison) -> None:
    row = sample.rows[1]
    history = [part for part in row.slices if part.family == "history"]
    value = sum(part.users * part.metrics["ndcg@5"].value for part in history) / sum(part.users for part in history)
    assert value == pytest.approx(row.metrics["ndcg@5"].value)
    assert row.vs_baseline["hr@1"].value == pytest.approx(
        row.metrics["hr@1"].value - sample.rows[0].metrics["hr@1"].value
    )


def test_kept_rows_are_those_that_were_measured(split: Split, tmp_path: Path, unfit: Make) -> None:
    folder = RowFolder(tmp_path, {"sequential-rules": "aa", "random": "bb"})
    first = rival(split, "uniform", resume=folder)
    again = compare(
        {name: unfit(name) for name in ("sequential-rules", "random")},
        split,
        candidates="uniform",
        negatives=9,
        ks=(5, 1),
        replicates=30,
        resume=folder,
    )
    assert again.to_json() == first.to_json()


def test_an_example_shows_the_answer_where_it_stands_among_its_candidates(sample: Comparison) -> None:
    assert len(sample.examples) == 3
    for example in sample.examples:
        shown = example.lists["sequential-rules"]
        place = shown.ranks[0]
        assert place is not None
        assert [hit for hit in shown.hits] == [number == place for number in range(1, 6)]
        assert not {item.item_id for item in shown.items} & {item.item_id for item in example.history}


class Reader(Chance):
    """Reads its candidates, or does not; tells how many it was told of in each question."""

    def __init__(self, reads: str) -> None:
        self.capabilities = Capabilities(reads=frozenset({"history", reads}))
        self.told: list[int] = []

    def score(self, queries: QueryBatch) -> NDArray[np.float32]:
        self.told += [0 if queries.candidates is None else queries.candidates.shape[1]] * len(queries)
        return super().score(queries)


def test_only_a_model_that_reads_candidates_is_told_them(split: Split) -> None:
    reader, other = Reader("candidates"), Reader("last")
    found = compare(
        {"sequential-rules": Popularity(), "reader": reader, "other": other},
        split,
        candidates="uniform",
        negatives=9,
        negative_seeds=(0, 1),
        replicates=10,
    )
    assert [row.status for row in found.rows] == ["ok"] * 3
    assert reader.told == [10] * 2 * (len(split.valid) + len(split.test))
    assert other.told == [0] * (len(split.valid) + len(split.test))


def test_questions_with_several_answers_are_asked_answer_by_answer(dataset: Dataset) -> None:
    split = make_split(dataset, "user-ratio", test=0.3)
    assert len(split.test.targets) > len(split.test)
    found = rival(split, "uniform")
    assert found.counts["queries"] == found.counts["targets"] == len(split.test.targets)
    assert found.counts["users"] == split.test.user_count
    assert found.rows[1].metrics["hr@5"].value == pytest.approx(0.5, abs=0.05)
    assert "precision@5" not in found.rows[1].metrics


def test_where_some_people_leave_too_few_items_the_note_counts_them(split: Split) -> None:
    found = rival(split, "uniform", negatives=50)
    events = [len(set(split.test.queries.codes[s:e])) + 1 for s, e in _bounds(split)]
    short = sum(len(split.test.queries.dictionary) - met < 50 for met in events)
    assert 0 < short < len(split.test)
    assert found.counts["short_of_negatives"] == short
    assert f"50 sampled items ({short} of {len(split.test)} among fewer: no more were left)" in found.notes()[0]


def _bounds(split: Split) -> list[tuple[int, int]]:
    return list(zip(split.test.queries.starts.tolist(), split.test.queries.ends.tolist(), strict=True))


def test_samples_that_cannot_be_drawn_are_refused(split: Split) -> None:
    with pytest.raises(DataError, match="99 negatives for each answer are more than"):
        rival(split, "uniform", negatives=99)
    with pytest.raises(DataError, match="0 negatives were asked for"):
        rival(split, "popular", negatives=0)


def test_lists_from_elsewhere_are_not_ranked_among_samples(split: Split) -> None:
    frame = pl.DataFrame({"query": ["u1"], "item_id": ["i1"], "rank": [1.0], "score": [None]})
    with pytest.raises(DataError, match="lists have no place for most negatives"):
        rival(split, "uniform", lists=[RunFile("theirs", Path("theirs.csv"), frame, "rank")])


def test_the_seed_of_a_model_draws_no_negatives(split: Split) -> None:
    one, two = (rival(split, "uniform", run=Run(seed=seed)).rows[0].metrics["ndcg@5"].value for seed in (1, 2))
    # The candidates are the same; only the order among equal scores is not.
    assert one != two
    assert one == pytest.approx(two, abs=0.02)
