"""The fate of every row of a call: retries, rejections, bisection. No handler is slow, so no test waits."""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from typing import Any

import attrs
import pytest
from hypothesis import given
from hypothesis import strategies as st

from csvpipe._process.conduct import (
    Call,
    CallTimeoutError,
    EndedError,
    StoppedError,
    Unit,
    Wait,
    conduct,
    describe,
    exhausted,
)
from csvpipe._process.said import text_of
from csvpipe._process.tally import Fate
from csvpipe.context import Context
from csvpipe.errors import Abort, FileCode, Phase, Reject, RejectRows, Skip, Unavailable
from csvpipe.pipeline import pipeline
from csvpipe.policies import Retry

Imports = Callable[..., Any]
Handler = Callable[..., object]

P, S = Fate.PROCESSED, Fate.SKIPPED


class Scene:
    """One batch of rows, settled with a handler that gets the row numbers' cells."""

    def __init__(self, imports: Imports, handler: Handler, rows: Sequence[str] | int, **policies: Any) -> None:
        texts = [str(row) for row in range(rows)] if isinstance(rows, int) else rows
        self.imported = imports(pipeline(batch_size=len(texts), **policies)(handler), "\n".join(["id", *texts]))
        (wave,) = self.imported.work().waves()
        (self.unit,) = wave
        self.calls: list[list[Any]] = []
        self.waits: list[float] = []
        self.contexts: list[Context | None] = []

    def settle(self) -> list[str]:
        """Answer every step; the fates in short."""
        steps = conduct(self.unit, self.imported.job.rules)
        answer: BaseException | None = None
        try:
            while True:
                answer = self._answer(steps.send(answer))
        except StopIteration:
            return self.fates

    def _answer(self, step: Call | Wait) -> BaseException | None:
        if isinstance(step, Wait):
            self.waits.append(step.seconds)
            return None
        items: list[Any] = [self.unit.items[k] for k in step.group]
        self.calls.append([item[0] for item in items])
        self.contexts.append(step.context)
        context = () if step.context is None else (step.context,)
        try:
            self.imported.job.pipeline.function(items, *context)
        except BaseException as error:  # noqa: BLE001  # as a driver does
            return error
        return None

    @property
    def fates(self) -> list[str]:
        """P for processed, S for skipped, a code for rejected, ? for unknown."""
        names = {P: "P", S: "S", None: "?"}
        return [outcome[0].code if isinstance(outcome, tuple) else names[outcome] for outcome in self.unit.outcomes]

    def flaw(self, k: int) -> Any:
        """What is wrong with a row."""
        outcome = self.unit.outcomes[k]
        assert isinstance(outcome, tuple)
        return outcome[0]


def raising(error: BaseException, *rows: int) -> Handler:
    """A handler of batches that raises where one of these rows is among them, or always."""

    def handle(batch: list[list[str]]) -> None:
        if not rows or any(int(cells[0]) in rows for cells in batch):
            raise error

    return handle


