"""A server on a free port for the application under test, on asyncio (uvicorn) and on trio (Hypercorn)."""

import re
import socket
import subprocess
import sys
import threading
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from functools import partial
from pathlib import Path
from typing import Any

import attrs
import httpx
import trio
import uvicorn
from hypercorn.config import Config
from hypercorn.trio import serve
from starlette.types import ASGIApp, Receive, Scope, Send

ANA, BOB = {"Authorization": "Bearer token-of-ana"}, {"Authorization": "Bearer token-of-bob"}
API = "/api/v1/csv"


@attrs.frozen
class Person:
    """A row."""

    id: int
    name: str


class Gate:
    """Where the pipeline `wait` stands until it is opened."""

    def __init__(self) -> None:
        self.reached = threading.Event()
        self.opened = threading.Event()

    def __call__(self) -> None:
        """Stand there."""
        self.reached.set()
        assert self.opened.wait(30)


class Watch:
    """Notes each request that has been answered, or given up."""

    def __init__(self, app: ASGIApp) -> None:
        self._app = app
        self._ended = threading.Semaphore(0)

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Pass on."""
        try:
            await self._app(scope, receive, send)
        finally:
            if scope["type"] == "http":
                self._ended.release()

    def wait_for_end(self) -> None:
        """Until the next request has ended."""
        assert self._ended.acquire(timeout=30)


@contextmanager
def on_asyncio(app: ASGIApp) -> Iterator[str]:
    """Run uvicorn in a thread."""
    config = uvicorn.Config(
        app, port=0, lifespan="on", ws="none", http="h11", log_level="critical", timeout_graceful_shutdown=1
    )
    server = uvicorn.Server(config)
    with socket.socket(proto=socket.IPPROTO_TCP) as listening:
        listening.bind(("127.0.0.1", 0))
        listening.listen()
        thread = threading.Thread(target=partial(server.run, sockets=[listening]))
        thread.start()
        try:
            yield f"http://127.0.0.1:{listening.getsockname()[1]}"
        finally:
            server.should_exit = True
            thread.join()


@contextmanager
def on_trio(app: ASGIApp) -> Iterator[str]:
    """Run Hypercorn on trio in a thread."""
    config = Config()
    config.bind = ["127.0.0.1:0"]
    config.errorlog = None
    config.graceful_timeout, config.shutdown_timeout = 1, 30
    started, found = threading.Event(), dict[str, Any]()

    async def main() -> None:
        stop = found["stop"] = trio.Event()
        found["token"] = trio.lowlevel.current_trio_token()
        async with trio.open_nursery() as nursery:
            start: Any = partial(serve, app, config, shutdown_trigger=stop.wait)
            [found["url"]] = await nursery.start(start)
            started.set()

    thread = threading.Thread(target=trio.run, args=(main,))
    thread.start()
    assert started.wait(30)
    try:
        yield found["url"]
    finally:
        trio.from_thread.run_sync(found["stop"].set, trio_token=found["token"])
        thread.join()


SERVERS = {"asyncio": on_asyncio, "trio": on_trio}


@attrs.frozen(kw_only=True)
class Site:
    """The application, served.

    Attributes:
        url: Where it is.
        spool: The folder of its uploads.
        gate: Of the pipeline `wait`.
        watch: Of its requests.
        ana: A client of Ana's.
        bob: A client of Bob's.
        nobody: A client without a token.
    """

    url: str
    spool: Path
    gate: Gate
    watch: Watch
    ana: httpx.Client
    bob: httpx.Client
    nobody: httpx.Client

    @property
    def address(self) -> tuple[str, int]:
        """For sockets."""
        url = httpx.URL(self.url)
        return url.host, url.port or 80

    def upload(self, content: bytes, *, filename: str = "people.csv", **query: str) -> dict[str, Any]:
        """Submit one file of Ana's; its job."""
        query.setdefault("pipeline", "people")
        answer = self.ana.post(f"{API}/upload", params=query, files={"files": (filename, content)})
        assert 202 == answer.status_code, answer.text
        [entry] = answer.json()["files"]
        assert entry["problem"] is None, entry
        return dict(entry["job"])

    def ended(self, job: dict[str, Any]) -> dict[str, Any]:
        """The job when its stream has ended."""
        self.ana.get(f"{API}/jobs/{job['id']}/stream").raise_for_status()
        return dict(self.ana.get(f"{API}/jobs/{job['id']}").json())

    def left(self) -> list[str]:
        """Names of all uploads in the spool, whole or not."""
        return [path.name for path in self.spool.rglob("*") if path.is_file() and path.suffix in (".csv", ".part")]

    def spooled(self) -> list[str]:
        """Names of the uploads that are kept."""
        return [path.name for path in self.spool.rglob("*") if path.is_file() and path.suffix == ".csv"]


@attrs.frozen
class Process:
    """`csvpipe serve`, as a process of its own.

    Attributes:
        process: It.
        address: Where it listens.
        spool: The folder of its uploads.
        ana: A client of Ana's.
        bob: A client of Bob's.
    """

    process: "subprocess.Popen[str]"
    address: tuple[str, int]
    spool: Path
    ana: httpx.Client
    bob: httpx.Client

    def peak_bytes(self) -> int:
        """The most memory that it has ever had."""
        status = Path(f"/proc/{self.process.pid}/status").read_text("ascii")
        found = re.search(r"VmHWM:\s+(\d+) kB", status)
        assert found
        return 1024 * int(found[1])

    def open_files(self) -> int:
        """Files and connections that it has open."""
        return len(list(Path(f"/proc/{self.process.pid}/fd").iterdir()))


@contextmanager
def served(folder: Path, pipeline: str, *arguments: str) -> Iterator[Process]:
    """Serve a pipeline, which is there as a program, on a free port."""
    (folder / "pipeline.py").write_text(pipeline)
    spool = folder / "spool"
    program = [sys.executable, "-m", "csvpipe", "serve", "pipeline.py", "--port", "0", "--spool", str(spool)]
    owners = ("--token", "ana=token-of-ana", "--token", "bob=token-of-bob")
    with ExitStack() as running:
        process = subprocess.Popen([*program, *owners, *arguments], cwd=folder, stderr=subprocess.PIPE, text=True)
        running.callback(process.communicate)
        running.callback(process.terminate)
        assert process.stderr is not None
        line = process.stderr.readline()
        found = re.search(r"http://([\d.]+):(\d+)", line)
        assert found, line + process.stderr.read()
        url = f"http://{found[1]}:{found[2]}"
        ana, bob = (
            running.enter_context(httpx.Client(base_url=url, headers=headers, timeout=30)) for headers in (ANA, BOB)
        )
        yield Process(process, (found[1], int(found[2])), spool, ana, bob)
