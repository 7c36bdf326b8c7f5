"""What may be said on the command line: what each option does, and how misuse is refused."""

import csv
import json
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from click.testing import Result

from csvpipe import cli
from csvpipe.cli import command, options
from csvpipe.cli.exit_codes import ExitCode

Invoke = Callable[..., Result]
Write = Callable[[str, str], Path]

PEOPLE = "people:import_people"


def test_summary_is_all_of_standard_output(examples: Path, invoke: Invoke) -> None:
    """Progress goes to standard error, so that the summary can be kept or piped."""
    done = invoke("run", PEOPLE, examples / "people.csv")

    assert ExitCode.REJECTED == done.exit_code
    assert ["people.csv: started, 157 bytes"] == done.stderr.splitlines()[:1]
    greetings, table = done.stdout.splitlines()[:3], done.stdout.splitlines()[3:]
    assert {"hello Ana", "hello Bo", "hello Dee, the second"} == set(greetings)
    assert table[0].startswith("file ")
    assert ["people.csv", "completed", "3", "3", "0"] == table[1].split()[:5]
    assert "add: --rejects DIR" in table[-1]


def test_quiet_says_nothing_but_the_summary(examples: Path, invoke: Invoke) -> None:
    """`--quiet` leaves standard error empty."""
    done = invoke("run", PEOPLE, examples / "people.csv", "--quiet")

    assert "" == done.stderr
    assert "people.csv  completed" in done.stdout


def objects(done: Result) -> list[dict[str, Any]]:
    """Standard output as a program reads it."""
    return [json.loads(line) for line in done.stdout.splitlines()]


def test_json_is_nothing_but_json(examples: Path, invoke: Invoke) -> None:
    """With `--json` each line is an event or, at the end, the summary; what the handler prints goes elsewhere."""
    done = invoke("run", PEOPLE, examples / "people.csv", "--json", "--owner", "ana", "--rejects", "rejects")

    *events, summary = objects(done)
    assert ["submitted", "started", "completed"] == [event["kind"] for event in events]
    assert {"ana"} == {event["job"]["owner"] for event in events}
    assert {"path": str(examples / "people.csv"), **events[-1]["job"]} == summary["files"][0]
    assert ("summary", 1) == (summary["kind"], summary["exit_code"])
    assert [str(Path("rejects", "people.rejects.csv"))] == summary["rejects"]
    assert ["date", "float", "negative_id"] == sorted(error["code"] for error in summary["errors"])
    assert {"people.csv"} == {error["sample"]["filename"] for error in summary["errors"]}
    assert "hello Ana" in done.stderr


def test_quiet_json_is_the_summary_alone(examples: Path, invoke: Invoke) -> None:
    """`--json --quiet` is one line."""
    (summary,) = objects(invoke("run", PEOPLE, examples / "people.csv", "--json", "--quiet"))

    assert "summary" == summary["kind"]


def test_errors_of_all_files_are_added_up(examples: Path, invoke: Invoke, write: Write) -> None:
    """The same error in two files counts twice, and its example is the first file's."""
    write("more.csv", "id,name,joined\n1,Gus,2024-02-30\n2,Hana,2024-02-31\n")

    (summary,) = objects(invoke("run", PEOPLE, examples / "people.csv", "more.csv", "--json", "--quiet"))

    first = summary["errors"][0]
    assert ("date", "joined", 3, "people.csv") == (
        first["code"], first["column"], first["errors"], first["sample"]["filename"],
    )  # fmt: skip
    assert 5 == summary["totals"]["failed_rows"]


def test_rejects_are_those_of_this_run(examples: Path, invoke: Invoke, write: Write) -> None:
    """The summary names the rejects files that were written, also over an older one, and no others."""
    write("rejects/older.rejects.csv", "_row\n")
    write("rejects/people.rejects.csv", "_row\n")

    done = invoke("run", PEOPLE, examples / "people.csv", "--rejects", "rejects")

    assert ["The failed rows, each with its reasons, are in:", "  rejects/people.rejects.csv"] == [
        line.replace("\\", "/") for line in done.stdout.splitlines()[-2:]
    ]
    with Path("rejects", "people.rejects.csv").open(newline="", encoding="utf-8") as file:
        assert ["3", "5", "6"] == [row["_row"] for row in csv.DictReader(file)]


def test_standard_input_is_a_file(examples: Path, invoke: Invoke, run: Callable[..., Any]) -> None:
    """`-` reads standard input, and its rejects file is called after it."""
    done = run("run", PEOPLE, "-", "--rejects", "rejects", stdin=(examples / "people.csv").read_text("utf-8"))

    assert ExitCode.REJECTED == done.returncode
    assert "stdin  completed" in done.stdout
    assert ["stdin.rejects.csv"] == [path.name for path in Path("rejects").iterdir()]
    assert ExitCode.USAGE == invoke("run", PEOPLE, "-", "-").exit_code


