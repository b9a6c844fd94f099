"""Worked examples on a page: what a few people did, what came, and what each model would have shown."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from html import escape
from typing import Final

from tastemaker.evaluation.comparison import Comparison
from tastemaker.evaluation.examples import Example, Item, Shown
from tastemaker.evaluation.pages.frame import card, cell, head, row, table, words
from tastemaker.evaluation.plots import shortened
from tastemaker.evaluation.written import NOTHING

_LETTERS: Final = 70


def examples(comparison: Comparison) -> Iterator[str]:
    """Yield a card for each person, as HTML."""
    if not comparison.examples:
        return
    several = any(one.spread is not None for one in comparison.done())
    yield words(
        f"{len(comparison.examples)} people of the test, drawn by the seed before anything was tested, so nobody chose "
        f"them. Hits are marked.{' Lists are those of the first seed.' if several else ''}"
    )
    yield from (_example(example) for example in comparison.examples)


def _example(example: Example) -> str:
    before = "; ".join(_title(item) for item in example.history) or "nothing"
    more = example.asked - len(example.answers)
    came = "; ".join(_title(item) for item in example.answers) + (f" and {more:,} more" if more > 0 else "")
    latest = "" if len(example.history) == example.events else f" (the latest of {example.events:,})"
    facts = (
        f"<dl class=story><div><dt>before{latest}, oldest first</dt><dd>{escape(before)}</dd></div>"
        f"<div><dt>what came</dt><dd><b>{escape(came)}</b></dd></div></dl>"
    )
    length = max((len(shown.items) for shown in example.lists.values()), default=0)
    rank = head("the answer" if len(example.answers) == 1 else "the answers", "in its list")
    columns = [head("Model"), *(head(str(place + 1), kind="left") for place in range(length)), rank]
    rows = [row(name, _cells(shown, length)) for name, shown in example.lists.items()]
    return card(f"Person {example.user_id}", "", facts + table(columns, rows))


def _cells(shown: Shown, length: int) -> Iterator[str]:
    for item, hit in zip(shown.items, shown.hits, strict=True):
        yield cell(f"\N{CHECK MARK} {_title(item)}" if hit else _title(item), kind="item hit" if hit else "item")
    for _ in range(length - len(shown.items)):
        yield cell(NOTHING, kind="item")
    yield cell(_places(shown.ranks))


def _places(ranks: Sequence[int | None]) -> str:
    return ", ".join("never" if rank is None else f"{rank:,}." for rank in ranks)


def _title(item: Item) -> str:
    return shortened(item.title, _LETTERS)
