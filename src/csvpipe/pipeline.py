"""What to do with a row, and under which policies.

`@csvpipe.pipeline` turns a function, the handler, into a `Pipeline`. Calling a pipeline calls the function, so a unit
test of a handler needs no pool.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from contextlib import AbstractAsyncContextManager, AbstractContextManager
from typing import (
    TYPE_CHECKING,
    Any,
    Generic,
    Literal,
    ParamSpec,
    TypeAlias,
    TypedDict,
    TypeVar,
    cast,
    overload,
)

import attrs
from attrs import validators

from csvpipe.context import Context
from csvpipe.dialect import Dialect, not_a_dialect
from csvpipe.errors import PipelineError
from csvpipe.handlers import HandlerSignature, read_handler
from csvpipe.limits import Limits
from csvpipe.policies import Retry
from csvpipe.rowtypes import Shape, unknown_names
from csvpipe.rowtypes.match import missing_columns
from csvpipe.rowtypes.names import listed, suggested
from csvpipe.sink import Sink

if TYPE_CHECKING:
    from typing import Unpack

    from csvpipe.decorators import Decorator, SetupDecorator, TypedDecorator, TypedSetupDecorator
    from csvpipe.rowtypes.like import RowLike

if TYPE_CHECKING:
    # Checkers bring this module along. The defaults are for a pipeline without a handler, which says neither.
    from typing_extensions import ParamSpec as ParamSpecWithDefault
    from typing_extensions import TypeVar as TypeVarWithDefault

    P = ParamSpecWithDefault("P", default=[Any])
    R = TypeVarWithDefault("R", default=Any)
else:
    P = ParamSpec("P")
    R = TypeVar("R")
T = TypeVar("T", bound="RowLike")
X = TypeVar("X", bound="RowLike")
S = TypeVar("S")

#: True: a record names the columns. False: there is none, columns are numbered. `"detect"`: whichever the file looks
#: like. Names: there is none, and these are the columns.
Header: TypeAlias = bool | Literal["detect"] | Sequence[str]

#: See `Pipeline.breaker`.
_BREAKER_ROWS: int | None = 100

#: Where it is not 1,000. A call with columns costs the same for any number of rows.
_BATCH_SIZES = {Shape.COLUMNS: 65_536}

#: Enters what a handler needs: called once a worker (once a pool for async handlers).
Setup: TypeAlias = Callable[[], AbstractContextManager[S] | AbstractAsyncContextManager[S]]


class Policies(TypedDict, total=False):
    """Keywords of `pipeline` besides `row_type` and `setup`; see `Pipeline` for their meaning."""

    name: str
    dialect: Dialect | None
    encoding: str | None
    header: Header
    columns: Sequence[str] | None
    skip_lines: int | None
    unknown_columns: Literal["ignore", "fail"]
    na: Sequence[str]
    errors: Literal["reject", "replace", "ignore", "strict"]
    ragged: Literal["reject", "pad", "keep"]
    limits: Limits
    on_error: Literal["reject", "fail"]
    reject_limit: int | None
    reject_rate_limit: float | None
    reject_rate_min_rows: int
    breaker: int | None
    retry: Retry
    timeout: float | None
    ordered: bool
    batch_size: int
    concurrency: int
    sensitive: Sequence[str]
    sink: Sink | None


def pass_on(row: Any) -> Any:
    """The handler of a pipeline that has none: what is read goes to the sink."""
    return row


def _signature(pipeline: Pipeline[..., Any]) -> HandlerSignature:
    """That of a pipeline which was not made by the decorator."""
    if pipeline.sink is None and not pipeline.has_handler:
        raise PipelineError(
            f"pipeline {pipeline.name!r} has neither a handler nor sink=; say where the rows go, or decorate a "
            "function with @csvpipe.pipeline"
        )
    if pipeline.row_type is None and not pipeline.has_handler:
        raise PipelineError(
            f"pipeline {pipeline.name!r}: row_type= is missing; it says what a row is, and its fields are the columns "
            "that are written (dict writes all columns of the file, as text)"
        )
    return read_handler(pipeline.function, row_type=pipeline.row_type, has_setup=pipeline.setup is not None)


def _names(given: Sequence[str] | None) -> tuple[str, ...] | None:
    if isinstance(given, str):
        raise PipelineError(f"column names must be a list of strings, not the string {given!r}")
    if isinstance(given, Mapping):
        raise PipelineError(
            "column names must be a list of strings, in the order of the file, not a mapping; to name the column of a "
            "field, annotate it: Annotated[str, csvpipe.Column('E-Mail')]"
        )
    return None if given is None else tuple(given)


def _header(given: Header) -> bool | Literal["detect"] | tuple[str, ...]:
    return given if isinstance(given, bool) else "detect" if given == "detect" else _names(given) or ()


def _some(given: Sequence[str]) -> tuple[str, ...]:
    return _names(given) or ()


def _is_dialect(_instance: object, _attribute: attrs.Attribute[Any], given: object) -> None:
    if not isinstance(given, Dialect | None):
        raise TypeError(not_a_dialect(given))


def _is_name(_instance: object, attribute: attrs.Attribute[Any], given: object) -> None:
    if not isinstance(given, str) or not given:
        raise TypeError(f"{attribute.name!r} must be a text that is not empty, not {given!r}")


def _is_sink(_instance: object, _attribute: object, given: Any) -> None:
    if given is not None and not isinstance(given, Sink):
        raise TypeError(f"sink= takes a sink, such as csvpipe.sinks.SQLTable(url, table), not {given!r}")


def _positive(kind: type[int | float]) -> Any:
    return validators.and_(validators.instance_of((int, kind)), validators.gt(0))


@attrs.frozen(kw_only=True, eq=False)
class Pipeline(Generic[P, R]):
    """A handler with its policies. Made by `csvpipe.pipeline`; immutable, shared by every pool that knows it.

    One that only writes to a sink needs no handler: `Pipeline(name="load", row_type=Person, sink=SQLTable(...))`.

    Attributes:
        function: The handler.
        signature: What its annotations say about rows, batches and further arguments.
        name: Names the pipeline in a store: stable across releases of the application.
        setup: Enters a resource; its value is the handler's last argument. Entered also for a handler that does
            without the value.
        dialect: How files are spelt unless `submit` says otherwise; None to detect it.
        encoding: Encoding of the files unless `submit` says otherwise; None to detect it.
        header: `Header`. Titles, comments and blank lines above it are found and reported.
        columns: Names that replace those of the file's header row.
        skip_lines: Physical lines above the header, or above the first record where there is none; None to detect them.
        unknown_columns: What happens to a file with columns that the row type does not name: `ignore` them, or `fail`.
        na: Texts that mean "nothing" in a cell of a typed row, such as `NA`: such a cell counts as empty.
        errors: What happens to a byte that is no text in the file's encoding: `reject` its row, `replace` it by U+FFFD,
            `ignore` it, or `strict`: the job fails.
        ragged: What happens to a row with too few or too many cells: `reject` it, `pad` short ones with empty cells
            (long ones are rejected), or `keep` it as it is (`list[str]` handlers only).
        limits: See `Limits`.
        on_error: `reject` sets a bad row aside and goes on; `fail` ends the job at the first.
        reject_limit: The job fails once more rows than this are rejected; None for no limit.
        reject_rate_limit: The job fails once more than this share (0.0 to 1.0) of its rows is rejected.
        reject_rate_min_rows: Rows to see before the rate is judged.
        breaker: The job fails when its first so many rows all fail in the handler with one and the same error: then
            the handler is broken, not the file. None to reject them all.
        retry: What counts as an outage, and how often a call is repeated.
        timeout: Seconds that one call may take; then its row, or each row of its batch, is rejected with `timeout`.
            A thread cannot be stopped: the call is abandoned and may still end later.
        ordered: Chunks are handled one after the other, in file order.
        batch_size: Rows a call, for handlers of `list[T]` (1,000 unless stated) and of `pyarrow.RecordBatch` (65,536).
        concurrency: Calls of an async handler in flight at once, in one pool.
        sensitive: Columns whose values never appear in errors or events.
        sink: Where what the handler returns goes: an object, a mapping or a tuple of the sink's columns for each row,
            or None for nothing; of a batch a list of these.
        row_type: The type of a row where it was stated.
    """

    function: Callable[P, R] = attrs.field(default=cast("Any", pass_on))
    name: str = attrs.field(validator=_is_name)
    row_type: type[Any] | None = None
    sink: Sink | None = attrs.field(default=None, validator=_is_sink)
    setup: Setup[Any] | None = attrs.field(default=None, validator=validators.optional(validators.is_callable()))
    signature: HandlerSignature = attrs.field(default=attrs.Factory(_signature, takes_self=True))
    dialect: Dialect | None = attrs.field(default=None, validator=_is_dialect)
    encoding: str | None = None
    header: bool | Literal["detect"] | tuple[str, ...] = attrs.field(default=True, converter=_header)
    columns: tuple[str, ...] | None = attrs.field(default=None, converter=_names)
    skip_lines: int | None = attrs.field(
        default=None, validator=validators.optional(validators.and_(validators.instance_of(int), validators.ge(0)))
    )
    unknown_columns: Literal["ignore", "fail"] = attrs.field(
        default="ignore", validator=validators.in_(("ignore", "fail"))
    )
    na: tuple[str, ...] = attrs.field(default=(), converter=_some)
    errors: Literal["reject", "replace", "ignore", "strict"] = attrs.field(
        default="reject", validator=validators.in_(("reject", "replace", "ignore", "strict"))
    )
    ragged: Literal["reject", "pad", "keep"] = attrs.field(
        default="reject", validator=validators.in_(("reject", "pad", "keep"))
    )
    limits: Limits = attrs.field(factory=Limits, validator=validators.instance_of(Limits))
    on_error: Literal["reject", "fail"] = attrs.field(default="reject", validator=validators.in_(("reject", "fail")))
    reject_limit: int | None = attrs.field(default=None, validator=validators.optional(validators.ge(0)))
    reject_rate_limit: float | None = attrs.field(
        default=None, validator=validators.optional(validators.and_(validators.ge(0), validators.le(1)))
    )
    reject_rate_min_rows: int = attrs.field(default=1000, validator=validators.ge(1))
    breaker: int | None = attrs.field(default=_BREAKER_ROWS, validator=validators.optional(validators.ge(1)))
    retry: Retry = attrs.field(factory=Retry, validator=validators.instance_of(Retry))
    timeout: float | None = attrs.field(default=None, validator=validators.optional(_positive(float)))
    ordered: bool = False
    batch_size: int = attrs.field(
        default=attrs.Factory(lambda self: _BATCH_SIZES.get(self.signature.shape, 1000), takes_self=True),
        validator=_positive(int),
    )
    concurrency: int = attrs.field(default=10, validator=_positive(int))
    sensitive: tuple[str, ...] = attrs.field(default=(), converter=_some)

    @property
    def has_handler(self) -> bool:
        """Whether there is one; else rows go to the sink as they are."""
        return self.function is not pass_on

    def __attrs_post_init__(self) -> None:
        if self.ragged == "keep" and self.signature.shape is not Shape.LIST:
            raise PipelineError(f"pipeline {self.name!r}: ragged='keep' needs a handler of list[str] rows")
        if self.columns is not None and self.header is not True:
            raise PipelineError(
                f"pipeline {self.name!r}: columns= replaces the names of a header row; "
                "for files without one give the names as header="
            )
        self._check_sink()
        self._check_row_type()

    def _check_sink(self) -> None:
        """Refuse what cannot be delivered."""
        if self.sink is None:
            return
        if self.signature.is_async:
            raise PipelineError(
                f"pipeline {self.name!r}: sink= needs a handler that is no coroutine, since rows are written in worker "
                "threads; make it a plain function"
            )
        if self.timeout is not None:
            raise PipelineError(
                f"pipeline {self.name!r}: timeout= cannot be kept together with sink=; leave one of them out"
            )
        if self.sink.needs_order and not self.ordered:
            raise PipelineError(
                f"pipeline {self.name!r}: its sink keeps the last of several rows with one key, and chunks that are "
                "written side by side have no last one; add ordered=True"
            )

    def _check_row_type(self) -> None:
        """Refuse what is said of columns that the rows do not have."""
        schema = self.signature.row_schema
        if schema is None:
            for policy, is_given in (("unknown_columns='fail'", self.unknown_columns == "fail"), ("na=", self.na)):
                if is_given:
                    raise PipelineError(
                        f"pipeline {self.name!r}: {policy} needs rows of a class, whose fields say what the columns are"
                    )
            return
        named = self.columns or (self.header if isinstance(self.header, tuple) else ())
        if named and (missing := missing_columns(schema, named)):
            keyword = "header=" if self.columns is None else "columns="
            shown = ", ".join(suggested(name, named) for name in missing)
            raise PipelineError(
                f"pipeline {self.name!r}: {keyword} does not name {shown}, which {schema.row_type.__name__} needs; "
                f"it names {listed(named)}"
            )
        if strangers := unknown_names(schema, self.sensitive, named):
            names = [field.headers[0] for field in schema.fields]
            shown = ", ".join(suggested(name, names) for name in strangers)
            fields = ", ".join(map(repr, names))
            raise PipelineError(
                f"pipeline {self.name!r}: sensitive= names no field of {schema.row_type.__name__}: {shown}; "
                f"it has {fields}"
            )

    def __call__(self, *args: P.args, **kwargs: P.kwargs) -> R:
        """Call the handler as the plain function that it is."""
        return self.function(*args, **kwargs)

    def __repr__(self) -> str:
        return f"<Pipeline {self.name!r}>"


@overload
def pipeline(handler: Callable[[T], R], /) -> Pipeline[[T], R]: ...
@overload
def pipeline(handler: Callable[[T, Context], R], /) -> Pipeline[[T, Context], R]: ...
@overload
def pipeline(handler: Callable[[list[T]], R], /) -> Pipeline[[list[T]], R]: ...
@overload
def pipeline(handler: Callable[[list[T], Context], R], /) -> Pipeline[[list[T], Context], R]: ...
@overload
def pipeline(*, row_type: type[X], setup: Setup[S], **policies: Unpack[Policies]) -> TypedSetupDecorator[X, S]: ...
@overload
def pipeline(*, row_type: type[X], **policies: Unpack[Policies]) -> TypedDecorator[X]: ...
@overload
def pipeline(*, setup: Setup[S], **policies: Unpack[Policies]) -> SetupDecorator[S]: ...
@overload
def pipeline(**policies: Unpack[Policies]) -> Decorator: ...
def pipeline(
    handler: Callable[..., Any] | None = None,
    /,
    *,
    row_type: type[Any] | None = None,
    setup: Setup[Any] | None = None,
    **policies: Unpack[Policies],
) -> Any:
    """Declare what is done with each row, or batch of rows, of a file.

    The annotation of the handler's first parameter chooses what it gets: `csvpipe.Row`, `dict[str, str]` or
    `list[str]`; an attrs class, dataclass, `NamedTuple`, `TypedDict`, pydantic model or `msgspec.Struct`, whose fields
    are the columns; `list[...]` of one of these for batches; or `pyarrow.RecordBatch` for the columns themselves, as
    text, or typed by `row_type=`. Further parameters are `csvpipe.Context` and, with
    `setup=`, the resource, in this order. An `async def` handler runs in the event loop, any other in a worker thread.

    Args:
        handler: The function, when the decorator is used bare.
        row_type: The type of a row where the annotation does not say it.
        setup: Makes a context manager that is entered, used and left in one worker; its value is the last argument.
        **policies: See `Pipeline`.

    Raises:
        PipelineError: The handler or a policy cannot work; the message says where it stands and what to write.

    Example:
        >>> import csvpipe
        >>> @csvpipe.pipeline(reject_limit=100)
        ... def greet(row: csvpipe.Row) -> str:
        ...     return f"hello {row['name']}"
        >>> greet(csvpipe.Row(number=1, line=2, index={"name": 0}, values=["Ana"]))
        'hello Ana'
    """

    def declare(function: Callable[..., Any]) -> Pipeline[Any, Any]:
        signature = read_handler(function, row_type=row_type, has_setup=setup is not None)
        given: dict[str, Any] = dict(policies)
        name = given.pop("name", None)
        if name is None:
            name = getattr(function, "__name__", type(function).__name__)
        for policy in given.keys() - Policies.__annotations__.keys():
            if policy in attrs.fields_dict(Dialect):
                raise PipelineError(
                    f"pipeline {name!r}: there is no {policy}=; say dialect=csvpipe.Dialect({policy}=...)"
                )
            import difflib  # noqa: PLC0415  # for this message only

            near = difflib.get_close_matches(policy, Policies.__annotations__, n=1, cutoff=0.75)
            hint = f"; did you mean {near[0]}=?" if near else f"; there are {', '.join(Policies.__annotations__)}"
            raise PipelineError(f"pipeline {name!r}: there is no {policy}={hint}")
        _check_calls(name, given, signature)
        try:
            return Pipeline(function=function, signature=signature, row_type=row_type, name=name, setup=setup, **given)
        except (TypeError, ValueError) as error:
            if isinstance(error, PipelineError):
                raise
            raise PipelineError(f"pipeline {name!r}: {error.args[0] if error.args else error}") from error

    return declare if handler is None else declare(handler)


def _check_calls(name: object, given: dict[str, Any], signature: HandlerSignature) -> None:
    """Refuse keywords that have no effect on a handler of this kind; only here is it seen whether they were given."""
    if "batch_size" in given and not signature.is_batch:
        raise PipelineError(
            f"pipeline {name!r}: batch_size= is for handlers of batches; annotate the first parameter list[...], "
            "or leave it out"
        )
    if "concurrency" in given and not signature.is_async:
        raise PipelineError(
            f"pipeline {name!r}: concurrency= is for async handlers; others run in the pool's workers= threads, "
            "so leave it out, or make the handler async"
        )
