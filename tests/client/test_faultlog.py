"""Log lines peers cause, and how many of them."""

from __future__ import annotations

import pytest
from twisted.internet.task import Clock
from twisted.logger import LogLevel

from pubsub.client.faultlog import LINES_PER_PEER, LINES_PER_SECOND, FaultLog, describe_fault
from pubsub.errors import (
    AccountAuthenticationExpired,
    AuthenticationTimeout,
    AuthorizationViolation,
    FailedAccountRegistration,
    InvalidSubject,
    MalformedArguments,
    MaximumAccountConnectionsExceeded,
    MaximumPayloadViolation,
    PublishPermissionViolation,
    ReplyPermissionViolation,
    SlowConsumer,
    StaleConnection,
    SubscriptionPermissionViolation,
    TooManyTokens,
    UnknownProtocolOperation,
    UserAuthenticationRevoked,
)


def test_a_line(log):
    FaultLog(Clock().seconds).emit(LogLevel.error, "peer", "{text} is not a format", 5)
    assert log == ["peer - {text} is not a format"]


def test_a_flood_is_cut_and_counted(log):
    clock = Clock()
    faults = FaultLog(clock.seconds, "routes", 30)
    for index in range(37):
        faults.emit(LogLevel.error, "peer", str(index), index)
    assert len(log) == 30
    clock.advance(1)
    faults.emit(LogLevel.error, "peer", "later", 5)
    assert log[30:] == ["7 lines about routes were left out of the log", "peer - later"]


def test_one_peer_leaves_lines_to_the_others(log):
    clock = Clock()
    faults = FaultLog(clock.seconds)
    for index in range(LINES_PER_SECOND):
        faults.emit(LogLevel.error, "bad", str(index), 5)
    assert len(log) == LINES_PER_PEER
    faults.emit(LogLevel.error, "good", "hello", 6)
    assert log[-1] == "good - hello"
    assert not faults.admits(5)
    assert faults.admits(5, once=True), "that it ends is said"
    clock.advance(1)
    assert faults.admits(5)


def test_all_together_have_a_limit_that_nobody_passes():
    faults = FaultLog(Clock().seconds, most=3)
    assert [faults.admits(peer, once=True) for peer in range(5)] == [True] * 3 + [False] * 2


def test_a_client_cannot_flood_the_log(server, log):
    peer, other = server.connect(b'{"verbose":false}'), server.connect(b'{"verbose":false}')
    peer.received()
    answer = peer.send(b"".join(b"PUB _GR_.%d 0\r\n\r\n" % index for index in range(100)))
    assert answer.count(b"-ERR") == 100
    assert len(log) == LINES_PER_PEER
    other.send(b"PUB _GR_.x 0\r\n\r\n")
    assert len(log) == LINES_PER_PEER + 1


@pytest.mark.parametrize(
    ("fault", "level", "text"),
    [
        (MaximumPayloadViolation("9 vs 8"), LogLevel.error, "maximum payload exceeded: 9 vs 8"),
        (AuthorizationViolation("because"), LogLevel.error, "because"),
        (AuthorizationViolation(), LogLevel.error, "authentication error"),
        (StaleConnection(), LogLevel.debug, "Stale Client Connection - Closing"),
        (AuthenticationTimeout(), LogLevel.debug, "Authentication Timeout"),
        (UserAuthenticationRevoked(), LogLevel.debug, "User Authentication Revoked"),
        (AccountAuthenticationExpired(), LogLevel.debug, "Account Authentication Expired"),
        (
            SlowConsumer(),
            LogLevel.info,
            "Slow Consumer Detected: MaxPending of 67108864 Exceeded",
        ),
        (
            MaximumAccountConnectionsExceeded(),
            LogLevel.error,
            "maximum account active connections exceeded",
        ),
        (FailedAccountRegistration("which"), LogLevel.error, "which"),
        (PublishPermissionViolation(b"a"), LogLevel.error, 'Publish Violation - Subject "a"'),
        (ReplyPermissionViolation(b"a"), LogLevel.error, 'Publish Violation - Reply "a"'),
        (
            TooManyTokens(b"a.b"),
            LogLevel.error,
            'Subscription Violation Too Many Tokens - Subject "a.b"',
        ),
        (
            SubscriptionPermissionViolation(b"a", b"q"),
            LogLevel.error,
            'Subscription Violation - Subject "a", Queue: "q"',
        ),
        (
            SubscriptionPermissionViolation(b"a"),
            LogLevel.error,
            'Subscription Violation - Subject "a"',
        ),
        (InvalidSubject(), LogLevel.debug, "Invalid Subject"),
        (MalformedArguments("processPub: x"), LogLevel.error, "processPub: x"),
        (
            UnknownProtocolOperation(),
            LogLevel.error,
            "Client parser ERROR: Unknown Protocol Operation",
        ),
    ],
)
def test_texts(make_server, fault, level, text):
    protocol = make_server().connect().protocol
    assert describe_fault(fault, protocol) == (level, text)
