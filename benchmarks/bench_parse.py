"""Parsing.

What was cut is read and parsed slice by slice, into rows of cells: work of a worker thread or process. The peer is one
`csv.reader` over the file, which drops the rows. "Without numpy" is another process, in which neither numpy nor pyarrow
can be imported.
"""

from collections.abc import Callable, Iterator
from functools import partial
from multiprocessing.pool import Pool

import pytest
from generate import Kind, rows_in
from peers import reason_absent
from report import Contender, Contest
from stages import cut, parse, read_whole, without_extras
from ways import Sample

pytestmark = pytest.mark.timeout(900)

MB = 1_000_000
MEGABYTES = 8


@pytest.fixture(scope="module")
def bare() -> Iterator[Pool]:
    """A process without the extra."""
    with without_extras() as pool:
        yield pool


@pytest.mark.parametrize("kind", [kind for kind in Kind if "BAD" not in kind.name], ids=lambda kind: kind.name.lower())
def test_parse(
    hold_line: Callable[..., object], sample: Callable[[int, Kind], Sample], size: float, bare: Pool, kind: Kind
) -> None:
    """Parsing a file that is cut, beside `csv.reader` over the whole of it."""
    rows = rows_in(int(MEGABYTES * MB * size), kind)
    path = sample(rows, kind).path
    chunks = cut(path, kind)
    assert rows + 1 == parse(path, kind, chunks)
    contest = Contest(
        reference=Contender(name="`csv.reader`", run=partial(read_whole, path, kind)),
        others=[
            Contender(name="without numpy", run=partial(bare.apply, parse, (path, kind, chunks))),
        ],
        subject=Contender(
            name="with numpy",
            run=partial(parse, path, kind, chunks),
            reason_absent=reason_absent("numpy"),
        ),
        amount=path.stat().st_size / MB,
        unit="MB",
    )
    hold_line(f"About {MEGABYTES * size:g} MB of each shape", "shape", kind.value, contest)
