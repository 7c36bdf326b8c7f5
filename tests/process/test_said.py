"""Whatever an application raises, what it says is text."""

from __future__ import annotations

import threading
from typing import NoReturn

import pytest

from csvpipe._process.said import code_of, column_of, is_from_user, message_of, plain, text_of
from csvpipe.errors import Reject


class Text(str):
    """A text with a mind of its own."""

    __slots__ = ()

    def __str__(self) -> str:
        """Itself, not a plain text."""
        return self

    def __len__(self) -> int:
        """A lie."""
        return 10**9


class Mute(Reject):
    """A rejection that has forgotten to be one."""

    def __init__(self) -> None:
        pass


def speechless(error: BaseException) -> object:
    """What raises when it is asked for its text."""

    class Speechless:
        def __str__(self) -> NoReturn:
            raise error

    return Speechless()


def changed(**attributes: object) -> Reject:
    """A rejection whose attributes were set later."""
    reject = Reject("no", column="id", code="bad")
    for name, value in attributes.items():
        setattr(reject, name, value)
    return reject


@pytest.mark.parametrize("error", [ValueError(), KeyboardInterrupt(), SystemExit(), GeneratorExit()])
def test_what_cannot_be_told(error: BaseException) -> None:
    """A `__str__` that raises anything at all says nothing."""
    assert "" == text_of(speechless(error))


def test_text_is_plain() -> None:
    """A subclass of `str` does not get through."""
    assert ("abc", str) == (plain(Text("abc")), type(plain(Text("abc"))))


@pytest.mark.parametrize(
    ("reject", "expected"),
    [
        (changed(), ("no", "id", "bad")),
        (changed(message=5, column=["id"], code={}), ("5", "['id']", "{}")),
        (changed(message=None, column=None, code=None), ("None", None, "rejected")),
        (changed(code=""), ("no", "id", "rejected")),
        (changed(column="\ud800", code="\ud800"), ("no", "\\ud800", "\\ud800")),
        (changed(column=speechless(SystemExit()), code=speechless(SystemExit())), ("no", "", "rejected")),
        (
            changed(message="m" * 501, column="c" * 201, code="k" * 201),
            ("m" * 499 + "…", "c" * 199 + "…", "k" * 199 + "…"),
        ),
        (Mute(), ("None", None, "rejected")),
    ],
)
def test_rejects(reject: Reject, expected: tuple[str, str | None, str]) -> None:
    """Message, column and code are short texts, whatever they were set to."""
    assert expected == (message_of(reject), column_of(reject), code_of(reject))


def test_columns_of_the_file_stay_whole() -> None:
    """A column that the file has is named as the file does, however long."""
    column = "c" * 300
    assert column == column_of(Reject("no", column=column), [column])


def test_ctrl_c_is_for_the_main_thread() -> None:
    """In another thread a `KeyboardInterrupt` is the application's own."""
    found: list[bool] = []
    thread = threading.Thread(target=lambda: found.append(is_from_user(KeyboardInterrupt())))
    thread.start()
    thread.join()
    assert [False, True, False] == [*found, is_from_user(KeyboardInterrupt()), is_from_user(SystemExit())]
