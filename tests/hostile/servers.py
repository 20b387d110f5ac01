"""The servers that are maltreated, and what can be seen of them from outside."""

from __future__ import annotations

import json
import os
import re
import time
import urllib.request
from collections.abc import Callable
from contextlib import ExitStack
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Any, TypeVar

import pytest

from pubsub.testing.child import ChildServer
from tests.hostile.peers import PATIENCE, Peer

Found = TypeVar("Found")

needs_proc = pytest.mark.skipif(
    not Path("/proc/self/status").exists(), reason="memory is read from Linux's /proc"
)


def eventually(look: Callable[[], Found | None], what: str = "") -> Found:
    """What ``look`` returns, once that is true."""
    deadline = time.monotonic() + PATIENCE
    while not (found := look()):
        if time.monotonic() > deadline:
            raise AssertionError(f"never happened: {what or look}")
        time.sleep(0.005)
    return found


@dataclass(frozen=True)
class Flavour:
    """Which program, and for our own which router."""

    name: str
    command: tuple[str, ...]
    router: str = ""

    @property
    def ours(self) -> bool:
        return bool(self.router)


class Server:
    """A running server and its monitoring pages."""

    def __init__(self, child: ChildServer, flavour: Flavour) -> None:
        self.child = child
        self.flavour = flavour

    @cached_property
    def version(self) -> tuple[int, ...]:
        with self.peer() as peer:
            return tuple(map(int, re.findall(r"\d+", peer.info["version"])[:2]))

    def peer(self, source: str = "") -> Peer:
        """A connection that has read INFO."""
        return Peer(self.child.port, source)

    def client(self, **options: Any) -> Peer:
        """A connection that has said CONNECT and got its PONG."""
        peer = self.peer()
        peer.hello(**options)
        return peer

    def page(self, path: str) -> Any:
        """A monitoring page."""
        with urllib.request.urlopen(f"{self.child.http_url}/{path}", timeout=PATIENCE) as answer:
            return json.load(answer)

    def varz(self, name: str) -> Any:
        """One figure of /varz."""
        return self.page("varz").get(name, 0)

    def subscriptions(self) -> int:
        """Those of clients: what the server itself hears, and imports, is not counted."""
        count: int = self.page("subsz?acc=$G&subs=1&limit=1")["total"]
        return count

    def reason(self, cid: int) -> str:
        """Why a connection was closed, in /connz's words; waits until it is."""

        def look() -> str:
            closed = self.page(f"connz?state=closed&cid={cid}")["connections"] or []
            return next((str(c["reason"]) for c in closed if c["cid"] == cid), "")

        return eventually(look, f"connection {cid} in the closed ones of /connz")

    def lines(self, cid: int) -> list[str]:
        """What the log says about a connection, but for its beginning and its end."""
        ours = re.compile(rf"cid:{cid} - ")
        found = [line for line in self.child.log.splitlines() if ours.search(line)]
        return [
            line
            for line in found
            if "Client connection created" not in line and "Client connection closed" not in line
        ]

    def descriptors(self) -> int:
        """How many it has open."""
        return len(os.listdir(f"/proc/{self.child.pid}/fd"))

    def resident(self) -> int:
        """Bytes of memory it occupies."""
        status = Path(f"/proc/{self.child.pid}/status").read_text()
        match = re.search(r"VmRSS:\s+(\d+) kB", status)
        assert match is not None
        return int(match[1]) * 1024


class Starter:
    """Starts servers of one flavour."""

    def __init__(
        self, flavour: Flavour, tmp_path_factory: pytest.TempPathFactory, stack: ExitStack
    ) -> None:
        self._flavour = flavour
        self._factory = tmp_path_factory
        self._stack = stack

    def __call__(self, config: str = "") -> Server:
        text = f"http: -1\n{config}\n"
        if self._flavour.ours:
            text += f"router: {self._flavour.router}\n"
        child = ChildServer(
            self._factory.mktemp("hostile", numbered=True), text, (), self._flavour.command
        )
        child.start()
        self._stack.callback(child.stop)
        return Server(child, self._flavour)
