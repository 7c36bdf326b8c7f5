"""Objects in a store that speaks S3: imported where they lie, and gone on with after a kill."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import anyio.to_thread
import process_handlers as handlers
import pytest
from process_handlers import told

import csvpipe
from csvpipe._intake.objects import ObjectStore, Piece
from csvpipe._intake.remote import ranged
from csvpipe._process.result import ChunkResult
from csvpipe.errors import FileCode, FileError
from csvpipe.jobs import JobStatus

fsspec = pytest.importorskip("fsspec", reason="the extra remote is not installed")
pytest.importorskip("s3fs", reason="s3fs is not installed")
moto = pytest.importorskip("moto.server", reason="moto's server is not installed")

pytestmark = [
    pytest.mark.anyio,
    pytest.mark.filterwarnings("ignore::DeprecationWarning", "ignore::ResourceWarning"),
    pytest.mark.filterwarnings("ignore::pytest.PytestUnraisableExceptionWarning"),
]

_BUCKET = "imports"

#: What is killed. Its second argument is the store, its third the object.
_VICTIM = """
import sys, anyio, csvpipe, process_handlers as handlers

async def main(store_url, source):
    with csvpipe.SQLJobStore(store_url) as store:
        async with csvpipe.WorkerPool(
            store, pipelines=[handlers.listed], workers=2, lease_seconds=1.0, flush_interval=0.05
        ) as pool:
            await (await pool.submit(handlers.listed, source)).wait()

