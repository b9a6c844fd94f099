"""Live people say what their events say, whether they were in memory, kept as snapshots, or made anew from the log."""

from __future__ import annotations

import threading
from dataclasses import replace
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import settings as examples
from hypothesis import strategies as st
from tests.engine.people_store import Axes, Counter, FakeStore

from tastemaker.core.clock import MICROSECONDS_PER_DAY as DAY
from tastemaker.core.clock import from_microseconds
from tastemaker.core.errors import DataError, StorageError
from tastemaker.core.query import Event
from tastemaker.engine.interests import Interests
from tastemaker.engine.people import People
from tastemaker.engine.people_state import Following, LivePerson
from tastemaker.engine.policy import Policy
from tastemaker.pipeline.stage import Person
from tastemaker.store.ports import NewEvent, Served, StoredEvent

SECOND = 1_000_000
START = 20_000 * DAY
ITEMS = [*"abcdefgh", "unknown"]
SHELF = Counter(ITEMS[:-1])
FOLLOWING = Following(spaces=(Axes(),))


class Shop:
    """A store with its people; events go to the log first and to the people after that, as they should."""

    def __init__(self, following: Following = FOLLOWING, **given: Any) -> None:
        self.store = FakeStore()
        self.following, self.given = following, given
        self.now = START
        self.open()

    def open(self) -> None:
        """Begin a new process."""
        self.people = People(self.store, self.following, **self.given)

    def log(self, user: str, item: str, event: str = "view", at: int | None = None, **more: Any) -> StoredEvent:
        self.now += SECOND
        when = self.now if at is None else at
        new = NewEvent(event_id=str(self.now), user_id=user, item_id=item, event=event, timestamp=when, **more)
        return self.store.events.keep(new, self.now)

    def do(self, user: str, item: str, event: str = "view", at: int | None = None, **more: Any) -> StoredEvent:
        stored = self.log(user, item, event, at, **more)
        self.people.apply([stored])
        return stored

    def show(self, user: str | None) -> None:
        self.now += SECOND
        served = Served(recommendation_id=str(self.now), user_id=user, scenario="home", at=self.now, item_ids=())
        self.store.served.kept.append(served)
        self.people.served(served)

    def person(self, user: str | None = "ann", shelf: Counter = SHELF, **more: Any) -> Person:
        return self.people.person(user, shelf, from_microseconds(self.now), **more)


def _said(person: Person) -> dict[str, Any]:
    """Return all that a person says, to be compared; the order of numbers says nothing."""
    return {
        **{name: getattr(person, name) for name in ("user_id", "version", "history", "policy")},
        "knobs": dict(person.knobs),
        "profile": dict(person.profile),
        "seen": sorted(person.seen.tolist()),
        "hidden": sorted(person.hidden.tolist()),
        "vectors": {name: vectors.tolist() for name, vectors in person.vectors.items()},
        "strengths": {name: strengths.tolist() for name, strengths in person.strengths.items()},
    }


def _numbers(*items: str) -> list[int]:
    return sorted(SHELF.number_of[item] for item in items)


# -- what is said ------------------------------------------------------------------------------------------------


def test_of_somebody_unknown_nothing_is_known_and_of_nobody_neither() -> None:
    shop = Shop()
    for user in ("ann", None):
        person = shop.person(user)
        assert person.user_id == user
        assert (person.version, person.history) == (0, ())
        assert len(person.seen) == len(person.hidden) == len(person.vectors["axes"]) == 0
        assert person.policy == "random"
    assert len(shop.people) == 1


def test_a_person_says_what_they_did() -> None:
    shop = Shop()
    shop.person()
    shop.do("ann", "a", "buy")
    shop.do("bob", "b", "buy")
    shop.do("ann", "unknown", "view")
    last = shop.do("ann", "c", "rating", rating=5.0)
    person = shop.person()
    assert person.version == last.offset
    assert [(e.item_id, e.event, e.weight, e.rating) for e in person.history] == [
        ("a", "buy", 1.0, None),
        ("unknown", "view", 0.3, None),
        ("c", "rating", 1.0, 5.0),
    ]
    assert person.history[-1].timestamp == from_microseconds(shop.now)
    assert sorted(person.seen.tolist()) == _numbers("a", "c")
    assert person.seen.dtype == person.hidden.dtype == np.int32
    assert sorted(person.vectors["axes"].argmax(axis=1).tolist()) == [0, 2]
    assert person.strengths["axes"].sum() == pytest.approx(1)


