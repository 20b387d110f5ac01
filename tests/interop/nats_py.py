"""nats-py for tests: on an event loop of the test, its callbacks recorded."""

from __future__ import annotations

import asyncio
import functools
from collections.abc import AsyncIterator, Callable, Coroutine
from contextlib import asynccontextmanager
from typing import Any

import nats
from nats.aio.client import Client

from pubsub.testing.child import ChildServer
from tests.patience import PATIENCE

__all__ = ["Recorder", "asynchronous", "connected", "settle", "texts"]


def asynchronous(test: Callable[..., Coroutine[Any, Any, None]]) -> Callable[..., None]:
    """Run a test on an event loop of its own."""

    @functools.wraps(test)
    def run(**fixtures: Any) -> None:
        asyncio.run(asyncio.wait_for(test(**fixtures), PATIENCE))

    return run


class Recorder:
    """What the client reports, and a way to wait for it."""

    def __init__(self) -> None:
        self.errors: list[Exception] = []
        self._events: dict[str, asyncio.Event] = {}

    def event(self, name: str) -> asyncio.Event:
        """Set when that callback was called."""
        return self._events.setdefault(name, asyncio.Event())

    def options(self) -> dict[str, Any]:
        """For connect()."""

        def callback(name: str) -> Callable[[], Coroutine[Any, Any, None]]:
            async def called() -> None:
                self.event(name).set()

            return called

        async def error(problem: Exception) -> None:
            self.errors.append(problem)
            self.event("error").set()

        return {
            "error_cb": error,
            **{f"{name}_cb": callback(name) for name in ("disconnected", "reconnected", "closed")},
        }


@asynccontextmanager
async def connected(
    server: ChildServer, recorder: Recorder | None = None, url: str = "", **options: Any
) -> AsyncIterator[Client]:
    """A client; it is closed at the end."""
    settings = {
        "connect_timeout": 10,
        "reconnect_time_wait": 0.02,
        "allow_reconnect": False,
        **(recorder or Recorder()).options(),
        **options,
    }
    client = await nats.connect(url or server.url, **settings)
    try:
        yield client
    finally:
        await client.close()


async def settle(client: Client) -> None:
    """Wait until the server has taken what was published, and its answers have come.

    Once is not enough: nats-py may write the PING of a flush ahead of what is pending.
    """
    await client.flush(timeout=PATIENCE)
    await client.flush(timeout=PATIENCE)


async def texts(subscription: Any, count: int) -> list[bytes]:
    """The next payloads."""
    return [(await subscription.next_msg(timeout=PATIENCE)).data for _ in range(count)]
