"""Guests who are administered by requests: ``python people.py [PORT]``, with server.conf.

In the account OFFICE, ``people.add`` takes a name and a password as JSON, ``people.drop`` a name.
"""

from __future__ import annotations

import json
import os
import sys
from dataclasses import replace
from pathlib import Path
from typing import Any

from twisted.internet.defer import Deferred
from twisted.internet.task import react

from pubsub.config.build import configure
from pubsub.config.options import Options
from pubsub.errors import PubSubError
from pubsub.interfaces import Permissions
from pubsub.server import PubSubServer
from pubsub.values.accounts import UserOptions

#: what guests may do
GUEST = Permissions(publish_allow=("wishes.>",), subscribe_allow=("news.>", "_INBOX.>"))


def change(server: PubSubServer, subject: bytes, payload: bytes) -> str:
    """Do what a request says; the answer."""
    try:
        person = json.loads(payload)
        if subject == b"people.add":
            server.live.add_user(
                UserOptions(person["name"], person["password"], "", "GUESTS", GUEST)
            )
            return "added"
        return "dropped" if server.live.drop_user(person["name"]) else "not there"
    except (PubSubError, ValueError, LookupError, TypeError) as error:
        return f"refused: {error}"


async def main(reactor: Any, port: str = "4222") -> None:
    server = PubSubServer(read_options(int(port)), reactor)
    await server.open()
    desk = server.security.access.internal_client("OFFICE")

    def heard(message: Any) -> None:
        # Later: the router is in the middle of a message now.
        reactor.callLater(0, answer, message)

    def answer(message: Any) -> None:
        desk.publish(message.reply, change(server, message.subject, message.payload).encode())

    desk.subscribe(b"people.*", heard)
    print(f"nats://127.0.0.1:{server.port}", flush=True)
    await Deferred()


def read_options(port: int) -> Options:
    loaded = configure(
        path="server.conf",
        read_file=lambda path: Path(path).read_bytes(),
        environ=os.environ,
    )
    return replace(loaded.options, host="127.0.0.1", port=port)


if __name__ == "__main__":
    react(main, sys.argv[1:])
