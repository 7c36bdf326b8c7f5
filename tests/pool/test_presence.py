"""Who is dead on this host is known at once, and nobody who lives is taken for dead."""

import signal
import subprocess
import sys
import threading
from collections.abc import Callable, Collection
from pathlib import Path
from typing import Any
from uuid import uuid4

import anyio
import pytest

import csvpipe
from csvpipe.jobs import JobStatus
from csvpipe.pool import presence as module
from csvpipe.pool.presence import Presence
from csvpipe.store.protocol import Claim, WorkerId

MakeCsv = Callable[..., Path]

STORE = "0123456789abcdef"

pytestmark = pytest.mark.skipif(sys.platform == "win32", reason="there are no such locks")


class Forfeits:
    """Takes note of who is said to be dead."""

    def __init__(self) -> None:
        self.workers: list[WorkerId] = []

    def __call__(self, workers: Collection[WorkerId]) -> int:
        """See `JobStore.forfeit`."""
        self.workers += workers
        return len(workers)


def shown(folder: Path, name: str = "ana", **options: str) -> Presence:
    """A worker that lives."""
    presence = Presence(folder, options.pop("store", STORE), WorkerId(name), **options)
    presence.show()
    return presence


def dead(folder: Path, name: str, **options: str) -> None:
    """What is left of a worker whose process has ended, however it did."""
    shown(folder, name, **options)._release()


