"""Declaring a pipeline: a function stays a function, and what cannot work is refused where it stands."""

from __future__ import annotations

import functools
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any, NamedTuple

import attrs
import pytest

from csvpipe.context import Context
from csvpipe.dialect import Dialect
from csvpipe.errors import PipelineError
from csvpipe.limits import Limits
from csvpipe.pipeline import Pipeline, pipeline
from csvpipe.policies import Retry
from csvpipe.rowtypes import Row, Shape


class Person(NamedTuple):
    """A typed row."""

    id: int


@contextmanager
def database() -> Iterator[str]:
    """A resource."""
    yield "db"


def load(row: Row) -> str:
    """A handler."""
    return f"loaded {row['id']}"


ROW = Row(1, 2, {"id": 0}, ["7"])


class TestDeclaring:
    """Bare, or with keywords."""

    def test_bare(self) -> None:
        """The decorator alone makes a pipeline under the function's name, with every policy at its default."""
        declared = pipeline(load)
        assert isinstance(declared, Pipeline)
        assert ("load", load, None) == (declared.name, declared.function, declared.setup)
        assert "<Pipeline 'load'>" == repr(declared)
        assert Shape.ROW is declared.signature.shape

    def test_defaults(self) -> None:
        """Bad rows are set aside without a limit, an outage is retried, a broken handler trips the breaker."""
        defaults: dict[str, Any] = {
            "dialect": None,
            "encoding": None,
            "header": True,
            "columns": None,
            "skip_lines": None,
            "unknown_columns": "ignore",
            "na": (),
            "errors": "reject",
            "ragged": "reject",
            "limits": Limits(),
            "on_error": "reject",
            "reject_limit": None,
            "reject_rate_limit": None,
            "reject_rate_min_rows": 1_000,
            "breaker": 100,
            "retry": Retry(),
            "timeout": None,
            "ordered": False,
            "batch_size": 1_000,
            "concurrency": 10,
            "sensitive": (),
            "sink": None,
            "row_type": None,
        }
        declared = pipeline(load)
        assert defaults == {name: getattr(declared, name) for name in defaults}
        rest = {"function", "signature", "name", "setup"}
        assert {*defaults, *rest} == {field.name for field in attrs.fields(Pipeline)}

    def test_keywords(self) -> None:
        """Every policy may be stated; sequences become tuples."""
        policies: dict[str, Any] = {
            "name": "people",
            "dialect": Dialect(delimiter=";"),
            "encoding": "cp1252",
            "header": True,
            "columns": ["id", "name"],
            "skip_lines": 2,
            "unknown_columns": "fail",
            "na": ["NA"],
            "errors": "replace",
            "ragged": "pad",
            "limits": Limits(rows=5),
            "on_error": "fail",
            "reject_limit": 0,
            "reject_rate_limit": 1.0,
            "reject_rate_min_rows": 1,
            "breaker": None,
            "retry": Retry(attempts=1),
            "timeout": 1.5,
            "ordered": True,
            "batch_size": 1,
            "concurrency": 1,
            "sensitive": ["name"],
        }

        async def load_people(rows: list[Person]) -> None:
            """Never called."""

        declared = pipeline(**policies)(load_people)
        stated = policies | {"columns": ("id", "name"), "na": ("NA",), "sensitive": ("name",)}
        assert stated == {name: getattr(declared, name) for name in stated}

    def test_row_type_and_setup(self) -> None:
        """The row's type may be stated instead of annotated; a setup's value is the last argument."""

        def handle(rows: list[Any], ctx: Context, resource: str) -> None:
            """Never called."""

        declared = pipeline(row_type=Person, setup=database)(handle)
        signature = declared.signature
        assert (Shape.TYPED, True, True, True) == (
            signature.shape,
            signature.is_batch,
            signature.takes_context,
            signature.takes_resource,
        )
        assert database is declared.setup

    def test_names(self) -> None:
        """What has no name of its own is called after its class, unless a name is stated."""

        class Loader:
            """A handler with a state."""

            def __call__(self, row: Row) -> None:
                """Never called."""

        assert "Loader" == pipeline(Loader()).name
        assert "partial" == pipeline(functools.partial(load)).name
        assert "people" == pipeline(name="people")(Loader()).name

    def test_async(self) -> None:
        """An `async def` handler is known as such."""

        async def handle(row: Row) -> None:
            """Never called."""

        assert pipeline(handle).signature.is_async

    @pytest.mark.parametrize(
        ("given", "header"),
        [(True, True), (False, False), (["a", "b"], ("a", "b"))],
    )
    def test_headers(self, given: Any, header: object) -> None:
        """The first record names the columns, or nothing does, or the pipeline."""
        assert header == pipeline(header=given)(load).header


class TestUsing:
    """What a pipeline is to its application."""

    def test_called_as_the_function(self) -> None:
        """A unit test needs no pool: arguments and result are the function's."""
        assert "loaded 7" == pipeline(load)(ROW)
        assert "loaded 7" == pipeline(load)(row=ROW)

    def test_immutable(self) -> None:
        """Pools share it, so nobody changes it."""
        with pytest.raises(attrs.exceptions.FrozenInstanceError):
            pipeline(load).batch_size = 1  # type: ignore[misc]

    def test_identity(self) -> None:
        """Two declarations are two pipelines, however alike; each can be a key."""
        one, other = pipeline(load), pipeline(load)
        assert one != other
        assert 2 == len({one, other, one})


