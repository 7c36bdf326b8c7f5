"""The command line as a program: its exit codes, its streams, Ctrl-C, a terminal, and missing extras."""

import json
import os
import signal
import subprocess
import sys
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path
from typing import Any

import pytest

import csvpipe

Run = Callable[..., "subprocess.CompletedProcess[str]"]
Write = Callable[[str, str], Path]

PEOPLE = "people:import_people"

# Shells that start something in the background have it ignore SIGINT; this is how a person's terminal starts it.
INTERRUPTIBLE = """
import signal, sys
signal.signal(signal.SIGINT, signal.default_int_handler)
from csvpipe.cli import main
sys.exit(main())
"""


@pytest.mark.parametrize(
    ("arguments", "code"),
    [
        ([PEOPLE, "clean.csv"], 0),
        ([PEOPLE, "people.csv"], 1),
        ([PEOPLE], 2),
        ([PEOPLE, "gone.csv", "clean.csv"], 3),
    ],
)
def test_exit_codes(examples: Path, write: Write, run: Run, arguments: list[str], code: int) -> None:
    """Scripts learn from the exit code how it went."""
    assert examples.is_dir()
    write("clean.csv", "id,name,joined\n1,Ana,2024-03-01\n")

    assert code == run("run", *arguments).returncode


def test_console_script_is_the_same_program(examples: Path) -> None:
    """`csvpipe` does what `python -m csvpipe` does, from any folder."""
    program = Path(sys.executable).with_name("csvpipe")

    done = subprocess.run(
        [program, "run", PEOPLE, "people.csv", "--json"], cwd=examples, capture_output=True, text=True, check=False
    )

    assert (1, "summary") == (done.returncode, json.loads(done.stdout.splitlines()[-1])["kind"])


def test_version(run: Run) -> None:
    """`--version` names the release."""
    assert f"csvpipe, version {csvpipe.__version__}\n" == run("--version").stdout


def test_logs_get_lines(examples: Path, run: Run) -> None:
    """Without a terminal there are no escape sequences in either stream."""
    assert examples.is_dir()

    done = run("run", PEOPLE, "people.csv")

    assert "\x1b" not in done.stdout + done.stderr
    assert ["people.csv: started", "people.csv: completed"] == [
        " ".join(line.split()[:2]).rstrip(",") for line in done.stderr.splitlines()
    ]


def test_reader_that_leaves_stops_no_import(examples: Path, write: Write) -> None:
    """When the reader of standard output goes away, as `head` does, all rows are imported and the exit code stays."""
    write(
        "count.py",
        "import pathlib, csvpipe\n\n@csvpipe.pipeline\ndef load(row: csvpipe.Row) -> None:\n"
        "    pathlib.Path(f'row-{row.number}').touch()\n",
    )
    reading, writing = os.pipe()
    os.close(reading)

    done = subprocess.run(
        [sys.executable, "-m", "csvpipe", "run", "count", "people.csv", "--json"],
        cwd=examples, stdout=writing, stderr=subprocess.PIPE, text=True, check=False,
    )  # fmt: skip
    os.close(writing)

    assert (0, "") == (done.returncode, done.stderr)
    assert 6 == len(list(examples.glob("row-*")))


# Shells do this with `>&-`; a program of its own does not need one.
WITH_CLOSED = """
import os, sys
os.close(int(sys.argv[1]))
os.execv(sys.executable, [sys.executable, "-m", "csvpipe", *sys.argv[2:]])
"""

LOST = "Error: standard output cannot be written, so the report of this run is lost: "


def with_closed(stream: int, folder: Path, *arguments: str) -> "subprocess.CompletedProcess[str]":
    """Run the command line with a standard stream that was closed before it began."""
    command = [sys.executable, "-c", WITH_CLOSED, str(stream), *arguments]
    return subprocess.run(
        command, cwd=folder, stdin=subprocess.DEVNULL, capture_output=True, text=True, encoding="utf-8", check=False
    )


@pytest.mark.skipif(not Path("/dev/full").exists(), reason="there is no device that is always full")
@pytest.mark.parametrize("options", [[], ["--quiet"], ["--json"]])
def test_a_full_disk_is_one_line(examples: Path, options: list[str]) -> None:
    """Rows are imported though nothing can be said of it, which has an exit code of its own."""
    with Path("/dev/full").open("wb") as full:
        done = subprocess.run(
            [sys.executable, "-m", "csvpipe", "run", PEOPLE, "people.csv", *options],
            cwd=examples, stdout=full, stderr=subprocess.PIPE, text=True, encoding="utf-8", check=False,
        )  # fmt: skip

    assert (4, f"{LOST}No space left on device") == (done.returncode, done.stderr.splitlines()[-1])
    assert "Traceback" not in done.stderr


@pytest.mark.skipif(sys.platform == "win32", reason="execv starts another process there")
@pytest.mark.parametrize("options", [[], ["--quiet"], ["--json"]])
def test_closed_standard_output_is_one_line(examples: Path, options: list[str]) -> None:
    """The same where there is no stream at all."""
    done = with_closed(1, examples, "run", PEOPLE, "people.csv", *options)

    assert (4, f"{LOST}it is closed") == (done.returncode, done.stderr.splitlines()[-1])
    assert "Traceback" not in done.stderr


@pytest.mark.skipif(sys.platform == "win32", reason="execv starts another process there")
def test_a_failed_file_outweighs_a_lost_report(examples: Path) -> None:
    """What happened to the rows is the graver news."""
    done = with_closed(1, examples, "run", PEOPLE, "gone.csv")

    assert (3, f"{LOST}it is closed") == (done.returncode, done.stderr.splitlines()[-1])


