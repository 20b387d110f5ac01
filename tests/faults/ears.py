"""Clients that hear everything that comes to them, each on a thread of its own."""

from __future__ import annotations

import re
import socket
import threading
from collections import Counter
from contextlib import suppress
from types import TracebackType

from pubsub.testing.child import ChildServer
from tests.hostile.peers import Peer, hello
from tests.patience import PATIENCE

__all__ = ["Ear", "Ears", "publish"]

_MESSAGE = re.compile(rb"MSG (\S+) (\S+) (?:\S+ )?(\d+)\r\n")


def publish(peer: Peer, subject: str, *payloads: bytes) -> None:
    """Publish, and wait until the server has dealt with it."""
    lines = (b"PUB %b %d\r\n%b\r\n" % (subject.encode(), len(each), each) for each in payloads)
    peer.send(b"".join(lines))
    peer.ping()


class Ear:
    """A subscriber. Made by :meth:`Ears.listen`.

    :ivar heard: subject and payload of each message, or the payload's size if it is long.
    """

    def __init__(self, server: ChildServer, *subjects: str, long: int) -> None:
        self._peer = Peer(server.port, host=server.host)
        self._long = long
        self._sids = 0
        self.heard: list[tuple[str, bytes | int]] = []
        self._pongs = threading.Semaphore(0)
        self._peer.send(hello())
        self._thread = threading.Thread(target=self._listen, daemon=True)
        self._thread.start()
        self.subscribe(*subjects)

    def subscribe(self, *subjects: str) -> int:
        """Hear more: ``"subject"`` or ``"subject queue"``; the number of the last subscription."""
        for subject in subjects:
            self._sids += 1
            self._peer.send(b"SUB %b %d\r\n" % (subject.encode(), self._sids))
        self.settle()
        return self._sids

    def unsubscribe(self, sid: int) -> None:
        """Hear less: the first subscription is 1."""
        self._peer.send(b"UNSUB %d\r\n" % sid)
        self.settle()

    def settle(self) -> None:
        """Wait until its server has dealt with what it said, and it with what came before."""
        self._peer.send(b"PING\r\n")
        assert self._pongs.acquire(timeout=PATIENCE), "no PONG"

    def payloads(self, subject: str) -> list[bytes | int]:
        """What came there, in its order."""
        return [payload for where, payload in list(self.heard) if where == subject]

    def counts(self) -> Counter[str]:
        """How many messages came, by subject."""
        return Counter(where for where, _ in list(self.heard))

    def hang_up(self) -> None:
        """Go away."""
        with suppress(OSError):
            self._peer.sock.shutdown(socket.SHUT_RDWR)
        self._thread.join(PATIENCE)
        self._peer.hang_up()

    def _listen(self) -> None:
        stream = self._peer.sock.makefile("rb")
        # whoever hangs up ends the thread
        with suppress(OSError, ValueError):
            self._peer.sock.settimeout(None)
            for line in stream:
                match = _MESSAGE.fullmatch(line)
                if match is not None:
                    size = int(match[3])
                    payload = stream.read(size + 2)[:-2]
                    self.heard.append((match[1].decode(), size if size > self._long else payload))
                elif line == b"PONG\r\n":
                    self._pongs.release()
                elif line == b"PING\r\n":
                    self._peer.send(b"PONG\r\n")


class Ears:
    """All of a test."""

    def __init__(self) -> None:
        self._peers: list[Peer] = []
        self._ears: list[Ear] = []

    def listen(self, server: ChildServer, *subjects: str, long: int = 100) -> Ear:
        """A client of that server that hears these: ``"subject"`` or ``"subject queue"``."""
        ear = Ear(server, *subjects, long=long)
        self._ears.append(ear)
        return ear

    def talker(self, server: ChildServer) -> Peer:
        """A client of that server that only speaks."""
        peer = Peer(server.port, host=server.host)
        peer.hello()
        self._peers.append(peer)
        return peer

    def __enter__(self) -> Ears:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        for peer in self._peers:
            peer.reset()
        for ear in self._ears:
            ear.hang_up()
