"""A client that falls silent within a message of several parts, with a job's row locked."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Any

import pytest
import sqlalchemy as sa

from csvpipe import SQLJobStore
from csvpipe.store.sql import silent
from csvpipe.testing._store_contract.harness import BEN, claim_all, claim_new

psycopg: Any = pytest.importorskip("psycopg")


@pytest.fixture
def store(make_url: Callable[[str], str], monkeypatch: pytest.MonkeyPatch) -> Iterator[SQLJobStore]:
    """An empty store in PostgreSQL that has no patience with who is silent, and looks for them each time."""
    monkeypatch.setattr(silent, "LOOK_SECONDS", 0.0)
    monkeypatch.setattr(silent.end_silent, "__defaults__", (0.0,))
    with SQLJobStore(make_url("postgresql")) as store:
        yield store


@pytest.fixture
def silent_one(store: SQLJobStore) -> Iterator[Any]:
    """A client that never ends what it begins."""
    engine = sa.create_engine(store._database.engine.url)
    with engine.connect() as connection:
        yield connection.connection.driver_connection
        connection.invalidate()
    engine.dispose()


def _lock_and_fall_silent(connection: Any) -> None:
    """Lock all jobs in a pipeline that is not ended; the server has it in hand, and no time-out counts."""
    connection.execute("BEGIN")
    connection.pgconn.enter_pipeline_mode()
    connection.pgconn.send_query_params(b"SELECT id FROM csv_jobs FOR UPDATE", [])
    connection.pgconn.send_flush_request()
    connection.pgconn.flush()
    while connection.pgconn.get_result() is None:
        connection.pgconn.consume_input()


def test_a_job_is_not_kept_from_everybody(store: SQLJobStore, silent_one: Any) -> None:
    """Its lease has run out, so who is silent is ended, and the job is taken over."""
    claim = claim_new(store)
    store.renew([claim.lease], lease_seconds=-1.0)
    _lock_and_fall_silent(silent_one)

    taken = claim_all(store, BEN)
    while not taken:  # to be ended takes a moment
        taken = claim_all(store, BEN)

    assert [(claim.record.id, 2)] == [(each.record.id, each.record.attempt) for each in taken]


def test_a_lease_that_lasts_is_let_be(store: SQLJobStore, silent_one: Any) -> None:
    """However silent its owner is."""
    claim_new(store)
    _lock_and_fall_silent(silent_one)

    assert [] == claim_all(store, BEN)
    assert not silent_one.pgconn.socket < 0
    with store._database.engine.connect() as looking:
        pids = set(looking.exec_driver_sql("SELECT pid FROM pg_stat_activity").scalars())
    assert silent_one.info.backend_pid in pids
