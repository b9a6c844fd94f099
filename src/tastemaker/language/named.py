"""What is made by a name: ours, and what other packages bring as entry points; arguments checked before it is made."""

from __future__ import annotations

import inspect
import json
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from importlib import import_module
from importlib.metadata import EntryPoint, entry_points
from typing import Any, Final, Generic, TypeVar

from tastemaker.core.errors import ConfigError, nearest

T = TypeVar("T")


@dataclass(frozen=True)
class Entry:
    """What is known of one of ours before it is imported.

    Attributes:
        place: ``module:class``.
        about: What it is, in a few words.
        needs: What has to be installed or fetched first; empty where nothing is.
        argument: The argument that stands after a colon, as in ``whitened:minilm``; empty where there is none.
    """

    place: str
    about: str
    needs: str = ""
    argument: str = ""


@dataclass(frozen=True)
class Kind(Generic[T]):
    """What all of one kind share.

    Attributes:
        noun: What one is called, such as ``encoder``.
        one: The same with its article.
        method: What each of them can do, by which one is known.
        group: The group of entry points.
        ours: Those that are shipped, by name.
        plugin_argument: What stands after the colon of one from another package; empty if nothing may.
        example: How one is named, for errors.
    """

    noun: str
    one: str
    method: str
    group: str
    ours: Mapping[str, Entry]
    plugin_argument: str
    example: str

    def names(self) -> list[str]:
        """Return all names, ours first, then those of other packages."""
        return list(dict.fromkeys([*self.ours, *self._plugins()]))

    def _plugins(self) -> dict[str, EntryPoint]:
        return {point.name: point for point in entry_points(group=self.group)}

    def find(self, name: str) -> Callable[..., T]:
        """Return what makes the one of a name; this imports it.

        Raises:
            ConfigError: There is none of that name.
        """
        if name in self.ours:
            module, _, attribute = self.ours[name].place.partition(":")
            ours: Callable[..., T] = getattr(import_module(module), attribute)
            return ours
        plugins = self._plugins()
        if name in plugins:
            theirs: Callable[..., T] = plugins[name].load()
            return theirs
        raise ConfigError(f"there is no {self.noun} '{name}'", remedy=nearest(name, [*self.ours, *plugins]))

    def make(self, spec: str | Mapping[str, Any] | T, find: Callable[[str], Callable[..., T]]) -> T:
        """Return the one that a spec names, or the one that it is.

        Args:
            spec: A name; a name, a colon and its argument; a mapping of ``name`` and arguments, or the same as JSON.
            find: Returns what makes the one of a name.

        Raises:
            ConfigError: There is none of that name, or it has no such argument.
            MissingExtraError: It needs a library that is not installed.
        """
        if not isinstance(spec, str | Mapping) and callable(getattr(spec, self.method, None)):
            return spec
        arguments = self._arguments(spec)
        name = arguments.pop("name")
        return self._made(name, find(name), arguments)

    def _arguments(self, spec: Any) -> dict[str, Any]:
        if isinstance(spec, str):
            spec = self._of_text(spec.strip())
        if not isinstance(spec, Mapping) or not isinstance(spec.get("name"), str):
            raise ConfigError(
                f"{self.one} is named by text or by a table with the key 'name'",
                where=f"the {self.noun} {spec!r}",
                remedy=self.example,
            )
        return dict(spec)

    def _of_text(self, text: str) -> Any:
        if text.startswith("{"):
            try:
                return json.loads(text)
            except json.JSONDecodeError as error:
                raise ConfigError(f"the {self.noun} {text!r} is no JSON: {error}") from error
        name, colon, rest = text.partition(":")
        if not colon:
            return {"name": name}
        argument = self.ours[name].argument if name in self.ours else self.plugin_argument
        if not argument:
            raise ConfigError(
                f"the {self.noun} '{name}' takes nothing after a colon",
                where=f"the {self.noun} '{text}'",
                remedy=f'Write "{name}", or {{ name = "{name}", ... }} with its arguments.',
            )
        return {"name": name, argument: rest}

    def _made(self, name: str, made: Callable[..., T], arguments: Mapping[str, Any]) -> T:
        known = inspect.signature(made).parameters
        for given, value in arguments.items():
            if given not in known:
                raise ConfigError(f"the {self.noun} '{name}' has no argument '{given}'", remedy=nearest(given, known))
            wanted = _TYPES.get(str(known[given].annotation))
            if wanted and (not isinstance(value, wanted) or isinstance(value, bool)):
                raise ConfigError(
                    f"the argument '{given}' of the {self.noun} '{name}' is {value!r}, "
                    f"but should be {known[given].annotation}"
                )
        try:
            return made(**arguments)
        except TypeError as error:
            raise ConfigError(
                f"the {self.noun} '{name}' cannot be made: {error}",
                remedy=f"Its arguments are: {', '.join(known) or 'none'}.",
            ) from error

    def need_at_least(self, least: float, **given: float | None) -> None:
        """Raise `ConfigError` if an argument is below ``least``; ``None`` stands for none."""
        for name, value in given.items():
            if value is not None and not value >= least:
                raise ConfigError(f"the argument '{name}' of {self.one} is {value}, but should be at least {least:g}")


_TYPES: Final[Mapping[str, tuple[type, ...]]] = {
    "str": (str,),
    "str | None": (str, type(None)),
    "int": (int,),
    "int | None": (int, type(None)),
    "float": (int, float),
    "float | None": (int, float, type(None)),
}
"""How arguments are annotated -> what they may be; what else there is, the one that is made checks for itself."""
