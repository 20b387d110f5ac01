"""Being connected to by a leaf node, from exact bytes and one byte at a time."""

from __future__ import annotations

import base64
import json
from dataclasses import replace
from typing import Any

import pytest

from pubsub.auth.jwt.keys import KeyPair
from pubsub.errors import ClosedState
from pubsub.values.accounts import AccountLimits, AccountOptions
from tests.cluster.leafworld import Server, Wire, World

LEAF = {"version": "2.15.0", "server_id": "NX", "name": "x", "headers": True}


def connect(**fields: Any) -> bytes:
    """A CONNECT line."""
    return b"CONNECT %b\r\n" % json.dumps({**LEAF, **fields}).encode()


def infos(data: bytes) -> list[dict[str, Any]]:
    """What the INFO lines in ``data`` say."""
    lines = [line for line in data.splitlines() if line.startswith(b"INFO ")]
    return [json.loads(line[5:]) for line in lines]


@pytest.fixture(params=[0, 1], ids=["whole", "bytewise"])
def pieces(request: pytest.FixtureRequest) -> int:
    """How input is cut."""
    return int(request.param)


def hub(world: World, text: str = "", more: str = "") -> Server:
    """A server with a leaf node port."""
    return world.server("hub", f"leafnodes {{ port: 7422\n{text} }}\n{more}")


def test_the_first_info_is_that_of_a_leaf_node_port(world: World) -> None:
    (info,) = infos(Wire(hub(world)).received())
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
    server = hub(world)
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


def test_messages_and_interest_cross(world: World, pieces: int) -> None:
    server = hub(world)
    client = server.client()
    client.subscribe("in.>")
    wire = Wire(server, pieces)
    wire.send(connect())
    assert wire.send(b"LMSG in.x 2\r\nhi\r\nLS+ out.*\r\nLS+ q.q g 3\r\n") == b""
    assert client.heard == [(b"in.x", b"hi")]
    client.publish("out.1", b"there")
    assert wire.received() == b"LMSG out.1 5\r\nthere\r\n"
    client.publish("q.q", b"", reply="r")
    assert wire.received() == b"LMSG q.q + r g 0\r\n\r\n"
    wire.send(b"LS- out.*\r\nLS- q.q g\r\n")
    assert server.heard() == []


def test_interest_that_comes_and_goes_is_told(world: World) -> None:
    server = hub(world)
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
    wire = Wire(hub(world), pieces)
    wire.received()
    wire.transport.write(b"PING\r\n")
    assert wire.received() == b"-ERR 'Authorization Violation'\r\n"
    assert wire.closed


def test_connect_must_come_in_time(world: World) -> None:
    wire = Wire(hub(world, "authorization { timeout: 1 }"))
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
    server = hub(world, text)
    wire = Wire(server)
    wire.received()
    (leaf,) = server.context.coming.values()
    assert wire.send(connect(**fields)).endswith(f"-ERR '{error}'\r\n".encode())
    assert wire.closed
    assert leaf.closed_state is ClosedState[state]


def test_a_server_of_a_cluster_of_our_name_is_refused(world: World) -> None:
    server = hub(world, more="cluster { name: C }")
    wire = Wire(server)
    wire.received()
    answer = wire.send(connect(cluster="C"))
    assert answer == b"-ERR 'remote leafnode has same cluster name'\r\n"
    assert wire.closed


@pytest.mark.parametrize("argument", [b"{", b"[]", b'{"name": 1}', b'{"deny_pub": "x"}'])
def test_a_connect_that_cannot_be_read_closes(world: World, argument: bytes) -> None:
    wire = Wire(hub(world))
    wire.received()
    assert wire.send(b"CONNECT %b\r\n" % argument) == b""
    assert wire.closed


@pytest.mark.parametrize(
    "line", [b"LS+ a b\r\n", b"LS+ a b 1 x\r\n", b"PUB a 0\r\n", b"RS+ $G a\r\n"]
)
def test_lines_that_leaf_nodes_do_not_send_close(world: World, line: bytes) -> None:
    wire = Wire(hub(world))
    wire.send(connect())
    wire.send(line)
    assert wire.closed


def test_a_second_connect_changes_nothing(world: World) -> None:
    server = hub(world)
    wire = Wire(server)
    wire.send(connect())
    assert wire.send(connect(name="other")) == b""
    assert server.leaf.remote_server == "x"


USERS = """
authorization { users [
    { user: a, password: pa, account: A }
    { user: b, password: pb }
] }
"""


def test_the_listeners_own_users_have_accounts(world: World) -> None:
    server = hub(world, USERS, "accounts { A { } }")
    wire = Wire(server)
    wire.received()
    (info,) = infos(wire.send(connect(user="a", **{"pass": "pa"})))
    assert info["remote_account"] == "A"
    for user, password in (("a", "pb"), ("c", "pa"), ("", ""), ("b", "")):
        wrong = Wire(server)
        wrong.received()
        answer = wrong.send(connect(user=user, **{"pass": password}))
        assert answer == b"-ERR 'Authorization Violation'\r\n"
        assert wrong.closed


