"""Real processes: two of ours, and one of ours with each nats-server there is, either way round.

nats-server is looked for on PATH (Debian's 2.9.10) and in the environment variable NATS_SERVER
(a newer one).
"""

from __future__ import annotations

import asyncio
import os
import signal
from pathlib import Path

import nats
import pytest

from tests.certs import Authority
from tests.cluster.processes import Cluster, until
from tests.cluster.talking import conversation, hears
from tests.interop.conftest import program, version_of

pytestmark = pytest.mark.compared

#: who is there first, and who connects to it
PAIRS = [
    *(("native", "native"), ("python", "native")),
    *((ours, other) for ours in ("native", "python") for other in ("debian", "newer")),
    *((other, "native") for other in ("debian", "newer")),
]


@pytest.mark.parametrize(("first", "second"), PAIRS)
def test_two_servers_are_one(cluster: Cluster, first: str, second: str) -> None:
    """Messages, headers, queue groups, requests; both ways; interest ends where it does."""
    cluster.join("a", first)
    cluster.join("b", second, "a")

    async def play() -> None:
        one = await nats.connect(cluster.servers["a"].url)
        two = await nats.connect(cluster.servers["b"].url)
        await conversation(one, two)
        await hears(two, one, "back")
        # clients are told of the other server
        both = {cluster.servers[name].port for name in "ab"}
        for client in (one, two):
            await until(lambda client=client: {url.port for url in client.servers} >= both)
        await one.close()

        def forgotten() -> bool:
            routes = cluster.page("b", "routez?subs=1")["routes"]
            listed = [route.get("subscriptions_list", []) for route in routes]
            return not any("service" in text for texts in listed for text in texts)

        await until(forgotten)
        await two.close()

    asyncio.run(play())
    for name in "ab":
        varz = cluster.page(name, "varz")
        assert varz["remotes"] == 1
        assert varz["cluster"]["name"] == "C"


@pytest.mark.parametrize(("first", "second"), [pair for pair in PAIRS if "python" not in pair])
def test_a_killed_server_comes_back(cluster: Cluster, first: str, second: str) -> None:
    """``kill -9``: the other one forgets it, and is there again when it returns."""
    cluster.join("a", first)
    cluster.join("b", second, "a")

    async def play() -> None:
        await until(lambda: cluster.peers("a") == {"b"} and cluster.peers("b") == {"a"})
        for name, other in (("b", "a"), ("a", "b")):
            cluster.servers[name].kill()
            await until(lambda other=other: cluster.peers(other) == set())
            cluster.servers[name].start()
            await until(lambda other=other, name=name: cluster.peers(other) == {name})
        one = await nats.connect(cluster.servers["a"].url)
        two = await nats.connect(cluster.servers["b"].url)
        await hears(one, two, "foo")
        await hears(two, one, "foo")
        await one.close()
        await two.close()

    asyncio.run(play())


@pytest.mark.parametrize("kind", ["native", "debian", "newer"])
def test_a_frozen_server_is_forgotten_and_thaws(cluster: Cluster, kind: str) -> None:
    """SIGSTOP: no connection breaks, but PINGs are not answered."""
    cluster.join("a", "native", extra='ping_interval: "200ms", ping_max: 2')
    cluster.join("b", kind, "a")

    async def play() -> None:
        await until(lambda: cluster.peers("a") == {"b"})
        os.kill(cluster.servers["b"].pid, signal.SIGSTOP)
        try:
            # names of old servers are asked of the servers themselves: not of this one now
            await until(lambda: not cluster.page("a", "routez")["routes"])
        finally:
            os.kill(cluster.servers["b"].pid, signal.SIGCONT)
        await until(lambda: cluster.peers("a") == {"b"})

    asyncio.run(play())


@pytest.mark.parametrize("kinds", ["native native python", "debian native native newer"])
def test_who_knows_one_finds_all(cluster: Cluster, kinds: str) -> None:
    """Gossip makes a full mesh of servers of every kind."""
    names = "abcd"[: len(kinds.split())]
    for name, kind in zip(names, kinds.split(), strict=True):
        cluster.join(name, kind, *(["a"] if name != "a" else []))

    async def play() -> None:
        for name in names:
            await until(lambda name=name: cluster.peers(name) == set(names) - {name})

    asyncio.run(play())


@pytest.mark.parametrize("other", ["native", "debian", "newer"])
def test_routes_may_need_certificates_and_passwords(
    cluster: Cluster, other: str, tmp_path: Path
) -> None:
    """TLS both ways: each verifies the other."""
    authority = Authority(tmp_path)
    issued = authority.issue("server", names=["localhost"], addresses=["127.0.0.1"], both=True)
    extra = (
        f'tls {{ cert_file: "{issued.cert_file}", key_file: "{issued.key_file}",'
        f' ca_file: "{authority.cert_file}", verify: true }}\n'
        "authorization { user: u, password: p }"
    )
    cluster.join("a", "native", extra=extra)
    cluster.join("b", other, "a", extra=extra)
    cluster.join("c", "python", "b", extra=extra)

    async def play() -> None:
        for name in "abc":
            await until(lambda name=name: cluster.peers(name) == set("abc") - {name})
        one = await nats.connect(cluster.servers["a"].url)
        two = await nats.connect(cluster.servers["b"].url)
        await conversation(one, two)
        await one.close()
        await two.close()

    asyncio.run(play())


@pytest.mark.parametrize("kind", ["native", "newer"])
def test_accounts_are_kept_apart(cluster: Cluster, kind: str) -> None:
    """What is published in one account is not heard in another, on whichever server."""
    users = (f"{name.upper()} {{ users: [{{user: {name}, password: {name}}}] }}" for name in "ab")
    top = f"accounts {{ {', '.join(users)} }}"
    # with a connection for A alone, but between two of ours
    pinned = "accounts: [A]" if kind == "newer" else ""
    cluster.join("a", "native", top=top, extra=pinned)
    cluster.join("b", kind, "a", top=top, extra=pinned)

    async def play() -> None:
        def url(name: str, user: str) -> str:
            return f"nats://{user}:{user}@127.0.0.1:{cluster.servers[name].port}"

        here = await nats.connect(url("a", "a"))
        there = await nats.connect(url("b", "a"))
        stranger = await nats.connect(url("b", "b"))
        overheard = await stranger.subscribe(">")
        await stranger.flush()
        await hears(there, here, "secret")
        with pytest.raises(nats.errors.TimeoutError):
            await overheard.next_msg(0.2)
        for client in (here, there, stranger):
            await client.close()

    asyncio.run(play())
    accounts = {route.get("account") for route in cluster.page("a", "routez")["routes"]}
    assert ("A" in accounts) is (kind == "newer")


def test_versions_are_known() -> None:
    """So that a report says what was compared."""
    assert version_of(program("NATS_SERVER", "nats-server")) >= (2, 9)
