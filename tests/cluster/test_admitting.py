"""What other servers have to say or show; with routes and gateways around it there is more."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import bcrypt
import pytest
from twisted.internet.defer import Deferred, fail, maybeDeferred

from pubsub.client.preamble_types import PeerCertificate, TlsDetails
from pubsub.cluster.admitting import Terms, admit, has_known_certificate
from pubsub.config.options import RouteUrl, TlsOptions
from pubsub.errors import ClosedState
from tests.auth.certificates import certificate
from tests.cluster.network import Network, Node
from tests.cluster.raw import CONNECT, INFO, Raw, accepted, line

RIGHT = bcrypt.hashpw(b"right", bcrypt.gensalt(4)).decode()


@pytest.fixture
def raw() -> Raw:
    """Somebody came."""
    return accepted(Network().node("a"))


def terms(wanted: tuple[str, str], *hosts: str) -> Terms:
    """Those of a configuration, with ``routes``."""
    return Terms(*wanted, "password", [RouteUrl(host, 6222) for host in hosts])


def ask(raw: Raw, wanted: tuple[str, str], said: tuple[str, str]) -> bool:
    """Whether it is let in, at once."""
    known: list[bool] = []
    admit(raw.protocol, terms(wanted), said, lambda: known.append(True))
    return bool(known)


@pytest.mark.parametrize(
    ("wanted", "said", "admitted"),
    [
        (("", ""), ("", ""), True),
        (("", ""), ("u", "p"), True),
        (("u", "p"), ("u", "p"), True),
        (("u", "p"), ("u", "q"), False),
        (("u", "p"), ("v", "p"), False),
        (("u", "p"), ("", ""), False),
    ],
)
def test_user_and_password_have_to_be_right(
    raw: Raw, wanted: tuple[str, str], said: tuple[str, str], admitted: bool
) -> None:
    """If there have to be any."""
    assert ask(raw, wanted, said) == admitted
    assert raw.state is (None if admitted else ClosedState.AUTHENTICATION_VIOLATION)


def test_a_wrong_user_is_not_asked_for_its_password(raw: Raw) -> None:
    """A hash is not computed for nothing."""
    raw.node.context.defer_to_thread = lambda *call: pytest.fail("it was")
    assert not ask(raw, ("u", RIGHT), ("v", "right"))


def test_a_thread_that_fails_admits_nobody(raw: Raw) -> None:
    """What it does not know it does not let in."""
    raw.node.context.defer_to_thread = lambda *call: fail(RuntimeError())
    assert not ask(raw, ("u", RIGHT), ("u", "right"))
    assert raw.state is ClosedState.AUTHENTICATION_VIOLATION


def test_who_is_gone_is_not_admitted(raw: Raw) -> None:
    """A hash takes its time."""
    asked: Deferred[Any] = Deferred()
    raw.node.context.defer_to_thread = lambda *call: asked
    known: list[bool] = []
    admit(raw.protocol, terms(("u", RIGHT)), ("u", "right"), lambda: known.append(True))
    raw.protocol.close(ClosedState.CLIENT_CLOSED)
    asked.callback(True)
    assert known == []


# certificates

BY_URL = TlsOptions(check_known_urls=True)
BY_USER = TlsOptions(verify_and_map=True)
BY_BOTH = TlsOptions(check_known_urls=True, verify_and_map=True)


def showing(tls: TlsOptions, *shown: bytes) -> Raw:
    """A server came, and has shown these certificates."""
    raw = accepted(Network().node("a"))
    context = raw.node.context
    cluster = replace(context.options.cluster, tls=tls)
    context.options = replace(context.options, cluster=cluster)
    certificates = tuple(PeerCertificate(der, "CN=x", "", "") for der in shown)
    raw.protocol.tls = TlsDetails(peer_certificates=certificates)
    return raw


@pytest.mark.parametrize(
    ("tls", "names", "known"),
    [
        (BY_URL, {"dns": ["b.org"]}, True),
        (BY_URL, {"dns": ["*.org"]}, True),
        (BY_URL, {"dns": ["c.org"]}, False),
        (BY_URL, {"emails": ["route"]}, False),
        (BY_USER, {"emails": ["route"]}, True),
        (BY_USER, {"subject": [("CN", "route")]}, False),
        (BY_USER, {"dns": ["b.org"]}, False),
        (BY_BOTH, {"dns": ["b.org"]}, True),
        (BY_BOTH, {"emails": ["route"]}, True),
        (BY_BOTH, {"emails": ["else"], "dns": ["c.org"]}, False),
        (TlsOptions(verify=True), {"dns": ["b.org"]}, None),
    ],
)
def test_a_certificate_may_have_to_name_a_server_or_the_user(
    tls: TlsOptions, names: dict[str, Any], known: bool | None
) -> None:
    """As nats-server has it; user and password are not asked for then."""
    raw = showing(tls, certificate(**names))
    wanted = terms(("route", "secret"), "a.org", "b.org")
    assert has_known_certificate(raw.protocol, wanted) is known
    admitted: list[bool] = []
    admit(raw.protocol, wanted, ("", ""), lambda: admitted.append(True))
    assert bool(admitted) is (known is True)
    assert raw.state is (None if known else ClosedState.AUTHENTICATION_VIOLATION)


@pytest.mark.parametrize("shown", [(), (b"nonsense",), (certificate([("CN", "x")]),)])
def test_without_a_certificate_that_names_anybody_nobody_is_known(shown: tuple[bytes, ...]) -> None:
    """Nor without a user in the configuration."""
    for tls in (BY_URL, BY_USER, BY_BOTH):
        raw = showing(tls, *shown)
        assert has_known_certificate(raw.protocol, terms(("", ""), "b.org")) is False


def test_a_password_is_not_shown() -> None:
    """Not where terms are written down."""
    assert "secret" not in repr(terms(("u", "secret")))


def test_a_reload_sends_away_whom_it_does_not_know_any_more() -> None:
    """Those that came; those we connected to were chosen by us."""
    raw = showing(BY_URL, certificate(dns=["b.org"]))
    raw.protocol.remote_id = "NX"
    context, members = raw.node.context, raw.node.members
    for hosts, state in ((["b.org"], None), (["c.org"], ClosedState.AUTHENTICATION_VIOLATION)):
        old = context.options.cluster
        routes = tuple(RouteUrl(host, 6222) for host in hosts)
        context.options = replace(context.options, cluster=replace(old, routes=routes))
        members.reloaded(old)
        assert raw.state is state


def reloaded(raw: Raw, **changes: Any) -> ClosedState | None:
    """Why it was closed, after a reload that changes ``cluster`` in this way."""
    context = raw.node.context
    old = context.options.cluster
    context.options = replace(context.options, cluster=replace(old, **changes))
    raw.node.members.reloaded(old)
    return raw.state


def let_in(node: Node) -> Raw:
    """A member that has said the right password."""
    raw = accepted(node)
    raw.send(line(b"CONNECT", CONNECT, user="u", **{"pass": "right"}), line(b"INFO", INFO))
    raw.received()
    assert node.members.remotes
    return raw


@pytest.mark.parametrize("password", ["right", RIGHT])
def test_a_reload_asks_again_for_user_and_password(password: str) -> None:
    """Also for a hash, which is computed elsewhere; who did not come yet is not asked."""
    node = Network().node("a", user="u", password=password)
    node.context.defer_to_thread = maybeDeferred
    raw, other = let_in(node), accepted(node)
    assert reloaded(raw, no_advertise=True) is None
    assert reloaded(raw, user="v") is ClosedState.AUTHENTICATION_VIOLATION
    assert raw.received() == ["-ERR 'Authorization Violation'"]
    assert not node.members.remotes
    assert other.state is None


def test_a_reload_asks_nobody_for_what_is_not_needed_any_more() -> None:
    """Nor for what has not changed: hashes cost."""
    node = Network().node("a", user="u", password=RIGHT)
    node.context.defer_to_thread = maybeDeferred
    raw = let_in(node)
    node.context.defer_to_thread = lambda *call: pytest.fail("it was")
    assert reloaded(raw, no_advertise=True) is None
    assert reloaded(raw, user="", password="") is None


def test_whom_a_reload_asks_may_go_meanwhile() -> None:
    """A hash takes its time."""
    node = Network().node("a", user="u", password="right")
    raw = let_in(node)
    asked: Deferred[Any] = Deferred()
    node.context.defer_to_thread = lambda *call: asked
    assert reloaded(raw, password=RIGHT) is None
    raw.protocol.close(ClosedState.CLIENT_CLOSED)
    asked.callback(False)
    assert raw.state is ClosedState.CLIENT_CLOSED
