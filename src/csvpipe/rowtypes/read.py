"""What can be read off a class that describes a row, whichever way it was declared."""

from __future__ import annotations

import inspect
import typing
from collections import Counter
from collections.abc import Iterable, Mapping
from typing import Any

from csvpipe.errors import PipelineError
from csvpipe.rowtypes.annotations import SUPPORTED, may_be_foreign, read_annotation
from csvpipe.rowtypes.column import Column
from csvpipe.rowtypes.kinds import Parameter, check_checker, is_checked, parameters_of, row_kind, word_on_others
from csvpipe.rowtypes.names import quoted_names
from csvpipe.rowtypes.place import located, located_field
from csvpipe.rowtypes.schema import Field, RowKind, RowSchema, Scalar


def read_row_type(row_type: type, *, localns: Mapping[str, Any] | None = None) -> RowSchema:
    """Read columns and types off a class.

    That is an attrs class, a dataclass, a `typing.NamedTuple`, a `TypedDict`, a pydantic model (version 2) or a
    `msgspec.Struct`. Fields with `init=False` are the class's own affair and no columns. A converter of attrs
    (`converter=`) runs as always, inside the constructor: it is given the value that the annotation has made of the
    text, so a field that wants the bare text is annotated `str`. A dataclass's `InitVar` without a default is refused.

    Args:
        row_type: The class.
        localns: Names that its annotations may use besides its module's, for classes defined within a function.

    Raises:
        PipelineError: The class is none of these kinds, an annotation cannot be resolved or is not supported, a
            `Column` does not fit, or its constructor does not take its fields. The message names class, place, field
            and the way out.
    """
    kind = row_kind(row_type)
    if kind is None:
        raise PipelineError(
            f"{located(row_type)}: is no attrs class, dataclass or NamedTuple, nor a TypedDict, pydantic model or "
            "msgspec.Struct; declare it as one"
        )
    hints = {} if kind is RowKind.PYDANTIC else _resolved_hints(row_type, localns)
    fields = tuple(
        _read_field(row_type, kind, parameter, hints) for parameter in parameters_of(row_type, kind, localns or {})
    )
    if not fields:
        raise PipelineError(f"{located(row_type)}: has no fields to fill; give it one for each column it needs")
    for header, number in Counter(field.headers[0] for field in fields).items():
        if number > 1:
            rivals = quoted_names(field.name for field in fields if field.headers[0] == header)
            raise PipelineError(
                f"{located(row_type)}: the column {header!r} is that of the fields {rivals}; choose one"
            )
    must_check = is_checked(kind, hints)
    if must_check and kind is RowKind.MSGSPEC:
        check_checker(row_type, hints)
    refuses, takes = word_on_others(row_type, kind)
    return RowSchema(
        row_type=row_type,
        kind=kind,
        fields=fields,
        refuses_others=refuses,
        takes_others=takes,
        is_checked=must_check,
    )


def _read_field(row_type: type, kind: RowKind, parameter: Parameter, hints: Mapping[str, Any]) -> Field:
    written = hints.get(parameter.attribute, parameter.annotation)
    if isinstance(parameter.default, Column):
        raise PipelineError(
            f"{located_field(row_type, parameter.attribute)}: Column(...) is its default; "
            "write Annotated[int, csvpipe.Column(...)], with the type that is meant"
        )
    try:
        annotation = read_annotation(written, parameter.extras).checked()
    except PipelineError as error:
        raise PipelineError(f"{located_field(row_type, parameter.attribute)}: {error}") from error
    scalar = annotation.scalar
    if scalar is None and kind is RowKind.PYDANTIC and (parameter.has_own_reader or may_be_foreign(annotation)):
        scalar = Scalar.FOREIGN
    if scalar is None:
        raise PipelineError(f"{located_field(row_type, parameter.attribute)} {_refusal(written)}")
    has_default, is_left_out = parameter.has_default, parameter.is_left_out
    if annotation.is_required is not None:  # of a TypedDict
        has_default = is_left_out = not annotation.is_required
    return Field(
        name=parameter.name,
        attribute=parameter.attribute,
        key=parameter.key or parameter.name,
        scalar=scalar,
        enum_type=annotation.enum_type,
        literals=annotation.literals,
        optional=annotation.optional,
        has_default=has_default,
        is_left_out=is_left_out,
        default=parameter.default,
        keyword_only=parameter.keyword_only,
        options=annotation.options,
        alias=parameter.alias,
    )


def _refusal(annotation: object) -> str:
    if annotation is None:
        return f"has no annotation; write one of: {SUPPORTED}"
    shown = annotation.__qualname__ if isinstance(annotation, type) else str(annotation)
    return (
        f"is annotated {shown}, which no cell converts to; supported are {SUPPORTED}, "
        "and any type with Annotated[..., csvpipe.Column(parse=...)]"
    )


def _resolved_hints(row_type: type, localns: Mapping[str, Any] | None) -> dict[str, Any]:
    try:
        return typing.get_type_hints(row_type, localns=dict(localns or {}), include_extras=True)
    except Exception as error:  # whatever evaluating somebody's text may raise
        name = getattr(error, "name", None)
        culprits = (field for field, text in _written_hints(row_type) if name and name in text)
        field = next(culprits, None)
        place = located(row_type) if field is None else located_field(row_type, field)
        raise PipelineError(
            f"{place}: its annotation cannot be resolved: {error}; import the name outside of "
            "`if TYPE_CHECKING`, or define it at module level"
        ) from error


def _written_hints(row_type: type) -> Iterable[tuple[str, str]]:
    for owner in row_type.__mro__:
        for field, annotation in inspect.get_annotations(owner).items():
            yield field, str(getattr(annotation, "__forward_arg__", annotation))
