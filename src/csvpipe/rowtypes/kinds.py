"""The kinds of classes that describe a row, and the parameters that each of them takes.

pydantic, msgspec and dataclasses are never imported here: whoever has a class of theirs has imported them already.
"""

from __future__ import annotations

import inspect
import sys
import typing
from collections.abc import Callable, Iterator, Mapping
from typing import Any, Final, NamedTuple

import attrs

from csvpipe.errors import PipelineError
from csvpipe.rowtypes.place import located, located_field
from csvpipe.rowtypes.schema import RowKind


class Parameter(NamedTuple):
    """What a row type takes for one field; see `Field` for the names that both have.

    Attributes:
        annotation: Where the class knows it better than its source does.
        extras: What `Annotated` has around that.
        has_own_reader: Whether the class has code of its own that reads the field's text.
    """

    name: str
    attribute: str
    key: str | None = None
    has_default: bool = False
    is_left_out: bool = False
    default: object = None
    keyword_only: bool = False
    alias: str | None = None
    annotation: Any = None
    extras: tuple[object, ...] = ()
    has_own_reader: bool = False


def row_kind(row_type: object) -> RowKind | None:
    """How `row_type` was declared, or None if it is no class that can describe a row."""
    if not isinstance(row_type, type):
        return None
    return next((kind for kind, is_one in _TESTS.items() if is_one(row_type)), None)


def parameters_of(row_type: Any, kind: RowKind, localns: Mapping[str, Any]) -> list[Parameter]:
    """The parameters of a row type that are fields, in their order.

    Raises:
        PipelineError: It takes more than its fields, or not all of them; or they have names that no column can have.
    """
    if kind is RowKind.PYDANTIC:
        return list(_of_pydantic(row_type, localns))
    if kind is RowKind.MSGSPEC:
        return list(_of_msgspec(row_type))
    if kind is RowKind.TYPEDDICT:
        names = list(typing.get_type_hints(row_type, localns=dict(localns)))
        free = [name not in row_type.__required_keys__ for name in names]
        return [
            Parameter(name=name, attribute=name, has_default=is_free, is_left_out=is_free, keyword_only=True)
            for name, is_free in zip(names, free, strict=True)
        ]
    return _of_constructor(row_type, kind)


def word_on_others(row_type: Any, kind: RowKind) -> tuple[bool, bool]:
    """Whether the class refuses columns that it does not name, and whether it wants them."""
    if kind is RowKind.PYDANTIC:
        word = row_type.model_config.get("extra")
        return word == "forbid", word == "allow"
    return kind is RowKind.MSGSPEC and row_type.__struct_config__.forbid_unknown_fields, False


def is_checked(kind: RowKind, hints: Mapping[str, Any]) -> bool:
    """Whether a constructor alone would not see that values satisfy what the class says of them."""
    if kind is RowKind.PYDANTIC:
        return True
    if kind is not RowKind.MSGSPEC:
        return False
    constraint: type = sys.modules["msgspec"].Meta
    return any(_has_extra(hint, constraint) for hint in hints.values())


def check_checker(row_type: Any, hints: Mapping[str, Any]) -> None:
    """See that msgspec can check what it is to check: it would only find out at the first row, and refuse every one.

    Raises:
        PipelineError: It cannot; the message has the field.
    """
    msgspec: Any = sys.modules["msgspec"]
    places = {located_field(row_type, name): hint for name, hint in hints.items()}
    for place, kind in {**places, located(row_type): row_type}.items():
        try:
            msgspec.json.Decoder(kind)
        except Exception as error:  # a TypeError, or whatever evaluating somebody's annotations may raise
            reason = str(error).partition("\n")[0]
            raise PipelineError(
                f"{place}: a class with msgspec.Meta is checked by msgspec, which cannot: {reason}; change the type, "
                "or declare the class with attrs"
            ) from error


def _has_extra(hint: Any, kind: type) -> bool:
    if any(isinstance(extra, kind) for extra in getattr(hint, "__metadata__", ())):
        return True
    inner = getattr(hint, "__value__", None) or getattr(hint, "__supertype__", None)
    return any(_has_extra(part, kind) for part in (*typing.get_args(hint), *([inner] if inner else [])))


def _is_of(row_type: type, module: str, name: str) -> bool:
    parent = getattr(sys.modules.get(module), name, None)
    return isinstance(parent, type) and issubclass(row_type, parent) and row_type is not parent


