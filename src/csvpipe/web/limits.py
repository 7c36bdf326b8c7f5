"""How much one upload may be, so that no client can exhaust disk, memory or patience."""

from __future__ import annotations

from typing import Final

import attrs
from attrs import validators

from csvpipe.limits import MIB

#: Tables are mostly packed to a tenth of their size, or not as well.
_UNPACKED: Final = 10

_count = validators.and_(validators.instance_of(int), validators.ge(1))


@attrs.frozen(kw_only=True)
class UploadLimits:
    """Bounds on one request that uploads files.

    Attributes:
        file_bytes: Size of one file as it arrives. A larger one is refused alone; the others are taken.
        unpacked_bytes: Size of what a compressed file unpacks to, for pipelines whose `Limits` leave `file_bytes` open;
            None for ten times `file_bytes`. Their `decompression_ratio` holds as well.
        body_bytes: Size of the whole body; None for that of `files` files of `file_bytes`. A larger one is refused, and
            the connection is closed.
        files: Files in one request.
        fields: Other parts of the form.
        field_bytes: Size of the value of one of these.
        skipped_bytes: How much of a file that is refused may still arrive, so that the files after it can be taken;
            where more follows, the upload is refused and the connection is closed. So it is past the end of the form.
        header_bytes: Size of one header of a part.
        headers: Headers of one part.
        idle_seconds: For how long nothing may arrive.
        bytes_per_second: The least pace of the body as a whole, past the first `idle_seconds`. Only the time that the
            server waits for the client counts.
    """

    file_bytes: int = attrs.field(default=100 * MIB, validator=_count)
    unpacked_bytes: int | None = attrs.field(default=None, validator=validators.optional(_count))
    body_bytes: int | None = attrs.field(default=None, validator=validators.optional(_count))
    files: int = attrs.field(default=100, validator=_count)
    fields: int = attrs.field(default=20, validator=_count)
    field_bytes: int = attrs.field(default=4_096, validator=_count)
    skipped_bytes: int = attrs.field(default=100 * MIB, validator=_count)
    header_bytes: int = attrs.field(default=4_096, validator=_count)
    headers: int = attrs.field(default=8, validator=_count)
    idle_seconds: float = attrs.field(default=60.0, validator=validators.gt(0))
    bytes_per_second: int = attrs.field(default=1_024, validator=_count)

    @property
    def most_unpacked_bytes(self) -> int:
        """Size of one file on disk."""
        return _UNPACKED * self.file_bytes if self.unpacked_bytes is None else self.unpacked_bytes

    @property
    def most_bytes(self) -> int:
        """Size of a body, with what stands between its parts."""
        if self.body_bytes is not None:
            return self.body_bytes
        between = self.headers * self.header_bytes
        return self.files * (self.file_bytes + between) + self.fields * (self.field_bytes + between)
