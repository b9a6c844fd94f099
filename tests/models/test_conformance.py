"""Every model that is shipped keeps the contract."""

from __future__ import annotations

import pytest
from tests.models.small import cases, small

from tastemaker.models import MODELS
from tastemaker.testing.conformance import RULES, Factory, check_recommender


@pytest.mark.parametrize("name", cases())
@pytest.mark.parametrize("rule", RULES, ids=lambda rule: rule.__name__)
def test_keeps_the_rule(name: str, rule) -> None:  # type: ignore[no-untyped-def]
    rule(lambda: small(name))


def test_the_suite_finds_a_broken_model() -> None:
    popularity = MODELS["popularity"]

    class Repeats(popularity):  # type: ignore[misc, valid-type]
        def _top(self, scores, k):  # type: ignore[no-untyped-def]
            items, values = super()._top(scores, k)
            return items.repeat(2)[:k], values.repeat(2)[:k]

    broken: Factory = Repeats
    with pytest.raises(AssertionError, match="distinct"):
        check_recommender(broken)
