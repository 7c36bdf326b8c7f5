"""What is kept with a job."""

from __future__ import annotations

import json

from hypothesis import given
from hypothesis import strategies as st

from csvpipe._intake.inspection import PLAN_VERSION, Inspection, JobPlan
from csvpipe._intake.source import LocalFile
from csvpipe.dialect import Dialect
from csvpipe.limits import Limits

_NUMBERS = st.integers(0, 2**63)
_SOURCES = st.builds(
    LocalFile,
    path=st.text(),
    size=_NUMBERS,
    mtime_ns=_NUMBERS,
    is_spooled=st.booleans(),
    sha256=st.none() | st.text("0123456789abcdef", min_size=64, max_size=64),
)
_DIALECTS = st.builds(
    Dialect,
    delimiter=st.sampled_from(",;\t|é"),
    quotechar=st.sampled_from(['"', "'", None]),
    doublequote=st.booleans(),
    escapechar=st.sampled_from(["\\", None]),
    skipinitialspace=st.booleans(),
    strict=st.booleans(),
)
_INSPECTIONS = st.builds(
    Inspection,
    encoding=st.sampled_from(["utf-8", "cp1252"]),
    dialect=_DIALECTS,
    columns=st.lists(st.text()).map(tuple),
    data_start=_NUMBERS,
    data_line=_NUMBERS,
    source_encoding=st.none() | st.just("utf-16"),
)
_BOUNDS = st.integers(1, 2**63)
_LIMITS = st.builds(
    Limits,
    file_bytes=st.none() | _BOUNDS,
    row_bytes=_BOUNDS,
    field_characters=_BOUNDS,
    columns=_BOUNDS,
    rows=st.none() | _BOUNDS,
)


@given(source=st.none() | _SOURCES, inspection=st.none() | _INSPECTIONS, limits=_LIMITS, dry_run=st.booleans())
def test_a_plan_survives_json(
    source: LocalFile | None, inspection: Inspection | None, limits: Limits, *, dry_run: bool
) -> None:
    """Every run of a job, in whatever process, agrees on how its file is read."""
    plan = JobPlan(source=source, inspection=inspection, limits=limits, dry_run=dry_run)
    assert plan == JobPlan.from_dict(json.loads(json.dumps(plan.to_dict())))


def test_a_plan_keeps_its_version() -> None:
    """A plan that another release has stored is still known for one."""
    plan = JobPlan(source=None, inspection=None, limits=Limits(), version=PLAN_VERSION + 1)
    assert PLAN_VERSION + 1 == JobPlan.from_dict(plan.to_dict()).version
