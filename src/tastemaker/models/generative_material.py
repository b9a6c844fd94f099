"""Where tasks learn from whose answers are no items: the ratings and texts of the training events, and their words."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, replace
from typing import Final

import numpy as np
from numpy.typing import NDArray

from tastemaker.blocks.id_graph import IdGraph
from tastemaker.core.errors import DataError, LeakError
from tastemaker.data.dataset import Dataset
from tastemaker.data.heldout import HeldOut
from tastemaker.data.labelled import ratings_of, texts_of
from tastemaker.language.prompts import Prompts
from tastemaker.language.sentences import WordCounter
from tastemaker.language.texts import item_texts
from tastemaker.models.base import Settings
from tastemaker.models.generative_texts import DIGITS, ITEM_WORDS, Spoken, Told, ended, joined, words_of_items
from tastemaker.models.prompting import Alphabet, Ints, Lists

COLUMNS: Final[Mapping[str, tuple[str, ...]]] = {"explanation": ("explanation",), "review": ("summary", "text")}
"""Name of a task -> the column of events that is its answer, and the one that is read, if any."""

TOLD: Final = ("rating", *COLUMNS)
"""Tasks whose answers are no items."""

_MOST_LEVELS: Final = 100


@dataclass(frozen=True)
class _Source:
    """Events of one task, before there are tokens.

    Attributes:
        events: Their places, int64 ``[m]``.
        answers: Numbers of levels, or of words.
        whole: Whether an end mark belongs to the answer, bool ``[m]``.
        texts: Numbers of the words that are read of each event; ``None`` where those of its item are.
    """

    events: Ints
    answers: Lists
    whole: NDArray[np.bool_]
    texts: Lists | None = None


class Material:
    """What a training part says of items, by task.

    Args:
        train: The training part.
        held: What is held out; texts of its people about its items are not learnt from.
        graph: The people.
        prompts: Prompts of all tasks.
        settings: Those of the model.

    Attributes:
        words: Words that are to be known, the most frequent of those that were read, sorted.
        spoken: What is to be known beside them; words of items come later.

    Raises:
        DataError: There are no events with the answers of a task, or too many different ratings.
        LeakError: A held-out event is in the training part.
    """

    def __init__(
        self, train: Dataset, held: HeldOut | None, graph: IdGraph, prompts: Prompts, settings: Settings
    ) -> None:
        self.words, self.spoken = tuple[str, ...](), Spoken()
        self._sources: dict[str, _Source] = {}
        tasks = [task for task in prompts if task in TOLD]
        if not tasks:
            return
        _refuse_rows(train, held)
        self._train, self._settings, self._counter = train, settings, WordCounter()
        self._people, self._items = train.sequences.user_of_event(), train.sequences.codes.astype(np.int64)
        self._weights = np.abs(train.sequences.weights)
        asked = _asked(train, held, graph, self._people, self._items)
        levels = np.empty(0)
        for task in tasks:
            if task == "rating":
                levels, self._sources[task] = self._ratings()
            else:
                self._sources[task] = self._texts(task, ~asked)
        reads = any("text" in prompt.slots for task in tasks if task != "review" for prompt in prompts[task])
        self._item_texts = item_texts(train.catalogue, train.items.ids) if reads else None
        if self._item_texts is not None:
            for item in np.unique(self._items).tolist():
                self._counter.read(self._item_texts[item], ITEM_WORDS)
        self.words, written = self._known()
        self.spoken = Spoken(levels, written)

    def _ratings(self) -> tuple[NDArray[np.float64], _Source]:
        """Return the levels, and the ratings."""
        ratings = np.round(ratings_of(self._train), DIGITS)
        given = np.flatnonzero(~np.isnan(ratings) & (self._weights > 0))
        levels, which = np.unique(ratings[given], return_inverse=True)
        if not 0 < len(levels) <= _MOST_LEVELS:
            raise DataError(
                f"there are {len(levels):,} different ratings, and a token is needed for each",
                where=f"{self._train.name}, column 'rating'",
                remedy=f"Round them to at most {_MOST_LEVELS} levels, or take 'biased-mf'.",
            )
        answers = Lists(which.astype(np.int64), np.arange(len(which) + 1))
        return levels, _Source(given, answers, np.zeros(len(given), dtype=bool))

    def _texts(self, task: str, free: NDArray[np.bool_]) -> _Source:
        """Return the texts of a task, of events that are ``free``, bool ``[e]``."""
        answers, *rest = (np.asarray(texts_of(self._train, column), dtype=object) for column in COLUMNS[task])
        events = np.flatnonzero(free & (self._weights > 0))
        for texts in (answers, *rest):
            events = events[[any(map(str.isalnum, text)) for text in texts[events]]]
        if not len(events):
            columns = " and ".join(f"'{column}'" for column in COLUMNS[task])
            raise DataError(f"no training event has words in {columns}", where=self._train.name)
        most = self._settings["max_written"]
        longer = self._numbers(answers[events], most + 1)
        read = [self._numbers(texts[events], self._settings["max_read"]) for texts in rest]
        return _Source(events, longer.first(most), longer.lengths() <= most, *read)

    def _numbers(self, texts: Iterable[str], most: int) -> Lists:
        return joined([self._counter.read(text, most) for text in texts])

    def _known(self) -> tuple[tuple[str, ...], tuple[str, ...]]:
        """Return the words that are to be known, and those of them that answers have."""
        words, kept = np.asarray(self._counter.words, dtype=object), self._counter.frequent(self._settings["words"])
        answered = np.zeros(len(words), dtype=bool)
        for task in self._sources.keys() & COLUMNS.keys():
            answered[self._sources[task].answers.items] = True
        return tuple(sorted(words[kept])), tuple(sorted(words[kept & answered]))

    def vocabulary(self, words: tuple[str, ...]) -> tuple[str, ...]:
        """Return the words of prompts, then marks and words that these lack."""
        known = set(words)
        return (*words, *self.spoken.marks, *(word for word in self.words if word not in known))

    def told(self, alphabet: Alphabet) -> tuple[dict[str, Told], Spoken]:
        """Return what each task learns from, by its name, and what is kept of words, in tokens of an alphabet."""
        if not self._sources:
            return {}, self.spoken
        tokens, marks = alphabet.of_words(tuple(self._counter.words)), alphabet.of_words(self.spoken.marks)
        spoken = self.spoken
        if self._item_texts is not None:
            spoken = replace(spoken, items=words_of_items(self._item_texts, alphabet))
        written = np.append(alphabet.of_words(spoken.written), alphabet.end)
        found = {}
        for task, source in self._sources.items():
            events, texts, own = source.events, spoken.items, source.texts
            items = text_of = self._items[events]
            if own is not None:
                texts, text_of = Lists(tokens[own.items], own.indptr), np.arange(len(events))
            numbers = (marks if task == "rating" else tokens)[source.answers.items]
            answers = ended(Lists(numbers, source.answers.indptr), source.whole, alphabet.end)
            legal = np.sort(marks if task == "rating" else written)
            people, weights = self._people[events], self._weights[events]
            found[task] = Told(people, items, weights, answers, texts, text_of, legal)
        return found, spoken


def _refuse_rows(train: Dataset, held: HeldOut | None) -> None:
    if held is not None and (met := train.provenance().overlap(held.fingerprint, held.rows)):
        raise LeakError(
            f"{met} of {len(held.rows)} held-out events are in the training part, with what was said of them",
            where=train.name,
            remedy="Fit on the training view of the split alone.",
        )


def _asked(train: Dataset, held: HeldOut | None, graph: IdGraph, people: Ints, items: Ints) -> NDArray[np.bool_]:
    """Return which events are of a person and an item that the held-out part asks about, bool ``[e]``."""
    if held is None:
        return np.zeros(len(people), dtype=bool)
    asking = graph.person_rows(held.queries.user_ids)[held.query] - 1
    wanted = train.items.index(held.queries.dictionary)[held.targets].astype(np.int64)
    known = (asking >= 0) & (wanted >= 0)
    count = len(train.items)
    return np.isin(people * count + items, (asking * count + wanted)[known])
