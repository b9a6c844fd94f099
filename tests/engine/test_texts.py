"""The texts of a shop: found by words at once and by meaning soon, made beside the work, following every change."""

from __future__ import annotations

import threading
from collections.abc import Sequence
from datetime import UTC, datetime
from typing import Any, ClassVar

import numpy as np
import pytest
from numpy.typing import NDArray
from tests.engine.memory import MemoryRecords

from tastemaker.core.encoder import Encoder, TextKind
from tastemaker.core.errors import ModelError, NotReadyError, QueryError
from tastemaker.core.run import Run
from tastemaker.engine.shop import Shop
from tastemaker.engine.spaces import ShelfSpace
from tastemaker.engine.texts import ShopTexts

MOMENT = datetime(2024, 6, 1, tzinfo=UTC)
ROWS: dict[str, dict[str, Any]] = {
    "ball": {"title": "A red ball"},
    "kite": {"title": "A blue kite", "categories": ["Toys > Flying"]},
    "sail": {"title": "A sail", "text": "For boats upon the sea", "brand": "Anchor"},
    "blank": {"price": 3.0},
}


class Letters:
    """Encodes a text by which of ten words it holds; may be held back, or fail."""

    name = "letters"
    dim = 10
    normalised = False
    cached = False
    truncated = 0
    fingerprint = "f" * 32
    words = ("ball", "kite", "sail", "sea", "boats", "ship", "red", "blue", "drum", "harp")
    same: ClassVar = {"ship": "sail"}

    def __init__(self) -> None:
        self.asked: list[tuple[str, ...]] = []
        self.go = threading.Event()
        self.go.set()
        self.begun = threading.Event()
        self.wrong = ""

    def encode(self, texts: Sequence[str], kind: TextKind = "item", *, run: Run | None = None) -> NDArray[np.float32]:
        self.asked.append(tuple(texts))
        self.begun.set()
        assert self.go.wait(60)
        if self.wrong:
            raise ModelError(self.wrong, remedy="Mend it.")
        found = np.zeros((len(texts), self.dim), np.float32)
        for place, text in enumerate(texts):
            for word in text.lower().replace(".", " ").split():
                word = self.same.get(word, word)
                if word in self.words:
                    found[place, self.words.index(word)] += 1
        return found

    def spec(self) -> dict[str, Any]:
        return {"name": self.name}


@pytest.fixture
def shop() -> Shop:
    records = MemoryRecords()
    records.put(ROWS)
    return Shop.of_records(records, lambda: MOMENT)


@pytest.fixture
def encoder() -> Letters:
    return Letters()


def opened(shop: Shop, encoder: Encoder | None = None, **more: Any) -> ShopTexts:
    return ShopTexts(shop, encoder, clock=lambda: MOMENT, **more)


def ids(texts: ShopTexts, text: str, by: str = "words") -> list[str]:
    return [hit.item_id for hit in texts.search(text, by=by).hits]


def done(texts: ShopTexts) -> ShopTexts:
    texts.start()
    assert texts.wait(60)
    return texts


# -- words --------------------------------------------------------------------------------------------------------


def test_whoever_asks_first_waits_where_nobody_has_begun(shop: Shop) -> None:
    texts = opened(shop)
    hit = texts.search("boats on the SEA").hits[0]
    assert (hit.item_id, hit.rank, hit.words) == ("sail", 1, ("boats", "the", "sea"))
    assert ids(texts, "flying") == ["kite"]
    assert ids(texts, "anchor") == ["sail"]
    assert texts.search("ball").degraded == ("searched by words alone: no encoder was named",)


def test_a_new_item_is_found_by_the_next_question_and_a_changed_one_by_its_new_words(shop: Shop) -> None:
    texts = done(opened(shop))
    shop.put({"drum": {"title": "A drum", "text": "loud"}})
    assert ids(texts, "loud") == ["drum"]
    shop.patch("drum", {"text": "quiet"})
    assert ids(texts, "loud") == []
    assert ids(texts, "quiet drum") == ["drum"]
    shop.delete(["drum"])
    assert ids(texts, "quiet drum") == []
    shop.put({"drum": {"title": "A drum"}})
    assert ids(texts, "drum") == ["drum"]
    assert ids(texts, "quiet") == []


