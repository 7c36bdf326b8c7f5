"""Jobs that outlive the command: continued by the next run, listed, shown, asked and mended."""

from __future__ import annotations

import gzip
import json
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import TYPE_CHECKING
from uuid import uuid4

import pytest
from click.testing import Result

import csvpipe
from csvpipe.jobs import JobId, JobRecord, JobStatus, Verb
from csvpipe.store import _pages
from csvpipe.store.protocol import JobDraft, Lease, WorkerId
from csvpipe.testing._store_contract.harness import a_draft
from csvpipe.testing._store_contract.reach import in_spool

if TYPE_CHECKING:
    from csvpipe import SQLJobStore

pytest.importorskip("sqlalchemy")

Invoke = Callable[..., Result]

PEOPLE = "people:import_people"
STORE = ("--store", "sqlite:///jobs.db")


@pytest.fixture
def store(home: Path) -> Iterator[SQLJobStore]:
    """The store of `STORE`, seen from the side."""
    with csvpipe.SQLJobStore(f"sqlite:///{home}/jobs.db") as opened:
        yield opened


def begun(
    store: SQLJobStore, path: Path, *, status: JobStatus = JobStatus.PENDING, owner: str | None = None
) -> JobRecord:
    """A job that an earlier process took in, and has left with this status."""
    tried = csvpipe.MemoryJobStore()

    @csvpipe.pipeline(name="import_people")
    def refuse(row: csvpipe.Row) -> None:
        raise csvpipe.Reject("so that the upload is kept")

    folder = path.parent / "jobs.db.spool"
    [record] = csvpipe.run(refuse, path, store=tried, spool_dir=folder)
    job_id = JobId(uuid4())
    draft = JobDraft(
        id=job_id,
        pipeline="import_people",
        filename=path.name,
        owner=owner,
        plan=tried.plan(record.id),
        root_id=job_id,
    )
    store.create(draft)
    if status is JobStatus.PENDING:
        return store.get(job_id)
    [claim] = store.claim(WorkerId("earlier"), pipelines=["import_people"], limit=1, lease_seconds=60)
    if status is JobStatus.PROCESSING:
        return claim.record
    return store.settle(Lease(job_id=job_id, worker=claim.lease.worker, token=claim.lease.token), Verb.PAUSE)


def ids(result: Result) -> list[str]:
    """The jobs of the files, as the summary for programs has them."""
    assert result.stdout, result.stderr
    return [job["id"] for job in json.loads(result.stdout.splitlines()[-1])["files"]]


