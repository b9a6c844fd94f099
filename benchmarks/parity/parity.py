"""Do our numbers equal those of RecTools and implicit on lists that they made? MovieLens-100K, 943 people.

Both make lists for the same test, which is written out for them; their own metrics of these lists are compared with
ours of the files. ``python benchmarks/parity/parity.py --rivals VENV_DIR`` needs an environment with both::

    python -m venv VENV_DIR/rectools
    VENV_DIR/rectools/bin/pip install rectools==0.19.0 implicit==0.7.3 "pyarrow<20" "numpy<2"
"""

from __future__ import annotations

import argparse
import json
import os
import subprocess
import tempfile
from pathlib import Path
from typing import Final

from tastemaker.data import load_dataset, make_split
from tastemaker.evaluation import Judge, evaluate_lists, read_run
from tastemaker.evaluation.conventions import RANKS
from tastemaker.evaluation.listed import placed
from tastemaker.evaluation.metrics import precision_micro
from tastemaker.evaluation.queries import query_frame, write_queries
from tastemaker.evaluation.ranking import of_targets

KS: Final = (5, 10)
TOLERANCE: Final = 1e-6
RECTOOLS: Final = {
    "Precision": "precision",
    "Precision(r_precision=True)": "recall_capped",
    "Recall": "recall",
    "HitRate": "hr",
    "MRR": "mrr",
    "MAP": "map_over_relevant",
    "MAP(divide_by_k=True)": "map_over_k",
    "NDCG": "ndcg_over_k",
    "NDCG(divide_by_achievable=True)": "ndcg",
    "MeanInvUserFreq": "novelty",
    "CatalogCoverage(normalize=True)": "coverage",
}
IMPLICIT: Final = {"precision": "precision_micro", "map": "map", "ndcg": "ndcg"}
ACROSS: Final = (("rectools", "NDCG", "ndcg"), ("rectools", "MAP", "map"), ("implicit", "precision", "precision"))
"""Names that are the same for us and for them, and numbers that are not."""


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--rivals", type=Path, metavar="VENV_DIR", required=True, help="folder with the environments")
    arguments = parser.parse_args()
    split = make_split(load_dataset("movielens-100k"), "user-ratio", targets="together")
    judge = Judge(split.test, split.train, KS, list(RANKS))
    with tempfile.TemporaryDirectory() as temporary:
        folder = Path(temporary) / "queries"
        write_queries(split, folder)
        query_frame(split.test, answers=True).write_parquet(folder / "truth.parquet")
        own = {name: value for name, value in os.environ.items() if name != "PYTHONPATH"}
        python = arguments.rivals / "rectools" / "bin" / "python"
        program = Path(__file__).with_name("others.py")
        subprocess.run([str(python), str(program), str(folder)], check=True, env=own)
        theirs = json.loads((folder / "theirs.json").read_text())
        found: dict[str, dict[str, float]] = {}
        for name, file in (("rectools", "rectools.csv"), ("implicit", "implicit.run")):
            run = read_run(folder / file)
            evaluation, listed = evaluate_lists(run, judge)
            ranks = of_targets(placed(run, judge).ranks, split.test)
            micro = {f"precision_micro@{k}": precision_micro(ranks, k) for k in KS}
            found[name] = {**evaluation.metrics, **micro}
            counts = dict(listed.counts)
            size = f"{counts.pop('rows'):,} entries in {counts.pop('lists'):,} lists"
            amiss = {key: value for key, value in counts.items() if value}
            print(f"{name}: {size}, amiss: {amiss or 'nothing'}")
    versions = ", ".join(f"{name} {version}" for name, version in theirs["versions"].items())
    print(f"{versions}; split {split.hash}, {len(split.test):,} queries, {len(split.test.targets):,} answers\n")
    show(theirs, found)


def show(theirs: dict[str, dict[str, float]], found: dict[str, dict[str, float]]) -> None:
    """Print their numbers beside ours: first one convention on both sides, then one name with two meanings."""
    print("| lists | their metric | our name | theirs | ours | equal |\n|---|---|---|---|---|---|")
    for library, names in (("rectools", RECTOOLS), ("implicit", IMPLICIT)):
        for theirs_name, name in names.items():
            for k in KS:
                line(library, f"{theirs_name}@{k}", f"{name}@{k}", theirs, found)
    print("\n| lists | their metric | our metric of that name | theirs | ours | equal |\n|---|---|---|---|---|---|")
    for library, theirs_name, name in ACROSS:
        line(library, f"{theirs_name}@10", f"{name}@10", theirs, found)


def line(
    library: str, metric: str, name: str, theirs: dict[str, dict[str, float]], found: dict[str, dict[str, float]]
) -> None:
    their, our = theirs[library][metric], found[library][name]
    equal = "yes" if abs(their - our) < TOLERANCE else f"no, {our - their:+.6f}"
    print(f"| {library} | {metric} | {name} | {their:.6f} | {our:.6f} | {equal} |")


if __name__ == "__main__":
    main()
