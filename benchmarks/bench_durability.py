"""What durability costs.

Jobs that outlive their process are kept in a database. A whole import is held beside the same import with its jobs in
memory. Claims are held beside a table of jobs as one writes it by hand, which knows no owners, no fences, no leases and
no chunks: each process takes one job and finishes it, until there is none, and every step is a commit that waits for
the disk. What a call takes is held beside the same call in a store of a thousand jobs; half of the jobs are one
owner's, the others a thousand owners', and a tenth of them are waiting. The databases run with their own settings, on
the same processors. A million jobs are what `--full` looks among.
Numbered pages count ten thousand jobs at most.
"""

import statistics
import subprocess
import sys
from collections.abc import Callable, Iterator
from contextlib import ExitStack
from functools import partial
from itertools import count
from pathlib import Path
from typing import Any

import databases
import pytest
from generate import rows_in, write_rows
from jobs import LEASE_SECONDS, claimed, fill, median, milliseconds, size_bytes
from pipelines import import_cells
from report import Contender, Contest, Goal, cell, times

import csvpipe
from csvpipe.jobs import Verb
from csvpipe.store.protocol import Lease, WorkerId
from csvpipe.testing._store_contract.harness import PIPELINE, a_draft, a_result, a_row_error

pytestmark = pytest.mark.timeout(1800)

MB = 1_000_000
MEGABYTES = 50
FULL_MEGABYTES = 200
MOST_COST = 1.05

PROCESSES = 8
CLAIMS = 160
OWNERS = 10
CLAIMER = Path(__file__).with_name("claimer.py")

FEW_JOBS = 1_000
SOME_JOBS = 100_000
MANY_JOBS = 1_000_000
MOST_GROWTH = 2.0
#: Calls that are to cost the same however many jobs there are.
FLAT = (
    "first page",
    "first page of one status",
    "first page of one owner",
    "first slice of the history",
    "slice behind the middle",
)
CALLS = 15
ERRORS = 20_000
CHUNKS = (10, 1_000, 10_000)

NAMES = {"postgresql": "PostgreSQL", "sqlite": "SQLite"}
KINDS = pytest.mark.parametrize("kind", ["sqlite", "postgresql"])

Urls = Callable[[str], str | None]


@pytest.fixture(scope="module")
def server(folder: Path) -> Iterator[str | None]:
    """The URL of a PostgreSQL; None where there is none."""
    if databases.reason_no_server() is not None:
        yield None
        return
    with databases.server(folder) as url:
        yield url


@pytest.fixture(scope="module")
def new_url(folder: Path, server: str | None) -> Urls:
    """Make an empty database of a kind; None where there is no server."""
    numbers = count(1)

    def make(kind: str) -> str | None:
        name = f"measured{next(numbers)}"
        if kind == "sqlite":
            return f"sqlite:///{folder / name}.db"
        if server is None:
            return None
        databases.run(server, f"CREATE DATABASE {name}")
        return server.replace(":@/postgres", f":@/{name}")

    return make


@pytest.fixture
def opened() -> Iterator[ExitStack]:
    """What is closed when the test is over."""
    with ExitStack() as stack:
        yield stack


def test_store_cost(
    hold: Callable[..., Any],
    aim: Callable[[Goal], None],
    *,
    new_url: Urls,
    folder: Path,
    size: float,
    opened: ExitStack,
    is_full: bool,
) -> None:
    """A whole import with its job in memory, in SQLite and in PostgreSQL."""
    megabytes = (FULL_MEGABYTES if is_full else MEGABYTES) * size
    rows = rows_in(int(megabytes * MB))
    few = write_rows(folder / "few.csv", 2_000)
    path = write_rows(folder / "many.csv", rows)

    def entrant(name: str, kind: str | None) -> Contender:
        url = None if kind is None else new_url(kind)
        store = None if url is None else opened.enter_context(csvpipe.SQLJobStore(url))

        def load(file: Path) -> None:
            [record] = csvpipe.run(import_cells, file, store=store, workers=2)
            record.raise_for_status()

        reason = databases.reason_no_server() if kind == "postgresql" else None
        return Contender(name=name, run=partial(load, path), warm_up=partial(load, few), reason_absent=reason)

    memory = entrant("jobs in memory", None)
    postgresql, sqlite = entrant("jobs in PostgreSQL", "postgresql"), entrant("jobs in SQLite", "sqlite")
    contest = Contest(reference=memory, others=[postgresql], subject=sqlite, amount=rows, unit="rows")
    outcome = hold(f"{rows:,} `list[str]` rows, 2 threads", contest, "store-cost")
    aim(
        Goal(
            work=f"jobs in SQLite beside jobs in memory, time: {megabytes:,.0f} MB of `list[str]` rows",
            wanted=f"at most {MOST_COST} x",
            found=[1 / speed for speed in outcome.speeds(sqlite)],
            most=MOST_COST,
        )
    )


