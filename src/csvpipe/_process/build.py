"""The cells of one record to one object, by code that is written once for each file.

What a row type says is read once and becomes one Python expression, so that a good row costs no look at its type. A row
on which that expression fails is taken apart by `Diagnosis`, which finds everything that is wrong with it. It also
builds the few rows that only look bad to the expression, such as those with a blank where a number may be left out: the
expression is the short cut, the diagnosis the meaning.
"""

from __future__ import annotations

import sys
from collections.abc import Callable, Sequence
from functools import lru_cache, partial
from typing import Any, Final, TypeAlias

from csvpipe._process.binding import Binding, bind
from csvpipe._process.convert import PADDING, SHORT_CUT_NAMES, known_texts, short_cut
from csvpipe._process.diagnose import Diagnosis
from csvpipe._process.flaws import BadRow, Flaw
from csvpipe.rowtypes import RowKind, RowSchema, Shape, unused_columns

__all__ = ["BadRow", "Builder", "Flaw", "compile_builder", "compile_untyped"]

Builder: TypeAlias = Callable[[list[str]], Any]

#: Builders that are kept, for further files of the same columns.
_KEPT: Final = 64


def compile_builder(schema: RowSchema, columns: Sequence[str], *, na: Sequence[str] = ()) -> Builder:
    """Make the function that turns a record's cells into an object of the schema's row type.

    The last ones are kept: of thousands of small files with the same columns only the first one has to wait for it.

    The builder takes a list of exactly one cell for each column. An empty cell is None if the field is optional, else
    the field's default, else the empty text for a `str`, else the flaw `missing`. Cells of spaces and tabs are empty
    too, except for a `str`. Cells of a bad row are all converted, then validated field by field where the row type
    allows, so that all flaws are told at once; the row type's constructor may therefore run more than once for a bad
    row.

    The builder raises `BadRow` whatever the constructor raises, be it `SystemExit` or a cancellation: that is the row's
    fault, and a `Reject` among it names column and code. Only the user's Ctrl-C passes.

    Args:
        schema: Of the row type.
        columns: The file's, in its order; see `match_columns` for how they find their fields.
        na: Texts that count as an empty cell, padding aside, besides those of each field.

    Raises:
        FileError: As `match_columns` does.
    """
    return _compiled(_Identical(schema), tuple(columns), tuple(na))


class _Identical:
    """A schema by its identity: the default values in it need not have a hash."""

    __slots__ = ("schema",)

    def __init__(self, schema: RowSchema) -> None:
        self.schema = schema

    def __eq__(self, other: object) -> bool:
        return isinstance(other, _Identical) and self.schema is other.schema

    def __hash__(self) -> int:
        return id(self.schema)


@lru_cache(maxsize=_KEPT)
def _compiled(identical: _Identical, columns: tuple[str, ...], na: tuple[str, ...]) -> Builder:
    schema = identical.schema
    bindings = bind(schema, columns, na)
    others = {name: columns.index(name) for name in unused_columns(schema, columns)} if schema.takes_others else {}
    make, takes_mapping = maker_of(schema)
    diagnosis = Diagnosis(schema, bindings, partial(_made_of, make) if takes_mapping else make, others)
    names: dict[str, object] = {**SHORT_CUT_NAMES, "make": make, "diagnose": diagnosis.build}
    for binding in bindings:
        names[f"convert_{binding.position}"] = binding.convert
        names[f"default_{binding.position}"] = binding.field.default
        names[f"nothing_{binding.position}"] = binding.nothing
        names[f"known_{binding.position}"] = known_texts(binding.field)
    value = _mapping(schema, bindings, others) if takes_mapping else f"make({_arguments(schema, bindings)})"
    if takes_mapping and make is not dict:
        value = f"make({value})"
    code = compile(_PROGRAM.format(value), f"<csvpipe builder of {schema.row_type.__qualname__}>", "exec")
    exec(code, names)  # noqa: S102  # our own text: positions, names as literals or such that are in a signature already
    return names["build"]  # type: ignore[return-value]  # defined by the code


