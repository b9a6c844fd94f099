"""What a model that answers prompts keeps of its training, and its answers that are no items: ratings and sentences.

How it learns, and recommends, is in `tastemaker.models.generative`.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace
from functools import cached_property
from pathlib import Path
from typing import Any, Final

import numpy as np
from numpy.typing import NDArray

from tastemaker.blocks.codes import Codes
from tastemaker.blocks.trie import Trie
from tastemaker.core.errors import MissingExtraError, ModelError, UnknownItemError
from tastemaker.core.run import Run
from tastemaker.data.catalogue import Catalogue
from tastemaker.data.dataset import Dataset
from tastemaker.data.vocabulary import UNKNOWN
from tastemaker.language.prompts import Prompt, Prompts
from tastemaker.language.sentences import join_words, split_words
from tastemaker.models import storage
from tastemaker.models.base import Settings
from tastemaker.models.generative_material import TOLD
from tastemaker.models.generative_texts import Spoken, Told, joined, words_of_new_items
from tastemaker.models.prompting import Alphabet, Ints, Lists, Prompted, Prompter
from tastemaker.models.selection import GridRecommender

Pairs = Sequence[tuple[Any, Any]]

WORD_SETTINGS: Final = ("words", "max_read", "max_written")
"""Settings that decide nothing where no task has texts."""

_PEOPLE, _PROMPTS = "people.json", "prompts.json"
_RATED_AT_ONCE: Final = 4096
_WRITTEN_AT_ONCE: Final = 128


class PromptModel(GridRecommender):
    """Base of the models that answer prompts.

    Attributes:
        alphabet_: Numbers of all tokens.
        people_: Raw ids of the people of the training part, object ``[u]``.
        spoken_: What is known of ratings and words.
        popularity_: Events of each item, float32 ``[n]``.
        weights_: Weights of the network, by torch's names.
        form_: What the network is made of beside the settings.
        training_: What is known of each epoch.
    """

    tasks: dict[str, float]
    max_read: int
    max_written: int

    alphabet_: Alphabet
    people_: NDArray[np.object_]
    spoken_: Spoken
    popularity_: NDArray[np.float32]
    weights_: dict[str, NDArray[Any]]
    form_: dict[str, Any]
    training_: list[dict[str, Any]]

    _prompts: Prompts
    _prompter: Prompter
    _trie: Trie
    _places: dict[Any, int]

    def _know(self, alphabet: Alphabet, people: NDArray[np.object_], prompts: Prompts, spoken: Spoken) -> None:
        """Take over what spells people, items and words, and what asks."""
        self.alphabet_, self.people_, self._prompts, self.spoken_ = alphabet, people, prompts, spoken
        self._prompter, self._trie = Prompter(alphabet), Trie(alphabet.items)
        self._places = {person: place for place, person in enumerate(people)}
        self.__dict__.pop("_share", None)

    @cached_property
    def network_(self) -> Any:
        """The network that answers; it needs torch."""
        try:
            from tastemaker.models.generative_network import restored
        except ImportError as error:
            raise MissingExtraError(f"answering with '{self.name}'", "torch") from error
        return restored(len(self.alphabet_), self.settings_, tuple(sorted(self.tasks)), self.form_, self.weights_)

    # -- ratings and sentences ---------------------------------------------------------------------------------

    def ratings(self, pairs: Pairs) -> NDArray[np.float64]:
        """Return the expected rating of each pair, float64 ``[p]``: the levels, by how likely each is.

        Args:
            pairs: Raw ids of people and items; a person who is not known is not named.

        Raises:
            ModelError: Ratings were not learnt.
            UnknownItemError: An item is not known.
        """
        return self._rated(*self._of_pairs(pairs, "rating"))

    def explanations(self, pairs: Pairs, *, words: int | None = None, beams: int = 1) -> list[str]:
        """Return for each pair of person and item a sentence that gives reasons.

        It is what people like that wrote of items like that, in words of the training part. Nothing holds it to facts.

        Args:
            pairs: Raw ids of people and items; a person who is not known is not named.
            words: Words and marks of a sentence, at most; ``max_written`` if ``None``.
            beams: Sentences that are followed; 1 is greedy.

        Raises:
            ModelError: Explanations were not learnt.
            UnknownItemError: An item is not known.
        """
        people, items = self._of_pairs(pairs, "explanation")

        def prompted(rows: slice) -> Prompted:
            return self._put("explanation", people[rows], items[rows])

        return self._sentences("explanation", len(people), prompted, words, beams)

    def summaries(self, texts: Sequence[str], *, words: int | None = None, beams: int = 1) -> list[str]:
        """Return each review in a few words.

        Args:
            texts: Reviews; the first ``max_read`` words of each are read.
            words: Words and marks of an answer, at most; ``max_written`` if ``None``.
            beams: Answers that are followed; 1 is greedy.

        Raises:
            ModelError: Reviews were not learnt.
        """
        self._need_task("review")
        read = [self.alphabet_.of_words(tuple(split_words(text)[: self.max_read])) for text in texts]
        nobody = np.full(len(read), UNKNOWN, dtype=np.int64)

        def prompted(rows: slice) -> Prompted:
            return self._put("review", nobody[rows], nobody[rows], joined(read[rows]))

        return self._sentences("review", len(read), prompted, words, beams)

    def _need_task(self, task: str) -> None:
        self._need_fitted()
        if task not in self.tasks:
            raise ModelError(
                f"this '{self.name}' has not learnt the task '{task}'",
                where="tasks",
                remedy=f"Fit it with tasks={{..., '{task}': 1}}.",
            )

    def _of_pairs(self, pairs: Pairs, task: str) -> tuple[Ints, Ints]:
        """Return places of people, -1 for strangers, and numbers of items."""
        self._need_task(task)
        people = np.array([self._places.get(str(person), -1) for person, _ in pairs], dtype=np.int64)
        items = self.items_.index([str(item) for _, item in pairs]).astype(np.int64)
        if (items == UNKNOWN).any():
            unknown = pairs[int((items == UNKNOWN).argmax())][1]
            raise UnknownItemError(f"'{self.name}' does not know the item '{unknown}'", remedy="Extend or refit it.")
        return people, items

    def _put(self, task: str, people: Ints, items: Ints, texts: Lists | None = None) -> Prompted:
        """Return questions in the bare prompt of a task; who or what is -1 is not named."""
        texts = self.spoken_.texts(items) if texts is None else texts
        return self._prompter.write(self._prompts[task][-1], people, item=Lists.of_table(items[:, None]), texts=texts)

    def _rated(self, people: Ints, items: Ints) -> NDArray[np.float64]:
        """Return the expected rating of each pair, float64 ``[p]``; who or what is -1 is not named."""
        from tastemaker.models.generative_network import level_shares

        network, alphabet = self.network_.eval(), self.alphabet_
        marks = alphabet.of_words(self.spoken_.marks)
        found = np.empty(len(people))
        for first in range(0, len(people), _RATED_AT_ONCE):
            rows = slice(first, first + _RATED_AT_ONCE)
            prompted = self._put("rating", people[rows], items[rows])
            found[rows] = level_shares(network, prompted, "rating", marks, alphabet.start) @ self.spoken_.levels
        return np.clip(found, self.spoken_.levels[0], self.spoken_.levels[-1])

    def _sentences(
        self, task: str, count: int, prompted: Callable[[slice], Prompted], words: int | None, beams: int
    ) -> list[str]:
        from tastemaker.blocks.writing import write

        network, alphabet = self.network_.eval(), self.alphabet_
        legal, most = alphabet.of_words(self.spoken_.written), self.max_written if words is None else words
        found: list[str] = []
        for first in range(0, count, _WRITTEN_AT_ONCE):
            asked = prompted(slice(first, first + _WRITTEN_AT_ONCE))
            step, size = network.stepper(asked, task), len(asked.tokens)
            lines = write(step, size, legal, start=alphabet.start, end=alphabet.end, most=most, beams=beams)
            found += [join_words(alphabet.word(int(token)) for token in line) for line in lines]
        return found

    # -- keeping and extending ---------------------------------------------------------------------------------

    def _grow(self, catalogue: Catalogue, new: int) -> None:
        """Know new items, which have no code: they come after all others, and are told by their words alone."""
        self.popularity_ = np.append(self.popularity_, np.zeros(new, np.float32))
        self.__dict__.pop("_share", None)
        if (items := self.spoken_.items) is not None:
            items = words_of_new_items(items, catalogue, list(self.items_.ids[-new:]), self.alphabet_)
            self.spoken_ = replace(self.spoken_, items=items)

    def _state(self) -> tuple[dict[str, Any], storage.Tensors]:
        alphabet, spoken = self.alphabet_, self.spoken_
        fitted = {
            "training": self.training_,
            "form": self.form_,
            "words": list(alphabet.words),
            "items": alphabet.items.to_json(),
            "people": alphabet.people.to_json(),
            "levels": spoken.levels.tolist(),
            "written": list(spoken.written),
        }
        network = {f"network.{name}": value for name, value in self.weights_.items()}
        tensors: storage.Tensors = {
            "items": alphabet.items.tokens,
            "people": alphabet.people.tokens,
            "popularity": self.popularity_,
        }
        if spoken.items is not None:
            tensors |= {"spoken.items": spoken.items.items, "spoken.indptr": spoken.items.indptr}
        return fitted, {**network, **tensors}

    def _texts(self) -> dict[str, str]:
        asked = {task: [prompt.text for prompt in each] for task, each in self._prompts.items()}
        return {_PEOPLE: json.dumps(self.people_.tolist()), _PROMPTS: json.dumps(asked)}

    def _read(self, folder: Path, stored: storage.Stored) -> None:
        people, asked = (json.loads((folder / name).read_text(encoding="utf-8")) for name in (_PEOPLE, _PROMPTS))
        self.people_ = np.asarray([*people, None], dtype=object)[:-1]
        self._prompts = {task: [Prompt.parsed(text) for text in each] for task, each in asked.items()}
        super()._read(folder, stored)

    def _restore(self, fitted: Mapping[str, Any], tensors: storage.Tensors) -> None:
        items = Codes.from_saved(fitted["items"], {"tokens": tensors["items"]})
        spelt = Codes.from_saved(fitted["people"], {"tokens": tensors["people"]})
        words = Lists(tensors["spoken.items"], tensors["spoken.indptr"]) if "spoken.items" in tensors else None
        spoken = Spoken(np.asarray(fitted["levels"], dtype=np.float64), tuple(fitted["written"]), words)
        self._know(Alphabet(items, spelt, tuple(fitted["words"])), self.people_, self._prompts, spoken)
        self.popularity_ = tensors["popularity"]
        self.training_, self.form_ = list(fitted["training"]), fitted["form"]
        prefix = "network."
        self.weights_ = {name.removeprefix(prefix): each for name, each in tensors.items() if name.startswith(prefix)}

    def _identity(self, train: Dataset, settings: Settings, told: Mapping[str, Told], run: Run) -> str:
        """Return what says that two trainings are the same one; how questions are put afterwards is no part of it."""
        seen = train.provenance()
        wordless = WORD_SETTINGS if not set(self.tasks) & set(TOLD) else ()
        learnt = {name: value for name, value in settings.items() if name not in ("asks", "beams", *wordless)}
        texts = [each.digest() for each in told.values()]
        said = json.dumps([learnt, seen.fingerprint, run.seed, *texts], sort_keys=True)
        return hashlib.sha256(said.encode() + seen.packed_rows().tobytes()).hexdigest()
