"""A ranker is chosen by people it was not learnt from, and only where it is clearly better than the plain order."""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np
import pytest

from tastemaker.core.run import Run
from tastemaker.data import HeldOut, leave_last_n, leave_one_out
from tastemaker.evaluation.metrics import ndcg
from tastemaker.evaluation.ranking import of_targets, validation_ranks
from tastemaker.evaluation.targets import per_user
from tastemaker.models import EASE, ranker_choice
from tastemaker.models.history import History
from tastemaker.models.ranker_choice import PLAIN, Sample, learn
from tastemaker.models.rankers import Answered
from tastemaker.models.ranking_features import Feature, Features, Shortlist
from tastemaker.testing import small_shop

SPLIT = leave_one_out(small_shop(users=150, items=60, seed=4))
SEVERAL = leave_last_n(small_shop(users=60, items=40, seed=4), valid_events=3, targets="together")
FEATURE = (Feature("the answer"),)


def sample_of(held: HeldOut, model: EASE, features: np.ndarray | None = None, depth: int = 20, size: int = 7) -> Sample:
    """Return the shortlists of a model; ``features`` says what describes each item for each query, ``[q, n]``."""

    def blocks() -> Iterator[tuple[Shortlist, Features]]:
        for start in range(0, len(held), size):
            queries = held.queries[slice(start, min(start + size, len(held)))]
            history, scores = History.of(queries, model.items_), model.score(queries)
            out = np.zeros(scores.shape, dtype=bool)
            out[history.query, history.items] = True
            shortlist = Shortlist.of(scores, [scores], out, depth)
            own = np.zeros((len(shortlist.items), 1))
            if features is not None:
                own[:, 0] = features[start + shortlist.query, shortlist.items]
            yield shortlist, own.astype(np.float32)

    return Sample.of(held, model.items_.index(held.queries.dictionary), blocks())


def answers(held: HeldOut, model: EASE) -> np.ndarray:
    """Return 1 where an item is the answer to a query, ``[q, n]``."""
    found = np.zeros((len(held), len(model.items_)))
    found[held.query, model.items_.index(held.queries.dictionary)[held.targets]] = 1
    return found


@pytest.fixture(scope="module")
def model() -> EASE:
    return EASE(regularisation=10.0, age_decay="1/a").fit(SPLIT.train)


def test_lists_with_an_answer_are_kept_and_the_answer_is_found_in_them(model: EASE) -> None:
    sample = sample_of(SPLIT.valid, model, answers(SPLIT.valid, model))
    there = sample.place >= 0
    assert 0.2 < there.mean() < 0.95
    assert sample.features[sample.place[there], 0].all()
    assert sample.features.sum() == there.sum()
    assert sample.query[sample.place[there]].tolist() == SPLIT.valid.query[there].tolist()
    assert set(sample.query) == set(SPLIT.valid.query[there])


@pytest.mark.parametrize("split", [SPLIT, SEVERAL], ids=["one target", "several targets"])
def test_the_value_of_the_fused_order_is_that_over_the_whole_catalogue(split: object) -> None:
    held, model = split.valid, EASE(regularisation=10.0, age_decay="1/a").fit(split.train)  # type: ignore[attr-defined]
    whole = of_targets(validation_ranks(model.score, held, model.item_ids), held)
    sample = sample_of(held, model)
    assert sample.ndcg(sample.log_fused).mean() == pytest.approx(per_user(ndcg(whole, 10), held.users).mean())


def test_everybody_counts_the_same() -> None:
    model = EASE(regularisation=10.0, age_decay="1/a").fit(SEVERAL.train)
    sample = sample_of(SEVERAL.valid, model)
    answered = sample.answered(np.ones(SEVERAL.valid.user_count, dtype=bool))
    assert answered.mass.sum() == pytest.approx(len(answered.starts))
    person = SEVERAL.valid.users[sample.query]
    of_person = np.bincount(person, weights=answered.mass)
    complete = np.bincount(SEVERAL.valid.users[SEVERAL.valid.query], weights=sample.place < 0) == 0
    assert complete.sum() > 3
    np.testing.assert_allclose(of_person[complete], of_person[complete][0])


def test_only_the_people_that_are_asked_for_are_learnt_from(model: EASE) -> None:
    sample = sample_of(SPLIT.valid, model)
    people = np.arange(SPLIT.valid.user_count) % 3 == 0
    answered = sample.answered(people)
    chosen = people[SPLIT.valid.users][sample.query]
    assert len(answered.mass) == chosen.sum()
    assert len(answered.starts) == len(set(sample.query[chosen]))
    assert sample.answered(~people & people).starts.tolist() == []


def test_a_feature_that_tells_the_answer_is_used(model: EASE) -> None:
    told = answers(SPLIT.valid, model)
    choice = learn((PLAIN, "linear"), sample_of(SPLIT.valid, model, told), FEATURE, Run())
    assert choice.ranker is not None
    assert choice.ranker.kind == "linear"
    assert choice.values["linear"] > choice.values[PLAIN] + 0.1


@pytest.mark.parametrize("seed", range(4))
def test_noise_leaves_the_plain_order(model: EASE, seed: int) -> None:
    noise = np.random.default_rng(seed).normal(size=(len(SPLIT.valid), len(model.items_)))
    choice = learn((PLAIN, "linear"), sample_of(SPLIT.valid, model, noise), FEATURE, Run())
    assert choice.ranker is None
    assert set(choice.values) == {PLAIN, "linear"}


def test_a_ranker_that_is_asked_for_is_learnt_without_a_contest(model: EASE) -> None:
    noise = np.random.default_rng(0).normal(size=(len(SPLIT.valid), len(model.items_)))
    choice = learn(("linear",), sample_of(SPLIT.valid, model, noise), FEATURE, Run())
    assert choice.ranker is not None
    assert choice.values == {}


def test_of_too_few_answers_nothing_is_learnt(model: EASE) -> None:
    held = SPLIT.valid[np.arange(20)]
    choice = learn(("linear",), sample_of(held, model, answers(held, model)), FEATURE, Run())
    assert choice.ranker is None


def test_nobody_is_ranked_by_what_was_learnt_from_him(model: EASE, monkeypatch: pytest.MonkeyPatch) -> None:
    class Remembers:
        strength = 0.0

        def __init__(self, answered: Answered) -> None:
            self.met = set(answered.features[:, 0].tolist())

        def correction(self, features: Features) -> np.ndarray:
            return np.asarray([value in self.met for value in features[:, 0].tolist()], dtype=np.float64)

    learnt_from = []

    def remember(kind: str, answered: Answered, *_: object) -> Remembers:
        learnt_from.append(len(answered.starts))
        return Remembers(answered)

    monkeypatch.setattr(ranker_choice, "fit_ranker", remember)
    people = np.repeat(SPLIT.valid.users[:, None], len(model.items_), axis=1)
    sample = sample_of(SPLIT.valid, model, people)
    half = np.arange(SPLIT.valid.user_count) % 2 == 0
    assert not ranker_choice._ranked_by_others("linear", sample, FEATURE, half, Run()).any()
    assert sum(learnt_from) == len(set(sample.query))
