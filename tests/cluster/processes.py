"""Servers of either make as processes, and a link between them that can be cut."""

from __future__ import annotations

import asyncio
import json
import os
import socket
from collections.abc import Awaitable, Callable
from contextlib import ExitStack
from pathlib import Path
from typing import Any
from urllib.request import urlopen

import pytest

from pubsub.testing.child import OWN_COMMAND, ChildServer
from tests.interop.conftest import program
from tests.router.recording import native_backend

__all__ = ["PATIENCE", "Processes", "Proxy", "command_of", "free_port", "until"]

#: seconds for what takes milliseconds on an idle machine
PATIENCE = 20.0


def free_port() -> int:
    """One nobody listens on now."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


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

    def page(self, name: str, page: str) -> dict[str, Any]:
        """A monitoring page."""
        with urlopen(f"{self.servers[name].http_url}/{page}", timeout=10) as answer:
            found: dict[str, Any] = json.load(answer)
        return found


async def until(condition: Callable[[], Any], what: str = "") -> None:
    """Wait until it holds; it may be a coroutine function."""
    for _ in range(int(PATIENCE / 0.02)):
        result = condition()
        if isinstance(result, Awaitable):
            result = await result
        if result:
            return
        await asyncio.sleep(0.02)
    raise AssertionError(f"it did not happen: {what}")


class Proxy:
    """A link in between that breaks and comes back."""

    def __init__(self, target: int) -> None:
        self.port = free_port()
        self._target = target
        self._server: asyncio.Server | None = None
        self._writers: set[asyncio.StreamWriter] = set()

    async def open(self) -> None:
        """Let connections through."""
        self._server = await asyncio.start_server(self._join, "127.0.0.1", self.port)

    async def close(self) -> None:
        """Break all there are, and let none through."""
        if self._server is not None:
            self._server.close()
            self._server = None
        for writer in list(self._writers):
            writer.transport.abort()
        self._writers.clear()
        await asyncio.sleep(0)

    async def _join(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        try:
            there, to_there = await asyncio.open_connection("127.0.0.1", self._target)
        except OSError:
            writer.transport.abort()
            return
        self._writers |= {writer, to_there}
        await asyncio.gather(self._pump(reader, to_there), self._pump(there, writer))
        self._writers -= {writer, to_there}

    async def _pump(self, source: asyncio.StreamReader, sink: asyncio.StreamWriter) -> None:
        try:
            while data := await source.read(65536):
                sink.write(data)
                await sink.drain()
        except OSError:
            pass
        sink.transport.abort()
