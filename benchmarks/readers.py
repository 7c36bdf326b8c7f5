"""What readers of a stream cost the job that they follow: 2,000 of them on one process, which runs the job as well.

    python benchmarks/readers.py                            5 rounds of a job of some 20 s, without and with readers
    python benchmarks/readers.py --executor process         the job's rows are handled in other processes

`csvpipe serve` runs as its users run it, in memory, with a handler in Python that keeps a processor busy: with threads
the job and the readers want the same interpreter. The job is paused until all readers have had its first event, so that
what connecting costs stands for itself. Needs Linux, and the extras `cli` and `web`.
"""

import argparse
import asyncio
import multiprocessing
import os
import re
import resource
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import datetime
from multiprocessing.synchronize import Barrier
from pathlib import Path
from typing import Any

import attrs
import httpx

API = "/api/v1/csv"
PIPELINE = """
import attrs
import csvpipe

@attrs.frozen
class Person:
    id: int
    name: str

@csvpipe.pipeline
def load(person: Person) -> None:
    sum(range(1000))
"""
READER_PROCESSES = 2
FIRST, LAST = b"\nid: ", b"event: completed\n"


@attrs.frozen(kw_only=True)
class Server:
    """`csvpipe serve`, as a process."""

    pid: int
    address: tuple[str, int]
    client: httpx.Client

    def rss_kib(self) -> int:
        """Its memory."""
        found = re.search(r"VmRSS:\s+(\d+) kB", Path(f"/proc/{self.pid}/status").read_text("ascii"))
        assert found
        return int(found[1])

    def processor_seconds(self) -> float:
        """What it has used of the processors, in its own code and in the system's."""
        fields = Path(f"/proc/{self.pid}/stat").read_text("ascii").rpartition(")")[2].split()
        return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")


@attrs.frozen(kw_only=True)
class Run:
    """One job from start to end.

    Attributes:
        job_seconds: From the wish to go on to the end.
        processor_seconds: Of the server meanwhile.
        kib: Memory a reader.
        connect_processor_seconds: Of the server, until all had the first event.
        ended: Readers that had the terminal event.
        events: That all readers had.
    """

    job_seconds: float
    processor_seconds: float
    kib: float = 0.0
    connect_processor_seconds: float = 0.0
    ended: int = 0
    events: int = 0


@contextmanager
def serving(folder: Path, executor: str) -> Iterator[Server]:
    """Start it on a free port."""
    (folder / "pipeline.py").write_text(PIPELINE)
    open_many()  # as it may, too
    program = [sys.executable, "-m", "csvpipe", "serve", "pipeline.py:load", "--port", "0", "--anybody"]
    with subprocess.Popen([*program, "--executor", executor], cwd=folder, stderr=subprocess.PIPE, text=True) as process:
        assert process.stderr is not None
        line = process.stderr.readline()
        found = re.search(r"http://([\d.]+):(\d+)", line)
        assert found, line + process.stderr.read()
        with httpx.Client(base_url=f"http://{found[1]}:{found[2]}{API}", timeout=60) as client:
            yield Server(pid=process.pid, address=(found[1], int(found[2])), client=client)
        process.terminate()


def open_many() -> None:
    """Let a process have as many connections as the system lets it."""
    _, most = resource.getrlimit(resource.RLIMIT_NOFILE)
    resource.setrlimit(resource.RLIMIT_NOFILE, (most, most))


class Reader(asyncio.Protocol):
    """One reader, as cheap as can be."""

    def __init__(self, request: bytes, started: asyncio.Semaphore) -> None:
        self._request = request
        self._started = started
        self._rest = b""
        self.events = 0
        self.has_ended = False
        self.closed = asyncio.get_running_loop().create_future()

    def connection_made(self, transport: Any) -> None:
        """Ask."""
        transport.write(self._request)

    def data_received(self, data: bytes) -> None:
        """Count."""
        data = self._rest + data
        seen = data.count(FIRST)
        if not self.events and seen:
            self._started.release()
        self.events += seen
        self.has_ended = self.has_ended or LAST in data
        self._rest = data[-(len(LAST) - 1) :].replace(FIRST, b"")

    def connection_lost(self, _error: Exception | None) -> None:
        """It is over."""
        self.closed.set_result(None)


