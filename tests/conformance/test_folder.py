"""The parser cases of other projects, where there is a folder with them."""

from __future__ import annotations

import os
from pathlib import Path

import pytest
from tests.conformance.cases import Case, load
from tests.conformance.verdicts import Kind, judge


@pytest.mark.parametrize("case", list(load(Path(os.environ["CSVPIPE_CASES"]))), ids=lambda case: case.name)
def test_a_case_passes_or_a_rule_says_why_not(case: Case) -> None:
    """None fails."""
    verdict = judge(case)

    assert Kind.FAILS is not verdict.kind, verdict.reason
