"""Real processes: leaf nodes of ours at hubs of ours and of nats-server, and the other way round.

nats-server is looked for on PATH (Debian's 2.9.10) and in the environment variable NATS_SERVER
(a newer one).
"""

from __future__ import annotations

import asyncio
from typing import Any

import nats
import pytest
from nats.aio.client import Client
from nats.aio.msg import Msg

from pubsub.testing.child import ChildServer
from tests.cluster.processes import ALL_PAIRS, Processes, free_port, until
from tests.cluster.proxies import Proxies

pytestmark = pytest.mark.compared

#: hub and leaf node
PAIRS = ALL_PAIRS
each_pair = pytest.mark.parametrize(("hub", "spoke"), PAIRS)


def linked(processes: Processes, name: str, number: int = 1) -> bool:
    """Whether it has so many links."""
    return len(processes.page(name, "leafz").get("leafs") or []) == number


class Pair:
    """A hub, a leaf node of it, and clients of both."""

    def __init__(self, processes: Processes, hub: str, spoke: str, **more: str) -> None:
        self.processes = processes
        self.port = free_port()
        listener = f'leafnodes {{ listen: "127.0.0.1:{self.port}"\n{more.get("listener", "")} }}'
        self.hub = processes.start("hub", hub, f"{listener}\n{more.get('hub_top', '')}")
        port = int(more.get("via", self.port))
        url = f"nats-leaf://{more.get('who', '')}127.0.0.1:{port}"
        remote = f'leafnodes {{ remotes [ {{ url: "{url}"\n{more.get("remote", "")} }} ] }}'
        self.spoke = processes.start("spoke", spoke, f"{remote}\n{more.get('spoke_top', '')}")
        self._clients: list[Client] = []

    async def linked(self) -> None:
        """Both know of the link."""
        for name in ("hub", "spoke"):
            await until(lambda name=name: linked(self.processes, name), f"{name} is linked")

    async def client(self, server: ChildServer, **options: Any) -> Client:
        """Connected to one of them."""
        client = await nats.connect(server.url, **options)
        self._clients.append(client)
        return client

    async def close(self) -> None:
        """Clients go."""
        for client in self._clients:
            await client.close()


class Inbox:
    """What a client hears."""

    def __init__(self) -> None:
        self.messages: list[Msg] = []

    async def hear(self, message: Msg) -> None:
        """A message."""
        self.messages.append(message)

    @property
    def heard(self) -> list[tuple[str, bytes]]:
        return [(message.subject, message.data) for message in self.messages]


async def settled(publisher: Client, listener: Client, subject: str) -> None:
    """What ``listener`` wants to hear has arrived where ``publisher`` is."""
    inbox = Inbox()
    subscription = await listener.subscribe(subject, cb=inbox.hear)
    await listener.flush()

    for _ in range(1000):
        await publisher.publish(subject)
        await publisher.flush()
        await asyncio.sleep(0.02)
        if inbox.messages:
            break
    assert inbox.messages
    await subscription.unsubscribe()


@each_pair
def test_messages_requests_and_queue_groups_cross(
    processes: Processes, hub: str, spoke: str
) -> None:
    pair = Pair(processes, hub, spoke)

    async def run() -> None:
        await pair.linked()
        here, there = await pair.client(pair.hub), await pair.client(pair.spoke)
        up, down, mine, theirs = Inbox(), Inbox(), Inbox(), Inbox()
        await here.subscribe("up.>", cb=up.hear)
        await there.subscribe("down.*", cb=down.hear)
        await here.subscribe("work", "q", cb=theirs.hear)
        await there.subscribe("work", "q", cb=mine.hear)

        async def answer(message: Msg) -> None:
            await message.respond(b"answer to " + message.data)

        await here.subscribe("svc", cb=answer)
        await there.subscribe("svc2", cb=answer)
        await settled(there, here, "here")
        await settled(here, there, "there")
        await there.publish("up.x", b"1", headers={"k": "v"})
        await here.publish("down.x", b"2")
        for _ in range(10):
            await there.publish("work", b"")
        assert (await there.request("svc", b"a", timeout=10)).data == b"answer to a"
        assert (await here.request("svc2", b"b", timeout=10)).data == b"answer to b"
        await until(lambda: up.messages and down.messages and len(mine.messages) == 10)
        assert up.heard == [("up.x", b"1")]
        assert up.messages[0].headers == {"k": "v"}
        assert down.heard == [("down.x", b"2")]
        assert theirs.messages == []
        with pytest.raises(nats.errors.NoRespondersError):
            await there.request("nobody", b"", timeout=10)
        await pair.close()

    asyncio.run(run())


