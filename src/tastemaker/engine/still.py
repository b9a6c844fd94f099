"""People as a data set knows them: stored histories and profiles that nothing is added to."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime
from types import MappingProxyType

import numpy as np
from numpy.typing import NDArray

from tastemaker.core.query import Event
from tastemaker.data.dataset import Dataset
from tastemaker.engine.people_items import Numbering
from tastemaker.engine.people_state import Barred
from tastemaker.pipeline.stage import Person


class StillPeople:
    """The people of a data set.

    Args:
        dataset: Their events, and what is known of them.
    """

    def __init__(self, dataset: Dataset) -> None:
        self._dataset = dataset

    def person(self, user_id: str | None, shelf: Numbering, now: datetime, session: Sequence[Event] = ()) -> Person:
        """Return somebody; of somebody unknown nothing is known."""
        if user_id is None:
            return Person()
        history = self._dataset.rated_history(user_id)
        users = self._dataset.users
        return Person(
            user_id=user_id,
            version=len(history),
            history=history,
            seen=_seen(history, shelf),
            profile=MappingProxyType({} if users is None else users.profile(user_id)),
        )

    def barred(self, user_id: str, shelf: Numbering) -> Barred:
        """Return what somebody has touched; of nobody it is known that they hid anything for good."""
        return _seen(self._dataset.rated_history(user_id), shelf), np.empty(0, np.int32)


def _seen(history: Sequence[Event], shelf: Numbering) -> NDArray[np.int32]:
    return np.unique(shelf.numbers([event.item_id for event in history])).astype(np.int32)
