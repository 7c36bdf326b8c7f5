"""Instances on several hosts that share a PostgreSQL, one of which is cut off and comes back."""

from __future__ import annotations

import json
import os
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import ExitStack
from itertools import count
from pathlib import Path
from typing import Any, Final

import pytest
import sqlalchemy as sa
from durable_network import Cut, Host, NetworkServer, network, served
from durable_scene import IMPORTABLE, TABLE, Scene, write_people

pytestmark = [pytest.mark.timeout(600), pytest.mark.long]

_HOSTS: Final = 3
_CUTS: Final = 10
_ROWS: Final = 60_000
_FILES_AT_ONCE: Final = 2
_LEASE_SECONDS: Final = 2.0

#: Whatever is waited for comes within so many seconds, or never.
_LIMIT_SECONDS: Final = 90.0


class Instance:
    """A process on a host, and what it has told.

    Args:
        host: Where it runs.
        url: Of the store and the table.
        folder: For its spool.
    """

    def __init__(self, host: Host, url: str, folder: Path) -> None:
        self.host = host
        self.said: list[dict[str, Any]] = []
        environment = {
            **os.environ,
            "CSVPIPE_TEST_TARGET": url,
            "PYTHONPATH": os.pathsep.join([str(IMPORTABLE), os.environ.get("PYTHONPATH", "")]),
        }
        environment.pop("COVERAGE_PROCESS_CONFIG", None)
        program = [sys.executable, str(IMPORTABLE / "durable_instance.py"), url, str(folder / f"spool-{host.name}")]
        self._process = subprocess.Popen(
            host.namespace.inside(*program, str(_LEASE_SECONDS)),
            env=environment,
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
        )
        self._reader = threading.Thread(target=self._read, daemon=True)
        self._reader.start()

    def _read(self) -> None:
        assert self._process.stdout is not None
        for line in self._process.stdout:
            self.said.append(json.loads(line))

    def lines(self, *what: str, **details: object) -> list[dict[str, Any]]:
        """What it has told of this kind, and with these details."""
        return [line for line in list(self.said) if line["what"] in what and details.items() <= line.items()]

    def submit(self, path: Path) -> str:
        """Have it submit a file; the job."""
        assert self._process.stdin is not None
        before = len(self.lines("submitted"))
        self._process.stdin.write(f"{path}\n")
        self._process.stdin.flush()
        until(lambda: len(self.lines("submitted")) > before)
        return str(self.lines("submitted")[before]["job"])

    def end(self) -> int:
        """Let it come to its end; its exit code."""
        assert self._process.stdin is not None
        self._process.stdin.close()
        code = self._process.wait(_LIMIT_SECONDS)
        self._reader.join()
        return code

    def close(self) -> None:
        """End it, whatever it does."""
        self._process.kill()
        self._process.wait()
        self._reader.join()
        for end in (self._process.stdin, self._process.stdout):
            assert end is not None
            end.close()


def until(is_so: Callable[[], bool]) -> None:
    """Wait until something is so."""
    give_up_at = time.monotonic() + _LIMIT_SECONDS
    while not is_so():
        assert time.monotonic() < give_up_at, "waited in vain"
        time.sleep(0.005)


class Hosts:
    """Three hosts with an instance each, and a table.

    Args:
        server: Of the table and the store.
        hosts: Of a network.
        folder: For files, which all hosts reach.
    """

    def __init__(self, server: NetworkServer, hosts: list[Host], folder: Path) -> None:
        server.create("shared")
        here = server.url("shared", over_network=False)
        self.scene = Scene(store_url=here, target_url=here, folder=folder)
        with self.scene.target() as connection:
            connection.execute(sa.text(TABLE))
        self._engine = sa.create_engine(here, isolation_level="AUTOCOMMIT")
        self._left = ExitStack()
        self._left.callback(self._engine.dispose)
        self.files = 0
        self.instances = []
        for host in hosts:
            self.instances.append(Instance(host, server.url("shared", over_network=True), folder))
            self._left.callback(self.instances[-1].close)
        for instance in self.instances:
            until(lambda instance=instance: bool(instance.lines("up")))

    def submit(self, instance: Instance) -> str:
        """Have an instance submit another file; the job."""
        number, self.files = self.files, self.files + 1
        return instance.submit(
            write_people(self.scene.folder / f"people-{number}.csv", _ROWS, first=1 + number * _ROWS)
        )

    def scalar(self, statement: str, **values: object) -> Any:
        """What the database answers."""
        with self._engine.connect() as connection:
            return connection.scalar(sa.text(statement), values)

    def holder(self, job: str) -> Instance | None:
        """Who has delivered a part of a job, and has not told of its end; None where nobody has so far."""
        marked = "SELECT count(*) FROM csvpipe_markers WHERE job = :job"
        if not self.scalar("SELECT to_regclass('csvpipe_markers') IS NOT NULL"):
            return None
        if not self.scalar(marked, job=job.replace("-", "")):
            return None
        return next((each for each in self.instances if each.lines("started", "took over", job=job)), None)

    def have_ended(self, jobs: list[str]) -> bool:
        """Whether all these jobs are completed; none may fail."""
        records = [record for record in self.scene.records() if str(record.id) in jobs]
        assert not [record for record in records if record.status.value in ("failed", "cancelled")], records
        return all(record.status.is_terminal for record in records)

    def close(self) -> None:
        """End all instances."""
        self._left.close()


