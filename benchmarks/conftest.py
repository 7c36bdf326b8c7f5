"""Options, files and tables of the benchmarks."""

import compileall
import os
import sys
from collections.abc import Callable, Iterator
from functools import partial
from importlib.util import find_spec
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import attrs
import pytest

FOLDER = Path(__file__).parent
# `importlib` import mode puts nothing on the path; other processes, too, must find what is handled there.
sys.path.insert(0, str(FOLDER))
os.environ["PYTHONPATH"] = os.pathsep.join(filter(None, (str(FOLDER), os.environ.get("PYTHONPATH"))))

from generate import Kind, bad_rows, rows_in, write_rows  # noqa: E402
from peers import close_processes  # noqa: E402
from publish import PAGE, publish, write_page  # noqa: E402
from report import GOALS_HEADER, Contender, Contest, Goal, Outcome, Row, Table, machine  # noqa: E402
from ways import WAYS, Sample  # noqa: E402
from weight import most_mib  # noqa: E402

_TABLES = pytest.StashKey[list[Table]]()
_MACHINE = pytest.StashKey[str]()

_DEFAULTS = {"size": 1.0, "rounds": 5}

#: Rows of the file on which a way is tried before the clock starts.
WARM_UP_ROWS = 2_000

ORDER = (
    "bench_goals",
    "bench_rows",
    "bench_loading",
    "bench_durability",
    "bench_memory",
    "bench_loop_lag",
    "bench_detection",
    "bench_partition",
    "bench_parse",
    "bench_convert",
    "bench_rejects",
    "bench_import",
)

GOALS_TITLE = "What csvpipe is to reach on two processors"


def pytest_addoption(parser: pytest.Parser) -> None:
    """Add what can be chosen on the command line."""
    group = parser.getgroup("csvpipe benchmarks")
    group.addoption(
        "--size", type=float, default=_DEFAULTS["size"], help="multiplies the size of every file (default: 1)"
    )
    group.addoption(
        "--rounds", type=int, default=_DEFAULTS["rounds"], help="how often each way does its work (default: 5)"
    )
    group.addoption("--full", action="store_true", help="goals on 2 million rows, memory on 2 GB (half an hour)")
    group.addoption(
        "--write-docs", action="store_true", help="write docs/benchmarks.md, its pictures, README's figures"
    )


def pytest_configure(config: pytest.Config) -> None:
    """Make room for the tables."""
    _compile()
    config.stash[_TABLES] = []
    config.stash[_MACHINE] = machine()  # before the benchmarks load it


