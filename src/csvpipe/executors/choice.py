"""From what a caller says of the executor to a crew."""

from __future__ import annotations

import os
from collections.abc import Mapping
from concurrent.futures import Executor
from typing import Any, Final, Literal, TypeAlias

from csvpipe.errors import PipelineError
from csvpipe.executors.worker import Crew, ThreadCrew
from csvpipe.pipeline import Pipeline

#: Who runs handlers that are no coroutines.
ExecutorChoice: TypeAlias = Literal["thread", "process"] | Executor

#: Threads mostly wait: for a database, for a service.
_THREADS: Final = 10

#: Classes of executors that pickle what they are given: the standard library's, loky's, and MPI's.
_PICKLING: Final = frozenset({"ProcessPoolExecutor", "InterpreterPoolExecutor", "MPIPoolExecutor"})


def crew_for(executor: ExecutorChoice, workers: int | None, pipelines: Mapping[str, Pipeline[..., Any]]) -> Crew:
    """The crew that a caller wants.

    Args:
        executor: Who runs handlers.
        workers: How many; None for what suits the executor.
        pipelines: That are to be run.

    Raises:
        PipelineError: The executor cannot run one of them.
        ValueError: There is no such executor.
    """
    if executor == "thread":
        return ThreadCrew(_THREADS if workers is None else workers)
    handled = {name: pipeline for name, pipeline in pipelines.items() if not pipeline.signature.is_async}
    if executor == "process":
        # Late, like those below: whoever has no use for other processes does not pay for them.
        from csvpipe.executors.process.address import address_of  # noqa: PLC0415
        from csvpipe.executors.process.crew import ProcessCrew  # noqa: PLC0415

        addresses = {name: address_of(pipeline) for name, pipeline in handled.items()}
        return ProcessCrew(processors() if workers is None else workers, addresses)
    if not isinstance(executor, Executor):
        raise ValueError(  # noqa: TRY004  # a wrong word, mostly
            "executor must be 'thread', 'process' or a concurrent.futures.Executor, "
            f"not {executor!r}{_way_out(executor)}"
        )
    from csvpipe.executors.foreign import ForeignCrew  # noqa: PLC0415

    for name, pipeline in handled.items():
        if pipeline.timeout is not None:
            raise PipelineError(
                f"pipeline {name!r}: timeout= cannot be kept in an executor that is not csvpipe's own; use "
                "executor='process' or 'thread', or leave timeout= out"
            )
    if _is_pickling(executor):  # of others nobody knows: there the jobs tell it
        from csvpipe.executors.process.address import address_of  # noqa: PLC0415

        for pipeline in handled.values():
            address_of(pipeline)
    return ForeignCrew(executor, _size_of(executor) if workers is None else workers)


def _way_out(given: object) -> str:
    return "; of a Dask client take client.get_executor()" if hasattr(given, "get_executor") else ""


def _is_pickling(executor: Executor) -> bool:
    """Whether an executor is known to pickle tasks; Dask does so for workers in this process, too."""
    return _is_of_dask(executor) or not _PICKLING.isdisjoint(kind.__name__ for kind in type(executor).__mro__)


def _is_of_dask(executor: Executor) -> bool:
    return type(executor).__module__.partition(".")[0] == "distributed"


def _size_of(executor: Executor) -> int:
    """As many as an executor does at once; of others than the standard library's what their cluster says, if any."""
    most = getattr(executor, "_max_workers", None)
    if most is None and _is_of_dask(executor):
        from csvpipe.executors.dask import threads_of  # noqa: PLC0415

        most = threads_of(executor)
    return most if isinstance(most, int) and most > 0 else processors()


def processors() -> int:
    """How many processors this process may use."""
    count: int | None = getattr(os, "process_cpu_count", os.cpu_count)()
    return count or 1
