"""What is read off the signatures of handlers."""

from __future__ import annotations

import typing
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, NamedTuple

import attrs
import pytest

import csvpipe.context  # annotations are resolved at run time
from csvpipe.context import Context
from csvpipe.errors import PipelineError
from csvpipe.handlers import HandlerSignature, read_handler
from csvpipe.rowtypes import Row, Shape, read_row_type

if TYPE_CHECKING:
    from collections.abc import Callable
    from fractions import Fraction

    from csvpipe import context as hidden
    from csvpipe.context import Context as HiddenContext


@attrs.frozen
class AttrsThing:
    """A row type."""

    size: int


@dataclass
class DataThing:
    """A row type."""

    size: int


class TupleThing(NamedTuple):
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


def annotated(annotation: Any) -> Callable[[object], None]:
    """A handler whose row is annotated so."""

    def handle(row: object) -> None:
        """Do nothing."""

    handle.__annotations__["row"] = annotation
    return handle


class TestShape:
    """The first parameter chooses the shape."""

    @pytest.mark.parametrize(
        ("annotation", "shape", "row_type", "is_batch"),
        [
            (Row, Shape.ROW, None, False),
            (dict[str, str], Shape.DICT, None, False),
            (typing.Dict[str, str], Shape.DICT, None, False),  # noqa: UP006
            (dict, Shape.DICT, None, False),
            (list[str], Shape.LIST, None, False),
            (typing.List[str], Shape.LIST, None, False),  # noqa: UP006
            (AttrsThing, Shape.TYPED, AttrsThing, False),
            (DataThing, Shape.TYPED, DataThing, False),
            (TupleThing, Shape.TYPED, TupleThing, False),
            (list[Row], Shape.ROW, None, True),
            (list[dict[str, str]], Shape.DICT, None, True),
            (list[list[str]], Shape.LIST, None, True),
            (typing.List[typing.List[str]], Shape.LIST, None, True),  # noqa: UP006
            (list[AttrsThing], Shape.TYPED, AttrsThing, True),
            (list["DataThing"], Shape.TYPED, DataThing, True),
            ("list[TupleThing]", Shape.TYPED, TupleThing, True),
        ],
    )
    def test_annotation(self, annotation: Any, shape: Shape, row_type: type | None, is_batch: bool) -> None:  # noqa: FBT001
        """Every annotation of the contract, alone and as a list."""
        schema = None if row_type is None else read_row_type(row_type)
        assert signature(shape=shape, row_schema=schema, is_batch=is_batch) == read(annotated(annotation))

    @pytest.mark.parametrize("annotation", [int, list, list[int], dict[str, int], Row | None, tuple[str, ...], "list"])
    def test_unsupported(self, annotation: Any) -> None:
        """Any other annotation is refused, with the place and the choices."""
        expected = (
            r"handle \(.*test_handlers.py:\d+\): its first parameter 'row' says that a row is .*, which no record"
        )
        with pytest.raises(PipelineError, match=expected):
            read(annotated(annotation))

    @pytest.mark.parametrize("handler", [lambda row: row, annotated(Any)])
    def test_no_annotation(self, handler: Callable[..., object]) -> None:
        """Without annotation, the message says what to write."""
        with pytest.raises(
            PipelineError, match=r"'row' does not say what a row is; annotate it csvpipe.Row, dict\[str"
        ):
            read(handler)

    def test_unresolvable(self) -> None:
        """A row type that only type checkers know is refused."""

        def handle(ratio: Fraction) -> None:
            """Do nothing."""

        with pytest.raises(
            PipelineError, match="'ratio' is annotated Fraction, a name that cannot be found from there"
        ):
            read(handle)

    def test_local_names(self) -> None:
        """Names of the function around the handler can be given."""

        @attrs.frozen
        class Local:
            size: int

        def handle(row: list[Local]) -> None:
            """Do nothing."""

        actual = read_handler(handle, row_type=None, has_setup=False, localns=locals())
        assert signature(shape=Shape.TYPED, row_schema=read_row_type(Local), is_batch=True) == actual


class TestRowType:
    """A stated row type wins; the annotation then only tells batches."""

    @pytest.mark.parametrize(
        ("annotation", "is_batch"),
        [
            (Any, False),
            (object, False),
            (AttrsThing, False),
            ("Unknown", False),
            (list, True),
            (typing.List, True),  # noqa: UP006
            (list[Any], True),
            (list[AttrsThing], True),
            ("list[Unknown]", True),
            ("typing.List[Unknown]", True),
        ],
    )
    def test_typed(self, annotation: Any, is_batch: bool) -> None:  # noqa: FBT001
        """A list in the annotation, resolvable or not, means a batch."""
        expected = signature(shape=Shape.TYPED, row_schema=read_row_type(AttrsThing), is_batch=is_batch)
        assert expected == read(annotated(annotation), AttrsThing)

    def test_no_annotation(self) -> None:
        """The row needs no annotation, not even in a function written in C."""
        expected = signature(shape=Shape.TYPED, row_schema=read_row_type(AttrsThing))
        assert expected == read(lambda row: row, AttrsThing)
        assert expected == read([].append, AttrsThing)

    @pytest.mark.parametrize(
        ("row_type", "annotation", "shape", "is_batch"),
        [
            (Row, Any, Shape.ROW, False),
            (list[str], list[str], Shape.LIST, False),
            (list[str], Any, Shape.LIST, False),
            (list[str], list[list[str]], Shape.LIST, True),
            (dict[str, str], list, Shape.DICT, True),
        ],
    )
    def test_untyped(self, row_type: Any, annotation: Any, shape: Shape, is_batch: bool) -> None:  # noqa: FBT001
        """The untyped shapes can be stated, too."""
        assert signature(shape=shape, is_batch=is_batch) == read(annotated(annotation), row_type)

    def test_unsupported(self) -> None:
        """What no record can become is refused as a stated type, too."""
        with pytest.raises(PipelineError, match="row_type= says that a row is int, which no record can become"):
            read(annotated(Any), int)


