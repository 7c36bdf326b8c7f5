"""A disk, or a store, that fails while a file is read: the file's failure, wherever that is, and nobody else's."""

from __future__ import annotations

import errno
import io
import itertools
import os
from collections.abc import Iterator
from pathlib import Path
from typing import Any, BinaryIO, cast

import pytest

import csvpipe
from csvpipe._intake.source import LocalFile
from csvpipe.errors import FileCode
from csvpipe.jobs import JobStatus

_LARGE_ROWS = 30_000
_SMALL_ROWS = 20


@csvpipe.pipeline(batch_size=1_000)
def save(rows: list[dict[str, str]]) -> None:
    """Take whatever comes."""


class _Failing(io.FileIO):
    """A file on a disk from which only so many reads and seeks succeed."""

    def __init__(self, path: str, numbers: Iterator[int], failing_from: int) -> None:
        super().__init__(path)
        self._numbers = numbers
        self._failing_from = failing_from

    def read(self, size: int | None = -1, /) -> bytes:
        self._count()
        return super().read(size)

    def readinto(self, buffer: Any, /) -> int:
        self._count()
        return super().readinto(buffer)

    def seek(self, offset: int, whence: int = 0, /) -> int:
        self._count()
        return super().seek(offset, whence)

    def _count(self) -> None:
        if next(self._numbers) >= self._failing_from:
            raise OSError(errno.EIO, os.strerror(errno.EIO))


@pytest.fixture
def fail_from(monkeypatch: pytest.MonkeyPatch) -> Any:
    """`fail_from(n)`: the n-th read of files called "bad" fails, and so do all after it."""
    open_at_once = LocalFile.open_at_once

    def fail(number: int) -> None:
        numbers = itertools.count()

        def opened(self: LocalFile, *, place: str | None = None, buffering: int = -1) -> BinaryIO:
            if "bad" not in self.path:
                return open_at_once(self, place=place, buffering=buffering)
            raw = _Failing(self.path, numbers, number)
            return cast("BinaryIO", raw if buffering == 0 else io.BufferedReader(raw, 64 * 1024))

        monkeypatch.setattr(LocalFile, "open_at_once", opened)

    return fail


def write(path: Path, rows: int) -> Path:
    """A file of so many rows."""
    path.write_text("id,name\n" + "".join(f"{row},{'x' * 40}\n" for row in range(rows)), "utf-8")
    return path


@pytest.mark.parametrize(("rows", "most_reads"), [(_LARGE_ROWS, 120), (_SMALL_ROWS, 6)])
def test_a_disk_that_fails(
    rows: int, most_reads: int, fail_from: Any, tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    """Wherever it is in taking in, looking at, cutting or parsing, the job fails, and the files beside it do not."""
    bad, good = write(tmp_path / "bad.csv", rows), write(tmp_path / "good.csv", _SMALL_ROWS)
    ends = set()
    for number in (*range(12), *range(12, most_reads, 9), 10_000):
        fail_from(number)
        failed, sound = csvpipe.run(save, bad, good, workers=2)
        ends.add((failed.status, failed.error_code))
        assert (JobStatus.COMPLETED, _SMALL_ROWS) == (sound.status, sound.processed_rows)

    assert {(JobStatus.FAILED, FileCode.SOURCE_FAILED), (JobStatus.COMPLETED, None)} == ends
    assert "unexpectedly" not in caplog.text


def test_what_to_do_is_said(fail_from: Any, tmp_path: Path) -> None:
    """Before the job runs it is to be submitted again, and afterwards to be retried."""
    bad = write(tmp_path / "bad.csv", _LARGE_ROWS)
    messages = []
    for number in range(110):
        fail_from(number)
        [record] = csvpipe.run(save, bad, workers=1)
        messages.append(record.error_message or "")
        if "retry the job" in messages[-1]:
            break

    assert "Input/output error; nothing of it was kept, so it can be submitted again" in messages[0]
    assert "Input/output error; check the disk or the network, then retry the job" in messages[-1]
