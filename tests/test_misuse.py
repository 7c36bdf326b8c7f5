"""One thing in place of another: what is said then has the way out."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import attrs
import pytest

import csvpipe


@attrs.frozen
class Person:
    id: int
    email: str


@csvpipe.pipeline
def load(row: Person) -> None:
    """Nothing."""


@pytest.fixture
def file(tmp_path: Path) -> Path:
    """A file of one person."""
    path = tmp_path / "people.csv"
    path.write_text("id,email\n1,ana@example.org\n", "utf-8")
    return path


@pytest.mark.anyio
class TestAsyncOnly:
    """Python's own words for a forgotten `async` name no way out."""

    async def test_a_pool(self) -> None:
        """It is for `async with`, and was not entered by the attempt."""
        pool: Any = csvpipe.WorkerPool(pipelines=[load])
        with pytest.raises(TypeError, match=r"WorkerPool is for `async with`, .* csvpipe.BlockingWorkerPool"), pool:
            pass
        async with pool:
            pass

    async def test_events(self, file: Path) -> None:
        """They are for `async for`, those of a job, of a pool and of a watcher."""
        store = csvpipe.MemoryJobStore()
        async with csvpipe.WorkerPool(store, pipelines=[load]) as pool:
            job = await pool.submit(load, file)
            several: list[Any] = [job.events(), pool.events(), csvpipe.watch(store, job.id)]
            for events in several:
                with pytest.raises(TypeError, match="Events is for `async for`"):
                    iter(events)
            with pytest.raises(TypeError, match="JobEvents is for `async with`"), several[0]:
                pass

    async def test_a_pool_that_is_not_open(self) -> None:
        """Before its block and after it the message says where it can be used."""
        pool = csvpipe.WorkerPool(pipelines=[load])
        for use in (pool.drain, pool.stop):
            with pytest.raises(csvpipe.PoolClosedError, match="use it within `async with`"):
                await use()
        async with pool:
            await pool.stop()
            with pytest.raises(csvpipe.PoolClosedError, match="is stopping: submit to a new one"):
                await pool.drain()
        with pytest.raises(csvpipe.PoolClosedError, match=r"is closed: .* open a new one"):
            await pool.drain()


class TestFiles:
    """What is given for a file."""

    def test_a_list(self, file: Path) -> None:
        """Several files are several arguments."""
        files: Any = [file, file]
        with pytest.raises(TypeError, match=r"not list; several files go as csvpipe.run\(pipeline, \*files\)"):
            csvpipe.run(load, files)

    def test_the_wrong_way_round(self, file: Path) -> None:
        """The pipeline comes first."""
        swapped: Any = (file, load)
        with pytest.raises(csvpipe.PipelineError, match="the pipeline comes first, then the files"):
            csvpipe.run(*swapped)
        with pytest.raises(TypeError, match="the pipeline comes first, then the files"):
            csvpipe.run(load, *swapped)

    @pytest.mark.anyio
    async def test_of_a_pool(self, file: Path) -> None:
        """The same; and one path is no list of files, though its letters are."""
        swapped: Any = (str(file), load)
        async with csvpipe.WorkerPool(pipelines=[load]) as pool:
            with pytest.raises(TypeError, match=r"comes first, then the file: submit\(load, '.*people.csv'\)"):
                await pool.submit(*swapped)
            with pytest.raises(TypeError, match=r"takes a list of files, not '.*people.csv'; write \[...\] around it"):
                await pool.submit_many(load, str(file))
            assert 0 == (await pool.jobs()).total


@pytest.mark.parametrize("given", [";", "|", "excel", 7])
def test_a_dialect(file: Path, given: Any) -> None:
    """A delimiter is not one yet; the message has it where it belongs."""
    delimiter = given if given == "|" else ";"
    message = rf"not {given!r}; write dialect=csvpipe.Dialect\(delimiter='{delimiter}'\)".replace("|", r"\|")
    with pytest.raises(TypeError, match=message):
        csvpipe.run(load, file, dialect=given)
    with pytest.raises(TypeError, match=message):
        csvpipe.inspect(file, dialect=given)
    with pytest.raises(csvpipe.PipelineError, match=message):
        csvpipe.pipeline(dialect=given)(load.function)


@pytest.mark.parametrize(
    ("policies", "message"),
    [
        (
            {"columns": ("id", "emial")},
            r"columns= does not name 'email' \(did you mean 'emial'\?\), which P",
        ),
        ({"header": ("id", "emial")}, r"header= does not name 'email' .* it names 'id', 'emial'"),
        ({"sensitive": ("emial",)}, r"sensitive= names no field of Person: 'emial' \(did you mean 'email'\?\)"),
        ({"columns": {"email": "E-Mail"}}, r"not a mapping; to name the column of a field, annotate it"),
    ],
)
def test_names_of_columns(policies: dict[str, Any], message: str) -> None:
    """A slip is seen when the pipeline is declared, with what was meant."""
    with pytest.raises(csvpipe.PipelineError, match=message):
        csvpipe.pipeline(**policies)(load.function)
