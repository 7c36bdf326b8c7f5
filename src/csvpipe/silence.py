"""How both ends of a connection to PostgreSQL find out that the other one is not heard of any more.

Where a network is cut nobody is told. A client would wait for its answer for hours, and a server for the rest of a
transaction, with all its locks: while a message of several parts is under way none of its time-outs ends that. What is
left is TCP, whose own patience is two hours.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any, Final

if TYPE_CHECKING:
    from sqlalchemy import URL

#: For a client, unless its address says otherwise; as libpq has it: a silent server is given up after half a minute.
_CLIENT: Final[Mapping[str, Any]] = {
    "connect_timeout": 10,
    "keepalives_idle": 10,
    "keepalives_interval": 5,
    "keepalives_count": 3,
    "tcp_user_timeout": 30_000,
}

_KNOW_THEM: Final = ("psycopg", "psycopg2")

#: For the server, in a transaction or a session of ours: a silent client is given up after about ten seconds, which is
#: less than a lease.
SERVER: Final[Mapping[str, str]] = {
    "tcp_keepalives_idle": "4",
    "tcp_keepalives_interval": "2",
    "tcp_keepalives_count": "3",
}


def connect_args(url: URL) -> dict[str, Any]:
    """What an engine is to tell the driver, beside what the URL says."""
    if url.get_backend_name() != "postgresql" or url.get_driver_name() not in _KNOW_THEM:
        return {}
    return {name: value for name, value in _CLIENT.items() if name not in url.query}