class TestBisection:
    """A bad row costs itself alone."""

    @given(st.integers(1, 60).flatmap(lambda n: st.tuples(st.just(n), st.sets(st.integers(0, n - 1)))))
    def test_exactly_the_bad_rows(self, imports: Imports, case: tuple[int, set[int]]) -> None:
        """For any set of bad rows exactly these are rejected, in O(k log n) calls."""
        rows, bad = case
        done: list[int] = []

        def handle(batch: list[list[str]]) -> None:
            numbers = [int(cells[0]) for cells in batch]
            if bad & set(numbers):
                raise ValueError(numbers)
            done.extend(numbers)

        scene = Scene(imports, handle, rows)
        assert ["handler" if row in bad else "P" for row in range(rows)] == scene.settle()
        assert [row for row in range(rows) if row not in bad] == done
        assert len(scene.calls) <= 2 * len(bad) * (math.ceil(math.log2(rows)) + 1) + 1

    def test_from_left_to_right(self, imports: Imports) -> None:
        """Halves are settled in the order of the file."""
        scene = Scene(imports, raising(ValueError("no"), 2), 5)
        assert ["P", "P", "handler", "P", "P"] == scene.settle()
        assert [["0", "1", "2", "3", "4"], ["0", "1"], ["2", "3", "4"], ["2"], ["3", "4"]] == scene.calls

    def test_items_are_made_anew(self, imports: Imports) -> None:
        """A handler that spoils its rows before it raises finds them whole when it is called again."""

        def handle(batch: list[list[str]]) -> None:
            texts = [cells.pop() for cells in batch]
            if "2" in texts:
                raise ValueError("no")

        assert ["P", "P", "handler", "P"] == Scene(imports, handle, 4).settle()

    def test_a_verdict_that_changes(self, imports: Imports) -> None:
        """A row type that refuses a row only when it is made again gets its way."""
        made: list[str] = []

        @attrs.frozen
        class Once:
            id: str

            def __attrs_post_init__(self) -> None:
                made.append(self.id)
                if made.count("1") > 1:
                    raise ValueError("seen before")

        def handle(batch: list[Any]) -> None:
            """Only asked for."""

        imported = imports(pipeline(row_type=Once, batch_size=2)(handle), "id\n0\n1")
        ((unit,),) = imported.work().waves()
        steps = conduct(unit, imported.job.rules)
        assert [0, 1] == list(steps.send(None).group)
        steps.send(Unavailable())
        step = steps.send(None)
        assert [0] == list(step.group)
        with pytest.raises(StopIteration):
            steps.send(None)
        assert P is unit.outcomes[0]
        assert "seen before" == unit.outcomes[1][0].message

    def test_a_batch_of_bad_rows_is_not_called(self, imports: Imports) -> None:
        """Rows that cannot be handed over stand in the unit, but not in a call."""
        scene = Scene(imports, raising(ValueError("no")), ["a,b", "c,d"])
        assert ["field_count", "field_count"] == scene.settle()
        assert [] == scene.calls

    def test_good_rows_around_a_bad_one(self, imports: Imports) -> None:
        """The rest of the batch is handed over without it, with the right numbers and lines."""

        def handle(_batch: list[list[str]], ctx: Context) -> None:
            assert [1, 3] == list(ctx.rows)
            assert [2, 5] == list(ctx.lines)

        scene = Scene(imports, handle, ["a", "b,b", "", "c"])
        assert ["P", "field_count", "P"] == scene.settle()

    def test_a_stop_leaves_a_prefix(self, imports: Imports) -> None:
        """What the driver throws in passes through; what was settled by then comes first."""
        scene = Scene(imports, raising(ValueError("no"), 1), 4)
        steps = conduct(scene.unit, scene.imported.job.rules)
        steps.send(None)
        steps.send(ValueError("no"))
        steps.send(None)
        with pytest.raises(StoppedError):
            steps.throw(StoppedError())


class TestSayings:
    """What a handler says by raising."""

    def test_reject(self, imports: Imports) -> None:
        """The row is rejected with the handler's message, column and code, and the text of the cell."""
        scene = Scene(imports, raising(Reject("too old", column="id", code="age"), 1), 3)
        assert ["P", "age", "P"] == scene.settle()
        flaw = scene.flaw(1)
        assert ("id", "age", Phase.HANDLE, "too old", "1") == (
            flaw.column,
            flaw.code,
            flaw.phase,
            flaw.message,
            flaw.value,
        )

    @pytest.mark.parametrize("column", [None, "absent"])
    def test_reject_without_a_cell(self, imports: Imports, column: str | None) -> None:
        """A column that the file does not have has no text."""
        scene = Scene(imports, raising(Reject("no", column=column)), 1)
        assert ["rejected"] == scene.settle()
        assert (column, None) == (scene.flaw(0).column, scene.flaw(0).value)

    def test_reject_of_a_short_row(self, imports: Imports) -> None:
        """A row that lacks the cell has no text for it, either."""

        def handle(cells: list[str]) -> None:
            """Never called."""

        imported = imports(pipeline(ragged="keep")(handle), "id,name\n1")
        ((unit,),) = imported.work().waves()
        steps = conduct(unit, imported.job.rules)
        steps.send(None)
        with pytest.raises(StopIteration):
            steps.send(Reject("no", column="name"))
        assert unit.outcomes[0][0].value is None

    def test_reject_with_an_exception_for_a_message(self, imports: Imports) -> None:
        """`raise Reject(error)` is common; its text is the message."""
        scene = Scene(imports, raising(Reject(ValueError("no"))), 1)  # type: ignore[arg-type]
        scene.settle()
        assert "no" == scene.flaw(0).message

    def test_reject_shows_what_the_file_has(self, imports: Imports) -> None:
        """The cell is told as it stands in the file, whatever the handler has made of it, and shortened."""

        def handle(batch: list[list[str]]) -> None:
            batch[0][0] = "changed"
            raise Reject("no", column="id")

        scene = Scene(imports, handle, ["x" * 1_000])
        scene.settle()
        assert "x" * 99 + "…" == scene.flaw(0).value

    def test_skip(self, imports: Imports) -> None:
        """Exactly the row that is skipped is left out: no skip is taken for the whole batch's."""
        scene = Scene(imports, raising(Skip("old"), 1), 4)
        assert ["P", "S", "P", "P"] == scene.settle()

    def test_abort(self, imports: Imports) -> None:
        """The job ends with the handler's message and the line; what is done is done, the rest is unknown."""

        def handle(batch: list[list[str]]) -> None:
            if len(batch) > 2:
                raise ValueError("halve")
            if batch[0][0] == "2":
                raise Abort("wrong file")

        scene = Scene(imports, handle, 4)
        with pytest.raises(EndedError) as caught:
            scene.settle()
        assert FileCode.ABORTED is caught.value.failure.code
        assert "line 4: the handler gave the file up: wrong file" == caught.value.failure.message
        assert ["P", "P", "?", "?"] == scene.fates

    def test_time_out(self, imports: Imports) -> None:
        """A call that took too long costs its rows, and is not repeated, whatever `retry.on` says."""
        scene = Scene(imports, raising(CallTimeoutError(1.5)), 2, retry=Retry(on=Exception))  # type: ignore[arg-type]
        assert ["timeout", "timeout"] == scene.settle()
        assert (
            "the handler took longer than 1.5 seconds; submit the row again, or raise timeout=" == scene.flaw(0).message
        )
        assert 1 == len(scene.calls)

    @pytest.mark.parametrize(
        "error",
        [TimeoutError("slow"), SystemExit("bye"), KeyboardInterrupt("me"), StopIteration("end"), GeneratorExit("x")],
        ids=lambda error: type(error).__name__,
    )
    def test_any_other_exception(self, imports: Imports, error: BaseException) -> None:
        """Whatever is raised, the row is rejected with type and text; nothing of it reaches the program."""
        scene = Scene(imports, raising(error, 1), 3)
        assert ["P", "handler", "P"] == scene.settle()
        flaw = scene.flaw(1)
        assert (None, Phase.HANDLE, f"{type(error).__name__}: {error}", None) == (
            flaw.column,
            flaw.phase,
            flaw.message,
            flaw.value,
        )