def test_what_speaks_against_an_item_has_a_weight_below_zero() -> None:
    shop = Shop()
    shop.do("ann", "a", "dislike")
    shop.do("ann", "b", "thumbs_down", weight=0.5)
    shop.do("ann", "c", "hide")
    assert [(e.event, e.weight) for e in shop.person().history] == [
        ("dislike", -1.0),
        ("dislike", -0.5),
        ("hide", -1.0),
    ]


def test_a_snapshot_is_changed_by_no_later_event() -> None:
    shop = Shop()
    shop.do("ann", "a")
    before = shop.person()
    said = _said(before)
    shop.do("ann", "b", "hide")
    shop.do("ann", "c", "buy")
    assert _said(before) == said
    assert _said(shop.person()) != said


def test_an_item_is_hidden_until_it_is_shown_again() -> None:
    shop = Shop()
    shop.person()
    shop.do("ann", "a", "view")
    hidden = shop.do("ann", "a", "hide")
    assert shop.person().hidden.tolist() == _numbers("a")
    shop.do("ann", "b", "hide")
    shop.do("ann", "a", "unhide")
    assert shop.person().hidden.tolist() == _numbers("b")
    assert [(e.item_id, e.event) for e in shop.person().history] == [("a", "view"), ("b", "hide")]
    shop.do("ann", "a", "hide", at=hidden.event.timestamp)
    assert sorted(shop.person().hidden.tolist()) == _numbers("a", "b")
    shop.do("ann", "a", "unhide")
    assert all(event.weight > 0 for event in shop.person().history if event.item_id == "a")
    shop.do("ann", "a", "not_interested")
    assert sorted(shop.person().hidden.tolist()) == _numbers("a", "b")


def test_what_was_only_shown_is_not_seen() -> None:
    shop = Shop()
    last = shop.do("ann", "a", "impression")
    person = shop.person()
    assert person.version == last.offset
    assert (person.history, len(person.seen), len(person.vectors["axes"])) == ((), 0, 0)
    assert person.policy == "random"


def test_items_that_arrive_later_are_seen_and_hidden_as_well() -> None:
    shop, shelf = Shop(), Counter(["a"])
    shop.do("ann", "late")
    shop.do("ann", "later", "hide")
    assert len(shop.person(shelf=shelf).seen) == 0
    shelf.add(["late", "later"])
    person = shop.person(shelf=shelf)
    assert sorted(person.seen.tolist()) == [1, 2]
    assert person.hidden.tolist() == [2]


def test_the_history_is_the_latest_by_time_and_late_events_have_their_place_in_it() -> None:
    shop = Shop(replace(FOLLOWING, history=3))
    shop.person()
    for item, at in (("a", 30), ("b", 50), ("c", 40), ("d", 10), ("e", 50)):
        shop.do("ann", item, at=START + at)
    person = shop.person()
    assert [event.item_id for event in person.history] == ["c", "b", "e"]
    assert sorted(person.seen.tolist()) == _numbers(*"abcde")


def test_a_clock_that_is_ahead_does_not_speak_for_the_future() -> None:
    shop = Shop()
    shop.do("ann", "a", at=START + 9_000 * DAY)
    assert shop.person().history[0].timestamp == from_microseconds(shop.now)


def test_events_of_the_request_are_taken_in_for_the_request_alone() -> None:
    shop = Shop()
    shop.do("ann", "a", "view")
    stored = _said(shop.person())
    session = [Event("b", "buy"), Event("c", "hide"), Event("d", "dislike")]
    person = shop.person(session=session)
    assert [(e.item_id, e.weight) for e in person.history] == [("a", 0.3), ("b", 1.0), ("c", -1.0), ("d", -1.0)]
    assert sorted(person.seen.tolist()) == _numbers(*"abcd")
    assert person.hidden.tolist() == _numbers("c")
    assert person.vectors["axes"][0].argmax() == 1
    assert person.policy != stored["policy"]
    assert _said(shop.person()) == stored
    nobody = shop.person(None, session=session)
    assert (nobody.user_id, len(nobody.history), nobody.vectors["axes"][0].argmax()) == (None, 3, 1)


