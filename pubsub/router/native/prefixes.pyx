# cython: language_level=3, boundscheck=False, wraparound=False, cdivision=True
"""What readers were shown instead of a reply that leads through a gateway, and what it was.

Whoever answers is not shown the prefix: when it publishes on what it was shown, the whole
reply is found here. (nats-server: ``trackGWReply``.)
"""

from pubsub.router.native.descriptors cimport replace
from pubsub.router.native.output cimport monotonic
from pubsub.router.native.types cimport CLIENT_KIND, Account, Conn, Core, Message

cdef enum:
    # Replies of one generation: whoever has so many to answer has lost the older ones.
    MOST = 65536

cdef double REMEMBERED = 2.0


cdef class RoutedReplies:
    """Each for two seconds, in two generations: the older one is dropped as a whole."""

    def __cinit__(self):
        self.young = {}
        self.old = {}

    cdef bint outdated(self, double now) noexcept:
        """Whether nothing in it counts any more."""
        return now - self.since >= 2 * REMEMBERED

    cdef int remember(self, bytes shown, bytes whole, double now) except -1:
        """Keep a reply; forget what is too old."""
        if self.outdated(now):
            self.young = {}
            self.old = {}
            self.since = now
        elif now - self.since >= REMEMBERED or len(self.young) >= MOST:
            self.old = self.young
            self.young = {}
            self.since = now
        self.young[shown] = (whole, now)
        return 0

    cdef bytes find(self, bytes shown, double now):
        """The whole reply, if this was shown to somebody lately."""
        cdef tuple known = <tuple>self.young.get(shown)
        if known is None:
            known = <tuple>self.old.get(shown)
        if known is None or now - <double>known[1] >= REMEMBERED:
            return None
        return <bytes>known[0]


cdef double now_of(Core* core) except? -1.0:
    """Seconds that never go back."""
    if core.clock != NULL:
        return (<object>core.clock)()
    return monotonic()


cdef int remember_reply(Conn* dest, Message* m) except -1:
    """A client, or somebody else in this process, is shown the reply without its prefix."""
    cdef double now = now_of(dest.core)
    cdef bytes whole = m.reply[:m.rlen]
    if dest.kind == CLIENT_KIND:
        if dest.routed_replies == NULL:
            replace(&dest.routed_replies, RoutedReplies())
            # From now on what it publishes has to be looked at.
            dest.line_len = 0
        (<RoutedReplies>dest.routed_replies).remember(whole[ROUTED_START:], whole, now)
    else:
        # Somebody else in this process may be the one who answers.
        if dest.account.routed_replies == NULL:
            replace(&dest.account.routed_replies, RoutedReplies())
        (<RoutedReplies>dest.account.routed_replies).remember(whole[ROUTED_START:], whole, now)
    return 0


cdef bytes whole_reply(Conn* conn, Account* account, Message* m):
    """What the subject of a message stood for when it was shown to its sender as a reply.

    None if it was no such reply. Without ``conn`` the server itself publishes.
    """
    cdef RoutedReplies replies
    cdef double now
    cdef bint client = conn != NULL and conn.kind == CLIENT_KIND
    if (conn.routed_replies if client else account.routed_replies) == NULL:
        return None
    now = now_of(account.core)
    replies = <RoutedReplies>(conn.routed_replies if client else account.routed_replies)
    if replies.outdated(now):
        replace(&conn.routed_replies if client else &account.routed_replies, None)
        return None
    return replies.find(m.subject[:m.slen], now)