def test_only_what_is_available_now_is_found(shop: Shop) -> None:
    texts = done(opened(shop))
    shop.patch("ball", {"available": False})
    assert ids(texts, "red ball") == []
    shop.patch("ball", {"available": True, "available_from": "2024-06-02"})
    assert ids(texts, "red ball") == []
    shop.patch("ball", {"available_from": "2024-05-31"})
    assert ids(texts, "red ball") == ["ball"]


def test_items_become_texts_by_the_template(shop: Shop) -> None:
    shop.put({"harp": {"title": "A harp", "wood": "maple"}})
    assert ids(done(opened(shop, template="{title}. {wood}")), "maple") == ["harp"]


def test_until_it_is_made_it_refuses_and_what_is_written_meanwhile_is_not_lost(
    shop: Shop, monkeypatch: pytest.MonkeyPatch
) -> None:
    reading, go = threading.Event(), threading.Event()
    pages = shop.pages

    def slow() -> Any:
        for page in pages():
            reading.set()
            assert go.wait(60)
            yield page

    monkeypatch.setattr(shop, "pages", slow)
    texts = opened(shop)
    texts.start()
    assert reading.wait(60)
    with pytest.raises(NotReadyError, match="still being made"):
        texts.search("ball")
    assert not texts.ready
    shop.put({"drum": {"title": "A drum"}, "ball": {"title": "A violin"}})
    shop.delete(["kite"])
    go.set()
    assert texts.wait(60)
    assert ids(texts, "drum") == ["drum"]
    assert ids(texts, "violin") == ["ball"]
    assert ids(texts, "red") == []
    assert ids(texts, "kite") == []


def test_a_catalogue_that_cannot_be_read_is_tried_again(shop: Shop, monkeypatch: pytest.MonkeyPatch) -> None:
    with monkeypatch.context() as patch:
        patch.setattr(shop, "pages", lambda: iter([None]))
        texts = opened(shop)
        with pytest.raises(NotReadyError, match="could not be made"):
            texts.search("ball")
        texts.wait(60)
    with pytest.raises(NotReadyError):
        texts.search("ball")
    assert texts.wait(60)
    assert ids(texts, "ball") == ["ball"]


def test_wrong_questions_are_refused(shop: Shop) -> None:
    texts = done(opened(shop))
    for wrong in ({"text": " "}, {"text": "ball", "k": 0}, {"text": "ball", "by": "mind"}):
        with pytest.raises(QueryError):
            texts.search(**wrong)


# -- meaning ------------------------------------------------------------------------------------------------------


def test_meaning_is_searched_once_the_texts_are_encoded(shop: Shop, encoder: Letters) -> None:
    encoder.go.clear()
    texts = opened(shop, encoder)
    texts.start()
    assert encoder.begun.wait(60)
    early = texts.search("ball")
    assert early.degraded == ("searched by words alone: the texts of the items are still being encoded",)
    encoder.go.set()
    assert texts.wait(60)
    assert ids(texts, "ship", "vectors")[0] == "sail"
    assert texts.search("ship").hits[0].sources == {"vectors": 1}
    assert texts.search("ball").degraded == ()


def test_the_vectors_are_there_by_number_and_follow_what_is_written(shop: Shop, encoder: Letters) -> None:
    texts = done(opened(shop, encoder))
    assert len(texts.vectors) == 3
    shop.put({"drum": {"title": "A drum"}, "ball": {"title": "A harp"}})
    assert texts.wait(60)
    numbers = shop.shelf.numbers(["drum", "ball", "blank"])
    drawn = texts.vectors.take(numbers)
    assert drawn[:, encoder.words.index("drum")].tolist() == [1, 0, 0]
    assert drawn[:, encoder.words.index("harp")].tolist() == [0, 1, 0]
    assert texts.vectors.has(numbers).tolist() == [True, True, False]
    shop.delete(["drum"])
    assert texts.wait(60)
    assert not texts.vectors.has(numbers[:1]).any()


