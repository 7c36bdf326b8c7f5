"""The tables. What is added later says since which version of the schema it is there: `migrations` adds just that.

There are no foreign keys: whoever writes chunks or errors holds the lock of the job's row, and so does who deletes it.
"""

from __future__ import annotations

from typing import Any, Final

from sqlalchemy import (
    BigInteger,
    Boolean,
    CheckConstraint,
    Column,
    ColumnElement,
    Index,
    Integer,
    LargeBinary,
    MetaData,
    SmallInteger,
    String,
    Table,
    Text,
    and_,
    false,
    literal,
)

from csvpipe.jobs import JobStatus
from csvpipe.store.sql.columns import AnyText, Key, Sequence, UtcTime

metadata: Final = MetaData()

#: Which versions of the schema have been applied, one a row.
csv_schema: Final = Table(
    "csv_schema",
    metadata,
    Column("version", Integer, primary_key=True, autoincrement=False),
    # The oldest version whose programs may still read and write; grows only with a change that is not additive.
    Column("min_reader", Integer, nullable=False),
    Column("applied_at", UtcTime, nullable=False),
    # Names the store; stands with the first version.
    Column("identity", String(64)),
)

#: First the stored attributes of `JobRecord` under their own names, then what only the store knows.
csv_jobs: Final = Table(
    "csv_jobs",
    metadata,
    # Order of creation: what tells jobs apart that were created at the same time.
    Column("sequence", Sequence, primary_key=True),
    Column("id", Key, nullable=False),
    Column("pipeline", AnyText, nullable=False),
    Column("filename", AnyText, nullable=False),
    Column("owner", AnyText),
    # Programs that do not know it leave it out.
    Column("dry_run", Boolean, nullable=False, server_default=false(), info={"since": 2}),
    Column("status", String(16), nullable=False),
    Column("total_rows", BigInteger),
    Column("processed_rows", BigInteger, nullable=False),
    Column("failed_rows", BigInteger, nullable=False),
    Column("skipped_rows", BigInteger, nullable=False),
    Column("bytes_total", BigInteger, nullable=False),
    Column("bytes_processed", BigInteger, nullable=False),
    Column("error_code", AnyText),
    Column("error_message", AnyText),
    Column("attempt", Integer, nullable=False),
    Column("revision", BigInteger, nullable=False),
    Column("created_at", UtcTime, nullable=False),
    Column("started_at", UtcTime),
    Column("completed_at", UtcTime),
    Column("updated_at", UtcTime, nullable=False),
    Column("parent_id", Key),
    Column("root_id", Key),
    Column("resolved_rows", BigInteger, nullable=False),
    # The first job of the chain, also where it is this one.
    Column("chain_id", Key, nullable=False),
    # `owner` as a text that is never null: "=" and the owner, or nothing.
    Column("owner_key", AnyText, nullable=False),
    Column("plan", Text, nullable=False),
    Column("plan_version", Integer, nullable=False),
    # Where the first data record starts: bytes that are done with the first chunk.
    Column("data_start", BigInteger, nullable=False),
    Column("idempotency_key", AnyText),
    Column("content_key", AnyText, nullable=False),
    Column("inspection_key", AnyText, nullable=False),
    Column("requested", String(16)),
    Column("takeovers", Integer, nullable=False),
    Column("claimed_by", AnyText),
    # Where an upload lies, which not every worker reaches.
    Column("spool_id", AnyText),
    Column("lease_until", UtcTime),
    # The call that last began or ended an ownership: whoever repeats it finds that it has been done.
    Column("ownership_call", Key),
    CheckConstraint(
        "status IN ({})".format(", ".join(f"'{status.value}'" for status in JobStatus)), name="csv_jobs_status"
    ),
    sqlite_autoincrement=True,
)

