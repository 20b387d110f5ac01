"""Being connected to by a leaf node, from exact bytes and one byte at a time."""

from __future__ import annotations

from typing import Any

import pytest

from pubsub.errors import ClosedState
from tests.cluster.leafs.world import Wire, World, a_hub, connect, infos


def test_the_first_info_is_that_of_a_leaf_node_port(world: World) -> None:
    (info,) = infos(Wire(a_hub(world)).received())
    nonce = info.pop("nonce")
    assert len(nonce) == 15
    assert info == {
        "server_id": "Nhub",
        "server_name": "hub",
        "version": "2.15.0",
        "proto": 1,
        "go": "python",
        "host": "127.0.0.1",
        "port": 7422,
        "headers": True,
        "auth_required": True,
        "max_payload": 1048576,
        "ip": "127.0.0.1:7422",
        "client_id": 1,
        "leafnode_urls": ["127.0.0.1:7422"],
        "info_on_connect": True,
        "compression": "off",
    }


def test_connect_is_answered_with_info_and_all_interest(world: World, pieces: int) -> None:
    server = a_hub(world)
    server.client().subscribe("a.b")
    server.client().subscribe("a.b", "q")
    server.client().subscribe("a.b", "q")
    wire = Wire(server, pieces)
    wire.received()
    answer = wire.send(connect(remote_account="ACC"))
    (info,) = infos(answer)
    assert info["connect_info"] is True
    assert info["remote_account"] == "$G"
    assert "nonce" not in info
    told = answer.splitlines()[1:]
    loop = server.context.interest.loop_subject("$G")
    assert sorted(told) == sorted([b"LS+ a.b", b"LS+ a.b q 2", b"LS+ " + loop])
    leaf = server.leaf
    assert (leaf.remote_server, leaf.remote_account, leaf.account) == ("x", "ACC", "$G")


def test_interest_that_comes_and_goes_is_told(world: World) -> None:
    server = a_hub(world)
    wire = Wire(server)
    wire.send(connect())
    client = server.client()
    first, second = client.subscribe("s"), client.subscribe("s")
    assert wire.received() == b"LS+ s\r\n"
    client.unsubscribe(first)
    assert wire.received() == b""
    client.unsubscribe(second)
    assert wire.received() == b"LS- s\r\n"
    first, second = client.subscribe("s", "q"), client.subscribe("s", "q")
    assert wire.received() == b"LS+ s q 1\r\nLS+ s q 2\r\n"
    client.unsubscribe(first)
    client.unsubscribe(second)
    assert wire.received() == b"LS+ s q 1\r\nLS- s q\r\n"


def test_nothing_but_connect_may_come_first(world: World, pieces: int) -> None:
    wire = Wire(a_hub(world), pieces)
    wire.received()
    wire.transport.write(b"PING\r\n")
    assert wire.received() == b"-ERR 'Authorization Violation'\r\n"
    assert wire.closed


def test_connect_must_come_in_time(world: World) -> None:
    wire = Wire(a_hub(world, "authorization { timeout: 1 }"))
    wire.received()
    world.pass_time(1.1)
    assert wire.received() == b"-ERR 'Authentication Timeout'\r\n"
    assert wire.closed


@pytest.mark.parametrize(
    ("text", "fields", "error", "state"),
    [
        ("", {"lang": "go"}, "attempted to connect to leaf node port", "WRONG_PORT"),
        ("", {"cluster": "a b"}, "cluster name cannot contain spaces", "PROTOCOL_VIOLATION"),
        (
            "",
            {"gateway": "G"},
            'Rejecting connection from gateway "G" on the leafnode port',
            "WRONG_GATEWAY",
        ),
        (
            "min_version: 2.9.0",
            {"version": "2.8.9"},
            'connection rejected since minimum version required is "2.9.0"',
            "MINIMUM_VERSION_REQUIRED",
        ),
    ],
)
def test_who_does_not_belong_here_is_told(
    world: World, text: str, fields: dict[str, Any], error: str, state: str
) -> None:
    server = a_hub(world, text)
    wire = Wire(server)
    wire.received()
    (leaf,) = server.context.coming.values()
    assert wire.send(connect(**fields)).endswith(f"-ERR '{error}'\r\n".encode())
    assert wire.closed
    assert leaf.closed_state is ClosedState[state]


