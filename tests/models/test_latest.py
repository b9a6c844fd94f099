"""Of what was worked out, the values that were asked for last are kept."""

from __future__ import annotations

from tastemaker.models.latest import Latest


def test_what_was_asked_for_longest_ago_makes_room() -> None:
    latest = Latest[str](2)
    latest.put("a", "first")
    latest.put("b", "second")
    assert latest.get("a") == "first"
    latest.put("c", "third")
    assert [latest.get(key) for key in "abc"] == ["first", None, "third"]
    assert len(latest) == 2


def test_a_value_that_is_put_again_takes_no_further_room() -> None:
    latest = Latest[str](2)
    for value in ("old", "new"):
        latest.put("a", value)
    assert (latest.get("a"), len(latest)) == ("new", 1)
