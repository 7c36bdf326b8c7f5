"""All that can be called with a row is a handler."""

from __future__ import annotations

import functools
from typing import TYPE_CHECKING, Any

import attrs
import pytest

from csvpipe.context import Context
from csvpipe.errors import PipelineError
from csvpipe.handlers import HandlerSignature, read_handler
from csvpipe.rowtypes import Row, Shape, read_row_type

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Callable, Iterator


@attrs.frozen
class AttrsThing:
    """A row type."""

    size: int


def read(function: Callable[..., object], row_type: Any = None, *, has_setup: bool = False) -> HandlerSignature:
    """The handler's signature, without a setup unless there is one."""
    return read_handler(function, row_type=row_type, has_setup=has_setup)


def signature(**changes: Any) -> HandlerSignature:
    """That of a plain handler of rows, but for the changes."""
    plain = HandlerSignature(
        shape=Shape.ROW, row_schema=None, is_batch=False, takes_context=False, takes_resource=False, is_async=False
    )
    return attrs.evolve(plain, **changes)


def handle(row: Row) -> None:
    """Do nothing."""


def with_both(row: Row, ctx: Context, db: object) -> None:
    """Do nothing."""


class Importer:
    """Handlers as methods and as the object itself."""

    def plain(self, row: Row) -> None:
        """Do nothing."""

    async def waiting(self, row: Row, ctx: Context) -> None:
        """Do nothing."""

    @classmethod
    def of_class(cls, row: Row) -> None:
        """Do nothing."""

    @staticmethod
    def static(row: Row) -> None:
        """Do nothing."""

    def __call__(self, row: list[AttrsThing], db: object) -> None:
        """Do nothing."""


class AsyncImporter:
    """An object that is called like a coroutine function."""

    async def __call__(self, row: Row) -> None:
        """Do nothing."""


async def waiting(row: Row, scale: int, about: Context) -> None:
    """Do nothing."""


class TestCallables:
    """All that can be called with a row."""

    def test_methods(self) -> None:
        """Methods of all sorts are handlers."""
        for method in (Importer().plain, Importer.of_class, Importer().of_class, Importer.static):
            assert signature() == read(method)
        assert signature(is_async=True, takes_context=True) == read(Importer().waiting)

    def test_objects(self) -> None:
        """An object is read by its `__call__`, synchronous or not."""
        expected = signature(
            shape=Shape.TYPED, row_schema=read_row_type(AttrsThing), is_batch=True, takes_resource=True
        )
        assert expected == read(Importer(), has_setup=True)
        assert signature(is_async=True) == read(AsyncImporter())

    def test_partials(self) -> None:
        """A partial is what remains of its function, however often it is wrapped."""
        partial = functools.partial(functools.partial(waiting), scale=2)
        with pytest.raises(PipelineError, match=r"waiting \(.*: its parameter 'about' is passed by keyword only"):
            read(partial)
        assert signature(is_async=True) == read(functools.partial(partial, about=None))
        assert signature(is_async=True) == read(functools.partial(AsyncImporter()))
        assert signature(takes_resource=True) == read(
            functools.partial(with_both, Row(1, 1, {}, [])), Row, has_setup=True
        )

    def test_decorated(self) -> None:
        """A decorator that keeps the signature keeps the handler, and says itself whether it is async."""

        @functools.wraps(waiting)
        def run(row: Row, *rest: Any) -> None:
            """Do nothing."""

        with pytest.raises(PipelineError, match=r"waiting \(.*: nothing is passed for its parameter 'about'"):
            read(run, has_setup=True)
        assert signature() == read(functools.lru_cache(handle))

    def test_generators(self) -> None:
        """A generator function, whose call does nothing, is refused."""

        def items(row: Row) -> Iterator[Row]:
            yield row

        async def later(row: Row) -> AsyncIterator[Row]:
            yield row

        for handler in (items, later, functools.partial(items)):
            with pytest.raises(PipelineError, match="is a generator, whose body no call would run"):
                read(handler)

    @pytest.mark.parametrize("thing", [AttrsThing, 5, "handle"])
    def test_no_function(self, thing: Any) -> None:
        """Classes, and what cannot be called, are refused."""
        with pytest.raises(PipelineError, match="is no function; a handler is a function, or an object with __call__"):
            read(thing)

    def test_unreadable(self) -> None:
        """A function that does not tell its parameters is refused."""
        with pytest.raises(PipelineError, match=r"max: its parameters cannot be read .*; call it in a function"):
            read(max, Row)
