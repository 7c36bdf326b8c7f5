"""The pipelines of the benchmarks, where worker processes find them by name."""

import anyio
from handlers import Customer, Person, take_busily

import csvpipe

#: What the handler that waits takes for a row.
WAIT_SECONDS = 0.005
CONCURRENCY = 100


@csvpipe.pipeline
def import_cells(row: list[str]) -> None:
    """Handle a row of text as the peers do: by doing nothing."""


@csvpipe.pipeline
def import_people(person: Person) -> None:
    """Handle a typed row as the peers do: by doing nothing."""


@csvpipe.pipeline
def import_customers(customer: Customer) -> None:
    """Handle an object as the peers do: by doing nothing."""


@csvpipe.pipeline
def import_busily(row: list[str]) -> None:
    """Compute."""
    take_busily(row)


@csvpipe.pipeline(concurrency=CONCURRENCY)
async def import_waiting(row: list[str]) -> None:
    """Wait, as for a database."""
    await anyio.sleep(WAIT_SECONDS)
