"""The texts of a shop's items, searched by words and by meaning, and as a space of vectors; they follow changes."""

from __future__ import annotations

import logging
import threading
import time
from collections.abc import Callable, Iterable, Mapping, Sequence
from typing import Final

import numpy as np
from numpy.typing import NDArray

from tastemaker.core.clock import Clock, system_clock, to_microseconds
from tastemaker.core.encoder import Encoder
from tastemaker.core.errors import NotReadyError, TastemakerError
from tastemaker.core.run import Run
from tastemaker.engine.shop import Shop
from tastemaker.engine.spaces import TEXT, ShelfSpace
from tastemaker.language.texts import row_text
from tastemaker.pipeline.item_vectors import ItemVectors
from tastemaker.retrieval.asking import Meaning, TextsFound, find_texts, why
from tastemaker.retrieval.fusion import Found
from tastemaker.retrieval.live_lexical import LiveLexicalIndex
from tastemaker.retrieval.port import Allowed
from tastemaker.retrieval.text_search import SearchAnswer, hits_of
from tastemaker.store.ports import Row

_AT_ONCE: Final = 512
"""So many texts are encoded before somebody else has a look whether to go on."""

_OUTGROWN: Final = 2
"""An encoder that learns does so anew when there are so many times the items that it has learnt from."""

_SECONDS_TO_STOP: Final = 5.0
_BEING_ENCODED: Final = "the texts of the items are still being encoded"

_logger = logging.getLogger("tastemaker.engine")


