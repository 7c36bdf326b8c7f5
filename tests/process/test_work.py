"""A chunk in hand: its rows go out in order, and what becomes of them is counted up to the first that is undecided."""

from __future__ import annotations

import errno
import os
from collections.abc import Callable
from pathlib import Path
from typing import Any, NamedTuple

import pytest

from csvpipe._process.conduct import EndedError, Unit
from csvpipe._process.tally import Fate
from csvpipe._process.work import source_failure
from csvpipe.context import Context
from csvpipe.errors import FileCode, FileError, FileFailure
from csvpipe.pipeline import Pipeline, pipeline
from csvpipe.rowtypes import Row

Imports = Callable[..., Any]

P, S = Fate.PROCESSED, Fate.SKIPPED


class Person(NamedTuple):
    """A typed row."""

    id: int
    name: str = "nobody"


def takes(annotation: Any, **policies: Any) -> Pipeline[..., Any]:
    """A pipeline of rows of this kind."""

    def handle(row: Any) -> None:
        """Never called."""

    handle.__annotations__["row"] = annotation
    declared: Pipeline[..., Any] = pipeline(**policies)(handle)
    return declared


TEXT = 'id,name\n1,Ana\n\n"2","B\ne"\nx,y,z\n4,Di\n'


class TestItems:
    """What handlers get."""

    @pytest.mark.parametrize(
        ("annotation", "first", "second"),
        [
            (list[str], ["1", "Ana"], ["2", "B\ne"]),
            (dict[str, str], {"id": "1", "name": "Ana"}, {"id": "2", "name": "B\ne"}),
            (Person, Person(1, "Ana"), Person(2, "B\ne")),
            (Row, Row(1, 2, {"id": 0, "name": 1}, ["1", "Ana"]), Row(2, 4, {"id": 0, "name": 1}, ["2", "B\ne"])),
        ],
    )
    def test_shapes(self, imports: Imports, annotation: Any, first: object, second: object) -> None:
        """Each shape, one by one and many at once, is made of the same cells with the same place."""
        imported = imports(takes(annotation), TEXT)
        (part,) = imported.work().slices()
        assert [first, second] == list(imported.job.items(part, 0, 2))
        assert [second] == list(imported.job.items(part, 1, 2))
        assert [first, second] == [imported.job.build(part, index, part.cells(index)) for index in (0, 1)]
        assert imported.job.pipeline.name in repr(imported.job)

    def test_missing_columns(self, imports: Imports) -> None:
        """A file without the columns that a row type needs has no work."""
        with pytest.raises(FileError) as caught:
            imports(takes(Person), "name\nAna\n")
        assert FileCode.COLUMNS_MISSING is caught.value.code


class TestSetup:
    """When the handler is called, and its resource wanted."""

    @pytest.mark.parametrize(("dry_run", "called"), [(False, True), (True, False)])
    def test_plain_handlers(self, imports: Imports, *, dry_run: bool, called: bool) -> None:
        """In a dry run a handler that cannot know of it is not called, and needs no resource."""

        def handle(row: list[str]) -> None:
            """Never called."""

        job = imports(pipeline(setup=open)(handle), "id\n", dry_run=dry_run).job  # type: ignore[type-var]
        assert [called, called] == [job.calls_handler, job.needs_setup]
        assert not imports(pipeline(handle), "id\n", dry_run=dry_run).job.needs_setup

    def test_handlers_with_a_context(self, imports: Imports) -> None:
        """They are called, and decide themselves."""

        def handle(row: list[str], ctx: Context) -> None:
            """Never called."""

        job = imports(pipeline(setup=open)(handle), "id\n", dry_run=True).job  # type: ignore[type-var]
        assert [True, True] == [job.calls_handler, job.needs_setup]


class TestWaves:
    """Units of rows, in order."""

    def test_single_rows(self, imports: Imports) -> None:
        """A handler of single rows gets units of one, a bad row among them with its flaws."""
        (wave,) = imports(takes(Person), TEXT).work().waves()
        assert [[Person(1, "Ana")], [Person(2, "B\ne")], [None], [Person(4, "Di")]] == [unit.items for unit in wave]
        assert [["field_count"]] == [
            [flaw.code for flaw in unit.outcomes[0]] for unit in wave if unit.outcomes[0] is not None
        ]

    def test_batches_span_slices(self, imports: Imports) -> None:
        """A batch is filled across slices, and ends with the chunk; a wave is what a slice completes."""
        imported = imports(takes(list[list[str]], batch_size=3), "id\n" + "".join(f"{n}\n" for n in range(8)))
        (chunk,) = imported.chunks(cut_bytes=4)
        waves = [[[item[0] for item in unit.items] for unit in wave] for wave in imported.work(chunk).waves()]
        assert [[["0", "1", "2"]], [["3", "4", "5"]], [["6", "7"]]] == waves

    def test_full_batches_leave_nothing(self, imports: Imports) -> None:
        """Where the last batch is full there is no empty one after it."""
        imported = imports(takes(list[list[str]], batch_size=2), "id\n1\n2\n3\n4")
        assert [[2, 2]] == [[len(unit) for unit in wave] for wave in imported.work().waves()]

    def test_rows_that_do_not_convert(self, imports: Imports) -> None:
        """They stand in their batch with what is wrong with them."""
        ((unit,),) = imports(takes(list[Person]), "id,name\n1,a\nx,b\n").work().waves()
        assert [Person(1, "a"), None] == unit.items
        assert unit.outcomes[0] is None
        assert "int" == unit.outcomes[1][0].code


