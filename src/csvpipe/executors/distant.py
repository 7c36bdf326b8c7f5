"""A chunk as a task for an executor of the application: in a thread, in another process, on another machine.

The task is called with nothing and returns an `Answer`. What it raises itself is in the answer, so whatever else the
executor's future raises is the executor's trouble. It may be done more than once: it writes nothing where another one
of the same chunk could, and carries home what would lie in the spool.
"""

from __future__ import annotations

import math
import tempfile
import zlib
from collections.abc import Iterator
from functools import partial
from itertools import pairwise
from pathlib import Path
from typing import Any, Final
from uuid import uuid4

import attrs

from csvpipe._intake.carried import CarriedFile
from csvpipe._intake.inspection import JobPlan
from csvpipe._intake.source import read_errors
from csvpipe._partition.chunk import CUT_BYTES, Chunk
from csvpipe._process.resources import Resources
from csvpipe._process.result import ChunkResult, nothing_done
from csvpipe._process.run import run_of
from csvpipe._process.stopping import StopSignal
from csvpipe._process.timed import free_turn
from csvpipe._process.turn import Turn
from csvpipe._process.work import Allowance, JobWork, source_failure
from csvpipe.errors import FileCode, FileError, FileFailure, MissingExtraError
from csvpipe.executors.process.address import Address, UnreachableError, address_of, load
from csvpipe.executors.process.messages import job_of, portable, terms_of
from csvpipe.executors.worker import leave
from csvpipe.observing import Handling

#: Row errors are much alike, so that the quickest way of zlib makes a tenth of them.
_LEVEL: Final = 1


@attrs.frozen(kw_only=True)
class Answer:
    """What a task brings back.

    Attributes:
        result: Of the chunk; None if `error` or `is_out_of_reach` says why.
        spill: What is to stand in the spill that the result names, compressed.
        error: What was raised that is no row's fault and no file's.
        handling: How long rows were with the handler, if that was to be noted and this process did not do it.
        is_out_of_reach: Whether the file is not there, or not the same one: then nothing was done.
    """

    result: ChunkResult | None = None
    spill: bytes | None = attrs.field(default=None, repr=False)
    error: BaseException | None = None
    handling: Handling | None = None
    is_out_of_reach: bool = False

    def spilled(self) -> bytes | None:
        """What is to stand in the spill; None if there is none, or if it stands there."""
        return None if self.spill is None else zlib.decompress(self.spill)


class ChunkTask:
    """Handles a chunk wherever it is called. Where it is pickled on the way there, the pipeline travels by its name.

    What `setup` enters is left again at the end: nobody tells an executor's worker when it was the last chunk.

    Args:
        job: Shared by all chunks of the job.
        chunk: What to do.
        allowance: What the result may carry.
        stop: Set when the task is to return what it has. It does not reach another process.
        turn: The hold on this process's interpreter.
        carried: The chunk's bytes, where the file is not.
    """

    def __init__(
        self,
        job: JobWork,
        chunk: Chunk,
        allowance: Allowance,
        *,
        stop: StopSignal,
        turn: Turn,
        carried: CarriedFile | None = None,
    ) -> None:
        self._job = job
        self._chunk = chunk
        self._allowance = allowance
        self._stop = stop
        self._turn = turn
        self._carried = carried

    def __repr__(self) -> str:
        return f"<ChunkTask [{self._chunk.start}, {self._chunk.end}) of {self._job!r}>"

    def __reduce__(self) -> tuple[Any, ...]:
        address, terms = address_of(self._job.pipeline), terms_of(self._job)
        if self._carried is not None:
            terms["plan"] = attrs.evolve(self._job.plan, source=self._carried)
            if len(self._carried.pieces) != 1:  # a line that nobody reads has stayed at home
                terms["columns_from_bytes"] = math.inf
        return partial(_DistantTask, is_timed=self._turn.is_timed), (address, terms, self._chunk, self._allowance)

    def __dask_tokenize__(self) -> str:
        """No two tasks are the same: Dask would take the result of one for that of the other."""
        return uuid4().hex

    def __call__(self) -> Answer:
        """Run until the chunk is done, or its time is up."""
        resources = Resources()
        try:
            run = run_of(self._job, self._chunk, self._allowance, stop=self._stop, turn=self._turn)
            return Answer(result=run(resources))
        except Exception as error:  # noqa: BLE001  # it travels
            return Answer(error=error)
        finally:
            leave(resources)


class _DistantTask:
    """A `ChunkTask` that has arrived in another process; makes its job there."""

    def __init__(
        self, address: Address, terms: dict[str, Any], chunk: Chunk, allowance: Allowance, *, is_timed: bool
    ) -> None:
        self._address = address
        self._terms = terms
        self._chunk = chunk
        self._allowance = allowance
        self._is_timed = is_timed

    def __call__(self) -> Answer:
        if not _is_in_reach(self._terms["plan"]):
            return Answer(is_out_of_reach=True)
        with tempfile.TemporaryDirectory(prefix="csvpipe-") as folder:
            return self._answer(Path(folder))

    def _answer(self, folder: Path) -> Answer:
        spill = None if self._allowance.spill is None else folder / Path(self._allowance.spill).name
        allowance = self._allowance._replace(spill=None if spill is None else str(spill))
        try:
            job = job_of(load(self._address), self._terms)
        except FileError as error:
            return Answer(result=nothing_done(self._chunk, source_failure(error)))
        except UnreachableError as error:
            message = f"{error.message}; make sure that it can be imported there, then retry the job"
            return Answer(result=nothing_done(self._chunk, FileFailure(code=FileCode.ABORTED, message=message)))
        turn = free_turn(is_timed=self._is_timed)
        answer = ChunkTask(job, self._chunk, allowance, stop=StopSignal(), turn=turn)()
        answer = attrs.evolve(answer, handling=turn.handling())
        if answer.error is not None:
            return attrs.evolve(answer, error=portable(answer.error))
        if spill is None or answer.result is None or answer.result.spill is None:
            return answer
        return attrs.evolve(answer, spill=zlib.compress(spill.read_bytes(), _LEVEL))


def carry(plan: JobPlan, chunk: Chunk) -> CarriedFile:
    """Read the bytes of a chunk, for a worker that does not reach the file; of a line that is too large, none.

    Raises:
        FileError: `source_failed`, `source_changed` and their like.
    """
    source = plan.source
    assert source is not None, "a job without a file has no chunks"  # noqa: S101  # refused at intake
    with read_errors(source.path):
        return CarriedFile.of(source, _joined(chunk, most=plan.limits.row_bytes + CUT_BYTES))


def _joined(chunk: Chunk, *, most: int) -> Iterator[tuple[int, int]]:
    """What is read of a chunk, in as few ranges as there can be."""
    begin = chunk.start
    for start, end in pairwise((chunk.start, *chunk.cuts, chunk.end)):
        if end - start > most:
            if begin < start:
                yield begin, start
            begin = end
    if begin < chunk.end:
        yield begin, chunk.end


def _is_in_reach(plan: JobPlan) -> bool:
    """Whether the file is here, and the same one by all that is known of it."""
    try:
        assert plan.source is not None, "a job without a file has no chunks"  # noqa: S101  # refused at intake
        plan.source.open().close()
    except (FileError, MissingExtraError):
        return False
    return True