def test_in_a_space_without_the_item_nothing_changes() -> None:
    shop = Shop(Following(spaces=(Axes("one"), Axes("two", dim=9))))
    shop.do("ann", "unknown", "buy")
    shop.do("ann", "c", "buy")
    person = shop.person()
    assert {name: vectors.shape for name, vectors in person.vectors.items()} == {"one": (1, 8), "two": (1, 9)}


def test_the_policy_moves_with_events_and_lists_and_gives_knobs_and_interests() -> None:
    shop = Shop()
    assert shop.person().policy == "random"
    shop.do("ann", "a", "buy")
    shop.do("ann", "b", "buy")
    person = shop.person()
    assert person.policy == "personalised"
    assert person.knobs == Policy.default().state("personalised").knobs
    assert len(person.vectors["axes"]) == 2
    for _ in range(8):
        shop.show("ann")
    person = shop.person()
    assert person.policy == "random"
    assert len(person.vectors["axes"]) == Policy.default().state("random").centroids == 1
    assert person.vectors["axes"][0][:2] == pytest.approx([np.sqrt(0.5)] * 2, abs=0.3)


def test_without_a_policy_there_are_no_knobs() -> None:
    shop = Shop(replace(FOLLOWING, policy=None))
    shop.do("ann", "a", "buy")
    shop.show("ann")
    assert (shop.person().policy, dict(shop.person().knobs)) == ("", {})


def test_idle_time_cools_a_visit_down_without_being_told() -> None:
    shop = Shop()
    for item in "abc":
        shop.do("ann", item, "buy")
    assert shop.person().policy == "personalised"
    shop.now += DAY
    assert shop.person().policy == "random"


# -- log, memory, snapshots --------------------------------------------------------------------------------------

acts = st.lists(
    st.tuples(
        st.sampled_from(["ann", "bob"]),
        st.sampled_from(ITEMS),
        st.sampled_from(["view", "buy", "dislike", "hide", "unhide", "impression", "served"]),
        st.integers(-5, 0),
    ),
    max_size=40,
)


def _run(shop: Shop, told: list[tuple[str, str, str, int]]) -> None:
    for user, item, kind, late in told:
        if kind == "served":
            shop.show(user)
        else:
            shop.do(user, item, kind, at=shop.now + late * DAY)


@given(told=acts, first=acts, most=st.integers(1, 2), after=st.integers(1, 5))
@examples(max_examples=30)
def test_live_people_are_those_made_anew_from_the_log_or_from_snapshots(
    told: list[tuple[str, str, str, int]], first: list[tuple[str, str, str, int]], most: int, after: int
) -> None:
    shop = Shop(most_people=most, snapshot_after=after)
    _run(shop, first)
    for user in ("ann", "bob"):
        shop.person(user)
    _run(shop, told)
    live = [_said(shop.person(user)) for user in ("ann", "bob")]
    shop.people.flush()
    shop.open()
    assert [_said(shop.person(user)) for user in ("ann", "bob")] == live
    shop.store.states.kept.clear()
    shop.open()
    assert [_said(shop.person(user)) for user in ("ann", "bob")] == live


def test_an_event_that_is_told_twice_counts_once() -> None:
    shop = Shop()
    shop.person()
    first, second = shop.do("ann", "a"), shop.do("ann", "b")
    said = _said(shop.person())
    shop.people.apply([first, second, second])
    assert _said(shop.person()) == said


def test_events_told_in_the_wrong_order_are_not_lost() -> None:
    shop = Shop()
    shop.person()
    first, second, third = (shop.log("ann", item) for item in "abc")
    for stored in (third, first, third, second, first):
        shop.people.apply([stored])
    person = shop.person()
    assert person.version == third.offset
    assert [event.item_id for event in person.history] == ["a", "b", "c"]


