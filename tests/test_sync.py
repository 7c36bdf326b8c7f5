"""The blocking door."""

import io
import signal
import subprocess
import sys
import threading
from collections.abc import Callable
from pathlib import Path
from typing import Any

import anyio
import pytest

import csvpipe
from csvpipe.jobs import JobStatus, Verb
from csvpipe.store.protocol import Claim, WorkerId

MakeCsv = Callable[..., Path]


@csvpipe.pipeline
def check(row: csvpipe.Row) -> None:
    """Reject rows whose id is no number."""
    if not row["id"].isdigit():
        raise csvpipe.Reject("no number", column="id")


def test_a_record_for_each_file_in_order(make_csv: MakeCsv) -> None:
    """Bad files and bad rows raise nothing."""
    files = [make_csv(3), b"", io.BytesIO(b"id\n1\n"), make_csv(9, bad={1})]

    records = csvpipe.run(check, *files)

    assert [3, None, 1, 9] == [record.total_rows for record in records]
    assert [0, 0, 0, 1] == [record.failed_rows for record in records]
    with pytest.raises(csvpipe.JobFailedError, match="empty"):
        records[1].raise_for_status()


def test_events_come_to_the_calling_thread(make_csv: MakeCsv, caplog: pytest.LogCaptureFixture) -> None:
    """One after the other, to the last; what the callback raises is logged."""
    threads: set[int] = set()
    kinds: list[str] = []

    def on_event(event: csvpipe.JobEvent) -> None:
        threads.add(threading.get_ident())
        kinds.append(event.kind.value)
        raise ValueError("not today")

    csvpipe.run(check, make_csv(3), on_event=on_event)

    assert {threading.get_ident()} == threads
    assert "completed" == kinds[-1]
    assert len(kinds) == caplog.text.count("on_event raised")


@pytest.mark.anyio
async def test_works_under_a_running_loop(make_csv: MakeCsv) -> None:
    """Called within an event loop it blocks that one and uses its own."""
    await anyio.lowlevel.checkpoint()

    [record] = csvpipe.run(check, make_csv(3))  # blocking is the point

    assert JobStatus.COMPLETED is record.status


def test_rejects_files_have_names_of_their_own(make_csv: MakeCsv, tmp_path: Path) -> None:
    """One for each file with rejects, also where two files have the same name."""
    folder = tmp_path / "deep" / "rejects"
    files = [make_csv(3, bad={1}), make_csv(3), make_csv(3, bad={2}), make_csv(4, "other.csv", bad={3})]

    csvpipe.run(check, *files, rejects_dir=folder)

    assert ["numbers-2.rejects.csv", "numbers.rejects.csv", "other.rejects.csv"] == sorted(
        path.name for path in folder.iterdir()
    )
    assert [
        "_row,_line,_code,_column,_message,id,name",
        "2,3,rejected,id,no number,x,name 2",
    ] == (folder / "numbers-2.rejects.csv").read_text().splitlines()


def test_a_rejects_file_of_an_earlier_run_goes(make_csv: MakeCsv, tmp_path: Path) -> None:
    """When its file is imported without rejects, and only then: it would be mistaken for this run's."""
    folder = tmp_path / "rejects"
    csvpipe.run(check, make_csv(3, bad={1}), make_csv(3, "other.csv", bad={2}), rejects_dir=folder)
    csvpipe.run(check, make_csv(3), tmp_path / "other.csv", rejects_dir=folder)

    assert ["other.rejects.csv"] == [path.name for path in folder.iterdir()]


def test_nothing_else_goes(make_csv: MakeCsv, tmp_path: Path) -> None:
    """Not what is no rejects file, nor what this run has written, nor a folder."""
    (tmp_path / "numbers.rejects.csv").write_text("id,_row\n1,2\n", "utf-8")
    (tmp_path / "other.rejects.csv").mkdir()
    csvpipe.run(check, make_csv(3), make_csv(3, "other.csv"), rejects_dir=tmp_path)
    csvpipe.run(check, make_csv(3, "two.csv", bad={1}), make_csv(3, "two.csv"), rejects_dir=tmp_path)
    csvpipe.run(check, make_csv(3, "two.csv"))

    assert (tmp_path / "numbers.rejects.csv").is_file()
    assert (tmp_path / "other.rejects.csv").is_dir()
    assert (tmp_path / "two.rejects.csv").is_file()


def test_misuse_raises(make_csv: MakeCsv) -> None:
    """What can never work raises in the calling thread."""
    with pytest.raises(csvpipe.EncodingUnknownError):
        csvpipe.run(check, make_csv(3), encoding="utf-9")
    with pytest.raises(ValueError, match="workers"):
        csvpipe.run(check, make_csv(3), workers=0)


def test_a_store_of_ones_own(make_csv: MakeCsv) -> None:
    """The jobs are in the store that was given, and nobody closes it."""
    store = csvpipe.MemoryJobStore()

    [record] = csvpipe.run(check, make_csv(3), store=store, owner="ana")

    assert "ana" == store.get(record.id).owner


