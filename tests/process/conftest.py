"""A file of a few lines, ready to be handled chunk by chunk."""

from __future__ import annotations

import itertools
from collections.abc import Callable
from pathlib import Path
from typing import Any
from uuid import UUID

import pytest

from csvpipe._intake.inspection import Inspection, JobPlan
from csvpipe._intake.source import LocalFile
from csvpipe._partition.chunk import Chunk
from csvpipe._partition.cut import cut_chunks
from csvpipe._process.result import ChunkResult
from csvpipe._process.run import ChunkRun, Resources
from csvpipe._process.stopping import StopSignal
from csvpipe._process.turn import Habit, Turn
from csvpipe._process.work import Allowance, ChunkWork, JobWork
from csvpipe.context import Context
from csvpipe.dialect import Dialect
from csvpipe.executors.gate import CpuGate
from csvpipe.jobs import JobId
from csvpipe.limits import Limits
from csvpipe.pipeline import Pipeline

ROOT = JobId(UUID(int=1))


class FakeClock:
    """Time that passes only when told to, or by so much at each look."""

    def __init__(self, step: float = 0.0) -> None:
        self.now = 0.0
        self.step = step

    def __call__(self) -> float:
        """The time; the next look sees a later one."""
        self.now += self.step
        return self.now


class Import:
    """One file and the pipeline that it is meant for. The first line names the columns."""

    def __init__(
        self,
        path: Path,
        pipeline: Pipeline[..., Any],
        text: str | bytes,
        *,
        dialect: Dialect | None = None,
        encoding: str = "utf-8",
        dry_run: bool = False,
        limits: Limits | None = None,
        columns_from_bytes: float | None = None,
        sample_rows: tuple[tuple[str, ...], ...] = (),
    ) -> None:
        data = text if isinstance(text, bytes) else text.encode(encoding)
        path.write_bytes(data)
        dialect = dialect or Dialect()
        header, _, _ = data.partition(b"\n")
        inspection = Inspection(
            encoding=encoding,
            dialect=dialect,
            columns=tuple(header.decode(encoding).split(dialect.delimiter)),
            data_start=len(header) + 1,
            data_line=2,
            sample_rows=sample_rows,
        )
        self.path = path
        self.source = LocalFile.at(path)
        self.inspection = inspection
        plan = JobPlan(source=self.source, inspection=inspection, limits=limits or Limits(), dry_run=dry_run)
        context = Context(
            job_id=JobId(UUID(int=7)),
            root_id=ROOT,
            filename="people.csv",
            owner="ana",
            attempt=1,
            dry_run=dry_run,
        )
        self.job = JobWork(pipeline, plan, context, columns_from_bytes=columns_from_bytes)

    def chunks(self, chunk_bytes: int = 1_000_000, cut_bytes: int = 65_536) -> list[Chunk]:
        """The whole file, cut."""
        return list(
            cut_chunks(
                self.source,
                self.inspection,
                self.job.plan.limits,
                start=self.inspection.data_start,
                end=self.source.size,
                first_row=1,
                first_line=2,
                chunk_bytes=chunk_bytes,
                cut_bytes=cut_bytes,
            )
        )

    def work(self, chunk: Chunk | None = None, *, budget: int = 1_000, spill: str | None = None) -> ChunkWork:
        """A chunk in hand, the whole file unless stated."""
        return ChunkWork(self.job, chunk or self.chunks()[0], Allowance(error_budget=budget, spill=spill))

    def prepare(
        self,
        chunk: Chunk | None = None,
        *,
        budget: int = 1_000,
        spill: str | None = None,
        stop: StopSignal | None = None,
        clock: Callable[[], float] | None = None,
        turn: Turn | None = None,
    ) -> ChunkRun:
        """A run of a chunk, the whole file unless stated, in which no time passes."""
        return ChunkRun(
            self.job,
            chunk or self.chunks()[0],
            Allowance(error_budget=budget, spill=spill),
            stop=stop or StopSignal(),
            turn=turn or Turn(CpuGate(1), Habit()),
            clock=clock or FakeClock(),
        )

    def run(self, chunk: Chunk | None = None, **options: Any) -> ChunkResult:
        """Run a chunk, the whole file unless stated."""
        return self.prepare(chunk, **options)(Resources())

    def run_all(self, chunks: list[Chunk], *, stop: StopSignal | None = None, **options: Any) -> list[ChunkResult]:
        """Run chunks one after the other, and what short results leave over."""
        results = []
        queue = list(chunks)
        while queue:
            chunk = queue.pop(0)
            results.append(self.run(chunk, stop=stop, **options))
            if stop is not None:
                stop.clear()
            if (rest := results[-1].rest_of(chunk)) is not None:
                assert results[-1].failure is None
                queue.insert(0, rest)
        return results


@pytest.fixture(scope="session")
def imports(tmp_path_factory: pytest.TempPathFactory) -> Callable[..., Import]:
    """Make an `Import`; its file is overwritten by the next one's after a while."""
    folder = tmp_path_factory.mktemp("imports")
    names = itertools.count()

    def make(pipeline: Pipeline[..., Any], text: str | bytes, **options: Any) -> Import:
        return Import(folder / f"{next(names) % 8}.csv", pipeline, text, **options)

    return make


@pytest.fixture(scope="session")
def fake_clock() -> type[FakeClock]:
    """The class of clocks that are moved by hand."""
    return FakeClock