class ShopTexts:
    """Finds items by what their texts hold and mean.

    A thread of its own, which is there only while there is something to do, makes the index of words, then the vectors.
    Items that are written meanwhile, or later, are found by their words by the next question, and by their meaning
    once the thread has encoded them. All methods may be called from any thread.

    Args:
        shop: The items.
        encoder: What turns texts into vectors; one that learns does so from the items. ``None``: words alone.
        reason: Why there is no encoder, for answers that lack it.
        template: How an item becomes a text: see `tastemaker.language.texts.item_texts`.
        on_space: Is told of the space of the texts' vectors, once they are there.
        run: What the encoder is given.
        clock: Tells which items are available.

    Attributes:
        vectors: The items' vectors by their numbers, of length 1; empty until some were encoded.
    """

    def __init__(
        self,
        shop: Shop,
        encoder: Encoder | None = None,
        *,
        reason: str = "no encoder was named",
        template: str | None = None,
        on_space: Callable[[ShelfSpace], None] | None = None,
        run: Run | None = None,
        clock: Clock = system_clock,
    ) -> None:
        self._shop, self._encoder, self._template = shop, encoder, template
        self._on_space, self._run, self._clock = on_space, run or Run(), clock
        self.vectors = self._filling = ItemVectors()
        self._in_use: Encoder | None = None
        self._learnt_from = 0
        self._lexical = LiveLexicalIndex()
        self._meaning = Meaning(reason=reason if encoder is None else _BEING_ENCODED)
        self._lock = threading.Lock()
        self._thread: threading.Thread | None = None
        self._begun = self._follows = self._stopped = False
        self._ready = threading.Event()
        self._waiting: set[int] = set()
        self._failure = ""

    @property
    def encodes(self) -> bool:
        """Whether texts become vectors."""
        return self._encoder is not None

    @property
    def ready(self) -> bool:
        """Whether words can be searched."""
        return self._ready.is_set()

    # -- asking --------------------------------------------------------------------------------------------------

    def search(self, text: str, k: int = 10, *, by: str = "both") -> SearchAnswer:
        """Return the available items whose texts fit a question.

        Args:
            text: The question.
            k: How many at most.
            by: ``words``, ``vectors`` or ``both``.

        Raises:
            QueryError: The question is empty, ``k`` is less than 1, or there is no such way.
            NotReadyError: The index is still being made.
        """
        began = time.perf_counter()
        found = self.find(text, k, by=by, allowed=self._shop.shelf.open_at(to_microseconds(self._clock())))
        hits = hits_of(found, text, self._lexical, self._shop.shelf.ids)
        return SearchAnswer(text, found.by, hits, found.degraded, 1000 * (time.perf_counter() - began))

    def find(self, text: str, k: int, *, by: str = "both", allowed: Allowed | None = None) -> TextsFound:
        """Return what fits a question by the items' numbers on the shelf.

        Where nobody has called `start`, the first who asks waits until all is made.

        Args:
            text: The question.
            k: How many at most.
            by: ``words``, ``vectors`` or ``both``.
            allowed: Which items may be found, bool by number; ``None`` for all.

        Raises:
            QueryError: See `search`.
            NotReadyError: See `search`.
        """
        self.need()
        may = self._shop.shelf.present if allowed is None else allowed
        return find_texts(self._lexical, self._meaning, text, k, by=by, allowed=may)

    def need(self) -> None:
        """Raise `NotReadyError` while words cannot be searched, if somebody has called `start`; else make all of it."""
        if self.ready:
            return
        if not self._begun:
            self.start()
            self.wait()
        if self.ready:
            return
        self._kick()
        if self._failure:
            raise NotReadyError(f"the search could not be made: {self._failure}", remedy="It is tried again.")
        raise NotReadyError("the search is still being made", remedy="Try again in a moment; titles are searched.")

    def prepare(self, text: str) -> None:
        """Encode a question ahead, so that `find` need not wait for the encoder."""
        if self.ready and self._meaning.encoder is not None:
            self._meaning.prepare(text)

    # -- following the shop --------------------------------------------------------------------------------------

    def put(self, rows: Mapping[str, Row]) -> None:
        """Take in rows that were written: the next question finds them by their words."""
        numbers = self._shop.shelf.numbers(list(rows)).tolist()
        changed = [
            number
            for number, row in zip(numbers, rows.values(), strict=True)
            if self._lexical.put(number, row_text(row, self._template))
        ]
        self._changed(changed)

    def forget(self, ids: Sequence[str]) -> None:
        """Take in that items were taken away."""
        numbers = self._shop.shelf.numbers(ids)
        numbers = numbers[numbers >= 0]
        self._changed([number for number in numbers.tolist() if self._lexical.put(number, "")])

    def _changed(self, numbers: Sequence[int]) -> None:
        if numbers:
            self._wait_for(numbers)
            if self.ready:
                self._kick()

    def _wait_for(self, numbers: Iterable[int]) -> None:
        if self.encodes:
            with self._lock:
                self._waiting.update(numbers)

    # -- the work ------------------------------------------------------------------------------------------------

    def start(self) -> None:
        """Make everything, in a thread that ends when it is done; what is there already stays."""
        self._begun = True
        self._kick()

    def wait(self, seconds: float | None = None) -> bool:
        """Wait for the thread to end, or so long; return whether words can be searched."""
        thread = self._thread
        if thread is not None:
            thread.join(seconds)
        return self.ready

    def stop(self) -> None:
        """Leave off at the next opportunity, for good."""
        self._stopped = True
        self.wait(_SECONDS_TO_STOP)

    def _kick(self) -> None:
        with self._lock:
            if self._thread is None and not self._stopped and self._has_work():
                self._thread = threading.Thread(target=self._work, name="texts", daemon=True)
                self._thread.start()

    def _has_work(self) -> bool:
        return not self.ready or self._lexical.stale or (self.encodes and bool(self._waiting))

    def _work(self) -> None:
        failed = False
        while True:
            with self._lock:
                if failed or self._stopped or not self._has_work():
                    self._thread = None
                    return
            try:
                self._step()
            except TastemakerError as error:
                # An endpoint that is down, a store that cannot be read: with the next change, or question, once more.
                _logger.warning("the texts of the items could not be taken in: %s", error)
                failed, self._failure = True, why(error)
            except Exception:
                _logger.exception("the texts of the items could not be taken in")
                failed, self._failure = True, "it failed"
            if failed and self._meaning.encoder is None and self.encodes:
                self._meaning = Meaning(reason=self._failure)

    def _step(self) -> None:
        if not self.ready:
            self._read()
        elif self._lexical.stale:
            self._lexical.renew()
        else:
            self._encode()

    def _read(self) -> None:
        """Make the index of words; from now on changes are followed, and what they say goes before what is read."""
        if not self._follows:
            self._shop.follow(self)
            self._follows = True
        for page in self._shop.pages():
            if self._stopped:
                return
            numbers = self._shop.shelf.numbers(list(page)).tolist()
            self._lexical.fill(numbers, [row_text(row, self._template) for row in page.values()])
        self._lexical.renew()
        self._wait_for(number for number in range(len(self._lexical)) if self._lexical.text(number))
        self._failure = ""
        self._ready.set()

    def _encode(self) -> None:
        """Encode what waits; once all of an encoder's vectors are there they are searched, and the space is told of."""
        encoder = self._fitted()
        with self._lock:
            numbers, self._waiting = sorted(self._waiting), set()
        try:
            while numbers and not self._stopped:
                self._encode_some(encoder, numbers[:_AT_ONCE])
                del numbers[:_AT_ONCE]
        finally:
            with self._lock:
                self._waiting.update(numbers)
        if numbers or self._meaning.encoder is encoder:
            return
        if self._filling is not self.vectors:
            self.vectors.become(self._filling)
            self._filling = self.vectors
        self._meaning = Meaning(encoder, _Near(self.vectors), run=self._run)
        if self._on_space is not None and self.vectors.dim:
            made = f"{encoder.fingerprint} {self._template or ''}"
            self._on_space(ShelfSpace(TEXT, made, self.vectors, self._shop.shelf))

    def _fitted(self) -> Encoder:
        """Return an encoder that has learnt what it learns, anew where the catalogue has outgrown what that was."""
        from tastemaker.language.encoders import fit_encoder, is_learnt, make_encoder

        assert self._encoder is not None
        before, there = self._in_use, len(self._lexical)
        if before is not None and not (is_learnt(before) and there >= _OUTGROWN * self._learnt_from):
            return before
        worded = {number: text for number in range(there) if (text := self._lexical.text(number))}
        encoder = self._encoder if before is None else make_encoder(before.spec())
        fit_encoder(encoder, list(worded.values()), run=self._run)
        if before is not None:
            # Others go on with the old vectors until all new ones are there.
            self._filling = ItemVectors()
            self._wait_for(worded)
        self._in_use, self._learnt_from = encoder, there
        return encoder

    def _encode_some(self, encoder: Encoder, numbers: Sequence[int]) -> None:
        from tastemaker.language.encoders import encode_cached

        texts = {number: self._lexical.text(number) for number in numbers}
        self._filling.remove(np.asarray([number for number, text in texts.items() if not text], dtype=np.int64))
        worded = {number: text for number, text in texts.items() if text}
        vectors = encode_cached(encoder, list(worded.values()), "item", run=self._run)
        # What changed meanwhile waits again, and its old vector must not come after its new one.
        there = np.asarray([self._lexical.text(number) == text for number, text in worded.items()], dtype=np.bool_)
        self._filling.put(np.asarray(list(worded), dtype=np.int64)[there], vectors[there])


class _Near:
    """Item vectors, asked as `tastemaker.retrieval.asking.Vectors`."""

    def __init__(self, vectors: ItemVectors) -> None:
        self._vectors = vectors

    def search(self, queries: NDArray[np.float32], k: int, allowed: Allowed | None = None) -> Found:
        """Return the nearest items to one query."""
        assert allowed is not None
        ((numbers, scores),) = self._vectors.search(queries, k, allowed)
        return numbers[None], scores[None]
