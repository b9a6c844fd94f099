"""The bookshop: true facts in a sane shape, and readers drawn as the page about them says."""

from __future__ import annotations

import math
import os
import re
import subprocess
import sys
from collections import Counter
from collections.abc import Callable, Iterator
from dataclasses import replace
from datetime import timedelta
from itertools import pairwise
from pathlib import Path

import numpy as np
import polars as pl
import pytest
from numpy.typing import NDArray

import tastemaker.data.bookshop as package
from tastemaker.data import SOURCES, Dataset, load_dataset
from tastemaker.data.bookshop import Book, Reader, Shop, make_shop, read_authors, read_books
from tastemaker.data.bookshop.books import ANONYMOUS
from tastemaker.data.bookshop.readers import DAYS, START, Deed, Process
from tastemaker.data.bookshop.strangers import STRANGERS
from tastemaker.data.bookshop.tastes import NUISANCES, TASTES
from tastemaker.data.catalogue import PATH_SEPARATOR
from tastemaker.data.labelled import context_of
from tastemaker.data.sources.bookshop import SYNTHETIC, bookshop_tables
from tastemaker.data.sources.registry import caution_about
from tastemaker.data.titles import year_in_words
from tastemaker.evaluation.comparison import Comparison

BOOKS = read_books()
BY_ID = {book.item_id: book for book in BOOKS}
MOODS = {
    "adventurous", "angry", "bleak", "dark", "dreamy", "frightening", "funny", "grand", "hopeful", "melancholy",
    "playful", "quiet", "romantic", "tender", "thoughtful", "witty", "wry",
}  # fmt: skip
PERIODS = {
    "antiquity", "Middle Ages", "Renaissance", "16th century", "17th century", "18th century", "19th century",
    "20th century", "far future", "timeless",
}  # fmt: skip

# The constants of docs/bookshop.md, written out here so that a change of the process shows.
POPULARITY_SD, SEASON_HEIGHT, SHOWN, ONE_MORE, TOGETHER = 0.5, 1.2, 0.1, 0.45, 0.6
PEAK = {"spring": 105, "summer": 201, "autumn": 298, "winter": 362}


@pytest.fixture(scope="module")
def shop() -> Shop:
    return make_shop(BOOKS)


@pytest.fixture(scope="module")
def data() -> Dataset:
    return bookshop_tables().dataset("bookshop")


# -- the books ---------------------------------------------------------------------------------------------------


def test_there_are_enough_books_and_each_is_there_once() -> None:
    assert len(BOOKS) >= 280
    assert len(BY_ID) == len(BOOKS)
    assert len({(book.title, book.author, book.translator) for book in BOOKS}) == len(BOOKS)


def says_what_it_is(book: Book) -> None:
    assert re.fullmatch(r"[a-z0-9]+(-[a-z0-9]+)*", book.item_id)
    assert book.title == book.title.strip() != ""
    assert book.author
    assert book.subjects
    assert book.places
    assert book.keywords
    assert book.form
    assert book.language
    assert book.period in PERIODS
    assert set(book.moods) <= MOODS
    assert book.moods
    assert book.length in ("short", "medium", "long")
    assert book.season in (None, "spring", "summer", "autumn", "winter")
    assert all(1 <= path.count(PATH_SEPARATOR) <= 2 for path in book.categories)
    assert 3 < book.price < 25
    for said in (book.categories, book.subjects, book.places, book.moods, book.keywords):
        assert len(set(said)) == len(said)


def is_in_the_public_domain(book: Book) -> None:
    author = read_authors().get(book.author)
    if book.year is None:
        assert book.author == ANONYMOUS
    else:
        assert -2200 <= book.year < 1929
    if book.author == ANONYMOUS:
        assert book.year is None or book.year < 1600
        return
    assert author is not None
    assert book.year is not None
    if author.died is None:  # those of whom we know little more than the name
        assert book.year < 1500 or author.country in ("China", "Japan")
    else:
        assert author.died < 1929
    if author.born is not None:
        assert book.year > author.born + 15
        assert author.died is not None
        assert author.born < author.died


def has_a_description_of_two_to_five_sentences(book: Book) -> None:
    if book.text is None:
        return
    assert 100 < len(book.text) < 600
    assert 2 <= len(re.findall(r"[.!?](?:\s|$)", book.text)) <= 5
    assert not re.search(r"\s\s|[\x00-\x1f<>]", book.text)


