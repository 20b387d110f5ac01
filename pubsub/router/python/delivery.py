"""From a message to the output of everybody it reaches: the readable way.

:mod:`pubsub.router.python.fast` does the same for the common case, prepared in advance.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from pubsub.errors import SlowConsumer
from pubsub.interfaces import PeerKind, RouterSettings
from pubsub.router.python.gateways import send_abroad
from pubsub.router.python.groups import serve
from pubsub.router.python.message import Message
from pubsub.router.python.prefixes import ack_end, is_prefixed
from pubsub.router.python.subscription import Carrier, Entry, Heard, Subscription
from pubsub.router.python.targets import Targets
from pubsub.router.python.tracking import is_tracked, track_request

if TYPE_CHECKING:
    from pubsub.router.python.account import Account
    from pubsub.router.python.index import Result
    from pubsub.router.python.link import PythonLink
    from pubsub.router.python.router import PythonRouter

__all__ = ["deliver", "distribute", "frame_head", "stall_limit", "traced_payload"]

#: How long a producer waits for a consumer: above 75 % of max_pending, and at the limit.
#: nats-server's stallClientMinDuration and stallClientMaxDuration.
_SHORT_STALL = 0.002
_LONG_STALL = 0.005

#: Kinds that are the server itself.
_OWN = (PeerKind.INTERNAL, PeerKind.SINK)


def distribute(
    router: PythonRouter,
    account: Account,
    publisher: PythonLink | None,
    message: Message,
    payload: bytes,
) -> int:
    """Deliver to every plain subscription and to one member of each queue group.

    :return: how many deliveries were made, other servers included.
    """
    result = account.match(message.subject)
    delivered = 0
    served: list[bytes] = []
    targets: Targets | None = None
    for entry in result.plain:
        if isinstance(entry, Heard):
            targets = targets or Targets(publisher, message)
            if entry.active and targets.hears(entry):
                targets.add(entry)
        else:
            delivered += _pass_on(router, publisher, entry, message, payload)
    if result.far or (publisher is not None and publisher.is_server):
        targets = targets or Targets(publisher, message)
        served = _serve_groups(router, publisher, result, message, payload, targets)
    else:
        for members in result.groups:
            start = router.draw.next() % len(members)
            for entry in members[start:] + members[:start]:
                if _pass_on(router, publisher, entry, message, payload):
                    served.append(entry.queue)
                    break
    delivered += len(served)
    if targets is not None:
        delivered += targets.send(account, payload)
        served += targets.served
    return delivered + send_abroad(router, account, publisher, message, payload, served)


def _serve_groups(
    router: PythonRouter,
    publisher: PythonLink | None,
    result: Result,
    message: Message,
    payload: bytes,
    targets: Targets,
) -> list[bytes]:
    """As it is done where other servers have a part in it; those that were served here."""
    groups = result.groups
    passed_on = publisher is not None and publisher.is_server
    if passed_on and (message.queues or not message.any_queue):
        # They name the groups they have chosen this server for.
        groups = tuple(members for members in groups if members[0].queue in message.queues)

    def deliver_here(entry: Entry) -> bool:
        return bool(_pass_on(router, publisher, entry, message, payload))

    return [
        members[0].queue
        for members in groups
        if serve(members, publisher, targets, router.draw, deliver_here)
    ]


def _pass_on(
    router: PythonRouter,
    publisher: PythonLink | None,
    entry: Entry,
    message: Message,
    payload: bytes,
) -> int:
    """To whatever stands in the index; to how many links it went."""
    if isinstance(entry, Carrier):
        if not entry.active:
            return 0
        if is_prefixed(message.reply):
            entry.home.map_reply(message.reply)
        return entry.carry(router, publisher, message, payload)
    assert isinstance(entry, Subscription)
    if entry.primary is None:
        return deliver(publisher, entry, message, payload)
    if message.via:
        # What an account imported as a service it does not export as a stream.
        return False
    if entry.mapping is not None:
        message = message.delivered_on(entry.mapping(message.subject))
    return deliver(publisher, entry, message, payload)


def deliver(
    publisher: PythonLink | None, sub: Subscription, message: Message, payload: bytes
) -> bool:
    """Deliver to one subscription, unless something speaks against it."""
    link = sub.link
    if publisher is not None and publisher.is_server and message.reply:
        message = _decoded(message)
    if link is publisher and not link.options.echo:
        return False
    if link.may_deliver is not None and not link.may_deliver(message.subject, sub.queue):
        return False
    if link.closed or not sub.active:
        return False
    sub.delivered += 1
    if not sub.max:
        return _send(publisher, sub, message, payload)
    primary = sub.primary or sub
    total = primary.total
    if total > sub.max:
        link.remove(primary)
        return False
    last = total == sub.max
    try:
        return _send(publisher, sub, message, payload)
    finally:
        if last:
            link.remove(primary)


def _send(
    publisher: PythonLink | None, sub: Subscription, message: Message, payload: bytes
) -> bool:
    link = sub.link
    if message.header_size and not link.options.headers:
        payload = payload[message.header_size :]
        digits = b"%d" % len(payload)
        message = Message(message.subject, message.reply, len(payload), digits)
    link.out_msgs += 1
    link.out_bytes += message.size
    if link.kind in _OWN:
        message = _as_shown(link.home, message)
    if link.kind == PeerKind.INTERNAL:
        link.expect_answer(message.reply)
        _call(sub, message, payload)
        return True
    if link.kind == PeerKind.SINK:
        link.expect_answer(message.reply)
        cut = message.header_size
        link.batch.append((sub.sid, message.subject, message.reply, payload[:cut], payload[cut:]))
        link.mark()
        return True
    settings = link.router.settings
    behind = link.pending_bytes > stall_limit(settings)
    if behind and publisher is not None and publisher.kind == PeerKind.CLIENT:
        if settings.no_fast_producer_stall:
            return False
        _stall(publisher, link)
    message = _as_shown(link, message)
    link.expect_answer(message.reply)
    if publisher is not None and publisher.is_server and is_tracked(message.reply):
        track_request(link, message.subject, message.reply)
    head = frame_head(sub, message)
    link.write(b"%b\r\n%b\r\n" % (head, payload))
    if link.trace:
        verb, _, rest = head.partition(b" ")
        link.handler.traced("out", verb.decode(), rest)
        traced_payload(link, "out", payload)
    if link.kind == PeerKind.CLIENT and link.pending_bytes > settings.max_pending:
        link.handler.fault(SlowConsumer(f"{link.pending_bytes} bytes are pending"))
    return True


def _decoded(message: Message) -> Message:
    """The message on the subject its reply has behind an ``@``, if it is one of JetStream's."""
    end = ack_end(message.reply)
    if not end:
        return message
    decoded = message.delivered_on(message.reply[end + 1 :])
    decoded.reply = message.reply[:end]
    return decoded


