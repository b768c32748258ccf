"""Content encodings, decoded here for both transports, whatever the libraries support."""

from __future__ import annotations

import zlib
from typing import Final

ACCEPTED: Final = "gzip, deflate"
"""What is asked for."""
GZIP: Final = frozenset({"gzip", "x-gzip"})
GZIP_MAGIC: Final = b"\x1f\x8b"
AUTOMATIC: Final = 32
"""Lets zlib detect the header, of gzip or its own."""
DEFLATED: Final = 8


def decoded(body: bytes, encodings: str, most: int) -> bytes:
    """Return a body without its content encodings; one that was not asked for is left as it is.

    :param encodings: the header `Content-Encoding`.
    :param most: bytes; a larger body is cut off after one more.
    :raises ConnectionError: it is not complete, or not what the header says.
    """
    for name in reversed([each.strip().lower() for each in encodings.split(",")]):
        if body and (name in GZIP or name == "deflate"):
            body = _inflated(body, most)
    return body


def _inflated(body: bytes, most: int) -> bytes:
    """Return what is packed in one or more streams; what follows them is ignored, as in browsers."""
    found = bytearray()
    has_header = body.startswith(GZIP_MAGIC) or body[0] & 0x0F == DEFLATED
    while body and len(found) <= most:
        inflating = zlib.decompressobj(AUTOMATIC + zlib.MAX_WBITS if has_header else -zlib.MAX_WBITS)
        if (chunk := _chunk(inflating, body, most + 1 - len(found))) is None:
            raise ConnectionError("the response is not valid HTTP")
        found += chunk
        if len(found) <= most and not inflating.eof:
            raise ConnectionError("the connection ended before the response was complete")
        rest = inflating.unused_data
        body = rest if rest.startswith(GZIP_MAGIC) else b""
    return bytes(found)


def _chunk(inflating: zlib._Decompress, body: bytes, most: int) -> bytes | None:
    try:
        return inflating.decompress(body, most)
    except zlib.error:
        return None
