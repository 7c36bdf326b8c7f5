"""The store in SQLite and in PostgreSQL keeps the contract that the store in memory keeps."""

from collections.abc import Callable, Iterator
from datetime import UTC, datetime, timedelta

import pytest

from csvpipe import SQLJobStore
from csvpipe.testing import JobStoreContract, StoreHarness


class ManualClock:
    """A database's clock that is moved by hand."""

    def __init__(self) -> None:
        self.time = datetime(2024, 5, 1, 12, tzinfo=UTC)

    def __call__(self) -> datetime:
        """What it shows."""
        return self.time

    def advance(self, seconds: float) -> None:
        """Move on."""
        self.time += timedelta(seconds=seconds)


@pytest.mark.parametrize("database", ["sqlite", "postgresql"])
class TestSQLJobStore(JobStoreContract):
    """Two stores on one database keep the contract."""

    @pytest.fixture
    def make_store(self, database: str, make_url: Callable[[str], str]) -> Iterator[StoreHarness]:
        """Two handles, each with connections of its own, as two processes have them."""
        clock, url = ManualClock(), make_url(database)
        with SQLJobStore(url, clock=clock) as first, SQLJobStore(url, clock=clock) as second:
            yield StoreHarness(first, second, clock.advance)
