"""Names of files that strangers chose: fit to be shown, and never a path."""

from __future__ import annotations

import re
from pathlib import PurePosixPath
from typing import Final
from urllib.parse import quote

#: Longer names help nobody; file systems have this limit, too.
_MOST_CHARACTERS: Final = 255

#: Controls, line ends, and what turns the direction of writing around so that `vsc.exe` looks like `exe.csv`.
_UNFIT: Final = re.compile("[\x00-\x1f\x7f-\x9f\u2028\u2029\u200e\u200f\u202a-\u202e\u2066-\u2069]+")

#: What browsers write for what would end the text (WHATWG, multipart/form-data).
_ESCAPES: Final = {"%22": '"', "%0D": "\r", "%0A": "\n"}

#: Not even quoted in a header: what some browsers decode, and what would end the text.
_UNQUOTED: Final = re.compile(r"[^ !#$&\'()+,\-.0-9;=@A-Z\[\]^_`a-z{}~]")


def shown(filename: str) -> str:
    """The last part of a name, without anything that is no character to read."""
    for escape, meant in _ESCAPES.items():
        filename = filename.replace(escape, meant)
    last = re.split(r"[/\\]", filename)[-1]
    return _UNFIT.sub(" ", last).strip()[:_MOST_CHARACTERS] or "upload.csv"


def attachment(filename: str) -> str:
    """The header `Content-Disposition` for a download, as of RFC 6266: a plain name for all, and the whole of it."""
    name = shown(filename)
    return f"attachment; filename=\"{_UNQUOTED.sub('_', name)}\"; filename*=UTF-8''{quote(name, safe='')}"


def rejects_name(filename: str) -> str:
    """What the rejects file of a file is called."""
    return f"{PurePosixPath(shown(filename)).stem}.rejects.csv"
