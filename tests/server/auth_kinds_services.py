"""The kinds of credentials that somebody else judges: auth callout, third-party plugins."""

from __future__ import annotations

import sys
import time
from textwrap import dedent
from types import SimpleNamespace
from typing import Any

import twisted.plugins
from tests.server.auth_callout_service import CalloutService, Decide
from tests.server.auth_kinds import (
    DENIED,
    Kind,
    Place,
    Scene,
    Visit,
    Welcome,
    nothing,
    sends,
)
from tests.server.auth_nsc import CurveKey, Key

__all__ = ["SERVICES", "install"]

_SERVICE = {"user": "auth", "pass": "passw0rd-of-the-service"}
_WORD = "passw0rd-of-ann"
#: seconds; for who is waited for in vain
_SHORT = 0.1


# auth callout


def _decide(stranger: Key) -> Decide:
    """The decisions of a service; some are mistakes, which let nobody in."""
    now = int(time.time())
    known: dict[str, Any] = {
        "ann": {"name": "Ann"},
        "elsewhere": {"aud": "NOWHERE"},
        "expired": {"iat": now - 90, "exp": now - 60},
        "forged": {"signer": stranger},
        "web": {"nats": {"allowed_connection_types": ["WEBSOCKET"]}},
        "silent": None,
    }

    def decide(connect: Any) -> dict[str, Any] | str | None:
        if connect.get("pass") != _WORD:
            return "wrong password"
        return known.get(connect.get("user", ""), "unknown user")  # type: ignore[no-any-return]

    return decide


def _callout(place: Place, curve: CurveKey | None = None, patience: float = 30.0) -> Scene:
    issuer, stranger = Key("A"), Key("A")
    xkey = f"xkey: {curve.public}" if curve is not None else ""
    config = f"""
    accounts {{
      AUTH {{ users: [ {{ user: auth, password: "{_SERVICE["pass"]}" }} ] }}
      APP {{}}
    }}
    authorization {{
      timeout: {patience}
      auth_callout {{ issuer: {issuer.public}, account: AUTH, auth_users: [ auth ], {xkey} }}
    }}
    """
    decide = _decide(stranger)
    return Scene(
        config,
        SimpleNamespace(),
        secrets=(_WORD, _SERVICE["pass"], issuer.seed.decode(), stranger.seed.decode()),
        service=lambda: CalloutService(_SERVICE, issuer, decide, curve),
    )


def _encrypted(place: Place) -> Scene:
    return _callout(place, CurveKey())


def _silent(place: Place) -> Scene:
    return _callout(place, patience=_SHORT)


def _as(user: str) -> dict[str, str]:
    return {"user": user, "pass": _WORD}


_CALLOUT = (
    Visit("a user of the service's", sends(**_as("ann")), Welcome("Ann", "APP")),
    Visit("the service itself", sends(**_SERVICE), Welcome("auth", "AUTH")),
    Visit("another password", sends(**{**_as("ann"), "pass": "n0t-the-password"}), DENIED),
    Visit("another user", sends(**_as("eve")), DENIED),
    Visit("the service with another password", sends(**_as("auth")), DENIED),
    Visit("nothing", nothing, DENIED),
    Visit("a user that has expired", sends(**_as("expired")), DENIED),
    Visit("a user signed by somebody else", sends(**_as("forged")), DENIED),
    Visit("a user of no account", sends(**_as("elsewhere")), DENIED),
    Visit("not by this kind of connection", sends(**_as("web")), DENIED),
)
_SILENT = (Visit("the service says nothing", sends(**_as("silent")), DENIED),)


# plugins of third parties

_PACKAGE = '''
from twisted.internet.defer import Deferred, fail
from twisted.plugin import IPlugin
from zope.interface import implementer

from pubsub.errors import AuthenticationFailed
from pubsub.interfaces import IAuthenticator, IAuthenticatorPlugin, Identity


@implementer(IAuthenticator)
class Directory:
    """Knows users whose names begin like its own."""

    required = True

    def __init__(self, options):
        given = options.authorization.options
        self.prefix = given["prefix"]
        self.password = given["password"]
        self.account = given["account"]

    def authenticate(self, attempt):
        user = attempt.connect.get("user", "")
        if not user.startswith(self.prefix):
            return None
        if user.endswith("-breaks"):
            raise ZeroDivisionError("the directory is broken")
        if user.endswith("-fails-later"):
            return fail(OSError("the directory is not there"))
        if user.endswith("-lies"):
            return True
        if user.endswith("-is-slow"):
            return Deferred()
        if attempt.connect.get("pass") != self.password:
            raise AuthenticationFailed("wrong password")
        if user.endswith("-expired"):
            raise AuthenticationFailed("her contract has ended")
        return Identity(user=user, account=self.account)


@implementer(IPlugin, IAuthenticatorPlugin)
class DirectoryPlugin:
    order = 50

    def __init__(self, name="badges"):
        self.name = name

    def create(self, options):
        return Directory(options)
'''


