"""``Nats-Request-Info``: the header that tells an imported service who asks.

(nats-server: ``setHeader`` in ``client.go``.)
"""

from __future__ import annotations

import json
import re
from collections.abc import Callable

from pubsub.wire.info import go_json

__all__ = ["describe_requester", "introduce"]

_FIRST_LINE = b"NATS/1.0"
_BLANK_LINE = re.compile(rb"\r?\n\r?\n")
#: However it is spelled: there are clients who do not care for the case of a header, and a
#: requester shall not introduce itself.
_SAME = re.compile(rb"\s*nats-request-info\s*:", re.IGNORECASE)

#: What tells where somebody is, in nats-server's order; all of it is at the end of what is told
#: of those who do not share.
_PLACE = ("server", "cluster", "alts")


def describe_requester(
    describe: Callable[[bool], bytes], detailed: bool, located: bool, service: str
) -> bytes:
    """What a service is told of who asks, as JSON; ``b""`` for nothing.

    :param describe: ``ILinkHandler.request_info``.
    :param located: tell at which server and in which cluster, detailed or not.
    :param service: the account whose service passes the request on to another one; ``""`` in
        front of the first. (nats-server: ``processServiceImport``, ``addServerAndClusterInfo``.)
    """
    said = describe(detailed)
    if not said or not (located or service):
        return said
    info: dict[str, object] = {}
    for name, value in json.loads(said).items():
        info[name] = value
        if name == "acc" and service:
            info["svc"] = service
    if service:
        info.setdefault("svc", service)
    if located and not detailed:
        known = json.loads(describe(True))
        info |= {name: known[name] for name in _PLACE if name in known}
    return go_json(info)


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
