"""The engine answers one request at a time: stored histories, reasons, and nothing that must not be shown."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path

import numpy as np
import polars as pl
import pytest

from tastemaker.core.errors import ModelFormatError, UnknownItemError, UnknownUserError
from tastemaker.core.query import Query, as_events
from tastemaker.core.recommendations import Contribution, Contributions
from tastemaker.data import Dataset, Users
from tastemaker.engine import Answer, Engine
from tastemaker.engine.answers import Evidence, reason_for
from tastemaker.models import Bias, ContentKNN, FeatureRidge, Popularity, SequentialRules, make_model
from tastemaker.testing import small_shop

MOMENT = datetime(2024, 6, 1, tzinfo=UTC)


@pytest.fixture(scope="module")
def shop() -> Dataset:
    return small_shop()


@pytest.fixture(scope="module")
def engine(shop: Dataset) -> Engine:
    return Engine(SequentialRules().fit(shop), shop, clock=lambda: MOMENT)


def with_availability(shop: Dataset, unavailable: set[str]) -> Dataset:
    frame = shop.catalogue.frame
    flags = pl.Series("available", [False if item in unavailable else None for item in frame["item_id"]])
    return Dataset.of(shop.interactions, frame.with_columns(flags))


def ids(answer: Answer) -> list[str]:
    return [item.item_id for item in answer.items]


# -- who asks -----------------------------------------------------------------------------------------------------


def test_a_known_person_is_answered_by_their_stored_history(engine: Engine, shop: Dataset) -> None:
    stored = shop.history("u007")
    answer = engine.recommend(Query(user_id="u007", k=5))
    assert ids(answer) == engine.model.recommend(history=stored, k=5).items()
    assert [item for item, _ in answer.history] == stored
    assert answer.degraded == ()
    assert answer.model == "sequential-rules"
    assert answer.milliseconds > 0
    assert [item.rank for item in answer.items] == [1, 2, 3, 4, 5]


def test_a_history_that_is_given_replaces_what_is_stored(engine: Engine) -> None:
    given = as_events(["i003", "i006"])
    assert ids(engine.recommend(Query(user_id="u007", history=given))) == ids(engine.recommend(Query(history=given)))


def test_a_session_goes_on_from_what_is_stored(engine: Engine, shop: Dataset) -> None:
    stored = shop.history("u007")
    new = next(item for item in shop.items.ids if item not in stored)
    answer = engine.recommend(Query(user_id="u007", session=as_events([new])))
    assert ids(answer) == engine.model.recommend(history=[*stored, new]).items()


def test_a_stranger_gets_what_is_popular_and_is_told_so(engine: Engine, shop: Dataset) -> None:
    answer = engine.recommend(Query(user_id="nobody", k=3))
    assert ids(answer) == Popularity().fit(shop).recommend(history=[], k=30).items()[:3]
    assert answer.degraded == ("user 'nobody' is unknown", "no history to go by: popular items")
    assert {item.reason for item in answer.items} == {"popular"}


def test_items_that_the_model_does_not_know_are_mentioned(engine: Engine) -> None:
    answer = engine.recommend(Query(history=as_events(["i003", "elsewhere"])))
    assert answer.degraded == ("1 of 2 items of the history are unknown to the model",)
    assert answer.history[1] == ("elsewhere", "elsewhere")


def test_a_person_can_be_asked_for(engine: Engine) -> None:
    assert engine.knows_user("u000")
    assert not engine.knows_user("nobody")
    engine.need_user("u000")
    with pytest.raises(UnknownUserError, match="no user 'nobody' in small-shop") as caught:
        engine.need_user("nobody")
    assert "'u000', 'u001', 'u002' and so on" in str(caught.value)


def test_the_present_is_the_clocks_unless_the_query_says_otherwise(engine: Engine) -> None:
    assert engine.resolve(Query())[0].now == MOMENT
    then = datetime(2020, 1, 1, tzinfo=UTC)
    assert engine.resolve(Query(now=then))[0].now == then


# -- what is never shown ------------------------------------------------------------------------------------------


def test_what_was_seen_or_disliked_is_not_shown(engine: Engine, shop: Dataset) -> None:
    stored = shop.history("u007")
    first = ids(engine.recommend(Query(user_id="u007", k=1)))[0]
    found = ids(engine.recommend(Query(user_id="u007", disliked=(first,), k=1_000)))
    assert not set(found) & {*stored, first}
    assert len(found) == 33 - len(stored) - 1
    kept = ids(engine.recommend(Query(user_id="u007", disliked=(first,), exclude_seen=False, k=1_000)))
    assert set(kept) == set(shop.items.ids) - {first}


@pytest.mark.parametrize("name", ["popularity", "sequential-rules", "fusion"])
def test_what_is_not_available_is_not_shown_and_others_take_its_place(name: str, shop: Dataset) -> None:
    model = make_model(name).fit(shop)
    best = ids(Engine(model, shop).recommend(Query(user_id="u007", k=6)))
    gone = set(best[:3])
    engine = Engine(model, with_availability(shop, gone))
    answer = engine.recommend(Query(user_id="u007", k=6))
    assert ids(answer)[:3] == best[3:]
    assert len(answer.items) == 6
    assert not gone & set(ids(engine.similar(best[5], k=30)))
    assert ids(engine.recommend(Query(user_id="u007", k=6))) == ids(answer)
    only = engine.recommend(Query(user_id="u007", candidates=frozenset({best[0], best[4]})))
    assert ids(only) == [best[4]]


def test_an_item_of_unknown_availability_is_available(shop: Dataset) -> None:
    engine = Engine(Popularity().fit(shop), with_availability(shop, {"i001"}))
    found = ids(engine.recommend(Query(k=1_000)))
    assert "i000" in found
    assert "i001" not in found


def test_availability_may_come_as_text_from_a_csv(shop: Dataset) -> None:
    frame = shop.catalogue.frame.with_columns(
        available=pl.when(pl.col("item_id") == "i002").then(pl.lit("false")).otherwise(pl.lit("true"))
    )
    engine = Engine(Popularity().fit(shop), Dataset.of(shop.interactions, frame))
    assert "i002" not in ids(engine.recommend(Query(k=1_000)))


def test_only_candidates_are_shown(engine: Engine) -> None:
    wanted = frozenset({"i010", "i020", "elsewhere"})
    assert set(ids(engine.recommend(Query(history=as_events(["i003"]), candidates=wanted)))) == {"i010", "i020"}


def test_the_answer_says_which_filters_were_applied(engine: Engine) -> None:
    assert set(engine.recommend(Query(user_id="u007")).filters) == {"seen", "hidden", "unavailable"}
    assert set(engine.recommend(Query(exclude_seen=False)).filters) == {"hidden", "unavailable"}


# -- similar items ------------------------------------------------------------------------------------------------


def test_similar_items_leave_out_the_item_itself(engine: Engine) -> None:
    answer = engine.similar("i003", k=5)
    assert len(answer.items) == 5
    assert "i003" not in ids(answer)
    assert answer.items[0].reason == "similar to Garden rake no. 3 (2003)"


def test_similar_items_that_a_person_has_seen_or_dislikes_make_room_for_others(engine: Engine) -> None:
    plain = ids(engine.similar("i003", k=8))
    query = Query(items=("i003",), history=as_events(plain[:2]), disliked=(plain[2],), k=5)
    found = ids(engine.recommend(query))
    assert len(found) == 5
    assert not set(found) & set(plain[:3])


def test_similar_to_an_unknown_item_is_an_error(engine: Engine) -> None:
    with pytest.raises(UnknownItemError, match="no item 'elsewhere' in the catalogue"):
        engine.similar("elsewhere")


# -- reasons ------------------------------------------------------------------------------------------------------


def test_reasons_name_the_items_that_speak_most(engine: Engine) -> None:
    query = Query(user_id="u007", k=3)
    for item in engine.recommend(query).items:
        parts = {name: amount for name, amount in engine.explain(query, item.item_id).by_item().items() if amount > 0}
        total = sum(parts.values())
        strongest = sorted(parts, key=lambda name: -parts[name])[:3]
        assert [one.item_id for one in item.evidence] == [name for name in strongest if parts[name] >= 0.1 * total]
        for one in item.evidence:
            assert one.share == pytest.approx(parts[one.item_id] / total)
            assert one.title in item.reason
        assert item.reason.startswith("because of ")


def test_what_is_there_because_many_wanted_it_names_no_item_of_the_history() -> None:
    query = Query(history=as_events(["a"]))
    told = (Evidence("a", "Rake", 1.0),)

    def reason(item: float, popularity: float) -> str:
        parts = Contribution("item", "a", item), Contribution("popularity", "popularity", popularity)
        return reason_for(query, Contributions("x", item + popularity, parts), told, None)

    assert reason(0.9, 0.1) == "because of Rake"
    assert reason(0.5, 0.5) == "because of Rake"
    assert reason(0.1, 0.9) == "popular"
    assert reason(-1.0, 0.1) == "popular"


def test_evidence_is_at_most_three_items_that_speak_for_it(engine: Engine) -> None:
    def parts(*amounts: float) -> Contributions:
        return Contributions(
            "x", sum(amounts), tuple(Contribution("item", f"i{place:03}", value) for place, value in enumerate(amounts))
        )

    assert [(one.item_id, one.share) for one in engine.evidence(parts(1.0, -5.0, 3.0))] == [
        ("i002", 0.75),
        ("i000", 0.25),
    ]
    assert [one.item_id for one in engine.evidence(parts(5, 4, 3, 2))] == ["i000", "i001", "i002"]
    assert [one.item_id for one in engine.evidence(parts(100, 1))] == ["i000"]
    assert engine.evidence(parts(-1.0)) == ()
    assert engine.evidence(parts()) == ()


def test_words_are_a_reason(shop: Dataset) -> None:
    engine = Engine(ContentKNN().fit(shop), shop)
    answer = engine.recommend(Query(text="violin", k=2))
    assert [item.reason for item in answer.items] == ['fits "violin"'] * 2
    assert all("violin" in item.title for item in answer.items)
    assert answer.degraded == ()


def test_a_long_list_has_reasons_for_its_beginning(shop: Dataset) -> None:
    wide = small_shop(items=80, users=60)
    answer = Engine(SequentialRules().fit(wide), wide).recommend(Query(user_id="u003", k=70))
    assert all(item.reason for item in answer.items[:50])
    assert {item.reason for item in answer.items[50:]} == {""}


def test_explaining_speaks_of_the_score_in_the_list(engine: Engine) -> None:
    query = Query(user_id="u007", k=1)
    best = engine.recommend(query).items[0]
    assert engine.explain(query, best.item_id).score == pytest.approx(best.score, rel=1e-5)
    with pytest.raises(UnknownItemError):
        engine.explain(query, "elsewhere")


# -- titles -------------------------------------------------------------------------------------------------------


def test_titles_carry_their_year(engine: Engine) -> None:
    assert engine.title("i003") == "Garden rake no. 3 (2003)"
    assert engine.title("elsewhere") == "elsewhere"


def test_a_title_as_it_is_shown_is_found_again(engine: Engine, shop: Dataset) -> None:
    for item in shop.items.ids:
        assert shop.catalogue.titles.resolve(engine.title(item)) == item


def test_a_search_gives_what_a_page_shows(engine: Engine) -> None:
    assert engine.search("rake no 3", limit=1) == [
        {"item_id": "i003", "title": "Garden rake no. 3 (2003)", "categories": ["garden"]}
    ]
    assert engine.search("zzz") == []


def test_a_catalogue_of_ids_alone_will_do() -> None:
    data = Dataset.of(pl.DataFrame({"user_id": ["u", "u", "v"], "item_id": ["a", "b", "a"]}))
    engine = Engine(Popularity().fit(data), data)
    answer = engine.recommend(Query(user_id="v"))
    assert [(item.item_id, item.title) for item in answer.items] == [("b", "b")]
    assert engine.search("a") == [{"item_id": "a", "title": "a", "categories": []}]


# -- folders and threads ------------------------------------------------------------------------------------------


def test_an_engine_opens_a_saved_model(engine: Engine, shop: Dataset, tmp_path: Path) -> None:
    engine.model.save(tmp_path / "model")
    opened = Engine.open(tmp_path / "model", shop)
    assert ids(opened.recommend(Query(user_id="u007"))) == ids(engine.recommend(Query(user_id="u007")))
    with pytest.raises(ModelFormatError):
        Engine.open(tmp_path / "nowhere", shop)


def test_the_first_requests_may_come_at_once() -> None:
    data = with_availability(small_shop(), {"i001"})
    model = make_model("fusion").fit(data)
    queries = [Query(user_id=f"u{place % 40:03}", k=5) for place in range(24)]
    alone = [ids(Engine(model, data).recommend(query)) for query in queries]
    fresh = Engine(model, with_availability(small_shop(), {"i001"}))
    with ThreadPoolExecutor(8) as pool:
        answers = list(pool.map(fresh.recommend, queries))
    assert [ids(answer) for answer in answers] == alone
    shares = [one.share for answer in answers for item in answer.items for one in item.evidence]
    assert all(0 < share <= 1 for share in shares)
    assert np.isfinite(shares).all()


def test_a_model_of_ratings_goes_by_the_stored_ratings(shop: Dataset) -> None:
    model = Bias(convention="ridge", item_damping=1.0, user_damping=1.0).fit(shop)
    answer = Engine(model, shop).recommend(Query(user_id="u000", k=3))
    expected = model.recommend(Query(history=shop.rated_history("u000"), k=3))
    assert ids(answer) == expected.items()
    assert [item.score for item in answer.items] == pytest.approx(expected.scores())
    assert answer.degraded == ()


def test_what_no_item_speaks_for_is_not_called_popular(shop: Dataset) -> None:
    answer = Engine(FeatureRidge().fit(shop), shop).recommend(Query(user_id="u000", k=3))
    assert {item.reason for item in answer.items} == {"expected to be liked"}


# -- profiles -----------------------------------------------------------------------------------------------------


@pytest.fixture(scope="module")
def reader(shop: Dataset) -> Engine:
    people = pl.DataFrame(
        {"user_id": ["newcomer", "shy", "u001"], "likes": ["music", "music", "garden"], "consent": ["yes", "no", "yes"]}
    )
    known = replace(shop, users=Users(people))
    return Engine(ContentKNN().fit(known), known, clock=lambda: MOMENT)


def shelf(answer: Answer) -> set[str]:
    return {item.title.split()[0] for item in answer.items}


def test_a_profile_is_words_to_go_by(reader: Engine) -> None:
    answer = reader.recommend(Query(profile={"likes": ["music"]}, k=5))
    assert shelf(answer) == {"Music"}
    assert {item.reason for item in answer.items} == {"fits the profile"}
    assert answer.degraded == ()
    both, _ = reader.resolve(Query(text="a flute", profile={"likes": ["music"]}))
    assert both.text is not None
    assert both.text.startswith("a flute ")
    assert "music" in both.text
    asked = reader.recommend(Query(text="a flute", profile={"likes": ["music"]}, k=1))
    assert asked.items[0].reason == 'fits "a flute"'


def test_what_is_stored_of_somebody_without_a_history_serves(reader: Engine) -> None:
    answer = reader.recommend(Query(user_id="newcomer", k=5))
    assert shelf(answer) == {"Music"}
    assert answer.degraded == ()
    reader.need_user("newcomer")
    given = reader.recommend(Query(user_id="newcomer", profile={"likes": "kitchen"}, k=5))
    assert shelf(given) == {"Kitchen"}


def test_a_stored_profile_is_not_used_beside_a_history(reader: Engine, shop: Dataset) -> None:
    resolved, _ = reader.resolve(Query(user_id="u001"))
    assert resolved.text is None
    assert resolved.history == shop.rated_history("u001")


def test_of_somebody_who_did_not_agree_nothing_is_used(reader: Engine) -> None:
    resolved, notes = reader.resolve(Query(user_id="shy"))
    assert resolved.text is None
    assert notes == ("user 'shy' is unknown",)
    with pytest.raises(UnknownUserError):
        reader.need_user("shy")


def test_attributes_that_are_left_out_reach_no_model(reader: Engine) -> None:
    private = Engine(reader.model, reader.dataset, clock=lambda: MOMENT, leave_out=["likes"])
    for query in (Query(user_id="newcomer"), Query(profile={"likes": "music"})):
        assert private.resolve(query)[0].text is None
    told = private.resolve(Query(profile={"likes": "music", "wants": "garden"}))[0].text
    assert told is not None
    assert "garden" in told
    assert "music" not in told


def test_a_model_without_words_says_that_a_profile_says_nothing_to_it(engine: Engine) -> None:
    answer = engine.recommend(Query(profile={"likes": "music"}, k=3))
    assert answer.degraded[0] == "'sequential-rules' reads no words, so a profile says nothing to it"


def test_words_of_a_profile_are_not_repeated(reader: Engine) -> None:
    answer = reader.recommend(Query(profile={"secret": "xyzzy"}, k=3))
    assert answer.degraded
    assert "xyzzy" not in str(answer.to_dict())
