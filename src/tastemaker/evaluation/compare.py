"""The ladder: several models fitted on the same rows and judged on the same queries, beside counts."""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace
from typing import Any, Final

import numpy as np
from numpy.typing import NDArray

from tastemaker.core.errors import DataError, TastemakerError
from tastemaker.core.recommender import Recommender
from tastemaker.core.run import Run
from tastemaker.data.dataset import Dataset
from tastemaker.data.split import Split
from tastemaker.evaluation import memory
from tastemaker.evaluation.bootstrap import LEVEL, REPLICATES
from tastemaker.evaluation.candidates import CANDIDATES, Sample, among, check_candidates, sampled
from tastemaker.evaluation.comparison import BASELINE, Comparison, Row, environment
from tastemaker.evaluation.conventions import METRICS
from tastemaker.evaluation.evaluate import judged, refuse_leaks, refuse_ratings
from tastemaker.evaluation.examples import PEOPLE, drawn, worked
from tastemaker.evaluation.gaps import provider_of_items
from tastemaker.evaluation.intervals import Measured, Setting, completed
from tastemaker.evaluation.judge import Evaluation, Judge
from tastemaker.evaluation.listed import SEEN, Seen, evaluate_lists
from tastemaker.evaluation.metrics import ndcg
from tastemaker.evaluation.negatives import NEGATIVES, SEEDS
from tastemaker.evaluation.probes.dataset import probe_dataset
from tastemaker.evaluation.ranking import of_targets, validation_ranks
from tastemaker.evaluation.ranking_sampled import rank_sampled
from tastemaker.evaluation.resume import RowStore
from tastemaker.evaluation.runs import RunFile
from tastemaker.evaluation.significance import Detectable
from tastemaker.evaluation.slices import SMALL, parts
from tastemaker.evaluation.targets import per_user

_VALIDATION_K: Final = 10
_CONVENTIONS: Final = {
    "mask": "seen items masked",
    "averaging": "queries within a user, then users",
    "selection": "on validation only; the test part was used once",
    "correction": "p-values of differences to the baseline corrected over the rows, metric by metric (Holm)",
    "small_parts": f"fewer than {SMALL} people",
}

Announce = Callable[[Detectable], None]


