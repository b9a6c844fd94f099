"""Scenarios: the placements that ask for recommendations, each with its pipeline, as they stand in TOML."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any, Final, Literal, Self

import numpy as np
from numpy.typing import NDArray
from pydantic import BaseModel, ConfigDict, Field, ValidationError, field_validator, model_validator

from tastemaker.core.errors import ConfigError, TastemakerError, nearest
from tastemaker.core.generator import Generator
from tastemaker.core.query import Query
from tastemaker.engine.spaces import TEXT
from tastemaker.language.asking.prompt import ChatPrompt, load_prompt
from tastemaker.language.asking.rankings import PROMPTS, WAYS, Way
from tastemaker.models import DenseRecommender
from tastemaker.pipeline.asking import TOP, RankByAsking
from tastemaker.pipeline.diversity import MaximalMarginalRelevance
from tastemaker.pipeline.exploration import EpsilonGreedy, ShownAndClicked, Softmax, Thompson
from tastemaker.pipeline.filters import parse
from tastemaker.pipeline.fusing import Fuse
from tastemaker.pipeline.gate import Gate
from tastemaker.pipeline.item_vectors import ItemVectors
from tastemaker.pipeline.nearest import Nearest, SimilarTo
from tastemaker.pipeline.pipeline import Pipeline
from tastemaker.pipeline.ranking import Rank
from tastemaker.pipeline.retrievers import USUAL, Among, Finder, FromModel, Latest, Popular, Searched
from tastemaker.pipeline.rules import Boost, Bury, Fresh, Pin, Promote, Quota
from tastemaker.pipeline.stage import Context, Person, Stage

_SPARE: Final = 30
"""A model that is the whole pipeline names so many more than are asked for: the gate may take some out."""

SOURCES: Final = ("model", "popular", "latest", "search", "similar", "nearest")


class _Table(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True, strict=True, allow_inf_nan=False)


def _filter(text: str | None) -> str | None:
    """Check that a filter can be read."""
    if text is not None:
        try:
            parse(text)
        except TastemakerError as error:
            raise ValueError(error.message) from error
    return text


class SourceSettings(_Table):
    """One source of candidates."""

    of: str = Field(description=f"what names candidates: {', '.join(SOURCES)}; nearest takes a space: nearest:text")
    n: int = Field(USUAL, ge=1, le=10_000, description="how many")
    where: str | None = Field(None, description="a filter for this source alone")
    weight: float = Field(1.0, ge=0, description="how much it counts where several are fused")

    _readable = field_validator("where")(_filter)

    @field_validator("of")
    @classmethod
    def _known(cls, of: str) -> str:
        if of.partition(":")[0] not in SOURCES:
            raise ValueError(f"there is no source '{of}'. {nearest(of, SOURCES)}")
        return of


class RuleSettings(_Table):
    """One rule: exactly one of ``boost, bury, fresh, pin, most, promote, diversity``, with what belongs to it."""

    boost: str | None = Field(None, description="a filter: what fulfils it moves up, `by` a factor")
    bury: str | None = Field(None, description="a filter: what fulfils it moves down, `by` a factor")
    by: float = Field(2.0, ge=1)
    fresh: float | None = Field(None, gt=0, description="days after which newness counts half, with a `weight`")
    weight: float = Field(0.2, ge=0, le=1)
    pin: dict[str, int] | None = Field(None, description="item -> place, from 1")
    most: int | None = Field(None, ge=1, description="how many at most `of` one category or brand")
    of: str = "categories"
    promote: str | None = Field(None, description="a filter: what fulfils it gets a `share` of the places")
    share: float = Field(0.2, ge=0, le=1)
    diversity: float | None = Field(None, ge=0, le=1, description="how much unlikeness counts, in a `space`")
    space: str = TEXT

    _readable = field_validator("boost", "bury", "promote")(_filter)

    @model_validator(mode="after")
    def _one(self) -> Self:
        kinds = ("boost", "bury", "fresh", "pin", "most", "promote", "diversity")
        said = [kind for kind in kinds if getattr(self, kind) is not None]
        if len(said) != 1:
            raise ValueError(f"a rule says one thing, of {', '.join(kinds)}; this one says {', '.join(said) or 'none'}")
        return self


class ExploreSettings(_Table):
    """What is left to chance."""

    kind: Literal["epsilon", "softmax", "thompson"]
    epsilon: float = Field(0.1, ge=0, le=1)
    temperature: float = Field(0.1, ge=0)
    prior: tuple[float, float] = Field(
        (1.0, 9.0), description="clicks, and showings without one, that thompson takes every item to have had"
    )
    depth: int = Field(50, ge=1, le=1000, description="how many of the first candidates may be explored")

    @field_validator("prior", mode="before")
    @classmethod
    def _of_list(cls, given: Any) -> Any:
        return tuple(given) if isinstance(given, list) else given

    @field_validator("prior")
    @classmethod
    def _above_0(cls, prior: tuple[float, float]) -> tuple[float, float]:
        if min(prior) <= 0:
            raise ValueError("both numbers of a prior must be above 0")
        return prior


class AskSettings(_Table):
    """How the language model of ``[generator]`` ranks what the sources named; see `pipeline.asking.RankByAsking`."""

    way: Way = Field("pointwise", description=f"how it is asked: {', '.join(WAYS)}")
    top: int = Field(TOP, ge=2, le=100, description="how many of the first candidates it is asked about")
    weight: float = Field(0.5, ge=0, le=1, description="how much its order counts")
    reach: int | None = Field(5, ge=0, description="the most places that a candidate moves")
    orders: int = Field(1, ge=1, le=20, description="of listwise: in how many orders it is shown the candidates")
    abreast: int = Field(1, ge=1, le=64, description="questions under way at the same time")

    @model_validator(mode="after")
    def _orders_of_lists(self) -> Self:
        if self.orders > 1 and self.way != "listwise":
            raise ValueError(f"{self.way} knows no orders; listwise does")
        return self


class ScenarioSettings(_Table):
    """One placement and its pipeline."""

    about: str = Field("", description="what it is for")
    retrieve: tuple[SourceSettings, ...] = Field(min_length=1)
    fuse: Literal["rrf", "scores"] = Field("rrf", description="how several sources become one list")
    rank: bool = Field(False, description="whether the model orders what all sources named")
    ask: AskSettings | None = Field(None, description="how a language model ranks them, within the deadline")
    where: str | None = Field(None, description="a filter that every item has to fulfil")
    rules: tuple[RuleSettings, ...] = ()
    explore: ExploreSettings | None = None
    deadline: float | None = Field(None, gt=0, description="milliseconds, where the request names none")

    def spaces(self) -> frozenset[str]:
        """Return the spaces of vectors that it uses."""
        near = (source.of.partition(":") for source in self.retrieve)
        used = {space or TEXT for kind, _, space in near if kind == "nearest"}
        return frozenset(used | {rule.space for rule in self.rules if rule.diversity is not None})

    def searches(self) -> bool:
        """Say whether it searches texts."""
        return any(source.of == "search" for source in self.retrieve)

    def only_searches(self) -> bool:
        """Say whether nothing but a search for texts names its candidates."""
        return all(source.of == "search" for source in self.retrieve)

    _readable = field_validator("where")(_filter)

    @field_validator("retrieve", "rules", mode="before")
    @classmethod
    def _of_lists(cls, entries: Any) -> Any:
        if not isinstance(entries, list | tuple):
            return entries
        return tuple({"of": entry} if isinstance(entry, str) else entry for entry in entries)


def _only(of: str, about: str) -> ScenarioSettings:
    return ScenarioSettings(about=about, retrieve=(SourceSettings(of=of),))


USUAL_SCENARIOS: Final[Mapping[str, ScenarioSettings]] = {
    "home": _only("model", "what suits a person"),
    "similar": _only("similar", "what is like an item"),
    "basket": _only("similar", "what goes with the items of a basket"),
    "session": _only("model", "what suits this visit"),
    "search": _only("search", "what fits the words of a request"),
    "popular": _only("popular", "what was wanted most lately"),
    "latest": _only("latest", "what came last"),
}
"""What holds where nothing is configured: the model's own list, which is what its evaluation measured."""


