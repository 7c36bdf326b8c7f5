"""A chunk in one thread: everything between bytes and result, and every way to end early."""

from __future__ import annotations

import csv
import io
import json
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any, NamedTuple

import attrs
import pytest
from hypothesis import given
from hypothesis import strategies as st

from csvpipe._process.parse import CUT_BYTES
from csvpipe._process.result import ChunkResult
from csvpipe._process.run import AbandonedError, Resources
from csvpipe._process.stopping import StopSignal
from csvpipe._process.turn import Habit, Turn
from csvpipe.context import Context
from csvpipe.errors import Abort, FileCode, Reject, RejectRows, Skip, Unavailable
from csvpipe.executors.gate import CpuGate
from csvpipe.pipeline import pipeline
from csvpipe.policies import Retry
from csvpipe.rowtypes import Row

Imports = Callable[..., Any]

NO_WAIT = Retry(attempts=3, backoff_seconds=0.0)


def numbered(rows: int) -> str:
    """A file of one column with the numbers from 1 to `rows`."""
    return "id\n" + "".join(f"{row}\n" for row in range(1, rows + 1))


def counts(result: ChunkResult) -> tuple[int, int, int]:
    """Processed, failed, skipped."""
    return result.processed, result.failed, result.skipped


def errors(result: ChunkResult) -> list[tuple[int, str]]:
    """Row number and code of every error."""
    return [(error.row, error.code) for error in result.errors]


def check_prefix(imported: Any, result: ChunkResult) -> None:
    """See that a result's rows and lines are exactly those of its bytes, and its end a record boundary."""
    data = imported.path.read_bytes()[result.start : result.end].decode()
    reader = csv.reader(io.StringIO(data, newline=""))
    assert result.rows == sum(1 for cells in reader if cells)
    assert result.lines == reader.line_num


class Person(NamedTuple):
    """A typed row."""

    id: int


class TestShapes:
    """What handlers are given, and with what."""

    @pytest.mark.parametrize("dry_run", [False, True])
    @pytest.mark.parametrize("timeout", [None, 100.0])
    @pytest.mark.parametrize(
        ("with_context", "with_resource"), [(False, False), (False, True), (True, False), (True, True)]
    )
    def test_arguments(
        self, imports: Imports, *, timeout: float | None, with_context: bool, with_resource: bool, dry_run: bool
    ) -> None:
        """`(row[, Context][, resource])`, with and without a time limit; a dry run calls only those with a Context."""
        seen: list[Any] = []

        def bare(row: dict[str, str]) -> None:
            seen.append((row["id"],))

        def resourceful(row: dict[str, str], resource: str) -> None:
            seen.append((row["id"], resource))

        def contextual(row: dict[str, str], ctx: Context) -> None:
            seen.append((row["id"], ctx.row, ctx.line, ctx.dry_run))

        def both(row: dict[str, str], ctx: Context, resource: str) -> None:
            seen.append((row["id"], ctx.row, ctx.line, ctx.dry_run, resource))

        handler: Any = [[bare, resourceful], [contextual, both]][with_context][with_resource]
        policies: dict[str, Any] = {"setup": lambda: entered("db")} if with_resource else {}
        result = imports(pipeline(timeout=timeout, **policies)(handler), "id\na\n\nb\n", dry_run=dry_run).run()
        context = lambda row, line: (row, line, dry_run) if with_context else ()  # noqa: E731
        resource = ("db",) if with_resource else ()
        is_called = with_context or not dry_run
        expected = [("a", *context(1, 2), *resource), ("b", *context(2, 4), *resource)]
        assert (expected if is_called else []) == seen
        assert (2, 0, 0) == counts(result)

    def test_batches(self, imports: Imports) -> None:
        """Batches of the stated size, the last one shorter."""
        sizes: list[int] = []

        def handle(rows: list[Person]) -> None:
            sizes.append(len(rows))

        assert (5, 1, 0) == counts(imports(pipeline(batch_size=2)(handle), "id\n1\n2\n3\nx\n5\n6\n").run())
        assert [2, 1, 2] == sizes

    def test_dry_run_finds_bad_rows(self, imports: Imports) -> None:
        """Without the handler rows are parsed and converted all the same."""

        def handle(_row: Person) -> None:
            raise AssertionError("called")

        def handle_batch(_rows: list[Person]) -> None:
            raise AssertionError("called")

        for declared in (pipeline(handle), pipeline(handle_batch), pipeline(timeout=9.0)(handle)):
            result = imports(declared, "id\n1\nx\n3,3\n4\n", dry_run=True).run()
            assert [(2, "int"), (3, "field_count")] == errors(result)
            assert (2, 2, 0) == counts(result)


