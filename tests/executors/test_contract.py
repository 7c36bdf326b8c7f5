"""The executors of the standard library, and others that are installed, keep the contract."""

from __future__ import annotations

import multiprocessing
from collections.abc import Iterator
from concurrent.futures import ProcessPoolExecutor, ThreadPoolExecutor
from contextlib import nullcontext
from typing import Any

import pytest

from csvpipe.testing import ExecutorContract, ExecutorHarness


class TestThreads(ExecutorContract):
    """Threads of this process."""

    @pytest.fixture
    def harness(self) -> ExecutorHarness:
        """Two of them."""
        return ExecutorHarness(make=lambda: ThreadPoolExecutor(2), in_processes=False)


class TestProcesses(ExecutorContract):
    """Processes that break their executor when they are lost."""

    @pytest.fixture
    def harness(self) -> ExecutorHarness:
        """Two of them."""
        spawn = multiprocessing.get_context("spawn")
        return ExecutorHarness(make=lambda: ProcessPoolExecutor(2, mp_context=spawn))


class TestLoky(ExecutorContract):
    """Processes that pickle with cloudpickle."""

    @pytest.fixture
    def harness(self) -> ExecutorHarness:
        """Two of them."""
        loky = pytest.importorskip("loky", reason="loky is not installed")
        return ExecutorHarness(make=lambda: loky.ProcessPoolExecutor(2))


@pytest.fixture(scope="module")
def client() -> Iterator[Any]:
    """Two processes of Dask's."""
    distributed = pytest.importorskip("distributed", reason="the extra dask is not installed")
    with (
        distributed.LocalCluster(n_workers=2, threads_per_worker=1, dashboard_address=":0", silence_logs=50) as cluster,
        distributed.Client(cluster) as client,
    ):
        yield client


# Its sockets and loops are left to the collector.
@pytest.mark.filterwarnings("ignore::ResourceWarning", "ignore::pytest.PytestUnraisableExceptionWarning")
class TestDask(ExecutorContract):
    """A cluster, which does a lost worker's task again."""

    @pytest.fixture
    def harness(self, client: Any) -> ExecutorHarness:
        """The client's."""
        return ExecutorHarness(make=lambda: nullcontext(client.get_executor()))
