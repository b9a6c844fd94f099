"""A store in memory for the tests of this floor."""

from __future__ import annotations

from pathlib import Path

import pytest
from tests.engine.memory import MemoryTenant


@pytest.fixture
def store(tmp_path: Path) -> MemoryTenant:
    folder = tmp_path / "artefacts"
    folder.mkdir()
    return MemoryTenant(folder)
