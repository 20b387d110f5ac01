"""The common case of publishing, prepared in advance: whole operations off a chunk.

A publisher mostly repeats itself. Where a subject leads is worked out once (a
:class:`Route`), and so is what a control line leads to (a :class:`Plan`: the size it
announces, the head of the frame for each reader), found again by the line itself. A
message is then: find the line feed, look the line up, check the CRLF behind the payload,
and hand head and payload to each reader's list of output.

Everything here happens without calling anybody: whatever could end up in a handler (a
verbose or traced peer, a mapper, a hook, a permission not asked for yet, a reader that
is internal, about to reach its ``max``, or close to ``max_pending``) makes a line *odd*
and leaves it to the parser. So nothing a plan relies on can change while a chunk is
worked through; between chunks ``Account.version`` tells.
"""

from __future__ import annotations

import sys
from collections import Counter
from collections.abc import Callable
from typing import TYPE_CHECKING, NamedTuple

from pubsub.interfaces import PeerKind
from pubsub.router.python.delivery import stall_limit
from pubsub.router.python.message import parse_size
from pubsub.router.python.prefixes import way_of
from pubsub.router.python.publish import RESERVED_REPLIES, is_reserved
from pubsub.router.python.subscription import Entry, Heard, Subscription
from pubsub.router.python.tracking import is_tracked
from pubsub.router.subjects import is_valid_literal

if TYPE_CHECKING:
    from pubsub.router.python.link import PythonLink
    from pubsub.router.python.permissions import Decisions

__all__ = ["MAX_PLANS", "MAX_READERS", "Plan", "Route", "publish_ordinary"]

#: Plans, and routes, one publisher may keep: more than the subjects and sizes in steady use.
MAX_PLANS = 128
#: Readers of one route. Each costs some 300 bytes in every route and plan it is part of, so
#: with both limits a publisher keeps about 5 MB at most, whatever there is to reach; and for
#: more readers preparing saves little, since delivering is nearly all there is to do.
MAX_READERS = 128


class Reader(NamedTuple):
    """One delivery of a route."""

    #: puts bytes into the link's output
    append: Callable[[bytes], None]
    #: ``MSG <subject> <sid> ``
    prefix: bytes
    sub: Subscription


class Route:
    """Where the messages of one publisher on one subject go.

    :ivar asks: a reader takes a note of every reply.
    :ivar frames: no link gets more frames than that of one message.
    :ivar longest: of the prefixes.
    :ivar missed: 1 until the first message, if its result had to be worked out.
    :ivar count: messages delivered and not yet added to anybody's counters,
    :ivar sizes: their payloads,
    :ivar rests: and what their frames have besides the prefix.
    """

    __slots__ = (
        "asks", "count", "frames", "groups", "longest", "missed", "readers", "rests", "sizes"
    )  # fmt: skip

    def __init__(self, readers: list[Reader], groups: list[list[Reader]], missed: int) -> None:
        self.readers = readers
        self.groups = groups
        if len(readers) == 1 and not groups:
            self.frames = 1
            self.longest = len(readers[0].prefix)
            self.asks = readers[0].sub.link.replies is not None
        else:
            everybody = [*readers, *(reader for members in groups for reader in members)]
            self.frames = max(Counter(r.sub.link for r in everybody).values(), default=0)
            self.longest = max((len(r.prefix) for r in everybody), default=0)
            self.asks = any(r.sub.link.replies is not None for r in everybody)
        self.missed = missed
        self.count = 0
        self.sizes = 0
        self.rests = 0

    def room(self, limit: int) -> int:
        """How much may be queued before any reader would hold up its producers."""
        pending = [reader.sub.link.pending_bytes for reader in self.readers]
        for members in self.groups:
            pending += [reader.sub.link.pending_bytes for reader in members]
        return limit - max(pending, default=0)


#: What one control line leads to: its route, the bytes of the payload, the rest of the
#: frame's head (reply and sizes), and the whole heads for the plain readers.
Plan = tuple[Route, int, bytes, list[tuple[Callable[[bytes], None], bytes]]]

#: What is not ordinary.
_ODD_ROUTE = Route([], [], 0)
_ODD: Plan = (_ODD_ROUTE, 0, b"", [])


