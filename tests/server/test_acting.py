"""On the page of a live engine a like or a refusal of somebody is kept as their event, and the next list goes by it."""

from __future__ import annotations

import re
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path
from typing import TYPE_CHECKING

import pytest
from tests.server.conftest import connect, small_shop

from tastemaker.core.run import Run
from tastemaker.core.tenant import Tenant
from tastemaker.engine import Engine
from tastemaker.engine.intake import take_in
from tastemaker.models import SequentialRules
from tastemaker.store import open_store

if TYPE_CHECKING:
    from fastapi.testclient import TestClient

pytestmark = pytest.mark.needs_extra("serve")
SAME_SITE = {"sec-fetch-site": "same-origin", "origin": "http://testserver"}


@pytest.fixture
def engine(tmp_path: Path) -> Iterator[Engine]:
    dataset = small_shop()
    with closing(open_store(tmp_path)) as store:
        tenant = store.for_tenant(Tenant())
        take_in(dataset, tenant, Run())
        engine = Engine(SequentialRules().fit(dataset), store=tenant)
        yield engine
        engine.flush()


@pytest.fixture
def client(engine: Engine) -> Iterator[TestClient]:
    with connect(engine) as client:
        yield client


def offered(client: TestClient, user: str) -> list[str]:
    page = client.get("/", params={"user": user}).text
    recommended = page[page.index('id="recommendations"') :]
    return list(dict.fromkeys(re.findall(r'name="item" value="([^"]+)"', recommended)))


def say(client: TestClient, headers: dict[str, str] | None = None, **said: str) -> int:
    form = {"user": "u1", "event": "like", "back": "/?user=u1", **said}
    return client.post("/act", data=form, headers=headers or SAME_SITE, follow_redirects=False).status_code


def test_what_somebody_turns_down_is_gone_from_the_list_and_from_the_interface(client: TestClient) -> None:
    first = offered(client, "u1")[0]
    assert say(client, item=first, event="hide") == 303
    assert first not in offered(client, "u1")
    answer = client.get("/v1/recommend", params={"user": "u1", "k": 40}).json()
    assert first not in [item["item_id"] for item in answer["items"]]


def test_what_somebody_likes_changes_the_list(client: TestClient) -> None:
    before = offered(client, "newcomer")
    client.post("/v1/events", json={"user_id": "newcomer", "item_id": "i20", "event": "view"})
    seen = offered(client, "newcomer")
    assert say(client, user="newcomer", item="i3") == 303
    after = offered(client, "newcomer")
    assert len({tuple(before), tuple(seen), tuple(after)}) == 3


def test_nobodys_likes_stay_in_the_address(client: TestClient, engine: Engine) -> None:
    before = engine.facts()["events"]
    page = client.get("/").text
    assert 'action="/act"' not in page
    assert "nowhere else" in page
    assert engine.facts()["events"] == before


@pytest.mark.parametrize(
    "headers",
    [{"origin": "http://elsewhere.example"}, {"sec-fetch-site": "cross-site"}, {"sec-fetch-site": "same-site"}],
)
def test_another_site_cannot_speak_for_somebody(client: TestClient, engine: Engine, headers: dict[str, str]) -> None:
    before = engine.facts()["events"]
    assert say(client, headers, item="i3") == 403
    assert engine.facts()["events"] == before


@pytest.mark.parametrize(
    "said",
    [
        {"back": "https://elsewhere.example/"},
        {"back": "//elsewhere.example/"},
        {"back": "/\\elsewhere.example"},
        {"event": "buy"},
        {"user": ""},
        {"user": "u" * 600},
    ],
)
def test_a_form_that_is_not_the_pages_own_is_refused(client: TestClient, engine: Engine, said: dict[str, str]) -> None:
    before = engine.facts()["events"]
    assert say(client, None, **{"item": "i3", **said}) == 400
    assert engine.facts()["events"] == before


def test_an_item_that_is_not_there_cannot_be_liked(client: TestClient) -> None:
    assert say(client, item="nothing") == 404
