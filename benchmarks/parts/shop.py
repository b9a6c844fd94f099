"""A made-up shop: items in categories with prices, people with histories, and a sequence model that nobody trained.

Nothing here is to be recommended well: it is as large as what is asked for, and costs what a real one costs.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Final

import numpy as np
from numpy.typing import NDArray

from tastemaker.core.files import atomic_folder
from tastemaker.data.provenance import Provenance
from tastemaker.data.vocabulary import Vocabulary
from tastemaker.models.sasrec import SASRec
from tastemaker.models.sequence_inference import Transformer, time_rows
from tastemaker.models.storage import Stored, write
from tastemaker.store.ports import NewEvent, Row, TenantStore

CATEGORIES: Final = 20
PRICES: Final = (1.0, 100.0)
LONGEST: Final = 50
FIRST_EVENT: Final = 1_750_000_000_000_000
_SECOND: Final = 1_000_000
_ROWS_AT_ONCE: Final = 20_000
_KINDS: Final = ("view", "click", "cart", "buy", "like")
_SPREAD: Final = 0.02


@dataclass(frozen=True)
class Shop:
    """How large a shop is, and who was there.

    Attributes:
        items: How many items.
        people: How many people.
        events: Stored events of each.
        taste: Different items that one person ever touches.
        seed: Of everything that is drawn.
    """

    items: int
    people: int
    events: int
    taste: int = 100
    seed: int = 0

    @cached_property
    def ids(self) -> list[str]:
        """Return the items' ids."""
        return [f"item-{number:07}" for number in range(self.items)]

    @cached_property
    def popularity(self) -> NDArray[np.float64]:
        """Return how much each item is wanted, float64 ``[n]``, cumulated to 1: a power law over a random order."""
        rng = np.random.default_rng([self.seed, 1])
        shares = np.cumsum((rng.permutation(self.items) + 30.0) ** -0.9)
        return np.asarray(shares / shares[-1])

    def person(self, number: int) -> str:
        """Return the id of a person."""
        return f"person-{number:06}"

    def tastes(self, number: int) -> NDArray[np.int64]:
        """Return the numbers of the items that one person touches, int64 ``[t]``."""
        rng = np.random.default_rng([self.seed, 2, number])
        return np.searchsorted(self.popularity, rng.random(self.taste))

    def rows(self) -> Iterator[dict[str, Row]]:
        """Yield the items' rows, a block at a time."""
        rng = np.random.default_rng([self.seed, 3])
        for start in range(0, self.items, _ROWS_AT_ONCE):
            ids = self.ids[start : start + _ROWS_AT_ONCE]
            categories = rng.integers(CATEGORIES, size=(len(ids), 2)).tolist()
            prices = np.round(rng.uniform(*PRICES, size=len(ids)), 2).tolist()
            yield {
                item: {
                    "title": f"Thing {start + place}",
                    "categories": [f"aisle-{one}" for one in dict.fromkeys(categories[place])],
                    "price": prices[place],
                }
                for place, item in enumerate(ids)
            }

    def histories(self) -> Iterator[list[NewEvent]]:
        """Yield the stored events in the order of time, a block at a time: everybody comes once in each round."""
        rng = np.random.default_rng([self.seed, 4])
        tastes = [self.tastes(number) for number in range(self.people)]
        for turn in range(self.events):
            chosen = rng.integers(self.taste, size=self.people).tolist()
            kinds = rng.integers(len(_KINDS), size=self.people).tolist()
            yield [
                NewEvent(
                    event_id=f"stored-{turn}-{number}",
                    user_id=self.person(number),
                    item_id=self.ids[tastes[number][chosen[number]]],
                    event=_KINDS[kinds[number]],
                    timestamp=FIRST_EVENT + (turn * self.people + number) * _SECOND,
                )
                for number in range(self.people)
            ]

    def fill(self, store: TenantStore) -> None:
        """Write items and histories into an empty store."""
        store.notes.put("name", "made-up shop")
        for rows in self.rows():
            store.items.put(rows)
        for events in self.histories():
            store.events.append(events)

    def save_model(self, folder: Path, *, dimensions: int = 64, blocks: int = 2) -> None:
        """Write SASRec with random weights over all items, as a folder that `tastemaker.models.load_model` reads."""
        given = SASRec(
            dimensions=dimensions,
            blocks=blocks,
            dropout=0.0,
            max_length=LONGEST,
            loss="softmax",
            batch_events=1_000,
            items="ids",
            time="gaps",
        )
        settings = given.settings()
        rng = np.random.default_rng([self.seed, 5])
        wanted = np.diff(self.popularity, prepend=0.0)
        items = Vocabulary.of(self.ids)
        numbers = items.index(self.ids)
        popularity = np.empty(self.items, dtype=np.float32)
        popularity[numbers] = wanted * self.people * self.events
        tensors = {
            "item_factors": rng.standard_normal((self.items, dimensions), dtype=np.float32) * np.float32(_SPREAD),
            "popularity": popularity,
            **{f"network.{name}": value for name, value in _network(dimensions, blocks, rng)},
        }
        fitted = {"training": [], "words": {}, "settings": settings, "settings_tried": 0}
        seen = Provenance("made-up shop", "made-up", np.empty(0, np.int64), self.people, None)
        with atomic_folder(folder, replaces="config.json") as temporary:
            write(temporary, Stored(SASRec.name, settings, fitted, tensors, items, seen))


def _network(dim: int, blocks: int, rng: np.random.Generator) -> Iterator[tuple[str, NDArray[np.float32]]]:
    """Yield the weights of a transformer by torch's names, drawn as torch draws those of linear layers."""

    def drawn(*shape: int) -> NDArray[np.float32]:
        return rng.uniform(-(dim**-0.5), dim**-0.5, size=shape).astype(np.float32)

    def norm(name: str) -> Iterator[tuple[str, NDArray[np.float32]]]:
        yield f"{name}.weight", np.ones(dim, np.float32)
        yield f"{name}.bias", np.zeros(dim, np.float32)

    def linear(name: str, width: int) -> Iterator[tuple[str, NDArray[np.float32]]]:
        yield f"{name}.weight", drawn(width, dim)
        yield f"{name}.bias", drawn(width)

    yield "positions", drawn(LONGEST, dim)
    yield "times", drawn(int(time_rows("gaps")[-1]), dim)
    yield from norm("norm")
    for number in range(blocks):
        block = f"blocks.{number}"
        yield from norm(f"{block}.before_attention")
        yield from norm(f"{block}.before_forward")
        yield from linear(f"{block}.attention.inward", 3 * dim)
        yield from linear(f"{block}.attention.outward", dim)
        yield from linear(f"{block}.first", dim)
        yield from linear(f"{block}.second", dim)


def scoring(model: SASRec, shop: Shop, k: int) -> Callable[[], object]:
    """Return the bare work of one request: the forward pass over a history, all products, the best."""
    rng = np.random.default_rng(0)
    length = min(shop.events, LONGEST)
    lengths, times, network = np.asarray([length]), model.network_["times"], Transformer(model.network_, 1)

    def work() -> object:
        history = rng.integers(shop.items, size=(1, length))
        inputs = model.item_factors_[history] + times[rng.integers(len(times), size=(1, length, 2))].sum(axis=2)
        scores = model.item_factors_ @ network.last_states(inputs, lengths)[0]
        best = np.argpartition(-scores, k)[:k]
        return best[np.argsort(-scores[best])]

    return work
