"""Objects of a row type from the values of its columns, by code that is written once for each file."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from itertools import repeat
from typing import Any, TypeAlias

from csvpipe._process.binding import Binding
from csvpipe._process.columns.twin import twin_of
from csvpipe._process.said import is_from_user
from csvpipe.rowtypes import RowKind, RowSchema

#: Makes an iterator of objects from a list of values for each bound field, in their order.
Maker: TypeAlias = Callable[[Sequence[list[Any]]], Iterator[object]]


class UnmadeRowError(Exception):
    """Raised for a row whose constructor raised: what is wrong with it is for the row path to say."""


def is_makeable(schema: RowSchema, bindings: Sequence[Binding]) -> bool:
    """Whether objects of the type are made of nothing but one value for each field, all by csvpipe's own converters."""
    return not schema.takes_others and not any(
        binding.field.options.parse is not None or (binding.field.is_left_out and not binding.field.optional)
        for binding in bindings
    )


def compile_maker(
    schema: RowSchema, bindings: Sequence[Binding], make: Callable[..., Any], *, takes_mapping: bool
) -> Maker:
    """Make the function that turns lists of values into objects.

    Its iterators go on with the next row after they have raised `UnmadeRowError`.

    Args:
        schema: Of the row type.
        bindings: The fields that have a column, in the schema's order.
        make: The constructor, or what takes a mapping in its place.
        takes_mapping: Which of the two.
    """
    row_type: Any = schema.row_type
    if not takes_mapping and _is_plain_tuple(schema, bindings):
        return lambda lists: map(tuple.__new__, repeat(row_type), zip(*lists, strict=True))
    twin = None if takes_mapping else twin_of(schema, bindings)
    if twin is not None:
        return twin
    values = [f"v{number}" for number in range(len(bindings))]
    if takes_mapping:
        keys = [b.field.name if schema.kind is RowKind.TYPEDDICT else b.field.key for b in bindings]
        entries = ", ".join(f"{key!r}: {value}" for key, value in zip(keys, values, strict=True))
        made = f"make({{{entries}}})"
    else:
        made = f"make({', '.join(_arguments(schema, bindings))})"
    names: dict[str, object] = {"make": make, "is_from_user": is_from_user, "UnmadeRowError": UnmadeRowError}
    code = compile(_PROGRAM.format(", ".join(values), made), f"<csvpipe maker of {row_type.__qualname__}>", "exec")
    exec(code, names)  # noqa: S102  # our own text, as in `compile_builder`
    build: Any = names["build"]
    return lambda lists: map(build, *lists)


_PROGRAM = """
def build({}):
    try:
        return {}
    except BaseException as error:
        if is_from_user(error):
            raise
        raise UnmadeRowError from error
"""


def _is_plain_tuple(schema: RowSchema, bindings: Sequence[Binding]) -> bool:
    """Whether the type is a NamedTuple whose making is nobody's code but the standard library's."""
    row_type: Any = schema.row_type
    new_globals = getattr(row_type.__new__, "__globals__", {})
    return (
        schema.kind is RowKind.NAMEDTUPLE
        and len(bindings) == len(row_type._fields)
        and [binding.field.name for binding in bindings] == list(row_type._fields)
        and str(new_globals.get("__name__")).startswith("namedtuple_")
        and row_type.__init__ is object.__init__
    )


def _arguments(schema: RowSchema, bindings: Sequence[Binding]) -> list[str]:
    """By position as far as the signature lets them."""
    numbers = {binding.field.name: number for number, binding in enumerate(bindings)}
    arguments = []
    by_position = True
    for field in schema.fields:
        number = numbers.get(field.name)
        by_position = by_position and not field.keyword_only and number is not None
        if number is not None:
            arguments.append(f"v{number}" if by_position else f"{field.name}=v{number}")
    return arguments