def with_context(row: Row, about: Context) -> None:
    """Do nothing."""


def with_dotted_context(row: Row, about: csvpipe.context.Context) -> None:
    """Do nothing."""


def with_optional_context(row: Row, about: Context | None) -> None:
    """Do nothing."""


def with_default_context(row: Row, about: Context | None = None) -> None:
    """Do nothing."""


def with_hidden_context(row: Row, about: hidden.Context) -> None:
    """Do nothing."""


def with_named_ctx(row: Row, ctx) -> None:  # type: ignore[no-untyped-def]  # noqa: ANN001
    """Do nothing."""


def with_named_context(row: Row, context: Any) -> None:
    """Do nothing."""


def with_resource(row: Row, ctx: dict[str, str]) -> None:
    """Do nothing."""


def with_hidden_resource(row: Row, ratio: Fraction) -> None:
    """Do nothing."""


def with_renamed_context(row: Row, ctx: HiddenContext) -> None:
    """Do nothing."""


def with_both(row: Row, ctx: Context, db: object) -> None:
    """Do nothing."""


def with_option(row: Row, is_strict: bool = False) -> None:  # noqa: FBT001, FBT002
    """Do nothing."""


def with_anything(*args: Row) -> None:
    """Do nothing."""


def with_rest(row: Row, *rest: object, is_strict: bool = False) -> None:
    """Do nothing."""


class TestFurtherParameters:
    """The context by its annotation or name, the resource where there is a setup."""

    @pytest.mark.parametrize(
        "handler",
        [
            with_context,
            with_dotted_context,
            with_optional_context,
            with_default_context,
            with_hidden_context,
            with_named_ctx,
            with_named_context,
        ],
    )
    def test_context(self, handler: Callable[..., object]) -> None:
        """Every way of asking for the context, with a setup that is not asked for and without one."""
        assert signature(takes_context=True) == read(handler)
        assert signature(takes_context=True) == read(handler, has_setup=True)

    @pytest.mark.parametrize("handler", [with_resource, with_hidden_resource, with_renamed_context])
    def test_resource(self, handler: Callable[..., object]) -> None:
        """A second parameter of any other annotation, whatever its name, is the resource."""
        assert signature(takes_resource=True) == read(handler, has_setup=True)

    def test_both(self) -> None:
        """The resource comes after the context."""
        assert signature(takes_context=True, takes_resource=True) == read(with_both, has_setup=True)

    @pytest.mark.parametrize("has_setup", [False, True])
    @pytest.mark.parametrize("handler", [with_option, with_anything, with_rest])
    def test_option(self, handler: Callable[..., object], has_setup: bool) -> None:  # noqa: FBT001
        """A parameter that may be left out is given the resource if there is one."""
        assert signature(takes_resource=has_setup) == read(handler, has_setup=has_setup)

    def test_setup_for_its_effects(self) -> None:
        """A handler may do without the value of its setup."""
        assert signature() == read(annotated(Row), has_setup=True)

    @pytest.mark.parametrize(
        ("handler", "has_setup", "name"), [(with_resource, False, "ctx"), (with_both, False, "db")]
    )
    def test_no_setup(self, handler: Callable[..., object], has_setup: bool, name: str) -> None:  # noqa: FBT001
        """A parameter that nothing is passed for is refused, with the order and the place."""
        expected = (
            rf"test_handlers.py:\d+\): nothing is passed for its parameter '{name}'; handlers take \(row\[, Context"
        )
        with pytest.raises(PipelineError, match=expected):
            read(handler, has_setup=has_setup)

    def test_wrong_order(self) -> None:
        """A context after the resource is refused."""

        def handle(row: Row, db: object, about: Context) -> None:
            """Do nothing."""

        with pytest.raises(PipelineError, match="nothing is passed for its parameter 'about'"):
            read(handle, has_setup=True)

    def test_keyword_only(self) -> None:
        """A parameter that must be passed by keyword is refused."""

        def handle(row: Row, *, db: object) -> None:
            """Do nothing."""

        with pytest.raises(PipelineError, match="its parameter 'db' is passed by keyword only; handlers are called by"):
            read(handle, has_setup=True)

    def test_no_row(self) -> None:
        """A handler that takes no row is refused."""

        def handle(**options: object) -> None:
            """Do nothing."""

        with pytest.raises(
            PipelineError, match=r"handle .* takes no row; give it a first parameter, annotated csvpipe.Row"
        ):
            read(handle)
