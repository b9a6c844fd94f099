"""Lists of RecTools and of implicit for our queries, and their own metrics of them; run by ``parity.py``.

It runs in an environment that has both libraries and pyarrow, and knows nothing of Tastemaker.
"""

from __future__ import annotations

import json
import sys
from importlib import metadata
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
from implicit.als import AlternatingLeastSquares
from implicit.evaluation import ranking_metrics_at_k
from implicit.nearest_neighbours import TFIDFRecommender
from rectools import Columns
from rectools.dataset import Dataset
from rectools.metrics import MAP, MRR, NDCG, CatalogCoverage, HitRate, MeanInvUserFreq, Precision, Recall, calc_metrics
from rectools.models import ImplicitItemKNNWrapperModel
from scipy import sparse

KS = (5, 10)


def by_rectools(known: pd.DataFrame, test: pd.DataFrame, train: pd.DataFrame, items: Any, folder: Path) -> Any:
    """Write lists of an item-based model as CSV; return RecTools' metrics of them."""
    dataset = Dataset.construct(known.assign(weight=1.0, datetime="2000-01-01"))
    model = ImplicitItemKNNWrapperModel(TFIDFRecommender(K=50)).fit(dataset)
    lists = model.recommend(test[Columns.User].unique(), dataset, k=max(KS), filter_viewed=True)
    lists.to_csv(folder / "rectools.csv", index=False)
    metrics: dict[str, Any] = {}
    for k in KS:
        metrics |= {
            f"Precision@{k}": Precision(k=k),
            f"Precision(r_precision=True)@{k}": Precision(k=k, r_precision=True),
            f"Recall@{k}": Recall(k=k),
            f"HitRate@{k}": HitRate(k=k),
            f"MRR@{k}": MRR(k=k),
            f"MAP@{k}": MAP(k=k),
            f"MAP(divide_by_k=True)@{k}": MAP(k=k, divide_by_k=True),
            f"NDCG@{k}": NDCG(k=k),
            f"NDCG(divide_by_achievable=True)@{k}": NDCG(k=k, divide_by_achievable=True),
            f"MeanInvUserFreq@{k}": MeanInvUserFreq(k=k),
            f"CatalogCoverage(normalize=True)@{k}": CatalogCoverage(k=k, normalize=True),
        }
    return calc_metrics(metrics, lists, test, prev_interactions=train, catalog=items)


def by_implicit(known: pd.DataFrame, test: pd.DataFrame, folder: Path) -> Any:
    """Write lists of a factorisation as a TREC run; return implicit's metrics of them."""
    users = {user: row for row, user in enumerate(known[Columns.User].unique())}
    names = sorted({*known[Columns.Item], *test[Columns.Item]})
    columns = {item: column for column, item in enumerate(names)}

    def matrix(frame: pd.DataFrame) -> sparse.csr_matrix:
        cells = frame[Columns.User].map(users), frame[Columns.Item].map(columns)
        return sparse.csr_matrix((np.ones(len(frame), np.float32), cells), shape=(len(users), len(names)))

    liked, held = matrix(known), matrix(test)
    liked.data[:] = 1.0
    model = AlternatingLeastSquares(factors=32, iterations=15, regularization=0.05, random_state=0, num_threads=1)
    model.fit(liked, show_progress=False)
    ids, scores = model.recommend(np.arange(len(users)), liked, N=max(KS), filter_already_liked_items=True)
    with (folder / "implicit.run").open("w") as file:
        for user, row in users.items():
            for place, (item, score) in enumerate(zip(ids[row], scores[row], strict=True), start=1):
                file.write(f"{user} Q0 {names[item]} {place} {float(score)!r} als\n")
    found: dict[str, float] = {}
    for k in KS:
        told = ranking_metrics_at_k(model, liked, held, K=k, show_progress=False)
        found |= {f"{name}@{k}": float(value) for name, value in told.items()}
    return found


def main(folder: Path) -> None:
    train, test = pd.read_parquet(folder / "train.parquet"), pd.read_parquet(folder / "test.parquet")
    truth, items = pd.read_parquet(folder / "truth.parquet"), pd.read_parquet(folder / "items.parquet")["item_id"]
    known = test[["user_id", "history"]].explode("history").rename(columns={"history": "item_id"}).drop_duplicates()
    answers = truth.explode("targets").rename(columns={"targets": "item_id"})[["user_id", "item_id"]]
    found = {
        "versions": {name: metadata.version(name) for name in ("rectools", "implicit")},
        "rectools": by_rectools(known, answers, train[["user_id", "item_id"]], items.tolist(), folder),
        "implicit": by_implicit(known, answers, folder),
    }
    (folder / "theirs.json").write_text(json.dumps(found, default=float))


if __name__ == "__main__":
    main(Path(sys.argv[1]))
