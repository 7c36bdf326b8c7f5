"""What type checkers take for a row. They alone read this: none of it exists at run time."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from typing import Any, ClassVar, Protocol, TypeAlias

    from _typeshed import DataclassInstance

    from csvpipe.rowtypes.row import Row

    # Not `attrs.AttrsInstance`: for every checker but mypy it is a protocol without members, which everything follows.
    # To the others an attrs class is a dataclass.
    class _AttrsInstance(Protocol):
        __attrs_attrs__: ClassVar[Any]

    class _NamedTupleInstance(Protocol):
        def _asdict(self) -> dict[str, Any]: ...

    class _TypedDictInstance(Protocol):
        __required_keys__: ClassVar[frozenset[str]]
        __optional_keys__: ClassVar[frozenset[str]]

    class _PydanticInstance(Protocol):
        __pydantic_complete__: ClassVar[bool]

    class _MsgspecInstance(Protocol):
        __struct_fields__: ClassVar[tuple[str, ...]]

    class RecordBatchLike(Protocol):
        """A `pyarrow.RecordBatch`, whoever may have written types for it."""

        @property
        def num_columns(self) -> int:
            """How many columns it has."""
            ...

        @property
        def num_rows(self) -> int:
            """How many rows it has."""
            ...

        @property
        def nbytes(self) -> int:
            """How large it is."""
            ...

    #: What one row may be, as the first parameter of a handler, or the items of its list, are annotated. And a batch of
    #: columns.
    RowLike: TypeAlias = (
        Row
        | dict[str, str]
        | list[str]
        | _NamedTupleInstance
        | _AttrsInstance
        | DataclassInstance
        | _TypedDictInstance
        | _PydanticInstance
        | _MsgspecInstance
        | RecordBatchLike
    )