def _as_shown(owner: PythonLink | Account, message: Message) -> Message:
    """The message without the way back in front of its reply, which ``owner`` remembers."""
    if not is_prefixed(message.reply):
        return message
    message = message.delivered_on(message.subject)
    message.reply = owner.map_reply(message.reply)
    return message


def frame_head(sub: Subscription, message: Message) -> bytes:
    """The MSG or HMSG line for a message as this subscriber gets it, without CRLF."""
    reply = message.reply + b" " if message.reply else b""
    if message.header_size:
        return b"HMSG %b %b %b%b %b" % (
            message.subject, sub.sid, reply, message.header_digits, message.size_digits
        )  # fmt: skip
    return b"MSG %b %b %b%b" % (message.subject, sub.sid, reply, message.size_digits)


def _call(sub: Subscription, message: Message, payload: bytes) -> None:
    link, cut = sub.link, message.header_size
    try:
        link.handler.message_received(
            sub.sid, message.subject, message.reply, payload[:cut], payload[cut:]
        )
    except Exception:  # noqa: BLE001 (anybody's code; the others still get theirs)
        link._log.failure("A handler failed on {subject!r}", subject=message.subject)


def stall_limit(settings: RouterSettings) -> int:
    """Bytes pending above which a consumer holds up its producers: 75 %, as nats-server."""
    return settings.max_pending // 4 * 3


def _stall(publisher: PythonLink, link: PythonLink) -> None:
    """Hold the producer back for its consumer, once per read."""
    if publisher.stalled:
        return
    publisher.stalled = True
    link.stalls += 1
    full = link.pending_bytes >= link.router.settings.max_pending
    publisher.handler.stall(_LONG_STALL if full else _SHORT_STALL)


def traced_payload(link: PythonLink, direction: str, payload: bytes) -> None:
    """Report a message's text, headers included; the handler cuts it to what it shows.

    An empty one is no news, as in nats-server.
    """
    if payload:
        link.handler.traced(direction, "MSG_PAYLOAD", payload)
