"""A server inside the process of its tests, on their reactor."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

from twisted.internet.defer import Deferred

from pubsub.config.options import RANDOM_PORT, Options
from pubsub.server import PubSubServer

__all__ = ["InProcessServer"]


class InProcessServer:
    """A server on a free port of 127.0.0.1, for one test.

    :param options: the configuration; its host and ports are replaced.
    :param reactor: the running one, if not given.
    """

    def __init__(self, options: Options | None = None, reactor: Any = None) -> None:
        if reactor is None:
            from twisted.internet import reactor as running

            reactor = running
        options = replace(options or Options(), host=self.host, port=RANDOM_PORT)
        #: the server itself: its router, its registry of clients, ``reload``…
        self.server = PubSubServer(options, reactor)

    host = "127.0.0.1"

    @property
    def port(self) -> int:
        """Where clients connect to, once it is started."""
        return self.server.port

    @property
    def url(self) -> str:
        """For clients: ``nats://127.0.0.1:PORT``, ``tls://…`` if it requires TLS."""
        scheme = "nats" if self.server.options.tls is None else "tls"
        return f"{scheme}://{self.host}:{self.port}"

    def start(self) -> Deferred[None]:
        """Listen; fires when clients can connect."""
        return self.server.open()

    def stop(self) -> Deferred[None]:
        """Close every connection and port; fires when nothing of it is left."""
        return self.server.close()