def test_a_single_user_and_one_with_a_hash(world: World) -> None:
    hashed = "$2a$04$ErX8wZfTK8EqWIv6UJ.Pn.QYUl9NAeHt2tPIYHGb2IoYjT0jCDPCu"
    server = hub(world, "authorization { user: u, password: p, account: A }", "accounts { A { } }")
    wire = Wire(server)
    wire.received()
    assert infos(wire.send(connect(user="u", **{"pass": "p"})))[0]["remote_account"] == "A"
    slow = world.server(
        "slow", f'leafnodes {{ port: 1, authorization {{ user: u, password: "{hashed}" }} }}'
    )
    wire = Wire(slow)
    wire.received()
    assert wire.send(connect(user="u", **{"pass": "p"})) == b"-ERR 'Authorization Violation'\r\n"


def test_an_nkey_signs_the_nonce(world: World) -> None:
    pair = KeyPair.generate("U")
    server = hub(
        world, f"authorization {{ nkey: {pair.public_key}, account: A }}", "accounts { A { } }"
    )

    def answer(sign: bool, key: str = pair.public_key) -> bytes:
        wire = Wire(server)
        (info,) = infos(wire.received())
        nonce = info["nonce"].encode() if sign else b"another"
        signature = base64.urlsafe_b64encode(pair.sign(nonce)).rstrip(b"=").decode()
        return wire.send(connect(nkey=key, sig=signature))

    assert infos(answer(True))[0]["remote_account"] == "A"
    assert answer(False) == b"-ERR 'Authorization Violation'\r\n"
    assert answer(True, KeyPair.generate("U").public_key) == b"-ERR 'Authorization Violation'\r\n"


PERMISSIONS = """
accounts { A { users [ { user: u, password: p, permissions {
    publish { allow: ["in.>", "both"], deny: "in.not" }
    subscribe { allow: ["out.>", "both"], deny: "out.not" }
} } ] } }
"""


def test_permissions_of_a_user_are_told_and_enforced(world: World) -> None:
    server = hub(world, more=PERMISSIONS)
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


def test_a_leaf_may_not_want_to_hear_what_its_user_may_not(world: World) -> None:
    wire = Wire(hub(world, more=PERMISSIONS))
    wire.received()
    wire.send(connect(user="u", **{"pass": "p"}))
    assert wire.send(b"LS+ >\r\n") == b""
    assert wire.send(b"LS+ secret\r\n") == (
        b"-ERR 'Permissions Violation for Subscription to \"secret\"'\r\n"
    )
    assert wire.closed


def test_an_account_has_room_for_so_many_leafs(world: World) -> None:
    server = hub(world, USERS, "accounts { A { } }")
    limited = AccountOptions("A", limits=AccountLimits(max_leafnodes=1))
    server.clients.accounts.update(limited)
    wires = []
    for name in ("one", "two"):
        wire = Wire(server)
        wire.received()
        wires.append(wire)
        answer = wire.send(connect(user="a", name=name, **{"pass": "pa"}))
    assert answer == b"-ERR 'maximum account active connections exceeded'\r\n"
    assert [wire.closed for wire in wires] == [False, True]
    server.clients.accounts.update(replace(limited, limits=AccountLimits(max_leafnodes=0)))
    world.settle()
    assert wires[0].closed


def test_a_server_that_comes_again_replaces_its_old_link(world: World) -> None:
    server = hub(world)
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


def test_who_sends_its_own_loop_subject_back_makes_a_circle(world: World) -> None:
    server = hub(world)
    wire = Wire(server)
    wire.send(connect())
    loop = server.context.interest.loop_subject("$G")
    assert wire.send(b"LS+ %b\r\n" % loop) == (
        b'-ERR \'Loop detected for leafnode account="$G".'
        b" Delaying attempt to reconnect for 30s'\r\n"
    )
    assert wire.closed


def test_imported_services_and_mappings_are_told_as_interest(world: World) -> None:
    server = hub(
        world,
        "authorization { users [ { user: a, password: a, account: A } ] }",
        """
        accounts {
            A {
                imports [ { service: { account: B, subject: svc }, to: "my.svc" } ]
                mappings { "old.*": "new.$1" }
            }
            B { exports [ { service: svc } ] }
        }
        """,
    )
    wire = Wire(server)
    wire.received()
    answer = wire.send(connect(user="a", **{"pass": "a"}))
    assert b"LS+ my.svc\r\n" in answer
    assert b"LS+ old.*\r\n" in answer
    server.client("B").answer("svc", b"served")
    wire.received()
    assert b"served" in wire.send(b"LS+ _INBOX.1\r\nLMSG my.svc _INBOX.1 1\r\n?\r\n")


def test_a_first_ping_measures_the_round_trip_and_silence_ends_the_link(world: World) -> None:
    server = hub(world, more="ping_interval: 10s\nping_max: 1")
    wire = Wire(server)
    wire.send(connect())
    world.pass_time(1.3)
    assert wire.received() == b"PING\r\n"
    wire.send(b"PONG\r\n")
    assert server.leaf.rtt > 0
    world.pass_time(11)
    assert wire.received() == b"PING\r\n"
    world.pass_time(11)
    assert wire.received() == b"-ERR 'Stale Connection'\r\n"
    assert wire.closed


def test_a_server_that_stops_accepts_nobody(world: World) -> None:
    server = hub(world)
    server.clients.registry.accepting = False
    wire = Wire(server)
    assert wire.received() == b""
    assert wire.closed
