"""Users and accounts that a program changes while clients are connected: ``server.live``.

What becomes of the clients is what a reload would do, byte for byte: see
``test_accounts_reload.py``.
"""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest
import pytest_twisted
from twisted.internet import reactor as installed
from twisted.internet.task import deferLater

from pubsub.errors import ConfigError, ImportCycle
from pubsub.interfaces import Permissions
from pubsub.values.accounts import (
    AccountLimits,
    AccountOptions,
    MappingEntry,
    ServiceExport,
    ServiceImport,
    StreamExport,
    StreamImport,
    UserOptions,
    WeightedDestination,
)
from tests.server.auth_nsc import Key
from tests.server.auth_visitor import connect_line, refused, welcomed
from tests.server.conftest import Serve, Served
from tests.server.peer import Peer

reactor: Any = installed

VIOLATION = b"-ERR 'Authorization Violation'\r\n"
NO_RESPONDERS = b"NATS/1.0 503\r\nNats-Subject: ask\r\n\r\n\r\n"
ANN = UserOptions("ann", "passw0rd-of-ann", account="A")
BEN = UserOptions("ben", "passw0rd-of-ben", account="B")
A, B = AccountOptions("A"), AccountOptions("B")


def _login(user: UserOptions, **fields: Any) -> dict[str, Any]:
    return {"user": user.user, "pass": user.password, **fields}


async def _come(served: Served, user: UserOptions, **fields: Any) -> Peer:
    return await welcomed(served, _login(user, **fields))


async def _is_refused(served: Served, fields: dict[str, Any]) -> bool:
    peer = await served.peer()
    await peer.info()
    return await refused(peer, fields) == VIOLATION


def _set(served: Served, *accounts: AccountOptions) -> None:
    for account in accounts:
        served.server.live.set_account(account)


def _add(served: Served, *users: UserOptions) -> None:
    for user in users:
        served.server.live.add_user(user)


# users


@pytest_twisted.ensureDeferred
async def test_the_first_user_ends_what_was_open_to_everybody(serve: Serve, router: str) -> None:
    """Who is somebody already may stay only if it still would be; the last one gone opens it."""
    one = await serve(router=router)
    nobody = await one.client()
    early = await _come(one, replace(ANN, account="$G"))
    assert "auth_required" not in await (await one.peer()).info()
    _add(one, replace(ANN, account="$G"))
    assert await nobody.closed() == VIOLATION
    assert await early.ask(b"SUB a 1\r\nPUB a 2\r\nhi\r\n") == b"MSG a 1 2\r\nhi\r\n"
    assert (await (await one.peer()).info())["auth_required"] is True
    assert await _is_refused(one, {})
    assert one.server.live.drop_user("ann")
    assert await early.closed() == b""
    assert "auth_required" not in await (await one.peer()).info()
    await one.client()


@pytest_twisted.ensureDeferred
async def test_a_new_user_of_a_new_account(serve: Serve, router: str) -> None:
    """They can connect at once, and are alone in there."""
    one = await serve(router=router, users=(replace(ANN, account="$G"),))
    first = await _come(one, ANN)
    assert await _is_refused(one, _login(BEN))
    _set(one, B)
    _add(one, BEN)
    second = await _come(one, BEN)
    assert await first.ask(b"SUB a 1\r\n") == b""
    assert await second.ask(b"SUB a 1\r\nPUB a 2\r\nhi\r\n") == b"MSG a 1 2\r\nhi\r\n"
    assert await first.ask(b"") == b""
    assert one.server.live.connections("B") == 1


@pytest_twisted.ensureDeferred
async def test_a_new_password(serve: Serve, router: str) -> None:
    """Who came with the old one goes; so does nobody else."""
    one = await serve(router=router, users=(ANN, BEN), accounts=(A, B))
    ann, ben = await _come(one, ANN), await _come(one, BEN)
    changed = replace(ANN, password="an0ther-passw0rd")
    _add(one, changed)
    assert await ann.closed() == VIOLATION
    assert await ben.ask(b"") == b""
    assert await _is_refused(one, _login(ANN))
    await _come(one, changed)