@pytest.mark.parametrize(
    "check", [says_what_it_is, is_in_the_public_domain, has_a_description_of_two_to_five_sentences]
)
def test_each_book(check: Callable[[Book], None]) -> None:
    for book in BOOKS:
        try:
            check(book)
        except AssertionError as error:
            error.add_note(book.item_id)
            raise


def test_descriptions_are_varied() -> None:
    texts = [book.text for book in BOOKS if book.text]
    assert len(texts) == len(BOOKS) - 1  # one book has none
    assert len(set(texts)) == len(texts)
    openings = Counter(" ".join(text.split()[:3]) for text in texts)
    assert openings.most_common(1)[0][1] <= 4


def test_the_difficulties_are_there() -> None:
    titles = Counter(book.title for book in BOOKS)
    assert titles["Poems"] >= 4
    assert titles["The Odyssey"] == 2
    assert len({book.translator for book in BOOKS if book.title == "The Odyssey"}) == 2
    assert sum(not title.isascii() for title in titles) >= 10
    assert sum(not book.available for book in BOOKS) >= 2
    assert sum(book.year is not None and book.year < 0 for book in BOOKS) >= 10
    assert sum(book.year is None for book in BOOKS) >= 3
    series = Counter(book.series[0] for book in BOOKS if book.series)
    assert sum(count >= 2 for count in series.values()) >= 8


def test_series_are_numbered_without_doubles() -> None:
    places = [book.series for book in BOOKS if book.series]
    assert len(set(places)) == len(places)
    assert all(number >= 1 for _, number in places)


def test_what_goes_together_is_there_and_something_else() -> None:
    for book in BOOKS:
        assert set(book.goes_with) <= set(BY_ID) - {book.item_id}


def test_authors_are_known_and_all_wrote_something() -> None:
    assert {book.author for book in BOOKS} - {ANONYMOUS} == set(read_authors())


def test_the_texts_are_small() -> None:
    (folder,) = package.__path__
    files = [path for path in Path(folder).rglob("*.jsonl")]
    assert len(files) > 5
    assert sum(path.stat().st_size for path in files) < 400_000


def test_years_before_our_era_are_written_as_people_write_them(data: Dataset) -> None:
    assert year_in_words(-19) == "19 BC"
    assert data.catalogue.title_and_year("aeneid") == "The Aeneid (19 BC)"
    assert data.catalogue.find("The Aeneid (19 BC)") == "aeneid"
    assert data.catalogue.title_and_year("beowulf") == "Beowulf"


# -- the data set ------------------------------------------------------------------------------------------------


def test_it_loads_by_name_without_any_file(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, data: Dataset) -> None:
    monkeypatch.setenv("TASTEMAKER_CACHE", str(tmp_path))
    monkeypatch.setenv("TASTEMAKER_OFFLINE", "1")
    said: list[str] = []
    loaded = load_dataset("bookshop", notify=said.append)
    assert loaded.name == "bookshop-synthetic"
    assert loaded.fingerprint == data.fingerprint
    assert "synthetic" in said[0]
    load_dataset("bookshop", notify=said.append)
    assert len(said) == 1  # the terms are shown once


def test_the_source_says_that_it_is_synthetic() -> None:
    source = SOURCES["bookshop"]
    assert source.access == "packaged"
    assert source.packaged is not None
    assert (source.packaged / "shelves").is_dir()
    assert "synthetic" in source.licence
    assert source.asset is not None
    assert "synthetic" in source.asset.terms
    assert caution_about("bookshop-synthetic") == SYNTHETIC
    assert caution_about("movielens-100k") == caution_about("my-bookshop") == ""


def test_a_comparison_on_it_says_that_it_ranks_nothing() -> None:
    comparison = Comparison("bookshop-synthetic", "0", "global-time", "0", {}, [], {}, {})
    assert "synthetic: not for ranking methods" in comparison.notes()[0]
    assert not any("synthetic" in note for note in replace(comparison, dataset="my-shop").notes())


def test_its_sizes(data: Dataset) -> None:
    assert len(data.catalogue) == len(BOOKS)
    assert data.users is not None
    assert len(data.users) == 600
    assert data.users.frame["user_id"].n_unique() == 600
    assert len(data.sequences.user_ids) == 600 - len(STRANGERS) == 560
    assert 8_000 < len(data.interactions) < 20_000
    assert data.interactions.rejected.height == 0


