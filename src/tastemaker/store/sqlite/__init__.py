"""The store in SQLite: a folder, and nothing to install; for one process that writes."""

from tastemaker.store.sqlite.store import SQLiteStore

__all__ = ["SQLiteStore"]
