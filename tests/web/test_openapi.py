"""The OpenAPI document says what is so."""

from collections.abc import Iterator
from typing import Any

import jsonschema_rs
import pytest
import schemathesis
from hypothesis import HealthCheck, given, settings
from tests.web.serving import ANA, Site

import csvpipe
from csvpipe.errors import CsvPipeError
from csvpipe.web import anybody, bearer, create_app
from csvpipe.web.operations import OPERATIONS, Operation
from csvpipe.web.problems import _KINDS, Kind, refusal_of

# Hypothesis takes it for the strategy's doing when a thread of the server that stands meanwhile uses `random`.
pytestmark = pytest.mark.filterwarnings("ignore:Do not use the `random` module")

API = "/api/v1/csv"


@csvpipe.pipeline
def people(row: csvpipe.Row) -> None:
    """Takes any rows."""


def made(**options: Any) -> Any:
    """An application whose pool is made when it starts."""
    options.setdefault("authenticate", bearer({"token": "ana"}))
    return create_app(lambda: csvpipe.WorkerPool(pipelines=[people], on_exit="stop"), **options)


def pointed(document: dict[str, Any], schema: dict[str, Any]) -> dict[str, Any]:
    """A schema that may refer to the document's."""
    return {**schema, "components": document["components"]}


def test_it_has_every_operation(standing: Site) -> None:
    """Each operation stands there with an id of its own, what it answers, and that a token is asked for."""
    document = standing.nobody.get(f"{API}/openapi.json").json()
    described = {
        (method.upper(), path): each for path, methods in document["paths"].items() for method, each in methods.items()
    }

    assert "3.1.0" == document["openapi"]
    assert {"type": "http", "scheme": "bearer"} == document["components"]["securitySchemes"]["owner"]
    assert len(described) == len({each["operationId"] for each in described.values()})
    for operation in OPERATIONS:
        found = described[operation.method, f"{API}{operation.path}"]
        assert [{"owner": []}] == found["security"]
        assert {"401", str(operation.status)} <= set(found["responses"])
    assert {("GET", "/health"), ("GET", "/ready"), ("GET", f"{API}/openapi.json")} == {
        place for place, each in described.items() if "security" not in each
    }


def test_answers_are_as_it_says(standing: Site) -> None:
    """What is answered about a job fits the schema of the answer, whose members are described."""
    document = standing.nobody.get(f"{API}/openapi.json").json()
    job = standing.ended(standing.upload(b"id,name\n1,Ana\nx,Bob\n"))

    for path, methods in document["paths"].items():
        content = methods.get("get", {}).get("responses", {}).get("200", {}).get("content", {}).get("application/json")
        if content is None or path == f"{API}/openapi.json":
            continue
        answer = standing.ana.get(path.format(job_id=job["id"])).json()
        jsonschema_rs.validator_for(pointed(document, content["schema"])).validate(answer)
        properties = [schema for schema in document["components"]["schemas"].values() if schema.get("type") == "object"]
        for schema in properties:
            assert set(schema["required"]) == set(schema["properties"])
    record = document["components"]["schemas"]["JobRecord"]
    assert set(job) == set(record["properties"])
    assert all(schema.get("description") for name, schema in record["properties"].items() if "$ref" not in schema)


def test_without_authentication_there_is_no_scheme() -> None:
    """Where nothing is asked for, the document asks for nothing."""
    schema = schemathesis.openapi.from_asgi(f"{API}/openapi.json", made(authenticate=anybody("ana")))

    assert "securitySchemes" not in schema.raw_schema["components"]


def every_error() -> Iterator[type[CsvPipeError]]:
    """The classes of the library's exceptions that have a problem of their own."""
    for name in _KINDS:
        found = getattr(csvpipe.errors, name, None)
        if found is not None:
            yield found


def test_what_the_library_raises_has_a_kind() -> None:
    """Exceptions are known by their names, which exist; others are our own fault."""
    assert 8 <= len(list(every_error()))
    assert Kind.INTERNAL is refusal_of(csvpipe.CsvPipeError("?")).kind
    assert Kind.TRANSITION is refusal_of(csvpipe.TransitionError("retry", "completed")).kind
    assert len(Kind) == len({kind.uri for kind in Kind})


TOKEN = {"Authorization": "Bearer token"}

schema = schemathesis.openapi.from_asgi(f"{API}/openapi.json", made())


@schema.parametrize()
@settings(max_examples=8, derandomize=True, deadline=None, suppress_health_check=list(HealthCheck))
def test_whatever_is_sent_the_answer_is_as_it_says(case: schemathesis.Case) -> None:
    """Of no request that fits the document, or nearly, is the answer a failure of ours or one that is not announced."""
    case.call_and_validate(headers=TOKEN, excluded_checks=unfit_for(case))


def unfit_for(case: schemathesis.Case) -> list[Any]:
    """Checks that find what is meant to be so.

    Parameters that mean nothing here are no error, and the token that is left out on purpose is added again; which
    pipelines and encodings there are, which bytes are a CSV file, where a history goes on, and whose file is
    gone, no schema says.
    """
    may_be_refused = case.operation.path.endswith(("/upload", "/inspect", "/rejects.csv", "/history"))
    positive = [schemathesis.checks.positive_data_acceptance] if may_be_refused else []
    return [schemathesis.checks.negative_data_rejection, *positive]


@pytest.mark.parametrize(
    "operation", [each for each in OPERATIONS if "{job_id}" in each.path], ids=lambda operation: operation.name
)
def test_of_a_job_that_is_there_too(standing: Site, operation: Operation) -> None:
    """The same of a job of one's own that has ended, well or not: what is asked about it, and of it."""
    document = schemathesis.openapi.from_url(f"{standing.url}{API}/openapi.json")

    @given(case=document[f"{API}{operation.path}"][operation.method].as_strategy())
    @settings(max_examples=4, derandomize=True, deadline=None, suppress_health_check=list(HealthCheck))
    def ask(case: schemathesis.Case) -> None:
        for content in (b"id,name\n1,Ana\nx,Bob\n", b"\x00\x01" * 100):
            case.path_parameters["job_id"] = standing.ended(standing.upload(content))["id"]
            answer = case.call_and_validate(headers=ANA, excluded_checks=unfit_for(case))
            assert 404 != answer.status_code

    ask()
