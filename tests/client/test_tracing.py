"""Trace lines, and what must not be in them."""

from __future__ import annotations

import json

import pytest
from hypothesis import given
from hypothesis import strategies as st

from pubsub.client.tracing import payload_line, redact_connect, trace_line


@pytest.mark.parametrize(
    ("direction", "operation", "argument", "line"),
    [
        ("in", "PUB", b"foo 5", "<<- [PUB foo 5]"),
        ("in", "PING", b"", "<<- [PING]"),
        ("out", "MSG", b"foo 1 5", "->> [MSG foo 1 5]"),
        ("out", "OK", b"", "->> [OK]"),
        ("both", "DELSUB", b"7", "<-> [DELSUB 7]"),
        ("in", "MAPPING", b"a -> b", "<<- [MAPPING a -> b]"),
        ("in", "SUB", b"\xff 1", "<<- [SUB \\xff 1]"),
        ("in", "CONNECT", b'{"pass":"x"}', '<<- [CONNECT {"pass":"[REDACTED]"}]'),
    ],
)
def test_lines(direction, operation, argument, line):
    assert trace_line(direction, operation, argument) == line


@pytest.mark.parametrize(
    ("message", "limit", "headers_only", "line"),
    [
        (b"hello", 0, False, '<<- MSG_PAYLOAD: ["hello"]'),
        (b"hello", 5, False, '<<- MSG_PAYLOAD: ["hello"]'),
        (b"hello", 4, False, '<<- MSG_PAYLOAD: ["hell..."]'),
        (b'a"\r\n', 0, False, '<<- MSG_PAYLOAD: ["a\\"\\r\\n"]'),
        (b"", 0, False, ""),
        (b"hello", 0, True, ""),
        (b"NATS/1.0\r\nA: b\r\n\r\nhello", 0, True, '<<- MSG_PAYLOAD: ["NATS/1.0\\r\\nA: b"]'),
        (b"NATS/1.0 without an end", 0, True, ""),
    ],
)
def test_payloads(message, limit, headers_only, line):
    assert payload_line("in", message, limit, headers_only) == line


@pytest.mark.parametrize(
    ("sent", "shown"),
    [
        (b'{"user":"u","pass":"s"}', b'{"user":"u","pass":"[REDACTED]"}'),
        (b'{"pass":"a,b}c"}', b'{"pass":"[REDACTED]"}'),
        (b'{"pass":12,"name":"n"}', b'{"pass":[REDACTED],"name":"n"}'),
        (b'{"auth_token":"s"}', b'{"auth_token":"[REDACTED]"}'),
        (b'{"jwt":"s","sig":"s"}', b'{"jwt":"[REDACTED]","sig":"[REDACTED]"}'),
        (b'{"nkey":"s","proxy_sig":"s"}', b'{"nkey":"[REDACTED]","proxy_sig":"[REDACTED]"}'),
        (b'{"Pass" : "s"}', b'{"Pass" : "[REDACTED]"}'),
        (b'{"password":"s"}', b'{"password":"[REDACTED]"}'),
        (b'{"name":"compass"}', b'{"name":"compass"}'),
        (b'{"design":"x"}', b'{"design":"x"}'),
        (b'{"pass":"a\\"s"}', b'{"pass":"[REDACTED]"}'),
        (b'{"\\u0070ass":"s","name":"n"}', b'{"pass":"[REDACTED]","name":"n"}'),
        (b'{"pass":"a\\"s"', b"[REDACTED]"),
        (b'["\\n"]', b"[REDACTED]"),
    ],
)
def test_secrets(sent, shown):
    assert redact_connect(sent) == shown


@given(
    st.sampled_from(["pass", "auth_token", "jwt", "sig", "proxy_sig", "nkey"]),
    st.text(min_size=1),
    st.text(),
)
def test_no_secret_survives(key, secret, name):
    secret = f"XYZZY{secret}YZZYX"
    sent = json.dumps({"name": name, key: secret, "lang": "x"}).encode()
    shown = redact_connect(sent)
    assert b"XYZZY" not in shown or "XYZZY" in name
    assert b"YZZYX" not in shown or "YZZYX" in name
