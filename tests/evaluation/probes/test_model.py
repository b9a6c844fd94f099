"""Each probe of a model finds the one that cheats, and lets those pass that do not."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import replace

import numpy as np
import polars as pl
import pytest
from numpy.typing import NDArray
from scipy import stats
from tests.evaluation.probes.cheats import (
    CountsEverything,
    Forgetful,
    PeeksAtTest,
    ReadsAhead,
    ReadsNumbers,
    Scorer,
    as_model,
)
from tests.evaluation.probes.conftest import honest, honest_log, names_by_arrival

from tastemaker.core.errors import NotDenseError
from tastemaker.core.query import QueryBatch
from tastemaker.core.recommendations import Recommendations
from tastemaker.core.recommender import Recommender
from tastemaker.core.run import Run
from tastemaker.data import Dataset, Relations, Split, global_time, leave_one_out
from tastemaker.evaluation.probes import (
    Finding,
    above_chance,
    history_only,
    label_swap,
    names_exchanged,
    probe_model,
    provenance_overlap,
)
from tastemaker.evaluation.probes.counterfactual import (
    with_names_exchanged,
    with_nothing_to_learn,
    without_the_future,
)
from tastemaker.evaluation.probes.gains import gains, lists_of
from tastemaker.models import ContentKNN, ItemKNN, Popularity, SequentialRules

HONEST: dict[str, Callable[[], Recommender]] = {
    "popularity": Popularity,
    "sequential-rules": SequentialRules,
    "item-knn": ItemKNN,
    "content-knn": ContentKNN,
    "random": lambda: as_model(Scorer()),
}


def verdicts(findings: Sequence[Finding]) -> dict[str, str]:
    return {finding.probe: finding.verdict for finding in findings}


@pytest.fixture(scope="module")
def split() -> Split:
    return leave_one_out(honest(11))


@pytest.fixture(scope="module")
def numbered() -> Split:
    """A split of data whose ids are numbers by order of arrival."""
    log = honest_log(12, people=300, items=500)
    return leave_one_out(log.dataset(names_by_arrival(log)))


# -- nothing planted -----------------------------------------------------------------------------------------------


@pytest.mark.parametrize("name", HONEST)
@pytest.mark.parametrize("protocol", [leave_one_out, global_time])
def test_honest_models_are_clean(name: str, protocol: Callable[[Dataset], Split]) -> None:
    findings = probe_model(HONEST[name], protocol(honest(13)))
    assert verdicts(findings) == {
        "provenance overlap": "clean",
        "history only": "clean",
        "label swap": "clean",
        "untrained above chance": "clean",
        "id permutation": "clean",
    }


def test_models_of_data_with_ids_by_arrival_are_clean_if_they_do_not_read_them(numbered: Split) -> None:
    assert set(verdicts(probe_model(SequentialRules, numbered)).values()) == {"clean"}


@pytest.mark.slow
def test_false_alarms_are_no_more_frequent_than_stated() -> None:
    stated, runs = 0.4, 30
    raised = 0

    def fixed() -> Recommender:
        return SequentialRules(window=10, gap_decay="1/d", reverse=0.25, age_decay="1/a")

    for seed in range(runs):
        small = leave_one_out(honest(seed, people=80, items=60))
        findings = probe_model(fixed, small, false_alarms=stated, run=Run(seed=seed))
        raised += set(verdicts(findings).values()) != {"clean"}
    assert raised <= stats.binom.isf(0.01, runs, stated)


# -- planted -------------------------------------------------------------------------------------------------------


def test_a_model_that_knows_the_answers_is_above_chance_with_nothing_to_learn(split: Split) -> None:
    found = verdicts(probe_model(lambda: as_model(PeeksAtTest(split)), split))
    assert found["untrained above chance"] == "leak"


def test_a_model_that_reads_numbers_is_found_where_they_tell_the_answer(numbered: Split) -> None:
    found = verdicts(probe_model(lambda: as_model(ReadsNumbers()), numbered))
    assert found["untrained above chance"] == "leak"
    assert found["id permutation"] == "leak"


def test_a_model_that_reads_numbers_is_let_pass_where_they_tell_nothing(split: Split) -> None:
    assert set(verdicts(probe_model(lambda: as_model(ReadsNumbers()), split)).values()) == {"clean"}


def test_a_model_that_counts_held_out_events_keeps_its_score_when_answers_are_swapped() -> None:
    """Items come and go, so what will be popular cannot be told that well from the past."""
    split = global_time(honest(15, people=800))
    found = verdicts(probe_model(lambda: as_model(CountsEverything(split)), split))
    assert found["label swap"] == "leak"


def test_a_model_that_reads_beyond_its_history_is_found(split: Split) -> None:
    model = as_model(ReadsAhead()).fit(split.train)
    found = history_only(model, split.test)
    assert (found.verdict, found.probe) == ("leak", "history only")


def test_a_model_of_the_held_out_rows_overlaps(split: Split) -> None:
    data = honest(11)
    found = provenance_overlap(as_model(Scorer()).fit(data), split)
    assert (found.verdict, found.value) == ("leak", 1.0)


def test_a_model_of_later_events_overlaps_with_a_split_by_time() -> None:
    split = global_time(honest(11))
    model = Scorer().fit(split.train)
    late = int(split.test.queries.now.max())
    model.provenance_ = replace(model.provenance_, last_event=late)
    assert provenance_overlap(as_model(model), split).verdict == "leak"


@pytest.mark.parametrize(
    ("change", "words"),
    [
        ({"users": 10_000}, "seen 10,000 people"),
        ({"fingerprint": "other"}, "other data"),
        ({"others": ("log",)}, "another version"),
    ],
)
def test_doubtful_provenance_is_suspicious(split: Split, change: dict[str, object], words: str) -> None:
    model = Scorer().fit(split.train)
    model.provenance_ = replace(model.provenance_, **change)  # type: ignore[arg-type]
    found = provenance_overlap(as_model(model), split)
    assert found.verdict == "suspicious"
    assert words in found.message


def test_a_model_without_provenance_is_suspicious(split: Split) -> None:
    assert provenance_overlap(as_model(Forgetful()).fit(split.train), split).verdict == "suspicious"


# -- the parts -----------------------------------------------------------------------------------------------------


def test_chance_is_that_of_random_lists(split: Split) -> None:
    """The expectation for lists that know nothing: the discounts' sum over the items that are new to a person."""
    lists = lists_of(as_model(Scorer()).fit(split.train), split.test, 10, Run())
    found = above_chance("random", lists, split.test)
    left = len(split.train.items) - split.test.queries.lengths()
    assert found.expected == pytest.approx((1 / np.log2(np.arange(2, 12))).sum() / left.mean(), rel=0.15)