def test_events_are_of_known_people_and_books_within_two_years(data: Dataset) -> None:
    events = data.interactions.frame
    assert data.users is not None
    assert set(events["user_id"]) <= set(data.users.frame["user_id"])
    assert set(events["item_id"]) <= set(BY_ID)
    assert events["timestamp"].null_count() == 0
    assert events["timestamp"].min() >= START  # type: ignore[operator]
    assert events["timestamp"].max() < START + timedelta(days=DAYS)  # type: ignore[operator]
    bought = set(events.filter(pl.col("event") == "buy")["item_id"])
    assert all(BY_ID[item].available for item in bought)


def test_dislikes_are_negative_and_have_reasons(data: Dataset) -> None:
    events = data.interactions.frame
    dislikes, others = (events.filter(pl.col("event").eq("dislike").eq(which)) for which in (True, False))
    assert dislikes.height > 100
    assert (dislikes["weight"] == -1).all()
    assert dislikes["reason"].null_count() == 0
    assert (dislikes["rating"] <= 2).all()
    assert (others["weight"] > 0).all()
    assert others["reason"].null_count() == others.height
    assert (events.filter(pl.col("event") == "like")["rating"] >= 4).all()


def test_a_reason_is_an_answer_and_never_shown_to_models_of_clicks(data: Dataset) -> None:
    assert context_of(data.interactions.frame).columns == ["timestamp", "basket"]


def test_strangers_have_a_sentence_and_nothing_else(data: Dataset) -> None:
    assert data.users is not None
    people = data.users.frame
    strangers = people.filter(pl.col("text").is_not_null())
    assert set(strangers["text"]) == {stranger.text for stranger in STRANGERS}
    assert strangers.height == len(STRANGERS) == 40
    assert not set(strangers["user_id"]) & set(data.interactions.frame["user_id"])
    for column in ("age", "place", "membership", "likes", "dislikes"):
        assert strangers[column].null_count() == 40
    known = people.filter(pl.col("text").is_null())
    assert known.select("age", "place", "membership", "likes").null_count().sum_horizontal().item() == 0
    assert 100 < known["dislikes"].null_count() < 460


def test_models_are_not_shown_what_the_process_drew_from(data: Dataset) -> None:
    assert data.users is not None
    assert set(data.users.frame.columns) == {"user_id", "text", "age", "place", "membership", "likes", "dislikes"}
    assert "popularity" not in data.catalogue.frame.columns


def test_facts_join_books_with_things(data: Dataset) -> None:
    assert data.relations is not None
    facts = data.relations.frame
    assert facts.unique().height == facts.height
    assert {"about", "set_in", "set_during", "feels", "has_form", "written_by", "written_in", "goes_with"} <= set(
        facts["relation"]
    )
    assert ("moby-dick", "written_by", "Herman Melville") in facts.rows()
    assert ("Herman Melville", "at_home_in", "United States") in facts.rows()
    assert not facts.filter(pl.col("tail") == ANONYMOUS).height
    both_ways = facts.filter(pl.col("relation") == "goes_with")
    pairs = set(zip(both_ways["head"], both_ways["tail"], strict=True))
    assert pairs == {(tail, head) for head, tail in pairs}


def test_every_taste_and_every_sentence_means_books_that_are_there() -> None:
    tags = {tag for book in BOOKS for tag in book.tags}
    assert {taste.tag for taste in TASTES} <= tags
    assert {taste.tag for taste in NUISANCES[:-1]} <= tags
    for stranger in STRANGERS:
        assert {*stranger.wants, *stranger.avoids} <= tags
        assert not set(stranger.wants) & set(stranger.avoids)


# -- the process -------------------------------------------------------------------------------------------------


def liking(reader: Reader, dislikes: float) -> NDArray[np.float64]:
    """Equation 1, once more."""
    return np.asarray(
        [
            sum(strength for tag, strength in reader.wants.items() if tag in book.tags)
            - dislikes * sum(strength for tag, strength in reader.avoids.items() if tag in book.tags)
            for book in BOOKS
        ]
    )


