from __future__ import annotations

import bcrypt
import pytest
from zope.interface.verify import verifyObject

from pubsub.auth.token import TokenAuthenticator, TokenPlugin
from pubsub.config.options import AuthorizationOptions, Options
from pubsub.errors import AuthenticationFailed, InvalidOption, NotConfigured
from pubsub.interfaces import (
    ConnectionAttempt,
    IAuthenticatorPlugin,
    Identity,
    IThreadedAuthenticator,
)

HASHED = bcrypt.hashpw(b"t", bcrypt.gensalt(4)).decode()


def attempt(**connect):
    return ConnectionAttempt(connect, "1.2.3.4:5")


def test_the_plugin_makes_an_authenticator():
    plugin = TokenPlugin()
    verifyObject(IAuthenticatorPlugin, plugin)
    authenticator = plugin.create(Options(authorization=AuthorizationOptions(token="t")))
    verifyObject(IThreadedAuthenticator, authenticator)
    assert authenticator.required


def test_it_steps_back_where_no_token_is_configured():
    with pytest.raises(NotConfigured):
        TokenPlugin().create(Options(authorization=AuthorizationOptions(user="u")))


def test_a_token_that_cannot_be_used_is_an_error_at_start():
    with pytest.raises(InvalidOption, match=r"authorization\.token"):
        TokenPlugin().create(Options(authorization=AuthorizationOptions(token="$2a$31$x")))


def test_the_token():
    assert TokenAuthenticator("t").authenticate(attempt(auth_token="t")) == Identity()


def test_another_token():
    with pytest.raises(AuthenticationFailed):
        TokenAuthenticator("t").authenticate(attempt(auth_token="x"))


def test_no_token():
    assert TokenAuthenticator("t").authenticate(attempt(user="t")) is None


def test_a_bcrypt_token_needs_threads():
    with pytest.raises(AuthenticationFailed):
        TokenAuthenticator(HASHED).authenticate(attempt(auth_token="t"))


def test_a_bcrypt_token(threads):
    authenticator = TokenAuthenticator(HASHED)
    authenticator.use_threads(threads)
    results = []
    authenticator.authenticate(attempt(auth_token="t")).addBoth(results.append)
    authenticator.authenticate(attempt(auth_token="x")).addBoth(results.append)
    assert results[0] == Identity()
    assert results[1].check(AuthenticationFailed)
