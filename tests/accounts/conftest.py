"""What tests of accounts share."""

from __future__ import annotations

from collections.abc import Iterator

import pytest
from twisted.logger import LogEvent, LogLevel, formatEvent, globalLogPublisher


@pytest.fixture
def log() -> Iterator[list[str]]:
    """The lines logged during the test, but for those at level debug."""
    lines: list[str] = []

    def observe(event: LogEvent) -> None:
        if (
            str(event.get("log_namespace", "")).startswith("pubsub.")
            and event["log_level"] is not LogLevel.debug
        ):
            lines.append(formatEvent(event))

    globalLogPublisher.addObserver(observe)
    yield lines
    globalLogPublisher.removeObserver(observe)
