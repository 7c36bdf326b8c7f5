"""Rejects that come back mended: rows keep their numbers, and each is imported once."""

from __future__ import annotations

import csv
import io
import threading
from collections.abc import Callable, Iterable
from pathlib import Path
from typing import Any
from uuid import uuid4

import anyio
import attrs
import pytest

import csvpipe
from csvpipe.errors import FileCode, JobNotFoundError, ParentError, RowCode
from csvpipe.jobs import JobRecord, JobStatus
from csvpipe.store import MemoryJobStore

pytestmark = pytest.mark.anyio

_NAMES = ["_row", "_line", "_code", "_column", "_message", "id", "name"]


@attrs.frozen
class Person:
    """A row."""

    id: int
    name: str


def take(person: Person) -> None:
    """Be content."""


class Ledger:
    """What a handler was given, by row key without the job."""

    def __init__(self) -> None:
        self.rows: dict[int, Any] = {}
        self.roots: set[str] = set()

    def add(self, key: str, row: object) -> None:
        """Note one row; none may come twice."""
        root, _, number = key.rpartition(":")
        self.roots.add(root)
        assert int(number) not in self.rows
        self.rows[int(number)] = row


def handling(ledger: Ledger, kind: str = "row", **options: Any) -> csvpipe.Pipeline[..., Any]:
    """A pipeline that notes what it is given."""

    def rows(person: Person, context: csvpipe.Context) -> None:
        ledger.add(context.row_key, person)

    async def in_the_loop(person: Person, context: csvpipe.Context) -> None:
        await anyio.lowlevel.checkpoint()
        ledger.add(context.row_key, person)

    def batches(people: list[Person], context: csvpipe.Context) -> None:
        for key, person in zip(context.row_keys, people, strict=True):
            ledger.add(key, person)

    def untyped(row: csvpipe.Row, context: csvpipe.Context) -> None:
        assert (row.number, row.line) == (context.row, context.line)
        ledger.add(context.row_key, dict(row))

    def cells(row: list[str], context: csvpipe.Context) -> None:
        ledger.add(context.row_key, list(row))

    functions = {"row": rows, "async": in_the_loop, "batch": batches, "untyped": untyped, "cells": cells}
    return csvpipe.pipeline(functions[kind], name="people", **options)


async def rejects_of(job: csvpipe.Job, **options: Any) -> str:
    """The rejects file of a job, as text."""
    dest = io.BytesIO()
    await job.write_rejects(dest, **options)
    return dest.getvalue().decode()


async def imported(
    pool: csvpipe.WorkerPool, pipeline: csvpipe.Pipeline[..., Any], text: str | bytes, **options: Any
) -> tuple[csvpipe.Job, JobRecord]:
    """Submit a file, and wait for its end."""
    data = text.encode() if isinstance(text, str) else text
    job = await pool.submit(pipeline, data, **options)
    return job, await job.wait()


def counts(record: JobRecord) -> tuple[int, int, int]:
    """Rows that were processed, that failed, and that mended submissions have resolved."""
    return record.processed_rows, record.failed_rows, record.resolved_rows


