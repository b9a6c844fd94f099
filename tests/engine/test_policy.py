"""The session policy moves between its states by signals alone, up by engagement and down by its absence."""

from __future__ import annotations

from dataclasses import replace

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tastemaker.core.errors import ConfigError
from tastemaker.engine.policy import KNOBS, Policy, PolicyState, Signal, begin, replay, step

MINUTE = 60_000_000
SHOP = Policy.default()
NAMES = [state.name for state in SHOP.states]

signals = st.lists(
    st.builds(
        Signal,
        st.sampled_from(["event", "served", "idle"]),
        st.integers(0, 10_000 * MINUTE),
        st.sampled_from(["view", "buy", "hide", "waved at"]),
    ),
    max_size=30,
)


def _two(**changes: str) -> str:
    """Return a policy of two states, with some lines changed."""
    lines = {
        "engagement": "[engagement]\nhalf_life = 10.0\nunengaged = 0.5\nmost = 8.0\n",
        "events": "[engagement.events]\nview = 1.0\n",
        "cold": '[[states]]\nname = "cold"\nenter = 0.0\nleave = 0.0\npersonal = 0.2\n',
        "warm": '[[states]]\nname = "warm"\nenter = 2.0\nleave = 1.0\nepsilon = 0.1\n',
    }
    return "".join({**lines, **changes}.values())


TWO = Policy.load(_two())


def test_the_default_policy_has_four_states_and_explores_less_from_each_to_the_next() -> None:
    assert NAMES == ["random", "sampled", "biased", "personalised"]
    for below, above in zip(SHOP.states, SHOP.states[1:], strict=False):
        assert above.epsilon < below.epsilon
        assert above.temperature < below.temperature
        assert above.personal > below.personal


def test_every_state_is_reached_by_engagement() -> None:
    visit = [Signal("idle", 0), *(Signal("event", second, "view") for second in range(20))]
    assert list(dict.fromkeys(after.state for _, after in replay(SHOP, visit))) == NAMES


@given(name=st.sampled_from(NAMES), engagement=st.floats(0, 10), since=st.integers(0, 10**15))
@settings(max_examples=50)
def test_time_without_signals_ends_at_the_first_state(name: str, engagement: float, since: int) -> None:
    state = PolicyState(name, engagement, since=since, at=since)
    for day in range(1, 4):
        state = step(SHOP, state, Signal("idle", since + day * 24 * 60 * MINUTE))
    assert state.state == "random"
    assert state.engagement == pytest.approx(0, abs=1e-6)


@given(name=st.sampled_from(NAMES), engagement=st.floats(0, 10))
@settings(max_examples=50)
def test_lists_that_nothing_is_done_with_end_at_the_first_state(name: str, engagement: float) -> None:
    state = PolicyState(name, engagement)
    for _ in range(12):
        state = step(SHOP, state, Signal("served", 0))
    assert state.state == "random"


@given(told=signals)
@settings(max_examples=50)
def test_engagement_stays_in_bounds_and_the_state_fits_it(told: list[Signal]) -> None:
    for _, after in replay(SHOP, told):
        assert 0 <= after.engagement <= SHOP.engagement.most
        state = SHOP.state(after.state)
        assert after.engagement >= state.leave
        assert all(after.engagement < above.enter for above in SHOP.states if above.enter > state.enter)


@given(told=signals, first=st.integers(0, 5_000), second=st.integers(0, 5_000))
@settings(max_examples=50)
def test_two_spells_of_idleness_are_as_good_as_one(told: list[Signal], first: int, second: int) -> None:
    state = begin(SHOP)
    for signal in told:
        state = step(SHOP, state, signal)
    end = Signal("idle", state.at + (first + second) * MINUTE)
    split = step(SHOP, step(SHOP, state, Signal("idle", state.at + first * MINUTE)), end)
    once = step(SHOP, state, end)
    assert split.engagement == pytest.approx(once.engagement, abs=1e-9)
    assert split.state == once.state


@given(told=signals)
@settings(max_examples=50)
def test_a_replay_goes_on_where_it_stopped(told: list[Signal]) -> None:
    whole = replay(SHOP, told)
    half = len(told) // 2
    begun = replay(SHOP, told[:half])
    assert begun + replay(SHOP, told[half:], begun[-1][1] if begun else None) == whole
    assert [signal for signal, _ in whole] == told


def test_engagement_halves_with_time_and_events_add_to_it() -> None:
    told = [Signal("event", 0, "view"), Signal("event", 10 * MINUTE, "view"), Signal("idle", 30 * MINUTE)]
    assert [after.engagement for _, after in replay(TWO, told)] == pytest.approx([1.0, 1.5, 0.375])


def test_a_late_event_adds_what_would_be_left_of_it() -> None:
    on_time = replay(TWO, [Signal("event", 0, "view"), Signal("event", 20 * MINUTE, "view")])[-1][1]
    late = replay(TWO, [Signal("event", 20 * MINUTE, "view"), Signal("event", 0, "view")])[-1][1]
    assert late.engagement == pytest.approx(on_time.engagement) == pytest.approx(1.25)
    assert late.at == on_time.at == 20 * MINUTE


