"""`csvpipe inspect`."""

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from click.testing import Result

from csvpipe.cli.exit_codes import ExitCode

Invoke = Callable[..., Result]
Write = Callable[[str, str], Path]


def test_what_was_found_is_shown(invoke: Invoke, write: Write) -> None:
    """What was found, how sure that is and why, what stands above the table, and the first rows."""
    write("prices.csv", "Prices\n\nname;price\ntea;1,50\nrum;12,00\nale;4,20\n")
    done = invoke("inspect", "prices.csv")
    assert ExitCode.OK == done.exit_code
    lines = [line.split() for line in done.stdout.splitlines()]
    assert ["prices.csv:", "about", "3", "rows", "of", "2", "columns"] == lines[0]
    words = {line[0]: line[1:] for line in lines if line}
    assert "semicolon," == words["dialect"][0]
    assert ["2", "lines", "above"] == words["preamble"][:3]
    assert ["line", "3"] == words["header"][:2]
    assert ["price"] == words["name"]
    assert ["12,00"] == words["rum"]
    assert "None of the first 3 rows would be rejected." in done.stdout


def test_what_would_be_rejected(examples: Path, invoke: Invoke) -> None:
    """With a pipeline the rows are converted and validated; its handler is not called."""
    done = invoke("inspect", examples / "people.csv", "--pipeline", "people:import_people")
    assert ExitCode.REJECTED == done.exit_code
    assert "hello" not in done.stdout
    assert "2 of the first 6 rows would be rejected:" in done.stdout
    assert "line 4: '2024-13-03' is not a date" in " ".join(done.stdout.split())


def test_json(invoke: Invoke, write: Write) -> None:
    """A line for each file, also for one that is refused."""
    write("a.csv", "id,name\n1,Ana\n2\n")
    write("b.csv", "")
    done = invoke("inspect", "a.csv", "b.csv", "--json")
    assert ExitCode.FAILED == done.exit_code
    found, refused = map(json.loads, done.stdout.splitlines())
    assert ("a.csv", ["id", "name"], 1) == (found["file"], found["columns"], found["trial"]["rejected"])
    assert ("b.csv", "empty") == (refused["file"], refused["error_code"])


def test_what_is_stated_holds(invoke: Invoke, write: Write) -> None:
    """Encoding, delimiter, header and lines above it."""
    write("a.csv", "title\n1|2\n3|4\n")
    done = invoke(
        "inspect",
        "a.csv",
        "--delimiter",
        "pipe",
        "--header",
        "no",
        "--skip-lines",
        "1",
        "--encoding",
        "cp1252",
        "--json",
    )
    found = json.loads(done.stdout)
    assert (["column_1", "column_2"], "cp1252", 1) == (found["columns"], found["encoding"], found["preamble_lines"])


def test_standard_input(invoke: Invoke) -> None:
    """A hyphen reads it, once."""
    assert ExitCode.USAGE == invoke("inspect", "-", "-").exit_code


def test_a_refused_file_is_told_in_words_of_the_command_line(invoke: Invoke, home: Path) -> None:
    """The way out is an option, not a Python keyword."""
    (home / "a.csv").write_bytes("id,name\n1,Zoë\n".encode("utf-16-le"))
    done = invoke("inspect", "a.csv", "--encoding", "utf-16")
    assert ExitCode.FAILED == done.exit_code
    assert "--encoding utf-16-le" in done.stdout


@pytest.mark.parametrize("arguments", [("--encoding", "utf-99"), ("--delimiter", "ab"), ("--pipeline", "nowhere:x")])
def test_misuse(invoke: Invoke, write: Write, arguments: tuple[str, str]) -> None:
    """Is refused as such."""
    write("a.csv", "id\n1\n")
    assert ExitCode.USAGE == invoke("inspect", "a.csv", *arguments).exit_code


def test_wide_and_long_files(invoke: Invoke, write: Write) -> None:
    """Only the first few columns, lines and kinds are shown, and what is left out is counted."""
    names = ",".join(f"c{number}" for number in range(12))
    cells = ",".join("1" for _ in range(12))
    above = "".join(f"# note {number}\n" for number in range(8))
    write("wide.csv", f"{above}{names}\n{cells}\n{cells}\n{cells}\n")
    done = invoke("inspect", "wide.csv")
    assert "4 more" in done.stdout
    assert "and 3 lines more" in done.stdout


@pytest.mark.parametrize(
    ("url", "told"),
    [
        ("memory://ana:sesame@host/p.csv", "memory://host/p.csv"),
        ("MEMORY://host/p.csv?sig=sesame", "memory://host/p.csv?..."),
    ],
)
def test_no_secret_of_a_url_is_told(invoke: Invoke, memory: Any, url: str, told: str) -> None:
    """Neither to a person nor to a program, whether the file is sound or refused."""
    name = url.partition("://")[2]
    memory.pipe_file(f"/{name}", b"id,name\n1,Ana\n2,Ben\n")
    memory.pipe_file(f"/{name.replace('p.csv', 'empty.csv')}", b"")

    for wrong in (url, url.replace("p.csv", "empty.csv"), url.replace("p.csv", "missing.csv")):
        person, program = invoke("inspect", wrong), invoke("inspect", wrong, "--json")

        expected = told.replace("p.csv", wrong.partition("host/")[2].partition("?")[0])
        assert "sesame" not in person.output + program.output
        assert person.stdout.startswith(f"{expected}: ")
        assert 1 == person.stdout.count("://")
        assert expected == json.loads(program.stdout)["file"]


@pytest.mark.parametrize("command", ["inspect", "run"])
def test_help_tells_of_urls(invoke: Invoke, command: str) -> None:
    """Whoever has an object need not search for how to name it."""
    assert "s3://bucket/people.csv" in invoke(command, "--help").stdout
