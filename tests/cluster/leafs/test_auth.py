"""Who a leaf node is."""

from __future__ import annotations

import base64
from pathlib import Path
from typing import Any

import pytest
from twisted.internet.defer import Deferred, succeed

from pubsub.auth.jwt.keys import KeyPair
from pubsub.cluster.leafs.auth import make_leaf_users
from pubsub.config.options import LeafNodeOptions, LeafUserOptions, TlsOptions
from pubsub.errors import AuthenticationFailed
from pubsub.interfaces import ConnectionAttempt, Identity, PeerKind
from tests.certs import Authority
from tests.cluster.leafs.world import Wire, World, a_hub, connect, infos

USERS = """
authorization { users [
    { user: a, password: pa, account: A }
    { user: b, password: pb }
] }
"""


def test_the_listeners_own_users_have_accounts(world: World) -> None:
    server = a_hub(world, USERS, "accounts { A { } }")
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
    server = a_hub(
        world, "authorization { user: u, password: p, account: A }", "accounts { A { } }"
    )
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
    server = a_hub(
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


def test_without_users_of_its_own_those_of_the_server_are_asked(world: World) -> None:
    server = a_hub(
        world,
        more="accounts { A { users [ { user: a, password: a }, { user: n, password: n } ] } }"
        "\nno_auth_user: n",
    )
    for fields, account in (
        ({"user": "a", "pass": "a"}, "A"),
        ({}, "A"),
        ({"user": "a", "pass": "b"}, ""),
        ({"user": "x", "pass": "b"}, ""),
    ):
        wire = Wire(server)
        wire.received()
        answer = wire.send(connect(**fields))
        if account:
            assert infos(answer)[0]["remote_account"] == account
        else:
            assert answer == b"-ERR 'Authorization Violation'\r\n"


class Slow:
    """An authenticator that takes its time, or fails."""

    required = True

    def __init__(self) -> None:
        self.asked: list[ConnectionAttempt] = []
        self.answer: Deferred[Identity | None] = Deferred()

    def authenticate(self, attempt: ConnectionAttempt) -> Deferred[Identity | None]:
        self.asked.append(attempt)
        return self.answer


def test_an_answer_may_take_its_time(world: World) -> None:
    server, slow = a_hub(world), Slow()
    server.context.authenticator = slow
    client = server.client()
    client.subscribe("s")
    wire = Wire(server)
    wire.received()
    assert wire.send(connect() + b"LMSG s 1\r\nx\r\n") == b""
    (attempt,) = slow.asked
    assert (attempt.kind, attempt.connection_type) == (PeerKind.LEAF, "LEAFNODE")
    slow.answer.callback(Identity("late"))
    assert b"LS+ s\r\n" in wire.received()
    assert client.heard == [(b"s", b"x")]
    assert server.leaf.identity.user == "late"


def test_who_goes_meanwhile_is_not_waited_for(world: World) -> None:
    server, slow = a_hub(world), Slow()
    server.context.authenticator = slow
    wire = Wire(server)
    wire.send(connect())
    wire.close()
    assert slow.answer.called
    assert not server.context.all()


def test_a_broken_authenticator_lets_nobody_in(world: World, logged_failures: Any) -> None:
    class Broken:
        required = True

        def authenticate(self, attempt: ConnectionAttempt) -> None:
            raise ZeroDivisionError

    server = a_hub(world)
    server.context.authenticator = Broken()
    wire = Wire(server)
    wire.received()
    assert wire.send(connect()) == b"-ERR 'Authorization Violation'\r\n"
    logged_failures.flush(ZeroDivisionError)


def test_a_trusted_proxy_may_be_required(world: World) -> None:
    pair, other = KeyPair.generate("N"), KeyPair.generate("N")
    server = a_hub(
        world,
        "authorization { users [ { user: a, password: a, proxy_required: true },"
        " { user: b, password: b } ] }",
        f"proxies {{ trusted [ {{ key: {pair.public_key} }} ] }}",
    )

    def answer(user: str, signer: KeyPair | None) -> bytes:
        wire = Wire(server)
        (info,) = infos(wire.received())
        fields = {"user": user, "pass": user}
        if signer is not None:
            signature = signer.sign(info["nonce"].encode())
            fields["proxy_sig"] = base64.urlsafe_b64encode(signature).rstrip(b"=").decode()
        return wire.send(connect(**fields))

    assert answer("a", None) == b"-ERR 'Authorization Violation'\r\n"
    assert answer("b", other) == b"-ERR 'Authorization Violation'\r\n"
    assert infos(answer("b", None))
    assert infos(answer("a", pair))
    keys = {leaf.identity.user: leaf.identity.proxy_key for leaf in server.context.linked.values()}
    assert keys == {"a": pair.public_key, "b": ""}


def test_a_proxy_may_be_required_of_all(world: World) -> None:
    pair = KeyPair.generate("U")
    for users in ("user: a, password: a", f"nkey: {pair.public_key}"):
        server = a_hub(world, f"authorization {{ {users}, proxy_required: true }}")
        wire = Wire(server)
        wire.received()
        answer = wire.send(connect(user="a", **{"pass": "a"}, nkey=pair.public_key))
        assert answer == b"-ERR 'Authorization Violation'\r\n"


def test_the_user_may_be_whom_the_certificate_names(tmp_path: Path) -> None:
    authority = Authority(tmp_path)
    users = (
        LeafUserOptions("edge.example"),
        LeafUserOptions("CN=named", "pw", "A"),
    )
    options = LeafNodeOptions(users=users, tls=TlsOptions(verify_and_map=True))
    mapped = make_leaf_users(options, lambda *arguments: succeed(None), lambda: 0.0)
    assert mapped is not None

    def ask(certificate: bytes, **connect: str) -> Any:
        return mapped.authenticate(
            ConnectionAttempt(connect, "1.2.3.4:5", tls_certificate=certificate)
        )

    by_name = authority.issue("x", names=("edge.example",)).der
    assert ask(by_name, user="somebody").user == "edge.example"
    by_subject = authority.issue("named", client=True).der
    assert ask(by_subject, **{"pass": "pw"}).account == "A"
    nobody = authority.issue("nobody", names=("other.example",)).der
    for certificate in (by_subject, nobody, b"", b"garbage"):
        with pytest.raises(AuthenticationFailed):
            ask(certificate, user="edge.example")
