"""Header blocks: ``NATS/1.0[ status[ description]]``, ``Key: Value`` lines, a blank line.

As nats-server and its clients read them: keys are compared exactly, the first of equal
keys wins, the status is in the first line. The blank line belongs to the block.
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import NamedTuple

__all__ = ["HeaderBlock", "build_headers", "get_header", "parse_headers"]

PREAMBLE = b"NATS/1.0"
END = b"\r\n\r\n"


class HeaderBlock(NamedTuple):
    """A header block, read."""

    #: 0 if there is none
    status: int
    description: bytes
    #: keys and values in order, equal keys included
    fields: tuple[tuple[bytes, bytes], ...]


def build_headers(
    fields: Iterable[tuple[bytes, bytes]] = (), status: int = 0, description: bytes = b""
) -> bytes:
    """A header block.

    :raises ValueError: for a key that is empty or has a colon, or a CR or LF anywhere:
        what follows would be read as something else.
    """
    first = PREAMBLE
    if status:
        first += b" %d" % status
        if description:
            first += b" " + description
    lines = [first]
    for key, value in fields:
        if not key or b":" in key:
            raise ValueError(f"not a header key: {key!r}")
        lines.append(b"%b: %b" % (key, value))
    if any(b"\r" in line or b"\n" in line for line in lines):
        raise ValueError("CR or LF in a header")
    return b"\r\n".join(lines) + END


def parse_headers(block: bytes) -> HeaderBlock:
    """What is in ``block``; space around values is not part of them.

    :raises ValueError: if it does not begin with ``NATS/1.0`` or has a line without a colon.
    """
    if not block.startswith(PREAMBLE):
        raise ValueError("a header block begins with NATS/1.0")
    first, *lines = block.split(b"\r\n")
    status, description = 0, b""
    words = first[len(PREAMBLE) :].strip().split(b" ", 1)
    if words[0]:
        if not words[0].isdigit():
            raise ValueError(f"not a status: {words[0]!r}")
        status = int(words[0])
        description = words[1].strip() if len(words) > 1 else b""
    fields = []
    for line in lines:
        if not line:
            break
        key, colon, value = line.partition(b":")
        if not colon or not key:
            raise ValueError(f"not a header line: {line!r}")
        fields.append((key, value.strip()))
    return HeaderBlock(status, description, tuple(fields))


def get_header(block: bytes, key: bytes) -> bytes | None:
    """The value of the first header called exactly ``key``, ``None`` without one.

    Does not read the rest of the block: the router's users call this per message.
    """
    start = block.find(b"\r\n%b:" % key)
    if start < 0:
        return None
    start += len(key) + 3
    end = block.find(b"\r\n", start)
    return block[start : end if end >= 0 else len(block)].strip()
