"""AlphaRec: its gradients, who gets which vector, words, new items, and another catalogue."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import polars as pl
import pytest
from scipy import sparse

from tastemaker.blocks.graph import normalised, propagate
from tastemaker.core.errors import ModelError
from tastemaker.core.query import Query, QueryBatch, as_events
from tastemaker.data import Catalogue, Dataset, joined, leave_one_out
from tastemaker.models import AlphaRec, load_model
from tastemaker.models.alpharec_training import Training
from tastemaker.models.contrastive import directions, mapped, start
from tastemaker.models.item_to_item import interaction_matrix
from tastemaker.models.refit import unfitted_copy
from tastemaker.testing import small_shop

WORDS = {"name": "tfidf-svd", "min_texts": 1}
CHOSEN = {
    "layers": 2,
    "temperature": 0.2,
    "negatives": 4,
    "batch_size": 8,
    "learning_rate": 0.01,
    "weight_decay": 0.0,
}


def fitted(**chosen: Any) -> AlphaRec:
    return AlphaRec(**{"encoder": WORDS, "epochs": 3, "age_decay": "uniform", **chosen}).fit(small_shop())


def training(hidden: int, seed: int = 0) -> tuple[Training, list[np.ndarray]]:
    rng = np.random.default_rng(seed)
    touched = sparse.csr_array((rng.random((6, 5)) < 0.5).astype(np.float32))
    weights = [part.astype(np.float64) for part in start(4, 3, hidden, rng)]
    people, items = rng.standard_normal((6, 4)), rng.standard_normal((5, 4))
    return Training(touched, people, items, weights, CHOSEN, rng), weights


WHO, WHAT, OTHERS = (np.asarray(each) for each in ([0, 1, 1, 5], [0, 2, 3, 2], [1, 4, 2]))


@pytest.mark.parametrize("hidden", [0, 4])
def test_gradients_are_those_of_the_loss(hidden: int) -> None:
    work, weights = training(hidden)
    _, gradients = work.loss(WHO, WHAT, OTHERS)
    for part, slopes in zip(weights, gradients, strict=True):
        for place in np.ndindex(part.shape):
            kept, step = part[place], 1e-6
            part[place] = kept + step
            above = work.loss(WHO, WHAT, OTHERS)[0]
            part[place] = kept - step
            below = work.loss(WHO, WHAT, OTHERS)[0]
            part[place] = kept
            assert slopes[place] == pytest.approx((above - below) / (2 * step), abs=1e-6)


@pytest.mark.needs_extra("torch")
@pytest.mark.parametrize("hidden", [0, 4])
def test_gradients_agree_with_autograd(hidden: int) -> None:
    import torch
    from torch.nn.functional import leaky_relu, normalize

    rng = np.random.default_rng(0)
    touched = sparse.csr_array((rng.random((6, 5)) < 0.5).astype(np.float32))
    weights = [part.astype(np.float64) for part in start(4, 3, hidden, rng)]
    people, items = rng.standard_normal((6, 4)), rng.standard_normal((5, 4))
    loss, gradients = Training(touched, people, items, weights, CHOSEN, rng).loss(WHO, WHAT, OTHERS)

    theirs = [torch.tensor(part, requires_grad=True) for part in weights]
    out = torch.tensor(np.concatenate([people, items])) @ theirs[0]
    if hidden:
        out = leaky_relu(out + theirs[1]) @ theirs[2] + theirs[3]
    graph = torch.tensor(normalised(touched).toarray().astype(np.float64))
    whole = torch.zeros(11, 11, dtype=torch.float64)
    whole[:6, 6:], whole[6:, :6] = graph, graph.T
    there = normalize((out + whole @ out + whole @ whole @ out) / 3)
    a, f, o = there[WHO], there[6 + WHAT], there[6 + OTHERS]
    logits = torch.cat([(a * f).sum(1, keepdim=True), a @ o.T], dim=1) / 0.2
    expected = -torch.log_softmax(logits, dim=1)[:, 0].mean()
    expected.backward()  # type: ignore[no-untyped-call]
    assert loss == pytest.approx(expected.item(), abs=1e-6)
    for ours, their in zip(gradients, theirs, strict=True):
        assert their.grad is not None
        assert ours == pytest.approx(their.grad.numpy(), abs=1e-6)


@pytest.mark.parametrize("hidden", [0, 16])
@pytest.mark.parametrize("layers", [0, 1, 2, 3])
def test_who_was_there_with_the_same_history_gets_the_vector_they_had(layers: int, hidden: int) -> None:
    data, model = small_shop(), fitted(layers=layers, hidden=hidden)
    touched = interaction_matrix(data)
    means = (touched / touched.sum(axis=1)[:, None]) @ model.vectors_
    inside = mapped(model.map_, np.asarray(means)), mapped(model.map_, model.vectors_)
    people, items = propagate(normalised(touched), *inside, layers)
    asked = model.user_vectors(data.histories(list(data.sequences.user_ids)))
    assert asked == pytest.approx(people, abs=1e-5)
    assert model.item_factors_ == pytest.approx(directions(items), abs=1e-5)


def test_a_repeated_item_counts_once_as_in_the_graph() -> None:
    model = fitted()
    once, twice = (
        model.user_vectors(QueryBatch.of([Query(history=as_events(history))]))
        for history in (["i003", "i001"], ["i001", "i003", "i001"])
    )
    assert once == pytest.approx(twice, abs=1e-6)


def test_a_history_may_age() -> None:
    model = fitted(age_decay="1/a^2")
    near, far = (
        model.user_vectors(QueryBatch.of([Query(history=as_events(history))])) for history in (["i001"], ["i002"])
    )
    late = model.user_vectors(QueryBatch.of([Query(history=as_events(["i002", "i001"]))]))
    of_near, of_far = (float((directions(late) @ directions(each).T)[0, 0]) for each in (near, far))
    assert of_near > of_far


def test_an_unknown_decay_is_told() -> None:
    with pytest.raises(ModelError, match=r"no age decay '1/b'\. Did you mean '1/a'"):
        fitted(age_decay="1/b").recommend(history=["i001"])


@pytest.mark.parametrize("hidden", [0, 16])
def test_the_parts_sum_to_the_score(hidden: int) -> None:
    model = fitted(hidden=hidden)
    query = Query(history=as_events(["i001", "i004"]), text="music violin", disliked=("i007",))
    for item in ("i002", "i010", "i032"):
        found = model.explain(query, item)
        assert sum(part.amount for part in found.parts) == pytest.approx(found.score)
        score = float(model.score_candidates(QueryBatch.of([query]), [item])[0, 0])
        assert found.score == pytest.approx(score, abs=1e-4)
    assert {"item", "popularity"} <= {part.kind for part in found.parts}


def test_words_move_a_person_as_far_as_they_are_let() -> None:
    def liking(share: float) -> float:
        model = fitted(layers=0, text_share=share)
        query = Query(history=as_events(["i000", "i003"]), text="music")
        return float(model.score_candidates(QueryBatch.of([query]), ["i002"])[0, 0])

    assert liking(0.0) < liking(0.5) < liking(1.0)


def test_words_alone_are_enough() -> None:
    model = fitted()
    found = model.recommend(history=[], text="kitchen oven", k=5)
    titles = [small_shop().catalogue.title(item) for item in found.items()]
    assert all("Kitchen" in title or "oven" in title for title in titles)
    assert model.recommend(history=[], text="zzz", k=3).degraded


@pytest.mark.parametrize("hidden", [0, 16])
def test_nobody_in_particular_gets_what_is_popular(hidden: int) -> None:
    model = fitted(hidden=hidden)
    best = model.recommend(history=[], k=3).items()
    assert model.popularity_[model.items_.index(best)].tolist() == sorted(model.popularity_)[::-1][:3]


def test_a_new_item_stands_where_its_words_put_it(tmp_path: Path) -> None:
    model = fitted()
    words = small_shop().catalogue.item("i030")  # in the catalogue, and never touched
    new = {"item_id": "new", "title": words["title"], "categories": words["categories"]}
    model.extend(items=Catalogue(pl.DataFrame([new])))
    model.save(tmp_path / "model")
    again = load_model(tmp_path / "model")
    assert isinstance(again, AlphaRec)
    untouched, added = again.items_.index(["i030", "new"])
    assert again.item_factors_[added] == pytest.approx(again.item_factors_[untouched], abs=1e-6)
    assert again.handed_on_[added] == pytest.approx(again.handed_on_[untouched], abs=1e-6)


def test_learning_lowers_the_loss_and_finds_taste() -> None:
    split = leave_one_out(small_shop(users=120))
    touched = interaction_matrix(split.train)
    rng = np.random.default_rng(0)
    model = AlphaRec(encoder=WORDS, epochs=1).fit(split.train)
    weights = start(model.vectors_.shape[1], 16, 0, rng)
    means = np.asarray((touched / touched.sum(axis=1)[:, None]) @ model.vectors_)
    work = Training(touched, means, model.vectors_, weights, CHOSEN, rng)
    losses = [work.epoch() for _ in range(8)]
    assert losses[-1] < losses[0]


def test_it_stops_where_validation_is_best_and_a_copy_repeats_it() -> None:
    split = leave_one_out(small_shop(users=60))
    model = AlphaRec(encoder=WORDS, patience=2).fit(split.train, split.valid)
    assert 1 <= model.settings_["epochs"] <= 100
    assert model.settings_tried_ >= model.settings_["epochs"] + 5
    copy = unfitted_copy(model)
    assert copy.settings() == model.settings_
    assert copy.fit(split.train).item_factors_ == pytest.approx(model.item_factors_, abs=1e-6)  # type: ignore[attr-defined]


def test_two_catalogues_teach_a_third(tmp_path: Path) -> None:
    first, second = small_shop(seed=1), small_shop(seed=2)
    both = joined([first, Dataset.of(second.interactions, second.catalogue, name="another")])
    there = small_shop(seed=3)
    teacher = AlphaRec(encoder=WORDS, epochs=3).fit(both)
    model = teacher.transfer(there)
    assert model.provenance_.fingerprint == there.fingerprint
    assert model.provenance_.others == ("small-shop + another",)
    assert list(model.item_ids) == list(there.items.ids)
    assert all((mine == theirs).all() for mine, theirs in zip(model.map_, teacher.map_, strict=True))
    expected = AlphaRec(encoder=WORDS, epochs=3).fit(there)
    assert (model.popularity_ == expected.popularity_).all()
    model.save(tmp_path / "model")
    again = load_model(tmp_path / "model")
    assert again.provenance_.others == model.provenance_.others
    history = there.history("u000")[:4]
    assert again.recommend(history=history, k=5).items() == model.recommend(history=history, k=5).items()
