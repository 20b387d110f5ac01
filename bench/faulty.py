"""A relay that does one thing wrong, to see whether the load generator notices.

``python -m bench.faulty FAULT`` listens on a free port, prints it, and spoils the message
with the number :data:`SPOILED`. ``none`` and ``ping`` are right: a PING between messages is
the server's good right.
"""

from __future__ import annotations

import asyncio
import sys
from collections.abc import Callable
from dataclasses import dataclass

__all__ = ["FAULTS", "HARMLESS", "SPOILED", "Relay"]

SPOILED = 2000
#: Frames in order of delivery, of one message or two.
Frames = list[tuple["asyncio.StreamWriter", bytes]]


def _corrupt(frames: Frames) -> Frames:
    (writer, frame), *rest = frames
    for right, wrong in ((b"x", b"y"), (b"MSG b", b"MSG c"), (b"\nhi", b"\nho")):
        frame = frame.replace(right, wrong, 1)
    return [(writer, frame), *rest]


def _shorten(frames: Frames) -> Frames:
    (writer, frame), *rest = frames
    return [(writer, frame[:-5] + b"\r\n"), *rest]


def _before(line: bytes) -> Callable[[Frames], Frames]:
    return lambda frames: [(frames[0][0], line), *frames]


FAULTS: dict[str, Callable[[Frames], Frames]] = {
    "none": lambda frames: frames,
    "ping": _before(b"PING\r\n"),
    "drop": lambda frames: frames[1:],
    "duplicate": lambda frames: [*frames, frames[0]],
    "corrupt": _corrupt,
    "shorten": _shorten,
    "error": _before(b"-ERR 'Slow Consumer'\r\n"),
}

#: What the generator must put up with.
HARMLESS = ("none", "ping")


@dataclass(frozen=True)
class _Subscription:
    subject: bytes
    sid: bytes
    writer: asyncio.StreamWriter

    def matches(self, subject: bytes) -> bool:
        if self.subject.endswith(b"*"):
            return subject.startswith(self.subject[:-1])
        return subject == self.subject


class Relay:
    """As much of a NATS server as the generator needs, and slow."""

    def __init__(self, fault: str) -> None:
        self._spoil = FAULTS[fault]
        self._subscriptions: list[_Subscription] = []
        self._messages = 0

    async def serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        """One client, until it goes."""
        writer.write(b'INFO {"server_id":"faulty"}\r\n')
        try:
            while line := await reader.readline():
                await self._operation(line.split(), reader, writer)
        except (ConnectionError, asyncio.IncompleteReadError):
            pass  # as good as the end of file
        finally:
            self._subscriptions = [one for one in self._subscriptions if one.writer is not writer]
            writer.close()

    async def _operation(
        self, words: list[bytes], reader: asyncio.StreamReader, writer: asyncio.StreamWriter
    ) -> None:
        if words[0] == b"PING":
            writer.write(b"PONG\r\n")
        elif words[0] == b"SUB":
            self._subscriptions.append(_Subscription(words[1], words[-1], writer))
        elif words[0] == b"PUB":
            payload = await reader.readexactly(int(words[-1]) + 2)
            await self._publish(words[1], words[2:], payload)

    async def _publish(self, subject: bytes, rest: list[bytes], payload: bytes) -> None:
        self._messages += 1
        frames = [
            (one.writer, b" ".join([b"MSG", subject, one.sid, *rest]) + b"\r\n" + payload)
            for one in self._subscriptions
            if one.matches(subject)
        ]
        if self._messages == SPOILED and frames:
            frames = self._spoil(frames)
        for writer, frame in frames:
            writer.write(frame)
        if self._messages % 100 == 0:
            for writer, _ in frames:
                await writer.drain()


async def _main(fault: str) -> None:
    server = await asyncio.start_server(Relay(fault).serve, "127.0.0.1", 0)
    print(server.sockets[0].getsockname()[1], flush=True)
    await server.serve_forever()


if __name__ == "__main__":
    asyncio.run(_main(sys.argv[1]))