class Claimers:
    """Processes that take jobs.

    Args:
        way: Theirs.
        url: Of the store.
        processes: How many.
        jobs: How many there are for them.
    """

    def __init__(self, way: str, url: str, processes: int, jobs: int) -> None:
        self._way, self._url, self._number, self._jobs = way, url, processes, jobs
        self._processes: list[subprocess.Popen[str]] = []

    def prepare(self) -> None:
        """Make jobs and start the processes, until all are ready."""
        self._make_jobs()
        databases.write_back(self._url)
        self._processes = [
            subprocess.Popen(
                [sys.executable, str(CLAIMER), self._way, self._url, f"process {number}"],
                stdin=subprocess.PIPE,
                stdout=subprocess.PIPE,
                text=True,
            )
            for number in range(self._number)
        ]
        for process in self._processes:
            assert process.stdout is not None
            assert "ready\n" == process.stdout.readline()

    def _make_jobs(self) -> None:
        if self._way == "by-hand":
            numbered = f"WITH RECURSIVE c(n) AS (SELECT 1 UNION ALL SELECT n + 1 FROM c WHERE n < {self._jobs}) "  # noqa: S608
            databases.run(
                self._url,
                "DROP TABLE IF EXISTS by_hand",
                "CREATE TABLE by_hand (id INTEGER PRIMARY KEY, status TEXT, worker TEXT)",
                f"INSERT INTO by_hand (id, status) {numbered} SELECT n, 'pending' FROM c",  # noqa: S608
                "CREATE INDEX waiting ON by_hand (id) WHERE status = 'pending'",
            )
            return
        with csvpipe.SQLJobStore(self._url) as store:
            for number in range(self._jobs):
                store.create(a_draft(owner=f"owner {number % OWNERS}"))

    def run(self) -> None:
        """Have them take all jobs."""
        for process in self._processes:
            assert process.stdin is not None
            process.stdin.write("\n")
            process.stdin.flush()
        shares = [int(process.communicate()[0]) for process in self._processes]
        if sum(shares) != self._jobs:
            raise RuntimeError(f"{shares} of {self._jobs} jobs")


@KINDS
def test_claims(hold: Callable[..., Any], new_url: Urls, size: float, *, is_full: bool, kind: str) -> None:
    """Jobs that are claimed and completed, one by one, by several processes at once."""
    jobs = int(CLAIMS * (5 if is_full else 1) * size)
    url = new_url(kind)

    def entrant(name: str, way: str, processes: int) -> Contender:
        claimers = Claimers(way, url or "", processes, jobs)
        return Contender(
            name=name,
            run=claimers.run,
            prepare=claimers.prepare,
            warm_up=lambda: None,
            reason_absent=databases.reason_no_server() if url is None else None,
        )

    contest = Contest(
        reference=entrant(f"by hand, {PROCESSES} processes", "by-hand", PROCESSES),
        others=[entrant("csvpipe, 1 process", "csvpipe", 1)],
        subject=entrant(f"csvpipe, {PROCESSES} processes", "csvpipe", PROCESSES),
        amount=jobs,
        unit="jobs",
    )
    hold(f"{jobs:,} jobs of {OWNERS} owners claimed and completed in {NAMES[kind]}", contest, f"claims-{kind}")


@KINDS
def test_many_jobs(
    benchmark: Any,
    record: Callable[..., None],
    aim: Callable[[Goal], None],
    new_url: Urls,
    size: float,
    *,
    is_full: bool,
    kind: str,
) -> None:
    """What calls take among many jobs, beside a few, and how much room the jobs need."""
    jobs = int((MANY_JOBS if is_full else SOME_JOBS) * size)
    title = "Milliseconds of a call among jobs, and how much room they need"
    header = ("call", f"{FEW_JOBS:,} jobs", f"{jobs:,} jobs", "growth")
    if databases.reason_no_server() is not None and kind == "postgresql":
        benchmark.pedantic(int, rounds=1, iterations=1)
        record(title, header, [(NAMES[kind], "-", "-", cell(str(databases.reason_no_server())))])
        return
    found: dict[int, dict[str, list[float]]] = {}

    def measure_all() -> None:
        for number in (FEW_JOBS, jobs):
            found[number] = _among(str(new_url(kind)), number)

    benchmark.pedantic(measure_all, rounds=1, iterations=1)
    few, many = found[FEW_JOBS], found[jobs]
    rows = []
    for call in few:
        less, more = statistics.median(few[call]), statistics.median(many[call])
        rows.append((f"{NAMES[kind]}, {call}", times(less), times(more), f"{times(more / less)} x"))
    record(title, header, rows, "many-jobs")
    worst = max(FLAT, key=lambda call: statistics.median(many[call]) / statistics.median(few[call]))
    aim(
        Goal(
            work=f"first pages and the history of jobs in {NAMES[kind]}, among {jobs:,} beside {FEW_JOBS:,}; "
            f"the worst: {worst}",
            wanted=f"at most {MOST_GROWTH:g} x",
            found=[each / statistics.median(few[worst]) for each in many[worst]],
            most=MOST_GROWTH,
        )
    )


