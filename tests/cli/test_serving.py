"""`csvpipe serve`: who may use it, and how it begins and ends."""

import re
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Self
from uuid import UUID

import httpx
import pytest
from click.testing import Result

import csvpipe

PEOPLE = "people:import_people"
API = "/api/v1/csv"
SLOW = """
import time
import csvpipe

@csvpipe.pipeline(ordered=True)
def slow(row: csvpipe.Row) -> None:
    time.sleep(0.01)
"""


@pytest.fixture
def start(home: Path) -> Iterator[Callable[..., tuple["subprocess.Popen[str]", str]]]:
    """Start `csvpipe serve` on a free port: the process, and where it is."""
    started: list[subprocess.Popen[str]] = []

    def serve(*arguments: str | Path) -> tuple["subprocess.Popen[str]", str]:
        process = subprocess.Popen(
            [sys.executable, "-m", "csvpipe", "serve", *map(str, arguments), "--port", "0"],
            cwd=home,
            stderr=subprocess.PIPE,
            text=True,
        )
        started.append(process)
        assert process.stderr is not None
        line = process.stderr.readline()
        found = re.fullmatch(r"Serving at (http://[\d.]+:\d+); Ctrl-C ends it\.\n", line)
        assert found, line + process.stderr.read()
        return process, found[1]

    yield serve
    for process in started:
        process.kill()
        process.communicate()


@pytest.mark.skipif(sys.platform == "win32", reason="Windows has no SIGTERM")
def test_it_serves_until_it_is_told_to_end(
    examples: Path, start: Callable[..., tuple[subprocess.Popen[str], str]]
) -> None:
    """Owners come with their tokens; on SIGTERM streams end, and the program does so with 0."""
    (examples / "slow.py").write_text(SLOW)
    (examples / "tokens").write_text("# who may use it\n\nbob = token-of-bob\n")
    process, url = start(PEOPLE, "slow.py:slow", "--token", "ana=token-of-ana==", "--tokens-file", "tokens")
    file = {"files": ("slow.csv", b"id\n" + b"1\n" * 100_000)}

    with httpx.Client(base_url=url, headers={"Authorization": "Bearer token-of-ana=="}) as ana:
        answer = ana.post(f"{API}/upload", params={"pipeline": "slow"}, files=file)
        job = answer.json()["files"][0]["job"]
        bobs = ana.get(f"{API}/jobs/{job['id']}", headers={"Authorization": "Bearer token-of-bob"})
        with ana.stream("GET", f"{API}/jobs/{job['id']}/stream") as stream:
            lines = stream.iter_lines()
            assert any(line.startswith("id: ") for line in lines)
            process.send_signal(signal.SIGTERM)
            assert "event: completed" not in list(lines)

    assert ("ana", 404) == (job["owner"], bobs.status_code)
    assert 0 == process.wait(30)


@pytest.mark.skipif(sys.platform == "win32", reason="Windows has no SIGTERM")
def test_a_job_goes_on_in_another_instance(
    examples: Path, start: Callable[..., tuple[subprocess.Popen[str], str]], monkeypatch: pytest.MonkeyPatch
) -> None:
    """What is told to end takes no connections any more, releases its job at its checkpoint, and ends with 0."""
    (examples / "slow.py").write_text(SLOW)
    address = f"sqlite:///{examples / 'jobs.db'}"
    monkeypatch.setenv("CSVPIPE_STORE", address)
    monkeypatch.setenv("CSVPIPE_TOKENS", "ana=token-of-ana bob=token-of-bob")
    first, url = start("slow.py:slow", "--spool", examples / "spool")

    assert [200, 200] == [httpx.get(f"{url}/{path}").status_code for path in ("ready", "health")]
    file = {"files": ("slow.csv", b"id\n" + b"1\n" * 100_000)}
    answer = httpx.post(f"{url}{API}/upload", headers={"Authorization": "Bearer token-of-ana"}, files=file)
    job_id = UUID(answer.json()["files"][0]["job"]["id"])
    with csvpipe.SQLJobStore(address) as store:
        before = _until(store, job_id, lambda job: job.processed_rows > 0)
        second, other_url = start("slow.py:slow", "--spool", examples / "spool")
        first.send_signal(signal.SIGTERM)

        assert 0 == first.wait(30)
        released = store.get(job_id)
        assert (released.status.value, released.attempt) in {("pending", 1), ("processing", 2)}
        assert released.processed_rows >= before.processed_rows
        _until(store, job_id, lambda job: job.attempt == 2 and job.processed_rows > released.processed_rows)
    with pytest.raises(httpx.ConnectError):
        httpx.get(f"{url}/ready")
    assert 200 == httpx.get(f"{other_url}/ready").status_code
    second.send_signal(signal.SIGTERM)
    assert 0 == second.wait(30)


def _until(store: csvpipe.SQLJobStore, job_id: UUID, is_so: Callable[[csvpipe.JobRecord], bool]) -> csvpipe.JobRecord:
    """The job as soon as this is so."""
    while not is_so(record := store.get(job_id)):
        assert not record.status.is_terminal, record
        time.sleep(0.01)
    return record


