"""Indexers: each gives every item its code, from training events, from the catalogue or from vectors of the items.

None sees a held-out event, and none can tell from a code when an item arrived: what is not learnt follows the item
numbers of the vocabulary, which are a seeded permutation within each epoch.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from functools import partial
from typing import Any, Final, Literal, Protocol

import numpy as np
from numpy.typing import NDArray
from scipy import sparse

from tastemaker.blocks.clustering import Vectors, spectral_tree
from tastemaker.blocks.codes import Codes
from tastemaker.blocks.digits import digit_codes, first_appearances, numbers_of, smallest_base
from tastemaker.blocks.paths import Path, extended_path_codes, path_codes
from tastemaker.blocks.quantiser import ResidualKMeans
from tastemaker.core.errors import ConfigError, DataError, ModelError, nearest
from tastemaker.core.run import Run
from tastemaker.data.catalogue import PATH_SEPARATOR
from tastemaker.data.dataset import Dataset

_WORD: Final = re.compile(r"\w+")


class Indexer(Protocol):
    """Gives items their codes; the same data, vectors and seed give the same codes."""

    def fit(self, train: Dataset, vectors: Vectors | None = None, run: Run | None = None) -> Codes:
        """Return distinct codes of all items of the vocabulary.

        Args:
            train: The training part; its catalogue and vocabulary hold all items.
            vectors: A vector for each item by number, float32 ``[n, t]``; rows of zeros or NaN for items without one.
            run: Seed of what is drawn.
        """
        ...

    def extend(self, codes: Codes, data: Dataset, vectors: Vectors | None = None) -> Codes:
        """Return codes of all items of ``data``, whose vocabulary goes on where that of ``codes`` ended.

        The codes there are, and the numbers of their tokens, stay.

        Raises:
            ModelError: New items cannot get a code without a new fit.
        """
        ...


@dataclass(frozen=True)
class ItemTokens:
    """One token for each item, which is its number."""

    def fit(self, train: Dataset, vectors: Vectors | None = None, run: Run | None = None) -> Codes:
        """See `Indexer.fit`; needs nothing but the vocabulary."""
        count = len(train.items)
        return Codes(np.arange(count, dtype=np.int32)[:, None], count, (0,), tuple(train.items.ids))

    def extend(self, codes: Codes, data: Dataset, vectors: Vectors | None = None) -> Codes:
        """See `Indexer.extend`; new tokens come behind the vocabulary."""
        return self.fit(data)


@dataclass(frozen=True)
class Digits:
    """The digits of a number, one token each; `digit_codes` takes numbers of one's own.

    Attributes:
        numbering: ``random`` draws the numbers. ``sequential`` numbers items in the order in which the training
            events first name them, user after user (Hua et al., 2023; OpenP5), so that items of one history share
            their first digits; items without events follow, by item number. Numbers over *whole* sequences would
            leak: the next, held-out item is then often the highest number of a history plus one.
        width: Digits of every number, with leading zeros; without it an end token closes each code.
        base: Values of a digit; 0 takes as few as ``width`` digits allow. The word pieces of T5 hold one to three
            decimal digits, so that it reads most numbers as two of them.
    """

    numbering: Literal["random", "sequential"] = "random"
    width: int | None = None
    base: int = 10

    def fit(self, train: Dataset, vectors: Vectors | None = None, run: Run | None = None) -> Codes:
        """See `Indexer.fit`; vectors are not looked at."""
        if self.numbering == "sequential":
            return self._codes(first_appearances(train))
        rng = (run or Run()).rng("item numbers")
        return self._codes(rng.permutation(len(train.items)))

    def extend(self, codes: Codes, data: Dataset, vectors: Vectors | None = None) -> Codes:
        """See `Indexer.extend`; new items get the next free numbers, which the width must have room for."""
        base = codes.vocabulary - (self.width is None)
        old = numbers_of(codes, base)
        added = old.max(initial=-1) + 1 + np.arange(len(data.items) - len(codes))
        return digit_codes(np.append(old, added), self.width, base)

    def _codes(self, numbers: NDArray[np.int64]) -> Codes:
        base = self.base
        if self.width is not None and not base:
            base = max(2, smallest_base(int(numbers.max(initial=0)) + 1, self.width))
        return digit_codes(numbers, self.width, base)


@dataclass(frozen=True)
class Collaborative:
    """Clusters of items that the same people met, the largest first, and a last token (Hua et al., 2023).

    Items are clustered by how many people have a liked event with both, over the training events alone; see
    `spectral_tree`. Items that meet no other are in clusters of their own.

    Attributes:
        clusters: Parts of a cluster that is split.
        most: Items of a cluster that is not split; a last token counts them.
        own_tokens: End each code with a token of the item's own instead of one that counts (the hybrid index).
    """

    clusters: int = 20
    most: int = 500
    own_tokens: bool = False

    def fit(self, train: Dataset, vectors: Vectors | None = None, run: Run | None = None) -> Codes:
        """See `Indexer.fit`; vectors are not looked at."""
        likeness = co_occurrences(train)
        count = len(train.items)
        met = np.flatnonzero(np.diff(likeness.indptr))
        loose = np.setdiff1d(np.arange(count), met)
        tree = spectral_tree(likeness[met][:, met], self.clusters, self.most, (run or Run()).rng("spectral clusters"))
        found: list[Path] = [()] * count
        for item, steps in zip(met, tree, strict=True):
            found[item] = _cluster_words("cluster", steps or (0,))
        for place, item in enumerate(loose):
            found[item] = _cluster_words("loose", (place // self.most,))
        return path_codes(found, list(train.items.ids) if self.own_tokens else None)

    def extend(self, codes: Codes, data: Dataset, vectors: Vectors | None = None) -> Codes:
        """Refuse: an item without training events has no place in the clusters."""
        raise ModelError(
            "clusters of training events have no place for new items",
            remedy="Fit again once there are events, or use the indexer Semantic, which goes by vectors.",
        )


@dataclass
class Semantic:
    """Residual k-means of the items' vectors, with a counting token last (Rajput et al., 2023; GRID, 2025).

    Items without a vector share a first token that no other item has; the next tokens number them, so that they too
    are told apart.

    Attributes:
        levels: Tokens before the counting one.
        codebook: Values of each.
        normalised: Bring what each level gets to unit length.
        quantiser: The codebooks that ``fit`` made; given ones are used as they are by ``extend``.
    """

    levels: int = 3
    codebook: int = 256
    normalised: bool = False
    quantiser: ResidualKMeans | None = None

    def fit(self, train: Dataset, vectors: Vectors | None = None, run: Run | None = None) -> Codes:
        """See `Indexer.fit`; needs vectors, and keeps the codebooks made of them."""
        given = _checked(vectors, len(train.items))
        rng = (run or Run()).rng("residual k-means")
        known = given[_has_vector(given)]
        if not len(known):
            raise DataError("no item has a vector", remedy="Give vectors that are finite and not all zero.")
        self.quantiser = ResidualKMeans.fit(known, self.levels, self.codebook, rng, normalised=self.normalised)
        return self._codes(self._stems(given, 0))

    def extend(self, codes: Codes, data: Dataset, vectors: Vectors | None = None) -> Codes:
        """See `Indexer.extend`; needs vectors of all items of ``data``, and looks at those of new ones."""
        given = _checked(vectors, len(data.items))
        old = codes.tokens[:, : self.levels]
        loose = int(np.count_nonzero(old[:, 0] == self.codebook))
        return self._codes(np.concatenate([old, self._stems(given[len(codes) :], loose)]))

    def _stems(self, vectors: Vectors, loose: int) -> NDArray[np.int32]:
        """Return the tokens of vectors, int32 ``[n, levels]``; ``loose`` items without one came before."""
        if self.quantiser is None:
            raise ModelError("there are no codebooks yet", remedy="Fit the indexer, or give it a quantiser.")
        if self.quantiser.codebooks.shape[:2] != (self.levels, self.codebook):
            shape = " x ".join(map(str, self.quantiser.codebooks.shape[:2]))
            raise ModelError(f"codebooks are {shape}, not {self.levels} x {self.codebook}", remedy="Say what they are.")
        known = _has_vector(vectors)
        numbers = np.empty((len(vectors), self.levels), dtype=np.int32)
        numbers[known] = self.quantiser.encode(vectors[known])
        count = loose + np.arange(len(vectors) - np.count_nonzero(known))
        for level in range(self.levels - 1, 0, -1):
            count, numbers[~known, level] = np.divmod(count, self.codebook)
        numbers[~known, 0] = self.codebook
        return numbers + np.asarray(self._first_tokens(), dtype=np.int32)

    def _first_tokens(self) -> tuple[int, ...]:
        """Return the first token of each level; level 0 has one more than the others."""
        return (0, *(level * self.codebook + 1 for level in range(1, self.levels)))

    def _codes(self, stems: NDArray[np.int32]) -> Codes:
        letters = [f"<{_letter(level)}{value}>" for level in range(self.levels) for value in range(self.codebook)]
        letters.insert(self.codebook, "<no vector>")
        return Codes(stems, len(letters), self._first_tokens(), tuple(letters)).resolved()


@dataclass(frozen=True)
class Categories:
    """The steps of an item's first category path, from the widest to the narrowest, and a token that counts."""

    def fit(self, train: Dataset, vectors: Vectors | None = None, run: Run | None = None) -> Codes:
        """See `Indexer.fit`; needs nothing but the catalogue."""
        return path_codes(self._paths(train, 0))

    def extend(self, codes: Codes, data: Dataset, vectors: Vectors | None = None) -> Codes:
        """See `Indexer.extend`."""
        return extended_path_codes(codes, self._paths(data, len(codes)))

    def _paths(self, data: Dataset, first: int) -> list[Path]:
        known = _column(data, "categories")
        paths = [known.get(item) for item in data.items.ids[first:]]
        return [path[0].split(PATH_SEPARATOR) if path and path[0] else ("no category",) for path in paths]


