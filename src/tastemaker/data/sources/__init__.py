"""Data sets by name: where each comes from, under which terms, and how it becomes a `Dataset`.

One module a family holds the facts (address, checksums, terms, sizes) beside the parser of its files. Every parser
reads the official layout; where copies of a data set go about in another one, it reads that too.
"""

from tastemaker.data.sources.registry import SOURCES, load_dataset, local_folder
from tastemaker.data.sources.source import Source

__all__ = ["SOURCES", "Source", "load_dataset", "local_folder"]
