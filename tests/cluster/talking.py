"""What clients of different servers say to each other, to see whether it gets across."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from typing import Any

import nats
from nats.aio.client import Client

from tests.cluster.processes import PATIENCE, until

__all__ = ["conversation", "hears"]


async def hears(listener: Client, talker: Client, subject: str) -> None:
    """Whether messages get across, as soon as interest has."""
    inbox = await listener.subscribe(f"{subject}.*")
    await listener.flush()

    async def arrived() -> bool:
        await talker.publish(f"{subject}.x", b"payload", headers={"a": "b"})
        try:
            message = await inbox.next_msg(0.2)
        except nats.errors.TimeoutError:
            return False
        assert (message.data, message.headers) == (b"payload", {"a": "b"})
        return True

    await until(arrived)
    await inbox.unsubscribe()


async def conversation(one: Client, two: Client) -> None:
    """Messages, requests, and queue groups that lie across both servers."""
    await hears(one, two, "plain")
    counts = [0, 0]

    def answering(index: int) -> Callable[[Any], Awaitable[None]]:
        async def answer(message: Any) -> None:
            counts[index] += 1
            await message.respond(b"%d" % index)

        return answer

    await one.subscribe("service", "group", cb=answering(0))
    await one.flush()

    async def answered() -> bool:
        try:
            return (await two.request("service", b"?", timeout=0.3)).data == b"0"
        except (nats.errors.TimeoutError, nats.errors.NoRespondersError):
            return False

    await until(answered)
    await two.subscribe("service", "group", cb=answering(1))
    await two.flush()
    await asyncio.sleep(0.2)
    counts[:] = [0, 0]
    for asker in (one, two):
        for _ in range(40):
            await asker.request("service", b"?", timeout=PATIENCE)
    # each request is answered once, and members on both servers are asked
    assert sum(counts) == 80
    assert all(counts)
