"""What `csvpipe.pipeline(...)` returns, for type checkers: which handlers it takes under which keywords."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING, Protocol, TypeVar, overload

from csvpipe.context import Context
from csvpipe.pipeline import Pipeline

if TYPE_CHECKING:
    from csvpipe.rowtypes.like import RecordBatchLike, RowLike

R = TypeVar("R")
T = TypeVar("T", bound="RowLike")
X = TypeVar("X", bound="RowLike")
B = TypeVar("B", bound="RecordBatchLike")
S = TypeVar("S")


class Decorator(Protocol):
    """What `pipeline(...)` returns: takes a row or a batch of them, and perhaps a Context."""

    @overload
    def __call__(self, handler: Callable[[T], R], /) -> Pipeline[[T], R]: ...
    @overload
    def __call__(self, handler: Callable[[T, Context], R], /) -> Pipeline[[T, Context], R]: ...
    @overload
    def __call__(self, handler: Callable[[list[T]], R], /) -> Pipeline[[list[T]], R]: ...
    @overload
    def __call__(self, handler: Callable[[list[T], Context], R], /) -> Pipeline[[list[T], Context], R]: ...


class SetupDecorator(Protocol[S]):
    """What `pipeline(setup=...)` returns: takes what `Decorator` does, and perhaps the resource after it."""

    @overload
    def __call__(self, handler: Callable[[T, S], R], /) -> Pipeline[[T, S], R]: ...
    @overload
    def __call__(self, handler: Callable[[T, Context, S], R], /) -> Pipeline[[T, Context, S], R]: ...
    @overload
    def __call__(self, handler: Callable[[list[T], S], R], /) -> Pipeline[[list[T], S], R]: ...
    @overload
    def __call__(self, handler: Callable[[list[T], Context, S], R], /) -> Pipeline[[list[T], Context, S], R]: ...
    @overload
    def __call__(self, handler: Callable[[T], R], /) -> Pipeline[[T], R]: ...
    @overload
    def __call__(self, handler: Callable[[T, Context], R], /) -> Pipeline[[T, Context], R]: ...
    @overload
    def __call__(self, handler: Callable[[list[T]], R], /) -> Pipeline[[list[T]], R]: ...
    @overload
    def __call__(self, handler: Callable[[list[T], Context], R], /) -> Pipeline[[list[T], Context], R]: ...


class TypedDecorator(Protocol[X]):
    """What `pipeline(row_type=X)` returns: takes X, `list[X]` or a batch of its columns, and perhaps a Context."""

    @overload
    def __call__(self, handler: Callable[[X], R], /) -> Pipeline[[X], R]: ...
    @overload
    def __call__(self, handler: Callable[[X, Context], R], /) -> Pipeline[[X, Context], R]: ...
    @overload
    def __call__(self, handler: Callable[[list[X]], R], /) -> Pipeline[[list[X]], R]: ...
    @overload
    def __call__(self, handler: Callable[[list[X], Context], R], /) -> Pipeline[[list[X], Context], R]: ...
    @overload
    def __call__(self, handler: Callable[[B], R], /) -> Pipeline[[B], R]: ...
    @overload
    def __call__(self, handler: Callable[[B, Context], R], /) -> Pipeline[[B, Context], R]: ...


class TypedSetupDecorator(Protocol[X, S]):
    """What `pipeline(row_type=X, setup=...)` returns: takes what `TypedDecorator` does, and perhaps the resource."""

    @overload
    def __call__(self, handler: Callable[[X, S], R], /) -> Pipeline[[X, S], R]: ...
    @overload
    def __call__(self, handler: Callable[[X, Context, S], R], /) -> Pipeline[[X, Context, S], R]: ...
    @overload
    def __call__(self, handler: Callable[[list[X], S], R], /) -> Pipeline[[list[X], S], R]: ...
    @overload
    def __call__(self, handler: Callable[[list[X], Context, S], R], /) -> Pipeline[[list[X], Context, S], R]: ...
    @overload
    def __call__(self, handler: Callable[[B, S], R], /) -> Pipeline[[B, S], R]: ...  # type: ignore[overload-overlap]
    @overload
    def __call__(self, handler: Callable[[B, Context, S], R], /) -> Pipeline[[B, Context, S], R]: ...
    @overload
    def __call__(self, handler: Callable[[X], R], /) -> Pipeline[[X], R]: ...
    @overload
    def __call__(self, handler: Callable[[X, Context], R], /) -> Pipeline[[X, Context], R]: ...
    @overload
    def __call__(self, handler: Callable[[list[X]], R], /) -> Pipeline[[list[X]], R]: ...
    @overload
    def __call__(self, handler: Callable[[list[X], Context], R], /) -> Pipeline[[list[X], Context], R]: ...
    @overload
    def __call__(self, handler: Callable[[B], R], /) -> Pipeline[[B], R]: ...
    @overload
    def __call__(self, handler: Callable[[B, Context], R], /) -> Pipeline[[B, Context], R]: ...
