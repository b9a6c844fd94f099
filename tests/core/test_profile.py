"""A profile holds plain values, and not too many of them."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

from tastemaker.core.errors import QueryError
from tastemaker.core.query import Query


def test_a_profile_is_kept_as_plain_values() -> None:
    given = {"age": np.int64(31), "likes": ("the sea", " trains "), "place": " Riga ", "member": True, "left": None}
    query = Query(profile={**given, "empty": "", "none": []})
    assert query.profile == {"age": 31, "likes": ["the sea", "trains"], "place": "Riga", "member": True}
    assert hash(query) == hash(Query())


@pytest.mark.parametrize(
    ("profile", "message"),
    [
        (["place"], "a profile gives names their values"),
        ({f"a{n}": 1 for n in range(33)}, "at most 32 attributes, not 33"),
        ({"": 1}, "from 1 to 64 characters"),
        ({"n" * 65: 1}, "from 1 to 64 characters"),
        ({1: 1}, "from 1 to 64 characters"),
        ({"text": "x" * 501}, "at most 500 characters, not 501"),
        ({"likes": ["x"] * 21}, "at most 20 values"),
        ({"likes": [["x"]]}, "of the kind list"),
        ({"place": {"city": "Riga"}}, "of the kind dict"),
        ({"height": float("nan")}, "not a number"),
    ],
)
def test_a_profile_out_of_bounds_is_refused(profile: Any, message: str) -> None:
    with pytest.raises(QueryError, match=message):
        Query(profile=profile)
