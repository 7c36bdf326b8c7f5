"""The cells of one record to one object, by code that is written once for each file.

What a row type says is read once and becomes one Python expression, so that a good row costs no look at its type. A row
on which that expression fails is taken apart by `_Diagnosis`, which finds everything that is wrong with it. It also
builds the few rows that only look bad to the expression, such as those with a blank where a number may be left out: the
expression is the short cut, the diagnosis the meaning.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from contextlib import suppress
from typing import Any, TypeAlias, cast

import attrs

from csvpipe._process.convert import PADDING, Converter, converter, shortened
from csvpipe._process.said import MESSAGE_CHARACTERS, code_of, column_of, is_from_user, plain
from csvpipe.errors import CsvPipeError, Phase, Reject, RowCode
from csvpipe.rowtypes import Field, RowKind, RowSchema, Scalar, Shape, check_columns

Builder: TypeAlias = Callable[[list[str]], Any]


@attrs.frozen(kw_only=True)
class Flaw:
    """One thing wrong with one row; a `RowError` without the place in the file.

    Attributes:
        column: Header name of the cell, or None where the whole record is meant.
        code: A `RowCode`, or that of a `Reject`.
        phase: `convert` or `validate`.
        message: For the person who mends the file.
        value: Text of the cell, shortened; None where no single cell is meant.
    """

    column: str | None
    code: str
    phase: Phase
    message: str
    value: str | None


class BadRow(Exception):  # noqa: N818  # no error of the program: the row is data
    """Raised by a builder: the row has flaws, at least one, in the order of the file's columns."""

    def __init__(self, flaws: tuple[Flaw, ...]) -> None:
        super().__init__(flaws)
        self.flaws = flaws


def compile_builder(schema: RowSchema, columns: Sequence[str]) -> Builder:
    """Make the function that turns a record's cells into an object of the schema's row type.

    The builder takes a list of exactly one cell for each column. An empty cell is None if the field is optional, else
    the field's default, else the empty text for a `str`, else the flaw `missing`. Cells of spaces and tabs are empty
    too, except for a `str`. Cells of a bad row are all converted, then validated field by field where attrs allows,
    so that all flaws are told at once; the row type's constructor may therefore run more than once for a bad row.

    The builder raises `BadRow` whatever the constructor raises, be it `SystemExit` or a cancellation: that is the row's
    fault, and a `Reject` among it names column and code. Only the user's Ctrl-C passes.

    Args:
        schema: Of the row type.
        columns: The file's, in its order; those that the schema does not name are ignored.

    Raises:
        FileError: `columns_missing`.
    """
    check_columns(schema, columns)
    bindings = _bind(schema, columns)
    names: dict[str, object] = {"row_type": schema.row_type, "diagnose": _Diagnosis(schema, bindings).build}
    for binding in bindings:
        names[f"convert_{binding.position}"] = binding.convert
        names[f"default_{binding.position}"] = binding.field.default
    code = compile(_source(schema, bindings), f"<csvpipe builder of {schema.row_type.__qualname__}>", "exec")
    exec(code, names)  # noqa: S102  # our own text: positions, and parameter names that are in a signature already
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


@attrs.frozen
class _Binding:
    """A field and the column that fills it."""

    field: Field
    position: int
    convert: Converter


def _bind(schema: RowSchema, columns: Sequence[str]) -> list[_Binding]:
    positions = {name: position for position, name in enumerate(columns)}
    return [
        _Binding(field, positions[field.name], converter(field)) for field in schema.fields if field.name in positions
    ]


def _source(schema: RowSchema, bindings: list[_Binding]) -> str:
    """The builder's text. Arguments go by position as far as the signature lets them: calls are quicker so."""
    arguments = []
    by_position = True
    bound = iter(bindings)
    binding = next(bound, None)
    for field in schema.fields:
        by_position = by_position and not field.keyword_only
        if binding is None or binding.field is not field:
            by_position = False  # left to its default, so the ones after it need their names
            continue
        arguments.append(_expression(binding) if by_position else f"{field.name}={_expression(binding)}")
        binding = next(bound, None)
    inner = ",\n            ".join(arguments)
    return f"""
def build(cells):
    try:
        return row_type(
            {inner}
        )
    except BaseException as error:
        return diagnose(cells, error)
"""


def _expression(binding: _Binding) -> str:
    field, position = binding.field, binding.position
    cell = f"cells[{position}]"
    empty = "None" if field.optional else f"default_{position}" if field.has_default else None
    if field.scalar is Scalar.STR:
        return cell if empty is None else f"{cell} or {empty}"
    value = f"convert_{position}({cell})"
    return value if empty is None else f"{value} if {cell} else {empty}"


