"""Finding a system by its name: each is a module of `tastemaker.systems` that holds one as ``SYSTEM``."""

from __future__ import annotations

import pkgutil
from importlib import import_module

import tastemaker.systems
from tastemaker.core.errors import DataError, nearest
from tastemaker.systems.reproduction.system import System


def system_names() -> list[str]:
    """Return the names of all systems, sorted."""
    modules = pkgutil.iter_modules(tastemaker.systems.__path__)
    return sorted(module.name.replace("_", "-") for module in modules if not module.ispkg)


def find_system(name: str) -> System:
    """Return a system.

    Raises:
        DataError: There is none of that name.
    """
    known = system_names()
    if name not in known:
        raise DataError(f"there is no system '{name}'", remedy=nearest(name, known))
    found: System = import_module(f"tastemaker.systems.{name.replace('-', '_')}").SYSTEM
    return found
