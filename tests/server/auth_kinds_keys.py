"""The kinds of credentials that prove a key: nkeys, JWTs, certificates, trusted proxies."""

from __future__ import annotations

import base64
import re
import time
from collections.abc import Callable
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import nkeys
from cryptography import x509
from cryptography.x509.oid import NameOID

from pubsub.errors import ClosedState
from tests.server.auth_kinds import (
    DENIED,
    Connect,
    Denied,
    Kind,
    Place,
    Scene,
    Visit,
    Welcome,
    nothing,
    sends,
)
from tests.server.auth_nsc import Key, Operator, creds_file, token, user_token

__all__ = ["KEYS", "read_creds"]

#: what another connection was challenged with
OLD_NONCE = "AAECAwQFBgcICQo"


# nkeys


def _nkeys(place: Place) -> Scene:
    ann, ben, eve = Key("U"), Key("U"), Key("U")
    config = f"""
    authorization {{ users: [ {{ nkey: {ann.public} }} ] }}
    accounts {{ B {{ users: [ {{ nkey: {ben.public} }} ] }} }}
    """
    things = SimpleNamespace(ann=ann, ben=ben, eve=eve)
    return Scene(config, things, secrets=tuple(key.seed.decode() for key in (ann, ben, eve)))


def signed(who: str, by: str = "", nonce: str = "") -> Callable[[Any, str], Connect]:
    """``who`` shows its key, ``by`` signs the nonce, or another one."""

    def connect(things: Any, given: str) -> Connect:
        signer: Key = getattr(things, by or who)
        return {"nkey": getattr(things, who).public, "sig": signer.sign_nonce(nonce or given)}

    return connect


def _truncated(things: Any, nonce: str) -> Connect:
    return {"nkey": things.ann.public, "sig": things.ann.sign_nonce(nonce)[:-5]}


_NKEYS = (
    Visit("the key", signed("ann"), Welcome(lambda things: things.ann.public)),
    Visit("a key of another account", signed("ben"), Welcome(lambda t: t.ben.public, "B")),
    Visit("a key nobody has", signed("eve"), DENIED),
    Visit("signed by another", signed("ann", by="ben"), DENIED),
    Visit("a replayed nonce", signed("ann", nonce=OLD_NONCE), DENIED),
    Visit("a truncated signature", _truncated, DENIED),
    Visit("no signature", lambda things, nonce: {"nkey": things.ann.public}, DENIED),
    Visit("the signature alone", lambda t, nonce: {"sig": t.ann.sign_nonce(nonce)}, DENIED),
    Visit("a key that is none", sends(nkey="UNONE", sig="AAAA"), DENIED),
    Visit("nothing", nothing, DENIED),
)


# JWTs


def read_creds(path: Path) -> tuple[str, bytes]:
    """The token and the seed of a .creds file, found as clients find them."""
    found = re.findall(r"-----BEGIN [^-]*-----\n(\S+)\n------END", path.read_text())
    return found[0], found[1].encode()


def by_creds(name: str, nonce: str = "", seed_of: str = "") -> Callable[[Any, str], Connect]:
    """A client with that .creds file, perhaps with the seed of another."""

    def connect(things: Any, given: str) -> Connect:
        jwt, seed = read_creds(things.creds[name])
        if seed_of:
            seed = read_creds(things.creds[seed_of])[1]
        raw = nkeys.from_seed(bytearray(seed)).sign((nonce or given).encode())
        return {"jwt": jwt, "sig": _text(raw)}

    return connect


def _text(raw: bytes) -> str:
    return base64.urlsafe_b64encode(raw).decode().rstrip("=")


def bare(name: str, cut: int = 0) -> Callable[[Any, str], Connect]:
    """The token alone, the whole of it or all but the last ``cut`` characters."""

    def connect(things: Any, nonce: str) -> Connect:
        jwt = read_creds(things.creds[name])[0]
        return {"jwt": jwt[:-cut] if cut else jwt}

    return connect


