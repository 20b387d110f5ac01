# cython: language_level=3, boundscheck=False, wraparound=False, cdivision=True
"""The router and its links as Python sees them.

A link owns its ``Conn`` (embedded), a router its ``Core``; the C units below know only
those structures.
"""

import os

cimport cython
from cpython.ref cimport PyObject
from libc.stdint cimport uint64_t
from libc.stdlib cimport free, malloc

from zope.interface import classImplements

from pubsub.interfaces import (
    ILink, IRouter, LinkCounters, LinkOptions, PeerKind, ServerPeer, SubscriptionInfo,
)
from pubsub.router.native.accounts import link_order

from pubsub.router.native.delivery cimport publish
from pubsub.router.native.descriptors cimport (
    after_parsing, flush_conn, flush_core, forget_dirty, read_descriptor, register_link,
    replace, unregister_link, write_descriptor,
)
from pubsub.router.native.gateways cimport NativeGateways
from pubsub.router.native.grave cimport leave
from pubsub.router.native.index cimport (
    account_of, delivered_to, is_remote, queue_of, remove_all, sid_of, subject_of,
)
from pubsub.router.native.interest cimport all_ended, ordered
from pubsub.router.native.matching cimport lookup, members
from pubsub.router.native.output cimport (
    drop_output, free_pool, monotonic, put, take_output, wall_clock,
)
from pubsub.router.native.parser cimport consume, forget_input
from pubsub.router.native.permissions cimport Replies
from pubsub.router.native.relaying cimport publish_own
from pubsub.router.native.subscribing cimport add_subscription, hear, unhear, unsubscribe
from pubsub.router.native.table cimport forget_results
from pubsub.router.native.text cimport write_number
from pubsub.router.native.types cimport (
    GATEWAY_KIND, LEAF_KIND, NO_VERB, REMOTE, ROUTE_KIND, SHADOW, Account, Conn, Core, Message,
    Node, Result, Sub,
)

cdef enum:
    SINK = 5
    READ_SIZE = 1048576
    # What one turn may queue for a socket before it is tried: many publishers at once must
    # not make a slow consumer of a reader that is only waiting for the end of the turn.
    EARLY_FLUSH = 1048576

# Faster than a look-up by value: listeners ask at each subscription.
_KINDS = tuple(PeerKind)


cdef object describe(Sub* sub):
    cdef bint remote = is_remote(sub)
    cdef bytes sid = b"" if remote else (sid_of(sub))[:sub.sid_len]
    return SubscriptionInfo(
        <object>account_of(sub).name, sub.conn.cid, sid,
        subject_of(sub), (queue_of(sub))[:sub.queue_len], delivered_to(sub),
        0 if remote else sub.max,
    )


cdef int fill_message(
    Message* m, bytes subject, bytes reply, bytes headers, bytes data, char* digits
) except -1:
    """A message made here; ``data`` is headers, payload and CRLF."""
    m.subject = subject
    m.slen = <int>len(subject)
    m.reply = reply
    m.rlen = <int>len(reply)
    m.hdr = <int>len(headers) if headers else -1
    m.size = <int>len(data) - 2
    m.payload = data
    m.block = NULL
    m.via = NULL
    m.account = NULL
    m.qlen = m.olen = 0
    m.answer = m.any_queue = False
    m.abroad = 0
    m.hdb = digits
    m.hdb_len = write_number(digits, m.hdr) if headers else 0
    m.szb = digits + 24
    m.szb_len = write_number(digits + 24, m.size)
    return 0


