"""What may be given to a store, and what it says of itself."""

from __future__ import annotations

import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pytest
from sqlalchemy import create_engine, event, make_url

from csvpipe import MissingExtraError, SQLJobStore
from csvpipe.store.sql.address import open_engine, shown
from csvpipe.testing._store_contract.harness import a_draft


class TestAddresses:
    """URLs and engines."""

    @pytest.mark.parametrize("name", ["postgres", "postgresql", "postgresql+psycopg"])
    def test_postgresql_is_spoken_by_psycopg_3(self, name: str) -> None:
        """Whatever applications and hosts call it."""
        engine = open_engine(f"{name}://ana@localhost/jobs")
        assert ("postgresql", "psycopg") == (engine.dialect.name, engine.dialect.driver)
        engine.dispose()

    @pytest.mark.parametrize(
        ("url", "message"),
        [
            (
                "mysql://localhost/jobs",
                "cannot live in 'mysql'; supported: postgresql, sqlite: write sqlite:///jobs.db",
            ),
            ("oracle://localhost/jobs", "cannot live in 'oracle'"),
            ("mssql://localhost/jobs", "cannot live in 'mssql'"),
            ("postgresql+pg8000://localhost/jobs", r"driver of postgresql\+pg8000:// is not installed .*; install it"),
            ("jobs.db", "not the URL of a database"),
            ("sqlite://", "in memory"),
            ("sqlite:///:memory:", "MemoryJobStore"),
            ("sqlite+unknown:///jobs.db", "unknown driver 'sqlite\\+unknown'"),
        ],
    )
    def test_what_is_no_place_for_jobs(self, url: str, message: str) -> None:
        """The error says what is."""
        with pytest.raises(ValueError, match=message):
            SQLJobStore(url)

    def test_an_asynchronous_engine(self) -> None:
        """A store is called in threads."""
        with pytest.raises(ValueError, match="synchronous"):
            SQLJobStore(create_engine("postgresql+psycopg_async://localhost/jobs"))

    def test_an_engine_of_ones_own(self, tmp_path: Path) -> None:
        """It is used as it is, and stays open when the store is closed."""
        engine = create_engine(f"sqlite:///{tmp_path / 'own.db'}")
        connected: list[object] = []
        event.listen(engine, "connect", lambda connection, _: connected.append(connection))
        with SQLJobStore(engine) as store:
            record = store.create(a_draft())
        before = len(connected)
        assert record == store.get(record.id)
        assert before == len(connected)
        engine.dispose()

    def test_a_closed_store_opens_again(self, make_url: Callable[[str], str]) -> None:
        """`close` lets go of connections, not of the address."""
        store = SQLJobStore(make_url("sqlite"))
        record = store.create(a_draft())
        store.close()
        assert record == store.get(record.id)
        store.close()


class TestSecrets:
    """Passwords are shown to nobody."""

    def test_the_repr_says_where(self, tmp_path: Path) -> None:
        """It is for logs."""
        with SQLJobStore(f"sqlite:///{tmp_path / 'jobs.db'}") as store:
            assert f"<SQLJobStore sqlite:///{tmp_path / 'jobs.db'}>" == repr(store)

    @pytest.mark.parametrize(
        ("url", "expected"),
        [
            ("postgresql://ana:secret@db/jobs", "postgresql://ana:***@db/jobs"),
            ("postgresql://db/jobs?user=ana&password=secret", "postgresql://db/jobs"),
            ("postgresql://ana@/jobs?host=/run&passfile=secret", "postgresql://ana@/jobs?host=%2Frun"),
        ],
    )
    def test_addresses_are_shown_without(self, url: str, expected: str) -> None:
        """Wherever the password stands."""
        assert expected == shown(make_url(url))


class TestExtras:
    """What is not installed is named with the way to install it."""

    def test_without_sqlalchemy(self) -> None:
        """`import *` works, and the store itself says what it lacks."""
        program = """
import sys
sys.modules["sqlalchemy"] = None
import importlib.util
found = importlib.util.find_spec
importlib.util.find_spec = lambda name, package=None: None if name == "sqlalchemy" else found(name, package)
from csvpipe import *
try:
    SQLJobStore("sqlite:///jobs.db")
except MissingExtraError as error:
    print(error)
"""
        done = subprocess.run([sys.executable, "-c", program], check=True, capture_output=True, text=True)
        assert "SQLJobStore needs the extra 'sql': pip install 'csvpipe[sql]'" == done.stdout.strip()

    def test_without_psycopg(self, monkeypatch: pytest.MonkeyPatch) -> None:
        """A URL of PostgreSQL names its extra."""
        monkeypatch.setitem(sys.modules, "psycopg", None)
        with pytest.raises(MissingExtraError, match=r"pip install 'csvpipe\[postgres\]'"):
            SQLJobStore("postgresql://localhost/jobs")
