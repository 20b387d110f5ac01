"""Peers made of sockets: what they send and expect is bytes."""

from __future__ import annotations

import json
import os
import re
import select
import socket
import struct
from contextlib import suppress
from types import TracebackType
from typing import Any

#: Seconds anything may take on a busy machine. Nothing is asserted about time.
PATIENCE = float(os.environ.get("PUBSUB_PATIENCE", "60"))


class Peer:
    """One connection to a server, which has sent its INFO.

    :param source: the local address, for more connections than one address has ports.
    :param info: whether INFO comes without being asked for.
    """

    def __init__(
        self, port: int, source: str = "", *, host: str = "127.0.0.1", info: bool = True
    ) -> None:
        self.sock = socket.create_connection(
            (host, port), PATIENCE, (source, 0) if source else None
        )
        self.sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        self._buffer = b""
        self.info: dict[str, Any] = {}
        self.cid = 0
        if info:
            self.read_info()

    def read_info(self) -> None:
        """INFO is what comes next."""
        line = self.line()
        assert line.startswith(b"INFO "), line
        self.info = json.loads(line[5:])
        self.cid = int(self.info["client_id"])

    def hello(self, **options: Any) -> None:
        """CONNECT, not verbose, and wait until it is done."""
        self.send(hello(**options))
        self.ping()

    def send(self, data: bytes) -> None:
        self.sock.sendall(data)

    def trickle(self, data: bytes) -> bool:
        """One byte at a time; False if the server hung up before the end."""
        for index in range(len(data)):
            try:
                self.sock.send(data[index : index + 1])
            except (BrokenPipeError, ConnectionResetError):
                return False
        return True

    def _more(self) -> bool:
        try:
            data = self.sock.recv(1 << 16)
        except (ConnectionResetError, BrokenPipeError):
            return False
        self._buffer += data
        return bool(data)

    def line(self) -> bytes:
        """The next line, with its end; what there is of it if the server hangs up."""
        while b"\n" not in self._buffer:
            if not self._more():
                break
        line, newline, self._buffer = self._buffer.partition(b"\n")
        return line + newline

    def take(self, size: int) -> bytes:
        """The next ``size`` bytes, or fewer if the server hangs up."""
        while len(self._buffer) < size and self._more():
            pass
        data, self._buffer = self._buffer[:size], self._buffer[size:]
        return data

    def expect(self, data: bytes) -> None:
        """Exactly these bytes come next."""
        assert self.take(len(data)) == data

    def rest(self) -> bytes:
        """Everything up to the end, which the server brings about."""
        while self._more():
            pass
        data, self._buffer = self._buffer, b""
        return _without_pings(data)

    def silent(self) -> bool:
        """Whether nothing came that was not read, the end included."""
        return not self._buffer and not select.select([self.sock], [], [], 0)[0]

    def ping(self) -> None:
        """Wait until the server has dealt with everything sent so far."""
        assert self.until_pong() == b""

    def until_pong(self, more: int = 0) -> bytes:
        """Everything up to the answer to a PING; so many PONGs come before it."""
        self.send(b"PING\r\n")
        while self._buffer.count(b"PONG\r\n") <= more:
            assert self._more(), self._buffer
        # what the server says by itself may come behind it
        data, _, self._buffer = self._buffer.rpartition(b"PONG\r\n")
        return _without_pings(data)

    def hang_up(self) -> None:
        """Close; what was sent still arrives."""
        self.sock.close()

    def half_close(self) -> None:
        """Send no more, but read on."""
        self.sock.shutdown(socket.SHUT_WR)

    def reset(self) -> None:
        """Close as a crashed machine does: RST instead of FIN."""
        with suppress(OSError):
            self.sock.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
        self.sock.close()

    def __enter__(self) -> Peer:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        self.sock.close()


def _without_pings(data: bytes) -> bytes:
    """The server wants to know the round trip, two seconds after CONNECT: not our subject."""
    return data.replace(b"PING\r\n", b"")


def hello(**options: Any) -> bytes:
    """CONNECT of a client that wants to be told nothing it did not ask for."""
    fields = {"verbose": False, "pedantic": False, "protocol": 0, **options}
    return b"CONNECT %b\r\n" % json.dumps(fields).encode()


class Witness:
    """A bystander: a publisher and a subscriber who must not notice anything.

    Each message has a number, so one that is lost, late, doubled or changed is noticed.
    """

    def __init__(self, publisher: Peer, subscriber: Peer) -> None:
        self.publisher = publisher
        self.subscriber = subscriber
        self._sent = 0
        self._seen = 0
        subscriber.send(b"SUB witness.> 7\r\n")
        subscriber.ping()

    def speak(self, times: int = 1) -> None:
        """Publish something more."""
        for _ in range(times):
            self._sent += 1
            text = b"number %d" % self._sent
            self.publisher.send(b"PUB witness.said %d\r\n%b\r\n" % (len(text), text))

    def check(self) -> None:
        """Everything that was said was heard, and nothing else was."""
        self.speak()
        self.publisher.ping()
        heard = self.subscriber.until_pong()
        said = b"".join(
            b"MSG witness.said 7 %d\r\n%b\r\n" % (len(text), text)
            for number in range(self._seen + 1, self._sent + 1)
            for text in [b"number %d" % number]
        )
        assert heard == said
        self._seen = self._sent


def message_count(data: bytes) -> int:
    """How many MSG frames begin in it."""
    return len(re.findall(rb"(?:^|\r\n)MSG ", data))
