"""The pipeline of the tutorial."""

from datetime import date

import attrs

import csvpipe


@attrs.frozen
class Person:
    """One row of people.csv."""

    id: int
    name: str
    joined: date
    score: float | None = None


@csvpipe.pipeline
def import_people(person: Person) -> None:
    """Greet everybody whose id is sound."""
    if person.id < 0:
        raise csvpipe.Reject("id must not be negative", column="id", code="negative_id")
    print(f"hello {person.name}")
