"""Cutting.

Before a file is handed out it is cut at the ends of records: one pass that counts rows and lines, but makes no cells.
The peer parses the same file and drops the rows. "Without numpy" is another process, in which it cannot be imported.
"""

from collections.abc import Callable, Iterator
from functools import partial
from multiprocessing.pool import Pool

import pytest
from generate import Kind, rows_in
from peers import reason_absent
from report import Contender, Contest
from stages import count_whole, cut, read_whole, without_extras
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
def test_cut(
    hold_line: Callable[..., object], sample: Callable[[int, Kind], Sample], size: float, bare: Pool, kind: Kind
) -> None:
    """Cutting a file, beside `csv.reader` over the whole of it."""
    path = sample(rows_in(int(MEGABYTES * MB * size), kind), kind).path
    assert count_whole(path, kind) == sum(chunk.rows for chunk in cut(path, kind))
    contest = Contest(
        reference=Contender(name="`csv.reader`", run=partial(read_whole, path, kind)),
        others=[Contender(name="without numpy", run=partial(bare.apply, cut, (path, kind)))],
        subject=Contender(name="with numpy", run=partial(cut, path, kind), reason_absent=reason_absent("numpy")),
        amount=path.stat().st_size / MB,
        unit="MB",
    )
    hold_line(f"About {MEGABYTES * size:g} MB of each shape", "shape", kind.value, contest)