def publish_ordinary(link: PythonLink, data: bytes, pos: int) -> int:
    """Publish the ordinary PUB and HPUB operations that start at ``pos``.

    :return: where the first operation starts that is odd or not complete.
    """
    version = (link.home.version, link.router.gateways.version)
    if link.plans_version != version:
        _renew(link, version)
    if not link.ordinary:
        return pos
    plans = link.plans
    find = data.find
    end = len(data)
    room = sys.maxsize
    used: list[Route] = []
    try:
        begin = find(b"\n", pos) + 1
        while begin:
            line = data[pos:begin]
            route, size, tail, heads = plans.get(line) or _prepare(link, line)
            stop = begin + size + 2
            body = data[begin:stop]
            if stop > end or body[-2:] != b"\r\n" or route is _ODD_ROUTE:
                break
            rest = len(tail) + size + 2
            if not route.count:
                room = min(room, route.room(stall_limit(link.router.settings)))
            room -= route.frames * (route.longest + rest)
            if room < 0:
                break
            if not route.count:
                used.append(route)
                for reader in route.readers:
                    reader.sub.link.mark()
            route.count += 1
            route.sizes += size
            route.rests += rest
            for append, head in heads:
                append(head)
                append(body)
            if route.groups:
                _deliver_to_groups(link, route, size, tail, body)
            pos = stop
            begin = find(b"\n", pos) + 1
    finally:
        if used:
            _settle(link, used)
    return pos


def _renew(link: PythonLink, version: tuple[int, int]) -> None:
    """Something changed: forget the plans, and see whether this link may have any."""
    home = link.home
    link.plans.clear()
    link.routes.clear()
    link.plans_version = version
    link.ordinary = (
        link.kind == PeerKind.CLIENT
        and not link.trace
        and not link.options.verbose
        and home.mapping is None
        and home.caching
        and link.router.hook is None
    )


def _deliver_to_groups(link: PythonLink, route: Route, size: int, tail: bytes, body: bytes) -> None:
    """To one member of each queue group, counted at once."""
    draw = link.router.draw
    for members in route.groups:
        append, prefix, sub = members[draw.next() % len(members)]
        append(prefix + tail)
        append(body)
        sub.delivered += 1
        reader = sub.link
        reader.out_msgs += 1
        reader.out_bytes += size
        reader.pending_bytes += len(prefix) + len(tail) + len(body)
        reader.mark()


def _settle(link: PythonLink, used: list[Route]) -> None:
    """Add what was delivered to everybody's counters."""
    home = link.home
    for route in used:
        count, sizes, rests = route.count, route.sizes, route.rests
        route.count = route.sizes = route.rests = 0
        home.matches += count
        home.hits += count - route.missed
        route.missed = 0
        link.in_msgs += count
        link.in_bytes += sizes
        for _, prefix, sub in route.readers:
            sub.delivered += count
            reader = sub.link
            reader.out_msgs += count
            reader.out_bytes += sizes
            reader.pending_bytes += count * len(prefix) + rests
    link.last_activity = link.last_input = link.router.clock()


# --- preparing --------------------------------------------------------------------------


def _prepare(link: PythonLink, line: bytes) -> Plan:
    """The plan for a line as most clients write it; the parser knows all other lines.

    Kept for next time, unless a reply makes the line unique.
    """
    fields = line[:-2].split(b" ")
    number = len(fields)
    verb, subject, digits = fields[0], fields[1] if number > 1 else b"", fields[-1]
    if verb == b"PUB" and 3 <= number <= 4:
        reply = fields[2] if number == 4 else b""
        key, tail = subject, digits + b"\r\n"
    elif verb == b"HPUB" and 4 <= number <= 5:
        reply = fields[2] if number == 5 else b""
        # A subject holds no space: with one in front it is the key for the HMSG route.
        key, tail = b" " + subject, fields[-2] + b" " + digits + b"\r\n"
    else:
        return _ODD
    size = parse_size(digits)
    if not _is_plain(link, line, fields, size) or reply.startswith(RESERVED_REPLIES):
        return _ODD
    route = link.routes.get(key) or _find_route(link, key, subject)
    if route is None:
        return _ODD
    if reply:
        if route.asks or (link.options.no_responders and not (route.readers or route.groups)):
            return _ODD
        tail = reply + b" " + tail
    heads = [(append, prefix + tail) for append, prefix, _ in route.readers]
    plan = (route, size, tail, heads)
    if not reply:
        if len(link.plans) >= MAX_PLANS:
            link.plans.clear()
        link.plans[line] = plan
    return plan


