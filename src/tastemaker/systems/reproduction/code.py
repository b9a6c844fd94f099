"""Which code a number rests on: hashes of source files, without any version control."""

from __future__ import annotations

import ast
import hashlib
import sys
from collections.abc import Iterable, Iterator, Mapping
from functools import cache, partial
from importlib.util import find_spec
from pathlib import Path
from typing import Any, Final

import tastemaker

_PACKAGE: Final = Path(tastemaker.__file__).parent
_TOP: Final = "tastemaker"
_MEASURING: Final = "tastemaker.evaluation.evaluate"
"""What turns a fitted model into the numbers of a row."""

_FOREIGN: Final = {*sys.stdlib_module_names, "numpy", "scipy", "polars", "torch"}
"""Libraries, which a record names by their versions and not by their source."""


def code_hash() -> str:
    """Return the sha256 of all of Tastemaker's source files, hexadecimal."""
    return _hash(path for path in _PACKAGE.rglob("*.py"))


def row_hash(model: object) -> str:
    """Return the sha256 of the source files that the numbers of an unfitted model rest on, hexadecimal.

    These are the modules of the model and of everything that it holds, those of the evaluation, and what they import
    from Tastemaker, directly or not. A change elsewhere, in a page or another model, leaves it as it is.
    """
    return files_hash({_MEASURING, *modules_of(model)})


def files_hash(modules: Iterable[str]) -> str:
    """Return the sha256 of the source files of some modules and of what they import from Tastemaker, hexadecimal."""
    return _hash(path for path in _files(modules) if path is not None)


def spec_of(value: Any) -> Any:
    """Describe an unfitted model as JSON values: its class, and what its constructor was given, all the way down.

    Of a function its name is told, and of one with arguments (`functools.partial`) these too.

    >>> from tastemaker.models import SequentialRules
    >>> spec_of(SequentialRules(window=5))["window"]
    5
    """
    if value is None or isinstance(value, bool | int | float | str):
        return value
    if isinstance(value, Mapping):
        return {str(name): spec_of(part) for name, part in value.items()}
    if isinstance(value, list | tuple | set | frozenset):
        parts = [spec_of(part) for part in value]
        return sorted(parts, key=repr) if isinstance(value, set | frozenset) else parts
    if isinstance(value, partial):
        return {"is": "partial", "of": spec_of(value.func), "with": [spec_of(value.args), spec_of(value.keywords)]}
    kind = value if isinstance(value, type) or callable(value) else type(value)
    name = f"{getattr(kind, '__module__', '')}.{getattr(kind, '__qualname__', repr(type(kind)))}"
    return {"is": name, **{own: spec_of(part) for own, part in _own(value).items()}}


def modules_of(value: Any) -> set[str]:
    """Return the modules of a model's class, or of a function, and of the classes of all that it holds."""
    if isinstance(value, Mapping):
        return set().union(*map(modules_of, value.values()))
    if isinstance(value, list | tuple | set | frozenset):
        return set().union(*map(modules_of, value))
    if isinstance(value, partial):
        return modules_of([value.func, value.args, value.keywords])
    module = getattr(value if callable(value) else type(value), "__module__", None)
    foreign = not module or module.partition(".")[0] in _FOREIGN
    found: set[str] = set() if foreign or module is None else {module}
    return found.union(*map(modules_of, _own(value).values()))


def _own(value: Any) -> dict[str, Any]:
    """Return the public attributes of an object of somebody's class."""
    if isinstance(value, type) or not hasattr(value, "__dict__"):
        return {}
    return {name: part for name, part in sorted(vars(value).items()) if not name.startswith("_")}


def _hash(paths: Iterable[Path]) -> str:
    digest = hashlib.sha256()
    for path in sorted(set(paths)):
        name = path.relative_to(_PACKAGE).as_posix() if path.is_relative_to(_PACKAGE) else path.name
        digest.update(f"{name}\n".encode())
        digest.update(hashlib.sha256(path.read_bytes()).digest())
    return digest.hexdigest()


def _files(roots: Iterable[str]) -> Iterator[Path | None]:
    """Yield the files of modules and of all that they import; those of other packages without what these import."""
    waiting, met = list(roots), set()
    while waiting:
        module = waiting.pop()
        if module in met:
            continue
        met.add(module)
        path = _file(module)
        yield path
        if path is not None and module.startswith(f"{_TOP}."):
            waiting += _imports(path)


@cache
def _file(module: str) -> Path | None:
    loaded = sys.modules.get(module)
    origin = getattr(loaded, "__file__", None)
    if origin is None:
        try:
            spec = find_spec(module)
        except (ImportError, ValueError):
            return None
        origin = None if spec is None else spec.origin
    path = None if origin is None else Path(origin)
    return path if path is not None and path.suffix == ".py" else None


@cache
def _imports(path: Path) -> frozenset[str]:
    """Return the modules of Tastemaker that a file imports, wherever in it."""
    found: set[str] = set()
    for node in ast.walk(ast.parse(path.read_bytes())):
        if isinstance(node, ast.Import):
            found.update(alias.name for alias in node.names)
        elif isinstance(node, ast.ImportFrom) and node.module:
            inner = (f"{node.module}.{alias.name}" for alias in node.names)
            found.update(name if _is_module(name) else node.module for name in inner)
    return frozenset(name for name in found if name.startswith(f"{_TOP}."))


def _is_module(name: str) -> bool:
    if not name.startswith(f"{_TOP}."):
        return False
    place = _PACKAGE.joinpath(*name.split(".")[1:])
    return place.with_suffix(".py").is_file() or (place / "__init__.py").is_file()
