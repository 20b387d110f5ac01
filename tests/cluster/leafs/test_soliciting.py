"""Connecting to a hub, from exact bytes."""

from __future__ import annotations

import base64
import json
from pathlib import Path
from typing import Any

import pytest

from pubsub.auth.jwt.keys import KeyPair
from pubsub.auth.signatures import is_signed_by
from pubsub.errors import ClosedState
from tests.cluster.leafs.world import Hub, Server, World

INFO = {
    "server_id": "NHUB",
    "server_name": "there",
    "version": "2.9.10",
    "headers": True,
    "client_id": 7,
    "leafnode_urls": ["10.0.0.1:7422"],
    "nonce": "abc",
    "info_on_connect": True,
    "max_payload": 1048576,
}


def info(**fields: Any) -> bytes:
    """An INFO line."""
    return b"INFO %b \r\n" % json.dumps({**INFO, **fields}).encode()


def second(**fields: Any) -> bytes:
    """The INFO that answers CONNECT."""
    return info(connect_info=True, remote_account="THERE", **fields)


def connect_of(data: bytes) -> dict[str, Any]:
    """What the CONNECT line in ``data`` says."""
    verb, _, argument = data.partition(b" ")
    assert verb == b"CONNECT"
    connect: dict[str, Any] = json.loads(argument.splitlines()[0])
    return connect


def spoke(world: World, remote: str = "", more: str = "", url: str = "127.0.0.1") -> Server:
    """A server that connects to the hub at 7422."""
    text = f'leafnodes {{ remotes [ {{ url: "{url}", no_randomize: true\n{remote} }} ] }}\n{more}'
    return world.server("spoke", text)


def test_connect_says_who_it_is(world: World) -> None:
    hub = Hub(world, 7422)
    spoke(world, "deny_imports: [a.b, c]\nrequest_isolation: true").start()
    assert hub.received() == b""
    assert connect_of(hub.send(info())) == {
        "version": "2.15.0",
        "server_id": "Nspoke",
        "name": "spoke",
        "cluster": "spoke",
        "headers": True,
        "deny_pub": ["a.b", "c"],
        "isolate": True,
        "compress_mode": "not supported",
        "remote_account": "$G",
        "protocol": 1,
    }


def test_info_is_read_in_pieces(world: World) -> None:
    hub = Hub(world, 7422)
    server = spoke(world).start()
    for byte in info(compression="s2_auto") + second():
        hub.wires[-1].transport.write(bytes([byte]))
        world.settle()
    data = hub.received()
    assert connect_of(data)["compress_mode"] == "off"
    loop = server.context.interest.loop_subject("$G")
    assert data.endswith(b"\r\nLS+ %b\r\n" % loop)
    leaf = server.leaf
    assert (leaf.remote_server, leaf.remote_account, leaf.spoke) == ("there", "THERE", True)


def test_an_old_hub_sends_no_second_info(world: World) -> None:
    hub = Hub(world, 7422)
    server = spoke(world).start()
    hub.send(info(info_on_connect=False))
    assert server.leaf.linked


def test_only_local_interest_is_told(world: World) -> None:
    hub = Hub(world, 7422)
    server = spoke(world).start()
    client = server.client()
    client.subscribe("s")
    client.subscribe("s", "q")
    told = hub.send(info() + second())
    assert b"LS+ s\r\n" in told
    assert b"LS+ s q 1\r\n" in told
    assert hub.send(b"LS+ theirs\r\n") == b""
    client.publish("theirs", b"m")
    assert hub.received() == b"LMSG theirs 1\r\nm\r\n"
    assert hub.send(b"LMSG s 2\r\nhi\r\n") == b""
    assert client.heard == [(b"s", b"hi")]


def test_user_and_password_of_the_url(world: World) -> None:
    hub = Hub(world, 7422)
    spoke(world, url="nats://me:p%40ss@127.0.0.1:7422").start()
    shown = connect_of(hub.send(info()))
    assert (shown["user"], shown["pass"]) == ("me", "p@ss")
    assert "auth_token" not in shown


def test_a_user_alone_is_a_token_too(world: World) -> None:
    hub = Hub(world, 7422)
    spoke(world, url="nats://secret@127.0.0.1:7422").start()
    shown = connect_of(hub.send(info()))
    assert (shown["user"], shown["auth_token"]) == ("secret", "secret")


def test_an_nkey_signs_the_nonce(world: World) -> None:
    pair = KeyPair.generate("U")
    hub = Hub(world, 7422)
    spoke(world, f"nkey: {pair.seed}").start()
    shown = connect_of(hub.send(info()))
    assert shown["nkey"] == pair.public_key
    signature = base64.urlsafe_b64decode(shown["sig"] + "==")
    assert is_signed_by(pair.public_key, b"abc", signature)


def test_a_credentials_file_is_read_for_each_connection(world: World, tmp_path: Path) -> None:
    pair = KeyPair.generate("U")
    file = tmp_path / "user.creds"
    hub = Hub(world, 7422)
    server = spoke(world, f'credentials: "{file}"').start()
    hub.send(info())
    assert not server.context.linked
    file.write_text(
        "-----BEGIN NATS USER JWT-----\nabc.def.ghi\n------END NATS USER JWT------\n\n"
        f"-----BEGIN USER NKEY SEED-----\n{pair.seed}\n------END USER NKEY SEED------\n"
    )
    world.pass_time(1.1)
    shown = connect_of(hub.send(info()))
    assert shown["jwt"] == "abc.def.ghi"
    assert is_signed_by(pair.public_key, b"abc", base64.urlsafe_b64decode(shown["sig"] + "=="))


