"""A real pool in real time, held against the same formulae: does the simulated instance do as the real one does?

One file, large enough to be cut, whose handler only waits; one reader; and silence before and after.
"""

import time
from collections import Counter
from collections.abc import Callable
from pathlib import Path
from typing import Any, TypeVar

import anyio
import attrs
from benchmarks.capacity.model import KINDS, Load, rates

import csvpipe

T = TypeVar("T")

SECONDS = 30.0
_ROWS = 300_000
_BATCH = 3_000
_WORKERS = 4
_BEFORE_SECONDS = 5.0

#: What a file of so many batches takes.
LARGE_SECONDS = 10.0


class CountingStore(csvpipe.SQLJobStore):
    """Notes what it is asked, by kind."""

    def __init__(self, url: str) -> None:
        super().__init__(url)
        self.calls: Counter[str] = Counter()

    def __getattribute__(self, name: str) -> Any:
        """A method that notes its call, where it is of a kind that is counted."""
        found = super().__getattribute__(name)
        return self._noting(name, found) if name in _KINDS else found

    def _noting(self, name: str, ask: Callable[..., T]) -> Callable[..., T]:
        def asked(*arguments: Any, **options: Any) -> T:
            answer = ask(*arguments, **options)
            is_vain = name == "claim" and not answer
            self.calls["vain claim" if is_vain else _KINDS[name]] += 1
            return answer

        return asked


_KINDS = {kind: kind for kind in ("create", "claim", "commit", "settle", "renew")} | {"get": "look"}


@attrs.frozen(kw_only=True)
class Lived:
    """What a real pool came to.

    Attributes:
        seconds: For how long it was open.
        calls: What it, and a reader, asked of the store, by kind.
        reckoned: How many calls of each kind the model says.
    """

    seconds: float
    calls: Counter[str]
    reckoned: dict[str, float]


@csvpipe.pipeline(batch_size=_BATCH)
def wait_a_while(rows: list[list[str]]) -> None:
    """As a handler does that has somebody else do the work."""
    time.sleep(LARGE_SECONDS * _WORKERS * len(rows) / _ROWS)


def live(url: str, folder: Path) -> Lived:
    """Open a pool for a while."""
    path = folder / "large.csv"
    path.write_text("id,name\n" + "".join(f"{row},name {row}\n" for row in range(_ROWS)), encoding="utf-8")
    return anyio.run(_lived, url, path, folder / "spool")


async def _lived(url: str, path: Path, spool: Path) -> Lived:
    with CountingStore(url) as store, CountingStore(url) as readers:
        begun = anyio.current_time()
        pool = csvpipe.WorkerPool(store, pipelines=[wait_a_while], workers=_WORKERS, spool_dir=spool)
        async with pool:
            await anyio.sleep(_BEFORE_SECONDS)
            job = await pool.submit(wait_a_while, path)
            async with csvpipe.watch(readers, job.id) as events:
                async for event in events:
                    record = event.job
            await anyio.sleep(SECONDS - (anyio.current_time() - begun))
            seconds = anyio.current_time() - begun
            calls = store.calls + readers.calls
    record.raise_for_status()
    assert record.started_at is not None
    assert record.completed_at is not None
    worked = (record.completed_at - record.started_at).total_seconds()
    load = Load(small_jobs=0.0, large_jobs=1 / seconds, large_seconds=worked)
    reckoned = {kind: rate * seconds for kind, rate in rates(1, load, hears=True).items()}
    reckoned["renew"] = worked // 10
    return Lived(seconds=seconds, calls=Counter({kind: calls[kind] for kind in KINDS}), reckoned=reckoned)
