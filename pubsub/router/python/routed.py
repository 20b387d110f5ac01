"""The lines in front of messages from other servers, read and checked.

=====  ======  ================================================================
peer   verb    argument
=====  ======  ================================================================
route  RMSG    ``account subject [reply] size``
route  HMSG    ``account subject [reply] header-size size``
route  LMSG    ``origin account subject [reply] header-size size``
leaf   LMSG    ``subject [reply] size``
leaf   HMSG    ``subject [reply] header-size size``
=====  ======  ================================================================

In place of ``[reply]`` there may be ``+ reply queue…`` or ``| queue…``: the queue groups
that are to be served. A route for one account leaves it out. (nats-server:
``processRoutedMsgArgs``, ``processRoutedHeaderMsgArgs``,
``processRoutedOriginClusterMsgArgs``, ``processLeafMsgArgs``, ``processLeafHeaderMsgArgs``.)
"""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

from pubsub.errors import MalformedArguments, MaximumPayloadViolation
from pubsub.interfaces import PeerKind
from pubsub.router.python.message import Message, parse_size, split_fields

if TYPE_CHECKING:
    from pubsub.router.python.link import PythonLink

__all__ = ["parse_routed"]


class Layout(NamedTuple):
    """What stands where."""

    #: nats-server's name for it, which its errors begin with
    name: str
    #: fields in front of the subject
    before: int
    #: there are two sizes
    headers: bool


_ROUTED = {
    b"RMSG": Layout("processRoutedMsgArgs", 1, False),
    b"HMSG": Layout("processRoutedHeaderMsgArgs", 1, True),
    b"LMSG": Layout("processRoutedOriginClusterMsgArgs", 2, True),
}
_FROM_LEAF = {
    b"LMSG": Layout("processLeafMsgArgs", 0, False),
    b"HMSG": Layout("processLeafHeaderMsgArgs", 0, True),
}


def parse_routed(link: PythonLink, verb: bytes, argument: bytes) -> Message:
    """A message from the server at the other end of ``link``.

    :raises MalformedArguments: as nats-server words it.
    :raises MaximumPayloadViolation: it comes from a leaf and is larger than that may send.
    """
    fields = split_fields(argument, b" \t\r\n")
    if link.kind == PeerKind.LEAF:
        message = _read(_FROM_LEAF[verb], fields, argument)
        most = link.options.max_payload
        if most != -1 and message.size > most:
            raise MaximumPayloadViolation(f"{message.size} vs {most}")
        message.account = link.pinned
        return message
    layout = _ROUTED[verb]
    if link.pinned is not None:
        if layout.before == 1:
            fields.insert(0, link.pinned.wire_name)
        elif len(fields) > 2:
            fields.insert(1, link.pinned.wire_name)
    message = _read(layout, fields, argument)
    name = fields[layout.before - 1].decode("utf-8", "surrogateescape")
    optimistic = link.peer.optimistic and link.kind == PeerKind.GATEWAY
    message.account = link.router.home(name) if optimistic else link.router.known(name)
    if layout.before == 2:
        message.origin = fields[0]
    return message


def _read(layout: Layout, fields: list[bytes], argument: bytes) -> Message:
    at, sizes = layout.before, 1 + layout.headers
    rest = fields[at + 1 : len(fields) - sizes]
    if len(fields) < at + 1 + sizes:
        raise _malformed(layout, "Parse Error", _listed(fields))
    reply, queues = b"", []
    if len(rest) > 1:
        if rest[0] == b"+":
            reply, queues = rest[1], rest[2:]
        elif rest[0] == b"|":
            queues = rest[1:]
        else:
            raise _malformed(layout, "Bad or Missing Reply Indicator", rest[0])
    elif rest:
        reply = rest[0]
    size, header_size, header_digits = parse_size(fields[-1]), 0, b""
    if layout.headers:
        header_digits = fields[-2]
        header_size = parse_size(header_digits)
        if header_size < 0:
            raise _malformed(layout, "Bad or Missing Header Size", argument)
    if size < 0:
        raise _malformed(layout, "Bad or Missing Size", _listed(fields))
    if header_size > size:
        raise _malformed(layout, "Header Size larger then TotalSize", argument)
    message = Message(fields[at], reply, size, fields[-1], header_size, header_digits)
    message.queues = tuple(queues)
    return message


def _listed(fields: list[bytes]) -> bytes:
    return b"[%b]" % b" ".join(fields)


def _malformed(layout: Layout, what: str, shown: bytes) -> MalformedArguments:
    text = shown.decode("utf-8", "backslashreplace")
    return MalformedArguments(f"{layout.name} {what}: '{text}'")