def test_only_a_list_after_one_that_was_passed_over_moves_down() -> None:
    told = [Signal("event", 0, "view"), *[Signal("served", 0)] * 3, Signal("event", 0, "view"), Signal("served", 0)]
    after = [state for _, state in replay(TWO, told)]
    assert [state.engagement for state in after] == [1.0, 1.0, 0.5, 0.25, 1.25, 1.25]
    assert [state.unengaged for state in after] == [0, 1, 2, 3, 0, 1]


def test_what_speaks_against_the_list_is_no_engagement_with_it() -> None:
    shown = step(SHOP, PolicyState("biased", 2.0), Signal("served", 0))
    after = step(SHOP, shown, Signal("event", 0, "hide"))
    assert after.engagement == 1.5
    assert after.unengaged == 1


def test_between_its_two_thresholds_a_state_is_kept() -> None:
    ups = replay(TWO, [Signal("event", 0, "view")] * 2)
    assert [after.state for _, after in ups] == ["cold", "warm"]
    down = replay(TWO, [Signal("idle", minutes * MINUTE) for minutes in (5, 9, 11)], ups[-1][1])
    assert [after.state for _, after in down] == ["warm", "warm", "cold"]
    assert [after.since for _, after in down] == [0, 0, 11 * MINUTE]


def test_a_state_that_the_policy_no_longer_has_begins_anew() -> None:
    assert step(TWO, PolicyState("gone", 0.5), Signal("idle", 0)).state == "cold"


def test_the_knobs_of_a_state_have_the_names_that_stages_look_for() -> None:
    assert tuple(SHOP.state("biased").knobs) == KNOBS
    assert TWO.state("warm").knobs["epsilon"] == 0.1


def test_a_policy_without_the_state_asked_for_names_the_nearest() -> None:
    with pytest.raises(ConfigError, match="Did you mean 'biased'"):
        SHOP.state("biassed")


def test_the_fingerprint_tells_policies_apart() -> None:
    assert Policy.load(_two()).fingerprint() == TWO.fingerprint()
    assert Policy.load(_two(events="")).fingerprint() != TWO.fingerprint()


def test_the_diagram_shows_each_step_with_its_threshold() -> None:
    lines = [line.strip() for line in TWO.diagram().splitlines()]
    assert lines[:4] == [
        "stateDiagram-v2",
        "[*] --> cold",
        "cold --> warm: engagement >= 2",
        "warm --> cold: engagement < 1",
    ]
    assert "epsilon 0.1" in lines[-1]


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("states = ", "not TOML"),
        (_two(engagement="[engagment]\n"), "unknown key 'engagment'.*Did you mean 'engagement'"),
        (_two(engagement="[engagement]\nhalflife = 1.0\n"), "unknown key 'engagement.halflife'.*'half_life'"),
        (_two(warm='[[states]]\nname = "warm"\nepsilom = 1.0\n'), "epsilom'.*'epsilon'"),
        (_two(engagement="[engagement]\nhalf_life = 0.0\n"), "'engagement.half_life' is 0.0"),
        (_two(events='[engagement.events]\nview = "much"\n'), "'engagement.events.view' is .much., .* a number"),
        (_two(warm='[[states]]\nname = "warm"\nleave = 1.0\n'), "'states.#2.enter' is missing"),
        (_two(warm='[[states]]\nname = "a b"\nenter = 1.0\nleave = 1.0\n'), "should be a name of small letters"),
        (_two(cold="", warm=""), "'states' is missing"),
        ("states = []", "at least one"),
        ("states = 1", "list of tables"),
        (_two(cold='[[states]]\nname = "cold"\nenter = 1.0\nleave = 0.0\n'), "'cold' is the first state"),
        (_two(warm='[[states]]\nname = "cold"\nenter = 1.0\nleave = 1.0\n'), "two states are called 'cold'"),
        (_two(warm='[[states]]\nname = "warm"\nenter = 0.0\nleave = 0.0\n'), "'warm' must be entered at more than"),
        (_two(warm='[[states]]\nname = "warm"\nenter = 1.0\nleave = 2.0\n'), "'warm' must be left above 0"),
        (_two(warm='[[states]]\nname = "warm"\nenter = 1.0\nleave = 0.0\n'), "'warm' must be left above 0"),
        (_two(warm='[[states]]\nname = "warm"\nenter = 9.0\nleave = 1.0\n'), "'warm' is never reached"),
    ],
)  # fmt: skip
def test_a_policy_that_makes_no_sense_is_refused_with_the_reason(text: str, message: str) -> None:
    with pytest.raises(ConfigError, match=message) as error:
        Policy.load(text, "shop.toml")
    assert error.value.where == "shop.toml"


def test_a_state_can_be_compared_and_changed_like_any_value() -> None:
    assert replace(begin(TWO), engagement=1.0) == PolicyState("cold", 1.0)
