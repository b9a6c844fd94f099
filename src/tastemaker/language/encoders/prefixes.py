"""What some models want to have written before a text, depending on what it is about."""

from __future__ import annotations

from collections.abc import Mapping
from typing import get_args

from tastemaker.core.encoder import TextKind
from tastemaker.core.errors import ConfigError, nearest


def checked_prefixes(prefixes: Mapping[str, str] | None) -> dict[str, str]:
    """Return what is to stand before the texts of each kind.

    Raises:
        ConfigError: A key is no kind of text.
    """
    kinds = get_args(TextKind)
    if not isinstance(prefixes or {}, Mapping):
        raise ConfigError(f"prefixes are {prefixes!r}, but should be a table", remedy='Write { query = "query: " }.')
    for kind, prefix in (prefixes or {}).items():
        if kind not in kinds:
            raise ConfigError(f"there is no kind of text '{kind}'", where="prefixes", remedy=nearest(kind, kinds))
        if not isinstance(prefix, str):
            raise ConfigError(f"the prefix of '{kind}' is {prefix!r}, but should be text", where="prefixes")
    return dict(prefixes or {})
