"""Explanations of XRec: why a person would want an item, written for people of whom nothing was learnt.

Only the test part of XRec's data can be had. It is cut here by people, so that no explanation for a person of the test
is read before.
"""

from __future__ import annotations

import hashlib
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any, Final

import numpy as np
import polars as pl
from numpy.typing import NDArray

from tastemaker.core.errors import DataError
from tastemaker.core.run import Run
from tastemaker.data import Dataset
from tastemaker.models.generative import Generative
from tastemaker.systems.reproduction.bench import Bench
from tastemaker.systems.reproduction.reading import Ground, Reading
from tastemaker.systems.studies.reviews import first_sentence
from tastemaker.systems.studies.texts import (
    GROUNDED,
    ROUGE_L,
    common_words,
    grounded,
    nearness,
    sameness,
    to_others,
)

FILE: Final = "explanations_test.parquet"
_COLUMNS: Final = {"uid": "user_id", "iid": "item_id", "title": "title", "item_summary": "text"}
_TENTHS: Final = 10
_LOOKED_AT: Final = 40

PROMPTS: Final[Mapping[str, Sequence[str]]] = {
    "direct": ("{user}",),
    "explanation": (
        "why would {user} want {item}? {text}",
        "tell {user} what speaks for {item}, {text}",
        "{text} {item} {user}",
    ),
}
"""Prompts that tell the words of an item also when they ask, since most items of the test are new."""


@dataclass(frozen=True)
class Explained:
    """Explanations in three parts, by people.

    Attributes:
        train: What is learnt from; the explanation is a column of the events.
        valid: ``user_id, item_id, explanation`` of those that choices are made on.
        test: The same of those that are reported on.
        words: Item -> its title and summary.
    """

    train: Dataset
    valid: pl.DataFrame
    test: pl.DataFrame
    words: Mapping[str, tuple[str, str]]

    @property
    def references(self) -> list[str]:
        """What is to be come near to, of each test pair."""
        return self.test["explanation"].to_list()

    @property
    def items(self) -> list[str]:
        """The item of each test pair."""
        return self.test["item_id"].to_list()

    @property
    def learnt(self) -> list[str]:
        """The explanations of the training part."""
        return self.train.interactions.frame["explanation"].to_list()


def split_explanations(folder: str, bench: Bench, run: Run) -> Ground[Explained]:
    """Return the explanations of a folder, eight tenths of the people to learn from, one to choose on, one to test.

    Raises:
        DataError: The folder is not there, or holds something else.
    """
    path = None if bench.data is None else bench.data / folder / FILE
    if path is None or not path.is_file():
        raise DataError(
            f"there is no {FILE} of '{folder}'",
            where=str(bench.data or "--data"),
            remedy="Name its folder with --data.",
        )
    frame = _read(path)
    tenth = np.array([_tenth(user) for user in frame["user_id"]])
    parts = [frame.filter(pl.Series(each)) for each in (tenth >= 2, tenth == 1, tenth == 0)]
    catalogue = frame.unique("item_id", keep="first", maintain_order=True).select("item_id", "title", "text")
    pairs = frame.select("user_id", "item_id", "explanation")
    whole = Dataset.of(pairs, catalogue, name=folder)
    learnt = set(parts[0]["user_id"])
    train = whole.where(np.array([user in learnt for user in whole.interactions.frame["user_id"]]))
    train_part, valid, test = (part.select("user_id", "item_id", "explanation") for part in parts)
    known = set(train_part["item_id"])
    new = np.mean([item not in known for item in test["item_id"]])
    return Ground(
        holds=Explained(train, valid, test, {row[0]: (row[1], row[2] or "") for row in catalogue.iter_rows()}),
        units=len(test),
        clusters=np.unique(test["user_id"].to_numpy(), return_inverse=True)[1].astype(np.int64),
        digest=hashlib.sha256(frame.write_ndjson().encode()).hexdigest(),
        data={folder: whole.fingerprint},
        counts={
            "texts to come near to": len(test),
            "people": test["user_id"].n_unique(),
            "items": test["item_id"].n_unique(),
            "texts to learn from": len(train_part),
        },
        cut="cut by people, a tenth each to choose on and to test",
        notes=[
            f"{new:.0%} of the test texts are about items that no training text is about.".replace("%", " %"),
            "The texts to come near to were written by a language model from reviews. So were the summaries of the "
            "items, from what is not said: they may know the reviews of the test.",
        ],
    )


def _read(path: Path) -> pl.DataFrame:
    try:
        frame = pl.read_parquet(path, columns=[*_COLUMNS, "explanation"])
    except (pl.exceptions.PolarsError, OSError) as error:
        raise DataError(f"the explanations cannot be read: {error}", where=str(path)) from error
    return frame.rename(_COLUMNS).with_columns(pl.col("user_id", "item_id").cast(pl.String))