class TestTheLoop:
    """Reject, write, mend, submit."""

    @pytest.mark.parametrize("kind", ["row", "async", "batch", "untyped"])
    async def test_mended_rows_are_imported_under_their_numbers(self, kind: str) -> None:
        """Handlers of every kind see the first job's row keys, and its counts stay what they are."""
        ledger = Ledger()
        pipeline = handling(ledger, "row")
        async with csvpipe.WorkerPool(pipelines=[pipeline]) as pool:
            first, _ = await imported(pool, pipeline, "id,name\n1,Ana\nx,Ben\n3,Cy\ny,Dee\n")
            text = await rejects_of(first)
            store = pool.store
        pipeline = handling(ledger, kind)
        async with csvpipe.WorkerPool(store, pipelines=[pipeline]) as pool:
            mended = text.replace(",x,", ",2,").replace(",y,", ",4,")
            child, record = await imported(pool, pipeline, mended, parent=first.id)
            of_first = await (await pool.job(first.id)).record()
            left = await rejects_of(child)

        assert (2, 0, 0) == counts(record)
        assert (JobStatus.COMPLETED, first.id, first.id) == (record.status, record.parent_id, record.root_id)
        assert (2, 2, 2) == counts(of_first)
        expected: Any = {"id": "4", "name": "Dee"} if kind == "untyped" else Person(4, "Dee")
        assert expected == ledger.rows[4]
        assert [1, 2, 3, 4] == sorted(ledger.rows)
        assert {str(first.id)} == ledger.roots
        assert ",".join(_NAMES) + "\n" == left

    async def test_a_chain_of_three(self) -> None:
        """What is still wrong is rejected again under its number, and any job of the chain may be the parent."""
        ledger = Ledger()
        pipeline = handling(ledger)
        async with csvpipe.WorkerPool(pipelines=[pipeline]) as pool:
            first, _ = await imported(pool, pipeline, "id,name\n1,Ana\nx,Ben\ny,Cy\nz,Dee\n")
            second, record = await imported(
                pool, pipeline, (await rejects_of(first)).replace(",x,", ",2,"), parent=first
            )
            assert (1, 2, 0) == counts(record)
            assert [(2, 3, "int"), (3, 4, "int")] == [(e.row, e.line, e.code) for e in await second.row_errors()]
            text = await rejects_of(second)
            assert text.startswith(",".join(_NAMES) + "\n3,3,int,id,")
            third, record = await imported(pool, pipeline, text.replace(",y,", ",3,"), parent=second)
            assert (second.id, first.id) == (record.parent_id, record.root_id)
            left = await rejects_of(first)
            assert ["4", "5", "int", "id"] == left.splitlines()[1].split(",")[:4]
            assert [left.splitlines()[1].split(",")[0]] == [
                line.split(",")[0] for line in (await rejects_of(third)).splitlines()[1:]
            ]
            _, record = await imported(pool, pipeline, left.replace(",z,", ",4,"), parent=second.id)
            of_first = await first.record()
            everything = await rejects_of(first, open_only=False)
            nothing = await rejects_of(first)

        assert (1, 0, 0) == counts(record)
        assert (1, 3, 3) == counts(of_first)
        assert {1: "Ana", 2: "Ben", 3: "Cy", 4: "Dee"} == {row: person.name for row, person in ledger.rows.items()}
        assert ["2", "3", "4"] == [line.split(",")[0] for line in everything.splitlines()[1:]]
        assert ",".join(_NAMES) + "\n" == nothing

    @pytest.mark.parametrize(("delimiter", "encoding"), [(";", "utf-8-sig"), ("\t", "utf-16"), (";", "cp1252")])
    @pytest.mark.parametrize("is_stated", [True, False])
    async def test_a_spreadsheet_has_saved_it_anew(self, delimiter: str, encoding: str, *, is_stated: bool) -> None:
        """With another delimiter and encoding, moved columns and some of ours deleted; found out or stated."""
        ledger = Ledger()
        pipeline = handling(ledger)
        async with csvpipe.WorkerPool(pipelines=[pipeline]) as pool:
            first, _ = await imported(pool, pipeline, 'id,name\nx,Zoë\ny,"Cy, Jr"\n')
            read = csv.DictReader(io.StringIO(await rejects_of(first)))
            saved = io.StringIO()
            sheet = csv.DictWriter(saved, ["name", "_code", "_row", "id"], delimiter=delimiter, extrasaction="ignore")
            sheet.writeheader()
            sheet.writerows({**row, "id": number} for number, row in enumerate(read, start=8))
            stated: dict[str, Any] = {"dialect": csvpipe.Dialect(delimiter=delimiter), "encoding": encoding}
            data = saved.getvalue().encode(encoding)
            _, record = await imported(pool, pipeline, data, parent=first, **(stated if is_stated else {}))

        assert (2, 0, 0) == counts(record)
        assert {1: Person(8, "Zoë"), 2: Person(9, "Cy, Jr")} == ledger.rows

    @pytest.mark.parametrize(
        ("stated", "encoding"),
        [
            ({"encoding": "cp1252"}, "cp1252"),
            ({"encoding": "utf-16"}, "utf-16"),
            ({"encoding": "cp1252"}, "utf-8-sig"),
            ({"encoding": "cp1252"}, "utf-16"),
        ],
    )
    async def test_it_is_read_as_it_was_written(self, stated: dict[str, Any], encoding: str) -> None:
        """In the first file's dialect and encoding, also where the pipeline says what its own files look like."""
        ledger = Ledger()
        dialect = csvpipe.Dialect(delimiter="|", quotechar="'")
        pipeline = handling(ledger, dialect=dialect, header=("id", "name"), **stated)
        async with csvpipe.WorkerPool(pipelines=[pipeline]) as pool:
            first, record = await imported(pool, pipeline, "1|Ana\nx|'Zoë|Å'\n".encode(stated["encoding"]))
            assert (1, 1, 0) == counts(record)
            dest = io.BytesIO()
            await first.write_rejects(dest)
            data = dest.getvalue().replace(b"|x|", b"|2|")
            if stated["encoding"] != encoding:
                data = data.decode("cp1252").encode(encoding)
            _, record = await imported(pool, pipeline, data, parent=first)

        assert (1, 0, 0) == counts(record)
        assert Person(2, "Zoë|Å") == ledger.rows[2]

    async def test_formulas_come_back_as_they_were(self) -> None:
        """Cells and column names have an apostrophe in the rejects file only; numbers have none."""
        ledger = Ledger()

        def handle(row: csvpipe.Row, context: csvpipe.Context) -> None:
            if row["id"] == "x":
                raise csvpipe.Reject("=1+1 is no id", column="id", code="@id")
            ledger.add(context.row_key, dict(row))

        pipeline = csvpipe.pipeline(handle, name="people")
        cells = ["=1+1", "'=1", "''-a", "-5", "\t=", "plain", "'", '=A1&","&"x"']
        given = io.StringIO()
        csv.writer(given).writerows([["id", "=name"], *(["x", cell] for cell in cells)])
        async with csvpipe.WorkerPool(pipelines=[pipeline]) as pool:
            first, _ = await imported(pool, pipeline, given.getvalue())
            text = await rejects_of(first)
            shown = list(csv.DictReader(io.StringIO(text, newline="")))
            _, record = await imported(pool, pipeline, text.replace(",x,", ",1,"), parent=first)

        assert ["'=1+1", "''=1", "'''-a", "-5", "'\t=", "plain", "'", '\'=A1&","&"x"'] == [
            row["'=name"] for row in shown
        ]
        assert ("'@id", "'=1+1 is no id") == (shown[0]["_code"], shown[0]["_message"])
        assert (len(cells), 0, 0) == counts(record)
        assert cells == [row["=name"] for row in ledger.rows.values()]

    async def test_rows_that_were_no_records(self) -> None:
        """Ragged rows are mended in place; an open quote is put into cells, and its `_raw` emptied."""
        ledger = Ledger()
        pipeline = handling(ledger)
        async with csvpipe.WorkerPool(pipelines=[pipeline]) as pool:
            first, _ = await imported(pool, pipeline, 'id,name\n1,Ana,=A1\n2\n3,"Cy\n')
            text = await rejects_of(first)
            lines = text.splitlines()
            assert [",1,Ana,'=A1", ",2"] == [lines[1][-len(",1,Ana,'=A1") :], lines[2][-2:]]
            assert lines[3].endswith(',"3,""Cy",,')
            second, record = await imported(pool, pipeline, text, parent=first)
            assert (0, 3, 0) == counts(record)
            assert ["field_count", "field_count", "unterminated_quote"] == [e.code for e in await second.row_errors()]
            assert "put the cells of the text in _raw" in (await second.row_errors())[2].message
            again = await rejects_of(second)
            assert again.splitlines()[3].endswith(',"3,""Cy",,')
            mended = (
                again.replace(",1,Ana,'=A1", ",1,Ana").replace(",,2\n", ",,2,Ben\n").replace(',"3,""Cy",,', ",,3,Cy")
            )
            _, record = await imported(pool, pipeline, mended, parent=second)

        assert (3, 0, 0) == counts(record)
        assert {1: Person(1, "Ana"), 2: Person(2, "Ben"), 3: Person(3, "Cy")} == ledger.rows

    @pytest.mark.parametrize("header", ["_row,name", "_line,name", "_message,_code", "_raw,name", "_row,_row_"])
    async def test_columns_of_the_user_that_are_named_like_ours(self, header: str) -> None:
        """As in a rejects file that was submitted as a file of its own: ours get other names, in all of the chain."""
        ledger = Ledger()

        def handle(row: list[str], context: csvpipe.Context) -> None:
            if row[0].startswith("x"):
                raise csvpipe.Reject("no")
            ledger.add(context.row_key, list(row))

        pipeline = csvpipe.pipeline(handle, name="cells")
        async with csvpipe.WorkerPool(pipelines=[pipeline]) as pool:
            first, _ = await imported(pool, pipeline, f'{header}\n7,Ana\nx,Ben\nxx,Cy\n8,Dee\n9,"Eve\n')
            text = await rejects_of(first)
            second, record = await imported(pool, pipeline, text.replace(",x,Ben", ",1,Ben"), parent=first)
            assert (1, 2, 0) == counts(record)
            again = await rejects_of(second)
            (message,) = [error.message for error in await second.row_errors() if error.code == "unterminated_quote"]
            mended = again.replace(",xx,Cy", ",2,Cy").replace(',"9,""Eve",,', ",,9,Eve")
            _, record = await imported(pool, pipeline, mended, parent=first)

        assert text.splitlines()[0] == again.splitlines()[0]
        assert text.splitlines()[0].endswith(f",{header}")
        assert f"put the cells of the text in {'_raw_' if '_raw' in header else '_raw'} under" in message
        assert (2, 0, 0) == counts(record)
        assert {2: ["1", "Ben"], 3: ["2", "Cy"], 5: ["9", "Eve"]} == {row: ledger.rows[row] for row in (2, 3, 5)}

    async def test_a_number_that_is_none_under_another_name(self) -> None:
        """The error names our column as it is called in the file."""

        def handle(row: list[str]) -> None:
            raise csvpipe.Reject("no")

        pipeline = csvpipe.pipeline(handle, name="cells")
        async with csvpipe.WorkerPool(pipelines=[pipeline]) as pool:
            first, _ = await imported(pool, pipeline, "_row,name\nx,Ana\ny,Ben\n")
            text = (await rejects_of(first)).replace("\n2,", "\nnone,")
            second, _ = await imported(pool, pipeline, text, parent=first)
            errors = await second.row_errors()

        assert ("_row_", "_row_ holds no row number; leave it as the rejects file has it") == (
            errors[1].column,
            errors[1].message,
        )

    async def test_a_record_that_broke_while_it_was_mended(self) -> None:
        """It costs itself alone, keeps its number, and is shown as it stands."""
        ledger = Ledger()
        pipeline = handling(ledger)
        async with csvpipe.WorkerPool(pipelines=[pipeline]) as pool:
            first, _ = await imported(pool, pipeline, "id,name\nx,Ana\ny,Ben\n")
            text = (await rejects_of(first)).replace(",x,Ana", ",1,Ana").replace(",y,Ben", ',2,"Ben')
            second, record = await imported(pool, pipeline, text, parent=first)
            assert (1, 1, 0) == counts(record)
            row = next(csv.DictReader(io.StringIO(await rejects_of(second))))

        assert ("2", "unterminated_quote", "", "") == (row["_row"], row["_code"], row["id"], row["name"])
        assert row["_raw"].endswith(',2,"Ben')

    async def test_cells_of_ragged_rows_that_are_kept(self) -> None:
        """A handler that takes rows of any length gets what is beyond the header, in order."""
        ledger = Ledger()

        def handle(row: list[str], context: csvpipe.Context) -> None:
            if row[0] == "x":
                raise csvpipe.Reject("no")
            ledger.add(context.row_key, list(row))

        pipeline = csvpipe.pipeline(handle, name="cells", ragged="keep")
        async with csvpipe.WorkerPool(pipelines=[pipeline]) as pool:
            first, _ = await imported(pool, pipeline, "id,name\n7,b\n8,b\n9,b\nx,a,=b,c\nx\n")
            text = (await rejects_of(first)).replace(",x", ",1")
            _, record = await imported(pool, pipeline, text, parent=first)

        assert (2, 0, 0) == counts(record)
        assert {4: ["1", "a", "=b", "c"], 5: ["1"]} == {row: ledger.rows[row] for row in (4, 5)}

    async def test_sensitive_cells_are_the_users_own(self) -> None:
        """They stand in the rejects file, since the row is to be mended there, and in no message; nor do they later."""

        def handle(row: csvpipe.Row) -> None:
            if not row["pin"].isdigit():
                raise csvpipe.Reject(f"{row['pin']} is no pin", column="id")

        pipeline = csvpipe.pipeline(handle, name="pins", sensitive=["pin"])
        async with csvpipe.WorkerPool(pipelines=[pipeline]) as pool:
            first, _ = await imported(pool, pipeline, "id,pin\n1,secret\n")
            text = await rejects_of(first)
            second, record = await imported(pool, pipeline, text.replace("secret", "hidden"), parent=first)
            (error,) = await second.row_errors()
            again = await rejects_of(second)

        assert ["1", "2", "rejected", "id", "*** is no pin", "1", "secret"] == text.splitlines()[1].split(",")
        assert (0, 1, 0) == counts(record)
        assert "*** is no pin" == error.message
        assert ["1", "2", "rejected", "id", "*** is no pin", "1", "hidden"] == again.splitlines()[1].split(",")


