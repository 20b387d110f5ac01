"""Somebody who comes to a server by TCP or TLS, says CONNECT, and is welcome or not."""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

from twisted.internet import ssl

from tests.certs import Authority, Issued
from tests.server.conftest import Served
from tests.server.peer import Peer

__all__ = ["accepted", "connect_line", "join", "refused", "welcomed"]


async def join(
    served: Served, authority: Authority | None = None, certificate: Issued | None = None
) -> tuple[Peer, dict[str, Any]]:
    """A connection, and its first INFO.

    :param authority: signed the server's certificate; without one there is no TLS.
    :param certificate: the client's own.
    """
    peer = await served.peer()
    info = await peer.info()
    if authority is not None:
        own = None
        if certificate is not None:
            files = certificate.cert_file, certificate.key_file
            own = ssl.PrivateCertificate.loadPEM(b"".join(Path(f).read_bytes() for f in files))
        trusted = ssl.Certificate.loadPEM(Path(authority.cert_file).read_bytes())
        peer.transport.startTLS(ssl.optionsForClientTLS("localhost", trusted, own))
    return peer, info


def connect_line(fields: Mapping[str, Any]) -> bytes:
    """CONNECT."""
    return b"CONNECT " + json.dumps({"verbose": True, **fields}).encode() + b"\r\n"


async def refused(peer: Peer, fields: Mapping[str, Any]) -> bytes:
    """What is said to CONNECT before the connection ends."""
    peer.send(connect_line(fields) + b"PING\r\n")
    return await peer.closed()


async def accepted(peer: Peer, fields: Mapping[str, Any]) -> bytes:
    """What is said to CONNECT and PING."""
    peer.send(connect_line(fields) + b"PING\r\n")
    return await peer.until(b"PONG\r\n")


async def welcomed(
    served: Served, fields: Mapping[str, Any] | Callable[[str], Mapping[str, Any]]
) -> Peer:
    """A client that is in by TCP; what it sends may be a function of INFO's nonce."""
    peer, info = await join(served)
    sent = fields(info.get("nonce", "")) if callable(fields) else fields
    assert await accepted(peer, {**sent, "verbose": False}) == b"PONG\r\n"
    return peer
