"""The contract of `csvpipe.store.protocol`, as tests that every store must pass.

Subclass `JobStoreContract`, say how to make your store, and let pytest collect the subclass::

    from csvpipe.testing import JobStoreContract, StoreHarness

    class TestMyStore(JobStoreContract):
        @pytest.fixture
        def make_store(self, tmp_path):
            clock = MyClock()
            url = f"mydb:///{tmp_path}/jobs"
            with MyStore(url, clock=clock) as first, MyStore(url, clock=clock) as second:
                yield StoreHarness(first, second, clock.advance)
"""

from __future__ import annotations

from csvpipe.testing._store_contract.claiming import ClaimingContract
from csvpipe.testing._store_contract.committing import CommittingContract
from csvpipe.testing._store_contract.creating import CreatingContract
from csvpipe.testing._store_contract.harness import StoreHarness
from csvpipe.testing._store_contract.listing import ListingContract
from csvpipe.testing._store_contract.mending import MendingContract
from csvpipe.testing._store_contract.reach import ReachContract
from csvpipe.testing._store_contract.requesting import RequestingContract
from csvpipe.testing._store_contract.row_errors import RowErrorsContract
from csvpipe.testing._store_contract.settling import SettlingContract
from csvpipe.testing._store_contract.takeover import TakeoverContract

__all__ = ["JobStoreContract", "StoreHarness"]


class JobStoreContract(
    CreatingContract,
    ListingContract,
    ClaimingContract,
    TakeoverContract,
    ReachContract,
    CommittingContract,
    SettlingContract,
    RequestingContract,
    RowErrorsContract,
    MendingContract,
):
    """Tests of every sentence of the contract, in the order in which a job meets them.

    A subclass overrides the fixture `make_store`: a fresh and empty store for every test, as a `StoreHarness`. Whoever
    makes the store closes it, so the fixture does.
    """
