"""What exceptions say, and what they may be caught as."""

from __future__ import annotations

import json

import attrs
import pytest

from csvpipe import errors
from csvpipe.errors import CsvPipeError, FileCode, FileFailure, Phase, Reject, RejectRows, RowCode, RowError

_EXCEPTIONS = [value for value in vars(errors).values() if isinstance(value, type) and issubclass(value, BaseException)]


@pytest.mark.parametrize("exception", _EXCEPTIONS)
def test_there_is_one_root(exception: type[BaseException]) -> None:
    """Whoever catches `CsvPipeError` catches all that csvpipe raises on purpose."""
    assert issubclass(exception, CsvPipeError)


@pytest.mark.parametrize(
    ("exception", "builtin"),
    [
        (errors.PipelineError, ValueError),
        (errors.DialectError, ValueError),
        (errors.EncodingUnknownError, LookupError),
        (errors.PipelineNotFoundError, LookupError),
        (errors.JobNotFoundError, LookupError),
        (errors.TransitionError, RuntimeError),
        (errors.IdempotencyConflictError, ValueError),
        (errors.PoolClosedError, RuntimeError),
        (errors.LeaseLostError, RuntimeError),
        (errors.SourceGoneError, FileNotFoundError),
        (errors.StoreUnavailableError, RuntimeError),
        (errors.StoreVersionError, RuntimeError),
        (errors.JobFailedError, RuntimeError),
        (errors.FileError, ValueError),
        (errors.MissingExtraError, ImportError),
    ],
)
def test_misuse_is_also_what_python_calls_it(exception: type[BaseException], builtin: type[BaseException]) -> None:
    """A caller who expects the built-in exception gets it."""
    assert issubclass(exception, builtin)


@pytest.mark.parametrize(
    ("error", "text"),
    [
        (Reject("too old", column="age", code="age"), "too old"),
        (RejectRows({3: Reject("no"), 5: Reject("no")}), "2 rows of the batch rejected"),
        (errors.Skip("a test row"), "a test row"),
        (errors.Abort("wrong file"), "wrong file"),
        (errors.Unavailable("no route to host"), "no route to host"),
        (errors.EncodingUnknownError("utf-99"), "unknown encoding 'utf-99'; state one that Python knows"),
        (errors.PipelineNotFoundError("load", ("a", "b")), "no pipeline 'load' in this pool (it has: a, b)"),
        (errors.PipelineNotFoundError("load", ()), "(it has: none)"),
        (errors.JobNotFoundError("7"), "no job 7 in this store"),
        (errors.TransitionError("retry", "completed"), "cannot retry a job that is completed"),
        (errors.IdempotencyConflictError("k1", "7"), "idempotency key 'k1' belongs to job 7"),
        (errors.LeaseLostError("7"), "job 7 has been taken over by another worker"),
        (errors.JobFailedError("a.csv", "failed", "empty", "nothing in it"), "a.csv failed: [empty] nothing in it"),
        (errors.FileError(FileCode.EMPTY, "nothing in it"), "nothing in it"),
        (
            errors.MissingExtraError("SQLJobStore", "sql"),
            "SQLJobStore needs the extra 'sql': pip install 'csvpipe[sql]'",
        ),
    ],
)
def test_a_message_names_what_it_is_about(error: CsvPipeError, text: str) -> None:
    """A person who reads the message knows which thing is meant, and the way out where there is one."""
    assert text in str(error)


def test_a_cancelled_job_has_no_reason() -> None:
    """Without a code the message ends with the status."""
    assert "a.csv cancelled" == str(errors.JobFailedError("a.csv", "cancelled", None, None))


@pytest.mark.parametrize(
    ("message", "expected"),
    [
        ("2 rows are rejected", "a.csv: 2 rows are rejected"),
        ("a.csv: line 1: no", "a.csv: line 1: no"),
        ("a.csv (/spool/1.csv): no", "a.csv (/spool/1.csv): no"),
        ("/in/a.csv: changed", "/in/a.csv: changed"),
        ("/spool/1.csv: changed", "a.csv: /spool/1.csv: changed"),
    ],
)
def test_a_failure_is_named_once(message: str, expected: str) -> None:
    """By the name that people know; by the path of their own file, where that is said already."""
    failure = FileFailure(code=FileCode.ABORTED, message=message).named("a.csv", path="/in/a.csv")

    assert FileFailure(code=FileCode.ABORTED, message=expected) == failure


def test_reject_is_coded_rejected_by_default() -> None:
    """A handler that gives no code gets the stable one, as plain text."""
    reject = Reject("no")
    assert ("no", None, "rejected", str) == (reject.message, reject.column, reject.code, type(reject.code))


def test_reject_is_made_of_text() -> None:
    """What a data frame's cell may give is text from the start; no code is the default."""
    reject = Reject(5, column=["id"], code=None)  # type: ignore[arg-type]
    assert ("5", "['id']", "rejected") == (reject.message, reject.column, reject.code)
    reject.message = None  # type: ignore[assignment]
    assert "None" == str(reject)


def test_reject_rows_needs_a_row() -> None:
    """A batch without a bad row is not to be rejected."""
    with pytest.raises(ValueError, match="at least one row"):
        RejectRows({})


def test_reject_rows_keeps_its_own_mapping() -> None:
    """What the handler does to its dict afterwards changes nothing."""
    named = {1: Reject("no")}
    rejected = RejectRows(named)
    named.clear()
    assert [1] == list(rejected.rejects)


def test_a_row_error_is_json() -> None:
    """The same names and values, with plain text for the phase."""
    error = RowError(
        row=3,
        line=5,
        column="age",
        code=RowCode.INT,
        phase=Phase.CONVERT,
        message="not a number",
        value="x",
        start=40,
        end=52,
    )
    plain = error.to_dict()
    assert [field.name for field in attrs.fields(RowError)] == list(plain)
    assert {**plain, "phase": "convert", "code": "int"} == json.loads(json.dumps(plain))


@pytest.mark.parametrize("codes", [RowCode, FileCode, Phase])
def test_codes_are_short_stable_words(codes: type[RowCode | FileCode | Phase]) -> None:
    """A code is the lower-case name of its member, fit for a database and a chart."""
    assert [name.lower() for name in codes.__members__] == [str(code) for code in codes]
