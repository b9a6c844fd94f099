"""Settings that `tastemaker tune` found, for the commands that make models."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

if TYPE_CHECKING:
    from tastemaker.data import EventSplit, Split
    from tastemaker.evaluation import Comparison
    from tastemaker.models import Tuning

Tuned = Annotated[
    list[Path] | None,
    typer.Option(
        "--tuned",
        metavar="FOLDER",
        help="Take the settings that `tune` kept there, or in folders in it; again for more.",
    ),
]


def read(folders: Iterable[Path] | None, *, rankings: bool = False) -> dict[str, Tuning]:
    """Return what was found for each model.

    Args:
        folders: Folders of searches, or folders with such folders inside.
        rankings: Pass over searches inside a folder that go by predictions of ratings or clicks.

    Raises:
        StorageError: A folder holds no result of a search, or a damaged one.
    """
    if not folders:
        return {}
    from tastemaker.models.tuning import read_tuning
    from tastemaker.models.tuning.record import NDCG, RESULT

    found: dict[str, Tuning] = {}
    for folder in folders:
        inside = [] if (folder / RESULT).exists() else sorted(path.parent for path in folder.glob(f"*/{RESULT}"))
        for each in inside or [folder]:
            tuning = read_tuning(each)
            if rankings and tuning.metric != NDCG:
                if each is folder:
                    raise typer.BadParameter(
                        f"{tuning.model} was tuned by {tuning.metric}, not to rank", param_hint="--tuned"
                    )
                continue
            if tuning.model in found:
                raise typer.BadParameter(f"there are two searches for '{tuning.model}'", param_hint="--tuned")
            found[tuning.model] = tuning
    return found


def overrides(tunings: Mapping[str, Tuning]) -> dict[str, Any]:
    """Return what was found in the form of settings from the command line."""
    return {
        f"models.{name}": {key: value for key, value in tuning.settings.items() if value is not None}
        for name, tuning in tunings.items()
    }


def refuse_other_split(tunings: Mapping[str, Tuning], split: Split | EventSplit) -> None:
    """Refuse settings that may have been chosen on what is tested now.

    Raises:
        LeakError: They were chosen on another split.
    """
    from tastemaker.core.errors import LeakError

    for name, tuning in tunings.items():
        if tuning.split_hash != split.hash:
            raise LeakError(
                f"the settings of {name} were chosen on another split ({tuning.protocol} {tuning.split_hash}, here "
                f"{split.protocol} {split.hash}), so they may know the answers of this test",
                where=tuning.dataset,
                remedy="Run `tastemaker tune` with the same data, protocol, knobs and seed as this command.",
            )


def trials(tunings: Mapping[str, Tuning], model: str) -> int:
    """Return how many settings were tried by searches before a model, or a source of a fusion, was made."""
    from tastemaker.models import MODELS, Fusion

    kind = MODELS.get(model)
    names = [model, *(kind.usual if kind is not None and issubclass(kind, Fusion) else ())]
    return sum(len(tunings[name].trials) for name in names if name in tunings)


def noted(comparison: Comparison, tunings: Mapping[str, Tuning], tables: Mapping[str, Any]) -> Comparison:
    """Return a comparison that counts the trials of searches, and says whose settings were given."""
    from tastemaker.evaluation.written import seconds

    rows = [replace(row, settings_tried=row.settings_tried + trials(tunings, row.model)) for row in comparison.rows]
    searched = {
        name: f"by {len(tuning.trials)} trials in {seconds(tuning.seconds)}, which its time leaves out"
        for name, tuning in tunings.items()
    }
    by_hand = dict.fromkeys((name for name in tables if name not in tunings), "by hand")
    chosen = {"settings_given": {**searched, **by_hand}} if searched or by_hand else {}
    return replace(comparison, rows=rows, knobs={**comparison.knobs, **chosen})
