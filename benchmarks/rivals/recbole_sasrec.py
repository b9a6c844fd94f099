"""RecBole's SASRec with cross-entropy on a leave-one-out log, in an environment of its own.

``training.py`` times two of its epochs; ``--epochs 200`` is the long run that says at which epoch its validation is
best. Its recipe is RecBole's own (``recbole/properties/model/SASRec.yaml`` and ``overall.yaml``) except where a line
below says so. One line of JSON per epoch.

``--parts N`` is for the long run alone, never for a time that is compared: each batch is taken in N parts by length of
history, each cut to its longest, so that little padding is multiplied. The gradient is that of the whole batch, up to
rounding and to which numbers dropout draws; with 8 parts an epoch takes about a quarter of the time.

The log that it reads is in RecBole's own form, with the place in the person's history for a timestamp, so that its
leave-one-out is ours, ties included.
"""

from __future__ import annotations

import argparse
import json
import logging
import resource
import shutil
import tempfile
import time
from importlib import metadata
from pathlib import Path
from typing import Any

import numpy as np

for name in ("float", "bool", "int"):  # RecBole 1.2.1 uses these names, which numpy has dropped
    if name not in np.__dict__:
        setattr(np, name, getattr(np, f"{name}_"))
import torch  # noqa: E402
from recbole.config import Config  # noqa: E402
from recbole.data import create_dataset, data_preparation  # noqa: E402
from recbole.model.sequential_recommender import SASRec  # noqa: E402
from recbole.trainer import Trainer  # noqa: E402
from recbole.utils import init_seed  # noqa: E402

RECIPE: dict[str, Any] = {
    "load_col": {"inter": ["user_id", "item_id", "timestamp"]},
    "eval_args": {"split": {"LS": "valid_and_test"}, "group_by": "user", "order": "TO", "mode": "full"},
    "metrics": ["Hit", "NDCG"],
    "topk": [10],
    "valid_metric": "NDCG@10",
    "metric_decimal_place": 6,
    "loss_type": "CE",
    "train_neg_sample_args": None,  # cross-entropy needs none
    "eval_batch_size": 1024 * 12_102,  # counted in scores; its default of 4,096 is one person at a time
    "show_progress": False,
    "save_dataset": False,
    "use_gpu": False,
}


SAID = (
    "hidden_size",
    "inner_size",
    "n_layers",
    "n_heads",
    "hidden_dropout_prob",
    "attn_dropout_prob",
    "hidden_act",
    "learning_rate",
    "train_batch_size",
    "MAX_ITEM_LIST_LENGTH",
    "loss_type",
    "learner",
    "weight_decay",
)


def masked_ndcg(model: Any, data: Any) -> float:
    """NDCG@10 with the history masked, as the project reports it; RecBole's own leaves what was seen in the ranking."""
    gains: list[torch.Tensor] = []
    model.eval()
    with torch.no_grad():
        for interaction, _, _, positive in data:
            scores = model.full_sort_predict(interaction)
            scores[:, 0] = -torch.inf
            target = scores.gather(1, positive[:, None])
            scores.scatter_(1, interaction["item_id_list"], -torch.inf)
            rank = 1 + (scores > target).sum(dim=1)
            gains.append(torch.where(rank <= 10, 1 / torch.log2(rank + 1.0), 0.0))
    return float(torch.cat(gains).mean())


class InParts(SASRec):  # type: ignore[misc]
    """RecBole's SASRec, its loss worked out in parts of similar length: the same loss with less padding."""

    parts = 1

    def calculate_loss(self, interaction: Any) -> torch.Tensor:
        """Return the mean loss of the batch; a place behind a history's end is never attended to from inside it."""
        if self.parts == 1:
            whole: torch.Tensor = super().calculate_loss(interaction)
            return whole
        lengths = interaction[self.ITEM_SEQ_LEN]
        losses: list[torch.Tensor] = []
        for rows in torch.argsort(lengths).chunk(self.parts):
            states = self.forward(interaction[self.ITEM_SEQ][rows, : int(lengths[rows].max())], lengths[rows])
            loss = self.loss_fct(states @ self.item_embedding.weight.T, interaction[self.POS_ITEM_ID][rows])
            losses.append(loss * (len(rows) / len(lengths)))
        return torch.stack(losses).sum()


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("log", type=Path)
    parser.add_argument("--epochs", type=int, default=2)
    parser.add_argument("--patience", type=int, default=10, help="RecBole's stopping_step; its own default is 10")
    parser.add_argument("--parts", type=int, default=1, help="take each batch in so many parts by length")
    parser.add_argument("--threads", type=int, default=1)
    parser.add_argument("--seed", type=int, default=2020)
    parser.add_argument(
        "--products", default="highest", help="torch.set_float32_matmul_precision; its own is 'highest'"
    )
    given = parser.parse_args()
    logging.disable(logging.CRITICAL)
    torch.set_num_threads(given.threads)
    torch.set_float32_matmul_precision(given.products)
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        (folder / "log").mkdir()
        shutil.copy(given.log, folder / "log" / "log.inter")
        config = Config(
            model="SASRec",
            dataset="log",
            config_dict={
                **RECIPE,
                "data_path": name,
                "checkpoint_dir": str(folder / "saved"),
                "epochs": given.epochs,
                "stopping_step": given.patience,
                "seed": given.seed,
            },
        )
        init_seed(given.seed, reproducibility=True)
        dataset = create_dataset(config)
        training, validation, _ = data_preparation(config, dataset)
        model = InParts(config, training.dataset)
        model.parts = given.parts
        trainer = Trainer(config, model)
        recipe = {
            "rival": f"recbole {metadata.version('recbole')}",
            "torch": metadata.version("torch"),
            "threads": given.threads,
            "products": given.products,
            "parts": given.parts,
            "rows": len(training.dataset),
            "steps": len(training),
            **{key: config[key] for key in SAID},
        }
        print(json.dumps(recipe), flush=True)
        # What ``Trainer.fit`` does, with the clock between its two halves.
        best, waited = -1.0, 0
        for epoch in range(given.epochs):
            start, cpu = time.perf_counter(), time.process_time()
            loss = trainer._train_epoch(training, epoch, show_progress=False)
            seconds, cpu = time.perf_counter() - start, time.process_time() - cpu
            start = time.perf_counter()
            own, _ = trainer._valid_epoch(validation, show_progress=False)
            evaluated = time.perf_counter() - start
            line = {
                "epoch": epoch + 1,
                "loss": loss / len(training),
                "seconds": seconds,
                "cpu_seconds": cpu,
                "validation_seconds": evaluated,
                "ndcg": own,
                "ndcg_seen_masked": masked_ndcg(model, validation),
                "peak_mb": resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024,
            }
            print(json.dumps(line), flush=True)
            best, waited = (own, 0) if own > best else (best, waited + 1)
            if waited > given.patience:
                break


if __name__ == "__main__":
    main()