class TestContinuing:
    """`run` with a store goes on with what is not finished, and with nothing else."""

    @pytest.mark.parametrize("status", [JobStatus.PENDING, JobStatus.PAUSED])
    def test_an_unfinished_file_goes_on(
        self, examples: Path, store: SQLJobStore, invoke: Invoke, status: JobStatus
    ) -> None:
        """The job of the earlier process is finished, and no other one is made."""
        left = begun(store, examples / "people.csv", status=status)

        result = invoke("run", PEOPLE, "people.csv", *STORE, "--json")

        assert (1, [str(left.id)]) == (result.exit_code, ids(result))
        assert (1, JobStatus.COMPLETED) == (store.list_jobs().total, store.get(left.id).status)

    def test_a_finished_file_is_imported_again(self, examples: Path, store: SQLJobStore, invoke: Invoke) -> None:
        """Whoever runs the same file twice means it."""
        assert examples.is_dir()
        first = invoke("run", PEOPLE, "people.csv", *STORE, "--json")
        second = invoke("run", PEOPLE, "people.csv", *STORE, "--json")

        assert ids(first) != ids(second)
        assert 2 == store.list_jobs().total

    def test_a_file_that_changed_starts_anew(self, examples: Path, store: SQLJobStore, invoke: Invoke) -> None:
        """What is done of another content says nothing about this one."""
        path = examples / "people.csv"
        left = begun(store, path)
        path.write_text(path.read_text() + "7,Gil,2024-05-05\n")

        result = invoke("run", PEOPLE, "people.csv", *STORE, "--json")

        assert [str(left.id)] != ids(result)

    @pytest.mark.parametrize(
        "options",
        [["--encoding", "cp1252"], ["--delimiter", ";"], ["--owner", "ana"], ["--dry-run"], ["--encoding", "klingon"]],
    )
    def test_what_is_stated_must_be_the_same(
        self, examples: Path, store: SQLJobStore, invoke: Invoke, options: list[str]
    ) -> None:
        """A job that reads the file otherwise, or is another's, is left alone."""
        left = begun(store, examples / "people.csv")

        invoke("run", PEOPLE, "people.csv", *STORE, "--json", *options)

        assert store.get(left.id).status in (JobStatus.PENDING, JobStatus.COMPLETED)
        assert 1 + (options[-1] != "klingon") == store.list_jobs().total

    def test_the_same_encoding_under_another_name(self, examples: Path, store: SQLJobStore, invoke: Invoke) -> None:
        """It is what is meant that counts."""
        left = begun(store, examples / "people.csv")

        result = invoke("run", PEOPLE, "people.csv", *STORE, "--json", "--encoding", "UTF8")

        assert [str(left.id)] == ids(result)

    def test_a_file_named_twice(self, examples: Path, store: SQLJobStore, invoke: Invoke) -> None:
        """The first goes on with the job, the second makes one of its own; the order is that of the files."""
        left = begun(store, examples / "people.csv")

        result = invoke("run", PEOPLE, "orders-may.csv", "people.csv", "people.csv", *STORE, "--json")

        assert str(left.id) == ids(result)[1]
        assert 3 == len(set(ids(result))) == store.list_jobs().total

    def test_a_packed_file_is_known_by_its_content(self, examples: Path, store: SQLJobStore, invoke: Invoke) -> None:
        """What was unpacked into the spool belongs to the file that it came from."""
        packed = examples / "people.csv.gz"
        packed.write_bytes(gzip.compress((examples / "people.csv").read_bytes()))
        left = begun(store, packed)
        assert store.plan(left.id).source.is_spooled  # type: ignore[union-attr]

        result = invoke("run", PEOPLE, "people.csv.gz", *STORE, "--json")

        assert [str(left.id)] == ids(result)

    def test_standard_input_is_never_continued(self, examples: Path, store: SQLJobStore, invoke: Invoke) -> None:
        """It cannot be told whether it is the same."""
        begun(store, examples / "people.csv")

        invoke("run", PEOPLE, "-", *STORE, "--json", stdin="id,name,joined\n1,Ana,2024-03-01\n")

        assert 2 == store.list_jobs().total


