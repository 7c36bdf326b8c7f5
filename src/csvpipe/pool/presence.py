"""Who is alive on this host: a worker holds a lock for as long as its process lives, however the process ends.

A lease has to run out before anybody may take a dead worker's job over. On one host there is a quicker way: the kernel
lets go of a lock together with the process that held it. Whoever finds a lock free knows that its worker is dead.
"""

from __future__ import annotations

import hashlib
import logging
import os
import re
import socket
import sys
import time
from collections.abc import Callable, Collection, Iterator
from contextlib import suppress
from pathlib import Path
from typing import Final

from csvpipe.store.protocol import WorkerId

if sys.platform == "win32":  # pragma: no cover
    _CAN_LOCK: Final = False
else:
    import fcntl

    _CAN_LOCK: Final = True

logger = logging.getLogger("csvpipe")

#: Locks of before the host was started anew are removed when nobody has touched them for so long.
_FOREIGN_SECONDS: Final = 7 * 24 * 3600.0

_BOOT_ID: Final = Path("/proc/sys/kernel/random/boot_id")

# Descriptors of the locks that this process holds. Module state, since a fork concerns the whole process: the child
# must not keep the parent's locks.
_held: set[int] = set()


def _let_go_in_child() -> None:
    while _held:
        with suppress(OSError):
            os.close(_held.pop())


if hasattr(os, "register_at_fork"):
    os.register_at_fork(after_in_child=_let_go_in_child)


class Presence:
    """Shows that a worker lives, and finds out which others do not. Runs in threads, one call at a time.

    Args:
        folder: Shared by the workers of a host; made if need be. None where there is none: then nothing is shown, and
            nobody found.
        store_id: The store that the workers share.
        worker: This one.
        host: Names this host as it runs now: locks of others cannot be judged from here.
    """

    def __init__(self, folder: Path | None, store_id: str, worker: WorkerId, *, host: str | None = None) -> None:
        self._folder = folder if _CAN_LOCK else None
        self._store_id = store_id
        self._host = _this_host() if host is None else host
        self._name = f"{store_id}-{worker}-{self._host}.lock"
        self._lock: int | None = None
        self._is_kept = False

    def __repr__(self) -> str:
        return f"<Presence {'shown' if self._lock is not None else 'not shown'}>"

    def show(self) -> None:
        """Take the lock. Where the file system has none, the lease alone tells who is alive."""
        if self._folder is None:
            return
        try:
            self._folder.mkdir(exist_ok=True)
            # Named when it is locked: nobody ever finds it free before.
            fresh = self._folder / f"{self._name}.new"
            self._lock = os.open(fresh, os.O_RDWR | os.O_CREAT, 0o666)
            _held.add(self._lock)
            fcntl.flock(self._lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
            fresh.rename(self._folder / self._name)
        except OSError as error:
            logger.warning("%s: no lock can be taken, so a crash is noticed by its lease only: %s", self._folder, error)
            self._release()
            self._folder = None

    def keep(self) -> None:
        """Hold the lock for as long as the process lives: a thread of this worker may be at work until then."""
        self._is_kept = True

    def leave(self) -> None:
        """Let go of the lock, unless it is kept."""
        if self._folder is not None and not self._is_kept:
            with suppress(OSError):
                (self._folder / self._name).unlink(missing_ok=True)
            self._release()

    def _release(self) -> None:
        if self._lock is not None:
            _held.discard(self._lock)
            os.close(self._lock)
            self._lock = None

    def bury(self, forfeit: Callable[[Collection[WorkerId]], int]) -> int:
        """Find workers that are dead, and have their leases ended; tell how many leases.

        Args:
            forfeit: `JobStore.forfeit`. When it raises, the dead are found again.
        """
        dead = dict(self._dead())
        try:
            ended = forfeit([worker for worker, _ in dead.values()]) if dead else 0
            for path in dead:
                path.unlink(missing_ok=True)
        finally:
            for _, lock in dead.values():
                _held.discard(lock)
                os.close(lock)
        if ended:
            leases = "1 lease of a worker that has" if ended == 1 else f"{ended} leases of workers that have"
            logger.warning("%s died on this host ended", leases)
        return ended

    def _dead(self) -> Iterator[tuple[Path, tuple[WorkerId, int]]]:
        """Lock files of dead workers on this host, each with its lock, which is ours now."""
        pattern = re.compile(rf"{self._store_id}-(.+)-{self._host}\.lock")
        for path in self._others():
            found = pattern.fullmatch(path.name)
            lock = None if found is None else _locked(path)
            if found is not None and lock is not None:
                yield path, (WorkerId(found[1]), lock)

    def _others(self) -> list[Path]:
        if self._folder is None:
            return []
        return [path for path in self._folder.glob(f"{self._store_id}-*.lock") if path.name != self._name]

    def tidy(self, *, now: Callable[[], float] = time.time) -> None:
        """Show that this lock is in use, and remove those of hosts, or runs of this one, that are long gone."""
        if self._folder is None:
            return
        with suppress(OSError):
            os.utime(self._folder / self._name)
        for path in [*self._others(), *self._folder.glob(f"{self._store_id}-*.lock.new")]:
            with suppress(OSError):
                if now() - path.stat().st_mtime > _FOREIGN_SECONDS:
                    path.unlink()


def _locked(path: Path) -> int | None:
    """The lock of a file that nobody holds; None where somebody does, or where it is gone."""
    try:
        lock = os.open(path, os.O_RDWR)
    except OSError:
        return None
    _held.add(lock)
    try:
        fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except OSError:
        _held.discard(lock)
        os.close(lock)
        return None
    return lock


def _this_host() -> str:
    """A name for the running kernel, which containers on it share; elsewhere for the host."""
    try:
        running = _BOOT_ID.read_text("ascii")
    except OSError:
        running = socket.gethostname()
    return hashlib.sha256(running.encode()).hexdigest()[:12]
