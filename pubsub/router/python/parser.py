"""The parser: bytes in pieces of any size become operations, each acted on at once.

Theory of operation. A link is always in one of these states:

========  =====================================================  ===================
state     what it waits for                                      what is kept
========  =====================================================  ===================
START     the rest of a verb                                     up to 6 bytes
GAP       the space or tab that must follow the verb             the verb
SPACES    anything but more spaces and tabs                      the verb
ARGUMENT  the LF that ends the argument                          the argument so far
SKIP      the LF after PING, PONG or +OK, ignoring all else      the verb
PAYLOAD   the bytes a message's line announced, then CR, LF      the payload so far
========  =====================================================  ===================

Whatever cannot go on is a fault at the first byte that shows it. Ordinary PUB and HPUB
lines do not come here at all: :mod:`pubsub.router.python.fast` takes whole operations
off a chunk, as long as it understands them, and leaves the rest to this module.

Each step takes ``(link, data, pos)`` with at least one byte at ``pos`` and returns where
to go on. Between steps the link may have been closed or its input paused by a handler.
"""

from __future__ import annotations

import re
from collections.abc import Callable
from typing import TYPE_CHECKING

from pubsub.errors import (
    AuthorizationViolation,
    ClientFault,
    MaximumControlLineExceeded,
    UnknownProtocolOperation,
)
from pubsub.interfaces import PeerKind
from pubsub.router.python.fast import publish_ordinary
from pubsub.router.python.publish import publish_parsed
from pubsub.router.python.verbs import ARGUMENT_VERBS, LINE_VERBS

if TYPE_CHECKING:
    from pubsub.router.python.link import PythonLink

__all__ = ["ARGUMENT", "GAP", "LANGUAGES", "PAYLOAD", "SKIP", "SPACES", "START", "feed"]

START, GAP, SPACES, ARGUMENT, SKIP, PAYLOAD = range(6)

#: Verbs, and what follows each, by their first byte.
Language = dict[int, list[tuple[bytes, int]]]


def _language(*verbs: bytes) -> Language:
    """What everybody may say, and these."""
    after = {b"CONNECT": SPACES, b"INFO": SPACES, b"-ERR": GAP}
    after.update(dict.fromkeys((b"PING", b"PONG", b"+OK"), SKIP))
    after.update(dict.fromkeys(verbs, GAP))
    firsts = {verb[0] for verb in after}
    return {first: [(v, after[v]) for v in after if v[0] == first] for first in firsts}


_OF_CLIENTS = _language(b"PUB", b"HPUB", b"SUB", b"UNSUB")
_OF_GATEWAYS = _language(b"RS+", b"RS-", b"A+", b"A-", b"RMSG", b"HMSG")

#: What each kind of peer may say.
LANGUAGES: dict[PeerKind, Language] = {
    PeerKind.CLIENT: _OF_CLIENTS,
    PeerKind.ROUTE: _language(
        b"RS+", b"RS-", b"LS+", b"LS-", b"A+", b"A-", b"RMSG", b"HMSG", b"LMSG"
    ),
    PeerKind.GATEWAY: _OF_GATEWAYS,
    PeerKind.LEAF: _language(b"LS+", b"LS-", b"LMSG", b"HMSG"),
    PeerKind.INTERNAL: _OF_CLIENTS,
    PeerKind.SINK: _OF_CLIENTS,
}
_LONGEST = len(b"CONNECT")
_GAP = re.compile(rb"[ \t]*")

#: Servers' lines carry queue groups and origins: nats-server gives them this much more.
_SERVER_LINE_FACTOR = 16


def feed(link: PythonLink, data: bytes) -> None:
    """Parse ``data``, and then what arrived while doing so."""
    link.parsing = True
    link.stalled = False
    try:
        while True:
            rest = _run(link, data)
            if link.closed:
                link.backlog.clear()
                return
            if link.input_paused:
                if rest:
                    link.backlog.appendleft(rest)
                return
            if not link.backlog:
                return
            data = link.backlog.popleft()
    finally:
        link.parsing = False