@each_pair
def test_an_account_here_is_an_account_there(processes: Processes, hub: str, spoke: str) -> None:
    pair = Pair(
        processes,
        hub,
        spoke,
        hub_top="accounts { A { users [ { user: a, password: a } ] } }",
        listener="authorization { users [ { user: l, password: s3cret, account: A } ] }",
        who="l:s3cret@",
        remote="account: B",
        spoke_top="accounts { B { users [ { user: b, password: b } ] } }",
    )

    async def run() -> None:
        await pair.linked()
        here = await pair.client(pair.hub, user="a", password="a")
        there = await pair.client(pair.spoke, user="b", password="b")
        inbox = Inbox()
        await here.subscribe("x", cb=inbox.hear)
        await settled(there, here, "here")
        await settled(here, there, "there")
        await there.publish("x", b"from B")
        await until(lambda: inbox.messages)
        assert inbox.heard == [("x", b"from B")]
        assert [leaf["account"] for leaf in processes.page("hub", "leafz")["leafs"]] == ["A"]
        await pair.close()

    asyncio.run(run())


@each_pair
def test_permissions_of_the_leaf_nodes_user_hold_at_both_ends(
    processes: Processes, hub: str, spoke: str
) -> None:
    pair = Pair(
        processes,
        hub,
        spoke,
        hub_top="""
            accounts { A { users [
                { user: a, password: a }
                { user: l, password: l, permissions {
                    publish { allow: ["in.>", "sync.>", "_INBOX.>"], deny: "in.not" }
                    subscribe { allow: ["out.>", "sync.>", "_INBOX.>"] }
                } }
            ] } }
        """,
        who="l:l@",
        remote='deny_imports: "out.not"\ndeny_exports: "in.neither"',
    )

    async def run() -> None:
        await pair.linked()
        here = await pair.client(pair.hub, user="a", password="a")
        there = await pair.client(pair.spoke)
        inside, outside = Inbox(), Inbox()
        await here.subscribe(">", cb=inside.hear)
        await there.subscribe("out.*", cb=outside.hear)
        await there.subscribe("hidden", cb=outside.hear)
        await settled(there, here, "sync.here")
        await settled(here, there, "sync.there")
        for subject in ("in.not", "in.neither", "up.hidden", "in.yes"):
            await there.publish(subject, b"")
        for subject in ("hidden", "out.not", "out.yes"):
            await here.publish(subject, b"")
        await here.flush()
        await until(lambda: ("in.yes", b"") in inside.heard and outside.messages)
        came = {subject for subject, _ in inside.heard if subject.startswith(("in.", "up."))}
        assert came == {"in.yes"}
        assert outside.heard == [("out.yes", b"")]
        assert linked(processes, "hub")
        await pair.close()

    asyncio.run(run())


@pytest.mark.parametrize(("hub", "spoke"), [("debian", "native"), ("newer", "native")])
def test_fifty_breaks_of_the_link_leave_nothing_behind(
    processes: Processes, hub: str, spoke: str
) -> None:
    """As tests.faults.test_flapping_leafs, with hubs of nats-server."""
    port = free_port()

    async def run(proxies: Proxies) -> None:
        proxy = proxies.to(port)
        processes.start("hub", hub, f'leafnodes {{ listen: "127.0.0.1:{port}" }}')
        processes.start(
            "spoke",
            spoke,
            "leafnodes { reconnect: 100ms\n"
            f' remotes [ {{ url: "127.0.0.1:{proxy.port}", ignore_discovered_servers: true }} ] }}',
        )
        here = await nats.connect(processes.servers["hub"].url)
        there = await nats.connect(processes.servers["spoke"].url)
        inbox = Inbox()
        await here.subscribe("a.>", cb=inbox.hear)
        await there.subscribe("b", "q", cb=inbox.hear)
        await here.flush()
        await there.flush()

        def figures(name: str) -> int:
            return int(processes.page(name, "subsz")["num_subscriptions"])

        await until(lambda: linked(processes, "hub") and linked(processes, "spoke"))
        await settled(there, here, "here")
        before = {name: figures(name) for name in ("hub", "spoke")}
        for turn in range(50):
            proxy.cut()
            await until(lambda: linked(processes, "spoke", 0), "the spoke sees the break")
            proxy.mend()
            await until(lambda: linked(processes, "spoke"), "the spoke is back")
            if turn % 10 == 0:
                await settled(there, here, "here")
        await settled(there, here, "here")
        await until(lambda: linked(processes, "hub"))
        await until(
            lambda: {name: figures(name) for name in before} == before, "what was there before"
        )
        await here.close()
        await there.close()

    with Proxies() as proxies:
        asyncio.run(run(proxies))
