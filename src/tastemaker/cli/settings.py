"""`tastemaker.toml`: what it may hold, how it is read, and where each value in use came from."""

from __future__ import annotations

import json
import os
import re
import tomllib
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import date
from pathlib import Path
from typing import Annotated, Any, Final, Self

from pydantic import BaseModel, BeforeValidator, ConfigDict, Field, PrivateAttr, ValidationError, model_validator
from pydantic_core import InitErrorDetails

from tastemaker.cli.generator_settings import GeneratorSettings, tables_of
from tastemaker.cli.section import Section
from tastemaker.core.errors import ConfigError, nearest

FILE_NAME: Final = "tastemaker.toml"
COMMAND_LINE: Final = "command line"
ENVIRONMENT: Final = "environment (TASTEMAKER_DATA)"
DEFAULT: Final = "default"
DEFAULT_ENCODER: Final = "minilm"
"""That of `tastemaker.language.encoders`, which is not imported to read a file."""

_PATHS: Final = ("data.path", "train.folder", "evaluate.reports", "serve.store", "serve.backups", "generator.trace")
"""Paths start at the file's folder, those that the file leaves at their default as well."""
_TABLES: Final = ("models.", "generator.", "prompts.")
"""Sections that hold tables of their own."""


class DataSettings(Section):
    """Which data."""

    source: str = Field("movielens-100k", description="a name that `tastemaker data list` shows, or a folder")
    path: str | None = Field(
        None, description="where the files of a named source lie, instead of a download", examples=["../data"]
    )


class ImportSettings(Section):
    """How `tastemaker import` reads files."""

    columns: dict[str, str] = Field(
        {},
        description="our columns and the file's names for them; items.title and the like for other tables",
        examples=[{"user_id": "customer"}],
    )
    events: dict[str, float] = Field(
        {},
        description="how much a kind of event counts; below zero it speaks against the item",
        examples=[{"view": 0.3, "cart": 0.6, "buy": 1.0, "like": 1.0, "dislike": -1.0, "hide": -1.0}],
    )
    ignore: list[str] = Field([], description="columns that stay behind", examples=[["session"]])


class SplitSettings(Section):
    """How data are cut for choosing settings and for testing; the protocol's other knobs are keys too."""

    model_config = ConfigDict(extra="allow")

    protocol: str = Field(
        "global-time",
        description="global-time, or leave-one-out to compare with papers; other protocols and the knobs of each, "
        "which are keys here: docs/splits.md",
    )
    valid: float = Field(0.1, gt=0, lt=1, description="share that choices are made on, where a protocol takes shares")
    test: float = Field(0.1, gt=0, lt=1, description="share that is reported on, where a protocol takes shares")
    targets_per_user: int = Field(
        10, ge=0, description="global-time, cold-item: questions for each person and window at most; 0 asks all"
    )

    @model_validator(mode="after")
    def _only_knobs(self) -> Self:
        knobs = self.model_extra or {}
        knobs.update({name: _without_dates(value) for name, value in knobs.items()})
        if unknown := sorted(knobs.keys() - _split_knobs(knobs)):
            details = [InitErrorDetails(type="extra_forbidden", loc=(name,), input=None) for name in unknown]
            raise ValidationError.from_exception_data("split", details)
        return self

    def knobs(self) -> dict[str, Any]:
        """Return what `tastemaker.data.make_split` is told beside the protocol's name."""
        from tastemaker.data.split import knobs_of

        everywhere = {"valid": self.valid, "test": self.test, "targets_per_user": self.targets_per_user or None}
        known = knobs_of(self.protocol)
        return {name: value for name, value in everywhere.items() if name in known} | (self.model_extra or {})


def _without_dates(value: Any) -> Any:
    """Return a value of TOML as JSON can hold it: times as ISO 8601 text."""
    if isinstance(value, list):
        return [_without_dates(entry) for entry in value]
    return value.isoformat() if isinstance(value, date) else value


def _split_knobs(needed: Any = True) -> set[str]:
    """Return the names of all protocols' knobs; of none where they are not ``needed``, which spares an import."""
    if not needed:
        return set()
    from tastemaker.data.split import PROTOCOLS, knobs_of

    return {"fold"}.union(*map(knobs_of, PROTOCOLS))


