"""The errors that Tastemaker raises: each says what was wrong, where, and what to do about it."""

from __future__ import annotations

import difflib
from collections.abc import Iterable
from typing import ClassVar


class TastemakerError(Exception):
    """Base of every error that Tastemaker raises on purpose.

    Args:
        message: What was wrong, as one sentence without a final full stop.
        where: The place: a file, a row, a column, a configuration key.
        remedy: What the reader can do now.
    """

    exit_code: ClassVar[int] = 1

    def __init__(self, message: str, *, where: str | None = None, remedy: str | None = None) -> None:
        super().__init__(message)
        self.message = message
        self.where = where
        self.remedy = remedy

    def __str__(self) -> str:
        place = f" ({self.where})" if self.where else ""
        advice = f". {self.remedy}" if self.remedy else ""
        return f"{self.message}{place}{advice}"


class ConfigError(TastemakerError):
    """A configuration file, key or value is unusable."""

    exit_code = 3


class DataError(TastemakerError):
    """Input data is missing, damaged or lacks what the task needs."""

    exit_code = 4


class LeakError(DataError):
    """Held-out rows would reach, or have reached, something that was fitted."""


class AssetError(TastemakerError):
    """A download is unavailable, interrupted or not what it should be."""

    exit_code = 5


class ChecksumError(AssetError):
    """The bytes at hand are not the bytes that were named."""


class ModelError(TastemakerError):
    """A model cannot do what was asked of it."""

    exit_code = 6


class NotFittedError(ModelError):
    """A model was used before ``fit`` or ``load``."""


class ModelFormatError(ModelError):
    """A saved model is incomplete, damaged or of another format version."""


class NotDenseError(ModelError):
    """The model cannot score its whole vocabulary at once."""


class QueryError(TastemakerError):
    """A request for recommendations cannot be answered as it was put."""

    exit_code = 7


class UnknownUserError(QueryError):
    """No such user in the data."""


class UnknownItemError(QueryError):
    """No such item in the catalogue."""


class AmbiguousItemError(QueryError):
    """A title fits several items.

    Args:
        candidates: ``(item_id, title)`` of the items that fit, best first.
    """

    def __init__(
        self,
        message: str,
        *,
        candidates: list[tuple[str, str]],
        where: str | None = None,
        remedy: str | None = None,
    ) -> None:
        super().__init__(message, where=where, remedy=remedy)
        self.candidates = candidates


class MissingExtraError(TastemakerError, ImportError):
    """An optional dependency is not installed."""

    exit_code = 8

    def __init__(self, feature: str, extra: str) -> None:
        super().__init__(
            f"{feature} needs the extra '{extra}', which is not installed",
            remedy=f"Install it with: pip install 'tastemaker[{extra}]'",
        )
        self.extra = extra


class CheckError(TastemakerError):
    """What was measured anew differs from its record."""

    exit_code = 11


class TimeLimitError(TastemakerError):
    """A computation took longer than it was given."""


class ServiceError(TastemakerError):
    """A service cannot start or cannot be reached, for example because its port is in use."""

    exit_code = 9


class BusyError(ServiceError):
    """More was asked for than can be done at present; nothing of it was done, and it can be asked for again."""


class NotReadyError(ServiceError):
    """Something that is made when a service starts is not there yet; it can be asked for again in a moment."""


class GenerationError(ServiceError):
    """A language model gave no reply that can be used."""


class BudgetExceededError(GenerationError):
    """A call would pass a limit of tokens or money; it was not made."""


class DeadlineExceededError(GenerationError):
    """The reply was not there in time."""


class PromptTooLongError(GenerationError):
    """The messages do not fit into what the model reads."""


class SchemaViolationError(GenerationError):
    """What was written does not keep the schema that was asked for."""


class StorageError(TastemakerError):
    """A file or folder could not be written whole; what stood there before is untouched."""

    exit_code = 10


def nearest(word: str, known: Iterable[str]) -> str:
    """Say which known name is closest to ``word``, as a sentence for an error's remedy.

    >>> nearest("modle", ["model", "split"])
    "Did you mean 'model'?"
    >>> nearest("zzz", ["model", "split"])
    'Known: model, split'
    """
    names = list(known)
    close = difflib.get_close_matches(word, names, n=1)
    return f"Did you mean '{close[0]}'?" if close else f"Known: {', '.join(names) or 'none'}"
