"""The capacity model beside the simulation: what a few instances ask of a real store in some virtual minutes."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from importlib import import_module
from pathlib import Path
from types import ModuleType
from typing import Any

import pytest

import csvpipe
from csvpipe.store.protocol import Claim

#: By how much a count may be other than reckoned: jobs come at random moments, and few ask.
TOLERANCE = 0.15

LOAD = {"small_jobs": 1 / 30, "large_jobs": 1 / 30, "large_seconds": 8.0, "chunks": 8, "errors": 2}

Load = Callable[[str], ModuleType]


@pytest.fixture
def part(monkeypatch: pytest.MonkeyPatch) -> Load:
    """Import one of its modules."""
    monkeypatch.syspath_prepend(Path(__file__).parents[2])
    return lambda name: import_module(f"benchmarks.capacity.{name}")


@contextmanager
def a_store(kind: str, clock: Any, make_url: Callable[[str], str]) -> Iterator[csvpipe.JobStore]:
    """A new one that goes by a clock."""
    if kind == "memory":
        yield csvpipe.MemoryJobStore(clock=clock, monotonic=clock.monotonic)
        return
    with csvpipe.SQLJobStore(make_url(kind), clock=clock) as store:
        yield store


@pytest.mark.parametrize(
    ("kind", "instances", "seconds"),
    [("memory", 1, 1_200.0), ("memory", 10, 1_200.0), ("memory", 60, 120.0), ("sqlite", 3, 180.0)],
)
@pytest.mark.parametrize("hears", [False, True], ids=["looking", "hearing"])
def test_the_model_reckons_what_instances_ask(
    part: Load, make_url: Callable[[str], str], kind: str, instances: int, seconds: float, *, hears: bool
) -> None:
    """Each kind of call is made about as often as the formulae say, in about as many statements, and no job is lost."""
    model, time = part("model"), part("instance").Timeline()
    load = model.Load(**LOAD)
    with a_store(kind, time.clock, make_url) as store:
        meter = part("meter").Meter(store, None)
        simulation = part("simulation").Simulation(
            store, meter, time, instances=instances, load=load, hears=hears, seed=7
        )
        outcome = simulation.run(settle_seconds=60.0, seconds=seconds)
    reckoned = model.rates(instances, load, hears=hears)

    found = {name: outcome.rate(name) for name in model.KINDS if name != "renew" and reckoned[name] * seconds > 30}
    renewals, most_renewals = outcome.rate("renew"), reckoned["renew"] * (1 + TOLERANCE)
    assert most_renewals / 2 < renewals < most_renewals  # fewer where luck gives several jobs to one
    assert pytest.approx({name: reckoned[name] for name in found}, rel=TOLERANCE) == found
    assert {"create", "vain claim", "settle", "look"} <= set(found)
    for name in found if kind == "sqlite" else ():
        if name != "claim":  # one that gets several jobs has more of them
            statements = outcome.metered.statements[name] / outcome.metered.calls[name]
            assert pytest.approx(statements, rel=0.05) == model.statements(name, load, is_postgresql=False)
    assert (max(1, round(instances / 10)), round(2 * LOAD["small_jobs"] * instances * (60.0 + seconds))) == (
        outcome.died,
        outcome.jobs,
    )
    assert outcome.recovery_seconds < 30.0 + 2.0


def test_a_store_that_gives_a_job_to_two_is_found_out(part: Load) -> None:
    """The simulation would not pass over it."""

    class Generous(csvpipe.MemoryJobStore):
        def claim(self, *arguments: Any, **options: Any) -> list[Claim]:
            """Twice the same."""
            claims = super().claim(*arguments, **options)
            return claims * 2

    time = part("instance").Timeline()
    store = Generous(clock=time.clock, monotonic=time.clock.monotonic)
    simulation = part("simulation").Simulation(
        store, part("meter").Meter(store, None), time, instances=3, load=part("model").Load(), hears=False
    )

    with pytest.raises(part("simulation").UnfairError, match=r"^job .* went to instance \d while instance \d had it"):
        simulation.run(settle_seconds=1.0, seconds=60.0)


def test_figures_go_to_their_places(part: Load) -> None:
    """Text around the tables stays; a place without figures, and figures without a place, are mistakes."""
    page = "Text.\n<!-- capacity: rates -->\nold\n<!-- end of capacity -->\nMore.\n"
    with_blocks = part("page").with_blocks

    assert "Text.\n<!-- capacity: rates -->\n\nnew\n\n<!-- end of capacity -->\nMore.\n" == with_blocks(
        page, {"rates": "new"}
    )
    with pytest.raises(LookupError, match="places"):
        with_blocks(page, {"rates": "new", "costs": "lost"})


def test_the_page_has_a_place_for_all_figures(part: Load) -> None:
    """What the simulation has to say stands on the page, for each number of instances."""
    text = part("page").PAGE.read_text("utf-8")

    for key in ("machine", "load", "rates", "costs", "ends", "calls", "sqlite", "real", "limits", "stored"):
        assert f"<!-- capacity: {key} -->" in text
    assert "| by the second | 1 instance | 10 instances | 100 instances | 1,000 instances |" in text
