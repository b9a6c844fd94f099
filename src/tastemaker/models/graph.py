"""The graph of who touched what, as models use it: `tastemaker.blocks.graph`."""

from __future__ import annotations

from tastemaker.blocks.graph import handed_on, layers_of, normalised, propagate

__all__ = ["handed_on", "layers_of", "normalised", "propagate"]
