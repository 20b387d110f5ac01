from __future__ import annotations

import pytest
from twisted.internet.defer import Deferred, fail, succeed
from zope.interface.verify import verifyObject

from pubsub.auth.jwt.codec import encode, format_credentials
from pubsub.auth.jwt.keys import KeyPair
from pubsub.auth.jwt.operator import OperatorAuthenticator, OperatorPlugin
from pubsub.auth.jwt.resolvers.memory import MemoryResolver
from pubsub.config.options import Options
from pubsub.errors import (
    AuthenticationFailed,
    CredentialsError,
    InvalidOption,
    NotConfigured,
    ProxyRequired,
    UserRefused,
)
from pubsub.interfaces import ConnectionAttempt, IAuthenticatorPlugin, IServerAuthenticator
from tests.auth.jwt.world import NONCE, NOW, FakeServer, World, result


@pytest.fixture
def w() -> World:
    return World()


def options(w, **values):
    preload = {
        w.account.public_key: w.account_jwt(),
        w.system.public_key: w.account_jwt(w.system, name="SYS"),
    }
    return Options(**{"operator": (w.operator_jwt(),), "resolver_preload": preload, **values})


def started(w, server=None, **values):
    server = server or FakeServer(w.system.public_key)
    authenticator = OperatorPlugin().create(options(w, **values))
    authenticator._wall = server.clock.seconds
    authenticator.use_server(server)
    return authenticator


def test_the_plugin(w):
    plugin = OperatorPlugin()
    verifyObject(IAuthenticatorPlugin, plugin)
    authenticator = plugin.create(options(w))
    verifyObject(IServerAuthenticator, authenticator)
    assert authenticator.required
    assert authenticator.needs_nonce
    assert authenticator.system_account == w.system.public_key


def test_it_steps_back_where_there_is_no_operator():
    with pytest.raises(NotConfigured):
        OperatorPlugin().create(Options())


def test_a_user_comes_in(w):
    identity = result(started(w).authenticate(w.attempt(w.user_jwt())))
    assert identity.user == w.user.public_key
    assert identity.account == w.account.public_key


def test_who_is_known_comes_in_at_once(w):
    authenticator = started(w)
    result(authenticator.authenticate(w.attempt(w.user_jwt())))
    assert authenticator.authenticate(w.attempt(w.user_jwt())).user == w.user.public_key


def test_trusted_keys_without_an_operator(w):
    authenticator = started(w, operator=(), trusted_keys=(w.operator.public_key,))
    assert result(authenticator.authenticate(w.attempt(w.user_jwt()))).user == w.user.public_key
    stranger = started(w, operator=(), trusted_keys=(KeyPair.generate("O").public_key,))
    with pytest.raises(AuthenticationFailed, match="not signed by trusted"):
        result(stranger.authenticate(w.attempt(w.user_jwt())))


def test_before_it_has_a_server_nobody_comes_in(w):
    with pytest.raises(AuthenticationFailed, match="no server"):
        OperatorPlugin().create(options(w)).authenticate(w.attempt(w.user_jwt()))


def test_the_system_account_is_there_from_the_beginning(w):
    server = FakeServer(w.system.public_key)
    started(w, server)
    assert server.accounts.find(w.system.public_key).name_tag == "SYS"


def test_a_system_account_that_cannot_be_fetched_is_a_line_in_the_log(w, log):
    server = FakeServer(w.system.public_key)
    started(w, server, resolver_preload={w.account.public_key: w.account_jwt()})
    assert any("System account" in line and w.system.public_key in line for line in log)


def test_imports_of_private_services_are_checked(w):
    server = FakeServer()
    started(w, server)
    assert server.accounts.check_activation is not None
    assert server.accounts.missing is not None


def test_a_refusal_names_the_account_for_those_who_may_decide_otherwise(w):
    authenticator = started(w)
    with pytest.raises(UserRefused) as caught:
        result(authenticator.authenticate(w.attempt(w.user_jwt(), connect={"sig": ""})))
    assert caught.value.account == w.account.public_key
    assert caught.value.user == w.user.public_key


def test_an_unknown_account_is_not_named(w):
    token = w.user_jwt(signer=KeyPair.generate("A"), issuer_account="")
    with pytest.raises(AuthenticationFailed, match="lookup error") as caught:
        result(started(w).authenticate(w.attempt(token)))
    assert not isinstance(caught.value, UserRefused)


def test_a_proxy_is_required(w):
    authenticator = started(w)
    token = w.user_jwt(proxy_required=True)
    with pytest.raises(AuthenticationFailed) as caught:
        authenticator.authenticate(w.attempt(token))
    assert isinstance(caught.value.fault, ProxyRequired)
    attempt = w.attempt(token, trusted_proxy=True, proxy_key="P")
    assert result(authenticator.authenticate(attempt)).proxy_key == "P"


def test_pinned_accounts(w):
    with pytest.raises(AuthenticationFailed, match="pinned"):
        started(
            w, resolver_pinned_accounts=frozenset({KeyPair.generate("A").public_key})
        ).authenticate(w.attempt(w.user_jwt()))
    mine = started(w, resolver_pinned_accounts=frozenset({w.account.public_key}))
    assert result(mine.authenticate(w.attempt(w.user_jwt()))).user
    # an administrator can always come
    world = World(of=w)
    world.account = w.system
    assert result(mine.authenticate(world.attempt(world.user_jwt()))).user


# the sentinel


def test_who_shows_nothing_is_the_sentinel(w):
    sentinel = w.user_jwt(bearer_token=True, pub={"deny": [">"]})
    authenticator = started(w, default_sentinel=sentinel)
    for connect in ({}, {"user": "u", "pass": "p"}, {"jwt": "no.jwt.atall"}):
        attempt = ConnectionAttempt(connect, "192.0.2.1:5", nonce=NONCE, host="192.0.2.1")
        assert result(authenticator.authenticate(attempt)).jwt == sentinel


