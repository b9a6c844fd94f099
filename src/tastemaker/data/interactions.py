"""The event log: who did what with which item, when, in an order that never depends on chance."""

from __future__ import annotations

from typing import Final

import polars as pl

from tastemaker.core.errors import DataError, nearest
from tastemaker.core.query import DISLIKE_WEIGHT, LIKE_WEIGHT, NEGATIVE_EVENTS

TIME: Final = pl.Datetime("us", "UTC")
REQUIRED: Final = ("user_id", "item_id")

_STANDARD: Final = ("user_id", "item_id", "timestamp", "order", "event", "weight")
_SECONDS_BELOW, _MILLISECONDS_BELOW, _MICROSECONDS_BELOW = 1e11, 1e14, 1e17
_LAST_MICROSECOND: Final = 253_402_300_800_000_000  # the year 10000
_FEW: Final = 0.1


def as_id_column(column: pl.Series) -> pl.Series:
    """Return ids as text; numbers without a fraction are written without one (``7.0`` is ``7``).

    Raises:
        DataError: The column holds what cannot be an id: lists, structures, bytes that are not UTF-8.
    """
    if column.dtype.is_float():
        column = column.fill_nan(None)
        if column.is_finite().all() and (column == column.round()).all():
            column = column.cast(pl.Int64)
    try:
        return column.cast(pl.String)
    except pl.exceptions.PolarsError as error:
        raise DataError(
            f"column '{column.name}' holds {column.dtype}, not ids", remedy="Ids are text or whole numbers."
        ) from error


def as_time(column: pl.Series) -> pl.Series:
    """Return a time column as UTC microseconds; a time that cannot be read is null.

    Numbers are seconds, milliseconds, microseconds or nanoseconds since 1970, told apart by the median's size;
    text is ISO 8601, with UTC where no zone is given.

    Raises:
        DataError: The column is of another type, or more than a tenth of it cannot be read.
    """
    kind = column.dtype
    if kind == pl.Null:
        return column.cast(TIME)
    if kind == pl.Date:
        return column.cast(pl.Datetime("us")).dt.replace_time_zone("UTC")
    if isinstance(kind, pl.Datetime):
        zoned = column if kind.time_zone else column.dt.replace_time_zone("UTC")
        return zoned.dt.convert_time_zone("UTC").cast(TIME)
    if kind != pl.String and not kind.is_numeric():
        raise DataError(f"column '{column.name}' holds {kind}, not times", remedy="Use numbers or ISO 8601 text.")
    given = _given(column)
    times = _time_of_text(given) if kind == pl.String else _time_of_numbers(given)
    unread = given.is_not_null() & times.is_null()
    if unread.sum() > _FEW * (len(given) - given.null_count()):
        raise DataError(
            f"times of column '{column.name}' are neither numbers nor ISO 8601",
            where=f"for example '{column.filter(unread)[0]}'",
            remedy="Write them as 2024-05-31T12:00:00Z or as seconds since 1970.",
        )
    return times


def _given(column: pl.Series) -> pl.Series:
    """Return a column with null for empty text and for NaN."""
    if column.dtype == pl.String:
        stripped = column.str.strip_chars()
        return stripped.replace("", None)
    return column.fill_nan(None) if column.dtype.is_float() else column


def _time_of_text(column: pl.Series) -> pl.Series:
    numbers = column.cast(pl.Float64, strict=False)
    if 2 * numbers.count() >= column.count():
        return _time_of_numbers(numbers)
    times = _iso(column)
    unread = times.is_null() & column.is_not_null()
    # One call reads either times with a zone or times without one.
    return times.zip_with(~unread, _iso(column.zip_with(unread, column.clear(len(column)))))


def _iso(column: pl.Series) -> pl.Series:
    try:
        return column.str.to_datetime(time_unit="us", time_zone="UTC", strict=False)
    except pl.exceptions.PolarsError:  # nothing looks like a time
        return column.clear(len(column)).cast(TIME)


