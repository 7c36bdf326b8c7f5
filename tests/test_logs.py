"""Log records of csvpipe say by attributes which job they are about."""

import ast
import logging
from collections.abc import Callable
from pathlib import Path
from typing import Any
from uuid import uuid4

import pytest
from lost_lease import ForgetfulStore, imported_in_spite
from process_handlers import clumsily, single

import csvpipe
from csvpipe.jobs import JobRecord
from csvpipe.logs import about_job, about_pipeline

MakeCsv = Callable[..., Path]

SOURCES = sorted(Path(csvpipe.__file__).parent.rglob("*.py"))


def is_about(record: logging.LogRecord, job: JobRecord) -> bool:
    """Whether it says that it is about the job, wherever it shows."""
    said = {name: getattr(record, name, None) for name in ("job_id", "pipeline", "file")}
    return {"job_id": str(job.id), "pipeline": job.pipeline, "file": job.filename} == said


def test_no_attribute_is_one_of_every_record() -> None:
    """The standard library refuses an `extra` that would replace its own."""
    plain = vars(logging.makeLogRecord({}))
    job_id = csvpipe.JobId(uuid4())

    assert set() == plain.keys() & {*about_job(job_id), *about_pipeline("people")}


def test_what_names_a_job_names_it_in_extra() -> None:
    """Every call of the logger whose text is about a job or a pipeline has an `extra`."""
    silent = []
    for path in SOURCES:
        for node in ast.walk(ast.parse(path.read_text("utf-8"))):
            if not isinstance(node, ast.Call):
                continue
            called = ast.unparse(node.func)
            if called != "tell_failure" and not called.startswith("logger."):
                continue
            text = ast.unparse(node.args[called == "tell_failure"])
            names = {keyword.arg for keyword in node.keywords}
            if ("job %s" in text or "pipeline %r" in text) and "extra" not in names:
                silent.append(f"{path.name}: {text}")

    assert [] == silent


@pytest.mark.anyio
async def test_records_of_what_goes_wrong(make_csv: MakeCsv, caplog: pytest.LogCaptureFixture) -> None:
    """A lost lease, an event that nobody could take, a store that fails: each record has the job."""

    class Store(ForgetfulStore):
        fails = True

        def committed(self, job_id: csvpipe.JobId) -> Any:
            if self.fails:
                self.fails = False
                raise OSError("away")
            return super().committed(job_id)

    def refuse(_event: csvpipe.JobEvent) -> None:
        raise ValueError("no")

    record = await imported_in_spite(make_csv(50), caplog, Store(), on_event=refuse)

    texts = {each.msg for each in caplog.records}
    assert {
        "job %s: its lease is lost; another worker may have it",
        "job %s: the store failed; another attempt follows",
        "on_event raised at %s of job %s",
    } <= texts
    assert [] == [each.getMessage() for each in caplog.records if not is_about(each, record)]
    assert {1, 2} <= {getattr(each, "attempt", None) for each in caplog.records}


def test_a_worker_process_that_dies(
    make_faults: Callable[..., Path], shared: Path, caplog: pytest.LogCaptureFixture
) -> None:
    """The record says which job its row was of."""
    [record] = csvpipe.run(single, make_faults(5, {3: "exit"}), executor="process", workers=1)

    lost = [each for each in caplog.records if "a worker process was lost" in each.msg]
    assert lost
    assert all(is_about(each, record) for each in lost)


def test_what_is_no_single_jobs(
    make_faults: Callable[..., Path], shared: Path, caplog: pytest.LogCaptureFixture
) -> None:
    """A resource that cannot be left is its pipeline's."""
    csvpipe.run(clumsily, make_faults(5), executor="process", workers=1)

    [left] = [each for each in caplog.records if "its setup failed at the end" in each.msg]
    assert ("clumsily", False) == (getattr(left, "pipeline", None), hasattr(left, "job_id"))