def _compile() -> None:
    """Have bytecode of csvpipe and of what is here, as of every package that pip has installed.

    An environment that forbids to write it would have each process that is started compile all of it anew.
    """
    spec = find_spec("csvpipe")
    assert spec is not None
    for folder in (*(spec.submodule_search_locations or ()), FOLDER):
        compileall.compile_dir(folder, quiet=1)


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Put what matters most first, on the page too."""
    items.sort(key=lambda item: ORDER.index(item.path.stem) if item.path.stem in ORDER else len(ORDER))


def pytest_sessionfinish() -> None:
    """End the processes that peers have started."""
    close_processes()


def pytest_terminal_summary(terminalreporter: pytest.TerminalReporter, config: pytest.Config) -> None:
    """Print the tables, and write the page if it is wanted."""
    tables = config.stash[_TABLES]
    if not tables:
        return
    terminalreporter.section(f"csvpipe beside its peers ({config.stash[_MACHINE]})")
    for table in tables:
        terminalreporter.write_line(table.markdown() + "\n")
    if config.getoption("write_docs"):
        chosen = [
            f" --{name} {config.getoption(name):g}" for name in _DEFAULTS if config.getoption(name) != _DEFAULTS[name]
        ]
        chosen += [" --full"] if config.getoption("full") else []
        command = f"python -m pytest benchmarks --benchmark-only{''.join(chosen)}"
        write_page(PAGE, tables, config.stash[_MACHINE], command)
        for line in (f"written: {PAGE}", *publish()):
            terminalreporter.write_line(line)


@pytest.fixture
def record(request: pytest.FixtureRequest) -> Callable[..., None]:
    """Add a table to those that are shown at the end; rows of one that is there already go into that one.

    The table of goals is one for all modules, and stands where it was begun.
    """
    tables, section = request.config.stash[_TABLES], request.module.__doc__

    def add(title: str, header: Row, rows: list[Row], key: str = "") -> None:
        for position, table in enumerate(tables):
            if title == table.title and (table.section == section or title == GOALS_TITLE):
                tables[position] = attrs.evolve(table, header=header, rows=[*table.rows, *rows])
                return
        tables.append(Table(section=section, title=title, key=key, header=header, rows=rows))

    return add


@pytest.fixture
def aim(record: Callable[..., None]) -> Callable[[Goal], None]:
    """Add a goal to the table of goals."""

    def add(goal: Goal) -> None:
        record(GOALS_TITLE, GOALS_HEADER, [goal.row()], "goals")

    return add


@pytest.fixture(scope="session")
def rounds(request: pytest.FixtureRequest) -> int:
    """How often each way does its work."""
    return request.config.getoption("rounds")


@pytest.fixture(scope="session")
def size(request: pytest.FixtureRequest) -> float:
    """The factor by which files are larger than by default."""
    return request.config.getoption("size")


@pytest.fixture(scope="session")
def is_full(request: pytest.FixtureRequest) -> bool:
    """Whether goals are measured on as much as they state."""
    return request.config.getoption("full")


@pytest.fixture
def hold(benchmark: Any, record: Callable[..., None], rounds: int) -> Callable[..., Outcome]:
    """Hold a contest under a title."""

    def hold_contest(title: str, contest: Contest, key: str = "") -> Outcome:
        outcome = contest.hold(benchmark, rounds=rounds)
        record(title, outcome.header, outcome.rows(), key)
        return outcome

    return hold_contest


@pytest.fixture
def hold_line(benchmark: Any, record: Callable[..., None], rounds: int) -> Callable[..., Outcome]:
    """Hold a contest whose outcome is one line, named `name` under the heading `head`, of a table of several."""

    def hold_contest(title: str, head: str, name: str, contest: Contest) -> Outcome:
        outcome = contest.hold(benchmark, rounds=rounds)
        record(title, outcome.line_header(head), [outcome.line(name)])
        return outcome

    return hold_contest


@pytest.fixture(scope="module")
def folder() -> Iterator[Path]:
    """Where the files of a module are while they are needed: pytest's own folders stay for some runs."""
    with TemporaryDirectory(prefix="csvpipe-benchmarks-") as name:
        yield Path(name)


@pytest.fixture(scope="module")
def sample(folder: Path) -> Callable[[int, Kind], Sample]:
    """A file of so many rows; made once in a module."""

    def made(rows: int, kind: Kind = Kind.PLAIN) -> Sample:
        path = folder / f"{kind.name.lower()}-{rows}-rows.csv"
        found = path if path.exists() else write_rows(path, rows, kind)
        return Sample(path=found, rows=rows, bad=bad_rows(rows, kind))

    return made


@pytest.fixture(scope="module")
def file_of_bytes(sample: Callable[[int, Kind], Sample]) -> Callable[[int, Kind], Path]:
    """A file of at least so many bytes; made once in a module."""
    return lambda size, kind=Kind.PLAIN: sample(rows_in(size, kind), kind).path


@pytest.fixture(scope="module")
def race(sample: Callable[[int, Kind], Sample]) -> Callable[..., Contest]:
    """A contest of ways, by their keys, over one file: the reference first, the subject last."""

    def contest(keys: list[str], rows: int, kind: Kind = Kind.PLAIN, *, is_weighed: bool = False) -> Contest:
        few = sample(WARM_UP_ROWS, kind)
        reference, *others, subject = (
            contender(key, sample(rows, kind), few=few, is_weighed=is_weighed) for key in keys
        )
        return Contest(reference=reference, others=others, subject=subject, amount=rows, unit="rows")

    return contest


def contender(key: str, sample: Sample, *, few: Sample, is_weighed: bool) -> Contender:
    """A way, with its work."""
    way = WAYS[key]
    return Contender(
        name=way.name,
        run=partial(way.run, sample),
        warm_up=partial(way.run, few),
        weigh=partial(most_mib, key, sample) if is_weighed else None,
        reason_absent=way.reason_absent(),
    )
