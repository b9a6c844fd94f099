"""Frozen questions: which of a few items came next, the same ones for every prompt that is tried on them.

They are made of the validation part of a split, so that words chosen by them leave the test part untouched.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping
from dataclasses import asdict, dataclass
from functools import cached_property
from pathlib import Path
from typing import Any, Final

import numpy as np
from numpy.typing import NDArray

from tastemaker.core.errors import DataError
from tastemaker.core.files import atomic_file
from tastemaker.data.heldout import HeldOut
from tastemaker.data.split import Split
from tastemaker.evaluation.ranking import columns_of
from tastemaker.language.texts import item_texts

FORMAT: Final = 1
QUESTIONS: Final = 100
OTHERS: Final = 4
HISTORY: Final = 10

LINE: Final = "{title}[ by {author}]; {categories}"
"""How a candidate is put into words where nobody says otherwise."""

_TOLD: Final = "{title}[ by {author}]"
"""How an item of a history is put into words."""

_NEAREST: Final = 5
"""The others are drawn from so many times as many items that have about as many events as the answer."""


@dataclass(frozen=True)
class Question:
    """What somebody chose, and a few items of which one was the next.

    Attributes:
        history: Lines, the latest last.
        candidates: Lines, in an order that was drawn.
        answer: The place of the item that came next.
        events: How many events each candidate has in training.
    """

    history: tuple[str, ...]
    candidates: tuple[str, ...]
    answer: int
    events: tuple[int, ...]


@dataclass(frozen=True)
class FrozenQuestions:
    """Questions that stay the same, each of another person.

    Attributes:
        questions: One or more.
        about: What they were made of, as JSON values.
    """

    questions: tuple[Question, ...]
    about: Mapping[str, Any]

    def __len__(self) -> int:
        return len(self.questions)

    @cached_property
    def hash(self) -> str:
        """Hash of the questions, hexadecimal."""
        return hashlib.sha256("\n".join(map(_written, self.questions)).encode()).hexdigest()

    @property
    def chance(self) -> float:
        """How often a guess is right, in 0 to 1."""
        return float(np.mean([1 / len(question.candidates) for question in self.questions]))

    @property
    def popularity(self) -> float:
        """How often the candidate with the most events in training is right, in 0 to 1; equal ones share."""
        return float(np.mean([_popular_is_right(question) for question in self.questions]))

    def first(self, count: int) -> FrozenQuestions:
        """Return the first ``count`` questions, all if there are fewer."""
        return self if count >= len(self) else FrozenQuestions(self.questions[:count], self.about)

    def save(self, file: Path) -> None:
        """Write them as JSON lines, what they were made of and their hash in the first one.

        Raises:
            StorageError: The file cannot be written.
        """
        head = {"format": FORMAT, "hash": self.hash, "about": dict(self.about)}
        lines = [json.dumps(head, ensure_ascii=False), *map(_written, self.questions)]
        with atomic_file(file) as temporary:
            temporary.write_text("\n".join(lines) + "\n", encoding="utf-8")

    @classmethod
    def load(cls, file: Path) -> FrozenQuestions:
        """Read what `save` wrote.

        Raises:
            DataError: There is no such file, or it is not what was written.
        """
        remedy = "Write one anew with: tastemaker prompts test NAME --save FILE"
        try:
            head, *lines = [json.loads(line) for line in file.read_text(encoding="utf-8").splitlines()]
            questions = tuple(
                Question(tuple(row["history"]), tuple(row["candidates"]), row["answer"], tuple(row["events"]))
                for row in lines
            )
            found, told, version = cls(questions, head["about"]), head["hash"], head["format"]
        except OSError as error:
            raise DataError(f"there are no questions to read: {error.strerror}", where=str(file)) from error
        except (ValueError, KeyError, TypeError) as error:
            raise DataError("this is no file of frozen questions", where=str(file), remedy=remedy) from error
        if version != FORMAT or not questions or found.hash != told:
            raise DataError("the questions are not those that were written", where=str(file), remedy=remedy)
        return found


def freeze_questions(
    split: Split,
    *,
    limit: int = QUESTIONS,
    others: int = OTHERS,
    history: int = HISTORY,
    template: str | None = None,
    seed: int = 0,
) -> FrozenQuestions:
    """Make questions of the validation part of a split, the same for the same arguments.

    Each is of another person: what they chose lately, what came next, and others that they have not met in any part.
    The others are drawn from items with about as many events in training, so that being well known tells nothing.

    Args:
        split: The split.
        limit: How many questions at most.
        others: How many items beside the one that came next, 1 or more.
        history: How many of the latest items are told.
        template: How a candidate is put into words; see `tastemaker.language.texts.item_texts`. `LINE` if ``None``.
        seed: Draws people, others and orders.

    Raises:
        DataError: Nobody can be asked about, or the numbers make no sense.
        ConfigError: The template is no template.
    """
    if min(limit, others, history) < 1:
        raise DataError("questions need a limit, others and a history of 1 or more", where="frozen questions")
    held, rng = split.valid, np.random.default_rng(seed)
    ids = held.queries.dictionary.tolist()
    lines = np.asarray([*item_texts(split.train.catalogue, ids, template or LINE), None], dtype=object)[:-1]
    titles = item_texts(split.train.catalogue, ids, _TOLD)
    events = _events(split, held)
    met = _met(split)
    questions: list[Question] = []
    for place in rng.permutation(_first_of_each(held)).tolist():
        told = [titles[code] for code in _chosen(held, place) if titles[code]][-history:]
        answer = int(held.targets[np.searchsorted(held.query, place)])
        free = (events > 0) & (lines != "")
        possible = bool(told) and bool(free[answer])
        free[[answer, *met[held.queries.user_ids[place]]]] = False
        if not possible or free.sum() < others:
            continue
        drawn = rng.choice(_alike(events, free, answer, _NEAREST * others, rng), others, replace=False)
        candidates = rng.permutation([answer, *drawn.tolist()])
        questions.append(
            Question(
                tuple(told),
                tuple(lines[candidates].tolist()),
                int(np.flatnonzero(candidates == answer)[0]),
                tuple(events[candidates].tolist()),
            )
        )
        if len(questions) == limit:
            break
    if not questions:
        raise DataError(
            "no question can be made of the validation part",
            where=split.train.name,
            remedy="It takes people with a history, and items with titles.",
        )
    knobs = {"others": others, "history": history, "template": template or LINE, "seed": seed}
    return FrozenQuestions(
        tuple(questions), {"dataset": split.train.name, "split": split.hash, "part": "validation", **knobs}
    )


def _first_of_each(held: HeldOut) -> NDArray[np.int64]:
    """Return the first question of each person."""
    return np.unique(held.users, return_index=True)[1].astype(np.int64)


def _chosen(held: HeldOut, place: int) -> list[int]:
    """Return the items of a history that nobody spoke against, each once, where it came last."""
    queries = held.queries[np.asarray([place])]
    positions = queries.flatten()[1]
    codes = queries.codes[positions][queries.weights[positions] > 0].tolist()
    return list(reversed(dict.fromkeys(reversed(codes))))


def _events(split: Split, held: HeldOut) -> NDArray[np.int64]:
    """Return how many events each item of the questions' dictionary has in training, int64 ``[d]``."""
    train = split.train
    counts = np.bincount(train.sequences.codes, minlength=len(train.items))
    place = columns_of(train.items.ids, held.queries.dictionary)
    events = np.zeros(len(held.queries.dictionary), dtype=np.int64)
    events[place[place >= 0]] = counts[place >= 0]
    return events


