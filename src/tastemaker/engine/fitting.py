"""What the process that fits a model does: reads data and a plan from a folder, and leaves a model and facts there.

It is started by `tastemaker.engine.refit` and ends with it: its standard input is a pipe that nobody writes to, and is
at its end when the other process is gone, however that ended.
"""

from __future__ import annotations

import json
import os
import sys
import threading
import time
from collections.abc import Callable
from contextlib import suppress
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

from tastemaker.core.errors import DataError, ModelError, TastemakerError
from tastemaker.core.files import atomic_file

if TYPE_CHECKING:
    from tastemaker.core.run import Run
    from tastemaker.data import Split
    from tastemaker.models import DenseRecommender

PLAN: Final = "plan.json"
DATA: Final = "data"
MODEL: Final = "model"
FACTS: Final = "facts.json"
TRAINING: Final = "training"
"""Where a network keeps how far it is, so that a job that is taken over goes on from there."""

_NICE: Final = 10
_QUESTIONS: Final = 500
_BASELINE: Final = "sequential-rules"


def fit(folder: Path) -> dict[str, Any]:
    """Choose a model's settings on the validation part, fit it on all events, and save it; return facts about it.

    As `tastemaker train` does it. The facts hold ``validation``: the NDCG@10 of the model that was fitted on the
    training part, and of the counting baseline beside it, on at most 500 questions. Choices were made on these
    questions, so that the model's figure is on the high side.

    Args:
        folder: Holds `PLAN` and `DATA`; gets `MODEL` and `FACTS`.

    Raises:
        TastemakerError: The data do not allow it, or the plan is wrong.
    """
    from tastemaker.core.run import Run
    from tastemaker.data import make_split, read_folder
    from tastemaker.models import make_model
    from tastemaker.models.refit import refit

    plan = json.loads((folder / PLAN).read_text(encoding="utf-8"))
    run = Run(seed=plan["seed"], threads=plan["threads"], minutes=plan["minutes"], output=folder / TRAINING)
    began = time.perf_counter()
    dataset = read_folder(folder / DATA)
    unfitted = make_model(plan["model"], plan["tables"])
    with run.limited():
        split = make_split(dataset, plan["protocol"], run=run, **plan["knobs"])
        chosen = unfitted.fit(split.train, split.valid, run=run)
        validation = _validation(chosen, split, run)
        refit(chosen, dataset, run=replace(run, minutes=None)).save(folder / MODEL)
    facts = {"validation": validation, "seconds": round(time.perf_counter() - began, 3)}
    with atomic_file(folder / FACTS) as temporary:
        temporary.write_text(json.dumps(facts), encoding="utf-8")
    return facts


def _validation(chosen: DenseRecommender, split: Split, run: Run) -> dict[str, Any]:
    """Return figures of the validation part; none for a model that makes no rankings."""
    from tastemaker.evaluation import evaluate
    from tastemaker.models import make_model

    held = split.valid.sample(_QUESTIONS, run.rng("validation of a refit"))
    baseline = make_model(_BASELINE).fit(split.train, split.valid, run=run)
    found: dict[str, Any] = {"protocol": split.protocol, "questions": len(held)}
    for name, model in (("ndcg@10", chosen), (f"ndcg@10 of {_BASELINE}", baseline)):
        # Ratings are no ranking.
        with suppress(DataError, ModelError):
            found[name] = evaluate(model, held, train=split.train, run=run).metrics["ndcg@10"]
    return found


def main(folder: Path) -> int:
    """Fit, and return an exit code: 0, or that of one of our errors, which is then the last line of standard error."""
    threading.Thread(target=_end_with_parent, name="parent", daemon=True).start()
    with suppress(AttributeError, OSError):  # not everywhere, not always allowed
        os.nice(_NICE)
    try:
        fit(folder)
    except TastemakerError as error:
        sys.stderr.write(f"{error}\n")
        return error.exit_code
    return 0


def _end_with_parent(descriptor: int = 0, leave: Callable[[int], object] = os._exit) -> None:
    # Not through sys.stdin: a thread that waits in there keeps the interpreter from ending.
    while os.read(descriptor, 1):
        pass
    leave(1)


if __name__ == "__main__":
    sys.exit(main(Path(sys.argv[1])))