def test_a_server_of_a_cluster_of_our_name_is_refused(world: World) -> None:
    server = a_hub(world, more="cluster { name: C }")
    wire = Wire(server)
    wire.received()
    answer = wire.send(connect(cluster="C"))
    assert answer == b"-ERR 'remote leafnode has same cluster name'\r\n"
    assert wire.closed


@pytest.mark.parametrize("argument", [b"{", b"[]", b'{"name": 1}', b'{"deny_pub": "x"}'])
def test_a_connect_that_cannot_be_read_closes(world: World, argument: bytes) -> None:
    wire = Wire(a_hub(world))
    wire.received()
    assert wire.send(b"CONNECT %b\r\n" % argument) == b""
    assert wire.closed


def test_a_second_connect_changes_nothing(world: World) -> None:
    server = a_hub(world)
    wire = Wire(server)
    wire.send(connect())
    assert wire.send(connect(name="other")) == b""
    assert server.leaf.remote_server == "x"


PERMISSIONS = """
accounts { A { users [ { user: u, password: p, permissions {
    publish { allow: ["in.>", "both"], deny: "in.not" }
    subscribe { allow: ["out.>", "both"], deny: "out.not" }
} } ] } }
"""


def test_permissions_of_a_user_are_told_and_enforced(world: World) -> None:
    server = a_hub(world, more=PERMISSIONS)
    client = server.client("A")
    client.subscribe("in.>")
    client.subscribe("elsewhere")
    wire = Wire(server)
    wire.received()
    answer = wire.send(connect(user="u", deny_pub=["out.deny"], **{"pass": "p"}))
    (info,) = infos(answer)
    assert info["import"] == {"allow": ["out.>", "both"], "deny": ["out.not"]}
    assert info["export"] == {"allow": ["in.>", "both"], "deny": ["in.not"]}
    told = [line for line in answer.splitlines() if line.startswith(b"LS+") and b"$LDS" not in line]
    assert told == [b"LS+ in.>"]
    wire.send(b"LS+ out.>\r\n")
    for subject in ("out.x", "out.not", "out.deny", "both"):
        client.publish(subject, b"")
    assert wire.received() == b"LMSG out.x 0\r\n\r\n"
    wire.send(b"LMSG in.x 1\r\n1\r\n")
    assert client.heard == [(b"in.x", b"1")]
    assert wire.send(b"LMSG in.not 1\r\n2\r\n") == (
        b"-ERR 'Permissions Violation for Publish to \"in.not\"'\r\n"
    )
    assert wire.closed


def test_a_server_that_comes_again_replaces_its_old_link(world: World) -> None:
    server = a_hub(world)
    first = Wire(server)
    first.send(connect(remote_account="R"))
    second = Wire(server)
    second.send(connect(remote_account="R"))
    assert first.received().endswith(b"-ERR 'Duplicate Remote LeafNode Connection'\r\n")
    assert first.closed
    third = Wire(server)
    third.send(connect(remote_account="R2"))
    assert not second.closed
    assert len(server.context.linked) == 2


def test_a_server_that_stops_accepts_nobody(world: World) -> None:
    server = a_hub(world)
    server.clients.registry.accepting = False
    wire = Wire(server)
    assert wire.received() == b""
    assert wire.closed


def test_what_could_not_be_said_again_is_replaced(world: World) -> None:
    """Half of a surrogate pair, written as an escape, is no text."""
    server = a_hub(world)
    wire = Wire(server)
    odd = b"\\ud800"
    wire.send(
        b'CONNECT {"name":"%b","cluster":"%b","version":"2.10.0","deny_pub":["%b"]}\r\n'
        % (odd, odd, odd)
    )
    assert (server.leaf.remote_server, server.leaf.remote_cluster) == ("?", b"?")
    server.client().publish("a", b"1")
