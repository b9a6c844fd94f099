"""The placements of an engine: its scenarios by name, and the pipelines that are made of them when they are needed."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

import numpy as np
from numpy.typing import NDArray

from tastemaker.core.errors import ConfigError, QueryError, nearest
from tastemaker.core.generator import Generator
from tastemaker.engine.scenarios import Parts, ScenarioSettings, make_pipeline
from tastemaker.language.asking.prompt import ChatPrompt, load_prompt
from tastemaker.models import DenseRecommender
from tastemaker.pipeline.exploration import ShownAndClicked
from tastemaker.pipeline.item_vectors import ItemVectors
from tastemaker.pipeline.pipeline import Pipeline
from tastemaker.pipeline.retrievers import Finder
from tastemaker.pipeline.stage import Context, Person


class Placements:
    """Pipelines by the names of their scenarios, of one model at a time.

    Args:
        settings: The scenarios.
        wanted: Gives how much each item was wanted lately, by its number on the shelf.
        search: What searches texts.
        spaces: Name of a space -> the items' vectors there.
        newest: Gives the person as known by now, for the gate.
        responses: Gives how often items were shown, and taken up, where that is counted.
        generator: The language model that ranks where a scenario asks for it.
        prompt: Gives the words for it, by the name of a prompt.
    """

    def __init__(
        self,
        settings: Mapping[str, ScenarioSettings],
        wanted: Callable[[], NDArray[np.float64]],
        *,
        search: Finder,
        spaces: Mapping[str, ItemVectors] | None = None,
        newest: Callable[[Context], Person] | None = None,
        responses: ShownAndClicked | None = None,
        generator: Generator | None = None,
        prompt: Callable[[str], ChatPrompt] = load_prompt,
    ) -> None:
        self._settings, self._wanted, self._newest = dict(settings), wanted, newest
        self._search, self._spaces, self._responses = search, dict(spaces or {}), responses
        self._generator, self._prompt = generator, prompt
        self._made: dict[str, Pipeline] = {}

    def forget(self) -> None:
        """Make every pipeline anew when it is needed next, as for another model."""
        self._made = {}

    @property
    def names(self) -> tuple[str, ...]:
        """The scenarios."""
        return tuple(self._settings)

    def settings(self, name: str) -> ScenarioSettings:
        """Return the settings of a scenario.

        Raises:
            QueryError: There is none of this name.
        """
        found = self._settings.get(name)
        if found is None:
            raise QueryError(f"there is no scenario '{name}'", where="scenario", remedy=nearest(name, self._settings))
        return found

    def pipeline(self, name: str, model: DenseRecommender) -> Pipeline:
        """Return the pipeline of a scenario.

        Raises:
            QueryError: There is no such scenario, or it uses what there is not.
        """
        made = self._made
        pipeline = made.get(name)
        if pipeline is None:
            parts = Parts(
                model,
                self._wanted,
                self._search,
                self._spaces,
                self._newest,
                self._responses,
                self._generator,
                self._prompt,
            )
            try:
                pipeline = make_pipeline(self.settings(name), parts)
            except ConfigError as error:
                raise QueryError(error.message, where=f"scenario '{name}'", remedy=error.remedy) from error
            made[name] = pipeline
        return pipeline

    def warm(self, model: DenseRecommender) -> None:
        """Make every pipeline.

        Raises:
            QueryError: A scenario uses what there is not.
        """
        for name in self._settings:
            self.pipeline(name, model)

    @property
    def explores_by_clicks(self) -> bool:
        """Whether any scenario asks how often items were shown, and taken up."""
        return any(each.explore is not None and each.explore.kind == "thompson" for each in self._settings.values())

    def described(self) -> dict[str, dict[str, Any]]:
        """Return the scenarios, each as its settings say."""
        return {name: settings.model_dump(exclude_none=True) for name, settings in self._settings.items()}
