"""One job as the store in memory keeps it."""

from __future__ import annotations

import math
from collections.abc import Collection
from typing import Final

import attrs

from csvpipe._intake.inspection import PLAN_VERSION
from csvpipe.jobs import JobRecord, Verb
from csvpipe.store._ledger import Ledger
from csvpipe.store._turns import Age
from csvpipe.store.protocol import JobDraft, WorkerId

NO_LEASE: Final = -math.inf


@attrs.define(eq=False, kw_only=True)
class KeptJob:
    """A job with all that is known of it. `lease_until` is in the store's monotonic seconds."""

    record: JobRecord
    draft: JobDraft
    age: Age
    ledger: Ledger = attrs.field(factory=Ledger)
    lease_until: float = NO_LEASE
    worker: WorkerId | None = None
    requested: Verb | None = None
    takeovers: int = 0

    @property
    def owner(self) -> str | None:
        """Whose it is."""
        return self.record.owner

    def is_live(self, now: float) -> bool:
        """Whether a worker holds the job at monotonic time `now`."""
        return now < self.lease_until

    def fits(self, *, largest: float, spools: Collection[str] | None) -> bool:
        """Whether it is small enough, of a plan that is known here, and its upload within reach."""
        plan = self.draft.plan
        spool_id = None if plan.source is None else plan.source.spool_id
        is_near = spools is None or spool_id is None or spool_id in spools
        return is_near and self.record.bytes_total <= largest and plan.version <= PLAN_VERSION
