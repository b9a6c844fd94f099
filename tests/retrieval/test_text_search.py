"""Search by words and by meaning: both lists joined, and words alone where there are no vectors."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, ClassVar

import numpy as np
import polars as pl
import pytest

from tastemaker.core.encoder import TextKind
from tastemaker.core.errors import ConfigError, QueryError, ServiceError
from tastemaker.core.run import Run
from tastemaker.data import Catalogue
from tastemaker.language import words
from tastemaker.retrieval import TextSearch

IDS = ["a", "b", "c", "d", "e", "f"]
TEXTS = ["The sea", "Ocean storms", "Quiet forest", "A quiet cook", "", "Tides of the sea coast"]
MEANING = {"sea": 0, "ocean": 0, "tides": 0, "maritime": 0, "forest": 1, "trees": 1, "cook": 2, "kitchen": 2}


class Concepts:
    """Counts words that mean the same in one place of the vector."""

    name: ClassVar[str] = "concepts"
    cached: ClassVar[bool] = False
    dim: ClassVar[int] = 3
    normalised: ClassVar[bool] = False
    fingerprint: ClassVar[str] = "0"
    truncated: ClassVar[int] = 0

    def __init__(self, fault: Exception | None = None, on: Sequence[str] = ("item", "query")) -> None:
        self.fault, self.on = fault, on
        self.kinds: list[str] = []

    def encode(self, texts: Sequence[str], kind: TextKind = "item", *, run: Run | None = None) -> Any:
        self.kinds.append(kind)
        if self.fault is not None and kind in self.on:
            raise self.fault
        vectors = np.zeros((len(texts), 3), dtype=np.float32)
        for row, text in enumerate(texts):
            for word in words(text):
                if word in MEANING:
                    vectors[row, MEANING[word]] += 1
        return vectors

    def spec(self) -> dict[str, Any]:
        return {"name": self.name}


@pytest.fixture
def search() -> TextSearch:
    return TextSearch.over(IDS, TEXTS, Concepts())


def test_vectors_find_what_has_none_of_the_words(search: TextSearch) -> None:
    answer = search.search("maritime", 3, by="vectors")
    assert {hit.item_id for hit in answer.hits} == {"a", "b", "f"}
    assert [hit.score for hit in answer.hits] == pytest.approx([1, 1, 1])
    assert all(hit.sources == {"vectors": hit.rank} and hit.words == () for hit in answer.hits)
    assert (answer.by, answer.degraded) == ("vectors", ())


def test_words_find_what_holds_them(search: TextSearch) -> None:
    answer = search.search("quiet sea", 6, by="words")
    assert answer.hits[0].item_id == "a"
    assert {hit.item_id: hit.words for hit in answer.hits} == {
        "a": ("sea",),
        "c": ("quiet",),
        "d": ("quiet",),
        "f": ("sea",),
    }
    assert answer.by == "words"


def test_both_are_joined_by_their_ranks(search: TextSearch) -> None:
    answer = search.search("sea storms", 6)
    places = {hit.item_id: hit.sources for hit in answer.hits}
    assert places["b"]["vectors"]
    for hit in answer.hits:
        assert hit.score == pytest.approx(sum(1 / (60 + rank) for rank in hit.sources.values()))
    assert [hit.rank for hit in answer.hits] == list(range(1, len(answer.hits) + 1))
    assert [hit.score for hit in answer.hits] == sorted((hit.score for hit in answer.hits), reverse=True)
    assert answer.by == "both"


def test_a_question_is_encoded_as_one_and_items_as_items() -> None:
    encoder = Concepts()
    TextSearch.over(IDS, TEXTS, encoder).search("sea")
    assert encoder.kinds == ["item", "query"]


def test_an_item_without_a_word_is_never_found(search: TextSearch) -> None:
    for by in ("words", "vectors", "both"):
        assert "e" not in {hit.item_id for hit in search.search("sea", 6, by=by).hits}


def test_only_what_is_allowed_is_found(search: TextSearch) -> None:
    for by in ("words", "vectors", "both"):
        assert {hit.item_id for hit in search.search("sea", 6, by=by, allowed={"f", "e", "zzz"}).hits} == {"f"}
        assert search.search("sea", 6, by=by, allowed=set()).hits == ()


def test_no_more_than_k_are_found(search: TextSearch) -> None:
    for by in ("words", "vectors", "both"):
        assert len(search.search("quiet sea", 2, by=by).hits) == 2


@pytest.mark.parametrize("by", ["vectors", "both"])
def test_without_an_encoder_words_are_searched_and_the_answer_says_so(by: str) -> None:
    answer = TextSearch.over(IDS, TEXTS).search("sea", by=by)
    assert {hit.item_id for hit in answer.hits} == {"a", "f"}
    assert answer.by == "words"
    assert answer.degraded == ("searched by words alone: no encoder was named",)
    assert TextSearch.over(IDS, TEXTS).search("sea", by="words").degraded == ()


@pytest.mark.parametrize("when", ["item", "query"])
def test_an_encoder_that_fails_leaves_words_and_the_reason(when: str) -> None:
    fault = ServiceError("the endpoint is down", where="/a/secret/place", remedy="Start it.")
    answer = TextSearch.over(IDS, TEXTS, Concepts(fault, on=[when])).search("sea")
    assert {hit.item_id for hit in answer.hits} == {"a", "f"}
    assert answer.degraded == ("searched by words alone: the endpoint is down. Start it.",)


def test_a_question_that_says_nothing_to_the_encoder_is_searched_by_words(search: TextSearch) -> None:
    answer = search.search("quiet")
    assert {hit.item_id for hit in answer.hits} == {"c", "d"}
    assert "says nothing" in answer.degraded[0]


def test_no_such_encoder_is_an_error() -> None:
    with pytest.raises(ConfigError, match="there is no encoder 'mniilm'"):
        TextSearch.over(IDS, TEXTS, "mniilm")


def test_an_encoder_that_learns_is_fitted_to_the_texts() -> None:
    search = TextSearch.over(IDS, [f"{text} story of a place" for text in TEXTS], {"name": "tfidf-svd", "dim": 2})
    assert search.search("sea story", by="vectors").by == "vectors"


@pytest.mark.parametrize(
    ("text", "k", "by"), [("", 3, "both"), (" \n", 3, "words"), ("sea", 0, "both"), ("sea", 3, "x")]
)
def test_wrong_questions_are_refused(search: TextSearch, text: str, k: int, by: str) -> None:
    with pytest.raises(QueryError):
        search.search(text, k, by=by)


@pytest.mark.parametrize("text", ["\x00\x07", "海の物語", "x" * 100_000, "🐟", "sea " * 5000, "\ud800 sea"])
def test_odd_questions_are_answered(search: TextSearch, text: str) -> None:
    for by in ("words", "vectors", "both"):
        search.search(text, by=by)


def test_nothing_to_search_finds_nothing() -> None:
    assert TextSearch.over([], []).search("sea").hits == ()
    assert TextSearch.over(["a"], [""], Concepts()).search("sea").hits == ()


def test_a_catalogue_is_searched_in_what_is_available() -> None:
    frame = pl.DataFrame(
        {
            "item_id": ["a", "b", "c"],
            "title": ["The sea", "Sea and sun", None],
            "text": ["long", "long", "by the sea"],
            "available": [True, False, None],
        }
    )
    found = TextSearch.over_catalogue(Catalogue(frame)).search("sea").hits
    assert {hit.item_id for hit in found} == {"a", "c"}
    titles = TextSearch.over_catalogue(Catalogue(frame), template="{title}").search("sea").hits
    assert {hit.item_id for hit in titles} == {"a"}


def test_an_answer_is_json_with_titles(search: TextSearch) -> None:
    said = search.search("quiet sea", 1, by="words").to_dict(str.upper)
    assert said["items"] == [
        {
            "item_id": "a",
            "title": "A",
            "score": said["items"][0]["score"],
            "rank": 1,
            "sources": {"words": 1},
            "words": ["sea"],
        }
    ]
    assert {"text", "by", "items", "degraded", "took_ms"} == set(said)
