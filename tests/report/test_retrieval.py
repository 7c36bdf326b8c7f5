"""Row errors back out of a store, together with those that were spilled."""

import csv
import io
from collections.abc import Callable
from pathlib import Path

import pytest

import csvpipe
from csvpipe._intake.arrival.spool import Spool
from csvpipe._report import progress
from csvpipe._report.retrieval import write_job_rejects
from csvpipe.jobs import JobStatus

pytestmark = pytest.mark.anyio

MakeCsv = Callable[..., Path]


@csvpipe.pipeline
def reject_all(row: csvpipe.Row) -> None:
    """No row is good enough."""
    raise csvpipe.Reject("never", column="id")


async def test_more_errors_than_the_store_takes(make_csv: MakeCsv, tmp_path: Path) -> None:
    """What is over the budget is spilled, and the rejects file has it all, in file order."""
    rows, dest = 12_000, io.BytesIO()
    async with csvpipe.WorkerPool(pipelines=[reject_all], spool_dir=tmp_path / "spool") as pool:
        job = await pool.submit(reject_all, make_csv(rows))
        record = await job.wait()
        summary = await job.error_summary()
        stored = await job.row_errors(limit=rows)
        spills = len(list((tmp_path / "spool").glob("*.errors")))
        written = await job.write_rejects(dest)
        await job.delete()

    assert (rows, rows, rows) == (record.failed_rows, summary[0].errors, written)
    assert len(stored) < rows
    assert spills > 0
    lines = list(csv.reader(io.StringIO(dest.getvalue().decode())))
    assert [str(row) for row in range(1, rows + 1)] == [line[0] for line in lines[1:]]
    assert [] == list((tmp_path / "spool").glob("[!.]*"))


async def test_a_spill_that_is_gone(make_csv: MakeCsv, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Rejects that cannot be complete are not written at all."""
    monkeypatch.setattr(progress, "STORED_ERRORS", 100)  # so that there is a spill, however often a worker comes back
    async with csvpipe.WorkerPool(pipelines=[reject_all], spool_dir=tmp_path / "spool") as pool:
        job = await pool.submit(reject_all, make_csv(2_000))
        await job.wait()
        for spill in (tmp_path / "spool").glob("*.errors"):
            spill.unlink()
        with pytest.raises(csvpipe.SourceGoneError, match="spool_dir="):
            await job.write_rejects(tmp_path / "rejects.csv")

    assert not (tmp_path / "rejects.csv").exists()


async def test_a_source_that_is_gone(make_csv: MakeCsv, tmp_path: Path) -> None:
    """Raw text is read from the file, which must still be there; nothing half is left behind."""
    path, folder = make_csv(5), tmp_path / "out"
    folder.mkdir()
    async with csvpipe.WorkerPool(pipelines=[reject_all]) as pool:
        job = await pool.submit(reject_all, path)
        await job.wait()
        path.unlink()
        with pytest.raises(csvpipe.SourceGoneError):
            await job.write_rejects(folder / "rejects.csv")

    assert [] == list(folder.iterdir())


async def test_a_file_that_was_refused_has_no_rejects(tmp_path: Path) -> None:
    """A job that failed at intake says so."""
    async with csvpipe.WorkerPool(pipelines=[reject_all]) as pool:
        job = await pool.submit(reject_all, b"")
        await job.wait()
        with pytest.raises(csvpipe.SourceGoneError, match="refused as a whole"):
            await job.write_rejects(tmp_path / "rejects.csv")


async def test_rejects_may_be_written_after_the_pool(make_csv: MakeCsv, tmp_path: Path) -> None:
    """The handle outlives its pool; a path as text will do."""
    store = csvpipe.MemoryJobStore()
    async with csvpipe.WorkerPool(store, pipelines=[reject_all]) as pool:
        job = await pool.submit(reject_all, make_csv(5))

    assert 5 == await job.write_rejects(str(tmp_path / "a.csv"))
    assert 5 == write_job_rejects(tmp_path / "b.csv", store, job.id, Spool())
    assert (tmp_path / "a.csv").read_bytes() == (tmp_path / "b.csv").read_bytes()


async def test_totals_are_exact_after_a_retry(
    make_csv: MakeCsv, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Also where the store holds none of the errors, and the job was given up in between."""
    monkeypatch.setattr("csvpipe._report.progress.STORED_ERRORS", 0)
    given_up = set[int]()

    def handle(row: csvpipe.Row) -> None:
        if row.number == 3_000 and not given_up:
            given_up.add(row.number)
            raise csvpipe.Abort("not now")
        if row.number % 2:
            raise csvpipe.Reject("odd", column="id", code="odd")
        raise csvpipe.Reject("even")

    pipeline = csvpipe.pipeline(handle, name="twice")
    async with csvpipe.WorkerPool(pipelines=[pipeline], spool_dir=tmp_path / "spool", workers=2) as pool:
        job = await pool.submit(pipeline, make_csv(6_000))
        assert JobStatus.FAILED is (await job.wait()).status
        before = sum(total.errors for total in await job.error_summary())
        await job.retry()
        record = await job.wait()
        totals = await job.error_summary()
        rows = await job.write_rejects(tmp_path / "rejects.csv")
        stored = await job.row_errors()

    assert (JobStatus.COMPLETED, 6_000, 6_000) == (record.status, record.failed_rows, rows)
    assert 0 < before < 6_000
    assert [] == stored
    assert [("odd", "id", 3_000), ("rejected", None, 3_000)] == [(t.code, t.column, t.errors) for t in totals]
    assert [[1, 3, 5], [2, 4, 6]] == [[sample.row for sample in total.samples] for total in totals]
