from __future__ import annotations

import pytest
from zope.interface.verify import verifyObject

from pubsub.auth.anonymous import AnonymousAuthenticator, AnonymousPlugin
from pubsub.config.options import AuthorizationOptions, Options
from pubsub.errors import NotConfigured
from pubsub.interfaces import (
    ConnectionAttempt,
    IAuthenticator,
    IAuthenticatorPlugin,
    Identity,
)


def test_the_plugin_makes_an_authenticator():
    plugin = AnonymousPlugin()
    verifyObject(IAuthenticatorPlugin, plugin)
    authenticator = plugin.create(Options())
    verifyObject(IAuthenticator, authenticator)
    assert not authenticator.required


@pytest.mark.parametrize("connect", [{}, {"user": "u", "pass": "p"}, {"nkey": "x"}])
def test_everybody_is_nobody_in_the_global_account(connect):
    attempt = ConnectionAttempt(connect, "1.2.3.4:5")
    assert AnonymousAuthenticator().authenticate(attempt) == Identity("", "$G")


@pytest.mark.parametrize(
    "authorization",
    [
        AuthorizationOptions(user="u"),
        AuthorizationOptions(token="t"),
        AuthorizationOptions(plugin="p"),
    ],
)
def test_it_steps_back_where_credentials_are_configured(authorization):
    with pytest.raises(NotConfigured):
        AnonymousPlugin().create(Options(authorization=authorization))
