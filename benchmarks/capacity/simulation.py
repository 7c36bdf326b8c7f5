"""Simulated instances on a real store: each call is made, and only time is made up.

After a while in which things find their pace comes the time that is measured. Then a tenth of the instances die at
once, others take their place, and nobody submits any more. At the end every job must be completed by exactly one owner
at a time, and all its rows be accounted for.
"""

from collections.abc import Collection
from random import Random

import attrs
from benchmarks.capacity.instance import Instance, Timeline
from benchmarks.capacity.meter import Meter, Metered
from benchmarks.capacity.model import SETTINGS, Load, heeding_pools

from csvpipe._process.result import ChunkResult
from csvpipe._report.feed import LOOK_SECONDS
from csvpipe.jobs import JobId, JobRecord, Verb
from csvpipe.store.protocol import Claim, JobStore, Lease
from csvpipe.testing._store_contract.harness import PIPELINE, a_draft

#: A word from the server is on its way for so long.
_HEARING_SECONDS = 0.001

#: Of the instances, so many die.
_DYING = 0.1

#: A small file.
_SMALL_ROWS = 1_000

#: Of so many customers.
_OWNERS = 50

#: Virtual seconds by which everything must have come to an end, at the latest.
_PATIENCE = 600.0


class UnfairError(AssertionError):
    """The store has done what it promises not to do."""


@attrs.define
class Outcome:
    """What a simulation came to.

    Attributes:
        instances: How many there were.
        hears: Whether they heard of changes.
        seconds: Virtual ones that were measured.
        metered: In these.
        waits: Seconds from the submission to the claim of each job that was submitted in these.
        busiest: The largest share that one instance had of the jobs.
        jobs: In all.
        died: Instances.
        takeovers: Jobs that the dead had in hand.
        recovery_seconds: From their death to the last takeover.
    """

    instances: int
    hears: bool
    seconds: float
    metered: Metered
    waits: list[float] = attrs.field(factory=list)
    busiest: float = 0.0
    jobs: int = 0
    died: int = 0
    takeovers: int = 0
    recovery_seconds: float = 0.0

    def rate(self, kind: str) -> float:
        """Calls of a kind, by the virtual second."""
        return self.metered.calls[kind] / self.seconds


