"""A tenant's name is safe as the name of a folder."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tastemaker.core.errors import QueryError
from tastemaker.core.tenant import Tenant


@pytest.mark.parametrize("name", ["default", "a", "9", "book-shop-2", "a" * 63])
def test_letters_digits_and_hyphens_make_a_name(name: str) -> None:
    assert Tenant(name).name == name


@pytest.mark.parametrize(
    "name", ["", "-shop", "Shop", "..", "a/b", "a\\b", "a" * 64, "shop\n", "büro", "a b", "a.b", "a_b"]
)
def test_other_names_are_refused_and_the_rule_is_given(name: str) -> None:
    with pytest.raises(QueryError, match=r"is not a tenant's name.*1 to 63 lower-case letters"):
        Tenant(name)


@given(st.text(max_size=70))
def test_no_name_leaves_its_folder(name: str) -> None:
    try:
        tenant = Tenant(name)
    except QueryError:
        return
    assert tenant.name.isascii()
    assert not set(tenant.name) & set("./\\ \n\0")


def test_equal_names_are_equal_tenants() -> None:
    assert Tenant("a") == Tenant("a")
    assert len({Tenant("a"), Tenant("a"), Tenant()}) == 2