@pytest.mark.parametrize(
    ("delimiter", "character"),
    [("tab", "\t"), ("\\t", "\t"), ("\t", "\t"), ("Semicolon", ";"), ("|", "|"), ("pipe", "|")],
)
def test_delimiter_by_name_or_as_it_is(examples: Path, invoke: Invoke, delimiter: str, character: str) -> None:
    """A delimiter that is hard to type has a name; the rest of the pipeline's dialect stays."""
    text = (examples / "people.csv").read_text("utf-8").replace("Dee, the second", "Dee").replace(",", character)
    (examples / "people.csv").write_text(text, "utf-8")

    done = invoke("run", PEOPLE, "people.csv", "--delimiter", delimiter, "--quiet")

    assert ["people.csv", "completed", "3", "3"] == done.stdout.splitlines()[4].split()[:4]


def test_encoding_holds_for_all_files(examples: Path, invoke: Invoke) -> None:
    """A file in another encoding than UTF-8 is read as told."""
    (examples / "people.csv").write_bytes("id,name,joined\n1,Zoë,2024-03-01\n".encode("cp1252"))

    done = invoke("run", PEOPLE, "people.csv", "--encoding", "cp1252", "--workers", "1", "--max-files", "1")

    assert ExitCode.OK == done.exit_code
    assert done.stdout.startswith("hello Zoë\n")


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ([PEOPLE], "Missing argument 'FILE...'"),
        ([], "Missing argument 'MODULE:PIPELINE'"),
        (["people:Person", "people.csv"], "'Person' in people is no pipeline"),
        (["people:nobody", "people.csv"], "it has: people:import_people"),
        (["nowhere:import_people", "people.csv"], "there is no module 'nowhere'"),
        ([PEOPLE, "people.csv", "--delimiter", "tabs"], "delimiter must be one character, not 'tabs'; or one of tab"),
        ([PEOPLE, "people.csv", "--delimiter", '"'], "must all differ"),
        ([PEOPLE, "people.csv", "--encoding", "klingon"], "unknown encoding 'klingon'"),
        ([PEOPLE, "people.csv", "--workers", "0"], "0 is not in the range"),
        ([PEOPLE, "people.csv", "--max-files", "0"], "0 is not in the range"),
        ([PEOPLE, "people.csv", "--workers", "1" + "0" * 21], "is not in the range 1<=x<=10000"),
        ([PEOPLE, "people.csv", "--max-files", "1" + "0" * 21], "is not in the range 1<=x<=10000"),
        ([PEOPLE, "people.csv", "--rejects", "people.csv"], "is a file"),
        ([PEOPLE, "people.csv", "--rejects", "people.csv/rejects"], "cannot write to"),
        ([PEOPLE, "-", "-"], "standard input (-) can be read only once"),
    ],
)
def test_misuse_touches_no_row(examples: Path, invoke: Invoke, arguments: list[str], message: str) -> None:
    """Wrong usage ends with 2 and says what is wrong, before anything is imported."""
    assert (examples / "people.csv").exists()

    done = invoke("run", *arguments)

    assert (ExitCode.USAGE, "") == (done.exit_code, done.stdout)
    assert message in done.stderr


def test_users_error_is_shown_first(invoke: Invoke, write: Write) -> None:
    """A module that cannot be imported shows its own traceback, then one clear line."""
    write("shop.py", "1 / 0\n")

    done = invoke("run", "shop:load", "orders.csv")

    assert ExitCode.USAGE == done.exit_code
    assert "ZeroDivisionError: division by zero\n" in done.stderr
    assert done.stderr.endswith("shop could not be imported: ZeroDivisionError, see above\n")


def test_files_that_cannot_be_read_are_failed_jobs(examples: Path, invoke: Invoke) -> None:
    """A missing file and a folder fail with their messages; the other files are imported all the same."""
    (examples / "folder.csv").mkdir()

    done = invoke("run", PEOPLE, "people.csv", "gone.csv", "folder.csv")

    assert ExitCode.FAILED == done.exit_code
    assert "people.csv  completed" in done.stdout
    assert "  gone.csv: not_found: no such file; check the path\n" in done.stdout
    assert "  folder.csv: source_failed: this is a folder; name the files in it\n" in done.stdout
    assert "gone.csv: failed" in done.stderr


