"""Real processes: how long services take whose clients are at other servers than who asks.

nats-server is looked for on PATH (Debian's 2.9.10) and in the environment variable NATS_SERVER
(a newer one).
"""

from __future__ import annotations

import asyncio
import json
from collections.abc import Iterator
from contextlib import ExitStack
from pathlib import Path
from typing import Any

import nats
import pytest
from nats.aio.client import Client
from nats.aio.msg import Msg

from tests.cluster.gateways.supercluster import Supercluster
from tests.cluster.processes import ALL_PAIRS, PATIENCE, Cluster, Processes, until

pytestmark = pytest.mark.compared

#: of who is asked by the other: their kinds
PAIRS = ALL_PAIRS

ACCOUNTS = """
accounts {
  SHOP {
    users: [ { user: shop, password: p } ]
    exports: [ { service: "price.*", latency: { sampling: 100, subject: lat } } ]
  }
  WEB {
    users: [ { user: web, password: p } ]
    imports: [ { service: { account: SHOP, subject: "price.*" }, share: true } ]
  }
  SYS { users: [ { user: sys, password: p } ] }
}
system_account: SYS
"""


@pytest.fixture
def stack() -> Iterator[ExitStack]:
    """Ends all servers that were started."""
    with ExitStack() as made:
        yield made


async def client(servers: Processes, name: str, user: str) -> Client:
    return await nats.connect(servers.servers[name].url, user=user, password="p", name=user)


async def measured(servers: Processes, asking: str, serving: str) -> dict[str, Any]:
    """The measurement of one request; who hears of it is a client of the asking server."""
    shop, hearing = [await client(servers, name, "shop") for name in (serving, asking)]
    web = await client(servers, asking, "web")
    metrics = await hearing.subscribe("lat")

    async def answer(message: Msg) -> None:
        await asyncio.sleep(0.02)
        await message.respond(b"12.50")

    await shop.subscribe("price.*", cb=answer)
    for each in (shop, hearing, web):
        await each.flush()

    async def answered() -> bool:
        try:
            return (await web.request("price.bike", b"", timeout=0.5)).data == b"12.50"
        except (nats.errors.TimeoutError, nats.errors.NoRespondersError):
            return False

    # which asks in vain, and measures that, until interest has got across
    await until(answered)
    metric: dict[str, Any] = {}
    while metric.get("status") != 200:
        metric = json.loads((await metrics.next_msg(PATIENCE)).data)
    # once for each request
    await web.request("price.bike", b"", timeout=PATIENCE)
    metric = json.loads((await metrics.next_msg(PATIENCE)).data)
    assert not metrics.pending_msgs
    for each in (shop, hearing, web):
        await each.close()
    return metric


def check(metric: dict[str, Any], asking: str, serving: str) -> None:
    """Who asked whom, and times that sum up."""
    assert metric["type"] == "io.nats.server.metric.v1.service_latency"
    assert metric["id"]
    assert metric["status"] == 200
    requestor, responder = metric["requestor"], metric["responder"]
    assert (requestor["acc"], requestor["name"], requestor["server"]) == ("WEB", "web", asking)
    assert (responder["acc"], responder["name"], responder["server"]) == ("SHOP", "shop", serving)
    assert metric["service"] >= 10_000_000
    assert metric["total"] == pytest.approx(
        metric["service"] + metric["system"] + requestor["rtt"] + responder["rtt"], abs=1000
    )


@pytest.mark.parametrize(("asking", "serving"), PAIRS)
def test_two_servers_of_a_cluster(
    tmp_path: Path, stack: ExitStack, asking: str, serving: str
) -> None:
    cluster = Cluster(tmp_path, stack)
    cluster.join("a", asking, top=ACCOUNTS)
    cluster.join("b", serving, "a", top=ACCOUNTS)

    async def play() -> None:
        await until(lambda: cluster.peers("a") == {"b"})
        check(await measured(cluster, "a", "b"), "a", "b")

    asyncio.run(play())


@pytest.mark.parametrize(("asking", "serving"), [pair for pair in PAIRS if "debian" not in pair])
def test_two_clusters(tmp_path: Path, stack: ExitStack, asking: str, serving: str) -> None:
    """The reply crosses with the way back in front of it."""
    clusters = Supercluster(tmp_path, stack)
    clusters.join("e", asking, "east", top=ACCOUNTS)
    clusters.join("w", serving, "west", gateways={"east": "e"}, top=ACCOUNTS)

    async def play() -> None:
        await clusters.formed()
        check(await measured(clusters, "e", "w"), "e", "w")

    asyncio.run(play())
