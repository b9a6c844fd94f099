"""A search as one web page with plots, which needs nothing else."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from html import escape
from itertools import accumulate
from typing import Any, Final

from tastemaker.evaluation.pages import frame
from tastemaker.evaluation.written import NOTHING, said, seconds, signed
from tastemaker.models.space import Choice, Parameter
from tastemaker.models.tuning.plots import Dot, choice_plot, number_plot, progress_plot
from tastemaker.models.tuning.record import Trial, Tuning

PAGE: Final = "tuning.html"
_BEST, _DEFAULT, _OTHER, _FAILED = "above", "baseline", "open", "below"
_LEGEND: Final = {
    _BEST: "best",
    _DEFAULT: "default settings",
    _OTHER: "tried",
    _FAILED: "failed or given up",
}
_CAUTION: Final = (
    "The best of many trials is partly the luckiest: what it came to on validation is better than is to be expected. "
    "Only the test part, which no trial has seen, tests what was found."
)


def headline(found: Tuning) -> str:
    """Say in a sentence what came out."""
    best, first = found.best, found.trials[0] if found.trials else None
    if best is None:
        return f"None of {len(found.trials)} trials came to anything yet."
    lead = f"Best {found.metric} on validation: {best.value:.4f}, in trial {best.number} of {len(found.trials)}"
    if best is first:
        return f"{lead}: nothing that was tried is better than the default settings."
    if first is None or first.value is None:
        return f"{lead}; the default settings failed."
    return f"{lead}, {signed((best.value or 0) - first.value)} against the default settings."


def edge_hint(found: Tuning) -> str:
    """Say which hyper-parameters might do better beyond what could be tried."""
    return f"At the end of what could be tried: {', '.join(found.at_edge())}. A wider space may hold something better."


def tuning_page(found: Tuning) -> str:
    """Return the page: what is best, how the search came to it, what each hyper-parameter does, and every trial."""
    counts = found.counts
    facts = f"{len(found.trials)} trials in {seconds(found.seconds)} on {counts['valid_queries']:,} validation queries"
    notes = [] if found.ended else ["This search has not ended: the command that began it goes on."]
    hints = [_CAUTION] + ([edge_hint(found)] if found.at_edge() else [])
    limits = {name: _limits(parameter) for name, parameter in found.space.items()}
    about = {"dataset": found.dataset, "protocol": found.protocol, "split": found.split_hash, "seed": found.seed}
    sections = [
        frame.header(
            "Tuning",
            found.model,
            f"{escape(found.dataset)}, {escape(found.protocol)} · {escape(facts)}",
            headline(found),
            notes,
        ),
        frame.section(
            "The best settings",
            *map(frame.words, hints),
            f'<div class="card"><pre tabindex="0"><code>{escape(found.toml())}</code></pre></div>',
        )
        if found.best
        else "",
        frame.section("In pictures", _legend(found), f'<div class="plots">{"".join(_plots(found))}</div>'),
        frame.section("Every trial", _table(found)),
        frame.section("What could be tried", frame.definitions(limits)),
        frame.section("How it was measured", frame.definitions({**about, "ended": found.ended, **found.knobs})),
        frame.section(
            "What it was measured on",
            frame.definitions({**counts, **found.environment, "data fingerprint": found.fingerprint[:16]}),
        ),
    ]
    return frame.page(f"{found.model} tuned on {found.dataset}", sections)


def _limits(parameter: Parameter) -> str:
    if isinstance(parameter, Choice):
        return said(parameter.values)
    return f"{parameter.low:g} to {parameter.high:g}{', by orders of magnitude' if parameter.log else ''}"


def _kind(trial: Trial, found: Tuning) -> str:
    if trial.value is None:
        return _FAILED
    return _BEST if trial is found.best else _DEFAULT if trial.number == 1 else _OTHER


def _legend(found: Tuning) -> str:
    kinds = {_kind(trial, found) for trial in found.trials}
    entries = (f'<span><i class="{kind}"></i>{words}</span>' for kind, words in _LEGEND.items() if kind in kinds)
    return f'<div class="legend">{"".join(entries)}</div>'


def _plots(found: Tuning) -> Iterator[str]:
    if not found.trials:
        return
    words = "The line is the best so far."
    by_number = _dots(found, [trial.number for trial in found.trials])
    by_time = _dots(found, accumulate(trial.seconds for trial in found.trials))
    yield frame.card(
        "Trial by trial", words, progress_plot(by_number, across="trial", up=found.metric, lower=found.lower)
    )
    yield frame.card("Over time", words, progress_plot(by_time, across="seconds", up=found.metric, lower=found.lower))
    for name, parameter in found.space.items():
        chosen = _dots(found, [trial.settings[name] for trial in found.trials])
        dots = [dot for dot in chosen if dot.value is not None and dot.at in parameter]
        if not dots:
            continue
        if isinstance(parameter, Choice):
            plot = choice_plot(dots, parameter.values, axis=found.metric, form=said)
        else:
            low, high = float(parameter.low), float(parameter.high)
            plot = number_plot(dots, low, high, log=parameter.log, across=name, up=found.metric)
        yield frame.card(name, "", plot)


def _dots(found: Tuning, places: Iterable[Any]) -> list[Dot]:
    return [
        Dot(at, trial.value, _kind(trial, found), _tip(trial, found))
        for at, trial in zip(places, found.trials, strict=True)
    ]


def _tip(trial: Trial, found: Tuning) -> str:
    came = f"{trial.fate}, {trial.reason}" if trial.value is None else f"{found.metric} {trial.value:.4f}"
    settings = said({name: trial.settings[name] for name in found.space})
    return f"trial {trial.number}: {came}; {settings}; {seconds(trial.seconds)}"


def _table(found: Tuning) -> str:
    columns = [*frame.heads("Trial", found.metric), *frame.heads(*found.space), frame.head("time")]
    rows = []
    for trial in sorted(found.trials, key=found.rank):
        value = NOTHING if trial.value is None else f"{trial.value:.4f}"
        settings = [frame.cell(said(trial.settings[name])) for name in found.space]
        cells = [frame.cell(value), *settings, frame.cell(seconds(trial.seconds), trial.reason)]
        rows.append(frame.row(str(trial.number), cells, best=trial is found.best))
    return frame.table(columns, rows)
