"""What RecTools takes for the same evaluation; runs in an environment of its own, started by ``evaluation.py``."""

from __future__ import annotations

import json
import sys
import time
from importlib import metadata

import numpy as np
import pandas as pd
from rectools import Columns
from rectools.metrics import MRR, NDCG, HitRate, Recall, calc_metrics
from rectools.models.rank import Distance, ImplicitRanker
from scipy import sparse


def main(path: str, threads: int, clock_name: str) -> None:
    clock = getattr(time, clock_name)
    given = np.load(path)
    people, things, history, targets, k = (given[name] for name in ("people", "things", "history", "targets", "k"))
    users, items, length = len(people), len(things), history.shape[1]
    k = int(k)
    truth = pd.DataFrame({Columns.User: np.arange(users), Columns.Item: targets})
    seen = sparse.csr_matrix(
        (np.ones(history.size, np.float32), history.ravel(), np.arange(users + 1) * length), shape=(users, items)
    )
    metrics = {
        "hr": HitRate(k=k),
        "recall": Recall(k=k),
        "ndcg": NDCG(k=k, divide_by_achievable=True),
        "mrr": MRR(k=k),
    }
    best: dict[str, float] = {}
    for _ in range(int(given["rounds"])):
        started = clock()
        ranker = ImplicitRanker(Distance.DOT, people, things, num_threads=threads)
        subjects, objects, _ = ranker.rank(np.arange(users), k=k, filter_pairs_csr=seen)
        ranked = clock()
        lists = pd.DataFrame({Columns.User: subjects, Columns.Item: objects})
        lists[Columns.Rank] = lists.groupby(Columns.User, sort=False).cumcount() + 1
        found = calc_metrics(metrics, lists, truth)
        ended = clock()
        for name, spent in (("seconds", ended - started), ("ranking", ranked - started), ("metrics", ended - ranked)):
            best[name] = min(spent, best.get(name, spent))
    print(json.dumps({"name": f"RecTools {metadata.version('rectools')}", **best, "ndcg": found["ndcg"]}))


if __name__ == "__main__":
    main(sys.argv[1], int(sys.argv[2]), sys.argv[3])