def test_popular_items_by_luck_are_no_leak() -> None:
    """Everybody is shown the same ten items, whichever they are: in one case of a hundred they are the popular ones."""
    split = leave_one_out(honest(15))
    rng = np.random.default_rng(0)
    alarms = 0
    for _ in range(40):
        same = np.tile(rng.choice(len(split.train.items), 10, replace=False), (len(split.test), 1))
        alarms += above_chance("same for all", same, split.test, level=0.05).verdict == "leak"
    assert alarms <= stats.binom.isf(0.01, 40, 0.05)


def test_swapped_answers_score_what_popularity_gives(split: Split) -> None:
    lists = lists_of(Popularity().fit(split.train), split.test, 10, Run())
    found = label_swap("popularity", lists, split, split.test)
    assert found.value == pytest.approx(found.expected, rel=0.35)
    assert "as good for anybody" in found.message


def test_seed_noise_is_no_alarm_and_a_fall_is() -> None:
    rng = np.random.default_rng(0)
    before = rng.random((2, 500)) + np.array([[0.0], [0.02]])
    assert names_exchanged("m", before, before[::-1] + 0.001).verdict == "clean"
    assert names_exchanged("m", before, before - 0.5).verdict == "leak"
    assert names_exchanged("m", before, before + rng.normal(0.5, 0.01, before.shape)).verdict == "suspicious"


@pytest.mark.parametrize("protocol", [leave_one_out, global_time])
def test_exchanged_names_change_nothing_but_names(protocol: Callable[[Dataset], Split]) -> None:
    split = protocol(honest(16))
    other = with_names_exchanged(split, np.random.default_rng(0))
    frames = [part.train.interactions.frame for part in (split, other)]
    renaming = dict(zip(*(frame["item_id"] for frame in frames), strict=True))
    assert sum(old == new for old, new in renaming.items()) < len(renaming) / 10
    before, after = (part.test.queries.dictionary[part.test.targets].tolist() for part in (split, other))
    assert [renaming.get(raw, raw) for raw in before if raw in renaming] == [
        new for raw, new in zip(before, after, strict=True) if raw in renaming
    ]
    titles = [dict(part.train.catalogue.frame.select("item_id", "title").rows()) for part in (split, other)]
    assert all(titles[0][old] == titles[1][new] for old, new in renaming.items())


def test_nothing_is_left_to_learn() -> None:
    data = honest(17)
    facts = Relations(data.catalogue.frame.select(head="item_id", relation=pl.lit("has"), tail="colour"))
    noise = with_nothing_to_learn(replace(data, relations=facts), np.random.default_rng(0))
    frames = [part.interactions.frame for part in (data, noise)]
    assert frames[0].drop("item_id").equals(frames[1].drop("item_id"))
    assert (frames[0]["item_id"] == frames[1]["item_id"]).sum() < 0.05 * frames[0].height
    assert noise.relations is not None
    shared = noise.catalogue.frame.join(data.catalogue.frame, on=["item_id", "title"], how="semi").height
    assert shared < len(data.catalogue) / 10
    told = noise.catalogue.frame.select("item_id", "colour").rows()
    assert sorted(told) == sorted(noise.relations.frame.select("head", "tail").rows())


def test_a_batch_without_the_future_asks_the_same(split: Split) -> None:
    blind = without_the_future(split.test)
    assert blind.queries.ends[-1] == len(blind.queries.codes) < len(split.test.queries.codes)
    model = SequentialRules().fit(split.train)
    assert (lists_of(model, blind, 10, Run()) == lists_of(model, split.test, 10, Run())).all()


def test_models_that_are_not_dense_are_asked_for_recommendations(split: Split) -> None:
    dense = SequentialRules().fit(split.train)

    class OnlyRecommends(Scorer):
        def score(self, queries: QueryBatch) -> NDArray[np.float32]:
            raise NotDenseError("it decodes lists")

        def recommend(self, queries: QueryBatch, *, k: int) -> Recommendations:
            return dense.recommend(queries, k=k)

    truth = (split.test.targets.astype(np.int64), split.test.query.astype(np.int64))
    listed = lists_of(as_model(OnlyRecommends().fit(split.train)), split.test, 10, Run())
    scored = lists_of(dense, split.test, 10, Run())
    assert gains(listed, *truth).mean() == pytest.approx(gains(scored, *truth).mean(), abs=0.01)
