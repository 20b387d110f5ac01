"""What the other end of a leaf node link wants to hear, and what it complains of."""

from __future__ import annotations

import pytest

from tests.cluster.leafs.world import Wire, World, a_hub, connect

PERMISSIONS = """
accounts { A { users [ { user: u, password: p, permissions {
    publish { allow: ["in.>", "both"], deny: "in.not" }
    subscribe { allow: ["out.>", "both"], deny: "out.not" }
} } ] } }
"""


def test_messages_and_interest_cross(world: World, pieces: int) -> None:
    server = a_hub(world)
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


@pytest.mark.parametrize(
    "line", [b"LS+ a b\r\n", b"LS+ a b 1 x\r\n", b"PUB a 0\r\n", b"RS+ $G a\r\n"]
)
def test_lines_that_leaf_nodes_do_not_send_close(world: World, line: bytes) -> None:
    wire = Wire(a_hub(world))
    wire.send(connect())
    wire.send(line)
    assert wire.closed


def test_a_leaf_may_not_want_to_hear_what_its_user_may_not(world: World) -> None:
    wire = Wire(a_hub(world, more=PERMISSIONS))
    wire.received()
    wire.send(connect(user="u", **{"pass": "p"}))
    assert wire.send(b"LS+ >\r\n") == b""
    assert wire.send(b"LS+ secret\r\n") == (
        b"-ERR 'Permissions Violation for Subscription to \"secret\"'\r\n"
    )
    assert wire.closed


def test_who_sends_its_own_loop_subject_back_makes_a_circle(world: World) -> None:
    server = a_hub(world)
    wire = Wire(server)
    wire.send(connect())
    loop = server.context.interest.loop_subject("$G")
    assert wire.send(b"LS+ %b\r\n" % loop) == (
        b'-ERR \'Loop detected for leafnode account="$G".'
        b" Delaying attempt to reconnect for 30s'\r\n"
    )
    assert wire.closed
