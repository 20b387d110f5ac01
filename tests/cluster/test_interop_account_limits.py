"""Real processes: the limits of an account are about all servers, of ours and of nats-server.

nats-server is looked for on PATH (Debian's 2.9.10) and in the environment variable NATS_SERVER
(a newer one).
"""

from __future__ import annotations

import asyncio
from typing import Any

import nats
import pytest
import pytest_twisted
from nats.aio.client import Client
from twisted.internet import reactor
from twisted.internet.threads import deferToThread

from pubsub.config.build import configure
from pubsub.server import PubSubServer
from pubsub.system import remote_servers
from pubsub.testing.child import ChildServer
from tests.cluster.processes import Cluster, command_of, free_port
from tests.cluster.processes import until as true
from tests.patience import until
from tests.server.peer import Peer, connect

pytestmark = pytest.mark.compared

PAIRS = [
    ("native", "native"),
    ("python", "newer"),
    *((ours, other) for ours, other in (("native", "debian"), ("native", "newer"))),
    *((other, "native") for other in ("debian", "newer")),
]
each_pair = pytest.mark.parametrize(("first", "second"), PAIRS)

FULL = "maximum account active connections exceeded"
LOGIN = b'CONNECT {"verbose":false,"user":"a","pass":"a"}\r\nPING\r\n'


def top(connections: int, leafnodes: int = -1, port: int = 0) -> str:
    """An account that is limited, and one for the system."""
    listener = f'leafnodes {{ listen: "127.0.0.1:{port}" }}' if port else ""
    limits = f"max_connections: {connections}, max_leafnodes: {leafnodes}"
    return f"""
        system_account: SYS
        accounts {{
            SYS {{ users: [ {{ user: s, password: s }} ] }}
            A {{ users: [ {{ user: a, password: a }} ], limits {{ {limits} }} }}
        }}
        {listener}
    """


async def come(server: ChildServer) -> Client | None:
    """A client of the account; ``None`` if it is full."""
    told: list[str] = []
    said = server.log.count(FULL)

    async def hear(error: Exception) -> None:
        told.append(str(error))

    try:
        client = await nats.connect(
            server.url, user="a", password="a", allow_reconnect=False, error_cb=hear
        )
        await client.flush()
    except nats.errors.Error as error:
        told.append(str(error))
    else:
        return client
    if not any(FULL in each for each in told):
        # It was in, and went again: what a server says when it closes is lost to who is just
        # sending. Its log has it.
        assert any("reset" in each for each in told), told
        await true(lambda: server.log.count(FULL) > said, "the server says why")
    return None


async def is_full(server: ChildServer) -> bool:
    """Whether a client is refused; one that is not goes again."""
    client = await come(server)
    if client is not None:
        await client.close()
    return client is None


@each_pair
def test_one_client_at_each_server_is_two(cluster: Cluster, first: str, second: str) -> None:
    """A third is refused by both; until one of them goes, or a server with its client does."""
    # Clients that connect again had better not find the other server.
    cluster.join("a", first, top=top(2), extra="no_advertise: true")
    cluster.join("b", second, "a", top=top(2), extra="no_advertise: true")
    a, b = cluster.servers["a"], cluster.servers["b"]

    async def play() -> None:
        await true(lambda: cluster.meshed("a", "b"), "they are linked")
        one, _two = await come(a), await come(b)
        assert one is not None
        for server in (a, b):
            await true(lambda server=server: is_full(server), "there are two")
        await one.close()
        three = None
        while three is None:
            three = await come(b)
        for server in (a, b):
            await true(lambda server=server: is_full(server), "there are two again")
        b.stop()
        for _ in range(2):
            await true(lambda: come(a), "there is room")
        assert await is_full(a)

    asyncio.run(play())


def leafs(cluster: Cluster, name: str) -> int:
    """How many leaf nodes it has."""
    return len(cluster.page(name, "leafz").get("leafs") or [])


@each_pair
def test_one_leaf_node_in_the_cluster_is_one(cluster: Cluster, first: str, second: str) -> None:
    """A second is refused by both servers, and gets in when the first is gone.

    Where it is, it takes the place of a client; elsewhere it does not.
    """
    ports = {"a": free_port(), "b": free_port()}
    cluster.join("a", first, top=top(1, 1, ports["a"]), extra="no_advertise: true")
    cluster.join("b", second, "a", top=top(1, 1, ports["b"]), extra="no_advertise: true")

    def spoke(name: str, hub: str) -> ChildServer:
        url = f"nats-leaf://a:a@127.0.0.1:{ports[hub]}"
        text = f'leafnodes {{ reconnect: "1s", remotes: [ {{ url: "{url}" }} ] }}'
        return cluster.start(name, "native", text)

    async def play() -> None:
        await true(lambda: cluster.meshed("a", "b"), "they are linked")
        leaf = spoke("x", "a")
        await true(lambda: leafs(cluster, "a") == 1, "the first is in")
        other = spoke("y", "b")
        await true(lambda: FULL in cluster.servers["b"].log, "the second is refused")
        # nats-server may have it in its list for a moment (2.9.10 for good)
        inside = "y" if second == "debian" else "b"
        await true(lambda: leafs(cluster, inside) == 0, "it is out")
        assert leafs(cluster, "y") == 0
        assert await is_full(cluster.servers["a"])
        client = None
        while client is None:
            client = await come(cluster.servers["b"])
        await client.close()
        leaf.stop()
        # at either server: they tell their leaf nodes of each other
        await true(lambda: leafs(cluster, "y") == 1, "the second is in")
        other.stop()

    asyncio.run(play())


async def entered(server: PubSubServer) -> Peer | None:
    """The same for a server in this process."""
    peer = await connect("127.0.0.1", server.port)
    peer.send(LOGIN)
    await until(lambda: peer.lost or b"PONG" in peer.received, "an answer")
    return None if peer.lost else peer


@pytest.mark.slow
@pytest.mark.parametrize("kind", ["debian", "newer", "native"])
@pytest_twisted.ensureDeferred
async def test_a_killed_server_leaves_room(
    cluster: Cluster, kind: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """``kill -9``: nobody says that it is gone, so one has to wait; here, not as long as usual."""
    monkeypatch.setattr(remote_servers, "_SILENCE", 15.0)
    text = f'listen: "127.0.0.1:-1"\ncluster {{ name: C, listen: "127.0.0.1:-1" }}\n{top(2)}'
    command_of(kind)  # skips, as long as there is nothing to close
    server = PubSubServer(configure(text=text, path="f").options, reactor)
    await server.open()
    try:
        await _until_forgotten(cluster, kind, server)
    finally:
        await server.close()


async def _until_forgotten(cluster: Cluster, kind: str, server: PubSubServer) -> None:
    """Fill both, kill the other one, and come in."""
    port = server.cluster.port
    other = await deferToThread(lambda: cluster.join("b", kind, port, top=top(2)))
    await until(lambda: server.cluster.members.remotes, "they are linked")
    there = await connect("127.0.0.1", other.port)
    there.send(LOGIN)
    await there.until(b"PONG\r\n")
    elsewhere: Any = server.accounts._elsewhere
    await until(lambda: elsewhere.clients("A") == 1, "it is told")
    here = await entered(server)
    assert here is not None
    assert await entered(server) is None
    other.kill()
    assert await entered(server) is None
    await until(lambda: not elsewhere.clients("A"), "it is forgotten")
    third = await entered(server)
    assert third is not None
    for peer in (here, third):
        peer.transport.loseConnection()
