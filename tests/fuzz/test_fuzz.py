"""A few seconds of fuzzing, the same each time: `nox -s fuzz` has more of them, and other files to begin with."""

from __future__ import annotations

import pytest
from tests.fuzz.drivers import drive
from tests.fuzz.mutations import seeds
from tests.fuzz.targets import TARGETS
from tests.fuzz.watch import HungError, Watch

#: A whole job takes as long as hundreds of the others.
INPUTS = {"inspection": 400, "partition": 400, "rejects": 400, "whole": 40}


@pytest.mark.parametrize("name", TARGETS)
def test_nothing_breaks(name: str) -> None:
    """Whatever the bytes are, what must hold does hold."""
    watch = Watch(name, TARGETS[name])

    drive(watch, seeds(None), seed=1, inputs=INPUTS[name], seconds=None)

    assert [] == [*watch.found.values()]
    assert INPUTS[name] == watch.inputs


def test_what_breaks_is_found_and_made_small() -> None:
    """The harness itself can fail: an input with a certain token is found, and nothing else is left of it."""

    def target(data: bytes) -> None:
        assert b'""' not in data

    watch = Watch("quotes", target)

    drive(watch, seeds(None), seed=1, inputs=100, seconds=None)

    (report,) = watch.found.values()
    assert report.startswith("quotes: 2 bytes, b'\"\"'\n")


def test_one_place_is_one_finding() -> None:
    """However many inputs lead there."""

    def target(data: bytes) -> None:
        raise HungError if data else ValueError

    watch = Watch("always", target)
    for data in (b"", b"a", b"", b"bc"):
        watch.check(data)

    assert 2 == len(watch.found)