@contextmanager
def entered(value: Any) -> Iterator[Any]:
    """A resource."""
    yield value


class TestParallelEqualsSerial:
    """Chunks of any size give what one reader gives."""

    @given(
        st.lists(st.lists(st.text(st.sampled_from('ab,"\n\r é'), max_size=5), min_size=2, max_size=3), max_size=12),
        st.sampled_from(["\n", "\r\n"]),
        st.integers(1, 80),
        st.integers(1, 40),
    )
    def test_any_cuts(
        self, imports: Imports, rows: list[list[str]], newline: str, chunk_bytes: int, cut_bytes: int
    ) -> None:
        """Rows, numbers and lines over chunks and slices of any size equal those of one `csv.reader`."""
        out = io.StringIO()
        csv.writer(out, lineterminator=newline).writerows(rows)
        expected, line = [], 2
        reader = csv.reader(io.StringIO(out.getvalue(), newline=""))
        for cells in reader:
            if cells:
                expected.append((len(expected) + 1, line, cells))
            line = reader.line_num + 2
        seen: list[tuple[int, int, list[str]]] = []

        def handle(row: Row) -> None:
            seen.append((row.number, row.line, list(row.values())))

        imported = imports(pipeline(handle), "a,b\n" + out.getvalue())
        results = [imported.run(chunk) for chunk in imported.chunks(chunk_bytes, cut_bytes)]
        assert [row for row in expected if len(row[2]) == 2] == seen
        failed = [(error.row, error.line) for result in results for error in result.errors]
        assert [row[:2] for row in expected if len(row[2]) != 2] == failed
        assert len(expected) == sum(result.rows for result in results)


