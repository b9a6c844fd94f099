"""Times as they stand in files: numbers since 1970 in some unit, or ISO 8601; the unit is settled once for a file."""

from __future__ import annotations

from typing import Final, Literal, get_args

import polars as pl

from tastemaker.data.interactions import TIME

Unit = Literal["s", "ms", "us", "ns", "yyyymmdd"]
UNITS: Final = get_args(Unit)

_PER_SECOND: Final = {"s": 1, "ms": 1_000, "us": 1_000_000, "ns": 1_000_000_000}
_FIRST, _END = -62_135_596_800, 253_402_300_800
"""Seconds from 1970 to the beginning of year 1, and to the end of year 9999."""
_ZONED: Final = ("%+", "%Y-%m-%d %H:%M:%S%.f %z", "%Y-%m-%d %H:%M:%S%.f UTC")
_PLAIN: Final = (
    "%Y-%m-%dT%H:%M:%S%.f",
    "%Y-%m-%d %H:%M:%S%.f",
    "%Y-%m-%d",
    "%Y-%m-%dT%H:%M",
    "%Y-%m-%d %H:%M",
    "%Y/%m/%d %H:%M:%S%.f",
    "%Y/%m/%d",
)
_DAY: Final = r"^(?:19|20)\d\d(?:0[1-9]|1[0-2])(?:0[1-9]|[12]\d|3[01])$"


def unit_of(sample: pl.Series) -> Unit | None:
    """Say what the numbers of a text column count, by their middle size; ``None`` where it holds no numbers.

    >>> unit_of(pl.Series(["1700000000", "1700000100"])), unit_of(pl.Series(["1700000000000"]))
    ('s', 'ms')
    >>> unit_of(pl.Series(["20240131"])), unit_of(pl.Series(["2024-01-31"]))
    ('yyyymmdd', None)
    """
    known = sample.drop_nulls().str.strip_chars()
    numbers = known.cast(pl.Float64, strict=False).drop_nulls()
    if not len(numbers):
        return None
    if known.str.contains(_DAY).all():
        return "yyyymmdd"
    middle = numbers.abs().median()
    size = float(middle) if isinstance(middle, int | float) else 0.0
    return "s" if size < 1e11 else "ms" if size < 1e14 else "us" if size < 1e17 else "ns"


def read_times(column: pl.Series, unit: Unit | None) -> tuple[pl.Series, pl.Series, pl.Series]:
    """Return the times in UTC, which of them cannot be read, and which lie outside the years 1 to 9999.

    A null is no time and no fault.

    Args:
        column: Text, or times of the file's own type.
        unit: What numbers count; ``None`` takes them for seconds.
    """
    if column.dtype.is_temporal():
        return _typed(column)
    times, outside = _numbers(column, unit or "s")
    unread = column.is_not_null() & times.is_null() & ~outside
    if unread.any():
        rest = column.filter(unread).str.strip_chars()
        found = _iso(rest)
        times = _scatter(times, unread, found)
        unread = column.is_not_null() & times.is_null() & ~outside
    seconds = times.dt.epoch("s")
    late = ((seconds < _FIRST) | (seconds >= _END)).fill_null(False)
    return times.zip_with(~late, times.clear(len(times))), unread, outside | late


def _numbers(column: pl.Series, unit: Unit) -> tuple[pl.Series, pl.Series]:
    if unit == "yyyymmdd":
        days = column.str.to_datetime("%Y%m%d", time_unit="us", time_zone="UTC", strict=False)
        return days, pl.repeat(False, len(column), dtype=pl.Boolean, eager=True)
    scale = _PER_SECOND[unit]
    whole = column.cast(pl.Int64, strict=False)
    possible = (whole >= _FIRST * scale) & (whole < _END * scale) if unit != "ns" else whole.is_not_null()
    inside = whole.zip_with(possible.fill_null(False), whole.clear(len(whole)))
    microseconds = inside * (1_000_000 // scale) if scale <= 1_000_000 else inside // (scale // 1_000_000)
    outside = whole.is_not_null() & inside.is_null()
    if (rest := whole.is_null() & column.is_not_null()).any():
        parts = column.filter(rest).str.strip_chars().cast(pl.Float64, strict=False)
        possible = ((parts >= _FIRST * scale) & (parts < _END * scale)).fill_null(False)
        found = (parts.zip_with(possible, parts.clear(len(parts))) * (1_000_000 / scale)).round().cast(pl.Int64)
        microseconds = _scatter(microseconds, rest, found)
        outside = _scatter(outside, rest, (parts.is_not_nan() & ~possible).fill_null(False))
    return microseconds.cast(pl.Datetime("us")).dt.replace_time_zone("UTC"), outside


def _scatter(into: pl.Series, places: pl.Series, values: pl.Series) -> pl.Series:
    return into.scatter(places.arg_true(), values)


def _iso(column: pl.Series) -> pl.Series:
    times = column.clear(len(column)).cast(TIME)
    for form in (*_ZONED, *_PLAIN):
        unread = times.is_null()
        if not unread.any():
            break
        try:
            found = column.filter(unread).str.to_datetime(form, time_unit="us", time_zone="UTC", strict=False)
        except pl.exceptions.PolarsError:  # not one of them has this form
            continue
        times = _scatter(times, unread, found)
    return times


def _typed(column: pl.Series) -> tuple[pl.Series, pl.Series, pl.Series]:
    if isinstance(column.dtype, pl.Datetime) and column.dtype.time_zone is not None:
        times = column.dt.convert_time_zone("UTC").cast(TIME)
    else:
        times = column.cast(pl.Datetime("us"), strict=False).dt.replace_time_zone("UTC")
    seconds = times.dt.epoch("s")
    late = ((seconds < _FIRST) | (seconds >= _END)).fill_null(False)
    return times.zip_with(~late, times.clear(len(times))), column.is_not_null() & times.is_null(), late