class TestRejectRows:
    """Nothing of the batch was done, and these rows are why."""

    @given(st.integers(1, 20).flatmap(lambda n: st.tuples(st.just(n), st.sets(st.integers(0, n - 1), min_size=1))))
    def test_the_rest_is_handed_over_again(self, imports: Imports, case: tuple[int, set[int]]) -> None:
        """For any rows named these are rejected with their reasons, and one more call does the rest."""
        rows, bad = case

        def handle(batch: list[list[str]]) -> None:
            numbers = [int(cells[0]) for cells in batch]
            if found := {index: Reject(f"no {row}", code="no") for index, row in enumerate(numbers) if row in bad}:
                raise RejectRows(found)

        scene = Scene(imports, handle, rows)
        assert ["no" if row in bad else "P" for row in range(rows)] == scene.settle()
        assert all(f"no {row}" == scene.flaw(row).message for row in bad)
        rest = [str(row) for row in range(rows) if row not in bad]
        assert [[str(row) for row in range(rows)], *([rest] if rest else [])] == scene.calls

    def test_one_after_the_other(self, imports: Imports) -> None:
        """Indices are those of the call in hand, not of the first one."""

        def handle(batch: list[list[str]]) -> None:
            if len(batch) > 2:
                raise RejectRows({1: Reject("no")})

        scene = Scene(imports, handle, 4)
        assert ["P", "rejected", "rejected", "P"] == scene.settle()

    @pytest.mark.parametrize("rejects", [{9: Reject("no")}, {-1: Reject("no")}, {"0": Reject("no")}, {0: "no"}])
    def test_nonsense(self, imports: Imports, rejects: dict[Any, Any]) -> None:
        """What names no row of the batch, or gives no reason, is the handler's error."""
        scene = Scene(imports, raising(RejectRows(rejects)), 2)
        assert ["handler", "handler"] == scene.settle()
        message = "the handler raised RejectRows with what is no index in its batch, or no Reject; mend the handler"
        assert message == scene.flaw(0).message

    def test_emptied(self, imports: Imports) -> None:
        """One that was emptied after it was made says nothing, and must not be answered with the same call for ever."""
        error = RejectRows({0: Reject("no")})
        error.rejects.clear()
        assert ["handler", "handler"] == Scene(imports, raising(error), 2).settle()