def test_what_is_written_again_as_it_was_is_not_encoded_again(shop: Shop, encoder: Letters) -> None:
    texts = done(opened(shop, encoder))
    before = len(encoder.asked)
    shop.put(ROWS)
    shop.patch("ball", {"price": 5.0})
    texts.wait(60)
    assert len(encoder.asked) == before


def test_a_text_that_changes_while_it_is_encoded_has_the_vector_of_its_new_words(shop: Shop, encoder: Letters) -> None:
    encoder.go.clear()
    texts = opened(shop, encoder)
    texts.start()
    assert encoder.begun.wait(60)
    shop.put({"ball": {"title": "A harp"}})
    encoder.go.set()
    assert texts.wait(60)
    drawn = texts.vectors.take(shop.shelf.numbers(["ball"]))[0]
    assert drawn[encoder.words.index("harp")] == 1


def test_a_question_that_was_encoded_ahead_is_not_encoded_again(shop: Shop, encoder: Letters) -> None:
    texts = done(opened(shop, encoder))
    texts.prepare("a ship")
    before = len(encoder.asked)
    assert ids(texts, "a ship", "vectors")[0] == "sail"
    assert len(encoder.asked) == before


def test_an_encoder_that_fails_leaves_words_and_is_asked_again_with_the_next_change(
    shop: Shop, encoder: Letters
) -> None:
    encoder.wrong = "the endpoint is down"
    texts = done(opened(shop, encoder))
    found = texts.search("ball")
    assert [hit.item_id for hit in found.hits] == ["ball"]
    assert found.degraded == ("searched by words alone: the endpoint is down. Mend it.",)
    encoder.wrong = ""
    shop.put({"drum": {"title": "A drum"}})
    assert texts.wait(60)
    assert ids(texts, "ship", "vectors")[0] == "sail"
    assert len(texts.vectors) == 4


def test_the_space_is_told_of_once_and_gives_vectors_by_id(shop: Shop, encoder: Letters) -> None:
    told: list[ShelfSpace] = []
    texts = done(opened(shop, encoder, on_space=told.append))
    shop.put({"drum": {"title": "A drum"}})
    assert texts.wait(60)
    (space,) = told
    assert (space.name, space.dim) == ("text", 10)
    drum, blank = space.vector("drum"), space.vector("blank")
    assert drum is not None
    assert drum[encoder.words.index("drum")] == 1
    assert blank is None
    assert space.vector("nowhere") is None


def test_an_encoder_that_learns_learns_from_the_items(shop: Shop) -> None:
    from tastemaker.language.encoders import make_encoder

    shop.put({f"sea {n}": {"title": f"Boats upon the sea, part {n}"} for n in range(5)})
    encoder = make_encoder({"name": "tfidf-svd", "dim": 4})
    texts = done(opened(shop, encoder))
    assert "sail" in ids(texts, "sea", "vectors")
    assert len(texts.vectors) >= 6


def test_an_encoder_that_learnt_from_few_items_learns_again_from_many(shop: Shop) -> None:
    from tastemaker.language.encoders import make_encoder

    told: list[ShelfSpace] = []
    encoder = make_encoder({"name": "tfidf-svd", "dim": 4})
    texts = done(opened(shop, encoder, on_space=told.append))
    table = texts.vectors
    shop.put({f"sea {n}": {"title": f"Ships upon the ocean, part {n}"} for n in range(6)})
    assert texts.wait(60)
    assert texts.vectors is table
    assert texts.search("ocean", by="vectors").by == "vectors"
    assert ids(texts, "ocean", "vectors")[0].startswith("sea")
    assert table.has(shop.shelf.numbers(["sea 0", "sea 5"])).all()
    assert len({space.fingerprint for space in told}) == len(told) == 2


def test_stopping_leaves_off(shop: Shop, encoder: Letters) -> None:
    texts = done(opened(shop, encoder))
    texts.stop()
    before = len(encoder.asked)
    shop.put({"drum": {"title": "A drum"}})
    texts.wait(60)
    assert len(encoder.asked) == before
    assert ids(texts, "drum") == ["drum"]