def test_the_hubs_permissions_and_our_own_denials_are_enforced(world: World) -> None:
    hub = Hub(world, 7422)
    server = spoke(world, "deny_imports: in.no\ndeny_exports: out.no").start()
    client = server.client()
    for subject in ("in.*", "in.no", "else", "$KV.>"):
        client.subscribe(subject)
    hub.send(info())
    told = hub.send(
        second(
            **{"import": {"allow": ["in.>"], "deny": ["in.never"]}, "export": {"allow": ["out.>"]}}
        )
    )
    assert [line for line in told.splitlines() if b"$LDS" not in line] == [b"LS+ in.*"]
    assert hub.send(b"LS+ >\r\nLS+ secret\r\n") == b""
    for subject in ("out.yes", "out.no", "secret", "$JS.API.INFO"):
        client.publish(subject, b"")
    assert hub.received() == b"LMSG out.yes 0\r\n\r\n"
    for subject in (b"in.yes", b"in.no", b"in.never", b"else"):
        assert hub.send(b"LMSG %b 0\r\n\r\n" % subject) == b""
    assert client.heard == [(b"in.yes", b"")]


def test_permissions_may_change_while_it_is_linked(world: World) -> None:
    hub = Hub(world, 7422)
    server = spoke(world).start()
    client = server.client()
    client.subscribe("a")
    client.subscribe("b")
    hub.send(info() + second())
    assert hub.send(second(**{"import": {"allow": ["a"]}})) == b"LS- b\r\n"
    assert hub.send(second(**{"import": {"allow": ["a", "b"]}})) == b"LS+ b\r\n"


@pytest.mark.parametrize(
    ("line", "state"),
    [
        (b"HTTP/1.1 400 Bad Request\r\n", ClosedState.PARSE_ERROR),
        (b"INFO {\r\n", ClosedState.PROTOCOL_VIOLATION),
        (b"INFO []\r\n", ClosedState.PROTOCOL_VIOLATION),
        (b'INFO {"leafnode_urls": "x"}\r\n', ClosedState.PROTOCOL_VIOLATION),
        (info(leafnode_urls=None), ClosedState.WRONG_PORT),
        (info(client_id=0), ClosedState.WRONG_PORT),
        (info(cluster="a b"), ClosedState.PROTOCOL_VIOLATION),
    ],
)
def test_what_is_no_leaf_node_port_is_left(world: World, line: bytes, state: ClosedState) -> None:
    hub = Hub(world, 7422)
    server = spoke(world).start()
    (leaf,) = server.context.coming.values()
    hub.send(line)
    assert leaf.closed_state is state
    assert hub.wires[-1].closed


def test_nothing_may_be_said_between_info_and_tls(world: World) -> None:
    """Whoever is in between could have said it."""
    hub = Hub(world, 7422)
    server = spoke(world).start()
    (leaf,) = server.context.coming.values()
    hub.send(info(tls_required=True) + b"LS+ stolen\r\n")
    assert leaf.closed_state is ClosedState.TLS_HANDSHAKE_ERROR
    assert hub.wires[-1].closed


def test_an_endless_first_line_is_not_kept(world: World) -> None:
    hub = Hub(world, 7422)
    server = spoke(world).start()
    (leaf,) = server.context.coming.values()
    hub.send(b"x" * 300_000)
    assert leaf.closed_state is ClosedState.PARSE_ERROR


def test_a_hub_that_says_nothing_is_left(world: World) -> None:
    hub = Hub(world, 7422)
    spoke(world, "first_info_timeout: 500ms").start()
    world.pass_time(0.6)
    assert hub.wires[0].closed


def test_a_hub_that_does_not_answer_connect_is_left(world: World) -> None:
    hub = Hub(world, 7422)
    spoke(world).start()
    hub.send(info())
    world.pass_time(2.1)
    assert hub.wires[0].data.endswith(b"-ERR 'Stale Connection'\r\n")
    assert hub.wires[0].closed


def test_without_its_account_there_is_no_link(world: World) -> None:
    hub = Hub(world, 7422)
    server = spoke(world, "account: A", "accounts { A { } }")
    server.clients.accounts.remove("A")
    server.start()
    assert hub.wires[0].closed
    world.pass_time(1.1)
    assert len(hub.wires) > 1


def test_a_cluster_that_is_our_leaf_already_makes_a_circle(world: World) -> None:
    hub = Hub(world, 7422)
    server = world.server(
        "middle", 'leafnodes { port: 7500, remotes [ { url: "127.0.0.1", no_randomize: true } ] }'
    )
    world.server("below", 'leafnodes { remotes [ { url: "127.0.0.1:7500" } ] }').start()
    server.start()
    answer = hub.send(info(cluster="below") + second())
    assert b'-ERR \'Loop detected for leafnode account="$G".' in answer
    world.pass_time(29)
    assert len(hub.wires) == 1
    world.pass_time(2)
    assert len(hub.wires) == 2
