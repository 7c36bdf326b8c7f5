"""What a handler's signature says: the shape of its rows, whether it takes batches, and what else it wants."""

from __future__ import annotations

import functools
import inspect
import types
import typing
from collections.abc import Callable, Mapping
from importlib.util import find_spec
from inspect import Parameter
from typing import Any, Final, TypeAlias

import attrs

from csvpipe.context import Context
from csvpipe.errors import PipelineError
from csvpipe.rowtypes import Row, RowSchema, Shape, located, read_row_type, row_kind
from csvpipe.rowtypes.arrow import as_columns, is_record_batch

Handler: TypeAlias = Callable[..., Any]
Names: TypeAlias = Mapping[str, Any]

_CHOICES: Final = (
    "csvpipe.Row, dict[str, str], list[str], an attrs class, a dataclass, a NamedTuple, a TypedDict, a pydantic model "
    "or a msgspec.Struct, list[...] of one of these for batches, or pyarrow.RecordBatch"
)
_CONTEXT_NAMES: Final = frozenset({"ctx", "context"})
_UNTYPED: Final = ((Row, Shape.ROW), (dict, Shape.DICT), (dict[str, str], Shape.DICT), (list[str], Shape.LIST))
_POSITIONAL: Final = (Parameter.POSITIONAL_ONLY, Parameter.POSITIONAL_OR_KEYWORD, Parameter.VAR_POSITIONAL)


@attrs.frozen(kw_only=True)
class HandlerSignature:
    """How to call a handler.

    Attributes:
        shape: What it is given for one record.
        row_schema: For `Shape.TYPED`; for `Shape.COLUMNS` where the columns are typed. Else None.
        is_batch: Whether it is given a list of these, or columns of many.
        takes_context: Whether a `Context` is its second argument.
        takes_resource: Whether the value of `setup` is its last argument.
        is_async: Whether its result is to be awaited.
    """

    shape: Shape
    row_schema: RowSchema | None
    is_batch: bool
    takes_context: bool
    takes_resource: bool
    is_async: bool


def read_handler(
    function: Handler, *, row_type: type | None, has_setup: bool, localns: Names | None = None
) -> HandlerSignature:
    """Read how `function` is to be called: a function, method, partial, or object with `__call__`, async or not.

    The second parameter is the context if it is annotated `Context`, or named `ctx` or `context` without annotation.
    With a setup the parameter after that is for its resource; a handler may do without.

    Args:
        function: The handler.
        row_type: The type of one row where it is stated. It wins over the annotation, which then only says, by being
            a `list` or a `RecordBatch`, that the handler takes batches.
        has_setup: Whether there is a resource to pass.
        localns: Names that annotations may use besides those of the handler's module, for what is defined within a
            function.

    Raises:
        PipelineError: The handler cannot be called in any of these ways, or its row type cannot be read. The message
            names the handler, its place and the way out.
    """
    row, *others = _parameters(function)
    shape, schema, is_batch = _read_row(function, row, row_type, localns or {})
    takes_context = bool(others) and _is_context(function, others[0], localns or {})
    rest = others[1:] if takes_context else others
    takes_resource = has_setup and bool(rest)
    for parameter in rest[takes_resource:]:
        if parameter.default is Parameter.empty and parameter.kind is not Parameter.VAR_POSITIONAL:
            raise _refusal(
                function,
                f"nothing is passed for its parameter {parameter.name!r}; handlers take (row[, Context][, resource]), "
                "the context by its annotation csvpipe.Context, the resource where setup= makes one",
            )
    return HandlerSignature(
        shape=shape,
        row_schema=schema,
        is_batch=is_batch,
        takes_context=takes_context,
        takes_resource=takes_resource,
        is_async=_is_kind(function, inspect.iscoroutinefunction),
    )


def _parameters(function: Handler) -> list[Parameter]:
    """The positional parameters, at least one."""
    if isinstance(function, type) or not callable(function):
        raise _refusal(function, "is no function; a handler is a function, or an object with __call__")
    if _is_kind(function, inspect.isgeneratorfunction) or _is_kind(function, inspect.isasyncgenfunction):
        raise _refusal(function, "is a generator, whose body no call would run; do the work instead of yielding it")
    try:
        parameters = list(inspect.signature(function).parameters.values())
    except (TypeError, ValueError) as error:
        raise _refusal(function, f"its parameters cannot be read ({error}); call it in a function") from error
    for parameter in parameters:
        if parameter.kind is Parameter.KEYWORD_ONLY and parameter.default is Parameter.empty:
            raise _refusal(
                function, f"its parameter {parameter.name!r} is passed by keyword only; handlers are called by position"
            )
    positional = [parameter for parameter in parameters if parameter.kind in _POSITIONAL]
    if not positional:
        raise _refusal(function, f"takes no row; give it a first parameter, annotated {_CHOICES}")
    if positional[0].kind is Parameter.VAR_POSITIONAL:  # `*args` takes the row and whatever comes after
        positional *= 2
    return positional


