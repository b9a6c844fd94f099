"""People as a data set knows them: stored histories and profiles that nothing is added to."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime
from types import MappingProxyType

import numpy as np

from tastemaker.core.query import Event
from tastemaker.data.dataset import Dataset
from tastemaker.engine.people_items import Numbering
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
            seen=np.unique(shelf.numbers([event.item_id for event in history])).astype(np.int32),
            profile=MappingProxyType({} if users is None else users.profile(user_id)),
        )
