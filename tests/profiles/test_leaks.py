"""A profile that has seen held-out events is refused, by itself and within a model."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import pytest

from tastemaker.core.errors import LeakError
from tastemaker.data import leave_one_out
from tastemaker.evaluation.evaluate import evaluate
from tastemaker.models import ProfileKNN
from tastemaker.profiles.batch import make_profiles
from tastemaker.profiles.leaks import refuse_seen
from tastemaker.profiles.seen import Shown
from tastemaker.profiles.store import Profiles
from tastemaker.profiles.template import Template
from tastemaker.testing import small_shop

WORDS = {"name": "tfidf-svd", "min_texts": 1}
SHOP = small_shop()
SPLIT = leave_one_out(SHOP)


def made(shown: Shown, file: Path | None = None) -> Profiles:
    store = Profiles(file)
    make_profiles(Template(shown.facts), list(shown.dataset.sequences.user_ids), shown.person, store)
    return store


def test_profiles_of_the_training_part_pass() -> None:
    refuse_seen(made(Shown(SPLIT.train)), SPLIT.test, SHOP.name)
    refuse_seen(made(Shown(SPLIT.train)), SPLIT.valid, SHOP.name)


def test_one_profile_that_has_seen_an_answer_is_found_among_many() -> None:
    store = made(Shown(SPLIT.train))
    store.add(Template({}).profile(Shown(SHOP).person("u007")))
    with pytest.raises(LeakError, match="1 profiles have seen held-out events, that of 'u007' 1 of them"):
        refuse_seen(store, SPLIT.test)


def test_profiles_of_another_version_of_the_data_are_refused() -> None:
    (first, *_) = made(Shown(SPLIT.train))
    other = replace(first, cut=replace(first.cut, fingerprint="0"))
    with pytest.raises(LeakError, match="another version"):
        refuse_seen([other], SPLIT.test, SHOP.name)
    refuse_seen([other], SPLIT.test)  # of other data, nothing is known


def test_evaluation_refuses_a_model_whose_profiles_have_seen_answers(tmp_path: Path) -> None:
    made(Shown(SPLIT.train), tmp_path / "train.jsonl")
    made(Shown(SHOP), tmp_path / "all.jsonl")
    fair = ProfileKNN(encoder=WORDS, profiles=str(tmp_path / "train.jsonl")).fit(SPLIT.train)
    evaluate(fair, SPLIT.test, train=SPLIT.train, ks=(5,))
    leaky = ProfileKNN(encoder=WORDS, profiles=str(tmp_path / "all.jsonl")).fit(SPLIT.train)
    with pytest.raises(LeakError, match="held-out rows"):
        evaluate(leaky, SPLIT.test, train=SPLIT.train, ks=(5,))