def read_scenarios(tables: Mapping[str, Any], where: str = "scenarios") -> dict[str, ScenarioSettings]:
    """Return the usual scenarios, and those of ``tables`` in their place or beside them.

    Raises:
        ConfigError: A key is unknown or a value makes no sense.
    """
    found = dict(USUAL_SCENARIOS)
    for name, table in tables.items():
        try:
            found[name] = ScenarioSettings.model_validate(table)
        except ValidationError as error:
            raise _config_error(error, name, where) from error
    return found


def _config_error(error: ValidationError, name: str, where: str) -> ConfigError:
    first = error.errors()[0]
    place = [str(part) for part in first["loc"]]
    key = ".".join(["scenarios", name, *place])
    if first["type"] == "extra_forbidden":
        kinds: dict[str, type[BaseModel]] = {
            "retrieve": SourceSettings,
            "rules": RuleSettings,
            "explore": ExploreSettings,
            "ask": AskSettings,
        }
        known = kinds.get(place[0], ScenarioSettings) if len(place) > 1 else ScenarioSettings
        return ConfigError(f"unknown key '{key}'", where=where, remedy=nearest(place[-1], known.model_fields))
    if first["type"] == "missing":
        return ConfigError(f"'{key}' is missing", where=where, remedy='For example: retrieve = ["model"].')
    said = first["msg"].removeprefix("Value error, ")
    return ConfigError(f"'{key}': {said[:1].lower()}{said[1:]}", where=where)


def usual_scenario(query: Query) -> str:
    """Return the scenario of a query that names none: ``similar`` or ``basket`` where it names items, else ``home``."""
    if query.items:
        return "similar" if len(query.items) == 1 else "basket"
    return "home"


