"""What a store does about connections that are lost, and about calls whose outcome nobody knows."""

from __future__ import annotations

import sqlite3
from collections.abc import Callable, Iterator
from contextlib import closing, contextmanager
from pathlib import Path
from typing import Any

import pytest
import sqlalchemy
from sqlalchemy import event

from csvpipe import JobStatus, SQLJobStore, StoreUnavailableError
from csvpipe.errors import JobNotFoundError, LeaseLostError
from csvpipe.jobs import Verb
from csvpipe.store.sql.address import open_engine
from csvpipe.store.sql.migrations import migrate
from csvpipe.store.sql.transactions import Database
from csvpipe.testing._store_contract.harness import (
    a_draft,
    a_result,
    a_row_error,
    claim_all,
    claim_new,
    ids,
)

kinds = pytest.mark.parametrize("kind", ["sqlite", "postgresql"])


@pytest.fixture
def store(kind: str, make_url: Callable[[str], str]) -> Iterator[SQLJobStore]:
    """An empty store that does not really wait."""
    with SQLJobStore(make_url(kind)) as store:
        store._database.sleep = lambda _: None
        yield store


@contextmanager
def answer_lost(store: SQLJobStore) -> Iterator[list[object]]:
    """The first writing transaction is committed, and the connection breaks before anybody hears of it."""
    database, lost = store._database, list[object]()
    begin = database._in_sqlite if database.is_sqlite else database._in_postgresql

    @contextmanager
    def losing(*, is_writing: bool) -> Iterator[Any]:
        with begin(is_writing=is_writing) as begun:
            yield begun
        if is_writing and not lost:
            lost.append(begun)
            raise sqlalchemy.exc.OperationalError("COMMIT", {}, Exception("gone"), connection_invalidated=True)

    name = begin.__name__
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(Database, name, lambda _, **how: losing(**how))
        yield lost


@kinds
class TestUnknownOutcomes:
    """A call that was done, and whose answer was lost, is done once."""

    def test_create(self, store: SQLJobStore) -> None:
        """There is one job, and it is returned."""
        draft = a_draft()
        with answer_lost(store) as lost:
            record = store.create(draft)
        assert (1, 1, draft.id) == (len(lost), store.list_jobs().total, record.id)

    def test_claim(self, store: SQLJobStore) -> None:
        """The worker gets the jobs that it has, not others beside them."""
        jobs = [store.create(a_draft()).id for _ in range(3)]
        with answer_lost(store):
            claims = claim_all(store, limit=2)
        assert jobs[:2] == ids(claims)
        assert [1, 1] == [claim.lease.token for claim in claims]
        assert jobs[2:] == ids(claim_all(store))

    def test_commit(self, store: SQLJobStore) -> None:
        """Nothing counts twice."""
        claim = claim_new(store)
        with answer_lost(store):
            record = store.commit(claim.lease, [a_result(1, 4, failed=1, errors=[a_row_error(2)])])
        assert (3, 1, claim.record.revision + 1) == (record.processed_rows, record.failed_rows, record.revision)
        assert [(0, a_row_error(2))] == store.row_errors(record.id)

    @pytest.mark.parametrize("verb", [Verb.COMPLETE, Verb.RELEASE, Verb.PAUSE, Verb.CANCEL])
    def test_settle(self, store: SQLJobStore, verb: Any) -> None:
        """Who gave the job back hears that it did, not that the lease is lost."""
        claim = claim_new(store)
        with answer_lost(store):
            record = store.settle(claim.lease, verb, results=[a_result(1, 10)], total_rows=10)
        assert (claim.record.revision + 1, 10) == (record.revision, record.processed_rows)
        assert JobStatus.PROCESSING is not record.status
        with pytest.raises(LeaseLostError):
            store.settle(claim.lease, verb)

    def test_delete(self, store: SQLJobStore) -> None:
        """The plan comes back, and the job does not."""
        draft = a_draft()
        store.create(draft)
        with answer_lost(store):
            assert draft.plan == store.delete(draft.id)
        with pytest.raises(JobNotFoundError):
            store.delete(draft.id)

    def test_request_and_renew(self, store: SQLJobStore) -> None:
        """They repeat without a change."""
        claim = claim_new(store)
        with answer_lost(store):
            (answer,) = store.renew([claim.lease], lease_seconds=60.0)
        assert answer.is_held
        with answer_lost(store):
            assert claim.record.revision + 1 == store.request(claim.record.id, Verb.PAUSE).revision


