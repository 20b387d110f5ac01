"""What is the same for every protocol whose output may wait: clients, routes and leafs."""

from __future__ import annotations

from collections.abc import Sequence

from pubsub.interfaces import ILink

__all__ = ["StreamEnd"]


class StreamEnd:
    """The producer (IPushProducer) of a link's output, for a transport the router does not write
    to itself; and no reader inside the process."""

    __slots__ = ()

    link: ILink | None

    def pauseProducing(self) -> None:
        """The transport's buffer is full: output waits in the link."""
        if self.link is not None:
            self.link.pause_output()

    def resumeProducing(self) -> None:
        """The transport's buffer has room again."""
        if self.link is not None:
            self.link.resume_output()

    def stopProducing(self) -> None:
        """The transport is gone: connectionLost follows."""

    def message_received(
        self, sid: bytes, subject: bytes, reply: bytes, headers: bytes, payload: bytes
    ) -> None:
        """Only INTERNAL links get these."""

    def batch_received(self, messages: Sequence[tuple[bytes, bytes, bytes, bytes, bytes]]) -> None:
        """Only SINK links get these."""

    def interest_missing(self, account: str, subject: bytes) -> None:
        """Only GATEWAY links are asked this."""
