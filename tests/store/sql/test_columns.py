"""What goes into a database comes back as it was, whatever it is."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from datetime import UTC, datetime, timedelta, timezone
from uuid import UUID, uuid4

import attrs
import pytest
from hypothesis import given
from hypothesis import strategies as st
from sqlalchemy.dialects import postgresql, sqlite

from csvpipe import SQLJobStore
from csvpipe.store.sql.columns import AnyText, Key, UtcTime
from csvpipe.testing._store_contract.harness import a_draft, claim_new

_SQLITE, _POSTGRESQL = sqlite.dialect(), postgresql.dialect()

#: Also what no database can hold: NUL, lone surrogates, and what stands for them.
_TEXTS = st.text(st.one_of(st.characters(), st.sampled_from("\x00\ud800\udfff\ufdd00a")))


@pytest.fixture(params=["sqlite", "postgresql"])
def store(request: pytest.FixtureRequest, make_url: Callable[[str], str]) -> Iterator[SQLJobStore]:
    """An empty store."""
    with SQLJobStore(make_url(request.param)) as store:
        yield store


class TestTexts:
    """`AnyText`."""

    @given(_TEXTS)
    def test_a_text_comes_back(self, text: str) -> None:
        """As it was, by way of one that PostgreSQL takes."""
        bound = AnyText().process_bind_param(text, _POSTGRESQL)
        assert bound is not None
        assert "\x00" not in bound
        assert bound == bound.encode().decode()
        assert text == AnyText().process_result_value(bound, _POSTGRESQL)

    @given(_TEXTS, _TEXTS)
    def test_different_texts_stay_different(self, one: str, other: str) -> None:
        """So that a text can be looked up."""
        bound = [AnyText().process_bind_param(text, _SQLITE) for text in (one, other)]
        assert (one == other) == (bound[0] == bound[1])

    def test_nothing_stays_nothing(self) -> None:
        """None is no text."""
        assert AnyText().process_bind_param(None, _SQLITE) is None
        assert AnyText().process_result_value(None, _SQLITE) is None

    def test_names_of_any_sort(self, store: SQLJobStore) -> None:
        """A file's and an owner's name, an idempotency key and a pipeline's name may be any text."""
        name = "naïve\x00\udc80\ufdd0\U0001f600.csv"
        draft = a_draft(owner=name, pipeline=name, idempotency_key=name, content_key=name, inspection_key=name)
        record = store.create(attrs.evolve(draft, filename=name))
        assert (name, name, name) == (record.owner, record.pipeline, record.filename)
        assert record == store.get(record.id) == store.create(attrs.evolve(draft, filename=name))
        assert (record,) == store.list_jobs(owner=name).jobs
        assert draft.plan.inspection == store.inspected(name)

    @pytest.mark.parametrize("owner", ["", "=", None])
    def test_owners_that_look_like_none(self, store: SQLJobStore, owner: str | None) -> None:
        """An empty name is an owner, and no owner is none."""
        for each in ("", "=", None):
            store.create(a_draft(owner=each))
        assert [owner] == [job.owner for job in store.list_jobs(owner=owner).jobs]


class TestTimes:
    """`UtcTime`."""

    @pytest.mark.parametrize("dialect", [_SQLITE, _POSTGRESQL])
    def test_any_zone_is_turned_to_utc(self, dialect: object) -> None:
        """The moment stays the same."""
        noon = datetime(2024, 5, 1, 12, tzinfo=timezone(timedelta(hours=2)))
        bound = UtcTime().process_bind_param(noon, dialect)  # type: ignore[arg-type]
        found = UtcTime().process_result_value(bound, dialect)  # type: ignore[arg-type]
        assert noon == found
        assert found is not None
        assert UTC is found.tzinfo

    def test_the_databases_clock_is_right(self, store: SQLJobStore) -> None:
        """Without another clock times are now, and a lease of an hour holds."""
        before = datetime.now(UTC) - timedelta(seconds=1)
        claim = claim_new(store)
        assert before <= claim.record.created_at <= datetime.now(UTC) + timedelta(seconds=1)
        assert [] == store.claim(claim.lease.worker, pipelines=[claim.record.pipeline], limit=1, lease_seconds=1.0)

    def test_a_lease_ends_by_the_databases_clock(self, store: SQLJobStore) -> None:
        """One of no seconds is over at once."""
        claim = claim_new(store)
        store.renew([claim.lease], lease_seconds=0.0)
        (taken,) = store.claim(claim.lease.worker, pipelines=[claim.record.pipeline], limit=1, lease_seconds=60.0)
        assert (claim.record.id, 2) == (taken.record.id, taken.lease.token)


class TestKeys:
    """`Key`."""

    def test_sqlite_has_what_people_see(self) -> None:
        """So that an id from a log can be looked up by hand."""
        job_id = uuid4()
        assert str(job_id) == Key().process_bind_param(job_id, _SQLITE)
        assert job_id == Key().process_bind_param(job_id, _POSTGRESQL)
        assert isinstance(Key().process_result_value(str(job_id), _SQLITE), UUID)
