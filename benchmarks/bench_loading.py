r"""Loading into a database.

A file of 8 columns and about 75 bytes a row goes into an empty table with a primary key. csvpipe converts and checks
every cell on the way, keeps bad rows with line and reason, and writes each chunk once whatever dies; it has two workers
with a connection each. `\copy` and `.import` have one connection, check what the database checks, and stop at the first
bad row or, in SQLite, store it as it stands; so their file has none where csvpipe's has some. The others convert by
hand in Python. PostgreSQL and SQLite run with their own settings, on the same processors; the table is made anew
before each run, outside of the time. `MiB` is without the server.
"""

import os
from collections.abc import Callable, Iterator
from functools import partial
from pathlib import Path
from typing import Any

import databases
import pytest
from loading import LOADS, URL, check, renew, write_people
from report import Contender, Contest, Goal
from weight import most_mib

pytestmark = pytest.mark.timeout(1800)

MANY_ROWS = 2_000_000
ROWS = {"postgresql": 500_000, "sqlite": 200_000}
FEW_ROWS = 2_000
#: Peers that take ten times as long get a tenth of the rows.
SHARE = 10

TOOLS = {"postgresql": "load-psql", "sqlite": "load-sqlite3"}
NAMES = {"postgresql": "PostgreSQL", "sqlite": "SQLite"}
KINDS = pytest.mark.parametrize("kind", ["postgresql", "sqlite"])

Entrant = Callable[..., Contender]


@pytest.fixture(scope="module")
def urls(folder: Path) -> Iterator[Callable[[str], str | None]]:
    """The URL of a database of a kind; None where there is none."""
    found: dict[str, str | None] = {"sqlite": f"sqlite:///{folder / 'people.db'}", "postgresql": None}
    if databases.reason_no_server() is not None:
        yield found.get
        return
    with databases.server(folder) as url:
        found["postgresql"] = url
        yield found.get


@pytest.fixture
def entrant(
    urls: Callable[[str], str | None], folder: Path, monkeypatch: pytest.MonkeyPatch, kind: str
) -> Callable[..., Contender]:
    """Someone who loads so many rows into the database of this kind."""
    url = urls(kind)
    if url is not None:
        monkeypatch.setenv(URL, url)
    few = write_people(folder / "few.csv", FEW_ROWS)

    def made(
        key: str, rows: int, *, name: str = "", is_partly_bad: bool = False, is_weighed: bool = False
    ) -> Contender:
        path = folder / f"{rows}-{is_partly_bad}.csv"
        sample = write_people(path, rows, is_partly_bad=is_partly_bad)
        way = LOADS[key]

        def prepare() -> None:
            renew(os.environ[URL])

        def warm_up() -> None:
            prepare()
            way.run(few)

        def weigh() -> float | None:
            prepare()
            return most_mib(key, sample)

        return Contender(
            name=name or way.name,
            run=partial(way.run, sample),
            prepare=prepare,
            finish=lambda: check(os.environ[URL], sample),
            warm_up=warm_up,
            weigh=weigh if is_weighed else None,
            reason_absent=databases.reason_no_server() if url is None else way.reason_absent(),
        )

    return made


@KINDS
def test_beside_the_tool(
    hold: Callable[..., Any],
    aim: Callable[[Goal], None],
    entrant: Entrant,
    size: float,
    *,
    is_full: bool,
    kind: str,
) -> None:
    """Beside the database's own tool."""
    rows = int((MANY_ROWS if is_full else ROWS[kind]) * size)
    bad = entrant("load-csvpipe", rows, name="csvpipe, 0.1 % of the rows bad", is_partly_bad=True)
    tool = entrant(TOOLS[kind], rows, is_weighed=True)
    good = entrant("load-csvpipe", rows, is_weighed=True)
    contest = Contest(reference=tool, others=[bad], subject=good, amount=rows, unit="rows")
    outcome = hold(f"{rows:,} rows into {NAMES[kind]}", contest, f"load-{kind}")
    if kind != "postgresql":
        return
    for way, what, least in ((good, "clean", 1.2), (bad, "0.1 % bad rows", 0.8)):
        aim(
            Goal(
                work=f"PostgreSQL, typed and checked, two connections, beside `\\copy`: {rows:,} rows, {what}",
                wanted=f"at least {least} x",
                found=outcome.speeds(way),
                least=least,
                reason_absent=tool.reason_absent or way.reason_absent,
            )
        )


@KINDS
def test_beside_applications(
    hold: Callable[..., Any], entrant: Entrant, size: float, *, is_full: bool, kind: str
) -> None:
    """Beside what applications write themselves."""
    rows = int((MANY_ROWS if is_full else ROWS[kind]) * size) // SHARE
    ways = ["load-driver", "load-executemany", "load-pandas", "load-handler", "load-csvpipe"]
    reference, *others, subject = (entrant(key, rows, is_weighed=True) for key in ways)
    contest = Contest(reference=reference, others=others, subject=subject, amount=rows, unit="rows")
    hold(f"{rows:,} rows into {NAMES[kind]}, beside what applications write", contest, f"load-{kind}-applications")
