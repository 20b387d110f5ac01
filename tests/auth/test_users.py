"""Lists of users: who is let in, and that a refusal does not tell which users there are."""

from __future__ import annotations

import gc
import weakref

import bcrypt
import pytest
from zope.interface.verify import verifyObject

from pubsub.auth.users import UserList, UsersAuthenticator, UsersPlugin
from pubsub.config.options import AuthorizationOptions, CalloutOptions, Options, TlsOptions
from pubsub.errors import AuthenticationFailed, InvalidOption, NotConfigured, ProxyRequired
from pubsub.interfaces import (
    ConnectionAttempt,
    IAuthenticatorPlugin,
    Identity,
    IServerAuthenticator,
    IThreadedAuthenticator,
    Permissions,
)
from pubsub.values.accounts import AccountOptions, UserOptions

#: "secret", at the lowest cost
HASHED = bcrypt.hashpw(b"secret", bcrypt.gensalt(4)).decode()
ANN = UserOptions("ann", "pear", account="A")
BOB = UserOptions("bob", HASHED)


def attempt(user="", password="", **more):
    return ConnectionAttempt({"user": user, "pass": password}, "1.2.3.4:5", **more)


def made(*users, threads=None, **options):
    authenticator = UsersAuthenticator(Options(users=users, **options))
    if threads is not None:
        authenticator.use_threads(threads)
    return authenticator


def test_the_plugin_makes_an_authenticator():
    plugin = UsersPlugin()
    verifyObject(IAuthenticatorPlugin, plugin)
    authenticator = plugin.create(Options(users=(ANN,)))
    verifyObject(IServerAuthenticator, authenticator)
    verifyObject(IThreadedAuthenticator, authenticator)
    assert authenticator.required


def test_without_users_it_knows_nobody_and_requires_nothing(ask):
    authenticator = made()
    assert not authenticator.required
    assert ask(authenticator, attempt("ann", "pear")) is None


def test_users_with_keys_only_are_others_business(ask):
    assert ask(made(UserOptions(nkey="UAAA")), attempt("ann", "pear")) is None


@pytest.mark.parametrize("connect", [{}, {"pass": "pear"}, {"auth_token": "t"}, {"nkey": "U"}])
def test_other_credentials_are_others_business(ask, connect):
    assert ask(made(ANN), ConnectionAttempt(connect, "1.2.3.4:5")) is None


@pytest.mark.parametrize(
    ("user", "password", "expected"),
    [
        ("ann", "pear", Identity("ann", "A")),
        ("bob", "secret", Identity("bob")),
        ("ann", "secret", None),
        ("ann", "", None),
        ("ann", "pear ", None),
        ("ann", "p" * 1_000_000, None),
        ("bob", "pear", None),
        ("bob", HASHED, None),
        ("bob", "", None),
        ("bob", "s" * 1_000_000, None),
        ("Ann", "pear", None),
        ("eve", "pear", None),
        ("eve", "secret", None),
        ("a\ud800", "pear", None),
    ],
)
def test_names_and_passwords(ask, threads, user, password, expected):
    answer = ask(made(ANN, BOB, threads=threads), attempt(user, password))
    if expected is None:
        assert isinstance(answer, AuthenticationFailed)
        assert str(answer) == "unknown user or wrong password"
    else:
        assert answer == expected


@pytest.mark.parametrize(("user", "password"), [("eve", "x"), ("ann", "x"), ("bob", "x")])
def test_every_refusal_costs_the_same_check(ask, threads, user, password):
    authenticator = made(ANN, BOB, threads=threads)
    ask(authenticator, attempt(user, password))
    assert threads.calls == 1


def test_a_password_that_was_right_before_opens_nothing_for_others(ask, threads):
    authenticator = made(BOB, threads=threads)
    assert ask(authenticator, attempt("bob", "secret")) == Identity("bob")
    assert isinstance(ask(authenticator, attempt("eve", "secret")), AuthenticationFailed)
    assert threads.calls == 2


def test_whom_a_callout_service_is_asked_about_costs_nothing(ask, threads):
    callout = AuthorizationOptions(auth_callout=CalloutOptions("AKEY", auth_users=("bob",)))
    authenticator = made(BOB, threads=threads, authorization=callout)
    assert isinstance(ask(authenticator, attempt("eve", "x")), AuthenticationFailed)
    assert threads.calls == 0
    assert isinstance(ask(authenticator, attempt("bob", "x")), AuthenticationFailed)
    assert threads.calls == 1


def test_without_hashes_nothing_is_slow(ask, threads):
    ask(made(ANN, threads=threads), attempt("eve", "x"))
    assert threads.calls == 0


def test_hashes_need_threads(ask):
    assert "need threads" in str(ask(made(BOB), attempt("bob", "secret")))


def test_a_user_dropped_while_its_password_was_checked(ask, threads, server):
    threads.hold()
    authenticator = made(threads=threads)
    authenticator.use_server(server)
    server.users.add(BOB)
    answers = []
    authenticator.authenticate(attempt("bob", "secret")).addBoth(answers.append)
    server.users.drop("bob")
    threads.go()
    assert answers[0].check(AuthenticationFailed)