def test_an_interrupt_surfaces_bare(make_csv: MakeCsv) -> None:
    """An exception that is none, raised while waiting, comes out as it is when the jobs have been released."""
    store = csvpipe.MemoryJobStore()

    def on_event(event: csvpipe.JobEvent) -> None:
        raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        csvpipe.run(check, make_csv(3), store=store, on_event=on_event)

    assert JobStatus.PROCESSING not in {record.status for record in store.list_jobs().jobs}


def test_an_interrupt_does_not_wait_for_a_source(make_csv: MakeCsv) -> None:
    """A file object that does not answer holds up nobody who wants to leave."""
    reading, go = threading.Event(), threading.Event()

    class Blocked(io.BytesIO):
        def read(self, size: int | None = -1, /) -> bytes:
            reading.set()
            go.wait(60)
            return super().read(size)

    def on_event(event: csvpipe.JobEvent) -> None:
        reading.wait(60)
        raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        csvpipe.run(check, make_csv(3), Blocked(b"id,name\n1,a\n"), on_event=on_event)
    go.set()


PROGRAM = """
import signal, sys, threading
import csvpipe

signal.signal(signal.SIGINT, signal.default_int_handler)  # whoever runs the tests in the background ignores it

@csvpipe.pipeline
def handle(row: csvpipe.Row) -> None:
    print("row", row.number, flush=True)
    threading.Event().wait(0.01)

store = csvpipe.MemoryJobStore()
try:
    csvpipe.run(handle, "numbers.csv", store=store, workers=1)
except KeyboardInterrupt:
    [record] = store.list_jobs().jobs
    print("interrupted", record.status, record.processed_rows > 0, flush=True)
"""


@pytest.mark.skipif(sys.platform == "win32", reason="SIGINT cannot be sent to one process")
def test_control_c_in_a_program(make_csv: MakeCsv) -> None:
    """The signal ends the run after the rows in hand, which are committed."""
    folder = make_csv(100_000).parent
    with subprocess.Popen([sys.executable, "-c", PROGRAM], cwd=folder, stdout=subprocess.PIPE, text=True) as program:
        assert program.stdout is not None
        assert "row 1\n" == program.stdout.readline()
        program.send_signal(signal.SIGINT)
        last = program.stdout.read().splitlines()[-1]

    assert (0, "interrupted pending True") == (program.returncode, last)


def test_a_rejects_dir_that_is_none(make_csv: MakeCsv) -> None:
    """Found before any row is handled."""
    path = make_csv(3)
    with pytest.raises(NotADirectoryError, match="rejects_dir="):
        csvpipe.run(check, path, rejects_dir=path)


class Elsewhere(csvpipe.MemoryJobStore):
    """A store whose jobs another process always has first."""

    def claim(self, worker: WorkerId, **options: Any) -> list[Claim]:
        """Let the other one take the jobs, and cancel them."""
        for claim in super().claim(WorkerId("another"), **options):
            self.settle(claim.lease, Verb.CANCEL)
        return []


def test_jobs_that_another_process_has_done_are_found_out(make_csv: MakeCsv, monkeypatch: pytest.MonkeyPatch) -> None:
    """Nothing is heard of them here, so the store is looked at."""
    monkeypatch.setattr("csvpipe.sync.LOOK_SECONDS", 0.001)

    records = csvpipe.run(check, make_csv(3), make_csv(4, "b.csv"), store=Elsewhere())

    assert [JobStatus.CANCELLED] * 2 == [record.status for record in records]


def test_rejects_become_objects(make_csv: MakeCsv, memory: Any) -> None:
    """Below a URL as in a folder; one of an earlier run goes when its file has none any more, and nothing else does."""
    memory.pipe_file("/rejects/notes.rejects.csv", b"id,_row\n")
    files = make_csv(3, bad={1}), make_csv(3, "other.csv", bad={2}), make_csv(3, "notes.csv")
    csvpipe.run(check, *files, rejects_dir="memory://rejects/")
    written = sorted(memory.find("/rejects"))
    csvpipe.run(check, make_csv(3), files[1], rejects_dir="memory://rejects")

    assert [f"/rejects/{name}.rejects.csv" for name in ("notes", "numbers", "other")] == written
    assert ["/rejects/notes.rejects.csv", "/rejects/other.rejects.csv"] == sorted(memory.find("/rejects"))
    assert b"no number" in memory.cat_file("/rejects/other.rejects.csv")


@pytest.mark.usefixtures("memory")
@pytest.mark.parametrize("url", ["https://h/rejects", "memory://rejects?key=1", "simplecache::memory://rejects"])
def test_a_url_that_takes_no_rejects(make_csv: MakeCsv, url: str) -> None:
    """That is said before a row is handled, without what may be a secret."""
    with pytest.raises(NotADirectoryError, match=r"rejects_dir=.*no place to write objects to") as caught:
        csvpipe.run(check, make_csv(3), rejects_dir=url)

    assert "key=1" not in str(caught.value)