def units(imported: Any) -> tuple[Any, list[Unit]]:
    """The work of the whole file, and all its units."""
    work = imported.work()
    return work, [unit for wave in work.waves() for unit in wave]


def decide(unit: Unit, *outcomes: Any) -> Unit:
    """Set the outcomes of a unit, None for undecided."""
    unit.outcomes[:] = outcomes
    return unit


class TestCounting:
    """Up to the first row whose fate is unknown."""

    def test_prefix(self, imports: Imports) -> None:
        """Rows behind a gap do not count, and the result ends before it."""
        work, (unit,) = units(imports(takes(list[list[str]]), "id\n1\n\n2\n3\n4\n"))
        work.take(decide(unit, P, S, None, P))
        result = work.result()
        assert (1, 1, 2) == (result.processed, result.skipped, result.rows)
        assert (3, 8, 3) == (result.start, result.end, result.lines)
        assert "<ChunkWork [3, 12) <Tally 1 processed, 0 failed, 1 skipped>>" == repr(work)

    def test_nothing_done(self, imports: Imports) -> None:
        """A result before the first row is over nothing."""
        imported = imports(takes(list[str]), "id\n\n1\n")
        result = imported.work().result()
        assert (3, 3, 0, 0) == (result.start, result.end, result.lines, result.rows)
        assert imported.chunks()[0] == result.rest_of(imported.chunks()[0])

    @pytest.mark.parametrize("text", ["\n\n1\n\n", "1", "1\n\n\n", "\n\n", "1\n2\n\r\n\r"])
    def test_complete(self, imports: Imports, text: str) -> None:
        """A complete result covers the chunk to its end, blank lines before and after its rows included."""
        imported = imports(takes(list[str]), f"id\n{text}")
        work, found = units(imported)
        for unit in found:
            work.take(decide(unit, P))
        (chunk,) = imported.chunks()
        result = work.result(is_complete=True)
        assert (chunk.end, chunk.rows, chunk.lines) == (result.end, result.rows, result.lines)
        assert result.rest_of(chunk) is None

    def test_bad_rows(self, imports: Imports) -> None:
        """They count with their place and error, and the first one ends the job if it is to."""
        text = "id,mail\n1,a@b\n2,a@b,c\n3,x\n"
        work, found = units(imports(takes(list[str]), text))
        for unit in found:
            work.take(unit if unit.outcomes[0] else decide(unit, P))
        result = work.result(is_complete=True)
        assert (2, 1) == (result.processed, result.failed)
        assert [(2, 3, 14, 22)] == [(error.row, error.line, error.start, error.end) for error in result.errors]

        work, found = units(imports(takes(list[str], on_error="fail"), text))
        work.take(decide(found[0], P))
        with pytest.raises(EndedError) as caught:
            work.take(found[1])
        assert FileCode.ROW_ERROR is caught.value.failure.code
        assert caught.value.failure.message.startswith("row 2, line 3: [field_count] 3 cells, ")
        result = work.result(failure=caught.value.failure)
        assert (2, 22, caught.value.failure) == (result.rows, result.end, result.failure)

    def test_the_failure_is_masked(self, imports: Imports) -> None:
        """The message of the row that ends the job is the one that its error shows."""

        class Secret(NamedTuple):
            mail: int

        work, (unit,) = units(imports(takes(Secret, on_error="fail", sensitive=["mail"]), "mail\na@b\n"))
        with pytest.raises(EndedError) as caught:
            work.take(unit)
        assert (
            "row 1, line 2, column 'mail': [int] the value is not acceptable (int); it is not shown; "
            "mend the file and submit it again" == caught.value.failure.message
        )

    def test_lost_errors(self, imports: Imports, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
        """If errors could not be written, nothing counts as done and the job fails: no row without its error."""

        def refuse(_handle: int) -> None:
            raise OSError(errno.ENOSPC, "No space left on device")

        monkeypatch.setattr(os, "fsync", refuse)
        imported = imports(takes(list[str]), "id\n1\n2,2\n")
        work = imported.work(budget=0, spill=str(tmp_path / "spill"))
        for wave in work.waves():
            for unit in wave:
                work.take(unit if unit.outcomes[0] else decide(unit, P))
        result = work.result(is_complete=True)
        assert FileCode.DISK_FULL is result.failure.code
        assert (3, 3, 0, 0, ()) == (result.start, result.end, result.rows, result.lines, result.errors)
        assert imported.chunks()[0] == result.rest_of(imported.chunks()[0])

    def test_spilt_errors(self, imports: Imports, tmp_path: Path) -> None:
        """The result names the spill that has the errors over the budget."""
        work = imports(takes(list[str]), "id\n1,1\n2,2\n").work(budget=1, spill=str(tmp_path / "spill"))
        for wave in work.waves():
            for unit in wave:
                work.take(unit)
        result = work.result(is_complete=True)
        assert ("spill", 1, 2) == (result.spill, len(result.errors), result.totals[0].errors)


class TestBreaker:
    """A handler that fails alike on every row from the first is broken; the file is not."""

    def reject(self, imports: Imports, *messages: str, rows: int | None = None, **options: Any) -> Any:
        """Reject rows with these messages, or process them where there is none; the work."""
        policies = {"breaker": 3, **options}
        imported = imports(takes(list[str], **policies), "id\n" + "1\n" * (rows or len(messages)))
        work, found = units(imported)
        for unit, message in zip(found, messages, strict=False):
            steps = work.conduct(unit)
            steps.send(None)
            with pytest.raises(StopIteration):
                steps.send(ValueError(message) if message else None)
            work.take(unit)
        return work

    def test_trips(self, imports: Imports) -> None:
        """At the row that makes it so many; that row counts, too."""
        with pytest.raises(EndedError) as caught:
            self.reject(imports, "no db", "no db", "no db", "no db")
        assert FileCode.REJECT_LIMIT is caught.value.failure.code
        assert (
            "the first 3 rows all failed in the handler with the same error: ValueError: no db; mend the handler and "
            "retry the job (breaker=None rejects such rows one by one)" == caught.value.failure.message
        )

    def test_at_once(self, imports: Imports) -> None:
        """A breaker of one ends the job at the first row."""
        with pytest.raises(EndedError):
            self.reject(imports, "no db", breaker=1)

    def test_masked(self, imports: Imports) -> None:
        """Its message is the one that the rows' errors show."""
        with pytest.raises(EndedError) as caught:
            self.reject(imports, "no 1", "no 1", "no 1", sensitive=["id"])
        assert "ValueError: no ***; mend" in caught.value.failure.message

    @pytest.mark.parametrize(
        "messages",
        [
            ("a", "a"),
            ("", "a", "a", "a"),
            ("a", "", "a", "a"),
            ("a", "a", "", "a"),
            ("a", "b", "a", "a"),
            ("a", "a", "b", "b", "b"),
        ],
    )
    def test_holds(self, imports: Imports, messages: tuple[str, ...]) -> None:
        """Too few, a row that worked, or another error: then it is the rows."""
        assert sum(map(bool, messages)) == self.reject(imports, *messages).tally.failed

    def test_off(self, imports: Imports) -> None:
        """Without a breaker all rows are rejected."""
        assert 4 == self.reject(imports, "a", "a", "a", "a", breaker=None).tally.failed

    def test_only_at_the_start_of_the_file(self, imports: Imports) -> None:
        """A chunk in the middle proves nothing."""
        imported = imports(takes(list[str], breaker=1), "id\n1\n2\n")
        chunk = imported.chunks(chunk_bytes=1)[1]
        work = imported.work(chunk)
        ((unit,),) = work.waves()
        steps = work.conduct(unit)
        steps.send(None)
        with pytest.raises(StopIteration):
            steps.send(ValueError("no"))
        work.take(unit)
        assert 1 == work.tally.failed

    def test_other_codes(self, imports: Imports) -> None:
        """Rows that are rejected on purpose, or by parsing, are the file's fault."""
        work, found = units(imports(takes(list[str], breaker=1), "id\n1,1\n"))
        work.take(found[0])
        assert 1 == work.tally.failed


def test_source_failure() -> None:
    """A file that cannot be read any more ends the job with its own code."""
    failure = source_failure(FileError(FileCode.SOURCE_CHANGED, "grown"))
    assert FileFailure(code=FileCode.SOURCE_CHANGED, message="grown") == failure
