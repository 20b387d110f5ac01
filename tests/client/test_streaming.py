"""Output that waits for its transport."""

from __future__ import annotations

from typing import Any

from pubsub.client.streaming import StreamEnd


class Link:
    """Notes what it is told."""

    def __init__(self) -> None:
        self.told: list[str] = []

    def pause_output(self) -> None:
        self.told.append("pause")

    def resume_output(self) -> None:
        self.told.append("resume")


def test_the_link_waits_as_long_as_the_transport_is_full() -> None:
    end, link = StreamEnd(), Link()
    holder: Any = type("End", (StreamEnd,), {"link": link})()
    holder.pauseProducing()
    holder.resumeProducing()
    holder.stopProducing()
    assert link.told == ["pause", "resume"]
    assert not hasattr(end, "__dict__"), "there is one for each connection"


def test_without_a_link_nothing_waits() -> None:
    holder: Any = type("End", (StreamEnd,), {"link": None})()
    holder.pauseProducing()
    holder.resumeProducing()
