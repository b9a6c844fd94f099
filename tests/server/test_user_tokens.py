"""With a key of signed users a browser acts for the person of its token, and for nobody else."""

from __future__ import annotations

import base64
import hashlib
import hmac
import json
from collections.abc import Iterator
from typing import TYPE_CHECKING, Any

import pytest
from tests.server.fake import KeysInMemory, LiveShop, connect
from tests.server.moment import NOW

from tastemaker.core.clock import to_microseconds

if TYPE_CHECKING:
    from fastapi.testclient import TestClient

    from tastemaker.store.ports import Key

pytestmark = pytest.mark.needs_extra("serve")

SECOND = NOW.timestamp()


@pytest.fixture
def made() -> tuple[Key, str]:
    from tastemaker.server.keys import make_key

    return make_key(["read", "events"], signed_users=True)


@pytest.fixture
def client(made: tuple[Key, str]) -> Iterator[TestClient]:
    from tastemaker.server.keys import KeyRing

    key, token = made
    with connect(LiveShop(), keys=KeyRing(KeysInMemory(key)), clock=lambda: NOW) as client:
        client.headers["X-API-Key"] = token
        yield client


@pytest.fixture
def ann(made: tuple[Key, str]) -> dict[str, str]:
    """The header with which a browser acts for ann."""
    return signed("ann", made)


def signed(user_id: str, made: tuple[Key, str], expires: float = SECOND + 60) -> dict[str, str]:
    from tastemaker.server.user_tokens import HEADER, sign

    assert made[0].signing is not None
    return {HEADER: sign(user_id, expires, made[0].signing)}


def kind(answer: Any) -> tuple[int, str]:
    assert answer.headers["content-type"] == "application/problem+json"
    return answer.status_code, answer.json()["type"].removeprefix("urn:tastemaker:problem:")


BUY = {"item_id": "i1", "event": "buy"}


def test_a_token_is_made_of_the_standard_library_in_any_language(made: tuple[Key, str]) -> None:
    from tastemaker.server.user_tokens import sign, signed_user

    secret = made[0].signing or ""
    claims = base64.urlsafe_b64encode(json.dumps({"user_id": "ann", "expires": 1893456000}).encode()).decode()
    token = claims + "." + hmac.new(secret.encode(), claims.encode(), hashlib.sha256).hexdigest()
    assert token == sign("ann", 1893456000, secret)
    assert signed_user(token, secret, to_microseconds(NOW)) == "ann"
    bare = claims.rstrip("=")
    token = bare + "." + hmac.new(secret.encode(), bare.encode(), hashlib.sha256).hexdigest()
    assert signed_user(token, secret, to_microseconds(NOW)) == "ann"


def test_a_browser_acts_for_the_person_of_its_token(client: TestClient, ann: dict[str, str]) -> None:
    assert client.post("/v1/events", json={"user_id": "ann", **BUY}, headers=ann).status_code == 200
    shown = client.post("/v1/recommend", json={"user_id": "ann", "k": 2}, headers=ann).json()
    name = shown["recommendation_id"]
    assert [item["item_id"] for item in shown["history"]] == ["i1"]
    assert client.get("/v1/recommend?user=ann", headers=ann).status_code == 200
    assert client.get(f"/v1/recommendations/{name}", headers=ann).json()["user_id"] == "ann"
    told = {"item_id": shown["items"][0]["item_id"], "event": "click"}
    assert client.post(f"/v1/recommendations/{name}/feedback", json=told, headers=ann).status_code == 200
    assert client.post("/v1/recommend", json={"cursor": name, "k": 2}, headers=ann).status_code == 200
    assert client.get("/v1/items/i1").status_code == 200


@pytest.mark.parametrize(
    ("method", "path", "body"),
    [
        ("GET", "/v1/recommend?user=ben", None),
        ("GET", "/v1/recommend?user=ann&user=ben", None),
        ("POST", "/v1/recommend", {"user_id": "ben"}),
        ("POST", "/v1/recommend", {"user_id": 7}),
        ("POST", "/v1/explain", {"user_id": "ben", "item_id": "i1"}),
        ("POST", "/v1/events", {"user_id": "ben", **BUY}),
        ("POST", "/v1/events", {"events": [{"user_id": "ann", **BUY}, {"user_id": "ben", **BUY}]}),
    ],
)
@pytest.mark.parametrize("with_token", [True, False])
def test_it_acts_for_nobody_else(
    client: TestClient, ann: dict[str, str], method: str, path: str, body: Any, with_token: bool
) -> None:
    answer = client.request(method, path, json=body, headers=ann if with_token else {})
    assert kind(answer) == (403, "somebody-else")
    service = client.app.state.service  # type: ignore[attr-defined]
    assert service.log == []