def chances(reader: Reader, day: int, popularity: NDArray[np.float64]) -> NDArray[np.float64]:
    """Equations 2 and 3, once more."""
    peaks = np.asarray([PEAK.get(book.season or "", 0) for book in BOOKS])
    season = SEASON_HEIGHT * np.cos(2 * np.pi * (day + 1 - peaks) / 365.25)
    seasonal = np.asarray([book.season is not None for book in BOOKS])
    odds = np.exp(liking(reader, SHOWN) + popularity + np.where(seasonal, season, 0))
    return np.asarray(odds / odds.sum())


def day_of(deed: Deed) -> int:
    return (deed.timestamp - START).days


def agrees(observed: float, expected: float, variance: float) -> bool:
    """Whether a count is within four standard deviations of what the process says."""
    return abs(observed - expected) < 4 * math.sqrt(variance)


def test_the_same_seed_draws_the_same_shop_and_another_seed_another(shop: Shop) -> None:
    again, other = make_shop(BOOKS), make_shop(BOOKS, seed=1)
    assert (again.readers, again.deeds) == (shop.readers, shop.deeds)
    assert other.deeds != shop.deeds


@pytest.mark.slow
def test_it_is_the_same_in_every_process(data: Dataset) -> None:
    program = "from tastemaker.data import load_dataset; print(load_dataset('bookshop', notify=id).fingerprint)"
    for seed in ("1", "2"):
        environment = os.environ | {"PYTHONHASHSEED": seed}
        found = subprocess.run([sys.executable, "-c", program], env=environment, capture_output=True, text=True)
        assert found.stdout.strip() == data.fingerprint, found.stderr


def test_chances_follow_the_formulas(shop: Shop) -> None:
    assert 0.8 * POPULARITY_SD < shop.process.popularity.std() < 1.2 * POPULARITY_SD
    for number, day in ((0, 0), (100, 180), (300, 400), (599, 729)):
        reader = shop.readers[number]
        expected = chances(reader, day, shop.process.popularity)
        np.testing.assert_allclose(shop.process.chances(reader, day), expected, rtol=1e-9)
        np.testing.assert_allclose(shop.process.liking(reader), liking(reader, 1.0))


@pytest.mark.parametrize("months", [(12, 1), (3, 4), (6, 7), (9, 10)])
def test_books_of_a_season_are_looked_at_as_often_as_the_formula_says(shop: Shop, months: tuple[int, int]) -> None:
    readers = {reader.user_id: reader for reader in shop.readers}
    of_season = {season: np.asarray([book.season == season for book in BOOKS]) for season in PEAK}
    looks = [deed for deed in shop.deeds if deed.event == "view" and deed.timestamp.month in months]
    odds = [shop.process.chances(readers[deed.user_id], day_of(deed)) for deed in looks]
    for season, fits in of_season.items():
        expected = np.asarray([odd[fits].sum() for odd in odds])
        observed = sum(BY_ID[deed.item_id].season == season for deed in looks)
        assert expected.sum() > 5
        assert agrees(observed, expected.sum(), (expected * (1 - expected)).sum()), season


def test_ghosts_walk_in_winter_and_travellers_in_summer(shop: Shop) -> None:
    def looks(shelf: str, months: tuple[int, int]) -> int:
        return sum(
            deed.event == "view" and deed.timestamp.month in months and shelf in BY_ID[deed.item_id].categories
            for deed in shop.deeds
        )

    assert looks("Fiction > Gothic and ghosts", (12, 1)) > 1.5 * looks("Fiction > Gothic and ghosts", (6, 7))
    assert looks("World > Travel", (6, 7)) > 1.5 * looks("World > Travel", (12, 1))


def baskets(shop: Shop) -> Iterator[tuple[Reader, list[Deed], set[str]]]:
    """Yield each basket with its reader and what they owned before."""
    owned: dict[str, set[str]] = {reader.user_id: set() for reader in shop.readers}
    readers = {reader.user_id: reader for reader in shop.readers}
    together: dict[str, list[Deed]] = {}
    for deed in shop.deeds:
        if deed.basket:
            together.setdefault(deed.basket, []).append(deed)
    for bought in together.values():
        own = owned[bought[0].user_id]
        yield readers[bought[0].user_id], bought, set(own)
        own |= {deed.item_id for deed in bought}


