"""The server: a JSON API and one plain page over an `Engine`; needs the extra ``serve``."""

from __future__ import annotations

from tastemaker.core.errors import MissingExtraError

try:
    import fastapi as _fastapi  # noqa: F401
    import jinja2 as _jinja2  # noqa: F401
    import prometheus_client as _prometheus_client  # noqa: F401
    import uvicorn as _uvicorn  # noqa: F401
except ModuleNotFoundError as error:
    raise MissingExtraError("the server", "serve") from error

from tastemaker.server.app import create_app
from tastemaker.server.run import run_server

__all__ = ["create_app", "run_server"]