@pytest.fixture
def hosts(tmp_path: Path) -> Iterator[Hosts]:
    """Hosts, each with an instance that is up, which share a PostgreSQL."""
    with network(_HOSTS) as made, served(made.switch) as server:
        together = Hosts(server, made.hosts, tmp_path)
        try:
            yield together
        finally:
            together.close()


def test_a_host_that_is_cut_off_loses_its_jobs_and_comes_back(hosts: Hosts) -> None:
    """Ten times who has the jobs is cut off; they move, what it still writes is refused, and it works again."""
    cuts: list[tuple[Instance, str, int]] = []
    tries = count()
    while len({(victim.host.name, number) for victim, _, number in cuts}) < _CUTS:
        number = next(tries)
        assert number < 2 * _CUTS, "jobs end before their host is cut off"
        cuts += [(victim, job, number) for victim, job in _cut_and_healed(hosts, number)]

    moved = {job for _, job, _ in cuts}
    attempts = {str(record.id): record.attempt for record in hosts.scene.records()}
    assert all(attempts[job] > 1 for job in moved)
    refused = [line for each in hosts.instances for line in each.lines("refused")]
    assert len([line for line in refused if line["by"] == "table"]) >= _CUTS
    assert len([line for line in refused if line["by"] == "store"]) >= _CUTS
    assert not [line for each in hosts.instances for line in each.lines("accepted")]
    _see_all_at_work(hosts, {victim.host.name: victim for victim, _, _ in cuts}.values())
    assert [0] * _HOSTS == [instance.end() for instance in hosts.instances]
    hosts.scene.check(rows=_ROWS, files=hosts.files)


def _cut_and_healed(hosts: Hosts, number: int) -> list[tuple[Instance, str]]:
    """Cut off who has the jobs until others have done them; the victim with each job that moved."""
    jobs = [hosts.submit(hosts.instances[number % _HOSTS]) for _ in range(_FILES_AT_ONCE)]
    found: list[Instance] = []
    until(lambda: bool(found.extend(each for job in jobs if (each := hosts.holder(job)) is not None) or found))
    victim = found[0]
    how: Cut = "cable" if number % 2 else "link"
    victim.host.cut(how)
    until(lambda: hosts.have_ended(jobs))
    victim.host.heal()
    moved = []
    for job in jobs:
        mine = [line["attempt"] for line in victim.lines("started", "took over", job=job)]
        taken = [
            line["attempt"]
            for each in hosts.instances
            if each is not victim
            for line in each.lines("took over", job=job)
        ]
        if not mine or max(taken, default=0) < max(mine):
            continue
        for by in ("table", "store"):
            refusal = {"by": by, "job": job, "attempt": max(mine)}
            until(lambda refusal=refusal: bool(victim.lines("refused", **refusal)))
        moved.append((victim, job))
    return moved


def _see_all_at_work(hosts: Hosts, victims: Any) -> None:
    """Each of them begins a job after it was refused the last time."""
    for victim in victims:
        last = max(place for place, line in enumerate(victim.said) if line["what"] == "refused")
        jobs: list[str] = []
        while not [line for line in victim.said[last:] if line["what"] == "started"]:
            assert len(jobs) < 2 * _CUTS, "it does not work again"
            jobs.append(hosts.submit(victim))
            until(lambda jobs=jobs: hosts.have_ended(jobs))