def _run(link: PythonLink, data: bytes) -> bytes:
    """Parse until the end, the closing or the pausing of the link; what is left."""
    if link.state == START and link.kept:
        data = link.kept + data
        link.kept = b""
    pos, end = 0, len(data)
    while pos < end and not link.closed and not link.input_paused:
        if link.state == START and not link.awaiting_connect:
            pos = publish_ordinary(link, data, pos)
            if pos == end:
                break
        pos = _STEPS[link.state](link, data, pos)
    if link.state == ARGUMENT and not link.closed:
        kept = link.kept
        _fits(link, len(kept) - kept.endswith(b"\r"))
    return data[pos:]


def _fault(link: PythonLink, data: bytes, fault: ClientFault) -> int:
    """Report; what follows cannot be understood, whether or not the handler closes."""
    link.state = START
    link.kept = b""
    link.handler.fault(fault)
    return len(data)


def _start(link: PythonLink, data: bytes, pos: int) -> int:
    word = data[pos : pos + _LONGEST].upper()
    if link.awaiting_connect and word[0] != 67:
        if not link.handler.operation_before_connect():
            return _fault(link, data, AuthorizationViolation())
        link.awaiting_connect = False
        if link.closed:
            return len(data)
        if link.input_paused:
            return pos
    for verb, after in link.language.get(word[0], ()):
        if word.startswith(verb):
            link.verb = verb
            link.state = after
            return pos + len(verb)
        if verb.startswith(word):
            link.kept = data[pos:]
            return len(data)
    return _fault(link, data, UnknownProtocolOperation())


def _gap(link: PythonLink, data: bytes, pos: int) -> int:
    if data[pos] not in b" \t":
        return _fault(link, data, UnknownProtocolOperation())
    link.state = SPACES
    return pos + 1


def _spaces(link: PythonLink, data: bytes, pos: int) -> int:
    match = _GAP.match(data, pos)
    assert match is not None
    pos = match.end()
    if pos < len(data):
        # Whatever it is, even a line feed, it is the first byte of the argument.
        link.state = ARGUMENT
        link.kept = data[pos : pos + 1]
        pos += 1
    return pos


def _argument(link: PythonLink, data: bytes, pos: int) -> int:
    stop = data.find(b"\n", pos)
    if stop < 0:
        link.kept += data[pos:]
        return len(data)
    argument = link.kept + data[pos:stop]
    if argument.endswith(b"\r"):
        argument = argument[:-1]
    link.kept = b""
    link.state = START
    if not _fits(link, len(argument)):
        return len(data)
    if link.trace and link.verb not in _UNTRACED:
        link.handler.traced("in", link.verb.decode(), argument)
    try:
        ARGUMENT_VERBS[link.verb](link, argument)
    except ClientFault as fault:
        return _fault(link, data, fault)
    if link.message is not None and not link.closed:
        link.state = PAYLOAD
    return stop + 1


_UNTRACED = (b"INFO", b"-ERR")


def _fits(link: PythonLink, length: int) -> bool:
    limit = link.router.settings.max_control_line
    if link.kind != PeerKind.CLIENT:
        limit *= _SERVER_LINE_FACTOR
    if length > limit:
        _fault(link, b"", MaximumControlLineExceeded(f"{length} bytes, limit {limit}"))
        return False
    return True


def _skip(link: PythonLink, data: bytes, pos: int) -> int:
    stop = data.find(b"\n", pos)
    if stop < 0:
        return len(data)
    link.state = START
    LINE_VERBS[link.verb](link)
    return stop + 1


def _payload(link: PythonLink, data: bytes, pos: int) -> int:
    message = link.message
    assert message is not None
    body = link.body
    size = message.size
    need = size + 2 - len(body)
    piece = data[pos : pos + need]
    pos += len(piece)
    body += piece
    if not b"\r\n".startswith(body[size:]):
        link.message = None
        link.body = bytearray()
        return _fault(link, data, UnknownProtocolOperation())
    if len(piece) == need:
        link.state = START
        link.message = None
        link.body = bytearray()
        publish_parsed(link, message, bytes(body[:size]))
    return pos


_STEPS: tuple[Callable[[PythonLink, bytes, int], int], ...] = (
    _start,
    _gap,
    _spaces,
    _argument,
    _skip,
    _payload,
)
