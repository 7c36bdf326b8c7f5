"""What is shown of progress: by lines, by bars, to programs."""

import io
import json
from collections.abc import Callable
from pathlib import Path

import pytest
from rich.console import Console

from csvpipe.cli.display import JsonLines, Silence, display_for
from csvpipe.cli.live import LiveDisplay, shown
from csvpipe.cli.output import Output
from csvpipe.cli.plain import INTERVAL_SECONDS, PlainDisplay
from csvpipe.events import EventKind, JobEvent
from csvpipe.jobs import JobRecord, JobStatus

MakeJob = Callable[..., JobRecord]


def event(job: JobRecord, kind: EventKind = EventKind.PROGRESS) -> JobEvent:
    """An event about the job; displays look at its state."""
    return JobEvent(kind=kind, job=job)


def test_plain_display_writes_a_line_now_and_then(job: MakeJob) -> None:
    """A file has a line at its start and one at its end, and between them one every few seconds."""
    stream, time = io.StringIO(), [0.0]
    half = job(processed_rows=90, failed_rows=10, bytes_total=2_000, bytes_processed=1_000)
    done = job(status=JobStatus.COMPLETED, processed_rows=190, failed_rows=9, skipped_rows=1, bytes_total=2_000)

    with PlainDisplay(Output(stream), clock=lambda: time[0]) as display:
        display.show(event(job(status=JobStatus.PENDING), EventKind.SUBMITTED))
        display.show(event(job(bytes_total=2_000), EventKind.STARTED))
        display.show(event(half))
        time[0] = INTERVAL_SECONDS
        display.show(event(half))
        display.show(event(half))
        display.show(event(done, EventKind.COMPLETED))

    assert [
        "1.csv: started, 2,000 bytes",
        "1.csv: 50%, 100 rows, 10 failed, 10 rows/s, 10 s left",
        "1.csv: completed in 10.0 s, 200 rows: 190 processed, 9 failed, 1 skipped",
    ] == stream.getvalue().splitlines()


def test_plain_display_says_why_a_file_failed(job: MakeJob) -> None:
    """The line of a failed file has the code and the message, and stays one line."""
    stream = io.StringIO()
    failed = job(status=JobStatus.FAILED, started_at=None, error_code="aborted", error_message="no\nheader")

    PlainDisplay(Output(stream)).show(event(failed, EventKind.FAILED))

    line = r"1.csv: failed in 0.00 s, 0 rows: 0 processed, 0 failed, 0 skipped [aborted] no\nheader"
    assert f"{line}\n" == stream.getvalue()


def test_plain_display_does_not_take_a_pause_for_work(job: MakeJob) -> None:
    """What lay there between two workers is no time that the file took."""
    stream = io.StringIO()

    PlainDisplay(Output(stream)).show(event(job(status=JobStatus.COMPLETED, attempt=2), EventKind.COMPLETED))

    assert stream.getvalue().startswith("1.csv: completed 10.0 s after it was begun, 0 rows")


def test_json_lines_are_events(job: MakeJob) -> None:
    """A program gets each event as it is, a line each, in ASCII."""
    stream, told = io.StringIO(), event(job(filename="Zoë.csv"))

    with JsonLines(Output(stream)) as display:
        display.show(told)

    assert told.to_dict() == json.loads(stream.getvalue())
    assert stream.getvalue().isascii()


def test_silence_says_nothing(job: MakeJob, capfd: pytest.CaptureFixture[str]) -> None:
    """`--quiet` shows no event."""
    with Silence() as display:
        display.show(event(job()))

    assert ("", "") == capfd.readouterr()


def screen(display: LiveDisplay, console: Console) -> list[str]:
    """The lines that the display would draw now."""
    with console.capture() as drawn:
        console.print(display._table())
    return [line.rstrip() for line in drawn.get().splitlines()]


def test_live_display_shows_files_and_their_total(job: MakeJob) -> None:
    """Each file has a line with its numbers, then come those of all files."""
    console = Console(file=io.StringIO(), width=100, height=25)
    display = LiveDisplay(files=3, console=console)
    display.show(event(job(1, processed_rows=90, failed_rows=10, bytes_total=2_000, bytes_processed=1_000)))
    display.show(event(job(2, status=JobStatus.COMPLETED, processed_rows=50, bytes_total=1_000)))
    display.show(event(job(3, status=JobStatus.FAILED, started_at=None, error_code="empty")))

    heading, first, second, third, total = screen(display, console)

    assert ["file", "done", "rows", "failed", "rows/s", "left"] == heading.split()
    assert ["1.csv", "50%", "100", "10", "10", "10", "s"] == [word for word in first.split() if "━" not in word]
    assert ["2.csv", "100%", "50", "0", "5"] == [word for word in second.split() if "━" not in word]
    assert ["3.csv", "failed", "0%", "0", "0", "-"] == third.split()
    assert total.startswith("2 of 3 files done")
    assert "<LiveDisplay, 3 of 3 files>" == repr(display)


def test_live_display_of_one_file_has_no_total(job: MakeJob) -> None:
    """Where there is one file its bar is enough; before it is known the display says that it waits."""
    console = Console(file=io.StringIO(), width=100, height=25)
    display = LiveDisplay(files=1, console=console)

    assert "waiting for data" == screen(display, console)[1]
    display.show(event(job(filename="[bold]\x1b[2J.csv")))
    (_, line) = screen(display, console)
    assert line.startswith(r"[bold]\x1b[2J.csv ")


def test_live_display_never_overflows_the_screen(job: MakeJob) -> None:
    """Of many files only those that run are drawn, as many as the screen has room for, and the total."""
    console = Console(file=io.StringIO(), width=100, height=12)
    display = LiveDisplay(files=200, console=console)
    for number in range(200):
        status = JobStatus.PROCESSING if number >= 100 else JobStatus.COMPLETED
        display.show(event(job(number, status=status, bytes_total=10)))

    lines = screen(display, console)

    assert len(lines) < 12
    assert lines[1].startswith("100.csv")
    assert lines[-1].startswith("100 of 200 files done")


def test_files_that_have_come_anywhere_are_drawn_first(job: MakeJob) -> None:
    """Of the files that run those without a row give way."""
    waiting, running, done = job(1), job(2, processed_rows=1), job(3, status=JobStatus.COMPLETED)

    assert [waiting, running, done] == shown([waiting, running, done], room=3)
    assert [running, waiting] == shown([waiting, running, done], room=2)
    assert [running] == shown([waiting, running, done], room=1)


def test_display_fits_its_stream(monkeypatch: pytest.MonkeyPatch) -> None:
    """Bars are for terminals that can move the cursor; everything else gets lines."""

    class Terminal(io.StringIO):
        def isatty(self) -> bool:
            return True

    monkeypatch.setenv("TERM", "xterm")
    assert isinstance(display_for(Output(Terminal()), files=1), LiveDisplay)
    assert isinstance(display_for(Output(io.StringIO()), files=1), PlainDisplay)
    monkeypatch.setenv("TERM", "dumb")
    assert isinstance(display_for(Output(Terminal()), files=1), PlainDisplay)


def test_output_escapes_what_its_encoding_lacks(tmp_path: Path) -> None:
    """No character of somebody's file ends the run, whatever the stream's encoding."""
    path = tmp_path / "out.txt"
    with path.open("w", encoding="ascii") as stream:
        output = Output(stream)
        output.line("Zoë")
        assert f"<Output {stream!r}>" == repr(output)

    assert "Zo\\xeb\n" == path.read_text("ascii")
