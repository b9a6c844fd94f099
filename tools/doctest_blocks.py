"""Shows the doctests of a docstring as code on the site; Markdown would read their prompts as quotations.

Loaded by the documentation builder, see zensical.toml.
"""

from __future__ import annotations

import re
from typing import Any

import griffe

# From a prompt to the next empty line.
DOCTEST = re.compile(r"^(?P<indent> *)>>> .*(?:\n(?! *$).+)*", re.MULTILINE)


class DoctestBlocks(griffe.Extension):
    """Puts a fence around every doctest."""

    def on_object(self, *, obj: griffe.Object, **kwargs: Any) -> None:
        """Rewrite the docstring of a module, class, function or attribute."""
        if obj.docstring:
            obj.docstring.value = DOCTEST.sub(fenced, obj.docstring.value)


def fenced(doctest: re.Match[str]) -> str:
    """Return a doctest between the marks of a code block, at its own indentation."""
    return f"{doctest['indent']}```pycon\n{doctest[0]}\n{doctest['indent']}```"
