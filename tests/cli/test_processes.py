"""`csvpipe run --executor process`: modules, files, and output that programs read."""

import json
import subprocess
from collections.abc import Callable
from pathlib import Path

import pytest

Run = Callable[..., "subprocess.CompletedProcess[str]"]
Write = Callable[[str, str], Path]

PROGRAM = """
import os
import csvpipe

@csvpipe.pipeline
def handle(row: csvpipe.Row) -> None:
    print("hello", row["name"])
    if row["name"] == "Eve":
        os._exit(1)
"""

PEOPLE = "name\nAna\nEve\nBen\n"


@pytest.mark.parametrize("target", ["people:import_people", "./people.py:import_people"])
def test_modules_and_files(examples: Path, run: Run, target: str) -> None:
    """Workers find the module where the command line found it."""
    done = run("run", target, "people.csv", "--executor", "process", "--workers", "1")

    assert (1, "") == (done.returncode, "".join(line for line in done.stderr.splitlines() if "Error" in line))
    assert "6 rows: 3 processed, 3 failed, 0 skipped" in done.stderr


def test_a_file_elsewhere_that_is_called_like_another_module(write: Write, run: Run) -> None:
    """It gets another name, under which workers find it all the same."""
    write("deep/types.py", PROGRAM.replace("Eve", "Nobody"))
    write("people.csv", PEOPLE)

    done = run("run", "deep/types.py:handle", "people.csv", "--executor", "process", "--workers", "1")

    assert (0, "") == (done.returncode, "" if done.returncode == 0 else done.stderr)


def test_what_workers_print_does_not_stand_between_lines_of_json(write: Write, run: Run) -> None:
    """It goes to standard error with the rest; a row that kills its worker is one of the row errors."""
    write("greeting.py", PROGRAM)
    write("people.csv", PEOPLE)

    done = run("run", "greeting:handle", "people.csv", "--executor", "process", "--workers", "1", "--json")

    summary = json.loads(done.stdout.splitlines()[-1])
    assert (1, "summary") == (done.returncode, summary["kind"])
    assert all(json.loads(line) for line in done.stdout.splitlines())
    assert "hello Ben" in done.stderr
    assert '"worker_lost"' in done.stdout
