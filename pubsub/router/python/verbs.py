"""What each verb does. PUB and HPUB only read their line: the payload comes later."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import TYPE_CHECKING

from pubsub.errors import (
    HeadersNotSupported,
    InvalidPublishSubject,
    InvalidSubject,
    MalformedArguments,
    MaximumSubscriptionsExceeded,
    SubscriptionPermissionViolation,
    TooManyTokens,
    go_quote,
)
from pubsub.interfaces import PeerKind
from pubsub.router.python.message import Message, parse_hpub, parse_pub, parse_size, split_fields
from pubsub.router.python.routed import parse_routed
from pubsub.router.subjects import is_valid_literal, token_count

if TYPE_CHECKING:
    from pubsub.router.python.link import PythonLink

__all__ = ["ARGUMENT_VERBS", "LINE_VERBS", "write_ok"]

#: Members of this group are servers: its name is not for clients.
_SYSTEM_GROUP = b"_sys_"


def connect(link: PythonLink, argument: bytes) -> None:
    """CONNECT: the handler reads its JSON, decides, and may pause the input."""
    link.handler.connect_received(argument)


def info(link: PythonLink, argument: bytes) -> None:
    """INFO, which servers send."""
    link.handler.info_received(argument)


def error(link: PythonLink, argument: bytes) -> None:
    """-ERR from the peer."""
    link.handler.error_received(argument)


def pub(link: PythonLink, argument: bytes) -> None:
    """PUB: from here on the payload is expected."""
    _expect(link, parse_pub(argument, link.options.max_payload))


def hpub(link: PythonLink, argument: bytes) -> None:
    """HPUB: as PUB, with a header block in front of the payload."""
    if not link.options.headers:
        raise HeadersNotSupported
    _expect(link, parse_hpub(argument, link.options.max_payload))


def _expect(link: PythonLink, message: Message) -> None:
    link.message = message
    if link.options.pedantic and not is_valid_literal(message.subject):
        link.handler.fault(InvalidPublishSubject())


def sub(link: PythonLink, argument: bytes) -> None:
    """SUB ``<subject> [queue] <sid>``."""
    fields = split_fields(argument, b" \t\r\n")
    if len(fields) not in (2, 3):
        raise MalformedArguments(f"processSub Parse Error: {go_quote(argument)}")
    link.last_activity = link.last_input = link.router.clock()
    queue = fields[1] if len(fields) == 3 else b""
    _subscribe(link, fields[0], queue, fields[-1])


def _subscribe(link: PythonLink, subject: bytes, queue: bytes, sid: bytes) -> None:
    allowed = link.may_subscribe is None or link.may_subscribe(subject, queue)
    client = link.kind == PeerKind.CLIENT
    if not allowed or (client and queue == _SYSTEM_GROUP):
        link.handler.fault(SubscriptionPermissionViolation(subject, queue))
        return
    most = link.router.settings.max_sub_tokens
    if client and 0 < most < token_count(subject):
        link.handler.fault(TooManyTokens(subject))
        return
    if 0 < link.options.max_subscriptions <= len(link.subs):
        link.handler.fault(MaximumSubscriptionsExceeded())
    elif not link.subscribe(subject, queue, sid):
        link.handler.fault(InvalidSubject())
    elif link.options.verbose:
        write_ok(link)


def unsub(link: PythonLink, argument: bytes) -> None:
    """UNSUB ``<sid> [max]``."""
    fields = split_fields(argument, b" \t\r\n")
    if len(fields) not in (1, 2):
        raise MalformedArguments(f"processUnsub Parse Error: {go_quote(argument)}")
    link.last_activity = link.last_input = link.router.clock()
    if link.options.verbose:
        write_ok(link)
    link.unsubscribe(fields[0], parse_size(fields[1]) if len(fields) == 2 else -1)


def interest(link: PythonLink, argument: bytes) -> None:
    """RS+, RS-, LS+, LS-, A+ or A-: the handler reads it, and says what the server hears."""
    link.last_activity = link.last_input = link.router.clock()
    link.handler.interest_received(link.verb, argument)


def routed(link: PythonLink, argument: bytes) -> None:
    """RMSG, HMSG or LMSG: from here on the payload is expected."""
    link.message = parse_routed(link, link.verb, argument)


def ping(link: PythonLink) -> None:
    """PING: answered at once; the first one is announced."""
    if link.trace:
        link.handler.traced("in", "PING", b"")
        link.handler.traced("out", "PONG", b"")
    link.last_input = link.router.clock()
    link.write(b"PONG\r\n")
    if link.announce_first_ping:
        link.announce_first_ping = False
        link.handler.first_ping_received()


def pong(link: PythonLink) -> None:
    """PONG: the handler counts them."""
    if link.trace:
        link.handler.traced("in", "PONG", b"")
    link.handler.pong_received()


def ok(link: PythonLink) -> None:
    """+OK: nothing to do."""


def write_ok(link: PythonLink) -> None:
    """Tell a verbose client that all is well."""
    if link.trace:
        link.handler.traced("out", "OK", b"")
    link.write(b"+OK\r\n")


ARGUMENT_VERBS: Mapping[bytes, Callable[[PythonLink, bytes], None]] = {
    b"CONNECT": connect,
    b"INFO": info,
    b"-ERR": error,
    b"PUB": pub,
    b"HPUB": hpub,
    b"SUB": sub,
    b"UNSUB": unsub,
    **dict.fromkeys((b"RS+", b"RS-", b"LS+", b"LS-", b"A+", b"A-"), interest),
    **dict.fromkeys((b"RMSG", b"HMSG", b"LMSG"), routed),
}
LINE_VERBS: Mapping[bytes, Callable[[PythonLink], None]] = {
    b"PING": ping,
    b"PONG": pong,
    b"+OK": ok,
}
