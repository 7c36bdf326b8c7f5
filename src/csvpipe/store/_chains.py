"""Which jobs belong together, and what has become of the rows that the first of them rejected; held in memory."""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Iterable

import attrs

from csvpipe._process.result import ChunkResult
from csvpipe._process.rowset import RowSet
from csvpipe.jobs import JobId


@attrs.define(eq=False)
class Chains:
    """Chains of mended submissions, by their first jobs."""

    _members: defaultdict[JobId, dict[JobId, None]] = attrs.field(factory=lambda: defaultdict(dict), init=False)
    # By first job, job and start of the chunk; kept when the job that resolved them goes.
    _resolved: defaultdict[JobId, dict[tuple[JobId, int], RowSet]] = attrs.field(
        factory=lambda: defaultdict(dict), init=False
    )
    _rows: Counter[JobId] = attrs.field(factory=Counter, init=False)

    def members(self, root_id: JobId) -> Iterable[JobId]:
        """The jobs that mend rows of this one, oldest first."""
        return tuple(self._members.get(root_id, ()))

    def join(self, root_id: JobId, job_id: JobId) -> None:
        """Enter a job that mends rows of another."""
        self._members[root_id][job_id] = None

    def leave(self, root_id: JobId, job_id: JobId) -> None:
        """Forget a job. What it has resolved is forgotten with the first job only."""
        if root_id == job_id:
            self._resolved.pop(root_id, None)
            self._rows.pop(root_id, None)
            return
        self._members.get(root_id, {}).pop(job_id, None)

    def enter(self, root_id: JobId, job_id: JobId, results: Iterable[ChunkResult]) -> None:
        """Note what these results resolve, in place of what was known of their chunks."""
        resolved = self._resolved[root_id]
        for result in results:
            before = resolved.get((job_id, result.start))
            self._rows[root_id] += len(result.resolved) - (0 if before is None else len(before))
            resolved[job_id, result.start] = result.resolved

    def rows(self, root_id: JobId) -> int:
        """How many rows are resolved."""
        return self._rows[root_id]

    def resolved(self, root_id: JobId, *, apart_from: JobId | None) -> list[RowSet]:
        """Which ones: see `JobStore.resolved`."""
        found = self._resolved.get(root_id, {})
        return [rows for (job_id, _), rows in found.items() if rows and job_id != apart_from]
