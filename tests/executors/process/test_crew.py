"""Processes that are started before there is a chunk for them."""

import os
import signal
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import attrs
import process_handlers as handlers
import pytest

import csvpipe
from csvpipe.executors.process import crew as crew_module
from csvpipe.executors.process.address import address_of
from csvpipe.executors.process.crew import ProcessCrew
from csvpipe.executors.process.host import WorkerProcess
from csvpipe.pool.services import Settings

ADDRESSES = {handlers.single.name: address_of(handlers.single)}


@pytest.fixture
def crew() -> Iterator[ProcessCrew]:
    """A crew of two."""
    crew = ProcessCrew(2, ADDRESSES)
    yield crew
    for each in crew.close():
        each.join(10)
    crew.abandon()


@pytest.fixture
def begun(monkeypatch: pytest.MonkeyPatch) -> list[int]:
    """The processes that are started, from now on."""
    begun: list[int] = []

    def begin(addresses: Any) -> WorkerProcess:
        process = WorkerProcess(addresses)
        begun.append(process.pid)
        return process

    monkeypatch.setattr(crew_module, "WorkerProcess", begin)
    return begun


def until(size: int, begun: list[int]) -> list[int]:
    """Wait until so many were started; the test's time limit is the end of patience."""
    while len(begun) < size:
        time.sleep(0.001)
    return begun


def test_expected_chunks_find_processes(crew: ProcessCrew, begun: list[int]) -> None:
    """As many are started as there are chunks for, two at most here, and nobody who takes one starts another."""
    crew.expect(1)
    until(1, begun)
    crew.expect(1)
    crew.expect(5)
    taken = [crew.take(), crew.take()]

    assert sorted(begun) == sorted(process.pid for process in taken) == sorted(crew.pids)
    crew.expect(5)
    crew.put_back(taken[0])
    crew.expect(5)
    crew.drop(taken[1])
    assert 2 == len(begun)
    assert taken[0] is crew.take()
    crew.put_back(taken[0])


def test_one_that_died_before_it_was_taken_is_replaced(crew: ProcessCrew, begun: list[int]) -> None:
    """As one that was idle: no row is to blame for it."""
    crew.expect(1)
    [pid] = until(1, begun)
    os.kill(pid, signal.SIGKILL)
    os.waitid(os.P_PID, pid, os.WEXITED | os.WNOWAIT)
    process = crew.take()

    assert process.is_alive
    assert pid != process.pid
    crew.put_back(process)


def test_a_process_that_cannot_be_started_is_told_of_when_it_is_wanted(
    crew: ProcessCrew, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Whoever takes it hears why, and the next one tries again."""

    def fail(_addresses: Any) -> WorkerProcess:
        raise OSError("no more processes")

    with monkeypatch.context() as patch:
        patch.setattr(crew_module, "WorkerProcess", fail)
        crew.expect(1)
        with pytest.raises(OSError, match="no more processes"):
            crew.take()
    process = crew.take()
    assert process.is_alive
    crew.put_back(process)


def test_what_was_started_for_nothing_ends(crew: ProcessCrew, begun: list[int]) -> None:
    """With the crew, in an orderly way; and nothing is started any more."""
    crew.expect(2)
    unused = crew.close()
    crew.expect(2)
    processes = until(2, begun)
    for each in unused:
        each.join(10)

    assert (2, 2) == (len(unused), len(processes))
    assert not any(Path(f"/proc/{pid}").exists() for pid in processes)


def test_nothing_outlives_a_crew_that_is_abandoned(crew: ProcessCrew, begun: list[int]) -> None:
    """Not even what was just being started."""
    crew.expect(2)
    crew.abandon()
    processes = [starting.result() for starting in crew._starting]

    assert 2 == len(until(2, begun))
    assert all(process.discard().startswith("killed by SIGKILL") for process in processes)


@pytest.mark.parametrize(("size", "expected"), [(0, 0), (1, 1), (3.5, 3)])
def test_large_files_are_expected(size: float, expected: int, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """By their size, before anybody has looked at them; a file that is not there is found out later."""
    heard: list[int] = []
    monkeypatch.setattr(ProcessCrew, "expect", lambda _crew, chunks: heard.append(chunks))
    path = tmp_path / "people.csv"
    path.write_bytes(b"x" * int(size * attrs.fields(Settings).chunk_bytes.default))
    csvpipe.run(handlers.single, path, tmp_path / "missing.csv", b"x\n", executor="process")

    assert [0, 0, expected] == sorted(heard)
