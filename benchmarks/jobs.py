"""Jobs in a store: many at once, and what it takes to do something with them."""

import statistics
from collections.abc import Callable
from time import perf_counter
from uuid import uuid4

import attrs
import databases
import sqlalchemy

import csvpipe
from csvpipe.jobs import JobId
from csvpipe.store.protocol import Lease, WorkerId
from csvpipe.testing._store_contract.harness import PIPELINE, a_draft

LEASE_SECONDS = 3_600.0


def milliseconds(call: Callable[[], object], calls: int) -> list[float]:
    """How long each of several calls takes, after one that is not counted."""
    call()
    taken = []
    for _ in range(calls):
        begun = perf_counter()
        call()
        taken.append(1_000 * (perf_counter() - begun))
    return taken


def median(call: Callable[[], object], calls: int) -> float:
    """Of so many calls, in milliseconds."""
    return statistics.median(milliseconds(call, calls))


def claimed(store: csvpipe.SQLJobStore, *, rows: int) -> Lease:
    """A new job in hand."""
    record = store.create(a_draft(rows=rows, pipeline=f"own {uuid4()}"))
    (claim,) = store.claim(WorkerId("bench"), pipelines=[record.pipeline], limit=1, lease_seconds=LEASE_SECONDS)
    return claim.lease


def fill(store: csvpipe.SQLJobStore, url: str, jobs: int) -> JobId:
    """Make so many jobs, a tenth of them waiting: half of these one owner's, the others of a thousand; one's id."""
    template = store.create(attrs.evolve(a_draft(), pipeline="template"))
    _multiply(url, template.id, jobs)
    return template.id


def size_bytes(url: str) -> int:
    """Of the database."""
    if databases.is_postgresql(url):
        return databases.scalar(url, "SELECT pg_database_size(current_database())")
    return databases.scalar(url, "SELECT page_count * page_size FROM pragma_page_count(), pragma_page_size()")


def _multiply(url: str, template: JobId, jobs: int) -> None:
    """Make so many jobs of one, in the database."""
    engine = sqlalchemy.create_engine(url)
    names = [column["name"] for column in sqlalchemy.inspect(engine).get_columns("csv_jobs")]
    is_sqlite = engine.dialect.name == "sqlite"
    new_id = "gen_random_uuid()"
    if is_sqlite:
        blob = "lower(hex(randomblob({})))".format
        new_id = " || '-' || ".join(blob(size) for size in (4, 2, 2, 2, 6))
    later = (
        "strftime('%Y-%m-%d %H:%M:%f000', created_at, '+' || n || ' seconds')"
        if is_sqlite
        else "created_at + n * interval '1 second'"
    )
    owner = "CASE WHEN n % 20 < 10 THEN 'heavy' ELSE 'owner ' || (n / 20 % 1000) END"
    changed = {
        "id": new_id,
        "chain_id": new_id,
        "created_at": later,
        "owner": owner,
        "owner_key": f"'=' || {owner}",
        "status": "CASE WHEN n % 20 IN (0, 10) THEN 'pending' ELSE 'completed' END",
        "pipeline": f"CASE WHEN n % 40 = 0 THEN 'one owner''s' ELSE '{PIPELINE}' END",
    }
    wanted = [name for name in names if name != "sequence"]
    columns = ", ".join(f'"{name}"' for name in wanted)
    values = ", ".join(changed.get(name, f'"{name}"') for name in wanted)
    counting = f"WITH RECURSIVE counting(n) AS (SELECT 1 UNION ALL SELECT n + 1 FROM counting WHERE n < {jobs}) "  # noqa: S608
    chosen = f"SELECT {values} FROM csv_jobs, counting WHERE id = '{template}'"  # noqa: S608
    statement = f"INSERT INTO csv_jobs ({columns}) {counting} {chosen}"
    with engine.begin() as connection:
        connection.exec_driver_sql(statement if is_sqlite else statement.replace("%", "%%"))
    with engine.connect().execution_options(isolation_level="AUTOCOMMIT") as connection:
        connection.exec_driver_sql("ANALYZE" if is_sqlite else "VACUUM ANALYZE")
    engine.dispose()
