"""The trials of a search as an optuna study: in memory, or in a folder where they outlive the process."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Any, Final

from tastemaker.core.errors import MissingExtraError, StorageError
from tastemaker.core.files import atomic_file
from tastemaker.data.locks import locked
from tastemaker.models.space import Integer, Real, Space
from tastemaker.models.tuning.record import Trial

JOURNAL: Final = "trials.journal"
DIRECTION: Final = ("maximize", "minimize")

_LOCK: Final = ".lock"
_STUDY: Final = "tastemaker"
_SEARCH: Final = "search"
_UNDER_WAY: Final = "under_way"
_MOST_STARTS: Final = 3


def optuna() -> Any:
    """Return the library.

    Raises:
        MissingExtraError: It is not installed.
    """
    try:
        import optuna as library
    except ImportError as error:
        raise MissingExtraError("a search over settings", "tune") from error
    return library


class Journal:
    """The finished trials of one search, and which one is under way.

    A trial is written when it is finished, whole; what was being tried when the process ended is tried again. Where
    that happens three times the trial is taken for the cause, for example because it needs more memory than there is.
    """

    def __init__(self, study: Any, space: Space) -> None:
        self._study = study
        self._space = space

    def trials(self) -> list[Trial]:
        """Return the finished trials in order."""
        found = self._study.get_trials(deepcopy=False)
        return [
            Trial(number, known["settings"], trial.value, known["seconds"], known["reason"], curve)
            for number, trial in enumerate(found, start=1)
            for known, curve in [(trial.user_attrs, tuple(trial.intermediate_values.values()))]
        ]

    def may_start(self, number: int) -> bool:
        """Note that a trial begins; say no if it has begun three times and never ended."""
        last, starts = self._study.user_attrs.get(_UNDER_WAY, (0, 0))
        starts = starts + 1 if last == number else 1
        self._study.set_user_attr(_UNDER_WAY, (number, starts))
        return bool(starts <= _MOST_STARTS)

    def take_back_start(self) -> None:
        """Note that a trial ended for a reason that says nothing about its settings, such as Ctrl-C."""
        self._study.set_user_attr(_UNDER_WAY, (0, 0))

    def add(self, trial: Trial) -> None:
        """Keep a finished trial."""
        self._study.add_trial(frozen(trial, self._space))


def distributions(space: Space) -> dict[str, Any]:
    """Return a space in the terms of optuna."""
    kinds = optuna().distributions
    found: dict[str, Any] = {}
    for name, parameter in space.items():
        if isinstance(parameter, Integer):
            found[name] = kinds.IntDistribution(parameter.low, parameter.high, log=parameter.log)
        elif isinstance(parameter, Real):
            found[name] = kinds.FloatDistribution(parameter.low, parameter.high, log=parameter.log)
        else:
            found[name] = kinds.CategoricalDistribution(parameter.values)
    return found


def frozen(trial: Trial, space: Space) -> Any:
    """Return a finished trial in the terms of optuna; a default that lies outside the space is none of its points."""
    inside = {name: trial.settings[name] for name, parameter in space.items() if trial.settings[name] in parameter}
    known = {name: about for name, about in distributions(space).items() if name in inside}
    states = optuna().trial.TrialState
    ended = states.PRUNED if trial.given_up else states.FAIL
    return optuna().trial.create_trial(
        state=ended if trial.value is None else states.COMPLETE,
        value=trial.value,
        intermediate_values=dict(enumerate(trial.curve, start=1)),
        params=inside,
        distributions=known,
        user_attrs={"settings": trial.settings, "seconds": trial.seconds, "reason": trial.reason},
    )


@contextmanager
def opened(folder: Path | None, search: Mapping[str, Any], space: Space, *, lower: bool = False) -> Iterator[Journal]:
    """Yield the journal of a search; no other process can open the same folder meanwhile.

    Args:
        folder: Where it is; ``None`` for one that is forgotten.
        search: What the search is about: JSON values by words for them.
        space: What may be tried.
        lower: Whether the lowest value is the best.

    Raises:
        MissingExtraError: optuna is not installed.
        StorageError: The folder cannot be written, is in use, is damaged, or holds a search about something else.
    """
    library = optuna()
    before = library.logging.get_verbosity()
    library.logging.set_verbosity(library.logging.WARNING)
    try:
        if folder is None:
            yield Journal(library.create_study(direction=DIRECTION[lower]), space)
            return
        with _alone(folder):
            study = _study(library, folder / JOURNAL, DIRECTION[lower])
            _need_same(study, search, folder)
            yield Journal(study, space)
    finally:
        library.logging.set_verbosity(before)


@contextmanager
def _alone(folder: Path) -> Iterator[None]:
    def refuse(_: str) -> None:
        raise StorageError(
            "another process searches in this folder", where=str(folder), remedy="Wait for it, or name another folder."
        )

    try:
        folder.mkdir(parents=True, exist_ok=True)
        (folder / _LOCK).touch()
    except OSError as error:
        raise StorageError(
            f"could not write: {error.strerror or error}", where=str(folder), remedy="Choose another folder."
        ) from error
    with locked(folder / _LOCK, "trials", refuse):
        if not (folder / JOURNAL).exists() and any(not path.name.startswith(".") for path in folder.iterdir()):
            raise StorageError(
                f"the folder holds other things, and no search (it has no {JOURNAL})",
                where=str(folder),
                remedy="Name a new or an empty folder.",
            )
        yield


def _study(library: Any, path: Path, direction: str) -> Any:
    """Open the journal, or begin one; what a process left half-done that was killed while it wrote is cleared away."""
    path.with_name(f"{path.name}.lock").unlink(missing_ok=True)  # nobody else is here, see `_alone`
    try:
        _drop_torn_line(path)
        backend = library.storages.journal.JournalFileBackend(str(path.resolve()))
        storage = library.storages.JournalStorage(backend)
        if _STUDY in library.get_all_study_names(storage):
            return library.load_study(study_name=_STUDY, storage=storage)
        return library.create_study(study_name=_STUDY, storage=storage, direction=direction)
    except (ValueError, KeyError, TypeError) as error:
        raise StorageError(
            f"the trials cannot be read: {error}", where=str(path), remedy="Name another folder, or remove this one."
        ) from error


def _drop_torn_line(path: Path) -> None:
    written = path.read_bytes() if path.exists() else b""
    if written and not written.endswith(b"\n"):
        with atomic_file(path) as temporary:
            temporary.write_bytes(written[: written.rfind(b"\n") + 1])


def _need_same(study: Any, search: Mapping[str, Any], folder: Path) -> None:
    """Refuse to go on with a search about something else; a new one is told what it is about."""
    begun = study.user_attrs.get(_SEARCH)
    if begun is None:
        study.set_user_attr(_SEARCH, dict(search))
        return
    unequal = _unequal(begun, search)
    if "model" in unequal:
        unequal = [name for name in unequal if not isinstance(search[name], Mapping)]
    if differences := [_difference(name, begun.get(name), search.get(name)) for name in unequal]:
        raise StorageError(
            f"the folder holds another search: {'; '.join(differences)}",
            where=str(folder),
            remedy="Name another folder, or ask for what was begun there.",
        )


def _unequal(begun: Mapping[str, Any], search: Mapping[str, Any]) -> list[str]:
    return [name for name in {**search, **begun} if begun.get(name) != search.get(name)]


def _difference(name: str, there: Any, here: Any) -> str:
    if isinstance(there, Mapping) and isinstance(here, Mapping):
        return f"another {name} for {', '.join(_unequal(there, here))}"
    return f"{name} {there} there, {here} here"
