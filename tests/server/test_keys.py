"""Keys: without one that fits nobody gets in, and no secret is ever told."""

from __future__ import annotations

import base64
import logging
import re
from dataclasses import replace
from datetime import datetime, timedelta
from typing import TYPE_CHECKING, Any

import pytest
from tests.server.fake import Hands, KeysInMemory, LiveShop, connect
from tests.server.moment import NOW
from tests.server.test_api import assert_problem

from tastemaker.core.clock import to_microseconds
from tastemaker.core.errors import QueryError, ServiceError
from tastemaker.store.ports import Key

if TYPE_CHECKING:
    from fastapi.testclient import TestClient

    from tastemaker.server.keys import KeyRing

pytestmark = pytest.mark.needs_extra("serve")

PUBLIC = {("get", "/health"), ("get", "/ready")}


def now() -> datetime:
    return NOW


def key_for(*scopes: str, **more: Any) -> tuple[Key, str]:
    from tastemaker.server.keys import make_key

    return make_key(scopes, clock=now, **more)


def ring_of(*keys: Key, timer: Hands | None = None, clock: Any = now) -> KeyRing:
    from tastemaker.server.keys import KeyRing

    return KeyRing(KeysInMemory(*keys), clock=clock, timer=timer or Hands())


def client_with(*keys: Key) -> TestClient:
    return connect(LiveShop(), keys=ring_of(*keys), clock=now)


def bearer(token: str) -> dict[str, str]:
    return {"Authorization": f"Bearer {token}"}


def test_a_key_is_long_and_only_its_hash_is_kept() -> None:
    key, token = key_for("read", "events", name="shop", days=2)
    match = re.fullmatch(r"tmk_([0-9a-f]{12})_([0-9a-f]{64})", token)
    assert match is not None
    assert match[1] == key.key_id
    assert match[2] not in repr(key)
    assert re.fullmatch(r"[0-9a-f]{64}", key.secret_hash)
    assert (key.scopes, key.name, key.tenant, key.revoked) == (frozenset({"read", "events"}), "shop", "default", None)
    assert (key.created, key.expires) == (to_microseconds(NOW), to_microseconds(NOW + timedelta(days=2)))
    assert key_for("read")[1] != key_for("read")[1]


def test_a_key_with_wrong_scopes_is_not_made() -> None:
    with pytest.raises(QueryError, match="Did you mean 'people'"):
        key_for("peopel")
    with pytest.raises(QueryError, match="opens nothing"):
        key_for()
    with pytest.raises(QueryError, match="may not allow 'catalogue'"):
        key_for("read", "catalogue", publishable=True)
    assert key_for("read", "events", publishable=True)[0].scopes == {"read", "events"}


@pytest.mark.parametrize("header", ["Authorization", "X-API-Key"])
def test_the_right_key_gets_in_by_either_header(header: str) -> None:
    key, token = key_for("read")
    client = client_with(key)
    value = f"Bearer {token}" if header == "Authorization" else token
    assert client.get("/v1/recommend", headers={header: value}).status_code == 200


@pytest.mark.parametrize(
    "headers",
    [
        {},
        {"Authorization": ""},
        {"Authorization": "Bearer"},
        {"Authorization": "Bearer nonsense"},
        {"Authorization": f"Bearer tmk_{'0' * 12}_{'0' * 64}"},
        {"Authorization": "Basic eDp5"},
        {"X-API-Key": ""},
    ],
)
def test_without_a_key_that_fits_nobody_gets_in(headers: dict[str, str]) -> None:
    client = client_with(key_for("read")[0])
    refused = client.get("/v1/recommend", headers=headers)
    assert assert_problem(refused, 401)["type"].endswith("unauthorised")
    assert refused.headers["www-authenticate"].startswith("Bearer")


def test_another_secret_under_a_known_name_does_not_get_in() -> None:
    key, token = key_for("read")
    wrong = f"{token[:-1]}{'0' if token[-1] != '0' else '1'}"
    assert_problem(client_with(key).get("/v1/recommend", headers=bearer(wrong)), 401)


def test_each_key_opens_what_its_scopes_say_and_nothing_else() -> None:
    from tastemaker.server.keys import SCOPES

    kept = {scope: key_for(scope) for scope in SCOPES}
    client = client_with(*(key for key, _ in kept.values()))
    described = client.get("/openapi.json").json()
    asked = 0
    for path, operations in described["paths"].items():
        for method, operation in operations.items():
            address = path.replace("{", "").replace("}", "")
            if (method, path) in PUBLIC:
                assert "security" not in operation
                continue
            (needed,) = operation["security"][0]["bearer"]
            assert_problem(client.request(method, address), 401)
            for scope, (_, token) in kept.items():
                status = client.request(method, address, headers=bearer(token)).status_code
                assert (status not in (401, 403)) == (scope == needed), (method, path, scope, status)
                asked += 1
    assert asked >= 20 * len(SCOPES)
    assert {one for schemes in described["components"]["securitySchemes"].values() for one in schemes} >= {"type"}


def test_the_refusal_names_the_scope_that_is_needed() -> None:
    key, token = key_for("read")
    refused = client_with(key).post("/v1/events", json={}, headers=bearer(token))
    found = assert_problem(refused, 403)
    assert "'events'" in found["detail"]
    assert "--scope events" in found["remedy"]


