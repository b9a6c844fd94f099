"""A comparison as one web page that needs nothing else: no host, no script, no font, light and dark."""

from __future__ import annotations

import math
from html import escape
from pathlib import Path
from typing import Any

from tastemaker.evaluation.bootstrap import Interval
from tastemaker.evaluation.comparison import Comparison, Row
from tastemaker.evaluation.pages import frame
from tastemaker.evaluation.pages.examples import examples
from tastemaker.evaluation.pages.frame import cell, head, heads, interval_cell, section, table, words
from tastemaker.evaluation.pages.parts import foreign_lists, gaps, parts, seeds
from tastemaker.evaluation.pages.pictures import kind_of, pictures
from tastemaker.evaluation.pages.training import trainings
from tastemaker.evaluation.probes.report import html_section
from tastemaker.evaluation.wording import headline
from tastemaker.evaluation.written import NOTHING, percent, probability, said, seconds, signed


def write_html(comparison: Comparison, path: Path) -> None:
    """Write the page to ``path``, whole or not at all.

    Raises:
        StorageError: The file cannot be written; what stood there stays.
    """
    frame.write_page(html_report(comparison), path)


def html_report(comparison: Comparison) -> str:
    """Return the page: headline, ladder, plots, parts, examples, probes, choices, and what the numbers cannot show."""
    sections = [
        _header(comparison),
        section("The ladder", _beforehand(comparison), _ladder(comparison), *_details(comparison)),
        section("In pictures", pictures(comparison)),
        section("Training", *trainings(comparison)),
        section("Parts of the test", *parts(comparison)),
        section("Gaps between groups and providers", *gaps(comparison)),
        section("Seeds", *seeds(comparison)),
        section("Lists from elsewhere", *foreign_lists(comparison)),
        section("Worked examples", *examples(comparison)),
        html_section(comparison.probes),
        section("Settings chosen on validation", _settings(comparison)),
        section("How it was measured", frame.definitions(comparison.knobs)),
        section("What it was measured on", frame.definitions(_circumstances(comparison))),
    ]
    return frame.page(f"{comparison.dataset}: models beside counts", sections)


def _header(comparison: Comparison) -> str:
    counts = comparison.counts
    sizes = f"{counts['queries']:,} queries of {counts['users']:,} users, {counts['items']:,} items"
    facts = f"{sizes} · split <code>{escape(comparison.split_hash)}</code>"
    sampled = "" if comparison.negatives is None else f" · 1 + {comparison.negatives:,} candidates"
    kicker = f"Comparison · {comparison.protocol}{sampled}"
    return frame.header(kicker, comparison.dataset, facts, headline(comparison), comparison.notes())


def _beforehand(comparison: Comparison) -> str:
    return "" if comparison.detectable is None else words(comparison.detectable.sentence())


def _ladder(comparison: Comparison) -> str:
    k, metric = comparison.ks[0], comparison.headline_metric
    columns = heads("Model", metric, "vs counts")
    columns += [head("p", "Holm"), *heads(f"hr@{k}", f"mrr@{k}", "coverage", "popularity", "time", "MB")]
    best = comparison.best()
    rows = []
    for row in comparison.rows:
        if row.status != "ok":
            reason = f"{row.status}: {row.reason}" if row.reason else row.status
            rows.append(frame.row(row.model, [cell(reason, kind="words", span=len(columns) - 1)]))
            continue
        cells = [
            interval_cell(row.metrics[metric]),
            _difference_cell(row, comparison),
            cell(probability(row.p_values[metric][1]) if metric in row.p_values else NOTHING),
            cell(f"{row.metrics[f'hr@{k}'].value:.4f}"),
            cell(f"{row.metrics[f'mrr@{k}'].value:.4f}"),
            cell(percent(row.metrics[f"coverage@{k}"].value)),
            cell(percent(row.metrics[f"popularity_lift@{k}"].value, sign=True)),
            cell(seconds(row.seconds), f"{row.ms_per_query:.2f} ms a query" if math.isfinite(row.seconds) else ""),
            cell(NOTHING if row.peak_mb is None or row.lists is not None else f"{row.peak_mb:,.0f}"),
        ]
        rows.append(frame.row(row.model, cells, best=row is best))
    return table(columns, rows)


def _difference_cell(row: Row, comparison: Comparison) -> str:
    known = row.vs_baseline.get(comparison.headline_metric)
    if known is None:
        counts = row.model == comparison.baseline
        return cell("counts", kind="tag") if counts else cell(NOTHING)
    kind = kind_of(row, comparison)
    sign = {"above": "▲ ", "below": "▼ "}.get(kind, "")
    bounds = f"{signed(known.low, '+.3f')} to {signed(known.high, '+.3f')}"
    return cell(f"{sign}{signed(known.value)}", bounds, kind=kind)


def _details(comparison: Comparison) -> list[str]:
    done = comparison.done()
    if not done:
        return []
    names = list(dict.fromkeys(name for row in done for name in row.metrics))
    rows = [
        frame.row(row.model, (interval_cell(row.metrics.get(name), bounds="{:.4f}") for name in names)) for row in done
    ]
    found = [frame.folded("Every metric with its interval", table(heads("Model", *names), rows))]
    compared = [row for row in done if row.vs_baseline]
    if compared:
        names = list(dict.fromkeys(name for row in compared for name in row.vs_baseline))
        rows = [
            frame.row(row.model, (_tested(row.vs_baseline.get(name), row.p_values.get(name)) for name in names))
            for row in compared
        ]
        about = words("p-values are two-sided and come from the same resamples as the intervals. Holm's are corrected "
                      "for the number of rows, metric by metric.")  # fmt: skip
        shown = about + table(heads("Model", *names), rows)
        found.append(frame.folded(f"Every difference to {comparison.baseline} with its p-value", shown))
    return found


def _tested(known: Interval | None, p: tuple[float, float] | None) -> str:
    if known is None or not math.isfinite(known.value):
        return cell(NOTHING)
    return cell(signed(known.value), "" if p is None else f"p {probability(p[0])}, Holm {probability(p[1])}")


def _settings(comparison: Comparison) -> str:
    rows = []
    for row in comparison.done():
        if row.lists is not None:
            continue
        chosen = "".join(f"<code>{escape(name)} = {escape(said(value))}</code>" for name, value in row.settings.items())
        cells = [
            f'<td class="words">{chosen or "none to choose"}</td>',
            cell(f"{row.settings_tried:,}"),
            cell(", ".join(f"{value:.4f}" for value in row.valid.values()) or NOTHING),
        ]
        rows.append(frame.row(row.model, cells))
    validated = next((name for row in comparison.done() for name in row.valid), "")
    columns = [head("Model"), head("Settings", kind="left"), *heads("compared", f"validation {validated}".rstrip())]
    return table(columns, rows) if rows else ""


def _circumstances(comparison: Comparison) -> dict[str, Any]:
    counts = {name: value for name, value in comparison.counts.items() if name != "unknown_targets"}
    ranks = {f"ranks of {row.model}": row.rank_hash[:16] for row in comparison.done() if row.rank_hash}
    return {**counts, **comparison.environment, "data fingerprint": comparison.fingerprint[:16], **ranks}