def _tenth(user: str) -> int:
    """Return a number from 0 to 9 that is the same everywhere and has nothing to do with the order of ids."""
    return int(hashlib.sha256(user.encode()).hexdigest(), 16) % _TENTHS


def written(recipe: Mapping[str, Any], tried: Sequence[Mapping[str, Any]], data: Explained, run: Run) -> Reading:
    """Fit a network with each of some settings, keep the best on validation by ROUGE-L, and let it write."""
    texts, settings = _written(recipe, tried, data, run)
    title = data.words[data.items[0]][0]
    return _reading(texts, data, settings=settings, example=f"Of “{title}”: “{texts[0]}”")


def written_for_others(
    recipe: Mapping[str, Any], tried: Sequence[Mapping[str, Any]], data: Explained, run: Run
) -> Reading:
    """Return what the same network writes, each text beside an explanation of another item."""
    texts, settings = _written(recipe, tried, data, run)
    moved = [texts[place] for place in to_others(data.items, run.rng("explanations of others"))]
    return _reading(moved, data, settings=settings)


def in_a_frame(frame: str, data: Explained, run: Run) -> Reading:
    """Return for each pair one frame of words with the item's title and the first sentence of its summary in it."""
    texts = [frame.format(title=title, summary=_begun(summary)) for title, summary in _said(data)]
    return _reading(texts, data, example=texts[0])


def always_the_same(data: Explained, run: Run) -> Reading:
    """Return one text for every pair: of some texts of training the one that is nearest to as many others.

    No two of XRec's texts are the same, so that none of them is the most frequent.
    """
    learnt = data.learnt
    drawn = run.rng("typical text").integers(0, len(learnt), size=(2, _LOOKED_AT))
    among = [learnt[place] for place in drawn[1]]
    near = [nearness([learnt[place]] * len(among), among)[ROUGE_L].mean() for place in drawn[0]]
    typical = learnt[int(drawn[0][int(np.argmax(near))])]
    return _reading([typical] * len(data.test), data, example=typical)


def drawn_from_training(data: Explained, run: Run) -> Reading:
    """Return for each pair an explanation of training, drawn."""
    drawn = run.rng("explanations of training").integers(0, len(data.learnt), size=len(data.test))
    return _reading([data.learnt[place] for place in drawn], data)


def themselves(data: Explained, run: Run) -> Reading:
    """Return the explanations that are to be come near to, for what nearness does not say."""
    found = _reading(data.references, data)
    return Reading(
        values={GROUNDED: found.values[GROUNDED]},
        numbers={name: value for name, value in found.numbers.items() if name != "bleu-4"},
    )


def _written(
    recipe: Mapping[str, Any], tried: Sequence[Mapping[str, Any]], data: Explained, run: Run
) -> tuple[list[str], dict[str, Any]]:
    valid = list(data.valid.select("user_id", "item_id").iter_rows())
    references, found = data.valid["explanation"].to_list(), []
    with _prompts(run) as folder:
        for each in tried:
            model = Generative(**{**recipe, **each, "prompts": str(folder)}).fit(data.train, run=run)
            near = float(nearness(model.explanations(valid), references)[ROUGE_L].mean())
            found.append((near, each, model))
    most, chosen, best = max(found, key=lambda each: each[0])
    settings = {**chosen, "validation rouge-l": round(most, 4), "of settings": [round(each[0], 4) for each in found]}
    return best.explanations(list(data.test.select("user_id", "item_id").iter_rows())), settings


@contextmanager
def _prompts(run: Run) -> Iterator[Path]:
    """Write the prompts to a folder: where trainings are kept, since one that was broken off is known by it."""
    with TemporaryDirectory() as gone:
        folder = Path(gone) if run.output is None else run.output / "prompts-of-explanations"
        folder.mkdir(parents=True, exist_ok=True)
        for task, lines in PROMPTS.items():
            (folder / f"{task}.txt").write_text("\n".join(lines), encoding="utf-8")
        yield folder


def _said(data: Explained) -> list[tuple[str, str]]:
    return [data.words[item] for item in data.items]


def _begun(summary: str) -> str:
    sentence = first_sentence(summary)
    return sentence[:1].lower() + sentence[1:]


def _reading(
    texts: list[str], data: Explained, settings: Mapping[str, Any] | None = None, example: str = ""
) -> Reading:
    common = common_words(data.learnt)
    about = [f"{title}. {summary}" for title, summary in _said(data)]
    own: dict[str, NDArray[np.float64]] = {GROUNDED: grounded(texts, about, common)}
    return Reading(
        values={**nearness(texts, data.references), **own},
        numbers=sameness(texts, data.references),
        settings=settings or {},
        example=example,
    )
