"""What every store of API keys keeps."""

from __future__ import annotations

from dataclasses import replace

from tests.store.contracts.opening import OpenStore

from tastemaker.store.ports import Key

KEY = Key(
    key_id="tm_1",
    tenant="shop",
    secret_hash="ab" * 32,
    scopes=frozenset({"read", "write"}),
    name="the ☃ site",
    created=5,
    expires=99,
)


class KeysContract:
    def test_a_key_comes_back_as_it_was_put(self, open_store: OpenStore) -> None:
        store = open_store()
        store.keys.put(KEY)
        assert (store.keys.get("tm_1"), store.keys.get("tm_2")) == (KEY, None)
        assert open_store().keys.get("tm_1") == KEY

    def test_a_key_may_never_expire_and_allow_nothing(self, open_store: OpenStore) -> None:
        keys = open_store().keys
        bare = replace(KEY, scopes=frozenset(), expires=None)
        keys.put(bare)
        assert keys.get("tm_1") == bare

    def test_a_key_is_replaced_by_one_of_the_same_name(self, open_store: OpenStore) -> None:
        keys = open_store().keys
        keys.put(KEY)
        keys.put(replace(KEY, name="renamed"))
        assert keys.all() == [replace(KEY, name="renamed")]

    def test_a_key_may_have_a_secret_to_sign_with(self, open_store: OpenStore) -> None:
        signing = replace(KEY, signing="tms_" + "cd" * 32)
        open_store().keys.put(signing)
        assert open_store().keys.get("tm_1") == signing

    def test_a_key_that_was_taken_back_says_since_when(self, open_store: OpenStore) -> None:
        keys = open_store().keys
        keys.put(KEY)
        assert keys.revoke("tm_1", 50)
        assert keys.revoke("tm_1", 70)
        assert open_store().keys.get("tm_1") == replace(KEY, revoked=50)

    def test_what_is_not_there_cannot_be_taken_back(self, open_store: OpenStore) -> None:
        assert not open_store().keys.revoke("tm_1", 50)

    def test_keys_come_oldest_first_those_taken_back_included(self, open_store: OpenStore) -> None:
        keys = open_store().keys
        for key_id, created, tenant in [("c", 3, "shop"), ("a", 9, "shop"), ("b", 1, "cinema")]:
            keys.put(replace(KEY, key_id=key_id, created=created, tenant=tenant))
        keys.revoke("c", 10)
        assert [key.key_id for key in keys.all()] == ["b", "c", "a"]
        assert [key.key_id for key in keys.all("shop")] == ["c", "a"]
        assert keys.all("nobody") == []