def test_who_shows_a_user_is_not_the_sentinel(w):
    authenticator = started(w, default_sentinel=w.user_jwt(bearer_token=True))
    token = w.user_jwt(claims={"exp": int(NOW) - 5})
    with pytest.raises(AuthenticationFailed, match="no longer valid"):
        authenticator.authenticate(w.attempt(token))


def test_a_sentinel_may_have_its_right_from_a_scope(w):
    key = KeyPair.generate("A")
    scope = {"kind": "user_scope", "key": key.public_key, "template": {"bearer_token": True}}
    preload = {w.account.public_key: w.account_jwt(signing_keys=[scope])}
    sentinel = w.user_jwt(signer=key, scoped=True)
    authenticator = started(w, default_sentinel=sentinel, resolver_preload=preload)
    attempt = ConnectionAttempt({}, "192.0.2.1:5", nonce=NONCE)
    assert result(authenticator.authenticate(attempt)).jwt == sentinel


@pytest.mark.parametrize("make", [lambda w: "nonsense", lambda w: w.user_jwt()])
def test_a_sentinel_that_cannot_be(w, make):
    with pytest.raises(InvalidOption, match="default sentinel"):
        OperatorPlugin().create(options(w, default_sentinel=make(w)))


def test_a_sentinel_is_checked_where_it_is_used_too(w):
    authenticator = OperatorAuthenticator(
        OperatorPlugin().create(options(w)).trust, MemoryResolver({}), sentinel="nonsense"
    )
    with pytest.raises(AuthenticationFailed, match="default sentinel"):
        authenticator.authenticate(ConnectionAttempt({}, "x"))


# resolvers that take their time


def test_a_client_that_goes_does_not_stop_the_fetch_for_others(w):
    authenticator = started(w)
    slow: Deferred[str] = Deferred()
    authenticator.resolver.fetch = lambda name: slow
    first = authenticator.authenticate(w.attempt(w.user_jwt()))
    second = authenticator.authenticate(w.attempt(w.user_jwt()))
    first.cancel()
    first.addErrback(lambda failure: None)
    slow.callback(w.account_jwt())
    assert result(second).user == w.user.public_key


def test_what_the_resolver_says_is_verified(w):
    authenticator = started(w)
    for token in ("", "garbage", w.user_jwt(), w.account_jwt(signer=w.account)):
        authenticator.resolver.fetch = lambda name, token=token: succeed(token)
        with pytest.raises(AuthenticationFailed, match="account JWT lookup error"):
            result(authenticator.authenticate(w.attempt(w.user_jwt())))


def test_a_resolver_that_cannot(w):
    authenticator = started(w)
    authenticator.resolver.fetch = lambda name: fail(CredentialsError("timed out"))
    with pytest.raises(AuthenticationFailed, match="timed out"):
        result(authenticator.authenticate(w.attempt(w.user_jwt())))


def test_stopping_lets_nobody_wait(w):
    authenticator = started(w)
    authenticator.resolver.fetch = lambda name: Deferred()
    waiting = authenticator.authenticate(w.attempt(w.user_jwt()))
    authenticator.stop()
    failures = []
    waiting.addErrback(failures.append)
    assert len(failures) == 1
    OperatorPlugin().create(options(w)).stop()


# secrets


def test_nothing_secret_is_shown(w, log):
    authenticator = started(w)
    token = w.user_jwt()
    secret = format_credentials(token, w.user.seed)
    texts = []
    for connect in ({"jwt": secret}, {"jwt": token[:-4]}, {"jwt": token, "sig": "x"}):
        attempt = ConnectionAttempt(connect, "192.0.2.1:5", nonce=NONCE, host="192.0.2.1")
        try:
            result(authenticator.authenticate(attempt))
        except AuthenticationFailed as error:
            texts.append(str(error))
    assert len(texts) == 3
    for text in [*texts, *log]:
        assert w.user.seed not in text
        assert token[40:80] not in text


def test_after_a_reload_accounts_are_what_memory_says_now(w):
    server = FakeServer(w.system.public_key)
    result(started(w, server).authenticate(w.attempt(w.user_jwt())))
    started(
        w,
        server,
        resolver_preload={
            w.account.public_key: w.account_jwt(name="renamed"),
            w.system.public_key: w.account_jwt(w.system),
        },
    )
    assert server.accounts.find(w.account.public_key).name_tag == "renamed"
    started(w, server, resolver_preload={w.system.public_key: w.account_jwt(w.system)})
    assert server.accounts.find(w.account.public_key) is None


def test_a_token_for_an_import_is_judged_at_this_servers_time(w):
    exporter = KeyPair.generate("A")
    token = encode(
        {
            "sub": w.account.public_key,
            "exp": int(NOW) + 60,
            "nats": {"type": "activation", "subject": "a", "kind": "stream"},
        },
        exporter,
    )
    stream = {"type": "stream", "subject": "a", "account": exporter.public_key, "token": token}
    exports = [{"type": "stream", "subject": "a", "token_req": True}]
    server = FakeServer()
    preload = {
        w.account.public_key: w.account_jwt(imports=[stream]),
        exporter.public_key: w.account_jwt(exporter, exports=exports),
    }
    authenticator = started(w, server, resolver_preload=preload)
    result(authenticator.authenticate(w.attempt(w.user_jwt())))
    assert server.accounts.incomplete(w.account.public_key) == ()
    server.clock.advance(61)
    assert len(server.accounts.incomplete(w.account.public_key)) == 1