def _operator(place: Place) -> Scene:
    operator, a, old = Operator(), Key("A"), Key("A")
    ann, gone, eve = Key("U"), Key("U"), Key("U")
    now = int(time.time())
    jwt = operator.account(a, revocations={gone.public: now + 60})
    expired_account = _expired_account(operator, old, now)
    tokens = {
        "ann": (ann, user_token(ann, a)),
        "expired": (ann, user_token(ann, a, iat=now - 900, exp=now - 600)),
        "not yet": (ann, user_token(ann, a, nbf=now + 600)),
        "revoked": (gone, user_token(gone, a)),
        "of an expired account": (ann, user_token(ann, old)),
        "of an account nobody knows": (ann, user_token(ann, Key("A"))),
        "signed by the user itself": (eve, user_token(eve, eve)),
        "by websocket only": (ann, user_token(ann, a, allowed_connection_types=["WEBSOCKET"])),
        "from elsewhere only": (ann, user_token(ann, a, src=["192.0.2.0/24"])),
        "with the algorithm none": (ann, _unsigned(ann, a, "none")),
        "with another algorithm": (ann, _unsigned(ann, a, "HS256")),
        "eve": (eve, user_token(eve, a)),
    }
    scene = _with_creds(place, tokens, operator.config(jwt, expired_account))
    scene.things.account = a.public
    return scene


def _expired_account(operator: Operator, account: Key, now: int) -> str:
    nats = {"type": "account", "version": 2}
    claims = {"sub": account.public, "name": "OLD", "iat": now - 900, "exp": now - 600}
    return token({**claims, "nats": nats}, operator.key)


def _unsigned(user: Key, account: Key, algorithm: str) -> str:
    claims = {"sub": user.public, "name": "U", "nats": {"type": "user", "version": 2}}
    return token(claims, account, {"typ": "JWT", "alg": algorithm})


def _with_creds(place: Place, tokens: dict[str, tuple[Key, str]], config: str) -> Scene:
    creds = {}
    for name, (key, jwt) in tokens.items():
        creds[name] = place.directory / f"{name.replace(' ', '-')}.creds"
        creds[name].write_text(creds_file(jwt, key.seed))
    things = SimpleNamespace(creds=creds)
    things.public = {name: key.public for name, (key, _) in tokens.items()}
    secrets = [text for key, jwt in tokens.values() for text in (key.seed.decode(), jwt)]
    return Scene(config, things, secrets=tuple(secrets))


def _account(things: Any) -> str:
    account: str = things.account
    return account


def _user(name: str) -> Callable[[Any], str]:
    return lambda things: str(things.public[name])


_OPERATOR = (
    Visit("its .creds file", by_creds("ann"), Welcome(_user("ann"), _account)),
    *(
        Visit(f"a token {name}", by_creds(name), DENIED)
        for name in (
            *("expired", "not yet", "revoked", "of an expired account"),
            *("of an account nobody knows", "signed by the user itself", "by websocket only"),
            *("from elsewhere only", "with the algorithm none", "with another algorithm"),
        )
    ),
    Visit("the seed of another", by_creds("ann", seed_of="eve"), DENIED),
    Visit("a replayed nonce", by_creds("ann", nonce=OLD_NONCE), DENIED),
    Visit("no signature", bare("ann"), DENIED),
    Visit("a truncated token", bare("ann", cut=9), DENIED),
    Visit("no token", lambda t, nonce: {"sig": by_creds("ann")(t, nonce)["sig"]}, DENIED),
    Visit("the user's key alone", lambda t, nonce: {"nkey": t.public["ann"]}, DENIED),
    Visit("a password", sends(user="ann", **{"pass": "passw0rd-of-ann"}), DENIED),
    Visit("nothing", nothing, DENIED),
)


def _bearer(place: Place) -> Scene:
    operator, a, forbids, ann = Operator(), Key("A"), Key("A"), Key("U")
    now = int(time.time())
    limits = {"disallow_bearer": True, "conn": -1, "subs": -1, "payload": -1, "data": -1}
    tokens = {
        "ann": (ann, user_token(ann, a, bearer_token=True)),
        "no bearer": (ann, user_token(ann, a)),
        "forbidden": (ann, user_token(ann, forbids, bearer_token=True)),
        "expired": (ann, user_token(ann, a, bearer_token=True, exp=now - 60, iat=now - 90)),
    }
    accounts = operator.account(a), operator.account(forbids, limits=limits)
    scene = _with_creds(place, tokens, operator.config(*accounts))
    scene.things.account = a.public
    return scene


