"""What is Dask's own: how many tasks a cluster does at once. All else is the protocol of any executor."""

from __future__ import annotations

from concurrent.futures import Executor
from typing import Any


def threads_of(executor: Executor) -> int:
    """Threads of all workers that a cluster has at the moment; 0 where it does not say.

    Args:
        executor: What `distributed.Client.get_executor` returns.
    """
    client: Any = getattr(executor, "_client", None)
    try:
        return sum(client.nthreads().values())
    except Exception:  # noqa: BLE001  # it is out of reach, and says so when it is given work; or it is another one's
        return 0
