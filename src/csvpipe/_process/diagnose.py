"""What is wrong with a row that could not be built, cell by cell and field by field."""

from __future__ import annotations

import sys
from collections.abc import Callable, Mapping, Sequence
from contextlib import suppress
from functools import cached_property
from typing import Any, Final, cast

import attrs

from csvpipe._process.binding import LEFT_OUT, Binding
from csvpipe._process.convert import (
    PADDING,
    SHORT_CUT_NAMES,
    VALUE_CHARACTERS,
    converter,
    known_texts,
    short_cut,
    shortened,
)
from csvpipe._process.flaws import BadRow, Flaw
from csvpipe._process.said import MESSAGE_CHARACTERS, code_of, column_of, is_from_user, plain
from csvpipe.errors import CsvPipeError, Phase, Reject, RowCode
from csvpipe.rowtypes import RowKind, RowSchema

#: Flaws that are kept for each column.
_KEPT: Final = 256

#: What a short cut has to say of a text that it leaves to the converter.
_UNKNOWN: Final = object()


class Diagnosis:
    """What is wrong with a row, or the object if nothing is.

    Args:
        schema: Of the row type.
        bindings: Its fields that have a column.
        make: Makes the object of values by name of the field, or by key where it is made of a mapping.
        others: Columns besides, whose text goes along.
    """

    def __init__(
        self, schema: RowSchema, bindings: Sequence[Binding], make: Callable[..., Any], others: Mapping[str, int]
    ) -> None:
        self._schema = schema
        self._row_type: Any = schema.row_type
        self._make = make
        self._others = others
        self._bindings = sorted(bindings, key=lambda binding: binding.position)
        self._known: dict[int, dict[str, Flaw]] = {binding.position: {} for binding in bindings}
        self._headers = {name: b.header for b in self._bindings for name in (b.field.attribute, b.field.name, b.header)}

    def build(self, cells: list[str], failure: BaseException) -> object:
        """Make the object after all, or raise `BadRow` with everything that is wrong."""
        if is_from_user(failure):
            raise failure
        arguments = self._convert(cells)
        try:
            return self._made_of(arguments, cells)
        except BaseException as error:  # the application's code: whatever it raises is the row's fault
            if is_from_user(error):
                raise
            flaws = self._found_by_field(arguments, cells) or self._told_by_pydantic(error, cells)
            raise BadRow(flaws or (self._flaw_of(error, cells),)) from error

    def _made_of(self, arguments: dict[str, object], cells: list[str]) -> object:
        if self._schema.kind is RowKind.PYDANTIC or (self._schema.kind is RowKind.MSGSPEC and self._schema.is_checked):
            keys = {binding.field.name: binding.field.key for binding in self._bindings}
            others = {name: cells[position] for name, position in self._others.items()}
            return self._make(**others, **{keys[name]: value for name, value in arguments.items()})
        return self._make(**arguments)

    def _convert(self, cells: list[str]) -> dict[str, object]:
        """The values by name of the field."""
        arguments: dict[str, object] = {}
        flaws = []
        for binding in self._bindings:
            flaw, value = self._read(binding, cells[binding.position])
            if flaw is not None:
                flaws.append(flaw)
            elif value is not LEFT_OUT:
                arguments[binding.field.name] = value
        if flaws:
            raise BadRow(tuple(flaws))
        return arguments

    def flaw_of(self, binding: Binding, text: str) -> Flaw | None:
        """What is wrong with one cell by itself, if anything is."""
        return self._read(binding, text)[0]

    def _read(self, binding: Binding, text: str) -> tuple[Flaw | None, object]:
        """What is wrong with a cell, or else its value.

        Bad cells of a column are often the same few words, so flaws are kept; not those that an application's function
        finds, which may answer otherwise the next time.
        """
        known = self._known[binding.position]
        if (flaw := known.get(text)) is not None:
            return flaw, None
        if text and (quick := self._short_cuts[binding.position]) is not None:
            try:
                if (value := quick(text)) is not _UNKNOWN:
                    return None, value
            except Exception:  # noqa: BLE001, S110  # as short cuts may
                pass
        try:
            return None, binding.value_of(text)
        except BaseException as error:
            if is_from_user(error):
                raise
            flaw = self._flaw_of_cell(error, binding, text)
        if binding.field.options.parse is None and len(text) <= VALUE_CHARACTERS:
            if len(known) >= _KEPT:
                known.clear()
            known[text] = flaw
        return flaw, None

    @cached_property
    def _short_cuts(self) -> dict[int, Callable[[str], object] | None]:
        """By position, of those columns that have no converter of their own."""
        return {b.position: None if b.nothing else _short_cut(b) for b in self._bindings}

    def _flaw_of_cell(self, error: BaseException, binding: Binding, text: str) -> Flaw:
        if issubclass(type(error), Reject):
            column, code, message = self._column_of(error) or binding.header, code_of(cast("Reject", error)), None
        elif not (stripped := text.strip(PADDING)) or stripped in binding.nothing:
            column, code = binding.header, RowCode.MISSING
            message = f"the cell is empty, and {binding.header!r} needs a value; fill it in"
        else:
            column, code, message = binding.header, binding.code, None
        return Flaw(
            column=column,
            code=code,
            phase=Phase.CONVERT,
            message=message or _message_of(error),
            value=shortened(text),
        )

    def _found_by_field(self, arguments: dict[str, object], cells: list[str]) -> tuple[Flaw, ...]:
        """Ask what the row type wants of each field by itself, where its library can."""
        check: Callable[[Binding, object], object] | None = None
        if self._schema.kind is RowKind.ATTRS:
            check = self._attrs_check(arguments)
        elif self._schema.kind is RowKind.MSGSPEC and self._schema.is_checked:
            check = self._msgspec_check()
        if check is None:
            return ()
        flaws = []
        for binding in self._bindings:
            if binding.field.name not in arguments:
                continue
            try:
                check(binding, arguments[binding.field.name])
            except BaseException as error:  # noqa: BLE001  # as above
                flaws.append(self._flaw_of(error, cells, binding))
        return tuple(flaws)

    def _attrs_check(self, arguments: dict[str, object]) -> Callable[[Binding, object], object] | None:
        """Converter and validator of each field.

        The generated `__init__` sets all attributes before it validates the first. So an object whose `__init__` ended
        with a validator's exception has all that the other validators may look at.
        """
        instance = None
        with suppress(BaseException):
            instance = self._row_type.__new__(self._row_type)
            self._row_type.__init__(instance, **arguments)
        if instance is None:  # a `__new__` of its own, which wants more
            return None
        attributes = attrs.fields_dict(self._row_type)
        return lambda binding, value: _check_attribute(instance, attributes[binding.field.attribute], value)

    def _msgspec_check(self) -> Callable[[Binding, object], object]:
        """The type of each field, with its constraints."""
        msgspec: Any = sys.modules["msgspec"]
        kinds = {field.name: field.type for field in msgspec.structs.fields(self._row_type)}
        return lambda binding, value: msgspec.convert(value, type=kinds[binding.field.name])

    def _told_by_pydantic(self, error: BaseException, cells: list[str]) -> tuple[Flaw, ...]:
        """Everything that a `ValidationError` has to say, in file order."""
        kind: Any = getattr(sys.modules.get("pydantic_core"), "ValidationError", None)
        if kind is None or not issubclass(type(error), kind):
            return ()
        bound = {name: b for b in self._bindings for name in (b.field.key, b.field.attribute, b.field.name)}
        flaws = []
        for detail in cast("Any", error).errors(include_url=False, include_input=False):
            binding = bound.get(next(iter(detail["loc"]), ""))
            cause = detail.get("ctx", {}).get("error")
            is_own = isinstance(cause, BaseException)
            message = _message_of(cause) if is_own else shortened(str(detail["msg"]), MESSAGE_CHARACTERS)
            place, column = (len(cells), None) if binding is None else (binding.position, binding.header)
            flaws.append((place, self._flaw(RowCode.VALIDATION, message, column, cells)))
        return tuple(flaw for _, flaw in sorted(flaws, key=lambda pair: pair[0]))

    def _flaw_of(self, error: BaseException, cells: list[str], binding: Binding | None = None) -> Flaw:
        """A constructor's exception as a flaw; a `Reject` may name another column than the one it was found in."""
        column = binding.header if binding else None
        code: str = RowCode.VALIDATION
        if issubclass(type(error), Reject):
            column, code = self._column_of(error) or column, code_of(cast("Reject", error))
        return self._flaw(code, _message_of(error), column, cells)

    def _flaw(self, code: str, message: str, column: str | None, cells: list[str]) -> Flaw:
        position = next((known.position for known in self._bindings if known.header == column), None)
        value = None if position is None else shortened(cells[position])
        return Flaw(column=column, code=code, phase=Phase.VALIDATE, message=message, value=value)

    def _column_of(self, error: BaseException) -> str | None:
        """The file's name for the column that a `Reject` names, by field or by header."""
        column = column_of(cast("Reject", error), self._headers)
        return column if column is None else self._headers.get(column, column)


def _short_cut(binding: Binding) -> Callable[[str], object] | None:
    """The short cut of texts that are not empty, for a binding whose converter it speaks for.

    Where the converter would be asked, the answer is `_UNKNOWN`.
    """
    expression = short_cut(binding.field)
    if expression is None or binding.convert is not converter(binding.field):
        return None
    names = {**SHORT_CUT_NAMES, "convert": lambda _: _UNKNOWN, "known": known_texts(binding.field)}
    text = expression.format(cell="t", convert="convert", known="known")
    return eval(f"lambda t: {text}", names)  # type: ignore[no-any-return]  # noqa: S307  # our own text


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
