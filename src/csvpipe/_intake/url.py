"""How a URL is told from a path, and shown. What reads the object that it names stands in `remote`."""

from __future__ import annotations

import re
from typing import Final

_SCHEME: Final = re.compile(r"[a-z][a-z0-9+.\-]+://", re.IGNORECASE)
#: Of each part of a chained URL; what stands elsewhere, such as in a query, is not ours to change.
_SCHEMES: Final = re.compile(r"(?:\A|(?<=::))[a-z][a-z0-9+.\-]+(?=://)", re.IGNORECASE)
_QUERY: Final = re.compile(r"\?[^\s'\"<>]*")
#: A user, or a token; what Azure has there is the name of a container.
_USER: Final = re.compile(r"(?<=://)(?<!abfs://)(?<!abfss://)[^/?#\s'\"]*@", re.IGNORECASE)


def is_url(source: object) -> bool:
    """Whether a source names an object by a URL that `fsspec` may know."""
    return isinstance(source, str) and any(map(_SCHEME.match, source.split("::")))


def lowered(url: str) -> str:
    """The URL with its schemes in small letters, which is how stores are known; how they are typed does not matter."""
    return _SCHEMES.sub(lambda found: found[0].lower(), url)


def shown(url: str) -> str:
    """The URL, or any text with one in it, without what may be a secret."""
    return _QUERY.sub("?...", _USER.sub("", lowered(url)))


def shown_source(source: str) -> str:
    """A path as it was typed, in which a question mark is one; a URL as it may be `shown`."""
    return shown(source) if is_url(source) else source


def name_of(url: str) -> str:
    """The name of the object: that of the member, for one in an archive."""
    first = shown(url.partition("::")[0]).partition("?")[0]
    return first.rstrip("/").rpartition("/")[2]