def numbered(rows: Iterable[tuple[object, object]]) -> str:
    """A mended file with the least columns that it needs."""
    return "_row,id,name\n" + "".join(f"{row},{number},name\n" for row, number in rows)


class TestOpenRows:
    """Which rows may come."""

    async def test_only_rejected_rows_and_each_once(self) -> None:
        """A row that was never rejected, that is mended already, that comes twice or has no number is turned away."""
        ledger = Ledger()
        pipeline = handling(ledger)
        async with csvpipe.WorkerPool(pipelines=[pipeline]) as pool:
            first, _ = await imported(pool, pipeline, "id,name\n1,Ana\nx,Ben\ny,Cy\nz,Dee\n")
            await imported(pool, pipeline, numbered([(2, 2)]), parent=first)
            rows = [(1, 1), (2, 2), (3, 3), (3, 33), (99, 9), ("", 5), ("4.0", 4), ("-4", 4), ("9" * 30, 4), (" 4 ", 4)]
            second, record = await imported(pool, pipeline, numbered(rows), parent=first)
            errors = await second.row_errors()
            left = await rejects_of(second)
            _, refused = await imported(pool, pipeline, left, parent=second)

        assert (2, 8, 0) == counts(record)
        assert {RowCode.NOT_OPEN} == {error.code for error in errors}
        assert [1, 2, 4, 5, 6, 7, 8, 9] == [error.row for error in errors]
        assert {1: 1, 2: 2, 3: 3, 4: 4} == {row: person.id for row, person in ledger.rows.items()}
        assert ["1", "2", "3", "99", "", "4.0", "-4", "9" * 30] == [
            line.split(",")[0] for line in left.splitlines()[1:]
        ]
        assert (JobStatus.FAILED, FileCode.PARENT_MISMATCH) == (refused.status, refused.error_code)
        assert "not one row of the file is open" in str(refused.error_message)

    async def test_a_row_that_fails_leaves_its_number_taken(self) -> None:
        """The first row of a number is the one that counts, whatever becomes of it."""
        ledger = Ledger()
        pipeline = handling(ledger)
        async with csvpipe.WorkerPool(pipelines=[pipeline]) as pool:
            first, _ = await imported(pool, pipeline, "id,name\nx,Ana\n")
            second, record = await imported(pool, pipeline, numbered([(1, "y"), (1, 1)]), parent=first)
            codes = [error.code for error in await second.row_errors()]
            _, after = await imported(pool, pipeline, numbered([(1, 1)]), parent=second)

        assert (0, 2, 0) == counts(record)
        assert ["int", "not_open"] == codes
        assert (1, 0, 0) == counts(after)

    async def test_skipped_rows_are_done_with(self) -> None:
        """A handler's last word on a row may be that nothing is to be done."""

        def handle(row: csvpipe.Row) -> None:
            if row["id"] == "x":
                raise csvpipe.Reject("no")
            raise csvpipe.Skip

        pipeline = csvpipe.pipeline(handle, name="people")
        async with csvpipe.WorkerPool(pipelines=[pipeline]) as pool:
            first, _ = await imported(pool, pipeline, "id,name\nx,Ana\n")
            _, record = await imported(pool, pipeline, numbered([(1, 1)]), parent=first)
            of_first = await first.record()

        assert (0, 0, 1) == (*counts(record)[:2], record.skipped_rows)
        assert 1 == of_first.resolved_rows

    async def test_a_dry_run_resolves_nothing(self) -> None:
        """It tells what would happen."""
        pipeline = csvpipe.pipeline(take, name="people")
        async with csvpipe.WorkerPool(pipelines=[pipeline]) as pool:
            first, _ = await imported(pool, pipeline, "id,name\nx,Ana\n")
            _, tried = await imported(pool, pipeline, numbered([(1, 1)]), parent=first, dry_run=True)
            assert 0 == (await first.record()).resolved_rows
            _, done = await imported(pool, pipeline, numbered([(1, 1)]), parent=first)

        assert [(1, 0, 0)] * 2 == [counts(tried), counts(done)]

    async def test_large_files_are_screened_as_a_whole(self) -> None:
        """Which of two rows comes first depends on the file, not on which worker is quicker."""
        ledger = Ledger()
        pipeline = handling(ledger)
        rows = 20_000
        async with csvpipe.WorkerPool(pipelines=[pipeline], workers=4) as pool:
            first, _ = await imported(pool, pipeline, "id,name\n" + "x,Ana\n" * rows)
            twice = [(row, 1) for row in range(rows, 0, -1)] + [(row, 2) for row in range(1, rows + 1)]
            second, record = await imported(pool, pipeline, numbered(twice), parent=first)
            of_first = await first.record()
            (total,) = await second.error_summary()

        assert (rows, rows, 0) == counts(record)
        assert rows == of_first.resolved_rows == total.errors
        assert {1} == {person.id for person in ledger.rows.values()}

    async def test_who_takes_a_submission_over_goes_on_with_it(self, tmp_path: Path) -> None:
        """After a crash the rest is done: no row is left out, and none of those that were committed comes again."""
        store, seen = MemoryJobStore(), list[tuple[int, int]]()
        rows, held, released = 4_000, threading.Event(), threading.Event()

        def handle(person: Person, context: csvpipe.Context) -> None:
            if person.id == 1 and context.row == 1 and not held.is_set():
                held.set()
                released.wait()
            seen.append((context.row, person.id))

        pipeline = csvpipe.pipeline(handle, name="people")
        options: dict[str, Any] = {"pipelines": [pipeline], "workers": 2, "flush_interval": 0.001, "on_exit": "stop"}
        options["spool_dir"] = tmp_path
        async with csvpipe.WorkerPool(store, **options) as pool:
            first, _ = await imported(pool, pipeline, "id,name\n" + "x,Ana\n" * rows)
        twice = [*((row, 1) for row in range(rows, 0, -1)), *((row, 2) for row in range(1, rows + 1))]
        try:
            async with csvpipe.WorkerPool(store, **options, lease_seconds=0.2, shutdown_grace=0) as pool:
                child = await pool.submit(pipeline, numbered(twice).encode(), parent=first)
                await anyio.to_thread.run_sync(held.wait)
                while not (await child.record()).processed_rows:
                    await anyio.lowlevel.checkpoint()
                committed = (await child.record()).processed_rows
            assert JobStatus.PROCESSING is store.get(child.id).status
            async with csvpipe.WorkerPool(store, **options) as pool:
                record = await (await pool.job(child.id)).wait()
        finally:
            released.set()

        assert (None, rows, rows, 0) == (record.error_message, *counts(record))
        assert (2, rows) == (record.attempt, store.get(first.id).resolved_rows)
        assert {(row, 1) for row in range(1, rows + 1)} == set(seen)
        assert len(seen) <= 2 * rows - committed


