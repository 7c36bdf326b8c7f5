"""The documented server comes to an orderly end when it is told to by a signal."""

import signal
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pytest

SERVER = Path(__file__).parents[2] / "docs" / "examples" / "server.py"


@pytest.mark.skipif(sys.platform == "win32", reason="there is no SIGTERM to receive")
@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT])
def test_a_signal_ends_a_server_in_order(make_csv: Callable[..., Path], number: signal.Signals) -> None:
    """In the middle of a file: what is handled is committed, the rest is released, and the process ends well."""
    path = make_csv(500_000)
    server = subprocess.Popen([sys.executable, SERVER, path], stdout=subprocess.PIPE, text=True)
    assert server.stdout is not None
    with server.stdout as output:
        assert output.readline().startswith("name ")
        server.send_signal(number)
        lines = output.read().splitlines()

    assert 0 == server.wait()
    assert "pending True" == lines[-1]
    assert len(lines) < 500_000
