"""`tastemaker keys`: a key is shown once, listed by its id, and can be taken back."""

from __future__ import annotations

import json
import re
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from typer.testing import CliRunner

from tastemaker.cli import app

pytestmark = pytest.mark.needs_extra("serve")

TOKEN = re.compile(r"tmk_([0-9a-f]{12})_([0-9a-f]{64})")


@pytest.fixture
def keys(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Callable[..., Any]:
    """Run `tastemaker keys` in an empty folder; return exit code, standard output and standard error."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("COLUMNS", "160")

    def run(*words: str) -> tuple[int, str, str]:
        result = CliRunner().invoke(app, ["keys", *words])
        assert result.exception is None or isinstance(result.exception, SystemExit), result.exception
        return result.exit_code, result.stdout, result.stderr

    return run


def test_a_key_is_shown_once_and_only_its_hash_is_kept(keys: Callable[..., Any], tmp_path: Path) -> None:
    code, out, err = keys("create", "--name", "web shop", "--scope", "read", "--scope", "people")
    assert code == 0
    match = TOKEN.fullmatch(out.strip())
    assert match is not None
    assert f"Key {match[1]} allows people, read. It is not shown again." in err
    code, listed, _ = keys("list")
    assert code == 0
    assert match[1] in listed
    assert "web shop" in listed
    assert match[2] not in listed + err
    assert all(match[2].encode() not in file.read_bytes() for file in (tmp_path / "store").rglob("*") if file.is_file())


def test_a_key_opens_a_server_over_the_same_store(keys: Callable[..., Any]) -> None:
    from starlette.datastructures import Headers

    from tastemaker.server.keys import KeyRing
    from tastemaker.server.refusals import KeyTooNarrow
    from tastemaker.store import open_store

    _, out, _ = keys("create")
    store = open_store("store")
    try:
        ring = KeyRing(store.keys)
        headers = Headers({"x-api-key": out.strip()})
        match = TOKEN.fullmatch(out.strip())
        assert match is not None
        assert [key and key.key_id for key in (ring.check(headers, scope) for scope in ("read", "events"))] == [
            match[1]
        ] * 2
        with pytest.raises(KeyTooNarrow):
            ring.check(headers, "people")
    finally:
        store.close()


def test_keys_as_json(keys: Callable[..., Any]) -> None:
    made = json.loads(keys("create", "--publishable", "--days", "30", "--json")[1])
    assert TOKEN.fullmatch(made["key"])
    (listed,) = json.loads(keys("list", "--json")[1])["keys"]
    assert listed == {name: value for name, value in made.items() if name != "key"}
    assert (listed["scopes"], listed["state"], listed["revoked"]) == (["events", "read"], "good", None)
    assert listed["created"] < listed["expires"]
    assert json.loads(keys("revoke", listed["key_id"], "--json")[1]) == {"revoked": listed["key_id"]}
    assert json.loads(keys("list", "--json")[1])["keys"][0]["state"] == "revoked"


def test_a_key_that_was_good_until_now_is_listed_as_expired(keys: Callable[..., Any]) -> None:
    keys("create", "--days", "0")
    assert "expired" in keys("list")[1]


def test_what_cannot_be_is_refused_with_a_way_out(keys: Callable[..., Any]) -> None:
    assert "There are no keys" in keys("list")[1]
    code, _, err = keys("create", "--scope", "reed")
    assert (code, "Did you mean 'read'?" in err) == (7, True)
    code, _, err = keys("create", "--publishable", "--scope", "admin")
    assert (code, "may not allow 'admin'" in err) == (7, True)
    code, _, err = keys("revoke", "nobody")
    assert (code, "there is no key 'nobody'" in err) == (7, True)
    assert json.loads(keys("list", "--json")[1]) == {"keys": []}


def test_the_store_is_the_configured_one_or_the_named_one(keys: Callable[..., Any], tmp_path: Path) -> None:
    (tmp_path / "tastemaker.toml").write_text('[serve]\nstore = "kept/here"\n')
    keys("create")
    keys("create", "--store", "there")
    assert (tmp_path / "kept" / "here").is_dir()
    assert (tmp_path / "there").is_dir()
    assert len(json.loads(keys("list", "--json")[1])["keys"]) == 1


def test_a_key_for_signed_users_comes_with_the_secret_that_signs(keys: Callable[..., Any]) -> None:
    code, out, err = keys("create", "--signed-users")
    token, secret = out.split()
    assert code == 0
    assert TOKEN.fullmatch(token)
    assert re.fullmatch("tms_[0-9a-f]{64}", secret)
    assert "stays on your server" in err
    made = json.loads(keys("create", "--signed-users", "--scope", "read", "--json")[1])
    assert (made["scopes"], made["signed_users"]) == (["read"], True)
    assert made["signing_secret"] not in keys("list", "--json")[1]
    assert keys("create", "--signed-users", "--scope", "admin")[0] != 0
