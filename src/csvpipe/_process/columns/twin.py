"""Frozen objects with slots, made without their constructor where it does nothing but fill the slots.

Such a constructor has to go around the `__setattr__` that refuses its assignments, which makes it several times slower
than that of a class that can be changed. So the slots of an object of another class are filled, one that has the same
layout and refuses nothing, and the object is then given its class: what comes out is the same object.

That a constructor does no more is not guessed: it must consist of the very instructions that attrs, or the standard
library, writes for a class which has these fields and nothing else, no validator, no converter, no hook.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from contextlib import suppress
from inspect import getattr_static
from types import FunctionType, MemberDescriptorType
from typing import Any, Final

import attrs

from csvpipe._process.binding import Binding
from csvpipe.rowtypes import Field, RowKind, RowSchema

#: What a function does, and by which names; where it was written and what it takes do not matter.
_TRAITS: Final = ("co_code", "co_consts", "co_names", "co_varnames", "co_freevars", "co_cellvars", "co_exceptiontable")

_PROGRAM: Final = """
def build({arguments}):
    made = Twin()
    {stores}
    made.__class__ = row_type
    return made
"""


def twin_of(schema: RowSchema, bindings: Sequence[Binding]) -> Callable[[Sequence[list[Any]]], Iterator[object]] | None:
    """Make the function that turns lists of values into objects; None where the constructor is to be called.

    Args:
        schema: Of the row type.
        bindings: The fields that have a column, in the schema's order: the order of the lists.
    """
    row_type: Any = schema.row_type
    if [binding.field.name for binding in bindings] != [field.name for field in schema.fields]:
        return None
    if not _is_filled_only(row_type, schema):
        return None
    namespace = {"__slots__": row_type.__slots__}
    twin: Any = type(row_type.__name__, (), namespace)
    try:
        twin().__class__ = row_type
    except TypeError:  # a layout that this Python takes for another: before 3.12 any with room for weak references
        return None
    values = [f"v{number}" for number in range(len(bindings))]
    stores = "; ".join(f"made.{field.attribute} = {value}" for field, value in zip(schema.fields, values, strict=True))
    names: dict[str, Any] = {"Twin": twin, "row_type": row_type}
    program = _PROGRAM.format(arguments=", ".join(values), stores=stores)
    exec(compile(program, f"<csvpipe twin of {row_type.__qualname__}>", "exec"), names)  # noqa: S102  # our own text
    build = names["build"]
    return lambda lists: map(build, *lists)


def _is_filled_only(row_type: Any, schema: RowSchema) -> bool:
    """Whether an object of the class is what its slots are, and each is what the constructor was given for it."""
    if schema.kind not in {RowKind.ATTRS, RowKind.DATACLASS} or row_type.__bases__ != (object,):
        return False
    new: object = row_type.__new__
    is_usual = type(row_type) is type and new is object.__new__
    slots, constructor = vars(row_type).get("__slots__"), vars(row_type).get("__init__")
    if not is_usual or not isinstance(slots, tuple) or not isinstance(constructor, FunctionType):
        return False
    if row_type.__setattr__ is object.__setattr__:  # quick enough by itself
        return False
    if not all(_is_slot(row_type, field.attribute) for field in schema.fields):
        return False
    reference = _reference(schema.kind, schema.fields)
    return reference is not None and is_same(constructor, reference)


def _is_slot(row_type: type, name: str) -> bool:
    """Names with two underscores have another name in the class."""
    return not name.startswith("__") and isinstance(getattr_static(row_type, name, None), MemberDescriptorType)


def _reference(kind: RowKind, fields: Sequence[Field]) -> FunctionType | None:
    """The constructor of a frozen class of these fields, and nothing else."""
    made: Any = None
    with suppress(Exception):  # names that only the class itself could explain
        if kind is RowKind.ATTRS:
            made = attrs.make_class(
                "Reference",
                {field.attribute: attrs.field(alias=field.name, kw_only=field.keyword_only) for field in fields},
                frozen=True,
                slots=True,
            )
        else:
            import dataclasses  # noqa: PLC0415  # who has such a class has imported it

            made = dataclasses.make_dataclass(
                "Reference",
                [(field.name, object, dataclasses.field(kw_only=field.keyword_only)) for field in fields],
                frozen=True,
                slots=True,
            )
    return None if made is None else made.__init__


def is_same(function: FunctionType, other: FunctionType) -> bool:
    """Whether two functions do the same with the same arguments."""
    one, two = function.__code__, other.__code__
    if any(getattr(one, name) != getattr(two, name) for name in _TRAITS):
        return False
    if any(function.__globals__.get(name) != other.__globals__.get(name) for name in one.co_names):
        return False
    return _cells(function) == _cells(other)


def _cells(function: FunctionType) -> list[object]:
    return [cell.cell_contents for cell in function.__closure__ or ()]
