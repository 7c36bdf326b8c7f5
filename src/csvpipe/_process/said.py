"""What an application says by raising, as plain text; none of it can be trusted to be what it should be.

`__str__`, attributes and even `__class__` of an exception are the application's code: they may raise whatever they
like, or answer with an object of any type. So its class is asked by `type`, and the rest in here.
"""

from __future__ import annotations

import signal
import threading
from collections.abc import Container
from typing import Final

from csvpipe._process.convert import shortened
from csvpipe.errors import Reject, RowCode

#: Characters of a message that an application wrote; it may quote the whole row.
MESSAGE_CHARACTERS: Final = 500

#: Characters of a code or a column's name that an application made up.
NAME_CHARACTERS: Final = 200


def is_from_user(error: BaseException) -> bool:
    """Whether it was Ctrl-C: signals reach the main thread, which runs chunks in other processes only.

    Our own worker processes leave it to their host.
    """
    return (
        issubclass(type(error), KeyboardInterrupt)
        and threading.current_thread() is threading.main_thread()
        and signal.getsignal(signal.SIGINT) is signal.default_int_handler
    )


def plain(value: object) -> str:
    """Text of anything, of the very type `str`; empty where it cannot be told."""
    try:
        return str.__str__(str(value))  # a `__str__` may answer with a subclass, which has methods of its own
    except BaseException:  # noqa: BLE001  # the application's code
        return ""


def text_of(message: object) -> str:
    """Text of what should be a message, shortened; one that cannot be told is left out."""
    return shortened(plain(message), MESSAGE_CHARACTERS)


def message_of(reject: Reject) -> str:
    """What a `Reject` says, shortened."""
    return text_of(_attribute(reject, "message"))


def code_of(reject: Reject) -> str:
    """The code of a `Reject`, shortened; `rejected` where it has none."""
    return _name(_attribute(reject, "code")) or RowCode.REJECTED.value


def column_of(reject: Reject, columns: Container[str] = ()) -> str | None:
    """The column that a `Reject` names; shortened unless it is one of these."""
    column = _attribute(reject, "column")
    if column is None:
        return None
    text = plain(column)
    return text if text in columns else _name(text)


def encodable(text: str) -> str:
    """`text` as every store can take it: an application's messages may hold lone surrogates."""
    return text if text.isascii() else text.encode("utf-8", "backslashreplace").decode("utf-8")


def _name(value: object) -> str:
    return "" if value is None else shortened(encodable(plain(value)), NAME_CHARACTERS)


def _attribute(reject: Reject, name: str) -> object:
    try:
        return getattr(reject, name)
    except BaseException:  # noqa: BLE001  # a subclass that never called `__init__`, or a property
        return None
