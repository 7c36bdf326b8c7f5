"""For tests of one's own: of handlers, and of stores and executors that somebody else writes.

Nothing here is imported before it is used, so that `import csvpipe` never imports pytest.
"""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from csvpipe.testing.clock import JumpingClock
    from csvpipe.testing.disk import full_disk
    from csvpipe.testing.executor_contract import ExecutorContract, ExecutorHarness
    from csvpipe.testing.faults import FaultyStore
    from csvpipe.testing.kills import Survival, survives_kills
    from csvpipe.testing.store_contract import JobStoreContract, StoreHarness

__all__ = [
    "ExecutorContract",
    "ExecutorHarness",
    "FaultyStore",
    "JobStoreContract",
    "JumpingClock",
    "StoreHarness",
    "Survival",
    "full_disk",
    "survives_kills",
]

_HOMES = {
    "ExecutorContract": "csvpipe.testing.executor_contract",
    "ExecutorHarness": "csvpipe.testing.executor_contract",
    "FaultyStore": "csvpipe.testing.faults",
    "JobStoreContract": "csvpipe.testing.store_contract",
    "JumpingClock": "csvpipe.testing.clock",
    "StoreHarness": "csvpipe.testing.store_contract",
    "Survival": "csvpipe.testing.kills",
    "full_disk": "csvpipe.testing.disk",
    "survives_kills": "csvpipe.testing.kills",
}


def __getattr__(name: str) -> object:
    if name not in _HOMES:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    return getattr(import_module(_HOMES[name]), name)


def __dir__() -> list[str]:
    return sorted({*globals(), *__all__})