def _met(split: Split) -> dict[Any, list[int]]:
    """Return what each person of the validation part has met anywhere, as places in its questions' dictionary."""
    met: dict[Any, set[int]] = {user: set() for user in split.valid.queries.user_ids.tolist()}
    for part in (split.valid, split.test):
        place = columns_of(part.queries.dictionary, split.valid.queries.dictionary)
        indptr, positions = part.queries.flatten()
        codes = place[part.queries.codes[positions]]
        users = part.queries.user_ids.tolist()
        for number, user in enumerate(users):
            if user in met:
                met[user].update(codes[indptr[number] : indptr[number + 1]].tolist())
        for number, target in zip(part.query.tolist(), place[part.targets].tolist(), strict=True):
            if users[number] in met:
                met[users[number]].add(target)
    return {user: sorted(items - {-1}) for user, items in met.items()}


def _alike(
    events: NDArray[np.int64], free: NDArray[np.bool_], answer: int, count: int, rng: np.random.Generator
) -> NDArray[np.int64]:
    """Return up to ``count`` free items with about as many events as the answer has.

    They are neighbours of the answer in the order by events, which stands anywhere among them: were it always in their
    middle, being neither more nor less known than the others would tell it.
    """
    pool = rng.permutation(np.flatnonzero(free))
    pool = pool[np.argsort(events[pool], kind="stable")]
    below = int(np.searchsorted(events[pool], events[answer], side=("left", "right")[rng.integers(2)]))
    start = min(below - int(rng.integers(count + 1)), len(pool) - count)
    return pool[max(start, 0) : max(start, 0) + count]


def _popular_is_right(question: Question) -> float:
    most = max(question.events)
    return (question.events[question.answer] == most) / question.events.count(most)


def _written(question: Question) -> str:
    return json.dumps(asdict(question), ensure_ascii=False)