@pytest_twisted.ensureDeferred
async def test_new_permissions(serve: Serve, router: str) -> None:
    """Subscriptions that are not permitted any more go, each with its error."""
    one = await serve(router=router, users=(ANN,), accounts=(A,))
    ann, other = await _come(one, ANN), await _come(one, ANN)
    await ann.ask(b"SUB a.x 1\r\nSUB b.x 2\r\nSUB b.y q 3\r\n")
    assert await other.ask(b"PUB b.x 2\r\nhi\r\n") == b""
    assert await ann.until(b"hi\r\n") == b"MSG b.x 2 2\r\nhi\r\n"
    only_a = Permissions(publish_allow=("a.>",), subscribe_allow=("a.>",))
    _add(one, replace(ANN, permissions=only_a))
    assert await ann.ask(b"") == (
        b'-ERR \'Permissions Violation for Subscription to "b.x" (sid "2")\'\r\n'
        b'-ERR \'Permissions Violation for Subscription to "b.y" using queue "q" (sid "3")\'\r\n'
    )
    assert await ann.ask(b"PUB b.x 2\r\nhi\r\nSUB b.z 4\r\n") == (
        b"-ERR 'Permissions Violation for Publish to \"b.x\"'\r\n"
        b"-ERR 'Permissions Violation for Subscription to \"b.z\"'\r\n"
    )
    assert await other.ask(b"PUB a.x 2\r\nhi\r\n") == b""
    assert await ann.until(b"hi\r\n") == b"MSG a.x 1 2\r\nhi\r\n"
    _add(one, ANN)
    assert await ann.ask(b"SUB b.z 4\r\nPUB b.z 2\r\nhi\r\n") == b"MSG b.z 4 2\r\nhi\r\n"


@pytest_twisted.ensureDeferred
async def test_a_user_who_is_dropped(serve: Serve, router: str) -> None:
    """Its clients are closed without a word, as on a reload."""
    one = await serve(router=router, users=(ANN, BEN), accounts=(A, B))
    ann, again, ben = await _come(one, ANN), await _come(one, ANN), await _come(one, BEN)
    assert one.server.live.drop_user("ann")
    assert await ann.closed() == b""
    assert await again.closed() == b""
    assert await ben.ask(b"") == b""
    assert await _is_refused(one, _login(ANN))
    assert not one.server.live.drop_user("ann")


@pytest_twisted.ensureDeferred
async def test_a_user_of_another_account_now(serve: Serve, router: str) -> None:
    """It is closed without a word, comes back, and is there."""
    one = await serve(router=router, users=(ANN, BEN), accounts=(A, B))
    ann, ben = await _come(one, ANN), await _come(one, BEN)
    await ben.ask(b"SUB a 1\r\n")
    _add(one, replace(ANN, account="B"))
    assert await ann.closed() == b""
    ann = await _come(one, ANN)
    assert await ann.ask(b"PUB a 2\r\nhi\r\n") == b""
    assert await ben.until(b"hi\r\n") == b"MSG a 1 2\r\nhi\r\n"


@pytest_twisted.ensureDeferred
async def test_a_user_with_a_key(serve: Serve, router: str) -> None:
    """With the first one INFO begins to carry a nonce."""
    one = await serve(router=router, users=(ANN,), accounts=(A,))
    assert "nonce" not in await (await one.peer()).info()
    key = Key("U")
    _add(one, UserOptions(nkey=key.public, account="A"))

    def sign(nonce: str) -> dict[str, str]:
        return {"nkey": key.public, "sig": key.sign_nonce(nonce)}

    client = await welcomed(one, sign)
    ann = await _come(one, ANN)
    await ann.ask(b"SUB a 1\r\n")
    assert await client.ask(b"PUB a 2\r\nhi\r\n") == b""
    assert await ann.until(b"hi\r\n") == b"MSG a 1 2\r\nhi\r\n"
    assert one.server.live.drop_user(key.public)
    assert await client.closed() == b""
    assert await ann.ask(b"") == b""


@pytest_twisted.ensureDeferred
async def test_a_user_who_cannot_be(serve: Serve) -> None:
    one = await serve(users=(ANN,), accounts=(A,))
    ann = await _come(one, ANN)
    with pytest.raises(ConfigError, match='user "ben": account "B" does not exist'):
        _add(one, BEN)
    assert await ann.ask(b"") == b""
    assert await _is_refused(one, _login(BEN))


# accounts