class _Diagnosis:
    """What is wrong with a row, or the object if nothing is."""

    __slots__ = ("_bindings", "_kind", "_names", "_row_type")

    def __init__(self, schema: RowSchema, bindings: Sequence[_Binding]) -> None:
        self._row_type: Any = schema.row_type
        self._kind = schema.kind
        self._bindings = sorted(bindings, key=lambda binding: binding.position)
        self._names = frozenset(binding.field.name for binding in bindings)

    def build(self, cells: list[str], failure: BaseException) -> object:
        if is_from_user(failure):
            raise failure
        arguments = self._convert(cells)
        try:
            return self._row_type(**arguments)
        except BaseException as error:  # the application's code: whatever it raises is the row's fault
            if is_from_user(error):
                raise
            flaws = self._found_by_field(arguments, cells) if self._kind is RowKind.ATTRS else ()
            raise BadRow(flaws or (self._flaw_of(error, cells),)) from error

    def _convert(self, cells: list[str]) -> dict[str, object]:
        """The constructor's arguments by name."""
        arguments: dict[str, object] = {}
        flaws = []
        for binding in self._bindings:
            field, text = binding.field, cells[binding.position]
            try:
                arguments[field.name] = _value_of(binding, text)
            except ValueError as error:
                if text.strip(PADDING):
                    code, message = RowCode(field.scalar), str(error)
                else:
                    code, message = RowCode.MISSING, f"the cell is empty, and {field.name!r} needs a value"
                value = shortened(text)
                flaws.append(Flaw(column=field.name, code=code, phase=Phase.CONVERT, message=message, value=value))
        if flaws:
            raise BadRow(tuple(flaws))
        return arguments

    def _found_by_field(self, arguments: dict[str, object], cells: list[str]) -> tuple[Flaw, ...]:
        """Ask converter and validator of each field of an attrs class by itself.

        The generated `__init__` sets all attributes before it validates the first. So an object whose `__init__` ended
        with a validator's exception has all that the other validators may look at.
        """
        instance = None
        with suppress(BaseException):
            instance = self._row_type.__new__(self._row_type)
            self._row_type.__init__(instance, **arguments)
        if instance is None:  # a `__new__` of its own, which wants more
            return ()
        attributes = attrs.fields_dict(self._row_type)
        flaws = []
        for binding in self._bindings:
            field = binding.field
            try:
                _check_attribute(instance, attributes[field.attribute], arguments[field.name])
            except BaseException as error:  # noqa: BLE001  # as above
                flaws.append(self._flaw_of(error, cells, binding))
        return tuple(flaws)

    def _flaw_of(self, error: BaseException, cells: list[str], binding: _Binding | None = None) -> Flaw:
        """A constructor's exception as a flaw; a `Reject` may name another column than the one it was found in."""
        column = binding.field.name if binding else None
        code: str = RowCode.VALIDATION
        if issubclass(type(error), Reject):
            reject = cast("Reject", error)
            column, code = column_of(reject, self._names) or column, code_of(reject)
        positions = (known.position for known in self._bindings if known.field.name == column)
        position = next(positions, None)
        value = None if position is None else shortened(cells[position])
        return Flaw(column=column, code=code, phase=Phase.VALIDATE, message=_message_of(error), value=value)


def _value_of(binding: _Binding, text: str) -> object:
    """What the short cut makes of a cell, and of one that only looks filled."""
    if text:
        try:
            return binding.convert(text)
        except ValueError:
            if text.strip(PADDING):
                raise
    if binding.field.optional:
        return None
    if binding.field.has_default:
        return binding.field.default
    return binding.convert("")


def _check_attribute(instance: object, attribute: attrs.Attribute[Any], argument: object) -> None:
    if attribute.converter is not None:
        is_wrapped = isinstance(attribute.converter, attrs.Converter)  # one that takes what its function may want
        convert: Any = attribute.converter
        convert(argument, instance, attribute) if is_wrapped else convert(argument)
    if attribute.validator is None or attrs.validators.get_disabled():
        return
    if hasattr(instance, attribute.name):  # not set where the converter of a field before it has failed
        attribute.validator(instance, attribute, getattr(instance, attribute.name))


def _message_of(error: BaseException) -> str:
    """What an exception of the application says; its type is named unless that adds nothing."""
    try:
        # The validators of attrs give the message first and then what they compared, all of which `str` would show.
        first, *others = error.args or ("",)
        has_extras = bool(others) and type(error).__str__ is BaseException.__str__
        text = plain(first if has_extras and isinstance(first, str) else error)
    except BaseException:  # noqa: BLE001  # `args` of its own
        text = ""
    if issubclass(type(error), (ValueError, TypeError, CsvPipeError)) and text:
        return shortened(text, MESSAGE_CHARACTERS)
    name = type(error).__name__
    return shortened(f"{name}: {text}" if text else name, MESSAGE_CHARACTERS)
