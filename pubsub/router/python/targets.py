"""Other servers a message goes to: one frame for each, whatever it is heard for there.

Those are servers of this cluster, leafs and hubs; for others see ``gateways``.

They are collected while a message is distributed, and sent to when everybody here has it.
(nats-server: ``addSubToRouteTargets``, ``msgHeaderForRouteOrLeaf``.)
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from pubsub.errors import SlowConsumer
from pubsub.interfaces import PeerKind
from pubsub.router.python.message import Message
from pubsub.router.python.prefixes import shown
from pubsub.router.python.subscription import Heard

if TYPE_CHECKING:
    from pubsub.router.python.account import Account
    from pubsub.router.python.link import PythonLink

__all__ = ["ANSWERS", "Targets", "fitted", "may_hear", "send_frame"]

#: Where answers from imported services go.
ANSWERS = b"_R_."


def _cluster_of(link: PythonLink) -> bytes:
    """The cluster at the other end of a leaf's link, ``b""`` if it has none."""
    return link.peer.origin.encode("utf-8", "surrogateescape")


def _origin_of(publisher: PythonLink | None, message: Message) -> bytes:
    """The cluster of the leaf a message comes from, here or behind another server."""
    if publisher is not None and publisher.kind == PeerKind.LEAF:
        return _cluster_of(publisher)
    return message.origin


class Targets:
    """The servers one message goes to, in the order in which they were found."""

    __slots__ = ("_found", "_message", "_origin", "_publisher", "served")

    def __init__(self, publisher: PythonLink | None, message: Message) -> None:
        self._publisher = publisher
        self._message = message
        # What an account imported as a service nobody published there.
        self._origin = b"" if message.via else _origin_of(publisher, message)
        #: what the server wants to hear, and its queue groups that were chosen
        self._found: dict[PythonLink, tuple[Heard, list[bytes]]] = {}
        #: queue groups that a server was sent it for
        self.served: list[bytes] = []

    def add(self, entry: Heard) -> None:
        """The message goes there, and to a member of that queue group if it is one's."""
        found = self._found.get(entry.link)
        if found is None:
            found = self._found[entry.link] = (entry, [])
        if entry.queue:
            found[1].append(entry.queue)

    def hears(self, entry: Heard) -> bool:
        """Whether a plain message goes to that server."""
        link, publisher, message = entry.link, self._publisher, self._message
        routed = publisher is not None and publisher.kind == PeerKind.ROUTE
        if link.kind == PeerKind.ROUTE:
            # One hop: whoever sent it sent it to all the others, too.
            return message.answer or message.returned if routed else not self.from_hub
        if link.kind != PeerKind.LEAF or link is publisher or self.is_echo(entry):
            return False
        if entry.primary is not None and message.via:
            # What an account imported as a service it does not export as a stream.
            return False
        if not routed or not link.peer.spoke or message.answer:
            return True
        return message.subject.startswith(ANSWERS)

    @property
    def from_hub(self) -> bool:
        """Whether it came from the server this one is a leaf of."""
        publisher = self._publisher
        return publisher is not None and publisher.kind == PeerKind.LEAF and publisher.peer.spoke

    def is_echo(self, entry: Heard) -> bool:
        """Whether it would go back to the cluster it came from, which heard it in that account.

        What is imported was not heard in that account: it goes back, but not to the hub it came
        from. With imports at both ends it would go round. (nats-server: ``isLeafEcho``.)
        """
        theirs = _cluster_of(entry.link)
        if entry.primary is None and not self._message.via:
            return bool(self._origin) and self._origin == theirs
        publisher = self._publisher
        if publisher is None or not (self.from_hub and entry.link.peer.spoke):
            return False
        # A hub without a name may be the same one.
        return not theirs or _cluster_of(publisher) in (b"", theirs)

    def came_for(self, origin: bytes) -> bool:
        """Whether it came from the leaf behind another server that interest is for."""
        return bool(self._origin) and self._origin == origin

    def send(self, account: Account, payload: bytes) -> int:
        """Write the frames; how many. The queue groups that have it are :attr:`served`."""
        sent = 0
        for entry, queues in list(self._found.values()):
            if self._send(account, entry, queues, payload):
                sent += 1
                self.served += queues
        return sent

    def _send(self, account: Account, entry: Heard, queues: list[bytes], payload: bytes) -> bool:
        link, message = entry.link, self._message
        if not may_hear(link, message.subject):
            return False
        if link.closed or not entry.active:
            return False
        subject = message.subject if entry.mapping is None else entry.mapping(message.subject)
        sizes, payload = fitted(link, message, payload)
        head = self._head(account, link, subject, queues, sizes)
        entry.delivered += 1
        link.expect_answer(message.reply)
        send_frame(link, account, head, payload)
        return True

    def _head(
        self,
        account: Account,
        link: PythonLink,
        subject: bytes,
        queues: list[bytes],
        sizes: list[bytes],
    ) -> bytes:
        """The line in front of the payload, without CRLF."""
        message, publisher = self._message, self._publisher
        verb, fields = b"LMSG", [subject]
        with_origin = False
        if link.kind == PeerKind.ROUTE:
            if link.pinned is None:
                fields.insert(0, account.wire_name)
            leaf = publisher is not None and publisher.kind == PeerKind.LEAF
            with_origin = leaf and link.peer.leaf_origins and bool(self._origin)
            if with_origin:
                fields.insert(0, self._origin)
            else:
                verb = b"RMSG"
        if queues:
            fields += [b"+", message.reply] if message.reply else [b"|"]
            fields += queues
        elif message.reply:
            fields.append(message.reply)
        if len(sizes) > 1:
            verb = verb if with_origin else b"HMSG"
        elif with_origin:
            fields.append(b"0")
        return b" ".join([verb, *fields, *sizes])


# --- one frame --------------------------------------------------------------------------


def may_hear(link: PythonLink, subject: bytes) -> bool:
    """Whether a server may be sent that; the way in front of a reply does not matter."""
    return link.may_deliver is None or link.may_deliver(shown(subject), b"")


def fitted(link: PythonLink, message: Message, payload: bytes) -> tuple[list[bytes], bytes]:
    """The sizes that end the line, and the payload, with headers if the server knows them."""
    if not message.header_size:
        return [message.size_digits], payload
    if link.peer.headers:
        return [message.header_digits, message.size_digits], payload
    payload = payload[message.header_size :]
    return [b"%d" % len(payload)], payload


def send_frame(link: PythonLink, account: Account, head: bytes, payload: bytes) -> None:
    """Queue one message of ``account`` for a server; ``head`` is its line without CRLF."""
    link.out_msgs += 1
    link.out_bytes += len(payload)
    traffic = account.linked[link.kind]
    traffic[2] += 1
    traffic[3] += len(payload)
    link.write(b"%b\r\n%b\r\n" % (head, payload))
    if link.trace:
        verb, _, rest = head.partition(b" ")
        link.handler.traced("out", verb.decode(), rest)
        if payload:
            link.handler.traced("out", "MSG_PAYLOAD", payload)
    if link.pending_bytes > link.router.settings.most_pending(link.kind):
        link.handler.fault(SlowConsumer(f"{link.pending_bytes} bytes are pending"))
