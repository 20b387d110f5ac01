"""Who asks a service over a link."""

from __future__ import annotations

import json
from typing import Any

from pubsub.router.internal import InternalMessage
from pubsub.wire.headers import get_header
from tests.cluster.leafs.world import Wire, World, a_hub, connect

ACCOUNTS = """
accounts {
    A { imports [ { service: { account: B, subject: svc }, share: %s } ] }
    B { exports [ { service: svc } ] }
}
"""
USERS = "authorization { users [ { user: u, password: p, account: A } ] }"


def asked(world: World, share: str) -> dict[str, Any]:
    """What the service learns when a leaf node asks that says it is somebody else."""
    server = a_hub(world, USERS, ACCOUNTS % share)
    service = server.client("B")
    service.subscribe("svc")
    wire = Wire(server)
    wire.received()
    wire.send(connect(user="u", **{"pass": "p"}))
    server.leaf.rtt = 0.002
    headers = b'NATS/1.0\r\nNats-Request-Info: {"acc":"ADMIN","user":"root"}\r\nk: v\r\n\r\n'
    wire.send(b"HMSG svc r %d %d\r\n%b\r\n" % (len(headers), len(headers), headers))
    (message,) = service.messages
    return described(message)


def described(message: InternalMessage) -> dict[str, Any]:
    assert message.headers.count(b"Nats-Request-Info") == 1
    assert get_header(message.headers, b"k") == b"v"
    info: dict[str, Any] = json.loads(get_header(message.headers, b"Nats-Request-Info") or b"")
    return info


def test_it_is_the_link_whatever_the_other_end_says(world: World) -> None:
    assert asked(world, "false") == {"acc": "A", "rtt": 2000000}


def test_who_shares_tells_more(world: World) -> None:
    info = asked(world, "true")
    assert info.pop("start")
    assert info.pop("id")
    info.pop("host", None)
    assert info == {
        "acc": "A",
        "user": "u",
        "name": "x",
        "ver": "2.15.0",
        "rtt": 2000000,
        # where it comes from; "hub" is this end
        "server": "x",
        "kind": "Leafnode",
    }


def test_a_hub_says_nothing_of_itself_but_its_name(world: World) -> None:
    """It is asked from; CONNECT, with a name and a version, was said the other way."""
    a_hub(world)
    remotes = 'leafnodes { remotes [ { url: "nats-leaf://127.0.0.1:7422", account: A } ] }'
    spoke = world.server("spoke", remotes + ACCOUNTS % "true").start()
    info = json.loads(spoke.leaf.request_info(True))
    assert info.pop("start")
    assert info.pop("id")
    info.pop("host", None)
    assert info == {"acc": "A", "server": "hub", "kind": "Leafnode"}


def test_other_clusters_are_told_too(world: World) -> None:
    """Those the server at this end sends to."""
    server = a_hub(world, USERS, ACCOUNTS % "true")
    server.clients.alternates = lambda: ["WEST", "EAST"]
    wire = Wire(server)
    wire.received()
    wire.send(connect(user="u", **{"pass": "p"}))
    assert json.loads(server.leaf.request_info(True))["alts"] == ["WEST", "EAST"]
    assert "alts" not in json.loads(server.leaf.request_info(False))