def test_whoever_has_no_key_is_refused_before_the_body_is_read() -> None:
    client = client_with(key_for("read")[0])
    refused = client.post("/v1/recommend", content=b"{", headers={"content-type": "application/json"})
    assert_problem(refused, 401)


def test_keys_that_are_revoked_expired_or_of_another_tenant_open_nothing() -> None:
    good, token = key_for("read", days=1)
    tomorrow = NOW + timedelta(days=1)
    for key, moment in (
        (replace(good, revoked=to_microseconds(NOW)), NOW),
        (good, tomorrow),
        (replace(good, tenant="other"), NOW),
    ):
        ring = ring_of(key, key_for("read")[0], clock=lambda moment=moment: moment)
        assert_problem(connect(LiveShop(), keys=ring).get("/v1/recommend", headers=bearer(token)), 401)


def test_a_revoked_key_is_refused_within_seconds() -> None:
    from starlette.datastructures import Headers

    from tastemaker.server.keys import SECONDS_REMEMBERED, KeyRing
    from tastemaker.server.refusals import NoKey

    key, token = key_for("read")
    kept, hands = KeysInMemory(key), Hands()
    ring = KeyRing(kept, clock=now, timer=hands)
    headers = Headers(bearer(token))
    assert [ring.check(headers, "read") for _ in range(3)] == [key] * 3
    assert kept.gets == 1
    kept.revoke(key.key_id, to_microseconds(NOW))
    hands.seconds += SECONDS_REMEMBERED
    with pytest.raises(NoKey):
        ring.check(headers, "read")


def test_a_server_is_open_until_the_first_key_is_made_and_never_again() -> None:
    from tastemaker.server.keys import SECONDS_REMEMBERED, KeyRing

    kept, hands = KeysInMemory(), Hands()
    ring = KeyRing(kept, clock=now, timer=hands)
    client = connect(LiveShop(), keys=ring)
    assert client.get("/v1/recommend").status_code == 200
    key, _ = key_for("read")
    kept.put(key)
    hands.seconds += SECONDS_REMEMBERED
    assert_problem(client.get("/v1/recommend"), 401)
    kept.revoke(key.key_id, to_microseconds(NOW))
    hands.seconds += SECONDS_REMEMBERED
    assert_problem(client.get("/v1/recommend"), 401)


def test_a_browser_opens_the_page_with_the_key_as_password() -> None:
    key, token = key_for("read")
    client = client_with(key)
    html = {"Accept": "text/html"}
    refused = client.get("/", headers=html)
    assert refused.status_code == 401
    assert refused.headers["www-authenticate"].startswith("Basic")
    assert "text/html" in refused.headers["content-type"]
    password = base64.b64encode(f"anybody:{token}".encode()).decode()
    assert client.get("/", headers={**html, "Authorization": f"Basic {password}"}).status_code == 200
    assert client.get("/", headers={**html, "Authorization": "Basic !"}).status_code == 401
    # Browsers send a password with requests of other pages' making too: the interface does not take one.
    assert_problem(client.get("/v1/recommend", headers={"Authorization": f"Basic {password}"}), 401)


def test_health_readiness_and_style_need_no_key() -> None:
    with client_with(key_for("read")[0]) as client:
        for path in ("/health", "/ready", "/openapi.json", "/static/style.css"):
            assert client.get(path).status_code == 200


def test_no_secret_is_logged_or_told(caplog: pytest.LogCaptureFixture, monkeypatch: pytest.MonkeyPatch) -> None:
    caplog.set_level(logging.DEBUG)
    key, token = key_for("read", "events")
    shop = LiveShop()
    client = connect(shop, keys=ring_of(key), clock=now)
    wrong = f"tmk_{key.key_id}_{'f' * 64}"

    def fail(*_: Any, **__: Any) -> Any:
        raise RuntimeError("broken")

    answers = [client.get("/v1/recommend", headers=bearer(one)) for one in (token, wrong)]
    answers.append(client.delete("/v1/people/ann", headers=bearer(token)))
    answers.append(client.post("/v1/events", json=[token], headers={"X-API-Key": token}))
    monkeypatch.setattr(shop, "recommend", fail)
    answers.append(client.get("/v1/recommend", headers=bearer(token)))
    assert [answer.status_code for answer in answers] == [200, 401, 403, 422, 500]
    told = caplog.text + "".join(f"{answer.headers} {answer.text}" for answer in answers)
    assert "broken" in caplog.text
    for secret in (token.rsplit("_", 1)[1], "f" * 64, key.secret_hash):
        assert secret not in told


@pytest.mark.parametrize("host", ["0.0.0.0", "", "::"])
def test_an_address_that_others_reach_needs_a_key(host: str) -> None:
    from tastemaker.server import run_server

    with pytest.raises(ServiceError, match="no key") as caught:
        run_server(LiveShop(), host, 0, keys=KeysInMemory())
    assert "tastemaker keys create" in str(caught.value)


@pytest.mark.parametrize("host", ["127.0.0.1", "localhost", "127.8.8.8", "::1"])
def test_an_address_of_this_machine_needs_none(host: str) -> None:
    from tastemaker.server import run

    run._need_loopback(host, 0)
