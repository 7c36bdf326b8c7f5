"""The figures on docs/explanation/capacity.md: each table stands between marks of its own; the text around it stays.

`<!-- capacity: KEY -->` begins one, `<!-- end of capacity -->` ends it.
"""

import math
import re
import statistics
from collections.abc import Mapping, Sequence
from pathlib import Path

import attrs
from benchmarks.capacity.limits import Limits
from benchmarks.capacity.model import (
    EVENTS,
    KINDS,
    STORED_BYTES,
    WRITES,
    Load,
    rates,
    statements,
    stored_bytes,
)
from benchmarks.capacity.real import Lived
from benchmarks.capacity.simulation import Outcome

PAGE = Path(__file__).parents[2] / "docs" / "explanation" / "capacity.md"

_PLACE = re.compile(r"(<!-- capacity: (\S+) -->\n).*?(<!-- end of capacity -->)", re.DOTALL)

#: What a kind of call is, for people.
_NAMES = {
    "create": "create a job",
    "claim": "claim that gets a job",
    "vain claim": "claim in vain",
    "commit": "commit",
    "settle": "settle",
    "renew": "renew leases",
    "look": "look by a reader",
}

#: Rows that are in the picture.
CALLS_ROW = "processors of the server for the calls"
NOTICES_ROW = "... processors for them, reckoned"

#: By these, costs of calls are told, and the largest simulation is reckoned.
_TYPICAL = 100


@attrs.frozen(kw_only=True)
class Figures:
    """All that was measured.

    Attributes:
        machine: On what.
        load: Of each instance.
        postgresql: What simulations on PostgreSQL came to.
        sqlite: And those on SQLite.
        real: What a real pool asked for.
        limits: See there.
        stored: Bytes a row of each table, after the largest simulation.
        minutes: What all of it took.
    """

    machine: str
    load: Load
    postgresql: Sequence[Outcome]
    sqlite: Sequence[Outcome]
    real: Lived
    limits: Limits
    stored: Mapping[str, float]
    minutes: float


def blocks(figures: Figures) -> dict[str, str]:
    """What stands on the page, by key."""
    return {
        "machine": f"Measured on: {figures.machine}, in {figures.minutes:.0f} minutes.",
        "load": _load(figures.load),
        "rates": _rates(figures.postgresql, figures.load, is_postgresql=True),
        "costs": _costs(figures),
        "ends": _ends(figures.postgresql),
        "calls": _calls(figures),
        "real": _table(
            (f"in {figures.real.seconds:.0f} s", "reckoned / found"),
            [(_NAMES[kind], f"{figures.real.reckoned[kind]:.1f} / {figures.real.calls[kind]}") for kind in KINDS],
        ),
        "sqlite": _rates(figures.sqlite, figures.load, is_postgresql=False),
        "limits": _limits(figures.limits),
        "stored": _table(
            ("a row", "reckoned with", "found"),
            [(name, f"{STORED_BYTES[name]:,}", f"{found:,.0f}") for name, found in figures.stored.items()],
        ),
    }


def with_blocks(page: str, found: Mapping[str, str]) -> str:
    """The page with these figures in place of those of before.

    Raises:
        LookupError: It has no place for some of them, or a place for others.
    """
    places = [match[2] for match in _PLACE.finditer(page)]
    if sorted(places) != sorted(found):
        raise LookupError(f"the page has places for {sorted(places)}, and there are {sorted(found)}")
    return _PLACE.sub(lambda match: f"{match[1]}\n{found[match[2]]}\n\n{match[3]}", page)


def write(figures: Figures, path: Path = PAGE) -> None:
    """Bring the page up to date."""
    path.write_text(with_blocks(path.read_text("utf-8"), blocks(figures)), encoding="utf-8")


def server_cores(outcome: Outcome, costs: Mapping[str, float], load: Load) -> float:
    """Processors of the server, reckoned from what each call costs."""
    reckoned = rates(outcome.instances, load, hears=outcome.hears)
    return sum(reckoned[kind] * costs[kind] for kind in KINDS)


def costs_of(outcome: Outcome) -> dict[str, float]:
    """Seconds of the server's processor that a call of each kind took."""
    return {kind: outcome.metered.backend_seconds[kind] / max(1, outcome.metered.calls[kind]) for kind in KINDS}


# Tables ---------------------------------------------------------------------------------------------------------------


def _rates(outcomes: Sequence[Outcome], load: Load, *, is_postgresql: bool) -> str:
    reckoned = [rates(outcome.instances, load, hears=outcome.hears) for outcome in outcomes]
    rows = []
    for kind in KINDS:
        cells = (_pair(each[kind], outcome.rate(kind)) for each, outcome in zip(reckoned, outcomes, strict=True))
        rows.append((_NAMES[kind], *cells))
    for name, kinds in (("**transactions that write**", WRITES), ("**events**: changes of jobs", EVENTS)):
        cells = (
            _pair(sum(each[kind] for kind in kinds), sum(outcome.rate(kind) for kind in kinds))
            for each, outcome in zip(reckoned, outcomes, strict=True)
        )
        rows.append((name, *cells))
    cells = (
        _pair(
            sum(each[kind] * statements(kind, load, is_postgresql=is_postgresql) for kind in KINDS),
            sum(outcome.metered.statements.values()) / outcome.seconds,
        )
        for each, outcome in zip(reckoned, outcomes, strict=True)
    )
    rows.append(("**statements**", *cells))
    if not is_postgresql:
        busy = (f"{sum(outcome.metered.wall_seconds.values()) / outcome.seconds:.1%}" for outcome in outcomes)
        rows.append(("time in calls", *busy))
    return _table(("by the second", *_columns(outcomes, is_told=is_postgresql)), rows)