def compile_untyped(shape: Shape, columns: Sequence[str]) -> Builder:
    """Make the function that turns a record's cells into a `dict` by column name, or leaves them the list they are.

    Raises:
        ValueError: Another shape; a `Row` needs more than its cells, a typed row needs `compile_builder`.
    """
    if shape is Shape.DICT:
        names = tuple(columns)
        return lambda cells: dict(zip(names, cells, strict=True))
    if shape is Shape.LIST:
        return lambda cells: cells
    raise ValueError(f"no builder for rows of shape {shape.value!r}")


_PROGRAM = """
def build(cells):
    try:
        return {}
    except BaseException as error:
        return diagnose(cells, error)
"""


def maker_of(schema: RowSchema) -> tuple[Callable[..., Any], bool]:
    """What makes the object, and whether of a mapping by the fields' keys instead of arguments."""
    row_type: Any = schema.row_type
    if schema.kind is RowKind.TYPEDDICT:
        return dict, True
    if schema.kind is RowKind.PYDANTIC:
        return row_type.__pydantic_validator__.validate_python, True
    if schema.is_checked:
        return partial(sys.modules["msgspec"].convert, type=row_type), True
    return row_type, False


def _made_of(make: Callable[[dict[str, object]], object], /, **values: object) -> object:
    return make(values)


def _arguments(schema: RowSchema, bindings: list[Binding]) -> str:
    """Those of a call: by position as far as the signature lets them, as calls are quicker so."""
    bound = {binding.field.name: binding for binding in bindings}
    arguments = []
    by_position = True
    for field in schema.fields:
        binding = bound.get(field.name)
        may_lack = binding is None or (field.is_left_out and not field.optional)
        by_position = by_position and not field.keyword_only and not may_lack
        if binding is None:
            continue  # left to its default, so the ones after it need their names
        if may_lack:
            arguments.append(_unless_empty(binding, field.name))
        else:
            arguments.append(_value(binding) if by_position else f"{field.name}={_value(binding)}")
    return ", ".join(arguments)


def _mapping(schema: RowSchema, bindings: list[Binding], others: dict[str, int]) -> str:
    entries = [f"{name!r}: cells[{position}]" for name, position in others.items()]
    for binding in bindings:
        field = binding.field
        key = field.name if schema.kind is RowKind.TYPEDDICT else field.key
        if field.is_left_out and not field.optional:
            entries.append(_unless_empty(binding, key))
        else:
            entries.append(f"{key!r}: {_value(binding)}")
    return f"{{{', '.join(entries)}}}"


def _unless_empty(binding: Binding, key: str) -> str:
    """An entry that is only there if the cell is not empty."""
    return f"**({{{key!r}: {_converted(binding)}}} if {_is_filled(binding)} else {{}})"


def _is_filled(binding: Binding) -> str:
    cell, nothing = f"cells[{binding.position}]", f"nothing_{binding.position}"
    return f"{cell} and {cell}.strip({PADDING!r}) not in {nothing}" if binding.nothing else cell


def _value(binding: Binding) -> str:
    field, position = binding.field, binding.position
    value = _converted(binding)
    if not binding.has_alternative:
        return value
    empty = "None" if field.optional else f"default_{position}"
    if binding.is_text and not binding.nothing:
        return f"cells[{position}] or {empty}"
    return f"({value} if {_is_filled(binding)} else {empty})"


def _converted(binding: Binding) -> str:
    """The value of a cell that is not empty, or must be taken as it is."""
    cell = f"cells[{binding.position}]"
    if binding.nothing and not binding.has_alternative:
        cell = f"({cell} if {_is_filled(binding)} else '')"
    if binding.is_text:
        return cell
    convert = f"convert_{binding.position}"
    template = short_cut(binding.field) or "{convert}({cell})"
    return template.format(cell=cell, convert=convert, known=f"known_{binding.position}")