class TestRowsThatFail:
    """Each costs itself alone, counted with its reason."""

    @pytest.mark.parametrize("timeout", [None, 100.0])
    def test_every_kind(self, imports: Imports, timeout: float | None) -> None:
        """Parse, convert and handler errors, rejections, skips and marks, with and without a time limit."""

        def handle(row: Person, ctx: Context) -> None:
            if row.id == 2:
                raise Reject("no", column="id", code="two")
            if row.id == 3:
                raise Skip
            if row.id == 4:
                raise SystemExit(1)
            if row.id == 5:
                raise StopIteration
            if row.id == 6:
                ctx.reject(0, "marked", code="six")
            if row.id == 7:
                ctx.skip(0)
            if row.id == 8:
                raise RejectRows({0: Reject("no", code="eight")})

        text = numbered(8) + "x\n9,9\n10\n"
        result = imports(pipeline(timeout=timeout)(handle), text).run()
        assert (2, 7, 2) == counts(result)
        assert [
            (2, "two"),
            (4, "handler"),
            (5, "handler"),
            (6, "six"),
            (8, "eight"),
            (9, "int"),
            (10, "field_count"),
        ] == errors(result)

    def test_a_stop_iteration(self, imports: Imports) -> None:
        """The commonest slip with iterators, `next` on an empty one, costs its row and ends nothing."""

        def handle(row: list[str]) -> None:
            next(iter(row[1:]))

        result = imports(pipeline(breaker=None)(handle), numbered(3)).run()
        assert [(row, "handler") for row in (1, 2, 3)] == errors(result)

    def test_a_ctrl_c_in_a_worker_thread(self, imports: Imports) -> None:
        """Signals do not reach other threads: what looks like one there was raised by the handler."""

        def handle(_row: list[str]) -> None:
            raise KeyboardInterrupt

        for declared in (pipeline(handle), pipeline(timeout=100.0)(handle)):
            run = imports(declared, numbered(1)).prepare()
            results: list[ChunkResult] = []
            thread = threading.Thread(target=lambda run=run, results=results: results.append(run(Resources())))
            thread.start()
            thread.join()
            assert [(1, "handler")] == errors(results[0])

    @pytest.mark.parametrize("timeout", [None, 100.0])
    def test_a_ctrl_c_in_the_main_thread(self, imports: Imports, timeout: float | None) -> None:
        """There it is the user's, and no row's fault: it passes, and the turn is given back."""

        def handle(_row: list[str]) -> None:
            raise KeyboardInterrupt

        gate = CpuGate(1)
        run = imports(pipeline(timeout=timeout)(handle), numbered(1)).prepare(turn=Turn(gate, Habit()))
        with pytest.raises(KeyboardInterrupt):
            run(Resources())
        assert "<CpuGate 1 free, 0 waiting>" == repr(gate)

    def test_a_bad_row_that_is_not_made_again(self, imports: Imports) -> None:
        """A row type whose verdict changes is not asked twice about a row whose call raised."""
        made: list[str] = []

        @attrs.frozen
        class Once:
            id: str

            def __attrs_post_init__(self) -> None:
                made.append(self.id)
                assert made.count(self.id) == 1

        def handle(_row: Any) -> None:
            raise Reject("no")

        assert [(1, "rejected")] == errors(imports(pipeline(row_type=Once)(handle), numbered(1)).run())
        assert ["1"] == made

    def test_secrets_that_the_handler_has_changed(self, imports: Imports) -> None:
        """Masking goes by the file, not by what a handler has left of the row."""

        def handle(row: list[str]) -> None:
            text = row[1]
            row.clear()
            raise ValueError(f"unknown {text}")

        (error,) = imports(pipeline(sensitive=["mail"])(handle), "id,mail\n1,a@b\n").run().errors
        assert ": ValueError: unknown ***; mend the handler" in error.message

    def test_secrets_that_a_message_was_cut_in(self, imports: Imports) -> None:
        """What is left of one at the end is masked, though our own words follow."""

        def handle(_row: list[str]) -> None:
            raise ValueError("x" * 470 + " the mail is anastasia@example.org")

        text = "id,mail\n1,anastasia@example.org\n"
        (error,) = imports(pipeline(sensitive=["mail"])(handle), text).run().errors
        assert "the mail is ***…; mend the handler, or let it raise Reject" in error.message

    def test_the_first_one_ends_the_job(self, imports: Imports) -> None:
        """What the handler did is not to be mended in the file."""

        def handle(_row: list[str]) -> None:
            raise ValueError("no")

        failure = imports(pipeline(on_error="fail")(handle), numbered(1)).run().failure
        assert failure is not None
        assert failure.message.endswith("or let it raise Reject; then submit the file again")

    def test_errors_over_the_budget(self, imports: Imports, tmp_path: Path) -> None:
        """The result carries as many as it may, the spill has the rest, totals are exact."""

        def handle(_row: list[str]) -> None:
            raise Reject("no")

        spill = tmp_path / "spill"
        result = imports(pipeline(handle), numbered(5)).run(budget=2, spill=str(spill))
        assert [(1, "rejected"), (2, "rejected")] == errors(result)
        assert [3, 4, 5] == [json.loads(line)["row"] for line in spill.read_text().splitlines()]
        assert (5, "spill") == (result.totals[0].errors, result.spill)


class TestOutages:
    """The world is down, not the row."""

    @pytest.mark.parametrize("timeout", [None, 100.0])
    def test_repeated(self, imports: Imports, timeout: float | None) -> None:
        """The row is handed over again, made anew, until it works; its context is a fresh one."""
        seen: list[Any] = []

        def handle(row: list[str], ctx: Context) -> None:
            seen.append(row.pop())
            if seen in (["1"], ["1", "1"]):
                ctx.skip(0)
                raise Unavailable

        result = imports(pipeline(retry=NO_WAIT, timeout=timeout)(handle), numbered(2)).run()
        assert ["1", "1", "1", "2"] == seen
        assert (2, 0, 0) == counts(result)

    @pytest.mark.parametrize("timeout", [None, 100.0])
    def test_exhausted(self, imports: Imports, timeout: float | None) -> None:
        """The job ends at the row, which stays undone; those before it are done."""

        def handle(row: list[str]) -> None:
            if row == ["3"]:
                raise Unavailable("down")

        imported = imports(pipeline(retry=NO_WAIT, timeout=timeout)(handle), numbered(4))
        result = imported.run()
        assert FileCode.RETRY_EXHAUSTED is result.failure.code
        assert (2, 0, 0) == counts(result)
        check_prefix(imported, result)
        assert 3 == result.rest_of(imported.chunks()[0]).first_row

    @pytest.mark.parametrize("annotation", [list[str], list[list[str]]])
    def test_a_stop_ends_the_wait(self, imports: Imports, annotation: Any) -> None:
        """A worker that is to stop does not wait for the world; the permit is not held meanwhile."""
        stop, gate = StopSignal(), CpuGate(1)
        states: list[str] = []

        def handle(_row: Any) -> None:
            stop.set()
            raise Unavailable

        handle.__annotations__["_row"] = annotation
        wait = stop.wait
        stop.wait = lambda timeout=None: states.append(repr(gate)) or wait(timeout)  # type: ignore[method-assign, func-returns-value]
        imported = imports(
            pipeline(retry=Retry(backoff_seconds=1_000.0, max_backoff_seconds=1_000.0))(handle), numbered(2)
        )
        result = imported.run(stop=stop, turn=Turn(gate, Habit()))
        assert (None, 0) == (result.failure, result.rows)
        assert ["<CpuGate 1 free, 0 waiting>"] == states


