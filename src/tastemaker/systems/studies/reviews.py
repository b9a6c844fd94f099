"""Reviews with their texts: Amazon's release of 2018, each text and each pair of person and item once.

The loader of the data sources reads no texts; a review's first sentence stands for the explanation that papers take out
of it.
"""

from __future__ import annotations

import hashlib
import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

import numpy as np
import polars as pl

from tastemaker.core.errors import DataError
from tastemaker.core.run import Run
from tastemaker.data import Dataset, EventSplit, split_events
from tastemaker.data.labelled import TEXTS
from tastemaker.data.sources.reading import need, records, seconds
from tastemaker.data.sources.registry import SOURCES, local_folder
from tastemaker.language.cleaning import plain
from tastemaker.language.sentences import split_words
from tastemaker.systems.reproduction.bench import Bench
from tastemaker.systems.reproduction.reading import Ground

_SENTENCE_END: Final = re.compile(r"(?<=[.!?])\s+|\n+")
_LEAST: Final = 3
"""Words of a sentence, at least."""


@dataclass(frozen=True)
class Written:
    """Reviews in three parts, and what was written of the test events.

    Attributes:
        split: The parts; texts are columns of its training events.
        pairs: Person and item of each test event.
        texts: Column -> what was written of each test event.
    """

    split: EventSplit
    pairs: list[tuple[str, str]]
    texts: Mapping[str, list[str]]

    @property
    def items(self) -> list[str]:
        """The item of each test event."""
        return [item for _, item in self.pairs]

    def learnt(self, column: str) -> list[tuple[str, str]]:
        """Return item and text of each training event."""
        return list(self.split.train.interactions.frame.select("item_id", column).iter_rows())


def split_reviews(source: str, file: str, bench: Bench, run: Run) -> Ground[Written]:
    """Return the reviews of a source, a fifth of them for the test; they are the units, and people are drawn.

    Args:
        source: Name of a source of Amazon's reviews.
        file: Name of its file of reviews, without ``.gz``.
        bench: Where data lie.
        run: Gives the seed of the draw.

    Raises:
        DataError: The file is not there, or damaged.
    """
    folder = local_folder(SOURCES[source], bench.data)
    if folder is None:
        raise DataError(f"the reviews of {source} are read from a folder", remedy="Name the one above it with --data.")
    events = pl.DataFrame(_distinct(need(folder, file)), orient="row").with_columns(seconds("timestamp"))
    dataset = Dataset.of(events, name=source)
    split = split_events(dataset, "ratings", "random-ratio", valid=0.1, test=0.2, per="all", run=run)
    frame = dataset.interactions.frame
    asked = split.test.queries.user_ids[split.test.query]
    of_event = {order: place for place, order in enumerate(frame["order"].to_list())}
    rows = frame[[of_event[row] for row in split.test.rows.tolist()]]
    pairs = list(zip(asked.tolist(), rows["item_id"].to_list(), strict=True))
    digest = hashlib.sha256(f"{split.hash} {frame.write_ndjson()}".encode()).hexdigest()
    return Ground(
        holds=Written(split, pairs, {column: rows[column].to_list() for column in TEXTS}),
        units=len(pairs),
        clusters=split.test.users[split.test.query].astype(np.int64),
        digest=digest,
        data={dataset.name: dataset.fingerprint},
        counts={
            "test reviews": len(pairs),
            "people": split.test.user_count,
            "items": len(dataset.items),
            "reviews to learn from": len(split.train.interactions),
        },
        cut=f"{split.protocol}, split {split.hash}",
        notes=[
            "Of the reviews each text and each pair of person and item is kept once: the file has most of them several "
            "times, under several items, so that a split of the file as it is asks for what was learnt.",
            "The data are tiny, and a smoke test: hardly anybody has a second review.",
        ],
    )


def _distinct(path: Path) -> Iterator[dict[str, Any]]:
    """Yield reviews with words, each text once, and each pair of person and item."""
    texts, pairs = set[tuple[str, ...]](), set[tuple[str, str]]()
    for number, record in enumerate(records(path), 1):
        try:
            pair = (str(record["reviewerID"]), str(record["asin"]))
            rating, time = float(record["overall"]), int(record["unixReviewTime"])
        except (KeyError, TypeError, ValueError) as error:
            raise DataError(f"not a review: {error!r}", where=f"{path}, record {number}") from error
        text, summary = (str(record.get(name) or "") for name in ("reviewText", "summary"))
        words = tuple(split_words(text))
        sentence = first_sentence(text)
        if not sentence or words in texts or pair in pairs:
            continue
        texts.add(words)
        pairs.add(pair)
        yield {
            "user_id": pair[0],
            "item_id": pair[1],
            "rating": rating,
            "timestamp": time,
            "text": text,
            "summary": summary,
            "explanation": sentence,
        }


def first_sentence(text: str) -> str:
    """Return the first sentence of three words or more, without the tags of web pages; nothing if there is none.

    >>> first_sentence("Wow! It smells <b>very</b> good. I like it.")
    'It smells very good.'
    """
    sentences = (plain(part) for part in _SENTENCE_END.split(text))
    return next((part for part in sentences if sum(map(str.isalnum, split_words(part))) >= _LEAST), "")
