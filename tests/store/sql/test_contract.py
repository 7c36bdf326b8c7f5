"""The store in SQLite and in PostgreSQL keeps the contract that the store in memory keeps."""

from collections.abc import Callable, Iterator

import pytest

from csvpipe import SQLJobStore
from csvpipe.testing import JobStoreContract, JumpingClock, StoreHarness


@pytest.mark.parametrize("database", ["sqlite", "postgresql"])
class TestSQLJobStore(JobStoreContract):
    """Two stores on one database keep the contract."""

    @pytest.fixture
    def make_store(self, database: str, make_url: Callable[[str], str]) -> Iterator[StoreHarness]:
        """Two handles, each with connections of its own, as two processes have them."""
        clock, url = JumpingClock(), make_url(database)
        with SQLJobStore(url, clock=clock) as first, SQLJobStore(url, clock=clock) as second:
            yield StoreHarness(first, second, clock.advance)