class TextSettings(Section):
    """How items and people become words, and words vectors."""

    item: str | None = Field(
        None,
        description="an item in words: columns of the catalogue in braces; a sentence, or what stands in square "
        "brackets, falls away where it has no value: docs/encoders.md",
        examples=["{title}[ by {author}]. {brand}. {categories}. {text}"],
    )
    person: str | None = Field(
        None,
        description="a person in words, from attributes; {rest} is what no other field names, {history} titles",
        examples=["{text}. Age {age}. From {place}. Likes {likes}. {rest}. Before: {history}"],
    )
    leave_out: list[str] = Field(
        [], description="attributes of people that are never put into words", examples=[["age", "place"]]
    )
    encoder: str | dict[str, Any] = Field(
        "minilm",
        description="what turns words into vectors, for models that are told no other; where it is named, a server "
        "searches by meaning, too: `tastemaker encoders list`",
    )

    @model_validator(mode="after")
    def _only_templates(self) -> Self:
        for key in ("item", "person"):
            if template := getattr(self, key):
                from tastemaker.language.templates import Template

                Template.of(template, f"text.{key}")
        return self

    def hyper_parameters(self) -> dict[str, Any]:
        """Return what was set here and models are told: the template of items and the encoder."""
        told = {"template": self.item, "encoder": self.encoder}
        return {name: value for name, value in told.items() if value not in (None, DEFAULT_ENCODER)}


class TrainSettings(Section):
    """What `tastemaker train` makes."""

    model: str = Field("hybrid", description="the model to train")
    minutes: float | None = Field(
        None, gt=0, description="what choosing its parts and settings may take; none for no limit", examples=[15.0]
    )
    folder: str = Field("model", description="where it is kept, and what recommend and serve load")


def _as_list(value: Any) -> Any:
    return value if isinstance(value, list) else [value]


class EvaluateSettings(Section):
    """What `tastemaker compare` and `evaluate` report."""

    models: list[str] = Field(["ladder"], description="names of models; ladder stands for all that come along")
    k: Annotated[list[Annotated[int, Field(ge=1)]], BeforeValidator(_as_list)] = Field(
        [10], min_length=1, description="lengths of the lists that are measured"
    )
    reports: str | None = Field(
        None, description="folder that gets each comparison as a page and as JSON", examples=["reports"]
    )


class ModelSettings(Section):
    """Hyper-parameters of models: a table for each name, which holds wherever that model is made by its name."""

    model_config = ConfigDict(extra="allow")

    _words: dict[str, Any] = PrivateAttr(default_factory=dict)

    @model_validator(mode="after")
    def _only_hyper_parameters(self) -> Self:
        if tables := self.model_extra:
            from tastemaker.cli.model_tables import checked

            tables.update(checked(tables))
        return self

    def tables(self) -> dict[str, dict[str, Any]]:
        """Return what `tastemaker.models.make_model` is told beside the model's name; some of it ``[text]`` says."""
        tables = dict(self.model_extra or {})
        if not self._words:
            return tables
        from tastemaker.cli.model_tables import with_words

        return with_words(tables, self._words)


class ServeSettings(Section):
    """Where the server listens, what it keeps, and how much it lets others ask."""

    host: str = Field("127.0.0.1", description="address; 0.0.0.0 lets other machines in, which then need keys")
    port: int = Field(8000, ge=0, le=65535, description="port; 0 takes a free one")
    store: str = Field("store", description="folder of the store: events, items, people and keys")
    rate: float = Field(
        1000.0, gt=0, description="requests a second that one key, or one address where there are no keys, may make"
    )
    concurrency: int = Field(256, ge=1, description="requests that are worked on at once; more are refused")
    keep_days: int = Field(180, ge=1, description="days for which lists that were shown are kept")
    hosts: list[str] = Field(
        [],
        description="names that requests may ask for, beside localhost and the address; an address of all networks "
        "takes any until some are named",
        examples=[["shop.example"]],
    )
    backups: str | None = Field(None, description="folder that POST /v1/admin/backup writes into", examples=["backups"])


class ScenarioTables(Section):
    """The placements that may ask, a table for each name; `tastemaker.engine.scenarios` reads them."""

    model_config = ConfigDict(extra="allow")

    @model_validator(mode="after")
    def _only_scenarios(self) -> Self:
        if tables := self.model_extra:
            from tastemaker.engine.scenarios import read_scenarios

            read_scenarios(tables)
        return self


class PromptTables(Section):
    """Prompts in other words, a table for each name; `tastemaker.cli.prompt_settings` reads them."""

    model_config = ConfigDict(extra="allow")

    @model_validator(mode="after")
    def _only_prompts(self) -> Self:
        if tables := self.model_extra:
            from tastemaker.cli.prompt_settings import check_tables

            check_tables(tables)
        return self

    def tables(self) -> dict[str, dict[str, str]]:
        """Return the table of each prompt that is said in other words."""
        return dict(self.model_extra or {})


class RunSettings(Section):
    """What holds for every command."""

    seed: int = Field(0, ge=0, description="the same seed gives the same numbers")
    threads: int | None = Field(
        None,
        ge=1,
        description="threads of matrix products; 1 unless TASTEMAKER_THREADS says more, which helps EASE on a machine "
        "with nothing else to do",
        examples=[2],
    )


