"""What a server tells an auth callout service: everything it knows of who wants to connect.

Pure functions; names and what is left out when empty are those of ``nats-io/jwt`` 2.8's
``AuthorizationRequest`` (ADR-26; ``auth_callout.go`` in nats-server). The request holds what
the client sent to authenticate, passwords included, since the service has to check it.
"""

from __future__ import annotations

import base64
from collections.abc import Mapping
from typing import Any

from pubsub.interfaces import ConnectionAttempt, PeerKind

__all__ = ["AUDIENCE", "raw_user", "request_claims"]

#: ``aud`` of requests
AUDIENCE = "nats-authorization-request"

_KINDS = {PeerKind.LEAF: "Leafnode"}
#: nats-server's connection types to what it calls the client
_TYPES = {
    "WEBSOCKET": "websocket",
    "LEAFNODE_WS": "websocket",
    "MQTT": "mqtt",
    "MQTT_WS": "mqtt",
}
#: of CONNECT, in the order of the fields; ``protocol`` is never left out
_CONNECT = ("jwt", "nkey", "sig", "auth_token", "user", "pass", "name", "lang", "version")
_PEM_LINE = 64


def raw_user(connect: Mapping[str, Any], known: str = "") -> str:
    """Who the client says it is, for those who may read it: no password and no token.

    :param known: the public key of its JWT.
    """
    claimed: str = connect.get("nkey") or connect.get("user") or known
    return claimed or ("[REDACTED]" if connect.get("auth_token") else "")


def request_claims(
    attempt: ConnectionAttempt,
    *,
    server: Mapping[str, Any],
    subject: str,
    user_nkey: str,
    expires: float,
    known: str = "",
    xkey: str = "",
    verified: bool = False,
) -> dict[str, Any]:
    """The claims of a request, to be signed by the server.

    :param server: nats-server's ``ServerInfo``.
    :param subject: the public key of the account that is asked.
    :param user_nkey: the public key the answer has to be about.
    :param expires: epoch seconds.
    :param known: the public key of the client's JWT, ``""`` if it has none.
    :param xkey: the server's public curve key, ``""`` without encryption.
    :param verified: the certificates of clients are verified.
    """
    nats: dict[str, Any] = {
        "server_id": {
            "name": server["name"],
            "host": server["host"],
            "id": server["id"],
            **_present(
                version=server.get("ver"),
                cluster=server.get("cluster"),
                tags=list(server.get("tags", ())),
                xkey=xkey,
            ),
        },
        "user_nkey": user_nkey,
        "client_info": _client_info(attempt, known),
        "connect_opts": _connect_options(attempt.connect),
    }
    if attempt.tls_version:
        nats["client_tls"] = _client_tls(attempt, verified)
    nats["type"] = "authorization_request"
    return {"aud": AUDIENCE, "exp": int(expires), "sub": subject, "nats": nats}


def _present(**fields: Any) -> dict[str, Any]:
    return {name: value for name, value in fields.items() if value}


def _client_info(attempt: ConnectionAttempt, known: str) -> dict[str, Any]:
    connect = attempt.connect
    return _present(
        host=attempt.host,
        id=attempt.cid,
        user=raw_user(connect, known),
        name=connect.get("name"),
        kind=_KINDS.get(attempt.kind, "Client"),
        type=_TYPES.get(attempt.connection_type, "nats"),
        # only who signed it is told which nonce it was
        nonce=attempt.nonce.decode("ascii", "replace") if connect.get("sig") else "",
    )


def _connect_options(connect: Mapping[str, Any]) -> dict[str, Any]:
    sent = {name: connect[name] for name in _CONNECT if connect.get(name)}
    return {**sent, "protocol": connect.get("protocol", 0)}


def _client_tls(attempt: ConnectionAttempt, verified: bool) -> dict[str, Any]:
    certificates = [_pem(der) for der in attempt.tls_chain]
    return _present(
        version=attempt.tls_version,
        cipher=attempt.tls_cipher,
        certs=certificates if not verified else None,
        verified_chains=[certificates] if certificates and verified else None,
    )


def _pem(der: bytes) -> str:
    text = base64.b64encode(der).decode("ascii")
    lines = [text[at : at + _PEM_LINE] for at in range(0, len(text), _PEM_LINE)]
    return "\n".join(["-----BEGIN CERTIFICATE-----", *lines, "-----END CERTIFICATE-----", ""])