_BEARER = (
    Visit("the token alone", bare("ann"), Welcome(_user("ann"), _account)),
    Visit("a signature nobody needs", by_creds("ann"), Welcome(_user("ann"), _account)),
    Visit("a token that is not for bearers", bare("no bearer"), DENIED),
    Visit("an account without bearers", bare("forbidden"), DENIED),
    Visit("an expired token", bare("expired"), DENIED),
    Visit("a truncated token", bare("ann", cut=9), DENIED),
    Visit("nothing", nothing, DENIED),
)


def _scoped(place: Place) -> Scene:
    operator, a, scope, plain, foreign = Operator(), Key("A"), Key("A"), Key("A"), Key("A")
    ann = Key("U")
    template = {"pub": {"allow": ["a.{{name()}}"]}, "subs": -1, "data": -1, "payload": -1}
    signing_keys = [
        plain.public,
        {"kind": "user_scope", "key": scope.public, "role": "writer", "template": template},
    ]
    by: dict[str, Any] = {"issuer_account": a.public}
    tokens = {
        "scoped": (ann, user_token(ann, scope, scoped=True, **by)),
        "plain": (ann, user_token(ann, plain, **by)),
        "own limits": (ann, user_token(ann, scope, pub={"allow": [">"]}, **by)),
        "foreign": (ann, user_token(ann, foreign, **by)),
        "no account": (ann, user_token(ann, scope, scoped=True)),
    }
    account = operator.account(a, signing_keys=signing_keys)
    scene = _with_creds(place, tokens, operator.config(account))
    scene.things.account = a.public
    return scene


_SCOPED = (
    Visit("of a scoped key", by_creds("scoped"), Welcome(_user("scoped"), _account)),
    Visit("of a plain signing key", by_creds("plain"), Welcome(_user("plain"), _account)),
    Visit("with limits beside the scope", by_creds("own limits"), DENIED),
    Visit("of a key the account does not have", by_creds("foreign"), DENIED),
    Visit("that names no account", by_creds("no account"), DENIED),
    Visit("nothing", nothing, DENIED),
)


# certificates

#: the handshake is over for the client before the server has seen that there is no certificate
_NO_HANDSHAKE = Denied(b"", ClosedState.TLS_HANDSHAKE_ERROR)


def _certificates(place: Place) -> Scene:
    config = """
    authorization { users: [ { user: "CN=ann,O=Example" } ] }
    accounts { B { users: [ { user: "CN=ben" } ] } }
    """
    if not place.tls:
        return Scene(
            f"{config}\ntls {{ {_files(place)}, verify_and_map: true }}\nallow_non_tls: true"
        )
    ca = place.authority
    certificates = {
        "ann": ca.issue("ann", client=True, subject=_subject(O="Example", CN="ann")),
        "ben": ca.issue("ben", client=True),
        "eve": ca.issue("eve", client=True),
        "expired": ca.expired(client=True),
    }
    return Scene(config, tls=("verify_and_map: true",), certificates=certificates)


def _files(place: Place) -> str:
    issued = place.authority.issue("server")
    return (
        f'cert_file: "{issued.cert_file}", key_file: "{issued.key_file}", '
        f'ca_file: "{place.authority.cert_file}"'
    )


def _subject(**parts: str) -> x509.Name:
    types = {"O": NameOID.ORGANIZATION_NAME, "CN": NameOID.COMMON_NAME}
    return x509.Name([x509.NameAttribute(types[name], text) for name, text in parts.items()])