anyio.run(main, *sys.argv[1:])
"""


@csvpipe.pipeline(batch_size=500)
def _count(rows: list[dict[str, str]]) -> None:
    """Take whatever comes."""


@pytest.fixture(scope="module")
def bucket() -> Iterator[Any]:
    """A bucket of a real server, which whoever uses the usual configuration finds."""
    server = moto.ThreadedMotoServer(ip_address="127.0.0.1", port=0, verbose=False)
    server.start()
    host, port = server.get_host_and_port()
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("AWS_ACCESS_KEY_ID", "nobody")
        patch.setenv("AWS_SECRET_ACCESS_KEY", "a-secret-key")
        patch.setenv("AWS_DEFAULT_REGION", "us-east-1")
        patch.setenv("AWS_ENDPOINT_URL", f"http://{host}:{port}")
        system = fsspec.filesystem("s3", skip_instance_cache=True)
        system.mkdir(_BUCKET)
        yield system
    server.stop()


@pytest.fixture
def fetched(monkeypatch: pytest.MonkeyPatch) -> list[tuple[int, int]]:
    """The ranges that are fetched by this process."""
    ranges: list[tuple[int, int]] = []
    fetch = ObjectStore.fetch

    def note(store: ObjectStore, start: int, end: int) -> Piece:
        piece = fetch(store, start, end)
        ranges.append((start, start + len(piece.data)))
        return piece

    monkeypatch.setattr(ObjectStore, "fetch", note)
    return ranges


def write(bucket: Any, name: str, content: bytes) -> str:
    """Put an object into the bucket; its URL."""
    with bucket.open(f"{_BUCKET}/{name}", "wb") as file:
        file.write(content)
    return f"s3://{_BUCKET}/{name}"


def rows(count: int, words: dict[int, str]) -> bytes:
    """A file of numbered rows, some with a word in place of their number."""
    return b"id,name\n" + b"".join(f"{words.get(row, row)},name {row}\n".encode() for row in range(1, count + 1))


def start(store_url: str, source: str) -> subprocess.Popen[bytes]:
    """Start what is to be killed."""
    environment = {**os.environ, "PYTHONPATH": os.pathsep.join(sys.path)}
    environment.pop("COVERAGE_PROCESS_CONFIG", None)  # it would be killed with its notes in hand
    return subprocess.Popen([sys.executable, "-c", _VICTIM, store_url, source], env=environment)


async def outcome(job: csvpipe.Job, folder: Path) -> tuple[Any, ...]:
    """What is known of a job at its end."""
    record = await job.wait()
    errors = [error.to_dict() for error in await job.row_errors(limit=1_000)]
    await job.write_rejects(folder / "rejects.csv")
    counts = record.status, record.processed_rows, record.failed_rows, record.skipped_rows, record.total_rows
    return counts, errors, (folder / "rejects.csv").read_bytes()


def missing(committed: list[ChunkResult], *, start: int, size: int) -> list[tuple[int, int]]:
    """What no result accounts for."""
    ends = [
        start,
        *(place for result in sorted(committed, key=lambda r: r.start) for place in (result.start, result.end)),
    ]
    return [(low, high) for low, high in zip(ends[::2], [*ends[1::2], size], strict=True) if low < high]


async def test_a_kill_costs_no_byte_that_was_done(
    bucket: Any, shared: Path, tmp_path: Path, fetched: list[tuple[int, int]]
) -> None:
    """Import, kill, go on by range: rows, errors and rejects of a local file, and only what was missing is fetched."""
    content = rows(40_000, dict.fromkeys(range(7, 40_000, 997), "raise") | {20_000: "wait"})
    source, store_url = write(bucket, f"{tmp_path.name}.csv", content), f"sqlite:///{tmp_path}/jobs.db"
    victim = start(store_url, source)
    with csvpipe.SQLJobStore(store_url) as store:
        while victim.poll() is None and not (told(shared, "waiting") and store.list_jobs().jobs[0].processed_rows):
            await anyio.sleep(0.02)
        victim.send_signal(signal.SIGKILL)
        victim.wait()
        [record] = store.list_jobs().jobs
        before = store.committed(record.id)
        (shared / "go").touch()

        async with csvpipe.WorkerPool(store, pipelines=[handlers.listed], workers=2) as pool:
            found = await outcome(await pool.job(record.id), tmp_path)
        kept = Path(tmp_path / "jobs.db").read_bytes()
    (tmp_path / "local.csv").write_bytes(content)
    during = list(fetched)
    async with csvpipe.WorkerPool(pipelines=[handlers.listed], workers=1) as pool:
        serial = await outcome(await pool.submit(handlers.listed, tmp_path / "local.csv"), tmp_path)

    assert serial == found
    assert JobStatus.COMPLETED is found[0][0]
    gaps = missing(list(before), start=len(b"id,name\n"), size=len(content))
    assert 0 < sum(high - low for low, high in gaps) < len(content) - 8
    assert gaps == sorted(during[: len(gaps)])
    assert b"a-secret-key" not in kept


@pytest.mark.usefixtures("shared")
async def test_worker_processes_fetch_for_themselves(bucket: Any, tmp_path: Path) -> None:
    """The object comes to the same, whoever reads it."""
    source = write(bucket, f"{tmp_path.name}.csv", rows(5_000, {77: "raise", 4_000: "skip"}))

    async with csvpipe.WorkerPool(pipelines=[handlers.listed], executor="process", workers=2) as pool:
        counts, errors, rejects = await outcome(await pool.submit(handlers.listed, source), tmp_path)

    assert (JobStatus.COMPLETED, 4_998, 1, 1, 5_000) == counts
    assert [77] == [error["row"] for error in errors]
    assert rejects.endswith(b"raise,name 77\n")


async def test_an_object_that_is_replaced(bucket: Any, shared: Path, tmp_path: Path) -> None:
    """A job never counts as completed whose object is another one at its end."""
    name = f"{tmp_path.name}.csv"
    source = write(bucket, name, rows(5_000, {4_000: "wait"}))

    async with csvpipe.WorkerPool(pipelines=[handlers.listed], workers=2) as pool:
        job = await pool.submit(handlers.listed, source)
        while not told(shared, "waiting"):
            await anyio.sleep(0.005)
        await anyio.to_thread.run_sync(write, bucket, name, rows(5_000, {}))
        (shared / "go").touch()
        record = await job.wait()

    assert (JobStatus.FAILED, FileCode.SOURCE_CHANGED) == (record.status, record.error_code)
    assert source in (record.error_message or "")


async def test_a_part_of_another_version(bucket: Any, tmp_path: Path) -> None:
    """Each answer says which version it is of: what comes after a look at the object is not taken for what was seen."""
    name = f"{tmp_path.name}.csv"
    found = ranged(write(bucket, name, rows(100, {})))
    assert found is not None

    with found.open_part(8, 40) as file:
        assert rows(100, {})[8:40] == file.read()
    with found.open_part(8, 40) as file:
        write(bucket, name, rows(100, {2: "other"}))
        with pytest.raises(FileError) as caught:
            file.read()

    assert FileCode.SOURCE_CHANGED is caught.value.code


@pytest.mark.usefixtures("shared")
def test_rejects_beside_the_object(bucket: Any, tmp_path: Path) -> None:
    """A run writes them by URL; those of an earlier run go with their reason."""
    name = tmp_path.name
    source, folder = write(bucket, f"{name}.csv", rows(10, {7: "raise"})), f"s3://{_BUCKET}/{name}"

    [record] = csvpipe.run(handlers.listed, source, rejects_dir=folder)
    rejects = bucket.cat_file(f"{_BUCKET}/{name}/{name}.rejects.csv")
    write(bucket, f"{name}.csv", rows(10, {}))
    csvpipe.run(handlers.listed, source, rejects_dir=folder)
    bucket.invalidate_cache()

    assert (1, True) == (record.failed_rows, rejects.endswith(b"raise,name 7\n"))
    assert not bucket.exists(f"{_BUCKET}/{name}/{name}.rejects.csv")


async def test_a_store_by_the_configuration_of_fsspec(
    bucket: Any, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Key and endpoint may stand in its configuration, which holds in this process, or in its environment."""
    content = rows(50, {})
    source = write(bucket, f"{tmp_path.name}.csv", content)
    endpoint = os.environ["AWS_ENDPOINT_URL"]
    for name in ("AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY", "AWS_ENDPOINT_URL"):
        monkeypatch.delenv(name)
    settings = {"FSSPEC_S3_KEY": "nobody", "FSSPEC_S3_SECRET": "another-secret", "FSSPEC_S3_ENDPOINT_URL": endpoint}
    configuration: dict[str, Any] = {}
    fsspec.config.set_conf_env(configuration, settings)
    monkeypatch.setitem(fsspec.config.conf, "s3", configuration["s3"])

    with csvpipe.SQLJobStore(f"sqlite:///{tmp_path}/jobs.db") as store:
        async with csvpipe.WorkerPool(store, pipelines=[_count]) as pool:
            record = await (await pool.submit(_count, source)).wait()

    assert (JobStatus.COMPLETED, 50) == (record.status, record.processed_rows)
    assert b"another-secret" not in Path(tmp_path / "jobs.db").read_bytes()
