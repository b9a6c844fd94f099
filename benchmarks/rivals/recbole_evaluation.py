"""What RecBole takes for the same evaluation; runs in an environment of its own, started by ``evaluation.py``.

The steps are those of ``Trainer._full_sort_batch_eval``: mask the history, collect by ``topk``, evaluate.
"""

from __future__ import annotations

import json
import sys
import time
from importlib import metadata
from typing import Any

import numpy as np
import torch

for name in ("float", "bool", "int"):  # RecBole 1.2.1 uses these names, which numpy has dropped
    setattr(np, name, getattr(np, f"{name}_"))
from recbole.evaluator import Collector, Evaluator  # noqa: E402

BATCH = 340
"""Queries at a time. RecBole's own default is an ``eval_batch_size`` of 4,096 scores: one query at a time."""


def main(path: str, threads: int, clock_name: str) -> None:
    clock = getattr(time, clock_name)
    torch.set_num_threads(threads)
    given = np.load(path)
    k = int(given["k"])
    people, things = torch.from_numpy(given["people"]), torch.from_numpy(given["things"])
    # Items count from 1: 0 is padding.
    things = torch.cat([torch.zeros(1, things.shape[1]), things]).T.contiguous()
    history, targets = torch.from_numpy(given["history"]).long() + 1, torch.from_numpy(given["targets"]).long() + 1
    config: dict[str, Any] = {
        "metrics": ["Hit", "Recall", "NDCG", "MRR"],
        "topk": [k],
        "metric_decimal_place": 8,
        "device": "cpu",
        "eval_args": {"mode": "full"},
    }
    best = float("inf")
    for _ in range(int(given["rounds"])):
        started = clock()
        collector, evaluator = Collector(config), Evaluator(config)
        for start in range(0, len(people), BATCH):
            scores = people[start : start + BATCH] @ things
            rows = torch.arange(len(scores))
            scores[:, 0] = -np.inf
            scores[rows.repeat_interleave(history.shape[1]), history[start : start + BATCH].reshape(-1)] = -np.inf
            collector.eval_batch_collect(scores, None, rows, targets[start : start + BATCH])
        found = evaluator.evaluate(collector.get_data_struct())
        best = min(best, clock() - started)
    print(json.dumps({"name": f"RecBole {metadata.version('recbole')}", "seconds": best, "ndcg": found[f"ndcg@{k}"]}))


if __name__ == "__main__":
    main(sys.argv[1], int(sys.argv[2]), sys.argv[3])