def _is_plain(link: PythonLink, line: bytes, fields: list[bytes], size: int) -> bool:
    """Whether the parser would find nothing to remark on in this line."""
    if size < 0 or b"" in fields or b"\t" in line or line[-2:] != b"\r\n":
        return False
    if fields[0] == b"HPUB" and not (link.options.headers and 0 < parse_size(fields[-2]) <= size):
        return False
    limit = link.options.max_payload
    return (limit == -1 or size <= limit) and len(line) <= link.router.settings.max_control_line


def _find_route(link: PythonLink, key: bytes, subject: bytes) -> Route | None:
    """Where ``subject`` leads; None while somebody's permission has to be asked for it."""
    try:
        route = _work_out(link, subject, with_headers=key is not subject)
    except _MustAsk:
        return None
    if len(link.routes) >= MAX_PLANS:
        # A plan is only kept as long as the route it belongs to: see ``PythonLink.map_reply``.
        link.routes.clear()
        link.plans.clear()
    link.routes[key] = route
    return route


def _work_out(link: PythonLink, subject: bytes, with_headers: bool) -> Route:
    """Who gets what is published there; odd if for any of them a frame is not all."""
    if (
        is_reserved(link, subject)
        or is_tracked(subject)
        or not _recall(link.may_publish, subject)
        or (link.options.pedantic and not is_valid_literal(subject))
        or _is_for_abroad(link, subject)
    ):
        return _ODD_ROUTE
    missed = subject not in link.home.cache.results
    result = link.home.find(subject)
    if len(result.plain) + sum(map(len, result.groups)) > MAX_READERS:
        return _ODD_ROUTE
    readers = []
    for entry in result.plain:
        delivered = _delivered_on(entry, subject)
        if delivered is None:
            return _ODD_ROUTE
        sub, name = delivered
        if not _refuses(link, sub, name):
            if _is_odd(sub, with_headers):
                return _ODD_ROUTE
            readers.append(_reader(sub, name, with_headers))
    groups = []
    for members in result.groups:
        group = []
        for entry in members:
            delivered = _delivered_on(entry, subject)
            if delivered is None:
                return _ODD_ROUTE
            sub, name = delivered
            if _refuses(link, sub, name) or _is_odd(sub, with_headers):
                return _ODD_ROUTE
            group.append(_reader(sub, name, with_headers))
        groups.append(group)
    return Route(readers, groups, missed)


def _is_for_abroad(link: PythonLink, subject: bytes) -> bool:
    """Whether a message there may have to be sent to other clusters.

    :raises _MustAsk: whether any wants it is not known yet.
    """
    if link.mapped is not None and subject in link.mapped:
        return True
    if not link.router.gateways.links:
        return False
    wishes = link.router.gateways.known_wishes(link.home, subject)
    if wishes is None:
        raise _MustAsk
    return bool(wishes) or way_of(subject) is not None


def _delivered_on(entry: Entry, subject: bytes) -> tuple[Subscription, bytes] | None:
    """A subscription and the subject it hears; None if there is more to do than to deliver.

    :raises _MustAsk: how a stream's subjects are mapped is not known yet.
    """
    if not isinstance(entry, Subscription) or isinstance(entry, Heard):
        return None
    if entry.mapping is None:
        return entry, subject
    mapped = entry.mapping.recall(subject)
    if mapped is None:
        raise _MustAsk
    return entry, mapped


class _MustAsk(Exception):
    """A decision is not known yet."""


def _recall(decisions: Decisions | None, *question: bytes) -> bool:
    if decisions is None:
        return True
    known = decisions.recall(*question)
    if known is None:
        raise _MustAsk
    return known


def _refuses(link: PythonLink, sub: Subscription, subject: bytes) -> bool:
    """Whether this delivery is never made, whatever the message."""
    if sub.link is link and not link.options.echo:
        return True
    return not _recall(sub.link.may_deliver, subject, sub.queue)


def _is_odd(sub: Subscription, with_headers: bool) -> bool:
    """Whether delivering takes more than appending a frame."""
    reader = sub.link
    return bool(
        sub.max
        or reader.trace
        or reader.kind != PeerKind.CLIENT
        or (with_headers and not reader.options.headers)
    )


def _reader(sub: Subscription, subject: bytes, with_headers: bool) -> Reader:
    verb = b"HMSG" if with_headers else b"MSG"
    return Reader(sub.link.out.append, b"%b %b %b " % (verb, subject, sub.sid), sub)
