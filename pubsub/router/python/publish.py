"""What happens to a message between its arrival and its distribution."""

from __future__ import annotations

from typing import TYPE_CHECKING

from pubsub.errors import PublishPermissionViolation, ReplyPermissionViolation
from pubsub.interfaces import PeerKind
from pubsub.router.python.delivery import distribute, traced_payload
from pubsub.router.python.mapping import Mapping
from pubsub.router.python.message import Message
from pubsub.router.python.prefixes import shown
from pubsub.router.python.returning import answer, is_missing, take_back, whole_reply
from pubsub.router.python.subscription import Subscription
from pubsub.router.python.tracking import is_tracked, track_answer
from pubsub.router.python.verbs import write_ok

if TYPE_CHECKING:
    from pubsub.router.python.link import PythonLink

__all__ = ["RESERVED_REPLIES", "is_reserved", "publish_as", "publish_parsed"]

#: Subjects of gateways' replies (the second is that of old servers) and of the servers' own
#: consensus groups.
_GATEWAY_REPLIES = (b"_GR_.", b"$GR.")
_CONSENSUS = b"$NRG."

#: Replies that only servers may ask for: service imports, acknowledgements, gateways.
RESERVED_REPLIES = (b"_R_.", b"$JS.ACK.", *_GATEWAY_REPLIES)

#: What other servers may send whatever they may publish: answers, acknowledgements.
_PASSED_ON = (b"_R_.", b"$JS.ACK.")


def publish_parsed(link: PythonLink, message: Message, payload: bytes) -> None:
    """A message that came over the wire: verbose clients are told when it is accepted."""
    _publish(link, message, payload, link.options.verbose)


def publish_as(link: PythonLink, message: Message, payload: bytes) -> int:
    """A message published by a call; how many links it went to."""
    return _publish(link, message, payload, False)


def _pass_on(link: PythonLink, message: Message, payload: bytes) -> int:
    """A message from another server, whose clients may publish it."""
    link.in_msgs += 1
    link.in_bytes += message.size
    traffic = (message.account or link.home).linked[link.kind]
    traffic[0] += 1
    traffic[1] += message.size
    link.last_activity = link.last_input = link.router.clock()
    written = message.subject
    if link.home.mapping is not None and link.kind == PeerKind.LEAF:
        _map(link, link.home.mapping, message)
        if message.subject != written:
            # Its groups are not those the other server knows of.
            message.any_queue = True
    if link.trace:
        traced_payload(link, "in", payload)
    if not _server_may_publish(link, written):
        return 0
    home = message.account or link.home
    if home is link.router.nobody:
        return 0
    delivered = take_back(link, home, message, payload)
    if delivered is not None:
        return delivered
    if link.peer.optimistic and link.kind == PeerKind.GATEWAY and is_missing(home, message.subject):
        link.handler.interest_missing(home.name, message.subject)
    if link.closed:
        return 0
    return distribute(link.router, home, link, message, payload)


def _server_may_publish(link: PythonLink, subject: bytes) -> bool:
    """Whether it may; whoever may not is told, but for the hub of this server."""
    named = shown(subject)
    if named.startswith(_PASSED_ON) or (link.peer.spoke and named != subject):
        return True
    if link.may_publish is None or link.may_publish(named) or _was_asked(link, subject):
        return True
    if not link.peer.spoke:
        link.handler.fault(PublishPermissionViolation(subject))
    return False


def _publish(link: PythonLink, message: Message, payload: bytes, verbose: bool) -> int:
    if link.is_server:
        return _pass_on(link, message, payload)
    link.in_msgs += 1
    link.in_bytes += message.size
    link.last_activity = link.last_input = link.router.clock()
    if link.home.mapping is not None and link.kind == PeerKind.CLIENT:
        _map(link, link.home.mapping, message)
    if link.trace:
        traced_payload(link, "in", payload)
    if not _permitted(link, message):
        return 0
    hook = link.router.hook
    if hook is not None and link.kind == PeerKind.CLIENT:
        cut = message.header_size
        if not hook.publishing(link, message.subject, message.reply, payload[:cut], payload[cut:]):
            return 0
    if verbose:
        write_ok(link)
    if link.closed:
        return 0
    if is_tracked(message.subject):
        track_answer(link, message.subject)
    whole = whole_reply(link if link.kind == PeerKind.CLIENT else link.home, message.subject)
    if whole is not None:
        message.subject = whole
        return answer(link.router, link.home, link, message, payload)
    delivered = distribute(link.router, link.home, link, message, payload)
    if not delivered and message.reply and link.options.no_responders:
        _nobody_responds(link, message)
    return delivered


def _map(link: PythonLink, mapping: Mapping, message: Message) -> None:
    before = message.subject
    message.subject = mapping(before)
    if link.trace and message.subject != before:
        link.handler.traced("in", "MAPPING", b"%b -> %b" % (before, message.subject))


def _is_gateway_reply(subject: bytes) -> bool:
    return subject.startswith(_GATEWAY_REPLIES) and subject not in _GATEWAY_REPLIES


def is_reserved(link: PythonLink, subject: bytes) -> bool:
    """Whether only servers may publish there."""
    if link.kind != PeerKind.CLIENT:
        return False
    return _is_gateway_reply(subject) or (
        subject.startswith(_CONSENSUS) and not link.home.is_system
    )


def _is_reserved_reply(reply: bytes) -> bool:
    return reply.startswith(RESERVED_REPLIES) and reply not in _GATEWAY_REPLIES


def _permitted(link: PythonLink, message: Message) -> bool:
    subject, reply = message.subject, message.reply
    # A permission to answer is used up by asking: that comes last.
    if is_reserved(link, subject) or not _may_publish(link, subject):
        link.handler.fault(PublishPermissionViolation(subject))
        return False
    if link.kind == PeerKind.CLIENT and _is_reserved_reply(reply):
        link.handler.fault(ReplyPermissionViolation(reply))
        return False
    return True


def _may_publish(link: PythonLink, subject: bytes) -> bool:
    """Whether it may at all, or was asked to."""
    if link.may_publish is None or link.may_publish(subject):
        return True
    return _was_asked(link, subject)


def _was_asked(link: PythonLink, subject: bytes) -> bool:
    return link.replies is not None and link.replies.allow(subject)


def _nobody_responds(link: PythonLink, message: Message) -> None:
    """Answer 503 to the requester's own inbox, if it listens there."""
    for sub in link.home.match(message.reply).plain:
        if isinstance(sub, Subscription) and sub.link is link:
            size = 32 + len(message.subject)
            link.write(
                b"HMSG %b %b %d %d\r\nNATS/1.0 503\r\nNats-Subject: %b\r\n\r\n\r\n"
                % (message.reply, sub.sid, size, size, message.subject)
            )
            return
