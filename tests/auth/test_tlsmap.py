"""Whom a certificate names: the cases are those of nats-server's own tests."""

from __future__ import annotations

import bcrypt
import pytest
from zope.interface.verify import verifyObject

from pubsub.auth.tlsmap import TlsMapAuthenticator, TlsMapPlugin
from pubsub.config.options import Options, TlsOptions
from pubsub.errors import AuthenticationFailed, NotConfigured
from pubsub.interfaces import (
    ConnectionAttempt,
    IAuthenticatorPlugin,
    Identity,
    IServerAuthenticator,
    IThreadedAuthenticator,
)
from pubsub.values.accounts import UserOptions
from tests.auth.certificates import certificate

SUBJECT = [
    ("DC", "foo2"),
    ("DC", "foo1"),
    ("CN", "localhost"),
    ("OU", "NATS"),
    ("O", "NATS"),
    ("L", "Los Angeles"),
    ("ST", "CA"),
    ("C", "US"),
]
REVERSED = "C=US,ST=CA,L=Los Angeles,O=NATS,OU=NATS,CN=localhost,DC=foo1,DC=foo2"
FORWARD = "DC=foo2,DC=foo1,CN=localhost,OU=NATS,O=NATS,L=Los Angeles,ST=CA,C=US"
SHORT = "CN=localhost,OU=NATS,O=NATS,L=Los Angeles,ST=CA,C=US"


def attempt(der=b"", connection_type="STANDARD", **connect):
    return ConnectionAttempt(
        connect, "1.2.3.4:5", tls_certificate=der, connection_type=connection_type
    )


def made(*names, users=()):
    users = (*(UserOptions(name) for name in names), *users)
    return TlsMapAuthenticator(Options(users=users, tls=TlsOptions(verify_and_map=True)))


def test_the_plugin_makes_an_authenticator_where_certificates_are_mapped():
    plugin = TlsMapPlugin()
    verifyObject(IAuthenticatorPlugin, plugin)
    for tls in (None, TlsOptions(verify=True)):
        with pytest.raises(NotConfigured):
            plugin.create(Options(tls=tls))
    authenticator = plugin.create(Options(tls=TlsOptions(verify_and_map=True)))
    verifyObject(IServerAuthenticator, authenticator)
    verifyObject(IThreadedAuthenticator, authenticator)
    assert not authenticator.required


def test_without_users_it_knows_nobody(ask):
    assert ask(made(), attempt(certificate([("CN", "x")]))) is None
    assert ask(made(users=[UserOptions(nkey="U")]), attempt()) is None


@pytest.mark.parametrize(
    ("der", "users", "expected"),
    [
        (certificate([("CN", "x")], emails=["ann@x.org"]), ["ann@x.org"], "ann@x.org"),
        (certificate([("CN", "x")], dns=["a.x.org"]), ["CN=x", "a.x.org"], "a.x.org"),
        (certificate([("CN", "x")], uris=["spiffe://h/s/a"]), ["spiffe://h/s/a"], "spiffe://h/s/a"),
        # e-mail before DNS before URI before the subject
        (
            certificate([("CN", "x")], emails=["e@x"], dns=["d"], uris=["u://u"]),
            ["CN=x", "u://u", "d", "e@x"],
            "e@x",
        ),
        (certificate([("CN", "x")], emails=["e@x"], dns=["d"]), ["CN=x", "d"], "d"),
        (certificate([("CN", "x")], emails=["e@x"], uris=["u://u"]), ["u://u"], "u://u"),
        (certificate([("CN", "x")], emails=["e@x"]), ["CN=x"], "CN=x"),
        # the subject
        (certificate(SUBJECT), [REVERSED], REVERSED),
        (certificate(SUBJECT), [FORWARD], FORWARD),
        (certificate(SUBJECT), [FORWARD, REVERSED], REVERSED),
        (certificate(SUBJECT), [FORWARD.replace(",", ", ")], FORWARD.replace(",", ", ")),
        (certificate(SUBJECT), [SHORT], SHORT),
        (certificate(SUBJECT), [f"{SHORT},DC=foo2,DC=foo1", SHORT], f"{SHORT},DC=foo2,DC=foo1"),
        (
            certificate([("DC", "org"), [("O", "users"), ("DC", "DEV")], ("CN", "John Doe")]),
            ["CN=John Doe,DC=DEV+O=users,DC=org"],
            "CN=John Doe,DC=DEV+O=users,DC=org",
        ),
        # an attribute without a name leaves the subject as Go writes it
        (certificate([("O", "x"), ("EMAIL", "a@b"), ("CN", "ann")]), ["CN=ann,O=x"], "CN=ann,O=x"),
    ],
)
def test_whom_a_certificate_names(ask, der, users, expected):
    assert ask(made(*users), attempt(der)) == Identity(expected)


@pytest.mark.parametrize(
    ("der", "users"),
    [
        (certificate([("CN", "ann")]), ["ann"]),
        (certificate([("CN", "ann"), ("O", "x")]), ["CN=ann"]),
        (certificate([("CN", "ann")]), ["CN=Ann", "CN=ann,O=x", "CN="]),
        (certificate([("CN", "x")], dns=["a.x.org"]), ["*.x.org", "A.x.org"]),
        (certificate(dns=["a"]), ["b", " "]),
        (certificate(), ["a"]),
        (b"", ["a"]),
        (b"no certificate", ["a"]),
    ],
)
def test_who_is_not_named_stays_out(ask, der, users):
    assert isinstance(ask(made(*users), attempt(der)), AuthenticationFailed)


def test_the_user_in_connect_does_not_count(ask, log):
    authenticator = made("CN=ann", "CN=bob")
    answer = ask(authenticator, attempt(certificate([("CN", "ann")]), user="CN=bob"))
    assert answer.user == "CN=ann"
    assert "CN=bob" in log[0]
    assert isinstance(ask(authenticator, attempt(user="CN=bob")), AuthenticationFailed)


@pytest.mark.parametrize("configured", ["pear", bcrypt.hashpw(b"pear", bcrypt.gensalt(4)).decode()])
def test_a_password_in_the_table_has_to_be_shown_as_well(ask, threads, configured):
    authenticator = made(users=[UserOptions("CN=ann", configured)])
    authenticator.use_threads(threads)
    der = certificate([("CN", "ann")])
    assert ask(authenticator, attempt(der, **{"pass": "pear"})).user == "CN=ann"
    assert isinstance(ask(authenticator, attempt(der)), AuthenticationFailed)


def test_users_who_may_not_come_this_way_are_passed_over(ask):
    der = certificate([("CN", "ann")], dns=["a"])
    only = frozenset({"MQTT"})
    authenticator = made("CN=ann", users=[UserOptions("a", connection_types=only)])
    assert ask(authenticator, attempt(der)).user == "CN=ann"
    assert ask(authenticator, attempt(der, "MQTT")).user == "a"
    authenticator = made(users=[UserOptions("CN=ann", connection_types=only)])
    assert isinstance(ask(authenticator, attempt(der)), AuthenticationFailed)


def test_users_that_a_program_adds(ask, server):
    authenticator = made()
    authenticator.use_server(server)
    server.users.add(UserOptions("CN=ann", account="A"))
    assert ask(authenticator, attempt(certificate([("CN", "ann")]))).account == "A"
    authenticator.stop()
