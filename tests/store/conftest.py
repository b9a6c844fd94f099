"""What fails in a contract is told as well as what fails in a test module."""

from __future__ import annotations

import pytest

pytest.register_assert_rewrite("tests.store.contracts")
