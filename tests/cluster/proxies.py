"""Links between servers that break, stall and crawl: TCP proxies on the loopback interface.

They run on a thread of their own, so a test may block and its links still work.
"""

from __future__ import annotations

import asyncio
import contextlib
import socket
import threading
from collections.abc import Coroutine
from types import TracebackType
from typing import Any

from tests.patience import PATIENCE
from tests.ports import free_port

__all__ = ["Direction", "Proxies", "Proxy"]

#: bytes read at a time
_CHUNK = 65536
#: chunks that are under way at a time
_CHUNKS = 64


class Direction:
    """What happens to bytes on their way; to be changed at any time.

    :ivar delay: seconds each byte takes.
    :ivar rate: bytes per second, 0 for as many as there are.
    :ivar carried: bytes so far.
    """

    def __init__(self) -> None:
        self.delay = 0.0
        self.rate = 0.0
        self.carried = 0
        self.passable = asyncio.Event()
        self.passable.set()


class Proxy:
    """What listens in front of a server. Made by :meth:`Proxies.to`.

    :param target: the port of the server.
    :param window: bytes each socket's buffers may hold, 0 for the system's choice.
    :ivar forth: to the server; ``back``: from it.
    :ivar accepted: how many connections there have been.
    """

    def __init__(self, proxies: Proxies, target: int, window: int) -> None:
        self._proxies = proxies
        self._target = target
        self._window = window
        self._server: asyncio.Server | None = None
        self._writers: set[asyncio.StreamWriter] = set()
        self.port = 0
        self.accepted = 0
        self.forth = Direction()
        self.back = Direction()

    # what tests call

    def cut(self) -> None:
        """Break all connections, and let none through."""
        self._proxies.run(self._close())

    def mend(self) -> None:
        """Let connections through again."""
        self._proxies.run(self._open())

    def snap(self) -> None:
        """Break all connections; new ones get through."""
        self._proxies.run(self._abort())

    def hold(self, *directions: Direction) -> None:
        """Nothing gets through that way any more, not even that a connection ends."""
        for direction in directions:
            self._proxies.call(direction.passable.clear)

    def release(self, *directions: Direction) -> None:
        """It does again, and so does what was held."""
        for direction in directions:
            self._proxies.call(direction.passable.set)

    @property
    def open(self) -> int:
        """Connections there are."""
        return len(self._writers) // 2

    # on the thread

    async def _open(self) -> None:
        listening = socket.socket()
        listening.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        self._shrink(listening)
        listening.bind(("127.0.0.1", self.port or free_port()))
        self._server = await asyncio.start_server(self._join, sock=listening, limit=_CHUNK)
        self.port = listening.getsockname()[1]

    async def _close(self) -> None:
        if self._server is not None:
            self._server.close()
            self._server = None
        await self._abort()

    async def _abort(self) -> None:
        for writer in list(self._writers):
            writer.transport.abort()
        self._writers.clear()
        await asyncio.sleep(0)

    def _shrink(self, sock: socket.socket) -> None:
        if self._window:
            sock.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, self._window)
            sock.setsockopt(socket.SOL_SOCKET, socket.SO_SNDBUF, self._window)

    async def _join(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self.accepted += 1
        self._writers.add(writer)
        sock = socket.socket()
        self._shrink(sock)
        sock.setblocking(False)
        try:
            await asyncio.get_running_loop().sock_connect(sock, ("127.0.0.1", self._target))
        except OSError:
            sock.close()
            writer.transport.abort()
            self._writers.discard(writer)
            return
        there, to_there = await asyncio.open_connection(sock=sock)
        if writer.transport.is_closing():
            to_there.transport.abort()
            return
        self._writers.add(to_there)
        for each in (writer, to_there):
            # what waits is to wait with the sender
            each.transport.set_write_buffer_limits(0)
        # the end of the test: asyncio's servers call a task that was cancelled an error
        with contextlib.suppress(asyncio.CancelledError):
            await asyncio.gather(
                self._pump(reader, to_there, self.forth), self._pump(there, writer, self.back)
            )
        self._writers -= {writer, to_there}

    async def _pump(
        self, source: asyncio.StreamReader, sink: asyncio.StreamWriter, direction: Direction
    ) -> None:
        under_way: asyncio.Queue[tuple[float, bytes]] = asyncio.Queue(_CHUNKS)
        reading = asyncio.ensure_future(self._read(source, direction, under_way))
        now = asyncio.get_running_loop().time
        with contextlib.suppress(OSError):
            while True:
                when, data = await under_way.get()
                await asyncio.sleep(when - now())
                await direction.passable.wait()
                if not data:
                    break
                sink.write(data)
                await sink.drain()
                direction.carried += len(data)
                if direction.rate:
                    await asyncio.sleep(len(data) / direction.rate)
        reading.cancel()
        sink.transport.abort()

    async def _read(
        self,
        source: asyncio.StreamReader,
        direction: Direction,
        under_way: asyncio.Queue[tuple[float, bytes]],
    ) -> None:
        now = asyncio.get_running_loop().time
        data = b"begin"
        while data:
            try:
                data = await source.read(self._window or _CHUNK)
            except OSError:
                data = b""
            await under_way.put((now() + direction.delay, data))


class Proxies:
    """All proxies of a test, and the thread they run on."""

    def __init__(self) -> None:
        self._loop = asyncio.new_event_loop()
        self._thread = threading.Thread(target=self._loop.run_forever, daemon=True)
        #: those there are
        self.all: list[Proxy] = []

    def to(self, port: int, window: int = 0) -> Proxy:
        """A proxy for a server that listens there, now or later; open."""
        proxy = Proxy(self, port, window)
        self.all.append(proxy)
        proxy.mend()
        return proxy

    def run(self, doing: Coroutine[Any, Any, None]) -> None:
        """On the thread; returns when it is done."""
        asyncio.run_coroutine_threadsafe(doing, self._loop).result(PATIENCE)

    def call(self, function: Any) -> None:
        """On the thread; returns when it is done."""

        async def do() -> None:
            function()

        self.run(do())

    def __enter__(self) -> Proxies:
        self._thread.start()
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        for proxy in self.all:
            proxy.cut()
        self.run(self._finish())
        self._loop.call_soon_threadsafe(self._loop.stop)
        self._thread.join(PATIENCE)
        self._loop.close()

    async def _finish(self) -> None:
        rest = asyncio.all_tasks() - {asyncio.current_task()}
        for task in rest:
            task.cancel()
        await asyncio.gather(*rest, return_exceptions=True)
