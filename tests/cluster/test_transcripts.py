"""Whole-cluster behaviours as text: what servers say to each other, in order.

``tests/testdata/cluster/*.txt`` hold commands and, below each, all that went over routes because of
it. To write them anew after a change that was meant, and look at the difference::

    PUBSUB_REWRITE=1 pytest tests/cluster/test_transcripts.py
"""

from __future__ import annotations

import json
import os
import re
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from tests.cluster.network import Cable, Client, Network

DIRECTORY = Path(__file__).parent.parent / "testdata" / "cluster"
PATHS = sorted(DIRECTORY.glob("*.txt"))

#: of INFO and CONNECT, what tells one situation from another
_SHOWN = (
    "cluster", "cluster_dynamic", "connect_urls", "ip", "ldm", "route_pool_size",
    "route_pool_idx", "route_account", "gossip_mode",
)  # fmt: skip


class Transcript:
    """Commands, and what they cause."""

    def __init__(self) -> None:
        self.network = Network()
        self.network.watcher = self._heard
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
            "node": self._node,
            "client": self._client,
            "kill": self.network.kill,
            "wait": lambda seconds: self.network.settle(float(seconds)),
            "peers": self._peers,
            "leave": lambda name: self.network.nodes[name].members.say_leaving(),
        }
        shown = commands[verb](*words) or []
        if verb not in ("wait", "peers"):
            self.network.settle(0.2)
        said, self.said = self.said, []
        for name, client in self.clients.items():
            said += [f"{name} hears {line}" for line in client.received()]
        return [f"  {line}" for line in (*shown, *said)]

    def _node(self, name: str, *words: str) -> None:
        routes = [word for word in words if "=" not in word]
        settings = dict(word.split("=") for word in words if "=" in word)
        pool_size = int(settings.get("pool_size", -1))
        cluster = settings.get("name", "C")
        self.network.node(name, *routes, pool_size=pool_size, name=cluster).start()

    def _client(self, name: str, node: str, *words: str) -> None:
        if name not in self.clients:
            self.clients[name] = self.network.nodes[node].client()
        self.clients[name].send(*" ".join(words).split("|"))

    def _peers(self) -> list[str]:
        nodes = self.network.nodes.items()
        return [f"{name}: {' '.join(node.peers())}".rstrip() for name, node in nodes]

    def _heard(self, cable: Cable, data: bytes) -> None:
        here, there = cable.direction
        for line in data.decode().split("\r\n"):
            if line and line not in ("PING", "PONG"):
                self.said.append(f"{here}→{there} {_short(line)}")


def _short(line: str) -> str:
    verb, _, rest = line.partition(" ")
    if verb not in ("INFO", "CONNECT"):
        return line
    members = json.loads(rest)
    members["cluster"] = re.sub("[0-9A-Za-z]{22}", "made-up", members["cluster"])
    name = members.get("server_name") or members["name"]
    shown = [f"{key}={members[key]}" for key in _SHOWN if members.get(key)]
    return " ".join([verb, name, *shown])


@pytest.mark.parametrize("path", PATHS, ids=lambda path: path.stem)
def test_servers_say_what_they_said_before(path: Path) -> None:
    before = path.read_text(encoding="utf-8")
    now = Transcript().play(before)
    if os.environ.get("PUBSUB_REWRITE"):
        path.write_text(now, encoding="utf-8")
        return
    assert now == before, f"PUBSUB_REWRITE=1 rewrites {path.name}; look at the difference"


def test_there_are_transcripts() -> None:
    assert len(PATHS) >= 4
