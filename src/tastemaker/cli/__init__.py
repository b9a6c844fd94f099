"""The command line: thin commands over the Python library."""

from tastemaker.cli.app import app, main

__all__ = ["app", "main"]
