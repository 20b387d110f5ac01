"""The settings of a preamble, the rate of handshakes, and words for lost connections."""

from __future__ import annotations

from dataclasses import replace

import pytest
from twisted.internet.error import ConnectionDone, ConnectionLost
from twisted.internet.task import Clock
from twisted.python.failure import Failure

from pubsub.client.preamble_types import HandshakeRate, PreambleSettings, loss_text
from pubsub.config.options import Options, TlsOptions


def test_the_rate_is_counted_in_windows_of_a_second() -> None:
    clock = Clock()
    rate = HandshakeRate(2, clock)
    assert [rate.allow() for _ in range(4)] == [True, True, False, False]
    clock.advance(1.0)
    assert not rate.allow()
    clock.advance(0.1)
    assert [rate.allow() for _ in range(3)] == [True, True, False]
    assert rate.take_refused() == 4
    assert rate.take_refused() == 0


def test_no_rate_limit_allows_everything() -> None:
    rate = HandshakeRate(0, Clock())
    assert all(rate.allow() for _ in range(100))


@pytest.mark.parametrize(
    ("options", "expected"),
    [
        (Options(), PreambleSettings()),
        (Options(allow_non_tls=True), PreambleSettings()),
        (Options(proxy_protocol=True), PreambleSettings(proxy_protocol=True)),
        (
            Options(
                tls=TlsOptions(timeout=3.0, handshake_first=0.05, pinned_certs=frozenset(["aa"])),
                allow_non_tls=True,
            ),
            PreambleSettings(
                tls=True,
                tls_timeout=3.0,
                handshake_first=0.05,
                allow_non_tls=True,
                pinned_certs=frozenset(["aa"]),
            ),
        ),
    ],
)
def test_the_settings_come_from_the_options(options, expected) -> None:
    assert PreambleSettings.from_options(options) == expected
    there = PreambleSettings.from_options(options, in_process=True, peer="pipe")
    assert there == replace(expected, in_process=True, peer="pipe")
    assert there.needed == (options.tls is not None or options.proxy_protocol)


@pytest.mark.parametrize(
    ("settings", "first", "delay", "sniff"),
    [
        (PreambleSettings(handshake_first=True, allow_non_tls=True), False, 0.0, False),
        (PreambleSettings(tls=True), False, 0.0, False),
        (PreambleSettings(tls=True, handshake_first=True), True, 0.0, False),
        (PreambleSettings(tls=True, handshake_first=0.0), True, 0.0, False),
        (PreambleSettings(tls=True, handshake_first=0.3), True, 0.3, False),
        (PreambleSettings(tls=True, handshake_first=1), True, 1.0, False),
        (PreambleSettings(tls=True, allow_non_tls=True), False, 0.0, True),
        (PreambleSettings(tls=True, in_process=True), False, 0.0, True),
        (PreambleSettings(tls=True, in_process=True, handshake_first=True), True, 0.05, True),
        (PreambleSettings(tls=True, in_process=True, handshake_first=0.3), True, 0.3, True),
    ],
)
def test_what_handshake_first_comes_to(settings, first, delay, sniff) -> None:
    assert settings.tls_first is first
    assert settings.fallback_delay == delay
    assert settings.sniff is sniff


class QueueError(Exception):
    """Has its arguments as OpenSSL.SSL.Error has them."""


@pytest.mark.parametrize(
    ("reason", "text"),
    [
        (None, "EOF"),
        (Failure(ConnectionDone()), "EOF"),
        (Failure(ConnectionLost()), "EOF"),
        (
            Failure(QueueError([("SSL routines", "", "no shared cipher")])),
            "tls: no cipher suite supported by both client and server",
        ),
        (Failure(QueueError([("a", "", "one"), ("b", "", "two")])), "one; two"),
        (
            Failure(QueueError([("", "", "sslv3 alert bad certificate")])),
            "remote error: tls: bad certificate",
        ),
        (
            Failure(QueueError([("", "", "tls alert unknown ca")])),
            "remote error: tls: unknown certificate authority",
        ),
        (Failure(QueueError([])), "EOF"),
        (Failure(QueueError("certificate expired")), "certificate expired"),
        (Failure(QueueError()), "QueueError"),
    ],
)
def test_a_lost_connection_is_put_in_words(reason, text) -> None:
    assert loss_text(reason) == text
