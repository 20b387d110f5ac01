"""Real processes: superclusters of our servers and of each nats-server there is.

nats-server is looked for on PATH (Debian's 2.9.10) and in the environment variable NATS_SERVER
(a newer one).
"""

from __future__ import annotations

import asyncio
import json
import os
import signal
from collections.abc import Callable, Coroutine, Iterator
from contextlib import ExitStack
from pathlib import Path
from typing import Any

import pytest
from nats.aio.client import Client
from nats.aio.msg import Msg

from tests.certs import Authority
from tests.cluster.gateways.supercluster import (
    ACCOUNTS,
    Supercluster,
    answered,
    asks,
    no_one_answers,
    serves,
)
from tests.cluster.processes import until
from tests.cluster.talking import hears

pytestmark = pytest.mark.compared

#: who is there first, and who connects to it
PAIRS = [
    ("native", "native"),
    ("python", "native"),
    *(("native", other) for other in ("debian", "newer")),
    *((other, "native") for other in ("debian", "newer")),
]


@pytest.fixture
def clusters(tmp_path: Path) -> Iterator[Supercluster]:
    """No servers yet; all that are started are stopped."""
    with ExitStack() as stack:
        yield Supercluster(tmp_path, stack)


def played(play: Callable[[], Coroutine[Any, Any, None]]) -> None:
    """Run it to its end."""
    asyncio.run(play())


async def two_clusters(one: Client, two: Client) -> None:
    """What clients in two clusters do with each other."""
    await hears(one, two, "to.one")
    await hears(two, one, "to.two")
    # nobody is there to be asked
    await until(lambda: no_one_answers(two, "service"))
    # one side has the service: it is asked, and the answer finds its way at once
    replies = await serves(one, "service", "one")
    await until(lambda: answered(two, "service", "one"))
    assert await asks(two, "service", 20) == {"one"}
    assert {reply.partition(".")[0] for reply in replies} == {"_INBOX"}
    # both have it: nobody asks farther than he needs to
    replies_of_two = await serves(two, "service", "two")
    assert await asks(two, "service", 20) == {"two"}
    assert await asks(one, "service", 20) == {"one"}
    assert len(replies_of_two) == 20


@pytest.mark.parametrize(("first", "second"), PAIRS)
def test_two_clusters_are_one_system(clusters: Supercluster, first: str, second: str) -> None:
    """Messages, headers, wildcards, requests, queue groups, accounts; both ways."""
    clusters.join("e", first, "east")
    clusters.join("w", second, "west", gateways={"east": "e"})

    async def play() -> None:
        # the first has never heard of the second, and connects to it all the same
        await clusters.formed()
        one, two = [await clusters.client(name) for name in "ew"]
        await two_clusters(one, two)
        # another account hears nothing of it, and has the same subjects to itself
        other = await clusters.client("e", "b")
        there = await clusters.client("w", "b")
        overheard = await other.subscribe(">")
        await other.flush()
        await one.publish("foo", b"secret")
        await two.publish("foo", b"secret")
        for client in (one, two):
            await client.flush()
        await hears(other, there, "own")
        while overheard.pending_msgs:
            assert (await overheard.next_msg()).data == b"payload"
        # but for what it imports
        await serves(one, "shared.service", "one")
        await until(lambda: answered(there, "shared.service", "one"))
        await hears(there, one, "shared.stream")
        await hears(other, two, "shared.stream")
        for client in (one, two, other, there):
            await client.close()

    played(play)
    for name, other in (("e", "west"), ("w", "east")):
        page = clusters.page(name, "gatewayz?accs=1&acc_name=A")
        [account] = page["outbound_gateways"][other]["accounts"]
        assert account["name"] == "A"
        assert clusters.page(name, "varz")["gateway"]["name"] == page["name"]


def test_two_that_know_each_other_connect_once_each_way(clusters: Supercluster) -> None:
    """Both are told of the other from the beginning."""
    clusters.join("e", "native", "east", gateways={"west": "w", "east": "e"})
    clusters.join("w", "native", "west", gateways={"west": "w", "east": "e"})

    async def play() -> None:
        await clusters.formed()
        for name in "ew":
            await until(lambda name=name: len(clusters.reaching(name)) == 1)
            [inbound] = clusters.page(name, "gatewayz")["inbound_gateways"].values()
            assert len(inbound) == 1
        one, two = [await clusters.client(name) for name in "ew"]
        await two_clusters(one, two)
        for client in (one, two):
            await client.close()

    played(play)


def test_who_asks_all_servers_is_answered_by_all_clusters(clusters: Supercluster) -> None:
    """The system account is one; and each counts the servers of the other."""
    clusters.join("e", "native", "east")
    clusters.join("w", "debian", "west", gateways={"east": "e"})

    async def play() -> None:
        await clusters.formed()
        asker = await clusters.client("e", "sys")
        names: set[str] = set()
        active: dict[str, int] = {}

        async def answer(message: Msg) -> None:
            page = json.loads(message.data)
            if "statsz" in page:
                active[page["server"]["id"]] = page["statsz"]["active_servers"]
            else:
                names.add(page["data"]["name"])

        inbox = asker.new_inbox()
        await asker.subscribe(inbox, cb=answer)

        async def all_have() -> bool:
            await asker.publish("$SYS.REQ.SERVER.PING.GATEWAYZ", reply=inbox)
            await asyncio.sleep(0.1)
            return names == {"east", "west"}

        async def all_are_counted() -> bool:
            await asker.publish("$SYS.REQ.SERVER.PING", reply=inbox)
            await asyncio.sleep(0.1)
            return list(active.values()) == [2, 2]

        await until(all_have)
        await until(all_are_counted)
        await asker.close()

    played(play)