def _costs(figures: Figures) -> str:
    outcomes, load = figures.postgresql, figures.load
    typical = next((each for each in outcomes if each.instances == _TYPICAL), outcomes[-1])
    costs = costs_of(typical)
    events = [sum(rates(each.instances, load, hears=each.hears)[kind] for kind in EVENTS) for each in outcomes]
    told = [rate * each.instances * each.hears for rate, each in zip(events, outcomes, strict=True)]
    answers = [sum(each.metered.backend_seconds.values()) / each.seconds for each in outcomes]
    logged = [each.metered.log_bytes / each.seconds / 1024 for each in outcomes]
    grown = [stored_bytes(each.instances, load) / 1024 for each in outcomes]
    reckoned = [server_cores(each, costs, load) for each in outcomes]
    rows = [
        (CALLS_ROW, *map(_pair, reckoned, answers)),
        ("notices that are passed on, reckoned", *map(_number, told)),
        (NOTICES_ROW, *(_number(rate * figures.limits.notice_seconds) for rate in told)),
        ("KiB of the server's log, found", *map(_number, logged)),
        ("KiB that the tables grow by, reckoned", *map(_number, grown)),
        ("connections, least to most", *(_connections(each) for each in outcomes)),
        ("a job waits, median, ms", *(f"{1000 * statistics.median(each.waits):,.0f}" for each in outcomes)),
        ("... the longest, ms", *(f"{1000 * max(each.waits):,.0f}" for each in outcomes)),
    ]
    return _table(("by the second", *_columns(outcomes)), rows)


def _connections(outcome: Outcome) -> str:
    least, most = 1 + outcome.hears, 15 + outcome.hears  # of a store that was given a URL
    return f"{least * outcome.instances:,} to {most * outcome.instances:,}"


def _ends(outcomes: Sequence[Outcome]) -> str:
    rows = [
        ("jobs, all completed, each by one owner at a time", *(f"{each.jobs:,}" for each in outcomes)),
        ("largest share of the jobs that one instance had", *(f"{each.busiest:.1%}" for each in outcomes)),
        ("instances that died at once", *(f"{each.died:,}" for each in outcomes)),
        ("jobs that they had in hand, all taken over", *(f"{each.takeovers:,}" for each in outcomes)),
        ("seconds until the last of them was", *(f"{each.recovery_seconds:.1f}" for each in outcomes)),
    ]
    return _table(("in all", *_columns(outcomes)), rows)


def _calls(figures: Figures) -> str:
    heard = [each for each in figures.postgresql if each.hears]
    typical = next((each for each in heard if each.instances == _TYPICAL), heard[-1])
    metered, most = typical.metered, max(heard, key=lambda each: each.instances)
    rows = [
        (
            _NAMES[kind],
            f"{statements(kind, figures.load, is_postgresql=True):g}",
            f"{metered.statements[kind] / max(1, metered.calls[kind]):.2f}",
            f"{1000 * costs_of(typical)[kind]:.2f}",
            f"{1000 * costs_of(most)[kind]:.2f}",
            f"{1000 * metered.client_seconds[kind] / max(1, metered.calls[kind]):.2f}",
        )
        for kind in KINDS
    ]
    server = "ms of the server's processor"
    among = f"{server}, among {typical.instances:,} instances"
    header = ("call", "statements, reckoned", "found", among, f"among {most.instances:,}", "ms of the caller's")
    return _table(header, rows)


def _limits(limits: Limits) -> str:
    rows = [("a notice, for each connection that listens", f"{1e6 * limits.notice_seconds:.0f} µs of a processor")]
    for name, rate in (
        ("16 clients that change a row each and wait for the disk", limits.commits),
        ("... and tell of it", limits.telling_commits),
    ):
        rows.append((name, "-" if rate is None else f"{rate:,.0f} transactions a second"))
    for jobs, (vain, found) in limits.claim_seconds.items():
        told = f"{1000 * vain:.2f} ms of a processor in vain, {1000 * found:.2f} ms with a job"
        rows.append((f"a claim while {jobs:,} jobs are in hand", told))
    return _table(("what", "found"), rows)


def _load(load: Load) -> str:
    rows = [
        ("small files submitted", f"{60 * load.small_jobs:g} a minute, {load.small_seconds:g} s of work each"),
        ("large files submitted", f"{60 * load.large_jobs:g} a minute, {load.large_seconds:g} s of work each"),
        ("a large file", f"{load.chunks} chunks of {load.rows:,} rows, {load.errors} row errors a chunk"),
        ("readers", "one for each large file, from its submission to its end"),
        ("a call of the store", f"{1000 * load.call_seconds:g} ms of virtual time"),
    ]
    return _table(("for each instance", ""), rows)


def _columns(outcomes: Sequence[Outcome], *, is_told: bool = True) -> list[str]:
    names = [f"{each.instances:,} instance{'s' * (each.instances > 1)}" for each in outcomes]
    quiet = [", not listening" * (is_told and not each.hears) for each in outcomes]
    return list(map("".join, zip(names, quiet, strict=True)))


def _table(header: Sequence[str], rows: Sequence[Sequence[str]]) -> str:
    lines = [header, ["---"] * len(header), *rows]
    return "\n".join(f"| {' | '.join(line)} |" for line in lines)


def _pair(reckoned: float, found: float) -> str:
    return f"{_number(reckoned)} / {_number(found)}"


def _number(figure: float) -> str:
    """With three figures that count."""
    if math.isnan(figure):
        return "-"
    digits = max(0, 2 - math.floor(math.log10(abs(figure)))) if figure else 0
    return f"{figure:,.{min(digits, 4)}f}"
