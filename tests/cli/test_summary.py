"""What is said at the end."""

from collections.abc import Callable
from pathlib import Path
from typing import Any

import click
import pytest

from csvpipe.cli.errand import ErrorGroup, Outcome
from csvpipe.cli.exit_codes import ExitCode
from csvpipe.cli.summary import interrupted_line, summary_lines, summary_object
from csvpipe.cli.totals import totals_of
from csvpipe.errors import Phase, RowError
from csvpipe.jobs import JobRecord, JobStatus

MakeJob = Callable[..., JobRecord]


def outcome(*records: JobRecord, files: int = 0, **changes: Any) -> Outcome:
    """What came of the jobs."""
    values: dict[str, Any] = {
        "records": records,
        "totals": totals_of(records, files=files or len(records)),
        "errors": (),
        "rejects": (),
        "exit_code": ExitCode.OK,
    }
    return Outcome(**(values | changes))


def group(
    code: str = "date", *, errors: int = 1, column: str | None = "joined", message: str = "no date"
) -> ErrorGroup:
    """Row errors, of which the first is on line 1,004."""
    sample = RowError(
        row=1_003, line=1_004, column=column, code=code, phase=Phase.CONVERT, message=message, value="x", start=0, end=9
    )
    return ErrorGroup(code=code, column=column, errors=errors, filename="1.csv", sample=sample)


def lines(result: Outcome, *files: str, has_rejects: bool = False, width: int | None = None) -> list[str]:
    """The summary as it is read without colours."""
    shown = summary_lines(result, files, has_rejects=has_rejects, width=width)
    return [click.unstyle(line).rstrip() for line in shown]


@pytest.fixture
def done(job: MakeJob) -> JobRecord:
    """A file with failed rows."""
    return job(status=JobStatus.COMPLETED, processed_rows=1_180, failed_rows=15, skipped_rows=5)


def test_clean_file_is_one_line(job: MakeJob) -> None:
    """Where nothing is wrong there is nothing but the table."""
    clean = job(status=JobStatus.COMPLETED, processed_rows=6, elapsed=0.02)

    assert [
        "file   status     processed  failed  skipped    time  rows/s",
        "1.csv  completed          6       0        0  0.02 s     300",
    ] == lines(outcome(clean), "1.csv")


def test_files_have_a_total(job: MakeJob, done: JobRecord) -> None:
    """Numbers stand under each other, and those of several files are added up; failed files say why below."""
    failed = job(
        2, filename="gone.csv", status=JobStatus.FAILED, started_at=None, error_code="not_found",
        error_message="gone.csv: no such file; check the path",
    )  # fmt: skip

    assert [
        "file      status     processed  failed  skipped    time  rows/s",
        "1.csv     completed      1,180      15        5  10.0 s     120",
        "gone.csv  failed             0       0        0  0.00 s       -",
        "2 files                  1,180      15        5  10.0 s     120",
        "",
        "Files that failed:",
        "  gone.csv: not_found: no such file; check the path",
        "",
        "To get the failed rows, each with its reasons, add: --rejects DIR",
    ] == lines(outcome(done, failed), "1.csv", "gone.csv")


def test_colours_tell_good_from_bad(job: MakeJob, done: JobRecord) -> None:
    """The status has a colour, and failed rows have one."""
    failed = job(2, status=JobStatus.FAILED, error_code="empty", error_message="nothing in it")

    _, first, second, *_ = summary_lines(outcome(done, failed), ["1.csv", "2.csv"], has_rejects=False)

    assert click.style("completed", fg="green") in first
    assert click.style("    15", fg="yellow") in first
    assert click.style("failed   ", fg="red") in second


def test_files_of_one_name_are_told_apart(job: MakeJob) -> None:
    """Two files of the same name are shown with the paths that were typed."""
    records = [job(number, filename="a.csv", status=JobStatus.COMPLETED) for number in (1, 2)]
    other = job(3, filename="b.csv", status=JobStatus.COMPLETED)

    shown = lines(outcome(*records, other), "may/a.csv", "june/a.csv", "june/b.csv")

    assert ["may/a.csv", "june/a.csv", "b.csv"] == [line.split()[0] for line in shown[1:4]]


def test_no_secret_of_a_url_is_told(job: MakeJob) -> None:
    """Neither where two files of the same name are told apart, nor in what a program reads."""
    records = [job(number, filename="a.csv", status=JobStatus.COMPLETED) for number in (1, 2)]
    urls = ["https://ana:sesame@host/a.csv", "https://host/a.csv?sig=sesame"]

    shown = lines(outcome(*records), *urls)
    files: Any = summary_object(outcome(*records), urls, dry_run=False)["files"]

    told = ["https://host/a.csv", "https://host/a.csv?..."]
    assert told == [line.split()[0] for line in shown[1:3]]
    assert told == [file["path"] for file in files]


