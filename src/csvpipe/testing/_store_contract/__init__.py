"""The parts of `JobStoreContract`, each over one stretch of a job's life."""

from __future__ import annotations

import pytest

_PARTS = (
    "harness",
    "creating",
    "listing",
    "claiming",
    "takeover",
    "reach",
    "committing",
    "settling",
    "requesting",
    "row_errors",
    "mending",
)

# Plain asserts that tell what they compared: pytest rewrites them only where it is told to, before the import.
pytest.register_assert_rewrite(*(f"{__name__}.{part}" for part in _PARTS))
