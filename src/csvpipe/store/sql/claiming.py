"""How jobs are handed out, each to one worker, by turns among their owners.

First the leases that have run out, which are few. Then the oldest waiting job of each owner: an index has them owner by
owner, so that one who has many waiting costs no more than one who has few. From there `in_turn` says who is next.

In SQLite the transaction has the file for itself. In PostgreSQL several workers may choose at the same time: rows that
another one holds are passed over, and to have something left then, more candidates are chosen than are wanted.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterator, Sequence
from datetime import datetime, timedelta
from functools import lru_cache
from heapq import merge
from itertools import islice
from typing import Any, Final
from uuid import UUID

import attrs
from sqlalchemy import (
    BigInteger,
    ColumnElement,
    Integer,
    and_,
    bindparam,
    case,
    func,
    literal,
    or_,
    select,
    tuple_,
    union_all,
)

from csvpipe._intake.inspection import PLAN_VERSION
from csvpipe.jobs import JobStatus, Verb
from csvpipe.store._changes import enacted, taken_over
from csvpipe.store._turns import Age, in_turn
from csvpipe.store.protocol import Claim, Lease, WorkerId
from csvpipe.store.sql.codec import plan_of
from csvpipe.store.sql.columns import AnyText, UtcTime
from csvpipe.store.sql.jobrows import StoredJob, save, select_jobs, stored
from csvpipe.store.sql.schema import IS_PENDING, IS_PROCESSING, csv_jobs
from csvpipe.store.sql.transactions import SERVERS_TIME, Transaction

_jobs = csv_jobs.c

#: So many candidates beyond the wanted ones, for other workers that choose the same ones at the same moment.
_SPARE: Final = 16


@attrs.frozen(kw_only=True)
class Wish:
    """What a worker asks for: see `JobStore.claim`."""

    worker: WorkerId
    pipelines: tuple[str, ...]
    limit: int
    lease_seconds: float
    max_bytes: int | None
    spools: tuple[str, ...] | None = None

    @property
    def fits(self) -> ColumnElement[bool]:
        """Which jobs this worker can do, whatever their pipeline."""
        return _fits(self.max_bytes, self.spools)


def _fits(largest: Any, spools: Any) -> ColumnElement[bool]:
    fits = _jobs.plan_version <= PLAN_VERSION
    if spools is not None:
        fits = and_(fits, or_(_jobs.spool_id.is_(None), _jobs.spool_id.in_(spools)))
    return fits if largest is None else and_(fits, _jobs.bytes_total <= largest)


@attrs.frozen(kw_only=True)
class _Candidate:
    """A job that may be handed out."""

    owner_key: str
    sequence: int
    created_at: datetime


def claim(transaction: Transaction, wish: Wish, call: UUID) -> list[Claim]:
    """See `JobStore.claim`; `call` tells a repeat of this very call."""
    if transaction.is_repeat and (done := _done_before(transaction, wish, call)):
        return done
    if not wish.pipelines:
        return []
    orphans = _orphans(transaction, wish)
    wanted = max(0, wish.limit)
    chosen: list[tuple[StoredJob, str]] = []
    tried: set[int] = set()
    spare = 0 if transaction.is_alone else _SPARE
    while (lacking := wanted - len(chosen)) > 0:
        candidates, is_all = _candidates(
            transaction, wish, orphans, tried, lacking=lacking, limit=lacking + len(tried) + spare
        )
        fresh = [each.sequence for each in candidates if each.sequence not in tried]
        if not fresh:
            break
        chosen += _locked(transaction, fresh, lacking)
        tried.update(fresh)
        if transaction.is_alone or is_all:
            break
    return [_hand_over(transaction, job, plan, wish, call) for job, plan in chosen]


# Takeovers ------------------------------------------------------------------------------------------------------------


def _orphans(transaction: Transaction, wish: Wish) -> list[_Candidate]:
    """The jobs to take over, oldest first; those that nobody shall have any more are ended on the way."""
    has_run_out = and_(IS_PROCESSING, _jobs.lease_until <= transaction.time)
    mine = select_jobs(_jobs.owner_key).where(has_run_out, _jobs.pipeline.in_(wish.pipelines), wish.fits)
    left = mine.order_by(_jobs.created_at, _jobs.sequence).with_for_update(skip_locked=True)
    orphans = []
    for row in transaction.rows(left):
        job = stored(row)
        record = taken_over(job.record, takeovers=job.takeovers + 1, requested=job.requested, now=transaction.now)
        if record.status is JobStatus.PROCESSING:
            orphans.append(_candidate(row))
        else:
            save(transaction, job, record)
    return orphans


# Turns ----------------------------------------------------------------------------------------------------------------


def _candidates(
    transaction: Transaction,
    wish: Wish,
    orphans: Sequence[_Candidate],
    tried: set[int],
    *,
    lacking: int,
    limit: int,
) -> tuple[list[_Candidate], bool]:
    """The first `limit` of the waiting jobs and orphans, in turn, and whether these are all there are.

    At first there are no more spare ones than are at hand: what follows on each owner's first job takes a look for each
    owner, which is wanted only where others have taken all of these.
    """
    queues: defaultdict[str | None, list[Iterator[_Candidate]]] = defaultdict(list)
    for orphan in orphans:
        if orphan.sequence not in tried:
            queues[orphan.owner_key].append(iter([orphan]))
    for pipeline, head in _heads(transaction, wish, limit):
        queues[head.owner_key].append(_waiting(transaction, wish, pipeline, head, limit))
    if not queues:  # most of the time; to count what is in hand takes longer the more there is
        return [], True
    by_age: dict[str | None, Iterator[_Candidate]] = {
        owner: merge(*of_owner, key=_age) for owner, of_owner in queues.items()
    }
    most = limit if tried else min(limit, max(lacking, len(by_age)))
    first = list(islice(in_turn(by_age, _held(transaction), _age), most))
    return first, len(first) < most


def _heads(transaction: Transaction, wish: Wish, limit: int) -> list[tuple[str, _Candidate]]:
    """For the first `limit` owners in turn, their oldest waiting job of each pipeline."""
    statement = _heads_statement(
        len(wish.pipelines),
        is_bounded=wish.max_bytes is not None,
        is_local=wish.spools is not None,
        is_servers_time=transaction.is_servers_time,
    )
    values: dict[str, Any] = {f"pipeline_{number}": pipeline for number, pipeline in enumerate(wish.pipelines)}
    values["owners"] = limit
    if wish.max_bytes is not None:
        values["largest"] = wish.max_bytes
    if wish.spools is not None:
        values["spools"] = list(wish.spools)
    if not transaction.is_servers_time:
        values["now"] = transaction.now
    return [(row["pipeline"], _candidate(row)) for row in transaction.rows(statement, values)]


@lru_cache(maxsize=64)
def _heads_statement(pipelines: int, *, is_bounded: bool, is_local: bool, is_servers_time: bool) -> Any:
    """How to find them. To put this together takes longer than to run it, so it is kept.

    The index has the jobs owner by owner: from one owner the search goes on to the next one. An owner who is not among
    the first ones cannot be among the first jobs either: each of the others comes before with at least one.
    """
    named = union_all(
        *(select(bindparam(f"pipeline_{number}", type_=AnyText).label("pipeline")) for number in range(pipelines))
    ).subquery("named")
    first = select(func.min(_jobs.owner_key, type_=AnyText)).where(IS_PENDING, _jobs.pipeline == named.c.pipeline)
    owners = select(named.c.pipeline, first.scalar_subquery().label("owner_key")).cte("owners", recursive=True)
    following = select(func.min(_jobs.owner_key, type_=AnyText)).where(
        IS_PENDING, _jobs.pipeline == owners.c.pipeline, _jobs.owner_key > owners.c.owner_key
    )
    onward = select(owners.c.pipeline, following.scalar_subquery()).where(owners.c.owner_key.is_not(None))
    owners = owners.union_all(onward)
    fits = _fits(
        bindparam("largest", type_=BigInteger) if is_bounded else None,
        bindparam("spools", type_=AnyText, expanding=True) if is_local else None,
    )
    oldest = (
        select(_jobs.sequence)
        .where(IS_PENDING, _jobs.pipeline == owners.c.pipeline, _jobs.owner_key == owners.c.owner_key, fits)
        .order_by(_jobs.created_at, _jobs.sequence)
        .limit(1)
        .scalar_subquery()
    )
    job = csv_jobs.alias("job")
    heads = (
        select(owners.c.pipeline, job.c.owner_key, job.c.sequence, job.c.created_at)
        .join_from(owners, job, job.c.sequence == oldest)
        .cte("heads")
    )
    age = (heads.c.created_at, heads.c.sequence)
    place = func.row_number().over(partition_by=heads.c.owner_key, order_by=age)
    ranked = select(heads.c.owner_key, *age, place.label("place")).subquery("ranked")
    held = _select_held(SERVERS_TIME if is_servers_time else bindparam("now", type_=UtcTime))
    held = held.where(select(heads.c.sequence).exists()).subquery("held")  # where nothing waits, nothing is counted
    best = (
        select(ranked.c.owner_key)
        .outerjoin_from(ranked, held, held.c.owner_key == ranked.c.owner_key)
        .where(ranked.c.place == 1)
        .order_by(func.coalesce(held.c.jobs, 0), ranked.c.created_at, ranked.c.sequence)
        .limit(bindparam("owners", type_=Integer))
        .subquery("best")
    )
    return select(heads).join_from(heads, best, best.c.owner_key == heads.c.owner_key)


def _waiting(
    transaction: Transaction, wish: Wish, pipeline: str, head: _Candidate, portion: int
) -> Iterator[_Candidate]:
    """An owner's waiting jobs of one pipeline, oldest first; read from the index as far as they are asked for."""
    of_owner = (IS_PENDING, _jobs.pipeline == pipeline, _jobs.owner_key == head.owner_key, wish.fits)
    oldest = select(_jobs.owner_key, _jobs.sequence, _jobs.created_at).where(*of_owner)
    oldest = oldest.order_by(_jobs.created_at, _jobs.sequence).limit(portion)
    last = head
    yield head
    while True:
        seen = tuple_(literal(last.created_at, UtcTime), literal(last.sequence, BigInteger))
        rows = transaction.rows(oldest.where(tuple_(_jobs.created_at, _jobs.sequence) > seen))
        for row in rows:
            last = _candidate(row)
            yield last
        if len(rows) < portion:
            return


