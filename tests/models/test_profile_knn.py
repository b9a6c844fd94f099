"""Items near to a person's profile: counted from the history, or made before."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import polars as pl
import pytest

from tastemaker.core.query import Event, Query, QueryBatch, as_events
from tastemaker.data import Catalogue, Dataset, leave_one_out
from tastemaker.language.encoders import make_encoder
from tastemaker.language.texts import item_texts
from tastemaker.models import CountsTextAndProfiles, Hybrid, ProfileKNN, load_model, make_model
from tastemaker.models.dislikes import nearness
from tastemaker.profiles.profile import Claim, Profile
from tastemaker.profiles.seen import Cut, Shown
from tastemaker.profiles.store import Profiles
from tastemaker.testing import small_shop

FILMS = {
    "a": ("Alien", ["Horror"]),
    "b": ("Scream", ["Horror"]),
    "c": ("Airplane", ["Comedy"]),
    "d": ("Clue", ["Comedy"]),
    "e": ("Heat", ["Crime"]),
}
WORDS = {"name": "tfidf-svd", "min_texts": 1}


def cinema() -> Dataset:
    log = pl.DataFrame({"user_id": list("uuvvw"), "item_id": list("accea"), "timestamp": range(5)})
    films = [(item, *facts) for item, facts in FILMS.items()]
    return Dataset.of(log, pl.DataFrame(films, schema=["item_id", "title", "categories"], orient="row"), name="cinema")


def made(data: Dataset, file: Path, **likes: str) -> str:
    """Write profiles of some people, who each like one thing, and return the file's name."""
    store = Profiles(file)
    for user, what in likes.items():
        seen = Shown(data).person(user)
        store.add(Profile(user, "person", "one-shot", user, seen.cut, seen.content, (Claim("likes", what, ("a",)),)))
    return str(file)


def test_scores_are_cosines_of_what_the_history_counts_up_to() -> None:
    data = cinema()
    model = ProfileKNN(encoder="random", against=0.5).fit(data)
    encoder = make_encoder("random")
    vectors = encoder.encode(item_texts(data.catalogue, list(FILMS)))
    history = (Event("a"), Event("b"), Event("c", "dislike"))
    found = model.score_candidates(QueryBatch.of([Query(history=history)]), list(FILMS))[0]
    expected = (vectors @ encoder.encode(["Horror"], "query")[0]).astype(np.float32)
    away = nearness(encoder.encode(["Comedy"], "query"), model.vectors_)[0][model.items_.index(list(FILMS))]
    assert found == pytest.approx(expected - 0.5 * away, abs=1e-4)


def test_what_is_liked_is_found_and_what_is_disliked_is_not() -> None:
    model = ProfileKNN(encoder=WORDS).fit(cinema())
    assert model.recommend(history=["a"], k=1).items() == ["b"]
    assert model.recommend(history=["c"], k=1).items() == ["d"]
    query = Query(history=as_events(["a"]), disliked=("c",), k=3)
    assert model.recommend(query).items()[-1] == "d"
    assert set(model.recommend(history=["a"], text="crime", k=2).items()) == {"b", "e"}


def test_ratings_below_the_middle_speak_against() -> None:
    log = cinema().interactions.frame.with_columns(rating=pl.Series([5.0, 1.0, 5.0, 3.0, 4.0]))
    model = ProfileKNN(encoder=WORDS).fit(Dataset.of(log, cinema().catalogue))
    rated = (Event("a", rating=5.0), Event("c", rating=1.0))
    told = model.explain(Query(history=rated), "d")
    assert [part.name for part in told.parts] == ["likes Horror", "dislikes Comedy", "popularity"]
    assert told.parts[1].amount < 0
    assert sum(part.amount for part in told.parts) == pytest.approx(told.score)


def test_a_profile_that_was_made_speaks_for_its_person(tmp_path: Path) -> None:
    data = cinema()
    model = ProfileKNN(encoder=WORDS, profiles=made(data, tmp_path / "p.jsonl", u="Crime")).fit(data)
    history = as_events(["a"])
    assert model.recommend(Query(user_id="u", history=history, k=1)).items() == ["e"]
    assert model.recommend(Query(user_id="w", history=history, k=1)).items() == ["b"]
    (tmp_path / "p.jsonl").unlink()
    model.save(tmp_path / "model")
    again = load_model(tmp_path / "model")
    assert again.recommend(Query(user_id="u", history=history, k=1)).items() == ["e"]
    assert again.recommend(Query(user_id="w", history=history, k=1)).items() == ["b"]


