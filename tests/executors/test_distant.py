"""What of a chunk travels."""

from __future__ import annotations

from pathlib import Path

import attrs
import pytest

from csvpipe._intake.carried import CarriedFile
from csvpipe._intake.inspection import JobPlan
from csvpipe._intake.source import LocalFile
from csvpipe._partition.chunk import CUT_BYTES, Chunk
from csvpipe.errors import FileCode, FileError
from csvpipe.executors.distant import carry
from csvpipe.limits import Limits


def a_chunk(*cuts: int, end: int) -> Chunk:
    """Of a file from its tenth byte on."""
    return Chunk(start=10, end=end, first_row=1, first_line=1, rows=1, lines=1, cuts=cuts)


@pytest.fixture
def plan(tmp_path: Path) -> JobPlan:
    """Of a file of a few hundred KiB, whose rows may have a hundred bytes."""
    path = tmp_path / "long.csv"
    path.write_bytes(bytes(range(256)) * 2_000)
    return JobPlan(source=LocalFile.at(path), inspection=None, limits=Limits(row_bytes=100))


def test_a_chunk_travels_as_one_piece(plan: JobPlan) -> None:
    """It reads as the file does, by the file's offsets."""
    carried = carry(plan, a_chunk(50, end=300))

    with carried.open() as file:
        file.seek(250)
        assert bytes([250, 251, 252, 253, 254, 255, 0, 1]) == file.read(8)
        file.seek(295)
        assert 5 == len(file.read(10))
        file.seek(0)
        assert b"" == file.read(1)
    assert [(10, 290)] == [(start, len(data)) for start, data in carried.pieces]


def test_a_line_that_is_too_large_stays_at_home(plan: JobPlan) -> None:
    """Nobody reads it."""
    large = 1_000 + 100 + CUT_BYTES + 1

    carried = carry(plan, a_chunk(500, 1_000, large, end=large + 7))

    assert [(10, 990), (large, 7)] == [(start, len(data)) for start, data in carried.pieces]


def test_a_file_that_has_changed_does_not_travel(plan: JobPlan) -> None:
    """It is not what the job was made for."""
    assert plan.source is not None
    other = attrs.evolve(plan, source=attrs.evolve(plan.source, mtime_ns=1))

    with pytest.raises(FileError) as caught:
        carry(other, a_chunk(end=20))

    assert FileCode.SOURCE_CHANGED == caught.value.code


def test_carried_files_are_values() -> None:
    """Their bytes are not shown."""
    carried = CarriedFile(path="/a.csv", size=9, mtime_ns=1, pieces=((0, b"secret"),))

    assert "secret" not in repr(carried)
