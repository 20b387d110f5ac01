"""``Nats-Request-Info``: the header that tells an imported service who asks.

(nats-server: ``setHeader`` in ``client.go``.)
"""

from __future__ import annotations

import re

__all__ = ["introduce"]

_FIRST_LINE = b"NATS/1.0"
_BLANK_LINE = re.compile(rb"\r?\n\r?\n")
#: However it is spelled: there are clients who do not care for the case of a header, and a
#: requester shall not introduce itself.
_SAME = re.compile(rb"\s*nats-request-info\s*:", re.IGNORECASE)


def introduce(headers: bytes, info: bytes) -> bytes:
    """A header block with ``Nats-Request-Info: <info>`` as its last header.

    Other headers stay as they are. What a well-formed block cannot have is left out: what
    comes after a blank line would hide the header from its readers.

    :param headers: a header block, or ``b""``.
    """
    block = _BLANK_LINE.split(headers, 1)[0].rstrip(b"\r\n")
    lines = [line for line in block.split(b"\n") if not _SAME.match(line)]
    head = b"\n".join(lines).rstrip(b"\r") or _FIRST_LINE
    return head + b"\r\nNats-Request-Info: " + info + b"\r\n\r\n"