#: Chunk results, without their errors.
csv_chunks: Final = Table(
    "csv_chunks",
    metadata,
    Column("job_id", Key, primary_key=True),
    Column("start", BigInteger, primary_key=True, autoincrement=False),
    Column("end", BigInteger, nullable=False),
    Column("first_row", BigInteger, nullable=False),
    Column("first_line", BigInteger, nullable=False),
    Column("lines", BigInteger, nullable=False),
    Column("processed", BigInteger, nullable=False),
    Column("failed", BigInteger, nullable=False),
    Column("skipped", BigInteger, nullable=False),
    Column("spill", AnyText),
    # How `details`, `rejected` and `resolved` are written.
    Column("format", SmallInteger, nullable=False),
    # Totals and failure, as JSON; null where there are none.
    Column("details", Text),
    Column("rejected", LargeBinary),
    Column("resolved", LargeBinary),
    # Between which rows its errors lie in `csv_row_errors`; null where it has none there.
    Column("errors_from", BigInteger),
    Column("errors_to", BigInteger),
    sqlite_with_rowid=False,
)

#: Errors of rows. The ordinal is that within a row and a chunk.
csv_row_errors: Final = Table(
    "csv_row_errors",
    metadata,
    Column("job_id", Key, primary_key=True),
    Column("row", BigInteger, primary_key=True, autoincrement=False),
    Column("chunk_start", BigInteger, primary_key=True, autoincrement=False),
    Column("ordinal", Integer, primary_key=True, autoincrement=False),
    Column("line", BigInteger, nullable=False),
    Column("column", AnyText),
    Column("code", AnyText, nullable=False),
    Column("phase", String(16), nullable=False),
    Column("message", AnyText, nullable=False),
    Column("value", AnyText),
    Column("start", BigInteger, nullable=False),
    Column("end", BigInteger, nullable=False),
    sqlite_with_rowid=False,
)

#: Which rows of a first job the chunks of its chain's jobs have imported; outlives these jobs, and goes with the first.
csv_resolved: Final = Table(
    "csv_resolved",
    metadata,
    Column("root_id", Key, primary_key=True),
    Column("job_id", Key, primary_key=True),
    Column("start", BigInteger, primary_key=True, autoincrement=False),
    Column("rows", BigInteger, nullable=False),
    Column("format", SmallInteger, nullable=False),
    Column("resolved", LargeBinary, nullable=False),
    sqlite_with_rowid=False,
)

_jobs = csv_jobs.c

# An index over some rows serves only statements that say so in the same words. So these conditions hold no parameters.
IS_PENDING: Final = _jobs.status == literal("pending", String, literal_execute=True)
IS_PROCESSING: Final = _jobs.status == literal("processing", String, literal_execute=True)
IS_UNENDED: Final = _jobs.status.in_(
    [literal(status, String, literal_execute=True) for status in ("pending", "processing", "paused")]
)
HAS_KEY: Final = _jobs.idempotency_key.is_not(None)
WAS_INSPECTED: Final = _jobs.inspection_key != literal("", String, literal_execute=True)

_AGE = (_jobs.created_at, _jobs.sequence)


def _some(condition: object) -> dict[str, Any]:
    return {"sqlite_where": condition, "postgresql_where": condition}


Index("csv_jobs_id", _jobs.id, unique=True)
# At most one job of a chain is on its way.
Index("csv_jobs_chain", _jobs.chain_id, unique=True, **_some(IS_UNENDED))
Index("csv_jobs_key", _jobs.owner_key, _jobs.idempotency_key, unique=True, **_some(HAS_KEY))
# Who is next: the oldest of each owner, owner by owner.
Index("csv_jobs_queue", _jobs.pipeline, _jobs.owner_key, *_AGE, **_some(IS_PENDING))
Index("csv_jobs_leases", _jobs.lease_until, _jobs.owner_key, **_some(IS_PROCESSING))
Index("csv_jobs_inspected", _jobs.inspection_key, *_AGE, **_some(WAS_INSPECTED))
# Pages of jobs, newest first, under each combination of filters.
Index("csv_jobs_age", *_AGE)
Index("csv_jobs_status_age", _jobs.status, *_AGE)
Index("csv_jobs_owner_age", _jobs.owner_key, *_AGE)
Index("csv_jobs_owner_status_age", _jobs.owner_key, _jobs.status, *_AGE)
# The first errors of each kind.
Index(
    "csv_row_errors_kind",
    csv_row_errors.c.job_id,
    csv_row_errors.c.code,
    csv_row_errors.c.column,
    csv_row_errors.c.row,
)


def unended_chain(root_id: object) -> ColumnElement[bool]:
    """The jobs of a chain that have not ended."""
    return and_(_jobs.chain_id == root_id, IS_UNENDED)
