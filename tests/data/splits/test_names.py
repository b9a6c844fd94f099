"""Protocols and their knobs by name, and what every split says of itself."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from tastemaker.core.errors import DataError
from tastemaker.core.run import Run
from tastemaker.data import Dataset, Split
from tastemaker.data.split import PROTOCOLS, Rules, knobs_of, make_split, make_splits

Of = Callable[..., Dataset]
Words = Callable[..., list[tuple[str, str, float]]]

# One small log, cut in every way; the hashes are those that reports of it carry.
LOG = {"m": "abcdefg", "n": "bcdefga", "o": "cdefgab", "p": "defgabc", "r": "gfedcba", "s": "aecgbfd"}
EACH: list[tuple[str, dict[str, Any], str]] = [
    ("global-time", {"valid": 0.2, "test": 0.2}, "6c2e332773c5"),
    ("global-time", {"test_days": 1, "align": "day", "folds": 2, "fold": 1}, "cac7632078c8"),
    ("leave-one-out", {}, "bc34bc98db79"),
    ("leave-last-n", {"test_events": 2}, "bdfa9d2537ad"),
    ("user-ratio", {"valid": 0.2, "test": 0.2}, "9ece22806680"),
    ("random-ratio", {"valid": 0.2, "test": 0.2}, "7a5d5e0e9d0f"),
    ("cold-item", {"valid": 0.2, "test": 0.2}, "9bafe931d145"),
    ("cold-user", {"valid": 0.2, "test": 0.2}, "a0286b2dcf8f"),
    ("user-k-fold", {"folds": 3, "fold": 1}, "75bb7ce08eca"),
    ("given", {"test_rows": [6, 13, 20]}, "941e006b1c30"),
    ("leave-one-out", {"ties": "shuffle"}, "77494ca438fb"),
]
ONCE = [(protocol, knobs) for protocol, knobs, _ in EACH]


@pytest.fixture(scope="module")
def data(of: Of, words: Words) -> Dataset:
    return of(words(**LOG))


@pytest.mark.parametrize(("protocol", "knobs", "expected"), EACH)
def test_the_hash_of_a_split_is_for_ever(data: Dataset, protocol: str, knobs: dict[str, Any], expected: str) -> None:
    assert make_split(data, protocol, **knobs).hash == expected


@pytest.mark.parametrize(("protocol", "knobs"), ONCE)
def test_every_split_says_what_it_is(data: Dataset, protocol: str, knobs: dict[str, Any]) -> None:
    split = make_split(data, protocol, **knobs)
    assert isinstance(split, Split)
    assert split.protocol == protocol
    assert json.loads(json.dumps(dict(split.knobs))) == split.knobs
    assert {"ties", "core_users", "core_items", "drop_seen", "train_on_valid", "history_at_test"} <= set(split.knobs)
    assert all(split.knobs[name] == value for name, value in knobs.items() if name not in {"ties", "test_rows"})
    again = make_split(data, protocol, **knobs)
    assert (again.hash, again.knobs) == (split.hash, split.knobs)


@pytest.mark.parametrize(("protocol", "knobs"), ONCE)
def test_rules_change_every_hash(data: Dataset, protocol: str, knobs: dict[str, Any]) -> None:
    plain = make_split(data, protocol, **knobs).hash
    others: list[dict[str, Any]] = [
        {"drop_seen": False},
        {"core_users": 2},
        {"train_on_valid": True},
        {"tie_unit": "day"},
    ]
    if protocol not in {"cold-user"}:
        others.append({"drop_cold_users": True})
    hashes = {make_split(data, protocol, **{**knobs, **rule}).hash for rule in others}
    assert len(hashes | {plain}) == len(others) + 1


@pytest.mark.parametrize(("protocol", "knobs"), ONCE)
def test_the_seed_is_a_knob_where_something_is_drawn(data: Dataset, protocol: str, knobs: dict[str, Any]) -> None:
    first, other = (make_split(data, protocol, run=Run(seed=seed), **knobs) for seed in (0, 1))
    assert ("seed" in first.knobs) == (first.hash != other.hash)
    assert ("seed" in first.knobs) == (
        protocol not in {"leave-one-out", "leave-last-n", "user-ratio"} or "ties" in knobs
    )


@pytest.mark.parametrize(("protocol", "knobs"), ONCE)
def test_other_data_have_another_hash(
    of: Of, words: Words, data: Dataset, protocol: str, knobs: dict[str, Any]
) -> None:
    other = of(words(**{**LOG, "s": "aecgbdf"}))
    assert make_split(other, protocol, **knobs).hash != make_split(data, protocol, **knobs).hash


def test_an_unknown_knob_is_refused_with_the_nearest_name(data: Dataset) -> None:
    with pytest.raises(DataError, match=r"leave-one-out has no knob 'tis'. Did you mean 'ties'"):
        make_split(data, "leave-one-out", tis="shuffle")
    with pytest.raises(DataError, match=r"leave-one-out has no knob 'test'"):
        make_split(data, "leave-one-out", test=0.1)
    with pytest.raises(DataError, match=r"there is no protocol 'cold-itme'. Did you mean 'cold-item'"):
        make_splits(data, "cold-itme")


def test_rules_of_the_wrong_kind_are_refused() -> None:
    with pytest.raises(DataError, match="drop_seen is 1, but should be true or false"):
        Rules(drop_seen=1)  # type: ignore[arg-type]
    with pytest.raises(DataError, match="core_users is -1, but should be a whole number of at least 0"):
        Rules(core_users=-1)
    with pytest.raises(DataError, match="min_history is True"):
        Rules(min_history=True)


def test_one_of_several_folds_has_to_be_named(data: Dataset) -> None:
    with pytest.raises(DataError, match=r"user-k-fold gives 5 folds here \(fold\). Name one with fold=0 to 4"):
        make_split(data, "user-k-fold")
    with pytest.raises(DataError, match="there is no fold 5 of 5"):
        make_split(data, "user-k-fold", fold=5)
    with pytest.raises(DataError, match="fold is -1"):
        make_split(data, "user-k-fold", fold=-1)
    assert [split.hash for split in make_splits(data, "user-k-fold")][2] == make_split(data, "user-k-fold", fold=2).hash
    assert len(make_splits(data, "leave-one-out")) == 1
    assert make_split(data, "leave-one-out", fold=0).hash == make_split(data, "leave-one-out").hash


def test_the_page_on_splits_tells_every_protocol_and_knob() -> None:
    page = (Path(__file__).resolve().parents[3] / "docs" / "splits.md").read_text(encoding="utf-8")
    for protocol in PROTOCOLS:
        assert f"\n## {protocol}\n" in page
        for knob in knobs_of(protocol):
            assert f"`{knob}`" in page or f"`{knob} = " in page, (protocol, knob)


def test_every_protocol_names_its_knobs() -> None:
    for protocol in PROTOCOLS:
        names = knobs_of(protocol)
        assert len(set(names)) == len(names)
        assert {"ties", "tie_unit", "core_users", "core_items", "drop_seen", "min_history"} <= set(names)
        assert not {"dataset", "run", "rules"} & set(names)
