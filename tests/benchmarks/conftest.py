"""The modules of the benchmarks, which are no package: their own session puts their folder on the path."""

from collections.abc import Callable
from importlib import import_module
from pathlib import Path
from types import ModuleType

import pytest

BENCHMARKS = Path(__file__).parents[2] / "benchmarks"


@pytest.fixture
def load(monkeypatch: pytest.MonkeyPatch) -> Callable[[str], ModuleType]:
    """Import one by its name."""
    monkeypatch.syspath_prepend(BENCHMARKS)
    return import_module
