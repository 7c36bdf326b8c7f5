"""Options, files and the table of the benchmarks."""

import sys
from collections.abc import Callable, Iterator
from pathlib import Path
from tempfile import TemporaryDirectory

import pytest

FOLDER = Path(__file__).parent
# `importlib` import mode puts nothing on the path; other processes, too, must find what is handled there.
sys.path.insert(0, str(FOLDER))

from generate import Kind, write_bytes, write_rows  # noqa: E402
from report import Contest, Table, machine, write_page  # noqa: E402

_TABLES = pytest.StashKey[list[Table]]()
_MACHINE = pytest.StashKey[str]()


def pytest_addoption(parser: pytest.Parser) -> None:
    """Add what can be chosen on the command line."""
    group = parser.getgroup("csvpipe benchmarks")
    group.addoption("--size", type=float, default=1.0, help="multiplies the size of every file (default: 1)")
    group.addoption("--rounds", type=int, default=5, help="how often each way does its work (default: 5)")
    group.addoption("--full", action="store_true", help="also import a file of 1 GB")
    group.addoption("--write-docs", action="store_true", help="write what was measured to docs/benchmarks.md")


def pytest_configure(config: pytest.Config) -> None:
    """Make room for the tables."""
    config.stash[_TABLES] = []
    config.stash[_MACHINE] = machine()  # before the benchmarks load it


def pytest_terminal_summary(terminalreporter: pytest.TerminalReporter, config: pytest.Config) -> None:
    """Print the tables, and write the page if it is wanted."""
    tables = config.stash[_TABLES]
    if not tables:
        return
    terminalreporter.section(f"csvpipe beside its peers ({config.stash[_MACHINE]})")
    for table in tables:
        terminalreporter.write_line(table.markdown() + "\n")
    if config.getoption("write_docs"):
        page = FOLDER.parent / "docs" / "benchmarks.md"
        full = " --full" if config.getoption("full") else ""
        write_page(page, tables, config.stash[_MACHINE], f"python -m pytest benchmarks --benchmark-only{full}")
        terminalreporter.write_line(f"written: {page}")


@pytest.fixture
def record(request: pytest.FixtureRequest) -> Callable[[str, tuple[str, ...], list[tuple[str, ...]]], None]:
    """Add a table to those that are shown at the end: title, header, rows."""

    def add(title: str, header: tuple[str, ...], rows: list[tuple[str, ...]]) -> None:
        section = request.module.__doc__
        request.config.stash[_TABLES].append(Table(section=section, title=title, header=header, rows=rows))

    return add


@pytest.fixture
def hold(benchmark, record, request: pytest.FixtureRequest) -> Callable[[str, Contest], None]:  # noqa: ANN001
    """Hold a contest under a title."""

    def hold_contest(title: str, contest: Contest) -> None:
        record(title, *contest.hold(benchmark, rounds=request.config.getoption("rounds")))

    return hold_contest


@pytest.fixture(scope="session")
def size(request: pytest.FixtureRequest) -> float:
    """The factor by which files are larger than by default."""
    return request.config.getoption("size")


@pytest.fixture(scope="session")
def folder() -> Iterator[Path]:
    """Where the files are while they are needed: pytest's own folders stay for some runs, and these are large."""
    with TemporaryDirectory(prefix="csvpipe-benchmarks-") as name:
        yield Path(name)


@pytest.fixture(scope="session")
def file_of_rows(folder: Path) -> Callable[[int, Kind], Path]:
    """A file of so many rows; made once in a run."""

    def made(rows: int, kind: Kind = Kind.PLAIN) -> Path:
        path = folder / f"{kind.name.lower()}-{rows}-rows.csv"
        return path if path.exists() else write_rows(path, rows, kind)

    return made


@pytest.fixture(scope="session")
def file_of_bytes(folder: Path) -> Callable[[int, Kind], Path]:
    """A file of at least so many bytes; made once in a run."""

    def made(size: int, kind: Kind = Kind.PLAIN) -> Path:
        path = folder / f"{kind.name.lower()}-{size}-bytes.csv"
        return path if path.exists() else write_bytes(path, size, kind)

    return made