def _select_held(time: ColumnElement[datetime]) -> Any:
    is_held = and_(IS_PROCESSING, _jobs.lease_until > time)
    # By an expression: SQLite would go through an index that has all jobs by owner, to save itself the sorting of few.
    owner = func.coalesce(_jobs.owner_key, "", type_=AnyText)
    return select(owner.label("owner_key"), func.count().label("jobs")).where(is_held).group_by(owner)


def _held(transaction: Transaction) -> dict[str | None, int]:
    """How many jobs of each owner are in live hands."""
    return {row["owner_key"]: row["jobs"] for row in transaction.rows(_select_held(transaction.time))}


def _candidate(row: dict[str, Any]) -> _Candidate:
    return _Candidate(owner_key=row["owner_key"], sequence=row["sequence"], created_at=row["created_at"])


def _age(candidate: _Candidate) -> Age:
    return candidate.created_at, candidate.sequence


# Handing over ---------------------------------------------------------------------------------------------------------


def _locked(transaction: Transaction, sequences: Sequence[int], limit: int) -> list[tuple[StoredJob, str]]:
    """Up to `limit` of these jobs in this order, each with its plan: those that nobody else has or takes."""
    turn = case({sequence: number for number, sequence in enumerate(sequences)}, value=_jobs.sequence)
    is_free = or_(IS_PENDING, and_(IS_PROCESSING, _jobs.lease_until <= transaction.time))
    statement = select_jobs(_jobs.plan).where(_jobs.sequence.in_(sequences), is_free).order_by(turn).limit(limit)
    return [(stored(row), row["plan"]) for row in transaction.rows(statement.with_for_update(skip_locked=True))]