EXPORTER = AccountOptions("A", exports=(StreamExport("news"), ServiceExport("ask")))
IMPORTER = AccountOptions(
    "B", imports=(StreamImport("A", "news", "a.news"), ServiceImport("A", "ask"))
)
RICH = {"headers": True, "no_responders": True}


@pytest_twisted.ensureDeferred
async def test_what_accounts_share_comes_and_goes(serve: Serve, router: str) -> None:
    """For subscriptions that exist, too."""
    one = await serve(router=router, users=(ANN, BEN), accounts=(A, B))
    ann, ben = await _come(one, ANN), await _come(one, BEN, **RICH)
    await ann.ask(b"SUB ask 1\r\n")
    await ben.ask(b"SUB a.> 1\r\nSUB reply 2\r\n")
    ask = b"PUB ask reply 2\r\nhi\r\n"
    nobody = b"HMSG reply 2 35 35\r\n" + NO_RESPONDERS
    assert await ann.ask(b"PUB news 2\r\nno\r\n") == b""
    assert await ben.ask(ask) == nobody
    _set(one, EXPORTER, IMPORTER)
    assert await ann.ask(b"PUB news 2\r\nhi\r\n") == b""
    assert await ben.ask(b"") == b"MSG a.news 1 2\r\nhi\r\n"
    assert await ben.ask(ask) == b""
    request = await ann.until(b"hi\r\n")
    reply = request.split(b" ")[3]
    assert await ann.ask(b"PUB %b 2\r\nho\r\n" % reply) == b""
    assert await ben.ask(b"") == b"MSG reply 2 2\r\nho\r\n"
    _set(one, B)
    assert await ann.ask(b"PUB news 2\r\nno\r\n") == b""
    assert await ben.ask(ask) == nobody


@pytest_twisted.ensureDeferred
async def test_an_export_that_is_taken_back(serve: Serve, router: str) -> None:
    """Who imports it hears nothing more, and everything again when it is back."""
    one = await serve(router=router, users=(ANN, BEN), accounts=(EXPORTER, IMPORTER))
    ann, ben = await _come(one, ANN), await _come(one, BEN, **RICH)
    await ann.ask(b"SUB ask 1\r\n")
    await ben.ask(b"SUB a.> 1\r\nSUB reply 2\r\n")
    _set(one, A)
    assert await ann.ask(b"PUB news 2\r\nno\r\n") == b""
    assert await ben.ask(b"PUB ask reply 2\r\nhi\r\n") == b"HMSG reply 2 35 35\r\n" + NO_RESPONDERS
    _set(one, EXPORTER)
    assert await ann.ask(b"PUB news 2\r\nhi\r\n") == b""
    assert await ben.ask(b"PUB ask reply 2\r\nhi\r\n") == b"MSG a.news 1 2\r\nhi\r\n"
    assert (await ann.until(b"hi\r\n")).startswith(b"MSG ask 1 _R_.")


@pytest_twisted.ensureDeferred
async def test_limits_of_an_account(serve: Serve, router: str) -> None:
    """Those who came last and are too many go; the others obey."""
    one = await serve(router=router, users=(ANN,), accounts=(A,))
    first, last = await _come(one, ANN), await _come(one, ANN)
    await first.ask(b"SUB a 1\r\n")
    _set(one, replace(A, limits=AccountLimits(max_connections=1, max_payload=3)))
    assert await last.closed() == b"-ERR 'maximum account active connections exceeded'\r\n"
    peer = await one.peer()
    await peer.info()
    peer.send(connect_line(_login(ANN)))
    assert await peer.closed() == b"-ERR 'maximum account active connections exceeded'\r\n"
    assert await first.ask(b"PUB a 3\r\nyes\r\n") == b"MSG a 1 3\r\nyes\r\n"
    first.send(b"PUB a 4\r\n")
    assert await first.closed() == b"-ERR 'Maximum Payload Violation'\r\n"


@pytest_twisted.ensureDeferred
async def test_too_many_subscriptions_for_the_new_limit(serve: Serve, router: str) -> None:
    one = await serve(router=router, users=(ANN,), accounts=(A,))
    many, few = await _come(one, ANN), await _come(one, ANN)
    await many.ask(b"SUB a 1\r\nSUB b 2\r\n")
    await few.ask(b"SUB a 1\r\n")
    _set(one, replace(A, limits=AccountLimits(max_subscriptions=1)))
    assert await many.closed() == b"-ERR 'maximum subscriptions exceeded'\r\n"
    assert await few.ask(b"SUB b 2\r\n") == b"-ERR 'maximum subscriptions exceeded'\r\n"


