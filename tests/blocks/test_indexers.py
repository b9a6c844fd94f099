"""Every indexer gives all items distinct codes, by seed, out of the training part alone."""

from __future__ import annotations

import subprocess
import sys
from dataclasses import replace

import numpy as np
import polars as pl
import pytest
from numpy.typing import NDArray

from tastemaker.blocks.codes import Codes
from tastemaker.blocks.digits import digit_codes, first_appearances, numbers_of
from tastemaker.blocks.indexers import (
    Categories,
    Collaborative,
    Digits,
    Indexer,
    ItemTokens,
    Semantic,
    Titles,
    co_occurrences,
    make_indexer,
)
from tastemaker.blocks.quantiser import ResidualKMeans
from tastemaker.blocks.trie import Trie
from tastemaker.core.errors import ConfigError, DataError, ModelError
from tastemaker.core.run import Run
from tastemaker.data import Catalogue, Dataset
from tastemaker.data.splits.last import leave_one_out

ITEMS = [f"i{number}" for number in range(40)]
INDEXERS = [
    ItemTokens(),
    Digits(),
    Digits("sequential"),
    Digits("sequential", width=3),
    Collaborative(clusters=3, most=6),
    Collaborative(clusters=3, most=6, own_tokens=True),
    Semantic(levels=2, codebook=4),
    Semantic(levels=3, codebook=4, normalised=True),
    Categories(),
    Titles(),
]
EXTENSIBLE = [indexer for indexer in INDEXERS if not isinstance(indexer, Collaborative)]


def log(turn: int = 0) -> pl.DataFrame:
    """Events of 30 people with one half of the first 36 items each; ``turn`` changes the last two of everybody."""
    random = np.random.default_rng(1)
    rows: list[tuple[str, str, int]] = []
    for user in range(30):
        half = 18 * (user % 2)
        chosen = half + random.permutation(18)[:8]
        chosen[-2:] = half + (chosen[-2:] - half + turn) % 18
        rows.extend((f"u{user}", ITEMS[item], time) for time, item in enumerate(chosen))
    return pl.DataFrame(rows, schema=["user_id", "item_id", "timestamp"], orient="row")


def shop(items: list[str] = ITEMS) -> pl.DataFrame:
    """A catalogue with a path of categories and a title for most items, and some alike."""
    kinds = [["Tools > Saws", "Gifts"], ["Tools > Drills > Small"], ["Garden"], []]
    titles = ["A saw", "The (big) drill", "a SAW!", "Rake", None]
    return pl.DataFrame(
        {
            "item_id": items,
            "categories": [kinds[number % 4] for number in range(len(items))],
            "title": [titles[number % 5] for number in range(len(items))],
        },
        schema={"item_id": pl.String, "categories": pl.List(pl.String), "title": pl.String},
    )


def train(turn: int = 0) -> Dataset:
    return leave_one_out(Dataset.of(log(turn), shop())).train


def vectors(count: int = len(ITEMS)) -> NDArray[np.float32]:
    """Vectors of the items; those of some are missing, or zero, and two are equal."""
    found = np.random.default_rng(2).normal(size=(60, 5)).astype(np.float32)
    found[[3, 17, 44]] = np.nan
    found[[5, 41]] = 0
    found[8] = found[9]
    return found[:count]


def texts(codes: Codes) -> list[str]:
    return [codes.text(item) for item in range(len(codes))]


@pytest.mark.parametrize("indexer", INDEXERS, ids=repr)
def test_every_item_has_a_code_of_its_own_that_begins_no_other(indexer: Indexer) -> None:
    codes = indexer.fit(train(), vectors())
    given = [tuple(row[row >= 0].tolist()) for row in codes.tokens]
    assert len(given) == len(set(given)) == len(ITEMS)
    assert not any(a != b and a == b[: len(a)] for a in given for b in given)
    assert all(0 <= token < codes.vocabulary for code in given for token in code)
    assert sorted(Trie(codes).items[Trie(codes).items >= 0]) == list(range(len(ITEMS)))


@pytest.mark.parametrize("indexer", INDEXERS, ids=repr)
def test_the_same_seed_gives_the_same_codes(indexer: Indexer) -> None:
    first, again = (indexer.fit(train(), vectors(), Run(seed=4)) for _ in range(2))
    assert first.tokens.tolist() == again.tokens.tolist()
    assert first.to_json() == again.to_json()


@pytest.mark.parametrize("indexer", [Digits(), Semantic(levels=2, codebook=4)], ids=repr)
def test_another_seed_gives_other_codes(indexer: Indexer) -> None:
    first, other = (indexer.fit(train(), vectors(), Run(seed=seed)) for seed in (4, 5))
    assert first.tokens.tolist() != other.tokens.tolist()


@pytest.mark.parametrize("indexer", INDEXERS, ids=repr)
def test_held_out_events_change_no_code(indexer: Indexer) -> None:
    assert not log(0).equals(log(5))
    assert train(0).interactions.frame.equals(train(5).interactions.frame)
    assert texts(indexer.fit(train(0), vectors())) == texts(indexer.fit(train(5), vectors()))


