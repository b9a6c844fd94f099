"""The system KALM4Rec: its controls are controls, and its rows run on tagged data."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import polars as pl
import pytest

from tastemaker.core.query import Query, QueryBatch
from tastemaker.data import Dataset, Interactions, Relations, keyword_user, write_folder
from tastemaker.evaluation import compare
from tastemaker.models import KALM4Rec, make_models
from tastemaker.systems.kalm4rec import (
    CELLS,
    QUICK,
    ROWS,
    SYSTEM,
    KeywordBM25,
    KeywordJaccard,
    ShuffledKeywords,
    described_by_keywords,
)
from tastemaker.systems.reproduction import Bench, run_cell

KINDS = ("sea", "war", "love")


def world(people: int = 90, items: int = 60) -> Dataset:
    """People of three tastes, who tag what they like of their own kind with its name, and with a word of their own."""
    rng = np.random.default_rng(4)
    rows, tags = [], []
    for user in range(people):
        own = 3 * rng.permutation(items // 3)[:8] + user % 3
        for step, item in enumerate(own.tolist()):
            rows.append((f"u{user}", f"i{item}", 1_000_000 + 86_400 * step))
            tags.append((f"i{item}", "has_tag", KINDS[user % 3], f"u{user}"))
        tags.append((f"i{own[0]}", "has_tag", f"mine {user}", f"u{user}"))
    events = pl.DataFrame(rows, schema=["user_id", "item_id", "timestamp"], orient="row")
    given = pl.DataFrame(tags, schema=["head", "relation", "tail", "user_id"], orient="row")
    catalogue = pl.DataFrame({"item_id": [f"i{item}" for item in range(items)]})
    return Dataset.of(Interactions.from_frame(events), catalogue, relations=Relations(given), name="tagged")


@pytest.fixture(scope="module")
def tagged() -> Dataset:
    return world()


def test_messages_find_what_popularity_and_shuffled_keywords_do_not(tagged: Dataset) -> None:
    split = keyword_user(tagged, keywords=2, valid=0.2, test=0.4)
    models: dict[str, Any] = {
        **make_models(["popularity", "sequential-rules"]),
        "kalm4rec": KALM4Rec(neighbours=0),
        "jaccard": KeywordJaccard(),
        "bm25": KeywordBM25(),
        "shuffled": ShuffledKeywords(neighbours=0),
    }
    found = compare(models, split, ks=(20,), replicates=100)
    recall = {row.model: row.metrics["recall@20"].value for row in found.rows}
    # Twenty items are of each kind, and nearly all of them have a tag of somebody in training.
    assert min(recall["kalm4rec"], recall["jaccard"], recall["bm25"]) > 0.9
    assert max(recall["popularity"], recall["shuffled"]) < 0.6


def test_jaccard_is_what_both_have_over_what_either_has(tagged: Dataset) -> None:
    model = KeywordJaccard().fit(tagged)
    batch = QueryBatch.of([Query(text="sea, unheard of", history=())])
    own = {"sea"}
    item = str(tagged.items.ids[0])
    assert tagged.relations is not None
    facts = tagged.relations.frame
    has = set(facts.filter(facts["head"] == item)["tail"])
    expected = len(own & has) / len({*own, "unheard of"} | has)
    assert model.score(batch)[0][0] == pytest.approx(expected, abs=1e-5)


def test_items_described_by_keywords_have_no_other_words(tagged: Dataset) -> None:
    named = replace(tagged, catalogue=type(tagged.catalogue)(tagged.catalogue.frame.with_columns(title=pl.lit("x"))))
    plain, repeated = described_by_keywords(named), described_by_keywords(named, repeats=2, most=1)
    assert plain.catalogue.frame.columns == ["item_id", "text"]
    assert plain.fingerprint == tagged.fingerprint
    assert set(repeated.catalogue.frame["text"]) <= {"", *KINDS, *(f"{kind}, {kind}" for kind in KINDS)} | {
        text for text in repeated.catalogue.frame["text"] if text.startswith("mine")
    }


def test_every_expectation_is_about_rows_that_there_are() -> None:
    assert [cell.budget for cell in SYSTEM.cells] == ["quick"] + ["full"] * len(CELLS)
    for cell in SYSTEM.cells:
        for each in cell.expectations:
            assert each.model in cell.names
            assert getattr(each, "other", "popularity") in cell.names
    controls = {"kalm4rec-random-neighbours", "kalm4rec-shuffled-keywords"}
    assert controls <= set(ROWS)


def test_the_quick_cell_runs_on_tagged_data(tagged: Dataset, tmp_path: Path) -> None:
    write_folder(tagged, tmp_path / "tagged")
    cell = replace(QUICK, setting=replace(QUICK.setting, source=str(tmp_path / "tagged")))
    outcome = run_cell(SYSTEM, cell, Bench(tmp_path / "out", work=tmp_path / "work"))
    assert outcome.status == "measured", outcome.reason
    assert outcome.record is not None
    assert [row.status for row in outcome.record.comparison.rows] == ["ok"] * len(QUICK.models)
    assert outcome.record.comparison.protocol == "keyword-user"
