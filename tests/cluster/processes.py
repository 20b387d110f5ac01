"""Servers of either make as processes, alone and as members of a cluster."""

from __future__ import annotations

import asyncio
import json
import os
import re
import time
from collections import Counter
from collections.abc import Awaitable, Callable
from contextlib import ExitStack
from pathlib import Path
from typing import Any
from urllib.request import urlopen

import pytest

from pubsub.testing.child import OWN_COMMAND, ChildServer
from tests.interop.conftest import program
from tests.patience import PATIENCE
from tests.ports import free_port
from tests.router.recording import native_backend

__all__ = [
    "ALL_PAIRS",
    "PATIENCE",
    "Cluster",
    "Processes",
    "command_of",
    "free_port",
    "resident",
    "until",
]

#: both routers by themselves, and each with each nats-server, either way round
ALL_PAIRS = [
    ("native", "native"),
    ("python", "python"),
    *((ours, other) for ours in ("native", "python") for other in ("debian", "newer")),
    *((other, ours) for ours in ("native", "python") for other in ("debian", "newer")),
]
#: seconds between one look and the next: each costs the server a page
_PAUSE = 0.03


def command_of(kind: str) -> tuple[list[str], list[str]]:
    """What to run, and flags of its own; skips where it is missing."""
    if kind == "debian":
        return [program("", "nats-server")], []
    if kind == "newer":
        if not os.environ.get("NATS_SERVER"):
            pytest.skip("NATS_SERVER names no newer nats-server")
        return [os.environ["NATS_SERVER"]], []
    if kind == "native":
        native_backend()
    return list(OWN_COMMAND), ["--router", kind]


class Processes:
    """Servers by name."""

    def __init__(self, directory: Path, stack: ExitStack) -> None:
        self._directory = directory
        self._stack = stack
        self.servers: dict[str, ChildServer] = {}

    def start(self, name: str, kind: str, config: str) -> ChildServer:
        """One more: ``"native"`` or ``"python"``, ``"debian"`` or ``"newer"``."""
        command, flags = command_of(kind)
        directory = self._directory / name
        directory.mkdir(exist_ok=True)
        text = f"server_name: {name}\nhttp: '127.0.0.1:-1'\n{config}\n"
        server = self._stack.enter_context(ChildServer(directory, text, flags, command))
        self.servers[name] = server
        return server

    def reload(self, name: str, before: str, after: str) -> None:
        """Change its configuration."""
        server = self.servers[name]
        text = (server.directory / "server.conf").read_text(encoding="utf-8")
        assert before in text
        server.reload(text.replace(before, after))

    def page(self, name: str, page: str) -> dict[str, Any]:
        """A monitoring page."""
        with urlopen(f"{self.servers[name].http_url}/{page}", timeout=PATIENCE) as answer:
            found: dict[str, Any] = json.load(answer)
        return found


class Cluster(Processes):
    """Servers of one cluster.

    :ivar ports: where they listen for routes, by name.
    """

    def __init__(self, directory: Path, stack: ExitStack) -> None:
        super().__init__(directory, stack)
        self.ports: dict[str, int] = {}

    def join(
        self, name: str, kind: str, *routes: str | int, extra: str = "", top: str = ""
    ) -> ChildServer:
        """One more, that connects to these: members, or ports of 127.0.0.1.

        :param extra: more of its ``cluster`` block; ``top``: of its configuration.
        """
        self.ports.setdefault(name, free_port())
        ports = [self.ports[route] if isinstance(route, str) else route for route in routes]
        urls = ", ".join(f'"nats-route://u:p@localhost:{port}"' for port in ports)
        text = (
            f"{top}\ncluster {{\n name: C\n"
            f' listen: "127.0.0.1:{self.ports[name]}"\n routes: [{urls}]\n {extra}\n}}\n'
        )
        return self.start(name, kind, text)

    def peers(self, name: str) -> set[str]:
        """The servers it has routes to; old ones only know the ids of others."""
        found = set()
        for route in self.page(name, "routez")["routes"]:
            names = [
                other
                for other, server in self.servers.items()
                if "remote_name" not in route
                and server.running
                and self.page(other, "varz")["server_id"] == route["remote_id"]
            ]
            found.add(route.get("remote_name") or "".join(names))
        return found

    def meshed(self, *names: str) -> bool:
        """Whether each of these, or of all, has routes to all the others and nobody else."""
        wanted = set(names or self.servers)
        return all(self.peers(name) == wanted - {name} for name in wanted)

    def heard(self, name: str) -> dict[str, Counter[tuple[str, str]]]:
        """By server: subjects and queue groups somebody there wants to hear, as ``name`` knows.

        Each counts once, however many want to hear it; twice would be a leak. Not the system's.
        """
        found: dict[str, Counter[tuple[str, str]]] = {}
        for route in self.page(name, "routez?subs=detail")["routes"]:
            counts = found.setdefault(route["remote_name"], Counter())
            for row in route.get("subscriptions_list_detail", []):
                if not row["subject"].startswith("$"):
                    counts[row["subject"], row.get("qgroup", "")] += 1
        return found


def resident(server: ChildServer) -> int:
    """Bytes of memory it occupies."""
    status = Path(f"/proc/{server.pid}/status").read_text()
    match = re.search(r"VmRSS:\s+(\d+) kB", status)
    assert match is not None
    return int(match[1]) * 1024


async def until(condition: Callable[[], Any], what: str = "") -> None:
    """Wait until it holds; it may have to be awaited."""
    deadline = time.monotonic() + PATIENCE
    while True:
        result = condition()
        if isinstance(result, Awaitable):
            result = await result
        if result:
            return
        assert time.monotonic() < deadline, f"it did not happen: {what}"
        await asyncio.sleep(_PAUSE)