def compare(
    models: Mapping[str, Recommender],
    split: Split,
    *,
    ks: Sequence[int] = (10,),
    run: Run | None = None,
    baseline: str = BASELINE,
    replicates: int = REPLICATES,
    lists: Sequence[RunFile] = (),
    seen: Seen = "keep",
    seeds: Sequence[int] | None = None,
    metrics: Sequence[str] = (),
    groups: Sequence[str] = (),
    provider: str | None = None,
    announce: Announce | None = None,
    probe: Dataset | None = None,
    examples: int = PEOPLE,
    candidates: str = "all",
    negatives: int = NEGATIVES,
    negative_seeds: Sequence[int] = SEEDS,
    resume: RowStore | None = None,
) -> Comparison:
    """Fit every model on the training part, choose on the validation part, and report on the test part once.

    A model that cannot be fitted or evaluated becomes a row ``not run`` with the reason. The baseline goes first:
    how small a difference the test can show is known, and announced, before anything is tested.

    Args:
        models: Name in the report -> unfitted model.
        split: The three parts.
        ks: Cut-offs; the first is the headline's.
        run: Seed and progress.
        baseline: Name of the row that the others are compared with.
        replicates: Bootstrap samples behind each interval.
        lists: Lists from elsewhere, each a row of its own.
        seen: What becomes of seen items in them: they ``keep`` their places or are dropped.
        seeds: Each model is fitted and tested once for each; values are means over them. By default the run's seed.
        metrics: Names of metrics beside the usual ones; see `tastemaker.evaluation.conventions`.
        groups: Columns of people whose values are looked at one by one.
        provider: A column of items that says whose they are.
        announce: Is told what the test can show before the first model is tested.
        probe: The data set that the split was made of, if it is to be probed for leaks before anything is fitted.
        examples: How many people of the test are kept with their histories and the lists that they get.
        candidates: What is ranked: ``all`` items; the ``cold`` ones, that nobody touched in training, alone; or each
            answer among ``negatives`` that are drawn, ``uniform`` or as ``popular`` as they are.
        negatives: How many items are drawn for each answer.
        negative_seeds: They are drawn once for each; values are means over the draws.
        resume: Rows that were measured before are taken from here, and those measured now are left here.

    Raises:
        DataError: There are no models, no cut-offs, or a cut-off is below 1; two rows have one name; there is no such
            metric or column; no answer is among the candidates; or there are lists, and what is ranked is sampled.
    """
    if not models:
        raise DataError("there are no models to compare", remedy=f"Give at least '{baseline}'.")
    run = run or Run()
    seeds = tuple(dict.fromkeys(seeds)) if seeds else (run.seed,)
    _refuse_same_names([*models, *(each.name for each in lists)])
    sample = sampled(split, candidates, negatives, negative_seeds)
    _refuse_lists(lists, sample)
    judge = _judge(split, sample, ks, metrics, examples, run)
    check_candidates(candidates, judge)
    if provider is not None:
        provider_of_items(judge, provider)  # an unknown column is told before anything is fitted
    setting = Setting(judge, parts(judge, groups), baseline, seeds, replicates, provider)
    findings = [] if probe is None else probe_dataset(probe, split, run=run)
    told: list[Detectable] = []

    def tell(per_person: NDArray[np.float64]) -> None:
        found = Detectable.of(f"ndcg@{_VALIDATION_K}", baseline, per_person, split.test.user_count)
        told.append(found)
        if announce is not None:
            announce(found)

    measured: dict[str, Measured] = {}
    peak_memory = memory.reset_peak()
    with run.limited(), run.track("comparing models", len(models) + len(lists)) as advance:
        for name in sorted(models, key=lambda name: name != baseline):
            found = None if resume is None else resume.get(name)
            first = tell if name == baseline else None
            if found is None:
                found = _measured(name, models[name], split, judge, run, seeds, first, candidates, sample)
                if resume is not None:
                    resume.put(found)
            elif first is not None and len(found.validation):
                first(found.validation)
            measured[name] = found
            advance(1)
        for each in lists:
            measured[each.name] = _listed(each, judge, seen, seeds[0])
            advance(1)
        rows = completed([measured[name] for name in [*models, *(each.name for each in lists)]], setting)
    own = {
        **_CONVENTIONS,
        "candidates": CANDIDATES[candidates],
        **({} if sample is None else sample.knobs),
        **{name: METRICS[name].formula for name in (*judge.rank_names, *judge.list_names, *judge.evidence_names)},
        "ties": f"random, seed {', '.join(map(str, seeds))}",
        "interval": f"{LEVEL:.0%} percentile, paired bootstrap over users",
        "bootstrap_replicates": replicates,
        "seed": run.seed,
        "seeds": list(seeds),
        "threads": run.threads,
        "baseline": baseline,
        "ks": list(ks),
        "peak_memory": peak_memory,
    }
    protocol = {f"split_{name}" if name in own else name: value for name, value in split.knobs.items()}
    return Comparison(
        dataset=split.train.name,
        fingerprint=split.train.fingerprint,
        protocol=split.protocol,
        split_hash=split.hash,
        knobs={**protocol, **own},
        rows=rows,
        counts=_counts(split, rows, judge),
        environment=environment(),
        baseline=baseline,
        ks=tuple(ks),
        detectable=told[0] if told else None,
        probes=findings,
        examples=worked(judge, {name: one.evaluations[0] for name, one in measured.items() if one.evaluations}),
    )


def _judge(
    split: Split, sample: Sample | None, ks: Sequence[int], metrics: Sequence[str], examples: int, run: Run
) -> Judge:
    negatives = None if sample is None else sample.test
    held = split.test if negatives is None else negatives.held
    return Judge(held, split.train, ks, metrics, drawn(held, examples, run.rng("worked examples")), negatives)


def _refuse_same_names(names: Sequence[str]) -> None:
    if twice := [name for name in names if names.count(name) > 1]:
        raise DataError(f"two rows are called '{twice[0]}'", remedy="Name lists with --run NAME=FILE.")


def _refuse_lists(lists: Sequence[RunFile], sample: Sample | None) -> None:
    if sample is not None and lists:
        raise DataError(
            "lists have no place for most negatives, so that they cannot be ranked among a sample of them",
            where=lists[0].name,
            remedy="Rank the whole catalogue, or leave the lists out.",
        )


