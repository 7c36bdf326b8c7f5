"""What `with` and `for` say of things that are for `async with` and `async for`, instead of Python's own words.

Type checkers are not told of it: for them, as before, there is no such method.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Final, NoReturn

_WAY_OUT: Final = "in a coroutine; without one there are csvpipe.run and csvpipe.BlockingWorkerPool"


class AsyncContext:
    """For `async with` alone."""

    if not TYPE_CHECKING:

        def __enter__(self) -> NoReturn:
            raise TypeError(f"{type(self).__name__} is for `async with`, {_WAY_OUT}")

        def __exit__(self, *_: object) -> None:  # pragma: no cover  # Python looks for it before it enters
            pass


class AsyncEvents:
    """For `async for` alone."""

    if not TYPE_CHECKING:

        def __iter__(self) -> NoReturn:
            raise TypeError(f"{type(self).__name__} is for `async for`, {_WAY_OUT}")