def _hand_over(transaction: Transaction, job: StoredJob, plan: str, wish: Wish, call: UUID) -> Claim:
    is_takeover = job.record.status is JobStatus.PROCESSING
    record = save(
        transaction,
        job,
        enacted(job.record, Verb.TAKEOVER if is_takeover else Verb.START, now=transaction.now),
        takeovers=job.takeovers + is_takeover,
        claimed_by=wish.worker,
        lease_until=transaction.now + timedelta(seconds=wish.lease_seconds),
        ownership_call=call,
    )
    lease = Lease(job_id=record.id, worker=wish.worker, token=record.attempt)
    return Claim(lease=lease, record=record, plan=plan_of(plan), root_id=job.chain_id, is_takeover=is_takeover)


def _done_before(transaction: Transaction, wish: Wish, call: UUID) -> list[Claim]:
    """What this very call has taken, when the answer to it was lost."""
    mine = and_(IS_PROCESSING, _jobs.ownership_call == call)
    rows = transaction.rows(select_jobs(_jobs.plan).where(mine).order_by(_jobs.created_at, _jobs.sequence))
    return [
        Claim(
            lease=Lease(job_id=row["id"], worker=wish.worker, token=row["attempt"]),
            record=stored(row).record,
            plan=plan_of(row["plan"]),
            root_id=row["chain_id"],
            is_takeover=stored(row).takeovers > 0,
        )
        for row in rows
    ]
