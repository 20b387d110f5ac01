"""The kinds of credentials, each with the configuration that asks for it and those who come.

A :class:`Kind` makes a :class:`Scene`: a configuration, and what clients need for it. Its
visits say what somebody sends in CONNECT and what becomes of it: who that is then, or the
exact bytes of the refusal. This file has those with passwords; see ``auth_kinds_keys.py`` and
``auth_kinds_services.py`` for the others, and :mod:`tests.server.test_auth_matrix` for the
table they make.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import argon2
import bcrypt

from pubsub.errors import ClosedState
from tests.certs import Authority, Issued

__all__ = ["DENIED", "PASSWORDS", "Denied", "Kind", "Place", "Scene", "Visit", "Welcome"]

Connect = Mapping[str, Any]


@dataclass(frozen=True)
class Welcome:
    """Who it is; ``user`` may be a function of the scene."""

    user: str | Callable[[Any], str] = ""
    account: str | Callable[[Any], str] = "$G"


@dataclass(frozen=True)
class Denied:
    """What is said before the connection ends, and why /connz says it did."""

    answer: bytes = b"-ERR 'Authorization Violation'\r\n"
    reason: ClosedState = ClosedState.AUTHENTICATION_VIOLATION


DENIED = Denied()


@dataclass(frozen=True)
class Visit:
    """Somebody comes.

    :ivar connect: the fields of CONNECT, made of the scene's things and the nonce of INFO.
    :ivar certificate: which of the scene's certificates it shows, where there is TLS.
    """

    title: str
    connect: Callable[[Any, str], Connect]
    outcome: Welcome | Denied
    certificate: str = ""


@dataclass
class Place:
    """Where a scene is made."""

    directory: Path
    authority: Authority
    tls: bool
    monkeypatch: Any = None


@dataclass
class Scene:
    """A configuration, what clients need, and what nobody may read in the log."""

    config: str
    things: SimpleNamespace = field(default_factory=SimpleNamespace)
    secrets: tuple[str, ...] = ()
    #: lines for the ``tls`` block
    tls: tuple[str, ...] = ()
    certificates: Mapping[str, Issued] = field(default_factory=dict)
    #: makes what has to be connected first, a protocol
    service: Callable[[], Any] | None = None


@dataclass(frozen=True)
class Kind:
    """One kind of credentials.

    :ivar over_tls: other visits where there is TLS, if those differ.
    """

    name: str
    make: Callable[[Place], Scene]
    visits: tuple[Visit, ...]
    over_tls: tuple[Visit, ...] | None = None

    def coming(self, tls: bool) -> tuple[Visit, ...]:
        """Who comes by TCP, or by TLS."""
        return self.over_tls if tls and self.over_tls is not None else self.visits


def sends(**connect: Any) -> Callable[[Any, str], Connect]:
    """The same whatever the scene is."""
    return lambda things, nonce: connect


def nothing(things: Any, nonce: str) -> Connect:
    """No credentials."""
    return {}


# one secret for all

_TOKEN = "t0ken-of-the-realm"
_WORD = "passw0rd-of-ann"
_OTHER = "passw0rd-of-ben"


def _token(place: Place) -> Scene:
    return Scene(f'authorization {{ token: "{_TOKEN}" }}', secrets=(_TOKEN,))


def _hashed(secret: str) -> str:
    # as cheap as bcrypt can be
    return bcrypt.hashpw(secret.encode(), bcrypt.gensalt(4, b"2a")).decode()


def _hashed_token(place: Place) -> Scene:
    hashed = _hashed(_TOKEN)
    things = SimpleNamespace(hashed=hashed)
    return Scene(f'authorization {{ token: "{hashed}" }}', things, secrets=(_TOKEN, hashed))


def _single(place: Place) -> Scene:
    config = f'authorization {{ user: ann, password: "{_WORD}" }}'
    return Scene(config, secrets=(_WORD,))


def _single_bcrypt(place: Place) -> Scene:
    hashed = _hashed(_WORD)
    config = f'authorization {{ user: ann, password: "{hashed}" }}'
    return Scene(config, SimpleNamespace(hashed=hashed), secrets=(_WORD, hashed))


def _argon2(place: Place) -> Scene:
    cheap = argon2.PasswordHasher(time_cost=1, memory_cost=64, parallelism=1)
    hashed = cheap.hash(_WORD)
    config = f'authorization {{ users: [ {{ user: ann, password: "{hashed}" }} ] }}'
    return Scene(config, SimpleNamespace(hashed=hashed), secrets=(_WORD, hashed))


def _users(place: Place) -> Scene:
    config = f"""
    authorization {{
      users: [
        {{ user: ann, password: "{_WORD}", permissions: {{ publish: "a.>" }} }}
        {{ user: web, password: "{_OTHER}", allowed_connection_types: [ WEBSOCKET ] }}
      ]
    }}
    accounts {{ B {{ users: [ {{ user: ben, password: "{_OTHER}" }} ] }} }}
    """
    return Scene(config, secrets=(_WORD, _OTHER))


def _no_auth_user(place: Place) -> Scene:
    config = f"""
    accounts {{
      A {{ users: [ {{ user: ann, password: "{_WORD}" }} ] }}
      B {{ users: [ {{ user: guest, password: "{_OTHER}" }} ] }}
    }}
    no_auth_user: guest
    """
    return Scene(config, secrets=(_WORD, _OTHER))


_TOKENS = (
    Visit("the token", sends(auth_token=_TOKEN), Welcome()),
    Visit("another token", sends(auth_token="t0ken-of-nobody"), DENIED),
    Visit("the token, and more", sends(auth_token=_TOKEN + "x"), DENIED),
    Visit("the token as a password", sends(user="ann", **{"pass": _TOKEN}), DENIED),
    Visit("nothing", nothing, DENIED),
)
_ANN = (
    Visit("the password", sends(user="ann", **{"pass": _WORD}), Welcome("ann")),
    Visit("another password", sends(user="ann", **{"pass": "n0t-the-password"}), DENIED),
    Visit("a password cut short", sends(user="ann", **{"pass": _WORD[:-1]}), DENIED),
    Visit("an oversized password", sends(user="ann", **{"pass": _WORD * 60}), DENIED),
    Visit("no password", sends(user="ann"), DENIED),
    Visit("a password for nobody", sends(**{"pass": _WORD}), DENIED),
    Visit("another user", sends(user="eve", **{"pass": _WORD}), DENIED),
    Visit("the password as a token", sends(auth_token=_WORD), DENIED),
    Visit("nothing", nothing, DENIED),
)


def _the_hash(field_name: str, **others: str) -> Visit:
    """Who has stolen the configuration has not stolen the secret."""
    return Visit(
        "the hash itself", lambda things, nonce: {field_name: things.hashed, **others}, DENIED
    )


PASSWORDS = (
    Kind("anonymous", lambda place: Scene(""), (
        Visit("nothing", nothing, Welcome()),
        Visit("whatever", sends(user="ann", **{"pass": _WORD}), Welcome()),
        # the one thing nobody may say, in nats-server too
        Visit("an account of its choice", sends(account="A"), DENIED),
    )),
    Kind("token", _token, _TOKENS),
    Kind("token bcrypt", _hashed_token, (*_TOKENS, _the_hash("auth_token"))),
    Kind("single user", _single, _ANN),
    Kind("bcrypt", _single_bcrypt, (*_ANN, _the_hash("pass", user="ann"))),
    Kind("argon2", _argon2, (*_ANN, _the_hash("pass", user="ann"))),
    Kind("users", _users, (
        *_ANN,
        Visit("another's account", sends(user="ben", **{"pass": _OTHER}), Welcome("ben", "B")),
        Visit("another's password", sends(user="ben", **{"pass": _WORD}), DENIED),
        Visit("not by this kind of connection", sends(user="web", **{"pass": _OTHER}), DENIED),
    )),
    Kind("no_auth_user", _no_auth_user, (
        Visit("the password", sends(user="ann", **{"pass": _WORD}), Welcome("ann", "A")),
        Visit("nothing", nothing, Welcome("guest", "B")),
        Visit("another password", sends(user="ann", **{"pass": "n0t-the-password"}), DENIED),
        Visit("the guest with another password", sends(user="guest", **{"pass": _WORD}), DENIED),
        Visit("a token", sends(auth_token="t0ken-of-nobody"), DENIED),
    )),
)  # fmt: skip