@dataclass(frozen=True)
class Parts:
    """What the pipelines of an engine are made of.

    Attributes:
        model: What ranks.
        wanted: How much each item was wanted lately, by its number on the shelf.
        search: What searches texts.
        spaces: Name of a space -> the items' vectors there.
        newest: The person as known by now, for the gate.
        responses: How often items were shown, and taken up.
        generator: The language model that ranks where a scenario asks for it.
        prompt: Gives the words for it, by the name of a prompt.
    """

    model: DenseRecommender
    wanted: Callable[[], NDArray[np.float64]]
    search: Finder | None = None
    spaces: Mapping[str, ItemVectors] = field(default_factory=dict)
    newest: Callable[[Context], Person] | None = None
    responses: ShownAndClicked | None = None
    generator: Generator | None = None
    prompt: Callable[[str], ChatPrompt] = load_prompt

    def source(self, of: str, n: int, *, alone: bool = False) -> Stage:
        """Return a source by its name.

        Args:
            of: The name.
            n: How many candidates.
            alone: Whether it is the whole pipeline, so that more than can be shown are of no use.

        Raises:
            ConfigError: There is nothing that it could come from.
        """
        kind, _, space = of.partition(":")
        if kind == "nearest":
            return Nearest(space or TEXT, self.vectors(space or TEXT), n)
        if kind == "search":
            if self.search is None:
                raise ConfigError("a scenario searches, and this engine has no search", where=of)
            return Searched(self.search, n)
        made: dict[str, Callable[[], Stage]] = {
            "model": lambda: FromModel(self.model, n, spare=_SPARE if alone else None),
            "similar": lambda: SimilarTo(self.model, n, name=self.model.name),
            "popular": lambda: Popular(self.wanted, n),
            "latest": lambda: Latest(n),
        }
        return made[kind]()

    def vectors(self, space: str) -> ItemVectors:
        """Return the items' vectors in a space.

        Raises:
            ConfigError: There is no such space.
        """
        if space not in self.spaces:
            remedy = nearest(space, self.spaces) if self.spaces else "Vectors of texts need an encoder: [text] encoder."
            raise ConfigError(f"a scenario uses the space '{space}', and this engine has none", remedy=remedy)
        return self.spaces[space]

    def asker(self, ask: AskSettings) -> Stage:
        """Return what asks a language model.

        Raises:
            ConfigError: There is none.
        """
        if self.generator is None:
            raise ConfigError(
                "a scenario asks a language model, and this engine has none",
                where="ask",
                remedy='Name one under [generator]: name = "endpoint", or another of docs/generators.md.',
            )
        return RankByAsking(
            self.generator,
            ask.way,
            top=ask.top,
            weight=ask.weight,
            reach=ask.reach,
            orders=ask.orders,
            prompt=self.prompt(PROMPTS[ask.way]),
            abreast=ask.abreast,
        )

    def explorer(self, explore: ExploreSettings) -> Stage:
        """Return what leaves places to chance.

        Raises:
            ConfigError: It needs counts, and nothing is counted here.
        """
        if explore.kind == "epsilon":
            return EpsilonGreedy(explore.epsilon, depth=explore.depth)
        if explore.kind == "softmax":
            return Softmax(explore.temperature, depth=explore.depth)
        if self.responses is None:
            raise ConfigError(
                "a scenario explores by clicks, and this engine keeps none", remedy="Start it with a store."
            )
        return Thompson(self.responses, prior=explore.prior, depth=explore.depth)


def make_pipeline(settings: ScenarioSettings, parts: Parts) -> Pipeline:
    """Return the pipeline of a scenario.

    Raises:
        ConfigError: It uses what this engine lacks.
    """
    stages: list[Stage] = []
    alone = len(settings.retrieve) == 1 and not (settings.rank or settings.ask or settings.rules or settings.explore)
    for source in settings.retrieve:
        stage = parts.source(source.of, source.n, alone=alone)
        stages.append(Among(source.where, stage, name=stage.name) if source.where else stage)
    if len(stages) > 1:
        weights = {stage.name: source.weight for stage, source in zip(stages, settings.retrieve, strict=True)}
        stages.append(Fuse(weights, settings.fuse))
    if settings.rank:
        stages.append(Rank(parts.model))
    if settings.ask is not None:
        stages.append(parts.asker(settings.ask))
    stages += [_rule(rule, parts) for rule in settings.rules]
    if settings.explore is not None:
        stages.append(parts.explorer(settings.explore))
    return Pipeline(stages, Gate(newest=parts.newest), fallbacks=(Popular(parts.wanted), Latest()))


def _rule(rule: RuleSettings, parts: Parts) -> Stage:
    if rule.boost is not None:
        return Boost(rule.boost, rule.by)
    if rule.bury is not None:
        return Bury(rule.bury, rule.by)
    if rule.fresh is not None:
        return Fresh(rule.fresh, rule.weight)
    if rule.pin is not None:
        return Pin(rule.pin)
    if rule.most is not None:
        return Quota(rule.of, rule.most)
    if rule.promote is not None:
        return Promote(rule.promote, rule.share)
    assert rule.diversity is not None
    return MaximalMarginalRelevance(rule.diversity, parts.vectors(rule.space))