class TestLooking:
    """`jobs` and `show`."""

    def test_jobs_are_listed(self, examples: Path, store: SQLJobStore, invoke: Invoke) -> None:
        """Newest first, with what a person wants to know; a page says how many there are."""
        assert examples.is_dir()
        invoke("run", PEOPLE, "people.csv", "gone.csv", *STORE)
        begun(store, examples / "people.csv", owner="ana")

        listed = invoke("jobs", *STORE).stdout.splitlines()
        page = invoke("jobs", *STORE, "--limit", "2", "--page", "2").stdout.splitlines()
        failed = invoke("jobs", *STORE, "--status", "failed", "--json").stdout.splitlines()
        of_ana = invoke("jobs", *STORE, "--owner", "ana", "--json").stdout.splitlines()

        assert ["job", "status", "done", "rows", "failed", "submitted", "owner", "pipeline", "file"] == listed[
            0
        ].split()
        assert ["pending", "failed", "completed"] == [line.split()[1] for line in listed[1:]]
        assert "Page 2 of 2, 3 jobs." == page[-1]
        assert ["gone.csv"] == [json.loads(line)["filename"] for line in failed]
        assert ["ana"] == [json.loads(line)["owner"] for line in of_ana]

    def test_a_number_may_be_a_lower_bound(
        self, store: SQLJobStore, invoke: Invoke, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        """That is marked."""
        monkeypatch.setattr(_pages, "COUNTED_JOBS", 3)
        for _ in range(6):
            store.create(a_draft())

        pages = [invoke("jobs", *STORE, "--limit", "2", "--page", page).stdout.splitlines() for page in ("1", "3", "4")]

        assert ["Page 1 of 2+, 3+ jobs.", "Page 3 of 3, 6 jobs.", "No jobs on page 4; there are 2+."] == [
            page[-1] for page in pages
        ]

    def test_there_may_be_none(self, store: SQLJobStore, invoke: Invoke) -> None:
        """An empty store says so, and so does a page past the end."""
        assert store.file is not None
        assert "No jobs.\n" == invoke("jobs", *STORE).stdout
        assert "No jobs on page 3; there are 0.\n" == invoke("jobs", *STORE, "--page", "3").stdout

    def test_a_job_is_shown(self, examples: Path, store: SQLJobStore, invoke: Invoke) -> None:
        """With what is wrong with its rows; its id may be shortened."""
        assert examples.is_dir()
        invoke("run", PEOPLE, "people.csv", *STORE)
        [record] = store.list_jobs().jobs

        shown = invoke("show", str(record.id)[:8], *STORE).stdout
        plain = json.loads(invoke("show", str(record.id), *STORE, "--json").stdout)

        assert f"job        {record.id}\n" in shown
        assert "status     completed\n" in shown
        assert "Errors:\n" in shown
        assert (str(record.id), 3) == (plain["job"]["id"], len(plain["errors"]))
        assert ["id", "name", "joined", "score"] == plain["inspection"]["columns"]

    def test_a_dry_run_is_told_from_an_import(self, examples: Path, store: SQLJobStore, invoke: Invoke) -> None:
        """Beside its status, for persons and for programs."""
        assert examples.is_dir()
        invoke("run", PEOPLE, "people.csv", *STORE)
        invoke("run", PEOPLE, "people.csv", *STORE, "--dry-run")
        tried, imported = store.list_jobs().jobs

        _, *lines = invoke("jobs", *STORE).stdout.splitlines()
        listed = [json.loads(line)["dry_run"] for line in invoke("jobs", *STORE, "--json").stdout.splitlines()]
        shown = [invoke("show", str(record.id), *STORE).stdout for record in (tried, imported)]
        plain = json.loads(invoke("show", str(tried.id), *STORE, "--json").stdout)

        assert [True, False] == ["completed, dry run  " in line for line in lines]
        assert [True, False] == listed
        assert [True, False] == ["status     completed, dry run\n" in text for text in shown]
        assert plain["job"]["dry_run"]

    def test_what_a_job_waits_for_is_shown(self, store: SQLJobStore, invoke: Invoke) -> None:
        """Where its upload lies, which not every worker reaches; of a path there is nothing to say."""
        upload, in_place = store.create(in_spool("there")), store.create(a_draft())
        assert "is where the file was uploaded to (spool there)\n" in invoke("show", str(upload.id), *STORE).stdout
        assert "waits for" not in invoke("show", str(in_place.id), *STORE).stdout

    def test_a_job_that_was_refused_is_shown(self, examples: Path, store: SQLJobStore, invoke: Invoke) -> None:
        """With the reason."""
        assert examples.is_dir()
        invoke("run", PEOPLE, "gone.csv", *STORE)
        [record] = store.list_jobs().jobs

        assert "reason     not_found: gone.csv: " in invoke("show", str(record.id), *STORE).stdout
        assert json.loads(invoke("show", str(record.id), *STORE, "--json").stdout)["inspection"] is None

    @pytest.mark.parametrize(
        ("given", "said"),
        [
            ("abc", "too short"),
            ("abcdef", "none of the newest 1,000 jobs has it"),
            ("00000000-0000-0000-0000-000000000000", "no job 00000000"),
        ],
    )
    def test_a_job_that_is_not_there(self, store: SQLJobStore, invoke: Invoke, given: str, said: str) -> None:
        """Wrong usage, with a way out."""
        assert store.file is not None
        result = invoke("show", given, *STORE)

        assert 2 == result.exit_code
        assert said in result.stderr


class TestAsking:
    """`pause`, `resume`, `cancel` and `retry`."""

    def test_verbs(self, examples: Path, store: SQLJobStore, invoke: Invoke) -> None:
        """Each says what has become of the job."""
        left = begun(store, examples / "people.csv")

        said = [invoke(verb, str(left.id), *STORE).stdout.split()[-1] for verb in ("pause", "resume", "cancel")]

        assert ["paused", "pending", "cancelled"] == said
        assert JobStatus.CANCELLED is store.get(left.id).status

    def test_a_job_at_work_is_asked(self, examples: Path, store: SQLJobStore, invoke: Invoke) -> None:
        """Whoever asked is told when its worker hears of it."""
        left = begun(store, examples / "people.csv", status=JobStatus.PROCESSING)

        result = invoke("cancel", str(left.id), *STORE)

        said = "its worker obeys at once where it listens, else when it next renews its lease"
        assert (0, True) == (result.exit_code, said in result.stdout)

    def test_what_makes_no_sense(self, examples: Path, store: SQLJobStore, invoke: Invoke) -> None:
        """Costs the exit code, and keeps no other job from being asked."""
        assert examples.is_dir()
        invoke("run", PEOPLE, "people.csv", *STORE)
        [done] = store.list_jobs().jobs
        left = begun(store, examples / "people.csv", status=JobStatus.PAUSED)

        result = invoke("resume", str(done.id), str(left.id), *STORE)

        assert 3 == result.exit_code
        assert "cannot resume a job that is completed" in result.stderr
        assert JobStatus.PENDING is store.get(left.id).status

    def test_what_is_cancelled_needs_no_upload(self, examples: Path, store: SQLJobStore, invoke: Invoke) -> None:
        """Its file goes from the spool."""
        packed = examples / "people.csv.gz"
        packed.write_bytes(gzip.compress((examples / "people.csv").read_bytes()))
        left = begun(store, packed)
        source = store.plan(left.id).source
        assert source is not None
        assert Path(source.path).exists()

        invoke("cancel", str(left.id), *STORE)

        assert not Path(source.path).exists()


class TestMending:
    """`rejects`, and `run --parent`."""

    def test_rejected_rows_become_an_object(self, examples: Path, store: SQLJobStore, invoke: Invoke) -> None:
        """By URL; a store that cannot be written to is told of in a line."""
        memory = pytest.importorskip("fsspec", reason="the extra remote is not installed").filesystem("memory")
        invoke("run", PEOPLE, examples / "people.csv", *STORE)
        [record] = store.list_jobs().jobs

        done = invoke("rejects", str(record.id), *STORE, "-o", "memory://bucket/people.csv")
        failed = invoke("rejects", str(record.id), *STORE, "-o", "http://127.0.0.1:1/people.csv?key=1")
        written = memory.cat_file("/bucket/people.csv")
        memory.rm("/bucket", recursive=True)

        assert (0, "3 rejected rows of people.csv\n") == (done.exit_code, done.stderr)
        assert written.startswith(b"_row")
        assert (1, True) == (failed.exit_code, "http://127.0.0.1:1/people.csv" in failed.stderr)
        assert "key=1" not in failed.stderr

    def test_rejected_rows_come_back_mended(self, examples: Path, store: SQLJobStore, invoke: Invoke) -> None:
        """Out of the store into a file, mended there, and in again: then there are none left."""
        invoke("run", PEOPLE, "people.csv", *STORE)
        [record] = store.list_jobs().jobs
        written = invoke("rejects", str(record.id), *STORE, "-o", "mend.csv")
        shown = invoke("rejects", str(record.id), *STORE)
        rows = (examples / "mend.csv").read_text().splitlines()
        mended = [
            ",".join([*line.split(",")[:2], "", "", "", f"{70 + n},Gil,2024-05-05,1.5"]) for n, line in enumerate(rows)
        ]
        (examples / "mend.csv").write_text("\n".join([rows[0], *mended[1:]]) + "\n")

        result = invoke("run", PEOPLE, "mend.csv", *STORE, "--parent", str(record.id)[:8])

        assert ("3 rejected rows of people.csv\n", 0) == (written.stderr, result.exit_code)
        assert rows == shown.stdout.splitlines()
        assert 3 == store.get(record.id).resolved_rows
        assert 1 == len(invoke("rejects", str(record.id), *STORE).stdout.splitlines())
        assert 4 == len(invoke("rejects", str(record.id), *STORE, "--all").stdout.splitlines())

    def test_a_file_that_is_gone(self, examples: Path, store: SQLJobStore, invoke: Invoke) -> None:
        """The raw rows are in it: there is nothing to write."""
        invoke("run", PEOPLE, "people.csv", *STORE)
        [record] = store.list_jobs().jobs
        (examples / "people.csv").unlink()

        assert 1 == invoke("rejects", str(record.id), *STORE).exit_code

    def test_a_place_that_cannot_be_written(self, examples: Path, store: SQLJobStore, invoke: Invoke) -> None:
        """Names it."""
        assert examples.is_dir()
        invoke("run", PEOPLE, "people.csv", *STORE)
        [record] = store.list_jobs().jobs

        result = invoke("rejects", str(record.id), *STORE, "-o", "no/such/folder.csv")

        assert (1, True) == (result.exit_code, "no/such/folder.csv" in result.stderr)


class TestMisuse:
    """What is said about stores that makes no sense."""

    @pytest.mark.parametrize(
        ("arguments", "said"),
        [
            (["--spool", "here"], "name their store with --store"),
            (["--parent", "abcd"], "name their store with --store"),
            (["people.csv", *STORE, "--parent", "abcd"], "one mended rejects file at a time"),
            ([*STORE, "--parent", "abcd"], "there is no file 'jobs.db'"),
            (["--store", "mysql://me@there/db"], "supported: postgresql, sqlite"),
            (["--store", "nonsense"], "not the URL of a database"),
        ],
    )
    def test_of_run(self, examples: Path, invoke: Invoke, arguments: list[str], said: str) -> None:
        """Ends before any row is touched."""
        assert examples.is_dir()
        result = invoke("run", PEOPLE, "people.csv", *arguments)

        assert 2 == result.exit_code
        assert said in result.stderr

    def test_a_store_is_needed(self, home: Path, invoke: Invoke) -> None:
        """And may be named by the environment."""
        assert home.is_dir()
        assert (2, True) == ((result := invoke("jobs")).exit_code, "--store" in result.stderr)

    def test_the_environment_names_the_store(
        self, store: SQLJobStore, invoke: Invoke, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        """So that it need not be typed each time."""
        monkeypatch.setenv("CSVPIPE_STORE", f"sqlite:///{store.file}")

        assert "No jobs.\n" == invoke("jobs").stdout

    def test_a_store_that_cannot_be_reached(self, home: Path, invoke: Invoke) -> None:
        """Is a failure, not wrong usage."""
        result = invoke("jobs", "--store", f"sqlite:///{home}/no/such/folder/jobs.db")

        assert (3, True) == (result.exit_code, "unavailable" in result.stderr)


def test_the_spool_of_a_store_lies_where_it_is_found_again(home: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Beside the file of SQLite; elsewhere among what the user's programs keep."""
    from csvpipe.cli.keeping import spool_of  # noqa: PLC0415  # needs the extra

    monkeypatch.setenv("XDG_STATE_HOME", str(home / "state"))

    assert home / "jobs.db.spool" == spool_of("sqlite:///jobs.db", None)
    assert home / "there" == spool_of("sqlite:///jobs.db", Path("there"))
    assert home / "state/csvpipe/db.example-app.spool" == spool_of("postgresql://me@db.example/app", None)


@pytest.mark.parametrize("verb", ["jobs", "show", "pause", "resume", "cancel", "retry", "rejects"])
def test_a_mistyped_store_is_not_made(invoke: Invoke, home: Path, verb: str) -> None:
    """Who asks about jobs has not asked for a new database; the file that is not there is named."""
    job = () if verb == "jobs" else ("0123",)
    result = invoke(verb, *job, "--store", "sqlite:///typo.db")
    said = " ".join(result.stderr.split())

    assert 2 == result.exit_code
    assert f"there is no file 'typo.db' ({home / 'typo.db'}); correct the name" in said
    assert not (home / "typo.db").exists()


def test_a_mended_file_is_of_a_store_that_is_there(invoke: Invoke, home: Path) -> None:
    """A parent is looked for where jobs are kept already."""
    result = invoke("run", PEOPLE, "people.csv", "--parent", "0123", "--store", "sqlite:///typo.db")

    assert 2 == result.exit_code
    assert "there is no file 'typo.db'" in result.stderr
    assert not (home / "typo.db").exists()