def test_rejects_become_objects(examples: Path, invoke: Invoke) -> None:
    """Below a URL, which the summary shows as it is; what is no such place is refused before a row is read."""
    memory = pytest.importorskip("fsspec", reason="the extra remote is not installed").filesystem("memory")

    done = invoke("run", PEOPLE, examples / "people.csv", "--rejects", "memory://bucket/rejects")
    refused = invoke("run", PEOPLE, examples / "people.csv", "--rejects", "https://bucket/rejects")
    written = memory.cat_file("/bucket/rejects/people.rejects.csv")
    memory.rm("/bucket", recursive=True)

    assert "  memory://bucket/rejects/people.rejects.csv" == done.stdout.splitlines()[-1]
    assert written.startswith(b"_row")
    assert (ExitCode.USAGE, True) == (refused.exit_code, "no place to write objects to" in refused.stderr)


def test_rejects_that_cannot_be_written_are_a_failure(examples: Path, invoke: Invoke) -> None:
    """The summary is shown, with what kept the failed rows from being set aside."""
    (examples / "rejects" / "people.rejects.csv" / "in the way").mkdir(parents=True)

    done = invoke("run", PEOPLE, "people.csv", "--rejects", "rejects")

    assert ExitCode.FAILED == done.exit_code
    assert "people.csv  completed" in done.stdout
    assert done.stderr.splitlines()[-1].startswith("Error: ")


def test_interruption_elsewhere_is_one_line(examples: Path, invoke: Invoke, write: Write) -> None:
    """Ctrl-C while the user's module is imported leaves no traceback."""
    assert examples.is_dir()
    write("shop.py", "raise KeyboardInterrupt\n")

    done = invoke("run", "shop:load", "people.csv")

    assert (ExitCode.INTERRUPTED, "Interrupted.\n") == (done.exit_code, done.stderr)


def test_a_defect_has_a_code_of_its_own(
    examples: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """An error that nobody thought of shows its traceback and does not end with 1, which has a meaning."""

    def broken(*_arguments: object) -> None:
        raise ZeroDivisionError

    assert (examples / "people.csv").exists()
    monkeypatch.setattr(command, "carry_out", broken)
    monkeypatch.setattr(sys, "argv", ["csvpipe", "run", PEOPLE, "people.csv"])

    assert ExitCode.FAILED == cli.main()
    assert "ZeroDivisionError" in capsys.readouterr().err


def test_help_lists_the_exit_codes(invoke: Invoke) -> None:
    """Whoever writes a script finds every exit code in `--help`."""
    done = invoke("run", "--help")

    codes = done.output.partition("Exit codes:")[2].split("\n")
    assert [str(code.value) for code in ExitCode] == [line.split()[0] for line in codes if line.strip()]
    assert set(options.DELIMITERS) - {"\\t"} <= set(done.output.replace(",", " ").replace(".", " ").split())


def test_a_dry_run_writes_nothing(examples: Path, invoke: Invoke) -> None:
    """Rows are converted; a handler that could not know of the dry run is not called."""
    done = invoke("run", PEOPLE, examples / "people.csv", "--dry-run")

    assert ExitCode.REJECTED == done.exit_code
    assert "hello" not in done.stdout
    assert done.stdout.startswith("Dry run: rows were tried, and nothing was written.")
    summary = objects(invoke("run", PEOPLE, examples / "people.csv", "--dry-run", "--json"))[-1]
    assert (True, 4, 2) == (summary["dry_run"], summary["totals"]["processed_rows"], summary["totals"]["failed_rows"])


def test_a_refused_file_is_told_in_words_of_the_command_line(invoke: Invoke, home: Path, examples: Path) -> None:
    """The way out is an option, not a Python keyword."""
    (home / "a.csv").write_bytes("id,name\n1,Zoë\n".encode("utf-16-le"))
    done = invoke("run", PEOPLE, "a.csv", "--encoding", "utf-16")
    assert "--encoding utf-16-le" in done.stdout


def test_what_ought_to_be_looked_at_is_told(examples: Path, invoke: Invoke, write: Write) -> None:
    """Lines that were left out, and what was hardly sure."""
    write(
        "titled.csv",
        "People of 2024\n\nid,name,joined,score\n1,Ana,2024-01-02,3\n2,Bo,2024-01-03,4\n3,Cy,2024-01-04,5\n",
    )
    done = invoke("run", PEOPLE, "titled.csv")
    assert "  titled.csv: 2 lines above the table left out (--skip-lines 0 keeps them)" in done.stdout.splitlines()
    kept = invoke("run", PEOPLE, "titled.csv", "--skip-lines", "0")
    assert ExitCode.FAILED == kept.exit_code
    assert "columns_missing" in kept.stdout


def test_header_may_be_stated(examples: Path, invoke: Invoke, write: Write) -> None:
    """Where the pipeline says something else."""
    write("bare.csv", "1,Ana,2024-01-02,3\n2,Bo,2024-01-03,4\n")
    done = invoke("run", PEOPLE, "bare.csv", "--header", "no")
    assert "columns_missing" in done.stdout