def terminate_others(store: SQLJobStore) -> int:
    """Have PostgreSQL end every connection that is not this one."""
    with store._database.engine.connect() as connection:
        statement = (
            "SELECT count(pg_terminate_backend(pid)) FROM pg_stat_activity"
            " WHERE pid <> pg_backend_pid() AND backend_type = 'client backend'"
        )
        return int(connection.exec_driver_sql(statement).scalar_one())


class TestLostConnections:
    """A server that ends connections, and a file that is locked."""

    @pytest.mark.parametrize("kind", ["postgresql"])
    def test_connections_are_made_anew(self, store: SQLJobStore, make_url: Callable[[str], str]) -> None:
        """A server that has thrown out all connections is a moment's delay, not an error."""
        claim = claim_new(store)
        with SQLJobStore(store._database.engine.url) as other:
            for _ in range(3):
                assert terminate_others(other)
                assert 2 == store.commit(claim.lease, [a_result(1, 2)]).processed_rows
                assert terminate_others(other)
                assert [claim.record.id] == ids(store.list_jobs().jobs)

    @pytest.mark.parametrize("kind", ["postgresql"])
    def test_a_connection_is_lost_in_the_middle(self, store: SQLJobStore) -> None:
        """What was written before that is undone, and all of it is done again."""
        claim = claim_new(store)
        broken: list[int] = []
        with SQLJobStore(store._database.engine.url) as other:

            @event.listens_for(store._database.engine, "after_cursor_execute")
            def break_once(_c: Any, _cursor: Any, statement: str, _p: Any, _context: Any, _many: Any) -> None:
                if "INSERT INTO csv_chunks" in statement and not broken:
                    broken.append(terminate_others(other))

            record = store.commit(claim.lease, [a_result(1, 3, failed=1, errors=[a_row_error(1)])])
        assert 1 == len(broken)
        assert (2, 1) == (record.processed_rows, record.failed_rows)
        assert [(0, a_row_error(1))] == store.row_errors(record.id)

    @pytest.mark.parametrize("kind", ["sqlite"])
    def test_a_file_that_stays_locked(self, store: SQLJobStore) -> None:
        """Who cannot write for as long as the store waits is told so, and nothing is lost."""
        claim, waits = claim_new(store), list[float]()
        store._database.sleep = waits.append
        now = iter(range(1_000))
        store._database.monotonic = lambda: float(next(now))
        blocker = sqlalchemy.create_engine(store._database.engine.url)
        with store._database.engine.connect() as connection:  # the pool hands it out again
            connection.exec_driver_sql("PRAGMA busy_timeout = 0")
        with blocker.connect().execution_options(isolation_level="AUTOCOMMIT") as connection:
            connection.exec_driver_sql("BEGIN IMMEDIATE")
            with pytest.raises(StoreUnavailableError, match=r"jobs\d+\.db is unavailable: database is locked"):
                store.commit(claim.lease, [a_result(1, 3)])
            assert claim.record == store.get(claim.record.id)
            connection.exec_driver_sql("ROLLBACK")
        blocker.dispose()
        assert len(waits) > 2
        assert 3 == store.commit(claim.lease, [a_result(1, 3)]).processed_rows

    @pytest.mark.parametrize("kind", ["sqlite"])
    def test_what_does_not_pass_is_not_waited_for(self, store: SQLJobStore, tmp_path: Path) -> None:
        """A file that cannot be opened is reported at once."""
        waits: list[float] = []
        with pytest.MonkeyPatch.context() as patch:
            patch.setattr("csvpipe.store.sql.transactions.time.sleep", waits.append)
            with pytest.raises(StoreUnavailableError) as caught:
                SQLJobStore(f"sqlite:///{tmp_path / 'no' / 'jobs.db'}")
            assert f"no folder '{tmp_path / 'no'}' for the file '{tmp_path / 'no' / 'jobs.db'}'" in str(caught.value)
            assert "correct the path, or make the folder" in str(caught.value)
            with pytest.raises(StoreUnavailableError, match="is a folder, not a file; correct the path"):
                SQLJobStore(f"sqlite:///{tmp_path}")
        assert [] == waits

    @pytest.mark.parametrize("kind", ["sqlite"])
    def test_a_file_that_is_no_database(self, store: SQLJobStore, tmp_path: Path) -> None:
        """It is named, with what to do, and nothing is waited for."""
        path = tmp_path / "people.csv"
        path.write_text("id,name\n" * 1_000, "utf-8")
        with pytest.raises(StoreUnavailableError) as caught:
            SQLJobStore(f"sqlite:///{path}")
        assert f"'{path}': file is not a database; name another file" in str(caught.value)

    def test_no_server(self, tmp_path: Path) -> None:
        """An address where nobody answers raises after the store's patience, without the password in it."""
        with pytest.raises(StoreUnavailableError) as caught:
            SQLJobStore(f"postgresql://ana:secret@/jobs?host={tmp_path}&password=hidden", patience_seconds=0.0)
        assert "postgresql+psycopg://ana:***@/jobs" in str(caught.value)
        assert "secret" not in str(caught.value) + repr(caught.value)
        assert "hidden" not in str(caught.value)