class TestSetup:
    """Resources are entered before the first row."""

    def test_entered_without_being_taken(self, imports: Imports) -> None:
        """A handler may do without its value: the setup is entered for what it does."""
        diary: list[str] = []

        @contextmanager
        def setup() -> Iterator[None]:
            diary.append("enter")
            yield
            diary.append("leave")

        def handle(row: list[str]) -> None:
            diary.append(row[0])

        resources = Resources()
        assert (1, 0, 0) == counts(imports(pipeline(setup=setup)(handle), numbered(1)).prepare()(resources))
        assert ["enter", "1"] == diary
        assert [] == resources.close()

    @pytest.mark.parametrize("error", [ConnectionError("down"), SystemExit(1)])
    def test_tried_again(self, imports: Imports, error: BaseException) -> None:
        """Whatever it raises means that the world is down: it is repeated like a call."""
        left = [error, error]

        def setup() -> Any:
            if left:
                raise left.pop()
            return entered("db")

        def handle(_row: list[str], resource: str) -> None:
            assert "db" == resource

        assert (1, 0, 0) == counts(imports(pipeline(setup=setup, retry=NO_WAIT)(handle), numbered(1)).run())

    def test_exhausted(self, imports: Imports) -> None:
        """After the last attempt the job ends before its first row."""

        def setup() -> Any:
            raise ConnectionError("down")

        def handle(row: list[str]) -> None:
            """Never called."""

        result = imports(pipeline(setup=setup, retry=NO_WAIT)(handle), numbered(1)).run()
        assert (FileCode.RETRY_EXHAUSTED, 0) == (result.failure.code, result.rows)
        assert "after 3 attempts: ConnectionError: down" in result.failure.message

    def test_no_context_manager(self, imports: Imports) -> None:
        """A setup that is none is not tried again."""
        calls: list[int] = []

        def handle(row: list[str]) -> None:
            """Never called."""

        result = imports(pipeline(setup=lambda: calls.append(1), retry=NO_WAIT)(handle), numbered(1)).run()  # type: ignore[arg-type]
        assert (FileCode.ABORTED, [1]) == (result.failure.code, calls)

    def test_a_ctrl_c(self, imports: Imports) -> None:
        """In the main thread it is the user's."""

        def setup() -> Any:
            raise KeyboardInterrupt

        def handle(row: list[str]) -> None:
            """Never called."""

        with pytest.raises(KeyboardInterrupt):
            imports(pipeline(setup=setup)(handle), numbered(1)).run()

    def test_a_stop_ends_the_wait(self, imports: Imports) -> None:
        """A worker that is to stop does not wait for a resource."""
        stop = StopSignal()

        def setup() -> Any:
            stop.set()
            raise ConnectionError("down")

        def handle(row: list[str]) -> None:
            """Never called."""

        result = imports(pipeline(setup=setup)(handle), numbered(1)).run(stop=stop)
        assert (None, 0) == (result.failure, result.rows)