def test_an_old_event_that_is_told_again_counts_once_however_many_came_since() -> None:
    shop = Shop()
    shop.person()
    first = shop.do("ann", "a")
    for _ in range(100):
        shop.do("ann", "b")
        shop.people.apply([first])
    assert [event.item_id for event in shop.person().history].count("a") == 1


def test_somebody_in_memory_is_not_read_again_and_after_a_snapshot_only_what_is_new() -> None:
    shop = Shop()
    shop.do("ann", "a")
    for _ in range(3):
        shop.person()
    assert shop.store.events.reads == [("ann", 0)]
    shop.people.flush()
    last = shop.do("ann", "b")
    shop.open()
    assert [event.item_id for event in shop.person().history] == ["a", "b"]
    assert shop.store.events.reads[1:] == [("ann", last.offset - 1)]


def test_a_snapshot_of_other_settings_or_a_damaged_one_is_passed_over() -> None:
    shop = Shop()
    shop.do("ann", "a")
    said = _said(shop.person())
    shop.people.flush()
    shop.store.states.kept["ann"] = replace(shop.store.states.kept["ann"], content=b"nonsense")
    shop.open()
    assert _said(shop.person()) == said
    shop.people.flush()
    shop.following = replace(FOLLOWING, interests=Interests(weights={"view": 0.7}))
    shop.open()
    assert shop.person().history[0].weight == 0.7
    assert shop.store.events.reads[-1] == ("ann", 0)


def test_fingerprints_tell_settings_spaces_and_policies_apart() -> None:
    following = [
        Following(),
        Following(interests=Interests(beta=0.1)),
        Following(policy=None),
        Following(history=10),
        Following(spaces=(Axes(),)),
        Following(spaces=(Axes(fingerprint="2"),)),
        Following(spaces=(Axes(), Axes("more"))),
    ]
    assert len({each.fingerprint for each in following}) == len(following)
    assert Following(spaces=(Axes(),)).fingerprint == FOLLOWING.fingerprint


def test_who_was_asked_for_longest_ago_makes_room_and_is_kept() -> None:
    shop = Shop(most_people=2)
    for user in ("ann", "bob"):
        shop.do(user, "a")
        shop.person(user)
    shop.person("ann")
    shop.person("cid")
    assert len(shop.people) == 2
    assert set(shop.store.states.kept) == {"bob"}
    shop.do("bob", "b")
    assert [event.item_id for event in shop.person("bob").history] == ["a", "b"]


def test_memory_is_bounded_as_well() -> None:
    shop = Shop(most_bytes=40_000)
    for number in range(30):
        shop.do(f"u{number}", "a")
        shop.person(f"u{number}")
        assert shop.people.nbytes <= 40_000
    assert 1 < len(shop.people) < 30


def test_memory_is_bounded_whatever_people_do_without_being_asked_for() -> None:
    shop = Shop(most_bytes=150_000)
    users = [f"u{number}" for number in range(20)]
    for user in users:
        shop.person(user)
    for number in range(100):
        for user in users:
            shop.do(user, f"i{number}")
            assert shop.people.nbytes <= 150_000
    assert 1 <= len(shop.people) < 20
    for user in users:
        assert [event.item_id for event in shop.person(user).history] == [f"i{number}" for number in range(100)]


def test_more_people_than_fit_are_told_of_and_none_is_lost() -> None:
    shop = Shop(most_people=3)
    users = [f"u{number}" for number in range(10)]
    for item in "abc":
        for user in users:
            shop.person(user)
            shop.do(user, item)
            assert len(shop.people) <= 3
    for user in users:
        assert [event.item_id for event in shop.person(user).history] == ["a", "b", "c"]


def test_the_estimate_of_memory_follows_what_is_held() -> None:
    shop = Shop()
    shop.person()
    empty = shop.people.nbytes
    for number in range(100):
        shop.do("ann", f"i{number}")
    assert shop.people.nbytes > empty + 100 * 150
    shop.people.forget("ann")
    assert (shop.people.nbytes, len(shop.people)) == (0, 0)


def test_a_state_is_kept_again_after_so_many_signals() -> None:
    shop = Shop(snapshot_after=3)
    shop.person()
    offsets = []
    for item in "abcdefg":
        shop.do("ann", item)
        kept = shop.store.states.kept.get("ann")
        offsets.append(0 if kept is None else kept.offset)
    assert offsets == [0, 0, 3, 3, 3, 6, 6]