class Simulation:
    """Instances, those who submit to them, and those who look.

    Args:
        store: Real, by the clock of `time`.
        meter: Of the store.
        time: Virtual.
        instances: How many.
        load: What each is given to do.
        hears: Whether pools and readers hear of changes, as in PostgreSQL.
        seed: Of what is at random.
    """

    def __init__(
        self,
        store: JobStore,
        meter: Meter,
        time: Timeline,
        *,
        instances: int,
        load: Load,
        hears: bool,
        seed: int = 1,
    ) -> None:
        self.time = time
        self._store = store
        self._meter = meter
        self._load = load
        self._hears = hears
        self._random = Random(seed)
        self._instances = [self._new(number) for number in range(instances)]
        for instance in self._instances:  # they have known each other for a while
            instance.attention.share = min(instance.attention.share, heeding_pools(instances) / instances)
        self._dead: set[str] = set()
        self._submitted: dict[JobId, float] = {}
        self._waits: dict[JobId, float] = {}
        self._owners: dict[JobId, str] = {}
        self._ended: dict[JobId, int] = {}
        self._readers: dict[JobId, Reader] = {}
        self._shares: dict[str, int] = {}
        self._taken_over: dict[JobId, float] = {}

    def __repr__(self) -> str:
        return f"<Simulation of {len(self._instances)} instances, {len(self._submitted)} jobs>"

    def run(self, *, settle_seconds: float, seconds: float) -> Outcome:
        """Live through it all.

        Raises:
            UnfairError: A job was lost, or had two owners at once.
        """
        self._plan_submissions(0.0, settle_seconds)
        self._plan_submissions(settle_seconds, seconds)
        self.time.run(until=settle_seconds)
        earlier, shares = set(self._submitted), dict(self._shares)
        with self._meter.window() as metered:
            self.time.run(until=settle_seconds + seconds)
        outcome = Outcome(instances=len(self._instances), hears=self._hears, seconds=seconds, metered=metered)
        claimed = {name: number - shares.get(name, 0) for name, number in self._shares.items()}
        outcome.busiest = max(claimed.values(), default=0) / max(1, sum(claimed.values()))
        self._die(outcome)
        outcome.waits = [wait for job_id, wait in self._waits.items() if job_id not in earlier]
        outcome.jobs = len(self._submitted)
        self._check()
        return outcome

    # What instances ask -----------------------------------------------------------------------------------------------

    def claim(self, instance: Instance, limit: int) -> list[Claim]:
        """Jobs for an instance."""
        claims = self._meter.call(
            lambda claims: "claim" if claims else "vain claim",
            lambda: self._store.claim(
                instance.worker, pipelines=(PIPELINE,), limit=limit, lease_seconds=SETTINGS.lease_seconds, spools=()
            ),
        )
        for claim in claims:
            self._hand_over(claim)
        return claims

    def commit(self, lease: Lease, results: list[ChunkResult]) -> None:
        """Write what was done."""
        self._tell(self._meter.call("commit", lambda: self._store.commit(lease, results)))

    def settle(self, lease: Lease, results: list[ChunkResult], *, total_rows: int) -> None:
        """End a job."""
        ask = lambda: self._store.settle(lease, Verb.COMPLETE, results=results, total_rows=total_rows)  # noqa: E731
        record = self._meter.call("settle", ask)
        del self._owners[record.id]
        self._ended[record.id] = self._ended.get(record.id, 0) + 1
        self._tell(record)

    def renew(self, leases: list[Lease], seconds: float) -> None:
        """Keep jobs."""
        answers = self._meter.call("renew", lambda: self._store.renew(leases, lease_seconds=seconds))
        if not all(answer.is_held for answer in answers):
            raise UnfairError("a lease was lost that was renewed in time")

    def committed(self, job_id: JobId) -> Collection[int]:
        """Where the chunks start that are done."""
        return {result.start for result in self._meter.call("resume", lambda: self._store.committed(job_id))}

    # Those who submit, and who look -----------------------------------------------------------------------------------

    def look(self, job_id: JobId) -> JobRecord:
        """As a reader does."""
        return self._meter.call("look", lambda: self._store.get(job_id))

    def _plan_submissions(self, begin: float, seconds: float) -> None:
        """As many as there are on average, each at any time."""
        for rate, rows in (
            (self._load.small_jobs, _SMALL_ROWS),
            (self._load.large_jobs, self._load.chunks * self._load.rows),
        ):
            for _ in range(round(rate * len(self._instances) * seconds)):
                self.time.after(begin + self._random.uniform(0.0, seconds), lambda rows=rows: self._submit(rows))

    def _submit(self, rows: int) -> None:
        draft = a_draft(rows=rows, owner=f"owner {self._random.randrange(_OWNERS)}")
        record = self._meter.call("create", lambda: self._store.create(draft))
        self._submitted[record.id] = self.time.now
        if rows > self._load.rows:
            self._readers[record.id] = Reader(self, record.id, self._load)
        if self._hears:
            self.time.after(_HEARING_SECONDS, self._call)

    def _call(self) -> None:
        for instance in self._random.sample(self._instances, len(self._instances)):  # who hears first is anybody
            instance.hear()

    def _tell(self, record: JobRecord) -> None:
        reader = self._readers.get(record.id)
        if self._hears and reader is not None:
            self.time.after(_HEARING_SECONDS, reader.ring)

    # What must hold ---------------------------------------------------------------------------------------------------

    def _new(self, number: int) -> Instance:
        return Instance(f"instance {number}", self, self._load, Random(self._random.random()))

    def _hand_over(self, claim: Claim) -> None:
        job_id, worker = claim.lease.job_id, claim.lease.worker
        owner = self._owners.get(job_id)
        if claim.is_takeover != (owner is not None) or (owner is not None and owner not in self._dead):
            raise UnfairError(f"job {job_id} went to {worker} while {owner} had it")
        if claim.is_takeover:
            self._taken_over[job_id] = self.time.now
        else:
            self._waits[job_id] = self.time.now - self._submitted[job_id]
        self._owners[job_id] = worker
        self._shares[worker] = self._shares.get(worker, 0) + 1
        self._tell(claim.record)

    def _die(self, outcome: Outcome) -> None:
        """Those go that have most in hand: they are missed most."""
        number = max(1, round(_DYING * len(self._instances)))
        self._instances.sort(key=lambda instance: -len(instance.runs))
        dying, died_at = self._instances[:number], self.time.now
        for instance in dying:
            instance.is_dead = True
            self._dead.add(instance.worker)
        in_hand = [job_id for job_id, owner in self._owners.items() if owner in self._dead]
        others = (self._new(len(self._instances) + each) for each in range(number))
        self._instances[:number] = others
        self.time.run(while_=lambda: len(self._ended) < len(self._submitted) and self.time.now < died_at + _PATIENCE)
        if sorted(map(str, in_hand)) != sorted(map(str, self._taken_over)):
            raise UnfairError(f"{len(in_hand)} jobs were left by the dead, and {len(self._taken_over)} taken over")
        outcome.died, outcome.takeovers = number, len(in_hand)
        outcome.recovery_seconds = max((at - died_at for at in self._taken_over.values()), default=0.0)

    def _check(self) -> None:
        for job_id in self._submitted:
            record = self._store.get(job_id)
            attempts = 2 if job_id in self._taken_over else 1
            rows = record.processed_rows + record.failed_rows
            facts = (record.status.value, record.attempt, rows, self._ended.get(job_id))
            if facts != ("completed", attempts, record.total_rows, 1):
                raise UnfairError(f"job {job_id} ended as {facts}")


class Reader:
    """One who follows a job from its submission to its end: `csvpipe.watch`."""

    def __init__(self, simulation: Simulation, job_id: JobId, load: Load) -> None:
        self._simulation = simulation
        self._job_id = job_id
        self._look_seconds = load.look_seconds
        self._looks = 0
        self._is_over = False
        self._wait(0.0)

    def __repr__(self) -> str:
        return f"<Reader of {self._job_id}>"

    def ring(self) -> None:
        """There may be news."""
        self._wait(0.0)

    def _wait(self, seconds: float) -> None:
        self._looks = number = self._looks + 1
        self._simulation.time.after(seconds, lambda: self._look(number))

    def _look(self, number: int) -> None:
        if number == self._looks and not self._is_over:
            self._is_over = self._simulation.look(self._job_id).status.is_terminal
            self._wait(self._look_seconds + LOOK_SECONDS)
