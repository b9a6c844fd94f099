"""A client of the server, for the programs of a shop: `Client`, and `AsyncClient` with the same methods."""

from tastemaker.client.client import AsyncClient, Client

__all__ = ["AsyncClient", "Client"]
