"""What a worker process does when its host is gone; here the test is both, and sees with what it would end."""

import os
import threading
from collections.abc import Iterator
from multiprocessing import Pipe
from multiprocessing.connection import Connection
from typing import Any

import pytest

from csvpipe.executors.process import child as child_module
from csvpipe.executors.process.child import Child
from csvpipe.executors.process.messages import Hello, Left, portable
from csvpipe.executors.process.page import Page, make_page


class EndedError(BaseException):
    """Stands for the end of the process."""


@pytest.fixture
def page() -> Iterator[Page]:
    """As the host makes it."""
    page, found = make_page()
    yield page
    page.close()
    if isinstance(found, int):
        os.close(found)


@pytest.fixture
def host(monkeypatch: pytest.MonkeyPatch) -> Iterator[tuple[Any, Any]]:
    """Both ends of a pipe: the host's, and the worker's."""

    def end(code: int) -> None:
        raise EndedError(code)

    monkeypatch.setattr(os, "_exit", end)
    ours, theirs = Pipe()
    yield ours, theirs
    ours.close()
    theirs.close()


def a_child(connection: Connection, page: Page, *, host: int | None = None) -> Child:
    """A worker of this process's parent, or of another host."""
    return Child(connection, Hello(os.getppid() if host is None else host, 0, {}), page)


def test_a_closed_pipe_ends_the_process(host: tuple[Any, Any], page: Page) -> None:
    """The host has died."""
    ours, theirs = host
    ours.close()

    with pytest.raises(EndedError, match="1"):
        a_child(theirs, page)._listen()


@pytest.mark.skipif(os.name == "nt", reason="Windows has no parents that change")
def test_another_parent_ends_the_process(host: tuple[Any, Any], page: Page, monkeypatch: pytest.MonkeyPatch) -> None:
    """The host has died, but somebody else holds its end of the pipe open."""
    _, theirs = host
    monkeypatch.setattr(child_module, "_IDLE_SECONDS", 0.0)

    with pytest.raises(EndedError, match="1"):
        a_child(theirs, page, host=-1)._listen()


def test_a_defect_of_the_listener_ends_the_process(
    host: tuple[Any, Any], page: Page, capsys: pytest.CaptureFixture[str]
) -> None:
    """Nobody would notice any more that the host is gone; so it ends, and says why."""
    ours, theirs = host
    ours.send_bytes(b"no message")

    with pytest.raises(EndedError, match="1"):
        a_child(theirs, page)._listen()
    assert "UnpicklingError" in capsys.readouterr().err


def test_an_answer_that_nobody_hears_ends_the_process(host: tuple[Any, Any], page: Page) -> None:
    """The host has died while a chunk was in hand."""
    ours, theirs = host
    ours.close()

    with pytest.raises(EndedError, match="1"):
        a_child(theirs, page)._say(Left(()))


class OddError(Exception):
    """Holds what nobody can pickle."""

    def __init__(self, words: str) -> None:
        super().__init__(words)
        self.lock = threading.Lock()


def test_a_defect_that_does_not_travel_is_told_in_words() -> None:
    """Others go as they are, with where they were raised."""
    plain = ValueError("plain")
    odd = portable(OddError("very odd"))

    assert plain is portable(plain)
    assert ["ValueError: plain\n"] == plain.__notes__
    assert (RuntimeError, "OddError: very odd") == (type(odd), str(odd))
