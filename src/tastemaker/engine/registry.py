"""The models of a tenant: where each came from, which one is live, and what came before. How one is tested: `trial`."""

from __future__ import annotations

import hashlib
import threading
from collections import Counter
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from pathlib import Path
from types import MappingProxyType
from typing import TYPE_CHECKING, Any, Final

from tastemaker.core.errors import ModelError, StorageError
from tastemaker.store.ports import Artefact, Row, TenantStore

if TYPE_CHECKING:
    from tastemaker.engine.frozen import FrozenQueries
    from tastemaker.engine.trial import Verdict

MODEL: Final = "model"
"""The kind of artefact."""

LIVE: Final = "live"
"""The name that points at the model which answers."""

TOLERANCE: Final = 0.02
"""A candidate may be worse than the live model by this share."""

STALE: Final = "stale models"
"""The note that says of which models it is, or may be, that they were fitted on events of people who were erased since:
id -> how many people."""

_SHORTEST: Final = 6
_MARKING: Final = threading.Lock()


@dataclass(frozen=True, slots=True)
class Change:
    """That a model became the live one.

    Attributes:
        at: When, microseconds since the epoch.
        artefact: The model; ``None`` where it is gone.
        artefact_id: Its id.
        reason: Why, in words.
    """

    at: int
    artefact: Artefact | None
    artefact_id: str
    reason: str


class Registry:
    """Models as artefacts of a store, and the name ``live`` that points at one of them.

    Args:
        store: Whose.
    """

    def __init__(self, store: TenantStore) -> None:
        self._store = store
        self._artefacts = store.artefacts

    # -- what there is -------------------------------------------------------------------------------------------

    def models(self) -> list[Artefact]:
        """Return all models, oldest first."""
        return self._artefacts.of_kind(MODEL)

    def live(self) -> Artefact | None:
        """Return the model that answers."""
        return self._artefacts.pointed(LIVE)

    def find(self, start: str) -> Artefact:
        """Return the one model whose id begins so; at least 6 characters.

        Raises:
            ModelError: None does, or several do.
        """
        found = [each for each in self.models() if len(start) >= _SHORTEST and each.artefact_id.startswith(start)]
        if len(found) != 1:
            raise ModelError(
                f"{len(found) or 'no'} models have an id that begins with '{start}'",
                where=f"tenant '{self._store.tenant.name}'",
                remedy=f"Give {_SHORTEST} characters of it or more; tastemaker registry list shows them.",
            )
        return found[0]

    def stale(self) -> Mapping[str, int]:
        """Return the models that know, or may know, somebody who was erased since: id -> how many people."""
        return dict(self._store.notes.get(STALE) or {})

    def mark_stale(self, artefact_ids: Iterable[str]) -> None:
        """Note down that one more person was erased whose events these models were, or may have been, fitted on."""
        with _MARKING:
            there = {each.artefact_id for each in self.models()}
            counts = Counter({name: count for name, count in self.stale().items() if name in there})
            counts.update(there.intersection(artefact_ids))
            self._store.notes.put(STALE, dict(counts))

    def history(self) -> list[Change]:
        """Return how the live model changed, oldest first."""
        known = {artefact.artefact_id: artefact for artefact in self.models()}
        return [Change(at, known.get(name), name, reason) for at, name, reason in self._artefacts.history(LIVE)]

    # -- what changes --------------------------------------------------------------------------------------------

    def register(self, folder: Path, facts: Mapping[str, Any]) -> Artefact:
        """Keep a copy of a saved model with its lineage; it is not live by that.

        The model's own folder says its name, settings, the data's name and fingerprint, how many events, people and
        items it knows, its last event's time and the version of the code; ``facts`` adds to that, for example
        ``last_offset`` (up to which place of the log it was fitted), ``validation`` and ``seconds``.

        Raises:
            ModelFormatError: The folder holds no whole model.
            StorageError: It could not be kept.
        """
        from tastemaker.models import storage

        config = storage.read_config(folder)
        if damaged := storage.damaged_files(folder):
            raise ModelError(f"the model is damaged: {', '.join(damaged)}", where=str(folder), remedy="Train it again.")
        seen = config["provenance"]
        lineage = {
            "model": config["model"],
            "settings": config["fitted"].get("settings", config["settings"]),
            "tastemaker": config["tastemaker"],
            "dataset": seen["dataset"],
            "fingerprint": seen["fingerprint"],
            "events": seen["events"],
            "people": seen["users"],
            "items": config["vocabulary"]["items"],
            "last_event": seen["last_event"],
        }
        return self._artefacts.put(MODEL, folder, {**lineage, **facts})

    def promote(
        self, artefact_id: str, *, queries: FrozenQueries, tolerance: float = TOLERANCE, force: bool = False
    ) -> Verdict:
        """Let a model answer from now on if it passes `tastemaker.engine.trial.tried`; otherwise nothing changes.

        Whoever serves the live model follows the name ``live`` and loads what it points at.

        Args:
            artefact_id: The candidate, by its id or the beginning of it.
            queries: What it is tested on.
            tolerance: How much worse than the live model it may be, as a share of that one's metric.
            force: Promote it though it is worse or answers badly; what cannot be loaded is refused all the same.

        Raises:
            ModelError: There is no such model.
            StorageError: The name could not be moved.
        """
        from tastemaker.engine.trial import tried

        candidate, live = self.find(artefact_id), self.live()
        verdict = tried(self._store, candidate, live, queries, tolerance=tolerance, force=force)
        if verdict.promoted and (live is None or live.artefact_id != candidate.artefact_id):
            self._artefacts.point(LIVE, candidate.artefact_id, verdict.reason())
        return verdict

    def before(self) -> Artefact | None:
        """Return the model that `rollback` would bring back.

        Read as a pile: a model that becomes live is put on it, and one that stands right below the top when it becomes
        live again takes the top away. Rolling back twice therefore goes back twice.
        """
        pile: list[str] = []
        for _, name, _ in self._artefacts.history(LIVE):
            if len(pile) > 1 and pile[-2] == name:
                pile.pop()
            elif not pile or pile[-1] != name:
                pile.append(name)
        known = {artefact.artefact_id: artefact for artefact in self.models()}
        return known.get(pile[-2]) if len(pile) > 1 else None

    def rollback(self, reason: str) -> Artefact:
        """Let the model that answered before answer again; return it.

        Raises:
            ModelError: There is none before the live one, or it is gone.
            StorageError: It was damaged meanwhile; the live one stays.
        """
        earlier = self.before()
        if earlier is None:
            raise ModelError(
                "there is no earlier model to go back to",
                where=f"tenant '{self._store.tenant.name}'",
                remedy="tastemaker registry list shows what there is; promote one of those.",
            )
        self._artefacts.open(earlier.artefact_id)
        self._artefacts.point(LIVE, earlier.artefact_id, f"rolled back: {reason}")
        return earlier

    def prune(self, keep: int = 5) -> list[Artefact]:
        """Forget old models; the newest ``keep``, the live one and the one before it stay. Return what is gone."""
        stay = {each.artefact_id for each in (self.live(), self.before()) if each is not None}
        gone: list[Artefact] = []
        models = self.models()
        for artefact in models[: max(len(models) - keep, 0)]:
            if artefact.artefact_id not in stay:
                try:
                    self._artefacts.delete(artefact.artefact_id)
                except StorageError:  # another name means it
                    continue
                gone.append(artefact)
        return gone


