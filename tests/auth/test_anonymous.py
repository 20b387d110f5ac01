from __future__ import annotations

import pytest
from zope.interface.verify import verifyObject

from pubsub.auth.anonymous import AnonymousAuthenticator, AnonymousPlugin
from pubsub.config.options import (
    AuthorizationOptions,
    CalloutOptions,
    Options,
    PluginOptions,
)
from pubsub.errors import NotConfigured
from pubsub.interfaces import (
    ConnectionAttempt,
    IAuthenticator,
    IAuthenticatorPlugin,
    Identity,
    IServerAuthenticator,
)
from pubsub.values.accounts import UserOptions


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


def test_users_that_a_program_adds_end_it(server):
    authenticator = AnonymousAuthenticator()
    verifyObject(IServerAuthenticator, authenticator)
    authenticator.use_server(server)
    attempt = ConnectionAttempt({}, "1.2.3.4:5")
    server.users.add(UserOptions("ann"))
    assert authenticator.authenticate(attempt) is None
    server.users.drop("ann")
    assert authenticator.authenticate(attempt) == Identity()
    authenticator.stop()


@pytest.mark.parametrize(
    "options",
    [
        {"users": (UserOptions("u"),)},
        {"operator": ("a JWT",)},
        {"trusted_keys": ("OKEY",)},
    ],
)
def test_it_steps_back_where_somebody_is_configured(options):
    with pytest.raises(NotConfigured):
        AnonymousPlugin().create(Options(**options))


@pytest.mark.parametrize(
    "authorization",
    [
        AuthorizationOptions(user="u"),
        AuthorizationOptions(token="t"),
        AuthorizationOptions(plugin="p"),
        AuthorizationOptions(plugins=(PluginOptions("p"),)),
        AuthorizationOptions(auth_callout=CalloutOptions("AKEY")),
    ],
)
def test_it_steps_back_where_credentials_are_configured(authorization):
    with pytest.raises(NotConfigured):
        AnonymousPlugin().create(Options(authorization=authorization))
