"""What is Dask's own: how many tasks a cluster does at once, and where. All else is the protocol of any executor."""

from __future__ import annotations

from concurrent.futures import Executor
from typing import Any


def threads_of(executor: Executor) -> int:
    """Threads of all workers that a cluster has at the moment; 0 where it does not say.

    Args:
        executor: What `distributed.Client.get_executor` returns.
    """
    return sum(_workers_of(executor).values())


def is_elsewhere(executor: Executor) -> bool:
    """Whether a worker that a cluster has at the moment is reached over a network, so that tasks are pickled.

    Args:
        executor: See `threads_of`.
    """
    return any(not address.startswith("inproc://") for address in _workers_of(executor))


def _workers_of(executor: Executor) -> dict[str, int]:
    """The threads of each worker, by its address; of none where a cluster does not say."""
    client: Any = getattr(executor, "_client", None)
    try:
        return dict(client.nthreads())
    except Exception:  # noqa: BLE001  # it is out of reach, and says so when it is given work; or it is another one's
        return {}