def _measured(
    name: str,
    model: Recommender,
    split: Split,
    judge: Judge,
    run: Run,
    seeds: Sequence[int],
    tell: Callable[[NDArray[np.float64]], None] | None,
    candidates: str,
    sample: Sample | None,
) -> Measured:
    """Fit and test a model once for each seed; ``tell`` hears of the first validation before the first test."""
    memory.reset_peak()
    evaluations: list[Evaluation] = []
    valid: list[NDArray[np.float64]] = []
    fit_seconds = []
    try:
        refuse_ratings(model, name)
        for seed in seeds:
            own = replace(run, seed=seed)
            started = time.perf_counter()
            model.fit(split.train, split.valid, run=own)
            spared = float(getattr(model, "spared_seconds_", 0.0))  # its sources are rows that were fitted already
            fit_seconds.append(time.perf_counter() - started + spared)
            refuse_leaks(model, split.test, split.train, name)
            ranking = among(model, candidates, judge)
            if len(split.valid):
                valid.append(_validation(ranking, split, sample, seed, name))
                if tell is not None and not evaluations:
                    tell(valid[0])
            evaluations.append(judged(ranking, judge, own, name))
    except (TastemakerError, MemoryError) as error:
        reason = f"out of memory: {error}" if isinstance(error, MemoryError) else str(error)
        return Measured(Row(name, status="not run", reason=reason.rstrip(".")))
    row = Row(
        name,
        valid={f"ndcg@{_VALIDATION_K}": float(np.mean([values.mean() for values in valid]))} if valid else {},
        settings=dict(getattr(model, "settings_", {})),
        settings_tried=int(getattr(model, "settings_tried_", 0)),
        fit_seconds=float(np.mean(fit_seconds)),
        evaluate_seconds=float(np.mean([each.seconds for each in evaluations])),
        ms_per_query=float(np.mean([each.ms_per_query for each in evaluations])),
        peak_mb=memory.peak_mb(),
        rank_hash=evaluations[0].rank_hash,
        unknown_targets=evaluations[0].counts["unknown_targets"],
        training=list(getattr(model, "training_", ())),
    )
    return Measured(row, evaluations, valid[0] if valid else np.empty(0))


def _validation(model: Recommender, split: Split, sample: Sample | None, seed: int, name: str) -> NDArray[np.float64]:
    """Return NDCG for each person of the validation part, float64 ``[v]``."""
    if sample is None:
        ranks = validation_ranks(model.score, split.valid, model.item_ids, seed=seed, name=name)
        return per_user(ndcg(of_targets(ranks, split.valid), _VALIDATION_K), split.valid.users)
    reads = "candidates" in model.capabilities.reads
    found = rank_sampled(model.score, sample.valid, model.item_ids, reads_candidates=reads, seed=seed, name=name)
    draws = [ndcg(ranks, _VALIDATION_K) for ranks in found.ranks]
    return per_user(np.asarray(np.mean(draws, axis=0)), sample.valid.held.users)


def _listed(run: RunFile, judge: Judge, seen: Seen, seed: int) -> Measured:
    """Test lists from elsewhere; a file without a list for us is a row that was not run."""
    try:
        evaluation, found = evaluate_lists(run, judge, seen=seen, seed=seed)
    except DataError as error:
        return Measured(Row(run.name, status="not run", reason=str(error).rstrip(".")))
    about: dict[str, Any] = {"file": run.path.name, "order": run.order, "seen_items": SEEN[seen], **found.counts}
    row = Row(
        run.name,
        rank_hash=evaluation.rank_hash,
        unknown_targets=evaluation.counts["unknown_targets"],
        lists=about,
    )
    return Measured(row, [evaluation])


def _counts(split: Split, rows: Sequence[Row], judge: Judge) -> dict[str, Any]:
    return {
        "train_events": len(split.train.interactions),
        "train_users": len(split.train.sequences.user_ids),
        "items": len(split.train.catalogue),
        "valid_queries": len(split.valid),
        "queries": len(judge.held),
        "users": split.test.user_count,
        "targets": len(split.test.targets),
        "repeats_left_out": split.test.repeats,
        "cold_targets": judge.counts["cold_targets"],
        "unknown_targets": {row.model: row.unknown_targets for row in rows if row.unknown_targets},
        **({} if judge.negatives is None else {"short_of_negatives": judge.negatives.short}),
    }