def install(place: Place) -> None:
    """Install a third party's package for the length of a test: one authenticator is found as
    a Twisted plugin, ``directory``, another by an entry point, ``badges``."""
    home = place.directory / "site-packages"
    plugins = home / "twisted" / "plugins"
    info = home / "third_party_directory-1.0.dist-info"
    plugins.mkdir(parents=True)
    info.mkdir()
    (home / "third_party_directory.py").write_text(dedent(_PACKAGE))
    (plugins / "third_party_directory_plugin.py").write_text(
        "from third_party_directory import DirectoryPlugin\n\n"
        'directory = DirectoryPlugin("directory")\n'
    )
    (info / "METADATA").write_text(
        "Metadata-Version: 2.1\nName: third-party-directory\nVersion: 1.0\n"
    )
    (info / "entry_points.txt").write_text(
        "[pubsub.authenticators]\nbadges = third_party_directory:DirectoryPlugin\n"
    )
    patch = place.monkeypatch
    patch.syspath_prepend(str(home))
    patch.setattr(twisted.plugins, "__path__", [*twisted.plugins.__path__, str(plugins)])
    for name in ("third_party_directory", "twisted.plugins.third_party_directory_plugin"):
        # of an earlier test, from another directory
        patch.delitem(sys.modules, name, raising=False)


def _plugin(place: Place, patience: float = 30.0) -> Scene:
    install(place)
    config = f"""
    accounts {{ APP {{ users: [ {{ user: ben, password: "passw0rd-of-ben" }} ] }} }}
    authorization {{
      timeout: {patience}
      plugin: directory
      options: {{ prefix: "d-", password: "{_WORD}", account: APP }}
    }}
    """
    return Scene(config, secrets=(_WORD, "passw0rd-of-ben"))


def _slow_plugin(place: Place) -> Scene:
    return _plugin(place, _SHORT)


def _plugins(place: Place) -> Scene:
    install(place)
    config = f"""
    accounts {{ APP {{}}, OPS {{}} }}
    authorization {{
      timeout: 30
      token: "t0ken-of-the-realm"
      plugins: [
        {{ plugin: badges, options: {{ prefix: "b-", password: "{_WORD}", account: OPS }} }}
        {{ plugin: directory, options: {{ prefix: "d-", password: "{_WORD}", account: APP }} }}
      ]
    }}
    """
    return Scene(config, secrets=(_WORD, "t0ken-of-the-realm"))


_PLUGIN = (
    Visit("a user of the directory", sends(**_as("d-ann")), Welcome("d-ann", "APP")),
    Visit("another password", sends(user="d-ann", **{"pass": "n0t-the-password"}), DENIED),
    Visit("no password", sends(user="d-ann"), DENIED),
    Visit("a user who has left", sends(**_as("d-ann-expired")), DENIED),
    Visit("the plugin breaks", sends(**_as("d-ann-breaks")), DENIED),
    Visit("the plugin fails later", sends(**_as("d-ann-fails-later")), DENIED),
    Visit("the plugin answers with something else", sends(**_as("d-ann-lies")), DENIED),
    Visit("another user", sends(**_as("eve")), DENIED),
    Visit("nothing", nothing, DENIED),
)
_SLOW = (Visit("the plugin takes too long", sends(**_as("d-ann-is-slow")), DENIED),)

SERVICES = (
    Kind("callout", _callout, _CALLOUT),
    Kind("callout encrypted", _encrypted, _CALLOUT),
    Kind("callout silent", _silent, _SILENT),
    Kind("slow plugin", _slow_plugin, _SLOW),
    Kind("plugin", _plugin, (
        *_PLUGIN,
        Visit(
            "a user of the file", sends(user="ben", **{"pass": "passw0rd-of-ben"}),
            Welcome("ben", "APP"),
        ),
    )),
    Kind("plugins", _plugins, (
        *_PLUGIN,
        Visit("a user of the first", sends(**_as("b-ann")), Welcome("b-ann", "OPS")),
        Visit("refused by the first", sends(user="b-ann", **{"pass": "n0"}), DENIED),
        Visit("the token", sends(auth_token="t0ken-of-the-realm"), Welcome()),
    )),
)  # fmt: skip
