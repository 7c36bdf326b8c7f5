"""What pipelines have in a worker thread: what their `setup` entered, and sessions with their sinks."""

from __future__ import annotations

from contextlib import AbstractContextManager
from typing import Any

from csvpipe._process.conduct import EndedError
from csvpipe._process.said import text_of
from csvpipe.errors import Abort, FileCode, FileFailure
from csvpipe.pipeline import Pipeline
from csvpipe.sink import SinkSession


class Resources:
    """What pipelines' `setup` entered in one worker thread, and their sinks' sessions; left when the worker ends."""

    def __init__(self) -> None:
        self._entered: dict[str, tuple[AbstractContextManager[Any], Any]] = {}
        self._sessions: dict[str, SinkSession] = {}

    def __repr__(self) -> str:
        return f"<Resources of {sorted(self._entered)}>"

    def get(self, pipeline: Pipeline[..., Any]) -> Any:
        """The resource of `pipeline`, entered on first use.

        Raises:
            EndedError: `setup` returned no context manager, or raised `Abort`.
            BaseException: Whatever else `setup` or entering it raises; then the next `get` tries again.
        """
        if pipeline.name not in self._entered:
            try:
                self._entered[pipeline.name] = _enter(pipeline)
            except Abort as error:
                raise aborted(pipeline, error) from error
        return self._entered[pipeline.name][1]

    def session(self, pipeline: Pipeline[..., Any]) -> SinkSession:
        """The worker's session with the pipeline's sink, opened on first use."""
        if pipeline.name not in self._sessions:
            assert pipeline.sink is not None, "only asked for with a sink"  # noqa: S101
            self._sessions[pipeline.name] = pipeline.sink.open()
        return self._sessions[pipeline.name]

    def close(self) -> list[tuple[str, BaseException]]:
        """Leave everything, last entered first; what went wrong is returned by pipeline, not raised."""
        while self._sessions:
            self._sessions.popitem()[1].close()
        troubles: list[tuple[str, BaseException]] = []
        while self._entered:
            name, (manager, _) = self._entered.popitem()
            try:
                manager.__exit__(None, None, None)
            except BaseException as error:  # noqa: BLE001  # the application's code, in a thread of ours
                troubles.append((name, error))
        return troubles


def _enter(pipeline: Pipeline[..., Any]) -> tuple[AbstractContextManager[Any], Any]:
    assert pipeline.setup is not None, "only asked for with a setup"  # noqa: S101
    manager = pipeline.setup()
    if not isinstance(manager, AbstractContextManager):
        raise no_manager(pipeline, manager)
    return manager, manager.__enter__()


def aborted(pipeline: Pipeline[..., Any], error: Abort) -> EndedError:
    """What it means for a job that its pipeline's `setup` raised `Abort`."""
    message = f"setup of pipeline {pipeline.name!r} gave the file up: {text_of(error)}"
    return EndedError(FileFailure(code=FileCode.ABORTED, message=message))


def no_manager(pipeline: Pipeline[..., Any], given: object) -> EndedError:
    """What it means for a job that its pipeline's `setup` returned something else than a context manager."""
    message = f"setup of pipeline {pipeline.name!r} must return a context manager, not {given!r}"
    return EndedError(FileFailure(code=FileCode.ABORTED, message=message))