@dataclass(frozen=True)
class Titles:
    """The words of an item's title, in small letters, and a token that counts items of the same words.

    Attributes:
        most: So many words of a title at most.
    """

    most: int = 12

    def fit(self, train: Dataset, vectors: Vectors | None = None, run: Run | None = None) -> Codes:
        """See `Indexer.fit`; needs nothing but the catalogue."""
        return path_codes(self._paths(train, 0))

    def extend(self, codes: Codes, data: Dataset, vectors: Vectors | None = None) -> Codes:
        """See `Indexer.extend`."""
        return extended_path_codes(codes, self._paths(data, len(codes)))

    def _paths(self, data: Dataset, first: int) -> list[Path]:
        known = _column(data, "title")
        words = [_WORD.findall((known.get(item) or "").lower())[: self.most] for item in data.items.ids[first:]]
        return [found or ("no title",) for found in words]


INDEXERS: Final[Mapping[str, Callable[..., Indexer]]] = {
    "item-token": ItemTokens,
    "digits": Digits,
    "random": partial(Digits, "random", 2, 0),
    "sequential": partial(Digits, "sequential", 2, 0),
    "collaborative": Collaborative,
    "hybrid": partial(Collaborative, own_tokens=True),
    "semantic": Semantic,
    "categories": Categories,
    "title": Titles,
}
"""Indexers by name; those of OpenP5 (Xu et al., 2024) go by the names that they have there."""