def test_a_cluster_tells_of_a_third(clusters: Supercluster) -> None:
    """Who connects to one cluster is connected to all."""
    clusters.join("n", "debian", "north")
    clusters.join("e", "native", "east", gateways={"north": "n"})
    clusters.join("w", "native", "west", gateways={"north": "n"})

    async def play() -> None:
        await clusters.formed()
        one, two = [await clusters.client(name) for name in "ew"]
        await hears(one, two, "foo")
        for client in (one, two):
            await client.close()

    played(play)


@pytest.mark.parametrize("kind", ["native", "debian"])
def test_a_killed_server_comes_back(clusters: Supercluster, kind: str) -> None:
    """``kill -9``: the other one forgets it, and is there again when it returns."""
    clusters.join("e", "native", "east", gateways={"west": "w"})
    clusters.join("w", kind, "west", gateways={"east": "e"})

    async def play() -> None:
        await clusters.formed()
        for name, other in (("w", "e"), ("e", "w")):
            clusters.servers[name].kill()
            await until(lambda other=other: not clusters.reached(other))
            await until(lambda other=other: not clusters.reaching(other))
            clusters.servers[name].start()
            await clusters.formed()
        one, two = [await clusters.client(name) for name in "ew"]
        await hears(one, two, "foo")
        await hears(two, one, "foo")
        for client in (one, two):
            await client.close()

    played(play)


@pytest.mark.parametrize("kind", ["native", "newer"])
def test_a_frozen_server_is_forgotten_and_thaws(clusters: Supercluster, kind: str) -> None:
    """SIGSTOP: no connection breaks, but PINGs are not answered."""
    top = f'{ACCOUNTS}\nping_interval: "200ms"\nping_max: 2'
    clusters.join("e", "native", "east", gateways={"west": "w"}, top=top)
    clusters.join("w", kind, "west", gateways={"east": "e"})

    async def play() -> None:
        await clusters.formed()
        os.kill(clusters.servers["w"].pid, signal.SIGSTOP)
        try:
            await until(lambda: not clusters.reached("e"))
            await until(lambda: not clusters.reaching("e"))
        finally:
            os.kill(clusters.servers["w"].pid, signal.SIGCONT)
        await clusters.formed()
        one, two = [await clusters.client(name) for name in "ew"]
        await hears(one, two, "foo")
        await hears(two, one, "foo")
        for client in (one, two):
            await client.close()

    played(play)


@pytest.mark.parametrize("kind", ["debian", "newer"])
def test_gateways_may_need_certificates_and_passwords(
    clusters: Supercluster, kind: str, tmp_path: Path
) -> None:
    """TLS both ways: each verifies the other, and that it is one of ``gateways``."""
    authority = Authority(tmp_path)
    issued = authority.issue("server", names=["localhost"], addresses=["127.0.0.1"], both=True)
    extra = (
        f'tls {{ cert_file: "{issued.cert_file}", key_file: "{issued.key_file}",'
        f' ca_file: "{authority.cert_file}", verify_cert_and_check_known_urls: true }}\n'
        "authorization { user: u, password: p }"
    )
    clusters.join("e", "native", "east", gateways={"west": "w"}, extra=extra)
    clusters.join("w", kind, "west", gateways={"east": "e"}, extra=extra)

    async def play() -> None:
        await clusters.formed()
        one, two = [await clusters.client(name) for name in "ew"]
        await two_clusters(one, two)
        for client in (one, two):
            await client.close()

    played(play)


@pytest.mark.parametrize(("first", "second"), [("native", "newer"), ("newer", "native")])
def test_who_does_not_know_the_password_stays_out(
    clusters: Supercluster, first: str, second: str
) -> None:
    """And so does who is not in the list of a server that rejects what it does not know."""
    clusters.join("e", first, "east", extra="authorization { user: u, password: other }")
    clusters.join("n", first, "north", extra="reject_unknown_cluster: true")
    clusters.join("w", second, "west", gateways={"east": "e", "north": "n"})

    async def play() -> None:
        words = {"e": "authentication error", "n": 'Rejecting connection from gateway "west"'}
        for name, text in words.items():
            await until(lambda name=name, text=text: text in clusters.servers[name].log)
            assert not clusters.reaching(name)
        assert not clusters.reached("w")

    played(play)


@pytest.mark.parametrize("kinds", ["native native python native", "native debian newer native"])
def test_two_clusters_of_two(clusters: Supercluster, kinds: str) -> None:
    """Everybody reaches everybody, and is answered, by whatever servers that goes."""
    one, two, three, four = kinds.split()
    clusters.join("e1", one, "east", gateways={"west": "w1"}, routes=["e2"])
    clusters.join("e2", two, "east", gateways={"west": "w1"}, routes=["e1"])
    clusters.join("w1", three, "west", gateways={"east": "e1"}, routes=["w2"])
    clusters.join("w2", four, "west", gateways={"east": "e1"}, routes=["w1"])

    async def play() -> None:
        await clusters.formed()
        members = {name: await clusters.client(name) for name in clusters.servers}
        for name, client in members.items():
            for other, talker in members.items():
                if other != name:
                    await hears(client, talker, f"to.{name}")
        for name, client in members.items():
            await serves(client, f"of.{name}", name)
        for name in members:
            for asker in members.values():
                await until(lambda asker=asker, name=name: answered(asker, f"of.{name}", name))
                assert await asks(asker, f"of.{name}", 5) == {name}
        # a server of the other cluster ends: what is left of it is reached by the other one
        await members.pop("w1").close()
        clusters.servers["w1"].kill()
        await until(lambda: answered(members["e1"], "of.w2", "w2"))
        await until(lambda: answered(members["w2"], "of.e2", "e2"))
        for client in members.values():
            await client.close()

    played(play)