class TestCrash:
    """A server that is killed."""

    def test_a_server_that_is_killed_comes_back(self, own_postgresql: Any) -> None:
        """Calls wait until it is there again; what was committed is there, and the lease holds."""
        with SQLJobStore(own_postgresql.get_uri(), patience_seconds=60.0) as store:
            claim = claim_new(store)
            store.commit(claim.lease, [a_result(1, 4)])
            kill_and_wait(own_postgresql)
            waits: list[float] = []

            def wait(seconds: float) -> None:
                waits.append(seconds)
                if 2 == len(waits):
                    own_postgresql.ensure_postgres_running()

            store._database.sleep = wait
            assert 10 == store.commit(claim.lease, [a_result(5, 6)], total_rows=10).processed_rows
            assert waits[1:]
            assert JobStatus.COMPLETED is store.settle(claim.lease, Verb.COMPLETE).status


def kill_and_wait(server: Any) -> None:
    """End a PostgreSQL as a power cut would."""
    process = server.get_postmaster_info().process
    children = process.children()
    process.kill()
    process.wait(30)
    for child in children:  # they notice by themselves
        child.wait(30)


def test_who_has_the_file_of_sqlite_in_hand_is_waited_for(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """The mode of a file is changed when nobody reads or writes it, be that later than SQLite waits for."""
    monkeypatch.setattr("csvpipe.store.sql.address._BUSY_SECONDS", 0.0)
    path, pauses = tmp_path / "jobs.db", [0.0]
    with closing(sqlite3.connect(path, isolation_level=None)) as other:
        other.executescript("CREATE TABLE other (number); BEGIN")
        other.execute("SELECT * FROM other").fetchall()

        def sleep(seconds: float) -> None:
            pauses.append(seconds)
            if other.in_transaction:
                other.execute("COMMIT")

        database = Database(open_engine(f"sqlite:///{path}"), 10.0, sleep=sleep)
        assert (1, 2) == migrate(database)
        with database.engine.connect() as connection:
            assert "wal" == connection.exec_driver_sql("PRAGMA journal_mode").scalar_one()
        database.engine.dispose()
        assert 2 == len(pauses)