def test_states_that_cannot_be_kept_stop_nobody_but_are_said_at_the_end() -> None:
    shop = Shop(most_people=1)
    shop.store.states.full = True
    shop.person()
    for item in "abc":
        shop.do("ann", item)
    shop.person("bob")
    assert len(shop.person().history) == 3
    shop.do("ann", "d")
    with pytest.raises(StorageError, match="full"):
        shop.people.flush()
    assert len(shop.person().history) == 4


def test_flushing_twice_writes_once() -> None:
    shop = Shop()
    shop.do("ann", "a")
    shop.person()
    shop.people.flush()
    shop.store.states.full = True
    shop.people.flush()


# -- changes of people -------------------------------------------------------------------------------------------


def test_a_forgotten_person_is_gone_from_memory_and_snapshots() -> None:
    shop = Shop()
    shop.do("ann", "a")
    shop.person()
    shop.people.flush()
    shop.store.events.erase("ann")
    shop.people.forget("ann")
    assert shop.store.states.kept == {}
    assert (shop.person().history, shop.person().version) == ((), 0)


def test_a_snapshot_that_is_being_written_does_not_bring_a_forgotten_person_back() -> None:
    shop = Shop()
    shop.do("ann", "a")
    shop.person()
    forgetting = threading.Thread(target=lambda: shop.people.forget("ann"))

    def forget_meanwhile() -> None:
        forgetting.start()
        forgetting.join(0.05)

    shop.store.states.while_writing = forget_meanwhile
    shop.store.events.erase("ann")
    shop.people.flush()
    forgetting.join()
    assert shop.store.states.kept == {}


def test_merged_people_are_one_made_of_the_events_of_both() -> None:
    shop = Shop()
    for user, item in (("anon", "a"), ("ann", "b"), ("anon", "c")):
        shop.do(user, item)
    for user in ("anon", "ann"):
        shop.person(user)
    shop.people.flush()
    shop.store.events.merge("anon", "ann")
    shop.people.forget("anon", "ann")
    assert shop.store.states.kept == {}
    for user in ("ann", "anon"):
        person = shop.person(user)
        assert person.user_id == "ann"
        assert [event.item_id for event in person.history] == ["a", "b", "c"]
    shop.do("anon", "d")
    assert [event.item_id for event in shop.person("anon").history] == ["a", "b", "c", "d"]
    assert len(shop.people) == 1


def test_profiles_are_told_but_for_those_who_did_not_agree() -> None:
    shop = Shop()
    rows: dict[str, dict[str, Any]] = {
        "ann": {"place": "Riga", "age": None, "consent": True},
        "bob": {"place": "Riga", "consent": False},
        "cid": {"place": "Riga"},
        "dee": {"place": "Riga", "consent": None},
    }
    shop.store.people.put(rows)
    told = {user: dict(shop.person(user).profile) for user in (*rows, "eve")}
    assert told == {"ann": {"place": "Riga"}, "bob": {}, "cid": {"place": "Riga"}, "dee": {}, "eve": {}}


def test_changes_of_profiles_are_followed() -> None:
    shop = Shop()
    shop.store.people.put({"ann": {"place": "Riga"}, "bob": {"place": "Oslo"}})
    shop.open()
    shop.person("ann")
    shop.person("bob")
    shop.store.people.put({"ann": {"place": "Riga", "consent": False}})
    shop.store.people.delete(["bob"])
    shop.people.follow()
    assert [dict(shop.person(user).profile) for user in ("ann", "bob")] == [{}, {}]
    shop.store.people.put({"ann": {"place": "Rome", "consent": True}})
    shop.people.follow()
    assert shop.person("ann").profile == {"place": "Rome"}


# -- at the same time --------------------------------------------------------------------------------------------


def test_what_is_told_while_somebody_is_read_from_the_log_is_not_lost() -> None:
    shop = Shop()
    shop.do("ann", "a")
    done: list[None] = []

    def meanwhile() -> None:
        if not done:
            done.append(None)
            shop.do("ann", "b", "buy")
            shop.show("ann")

    shop.store.events.while_reading = meanwhile
    live = _said(shop.person())
    assert [event.item_id for event in live["history"]] == ["a", "b"]
    shop.open()
    assert _said(shop.person()) == live


