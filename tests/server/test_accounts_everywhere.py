"""The limits of an account are about all servers: two of ours, joined by a route."""

from __future__ import annotations

from dataclasses import fields, replace
from typing import Any

import pytest_twisted

from pubsub.config.build import configure
from pubsub.values.accounts import AccountLimits
from tests.patience import until
from tests.server.auth_visitor import refused, welcomed
from tests.server.conftest import Serve, Served
from tests.server.peer import Peer

FULL = b"-ERR 'maximum account active connections exceeded'\r\n"
LOGIN = {"user": "a", "pass": "a"}


async def server(serve: Serve, limits: str, *routes: int) -> Served:
    """One with an account that is limited."""
    urls = ", ".join(f'"nats://127.0.0.1:{port}"' for port in routes)
    text = f"""
        listen: "127.0.0.1:-1"
        system_account: SYS
        accounts {{
            SYS {{ users: [ {{ user: s, password: s }} ] }}
            A {{ users: [ {{ user: a, password: a }} ], limits {{ {limits} }} }}
        }}
        cluster {{ name: C, listen: "127.0.0.1:-1", routes: [{urls}] }}
    """
    options = configure(text=text, path="f").options
    return await serve(**{each.name: getattr(options, each.name) for each in fields(options)})


async def pair(serve: Serve, limits: str) -> tuple[Served, Served]:
    """Two that know of each other."""
    one = await server(serve, limits)
    two = await server(serve, limits, one.server.cluster.port)
    for each in (one, two):
        await until(lambda each=each: known(each), "they hear of each other")
    return one, two


def known(served: Served) -> bool:
    """Whether it has heard of another server."""
    return bool(served.server._system._statsz.remotes.ids())


def elsewhere(served: Served) -> int:
    """How many clients of the account it believes others to have."""
    return int(served.server.accounts._elsewhere.clients("A"))


async def turned_away(served: Served) -> bool:
    """Whether there is no room."""
    peer = await served.peer()
    await peer.info()
    return await refused(peer, LOGIN) == FULL


async def come(served: Served, *others: Served) -> Peer:
    """A client that is in, and that the others know of."""
    before = [elsewhere(other) for other in others]
    peer = await welcomed(served, LOGIN)
    await until(lambda: [elsewhere(other) - 1 for other in others] == before, "it is told")
    return peer


@pytest_twisted.ensureDeferred
async def test_an_account_is_full_with_clients_of_two_servers(serve: Serve) -> None:
    """A third is refused by either; with one gone there is room again, wherever it was."""
    one, two = await pair(serve, "max_connections: 2")
    first, _second = await come(one, two), await come(two, one)
    assert await turned_away(one)
    assert await turned_away(two)
    first.transport.loseConnection()
    await until(lambda: not elsewhere(two), "it is told")
    await come(two, one)
    assert await turned_away(one)


@pytest_twisted.ensureDeferred
async def test_a_server_that_leaves_leaves_room(serve: Serve) -> None:
    one, two = await pair(serve, "max_connections: 2")
    await come(two, one)
    await come(two, one)
    assert await turned_away(one)
    await two.server.close()
    await until(lambda: not elsewhere(one), "it has left")
    assert await come(one)


@pytest_twisted.ensureDeferred
async def test_a_server_that_comes_asks(serve: Serve) -> None:
    """Nobody has to wait for half a minute until it knows."""
    one = await server(serve, "max_connections: 2")
    await come(one)
    await come(one)
    two = await server(serve, "max_connections: 2", one.server.cluster.port)
    await until(lambda: elsewhere(two) == 2, "it is answered")
    assert await turned_away(two)


@pytest_twisted.ensureDeferred
async def test_who_came_last_goes_if_there_are_too_many(serve: Serve) -> None:
    """As far as this server knows: here, the other one accepts more."""
    one, two = await pair(serve, "max_connections: 5")
    await come(one, two)
    stays, goes = await come(two, one), await come(two, one)
    account: Any = two.server.accounts.find("A")
    two.server.live.set_account(replace(account, limits=AccountLimits(max_connections=3)))
    closed = goes.closed()
    await welcomed(one, LOGIN)
    assert await closed == FULL
    assert await stays.ask(b"") == b""
    await until(lambda: elsewhere(one) == 1, "it is told")
