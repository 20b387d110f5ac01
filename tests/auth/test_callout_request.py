"""What a service is told: names, order, and what is left out."""

from __future__ import annotations

import base64
from dataclasses import replace
from typing import Any

from pubsub.auth.callout_request import raw_user, request_claims
from pubsub.interfaces import ConnectionAttempt, PeerKind

SERVER = {"name": "edge", "host": "127.0.0.1", "id": "NAB", "ver": "2.15.0", "jetstream": False}
ATTEMPT = ConnectionAttempt(
    {"user": "eve", "pass": "secret", "verbose": False, "protocol": 1, "lang": "go", "name": "app"},
    "192.0.2.1:5", host="192.0.2.1", cid=7, nonce=b"nonce",
)  # fmt: skip


def claims(attempt: ConnectionAttempt, server: Any = None, **more: Any) -> dict[str, Any]:
    return request_claims(
        attempt, server=server or SERVER, subject="AB", user_nkey="UB", expires=12.9, **more
    )


def test_a_request() -> None:
    nats = claims(ATTEMPT).pop("nats")
    assert claims(ATTEMPT) == {
        "aud": "nats-authorization-request", "exp": 12, "sub": "AB", "nats": nats
    }  # fmt: skip
    assert [(name, list(value.items()) if isinstance(value, dict) else value)
            for name, value in nats.items()] == [
        ("server_id", [
            ("name", "edge"), ("host", "127.0.0.1"), ("id", "NAB"), ("version", "2.15.0"),
        ]),
        ("user_nkey", "UB"),
        ("client_info", [
            ("host", "192.0.2.1"), ("id", 7), ("user", "eve"), ("name", "app"),
            ("kind", "Client"), ("type", "nats"),
        ]),
        ("connect_opts", [
            ("user", "eve"), ("pass", "secret"), ("name", "app"), ("lang", "go"), ("protocol", 1),
        ]),
        ("type", "authorization_request"),
    ]  # fmt: skip


def test_a_server_with_all_it_can_have() -> None:
    server = {**SERVER, "cluster": "east", "tags": ["a"]}
    assert claims(ATTEMPT, server, xkey="XB")["nats"]["server_id"] == {
        "name": "edge", "host": "127.0.0.1", "id": "NAB", "version": "2.15.0",
        "cluster": "east", "tags": ["a"], "xkey": "XB",
    }  # fmt: skip


def test_who_signed_the_nonce_is_told_which() -> None:
    signed = replace(ATTEMPT, connect={"nkey": "UKEY", "sig": "s", "jwt": "t"})
    nats = claims(signed)["nats"]
    assert nats["client_info"]["nonce"] == "nonce"
    assert nats["client_info"]["user"] == "UKEY"
    assert list(nats["connect_opts"]) == ["jwt", "nkey", "sig", "protocol"]
    assert "nonce" not in claims(ATTEMPT)["nats"]["client_info"]


def test_kinds_of_clients() -> None:
    leaf = replace(ATTEMPT, kind=PeerKind.LEAF, connection_type="LEAFNODE_WS")
    info = claims(leaf)["nats"]["client_info"]
    assert (info["kind"], info["type"]) == ("Leafnode", "websocket")
    mqtt = replace(ATTEMPT, connection_type="MQTT")
    assert claims(mqtt)["nats"]["client_info"]["type"] == "mqtt"
    inside = replace(ATTEMPT, connection_type="IN_PROCESS", host="")
    assert "host" not in claims(inside)["nats"]["client_info"]


def test_a_token_is_shown_to_nobody_but_the_service() -> None:
    nats = claims(replace(ATTEMPT, connect={"auth_token": "secret"}))["nats"]
    assert nats["client_info"]["user"] == "[REDACTED]"
    assert nats["connect_opts"]["auth_token"] == "secret"
    assert raw_user({}) == ""
    assert raw_user({}, "UKEY") == "UKEY"
    assert raw_user({"user": "ann"}, "UKEY") == "ann"


def test_certificates_are_shown_in_pem() -> None:
    der = bytes(range(100))
    shown = replace(ATTEMPT, tls_version="1.3", tls_cipher="TLS_X", tls_chain=(der, b"ca"))
    tls = claims(shown)["nats"]["client_tls"]
    assert list(tls) == ["version", "cipher", "certs"]
    assert (tls["version"], tls["cipher"]) == ("1.3", "TLS_X")
    first, *body, last, end = tls["certs"][0].split("\n")
    assert (first, last, end) == (
        "-----BEGIN CERTIFICATE-----", "-----END CERTIFICATE-----", ""
    )  # fmt: skip
    assert base64.b64decode("".join(body)) == der
    assert max(map(len, body)) == 64


def test_verified_certificates_are_a_chain() -> None:
    shown = replace(ATTEMPT, tls_version="1.3", tls_chain=(b"leaf", b"ca"))
    tls = claims(shown, verified=True)["nats"]["client_tls"]
    assert list(tls) == ["version", "verified_chains"]
    assert len(tls["verified_chains"][0]) == 2


def test_tls_without_certificates() -> None:
    tls = claims(replace(ATTEMPT, tls_version="1.2"), verified=True)["nats"]["client_tls"]
    assert tls == {"version": "1.2"}
