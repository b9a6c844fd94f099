"""API keys: how they are made, read and checked. Of what opens the server only a hash is ever kept."""

from __future__ import annotations

import base64
import binascii
import hashlib
import hmac
import re
import secrets
import time
from collections.abc import Callable, Iterable
from typing import Final, Literal, TypeAlias, get_args

from starlette.datastructures import Headers

from tastemaker.core.clock import MICROSECONDS_PER_DAY, Clock, system_clock, to_microseconds
from tastemaker.core.errors import QueryError, nearest
from tastemaker.core.tenant import Tenant
from tastemaker.server.refusals import KeyTooNarrow, NoKey
from tastemaker.store.ports import Key, Keys

Scope: TypeAlias = Literal["read", "events", "catalogue", "people", "admin"]
SCOPES: Final[tuple[str, ...]] = get_args(Scope)
PUBLISHABLE: Final = frozenset({"read", "events"})
"""What a key may allow that is sent to browsers."""
SECONDS_REMEMBERED: Final = 5.0
"""For so long a key is not looked up again; one that is revoked opens nothing after that."""

_TOKEN: Final = re.compile(r"tmk_([0-9a-f]{12})_([0-9a-f]{64})")
_NOBODY: Final = hashlib.sha256(b"").hexdigest()
_REMEMBERED: Final = 1000


def make_key(
    scopes: Iterable[str],
    name: str = "",
    *,
    publishable: bool = False,
    signed_users: bool = False,
    days: float | None = None,
    tenant: Tenant | None = None,
    clock: Clock = system_clock,
) -> tuple[Key, str]:
    """Return a new key as it is to be kept, and as it is given to somebody, once.

    Args:
        scopes: What it allows, of `SCOPES`.
        name: What to call it.
        publishable: It is meant for browsers and apps, where it does not stay secret.
        signed_users: It is publishable, and a request with it acts only for the person whose token, signed with
            `Key.signing`, it carries; see `tastemaker.server.user_tokens`.
        days: For how long it is good; ``None`` for ever.
        tenant: Whose data it opens.
        clock: Where "now" comes from.

    Raises:
        QueryError: A scope is unknown, there is none, or it is too wide for a publishable key.
    """
    wanted = frozenset(scopes)
    for scope in sorted(wanted - set(SCOPES)):
        raise QueryError(f"there is no scope '{scope}'", where="scope", remedy=nearest(scope, SCOPES))
    if not wanted:
        raise QueryError("a key without a scope opens nothing", where="scope", remedy=f"Known: {', '.join(SCOPES)}")
    if (publishable or signed_users) and (wide := sorted(wanted - PUBLISHABLE)):
        raise QueryError(
            f"a publishable key may not allow '{wide[0]}'",
            where="scope",
            remedy="It may allow read and events; make a secret key for the rest.",
        )
    created = to_microseconds(clock())
    key_id, secret = secrets.token_hex(6), secrets.token_hex(32)
    kept = Key(
        key_id=key_id,
        tenant=(tenant or Tenant()).name,
        secret_hash=_hash(secret),
        scopes=wanted,
        name=name,
        created=created,
        expires=None if days is None else created + int(days * MICROSECONDS_PER_DAY),
        signing=f"tms_{secrets.token_hex(32)}" if signed_users else None,
    )
    return kept, f"tmk_{key_id}_{secret}"


def _hash(secret: str) -> str:
    return hashlib.sha256(secret.encode()).hexdigest()


def token_of(headers: Headers, *, basic: bool = False) -> str | None:
    """Return what a request gives as its key.

    Args:
        headers: Of the request.
        basic: A password counts as well: pages are opened by browsers, which can send a key in no other way.
    """
    scheme, _, given = headers.get("authorization", "").partition(" ")
    if scheme.lower() == "bearer":
        return given.strip()
    if basic and scheme.lower() == "basic":
        return _password(given.strip())
    return headers.get("x-api-key")


def _password(given: str) -> str:
    try:
        return base64.b64decode(given, validate=True).decode().partition(":")[2]
    except (binascii.Error, UnicodeDecodeError):
        return ""


class KeyRing:
    """Checks keys.

    Args:
        keys: Where they are kept; ``None`` for a server without any, which is open to everybody who reaches it.
        tenant: Whose data are served.
        clock: Where "now" comes from, for keys that expire.
        timer: Seconds, growing.
    """

    def __init__(
        self,
        keys: Keys | None = None,
        tenant: Tenant | None = None,
        *,
        clock: Clock = system_clock,
        timer: Callable[[], float] = time.monotonic,
    ) -> None:
        self._keys = keys
        self._tenant = (tenant or Tenant()).name
        self._clock = clock
        self._timer = timer
        self._open = True
        self._open_until = -1.0
        self._known: dict[str, tuple[float, Key]] = {}

    @property
    def open(self) -> bool:
        """Whether no key was ever made, so that none is asked for. One that is revoked still counts."""
        if self._keys is None:
            return True
        if self._open and self._timer() >= self._open_until:
            self._open = not self._keys.all(self._tenant)
            self._open_until = self._timer() + SECONDS_REMEMBERED
        return self._open

    def check(self, headers: Headers, scope: str, *, basic: bool = False) -> Key | None:
        """Return the key of a request, or ``None`` where no keys are asked for.

        Raises:
            NoKey: There is none, or it opens nothing here.
            KeyTooNarrow: It does not allow ``scope``.
        """
        if self.open:
            return None
        scheme = "Basic" if basic else "Bearer"
        token = token_of(headers, basic=basic)
        if token is None:
            raise NoKey("this needs a key", scheme)
        key = self._find(token)
        if key is None:
            raise NoKey("this key opens nothing here", scheme)
        if scope not in key.scopes:
            raise KeyTooNarrow(scope)
        return key

    def _find(self, token: str) -> Key | None:
        """Return the key that a token names, if its secret is right and it is still good."""
        match = _TOKEN.fullmatch(token)
        if match is None:
            return None
        key = self._look_up(match[1])
        # Compared even where there is no such key, so that the time tells nothing.
        right = hmac.compare_digest(key.secret_hash if key else _NOBODY, _hash(match[2]))
        return key if key is not None and right and self._good(key) else None

    def _good(self, key: Key) -> bool:
        now = to_microseconds(self._clock())
        return key.tenant == self._tenant and key.revoked is None and (key.expires is None or now < key.expires)

    def _look_up(self, key_id: str) -> Key | None:
        assert self._keys is not None
        until, key = self._known.get(key_id, (-1.0, None))
        if key is not None and self._timer() < until:
            return key
        found = self._keys.get(key_id)
        if found is not None:
            if len(self._known) >= _REMEMBERED:
                self._known.clear()
            self._known[key_id] = (self._timer() + SECONDS_REMEMBERED, found)
        return found