class TestEndings:
    """Whatever ends a run, its result is a prefix of the chunk, and counts agree with it."""

    @given(
        st.lists(st.sampled_from(["1\n", '"a\nb"\n', "\n", "x,y\n", "bad\n", "skip\n"]), max_size=25),
        st.sets(st.integers(1, 25)),
        st.sampled_from([None, 1, 3]),
        st.integers(1, 30),
        st.booleans(),
    )
    def test_stops_change_nothing(  # noqa: PLR0917
        self,
        imports: Imports,
        lines: list[str],
        stops: set[int],
        batch: int | None,
        cut_bytes: int,
        timed: bool,  # noqa: FBT001
    ) -> None:
        """Stopped after any rows and resumed, a chunk gives the rows, errors and counts of one run; results tile it."""
        stop = StopSignal()
        seen: list[tuple[int, int, tuple[str, ...]]] = []
        stopping = [False]

        def see(cells: list[str], number: int, line: int) -> None:
            if cells == ["bad"]:
                raise Reject("bad")
            if cells == ["skip"]:
                raise Skip
            seen.append((number, line, tuple(cells)))
            if stopping[0] and number in stops:
                stop.set()

        def handle(row: list[str], ctx: Context) -> None:
            see(row, ctx.row, ctx.line)

        def handle_batch(rows: list[list[str]], ctx: Context) -> None:
            if len(rows) > 1 and any(cells in (["bad"], ["skip"]) for cells in rows):
                raise ValueError("halve")
            for cells, number, line in zip(rows, ctx.rows, ctx.lines, strict=True):
                see(cells, number, line)

        policies: dict[str, Any] = {"timeout": 100.0 if timed else None} | ({"batch_size": batch} if batch else {})
        declared = pipeline(**policies)(handle_batch if batch else handle)
        imported = imports(declared, "id\n" + "".join(lines))
        chunks = imported.chunks(cut_bytes=cut_bytes)
        whole = imported.run_all(chunks)
        expected = list(seen)
        seen.clear()
        stopping[0] = True
        parts = imported.run_all(chunks, stop=stop)
        assert expected == seen
        assert [error for result in whole for error in result.errors] == [
            error for result in parts for error in result.errors
        ]
        assert [sum(column) for column in zip((0, 0, 0), *map(counts, whole), strict=True)] == [
            sum(column) for column in zip((0, 0, 0), *map(counts, parts), strict=True)
        ]
        at = imported.inspection.data_start, 1, 2
        for result in parts:
            assert at == (result.start, result.first_row, result.first_line)
            check_prefix(imported, result)
            at = result.end, result.first_row + result.rows, result.first_line + result.lines
        assert imported.source.size == at[0]

    @given(
        st.lists(st.sampled_from(["1\n", "\n", "x,y\n", "end\n", '"a\nb"\n']), max_size=15),
        st.sampled_from([None, 1, 3]),
        st.integers(1, 20),
        st.sampled_from(["fail", "reject"]),
        st.booleans(),
    )
    def test_failures_end_a_prefix(  # noqa: PLR0917
        self,
        imports: Imports,
        lines: list[str],
        batch: int | None,
        cut_bytes: int,
        on_error: Any,
        timed: bool,  # noqa: FBT001
    ) -> None:
        """An abort, or the first bad row, ends the run right there; what comes before it is done, blank lines too."""

        def handle(row: list[str]) -> None:
            if row == ["end"]:
                raise Abort("wrong file")

        def handle_batch(rows: list[list[str]]) -> None:
            if len(rows) > 1 and ["end"] in rows:
                raise ValueError("halve")
            handle(rows[0])

        policies: dict[str, Any] = {"timeout": 100.0 if timed else None} | ({"batch_size": batch} if batch else {})
        declared = pipeline(on_error=on_error, **policies)(handle_batch if batch else handle)
        imported = imports(declared, "id\n" + "".join(lines))
        rows = [line for line in lines if line != "\n"]
        ends = [row for row, line in enumerate(rows) if line == "end\n"]
        bad = [row for row, line in enumerate(rows) if line == "x,y\n" and on_error == "fail"]
        for chunk in imported.chunks(cut_bytes=cut_bytes):
            result = imported.run(chunk)
            check_prefix(imported, result)
            if not ends and not bad:
                assert (None, chunk.end, len(rows)) == (result.failure, result.end, result.rows)
            elif min([*bad, len(rows)]) < min([*ends, len(rows)]):
                assert (FileCode.ROW_ERROR, bad[0] + 1) == (result.failure.code, result.rows)
            else:
                assert (FileCode.ABORTED, ends[0]) == (result.failure.code, result.rows)

    def test_the_deadline(self, imports: Imports, fake_clock: type[Any]) -> None:
        """After `chunk_seconds` a run returns what it has, after one row at least; so the rest gets done in the end."""
        clock = fake_clock()

        def handle(_row: list[str]) -> None:
            clock.now += 0.4

        for declared in (pipeline(handle), pipeline(timeout=100.0)(handle)):
            imported = imports(declared, numbered(7))
            chunk = imported.chunks()[0]
            assert [3, 3, 1] == [result.rows for result in imported.run_all([chunk], clock=clock)]
            imported.job.chunk_seconds = 0.0
            assert [1] * 7 == [result.rows for result in imported.run_all([chunk], clock=clock)]

    @pytest.mark.parametrize("timeout", [None, 100.0])
    def test_a_stop_between_rows(self, imports: Imports, timeout: float | None) -> None:
        """A stop is seen right after the row in hand, though no time has passed."""
        stop = StopSignal()

        def handle(row: list[str]) -> None:
            if row == ["7"]:
                stop.set()

        assert 7 == imports(pipeline(timeout=timeout)(handle), numbered(20)).run(stop=stop).rows

    def test_a_handler_that_turns_slow(self, imports: Imports, fake_clock: type[Any]) -> None:
        """However quick its first thousands of rows were, a stop waits for one slow call, not for a stretch of them."""
        clock, stop = fake_clock(), StopSignal()

        def handle(row: list[str]) -> None:
            if int(row[0]) > 5_000:
                stop.set()
                clock.now += 1.0

        result = imports(pipeline(handle), numbered(6_000)).run(clock=clock, stop=stop)
        assert 5_001 == result.rows

    def test_a_file_that_changes(self, imports: Imports) -> None:
        """What was read before is done; the job ends with the source's failure."""

        def handle(row: list[str]) -> None:
            if row == ["2"]:
                with imported.path.open("r+b") as file:
                    file.truncate(2 * CUT_BYTES)

        imported = imports(pipeline(handle), numbered(100_000))
        result = imported.run()
        assert FileCode.SOURCE_CHANGED is result.failure.code
        assert result.rows > 0
        check_prefix(imported, result)


