"""Templates and how they become pages; what they show is put together in `tastemaker.server.pages`."""

from __future__ import annotations

import hashlib
from collections.abc import Mapping
from pathlib import Path
from typing import Any, Final

from jinja2 import Environment, FileSystemLoader, StrictUndefined
from starlette.responses import HTMLResponse

from tastemaker.server.schemas import Problem

STATIC: Final = Path(__file__).parent / "static"

_templates: Final = Environment(
    loader=FileSystemLoader(Path(__file__).parent / "templates"),
    autoescape=True,
    undefined=StrictUndefined,
    trim_blocks=True,
    lstrip_blocks=True,
)
# A new style sheet gets a new address, so that no browser shows an old one.
_templates.globals["style_version"] = hashlib.sha256((STATIC / "style.css").read_bytes()).hexdigest()[:12]


def page(template: str, status: int = 200, headers: Mapping[str, str] | None = None, **shown: Any) -> HTMLResponse:
    """Render a template as a page."""
    return HTMLResponse(_templates.get_template(template).render(**shown), status, headers)


def error_page(problem: Problem, site: str, headers: Mapping[str, str] | None = None) -> HTMLResponse:
    """Render an error as a page that says what to do."""
    return page("error.html", problem.status, headers, site=site, problem=problem)