def test_baskets_hold_what_goes_together_as_often_as_the_formula_says(shop: Shop) -> None:
    goes: dict[str, set[str]] = {}
    for book in BOOKS:
        for other in book.goes_with:
            goes.setdefault(book.item_id, set()).add(other)
            goes.setdefault(other, set()).add(book.item_id)
    observed, expected, variance = 0, 0.0, 0.0
    for reader, bought, before in baskets(shop):
        own = set(before)
        odds = shop.process.chances(reader, day_of(bought[0]))
        for one, following in pairwise(bought):
            own.add(one.item_id)
            left = {b.item_id: odd for b, odd in zip(BOOKS, odds, strict=True) if b.available and b.item_id not in own}
            companions = goes.get(one.item_id, set()) & set(left)
            if companions:
                by_chance = sum(left[item] for item in companions) / sum(left.values())
                chance = TOGETHER + (1 - TOGETHER) * by_chance
                observed += following.item_id in companions
                expected, variance = expected + chance, variance + chance * (1 - chance)
    assert expected > 200
    assert agrees(observed, expected, variance)


def test_baskets_are_as_large_as_the_formula_says(shop: Shop) -> None:
    sizes = Counter(len(bought) for _, bought, _ in baskets(shop))
    total = sizes.total()
    assert set(sizes) == {1, 2, 3, 4}
    for size in (1, 2, 3):
        share = ONE_MORE ** (size - 1) * (1 - ONE_MORE)
        assert agrees(sizes[size], total * share, total * share * (1 - share))


def test_nobody_buys_a_book_twice(shop: Shop) -> None:
    bought = Counter((deed.user_id, deed.item_id) for deed in shop.deeds if deed.event == "buy")
    assert max(bought.values()) == 1


def test_dislikes_are_as_frequent_as_the_formula_says(shop: Shop) -> None:
    likings = {reader.user_id: shop.process.liking(reader) for reader in shop.readers}
    place = {book.item_id: number for number, book in enumerate(BOOKS)}
    expected, variance = 0.0, 0.0
    for deed in shop.deeds:
        if deed.event != "buy":
            continue
        level = 3.3 + 0.6 * likings[deed.user_id][place[deed.item_id]]
        low = 0.5 * (1 + math.erf((2.5 - level) / (0.7 * math.sqrt(2))))
        end = START + timedelta(days=DAYS)
        in_time = np.mean([deed.timestamp + timedelta(days=lag) < end for lag in range(5, 41)])
        chance = 0.9 * low * float(in_time)
        expected, variance = expected + chance, variance + chance * (1 - chance)
    assert agrees(sum(deed.event == "dislike" for deed in shop.deeds), expected, variance)


def test_a_reason_names_what_the_reader_avoids_where_the_book_has_it(shop: Shop) -> None:
    readers = {reader.user_id: reader for reader in shop.readers}
    reasons = {taste.tag: taste.reasons for taste in TASTES}
    named = 0
    for deed in shop.deeds:
        if deed.event == "dislike":
            avoided = set(readers[deed.user_id].avoids) & BY_ID[deed.item_id].tags
            if avoided:
                named += 1
                assert deed.reason in {reason for tag in avoided for reason in reasons[tag]}
    assert named > 50


def test_stated_dislikes_are_those_that_the_process_uses(shop: Shop) -> None:
    words = {phrase: taste.tag for taste in TASTES for phrase in taste.against}
    shared = {phrase for taste in TASTES for phrase in taste.against if words[phrase] != taste.tag}
    for reader in shop.readers:
        said = (reader.dislikes or "").split("; ") if reader.dislikes else []
        assert len(said) == len(reader.avoids) or reader.text
        assert {words[phrase] for phrase in said if phrase not in shared} <= set(reader.avoids)
        assert not set(reader.wants) & set(reader.avoids)


def test_age_and_place_say_nothing_about_taste(shop: Shop) -> None:
    """The profile holds two attributes that a model should gain nothing by."""
    known = [reader for reader in shop.readers if reader.age]
    ages = sorted({reader.age for reader in known if reader.age})
    for taste in TASTES:
        share = sum(taste.tag in reader.wants for reader in known) / len(known)
        for age in ages:
            of_age = [taste.tag in reader.wants for reader in known if reader.age == age]
            assert agrees(sum(of_age), len(of_age) * share, len(of_age) * share * (1 - share) + 1)


def test_a_process_knows_nothing_of_a_tag_that_no_book_has() -> None:
    process = Process(BOOKS, np.random.default_rng(0))
    assert not process.has("about:television").any()
