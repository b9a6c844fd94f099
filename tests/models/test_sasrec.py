"""SASRec learns order, answers without torch as with it, and can be broken off."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path
from typing import Any

import numpy as np
import polars as pl
import pytest

from tastemaker.core.errors import AssetError, ModelError
from tastemaker.core.query import Event, Query, QueryBatch, as_events
from tastemaker.core.run import Run
from tastemaker.data import Catalogue, leave_one_out
from tastemaker.data.dataset import Dataset
from tastemaker.data.interactions import Interactions
from tastemaker.models import sasrec
from tastemaker.models.sasrec import LOSSES, SASRec, decided
from tastemaker.models.sequence_inference import Transformer
from tastemaker.models.text_vectors import TextVectors

pytestmark = pytest.mark.needs_extra("torch")
torch = pytest.importorskip("torch")

SMALL: dict[str, Any] = {
    "dimensions": 16,
    "epochs": 20,
    "dropout": 0.1,
    "max_length": 12,
    "learning_rate": 0.01,
    "batch_events": 200,
}


def rounds(people: int = 60, items: int = 12, length: int = 10) -> Dataset:
    """Return people who go round a ring of items, each from a start of their own."""
    rng = np.random.default_rng(0)
    starts = rng.integers(0, items, people)
    rows = [
        (f"u{person}", f"i{(starts[person] + step) % items}", 1_500_000_000 + step)
        for person in range(people)
        for step in range(length)
    ]
    frame = pl.DataFrame(rows, schema=["user_id", "item_id", "timestamp"], orient="row")
    return Dataset.of(Interactions.from_frame(frame), name="rounds")


RING = rounds()


@pytest.mark.parametrize("layout", ["sasrec", "ligr"])
def test_it_learns_what_follows(layout: str) -> None:
    model = SASRec(**SMALL, layout=layout, blocks=2, heads=2).fit(RING)
    for last in range(12):
        history = [f"i{(last - 2) % 12}", f"i{(last - 1) % 12}", f"i{last}"]
        assert model.recommend(history=history, k=1).items() == [f"i{(last + 1) % 12}"]


@pytest.mark.parametrize("loss", LOSSES)
def test_every_loss_learns_it_more_or_less(loss: str) -> None:
    epochs = 60 if loss in ("bce", "gbce") else 20
    model = SASRec(**{**SMALL, "epochs": epochs}, loss=loss, negatives=6).fit(RING)
    found = [model.recommend(history=[f"i{last}"], k=2).items() for last in range(12)]
    assert sum(f"i{(last + 1) % 12}" in answer for last, answer in enumerate(found)) >= 10


@pytest.mark.parametrize("layout", ["sasrec", "ligr"])
@pytest.mark.parametrize("blocks", [0, 1, 3])
def test_numpy_gives_the_states_of_torch(layout: Any, blocks: int) -> None:
    from tastemaker.blocks.sequence import CausalTransformer

    torch.manual_seed(0)
    trunk = CausalTransformer(12, blocks, 3, 20, 0.2, 9, layout).eval()
    for each in trunk.parameters():
        torch.nn.init.normal_(each, std=0.5)
    x, lengths = torch.randn(7, 9, 12), np.array([1, 9, 3, 5, 9, 2, 7])
    weights = {name: value.numpy() for name, value in trunk.state_dict().items()}
    with torch.no_grad():
        theirs = trunk(x)[torch.arange(7), torch.from_numpy(lengths - 1)].numpy()
    found = Transformer(weights, heads=3).last_states(x.numpy(), lengths)
    np.testing.assert_allclose(found, theirs, atol=1e-4)


def test_only_the_latest_events_are_read_and_dislikes_are_not() -> None:
    model = SASRec(**{**SMALL, "max_length": 3, "epochs": 5}).fit(RING)
    events = [f"i{number}" for number in (0, 1, 2, 3, 4, 5)]
    whole, latest = model.recommend(history=events, k=3), model.recommend(history=events[-3:], k=9)
    assert [item for item in latest.items() if item not in events][:3] == whole.items()
    disliked = Query(history=as_events(["i3", Event("i9", "dislike"), "i4", "i5"]))
    plain = Query(history=as_events(["i3", "i4", "i5"]))
    with_it, without = (model.score(QueryBatch.of([query])) for query in (disliked, plain))
    np.testing.assert_allclose(with_it, without, rtol=1e-5)


def test_it_is_the_same_after_an_interruption(tmp_path: Path) -> None:
    class Interrupting:
        left = 25

        def start(self, description: str, total: int | None) -> Any:
            return self.count

        def count(self, units: int) -> None:
            self.left -= units
            if self.left < 0:
                raise KeyboardInterrupt

        def describe(self, advance: Any, description: str) -> None:
            """Nothing to show."""

        def finish(self, advance: Any) -> None:
            """Nothing to close."""

    split = leave_one_out(RING)
    settings = {**SMALL, "epochs": 12, "patience": 12}
    with pytest.raises(KeyboardInterrupt):
        SASRec(**settings).fit(split.train, split.valid, run=Run(progress=Interrupting(), output=tmp_path))
    assert list(tmp_path.iterdir())
    resumed = SASRec(**settings).fit(split.train, split.valid, run=Run(output=tmp_path))
    straight = SASRec(**settings).fit(split.train, split.valid, run=Run())
    np.testing.assert_array_equal(resumed.item_factors_, straight.item_factors_)
    for name in ("loss", "value"):
        assert [entry[name] for entry in resumed.training_] == [entry[name] for entry in straight.training_]


def test_a_saved_model_answers_without_torch(tmp_path: Path) -> None:
    model = SASRec(**{**SMALL, "epochs": 5}).fit(RING)
    model.save(tmp_path / "model")
    program = (
        "import sys; from tastemaker.models.sasrec import SASRec; model = SASRec.load(sys.argv[1]);"
        "print(*model.recommend(history=['i3', 'i4'], k=3).items()); assert 'torch' not in sys.modules"
    )
    done = subprocess.run(
        [sys.executable, "-c", program, str(tmp_path / "model")], capture_output=True, text=True, check=False
    )
    assert done.returncode == 0, done.stderr
    assert done.stdout.split() == model.recommend(history=["i3", "i4"], k=3).items()


def described() -> Dataset:
    """Return the ring with texts, and an item that nobody has touched and that reads like ``i5``."""
    names = ["amber", "birch", "cedar", "delta", "ember", "fjord", "grove", "haven", "iris", "jade", "karst", "lotus"]
    titles = {f"i{number}": f"{name} {name}" for number, name in enumerate(names)} | {"new": "fjord fjord"}
    catalogue = pl.DataFrame({"item_id": list(titles), "title": list(titles.values())})
    return Dataset.of(RING.interactions, Catalogue(catalogue), name="rounds")


TEXT: dict[str, Any] = {**SMALL, "encoder": {"name": "tfidf-svd", "dim": 12, "min_texts": 1}, "id_dropout": 0.5}


@pytest.mark.parametrize(("items", "projector"), [("text", 0), ("text", 24), ("both", 0)])
def test_an_item_that_nobody_has_touched_has_the_vector_of_its_text(items: str, projector: int) -> None:
    model = SASRec(**TEXT, items=items, projector=projector).fit(described())
    assert model.capabilities.cold_items
    assert set(model.recommend(history=["i3", "i4"], k=2).items()) == {"i5", "new"}
    grown = model.extend(Catalogue(pl.DataFrame({"item_id": ["newer"], "title": ["fjord fjord"]})))
    assert set(grown.recommend(history=["i3", "i4"], k=3).items()) == {"i5", "new", "newer"}


def test_the_texts_are_saved_with_it(tmp_path: Path) -> None:
    model = SASRec(**{**TEXT, "epochs": 3}, items="both").fit(described())
    model.save(tmp_path / "model")
    back = SASRec.load(tmp_path / "model")
    np.testing.assert_array_equal(back.item_factors_, model.item_factors_)
    new = Catalogue(pl.DataFrame({"item_id": ["newer"], "title": ["jade jade"]}))
    np.testing.assert_allclose(back.extend(new).item_factors_[-1], model.extend(new).item_factors_[-1], rtol=1e-5)


def test_events_of_more_weight_are_learnt_first() -> None:
    rows = [(f"u{person}", item, step, 1.0) for person in range(30) for step, item in enumerate(("a", "b"))]
    rows += [(f"v{person}", item, step, 9.0) for person in range(10) for step, item in enumerate(("a", "c"))]
    frame = pl.DataFrame(rows, schema=["user_id", "item_id", "timestamp", "weight"], orient="row")
    model = SASRec(**SMALL).fit(Dataset.of(Interactions.from_frame(frame)))
    assert model.recommend(history=["a"], k=1).items() == ["c"]


@pytest.mark.parametrize(
    ("settings", "said"),
    [
        ({"loss": "sofmax"}, "no loss 'sofmax'"),
        ({"layout": "gpt"}, "no layout 'gpt'"),
        ({"heads": 3}, "3 heads do not divide 64"),
        ({"dropout": 1.0}, "dropout from 0 to below 1"),
        ({"epochs": 0}, "epochs is 0"),
        ({"items": "titles"}, "items cannot be made of 'titles'"),
    ],
)
def test_settings_out_of_range_are_named(settings: dict[str, Any], said: str) -> None:
    with pytest.raises(ModelError, match=said):
        SASRec(**settings).fit(RING)


def test_what_is_left_open_is_decided_by_the_data(monkeypatch: pytest.MonkeyPatch) -> None:
    short = decided(SASRec().settings(), RING)
    assert {name: short[name] for name in ("blocks", "dropout", "max_length", "loss", "batch_events", "items")} == {
        "blocks": 1,
        "dropout": 0.4,
        "max_length": 50,
        "loss": "softmax",
        "batch_events": 1000,
        "items": "ids",
    }
    long = decided(SASRec().settings(), rounds(people=4, length=60))
    assert (long["blocks"], long["dropout"], long["max_length"], long["batch_events"]) == (2, 0.2, 200, 4000)
    monkeypatch.setattr(sasrec, "_FEW_ITEMS", 11)
    assert decided(SASRec().settings(), RING)["loss"] == "sampled"
    assert decided(SASRec().settings(), described())["items"] == "both"
    given = decided(SASRec(blocks=3, dropout=0.0, items="text", loss="bce").settings(), described())
    assert (given["blocks"], given["dropout"], given["items"], given["loss"]) == (3, 0.0, "text", "bce")


def test_without_its_encoder_ids_have_to_do_unless_texts_were_asked_for(monkeypatch: pytest.MonkeyPatch) -> None:
    def gone(*given: object) -> TextVectors:
        raise AssetError("all-minilm-l6-v2 cannot be fetched")

    monkeypatch.setattr(TextVectors, "of", gone)
    said: list[str] = []
    model = SASRec(**{**SMALL, "items": None, "epochs": 1}).fit(described(), run=Run(notify=said.append))
    assert model.settings_["items"] == "ids"
    assert not model.capabilities.cold_items
    assert "reads no texts" in said[0]
    with pytest.raises(AssetError):
        SASRec(**{**SMALL, "items": "both", "epochs": 1}).fit(described())


def test_few_items_are_scored_by_themselves_as_they_are_among_all() -> None:
    ring = rounds(items=40)
    model = SASRec(**{**SMALL, "epochs": 5}).fit(ring)
    history = ["i3", "i4", "i5"]
    everything = model.recommend(history=history, k=40)
    given = dict(zip(everything.items(), everything.scores().tolist(), strict=True))
    for few in (["i6", "i9", "i30", "i1"], ["i7"], ["i3", "i8"]):
        best = sorted((item for item in few if item not in history), key=lambda item: -given[item])
        found = model.recommend(history=history, k=3, allowed=few)
        assert found.items() == best[:3]
        np.testing.assert_allclose(found.scores(), [given[item] for item in best[:3]], rtol=1e-5)


def test_items_that_come_later_are_known_to_a_twin_alone() -> None:
    model = SASRec(**{**SMALL, "epochs": 2}).fit(RING)
    asked = QueryBatch.of([Query(history=as_events(["i3", "new", "i4"]))])
    before = model.score(asked)
    twin = model.twin().extend(Catalogue.of_ids(["new"]))
    assert twin.score(asked).shape[1] == before.shape[1] + 1
    np.testing.assert_array_equal(model.score(asked), before)
    assert not np.allclose(twin.user_vectors(asked), model.user_vectors(asked))
