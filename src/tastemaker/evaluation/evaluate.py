"""Judging one fitted model on queries it has never seen the answers of."""

from __future__ import annotations

import time
from collections.abc import Sequence
from dataclasses import replace

import numpy as np
from numpy.typing import NDArray

from tastemaker.core.errors import LeakError, ModelError, TastemakerError
from tastemaker.core.recommender import Recommender
from tastemaker.core.run import Advance, Run
from tastemaker.data.dataset import Dataset
from tastemaker.data.heldout import HeldOut
from tastemaker.data.provenance import Provenance
from tastemaker.evaluation.evidence import recency_bias
from tastemaker.evaluation.judge import Evaluation, Judge
from tastemaker.evaluation.ranking import Ranking, rank_targets
from tastemaker.evaluation.ranking_sampled import rank_sampled


def evaluate(
    model: Recommender,
    held: HeldOut,
    *,
    train: Dataset,
    ks: Sequence[int] = (10,),
    metrics: Sequence[str] = (),
    run: Run | None = None,
    name: str | None = None,
) -> Evaluation:
    """Rank the whole catalogue for every query of ``held`` and measure what came out.

    Items of the history are masked, ties are broken at random by the run's seed, and a user's queries are
    averaged before the users are.

    Args:
        model: A fitted model.
        held: Queries whose answers are known.
        train: What the model learnt from; popularity and coldness are counted in it.
        ks: Cut-offs.
        metrics: Names of metrics beside the usual ones; see `tastemaker.evaluation.conventions`.
        run: Seed and progress.
        name: What the model is called in the result; by default its own name.

    Raises:
        DataError: There are no cut-offs, or one below 1, or there is no such metric.
        LeakError: The model has seen answers, or cannot say what it has seen.
        ModelError: Scores are NaN or of a wrong shape, or the model cannot score its whole vocabulary.
    """
    return judged(model, Judge(held, train, ks, metrics), run or Run(), name or model.name)


def judged(model: Recommender, judge: Judge, run: Run, name: str) -> Evaluation:
    """Do what `evaluate` does, with a judge that has others to judge as well, and may rank among negatives."""
    held, train = judge.held, judge.train
    refuse_ratings(model, name)
    refuse_leaks(model, held, train, name)
    started = time.perf_counter()
    with run.limited(), run.track(f"evaluating {name}", len(held)) as advance:
        found = _ranked(model, judge, run.seed, name, advance)
    seconds = time.perf_counter() - started
    numbers = np.append(train.items.index(model.item_ids), -1).astype(np.int32)
    measured = judge.measure(name, found.ranks, numbers[found.lists], seconds, found.unknown_targets)
    if not judge.evidence_names:
        return measured
    return replace(measured, metrics={**measured.metrics, **_evidence(model, judge, run, found.lists)})


def _ranked(model: Recommender, judge: Judge, seed: int, name: str, advance: Advance) -> Ranking:
    k, score, items = max(judge.ks), model.score, model.item_ids
    if judge.negatives is None:
        return rank_targets(score, judge.held, items, k=k, seed=seed, name=name, advance=advance)
    reads = "candidates" in model.capabilities.reads
    return rank_sampled(
        score, judge.negatives, items, reads_candidates=reads, k=k, seed=seed, name=name, advance=advance
    )


def _evidence(model: Recommender, judge: Judge, run: Run, lists: NDArray[np.int32]) -> dict[str, float]:
    """Return where the evidence for lists lies; nothing where the model does not explain itself by items."""
    values: dict[str, float] = {}
    for k in judge.ks if hasattr(model, "explain") else ():
        try:
            known = recency_bias(model, judge.held, k=k, seed=run.seed, lists=lists)
        except TastemakerError:
            continue
        own = {"recency_bias": known.lift, "evidence_age": known.age}
        values |= {f"{short}@{k}": own[short] for short in judge.evidence_names}
    return values


def refuse_ratings(model: Recommender, name: str) -> None:
    """Raise `ModelError` if the scores of the model are ratings, of which no ranking is reported."""
    if model.capabilities.score_kind == "rating":
        raise ModelError(
            f"the scores of {name} are ratings, which say nothing of what people turn to: it is no ranking baseline",
            remedy="Compare its predictions instead: --task ratings",
        )


def refuse_leaks(model: Recommender, held: HeldOut, train: Dataset, name: str) -> None:
    """Raise `LeakError` unless the model can show that it has not seen the answers of ``held``."""
    provenance = getattr(model, "provenance_", None)
    if not isinstance(provenance, Provenance):
        raise LeakError(
            f"{name} does not say which rows it was fitted on, so nothing shows that it has not seen the answers",
            remedy="Fit it on the training part of the split, or set provenance_ where it is fitted.",
        )
    seen = provenance.overlap(held.fingerprint, held.rows)
    if seen:
        raise LeakError(
            f"{name} was fitted on {seen} of the {len(held.rows)} held-out rows",
            where=provenance.dataset,
            remedy="Fit it on the training part of the split; a model of all data serves and is never evaluated.",
        )
    foreign = provenance.others if provenance.fingerprint == held.fingerprint else (provenance.dataset,)
    if train.name in foreign:
        raise LeakError(
            f"{name} was fitted on another version of the data, so its rows cannot be compared with the answers",
            where=train.name,
            remedy="Fit it again on the training part of this split.",
        )
