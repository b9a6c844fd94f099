"""A comparison as one web page that needs nothing else: no host, no script, no font, light and dark."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterable, Mapping, Sequence
from html import escape
from importlib import resources
from pathlib import Path
from typing import Any

from tastemaker.core.files import atomic_file
from tastemaker.evaluation.bootstrap import Interval
from tastemaker.evaluation.comparison import Comparison, Row
from tastemaker.evaluation.plots import Mark, interval_plot, scatter_plot
from tastemaker.evaluation.wording import NOTHING, TO, caveats, headline, percent, said, seconds, signed


def write_html(comparison: Comparison, path: Path) -> None:
    """Write the page to ``path``, whole or not at all.

    Raises:
        StorageError: The file cannot be written; what stood there stays.
    """
    page = html_report(comparison)
    with atomic_file(path) as temporary:
        temporary.write_text(page, encoding="utf-8")


def html_report(comparison: Comparison) -> str:
    """Return the page: headline, ladder, plots, settings, choices, and what the numbers cannot show."""
    style = resources.files("tastemaker.evaluation").joinpath("report.css").read_text(encoding="utf-8")
    title = f"{comparison.dataset}: models beside counts"
    sections = [
        _header(comparison),
        _section("The ladder", _ladder(comparison), _details(comparison)),
        _section("In pictures", _pictures(comparison)),
        _section("Settings chosen on validation", _settings(comparison)),
        _section("How it was measured", _definitions(comparison.knobs)),
        _section("What it was measured on", _definitions(_circumstances(comparison))),
        "<footer>Made by Tastemaker. The page is complete in itself and loads nothing.</footer>",
    ]
    return (
        '<!doctype html><html lang="en"><head><meta charset="utf-8">'
        '<meta name="viewport" content="width=device-width, initial-scale=1">'
        f"<title>{escape(title)}</title><style>{style}</style></head>"
        f"<body><main>{''.join(sections)}</main></body></html>\n"
    )


def _header(comparison: Comparison) -> str:
    counts = comparison.counts
    facts = f"{counts['queries']:,} queries of {counts['users']:,} users, {counts['items']:,} items"
    notes = "".join(f'<p class="note">{escape(note)}</p>' for note in comparison.notes())
    return (
        f'<header><p class="kicker">Comparison · {escape(comparison.protocol)}</p>'
        f"<h1>{escape(comparison.dataset)}</h1>"
        f"<p>{facts} · split <code>{escape(comparison.split_hash)}</code></p></header>"
        f'<p class="headline">{escape(headline(comparison))}</p>{notes}'
    )


def _section(title: str, *parts: str) -> str:
    return f"<section><h2>{escape(title)}</h2>{''.join(parts)}</section>"


def _list(sentences: Iterable[str]) -> str:
    return f"<ul>{''.join(f'<li>{escape(sentence)}</li>' for sentence in sentences)}</ul>"


def _table(columns: Iterable[str], rows: Iterable[str]) -> str:
    head = "".join(f'<th scope="col">{escape(column)}</th>' for column in columns)
    return f'<div class="scroll"><table><thead><tr>{head}</tr></thead><tbody>{"".join(rows)}</tbody></table></div>'


def _ladder(comparison: Comparison) -> str:
    k, metric = comparison.ks[0], comparison.headline_metric
    columns = ["Model", metric, "vs counts", f"hr@{k}", f"mrr@{k}"]
    columns += ["coverage", "popularity", "time", "MB"]
    best = comparison.best()
    rows = []
    for row in comparison.rows:
        name = f'<th scope="row">{escape(row.model)}</th>'
        if row.status != "ok":
            reason = f"{row.status}: {row.reason}"
            rows.append(f'<tr>{name}<td class="words" colspan="{len(columns) - 1}">{escape(reason)}</td></tr>')
            continue
        cells = [
            _cell(row.metrics[metric], "{:.3f}"),
            _difference_cell(row, comparison),
            f"<td>{row.metrics[f'hr@{k}'].value:.4f}</td>",
            f"<td>{row.metrics[f'mrr@{k}'].value:.4f}</td>",
            f"<td>{percent(row.metrics[f'coverage@{k}'].value)}</td>",
            f"<td>{percent(row.metrics[f'popularity_lift@{k}'].value, sign=True)}</td>",
            _time_cell(row),
            f"<td>{NOTHING if row.peak_mb is None else format(row.peak_mb, ',.0f')}</td>",
        ]
        rows.append(f"<tr{' class=best' if row is best else ''}>{name}{''.join(cells)}</tr>")
    return _table(columns, rows)


def _time_cell(row: Row) -> str:
    if not math.isfinite(row.seconds):
        return f"<td>{NOTHING}</td>"
    return f"<td>{seconds(row.seconds)}<small>{row.ms_per_query:.2f} ms a query</small></td>"


def _details(comparison: Comparison) -> str:
    names = list(dict.fromkeys(name for row in comparison.done() for name in row.metrics))
    rows = []
    for row in comparison.done():
        cells = "".join(_cell(row.metrics[name], "{:.4f}") for name in names)
        rows.append(f'<tr><th scope="row">{escape(row.model)}</th>{cells}</tr>')
    return f"<details><summary>Every metric with its interval</summary>{_table(['Model', *names], rows)}</details>"


def _cell(known: Interval, bounds: str) -> str:
    if not math.isfinite(known.value):
        return f"<td>{NOTHING}</td>"
    between = f"<small>{bounds}{TO}{bounds}</small>".format(known.low, known.high)
    return f"<td>{known.value:.4f}{between if math.isfinite(known.low) else ''}</td>"


def _difference_cell(row: Row, comparison: Comparison) -> str:
    known = row.vs_baseline.get(comparison.headline_metric)
    if known is None:
        counts = row.model == comparison.baseline
        return f"<td>{'<span class=tag>counts</span>' if counts else NOTHING}</td>"
    kind = _kind(row, comparison)
    sign = {"above": "▲ ", "below": "▼ ", "open": ""}[kind]
    bounds = f"<small>{signed(known.low, '+.3f')} to {signed(known.high, '+.3f')}</small>"
    return f'<td class="{kind}">{sign}{signed(known.value)}{bounds}</td>'


def _kind(row: Row, comparison: Comparison) -> str:
    if row.model == comparison.baseline:
        return "baseline"
    known = row.vs_baseline.get(comparison.headline_metric)
    if known is None or not known.excludes_zero():
        return "open"
    return "above" if known.low > 0 else "below"


def _pictures(comparison: Comparison) -> str:
    kinds = {
        "baseline": f"{comparison.baseline} (counts)",
        "above": "higher, interval excludes zero",
        "open": "undecided",
        "below": "lower, interval excludes zero",
    }
    entries = (f'<span><i class="{kind}"></i>{escape(words)}</span>' for kind, words in kinds.items())
    compared = any(row.vs_baseline for row in comparison.done())
    legend = f'<div class="legend">{"".join(entries)}</div>' if compared else ""
    doubts = f'<div class="card"><h2>Before you believe it</h2>{_list(caveats(comparison))}</div>'
    plots = "".join(_plots(comparison)) if comparison.done() else ""
    return f'{legend}<div class="plots">{plots}{doubts}</div>'


def _plots(comparison: Comparison) -> list[str]:
    k, metric, base = comparison.ks[0], comparison.headline_metric, comparison.baseline
    rows = comparison.done()
    reference = next((row.metrics[metric].value for row in rows if row.model == base), None)
    compared = [row for row in rows if metric in row.vs_baseline]

    def marks(across: Callable[[Row], Interval], chosen: Sequence[Row] = rows) -> list[Mark]:
        return [
            Mark(row.model, across(row), row.metrics[metric], _kind(row, comparison), _tip(row, metric))
            for row in chosen
        ]

    short = "{:.2f}".format
    cards = [
        _card(
            "Accuracy",
            f"{metric} with its 95 % interval{'' if reference is None else '; the dashed line is counting'}.",
            interval_plot(marks(lambda row: row.metrics[metric]), axis=metric, form=short, reference=reference),
        )
    ]
    if compared:
        plot = interval_plot(
            marks(lambda row: row.vs_baseline[metric], compared),
            axis=f"{metric} minus that of {base}",
            form=lambda value: signed(value, "+.2f") if value else "0",
            reference=0.0,
        )
        cards.append(_card("Difference to counting", "On the same people, person by person.", plot))
    time = scatter_plot(
        marks(lambda row: Interval(row.seconds)),
        across="seconds",
        up=metric,
        form="{:g}".format,
        form_up=short,
        log=True,
    )
    coverage = scatter_plot(
        marks(lambda row: Interval(row.metrics[f"coverage@{k}"].value)),
        across="share of the catalogue",
        up=metric,
        form=percent,
        form_up=short,
    )
    lift = interval_plot(
        marks(lambda row: row.metrics[f"popularity_lift@{k}"]),
        axis="popularity of lists against histories",
        form=lambda value: percent(value, sign=True),
        reference=0.0,
    )
    return [
        *cards,
        _card("Accuracy and time", "To choose settings, fit and rank everybody.", time),
        _card("Accuracy and coverage", f"How much of the catalogue is in somebody's first {k}.", coverage),
        _card("Popularity lift", "How much more popular the lists are than what people had chosen.", lift),
    ]


def _card(title: str, words: str, plot: str) -> str:
    return f'<div class="card"><h2>{escape(title)}</h2><p>{escape(words)}</p>{plot}</div>'


def _tip(row: Row, metric: str) -> str:
    took = f", {seconds(row.seconds)}" if math.isfinite(row.seconds) else ""
    return f"{row.model}: {metric} {row.metrics[metric].value:.4f}{took}"


def _settings(comparison: Comparison) -> str:
    rows = []
    for row in comparison.done():
        chosen = "".join(f"<code>{escape(name)} = {escape(said(value))}</code>" for name, value in row.settings.items())
        valid = ", ".join(f"{value:.4f}" for value in row.valid.values())
        rows.append(
            f'<tr><th scope="row">{escape(row.model)}</th><td class="words">{chosen or "none to choose"}</td>'
            f"<td>{row.settings_tried:,}</td><td>{valid}</td></tr>"
        )
    return f'<div class="settings">{_table(("Model", "Settings", "compared", "validation ndcg@10"), rows)}</div>'


def _circumstances(comparison: Comparison) -> dict[str, Any]:
    counts = {name: value for name, value in comparison.counts.items() if name != "unknown_targets"}
    ranks = {f"ranks of {row.model}": row.rank_hash[:16] for row in comparison.done() if row.rank_hash}
    return {**counts, **comparison.environment, "data fingerprint": comparison.fingerprint[:16], **ranks}


def _definitions(entries: Mapping[str, Any]) -> str:
    pairs = "".join(
        f"<div><dt>{escape(name.replace('_', ' '))}</dt><dd>{escape(said(value, name))}</dd></div>"
        for name, value in entries.items()
    )
    return f"<dl>{pairs}</dl>"