def _read_row(
    function: Handler, parameter: Parameter, row_type: type | None, localns: Names
) -> tuple[Shape, RowSchema | None, bool]:
    annotation = _resolved(function, parameter, localns)
    if is_record_batch(annotation):
        return Shape.COLUMNS, _read_columns(function, row_type, localns), True
    if row_type is not None:
        shape, schema = _read_shape(function, "row_type=", row_type, localns)
        return shape, schema, _is_list(annotation) and annotation != _plain(row_type)
    where = f"its first parameter {parameter.name!r}"
    if annotation is Parameter.empty or annotation is Any:
        raise _refusal(function, f"{where} does not say what a row is; annotate it {_CHOICES}, or state row_type=")
    if isinstance(annotation, str):
        raise _refusal(
            function,
            f"{where} is annotated {annotation}, a name that cannot be found from there; import it outside of "
            "`if TYPE_CHECKING`, define it at module level, or state row_type=",
        )
    is_batch = _is_list(annotation) and annotation != list[str]
    item = next(iter(typing.get_args(annotation)), annotation) if is_batch else annotation
    shape, schema = _read_shape(function, where, item, localns)
    return shape, schema, is_batch


def _read_columns(function: Handler, row_type: type | None, localns: Names) -> RowSchema | None:
    if find_spec("numpy") is None:
        raise _refusal(function, "takes batches of Arrow, for which numpy is needed: pip install 'csvpipe[fast]'")
    if row_type is None:
        return None
    if row_kind(row_type) is None:
        shown = getattr(row_type, "__qualname__", str(row_type))
        raise _refusal(function, f"row_type={shown} does not say what the columns of a RecordBatch are; name a class")
    return as_columns(read_row_type(row_type, localns=localns))


def _read_shape(function: Handler, where: str, item: Any, localns: Names) -> tuple[Shape, RowSchema | None]:
    for untyped, shape in _UNTYPED:
        if _plain(item) == untyped:
            return shape, None
    if row_kind(item) is not None:
        return Shape.TYPED, read_row_type(item, localns=localns)
    shown = item.__qualname__ if isinstance(item, type) and not typing.get_args(item) else str(item)
    raise _refusal(function, f"{where} says that a row is {shown}, which no record can become; use {_CHOICES}")


def _is_context(function: Handler, parameter: Parameter, localns: Names) -> bool:
    annotation = _resolved(function, parameter, localns)
    if annotation is Parameter.empty or annotation is Any:
        return parameter.name in _CONTEXT_NAMES
    if isinstance(annotation, str):  # imported for type checkers alone
        return annotation.partition("|")[0].strip().rpartition(".")[2] == Context.__name__
    return annotation is Context or Context in typing.get_args(annotation)


def _is_list(annotation: Any) -> bool:
    if isinstance(annotation, str):
        return annotation.lower().removeprefix("typing.").startswith("list[")
    return annotation is list or typing.get_origin(annotation) is list


def _plain(annotation: Any) -> Any:
    """`typing.List[str]` as `list[str]`."""
    origin, arguments = typing.get_origin(annotation), typing.get_args(annotation)
    is_alias = origin in (list, dict) and bool(arguments)
    return types.GenericAlias(origin, arguments) if is_alias else annotation


def _resolved(function: Handler, parameter: Parameter, localns: Names) -> Any:
    """The parameter's annotation, or its text where a name in it cannot be found.

    Each by itself: one that serves type checkers alone must not hide the others.
    """
    holder = types.SimpleNamespace(__annotations__={"it": parameter.annotation})
    names = getattr(_innermost(function), "__globals__", {})
    try:
        return _plain(typing.get_type_hints(holder, names, dict(localns), include_extras=True)["it"])
    except Exception:  # noqa: BLE001  # whatever evaluating somebody's text may raise
        return str(parameter.annotation)


def _innermost(function: Any) -> Any:
    """The function that was written, under partials, methods, decorators and `__call__`."""
    while True:
        if isinstance(function, functools.partial):
            function = function.func
        elif inspect.ismethod(function):
            function = function.__func__
        elif hasattr(function, "__wrapped__"):
            function = function.__wrapped__
        elif inspect.isfunction(_own_call(function)):
            function = _own_call(function)
        else:
            return function


def _own_call(function: Any) -> Any:
    """The `__call__` of an object's class; None for functions and classes, which are what they are."""
    if inspect.isroutine(function) or isinstance(function, type):
        return None
    return getattr(type(function), "__call__", None)  # noqa: B004  # wanted for itself


def _is_kind(function: Any, test: Callable[[Any], bool]) -> bool:
    """Whether what runs when `function` is called is of that kind; decorators are taken at their word."""
    while isinstance(function, functools.partial):
        function = function.func
    return test(function) or test(_own_call(function))


def _refusal(function: Any, message: str) -> PipelineError:
    return PipelineError(f"{located(_innermost(function))}: {message}")
