"""A message on its way: the fields of a PUB or HPUB line, read and checked."""

from __future__ import annotations

from typing import TYPE_CHECKING

from pubsub.errors import ClientFault, MalformedArguments, MaximumPayloadViolation, go_quote

if TYPE_CHECKING:
    from pubsub.router.python.account import Account

__all__ = ["Message", "parse_hpub", "parse_pub", "parse_size", "split_fields"]

#: A size has at most nine digits: 999 MB, more than any limit allows.
MAX_SIZE_DIGITS = 9


class Message:
    """What stands in front of a payload.

    :ivar header_size: bytes of the payload that are its header block; 0 for none.
    :ivar size: bytes of the payload, header block included.
    :ivar header_digits: as the publisher wrote them: they are passed on unchanged.
    :ivar size_digits: likewise.
    :ivar via: the exports of the imports it came through.
    :ivar share: the first import it came through shares who asks.
    :ivar located: that does not, but one behind it may know where they are.
    :ivar answer: it is the answer of an imported service, just come back through the import.
    :ivar account: where it is published, if another server said so.
    :ivar queues: the queue groups that the server it came from has chosen this one for.
    :ivar any_queue: if there are none, then any will do.
    :ivar origin: the cluster of the leaf that it came from, to the server it came from.
    :ivar returned: it is the reply to a request of this cluster, back through a gateway.
    """

    __slots__ = (
        "account", "answer", "any_queue", "header_digits", "header_size", "located", "origin",
        "queues", "reply", "returned", "share", "size", "size_digits", "subject", "via",
    )  # fmt: skip

    def __init__(
        self,
        subject: bytes,
        reply: bytes,
        size: int,
        size_digits: bytes,
        header_size: int = 0,
        header_digits: bytes = b"",
    ) -> None:
        self.subject = subject
        self.reply = reply
        self.size = size
        self.size_digits = size_digits
        self.header_size = header_size
        self.header_digits = header_digits
        self.via: tuple[object, ...] = ()
        self.share = False
        self.located = False
        self.answer = False
        self.account: Account | None = None
        self.queues: tuple[bytes, ...] = ()
        self.any_queue = False
        self.origin = b""
        self.returned = False

    @classmethod
    def of(cls, subject: bytes, reply: bytes, headers: bytes, payload: bytes) -> Message:
        """A message that was never on the wire."""
        size = len(headers) + len(payload)
        digits = b"%d" % len(headers) if headers else b""
        return cls(subject, reply, size, b"%d" % size, len(headers), digits)

    def delivered_on(self, subject: bytes) -> Message:
        """The same, as it is delivered on another subject."""
        changed = Message(
            subject, self.reply, self.size, self.size_digits, self.header_size, self.header_digits
        )
        changed.follow(self)
        return changed

    def follow(self, other: Message) -> None:
        """It has come the same way as ``other``."""
        self.via, self.share, self.located = other.via, other.share, other.located
        self.answer, self.any_queue = other.answer, other.any_queue
        self.queues, self.origin = other.queues, other.origin
        self.returned = other.returned

    def readdressed(self, subject: bytes, reply: bytes, export: object) -> Message:
        """The same on the other side of an import."""
        changed = self.delivered_on(subject)
        changed.reply = reply
        changed.via = (*self.via, export)
        # A server that names no groups knows nothing of those on this side.
        changed.answer, changed.any_queue = False, True
        changed.returned = False
        return changed


def parse_size(digits: bytes) -> int:
    """1-9 ASCII digits as a number, -1 for anything else."""
    if len(digits) > MAX_SIZE_DIGITS or not digits.isdigit():
        return -1
    return int(digits)


def split_fields(argument: bytes, separators: bytes) -> list[bytes]:
    """The fields between any number of ``separators``."""
    for other in separators[1:]:
        argument = argument.replace(bytes((other,)), separators[:1])
    return [field for field in argument.split(separators[:1]) if field]


def parse_pub(argument: bytes, max_payload: int) -> Message:
    """``<subject> [reply] <size>``.

    :raises MalformedArguments: not 2 or 3 fields, or not a size.
    :raises MaximumPayloadViolation: larger than ``max_payload`` (-1 for any size).
    """
    fields = split_fields(argument, b" \t")
    if len(fields) not in (2, 3):
        raise _malformed("processPub Parse Error", argument)
    reply = fields[1] if len(fields) == 3 else b""
    size = parse_size(fields[-1])
    if size < 0:
        raise _malformed("processPub Bad or Missing Size", argument)
    _check_payload(size, max_payload)
    return Message(fields[0], reply, size, fields[-1])


def parse_hpub(argument: bytes, max_payload: int) -> Message:
    """``<subject> [reply] <header size> <total size>``; raises as :func:`parse_pub`."""
    fields = split_fields(argument, b" \t")
    if len(fields) not in (3, 4):
        raise _malformed("processHeaderPub Parse Error", argument)
    reply = fields[1] if len(fields) == 4 else b""
    header_size, size = parse_size(fields[-2]), parse_size(fields[-1])
    if header_size < 0:
        raise _malformed("processHeaderPub Bad or Missing Header Size", argument)
    if size < 0:
        raise _malformed("processHeaderPub Bad or Missing Total Size", argument)
    if header_size > size:
        raise _malformed("processHeaderPub Header Size larger then TotalSize", argument)
    _check_payload(size, max_payload)
    return Message(fields[0], reply, size, fields[-1], header_size, fields[-2])


def _check_payload(size: int, max_payload: int) -> None:
    if max_payload != -1 and size > max_payload:
        raise MaximumPayloadViolation(f"{size} vs {max_payload}")


def _malformed(what: str, argument: bytes) -> ClientFault:
    return MalformedArguments(f"{what}: {go_quote(argument)}")