def test_over_whole_histories_numbers_of_first_appearance_do_depend_on_held_out_events() -> None:
    whole = [first_appearances(Dataset.of(log(turn), shop())).tolist() for turn in (0, 5)]
    assert whole[0] != whole[1]


@pytest.mark.parametrize("indexer", EXTENSIBLE, ids=repr)
def test_new_items_get_codes_and_old_ones_keep_theirs(indexer: Indexer) -> None:
    before = train()
    more = [f"new{number}" for number in range(10)]
    codes = indexer.fit(before, vectors())
    items = before.items.extend(more)
    after = replace(before, items=items, catalogue=Catalogue(shop([*ITEMS, *more])))
    extended = indexer.extend(codes, after, vectors(50))
    assert extended.collisions().distinct == 50
    for old, new in zip(codes.tokens.tolist(), extended.tokens.tolist(), strict=False):
        assert [token for token in old if token >= 0] == [token for token in new if token >= 0]
    assert extended.words[: len(codes.words)] == codes.words


@pytest.mark.parametrize("own_tokens", [True, False])
def test_clusters_of_events_take_no_new_items(own_tokens: bool) -> None:
    indexer = Collaborative(own_tokens=own_tokens)
    with pytest.raises(ModelError, match=r"no place for new items.*Semantic"):
        indexer.extend(indexer.fit(train()), train())


def test_sequential_numbers_follow_the_training_events_and_then_the_item_numbers() -> None:
    data = Dataset.of(
        pl.DataFrame({"user_id": ["a", "b", "a", "b"], "item_id": ["x", "z", "y", "x"], "timestamp": [1, 2, 3, 4]}),
        pl.DataFrame({"item_id": ["n1", "x", "n0", "y", "z"]}),
    )
    numbers = dict(zip(data.items.ids, first_appearances(data).tolist(), strict=True))
    assert [numbers[item] for item in "xyz"] == [0, 1, 2]
    assert {numbers["n0"], numbers["n1"]} == {3, 4}
    assert (numbers["n0"] < numbers["n1"]) == (data.items.index(["n0"]) < data.items.index(["n1"])).item()


def test_digits_spell_numbers() -> None:
    numbers = [105, 7, 10, 0, 99]
    assert texts(digit_codes(numbers)) == ["1 0 5 <end>", "7 <end>", "1 0 <end>", "0 <end>", "9 9 <end>"]
    assert texts(digit_codes(numbers, 4)) == ["0 1 0 5", "0 0 0 7", "0 0 1 0", "0 0 0 0", "0 0 9 9"]
    for width in (None, 3):
        assert numbers_of(digit_codes(numbers, width)).tolist() == numbers


def test_numbers_that_repeat_or_find_no_room_are_refused() -> None:
    with pytest.raises(DataError, match="repeat or are negative"):
        digit_codes([1, 1])
    with pytest.raises(DataError, match=r"3 digits, but there is room for 2 \(item 1\)"):
        digit_codes([1, 100], 2)


