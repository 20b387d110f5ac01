"""What no server would say, on each port: before CONNECT, and from somebody who was let in.

For clients' ports alone there is ``tests/hostile``; here the others are tried, and that clients of
two members, between whom all goes over a route, notice nothing.
"""

from __future__ import annotations

import random
from contextlib import suppress

import pytest

from tests.cluster.processes import Cluster, resident
from tests.faults.doors import WELCOME, open_house
from tests.faults.ears import Ears, publish
from tests.hostile.peers import Peer, hello
from tests.hostile.servers import needs_proc
from tests.patience import wait_for

pytestmark = needs_proc

MEBIBYTE = 1 << 20
#: what a server may grow by, whatever it is sent
MOST_GROWTH = 16 * MEBIBYTE
_NOISE = random.Random(4).randbytes(20_000)

#: on every port, whether somebody was let in or not
ANYBODY: dict[str, bytes] = {
    "noise": _NOISE,
    "zeros": bytes(20_000),
    "a browser": b"GET / HTTP/1.1\r\nHost: localhost\r\nUpgrade: websocket\r\n\r\n",
    "TLS": b"\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03" + _NOISE[:600],
    "a verb nobody knows": b"HELLO world\r\n",
    "a line without an end": b"PING" + b" " * 20_000 + b"x" * 200_000,
    "CONNECT without an end": b"CONNECT {" + b'"a":' * 100_000,
    "CONNECT that is no JSON": b"CONNECT {\xff\xfe}\r\n",
    "CONNECT too deep": b"CONNECT " + b"[" * 3000 + b"\r\n",
    "CONNECT of wrong types": b'CONNECT {"name": 1, "cluster": [], "headers": "no"}\r\n',
    "INFO of wrong types": b'INFO {"server_id": 1, "cluster": [], "port": "x"}\r\n',
    "INFO too deep": b"INFO " + b'{"a":' * 3000 + b"\r\n",
    "end": b"",
}

#: from who was let in
MEMBERS: dict[str, dict[str, bytes]] = {
    "client": {
        "words of routes": b"RS+ $G foo\r\nRMSG $G foo 1\r\nx\r\n",
        "no size": b"PUB foo x\r\n",
    },
    "route": {
        "words of clients": b"SUB foo 1\r\n",
        "a size below zero": b"RMSG $G foo -1\r\n",
        "a huge size": b"RMSG $G foo 99999999999999999999\r\n",
        "a header beyond its message": b"HMSG $G foo 9 3\r\nabc\r\n",
        "a payload that does not end": b"RMSG $G foo 3\r\nabcdef\r\n",
        "no account": b"RMSG\r\n",
        "RS+ of too much": b"RS+ $G foo q 1 2 3\r\n",
        "RS+ of no weight": b"RS+ $G foo q many\r\n",
        "RS+ of too long a line": b"RS+ $G " + b"a" * 200_000 + b"\r\n",
        "LMSG without an origin": b"LMSG\r\n",
    },
    "leaf": {
        "words of clients": b"SUB foo 1\r\n",
        "words of routes": b"RS+ $G foo\r\n",
        "a size below zero": b"LMSG foo -1\r\n",
        "a huge size": b"LMSG foo 99999999999999999999\r\n",
        "a header beyond its message": b"HMSG foo 9 3\r\nabc\r\n",
        "LS+ of no weight": b"LS+ foo q many\r\n",
        "LS+ of too long a line": b"LS+ " + b"a" * 200_000 + b"\r\n",
        "LMSG of nothing": b"LMSG\r\n",
    },
    "gateway": {
        "words of clients": b"SUB foo 1\r\n",
        "words of leaf nodes": b"LS+ foo\r\nLMSG foo 1\r\nx\r\n",
        "a size below zero": b"RMSG $G foo -1\r\n",
        "a huge size": b"RMSG $G foo 99999999999999999999\r\n",
        "a header beyond its message": b"HMSG $G foo 9 3\r\nabc\r\n",
        "an answer to nobody": b"RMSG $G _GR_.abcdef.ghijkl.x 1\r\nx\r\n",
        "an answer cut short": b"RMSG $G _GR_.abc 1\r\nx\r\n",
        "RS+ of no weight": b"RS+ $G foo q many\r\n",
        "RS+ of too long a line": b"RS+ $G " + b"a" * 200_000 + b"\r\n",
        "A- of nothing": b"A-\r\n",
        "INFO of an impossible command": b'INFO {"gateway":"G","gateway_cmd":77}\r\n',
        "INFO of a command for no account": b'INFO {"gateway":"G","gateway_cmd":2}\r\n',
    },
}


