"""The files that the benchmarks read."""

import csv
from collections.abc import Callable
from datetime import date
from pathlib import Path
from types import ModuleType

import pytest

Load = Callable[[str], ModuleType]


@pytest.mark.parametrize("name", ["FEW_BAD", "FEW_BAD_QUOTED_NEWLINES", "MANY_BAD", "PLAIN"])
@pytest.mark.parametrize("rows", [1, 3, 500, 501, 1_501, 21_600])
def test_as_many_rows_are_bad_as_is_said(load: Load, tmp_path: Path, name: str, rows: int) -> None:
    """The peers and csvpipe must find exactly these."""
    generate = load("generate")
    kind = generate.Kind[name]
    path = generate.write_rows(tmp_path / "rows.csv", rows, kind)

    with path.open(newline="", encoding="utf-8") as file:
        found = list(csv.DictReader(file))

    assert rows == len(found)
    assert generate.bad_rows(rows, kind) == sum(not converts(record) for record in found)


def test_every_kind_is_as_wide_as_its_header_and_the_same_each_time(load: Load, tmp_path: Path) -> None:
    """What is written from a seed can be compared with what was measured elsewhere."""
    generate = load("generate")
    for kind in generate.Kind:
        paths = [generate.write_rows(tmp_path / f"{kind.name}-{copy}.csv", 620, kind) for copy in "ab"]
        style = {"quoting": csv.QUOTE_NONE, "escapechar": "\\"} if kind is generate.Kind.ESCAPED else {}
        with paths[0].open(newline="", encoding="utf-8") as file:
            header, *rows = csv.reader(file, **style)

        assert paths[0].read_bytes() == paths[1].read_bytes()
        assert tuple(header) == generate.columns_of(kind)
        assert (620, {len(header)}) == (len(rows), {len(row) for row in rows})


def test_a_file_has_at_least_the_bytes_that_were_asked_for(load: Load, tmp_path: Path) -> None:
    """In whole blocks of rows."""
    generate = load("generate")
    rows = generate.rows_in(1_000_000, generate.Kind.WIDE)

    path = generate.write_rows(tmp_path / "rows.csv", rows, generate.Kind.WIDE)

    assert 0 == rows % generate.block_rows(generate.Kind.WIDE)
    assert 1_000_000 <= path.stat().st_size


def converts(record: dict[str, str]) -> bool:
    """Whether the day exists and the visits are a number."""
    try:
        date.fromisoformat(record["joined"])
    except ValueError:
        return False
    return record["visits"].isdigit()
