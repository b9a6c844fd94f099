"""Texts about people and items, of which every claim cites the events that show it."""
