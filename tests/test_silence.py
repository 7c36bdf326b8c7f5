"""When both ends of a connection to PostgreSQL give a silent one up."""

import pytest

sa = pytest.importorskip("sqlalchemy")

from csvpipe.silence import SERVER, connect_args  # noqa: E402  # of use with the extra `postgres`


def test_a_client_gives_a_silent_server_up() -> None:
    """Within half a minute, by all that libpq has for it."""
    found = connect_args(sa.make_url("postgresql+psycopg://user@host/name"))

    assert 30_000 == found["tcp_user_timeout"]
    assert 30 > found["keepalives_idle"] + found["keepalives_interval"] * found["keepalives_count"] - 1
    assert "connect_timeout" in found


def test_what_the_address_says_wins() -> None:
    """It is left to the driver, which reads it there."""
    found = connect_args(sa.make_url("postgresql+psycopg://user@host/name?tcp_user_timeout=5000&connect_timeout=3"))

    assert not {"tcp_user_timeout", "connect_timeout"} & set(found)
    assert "keepalives_idle" in found


@pytest.mark.parametrize("address", ["sqlite:///jobs.db", "postgresql+pg8000://user@host/name"])
def test_other_drivers_are_left_alone(address: str) -> None:
    """They do not know the names."""
    assert {} == connect_args(sa.make_url(address))


def test_a_server_gives_a_silent_client_up_before_its_lease() -> None:
    """Of whom nothing is heard for ten seconds, so that its locks are gone when its jobs are taken over."""
    idle, interval, count = (int(SERVER[f"tcp_keepalives_{name}"]) for name in ("idle", "interval", "count"))

    assert 10 == idle + interval * count