@pytest_twisted.ensureDeferred
async def test_default_permissions_of_an_account(serve: Serve, router: str) -> None:
    """They are those of users without permissions of their own, and only theirs."""
    own = Permissions(subscribe_allow=("c",))
    cat = UserOptions("cat", "passw0rd-of-cat", account="A", permissions=own)
    one = await serve(router=router, users=(ANN, cat), accounts=(A,))
    ann, other = await _come(one, ANN), await _come(one, cat)
    await ann.ask(b"SUB a 1\r\nSUB b 2\r\n")
    await other.ask(b"SUB c 1\r\n")
    _set(one, replace(A, default_permissions=Permissions(subscribe_allow=("a",))))
    assert await ann.ask(b"") == (
        b'-ERR \'Permissions Violation for Subscription to "b" (sid "2")\'\r\n'
    )
    assert await other.ask(b"PUB c 2\r\nhi\r\n") == b"MSG c 1 2\r\nhi\r\n"
    late = await _come(one, ANN)
    await late.ask(b"SUB a 1\r\n")
    _set(one, replace(A, default_permissions=Permissions(subscribe_allow=("b",))))
    for peer in (ann, late):
        assert await peer.ask(b"") == (
            b'-ERR \'Permissions Violation for Subscription to "a" (sid "1")\'\r\n'
        )
        assert await peer.ask(b"SUB b 2\r\n") == b""
    _set(one, A)
    for peer in (ann, late):
        assert await peer.ask(b"SUB a 1\r\n") == b""


@pytest_twisted.ensureDeferred
async def test_mappings_of_an_account(serve: Serve, router: str) -> None:
    one = await serve(router=router, users=(ANN,), accounts=(A,))
    ann = await _come(one, ANN)
    await ann.ask(b"SUB * 1\r\n")
    _set(one, replace(A, mappings=(MappingEntry("old", (WeightedDestination("new"),)),)))
    assert await ann.ask(b"PUB old 2\r\nhi\r\n") == b"MSG new 1 2\r\nhi\r\n"
    _set(one, A)
    assert await ann.ask(b"PUB old 2\r\nhi\r\n") == b"MSG old 1 2\r\nhi\r\n"


@pytest_twisted.ensureDeferred
async def test_an_account_that_is_dropped(serve: Serve, router: str) -> None:
    """With its users; who imports from it stays, and hears it when it is back."""
    one = await serve(router=router, users=(ANN, BEN), accounts=(EXPORTER, IMPORTER))
    ann, ben = await _come(one, ANN), await _come(one, BEN, **RICH)
    await ben.ask(b"SUB a.> 1\r\nSUB reply 2\r\n")
    assert one.server.live.drop_account("A")
    assert await ann.closed() == b""
    assert await ben.ask(b"PUB ask reply 2\r\nhi\r\n") == b"HMSG reply 2 35 35\r\n" + NO_RESPONDERS
    assert await _is_refused(one, _login(ANN))
    assert not one.server.live.drop_account("A")
    _set(one, EXPORTER)
    _add(one, ANN)
    ann = await _come(one, ANN)
    assert await ann.ask(b"PUB news 2\r\nhi\r\n") == b""
    assert await ben.until(b"hi\r\n") == b"MSG a.news 1 2\r\nhi\r\n"


@pytest_twisted.ensureDeferred
async def test_an_account_dropped_while_its_clients_are_busy(serve: Serve, router: str) -> None:
    """What they have published is delivered, or not; nothing of them is left."""
    one = await serve(router=router, users=(ANN, BEN), accounts=(EXPORTER, IMPORTER))
    readers = [await _come(one, ANN) for _ in range(3)]
    importer = await _come(one, BEN)
    await importer.ask(b"SUB a.> 1\r\n")
    for reader in readers:
        await reader.ask(b"SUB > 1\r\n")
    writer = await _come(one, ANN)
    message = b"PUB news 1000\r\n" + bytes(1000) + b"\r\n"
    for _ in range(20):
        writer.send(message * 50)
        await deferLater(reactor, 0)
    assert one.server.live.drop_account("A")
    for peer in (*readers, writer):
        heard = await peer.closed()
        assert b"-ERR" not in heard
    await importer.ask(b"")
    assert list(one.server.router.subscriptions("A")) == []
    assert [client.identity.account for client in one.server.registry.open.values()] == ["B"]