def test_a_name_is_said_once(job: MakeJob) -> None:
    """A message begins with the file's name, which stands before it already; as does its path, of two of one name."""
    failed = {"filename": "a.csv", "status": JobStatus.FAILED, "error_code": "empty"}
    records = [
        job(1, error_message="a.csv: it is empty", **failed),
        job(2, error_message="june/a.csv: it is empty", **failed),
    ]

    shown = lines(outcome(*records), "may/a.csv", "june/a.csv")

    assert ["  may/a.csv: empty: it is empty", "  june/a.csv: empty: it is empty"] == shown[-2:]


def test_errors_have_an_example(done: JobRecord) -> None:
    """Errors are listed with number, code, column and the first of them, fit for a terminal."""
    errors = (
        group(errors=1_200, message="'\x1b' is no date"),
        group("field_count", column=None),
        group("negative", errors=3),
    )
    shown = lines(outcome(done, errors=errors), "1.csv", has_rejects=True)

    assert [
        "Errors:",
        r"  1,200  date         joined  1.csv, line 1,004: '\x1b' is no date",
        "      1  field_count          1.csv, line 1,004: no date",
        "      3  negative     joined  1.csv, line 1,004: no date",
    ] == shown[3:]


def test_error_without_an_example(done: JobRecord) -> None:
    """Where none was kept only the number is said."""
    kept_none = ErrorGroup(code="date", column="joined", errors=7, filename="1.csv", sample=None)

    assert "  7  date  joined" == lines(outcome(done, errors=(kept_none,)), "1.csv", width=80)[4]


@pytest.mark.parametrize(
    ("width", "folded"),
    [
        (None, ["  1  date  joined  1.csv, line 1,004: it is not a date, whatever it may be instead"]),
        (
            55,
            [
                "  1  date  joined  1.csv, line 1,004: it is not a date,",
                "                   whatever it may be instead",
            ],
        ),
        (48, ["  1  date  joined  1.csv, line 1,004: it is not a date, whatever it may be instead"]),
    ],
)
def test_messages_are_folded_under_each_other(done: JobRecord, width: int | None, folded: list[str]) -> None:
    """On a terminal a long message goes on below its beginning, unless too little room is left for it."""
    errors = (group(message="it is not a date, whatever it may be instead"),)

    assert folded == lines(outcome(done, errors=errors), "1.csv", has_rejects=True, width=width)[4:]


def test_long_lists_are_cut(done: JobRecord) -> None:
    """Only the most frequent errors and the first rejects files are listed; the rest is counted."""
    errors = tuple(group(f"code_{number}", errors=2) for number in range(18))
    rejects = tuple(Path("rejects", f"{number}.rejects.csv") for number in range(12))

    shown = lines(outcome(done, errors=errors, rejects=rejects), "1.csv", has_rejects=True)

    assert "Most frequent errors:" == shown[3]
    assert "  and 6 errors of 3 other kinds" == shown[4 + 15]
    assert "The failed rows, each with its reasons, are in:" == shown[21]
    assert "  and 2 files more in rejects" == shown[-1]


def test_interruption_says_what_is_kept(job: MakeJob, done: JobRecord) -> None:
    """After Ctrl-C it is said how far the import came and that nothing is undone."""
    pending = job(2, status=JobStatus.PENDING, processed_rows=20)

    assert (
        "Interrupted: 1 of 3 files done. What is processed stays so (1,200 rows); run again, an unfinished file starts "
        "over."
    ) == interrupted_line(outcome(done, pending, files=3))


def test_summary_for_programs(done: JobRecord) -> None:
    """Programs get the same in exact numbers."""
    nothing_kept = ErrorGroup(code="int", column="id", errors=1, filename="1.csv", sample=None)
    first = group(errors=14)
    rejects = Path("rejects", "1.rejects.csv")

    shown = summary_object(
        outcome(done, errors=(first, nothing_kept), rejects=(rejects,), exit_code=ExitCode.FAILED, problem="disk full"),
        ["data/1.csv"],
        dry_run=False,
    )

    assert first.sample is not None
    assert {
        "kind": "summary",
        "exit_code": 3,
        "dry_run": False,
        "totals": {
            "files": 1, "completed": 1, "failed": 0, "processed_rows": 1_180, "failed_rows": 15, "skipped_rows": 5,
            "fraction": 0.0, "elapsed_seconds": 10.0, "rows_per_second": 120.0,
        },
        "files": [{"path": "data/1.csv", **done.to_dict()}],
        "errors": [
            {"code": "date", "column": "joined", "errors": 14,
             "sample": {"filename": "1.csv", **first.sample.to_dict()}},
            {"code": "int", "column": "id", "errors": 1, "sample": None},
        ],
        "rejects": [str(rejects)],
        "problem": "disk full",
    } == shown  # fmt: skip
