"""Which of nats-server's levels an event has."""

from __future__ import annotations

from typing import Any

import pytest
from twisted.logger import LogLevel
from twisted.python.failure import Failure

from pubsub.system.levels import Level, level_of

FAILURE = Failure(ValueError("no"))


@pytest.mark.parametrize(
    ("event", "level"),
    [
        ({"log_level": LogLevel.debug}, Level.DBG),
        ({"log_level": LogLevel.info}, Level.INF),
        ({"log_level": LogLevel.warn}, Level.WRN),
        ({"log_level": LogLevel.error}, Level.ERR),
        ({"log_level": LogLevel.critical}, Level.FTL),
        ({}, Level.INF),
    ],
)
def test_each_twisted_level_has_its_nats_server_level(event: dict[str, Any], level: Level) -> None:
    assert level_of(event | {"log_namespace": "pubsub.server"}) is level


def test_an_event_marked_trace_is_a_trace_whatever_its_own_level() -> None:
    assert level_of({"log_level": LogLevel.debug, "trace": True}) is Level.TRC
    assert level_of({"log_level": LogLevel.info, "trace": True}) is Level.TRC
    assert level_of({"log_level": LogLevel.debug, "trace": "yes"}) is Level.DBG


@pytest.mark.parametrize(
    "event",
    [
        {"log_namespace": "twisted.internet.tcp"},
        {"log_namespace": "log_legacy", "log_format": "{log_text}"},
        {"log_namespace": "pubsub.client.factory", "log_format": "Starting factory {factory!r}"},
        {"log_namespace": "pubsub.client.factory", "log_format": "Stopping factory {factory!r}"},
    ],
)
def test_what_twisted_says_about_itself_is_for_debugging(event: dict[str, Any]) -> None:
    assert level_of(event | {"log_level": LogLevel.info}) is Level.DBG


def test_what_twisted_warns_of_stays_a_warning() -> None:
    event = {"log_namespace": "twisted.internet.base", "log_level": LogLevel.warn}
    assert level_of(event) is Level.WRN


def test_a_failure_is_an_error_and_not_fatal() -> None:
    event = {"log_namespace": "pubsub.x", "log_level": LogLevel.critical, "log_failure": FAILURE}
    assert level_of(event) is Level.ERR


def test_the_announcement_of_an_unhandled_deferred_leaves_the_error_to_the_failure() -> None:
    announcement = {
        "log_namespace": "twisted.internet.defer",
        "log_level": LogLevel.critical,
        "log_format": "Unhandled error in Deferred:",
    }
    assert level_of(announcement) is Level.DBG
    assert level_of(announcement | {"log_format": "", "log_failure": FAILURE}) is Level.ERR


def test_the_levels_are_ordered_by_severity() -> None:
    assert [level.name for level in sorted(Level)] == ["TRC", "DBG", "INF", "WRN", "ERR", "FTL"]