def test_garbage_harms_nobody_else(cluster: Cluster, ears: Ears, kind: str) -> None:
    """All of it, on all ports; what is open afterwards is what was open before."""
    a, doors = open_house(cluster, kind)
    b = cluster.join("b", kind, "a")
    wait_for(cluster.meshed)
    near, far = ears.listen(a, "to.a"), ears.listen(b, "to.b")
    wait_for(lambda: cluster.heard("a")["b"]["to.b", ""] == 1)
    wait_for(lambda: cluster.heard("b")["a"]["to.a", ""] == 1)
    talkers = {"to.b": ears.talker(a), "to.a": ears.talker(b)}
    said = 0

    def witnesses() -> None:
        nonlocal said
        for subject, talker in talkers.items():
            publish(talker, subject, b"%d" % said)
        said += 1

    witnesses()
    before = resident(a)
    for door, port in doors.items():
        attempts = [(b"", data) for data in ANYBODY.values()]
        members = [*ANYBODY.values(), *MEMBERS[door].values()]
        attempts += [(WELCOME[door], data) for data in members]
        for welcome, data in attempts:
            _say(port, welcome + data)
            witnesses()
    numbers = [b"%d" % number for number in range(said)]
    wait_for(lambda: near.payloads("to.a") == numbers)
    wait_for(lambda: far.payloads("to.b") == numbers)
    grown = resident(a) - before
    assert grown < MOST_GROWTH
    assert cluster.peers("b") == {"a"}
    wait_for(lambda: cluster.peers("a") == {"b"}, "nobody else is a member")
    wait_for(lambda: cluster.page("a", "leafz")["leafs"] == [])
    wait_for(lambda: cluster.page("a", "gatewayz")["inbound_gateways"] == {})
    wait_for(lambda: cluster.page("a", "varz")["connections"] == 2)


def _say(port: int, data: bytes) -> None:
    """Say it; the server may have gone before the end."""
    with Peer(port, info=False) as peer, suppress(OSError):
        peer.line()
        peer.send(data)
        peer.half_close()
        peer.rest()


#: port, what is sent at once, and what is answered before it is closed
EXACT: list[tuple[str, bytes, bytes]] = [
    ("client", hello() + b"HELLO\r\n", b"-ERR 'Unknown Protocol Operation'\r\n"),
    ("client", hello() + b"SUB " + b"a" * 5000, b"-ERR 'maximum control line exceeded'\r\n"),
    ("route", WELCOME["route"] + b"HELLO\r\n", b"-ERR 'Unknown Protocol Operation'\r\n"),
    ("leaf", WELCOME["leaf"] + b"HELLO\r\n", b"-ERR 'Unknown Protocol Operation'\r\n"),
    ("gateway", WELCOME["gateway"] + b"HELLO\r\n", b"-ERR 'Unknown Protocol Operation'\r\n"),
    ("gateway", WELCOME["gateway"] + b"RMSG $G foo -1\r\n", b""),
    ("route", WELCOME["route"] + b"RMSG $G foo -1\r\n", b""),
    ("leaf", WELCOME["leaf"] + b"LMSG foo -1\r\n", b""),
]


@pytest.mark.compared
@pytest.mark.parametrize("router", ["native", "python", "newer"])
def test_what_is_answered(cluster: Cluster, router: str) -> None:
    """As nats-server does."""
    _, doors = open_house(cluster, router)
    for door, data, answer in EXACT:
        with Peer(doors[door], info=False) as peer:
            assert peer.line().startswith(b"INFO ")
            peer.send(data)
            assert _errors(peer.rest()) == answer, (door, data[-20:])


def _errors(text: bytes) -> bytes:
    return b"".join(line for line in text.splitlines(keepends=True) if line.startswith(b"-ERR"))
