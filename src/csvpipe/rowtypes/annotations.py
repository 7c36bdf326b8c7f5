"""What the annotation of a field says of the cells that fill it."""

from __future__ import annotations

import datetime as dt
import enum
import types
import typing
import uuid
from collections.abc import Mapping, Sequence
from decimal import Decimal
from typing import Annotated, Any, Final, Literal, NamedTuple, NewType

from csvpipe.errors import PipelineError
from csvpipe.rowtypes.column import PLAIN, Column
from csvpipe.rowtypes.formats import read_form
from csvpipe.rowtypes.schema import Scalar

_SCALARS: Final[Mapping[object, Scalar]] = {
    str: Scalar.STR,
    int: Scalar.INT,
    float: Scalar.FLOAT,
    Decimal: Scalar.DECIMAL,
    bool: Scalar.BOOL,
    dt.date: Scalar.DATE,
    dt.datetime: Scalar.DATETIME,
    dt.time: Scalar.TIME,
    dt.timedelta: Scalar.TIMEDELTA,
    uuid.UUID: Scalar.UUID,
}

SUPPORTED: Final = (
    "str, int, float, Decimal, bool, date, datetime, time, timedelta, UUID, an Enum, a Literal, "
    "or one of these `| None`"
)

#: Types that no library makes of a text alone, unless the field says how.
_NEVER: Final = (bytes, bytearray, memoryview, list, dict, set, frozenset, tuple, object)


class Annotation(NamedTuple):
    """What an annotation says.

    Attributes:
        inner: What is left of it: a class, if it is one that csvpipe converts to.
        scalar: What a cell converts to; None for no type of ours.
        enum_type: As in `Field`.
        literals: As in `Field`.
        optional: Whether it has `| None`.
        options: Its `Column`.
        extras: What else `Annotated` has.
        is_required: What `Required` or `NotRequired` says; None without either.
    """

    inner: Any
    scalar: Scalar | None
    enum_type: type[enum.Enum] | None = None
    literals: tuple[object, ...] = ()
    optional: bool = False
    options: Column = PLAIN
    extras: tuple[object, ...] = ()
    is_required: bool | None = None

    def checked(self) -> Annotation:
        """Itself, if its `Column` fits its type.

        Raises:
            PipelineError: It does not; the message has neither class nor field.
        """
        options, scalar = self.options, self.scalar
        for option in options.spelling(scalar or Scalar.FOREIGN):
            kind = "this type" if scalar in {None, Scalar.FOREIGN} else f"a field of type {scalar}"
            raise PipelineError(f"Column({option}=...) means nothing for {kind}; leave it out")
        if scalar is not Scalar.INT and options.thousands == (options.decimal or "."):
            raise PipelineError(
                "Column(thousands='.') makes '1.234' one thousand and more, so the fraction needs decimal=','"
            )
        for form in options.format:
            read_form(form, str(scalar))
        return self


def read_annotation(annotation: Any, extras: Sequence[object] = ()) -> Annotation:
    """Read an annotation, and what else is known to be said by `Annotated` around it.

    Raises:
        PipelineError: It has more than one `Column`; the message has neither class nor field.
    """
    found = list(extras)
    optional, is_required = False, None
    before: object = None
    while annotation is not before:
        before = annotation
        annotation = _without_alias(annotation)
        origin, arguments = typing.get_origin(annotation), typing.get_args(annotation)
        if origin is Annotated:
            annotation, *more = arguments
            found += more
        elif getattr(origin, "_name", None) in {"Required", "NotRequired", "ReadOnly"}:
            (annotation,) = arguments
            is_required = is_required if origin._name == "ReadOnly" else origin._name == "Required"  # noqa: SLF001
        elif origin in (typing.Union, types.UnionType):
            rest = [part for part in arguments if part is not types.NoneType]
            if len(rest) == 1 < len(arguments):
                annotation, optional = rest[0], True
    if any(extra is Column for extra in found):
        raise PipelineError("it is annotated with Column itself; write Column(...) with what it should say")
    stated = [extra for extra in found if isinstance(extra, Column)]
    if len(stated) > 1:
        raise PipelineError("it has more than one Column(...); make them one")
    scalar, enum_type, literals = _scalar_of(annotation)
    options = stated[0] if stated else PLAIN
    return Annotation(
        inner=annotation,
        scalar=Scalar.FOREIGN if scalar is None and options.parse is not None else scalar,
        enum_type=enum_type,
        literals=tuple(value for value in literals if value is not None),
        optional=optional or None in literals,
        options=options,
        extras=tuple(extra for extra in found if not isinstance(extra, Column)),
        is_required=is_required,
    )


def may_be_foreign(annotation: Annotation) -> bool:
    """Whether a library could make this type of a text, for all that can be seen."""
    kind = typing.get_origin(annotation.inner) or annotation.inner
    return bool(annotation.extras) or not (kind is Any or kind is None or kind in _NEVER)


def _scalar_of(inner: Any) -> tuple[Scalar | None, type[enum.Enum] | None, tuple[object, ...]]:
    if typing.get_origin(inner) is Literal:
        values = typing.get_args(inner)
        is_ours = all(isinstance(value, (str, int, enum.Enum, types.NoneType)) for value in values)
        return (Scalar.ENUM if is_ours and values != (None,) else None), None, values if is_ours else ()
    if not isinstance(inner, type):
        return None, None, ()
    if issubclass(inner, enum.Enum):
        return (Scalar.ENUM if inner.__members__ else None), inner, ()
    return _SCALARS.get(inner), None, ()


def _without_alias(annotation: Any) -> Any:
    """What a `NewType` or a `type` statement stands for."""
    while True:
        if isinstance(annotation, NewType):
            annotation = annotation.__supertype__
        elif type(annotation).__name__ == "TypeAliasType":  # typing has it from 3.12 on
            annotation = annotation.__value__
        else:
            return annotation
