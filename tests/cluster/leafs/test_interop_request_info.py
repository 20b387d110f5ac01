"""Real processes: who asks, as services are told it by either make, byte for byte.

Only times, ids and round trips are not compared.
"""

from __future__ import annotations

import asyncio
import re

import nats
import pytest
from nats.aio.client import Client

from tests.cluster.processes import Processes, free_port, until
from tests.cluster.test_interop_leafs import Inbox, linked, settled

pytestmark = pytest.mark.compared

#: the round trip may not be known yet
_RTT = re.compile(rb',"rtt":\d+')
_VALUES = re.compile(rb'"(start|host|id)":("[^"]*"|\d+)')
_INFO = "Nats-Request-Info"
#: A asks B's service, which is C's, which is D's; B's other one is the system account's
_ACCOUNTS = """
accounts {
    A { users [ { user: a, password: p } ]
        imports [ { service: { account: B, subject: up }, share: %(ab)s }
                  { service: { account: SYS, subject: direct }, share: %(ab)s }
                  { service: { account: B, subject: sys }, share: %(ab)s } ] }
    B { users [ { user: b, password: p } ]
        exports [ { service: up }, { service: sys } ]
        imports [ { service: { account: C, subject: up }, share: %(bc)s }
                  { service: { account: SYS, subject: sys }, share: %(bc)s } ] }
    C { users [ { user: c, password: p } ]
        exports [ { service: up } ]
        imports [ { service: { account: D, subject: up }, share: %(cd)s } ] }
    D { users [ { user: d, password: p } ], exports [ { service: up } ] }
    SYS { users [ { user: s, password: p } ], exports [ { service: direct }, { service: sys } ] }
}
system_account: SYS
"""
#: what each of them imports is shared or not
SHARES = [(ab, bc, cd) for ab in (0, 1) for bc in (0, 1) for cd in (0, 1)]
#: the same for leaf nodes: one that shares in the middle is a case of its own
LEAF_SHARES = [(0, 0, 0), (0, 0, 1), (1, 1, 0), (1, 1, 1)]
#: of the requests
_HEADERS: tuple[dict[str, str], ...] = (
    {},
    {"k": "v"},
    {_INFO: '{"acc":"X","svc":"Y","server":"Z"}', "k": "v"},
)


def accounts(*shares: int) -> str:
    return _ACCOUNTS % dict(zip(("ab", "bc", "cd"), map(_bool, shares), strict=True))


def _bool(value: int) -> str:
    return "true" if value else "false"


async def _readers(url: str) -> dict[str, tuple[Client, Inbox]]:
    """One of each account that serves."""
    readers = {}
    for user in "bcds":
        client, inbox = await nats.connect(url, user=user, password="p"), Inbox()
        for subject in ("up", "direct", "sys"):
            await client.subscribe(subject, cb=inbox.hear)
        await client.flush()
        readers[user] = (client, inbox)
    return readers


def _told(inbox: Inbox) -> list[tuple[str, bytes]]:
    found = []
    for message in inbox.messages:
        headers = dict(message.headers or {})
        info = _RTT.sub(b"", headers.pop(_INFO, "").encode())
        info = _VALUES.sub(rb'"\1":?', info)
        found.append((f"{message.subject} {sorted(headers.items())}", info))
    return found


async def _asked(readers: dict[str, tuple[Client, Inbox]]) -> dict[str, list[tuple[str, bytes]]]:
    """What each was told of three questions."""
    wanted = {"b": 2, "c": 1, "d": 1, "s": 2}
    for user, number in wanted.items():
        inbox = readers[user][1]
        await until(lambda inbox=inbox, number=number: len(inbox.messages) >= number, user)
    told = {user: _told(inbox) for user, (_, inbox) in readers.items()}
    for client, inbox in readers.values():
        inbox.messages.clear()
        await client.close()
    return told


async def _ask(client: Client, **headers: str) -> None:
    for subject in ("up", "direct", "sys"):
        await client.publish(subject, b"?", reply="answer.here", headers=headers or None)
    await client.flush()


@pytest.mark.parametrize("kind", ["native", "python"])
@pytest.mark.parametrize("shares", SHARES, ids=str)
def test_a_client(processes: Processes, kind: str, shares: tuple[int, ...]) -> None:
    async def told(make: str) -> list[dict[str, list[tuple[str, bytes]]]]:
        server, heard = processes.start("same", make, accounts(*shares)), []
        for headers in _HEADERS:
            readers = await _readers(server.url)
            asker = await nats.connect(server.url, user="a", password="p", name="app")
            await _ask(asker, **headers)
            heard.append(await _asked(readers))
            await asker.close()
        server.stop()
        return heard

    ours, theirs = asyncio.run(told(kind)), asyncio.run(told("newer"))
    assert ours == theirs


@pytest.mark.parametrize("kind", ["native", "python"])
@pytest.mark.parametrize("end", ["hub", "spoke"])
@pytest.mark.parametrize("shares", LEAF_SHARES, ids=str)
def test_a_client_at_the_other_end_of_a_leaf_node_link(
    processes: Processes, end: str, kind: str, shares: tuple[int, ...]
) -> None:
    """The other end is nats-server, and the services are at the end that is compared."""

    async def told(make: str) -> list[dict[str, list[tuple[str, bytes]]]]:
        port, own, heard = free_port(), accounts(*shares), []
        hub, spoke = (make, "newer") if end == "hub" else ("newer", make)
        listener = f'leafnodes {{ listen: "127.0.0.1:{port}" }}'
        url = f"nats-leaf://{'a:p@' if end == 'hub' else ''}127.0.0.1:{port}"
        account = "account: A" if end == "spoke" else ""
        remotes = f'leafnodes {{ remotes [ {{ url: "{url}", {account} }} ] }}'
        processes.start("hub", hub, listener + (own if end == "hub" else ""))
        processes.start("spoke", spoke, remotes + (own if end == "spoke" else ""))
        await until(lambda: linked(processes, "hub") and linked(processes, "spoke"))
        here = processes.servers[end]
        there = processes.servers["spoke" if end == "hub" else "hub"]
        asker = await nats.connect(there.url, name="app")
        probe = await nats.connect(here.url, user="a", password="p")
        for headers in _HEADERS:
            readers = await _readers(here.url)
            await settled(asker, probe, "probe")
            await _ask(asker, **headers)
            heard.append(await _asked(readers))
        await asker.close()
        await probe.close()
        for server in (here, there):
            server.stop()
        return heard

    ours, theirs = asyncio.run(told(kind)), asyncio.run(told("newer"))
    assert ours == theirs
