"""A spool whose disk really fills up in the middle of an upload."""

from __future__ import annotations

import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

import csvpipe
from csvpipe.errors import FileCode
from csvpipe.jobs import JobStatus

if sys.platform == "win32":
    pytest.skip("neither limits nor mounts", allow_module_level=True)
else:
    import resource

pytestmark = pytest.mark.anyio

_MIB = 1024 * 1024
_LIMIT = _MIB


@contextmanager
def small_disk(folder: Path) -> Iterator[FileCode]:
    """A file system of one MiB, where one may be mounted."""
    folder.mkdir()
    mounted = subprocess.run(
        ["/bin/mount", "-t", "tmpfs", "-o", f"size={_LIMIT}", "tmpfs", str(folder)], check=False, capture_output=True
    )
    if mounted.returncode:
        pytest.skip("no file system can be mounted here")
    try:
        yield FileCode.DISK_FULL
    finally:
        subprocess.run(["/bin/umount", "-l", str(folder)], check=True)


@contextmanager
def small_files(_folder: Path) -> Iterator[FileCode]:
    """No file of this process may become larger than one MiB."""
    before = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (_LIMIT, before[1]))
    try:
        yield FileCode.SOURCE_FAILED
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, before)


@csvpipe.pipeline
def do_nothing(row: csvpipe.Row) -> None:
    """Every row is fine."""


@pytest.mark.parametrize("limited", [small_disk, small_files])
async def test_an_upload_that_does_not_fit(limited: type, tmp_path: Path) -> None:
    """It is told why, and leaves nothing behind; the jobs beside it, and uploads after it, go their way."""
    spool = tmp_path / "spool"
    path = tmp_path / "in-place.csv"
    path.write_bytes(b"id\n" + b"1\n" * 20_000)
    with limited(spool) as code:
        async with csvpipe.WorkerPool(pipelines=[do_nothing], spool_dir=spool) as pool:
            beside = await pool.submit(do_nothing, path)
            refused = await (await pool.submit(do_nothing, b"id\n" + b"1234567\n" * (2 * _MIB // 8))).wait()
            left = [file.name for file in spool.iterdir() if file.name != ".csvpipe"]
            after = await (await pool.submit(do_nothing, b"id\n1\n2\n")).wait()
            done = await beside.wait()
            kept = [file.name for file in spool.iterdir() if file.name != ".csvpipe"]

    assert (JobStatus.FAILED, code) == (refused.status, refused.error_code)
    assert refused.error_message is not None
    assert str(spool) in refused.error_message
    assert ([], []) == (left, kept)
    assert [JobStatus.COMPLETED] * 2 == [after.status, done.status]
    assert (2, 20_000) == (after.processed_rows, done.processed_rows)
