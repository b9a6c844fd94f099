"""What tasks learn from whose answers are no items, as tokens: ratings as marks, texts as their words. No torch.

Where they come from is `tastemaker.models.generative_material`; the tasks whose answers are items have theirs in
`tastemaker.models.generative_examples`.
"""

from __future__ import annotations

import hashlib
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from typing import Final

import numpy as np
from numpy.typing import NDArray

from tastemaker.blocks.codes import PADDING
from tastemaker.blocks.id_tables import Floats
from tastemaker.data.catalogue import Catalogue
from tastemaker.language.prompts import Prompt
from tastemaker.language.sentences import split_words
from tastemaker.language.texts import item_texts
from tastemaker.models.prompting import Alphabet, Ints, Lists

ITEM_WORDS: Final = 16
"""Words that are read of an item, at most."""

UNNAMED: Final = 0.1
"""Share of the questions that name no person, and of those that name no item, so that strangers can be answered."""

DIGITS: Final = 4
"""Decimals of a rating that count."""


@dataclass(frozen=True)
class Spoken:
    """What a model knows of marks and words, beside its prompts.

    Attributes:
        levels: The ratings that people give, ascending, float64 ``[r]``.
        written: Words that may be written.
        items: Tokens of each item's words; ``None`` where no prompt has a place for them.
    """

    levels: NDArray[np.float64] = field(default_factory=lambda: np.empty(0))
    written: tuple[str, ...] = ()
    items: Lists | None = None

    @property
    def marks(self) -> tuple[str, ...]:
        """Names of the levels: no text holds such a word."""
        return tuple(f"<{level:.{DIGITS}f}>" for level in self.levels)

    def texts(self, items: Ints) -> Lists | None:
        """Return the words of some items, -1 for none."""
        if self.items is None:
            return None
        known = (items >= 0) & (items < len(self.items.indptr) - 1)
        return Lists(self.items.items, np.append(self.items.indptr, self.items.indptr[-1])).taken(
            np.where(known, items, len(self.items.indptr) - 1)
        )


@dataclass(frozen=True)
class Told:
    """Events that one task learns from.

    Attributes:
        people: Places in the graph, int64 ``[m]``.
        items: Numbers in the vocabulary, int64 ``[m]``.
        weights: float32 ``[m]``, above 0.
        answers: Tokens of each answer; the end mark last, where the answer is whole and of words.
        texts: Tokens of what can be read: of each event, or of each item.
        text_of: Row in ``texts`` of each event, int64 ``[m]``.
        legal: Tokens that an answer may have, int64, ascending.
    """

    people: Ints
    items: Ints
    weights: Floats
    answers: Lists
    texts: Lists | None
    text_of: Ints
    legal: Ints

    def __len__(self) -> int:
        return len(self.people)

    def some(self, wanted: float, rng: np.random.Generator) -> Ints:
        """Return events, ``wanted`` of them on average, each as often as every other or once more, int64 ``[s]``."""
        count = int(wanted) + int(rng.random() < wanted - int(wanted))
        times, more = divmod(count, len(self))
        every = np.tile(np.arange(len(self)), times)
        return np.concatenate([every, rng.permutation(len(self))[:more]])

    def questions(self, task: str, prompt: Prompt, places: Ints, rng: np.random.Generator) -> Questions:
        """Return questions about some events, int64 ``[s]``; a few name no person or no item."""
        hidden = rng.random((2, len(places))) < UNNAMED
        people, items = np.where(hidden, -1, (self.people[places], self.items[places]))
        return Questions(task, prompt, places, people, items, self.weights[places])

    def lists(self, questions: Questions) -> dict[str, Lists]:
        """Return what fills the places of a prompt beside the person."""
        found = {"item": Lists.of_table(questions.items[:, None])}
        if self.texts is not None and "text" in questions.prompt.slots:
            found["texts"] = self.texts.taken(self.text_of[questions.places])
        return found

    def lengths(self, questions: Questions, person: int, item: int) -> Ints:
        """Return about how many tokens each question and its answer have, int64 ``[s]``.

        Args:
            questions: The questions.
            person: Tokens of a person.
            item: Tokens of an item.
        """
        prompt = questions.prompt
        own = 1 + len(prompt.words) + person * prompt.slots.count("user") + item * prompt.slots.count("item")
        lengths: Ints = own + self.answers.lengths()[questions.places]
        if self.texts is not None and "text" in prompt.slots:
            lengths = lengths + self.texts.lengths()[self.text_of[questions.places]]
        return lengths

    def answer_table(self, places: Ints) -> Ints:
        """Return the answers of some events, int64 ``[s, t]``, with `PADDING` after the last token."""
        return self.answers.taken(places).table(PADDING)

    def digest(self) -> str:
        """Return a sha256 of what is learnt from, hexadecimal: the fingerprint of a data set knows no texts."""
        said = hashlib.sha256()
        texts = () if self.texts is None else (self.texts.items, self.texts.indptr)
        for values in (self.people, self.items, self.weights, self.answers.items, self.answers.indptr, *texts):
            said.update(str(values.shape).encode() + np.ascontiguousarray(values).tobytes())
        return said.hexdigest()


@dataclass(frozen=True)
class Questions:
    """Some questions of one task, put in one way, about events of `Told`.

    Attributes:
        task: Name of the task.
        prompt: How it is put.
        places: The events, int64 ``[b]``.
        people: Who is named, -1 for nobody, int64 ``[b]``.
        items: What is named, -1 for nothing, int64 ``[b]``.
        weights: What the events weigh, float32 ``[b]``.
    """

    task: str
    prompt: Prompt
    places: Ints
    people: Ints
    items: Ints
    weights: Floats

    def __len__(self) -> int:
        return len(self.places)

    def __getitem__(self, rows: Ints) -> Questions:
        people, items, weights = self.people[rows], self.items[rows], self.weights[rows]
        return Questions(self.task, self.prompt, self.places[rows], people, items, weights)


def joined(rows: Sequence[Ints]) -> Lists:
    """Return rows of tokens as one."""
    lengths = np.fromiter(map(len, rows), dtype=np.int64, count=len(rows))
    return Lists(np.concatenate([np.empty(0, dtype=np.int64), *rows]), np.append(0, np.cumsum(lengths)))


def ended(answers: Lists, whole: NDArray[np.bool_], end: int) -> Lists:
    """Return answers with a token after those that are ``whole``, bool ``[m]``."""
    lengths = answers.lengths() + whole
    indptr = np.append(0, np.cumsum(lengths))
    tokens = np.full(indptr[-1], end, dtype=np.int64)
    last = np.zeros(len(tokens), dtype=bool)
    last[indptr[1:][whole] - 1] = True
    tokens[~last] = answers.items
    return Lists(tokens, indptr)


def words_of_items(texts: Iterable[str], alphabet: Alphabet) -> Lists:
    """Return the tokens of items' words, the first `ITEM_WORDS` of each."""
    return joined([alphabet.of_words(tuple(split_words(text)[:ITEM_WORDS])) for text in texts])


def words_of_new_items(known: Lists, catalogue: Catalogue, ids: Sequence[str], alphabet: Alphabet) -> Lists:
    """Return the words of items with those of new ones after them."""
    new = words_of_items(item_texts(catalogue, ids), alphabet)
    return Lists(np.append(known.items, new.items), np.append(known.indptr, known.indptr[-1] + new.indptr[1:]))
