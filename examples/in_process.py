"""A server and its client in one process, without a port: ``python in_process.py``."""

from __future__ import annotations

from typing import Any

from twisted.internet import defer, task
from twisted.protocols.basic import LineReceiver

from pubsub.config.options import Options
from pubsub.server import PubSubServer


class Client(LineReceiver):
    """Any NATS client written as a Twisted protocol would do."""

    def __init__(self) -> None:
        self.lines: list[bytes] = []
        self.done: defer.Deferred[None] = defer.Deferred()

    def connectionMade(self) -> None:
        self.sendLine(b'CONNECT {"verbose":false}')
        self.sendLine(b"SUB greet 1")
        self.sendLine(b"PUB greet 5")
        self.sendLine(b"hello")

    def lineReceived(self, line: bytes) -> None:
        print(line.decode()[:60])
        if line == b"hello":
            self.done.callback(None)


async def main(reactor: Any) -> None:
    server = PubSubServer(Options(dont_listen=True), reactor)
    await server.open()
    client = Client()
    server.connect_in_process(client)
    await client.done
    await server.close()


if __name__ == "__main__":
    task.react(lambda reactor: defer.ensureDeferred(main(reactor)))