@pytest.mark.parametrize(
    ("change", "problem"),
    [
        (replace(B, imports=(StreamImport("A", "other"),)), ConfigError),
        (replace(B, imports=(ServiceImport("NONE", "ask"),)), ConfigError),
        (replace(B, exports=(StreamExport("a..b"),)), ConfigError),
        (replace(EXPORTER, imports=(ServiceImport("B", "ask"),)), ImportCycle),
    ],
    ids=["no such export", "no such account", "no subject", "a cycle"],
)
@pytest_twisted.ensureDeferred
async def test_an_account_that_cannot_be_changes_nothing(
    serve: Serve, router: str, change: AccountOptions, problem: type[ConfigError]
) -> None:
    importer = replace(IMPORTER, exports=(ServiceExport("ask"),))
    one = await serve(router=router, users=(ANN, BEN), accounts=(EXPORTER, importer))
    ann, ben = await _come(one, ANN), await _come(one, BEN)
    await ben.ask(b"SUB a.> 1\r\n")
    with pytest.raises(problem):
        _set(one, change)
    assert await ann.ask(b"PUB news 2\r\nhi\r\n") == b""
    assert await ben.until(b"hi\r\n") == b"MSG a.news 1 2\r\nhi\r\n"


@pytest.mark.parametrize("name", ["$G", "$SYS"])
@pytest_twisted.ensureDeferred
async def test_no_server_can_be_without(serve: Serve, name: str) -> None:
    one = await serve()
    client = await one.client()
    with pytest.raises(ConfigError, match="cannot be dropped"):
        one.server.live.drop_account(name)
    assert await client.ask(b"") == b""


# reloads


@pytest_twisted.ensureDeferred
async def test_a_reload_leaves_what_a_program_has_said(serve: Serve, router: str) -> None:
    """Those added stay, those changed are as it said, those dropped stay dropped."""
    cat = UserOptions("cat", "passw0rd-of-cat", account="A")
    one = await serve(router=router, users=(ANN, cat), accounts=(A,))
    _set(one, B)
    _add(one, BEN, replace(ANN, password="an0ther-passw0rd"))
    assert one.server.live.drop_user("cat")
    ben, ann = await _come(one, BEN), await _come(one, replace(ANN, password="an0ther-passw0rd"))
    one.reload(max_payload=1000)
    assert await ben.ask(b"") == b""
    assert await ann.ask(b"") == b""
    one.reload(users=(ANN, cat, UserOptions("dan", "passw0rd-of-dan", account="A")))
    assert await ben.ask(b"") == b""
    assert await ann.ask(b"") == b""
    assert await _is_refused(one, _login(ANN))
    assert await _is_refused(one, _login(cat))
    await _come(one, UserOptions("dan", "passw0rd-of-dan", account="A"))


@pytest_twisted.ensureDeferred
async def test_an_account_a_program_has_dropped_stays_away(serve: Serve, router: str) -> None:
    one = await serve(router=router, users=(ANN, BEN), accounts=(A, B))
    assert one.server.live.drop_account("A")
    ben = await _come(one, BEN)
    one.reload(users=(ANN, replace(BEN, permissions=Permissions())), accounts=(A, B))
    assert await ben.ask(b"") == b""
    assert await _is_refused(one, _login(ANN))
    assert one.server.live.find_account("A") is None


@pytest_twisted.ensureDeferred
async def test_a_reload_against_what_a_program_has_said_changes_nothing(
    serve: Serve, router: str
) -> None:
    """The file imports from an account whose export the program took back."""
    one = await serve(router=router, users=(ANN, BEN), accounts=(EXPORTER, B))
    _set(one, A)
    ben = await _come(one, BEN)
    with pytest.raises(ConfigError):
        one.reload(accounts=(EXPORTER, IMPORTER), max_payload=10)
    assert await ben.ask(b"SUB a 1\r\nPUB a 11\r\nhello world\r\n") == (
        b"MSG a 1 11\r\nhello world\r\n"
    )