def read_all(address: tuple[str, int], path: str, readers: int, ready: Barrier, told: Any) -> None:
    """Follow a job so many times in this process."""

    async def main() -> tuple[int, int]:
        loop = asyncio.get_running_loop()
        request = f"GET {path} HTTP/1.1\r\nHost: {address[0]}\r\nConnection: close\r\n\r\n".encode()
        started, mine = asyncio.Semaphore(0), list[Reader]()
        for _ in range(readers):
            _, reader = await loop.create_connection(lambda: Reader(request, started), *address)
            mine.append(reader)
        for _ in range(readers):
            await started.acquire()
        await asyncio.to_thread(ready.wait)
        for reader in mine:
            await reader.closed
        return sum(reader.has_ended for reader in mine), sum(reader.events for reader in mine)

    open_many()
    told.put(asyncio.run(main()))


def run(file: Path, readers: int, executor: str) -> Run:
    """Import a file while so many follow it."""
    with tempfile.TemporaryDirectory() as folder, serving(Path(folder), executor) as server:
        with file.open("rb") as content:
            answer = server.client.post("/upload", files={"files": ("a.csv", content)})
        path = f"/jobs/{answer.json()['files'][0]['job']['id']}"
        server.client.post(f"{path}/pause").raise_for_status()
        while server.client.get(path).json()["status"] != "paused":
            time.sleep(0.05)
        spawning = multiprocessing.get_context("spawn")
        ready, told = spawning.Barrier(READER_PROCESSES + 1), spawning.Queue()
        before, used = server.rss_kib(), server.processor_seconds()
        share = readers // READER_PROCESSES
        following = [
            spawning.Process(target=read_all, args=(server.address, f"{API}{path}/stream", share, ready, told))
            for _ in range(READER_PROCESSES if readers else 0)
        ]
        for process in following:
            process.start()
        if readers:
            ready.wait()
        connecting = server.processor_seconds() - used
        kib = (server.rss_kib() - before) / max(1, readers)
        used, begun = server.processor_seconds(), time.time()
        server.client.post(f"{path}/resume").raise_for_status()
        counts = [told.get() for _ in following]
        while not (job := server.client.get(path).json())["completed_at"]:
            time.sleep(0.2)
        assert job["status"] == "completed", job
        return Run(
            job_seconds=datetime.fromisoformat(job["completed_at"]).timestamp() - begun,
            processor_seconds=server.processor_seconds() - used,
            kib=kib,
            connect_processor_seconds=connecting,
            ended=sum(ended for ended, _ in counts),
            events=sum(events for _, events in counts),
        )


def say(what: str) -> None:
    """Print a line."""
    print(what, flush=True)  # noqa: T201  # a script


def main() -> None:
    """Take turns."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--readers", type=int, default=2_000)
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--rows", type=int, default=1_000_000)
    parser.add_argument("--executor", choices=["thread", "process"], default="thread")
    asked = parser.parse_args()
    slower, busier, weights = [], [], []
    with tempfile.TemporaryDirectory() as folder:
        file = Path(folder) / "a.csv"
        file.write_bytes(b"id,name\n" + b"".join(b"%d,Ana\n" % number for number in range(asked.rows)))
        for number in range(asked.rounds):
            runs = {
                each: run(file, each, asked.executor) for each in ((0, asked.readers), (asked.readers, 0))[number % 2]
            }
            alone, followed = runs[0], runs[asked.readers]
            assert followed.ended == asked.readers, f"only {followed.ended:,} had the terminal event"
            slower.append(followed.job_seconds / alone.job_seconds)
            busier.append(followed.processor_seconds / alone.processor_seconds)
            weights.append(followed.kib)
            say(
                f"alone {alone.job_seconds:.2f} s, followed {followed.job_seconds:.2f} s; of the processor "
                f"{alone.processor_seconds:.2f} s and {followed.processor_seconds:.2f} s, connecting "
                f"{followed.connect_processor_seconds:.2f} s; {followed.events / asked.readers:.1f} events and "
                f"{followed.kib:.0f} KiB a reader"
            )
    for name, ratios in (("slower", slower), ("more processor time", busier)):
        percents = [100 * (ratio - 1) for ratio in ratios]
        say(f"{name}: {statistics.median(percents):+.1f} % ({min(percents):+.1f} to {max(percents):+.1f})")
    say(f"memory: {statistics.median(weights):.0f} KiB a reader")
    say(f"all {asked.readers:,} readers had the terminal event in each of {asked.rounds} rounds")


if __name__ == "__main__":
    main()
