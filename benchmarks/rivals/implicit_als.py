"""What `implicit` takes to factorise the same matrix; runs in an environment of its own, started by ``ladder.py``."""

from __future__ import annotations

import json
import sys
import time

import numpy as np
from implicit.cpu.als import AlternatingLeastSquares
from scipy import sparse


def main(options: dict[str, object]) -> None:
    with np.load(str(options["given"])) as given:
        ones = np.ones(len(given["indices"]), dtype=np.float32)
        touched = sparse.csr_matrix((ones, given["indices"], given["indptr"]), shape=tuple(given["shape"]))
    model = AlternatingLeastSquares(
        factors=options["dimensions"],
        regularization=options["regularisation"],
        alpha=options["alpha"],
        iterations=options["iterations"],
        num_threads=options["threads"],
        random_state=0,
    )
    now = getattr(time, str(options["clock"]))
    started = now()
    model.fit(touched, show_progress=False)
    spent = now() - started
    np.savez(str(options["taken"]), x=model.user_factors, y=model.item_factors, seconds=spent)


if __name__ == "__main__":
    main(json.loads(sys.argv[1]))
