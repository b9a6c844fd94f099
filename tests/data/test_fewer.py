"""Some of the people, and only what they touched."""

from __future__ import annotations

import pytest

from tastemaker.core.errors import DataError
from tastemaker.core.run import Run
from tastemaker.data.fewer import some_people
from tastemaker.testing import small_shop


def test_some_people_are_kept_whole_with_what_they_touched() -> None:
    shop = small_shop(users=40)
    less = some_people(shop, 0.25, Run(seed=3))
    people = list(less.sequences.user_ids)
    assert len(people) == 10
    assert all(less.history(person) == shop.history(person) for person in people)
    touched = {item for person in people for item in shop.history(person)}
    assert set(less.items.ids) == touched
    assert set(less.catalogue.frame["item_id"]) == touched


def test_the_seed_draws_them() -> None:
    drawn = [list(some_people(small_shop(), 0.5, Run(seed=seed)).sequences.user_ids) for seed in (0, 0, 1)]
    assert drawn[0] == drawn[1] != drawn[2]


def test_all_of_them_are_the_data_set_itself() -> None:
    shop = small_shop()
    assert some_people(shop, 1.0, Run()) is shop


@pytest.mark.parametrize("share", [0.0, -0.1, 1.5])
def test_a_share_out_of_range_is_refused(share: float) -> None:
    with pytest.raises(DataError, match="share"):
        some_people(small_shop(), share, Run())
