from __future__ import annotations

import bcrypt
import pytest
from zope.interface.verify import verifyObject

from pubsub.auth.userpass import UserPassAuthenticator, UserPassPlugin
from pubsub.config.options import AuthorizationOptions, Options
from pubsub.errors import AuthenticationFailed, InvalidOption, NotConfigured
from pubsub.interfaces import (
    ConnectionAttempt,
    IAuthenticatorPlugin,
    Identity,
    IThreadedAuthenticator,
)

HASHED = bcrypt.hashpw(b"p", bcrypt.gensalt(4)).decode()


def attempt(**connect):
    return ConnectionAttempt(connect, "1.2.3.4:5")


def test_the_plugin_makes_an_authenticator():
    plugin = UserPassPlugin()
    verifyObject(IAuthenticatorPlugin, plugin)
    options = Options(authorization=AuthorizationOptions(user="u", password="p"))
    authenticator = plugin.create(options)
    verifyObject(IThreadedAuthenticator, authenticator)
    assert authenticator.required


def test_it_steps_back_where_no_user_is_configured():
    with pytest.raises(NotConfigured):
        UserPassPlugin().create(Options(authorization=AuthorizationOptions(token="t")))


def test_a_password_that_cannot_be_used_is_an_error_at_start():
    options = Options(authorization=AuthorizationOptions(user="u", password="$2a$31$x"))
    with pytest.raises(InvalidOption, match=r"authorization\.password"):
        UserPassPlugin().create(options)


def test_the_user():
    authenticator = UserPassAuthenticator("u", "p")
    assert authenticator.authenticate(attempt(user="u", **{"pass": "p"})) == Identity("u")


def test_a_user_without_a_password():
    assert UserPassAuthenticator("u", "").authenticate(attempt(user="u")) == Identity("u")


@pytest.mark.parametrize(
    "connect",
    [{"user": "u"}, {"user": "u", "pass": "x"}, {"user": "x", "pass": "p"}, {"user": "\ud800"}],
)
def test_anybody_else(connect):
    with pytest.raises(AuthenticationFailed):
        UserPassAuthenticator("u", "p").authenticate(attempt(**connect))


@pytest.mark.parametrize("connect", [{}, {"pass": "p"}, {"auth_token": "u"}])
def test_no_user(connect):
    assert UserPassAuthenticator("u", "p").authenticate(attempt(**connect)) is None


def test_a_bcrypt_password_needs_threads():
    with pytest.raises(AuthenticationFailed):
        UserPassAuthenticator("u", HASHED).authenticate(attempt(user="u", **{"pass": "p"}))


def test_a_bcrypt_password(threads):
    authenticator = UserPassAuthenticator("u", HASHED)
    authenticator.use_threads(threads)
    results = []
    for password in ("p", "x"):
        asked = authenticator.authenticate(attempt(user="u", **{"pass": password}))
        asked.addBoth(results.append)
    assert results[0] == Identity("u")
    assert results[1].check(AuthenticationFailed)


@pytest.mark.parametrize(("user", "password"), [("x", "p"), ("u", "x"), ("x", "x")])
def test_another_user_takes_as_long_as_another_password(threads, ask, user, password):
    authenticator = UserPassAuthenticator("u", HASHED)
    authenticator.use_threads(threads)
    answer = ask(authenticator, attempt(user=user, **{"pass": password}))
    assert isinstance(answer, AuthenticationFailed)
    assert threads.calls == 1


def test_the_password_of_the_user_opens_nothing_for_another(threads, ask):
    authenticator = UserPassAuthenticator("u", HASHED)
    authenticator.use_threads(threads)
    assert ask(authenticator, attempt(user="u", **{"pass": "p"})) == Identity("u")
    refused = ask(authenticator, attempt(user="x", **{"pass": "p"}))
    assert isinstance(refused, AuthenticationFailed)
    assert threads.calls == 2
