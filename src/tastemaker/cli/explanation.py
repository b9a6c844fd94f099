"""How `tastemaker explain` shows where a score came from: as bars, or as JSON."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING, Any, Final

from rich.table import Table
from rich.text import Text

from tastemaker.cli.output import Output, write_json
from tastemaker.core.recommendations import Contributions

if TYPE_CHECKING:
    from tastemaker.cli.workspace import Workspace
    from tastemaker.core.query import Query
    from tastemaker.engine import Engine
    from tastemaker.language.asking.explaining import Explanation

_WIDTH: Final = 28
_ROWS: Final = 15
_EIGHTHS: Final = " ▏▎▍▌▋▊▉█"

Amounts = list[tuple[str, str, float]]
"""Id or kind, what is shown, amount."""


def in_a_sentence(
    work: Workspace, engine: Engine, query: Query, contributions: Contributions, generator: str
) -> Explanation:
    """Return what speaks for an item in a sentence or two, by a generator where what it says passes the checks.

    Args:
        work: The settings.
        engine: What explains.
        query: The request, as it was put: of a profile nothing is repeated.
        contributions: Where the score came from.
        generator: The generator's name; ``none`` for a template.
    """
    from tastemaker.cli.ask import chosen_generator
    from tastemaker.language.asking.explaining import Explainer
    from tastemaker.pipeline.explaining import told_of

    explainer = Explainer(chosen_generator(work, generator), seed=work.settings.run.seed)
    full = replace(engine.resolve(query)[0], text=query.text)
    return explainer(told_of(contributions, full, engine.dataset.catalogue))


def show_explanation(
    out: Output, engine: Engine, contributions: Contributions, said: Explanation | None = None
) -> None:
    """Write what each item of the history and each part of the model adds to a score, and a sentence about it."""
    items, sources = by_item(engine, contributions), by_source(engine, contributions)
    if out.as_json:
        write_json(
            {
                "item_id": contributions.item_id,
                "title": engine.title(contributions.item_id),
                "score": contributions.score,
                "additive": contributions.additive,
                "by_item": [{"name": name, "title": title, "amount": amount} for name, title, amount in items],
                "by_source": [{"name": name, "amount": amount} for name, _, amount in sources],
                "parts": [_part(part) for part in contributions.parts],
                **({} if said is None else {"said": _said(said)}),
            }
        )
        return
    out.print(f"{engine.title(contributions.item_id)} [{contributions.item_id}]: score {contributions.score:.4f}")
    if not contributions.additive:
        out.note("This model is no sum of its parts: the amounts below are an approximation.")
    out.print(_bars("by item", items), "", _bars("by part of the model", sources))
    if said is not None:
        out.print("", said.text)
        for why in (*said.degraded, *said.faults):
            out.note(f"Said by the template: {why}")


def by_item(engine: Engine, contributions: Contributions) -> Amounts:
    """Return what each item of the history adds, then words and popularity, each group largest first."""
    found: Amounts = [(item, engine.title(item), amount) for item, amount in contributions.by_item().items()]
    others: dict[str, float] = {}
    for part in contributions.parts:
        if part.kind != "item":
            named = {"text": f'the words "{part.name}"', "feature": part.name}
            label = named.get(part.kind, part.kind)
            others[label] = others.get(label, 0.0) + part.amount
    return found + [(label, label, amount) for label, amount in sorted(others.items(), key=lambda pair: -pair[1])]


def by_source(engine: Engine, contributions: Contributions) -> Amounts:
    """Return what each part of a composed model adds; a model of one piece is its own part."""
    named = ((name or engine.model.name, amount) for name, amount in contributions.by_source().items())
    return [(name, name, amount) for name, amount in named]


def _part(part: Any) -> dict[str, Any]:
    return {"kind": part.kind, "name": part.name, "source": part.source or None, "amount": part.amount}


def _said(said: Explanation) -> dict[str, Any]:
    facts = [fact.text for fact in said.facts]
    return {
        "text": said.text,
        "by": said.by,
        "facts": facts,
        "cited": [facts[place] for place in said.cited],
        "rejected": said.rejected or None,
        "faults": [*said.degraded, *said.faults],
    }


def _bars(heading: str, amounts: Amounts) -> Table:
    table = Table(box=None, pad_edge=False, header_style="bold")
    table.add_column(heading, overflow="fold")
    table.add_column("adds", justify="right")
    table.add_column("")
    largest = max((abs(amount) for _, _, amount in amounts), default=0.0)
    strongest = sorted(amounts, key=lambda entry: -abs(entry[2]))[:_ROWS]
    for entry in amounts:
        if entry in strongest:
            _, label, amount = entry
            style = "green" if amount >= 0 else "red"
            table.add_row(Text(label), Text(f"{amount:+.4f}"), Text(bar(amount, largest), style=style))
    if rest := len(amounts) - len(strongest):
        table.add_row(Text(f"{rest} more", style="dim"), "", "")
    if not amounts:
        table.add_row(Text("nothing", style="dim"), "", "")
    return table


def bar(amount: float, largest: float) -> str:
    """Draw an amount as a bar, to an eighth of a character.

    >>> bar(0.5, 28.0)
    '▌'
    """
    eighths = round(8 * _WIDTH * abs(amount) / largest) if largest > 0 else 0
    return ("█" * (eighths // 8) + _EIGHTHS[eighths % 8]).strip()
