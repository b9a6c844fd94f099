"""Nearest neighbours by vectors of texts."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import polars as pl
import pytest

from tastemaker.core.errors import DataError
from tastemaker.core.query import Query, QueryBatch, as_events
from tastemaker.data import Catalogue, Dataset, leave_one_out
from tastemaker.language.encoders import encode_cached, make_encoder
from tastemaker.language.texts import item_texts
from tastemaker.models import CountsTextAndVectors, EmbeddingKNN, FusionWithVectors, load_model, make_model
from tastemaker.models.refit import unfitted_copy
from tastemaker.testing import small_shop

TITLES = {
    "a": "red apple",
    "b": "red pear",
    "c": "green apple",
    "d": "blue boat",
    "e": "blue ship of the sea",
    "f": "",
}
WORDS = {"name": "tfidf-svd", "min_texts": 1}


def shop(titles: dict[str, str] | None = None) -> Dataset:
    titles = titles or TITLES
    log = pl.DataFrame({"user_id": ["u"] * 5, "item_id": list(titles)[:5], "timestamp": range(5)})
    return Dataset.of(log, pl.DataFrame({"item_id": list(titles), "title": list(titles.values())}))


def scores(model: EmbeddingKNN, query: Query, items: list[str]) -> np.ndarray:
    return np.asarray(model.score_candidates(QueryBatch.of([query]), items)[0])


def test_scores_are_cosines_of_the_encoders_vectors_by_age() -> None:
    data = shop()
    model = EmbeddingKNN(encoder="random", whiten=False, age_decay="1/a", interests=1).fit(data)
    vectors = make_encoder("random").encode(item_texts(data.catalogue, list(TITLES)))
    expected = vectors @ (vectors[1] + vectors[0] / 2)  # "b" is the latest
    found = scores(model, Query(history=as_events(["a", "b"])), list(TITLES))
    assert found == pytest.approx(expected, abs=1e-4)


def test_several_interests_are_not_averaged() -> None:
    query = Query(history=as_events(["a", "d"]))
    one = EmbeddingKNN(encoder=WORDS, age_decay="uniform", interests=1).fit(shop())
    two = EmbeddingKNN(encoder=WORDS, age_decay="uniform", interests=2).fit(shop())
    apples = scores(one, Query(history=as_events(["a"])), ["b", "c"])
    assert scores(two, query, ["b", "c"]) == pytest.approx(apples, abs=1e-4)
    assert two.settings_["interests"] == 2


@pytest.mark.parametrize("interests", [1, 3])
@pytest.mark.parametrize("whiten", [False, True])
def test_the_parts_sum_to_the_score(interests: int, whiten: bool) -> None:
    model = EmbeddingKNN(encoder=WORDS, age_decay="0.8^(a-1)", interests=interests, whiten=whiten).fit(shop())
    query = Query(history=as_events(["a", "d"]), text="green pear", disliked=("e",))
    for item in TITLES:
        found = model.explain(query, item)
        assert found.additive
        assert sum(part.amount for part in found.parts) == pytest.approx(found.score)
        assert found.score == pytest.approx(scores(model, query, [item])[0], abs=1e-4)
    assert {part.kind for part in found.parts} == {"item", "text", "popularity"}


def test_words_alone_find_what_they_say() -> None:
    model = EmbeddingKNN(encoder=WORDS).fit(shop())
    assert model.recommend(history=[], text="a ship on the sea", k=1).items() == ["e"]
    assert model.recommend(history=[], text="zzz", k=1).degraded


def test_what_is_disliked_counts_against_what_is_near_it() -> None:
    for interests in (1, 2):
        model = EmbeddingKNN(encoder=WORDS, interests=interests).fit(shop())
        liked = Query(history=as_events(["a"]))
        both = Query(history=as_events(["a"]), disliked=("d",))
        assert scores(model, both, ["e"])[0] < scores(model, liked, ["e"])[0] - 0.1


def test_the_better_known_of_two_equal_items_comes_first() -> None:
    titles = {"x": "red apple", "y": "green pear", "known": "red pear", "unknown": "red pear"}
    log = pl.DataFrame({"user_id": ["u", "u", "v"], "item_id": ["x", "known", "y"]})
    data = Dataset.of(log, pl.DataFrame({"item_id": list(titles), "title": list(titles.values())}))
    model = EmbeddingKNN(encoder=WORDS).fit(data)
    assert model.recommend(history=["x", "y"], k=2).items() == ["known", "unknown"]


def test_new_items_are_encoded_and_survive_the_folder(tmp_path: Path) -> None:
    model = EmbeddingKNN(encoder=WORDS).fit(shop())
    model.extend(items=Catalogue(pl.DataFrame({"item_id": ["new", "bare"], "title": ["blue boat", None]})))
    model.save(tmp_path / "model")
    again = load_model(tmp_path / "model")
    assert isinstance(again, EmbeddingKNN)
    assert again.recommend(history=["d"], k=1).items() == ["new"]
    assert again.recommend(history=[], text="green apple", k=1).items() == ["c"]
    again.extend(items=Catalogue(pl.DataFrame({"item_id": ["newer"], "title": ["green apple"]})))
    assert again.recommend(history=["c"], k=1).items() == ["newer"]


def test_an_encoder_learns_from_items_in_training_alone() -> None:
    data = shop()  # "f" was never touched
    unseen = Dataset.of(
        data.interactions, pl.concat([data.catalogue.frame, pl.DataFrame({"item_id": ["g"], "title": ["yellow sun"]})])
    )
    before, after = EmbeddingKNN(encoder=WORDS).fit(data), EmbeddingKNN(encoder=WORDS).fit(unseen)
    assert before._texts_of.encoder.fingerprint == after._texts_of.encoder.fingerprint
    assert (after.vectors_[after.items_.index(["g"])[0]] == 0).all()


def test_choices_are_made_on_validation_and_kept_in_a_copy() -> None:
    split = leave_one_out(small_shop())
    model = EmbeddingKNN(encoder=WORDS).fit(split.train, split.valid)
    assert model.settings_tried_ == 2 + 4 + 2
    assert None not in model.settings_.values()
    copy = unfitted_copy(model)
    assert isinstance(copy, EmbeddingKNN)
    assert copy.settings() == model.settings_
    assert (copy.fit(split.train).vectors_ == model.vectors_).all()


def test_an_encoder_may_be_given_as_it_is(tmp_path: Path) -> None:
    model = EmbeddingKNN(encoder=make_encoder({"name": "random", "dim": 16})).fit(shop())
    assert model.settings_["encoder"] == {"name": "random", "dim": 16, "seed": 0}
    model.save(tmp_path / "model")
    assert load_model(tmp_path / "model").settings() == model.settings()


def test_a_catalogue_without_words_is_refused() -> None:
    with pytest.raises(DataError, match="no words"):
        EmbeddingKNN(encoder="random").fit(shop(dict.fromkeys("abcdef", "")))


def test_a_template_says_what_is_read() -> None:
    catalogue = pl.DataFrame({"item_id": ["a", "b"], "title": ["one", "two"], "brand": ["same", "same"]})
    data = Dataset.of(pl.DataFrame({"user_id": ["u", "u"], "item_id": ["a", "b"]}), catalogue)
    model = EmbeddingKNN(encoder="random", template="{brand}").fit(data)
    assert model.vectors_[0] == pytest.approx(model.vectors_[1])
    texts = item_texts(data.catalogue, ["a"], "{brand}")
    assert model.vectors_[0] == pytest.approx(encode_cached(make_encoder("random"), texts)[0], abs=1e-6)


@pytest.mark.parametrize(
    ("name", "kind"), [("counts-text-and-vectors", CountsTextAndVectors), ("fusion-with-vectors", FusionWithVectors)]
)
def test_a_fusion_hears_vectors_too(name: str, kind: type) -> None:
    split = leave_one_out(small_shop())
    model = make_model(name, {"embedding-knn": {"encoder": WORDS}})
    assert isinstance(model, kind)
    model.fit(split.train, split.valid)
    assert "embedding-knn" in model.sources  # type: ignore[attr-defined]
    assert model.capabilities.cold_items
