"""What every store keeps as a whole: tenants apart, erasures that can be proven, back-ups that open."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from tests.store.contracts.opening import CINEMA, SHOP, Contract, OpenStore

from tastemaker.core.errors import StorageError
from tastemaker.core.tenant import Tenant
from tastemaker.store.ports import Key, NewEvent, Served, Snapshot, Store, TenantStore


def fill(tenant: TenantStore, folder: Path, said: str = "likes rain") -> None:
    """Write something of ann and bob into every table."""
    for name in ("ann", "bob"):
        about = {"of": name, "note": f"{name} {said}"}
        sent = {"item_id": "i", "event": "view", "timestamp": 1, "session_id": f"visit of {name}"}
        tenant.events.append([NewEvent(event_id=f"e-{name}", user_id=name, context=about, **sent)])  # type: ignore[arg-type]
        tenant.events.merge(f"{name}'s phone", name)
        tenant.people.put({name: about})
        tenant.states.put([Snapshot(name, 1, "code", f"{name} {said}".encode())])
        shown = Served(
            recommendation_id=f"r-{name}", user_id=name, scenario="home", at=1, item_ids=("i",), details=about
        )
        tenant.served.submit([shown]).result()
        tenant.vectors.put("taste", [name], np.ones((1, 3), np.float32))
    tenant.items.put({"i": {"title": "Umbrella"}})
    tenant.jobs.enqueue("train", {"model": "ease"}, run_at=1)
    tenant.notes.put("data set", "umbrellas")
    folder.mkdir()
    (folder / "weights").write_text(said)
    tenant.artefacts.point("live", tenant.artefacts.put("model", folder, {"ndcg": 0.1}).artefact_id)


def erase(tenant: TenantStore, name: str) -> None:
    tenant.events.erase(name)
    tenant.people.delete([name])
    tenant.states.delete(name)
    tenant.served.erase(name)
    tenant.vectors.delete("taste", [name])


class StoreContract(Contract):
    def test_it_is_a_store(self, open_store: OpenStore) -> None:
        store = open_store()
        assert isinstance(store, Store)
        assert isinstance(store.for_tenant(SHOP), TenantStore)

    def test_a_tenant_is_the_same_object_every_time(self, open_store: OpenStore) -> None:
        store = open_store()
        assert store.for_tenant(SHOP) is store.for_tenant(Tenant("shop"))
        assert store.for_tenant(SHOP).tenant == SHOP

    def test_tenants_come_by_name(self, open_store: OpenStore) -> None:
        store = open_store()
        assert store.tenants() == []
        for tenant in (SHOP, CINEMA):
            store.for_tenant(tenant)
        assert store.tenants() == open_store().tenants() == [CINEMA, SHOP]

    def test_nothing_of_one_tenant_is_seen_by_another(self, open_store: OpenStore, tmp_path: Path) -> None:
        store = open_store()
        shop, cinema = store.for_tenant(SHOP), store.for_tenant(CINEMA)
        fill(shop, tmp_path / "model")
        artefact = shop.artefacts.of_kind("model")[0]
        assert cinema.holds("ann") == cinema.holds("rain") == []
        assert (len(cinema.events), len(cinema.items), len(cinema.people)) == (0, 0, 0)
        assert cinema.events.current("ann's phone") == "ann's phone"
        assert (cinema.states.get("ann", "code"), cinema.served.get("r-ann")) == (None, None)
        assert (cinema.vectors.spaces(), cinema.jobs.newest(), cinema.notes.get("data set")) == ({}, [], None)
        assert cinema.artefacts.pointed("live") is None
        with pytest.raises(StorageError, match="no such artefact"):
            cinema.artefacts.open(artefact.artefact_id)

    def test_every_place_that_holds_a_text_is_named(self, tenant: TenantStore, tmp_path: Path) -> None:
        fill(tenant, tmp_path / "model")
        assert set(tenant.holds("ann")) == {
            "aliases.source",
            "aliases.target",
            "events.context",
            "events.event_id",
            "events.session_id",
            "events.user_id",
            "people.content",
            "people.id",
            "served.details",
            "served.recommendation_id",
            "served.user_id",
            "states.content",
            "states.user_id",
            "vectors.id",
        }
        assert tenant.holds("nobody") == []

    @pytest.mark.parametrize("said", ['"quoted" \\ and\nbroken', "Zürich ☃", "'); DROP TABLE events; --", "100 %_"])
    def test_awkward_texts_are_found_wherever_they_are(self, tenant: TenantStore, tmp_path: Path, said: str) -> None:
        fill(tenant, tmp_path / "model", said)
        assert tenant.holds(said) == tenant.holds(f"ann {said}")
        assert set(tenant.holds(said)) == {"events.context", "people.content", "served.details", "states.content"}

    def test_after_an_erasure_nothing_holds_the_person_and_all_of_the_other_is_there(
        self, tenant: TenantStore, tmp_path: Path
    ) -> None:
        fill(tenant, tmp_path / "model")
        of_bob = tenant.holds("bob")
        erase(tenant, "ann")
        assert tenant.holds("ann") == []
        assert tenant.holds("bob") == of_bob
        assert len(tenant.events.of_user("bob")) == 1

    def test_a_store_opens_on_its_back_up(self, open_store: OpenStore, tmp_path: Path) -> None:
        store = open_store()
        fill(store.for_tenant(SHOP), tmp_path / "model")
        store.for_tenant(CINEMA).items.put({"film": {"title": "Heat"}})
        store.keys.put(Key(key_id="k", tenant="shop", secret_hash="ab", scopes=frozenset(), name="", created=1))
        store.backup(open_store.place("copy"))
        erase(store.for_tenant(SHOP), "ann")
        copy = open_store("copy")
        shop = copy.for_tenant(SHOP)
        assert (copy.tenants(), len(copy.keys.all())) == ([CINEMA, SHOP], 1)
        assert [stored.event.event_id for stored in shop.events.after(0)] == ["e-ann", "e-bob"]
        assert shop.events.current("ann's phone") == "ann"
        assert shop.vectors.search("taste", np.ones((1, 3), np.float32), 1) == [[("ann", 3.0)]]
        live = shop.artefacts.pointed("live")
        assert live is not None
        assert (shop.artefacts.open(live.artefact_id) / "weights").read_text() == "likes rain"
        assert copy.for_tenant(CINEMA).items.get(["film"]) == {"film": {"title": "Heat"}}

    def test_a_back_up_goes_its_own_way(self, open_store: OpenStore) -> None:
        store = open_store()
        store.for_tenant(SHOP).items.put({"a": {}})
        store.backup(open_store.place("copy"))
        open_store("copy").for_tenant(SHOP).items.put({"b": {}})
        store.for_tenant(SHOP).items.put({"c": {}})
        assert [name for name, _ in store.for_tenant(SHOP).items.scan()] == ["a", "c"]
        assert [name for name, _ in open_store("copy").for_tenant(SHOP).items.scan()] == ["a", "b"]

    def test_a_back_up_needs_a_place_of_its_own(self, open_store: OpenStore, tmp_path: Path) -> None:
        (tmp_path / "taken").mkdir()
        (tmp_path / "taken" / "note").write_text("mine")
        with pytest.raises(StorageError, match="not empty"):
            open_store().backup(tmp_path / "taken")
        assert [path.name for path in (tmp_path / "taken").iterdir()] == ["note"]

    def test_a_back_up_that_cannot_be_written_leaves_nothing(self, open_store: OpenStore, tmp_path: Path) -> None:
        store = open_store()
        store.for_tenant(SHOP)
        (tmp_path / "file").write_text("in the way")
        with pytest.raises(StorageError):
            store.backup(tmp_path / "file" / "copy")
        assert (tmp_path / "file").read_text() == "in the way"

    def test_a_closed_tenant_is_opened_again(self, open_store: OpenStore) -> None:
        store = open_store()
        store.for_tenant(SHOP).items.put({"a": {}})
        store.for_tenant(SHOP).close()
        assert len(store.for_tenant(SHOP).items) == 1

    def test_a_closed_store_says_so(self, open_store: OpenStore) -> None:
        store = open_store()
        tenant = store.for_tenant(SHOP)
        store.close()
        store.close()
        for use in (lambda: store.for_tenant(CINEMA), lambda: tenant.items.put({"a": {}}), lambda: store.keys.all()):
            with pytest.raises(StorageError, match="closed"):
                use()
