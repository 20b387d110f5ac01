"""Reloads of users, accounts and permissions that need more than passwords to show.

What nats-server does likewise is in ``tests/interop/accounts/reload.txt``, byte for byte.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from threading import Event
from types import SimpleNamespace
from typing import Any

import pytest
import pytest_twisted
from twisted.internet import reactor as installed
from twisted.internet.task import deferLater

from pubsub.auth import passwords
from pubsub.config.build import configure
from pubsub.config.options import Options
from pubsub.errors import ConfigError, PubSubError, ReloadRefused
from tests.certs import Authority
from tests.patience import PATIENCE, until
from tests.server.auth_kinds import PASSWORDS, Place
from tests.server.auth_kinds_keys import by_creds
from tests.server.auth_nsc import Key, Operator, creds_file, user_token
from tests.server.auth_visitor import accepted, join, refused, welcomed
from tests.server.conftest import Serve, Served
from tests.server.peer import Peer

reactor: Any = installed

VIOLATION = b"-ERR 'Authorization Violation'\r\n"
ANN = {"user": "ann", "pass": "p"}
BEN = {"user": "ben", "pass": "p"}

TWO = """
accounts {
  A { users: [ { user: ann, password: p } ] },
  B { users: [ { user: ben, password: p } ] }
}
"""


def _options(text: str) -> Options:
    return replace(configure(text=text, path="server.conf").options, host="127.0.0.1", port=-1)


async def _serve(serve: Serve, router: str, text: str) -> Served:
    options = _options(text)
    values = {name: getattr(options, name) for name in Options.__dataclass_fields__}
    return await serve(**{**values, "router": router})


def _reload(one: Served, text: str) -> None:
    """The file holds this now."""
    one.options = replace(_options(text), router=one.options.router)
    one.server.reload()


async def _is_refused(one: Served, fields: dict[str, Any]) -> bool:
    peer, _ = await join(one)
    return await refused(peer, fields) == VIOLATION


# from one kind of credentials to another


@pytest_twisted.ensureDeferred
async def test_one_user_in_place_of_accounts(serve: Serve, router: str) -> None:
    """Who is not that user has to go, and who is comes back into the global account.

    nats-server leaves both in accounts that are not there any more.
    """
    one = await _serve(serve, router, TWO)
    ann, ben = await welcomed(one, ANN), await welcomed(one, BEN)
    _reload(one, "authorization { user: ann, password: p }")
    assert await ann.closed() == b""
    assert await ben.closed() == b""
    assert await _is_refused(one, BEN)
    await welcomed(one, ANN)
    assert [c.link.account for c in one.server.registry.open.values() if c.link] == ["$G"]


@pytest_twisted.ensureDeferred
async def test_accounts_in_place_of_one_user(serve: Serve, router: str) -> None:
    """The user of that name is in another account now."""
    one = await _serve(serve, router, "authorization { user: ann, password: p }")
    ann = await welcomed(one, ANN)
    _reload(one, TWO)
    assert await ann.closed() == b""
    await welcomed(one, ANN)


@pytest_twisted.ensureDeferred
async def test_a_token_in_place_of_nothing(serve: Serve, router: str) -> None:
    one = await _serve(serve, router, "")
    nobody = await welcomed(one, {})
    bearer = await welcomed(one, {"auth_token": "t0ken"})
    _reload(one, "authorization { token: t0ken }")
    assert await nobody.closed() == VIOLATION
    assert await bearer.ask(b"") == b""
    _reload(one, "authorization { token: an0ther }")
    assert await bearer.closed() == VIOLATION


@pytest_twisted.ensureDeferred
async def test_keys_in_place_of_passwords(serve: Serve, router: str) -> None:
    """INFO begins to carry a nonce with the reload, and ends to."""
    one = await _serve(serve, router, TWO)
    key = Key("U")
    ann = await welcomed(one, ANN)
    keys = f"accounts {{ A {{ users: [ {{ nkey: {key.public} }} ] }} }}"
    _reload(one, keys)
    assert await ann.closed() == b""
    signed = await welcomed(one, lambda nonce: {"nkey": key.public, "sig": key.sign_nonce(nonce)})
    _reload(one, keys.replace("A {", "A2 {"))
    assert await signed.closed() == b""
    _reload(one, TWO)
    assert "nonce" not in await (await one.peer()).info()


@pytest_twisted.ensureDeferred
async def test_a_key_whose_nonce_is_from_before_is_still_good(serve: Serve, router: str) -> None:
    """It was challenged before the reload, and answers after it."""
    key = Key("U")
    keys = f"accounts {{ A {{ users: [ {{ nkey: {key.public} }} ] }} }}"
    one = await _serve(serve, router, keys)
    peer, info = await join(one)
    _reload(one, keys + "\nmax_payload: 1000")
    fields = {"nkey": key.public, "sig": key.sign_nonce(info["nonce"])}
    assert await accepted(peer, fields) == b"+OK\r\nPONG\r\n"


@pytest.mark.parametrize("user", ["ben", ""])
@pytest_twisted.ensureDeferred
async def test_no_auth_user_stays(serve: Serve, router: str, user: str) -> None:
    """Another one, or none, needs a restart, as in nats-server: nothing changes."""
    one = await _serve(serve, router, TWO + "no_auth_user: ann")
    guest = await welcomed(one, {})
    with pytest.raises(ReloadRefused, match="config reload not supported for NoAuthUser"):
        _reload(one, TWO + (f"no_auth_user: {user}" if user else ""))
    assert await guest.ask(b"") == b""
    await welcomed(one, {})


@pytest_twisted.ensureDeferred
async def test_who_is_the_no_auth_user_may_change(serve: Serve, router: str) -> None:
    one = await _serve(serve, router, TWO + "no_auth_user: ann")
    guest, ann = await welcomed(one, {}), await welcomed(one, ANN)
    await guest.ask(b"SUB a 1\r\nSUB b 2\r\n")
    permissions = 'password: p, permissions: { subscribe: "a" }'
    _reload(one, TWO.replace("password: p", permissions, 1) + "no_auth_user: ann")
    assert await guest.ask(b"") == (
        b'-ERR \'Permissions Violation for Subscription to "b" (sid "2")\'\r\n'
    )
    assert await ann.ask(b"") == b""
    moved = TWO.replace("ann", "eve").replace(
        "ben, password: p }", "ben, password: p }, { user: ann, password: p }"
    )
    _reload(one, moved + "no_auth_user: ann")
    assert await guest.closed() == b""
    assert await ann.closed() == b""
    await welcomed(one, {})
    assert one.server.live.connections("B") == 1


@pytest.mark.filterwarnings("ignore:Passing pyOpenSSL:DeprecationWarning")
@pytest_twisted.ensureDeferred
async def test_certificates_are_mapped_to_other_users(
    serve: Serve, router: str, tmp_path: Path
) -> None:
    ca = Authority(tmp_path)
    server, client = ca.issue("server"), ca.issue("ann", client=True)
    tls = (
        f'tls {{ cert_file: "{server.cert_file}", key_file: "{server.key_file}", '
        f'ca_file: "{ca.cert_file}", verify_and_map: true }}\n'
    )
    a = 'accounts { A { users: [ { user: "CN=ann" } ] } }\n'
    one = await _serve(serve, router, tls + a)

    async def come() -> Peer:
        peer, _ = await join(one, ca, client)
        assert await accepted(peer, {}) == b"+OK\r\nPONG\r\n"
        return peer

    ann = await come()
    _reload(one, tls + a.replace("A {", "B {"))
    assert await ann.closed() == b""
    ann = await come()
    _reload(one, tls + a.replace("ann", "ben"))
    assert await ann.closed() == b""
    peer, _ = await join(one, ca, client)
    assert await refused(peer, {}) == VIOLATION


# limits


@pytest_twisted.ensureDeferred
async def test_limits_of_an_account(serve: Serve, router: str) -> None:
    """Who came last goes first."""
    one = await _serve(serve, router, TWO)
    first, last = await welcomed(one, ANN), await welcomed(one, ANN)
    limits = "limits { max_connections: 1, max_payload: 3, max_subscriptions: 1 }"
    _reload(one, TWO.replace("A {", f"A {{ {limits}, "))
    assert await last.closed() == b"-ERR 'maximum account active connections exceeded'\r\n"
    assert await first.ask(b"SUB a 1\r\nSUB b 2\r\n") == (
        b"-ERR 'maximum subscriptions exceeded'\r\n"
    )
    first.send(b"PUB a 4\r\n")
    assert await first.closed() == b"-ERR 'Maximum Payload Violation'\r\n"
    _reload(one, TWO)
    for _ in range(2):
        client = await welcomed(one, ANN)
        assert await client.ask(b"SUB a 1\r\nSUB b 2\r\nPUB b 4\r\nfour\r\n") == (
            b"MSG b 2 4\r\nfour\r\n"
        )


# operator mode


class Decentralised:
    """An operator, an account, a user, and the configuration they make."""

    def __init__(self, directory: Path) -> None:
        self.operator = Operator()
        self.account, self.other, self.user = Key("A"), Key("A"), Key("U")
        path = directory / "ann.creds"
        path.write_text(creds_file(user_token(self.user, self.account), self.user.seed))
        self._things = SimpleNamespace(creds={"ann": path})

    def connect(self) -> Callable[[str], Any]:
        return lambda nonce: by_creds("ann")(self._things, nonce)

    def config(self, *, gone: bool = False, **nats: Any) -> str:
        accounts = [self.operator.account(self.other, "B")]
        if not gone:
            accounts.append(self.operator.account(self.account, **nats))
        return self.operator.config(*accounts)


@pytest.mark.parametrize(
    ("change", "told"),
    [
        ({"gone": True}, b"-ERR 'Account Authentication Expired'\r\n"),
        ({"revocations": {"*": 4_000_000_000}}, b"-ERR 'User Authentication Revoked'\r\n"),
        (
            {"limits": {"conn": 0, "subs": -1, "payload": -1, "data": -1}},
            b"-ERR 'maximum account active connections exceeded'\r\n",
        ),
    ],
    ids=["no such account", "revoked", "no connections"],
)
@pytest_twisted.ensureDeferred
async def test_another_account_in_memory(
    serve: Serve, router: str, tmp_path: Path, change: dict[str, Any], told: bytes
) -> None:
    """Of the memory resolver: what a pushed account does, a reload does."""
    world = Decentralised(tmp_path)
    one = await _serve(serve, router, world.config())
    ann = await welcomed(one, world.connect())
    _reload(one, world.config(**change))
    assert await ann.closed() == told
    peer, info = await join(one)
    assert (await refused(peer, world.connect()(info["nonce"]))).startswith(b"-ERR ")


@pytest_twisted.ensureDeferred
async def test_other_default_permissions_in_memory(
    serve: Serve, router: str, tmp_path: Path
) -> None:
    world = Decentralised(tmp_path)
    one = await _serve(serve, router, world.config())
    ann = await welcomed(one, world.connect())
    await ann.ask(b"SUB a 1\r\nSUB b 2\r\n")
    _reload(one, world.config(default_permissions={"pub": {}, "sub": {"allow": ["a"]}}))
    assert await ann.ask(b"PUB a 2\r\nhi\r\n") == (
        b'-ERR \'Permissions Violation for Subscription to "b" (sid "2")\'\r\nMSG a 1 2\r\nhi\r\n'
    )


@pytest_twisted.ensureDeferred
async def test_the_operator_stays(serve: Serve, router: str, tmp_path: Path) -> None:
    """Another one needs a restart: nothing changes."""
    world = Decentralised(tmp_path)
    one = await _serve(serve, router, world.config())
    ann = await welcomed(one, world.connect())
    with pytest.raises(ReloadRefused, match="config reload not supported for"):
        _reload(one, Operator().config())
    assert await ann.ask(b"") == b""
    await welcomed(one, world.connect())


# what is wrong changes nothing


@pytest.mark.parametrize(
    "text",
    [
        TWO.replace("ben", "ann"),
        TWO.replace("password: p", 'password: "$2a$31$' + "x" * 53 + '"', 1),
        TWO + "no_auth_user: nobody",
        TWO.replace("B {", 'B { imports: [ { service: { account: A, subject: "ask" } } ], '),
        TWO.replace("B {", 'B { imports: [ { stream: { account: NONE, subject: "ask" } } ], '),
        TWO.replace("A {", 'A { exports: [ { stream: "a..b" } ], '),
        TWO.replace("p }", "p, permissions: { publish: 5 } }", 1),
        TWO + "authorization { token: t }",
        TWO + "authorization { plugin: no-such-plugin }",
        TWO + "system_account: NONE",
    ],
    ids=[
        "a user twice",
        "a hash that takes for ever",
        "no such no_auth_user",
        "no such export",
        "no such account",
        "no subject",
        "no permission",
        "a token beside users",
        "no such plugin",
        "no such system account",
    ],
)
@pytest_twisted.ensureDeferred
async def test_a_bad_configuration_changes_nothing(serve: Serve, router: str, text: str) -> None:
    one = await _serve(serve, router, TWO)
    ann, ben = await welcomed(one, ANN), await welcomed(one, BEN)
    await ann.ask(b"SUB a 1\r\n")
    before = one.server.options, one.server.context.authenticator, one.server.context.info
    with pytest.raises(PubSubError):
        _reload(one, text + "\nmax_payload: 10")
    assert (one.server.options, one.server.context.authenticator) == before[:2]
    assert one.server.context.info is before[2]
    payload = b"eleven bytes"
    assert await ann.ask(b"PUB a 12\r\n" + payload + b"\r\n") == b"MSG a 1 12\r\neleven bytes\r\n"
    assert await ben.ask(b"") == b""
    again = await welcomed(one, ANN)
    assert await again.ask(b"") == b""


@pytest_twisted.ensureDeferred
async def test_a_cycle_is_refused_by_name(serve: Serve, router: str) -> None:
    one = await _serve(serve, router, TWO)
    ann = await welcomed(one, ANN)
    share = (
        'exports: [ {{ service: "x" }} ], '
        'imports: [ {{ service: {{ account: {}, subject: "x" }} }} ], '
    )
    cycle = TWO.replace("A {", "A { " + share.format("B")).replace(
        "B { users", "B { " + share.format("A") + "users"
    )
    with pytest.raises(ConfigError, match=r"import forms a cycle: .*A.* -> .*B"):
        _reload(one, cycle)
    assert await ann.ask(b"") == b""


# while something is on its way


@pytest_twisted.ensureDeferred
async def test_a_reload_while_clients_are_busy(serve: Serve, router: str) -> None:
    """Those of the account that is gone go; others lose nothing."""
    one = await _serve(serve, router, TWO)
    ann, ben = await welcomed(one, ANN), await welcomed(one, BEN)
    reader = await welcomed(one, BEN)
    await reader.ask(b"SUB a 1\r\n")
    for number in range(20):
        if not ann.lost:
            ann.send(b"PUB a 3\r\n%03d\r\n" % number * 40)
        ben.send(b"PUB a 3\r\n%03d\r\n" % number)
        await deferLater(reactor, 0)
        if number == 10:
            _reload(one, "accounts { B { users: [ { user: ben, password: p } ] } }")
    assert b"-ERR" not in await ann.closed()
    heard = b""
    while heard.count(b"MSG") < 20:
        heard += await reader.until(b"\r\n")
        heard += await reader.until(b"\r\n")
    assert heard == b"".join(b"MSG a 1 3\r\n%03d\r\n" % number for number in range(20))


@pytest_twisted.ensureDeferred
async def test_a_reload_while_a_password_is_checked(
    serve: Serve, router: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """It is right, but by then there is no such user: that lets nobody in."""
    (kind,) = (kind for kind in PASSWORDS if kind.name == "argon2")
    scene = kind.make(Place(tmp_path, Authority(tmp_path), False))
    check, go_on = passwords._check_argon2, Event()

    def slowly(password: bytes, hashed: bytes) -> bool:
        assert go_on.wait(PATIENCE)
        return check(password, hashed)

    monkeypatch.setattr(passwords, "_check_argon2", slowly)
    one = await _serve(serve, router, scene.config)
    peer, info = await join(one)
    peer.send(b'CONNECT {"user":"ann","pass":"passw0rd-of-ann"}\r\n')
    await until(lambda: one.server.registry.open[info["client_id"]].authenticating is not None)
    _reload(one, scene.config.replace("user: ann", "user: eve"))
    go_on.set()
    assert await peer.closed() == VIOLATION
