"""How an input is read: its first bytes choose, so that whatever finds inputs finds settings, too."""

from __future__ import annotations

from typing import Final

import attrs
from tests.fuzz.mutations import SETTING_BYTES

from csvpipe import Dialect

DIALECTS: Final = (
    None,
    Dialect(delimiter=";"),
    Dialect(quotechar=None),
    Dialect(escapechar="\\"),
    Dialect(escapechar="\\", doublequote=False, delimiter="\t"),
    Dialect(escapechar="\\", quotechar=None, delimiter="|"),
    Dialect(escapechar="^", strict=True),
    Dialect(strict=True),
    Dialect(skipinitialspace=True, quotechar="'"),
    Dialect(doublequote=False),
    Dialect(delimiter="§", quotechar="«"),
)

#: What a caller may state about bytes as they arrive; one of them is none.
ENCODINGS: Final = (
    None,
    "utf-8",
    "cp1252",
    "utf-16",
    "latin-1",
    "utf-16-le",
    "utf-32",
    "shift_jis",
    "gb18030",
    "cp037",
    "utf-7",
    "utf-9",
)

#: What the local file of a job is in.
LOCAL_ENCODINGS: Final = ("utf-8", "cp1252", "latin-1", "ascii")

#: Bytes of a chunk, between cuts, of a read; of windows and steps inside, where None leaves them; of a row at most.
SIZES: Final = (
    (40, 20, 30, None, 1_000_000),
    (1, 1, 1, 1, 1_000_000),
    (100, 7, 64, 7, 30),
    (1_000, 100, 256, None, 100),
    (64, 64, 3, 3, 1_000_000),
)


@attrs.frozen
class Settings:
    """The first bytes of an input."""

    dialect: Dialect | None
    encoding: str | None
    local_encoding: str
    sizes: tuple[int, int, int, int | None, int]
    salt: int

    @classmethod
    def split(cls, data: bytes) -> tuple[Settings, bytes]:
        """The settings, and the file."""
        dialect, encoding, sizes, salt = data[:SETTING_BYTES].ljust(SETTING_BYTES, b"\0")
        settings = cls(
            DIALECTS[dialect % len(DIALECTS)],
            ENCODINGS[encoding % len(ENCODINGS)],
            LOCAL_ENCODINGS[encoding % len(LOCAL_ENCODINGS)],
            SIZES[sizes % len(SIZES)],
            salt,
        )
        return settings, data[SETTING_BYTES:]
