"""A job's rows and secrets, where columns are not called as the fields are."""

from __future__ import annotations

from collections.abc import Callable
from typing import Annotated, Any

import attrs

from csvpipe.errors import Reject
from csvpipe.pipeline import pipeline
from csvpipe.rowtypes import Column


@attrs.frozen
class Account:
    """A field with a column of another name."""

    number: int
    iban: Annotated[str | None, Column("Bank account")] = None


def test_nothing(imports: Callable[..., Any]) -> None:
    """The pipeline's `na` holds for every field."""
    seen = []

    @pipeline(na=["NA"])
    def handle(account: Account) -> None:
        seen.append(account)

    imports(handle, "NUMBER,bank_account\n1,NA\n2,X\n").run()
    assert [Account(1, None), Account(2, "X")] == seen


def test_secrets(imports: Callable[..., Any]) -> None:
    """What is sensitive is masked under the file's name, whichever name was given."""
    for name in ("iban", "Bank account", "BANK_ACCOUNT"):

        @pipeline(sensitive=[name])
        def handle(account: Account) -> None:
            raise Reject(f"no {account.iban}", column="Bank-Account")

        [error] = imports(handle, "number,Bank-Account\n1,DE02\n").run().errors
        assert ("Bank-Account", "***") == (error.column, error.value)
        assert "DE02" not in error.message