def lineage_of(model: Artefact | Path) -> Row:
    """Return what `tastemaker.engine.Engine` is to say of the model that it answers from.

    Its ``version``, which is that of its content, and when it was made (``model_created``, microseconds since the
    epoch). A saved model that is not registered has the hash of its configuration, which names the hashes of its files,
    for a version.

    Args:
        model: A model of the registry, or the folder of a saved one.

    Raises:
        StorageError: The folder cannot be read.
    """
    if isinstance(model, Artefact):
        return {"version": model.artefact_id, "model_created": model.created}
    config = model / "config.json"
    try:
        version = hashlib.sha256(config.read_bytes()).hexdigest()
        return {"version": version, "model_created": config.stat().st_mtime_ns // 1_000}
    except OSError as error:
        raise StorageError("the model cannot be read", where=str(config), remedy="Train it again.") from error


def described(artefact: Artefact, live: Artefact | None = None, stale: Mapping[str, int] = MappingProxyType({})) -> Row:
    """Return a model as JSON values: its id, when it came, whether it is live, and its lineage.

    Args:
        artefact: The model.
        live: The one that answers.
        stale: See `Registry.stale`; ``erased_since`` says how many people that are.
    """
    return {
        "artefact_id": artefact.artefact_id,
        "created": artefact.created,
        "live": live is not None and artefact.artefact_id == live.artefact_id,
        "erased_since": stale.get(artefact.artefact_id, 0),
        **artefact.facts,
    }
