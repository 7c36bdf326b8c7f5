"""New inputs from old ones, with a taste for what is special in CSV."""

from __future__ import annotations

import bz2
import gzip
from collections.abc import Callable, Sequence
from pathlib import Path
from random import Random
from typing import Final

#: So many bytes of an input are settings. Zeros stand for the usual ones.
SETTING_BYTES: Final = 4

#: Longer inputs find nothing that shorter ones do not, and take longer.
MOST_BYTES: Final = 64 * 1024

TOKENS: Final = (
    *(b"\n", b"\r", b"\r\n", b"\n\n", b'"', b'""', b'"""', b',"', b'",', b'"\n"', b"\\", b"\\\n", b"\\\r\n", b'\\"'),
    *(b",", b";", b"\t", b"|", b"'", b" ", b"^", b"#", b"=", b"\0", b"\x0b", b"\x1a", b"\x1c", b"\x85"),
    *(b"\xef\xbb\xbf", b"\xff\xfe", b"\xfe\xff", b"\xff\xfe\0\0", b"+/v8-", b"\x1f\x8b", b"BZh91AY&SY", b"PK\3\4"),
    *(b"\xc2", b"\xff", b"\xed\xa0\x80", b"\xf4\x90\x80\x80", b"\xc0\x80", "é§«\u2028".encode(), b"NaN", b"1e999"),
    *(b"id,name\n", b"2024-02-30", b"true", b"_row,_line\n", b"sep=;\n"),
)

#: Files of our own, for a run without a folder of others'.
SEEDS: Final = (
    b"",
    b"id,name\n1,Ana\n2,Ben\n",
    b'id;name\r\n1;"Ana; ""A"""\r\n\r\n2;"two\r\nlines"\r\n',
    b'a,b\n1,"open\n2,x\n3,"y" z\n',
    b"a|b\n\\|,\\\n1|'2'\r3\n",
    "na§me,é\n1,«2«\n".encode(),
    "id,prénom\n1,Zoë\n".encode("cp1252"),
    b"\xef\xbb\xbfid,name\n1,x\n",
    "id,name\n1,x\n".encode("utf-16"),
)


def seeds(folder: Path | None) -> list[bytes]:
    """Our own files and those in a folder, read as usual."""
    paths = sorted(path for path in folder.rglob("*") if path.is_file()) if folder else []
    bodies = [*SEEDS, *(_head(path) for path in paths)]
    return [bytes(SETTING_BYTES) + body for body in bodies]


def _head(path: Path) -> bytes:
    with path.open("rb") as file:
        return file.read(MOST_BYTES // 4)


def mutated(data: bytes, pool: Sequence[bytes], random: Random) -> bytes:
    """A few changes to one input, perhaps with parts of others."""
    # A fresh copy; the larger a change, the rarer.
    for _ in range(1 << random.randrange(4)):
        change = random.choice(_CHANGES) if random.random() < 0.97 else random.choice(_RARE_CHANGES)
        data = change(data, pool, random)
    return data[:MOST_BYTES]


def _spot(data: bytes, random: Random) -> int:
    return random.randint(min(SETTING_BYTES, len(data)), len(data))


def _span(data: bytes, random: Random) -> tuple[int, int]:
    start = _spot(data, random)
    return start, min(len(data), start + (1 << random.randrange(10)))


def _set(data: bytes, _pool: Sequence[bytes], random: Random) -> bytes:
    at, settings = random.randrange(SETTING_BYTES), data[:SETTING_BYTES].ljust(SETTING_BYTES, b"\0")
    return settings[:at] + bytes([random.randrange(32)]) + settings[at + 1 :] + data[SETTING_BYTES:]


def _insert(data: bytes, _pool: Sequence[bytes], random: Random) -> bytes:
    at, token = _spot(data, random), random.choice(TOKENS)
    return data[:at] + token + data[at:]


def _overwrite(data: bytes, _pool: Sequence[bytes], random: Random) -> bytes:
    at, token = _spot(data, random), random.choice(TOKENS)
    return data[:at] + token + data[at + len(token) :]


def _flip(data: bytes, _pool: Sequence[bytes], random: Random) -> bytes:
    at = _spot(data, random)
    return data[:at] + bytes([random.randrange(256)]) + data[at + 1 :]


def _drop(data: bytes, _pool: Sequence[bytes], random: Random) -> bytes:
    start, end = _span(data, random)
    return data[:start] + data[end:]


def _repeat(data: bytes, _pool: Sequence[bytes], random: Random) -> bytes:
    start, end = _span(data, random)
    return data[:end] + data[start:end] * random.choice((1, 2, 30)) + data[end:]


def _splice(data: bytes, pool: Sequence[bytes], random: Random) -> bytes:
    other = random.choice(pool)
    start, end = _span(other, random)
    at = _spot(data, random)
    return data[:at] + other[start:end] + data[random.choice((at, len(data))) :]


def _run(data: bytes, _pool: Sequence[bytes], random: Random) -> bytes:
    at, token = _spot(data, random), random.choice(TOKENS)
    return data[:at] + token * (1 << random.randrange(13)) + data[at:]


def _encode(data: bytes, _pool: Sequence[bytes], random: Random) -> bytes:
    text = data[SETTING_BYTES:].decode("utf-8", "replace")
    encoding = random.choice(("utf-16", "utf-16-le", "utf-16-be", "utf-32", "utf-8-sig", "cp1252", "gb18030", "utf-7"))
    return data[:SETTING_BYTES] + text.encode(encoding, "replace")


def _compress(data: bytes, _pool: Sequence[bytes], random: Random) -> bytes:
    pack: Callable[[bytes], bytes] = random.choice((_gzip, bz2.compress))
    packed = pack(data[SETTING_BYTES:])
    return data[:SETTING_BYTES] + packed[: random.choice((len(packed), random.randrange(len(packed))))]


def _gzip(data: bytes) -> bytes:
    return gzip.compress(data, mtime=0)


_CHANGES: Final = (_set, _insert, _insert, _insert, _overwrite, _flip, _drop, _drop, _repeat, _splice)
_RARE_CHANGES: Final = (_run, _encode, _compress)