@pytest.mark.skipif(sys.platform == "win32", reason="execv starts another process there")
def test_closed_standard_error_costs_progress_alone(examples: Path) -> None:
    """The summary is said and the exit code stays."""
    done = with_closed(2, examples, "run", PEOPLE, "people.csv")

    assert 1 == done.returncode
    assert "people.csv  completed" in done.stdout


@pytest.mark.skipif(sys.platform == "win32", reason="execv starts another process there")
def test_closed_standard_input_is_misuse(examples: Path) -> None:
    """It is said in words that there is nothing to read."""
    done = with_closed(0, examples, "run", PEOPLE, "-")

    assert (2, "") == (done.returncode, done.stdout)
    assert done.stderr.endswith(
        "Error: standard input (-) is closed, so there is nothing to read; name a file, or pipe one in\n"
    )


@pytest.mark.skipif(sys.platform == "win32", reason="a process cannot be sent Ctrl-C there")
@pytest.mark.parametrize("is_json", [True, False])
def test_interruption_says_what_was_kept(examples: Path, write: Write, *, is_json: bool) -> None:
    """Ctrl-C ends the run in good order: a line says how far it came, the exit code is 130."""
    write(
        "slow.py",
        "import csvpipe, pathlib, sys, time\n\n@csvpipe.pipeline\ndef load(row: csvpipe.Row) -> None:\n"
        "    if row['name'] == 'wait':\n"
        "        print('waiting', file=sys.stderr, flush=True)\n"
        "        while not pathlib.Path('go').exists():\n"
        "            time.sleep(0.01)\n",
    )
    write("waits.csv", "id,name\n1,wait\n")
    options = ["--json"] if is_json else []
    command = [sys.executable, "-c", INTERRUPTIBLE, "run", "slow", "people.csv", "waits.csv", *options]
    with subprocess.Popen(
        command, cwd=examples, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True, encoding="utf-8"
    ) as program:
        assert program.stdout is not None
        assert program.stderr is not None
        if is_json:
            for line in program.stdout:
                if "completed" == json.loads(line)["kind"]:
                    break
        while "waiting" not in program.stderr.readline():
            pass
        program.send_signal(signal.SIGINT)
        (examples / "go").touch()
        output, errors = program.communicate()

    assert 130 == program.returncode
    assert "Interrupted: " in errors
    assert "of 2 files done. What is processed stays so (" in errors
    assert "Traceback" not in errors
    if is_json:
        summary = json.loads(output.splitlines()[-1])
        assert ("summary", 130, 2) == (summary["kind"], summary["exit_code"], len(summary["files"]))
        assert summary["totals"]["processed_rows"] >= 6
    else:
        assert "" == output


def on_terminal(command: list[str], folder: Path, **environment: str) -> tuple[int, str]:
    """Run a program on a terminal of 100 by 30 characters: its exit code, and all that it wrote there."""
    pty: Any = pytest.importorskip("pty")
    ours, theirs = pty.openpty()
    size = {"COLUMNS": "100", "LINES": "30", "TERM": "xterm-256color", "NO_COLOR": ""}
    with subprocess.Popen(
        command, cwd=folder, env={**os.environ, **size, **environment}, stdin=theirs, stdout=theirs, stderr=theirs
    ) as program:
        os.close(theirs)
        written = b""
        with suppress(OSError):  # how a terminal ends on Linux
            while block := os.read(ours, 65_536):
                written += block
        os.close(ours)
    return program.returncode, written.decode("utf-8").replace("\r\n", "\n")


def test_terminal_shows_bars_then_the_summary(examples: Path) -> None:
    """A person sees bars while the import runs, whole lines of what the handler prints, and the summary."""
    command = [sys.executable, "-m", "csvpipe", "run", PEOPLE, "people.csv", "orders-april.csv"]

    code, written = on_terminal(command, examples)

    assert 3 == code
    assert "━" in written
    assert "2 of 2 files done" in written
    assert "hello Dee, the second\n" in written
    assert "\x1b[32mcompleted" in written
    assert written.rindex("━") < written.index("orders-april.csv: \x1b[31mcolumns_missing")


def test_terminal_without_colours(examples: Path) -> None:
    """NO_COLOR is obeyed, and a terminal that cannot move its cursor gets lines."""
    command = [sys.executable, "-m", "csvpipe", "run", PEOPLE, "people.csv"]

    _, written = on_terminal(command, examples, NO_COLOR="1", TERM="dumb")

    assert "\x1b" not in written
    assert "people.csv: started, 157 bytes" in written


@pytest.mark.parametrize("missing", ["click", "rich"])
def test_missing_extra_says_what_to_install(home: Path, missing: str) -> None:
    """Without what the extra brings there is one line with the way out, and no traceback."""
    program = (
        f"import runpy, sys; sys.modules[{missing!r}] = None; sys.argv = ['csvpipe', '--help']; "
        "runpy.run_module('csvpipe', run_name='__main__')"
    )

    done = subprocess.run([sys.executable, "-c", program], cwd=home, capture_output=True, text=True, check=False)

    assert (2, "") == (done.returncode, done.stdout)
    assert "the command line needs the extra 'cli': pip install 'csvpipe[cli]'\n" == done.stderr


def test_rich_is_imported_for_terminals_only(examples: Path) -> None:
    """What draws bars takes long to import, so logs and programs do not wait for it."""
    program = (
        "import sys\nfrom csvpipe.cli import main\n"
        "try:\n    main()\nfinally:\n    print('rich' in sys.modules, file=sys.stderr)\n"
    )

    done = subprocess.run(
        [sys.executable, "-c", program, "run", PEOPLE, "people.csv", "--quiet"],
        cwd=examples, capture_output=True, text=True, check=False,
    )  # fmt: skip

    assert (1, "False\n") == (done.returncode, done.stderr)