_BY_CERTIFICATE = (
    Visit("the certificate", nothing, Welcome("CN=ann,O=Example"), "ann"),
    Visit("the certificate, as another", sends(user="CN=ben"), Welcome("CN=ann,O=Example"), "ann"),
    Visit("of another account", nothing, Welcome("CN=ben", "B"), "ben"),
    Visit("a certificate of nobody", nothing, DENIED, "eve"),
    Visit("the name, by a certificate of nobody", sends(user="CN=ben"), DENIED, "eve"),
    Visit("an expired certificate", nothing, _NO_HANDSHAKE, "expired"),
    Visit("no certificate", nothing, _NO_HANDSHAKE),
)
#: where plain connections are allowed beside TLS, they have no certificate to show
_WITHOUT_TLS = (
    Visit("nothing", nothing, DENIED),
    Visit("the name alone", sends(user="CN=ben"), DENIED),
)


# proxies


def _proxies(place: Place) -> Scene:
    proxy, other = Key("N"), Key("N")
    config = f"""
    proxies {{ trusted: [ {{ key: {proxy.public} }} ] }}
    authorization {{ user: ann, password: "passw0rd-of-ann", proxy_required: true }}
    """
    things = SimpleNamespace(proxy=proxy, other=other)
    secrets = ("passw0rd-of-ann", proxy.seed.decode(), other.seed.decode())
    return Scene(config, things, secrets=secrets)


def _one_by_proxy(place: Place) -> Scene:
    proxy, other = Key("N"), Key("N")
    config = f"""
    proxies {{ trusted: [ {{ key: {proxy.public} }} ] }}
    authorization {{ users: [
      {{ user: ann, password: "passw0rd-of-ann", proxy_required: true }}
      {{ user: ben, password: "passw0rd-of-ben" }}
    ] }}
    """
    things = SimpleNamespace(proxy=proxy, other=other)
    secrets = ("passw0rd-of-ann", "passw0rd-of-ben", proxy.seed.decode(), other.seed.decode())
    return Scene(config, things, secrets=secrets)


def proxied(by: str = "proxy", nonce: str = "", **fields: str) -> Callable[[Any, str], Connect]:
    """By a proxy, which signs the nonce it was given, or another."""

    def connect(things: Any, given: str) -> Connect:
        proxy: Key = getattr(things, by)
        return {**fields, "proxy_sig": proxy.sign_nonce(nonce or given)}

    return connect


_ANN = {"user": "ann", "pass": "passw0rd-of-ann"}
_BEN = {"user": "ben", "pass": "passw0rd-of-ben"}
_WRONG = {"user": "ann", "pass": "n0t-the-password"}
_UNTRUSTED = Denied(reason=ClosedState.PROXY_NOT_TRUSTED)
_REQUIRED = Denied(reason=ClosedState.PROXY_REQUIRED)
_PROXIED = (
    Visit("by the proxy", proxied(**_ANN), Welcome("ann")),
    Visit("by itself", sends(**_ANN), _REQUIRED),
    Visit("by another proxy", proxied("other", **_ANN), _UNTRUSTED),
    Visit("by a proxy that replays", proxied(nonce=OLD_NONCE, **_ANN), _UNTRUSTED),
    Visit("by rubbish", sends(proxy_sig="AAAA", **_ANN), _UNTRUSTED),
    Visit("by the proxy, another password", proxied(**_WRONG), DENIED),
    Visit("by the proxy, no credentials", proxied(), DENIED),
)


KEYS = (
    Kind("nkeys", _nkeys, _NKEYS),
    Kind("operator", _operator, _OPERATOR),
    Kind("bearer", _bearer, _BEARER),
    Kind("scoped", _scoped, _SCOPED),
    Kind("certificates", _certificates, _WITHOUT_TLS, _BY_CERTIFICATE),
    Kind("proxies", _proxies, (*_PROXIED, Visit("nothing", nothing, _REQUIRED))),
    Kind("one user by proxy", _one_by_proxy, (
        *_PROXIED,
        Visit("who needs no proxy, by itself", sends(**_BEN), Welcome("ben")),
        Visit("who needs no proxy, by one", proxied(**_BEN), Welcome("ben")),
        Visit("who needs no proxy, by another", proxied("other", **_BEN), _UNTRUSTED),
        Visit("nothing", nothing, DENIED),
    )),
)  # fmt: skip