class TestRefusals:
    """Each names the pipeline and what is wrong."""

    @pytest.mark.parametrize(
        "policies",
        [
            {"ragged": "ignore"},
            {"on_error": "ignore"},
            {"reject_limit": -1},
            {"reject_rate_limit": 1.1},
            {"reject_rate_limit": -0.1},
            {"reject_rate_min_rows": 0},
            {"breaker": 0},
            {"timeout": 0},
            {"timeout": "1"},
            {"batch_size": 0},
            {"batch_size": 1.5},
            {"concurrency": 0},
            {"dialect": "excel"},
            {"limits": None},
            {"retry": 3},
            {"colour": "blue"},
        ],
        ids=str,
    )
    def test_policies(self, policies: dict[str, Any]) -> None:
        """A policy out of bounds, of the wrong type or unknown."""
        (name,) = policies
        with pytest.raises(PipelineError, match=rf"^pipeline 'load': .*{name}") as caught:
            pipeline(**policies)(load)
        assert isinstance(caught.value, ValueError)

    @pytest.mark.parametrize("name", ["", 7, ("a",)])
    def test_names(self, name: Any) -> None:
        """A name is a text, and not an empty one."""
        with pytest.raises(PipelineError, match="name"):
            pipeline(name=name)(load)

    @pytest.mark.parametrize("policy", ["columns", "header", "sensitive"])
    def test_a_lone_string(self, policy: str) -> None:
        """A string is a sequence of strings, and never meant as one."""
        policies: dict[str, Any] = {policy: "email"}
        with pytest.raises(PipelineError, match="must be a list of strings, not the string 'email'"):
            pipeline(**policies)(load)

    def test_ragged_rows_need_lists(self) -> None:
        """Rows of any length fit in no other shape."""

        def handle(row: list[str]) -> None:
            """Never called."""

        assert "keep" == pipeline(ragged="keep")(handle).ragged
        with pytest.raises(PipelineError, match="ragged='keep' needs a handler of list"):
            pipeline(ragged="keep")(load)

    @pytest.mark.parametrize("header", [False, ["a"]])
    def test_columns_need_a_header(self, header: Any) -> None:
        """Names can only be replaced where there are some."""
        with pytest.raises(PipelineError, match="columns= replaces the names of a header row"):
            pipeline(columns=["b"], header=header)(load)

    def test_the_handler(self) -> None:
        """A handler that cannot be called is refused with its own message."""
        with pytest.raises(PipelineError, match="is a generator"):

            @pipeline
            def handle(row: Row) -> Iterator[Row]:  # type: ignore[type-var]
                yield row


@pytest.mark.parametrize(
    ("policy", "hint"),
    [
        ("batchsize", "did you mean batch_size="),
        ("colour", "there are name, dialect"),
        ("delimiter", "say dialect=csvpipe.Dialect.delimiter="),
    ],
)
def test_a_policy_that_does_not_exist(policy: str, hint: str) -> None:
    """A misspelt policy is named, with the nearest one, or with all there are."""
    options: dict[str, Any] = {policy: 5}

    with pytest.raises(PipelineError, match=f"'handle': there is no {policy}=; {hint}"):

        @pipeline(**options)
        def handle(row: Row) -> None: ...


def test_a_setup_is_called() -> None:
    """What is no function is refused where it is written."""
    options: dict[str, Any] = {"setup": 5}

    with pytest.raises(PipelineError, match="setup"):

        @pipeline(**options)
        def handle(row: Row) -> None: ...


def takes(annotation: Any, *, is_async: bool = False) -> Any:
    """A handler of such rows, named `handle`."""

    def handle(row: Any) -> None:
        """Never called."""

    async def handle_async(row: Any) -> None:
        """Never called."""

    chosen = handle_async if is_async else handle
    chosen.__name__, chosen.__annotations__["row"] = "handle", annotation
    return chosen


@pytest.mark.parametrize(
    ("handler", "policies", "expected"),
    [
        (takes(Row), {"batch_size": 1_000}, "batch_size= is for handlers of batches"),
        (takes(Row), {"concurrency": 10}, "concurrency= is for async handlers"),
        (takes(Row), {"na": ["NA"]}, "na= needs rows of a class"),
        (takes(dict[str, str]), {"unknown_columns": "fail"}, "unknown_columns='fail' needs rows of a class"),
        (takes(Person), {"sensitive": ["iban"]}, "sensitive= names no field of Person: 'iban'; it has 'id'"),
    ],
)
def test_no_effect(handler: Any, policies: dict[str, Any], expected: str) -> None:
    """A keyword that could have no effect on such a handler is refused, even with the value that is the default."""
    with pytest.raises(PipelineError, match=f"^pipeline 'handle': {expected}"):
        pipeline(**policies)(handler)


@pytest.mark.parametrize(
    ("handler", "policies"),
    [
        (takes(list[Row]), {"batch_size": 5}),
        (takes(Row, is_async=True), {"concurrency": 5}),
        (takes(Person), {"na": ["NA"], "unknown_columns": "fail", "sensitive": ["ID "]}),
        (takes(Person), {"sensitive": ["name"], "columns": ["id", "Name"]}),
        (takes(Row), {"sensitive": ["anything"], "unknown_columns": "ignore", "na": []}),
    ],
)
def test_effect(handler: Any, policies: dict[str, Any]) -> None:
    """Where it means something it stays."""
    assert "handle" == pipeline(**policies)(handler).name
