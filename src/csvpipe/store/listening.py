"""What a store may be besides: one that says when a job has changed."""

from __future__ import annotations

from collections.abc import Callable
from typing import Protocol, runtime_checkable

from csvpipe.jobs import JobId


@runtime_checkable
class Listening(Protocol):
    """What a store may be besides: one that says when a job has changed, so that readers need not ask so often."""

    def listen(self, callback: Callable[[JobId], object], *, calls_only: bool = False) -> Callable[[], object]:
        """Call back with the id of each job that has changed, in a thread of the store's, until the answer is called.

        It is a hint: callbacks may be late, double, or missing, and readers look by themselves from time to time. A
        callback must not block: others wait for it.

        Args:
            callback: Called with the id.
            calls_only: Only where a worker is called for: a job waits to be claimed, or something was asked of one that
                runs.
        """
        ...
