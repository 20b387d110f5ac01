"""Whole superclusters as text: what servers of several clusters say to each other, in order.

``tests/testdata/gateways/*.txt`` hold commands and, below each, all that went over gateways (and,
where it concerns gateways, over routes) because of it. ``a→x`` is said by ``a`` on the connection
it opened to ``x``, ``a←x`` by ``x`` on the same. To write them anew after a change that was meant,
and look at the difference::

    PUBSUB_REWRITE=1 pytest tests/cluster/gateways/test_transcripts.py
"""

from __future__ import annotations

import base64
import json
import os
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from pubsub.interfaces import IRouterBackend
from tests.cluster.gateways.world import World
from tests.cluster.network import Cable, Client
from tests.router.recording import native_backend

DIRECTORY = Path(__file__).parents[2] / "testdata" / "gateways"
PATHS = sorted(DIRECTORY.glob("*.txt"))


class Transcript:
    """Commands, and what they cause."""

    def __init__(self, backend: IRouterBackend | None = None) -> None:
        self.world = World(backend)
        self.world.watcher = self._heard
        self.clients: dict[str, Client] = {}
        self.said: list[str] = []

    def play(self, text: str) -> str:
        """The same commands with what they cause now."""
        out = []
        for line in text.splitlines():
            if line.startswith("> "):
                out += [line, *self._run(line[2:])]
            elif not line.startswith("  "):
                out.append(line)
        return "\n".join(out).rstrip("\n") + "\n"

    def _run(self, command: str) -> list[str]:
        verb, *words = command.split()
        commands: dict[str, Callable[..., Any]] = {
            "server": self._server,
            "client": self._client,
            "kill": self.world.kill,
            "cut": self._cut,
            "wait": lambda seconds: self.world.settle(float(seconds)),
            "ways": self._ways,
        }
        shown = commands[verb](*words) or []
        if verb not in ("wait", "ways"):
            self.world.settle(0.2)
        said, self.said = self.said, []
        for name, client in self.clients.items():
            said += [f"{name} hears {line}" for line in client.received()]
        return [f"  {line}" for line in (*shown, *said)]

    def _server(self, name: str, cluster: str, *words: str) -> None:
        """``server a A b to:B=x,y optimistic``: routes, gateways, and how old it is."""
        routes = [word for word in words if word in self.world.nodes]
        to = dict(word[3:].split("=") for word in words if word.startswith("to:"))
        self.world.server(
            name,
            cluster,
            *routes,
            to={other: hosts.split(",") for other, hosts in to.items()},
            interest_only="optimistic" not in words,
            reject_unknown_cluster="reject" in words,
        ).start()

    def _client(self, name: str, server: str, *words: str) -> None:
        if name not in self.clients:
            self.clients[name] = self.world.nodes[server].client()
        self.clients[name].send(*" ".join(words).split("|"))

    def _cut(self, opener: str, acceptor: str) -> None:
        """The connections ``opener`` has opened to ``acceptor`` break."""
        for cable in self.world.cables:
            if cable.nodes == (opener, acceptor) and cable.connected:
                cable.abortConnection()

    def _ways(self) -> list[str]:
        return [
            f"{name}: {' '.join(f'{cluster}={there}' for cluster, there in ways.items())}".rstrip()
            for name, ways in ((name, node.outbound()) for name, node in self.world.nodes.items())
        ]

    def _heard(self, cable: Cable, data: bytes) -> None:
        opener, acceptor = cable.nodes
        arrow = "→" if cable.direction == cable.nodes else "←"
        for line in data.decode().split("\r\n"):
            text = _short(line)
            if text:
                self.said.append(f"{opener}{arrow}{acceptor} {text}")


def _short(line: str) -> str:
    """What is worth showing: of INFO and CONNECT what concerns gateways, of PING nothing."""
    verb, _, rest = line.partition(" ")
    if verb in ("PING", "PONG"):
        return ""
    if verb not in ("INFO", "CONNECT"):
        return line
    members = json.loads(rest)
    if "gateway" not in members:
        url = members.get("gateway_url")
        return f"{verb} of a route, gateway_url={url}" if url else ""
    number = members.get("gateway_cmd", 0)
    if number > 1:
        account = base64.b64decode(members["gateway_cmd_payload"]).decode()
        return f"INFO {'begins to tell all of' if number == 2 else 'has told all of'} {account}"
    urls = ",".join(members.get("gateway_urls", ()))
    old = "" if members.get("gateway_iom") or verb == "CONNECT" or number else " optimistic"
    if number:
        return f"INFO of cluster {members['gateway']} at {urls}"
    who = members.get("server_name") or members["name"]
    return f"{verb} {who} of {members['gateway']}{old}{f' at {urls}' if urls else ''}"


@pytest.mark.parametrize("path", PATHS, ids=lambda path: path.stem)
def test_servers_say_what_they_said_before(path: Path) -> None:
    before = path.read_text(encoding="utf-8")
    now = Transcript().play(before)
    if os.environ.get("PUBSUB_REWRITE"):
        path.write_text(now, encoding="utf-8")
        return
    assert now == before, f"PUBSUB_REWRITE=1 rewrites {path.name}; look at the difference"


@pytest.mark.parametrize("path", PATHS, ids=lambda path: path.stem)
def test_they_say_the_same_with_the_native_router(path: Path) -> None:
    before = path.read_text(encoding="utf-8")
    assert Transcript(native_backend()).play(before) == before


def test_there_are_transcripts() -> None:
    assert len(PATHS) >= 6