def _among(url: str, jobs: int) -> dict[str, list[float]]:
    """Milliseconds of calls among so many jobs; bytes of each job."""
    with csvpipe.SQLJobStore(url) as store:
        store.list_jobs()
        empty = size_bytes(url)
        one = fill(store, url, jobs)
        room = (size_bytes(url) - empty) / jobs
        pages: dict[str, Callable[[], object]] = {
            "first page": store.list_jobs,
            "first page of one status": partial(store.list_jobs, status=csvpipe.JobStatus.PENDING),
            "first page of one owner": partial(store.list_jobs, owner="owner 7"),
            # It goes past those before it, as every numbered page does: what is read on and on is the history.
            "page in the middle": partial(store.list_jobs, page=jobs // 20),
            "first slice of the history": store.history,
            "slice behind the middle": partial(store.history, after=_middle(store, jobs)),
            "one job": partial(store.get, one),
        }
        figures = {call: milliseconds(run, CALLS) for call, run in pages.items()}
        for what, name in (("all owners", PIPELINE), ("one owner", "one owner's")):
            figures[f"claim a job of {what}"] = _claiming(store, name)
        return {**figures, "bytes of a job": [room]}


def _middle(store: csvpipe.SQLJobStore, jobs: int) -> str | None:
    """Where the second half of the history begins."""
    slices = min(jobs // 2, 500)
    after: str | None = None
    for _ in range(slices):
        after = store.history(after=after, limit=jobs // 2 // slices).following
    return after


def _claiming(store: csvpipe.SQLJobStore, pipeline: str) -> list[float]:
    taken: list[Lease] = []

    def claim() -> None:
        (got,) = store.claim(WorkerId("bench"), pipelines=[pipeline], limit=1, lease_seconds=LEASE_SECONDS)
        taken.append(got.lease)

    figures = milliseconds(claim, CALLS)
    for lease in taken:
        store.settle(lease, Verb.RELEASE)
    return figures


@KINDS
def test_commits(benchmark: Any, record: Callable[..., None], new_url: Urls, *, kind: str) -> None:
    """What it takes to commit a chunk to a job that has few or many, and row errors."""
    title, header = "Milliseconds of a call about a job's chunks", ("call", "median")
    url = new_url(kind)
    if url is None:
        benchmark.pedantic(int, rounds=1, iterations=1)
        record(title, header, [(NAMES[kind], cell(str(databases.reason_no_server())))])
        return
    figures: dict[str, float] = {}
    with csvpipe.SQLJobStore(url) as store:
        benchmark.pedantic(lambda: figures.update(_committing(store)), rounds=1, iterations=1)
    record(title, header, [(f"{NAMES[kind]}, {call}", times(found)) for call, found in figures.items()], "commits")


def _committing(store: csvpipe.SQLJobStore) -> Iterator[tuple[str, float]]:
    for chunks in CHUNKS:
        lease = claimed(store, rows=chunks + 1_000)
        for first in range(1, chunks, 1_000):
            store.commit(lease, [a_result(row, 1) for row in range(first, min(first + 1_000, chunks))])
        rows = count(chunks)
        yield f"commit a chunk to a job of {chunks:,}", median(partial(_commit_next, store, lease, rows), CALLS)
        store.settle(lease, Verb.CANCEL)
    lease = claimed(store, rows=10 * ERRORS)
    numbers = iter(range(3))

    def commit_errors() -> None:
        first = 1 + ERRORS * next(numbers)
        errors = [a_row_error(row) for row in range(first, first + ERRORS)]
        store.commit(lease, [a_result(first, ERRORS, failed=ERRORS, errors=errors)])

    yield f"commit {ERRORS:,} row errors", median(commit_errors, 2)
    middle = (ERRORS, 0)
    yield "100 errors from the middle of them", median(partial(store.row_errors, lease.job_id, after=middle), CALLS)
    yield "totals of errors, with samples", median(partial(store.error_totals, lease.job_id), CALLS)
    yield "renew 10 leases", median(partial(store.renew, [lease] * 10, lease_seconds=60.0), CALLS)
    store.settle(lease, Verb.CANCEL)


def _commit_next(store: csvpipe.SQLJobStore, lease: Lease, rows: Iterator[int]) -> None:
    store.commit(lease, [a_result(next(rows), 1)])