def test_the_type_of_the_content_changes_nothing(client: TestClient, ann: dict[str, str]) -> None:
    for content_type in ("text/plain", "application/json; charset=utf-8", "application/problem+json"):
        headers = {**ann, "Content-Type": content_type}
        answer = client.post("/v1/events", content=json.dumps({"user_id": "ben", **BUY}), headers=headers)
        assert kind(answer) == (403, "somebody-else")


def test_the_lists_of_others_stay_theirs(client: TestClient, made: tuple[Key, str], ann: dict[str, str]) -> None:
    ben = signed("ben", made)
    name = client.post("/v1/recommend", json={"user_id": "ann", "k": 2}, headers=ann).json()["recommendation_id"]
    for asks in (ben, {}):
        assert kind(client.get(f"/v1/recommendations/{name}", headers=asks)) == (403, "somebody-else")
        assert kind(client.post("/v1/recommend", json={"cursor": name}, headers=asks)) == (403, "somebody-else")
        assert kind(client.get(f"/v1/recommend?cursor={name}", headers=asks)) == (403, "somebody-else")
        told = {"item_id": "i0", "event": "click"}
        answer = client.post(f"/v1/recommendations/{name}/feedback", json=told, headers=asks)
        assert kind(answer) == (403, "somebody-else")
    assert kind(client.post("/v1/recommend", json={"cursor": "none"}, headers=ann)) == (422, "invalid-request")


def test_whoever_names_nobody_needs_no_token(client: TestClient) -> None:
    answer = client.post("/v1/recommend", json={"liked": ["i1"], "user_id": None}).json()
    assert answer["items"]
    assert client.get(f"/v1/recommendations/{answer['recommendation_id']}").status_code == 200


@pytest.mark.parametrize(
    "spoil",
    [
        lambda token: token[:-1] + ("0" if token[-1] != "0" else "1"),
        lambda token: token.partition(".")[0],
        lambda token: "." + token.partition(".")[2],
        lambda token: "",
        lambda token: "é" + token,
        lambda token: "a" * 10_000,
    ],
)
def test_a_token_that_was_changed_is_refused(client: TestClient, ann: dict[str, str], spoil: Any) -> None:
    spoilt = {name: spoil(token).encode() for name, token in ann.items()}
    answer = client.get("/v1/recommend?user=ann", headers=spoilt)  # type: ignore[arg-type]
    assert kind(answer) == (401, "user-token")
    assert "WWW-Authenticate" in answer.headers


def test_a_token_of_another_key_is_refused(client: TestClient) -> None:
    from tastemaker.server.keys import make_key

    other = signed("ann", make_key(["read"], signed_users=True))
    assert kind(client.get("/v1/recommend?user=ann", headers=other)) == (401, "user-token")


def test_a_token_expires(client: TestClient, made: tuple[Key, str]) -> None:
    assert client.get("/v1/recommend?user=ann", headers=signed("ann", made, SECOND + 1)).status_code == 200
    answer = client.get("/v1/recommend?user=ann", headers=signed("ann", made, SECOND))
    assert kind(answer) == (401, "user-token")
    assert "expired" in answer.json()["detail"]


@pytest.mark.parametrize("claims", [{}, {"user_id": 7, "expires": SECOND + 9}, {"user_id": "ann", "expires": None}, []])
def test_a_token_says_who_and_for_how_long(client: TestClient, made: tuple[Key, str], claims: Any) -> None:
    text = base64.urlsafe_b64encode(json.dumps(claims).encode())
    signature = hmac.new((made[0].signing or "").encode(), text, hashlib.sha256).hexdigest()
    headers = {"X-User-Token": f"{text.decode()}.{signature}"}
    assert kind(client.get("/v1/recommend", headers=headers)) == (401, "user-token")


def test_such_a_key_opens_no_pages(client: TestClient, made: tuple[Key, str]) -> None:
    password = base64.b64encode(f"x:{made[1]}".encode()).decode()
    answer = client.get("/", headers={"Authorization": f"Basic {password}", "Accept": "application/json"})
    assert kind(answer) == (403, "forbidden")


def test_such_a_key_allows_no_more_than_one_that_is_published() -> None:
    from tastemaker.core.errors import QueryError
    from tastemaker.server.keys import make_key

    with pytest.raises(QueryError, match="may not allow 'people'"):
        make_key(["read", "people"], signed_users=True)
    assert make_key(["read"], publishable=True)[0].signing is None


def test_the_key_does_not_tell_the_secret(made: tuple[Key, str]) -> None:
    key, token = made
    assert key.signing is not None
    assert key.signing.removeprefix("tms_") not in token
    assert token.rpartition("_")[2] not in key.signing
