"""The tenant: whose data a store, cache or index belongs to."""

from __future__ import annotations

import re
from dataclasses import dataclass

from tastemaker.core.errors import QueryError

_ALLOWED = re.compile(r"[a-z0-9][a-z0-9-]{0,62}")


@dataclass(frozen=True, slots=True)
class Tenant:
    """A tenant's name: lower-case letters, digits and hyphens, at most 63, so that it is safe as a folder name.

    >>> Tenant("book-shop").name
    'book-shop'
    """

    name: str = "default"

    def __post_init__(self) -> None:
        if not _ALLOWED.fullmatch(self.name):
            raise QueryError(
                f"'{self.name}' is not a tenant's name",
                remedy="Use 1 to 63 lower-case letters, digits and hyphens, starting with a letter or digit.",
            )