class TestMarks:
    """What a handler says through its context."""

    def test_marked_rows(self, imports: Imports) -> None:
        """Rows that are marked are rejected or skipped, the others succeeded; one call is enough."""

        def handle(_batch: list[list[str]], ctx: Context) -> None:
            ctx.reject([0], "bad", column="id", code="bad")
            ctx.skip([False, True, False, False])

        scene = Scene(imports, handle, 4)
        assert ["bad", "S", "P", "P"] == scene.settle()
        assert ("bad", "0") == (scene.flaw(0).message, scene.flaw(0).value)
        assert 1 == len(scene.calls)

    def test_marks_of_a_call_that_failed(self, imports: Imports) -> None:
        """Marks count only if the call succeeded: each call, repeated or halved, begins without any."""

        def handle(batch: list[list[str]], ctx: Context) -> None:
            if len(outages) < 1:
                outages.append(1)
                ctx.reject(range(len(batch)), "too soon")
                raise Unavailable
            if len(batch) > 1:
                ctx.skip(range(len(batch)))
                raise ValueError("halve")

        outages: list[int] = []
        scene = Scene(imports, handle, 3)
        assert ["P", "P", "P"] == scene.settle()

    def test_places(self, imports: Imports) -> None:
        """Each call's context has the numbers and lines of just its rows."""

        def handle(batch: list[list[str]], _ctx: Context) -> None:
            if len(batch) > 2:
                raise ValueError("halve")

        scene = Scene(imports, handle, 4)
        scene.settle()
        places = [(list(ctx.rows), list(ctx.lines)) for ctx in scene.contexts if ctx is not None]
        assert [([1, 2, 3, 4], [2, 3, 4, 5]), ([1, 2], [2, 3]), ([3, 4], [4, 5])] == places


class TestOutages:
    """The world is down, not the row."""

    @pytest.mark.parametrize("error", [Unavailable("down"), ConnectionResetError("down")])
    def test_repeated_never_bisected(self, imports: Imports, error: Exception) -> None:
        """The same rows are handed over again, after waits that grow, until it works."""
        left = [error] * 3

        def handle(_batch: list[list[str]]) -> None:
            if left:
                raise left.pop()

        scene = Scene(imports, handle, 3, retry=Retry(on=ConnectionError))  # type: ignore[arg-type]
        assert ["P", "P", "P"] == scene.settle()
        assert [["0", "1", "2"]] * 4 == scene.calls
        assert 3 == len(scene.waits)
        assert scene.waits == sorted(scene.waits)

    def test_exhausted(self, imports: Imports) -> None:
        """After the last attempt the job ends; no row is blamed, and there is no wait after the last one."""
        scene = Scene(imports, raising(Unavailable("no route")), 2, retry=Retry(attempts=3))
        with pytest.raises(EndedError) as caught:
            scene.settle()
        assert FileCode.RETRY_EXHAUSTED is caught.value.failure.code
        assert "after 3 attempts: no route; what is done is kept" in caught.value.failure.message
        assert ["?", "?"] == scene.fates
        assert (3, 2) == (len(scene.calls), len(scene.waits))

    def test_attempts_are_counted_for_each_call(self, imports: Imports) -> None:
        """An outage during bisection is repeated like any other."""
        calls: list[int] = []

        def handle(batch: list[list[str]]) -> None:
            calls.append(len(batch))
            if len(calls) % 2:
                raise Unavailable
            if any(cells[0] == "1" for cells in batch):
                raise ValueError("no")

        assert ["P", "handler"] == Scene(imports, handle, 2, retry=Retry(attempts=2)).settle()
        assert [2, 2, 1, 1, 1, 1] == calls

    @pytest.mark.parametrize(
        ("error", "fate"),
        [(Reject("no"), "rejected"), (Skip(), "S"), (RejectRows({0: Reject("no")}), "rejected")],
        ids=["Reject", "Skip", "RejectRows"],
    )
    def test_sayings_are_no_outage(self, imports: Imports, error: Exception, fate: str) -> None:
        """However wide `retry.on` is, what a handler says on purpose keeps its meaning."""
        scene = Scene(imports, raising(error), 1, retry=Retry(on=Exception))  # type: ignore[arg-type]
        assert [fate] == scene.settle()
        assert [] == scene.waits

    def test_one_attempt(self, imports: Imports) -> None:
        """`attempts=1` never repeats."""
        with pytest.raises(EndedError, match="RETRY"):
            Scene(imports, raising(Unavailable()), 1, retry=Retry(attempts=1)).settle()
        assert "still unavailable after 1 attempt: Unavailable; " in exhausted(Unavailable(), 1).message