def test_a_profile_that_claims_nothing_is_none(tmp_path: Path) -> None:
    data, store = cinema(), Profiles(tmp_path / "p.jsonl")
    seen = Shown(data).person("u")
    store.add(Profile("u", "person", "one-shot", "u", seen.cut, seen.content))
    model = ProfileKNN(encoder=WORDS, profiles=str(tmp_path / "p.jsonl")).fit(data)
    assert model.recommend(Query(user_id="u", history=as_events(["a"]), k=1)).items() == ["b"]


def test_what_profiles_have_seen_the_model_has_seen(tmp_path: Path) -> None:
    data = cinema()
    train = data.where(np.array([True, False, True, True, True]))
    file = made(data, tmp_path / "p.jsonl", u="Crime")
    assert 1 not in ProfileKNN(encoder=WORDS).fit(train).provenance_.rows
    assert 1 in ProfileKNN(encoder=WORDS, profiles=file).fit(train).provenance_.rows


def test_profiles_of_items_stand_behind_their_texts(tmp_path: Path) -> None:
    data, store = cinema(), Profiles(tmp_path / "p.jsonl")
    cut = Cut(data.name, data.fingerprint, 0, None, ())
    store.add(Profile("e", "item", "one-shot", "e", cut, "", (Claim("suits", "scary horror", ("e",)),)))
    model = ProfileKNN(encoder="random", profiles=str(tmp_path / "p.jsonl")).fit(data)
    expected = make_encoder("random").encode(["Heat. Crime. scary horror"])[0]
    assert model.vectors_[model.items_.index(["e"])[0]] == pytest.approx(expected, abs=1e-3)


def test_shuffled_everybody_has_the_profile_of_somebody_else(tmp_path: Path) -> None:
    data = cinema()
    file = made(data, tmp_path / "p.jsonl", u="Horror", v="Comedy", w="Crime")
    fair = ProfileKNN(encoder=WORDS, profiles=file).fit(data)
    shuffled = ProfileKNN(encoder=WORDS, profiles=file, shuffled=True).fit(data)
    assert sorted(shuffled.people_.values()) == sorted(fair.people_.values())
    assert all(shuffled.people_[user] != fair.people_[user] for user in "uvw")
    counted = ProfileKNN(encoder=WORDS, shuffled=True).fit(data)
    assert set(counted.people_) == set("uvw")
    stranger = Query(user_id="x", history=as_events(["a"]))
    assert counted._told(QueryBatch.of([stranger]))[0] in counted.people_.values()


def test_new_items_leave_profiles_as_they_were() -> None:
    model = ProfileKNN(encoder=WORDS).fit(cinema())
    query = QueryBatch.of([Query(history=as_events(["a", "c"]))])
    before = model._told(query)
    new = pl.DataFrame({"item_id": ["n"], "title": ["Jaws"], "categories": [["Horror", "Sea"]]})
    model.extend(items=Catalogue(new))
    assert model._told(query) == before
    assert model._told(QueryBatch.of([Query(history=as_events(["n"]))]))[0][0].startswith("Sea")
    assert "n" in model.recommend(history=["a"], k=2).items()


@pytest.mark.parametrize("kind", ["counts-text-and-profiles", "hybrid"])
def test_a_fusion_hears_profiles_too(kind: str) -> None:
    split = leave_one_out(small_shop())
    profile = ProfileKNN(encoder=WORDS)
    model = (
        make_model(kind, sources={"profile-knn": profile})
        if kind == "counts-text-and-profiles"
        else Hybrid({"profile-knn": profile, "popularity": make_model("popularity")})
    )
    assert isinstance(model, CountsTextAndProfiles | Hybrid)
    model.fit(split.train, split.valid)
    assert "profile-knn" in model.sources
    assert model.recommend(history=["i001"], k=3).items()