def test_the_kind_of_connection(ask):
    user = UserOptions("ann", "pear", connection_types=frozenset({"WEBSOCKET", "MQTT"}))
    assert ask(made(user), attempt("ann", "pear", connection_type="MQTT")).user == "ann"
    assert "STANDARD" in str(ask(made(user), attempt("ann", "pear")))


def test_who_has_to_come_by_a_proxy(ask):
    authenticator = made(UserOptions("ann", "pear", proxy_required=True))
    assert ask(authenticator, attempt("ann", "pear", trusted_proxy=True)).user == "ann"
    assert isinstance(ask(authenticator, attempt("ann", "pear")).fault, ProxyRequired)
    assert ask(authenticator, attempt("ann", "x")).fault is None


@pytest.mark.parametrize(
    "password", ["$2a$31$x", "$argon2id$v=19$m=99999999,t=1,p=1$AAAAAAAAAAA$x"]
)
def test_passwords_nobody_can_check_are_refused_in_the_beginning(password):
    with pytest.raises(InvalidOption, match="password of user 'ann'") as error:
        made(UserOptions("ann", password))
    assert password not in str(error.value)


class TestATableThatChanges:
    def test_users_come_change_and_go(self, ask, threads, server):
        authenticator = made(threads=threads)
        authenticator.use_server(server)
        assert not authenticator.required
        server.users.add(ANN)
        assert authenticator.required
        assert ask(authenticator, attempt("ann", "pear")).account == "A"
        server.users.add(UserOptions("ann", HASHED))
        assert isinstance(ask(authenticator, attempt("ann", "pear")), AuthenticationFailed)
        assert ask(authenticator, attempt("ann", "secret")).account == "$G"
        server.users.drop("ann")
        assert ask(authenticator, attempt("ann", "secret")) is None
        authenticator.stop()

    def test_a_hash_that_was_added_makes_refusals_cost_as_much(self, ask, threads, server):
        authenticator = made(threads=threads)
        authenticator.use_server(server)
        server.users.replace_all([ANN, BOB])
        ask(authenticator, attempt("eve", "x"))
        assert threads.calls == 1
        server.users.drop("bob")
        ask(authenticator, attempt("eve", "x"))
        assert threads.calls == 1

    def test_users_who_were_there_before_it(self, ask, threads, server):
        """On a reload: and one whose key is no name is no business of this one."""
        server.users.replace_all([ANN, BOB, UserOptions(nkey="UKEY")])
        authenticator = made(threads=threads)
        authenticator.use_server(server)
        assert ask(authenticator, attempt("bob", "secret")).user == "bob"
        server.users.add(UserOptions(nkey="UOTHER"))
        assert ask(authenticator, attempt("ann", "pear")).user == "ann"

    def test_a_password_nobody_can_check_locks_out_that_user_only(self, ask, server, log):
        authenticator = made()
        authenticator.use_server(server)
        server.users.replace_all([ANN, UserOptions("eve", "$2a$31$xyz")])
        assert isinstance(ask(authenticator, attempt("eve", "x")), AuthenticationFailed)
        assert ask(authenticator, attempt("ann", "pear")).user == "ann"
        (line,) = log
        assert line.startswith("Nobody can log in as eve: ")
        assert "xyz" not in line

    def test_a_reload_leaves_nothing_of_the_old_authenticator(self, server):
        authenticator = made(ANN)
        authenticator.use_server(server)
        gone = weakref.ref(authenticator)
        del authenticator
        gc.collect()
        assert gone() is None
        server.users.add(ANN)


class TestPermissions:
    GENERAL, SPECIAL, OWN = (Permissions((name,)) for name in ("general", "special", "own"))

    def identity(self, user):
        options = Options(
            users=(user,),
            accounts=(AccountOptions("A", default_permissions=self.SPECIAL),),
            authorization=AuthorizationOptions(default_permissions=self.GENERAL),
        )
        return UserList(options).identity(user)

    def test_its_own(self):
        assert self.identity(UserOptions("ann", permissions=self.OWN)).permissions is self.OWN

    def test_of_authorization(self):
        assert self.identity(UserOptions("ann")).permissions is self.GENERAL

    def test_those_of_its_account_are_the_accounts(self):
        """Who is connected has them as they are at the time, not as they were at the login."""
        assert self.identity(UserOptions("ann", account="A")).permissions is None

    def test_none(self):
        assert self.identity(UserOptions("ann", account="B")).permissions is None


def test_who_needs_no_credentials():
    """For no_auth_user; users with keys are those of another authenticator."""
    authenticator = made(ANN, UserOptions(nkey="UKEY"))
    assert authenticator.identity_of("ann") == Identity("ann", "A")
    assert authenticator.identity_of("UKEY") is None
    assert authenticator.identity_of("eve") is None
    assert authenticator.admit("ann", attempt()) == Identity("ann", "A")
    assert authenticator.admit("eve", attempt()) is None
    only = UserOptions("ann", connection_types=frozenset({"MQTT"}))
    with pytest.raises(AuthenticationFailed):
        made(only).admit("ann", attempt())


def test_where_certificates_are_mapped_there_are_no_passwords_alone():
    with pytest.raises(NotConfigured):
        UsersPlugin().create(Options(users=(ANN,), tls=TlsOptions(verify_and_map=True)))


def test_what_can_be_printed_holds_no_password():
    assert "pear" not in repr(made(ANN)) + repr(made(ANN).__dict__) + repr(ANN)