class TestEndsAtFirst:
    """Under `on_error="fail"` nothing after the first bad row need be handled."""

    def test_after_bisection(self, imports: Imports) -> None:
        """Rows before the culprit are done, no call is made for those after it."""
        scene = Scene(imports, raising(ValueError("no"), 2), 6, on_error="fail")
        assert ["P", "P", "handler", "?", "?", "?"] == scene.settle()
        assert [["0", "1", "2", "3", "4", "5"], ["0", "1", "2"], ["0"], ["1", "2"], ["1"], ["2"]] == scene.calls

    def test_after_reject_rows(self, imports: Imports) -> None:
        """Of the rest only what stands before the first row named is handed over again."""

        def handle(batch: list[list[str]]) -> None:
            if len(batch) > 2:
                raise RejectRows({2: Reject("no"), 4: Reject("no")})

        scene = Scene(imports, handle, 6, on_error="fail")
        assert ["P", "P", "rejected", "?", "rejected", "?"] == scene.settle()

    def test_after_a_row_that_cannot_be_parsed(self, imports: Imports) -> None:
        """Rows behind it are not handed over."""
        scene = Scene(imports, raising(ValueError("no"), 9), ["0", "1,1", "2"], on_error="fail")
        assert ["P", "field_count", "?"] == scene.settle()
        assert [["0"]] == scene.calls


class TestDryRun:
    """Handlers that could not know of it are not called."""

    def test_not_called(self, imports: Imports) -> None:
        """Rows that could be built count as processed, without a step."""

        def handle(_batch: list[list[str]]) -> None:
            raise AssertionError("called")

        imported = imports(pipeline(handle), "id\n1\n2,2\n3", dry_run=True)
        ((unit,),) = imported.work().waves()
        assert [] == list(imported.work().conduct(unit))
        assert [P, True, P] == [unit.outcomes[0], isinstance(unit.outcomes[1], tuple), unit.outcomes[2]]

    def test_called_with_a_context(self, imports: Imports) -> None:
        """A handler that takes a context is called, and can see that it is a dry run."""

        def handle(batch: list[list[str]], ctx: Context) -> None:
            """Only asked for."""

        imported = imports(pipeline(handle), "id\n1", dry_run=True)
        ((unit,),) = imported.work().waves()
        (call,) = imported.work().conduct(unit)
        assert call.context.dry_run


class TestSecrets:
    """Failures of a job are shown like row errors: without sensitive cells."""

    @pytest.mark.parametrize("error", [Abort("no such id: 4711"), Unavailable("no such id: 4711")])
    def test_failures_are_masked(self, imports: Imports, error: Exception) -> None:
        """Neither what the handler says nor what its outage says quotes a sensitive cell of any row of the call."""
        scene = Scene(imports, raising(error), ["0815", "4711"], sensitive=["id"], retry=Retry(attempts=1))
        with pytest.raises(EndedError) as caught:
            scene.settle()
        assert "no such id: ***" in caught.value.failure.message

    def test_torn(self, imports: Imports) -> None:
        """A cell that stands where a long message is cut is not shown in part."""
        error = Abort("." * 480 + "secretsecretsecretsecretsecret")
        scene = Scene(imports, raising(error), ["secretsecretsecretsecretsecret"], sensitive=["id"])
        with pytest.raises(EndedError) as caught:
            scene.settle()
        assert caught.value.failure.message.endswith("...***…")


class TestTexts:
    """What is told of an exception."""

    def test_type_and_text(self) -> None:
        """Both, or the type alone where there is no text."""
        assert ["ValueError: no", "KeyError: 'id'", "OSError"] == [
            describe(error) for error in (ValueError("no"), KeyError("id"), OSError())
        ]

    def test_long_text(self) -> None:
        """A text that quotes the whole row is cut."""
        assert 500 == len(text_of("x" * 10_000))

    def test_broken_text(self) -> None:
        """An exception that cannot tell its text is told by its type."""

        class Broken(Exception):  # noqa: N818
            """Cannot be told."""

            def __str__(self) -> str:
                raise RuntimeError("broken")

        assert "Broken" == describe(Broken())

    def test_an_abort_that_cannot_be_told(self, imports: Imports) -> None:
        """Even so it ends the job."""

        class Broken(Abort):
            """Cannot be told."""

            def __str__(self) -> str:
                raise RuntimeError("broken")

        with pytest.raises(EndedError):
            Scene(imports, raising(Broken("x")), 1).settle()

    def test_a_unit_shows_its_state(self, imports: Imports) -> None:
        """How many rows it has, and how many of them are undecided."""
        scene = Scene(imports, raising(ValueError("no"), 9), ["0", "1,1", "2"])
        assert "<Unit of 3 rows, 2 undecided>" == repr(scene.unit)
        assert 3 == len(scene.unit)
        assert "<Unit of 0 rows, 0 undecided>" == repr(Unit())