def test_jobs_are_kept(
    examples: Path, invoke: Callable[..., Result], monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    """A store's URL is opened and closed; without a folder that outlives the program as well it is refused."""
    assert examples.is_dir()
    opened: list[object] = []

    class Store(csvpipe.MemoryJobStore):
        def __init__(self, url: str, *, listening: bool) -> None:
            super().__init__()
            opened.extend([url, listening])

        def __enter__(self) -> Self:
            return self

        def __exit__(self, *_error: object) -> None:
            opened.append("closed")

    monkeypatch.setattr(csvpipe, "SQLJobStore", Store, raising=False)
    monkeypatch.setattr("uvicorn.Server.run", lambda server, **_options: setattr(server, "started", True))

    beside = invoke("serve", PEOPLE, "--anybody", "--store", "sqlite:///jobs.db", "--port", "0")
    monkeypatch.setenv("CSVPIPE_NO_LISTENING", "1")
    served = invoke(
        "serve", PEOPLE, "--anybody", "--store", "sqlite:///jobs.db", "--spool", tmp_path / "spool", "--port", "0"
    )

    assert (0, 0) == (beside.exit_code, served.exit_code)
    assert ["sqlite:///jobs.db", True, "closed", "sqlite:///jobs.db", False, "closed"] == opened


def test_the_pool_is_as_it_is_told_to_be(
    examples: Path, invoke: Callable[..., Result], monkeypatch: pytest.MonkeyPatch
) -> None:
    """By options, by variables, or by itself."""
    assert examples.is_dir()
    made: list[tuple[float, float]] = []

    def note(*_: object, lease_seconds: float, flush_interval: float, **_options: object) -> None:
        made.append((lease_seconds, flush_interval))
        raise ValueError("seen")

    monkeypatch.setattr("csvpipe.cli.serving.WorkerPool", note)

    invoke("serve", PEOPLE, "--anybody")
    invoke("serve", PEOPLE, "--anybody", "--lease-seconds", "90", "--flush-interval", "0.5")
    monkeypatch.setenv("CSVPIPE_LEASE_SECONDS", "60")
    monkeypatch.setenv("CSVPIPE_FLUSH_INTERVAL", "5")
    invoke("serve", PEOPLE, "--anybody")
    refused = invoke("serve", PEOPLE, "--anybody", "--lease-seconds", "0")

    assert [(30.0, 2.0), (90.0, 0.5), (60.0, 5.0)] == made
    assert 2 == refused.exit_code


@pytest.mark.parametrize(
    ("options", "said"),
    [
        ((), "say who may use it"),
        (("--anybody", "--token", "ana=x"), "say who may use it"),
        (("--token", "ana"), "OWNER=TOKEN"),
        (("--token", "=x"), "OWNER=TOKEN"),
        (("--token", "ana=x", "--token", "bob=x"), "ana and bob have the same token"),
        (("--token", "ana=x", "--metrics-token", "x"), "it is an owner's token"),
        (("--anybody", "--host", "nowhere.invalid"), "cannot listen at nowhere.invalid:8000"),
    ],
)
def test_misuse_is_told(examples: Path, invoke: Callable[..., Result], options: tuple[str, ...], said: str) -> None:
    """Nothing is served unless it is said who may use it, and where."""
    assert examples.is_dir()

    done = invoke("serve", PEOPLE, *options)

    assert done.exit_code in (1, 2)
    assert said in done.output


def test_a_token_may_be_given_twice(
    examples: Path, invoke: Callable[..., Result], monkeypatch: pytest.MonkeyPatch
) -> None:
    """To the same owner, that is, who may have several as well."""
    assert examples.is_dir()
    monkeypatch.setattr("uvicorn.Server.run", lambda server, **_options: setattr(server, "started", True))

    done = invoke("serve", PEOPLE, "--token", "ana=x", "--token", "ana=x", "--token", "ana=y", "--port", "0")

    assert 0 == done.exit_code


def test_a_port_in_use_is_told(examples: Path, invoke: Callable[..., Result]) -> None:
    """Where somebody else listens already, the command says so."""
    assert examples.is_dir()
    with socket.create_server(("127.0.0.1", 0)) as taken:
        done = invoke("serve", PEOPLE, "--anybody", "--port", str(taken.getsockname()[1]))

    assert 1 == done.exit_code
    assert "cannot listen" in done.output


def test_a_missing_extra_is_named(
    examples: Path, invoke: Callable[..., Result], monkeypatch: pytest.MonkeyPatch
) -> None:
    """Without the extra `web`, the command says what to install."""
    assert examples.is_dir()
    monkeypatch.setattr("csvpipe.cli.serving.find_spec", lambda _name: None)

    done = invoke("serve", PEOPLE, "--anybody")

    assert 2 == done.exit_code
    assert "pip install 'csvpipe[web]'" in done.output


def test_the_extra_of_a_store_is_named(
    examples: Path, invoke: Callable[..., Result], monkeypatch: pytest.MonkeyPatch
) -> None:
    """The same without the extra `sql`, where jobs are to be kept."""
    assert examples.is_dir()
    monkeypatch.setattr("csvpipe.cli.keeping.find_spec", lambda _name: None)

    served = invoke("serve", PEOPLE, "--anybody", "--store", "sqlite:///q.db")
    listed = invoke("jobs", "--store", "sqlite:///q.db")

    assert (2, 3) == (served.exit_code, listed.exit_code)
    assert "pip install 'csvpipe[sql]'" in served.output
    assert "pip install 'csvpipe[sql]'" in listed.output