def test_items_that_the_same_people_liked_share_their_first_token() -> None:
    codes = Collaborative(clusters=2, most=18).fit(train())
    met = np.flatnonzero(np.diff(co_occurrences(train()).indptr))
    first = {int(item): codes.tokens[item, 0] for item in met}
    half = {item: ITEMS.index(train().items.ids[item]) // 18 for item in first}
    pairs = {(half[item], int(token)) for item, token in first.items()}
    assert len(pairs) == len({token for _, token in pairs}) == 2


def test_co_occurrence_counts_people_who_liked_both() -> None:
    events = [("u", "a", 1), ("u", "b", 1), ("u", "a", 1), ("v", "a", 1), ("v", "b", 1), ("v", "c", -1), ("w", "c", 1)]
    data = Dataset.of(pl.DataFrame(events, schema=["user_id", "item_id", "weight"], orient="row"))
    counts = co_occurrences(data).toarray()
    a, b, c = data.items.index(["a", "b", "c"])
    assert counts[a, b] == counts[b, a] == 2
    assert counts[[a, b, c], [a, b, c]].tolist() == [0, 0, 0]
    assert counts[c].sum() == 0


def test_the_hybrid_index_ends_with_a_token_that_only_one_item_has() -> None:
    codes = Collaborative(clusters=3, most=6, own_tokens=True).fit(train())
    last = codes.tokens[np.arange(len(codes)), codes.lengths() - 1]
    assert len(set(last.tolist())) == len(ITEMS)
    assert [codes.words[token] for token in last] == list(train().items.ids)


def test_equal_vectors_share_all_but_the_counting_token() -> None:
    codes = Semantic(levels=2, codebook=4).fit(train(), vectors())
    assert codes.levels == (0, 5, 9)
    assert codes.tokens[8, :2].tolist() == codes.tokens[9, :2].tolist()
    assert codes.tokens[8, 2] != codes.tokens[9, 2]


def test_items_without_a_vector_are_numbered_apart_from_all_others() -> None:
    codes = Semantic(levels=3, codebook=4).fit(train(), vectors())
    apart = [item for item in range(len(codes)) if codes.words[codes.tokens[item, 0]] == "<no vector>"]
    assert apart == [3, 5, 17]
    assert [codes.text(item) for item in apart] == [
        "<no vector> <b0> <c0> <0>",
        "<no vector> <b0> <c1> <0>",
        "<no vector> <b0> <c2> <0>",
    ]


def test_later_items_without_a_vector_are_numbered_on() -> None:
    indexer = Semantic(levels=3, codebook=4)
    data = train()
    later = replace(data, items=data.items.extend([f"new{number}" for number in range(10)]))
    codes = indexer.extend(indexer.fit(data, vectors()), later, vectors(50))
    assert [codes.text(item) for item in (41, 44)] == ["<no vector> <b0> <c3> <0>", "<no vector> <b1> <c0> <0>"]


def test_semantic_codes_need_vectors_and_codebooks_of_their_size() -> None:
    with pytest.raises(DataError, match=r"vectors of all 40 items are needed \(vectors given: none\)"):
        Semantic().fit(train())
    with pytest.raises(DataError, match="no item has a vector"):
        Semantic().fit(train(), np.zeros((40, 2), dtype=np.float32))
    codes = Semantic(levels=2, codebook=4).fit(train(), vectors())
    with pytest.raises(ModelError, match="no codebooks yet"):
        Semantic(levels=2, codebook=4).extend(codes, train(), vectors())
    books = ResidualKMeans(np.zeros((3, 8, 5), dtype=np.float32))
    with pytest.raises(ModelError, match="3 x 8, not 2 x 4"):
        Semantic(levels=2, codebook=4, quantiser=books).extend(codes, train(), vectors())


def test_categories_and_titles_are_read_off_the_catalogue() -> None:
    data = Dataset.of(pl.DataFrame({"user_id": ["u"], "item_id": ["a"]}), shop(["a", "b", "c", "d", "e"]))
    kinds, titles = texts(Categories().fit(data)), texts(Titles().fit(data))
    place = {item: int(number) for item, number in zip("abcde", data.items.index(list("abcde")), strict=True)}
    assert kinds[place["b"]] == "Tools Drills Small <0>"
    assert {kinds[place[item]] for item in "ae"} == {"Tools Saws <0>", "Tools Saws <1>"}
    assert kinds[place["d"]] == "no category <0>"
    assert titles[place["b"]] == "the big drill <0>"
    assert {titles[place[item]] for item in "ac"} == {"a saw <0>", "a saw <1>"}
    assert titles[place["e"]] == "no title <0>"


def test_words_that_look_like_counting_tokens_stay_words() -> None:
    catalogue = pl.DataFrame({"item_id": ["a", "b", "c"], "categories": [["<0>"], ["<0>"], ["<0> > <1>"]]})
    data = Dataset.of(pl.DataFrame({"user_id": ["u"], "item_id": ["a"]}), catalogue)
    codes = Categories().fit(data)
    assert sorted(texts(codes)) == ["(0) (1) <0>", "(0) <0>", "(0) <1>"]
    assert texts(Categories().extend(codes, data)) == texts(codes)


def test_a_catalogue_without_categories_says_what_else_there_is() -> None:
    with pytest.raises(DataError, match=r"no column 'categories'.*such as Digits"):
        Categories().fit(Dataset.of(log()))


def test_indexers_need_no_torch() -> None:
    program = "import sys, tastemaker.blocks.indexers, tastemaker.blocks.trie; sys.exit('torch' in sys.modules)"
    assert subprocess.run([sys.executable, "-c", program], check=False).returncode == 0


def test_digits_in_a_larger_base_are_fewer() -> None:
    codes = digit_codes([8668, 7, 100], base=100)
    assert [codes.text(item) for item in range(3)] == ["86 68 <end>", "07 <end>", "01 00 <end>"]
    fixed = digit_codes([8668, 7], width=3, base=100)
    assert [fixed.text(item) for item in range(2)] == ["00 86 68", "00 00 07"]
    assert numbers_of(codes, 100).tolist() == [8668, 7, 100]
    assert numbers_of(fixed, 100).tolist() == [8668, 7]


@pytest.mark.parametrize("width", [1, 2, 3, 6])
def test_a_base_left_open_is_the_smallest_that_does(width: int) -> None:
    data = Dataset.of(log())
    count = len(data.items)
    codes = Digits(width=width, base=0).fit(data)
    assert codes.tokens.shape == (count, width)
    assert codes.vocabulary**width >= count > (codes.vocabulary - 1) ** width
    assert sorted(numbers_of(codes, codes.vocabulary).tolist()) == list(range(count))


def test_indexers_go_by_name() -> None:
    assert make_indexer("random") == Digits("random", 2, 0)
    assert make_indexer({"name": "hybrid", "clusters": 5}) == Collaborative(clusters=5, own_tokens=True)
    with pytest.raises(ConfigError, match=r"no indexer 'sematic'.*semantic"):
        make_indexer("sematic")
    with pytest.raises(ConfigError, match=r"cannot be made.*clusters"):
        make_indexer({"name": "random", "clusters": 5})