class Settings(Section):
    """All of `tastemaker.toml`."""

    data: DataSettings = DataSettings()
    import_: ImportSettings = Field(ImportSettings(), alias="import")
    split: SplitSettings = SplitSettings()
    text: TextSettings = TextSettings()
    train: TrainSettings = TrainSettings()
    evaluate: EvaluateSettings = EvaluateSettings()
    models: ModelSettings = Field(
        ModelSettings(),
        description="hyper-parameters, a table for each model; what is left open is chosen on validation",
        examples=[{"ease": {"regularisation": 300.0}}],
    )
    serve: ServeSettings = ServeSettings()
    scenarios: ScenarioTables = Field(
        ScenarioTables(),
        description="placements that may ask, a table for each: docs/engine.md",
        examples=[{"home": {"retrieve": ["model"], "where": "price < 100"}}],
    )
    generator: GeneratorSettings = GeneratorSettings()
    prompts: PromptTables = Field(
        PromptTables(),
        description="what the language model is asked, in other words, a table for each prompt: docs/prompts.md",
        examples=[{"rank-yes-no": {"task": "Judge by what the reader chose before and by the season."}}],
    )
    run: RunSettings = RunSettings()

    @model_validator(mode="after")
    def _words_reach_models(self) -> Self:
        self.models = self.models.model_copy()
        self.models._words = self.text.hyper_parameters()
        return self


@dataclass(frozen=True)
class Resolved:
    """The settings in use.

    Attributes:
        settings: Their values.
        origins: ``section.key`` -> ``default``, ``FILE:LINE``, ``environment (...)`` or ``command line``.
        file: The file that was read, if any.
    """

    settings: Settings
    origins: Mapping[str, str]
    file: Path | None

    def values(self) -> dict[str, Any]:
        """Return every value by its ``section.key``."""
        return {
            f"{section}.{key}": value
            for section, keys in self.settings.model_dump(by_alias=True).items()
            for key, value in keys.items()
        }


def load_settings(config: Path | None = None, overrides: Mapping[str, Any] | None = None) -> Resolved:
    """Read the settings; the command line is stronger than the environment, that than the file.

    Args:
        config: The file; ``None`` takes `tastemaker.toml` of the working directory where there is one.
        overrides: ``section.key`` -> value from the command line; ``None`` stands for "not given".

    Raises:
        ConfigError: The file is missing or not TOML, a key is unknown, or a value is out of place.
    """
    file = config or (Path(FILE_NAME) if Path(FILE_NAME).exists() else None)
    values: dict[str, Any] = {}
    origins = {f"{section}.{key}": DEFAULT for section, keys in _sections().items() for key in keys}
    if file is not None:
        values, lines = _read(file)
        origins.update((name, f"{file}:{line}" if line else str(file)) for name, line in lines.items())
    given = {name: value for name, value in (overrides or {}).items() if value is not None}
    if "data.path" not in given and (folder := os.environ.get("TASTEMAKER_DATA")):
        _put(values, "data.path", folder)
        origins["data.path"] = ENVIRONMENT
    for name, value in given.items():
        _put(values, name, value)
        origins[name] = COMMAND_LINE
    try:
        return Resolved(Settings.model_validate(values), origins, file)
    except ValidationError as error:
        raise _config_error(error, origins, file) from error


def _sections() -> dict[str, list[str]]:
    return {
        field.alias or name: list(field.annotation.model_fields)
        for name, field in Settings.model_fields.items()
        if isinstance(field.annotation, type) and issubclass(field.annotation, BaseModel)
    }


def _put(values: dict[str, Any], name: str, value: Any) -> None:
    section, _, key = name.partition(".")
    if isinstance(values.setdefault(section, {}), dict):
        values[section][key] = value


def _read(file: Path) -> tuple[dict[str, Any], dict[str, int]]:
    """Return the file's tables with paths made relative to the working directory, and the line of each key."""
    if not file.is_file():
        raise ConfigError("there is no such file", where=str(file), remedy="Write one with: tastemaker init")
    try:
        text = file.read_text(encoding="utf-8")
        values = tomllib.loads(text)
    except (tomllib.TOMLDecodeError, UnicodeDecodeError) as error:
        raise ConfigError(
            f"not a TOML file: {error}", where=str(file), remedy="A fresh one to compare with: tastemaker init DIR"
        ) from error
    lines = _lines(text)
    known = {f"{section}.{key}" for section, keys in values.items() if isinstance(keys, dict) for key in keys}
    places = {name: lines.get(name, 0) for name in known | (lines.keys() & values.keys())}
    places |= {name: line for name, line in lines.items() if name.startswith(_TABLES)}
    defaults = Settings().model_dump()
    for name in _PATHS:
        section, _, key = name.partition(".")
        table = values.setdefault(section, {})
        written = table.get(key, defaults[section][key]) if isinstance(table, dict) else None
        if isinstance(written, str) and "://" not in written:
            table[key] = str(file.parent / Path(written).expanduser())
    data = values["data"]
    if isinstance(data, dict) and isinstance(data.get("source"), str) and _is_folder(data["source"], file):
        data["source"] = os.path.join(file.parent, data["source"])
    return values, places