def _time_of_numbers(column: pl.Series) -> pl.Series:
    sizes = column.cast(pl.Float64).abs()
    middle = sizes.filter(sizes.is_finite()).median()
    size = float(middle) if isinstance(middle, int | float) else 0.0
    if size >= _MICROSECONDS_BELOW:
        return _time_of_numbers(column // 1_000)
    factor = 1_000_000 if size < _SECONDS_BELOW else 1_000 if size < _MILLISECONDS_BELOW else 1
    possible = column.zip_with(sizes < _LAST_MICROSECOND / factor, column.clear(len(column)))
    moments = possible.cast(pl.Int64) * factor if column.dtype.is_integer() else (possible * factor).round()
    return moments.cast(pl.Int64).cast(pl.Datetime("us")).dt.replace_time_zone("UTC")


def _checked(frame: pl.DataFrame) -> pl.DataFrame:
    for name in REQUIRED:
        if name not in frame.columns:
            raise DataError(
                f"interactions have no column '{name}'",
                where=f"columns: {', '.join(frame.columns)}",
                remedy=f"{nearest(name, frame.columns)} Name it in the column map of dataset.toml.",
            )
    if frame.height == 0:
        raise DataError("interactions are empty", remedy="Give at least one row.")
    return frame


class Interactions:
    """Events as a Polars frame sorted by user, then time, then original row, stably.

    Columns: ``user_id, item_id`` (text), ``timestamp`` (UTC microseconds, null where unknown), ``order`` (the
    original row, from 0), ``event`` (text), ``weight`` (float32), then whatever context came along. An event
    without a time keeps its place in the file between its user's other events. Without a weight, an event counts
    1, and -1 where its kind is one of `NEGATIVE_EVENTS`.

    Attributes:
        frame: The events.
        rejected: Rows that could not be used, with columns ``order, reason``.
    """

    def __init__(self, frame: pl.DataFrame, rejected: pl.DataFrame | None = None) -> None:
        self.frame = frame
        self.rejected = (
            rejected if rejected is not None else pl.DataFrame(schema={"order": pl.Int64, "reason": pl.String})
        )

    @classmethod
    def from_frame(cls, frame: pl.DataFrame) -> Interactions:
        """Take in a frame with ``user_id, item_id`` and optionally ``timestamp, position, event, weight``.

        ``position`` gives the order of a user's events where rows are not in that order; ``order`` is then counted
        in that order. Rows without a user or an item, and rows whose time or weight cannot be read, are set aside
        in `rejected`.

        Raises:
            DataError: A needed column is missing, nothing is left, or times cannot be read.
        """
        frame = _checked(frame)
        standard = _standard(frame)
        reason = (
            pl.when(pl.col("user_id").fill_null("") == "").then(pl.lit("no user_id"))
            .when(pl.col("item_id").fill_null("") == "").then(pl.lit("no item_id"))
            .when(pl.col("weight").is_null()).then(pl.lit("weight is not a number"))
            .when("_unread").then(pl.lit("time cannot be read"))
        )  # fmt: skip
        judged = standard.with_columns(reason.alias("_reason"))
        rejected = judged.filter(pl.col("_reason").is_not_null()).select("order", reason="_reason")
        kept = judged.filter(pl.col("_reason").is_null()) if rejected.height else judged
        if kept.height == 0:
            raise DataError(
                f"all {frame.height} rows of the interactions are unusable",
                where=f"row {rejected['order'][0] + 1}: {rejected['reason'][0]}",
                remedy="Check the column map.",
            )
        if "position" in kept.columns:
            place = pl.col("position").cast(pl.Float64, strict=False)
            kept = kept.sort("user_id", place, maintain_order=True, nulls_last=True)
            kept = kept.drop("position").with_columns(pl.int_range(pl.len()).alias("order"))
        context = [name for name in kept.columns if name not in {*_STANDARD, "_unread", "_reason"}]
        return cls(_sorted(kept.select(*_STANDARD, *context)), rejected)

    @property
    def has_times(self) -> bool:
        """Whether at least nine in ten events carry a time."""
        return self.frame["timestamp"].null_count() <= 0.1 * self.frame.height

    def __len__(self) -> int:
        return self.frame.height


def _standard(frame: pl.DataFrame) -> pl.DataFrame:
    """Give the columns their names and types; ``weight`` is null and ``_unread`` true where a value is no good."""
    nothing = pl.repeat(None, frame.height, dtype=pl.Null, eager=True)
    given = frame["timestamp"] if "timestamp" in frame.columns else nothing
    stated = frame["weight"] if "weight" in frame.columns else nothing
    event = pl.col("event").cast(pl.String) if "event" in frame.columns else pl.lit(None, pl.String)
    times, weight = as_time(given), stated.cast(pl.Float32, strict=False)
    unstated = pl.when(event.is_in(NEGATIVE_EVENTS)).then(DISLIKE_WEIGHT).otherwise(LIKE_WEIGHT)
    return (
        frame.drop("order", strict=False)
        .with_row_index("order")
        .with_columns(
            pl.col("order").cast(pl.Int64),
            *(as_id_column(frame[name]) for name in REQUIRED),
            times.alias("timestamp"),
            (times.is_null() & _given(given).is_not_null()).alias("_unread"),
            event.fill_null("interaction").alias("event"),
            pl.when(stated.is_null())
            .then(unstated)
            .when(weight.is_finite())
            .then(weight)
            .cast(pl.Float32)
            .alias("weight"),
        )
    )


def _sorted(frame: pl.DataFrame) -> pl.DataFrame:
    times = pl.col("timestamp")
    if 0 < frame["timestamp"].null_count() < frame.height:
        times = times.forward_fill().backward_fill().over("user_id", order_by="order")
    return frame.with_columns(times.alias("_time")).sort("user_id", "_time", "order").drop("_time")
