"""The check that profiles have not seen what a model that reads them is to be tested on."""

from __future__ import annotations

from collections.abc import Iterable

import numpy as np

from tastemaker.core.errors import LeakError
from tastemaker.data.heldout import HeldOut
from tastemaker.profiles.profile import Profile


def refuse_seen(profiles: Iterable[Profile], held: HeldOut, dataset: str = "") -> None:
    """Raise `LeakError` if a profile has seen an event that is held out.

    A model that takes profiles over has their rows in its provenance, so that evaluation refuses it by itself; this is
    for profiles by themselves, and says whose they are.

    Args:
        profiles: The profiles.
        held: What is held out.
        dataset: Name of the data set that it belongs to; profiles of another version of it are refused, too, since
            nothing shows what they have seen.
    """
    leaks: dict[str, int] = {}
    for profile in profiles:
        if profile.cut.fingerprint == held.fingerprint:
            seen = int(np.isin(held.rows, np.asarray(profile.cut.rows, dtype=np.int64)).sum())
            if seen:
                leaks[profile.about] = seen
        elif dataset and profile.cut.dataset == dataset:
            raise LeakError(
                f"the profile of '{profile.about}' was made on another version of the data",
                where=dataset,
                remedy="Make the profiles again on the training part of this split.",
            )
    if leaks:
        worst = max(leaks, key=lambda about: leaks[about])
        raise LeakError(
            f"{len(leaks)} profiles have seen held-out events, that of '{worst}' {leaks[worst]} of them",
            remedy="Make them on the training part of the split; profiles of all events serve and are never evaluated.",
        )
