"""The section of a report on a leak that was shown."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from tastemaker.evaluation.written import NOTHING, percent, seconds
from tastemaker.systems.reproduction.leak import LEAK, Leak, Shown
from tastemaker.systems.reproduction.markdown import bounded, line, made_on


def leak_section(system: str, leak: Leak, shown: Sequence[Shown]) -> Iterator[str]:
    """Write what a leak is worth, in a table for each data set.

    Args:
        system: Name of the system.
        leak: Its leak.
        shown: What it was worth.
    """
    yield from ("## The leak, shown", "", leak.about, "")
    for each in shown:
        counts, metrics = each.counts, list(dict.fromkeys(name for row in each.rows for name in row.metrics))
        yield (
            f"`{each.dataset}`, {each.protocol}, split `{each.split_hash}`: {counts['people']:,} people, "
            f"{counts['items']:,} items, {counts['train_events']:,} events to learn from. Each of "
            f"{counts['answers']:,} answers is ranked among {each.negatives:,} {each.candidates} negatives; means of "
            f"{len(each.negative_seeds)} draws, with 95 % intervals over people."
        )
        if counts["short"]:
            yield f"{counts['short']:,} answers have fewer, since their person met nearly everything."
        yield ""
        yield line("graph", "what ranks", *metrics, "answers in the graph")
        yield line("---", "---", *["--:"] * (len(metrics) + 1))
        for row in each.rows:
            values = (
                [bounded(row.metrics[name]) for name in metrics]
                if row.metrics
                else ["not run", *[""] * (len(metrics) - 1)]
            )
            yield line(row.graph or NOTHING, row.vectors, *values, percent(row.inside))
        yield ""
        yield from (f"{row.name} was not run: {row.reason}.\n" for row in each.rows if row.reason)
        yield from (leak.says(each.by_name()), "")
        codes = " and ".join(f"`{code[:12]}`" for code in dict.fromkeys(row.code for row in each.rows))
        yield (
            f"Made with code {codes} and data `{each.fingerprint[:12]}` in "
            f"{seconds(sum(row.seconds for row in each.rows))} of work {made_on(each.machine)}. "
            f"[Record]({system}/{LEAK}.json)"
        )
        yield ""
