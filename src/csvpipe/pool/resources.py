"""What the `setup` of async pipelines enters, once a pool."""

from __future__ import annotations

import logging
from contextlib import AbstractAsyncContextManager, AbstractContextManager, AsyncExitStack
from typing import Any

import anyio
from anyio.abc import TaskGroup

from csvpipe._process.conduct import EndedError, exhausted
from csvpipe._process.resources import aborted, no_manager
from csvpipe.errors import Abort
from csvpipe.executors.loop import is_cancelled_from_outside
from csvpipe.logs import about_pipeline
from csvpipe.pipeline import Pipeline

logger = logging.getLogger("csvpipe")


class LoopResources:
    """Enters each pipeline's context manager in a task of its own, and leaves it in the same one.

    A context manager may hold a task group, which must be left by the task that entered it; whoever needs the resource
    first is seldom the one who needs it last.
    """

    def __init__(self) -> None:
        self._holdings: dict[str, _Holding] = {}
        self._outdated: list[_Holding] = []

    def __repr__(self) -> str:
        return f"<LoopResources {sorted(self._holdings)}>"

    async def get(self, pipeline: Pipeline[..., Any], tasks: TaskGroup) -> Any:
        """The resource of `pipeline`, entered on first use in a task of `tasks`.

        Raises:
            EndedError: It could not be entered, however often the pipeline's `retry` lets it be tried.
        """
        for attempt in range(1, pipeline.retry.attempts + 1):
            holding = self._holdings.get(pipeline.name)
            if holding is None:
                holding = self._holdings[pipeline.name] = _Holding(pipeline)
                tasks.start_soon(holding.hold)
            await holding.settled.wait()
            if holding.error is None:
                return holding.value
            if self._holdings.get(pipeline.name) is holding:
                del self._holdings[pipeline.name]
            if isinstance(holding.error, EndedError):
                raise holding.error
            if attempt == pipeline.retry.attempts:
                raise EndedError(exhausted(holding.error, attempt)) from holding.error
            await anyio.sleep(pipeline.retry.delay_seconds(attempt))
        raise AssertionError("a retry has at least one attempt")  # pragma: no cover

    def outdate(self, pipeline: Pipeline[..., Any]) -> None:
        """After an outage: whoever asks next enters a new one; the old one, which some may still use, is left last."""
        holding = self._holdings.pop(pipeline.name, None)
        if holding is not None:
            self._outdated.append(holding)

    async def close(self, grace_seconds: float) -> None:
        """Leave everything, and wait until that is done; what takes longer than the grace is cancelled."""
        holdings = [*self._outdated, *self._holdings.values()]
        for holding in holdings:
            holding.let_go()
        with anyio.move_on_after(grace_seconds):
            for holding in holdings:
                await holding.left.wait()
        for holding in holdings:
            holding.scope.cancel()
            await holding.left.wait()


class _Holding:
    """One entered resource, or the error that entering it raised."""

    def __init__(self, pipeline: Pipeline[..., Any]) -> None:
        self._pipeline = pipeline
        self._leave = anyio.Event()
        self.scope = anyio.CancelScope()
        self.settled = anyio.Event()
        self.left = anyio.Event()
        self.value: Any = None
        self.error: BaseException | None = None

    def let_go(self) -> None:
        """Leave the resource; one that is only being entered is not waited for."""
        self._leave.set()
        if not self.settled.is_set():
            self.scope.cancel()

    async def hold(self) -> None:
        """Enter, wait to be let go, and leave; never raises what the application's code raises."""
        try:
            with self.scope:
                async with AsyncExitStack() as stack:
                    self.value = await _enter(self._pipeline, stack)
                    self.settled.set()
                    await self._leave.wait()
        except Abort as error:
            self.error = aborted(self._pipeline, error)
        except (KeyboardInterrupt, GeneratorExit):
            raise
        except BaseException as error:  # the application's code
            if is_cancelled_from_outside():
                raise
            if self.settled.is_set():
                logger.exception(
                    "pipeline %r: its setup failed at the end",
                    self._pipeline.name,
                    extra=about_pipeline(self._pipeline.name),
                )
            self.error = error
        finally:
            if not self.settled.is_set() and self.error is None:
                self.error = RuntimeError("the pool ended while the setup was entered")
            self.settled.set()
            self.left.set()


async def _enter(pipeline: Pipeline[..., Any], stack: AsyncExitStack) -> Any:
    assert pipeline.setup is not None, "only asked for with a setup"  # noqa: S101
    manager: object = pipeline.setup()
    if isinstance(manager, AbstractAsyncContextManager):
        return await stack.enter_async_context(manager)
    if isinstance(manager, AbstractContextManager):
        return stack.enter_context(manager)
    raise no_manager(pipeline, manager)
