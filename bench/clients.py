"""A client just good enough to see what a cluster does: one thread, no waiting inside."""

from __future__ import annotations

import json
import selectors
import socket
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass

from bench.generator import Failure

__all__ = ["Client", "Message", "wait_for"]

_CONNECT = (
    b'CONNECT {"verbose":false,"pedantic":false,"lang":"python","version":"1.0.0",'
    b'"name":"bench","protocol":1,"headers":true,"no_responders":true}\r\n'
)
_READ = 256 * 1024
#: No server takes longer for a handshake, or to take what is written to it.
_PATIENCE = 20.0


@dataclass(frozen=True)
class Message:
    """One that arrived: no responders is a message without a payload."""

    subject: str
    reply: str
    payload: bytes


class Client:
    """One connection; ``where`` is for error messages."""

    def __init__(self, port: int, where: str) -> None:
        self._where = where
        try:
            self._socket = socket.create_connection(("127.0.0.1", port), _PATIENCE)
        except OSError as error:
            raise Failure(f"{where}: {error}") from error
        self._socket.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        self._held = b""
        self._pongs = 0
        #: where clients may go, as the server told last
        self.urls: frozenset[str] = frozenset()
        #: the server closed the connection
        self.closed = False
        self.messages: list[Message] = []
        self.send(_CONNECT)
        self.sync()

    def fileno(self) -> int:
        """For selectors."""
        return self._socket.fileno()

    def close(self) -> None:
        """Idempotent."""
        self.closed = True
        self._socket.close()

    def send(self, data: bytes) -> None:
        """Write all of it; nothing if the server is gone, which :attr:`closed` tells."""
        try:
            self._socket.sendall(data)
        except TimeoutError as error:
            raise Failure(f"{self._where}: it does not read") from error
        except OSError:
            self.closed = True

    def sync(self) -> None:
        """PING, and wait for the PONG: all that was sent before has been dealt with."""
        due = self._pongs + 1
        self.send(b"PING\r\n")
        wait_for([self], lambda: self._pongs >= due, _PATIENCE, f"{self._where}: no PONG")

    def receive(self) -> None:
        """Read once, and take in what is complete.

        :raises Failure: for an error the server reports, and for what no server says.
        """
        try:
            data = self._socket.recv(_READ)
        except OSError:
            data = b""
        if not data:
            self.closed = True
        self._held += data
        at = 0
        while (end := self._held.find(b"\r\n", at)) >= 0:
            taken = self._operation(self._held[at:end].split(), end + 2)
            if not taken:
                break
            at = taken
        self._held = self._held[at:]

    def _operation(self, words: list[bytes], after: int) -> int:
        """Take in one operation; where the next one starts, 0 if this one is not complete."""
        name = words[0].upper() if words else b""
        if name in (b"MSG", b"HMSG"):
            return self._message(name == b"HMSG", words[1:], after)
        if name == b"INFO":
            info = json.loads(b" ".join(words[1:]))
            self.urls = frozenset(info.get("connect_urls") or ())
        elif name == b"PING":
            self.send(b"PONG\r\n")
        elif name == b"PONG":
            self._pongs += 1
        elif name != b"+OK":
            raise Failure(f"{self._where} said {b' '.join(words)[:80]!r}")
        return after

    def _message(self, headers: bool, words: list[bytes], after: int) -> int:
        sizes = words[-2:] if headers else words[-1:]
        reply = words[2] if len(words) - len(sizes) > 2 else b""
        end = after + int(sizes[-1])
        if len(self._held) < end + 2:
            return 0
        start = after + int(sizes[0]) if headers else after
        self.messages.append(Message(words[0].decode(), reply.decode(), self._held[start:end]))
        return end + 2


def wait_for(
    clients: Sequence[Client],
    condition: Callable[[], bool],
    seconds: float,
    complaint: str,
    again: Callable[[], None] | None = None,
    every: float = 0.001,
) -> None:
    """Let clients receive until ``condition()``; ``again()`` is called every so often meanwhile.

    :raises Failure: with the ``complaint``, if it does not come true in that time.
    """
    deadline = time.monotonic() + seconds
    due = time.monotonic()
    with selectors.DefaultSelector() as selector:
        for client in clients:
            if not client.closed:
                selector.register(client, selectors.EVENT_READ, client)
        while not condition():
            now = time.monotonic()
            if now > deadline:
                raise Failure(f"{complaint} for {seconds:.0f} s")
            if again and now >= due:
                again()
                due = max(due + every, now)
            pause = max(min(due, deadline) - now, 0.0) if again else deadline - now
            for key, _ in selector.select(pause):
                key.data.receive()
                if key.data.closed:
                    selector.unregister(key.data)
