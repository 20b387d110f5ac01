"""Rate limits: messages, bytes, connections; users and accounts; what happens above them."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any, cast

import pytest
from twisted.logger import LogEvent, formatEvent, globalLogPublisher
from zope.interface.verify import verifyObject

from pubsub.config.options import Options
from pubsub.errors import ClosedState, ConnectionThrottled, InvalidOption, MessageRefused
from pubsub.hooks import limits
from pubsub.hooks.limit_options import read_limits
from pubsub.hooks.limits import MAX_WAIT, RateLimiter, RateLimitPlugin
from pubsub.interfaces import (
    IConnectionHook,
    Identity,
    IMessageHook,
    IMessageHookPlugin,
    IServerAccess,
    PeerKind,
)
from pubsub.values.accounts import AccountOptions
from tests.client.conftest import Peer
from tests.hooks.conftest import HookedServer
from tests.router.recording import Recorder

HELLO = b"PUB a 2\r\nhi\r\n"
REFUSED = MessageRefused(b"a", "rate limit exceeded").to_bytes()


@pytest.fixture
def lines() -> Iterator[list[str]]:
    """What is logged of limits."""
    logged: list[str] = []

    def observe(event: LogEvent) -> None:
        text = formatEvent(event)
        if text.startswith("Rate limit"):
            logged.append(text)

    globalLogPublisher.addObserver(observe)
    yield logged
    globalLogPublisher.removeObserver(observe)


class Limited:
    """A server with limits; ``ear`` hears everything in the global account."""

    def __init__(self, server: HookedServer, options: dict[str, Any]) -> None:
        self.server = server
        server.start(Options(accounts=(AccountOptions("A"), AccountOptions("B"))))
        access = cast(IServerAccess, server)
        self.hook = RateLimitPlugin().create(options, access)
        assert isinstance(self.hook, RateLimiter)
        server.use(self.hook, connections=True)

    def join(self, user: str = "ann", account: str = "A") -> Peer:
        """Somebody of that name."""
        return self.server.somebody(Identity(user=user, account=account))

    def heard(self, peer: Peer) -> int:
        """How many messages it got since the last call."""
        self.server.context.router.flush()
        return peer.received().count(b"MSG a ")

    def listen(self, account: str = "A") -> Peer:
        """Somebody who hears what the others publish."""
        peer = self.join("ear", account)
        peer.send(b"SUB a 1\r\n")
        return peer


def test_it_is_a_hook_made_by_a_plugin(server: HookedServer) -> None:
    limited = Limited(server, {})
    assert verifyObject(IMessageHookPlugin, RateLimitPlugin())
    assert verifyObject(IMessageHook, limited.hook)
    assert verifyObject(IConnectionHook, limited.hook)


def test_wrong_options_are_an_error_at_the_start(server: HookedServer) -> None:
    with pytest.raises(InvalidOption):
        Limited(server, {"over": "explode"})


# --- messages and bytes -----------------------------------------------------------------


def test_messages_of_a_user_are_limited(server: HookedServer) -> None:
    limited = Limited(server, {"user": {"messages": 10}})
    ear, ann = limited.listen(), limited.join()
    assert ann.send(HELLO * 15) == REFUSED
    assert limited.heard(ear) == 10
    assert limited.hook.refused_messages == 5
    server.clock.advance(0.5)
    ann.send(HELLO * 15)
    assert limited.heard(ear) == 5
    server.clock.advance(60)
    ann.send(HELLO * 15)
    assert limited.heard(ear) == 10, "no more is saved than the burst"


def test_the_publisher_goes_on_and_is_told_once_a_second(server: HookedServer) -> None:
    limited = Limited(server, {"user": {"messages": 1}})
    ann = limited.join()
    assert ann.send(HELLO * 5 + b"PING\r\n") == REFUSED + b"PONG\r\n"
    server.clock.advance(0.4)
    assert ann.send(HELLO * 5) == b""
    server.clock.advance(0.6)
    assert ann.send(HELLO * 5) == REFUSED
    assert not ann.closing


def test_each_client_of_a_user_is_told(server: HookedServer) -> None:
    limited = Limited(server, {"user": {"messages": 1}})
    one, two = limited.join(), limited.join()
    one.send(HELLO)
    assert one.send(HELLO) == REFUSED
    assert two.send(HELLO) == REFUSED


def test_bytes_are_limited_headers_included(server: HookedServer) -> None:
    limited = Limited(server, {"user": {"bytes": 100}})
    ear = limited.listen()
    ann = server.somebody(Identity(user="ann", account="A"), b'{"verbose":false,"headers":true}')
    block = b"NATS/1.0\r\nA: %b\r\n\r\n" % (b"x" * 80)
    ann.send(b"HPUB a %d %d\r\n%bhi\r\n" % (len(block), len(block) + 2, block))
    assert limited.heard(ear) == 1
    assert ann.send(HELLO * 2) == REFUSED
    server.clock.advance(0.01)
    ann.send(HELLO)
    assert limited.heard(ear) == 1


def test_one_message_larger_than_the_limit_passes_and_is_paid_off(server: HookedServer) -> None:
    limited = Limited(server, {"user": {"bytes": 100}})
    ear, ann = limited.listen(), limited.join()
    big = b"PUB a 190\r\n%b\r\n" % (b"x" * 190)
    assert ann.send(big) == b""
    server.clock.advance(0.85)
    assert ann.send(HELLO) == REFUSED
    server.clock.advance(0.1)
    assert ann.send(HELLO) == b""
    assert limited.heard(ear) == 2


def test_a_message_is_paid_for_in_all_buckets_or_in_none(server: HookedServer) -> None:
    """What one user wastes on refused messages is not taken from the account."""
    limited = Limited(server, {"user": {"messages": 2}, "account": {"messages": 4}})
    ear, ann, bob = limited.listen(), limited.join("ann"), limited.join("bob")
    ann.send(HELLO * 50)
    bob.send(HELLO * 50)
    assert limited.heard(ear) == 4


def test_users_of_an_account_share_its_limit(server: HookedServer) -> None:
    limited = Limited(server, {"account": {"messages": 5}})
    ear, other = limited.listen(), limited.listen("B")
    for user in ("ann", "bob"):
        limited.join(user).send(HELLO * 4)
    limited.join("ann", "B").send(HELLO * 4)
    assert (limited.heard(ear), limited.heard(other)) == (5, 4)


def test_equal_names_in_two_accounts_are_two_users(server: HookedServer) -> None:
    limited = Limited(server, {"user": {"messages": 3}})
    ears = [limited.listen(account) for account in "AB"]
    for account in "AB":
        limited.join("ann", account).send(HELLO * 5)
    assert [limited.heard(ear) for ear in ears] == [3, 3]


def test_some_have_limits_of_their_own(server: HookedServer) -> None:
    limited = Limited(
        server,
        {
            "user": {"messages": 1},
            "users": {"ann": {"messages": 3}, "eve": {}},
            "accounts": {"B": {"messages": 2}},
        },
    )
    ear, other = limited.listen(), limited.listen("B")
    limited.join("ann").send(HELLO * 9)
    limited.join("bob").send(HELLO * 9)
    limited.join("ann", "B").send(HELLO * 9)
    assert (limited.heard(ear), limited.heard(other)) == (4, 2)
    limited.join("eve").send(HELLO * 50)
    assert limited.heard(ear) == 50


def test_those_without_a_name_share_a_limit(server: HookedServer) -> None:
    limited = Limited(server, {"user": {"messages": 3}})
    ear = limited.listen()
    for _ in range(2):
        limited.join("").send(HELLO * 3)
    assert limited.heard(ear) == 3


def test_more_may_be_saved(server: HookedServer) -> None:
    limited = Limited(server, {"user": {"messages": 10}, "burst": 3})
    ear, ann = limited.listen(), limited.join()
    ann.send(HELLO * 50)
    assert limited.heard(ear) == 30
    server.clock.advance(1)
    ann.send(HELLO * 50)
    assert limited.heard(ear) == 10


def test_without_limits_nothing_is_kept(server: HookedServer) -> None:
    limited = Limited(server, {"account": {"connections": 5}, "users": {"bob": {"messages": 1}}})
    ear, ann = limited.listen("B"), limited.join("ann", "B")
    ann.send(HELLO * 100)
    assert limited.heard(ear) == 100


# --- what happens above a limit ---------------------------------------------------------


def test_drop_says_nothing(server: HookedServer, lines: list[str]) -> None:
    limited = Limited(server, {"user": {"messages": 2}, "over": "drop"})
    ear, ann = limited.listen(), limited.join()
    assert ann.send(HELLO * 5 + b"PING\r\n") == b"PONG\r\n"
    assert limited.heard(ear) == 2
    assert len(lines) == 1


def test_disconnect_closes(server: HookedServer) -> None:
    limited = Limited(server, {"user": {"messages": 2}, "over": "disconnect"})
    ear, ann = limited.listen(), limited.join()
    assert ann.send(HELLO * 5) == REFUSED
    assert ann.closing
    assert ann.protocol.closed_state is ClosedState.KICKED
    assert limited.heard(ear) == 2


def test_wait_loses_nothing(server: HookedServer) -> None:
    """The publisher is not served until its rate is kept again."""
    limited = Limited(server, {"user": {"messages": 10}, "over": "wait"})
    ear, ann = limited.listen(), limited.join()
    assert ann.send(HELLO * 15 + b"PING\r\n") == b""
    assert ann.paused
    assert limited.heard(ear) == 11, "the first that is too much passes, and is waited for"
    for _ in range(3):
        server.clock.advance(0.101)
        assert limited.heard(ear) == 1
    server.clock.advance(0.101)
    assert limited.heard(ear) == 1
    assert ann.received() == b""
    server.clock.advance(0.101)
    assert ann.received() == b"PONG\r\n"
    assert not ann.paused


def test_a_large_debt_is_waited_for_in_parts(server: HookedServer) -> None:
    limited = Limited(server, {"user": {"bytes": 10}, "over": "wait"})
    ear, ann = limited.listen(), limited.join()
    ann.send(b"PUB a 1000\r\n%b\r\n" % (b"x" * 1000) + HELLO)
    assert limited.heard(ear) == 1
    server.clock.advance(MAX_WAIT - 0.1)
    assert ann.paused
    assert limited.heard(ear) == 0
    server.clock.advance(0.2)
    assert limited.heard(ear) == 1
    assert ann.paused


def test_who_waits_may_go(server: HookedServer) -> None:
    limited = Limited(server, {"user": {"messages": 1}, "over": "wait"})
    ear, ann = limited.listen(), limited.join()
    ann.send(HELLO * 5)
    ann.protocol.close(ClosedState.KICKED)
    ann.lost()
    limited.heard(ear)
    server.clock.advance(10)
    assert limited.heard(ear) == 0


def test_publishers_that_are_no_clients_of_ours_are_not_waited_for(server: HookedServer) -> None:
    """A link without a client behind it, as tests and embedders make them."""
    for over in ("wait", "error", "drop", "disconnect"):
        limited = Limited(server, {"user": {"messages": 1}, "over": over})
        handler = Recorder("x", [])
        router = server.context.router
        handler.link = router.attach(handler, PeerKind.CLIENT, 4711, "A")
        handler.link.publish(b"a", b"", b"", b"")
        handler.link.publish(b"a", b"", b"", b"")
        assert limited.hook.refused_messages == 1


def test_limits_are_logged_now_and_then(server: HookedServer, lines: list[str]) -> None:
    limited = Limited(server, {"user": {"messages": 1}, "over": "drop"})
    ann = limited.join("ann")
    ann.send(HELLO * 4)
    assert lines == [
        "Rate limit: user 'ann' of account 'A' had messages dropped (1 messages)",
    ]
    server.clock.advance(10)
    ann.send(HELLO * 4)
    assert lines[1:] == [
        "Rate limit: user 'ann' of account 'A' had messages dropped (3 messages)",
    ]


# --- connections ------------------------------------------------------------------------


def test_connections_of_a_user_are_limited(server: HookedServer) -> None:
    limited = Limited(server, {"user": {"connections": 2}})
    limited.join()
    limited.join()
    third = server.accept()
    third.received()
    late = limited.join()
    assert late.closing
    assert late.protocol.closed_state is ClosedState.MAX_CONNECTIONS_EXCEEDED
    assert limited.hook.refused_connections == 1
    assert not limited.join("bob").closing
    server.clock.advance(0.5)
    assert not limited.join().closing
    assert limited.join().closing


def test_who_is_refused_is_told(server: HookedServer) -> None:
    limited = Limited(server, {"account": {"connections": 1}})
    limited.join("ann")
    identity = Identity(user="bob", account="A")
    access = limited.hook.connecting(cast(Any, None), identity)
    assert isinstance(access, ConnectionThrottled)
    assert access.to_bytes() == (
        b"-ERR 'Connection throttling is active. Please try again later.'\r\n"
    )
    assert "bob" in access.detail


def test_a_refused_connection_is_paid_for_nowhere(server: HookedServer) -> None:
    limited = Limited(server, {"user": {"connections": 1}, "account": {"connections": 2}})
    limited.join("ann")
    for _ in range(5):
        assert limited.join("ann").closing
    assert not limited.join("bob").closing


# --- memory -----------------------------------------------------------------------------


def test_what_is_idle_is_forgotten(server: HookedServer, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(limits, "MAX_METERS", 10)
    limiter = RateLimiter(read_limits({"user": {"connections": 1}}), cast(IServerAccess, server))
    for number in range(100):
        server.clock.advance(0.2)
        identity = Identity(user=f"u{number}")
        assert limiter.connecting(cast(Any, None), identity) is None
        assert limiter.connecting(cast(Any, None), identity) is not None
    assert len(limiter._meters) <= 10


def test_many_who_are_busy_are_all_kept(
    server: HookedServer, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(limits, "MAX_METERS", 10)
    limiter = RateLimiter(read_limits({"user": {"connections": 1}}), cast(IServerAccess, server))
    everybody = [Identity(user=f"u{number}") for number in range(100)]
    assert all(limiter.connecting(cast(Any, None), one) is None for one in everybody)
    assert all(limiter.connecting(cast(Any, None), one) is not None for one in everybody)


def test_who_was_told_is_not_remembered_for_ever(
    server: HookedServer, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(limits, "_MAX_TOLD", 3)
    limited = Limited(server, {"user": {"messages": 1}})
    for number in range(10):
        assert limited.join(f"u{number}").send(HELLO * 3) == REFUSED
    assert len(limited.hook._told) <= 3