@cython.no_gc_clear
cdef class NativeLink:
    """One peer. Made by :meth:`NativeRouter.attach`."""

    def __init__(self, *arguments):
        raise TypeError("links are made by IRouter.attach")

    def __dealloc__(self):
        cdef Conn* conn = &self.conn
        if conn.core == NULL:
            return
        unregister_link(conn)
        if conn.dirty:
            forget_dirty(conn)
        # Nobody is told: a link that matters to others is closed before it is forgotten.
        remove_all(conn)
        forget_input(conn)
        drop_output(conn)
        free(conn.sids)
        replace(&conn.publish_check, None)
        replace(&conn.subscribe_check, None)
        replace(&conn.deliver_check, None)
        replace(&conn.replies, None)
        replace(&conn.info_short, None)
        replace(&conn.info_long, None)
        replace(&conn.info_more, None)
        replace(&conn.peer_origin, None)
        replace(&conn.routed_replies, None)
        replace(&conn.batch, None)
        replace(&conn.later, None)

    @property
    def cid(self):
        return self.conn.cid

    @property
    def kind(self):
        return _KINDS[self.conn.kind]

    @property
    def account(self):
        return <object>self.conn.account.name

    @account.setter
    def account(self, name):
        cdef Account* account = self.router.account_for(name)
        # Subscriptions stand in the old account's index: none may be left behind there.
        if account != self.conn.account:
            all_ended(&self.conn)
            self.forget_request_info()
        self.conn.account = account
        self.conn.line_len = 0

    @property
    def options(self):
        return self._options

    @options.setter
    def options(self, options):
        cdef Conn* conn = &self.conn
        self._options = options
        conn.verbose = options.verbose
        conn.pedantic = options.pedantic
        conn.echo = options.echo
        if not ROUTE_KIND <= conn.kind <= LEAF_KIND:
            conn.headers = options.headers
        conn.no_responders = options.no_responders
        conn.max_payload = options.max_payload
        conn.max_subscriptions = options.max_subscriptions
        conn.line_len = 0

    @property
    def peer(self):
        return self._peer

    @peer.setter
    def peer(self, peer):
        cdef Conn* conn = &self.conn
        self._peer = peer
        conn.peer_account = self.router.account_for(peer.account) if peer.account else NULL
        conn.headers = peer.headers
        conn.spoke = peer.spoke
        conn.leaf_origins = peer.leaf_origins
        replace(&conn.peer_origin, peer.origin.encode() if peer.origin else None)
        conn.line_len = 0
        self.router.peer_changed(self, conn, peer)

    @property
    def awaiting_connect(self):
        return self.conn.awaiting_connect

    @awaiting_connect.setter
    def awaiting_connect(self, bint value):
        self.conn.awaiting_connect = value
        self.conn.line_len = 0

    @property
    def announce_first_ping(self):
        return self.conn.announce

    @announce_first_ping.setter
    def announce_first_ping(self, bint value):
        self.conn.announce = value

    @property
    def trace(self):
        return self.conn.trace

    @trace.setter
    def trace(self, bint value):
        self.conn.trace = value
        self.conn.line_len = 0

    @property
    def closed(self):
        return self.conn.closed

    @property
    def last_activity(self):
        return self.conn.last_activity

    @last_activity.setter
    def last_activity(self, double value):
        self.conn.last_activity = value

    @property
    def last_input(self):
        return self.conn.last_input

    @last_input.setter
    def last_input(self, double value):
        self.conn.last_input = value

    @property
    def pending_bytes(self):
        return self.conn.pending

    @property
    def blocked_since(self):
        return self.conn.blocked_since

    def feed(self, data):
        cdef const unsigned char[::1] view = data
        cdef Conn* conn = &self.conn
        if conn.closed or view.shape[0] == 0:
            return
        if conn.parsing:
            kept = <object>conn.later if conn.later != NULL else b""
            replace(&conn.later, kept + bytes(data))
            return
        conn.stalled = False
        conn.parsing = True
        try:
            consume(conn, <const char*>&view[0], view.shape[0])
        finally:
            conn.parsing = False
        after_parsing(conn)

    def bind(self, int fd, transport):
        cdef Conn* conn = &self.conn
        if conn.closed or conn.pending:
            flush_conn(conn)
        self._transport = transport
        conn.transport = <PyObject*>transport
        conn.fd = fd
        register_link(fd, self)
        return True

    def unbind(self):
        cdef Conn* conn = &self.conn
        cdef bytes rest = conn.tail[:conn.tail_len] if conn.tail_len else b""
        unregister_link(conn)
        conn.writing = False
        conn.transport = NULL
        self._transport = None
        if conn.verb == NO_VERB and conn.body == NULL:
            free(conn.tail)
            conn.tail = NULL
            conn.tail_len = conn.tail_cap = 0
            return rest
        return b""

    def read_ready(self):
        return read_descriptor(&self.conn)

    def write_ready(self):
        return write_descriptor(&self.conn)

    def write(self, bytes data):
        if not self.conn.closed:
            put(&self.conn, data, len(data))

    def flush(self):
        if self.conn.dirty:
            forget_dirty(&self.conn)
        flush_conn(&self.conn)

    def pause_input(self):
        self.conn.paused = True

    def resume_input(self):
        cdef Conn* conn = &self.conn
        cdef char* kept = conn.tail
        cdef size_t n = conn.tail_len
        if not conn.paused:
            return
        conn.paused = False
        if conn.closed or conn.parsing or n == 0:
            return
        conn.tail = NULL
        conn.tail_len = conn.tail_cap = 0
        conn.parsing = True
        try:
            consume(conn, kept, n)
        finally:
            conn.parsing = False
            free(kept)
        after_parsing(conn)

    def pause_output(self):
        self.conn.output_paused = True
        self.conn.blocked_since = monotonic()

    def resume_output(self):
        self.conn.output_paused = False
        self.conn.blocked_since = 0.0
        flush_conn(&self.conn)

    def close(self):
        cdef Conn* conn = &self.conn
        if conn.closed:
            return
        conn.closed = True
        all_ended(conn)
        forget_input(conn)
        # Predicates usually refer to the handler; the collector does not see these references.
        self.set_permissions(None, None, None)
        replace(&conn.later, None)
        replace(&conn.routed_replies, None)
        if conn.core.depth:
            # Deliveries in progress may still look at it.
            self.router._retired.append(self)
        self.router._links.discard(self)
        self.router.parted(self, conn)

    def subscribe(self, bytes subject, bytes queue, bytes sid):
        return not self.conn.closed and bool(add_subscription(
            &self.conn, subject, <int>len(subject), queue, <int>len(queue), sid, <int>len(sid)
        ))

    def unsubscribe(self, bytes sid, int maximum=0):
        unsubscribe(&self.conn, sid, <int>len(sid), maximum)

    def publish(self, bytes subject, bytes reply, bytes headers, bytes payload):
        cdef Message m
        cdef char digits[48]
        cdef bytes data
        if self.conn.closed:
            return 0
        if not self.conn.parsing:
            self.conn.stalled = False
        data = headers + payload + b"\r\n"
        fill_message(&m, subject, reply, headers, data, digits)
        return publish(&self.conn, &m, False)

    def hear(self, str account, bytes subject, bytes queue, int weight, bytes origin):
        if not ROUTE_KIND <= self.conn.kind <= LEAF_KIND:
            raise ValueError(f"a link of kind {self.kind.name} hears by subscribing")
        if self.conn.closed:
            return False
        return bool(hear(&self.conn, account, subject, queue, weight, origin))

    def unhear(self, str account, bytes subject, bytes queue, bytes origin):
        unhear(&self.conn, account, subject, queue, origin)

    def clear_subscriptions(self):
        all_ended(&self.conn)

    def subscriptions(self):
        cdef Conn* conn = &self.conn
        cdef Sub** subs = ordered(conn)
        cdef size_t i
        try:
            return [describe(subs[i]) for i in range(conn.sid_count)]
        finally:
            free(subs)

    def counters(self):
        cdef Conn* conn = &self.conn
        return LinkCounters(
            conn.in_msgs, conn.in_bytes, conn.out_msgs, conn.out_bytes, conn.pending,
            conn.sid_count, conn.stalls,
        )

    def set_permissions(self, publish, subscribe, deliver, responses=None):
        cdef Conn* conn = &self.conn
        conn.line_len = 0
        replace(&conn.publish_check, self.router.decisions(publish, False))
        replace(&conn.subscribe_check, subscribe)
        replace(&conn.deliver_check, self.router.decisions(deliver, True))
        replace(&conn.replies, None if responses is None else Replies(responses))

    def forget_request_info(self):
        replace(&self.conn.info_short, None)
        replace(&self.conn.info_long, None)
        replace(&self.conn.info_more, None)


