"""Times are microseconds since 1970-01-01 UTC, whatever the zone they were written in."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta, timezone

from hypothesis import given
from hypothesis import strategies as st

from tastemaker.core.clock import MICROSECONDS_PER_DAY, from_microseconds, system_clock, to_microseconds


@given(st.datetimes(timezones=st.just(UTC)))
def test_microseconds_lose_nothing(moment: datetime) -> None:
    assert from_microseconds(to_microseconds(moment)) == moment


def test_zones_agree() -> None:
    berlin = timezone(timedelta(hours=2))
    assert to_microseconds(datetime(2024, 6, 1, 14, tzinfo=berlin)) == to_microseconds(
        datetime(2024, 6, 1, 12, tzinfo=UTC)
    )


def test_a_time_without_a_zone_is_utc() -> None:
    assert to_microseconds(datetime(1970, 1, 3)) == 2 * MICROSECONDS_PER_DAY
    assert to_microseconds(datetime(1969, 12, 31)) == -MICROSECONDS_PER_DAY


def test_the_system_clock_knows_its_zone() -> None:
    assert system_clock().tzinfo is UTC