class TestMisuse:
    """What is no mended rejects file, or not of this job."""

    async def test_whose_rejects_may_be_mended(self) -> None:
        """Those of a job of the same pipeline and owner, and of the store."""
        people, others = handling(Ledger()), csvpipe.pipeline(take, name="others")
        async with csvpipe.WorkerPool(pipelines=[people, others]) as pool:
            first, _ = await imported(pool, people, "id,name\nx,Ana\n", owner="ana")
            mended = numbered([(1, 1)]).encode()
            with pytest.raises(ParentError, match="by the pipeline 'people', not by 'others'") as caught:
                await pool.submit(others, mended, parent=first, owner="ana")
            assert str(first.id) == caught.value.job_id
            with pytest.raises(ParentError, match="belongs to 'ana', not to nobody"):
                await pool.submit(people, mended, parent=first)
            for unknown in (uuid4(), "no id"):
                with pytest.raises(JobNotFoundError, match=str(unknown)):
                    await pool.submit(people, mended, parent=unknown, owner="ana")
            refused, _ = await imported(pool, people, b"", owner="ana")
            with pytest.raises(ParentError, match="refused as a whole"):
                await pool.submit(people, mended, parent=refused, owner="ana")
            tried, _ = await imported(pool, people, "id,name\nx,Ana\n", owner="ana", dry_run=True)
            with pytest.raises(ParentError, match="dry run"):
                await pool.submit(people, mended, parent=tried, owner="ana")
            assert 3 == (await pool.jobs()).total

    async def test_two_submissions_at_once(self) -> None:
        """While rows are being mended nobody else may mend them; afterwards they may."""
        released, ledger = threading.Event(), Ledger()

        def handle(person: Person, context: csvpipe.Context) -> None:
            if context.root_id != context.job_id:
                released.wait()
            ledger.add(context.row_key, person)

        pipeline = csvpipe.pipeline(handle, name="people")
        outcomes: list[csvpipe.Job | ParentError] = []
        async with csvpipe.WorkerPool(pipelines=[pipeline]) as pool:
            first, _ = await imported(pool, pipeline, "id,name\nx,Ana\ny,Ben\n")

            async def submit() -> None:
                try:
                    outcomes.append(await pool.submit(pipeline, numbered([(1, 1)]).encode(), parent=first))
                except ParentError as error:
                    outcomes.append(error)

            async with anyio.create_task_group() as group:
                for _ in range(4):
                    group.start_soon(submit)
            (child,) = (outcome for outcome in outcomes if isinstance(outcome, csvpipe.Job))
            assert all(str(child.id) in str(outcome) for outcome in outcomes if outcome is not child)
            with pytest.raises(ParentError, match="wait until it has ended"):
                await pool.submit(pipeline, numbered([(1, 1)]).encode(), parent=child)
            released.set()
            await child.wait()
            _, record = await imported(pool, pipeline, numbered([(2, 2)]), parent=child)

        assert (1, 0, 0) == counts(record)

    @pytest.mark.parametrize(
        ("text", "message"),
        [
            ("id,name\n1,Ana\n", "column '_row' is missing"),
            ("_row,id\n1,1\n", "column 'name' is missing"),
            ("_row,id,name,age\n1,1,Ana,7\n", "column 'age' is unknown"),
            ("_row,id,name\n7,1,Ana\n", "not one row of the file is open"),
        ],
    )
    async def test_another_file_fails_as_a_whole(self, text: str, message: str) -> None:
        """The job says what is missing or foreign, and nothing of it is handled."""
        ledger = Ledger()
        pipeline = handling(ledger)
        async with csvpipe.WorkerPool(pipelines=[pipeline]) as pool:
            first, _ = await imported(pool, pipeline, "id,name\nx,Ana\n")
            _, record = await imported(pool, pipeline, text, parent=first)
            _, after = await imported(pool, pipeline, numbered([(1, 1)]), parent=first)

        assert (JobStatus.FAILED, FileCode.PARENT_MISMATCH) == (record.status, record.error_code)
        assert message in str(record.error_message)
        assert first.id == record.parent_id
        assert (1, 0, 0) == counts(after)
        assert [1] == list(ledger.rows)

    async def test_the_first_job_is_gone(self) -> None:
        """A failed submission cannot go on when nobody knows any more which rows are open."""
        down = True

        def handle(row: csvpipe.Row, context: csvpipe.Context) -> None:
            if context.root_id == context.job_id:
                raise csvpipe.Reject("no")
            if down:
                raise csvpipe.Abort("not now")

        pipeline = csvpipe.pipeline(handle, name="people")
        async with csvpipe.WorkerPool(pipelines=[pipeline]) as pool:
            first, _ = await imported(pool, pipeline, "id,name\nx,Ana\n")
            child, record = await imported(pool, pipeline, numbered([(1, 1)]), parent=first)
            assert FileCode.ABORTED == record.error_code
            await first.delete()
            down = False
            await child.retry()
            record = await child.wait()
            with pytest.raises(JobNotFoundError, match=str(first.id)):
                await pool.submit(pipeline, numbered([(1, 1)]).encode(), parent=child)

        assert (FileCode.PARENT_MISMATCH, 0) == (record.error_code, record.handled_rows)
        assert "was deleted" in str(record.error_message)

    async def test_a_repeat_under_a_key_is_the_same_submission(self) -> None:
        """Also while it runs; another parent under the same key is a conflict."""
        pipeline = handling(Ledger())
        async with csvpipe.WorkerPool(pipelines=[pipeline]) as pool:
            first, _ = await imported(pool, pipeline, "id,name\nx,Ana\n")
            other, _ = await imported(pool, pipeline, "id,name\ny,Ben\n")
            mended = numbered([(1, 1)]).encode()
            jobs = [await pool.submit(pipeline, mended, parent=first, idempotency_key="k") for _ in range(2)]
            with pytest.raises(csvpipe.IdempotencyConflictError):
                await pool.submit(pipeline, mended, parent=other, idempotency_key="k")

        assert jobs[0].id == jobs[1].id


async def test_blocking(tmp_path: Path, make_csv: Callable[..., Path]) -> None:
    """`csvpipe.run` takes one mended file, for a job of the store that it is given."""
    store, pipeline, folder = MemoryJobStore(), handling(Ledger()), tmp_path / "rejects"
    [record] = csvpipe.run(pipeline, make_csv(10, bad={3, 4}), store=store, rejects_dir=folder)
    mended = folder / "numbers.rejects.csv"
    mended.write_text(mended.read_text("utf-8").replace(",x,", ",7,"), "utf-8")
    [after] = csvpipe.run(pipeline, mended, store=store, parent=record.id, rejects_dir=folder)

    assert (2, 0, 0) == counts(after)
    assert 2 == store.get(record.id).resolved_rows
    with pytest.raises(ValueError, match="one mended rejects file at a time"):
        csvpipe.run(pipeline, mended, mended, store=store, parent=record.id)
