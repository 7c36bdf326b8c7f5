"""How a job's record changes, where no store shows it."""

from __future__ import annotations

from datetime import UTC, datetime

import pytest

from csvpipe.errors import TransitionError
from csvpipe.jobs import JobStatus, Verb
from csvpipe.store._changes import created, enacted
from csvpipe.testing._store_contract.harness import a_draft

_NOON = datetime(2024, 5, 1, 12, tzinfo=UTC)


def test_a_job_does_not_fail_for_no_reason() -> None:
    """Whoever fails a job must say why."""
    with pytest.raises(ValueError, match="give the failure"):
        enacted(created(a_draft(), now=_NOON), Verb.FAIL, now=_NOON)


def test_an_unlawful_verb_is_refused() -> None:
    """The table of transitions has the last word."""
    with pytest.raises(TransitionError):
        enacted(created(a_draft(), now=_NOON), Verb.COMPLETE, now=_NOON)


def test_revision_is_left_to_the_store() -> None:
    """A change by itself is none until a store writes it."""
    record = created(a_draft(), now=_NOON)
    paused = enacted(record, Verb.PAUSE, now=_NOON)
    assert (JobStatus.PAUSED, record.revision) == (paused.status, paused.revision)
