"""Generators: models that write, by name, with what is kept about their calls."""

from tastemaker.language.generators.cache import Cached, ReplyCache
from tastemaker.language.generators.keeping import Metered, Trace, Traced, WithDefaults, guarded
from tastemaker.language.generators.ledger import Budget, Ledger, Prices
from tastemaker.language.generators.registry import (
    GENERATORS,
    GeneratorSpec,
    generator_class,
    generator_names,
    make_generator,
)
from tastemaker.language.generators.schemas import list_of, object_of, one_of, schema_of
from tastemaker.language.generators.script import Recorder, Script

__all__ = [
    "GENERATORS",
    "Budget",
    "Cached",
    "GeneratorSpec",
    "Ledger",
    "Metered",
    "Prices",
    "Recorder",
    "ReplyCache",
    "Script",
    "Trace",
    "Traced",
    "WithDefaults",
    "generator_class",
    "generator_names",
    "guarded",
    "list_of",
    "make_generator",
    "object_of",
    "one_of",
    "schema_of",
]
