from __future__ import annotations

import base64

import pytest
from zope.interface.verify import verifyObject

from pubsub.auth.nkeys import NKeysAuthenticator, NKeysPlugin
from pubsub.config.options import AuthorizationOptions, Options
from pubsub.errors import AuthenticationFailed, InvalidOption, ProxyRequired
from pubsub.interfaces import (
    ConnectionAttempt,
    IAuthenticatorPlugin,
    Identity,
    IServerAuthenticator,
    Permissions,
)
from pubsub.values.accounts import AccountOptions, UserOptions
from pubsub.values.strkey import KeyKind

NONCE = b"a8Xf_0-nonce"


@pytest.fixture
def key(new_key):
    return new_key()


def attempt(key=None, signature=None, nonce=NONCE, **more):
    connect = {} if key is None else {"nkey": key.public}
    if signature is None and key is not None:
        signature = key.sign(nonce)
    if signature:
        connect["sig"] = signature
    return ConnectionAttempt(connect, "1.2.3.4:5", nonce=nonce, **more)


def made(*users, **options):
    return NKeysAuthenticator(Options(users=users, **options))


def test_the_plugin_makes_an_authenticator(key):
    plugin = NKeysPlugin()
    verifyObject(IAuthenticatorPlugin, plugin)
    authenticator = plugin.create(Options(users=(UserOptions(nkey=key.public),)))
    verifyObject(IServerAuthenticator, authenticator)
    assert authenticator.required
    assert authenticator.needs_nonce


@pytest.mark.parametrize("users", [(), (UserOptions("ann", "p"),)])
def test_without_keys_it_knows_nobody_and_needs_nothing(key, users):
    authenticator = made(*users)
    assert not authenticator.required
    assert not authenticator.needs_nonce
    assert authenticator.authenticate(attempt(key)) is None


def test_who_signs_the_nonce_is_the_owner(key):
    permissions = Permissions(("a",))
    authenticator = made(UserOptions(nkey=key.public, account="A", permissions=permissions))
    identity = authenticator.authenticate(attempt(key))
    assert identity == Identity(key.public, "A", permissions, nkey=key.public)


def test_standard_base64_will_do(key):
    signature = base64.b64encode(key.secret.sign(NONCE).signature).decode()
    assert made(UserOptions(nkey=key.public)).authenticate(attempt(key, signature))


def test_other_credentials_are_others_business(key):
    authenticator = made(UserOptions(nkey=key.public))
    asked = ConnectionAttempt({"user": "u", "pass": "p", "sig": "x"}, "1.2.3.4:5", nonce=NONCE)
    assert authenticator.authenticate(asked) is None


@pytest.mark.parametrize(
    ("damage", "reason"),
    [
        (lambda key: attempt(type(key)()), "nobody has that nkey"),
        (lambda key: attempt(key, ""), "missing"),
        (lambda key: attempt(key, "!" * 86), "base64"),
        (lambda key: attempt(key, key.sign(NONCE)[:-2]), "64 bytes"),
        (lambda key: attempt(key, key.sign(NONCE) * 1000), "64 bytes"),
        (lambda key: attempt(key, key.sign(b"an old nonce")), "nonce"),
        (lambda key: attempt(key, type(key)().sign(NONCE)), "not the key's"),
        (lambda key: attempt(key, nonce=b""), "no nonce"),
    ],
)
def test_everybody_else_is_refused(key, damage, reason):
    with pytest.raises(AuthenticationFailed, match=reason):
        made(UserOptions(nkey=key.public)).authenticate(damage(key))


def test_a_signature_is_good_for_one_connection(key):
    authenticator = made(UserOptions(nkey=key.public))
    first = attempt(key)
    assert authenticator.authenticate(first)
    replayed = attempt(key, first.connect["sig"], nonce=b"the next nonce")
    with pytest.raises(AuthenticationFailed):
        authenticator.authenticate(replayed)


def test_a_name_is_not_a_key(key):
    """The key of one user must not be found among the names of others."""
    other = type(key)()
    authenticator = made(UserOptions(other.public, "p"), UserOptions(nkey=key.public))
    with pytest.raises(AuthenticationFailed, match="nobody"):
        authenticator.authenticate(attempt(other))


def test_the_kind_of_connection(key):
    user = UserOptions(nkey=key.public, connection_types=frozenset({"WEBSOCKET"}))
    authenticator = made(user)
    assert authenticator.authenticate(attempt(key, connection_type="WEBSOCKET"))
    with pytest.raises(AuthenticationFailed, match="STANDARD"):
        authenticator.authenticate(attempt(key))


def test_who_has_to_come_by_a_proxy(key):
    authenticator = made(UserOptions(nkey=key.public, proxy_required=True))
    assert authenticator.authenticate(attempt(key, trusted_proxy=True))
    with pytest.raises(AuthenticationFailed) as refused:
        authenticator.authenticate(attempt(key))
    assert isinstance(refused.value.fault, ProxyRequired)


@pytest.mark.parametrize("kind", [KeyKind.ACCOUNT, KeyKind.SERVER, KeyKind.CURVE])
def test_the_keys_of_users_are_keys_of_users(new_key, kind):
    with pytest.raises(InvalidOption) as error:
        made(UserOptions(nkey=new_key(kind).public))
    assert new_key(kind).public not in str(error.value)


def test_users_that_a_program_adds(key, server):
    authenticator = made()
    authenticator.use_server(server)
    assert not authenticator.needs_nonce
    server.users.add(UserOptions(nkey=key.public))
    assert authenticator.needs_nonce
    assert authenticator.authenticate(attempt(key))
    server.users.drop(key.public)
    assert not authenticator.required
    assert authenticator.authenticate(attempt(key)) is None
    authenticator.stop()


def test_who_needs_no_signature(key):
    """For no_auth_user."""
    authenticator = made(UserOptions(nkey=key.public, account="A"), UserOptions("ann"))
    assert authenticator.identity_of(key.public).account == "A"
    assert authenticator.admit(key.public, attempt()).account == "A"
    assert authenticator.identity_of("ann") is None
    assert authenticator.admit("ann", attempt()) is None


def test_default_permissions(key, server):
    """In the global account those of authorization; an account's own are the account's."""
    general, special = Permissions(("general",)), Permissions(("special",))
    authenticator = made(
        UserOptions(nkey=key.public),
        authorization=AuthorizationOptions(default_permissions=general),
    )
    assert authenticator.authenticate(attempt(key)).permissions is general
    server.users.add(UserOptions(nkey=key.public, account="A"))
    server.known["A"] = AccountOptions("A", default_permissions=special)
    authenticator.use_server(server)
    assert authenticator.authenticate(attempt(key)).permissions is None
    server.users.add(UserOptions(nkey=key.public))
    assert authenticator.authenticate(attempt(key)).permissions is general
    server.known["$G"] = AccountOptions("$G", default_permissions=special)
    assert authenticator.authenticate(attempt(key)).permissions is None
