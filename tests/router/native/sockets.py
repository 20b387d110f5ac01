"""A router's link on one end of a socket pair, a test on the other."""

from __future__ import annotations

import socket
from typing import Any

from pubsub.interfaces import ILink, IRouter, LinkOptions, PeerKind
from tests.router.recording import QUIET, Recorder


class Transport:
    """What a bound link asks of its transport: to be called when the socket has room."""

    def __init__(self) -> None:
        self.writing = 0

    def startWriting(self) -> None:
        self.writing += 1


class End:
    """A bound link with its socket, and the other end."""

    def __init__(self, sockets: Sockets, cid: int, options: LinkOptions) -> None:
        self.router = sockets.router
        self.ours, self.theirs = socket.socketpair()
        self.ours.setblocking(False)
        self.theirs.setblocking(False)
        self.handler = Recorder(f"peer{cid}", sockets.log)
        self.transport = Transport()
        self.link: ILink = sockets.router.attach(self.handler, PeerKind.CLIENT, cid, "$G")
        self.handler.link = self.link
        self.link.options = options
        assert self.link.bind(self.ours.fileno(), self.transport)

    def send(self, data: bytes) -> int:
        """Let the router read ``data``, and flush; the worst it answered."""
        outcome = 0
        for at in range(0, len(data), 2048) or [0]:
            self.theirs.sendall(data[at : at + 2048])
            outcome = self.link.read_ready() or outcome
        self.router.flush()
        return outcome

    def heard(self) -> bytes:
        """All the other end can read now."""
        text = b""
        while True:
            try:
                data = self.theirs.recv(1 << 20)
            except BlockingIOError:
                return text
            if not data:
                return text
            text += data

    def drain(self) -> bytes:
        """All the other end hears until nothing is left, the reactor writing in between."""
        text = self.heard()
        while self.link.pending_bytes:
            assert self.link.write_ready() in (0, 1)
            text += self.heard()
        return text

    def close(self) -> None:
        self.link.unbind()
        self.link.close()
        self.ours.close()
        self.theirs.close()


class Sockets:
    """A router, and ends by number."""

    def __init__(self, router: IRouter) -> None:
        self.router = router
        self.log: list[tuple[Any, ...]] = []
        self.ends: list[End] = []

    def end(self, options: LinkOptions = QUIET) -> End:
        made = End(self, len(self.ends) + 1, options)
        self.ends.append(made)
        return made

    def close(self) -> None:
        for end in self.ends:
            end.close()
        self.ends.clear()