def test_the_dead_are_found_once(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    """Their locks are free; when their leases are ended the locks are removed."""
    living, told = shown(tmp_path), Forfeits()
    dead(tmp_path, "ben")
    assert [1, 0] == [living.bury(told) for _ in range(2)]
    assert ["1 lease of a worker that has died on this host ended"] == caplog.messages
    assert ["ben"] == told.workers
    assert 1 == len(list(tmp_path.iterdir()))


def test_the_living_are_not(tmp_path: Path) -> None:
    """Two workers of one process hold two locks, neither of which is free."""
    ana, ben, told = shown(tmp_path, "ana"), shown(tmp_path, "ben"), Forfeits()
    assert [0, 0] == [each.bury(told) for each in (ana, ben)]
    assert [] == told.workers
    assert "<Presence shown>" == repr(ana)


def test_who_leaves_is_not_found(tmp_path: Path) -> None:
    """An orderly end leaves nothing."""
    ana, ben, told = shown(tmp_path, "ana"), shown(tmp_path, "ben"), Forfeits()
    ben.leave()
    ben.leave()
    assert 0 == ana.bury(told)
    ana.leave()
    assert [] == list(tmp_path.iterdir())


def test_a_kept_lock_outlives_its_pool(tmp_path: Path) -> None:
    """While a handler may be at work in a thread that nobody can stop, its worker counts as alive."""
    hung, other = shown(tmp_path, "hung"), shown(tmp_path)
    hung.keep()
    hung.leave()
    assert 0 == other.bury(Forfeits())
    hung._release()
    assert 1 == other.bury(Forfeits())


def test_a_store_that_is_away_is_told_later(tmp_path: Path) -> None:
    """The dead are not forgotten before the store knows of them."""
    living, told = shown(tmp_path), Forfeits()
    dead(tmp_path, "ben")

    def away(_: object) -> int:
        raise ConnectionError

    with pytest.raises(ConnectionError):
        living.bury(away)
    assert 1 == living.bury(told)


def test_other_stores_and_hosts_are_let_be(tmp_path: Path) -> None:
    """A lock of another machine, on a shared disk, may look free; and other stores are no business of ours."""
    dead(tmp_path, "far", host="000000000000")
    dead(tmp_path, "else", store="fedcba9876543210")
    living, told = shown(tmp_path), Forfeits()
    assert 0 == living.bury(told)
    living.tidy()
    assert 3 == len(list(tmp_path.iterdir()))


def test_what_is_long_gone_is_removed(tmp_path: Path) -> None:
    """Locks of before a reboot, and half-made ones, go after a week; one that is in use is touched."""
    dead(tmp_path, "far", host="000000000000")
    (tmp_path / f"{STORE}-half-made.lock.new").touch()
    living = shown(tmp_path)
    living.tidy(now=lambda: tmp_path.stat().st_mtime + 8 * 24 * 3600)
    assert [living._name] == [path.name for path in tmp_path.iterdir()]


def test_without_locks_leases_alone_tell(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    """A file system that has no locks costs quick takeovers, and nothing else."""

    def refusing(*_: object) -> None:
        raise OSError(95, "Operation not supported")

    monkeypatch.setattr(module.fcntl, "flock", refusing)
    living = shown(tmp_path)
    living.tidy()
    assert 0 == living.bury(Forfeits())
    living.leave()
    assert "noticed by its lease only" in caplog.text


_FORKING = """
import os, sys
from pathlib import Path
from csvpipe.pool.presence import Presence
Presence(Path(sys.argv[1]), sys.argv[2], "parent").show()
if not os.fork():  # the child tells: what it inherited is closed by then
    print("ready", flush=True)
sys.stdin.read()
"""


def test_a_forked_child_does_not_keep_its_parent_alive(tmp_path: Path) -> None:
    """A descriptor that a child inherits would hold the lock; it is closed there."""
    parent = subprocess.Popen(
        [sys.executable, "-c", _FORKING, str(tmp_path), STORE], stdin=subprocess.PIPE, stdout=subprocess.PIPE
    )
    assert parent.stdin is not None
    assert parent.stdout is not None
    assert b"ready\n" == parent.stdout.readline()
    living, told = shown(tmp_path), Forfeits()
    alive = living.bury(told)
    parent.send_signal(signal.SIGKILL)
    parent.wait()
    gone = living.bury(told)
    parent.stdin.close()  # the child ends
    parent.stdout.read()
    parent.stdout.close()

    assert (0, 1, ["parent"]) == (alive, gone, told.workers)


@csvpipe.pipeline
def do_nothing(row: csvpipe.Row) -> None:
    """Every row is fine."""


class DoomedStore(csvpipe.MemoryJobStore):
    """Hands jobs to a worker that is going to die, and only then to others."""

    doomed = WorkerId(str(uuid4()))
    is_dead = False

    def claim(self, worker: WorkerId, **options: Any) -> list[Claim]:
        """See `JobStore.claim`."""
        return super().claim(worker, **options) if self.is_dead or worker == self.doomed else []

    def die(self, folder: Path) -> None:
        """Claim what there is, for longer than any test waits, and leave nothing but a lock that is free."""
        assert 1 == len(self.claim(self.doomed, pipelines=["do_nothing"], limit=1, lease_seconds=100_000))
        self.is_dead = True
        dead(folder, self.doomed, store=self.identity)


@pytest.mark.anyio
async def test_a_pool_takes_over_from_who_died_before_it(make_csv: MakeCsv, tmp_path: Path) -> None:
    """A process that is started again goes on with its own job at once, long before the lease runs out."""
    store = DoomedStore()
    async with csvpipe.WorkerPool(store, pipelines=[do_nothing], spool_dir=tmp_path, on_exit="stop") as pool:
        job = await pool.submit(do_nothing, make_csv(5))
    store.die(tmp_path / ".csvpipe")
    async with csvpipe.WorkerPool(store, pipelines=[do_nothing], spool_dir=tmp_path) as pool:
        record = await (await pool.job(job.id)).wait()

    assert (JobStatus.COMPLETED, 2) == (record.status, record.attempt)


@pytest.mark.anyio
async def test_a_pool_takes_over_from_who_dies_beside_it(make_csv: MakeCsv, tmp_path: Path) -> None:
    """The spool is looked at again and again."""
    store = DoomedStore()
    async with csvpipe.WorkerPool(store, pipelines=[do_nothing], spool_dir=tmp_path) as pool:
        object.__setattr__(pool._settings, "poll_seconds", 0.001)
        job = await pool.submit(do_nothing, make_csv(5))
        store.die(tmp_path / ".csvpipe")
        record = await job.wait()

    assert (JobStatus.COMPLETED, 2) == (record.status, record.attempt)


@pytest.mark.anyio
async def test_a_spool_that_cannot_be_looked_through(
    make_csv: MakeCsv, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    """What fails there is logged, tried again, and harms no job."""

    def refusing(*_: object) -> None:
        raise PermissionError("the spool is closed")

    monkeypatch.setattr("csvpipe.pool.watchman.sweep", refusing)
    async with csvpipe.WorkerPool(pipelines=[do_nothing], spool_dir=tmp_path) as pool:
        record = await (await pool.submit(do_nothing, make_csv(5))).wait()
        while "could not be looked through" not in caplog.text:
            await anyio.lowlevel.checkpoint()

    assert JobStatus.COMPLETED is record.status


@pytest.mark.anyio
async def test_a_pool_whose_handler_hangs_counts_as_alive(make_csv: MakeCsv, tmp_path: Path) -> None:
    """Its job is not taken over at once when the pool is left: the handler may be writing still."""
    store, spool, reached, go = csvpipe.MemoryJobStore(), tmp_path / "spool", threading.Event(), threading.Event()

    @csvpipe.pipeline(name="do_nothing")
    def hang(row: csvpipe.Row) -> None:
        reached.set()
        go.wait(60)

    async with csvpipe.WorkerPool(store, pipelines=[hang], shutdown_grace=0, spool_dir=spool, on_exit="stop") as pool:
        job = await pool.submit(hang, make_csv(5))
        await anyio.to_thread.run_sync(reached.wait, 60)
    other = shown(spool / ".csvpipe", store=store.identity)
    assert 0 == other.bury(Forfeits())
    other.leave()
    go.set()
    assert JobStatus.PROCESSING is (await job.record()).status