def make_indexer(spec: str | Mapping[str, Any]) -> Indexer:
    """Return the indexer of a name, or of a name and arguments.

    >>> make_indexer({"name": "collaborative", "clusters": 5}).clusters
    5

    Raises:
        ConfigError: There is no such indexer, or it takes no such argument.
    """
    given = {"name": spec} if isinstance(spec, str) else dict(spec)
    name = str(given.pop("name", ""))
    if name not in INDEXERS:
        raise ConfigError(f"there is no indexer '{name}'", where="indexer", remedy=nearest(name, INDEXERS))
    try:
        return INDEXERS[name](**given)
    except TypeError as error:
        raise ConfigError(f"the indexer '{name}' cannot be made: {error}", where="indexer") from error


def co_occurrences(train: Dataset) -> sparse.csr_matrix:
    """Return how many people have a liked event (positive weight) with both of two items, CSR float32 ``[n, n]``.

    Nothing is on the diagonal.
    """
    sequences = train.sequences
    liked = sequences.weights > 0
    shape = (len(sequences.user_ids), len(train.items))
    ones = np.ones(int(liked.sum()), dtype=np.float32)
    met = sparse.csr_matrix((ones, (sequences.user_of_event()[liked], sequences.codes[liked])), shape=shape)
    met.data[:] = 1
    found = (met.T @ met).tocsr()
    found = (found - sparse.diags(found.diagonal())).tocsr()
    found.eliminate_zeros()
    return found


def _cluster_words(name: str, steps: tuple[int, ...]) -> Path:
    """Return a word for each step that says the whole way to it."""
    return [f"{name} {'.'.join(map(str, steps[: depth + 1]))}" for depth in range(len(steps))]


def _column(data: Dataset, name: str) -> dict[str, Any]:
    frame = data.catalogue.frame
    if name not in frame.columns:
        raise DataError(
            f"the catalogue has no column '{name}'",
            where=f"columns: {', '.join(frame.columns)}",
            remedy="Use an indexer that needs none, such as Digits or Collaborative.",
        )
    return dict(zip(frame["item_id"], frame[name].to_list(), strict=True))


def _checked(vectors: Vectors | None, count: int) -> Vectors:
    if vectors is None or vectors.ndim != 2 or len(vectors) != count:
        shape = "none" if vectors is None else str(list(vectors.shape))
        raise DataError(
            f"vectors of all {count} items are needed",
            where=f"vectors given: {shape}",
            remedy="Give float32 [items, numbers], in the order of the vocabulary.",
        )
    return np.asarray(vectors, dtype=np.float32)


def _has_vector(vectors: Vectors) -> NDArray[np.bool_]:
    return np.asarray(np.isfinite(vectors).all(axis=1) & (vectors != 0).any(axis=1), dtype=np.bool_)


def _letter(level: int) -> str:
    """Return the letter of a level: a, b, … z, and then their numbers.

    >>> _letter(1), _letter(30)
    ('b', 'level30-')
    """
    return chr(ord("a") + level) if level < 26 else f"level{level}-"