_TESTS: Final[Mapping[RowKind, Callable[[Any], bool]]] = {
    RowKind.PYDANTIC: lambda row_type: _is_of(row_type, "pydantic", "BaseModel"),
    RowKind.MSGSPEC: lambda row_type: _is_of(row_type, "msgspec", "Struct"),
    RowKind.ATTRS: attrs.has,
    RowKind.DATACLASS: lambda row_type: hasattr(row_type, "__dataclass_fields__"),
    RowKind.NAMEDTUPLE: lambda row_type: issubclass(row_type, tuple) and hasattr(row_type, "_field_defaults"),
    # Be it of `typing` or of `typing_extensions`.
    RowKind.TYPEDDICT: lambda row_type: issubclass(row_type, dict) and hasattr(row_type, "__required_keys__"),
}


def _of_constructor(row_type: Any, kind: RowKind) -> list[Parameter]:
    if kind is RowKind.ATTRS:
        attributes = {field.alias or field.name: field.name for field in attrs.fields(row_type) if field.init}
    elif kind is RowKind.DATACLASS:
        dataclasses: Any = sys.modules["dataclasses"]
        attributes = {field.name: field.name for field in dataclasses.fields(row_type) if field.init}
    else:
        attributes = {name: name for name in row_type._fields}  # what makes it a NamedTuple
    parameters = []
    for parameter in inspect.signature(row_type).parameters.values():
        attribute = attributes.pop(parameter.name, None)
        has_default = parameter.default is not parameter.empty
        if attribute is None and has_default:
            continue
        if attribute is None:
            raise PipelineError(
                f"{located(row_type)}: its constructor needs {parameter.name!r}, which is no field of the class; "
                "make it a field, or give it a default"
            )
        parameters.append(
            Parameter(
                name=parameter.name,
                attribute=attribute,
                has_default=has_default,
                default=parameter.default if has_default else None,
                keyword_only=parameter.kind is parameter.KEYWORD_ONLY,
            )
        )
    if attributes:
        missing = ", ".join(repr(name) for name in attributes)
        raise PipelineError(f"{located(row_type)}: its constructor does not take {missing}; leave it as generated")
    return parameters


def _of_msgspec(row_type: Any) -> Iterator[Parameter]:
    msgspec: Any = sys.modules["msgspec"]
    struct_fields = msgspec.structs.fields(row_type)
    keyword_only = inspect.signature(row_type).parameters
    for field in struct_fields:
        has_factory = field.default_factory is not msgspec.NODEFAULT
        yield Parameter(
            name=field.name,
            attribute=field.name,
            key=field.encode_name,
            alias=None if field.encode_name == field.name else field.encode_name,
            has_default=not field.required,
            is_left_out=has_factory,
            default=None if field.required or has_factory else field.default,
            keyword_only=keyword_only[field.name].kind is inspect.Parameter.KEYWORD_ONLY,
        )


def _of_pydantic(row_type: Any, localns: Mapping[str, Any]) -> Iterator[Parameter]:
    if _is_of(row_type, "pydantic", "RootModel"):
        raise PipelineError(f"{located(row_type)}: a RootModel has no columns; give the model a field for each")
    try:
        row_type.model_rebuild(_types_namespace=dict(localns) or None)
    except Exception as error:  # whatever evaluating somebody's text may raise
        raise PipelineError(f"{located(row_type)}: pydantic cannot finish it: {error}") from error
    readers = {
        name
        for decorator in row_type.__pydantic_decorators__.field_validators.values()
        if decorator.info.mode != "after"
        for name in decorator.info.fields
    }
    for name, info in row_type.model_fields.items():
        key, alias = _pydantic_names(row_type, name, info)
        is_free = not info.is_required()
        yield Parameter(
            name=name,
            attribute=name,
            key=key,
            alias=alias,
            has_default=is_free,
            is_left_out=is_free,
            keyword_only=True,
            annotation=info.annotation,
            extras=tuple(info.metadata),
            has_own_reader=bool({name, "*"} & readers),
        )


def _pydantic_names(row_type: Any, name: str, info: Any) -> tuple[str, str | None]:
    """Under which name the model looks for a field, and the alias that it may have."""
    stated = info.validation_alias if info.validation_alias is not None else info.alias
    choices = getattr(stated, "choices", [stated])
    texts = [text for choice in choices for text in [_flat(choice)] if text is not None]
    if stated is not None and not texts:
        raise PipelineError(f"{located_field(row_type, name)}: its alias is a path, and a row has no depth; name one")
    config = row_type.model_config
    by_alias = config.get("validate_by_alias", True)
    return (texts[0] if texts and by_alias else name), (texts[0] if texts else None)


def _flat(alias: Any) -> str | None:
    """An alias as a text; a path of one step is one."""
    steps = getattr(alias, "path", [alias])
    return steps[0] if len(steps) == 1 and isinstance(steps[0], str) else None