class TestTurns:
    """The permit to compute."""

    def test_given_back(self, imports: Imports) -> None:
        """However a run ends, its permit is free again; while rows are handled by computing it is held."""
        gate, seen = CpuGate(1), []

        def handle(row: list[str]) -> None:
            seen.append(repr(gate))
            if row == ["2"]:
                raise Abort("no")

        run = imports(pipeline(handle), numbered(2)).prepare(turn=Turn(gate, Habit()))
        assert "<ChunkRun <ChunkWork [3, 7) <Tally 0 processed, 0 failed, 0 skipped>>>" == repr(run)
        run(Resources())
        assert {"<CpuGate 0 free, 0 waiting>"} == set(seen)
        assert "<CpuGate 1 free, 0 waiting>" == repr(gate)

    def test_not_held_by_one_that_waits(self, imports: Imports) -> None:
        """A handler that is known to wait has no permit, one for the next slice is taken again."""
        gate, habit, seen = CpuGate(1), Habit(), []
        habit.waits = True

        def handle(_row: list[str]) -> None:
            seen.append(repr(gate))

        for declared in (pipeline(handle), pipeline(timeout=100.0)(handle)):
            imported = imports(declared, numbered(4))
            (chunk,) = imported.chunks(cut_bytes=3)
            imported.run(chunk, turn=Turn(gate, habit))
        assert 8 == len(seen)
        assert {"<CpuGate 1 free, 0 waiting>"} == set(seen)

    def test_a_review_now_and_then(self, imports: Imports, fake_clock: type[Any]) -> None:
        """A handler is watched while it handles: one that waits gives its permit up within the slice."""
        clock, cpu, gate, seen = fake_clock(), fake_clock(), CpuGate(1), []

        def handle(_row: list[str]) -> None:
            seen.append(repr(gate))
            clock.now += 0.01

        turn = Turn(gate, Habit(), wall_clock=clock, cpu_clock=cpu)
        imports(pipeline(handle), numbered(2)).run(clock=clock, turn=turn)
        assert ["<CpuGate 0 free, 0 waiting>", "<CpuGate 1 free, 0 waiting>"] == seen