def test_somebody_of_whom_very_much_is_told_while_they_are_read_is_read_again() -> None:
    shop = Shop()
    shop.do("ann", "a")
    reads: list[None] = []

    def meanwhile() -> None:
        reads.append(None)
        if len(reads) == 1:
            for number in range(1_100):
                shop.do("ann", f"i{number}")

    shop.store.events.while_reading = meanwhile
    live = _said(shop.person())
    assert len(reads) > 1
    assert live["history"][-1].item_id == "i1099"
    shop.open()
    assert _said(shop.person()) == live


@pytest.mark.parametrize("change", ["forget", "merge", "profile"])
def test_somebody_who_changes_while_they_are_read_is_read_again(change: str) -> None:
    shop = Shop()
    shop.do("ann", "a")
    done: list[None] = []

    def meanwhile() -> None:
        if done:
            return
        done.append(None)
        if change == "forget":
            shop.store.events.erase("ann")
            shop.people.forget("ann")
        elif change == "merge":
            shop.do("anon", "b")
            shop.store.events.merge("ann", "anon")
            shop.people.forget("ann", "anon")
        else:
            shop.store.people.put({"ann": {"place": "Riga"}})
            shop.people.follow()

    shop.store.events.while_reading = meanwhile
    person = shop.person()
    items = [event.item_id for event in person.history]
    assert (person.user_id, items, dict(person.profile)) == {
        "forget": ("ann", [], {}),
        "merge": ("anon", ["a", "b"], {}),
        "profile": ("ann", ["a"], {"place": "Riga"}),
    }[change]


def test_a_log_that_cannot_be_read_is_asked_again_the_next_time() -> None:
    shop = Shop()
    shop.do("ann", "a")

    def broken() -> None:
        raise StorageError("the disk is gone")

    shop.store.events.while_reading = broken
    with pytest.raises(StorageError, match="gone"):
        shop.person()
    shop.store.events.while_reading = lambda: None
    assert len(shop.person().history) == 1


def test_two_who_ask_for_the_same_person_read_the_log_once() -> None:
    shop = Shop()
    shop.do("ann", "a")
    second = threading.Thread(target=shop.person)

    def ask_as_well() -> None:
        second.start()
        second.join(0.05)
        assert second.is_alive()

    shop.store.events.while_reading = ask_as_well
    shop.person()
    second.join()
    assert shop.store.events.reads == [("ann", 0)]


def test_many_threads_lose_nothing() -> None:
    shop = Shop(most_people=3, snapshot_after=4)
    users, lock = [f"u{number}" for number in range(5)], threading.Lock()
    failed: list[BaseException] = []

    def work(seed: int) -> None:
        rng = np.random.default_rng(seed)
        try:
            for _ in range(60):
                user = users[rng.integers(5)]
                with lock:  # the log is told in its order
                    shop.do(user, ITEMS[rng.integers(8)])
                shop.person(users[rng.integers(5)])
        except BaseException as error:
            failed.append(error)

    threads = [threading.Thread(target=work, args=(seed,)) for seed in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert not failed
    live = [_said(shop.person(user)) for user in users]
    shop.store.states.kept.clear()
    shop.open()
    assert [_said(shop.person(user)) for user in users] == live
    assert sum(len(said["history"]) for said in live) == 240


# -- as bytes ----------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("content", [b"", b"\1\0\0\0x", b"\2\0\0\0{}", b"\2\0\0\0[]", b"\xff\0\0\0{}"])
def test_bytes_of_something_else_are_refused(content: bytes) -> None:
    with pytest.raises(DataError, match="damaged"):
        LivePerson.from_bytes("ann", FOLLOWING, content)


def test_bytes_with_vectors_of_other_spaces_are_refused() -> None:
    content = LivePerson("ann", FOLLOWING).to_bytes()
    for other in (Following(), Following(spaces=(Axes(dim=9),))):
        with pytest.raises(DataError, match="other spaces"):
            LivePerson.from_bytes("ann", other, content)