@cython.no_gc_clear
cdef class NativeRouter(NativeGateways):
    """The router of one server, compiled."""

    name = "native"

    def __cinit__(self, settings):
        cdef Core* core = &self.core
        core.rcap = READ_SIZE
        core.rbuf = <char*>malloc(core.rcap)
        if core.rbuf == NULL:
            raise MemoryError("no memory for reading")
        core.hash_seed = int.from_bytes(os.urandom(8), "little")
        core.rng = settings.seed or int.from_bytes(os.urandom(8), "little") | 1
        self._listeners = []
        self._watchers = []
        self._retired = []
        self.settings = settings

    def __dealloc__(self):
        cdef Core* core = &self.core
        free_pool(core)
        free(core.rbuf)
        free(core.scratch)
        free(core.grave)

    @property
    def settings(self):
        return self._settings

    @settings.setter
    def settings(self, settings):
        cdef Core* core = &self.core
        self._settings = settings
        core.max_control_line = settings.max_control_line
        core.max_pending = settings.max_pending
        core.max_pending_far = settings.most_pending(PeerKind.ROUTE)
        core.stall_pending = settings.max_pending // 4 * 3
        core.early_flush = min(EARLY_FLUSH, settings.max_pending // 4)
        core.max_sub_tokens = settings.max_sub_tokens
        core.no_stall = settings.no_fast_producer_stall
        core.cache = settings.cache
        for link in self._links:
            (<NativeLink>link).conn.line_len = 0
        if not settings.cache:
            for address in self._accounts.values():
                forget_results(<Account*><size_t>address)

    cdef Conn* conn_of(self, object link) except NULL:
        return &(<NativeLink>link).conn

    cdef int disown(self, object link) except -1:
        (<NativeLink>link).router = None
        return 0

    def attach(self, handler, kind, cid, str account):
        cdef NativeLink link = NativeLink.__new__(NativeLink)
        cdef Conn* conn = &link.conn
        conn.account = self.account_for(account)
        conn.core = &self.core
        conn.cid = cid
        conn.kind = int(kind)
        conn.fd = -1
        conn.link = <PyObject*>link
        conn.handler = <PyObject*>handler
        link.handler = handler
        link.router = self
        if conn.kind == SINK:
            replace(&conn.batch, [])
        link.options = DEFAULT_OPTIONS
        link._peer = DEFAULT_PEER
        if ROUTE_KIND <= conn.kind <= LEAF_KIND:
            link.peer = DEFAULT_PEER
        conn.last_activity = conn.last_input = wall_clock()
        self._links.add(link)
        self.joined(link, conn)
        return link

    def publish(self, str account, bytes subject, bytes reply, bytes headers, bytes payload):
        cdef Message m
        cdef char digits[48]
        cdef bytes data = headers + payload + b"\r\n"
        fill_message(&m, subject, reply, headers, data, digits)
        return publish_own(&self.core, self.account_for(account), &m)

    def flush(self):
        flush_core(&self.core)
        if self._retired and self.core.depth == 0:
            self._retired.clear()

    def set_hook(self, hook):
        self._hook = hook
        self.core.hook = NULL if hook is None else <PyObject*>hook

    def set_tracker(self, tracker):
        self._tracker = tracker
        self.core.tracker = NULL if tracker is None else <PyObject*>tracker

    def add_subscription_listener(self, listener):
        self._watchers.append(listener)
        self.core.watchers = <PyObject*>self._watchers

    def add_interest_listener(self, listener):
        self._listeners.append(listener)
        self.core.listeners = <PyObject*>self._listeners

    def subscriptions(self, account=None):
        for link in sorted(self._links, key=link_order):
            if link.kind == GATEWAY_KIND:
                # Nothing of this cluster's: it is not counted either.
                continue
            if account is None:
                yield from link.subscriptions()
            elif link.account == account or ROUTE_KIND <= link.kind <= LEAF_KIND:
                # other servers hear in any account
                for info in link.subscriptions():
                    if info.account == account:
                        yield info

    def matching(self, str account, bytes subject):
        cdef Account* at = self.account_for(account)
        cdef Result* result
        cdef Sub** subs
        cdef Sub* sub
        cdef size_t i
        cdef size_t group
        cdef size_t place
        cdef list found = []
        # Looking is not a message: the figures of /subsz stay.
        cdef uint64_t matches = at.matches
        cdef uint64_t hits = at.hits
        self.core.depth += 1
        try:
            result = lookup(at, subject, <int>len(subject))
            subs = members(result)
            for i in range(result.plain):
                if subs[i].role <= SHADOW or subs[i].role >= REMOTE:
                    found.append((subs[i].serial, describe(subs[i])))
            place = result.plain
            for group in range(result.groups):
                for i in range((<size_t*>subs)[place]):
                    sub = subs[place + 1 + i]
                    # a server stands there once for each member it has
                    if i == 0 or sub != subs[place + i]:
                        found.append((sub.serial, describe(sub)))
                place += 1 + (<size_t*>subs)[place]
        finally:
            leave(&self.core)
            at.matches = matches
            at.hits = hits
        return [info for _, info in sorted(found)]

    def stats(self):
        cdef Account* at
        cdef Node* node
        cdef size_t i
        cdef size_t fanout
        cdef size_t most = 0
        cdef size_t total = 0
        cdef size_t cached = 0
        cdef uint64_t subs = 0, inserts = 0, removes = 0, matches = 0, hits = 0
        for address in self._accounts.values():
            at = <Account*><size_t>address
            subs += at.subscriptions
            inserts += at.inserts
            removes += at.removes
            matches += at.matches
            hits += at.hits
            for i in range(at.mask + 1):
                node = at.nodes[i]
                while node != NULL:
                    if node.result != NULL:
                        cached += 1
                        fanout = node.result.plain + node.result.groups
                        total += fanout
                        if fanout > most:
                            most = fanout
                    node = node.next
        return {
            "num_subscriptions": subs,
            "num_cache": cached,
            "num_inserts": inserts,
            "num_removes": removes,
            "num_matches": matches,
            "cache_hit_rate": <double>hits / <double>matches if matches else 0.0,
            "max_fanout": most,
            "avg_fanout": <double>total / <double>cached if cached else 0.0,
        }


DEFAULT_OPTIONS = LinkOptions()
DEFAULT_PEER = ServerPeer()


classImplements(NativeLink, ILink)
classImplements(NativeRouter, IRouter)