def _is_folder(source: str, file: Path) -> bool:
    return "/" in source or os.sep in source or (file.parent / source).is_dir()


def _lines(text: str) -> dict[str, int]:
    """Find the line of each ``section`` and ``section.key``, as far as it is written plainly."""
    lines: dict[str, int] = {}
    section = ""
    for number, line in enumerate(text.splitlines(), start=1):
        if header := re.match(r"\s*\[\s*([\w.-]+)\s*\]", line):
            section = header[1]
            lines.setdefault(section, number)
        elif key := re.match(r"\s*([\w.-]+)\s*=", line):
            lines.setdefault(f"{section}.{key[1]}" if section else key[1], number)
    return lines


def _config_error(error: ValidationError, origins: Mapping[str, str], file: Path | None) -> ConfigError:
    first = error.errors()[0]
    place = [str(part) for part in first["loc"]]
    place = place[: 3 if f"{place[0]}." in _TABLES else 2]
    name = ".".join(place)
    where = origins.get(name) or origins.get(".".join(place[:2])) or (str(file) if file else COMMAND_LINE)
    if first["type"] == "extra_forbidden":
        kind = "section" if len(place) == 1 else _NAMED.get(place[0], "key") if len(place) == 2 else "key"
        return ConfigError(f"unknown {kind} '{name}'", where=where, remedy=nearest(place[-1], _known_names(place)))
    if first["type"] in ("model_type", "dict_type"):
        return ConfigError(
            f"'{name}' is not a section", where=where, remedy=f"Write it as [{name}] with keys below it."
        )
    expected = first["msg"].removeprefix("Input should be ").removeprefix("a valid ").split(",")[0]
    return ConfigError(
        f"'{name}' is {first['input']!r}, but should be {_ARTICLES.get(expected, expected)}", where=where
    )


def _known_names(place: list[str]) -> list[str]:
    if len(place) == 1:
        return list(_sections())
    if place[0] == "models":
        from tastemaker.cli.model_tables import known_names

        return known_names(place)
    if place[0] == "prompts":
        from tastemaker.cli.prompt_settings import known_words

        return known_words(place)
    if len(place) == 3:
        return [name for table in tables_of(place[1]) for name in table.model_fields]
    return _sections().get(place[0], []) + sorted(_split_knobs(place[0] == "split"))


_NAMED: Final = {"models": "model", "prompts": "prompt"}
"""What the tables of a section are named after."""

_ARTICLES: Final = {
    "string": "text",
    "integer": "a whole number",
    "number": "a number",
    "list": "a list",
    "boolean": "true or false",
}


def template(**chosen: Any) -> str:
    """Return a `tastemaker.toml` in which each key is explained; only ``chosen`` ones are not commented out.

    Args:
        chosen: ``section__key=value``.
    """
    blocks = [
        "# Settings of Tastemaker. What is commented out is the default. `tastemaker config show` says what is in use."
    ]
    for name, field in Settings.model_fields.items():
        section, kind = field.alias or name, field.annotation
        assert isinstance(kind, type)
        assert issubclass(kind, BaseModel)
        lines = [f"[{section}]"]
        for key, about in kind.model_fields.items():
            value = chosen.get(f"{section}__{key}")
            shown = (
                (about.default if about.default not in (None, {}, []) else (about.examples or [""])[0])
                if value is None
                else value
            )
            mark = "# " if value is None else ""
            lines.append(f"# {about.description}")
            lines.append(f"{mark}{key} = {_toml(shown)}")
        if not kind.model_fields:
            lines.append(f"# {field.description}")
            lines += [f"# {key} = {_toml(shown)}" for key, shown in (field.examples or [{}])[0].items()]
        blocks.append("\n".join(lines))
    return "\n\n".join(blocks) + "\n"


def _toml(value: Any) -> str:
    """Write a value as TOML, which but for tables reads like JSON."""
    if isinstance(value, dict):
        return f"{{ {', '.join(f'{_toml(key)} = {_toml(entry)}' for key, entry in value.items())} }}"
    return json.dumps(value, ensure_ascii=False)
