"""The server as its parts see it."""

from __future__ import annotations

import threading
from typing import Any

import pytest_twisted
from zope.interface.verify import verifyObject

from pubsub.config.options import ClusterOptions
from pubsub.interfaces import IServerAccess
from pubsub.router.internal import InternalMessage
from tests.server.conftest import Serve, router, serve

__all__ = ["router", "serve"]


@pytest_twisted.ensureDeferred
async def test_it_is_what_authenticators_may_use(serve: Serve) -> None:
    one = await serve(server_name="here", server_tags=("red",))
    access: Any = one.server.security.access
    assert verifyObject(IServerAccess, access)
    assert access.server_name == "here"
    assert access.server_id == one.server.server_id
    assert access.server_id.startswith("N")
    assert access.system_account == "$SYS"
    info = access.server_info()
    assert (info["name"], info["id"], info["tags"]) == ("here", access.server_id, ["red"])
    assert not access.may_be_linked()


@pytest_twisted.ensureDeferred
async def test_it_may_be_linked_where_there_are_routes(serve: Serve) -> None:
    one = await serve(cluster=ClusterOptions(name="C", host="127.0.0.1", port=-1))
    assert one.server.security.access.may_be_linked()


@pytest_twisted.ensureDeferred
async def test_slow_work_is_done_elsewhere(serve: Serve) -> None:
    one = await serve()
    done = await one.server.security.access.defer_to_thread(threading.get_ident)
    assert done != threading.get_ident()


@pytest_twisted.ensureDeferred
async def test_its_internal_clients_are_closed_with_it(serve: Serve) -> None:
    one = await serve()
    access = one.server.security.access
    heard: list[InternalMessage] = []
    client = access.internal_client("A")
    client.subscribe(b"foo", heard.append)
    one.server.router.publish("A", b"foo", b"", b"", b"hi")
    assert [message.payload for message in heard] == [b"hi"]
    await one.server.close()
    assert client.link.closed
    assert one.server.router.subscription_count("A") == 0