class Stuck:
    """A run in a thread of its own, whose handler does not come back from row 2 (or its batch) until it is let go."""

    def __init__(self, imports: Imports, fake_clock: type[Any], **policies: Any) -> None:
        self.clock = fake_clock()
        self.gate = CpuGate(1)
        self.arrived, self.go = threading.Event(), threading.Event()
        self.handled: list[str] = []
        self.ended: list[BaseException | ChunkResult] = []

        def wait(cells: list[str]) -> None:
            if cells == ["2"]:
                self.arrived.set()
                self.go.wait()
            self.handled.append(cells[0])

        def handle(row: list[str]) -> None:
            wait(row)

        def handle_batch(rows: list[list[str]]) -> None:
            for row in rows:
                wait(row)

        declared = pipeline(timeout=1.0, **policies)(handle_batch if "batch_size" in policies else handle)
        self.imported = imports(declared, numbered(4))
        self.turn = Turn(self.gate, Habit())
        self.run = self.imported.prepare(clock=self.clock, turn=self.turn)
        self.thread = threading.Thread(target=self._run, daemon=True)  # a test that fails leaves it stuck

    def _run(self) -> None:
        try:
            self.ended.append(self.run(Resources()))
        except AbandonedError as error:
            self.ended.append(error)

    def begin(self) -> None:
        """Run until the call that does not come back."""
        self.thread.start()
        self.arrived.wait()

    def come_back(self) -> None:
        """Let the call come back, and the thread end."""
        self.go.set()
        self.thread.join()


class TestAbandoning:
    """A call that does not come back in time costs its rows, not the worker."""

    @pytest.mark.parametrize(
        ("policies", "processed", "failed"),
        [({}, 1, [2]), ({"batch_size": 3}, 0, [1, 2, 3]), ({"batch_size": 1}, 1, [2])],
    )
    def test_overdue(
        self, imports: Imports, fake_clock: type[Any], policies: Any, processed: int, failed: list[int]
    ) -> None:
        """Its rows are rejected, those before it count, those after it are left; its thread ends without a trace."""
        stuck = Stuck(imports, fake_clock, **policies)
        assert 1.0 == stuck.run.timeout
        assert stuck.run.abandon() is None
        stuck.begin()
        assert stuck.run.abandon() is None
        stuck.clock.now = 1.0
        result = stuck.run.abandon()
        assert result is not None
        assert stuck.run.abandon() is None
        assert "<CpuGate 1 free, 0 waiting>" == repr(stuck.gate)
        assert [(row, "timeout") for row in failed] == errors(result)
        assert (processed, len(failed), 0) == counts(result)
        check_prefix(stuck.imported, result)
        state = repr(stuck.run)
        stuck.come_back()
        assert [AbandonedError] == [type(end) for end in stuck.ended]
        assert state == repr(stuck.run)
        assert "<CpuGate 1 free, 0 waiting>" == repr(stuck.gate)
        assert str(max(failed) + 1) not in stuck.handled
        rest = result.rest_of(stuck.imported.chunks()[0])
        assert (failed[-1] + 1, 4 - failed[-1]) == (rest.first_row, rest.rows)

    def test_a_turn_that_others_hold_by_then(self, imports: Imports, fake_clock: type[Any]) -> None:
        """A thread that comes back after it was given up does not give back what is not its any more."""
        stuck = Stuck(imports, fake_clock)
        stuck.begin()
        stuck.clock.now = 1.0
        assert stuck.run.abandon() is not None
        stuck.turn.take()
        stuck.come_back()
        assert "<Turn held>" == repr(stuck.turn)

    def test_in_time(self, imports: Imports, fake_clock: type[Any]) -> None:
        """A call that came back just before counts, and after the end there is nothing to give up."""
        stuck = Stuck(imports, fake_clock)
        stuck.begin()
        stuck.come_back()
        stuck.clock.now = 100.0
        assert stuck.run.abandon() is None
        (result,) = stuck.ended
        assert (4, 0, 0) == counts(result)  # type: ignore[arg-type]

    def test_under_fail(self, imports: Imports, fake_clock: type[Any]) -> None:
        """Where the first bad row ends the job, so does one that timed out."""
        stuck = Stuck(imports, fake_clock, on_error="fail")
        stuck.begin()
        stuck.clock.now = 1.0
        result = stuck.run.abandon()
        assert result is not None
        assert result.failure is not None
        assert (FileCode.ROW_ERROR, 2) == (result.failure.code, result.rows)
        stuck.come_back()

    def test_without_a_limit(self, imports: Imports) -> None:
        """A run without a time limit cannot be given up."""

        def handle(row: list[str]) -> None:
            """Never called."""

        run = imports(pipeline(handle), numbered(1)).prepare()
        assert run.timeout is None
        assert run.abandon() is None
