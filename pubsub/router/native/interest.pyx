# cython: language_level=3, boundscheck=False, wraparound=False, cdivision=True
"""Telling routes, gateways and leafs what this server wants to hear.

Without listeners this costs one comparison per subscription.
"""

from libc.stdint cimport uint64_t
from libc.stdlib cimport free, malloc, qsort
from libc.string cimport memcmp

from pubsub.router.native.grave cimport leave
from pubsub.router.native.index cimport (
    account_of, detach, detach_shadows, is_remote, queue_of, remove, remove_all, sid_of, subject_of,
    weight_of,
)
from pubsub.router.native.owing cimport lost
from pubsub.router.native.prefixes cimport now_of
from pubsub.router.native.types cimport (
    ANSWERS, GATEWAY_KIND, IN_NODE, IN_TRIE_REST, LEAF_KIND, ORDINARY, REMOTE_HERE, ROUTE_KIND,
    SERVICE, SHADOW, Account, Conn, Core, Node, Sub, TrieNode,
)


cdef size_t count_members(Sub* sub) noexcept:
    """How many subscriptions share its subject and queue group, itself included."""
    cdef Sub* other
    cdef size_t count = 0
    if sub.where == IN_NODE:
        other = (<Node*>sub.owner).subs.head
    elif sub.where == IN_TRIE_REST:
        other = (<TrieNode*>sub.owner).rest.head
    else:
        other = (<TrieNode*>sub.owner).subs.head
    while other != NULL:
        # The import of a service is no interest: nobody here wants to hear it. Nor is what
        # other servers want.
        if other.role != SERVICE and not is_remote(other) and other.queue_len == sub.queue_len and memcmp(
            queue_of(other), queue_of(sub), sub.queue_len
        ) == 0:
            count += 1
        other = other.next
    return count


cdef int tell(Account* account, bytes subject, bytes queue, size_t members) except -1:
    cdef str name = <object>account.name
    for listener in <list>account.core.listeners:
        listener.interest_changed(name, subject, queue, members)
    return 0


cdef int watched(Sub* sub, int change) except -1:
    """Tell who watches subscriptions that there is more or less of this one."""
    cdef bytes subject
    cdef bytes queue
    cdef bytes origin = b""
    cdef Account* account
    if sub.conn.core.watchers == NULL or change == 0:
        return 0
    account = account_of(sub)
    subject = subject_of(sub)
    queue = (queue_of(sub))[:sub.queue_len]
    if is_remote(sub):
        origin = (sid_of(sub))[:sub.sid_len].split(b" ", 1)[0]
    link = None if sub.role == ANSWERS else <object>sub.conn.link
    for watcher in <list>sub.conn.core.watchers:
        watcher.subscription_changed(
            link, <object>account.name, subject, queue, change, origin
        )
    return 0


cdef bint is_local(Sub* sub) noexcept:
    """Whether somebody of its account wants it, here or at a leaf."""
    cdef Conn* conn = sub.conn
    if sub.role == SHADOW or conn.kind == ROUTE_KIND or conn.kind == GATEWAY_KIND:
        return False
    return not (conn.kind == LEAF_KIND and conn.spoke)


cdef int began(Sub* sub) except -1:
    """It was just inserted."""
    cdef Account* account = account_of(sub)
    cdef size_t members
    if account.core.gateways != NULL and is_local(sub):
        sub.since = account.subscribed = now_of(account.core)
    watched(sub, <int>weight_of(sub))
    if account.core.listeners == NULL or sub.conn == NULL or is_remote(sub):
        return 0
    members = count_members(sub)
    if sub.queue_len or members == 1:
        tell(account, subject_of(sub), (queue_of(sub))[:sub.queue_len], members)
    return 0


cdef class Gone:
    """A subscription that is about to go, for those who are to be told when it is gone."""

    cdef str account
    cdef bytes subject
    cdef bytes queue
    cdef bytes origin
    cdef object link
    cdef size_t members
    cdef int change
    cdef bint remote


cdef Gone remembered(Sub* sub):
    cdef Gone gone = Gone.__new__(Gone)
    gone.account = <object>account_of(sub).name
    gone.subject = subject_of(sub)
    gone.queue = (queue_of(sub))[:sub.queue_len]
    gone.remote = is_remote(sub)
    gone.origin = (sid_of(sub))[:sub.sid_len].split(b" ", 1)[0] if gone.remote else b""
    gone.link = None if sub.role == ANSWERS else <object>sub.conn.link
    gone.change = -<int>weight_of(sub)
    gone.members = 0 if gone.remote else count_members(sub) - 1
    return gone


cdef int lament(Core* core, Gone gone) except -1:
    if core.watchers != NULL:
        for watcher in <list>core.watchers:
            watcher.subscription_changed(
                gone.link, gone.account, gone.subject, gone.queue, gone.change, gone.origin
            )
    if core.listeners != NULL and not gone.remote and (gone.queue or gone.members == 0):
        for listener in <list>core.listeners:
            listener.interest_changed(gone.account, gone.subject, gone.queue, gone.members)
    return 0


cdef inline bint anybody(Core* core) noexcept:
    return core.listeners != NULL or core.watchers != NULL


cdef int shadows_ended(Sub* sub) except -1:
    """Remove the shadows of a subscription, and say so."""
    cdef Sub* shadow
    cdef Sub* following
    cdef Core* core = sub.conn.core
    cdef Gone gone
    if (sub.role != ORDINARY and sub.role != REMOTE_HERE) or sub.extra == NULL:
        return 0
    if not anybody(core):
        return detach_shadows(sub)
    shadow = <Sub*>sub.extra
    sub.extra = NULL
    while shadow != NULL:
        following = shadow.sid_next
        gone = remembered(shadow)
        detach(account_of(shadow), shadow)
        lament(core, gone)
        shadow = following
    return 0


cdef bint still_there(Sub* sub) except -1:
    """Tell who traces its peer that it is about to go; whether that has not removed it."""
    cdef Conn* conn = sub.conn
    cdef Core* core = conn.core
    core.depth += 1
    try:
        (<object>conn.handler).traced("both", "DELSUB", <bytes>(sid_of(sub))[:sub.sid_len])
        return sub.conn != NULL
    finally:
        leave(core)


cdef int ended(Sub* sub) except -1:
    """Remove it, and say so."""
    cdef Conn* conn = sub.conn
    cdef Core* core = conn.core
    cdef Account* account
    cdef bytes heard = None
    cdef Gone gone = None
    if conn.trace and not is_remote(sub) and not still_there(sub):
        return 0
    if not anybody(core) and core.owing == 0:
        return remove(sub)
    account = account_of(sub)
    if core.owing:
        heard = subject_of(sub)
    if anybody(core):
        gone = remembered(sub)
        shadows_ended(sub)
        if sub.conn == NULL:
            return 0  # a listener was quicker
    remove(sub)
    if gone is not None:
        lament(core, gone)
    return 0 if heard is None else lost(account, heard)


cdef int by_age(const void* left, const void* right) noexcept nogil:
    cdef uint64_t a = (<Sub**>left)[0].serial
    cdef uint64_t b = (<Sub**>right)[0].serial
    return (a > b) - (a < b)


cdef Sub** ordered(Conn* conn) except NULL:
    """Its subscriptions, oldest first; ``conn.sid_count`` of them, to be freed."""
    cdef Sub** subs = <Sub**>malloc((conn.sid_count + 1) * sizeof(Sub*))
    cdef Sub* sub
    cdef size_t n = 0
    cdef size_t i
    if subs == NULL:
        raise MemoryError("no memory for subscriptions")
    if conn.sids != NULL:
        for i in range(<size_t>conn.sid_mask + 1):
            sub = conn.sids[i]
            while sub != NULL:
                subs[n] = sub
                n += 1
                sub = sub.sid_next
    qsort(subs, n, sizeof(Sub*), by_age)
    return subs


cdef int all_ended(Conn* conn) except -1:
    """Remove every subscription of a connection, and say so."""
    cdef Sub** subs
    cdef size_t n = conn.sid_count
    cdef size_t i
    if not anybody(conn.core) and not conn.trace and conn.core.owing == 0:
        return remove_all(conn)
    subs = ordered(conn)
    conn.core.depth += 1
    try:
        for i in range(n):
            # A listener may have removed some of them already.
            if subs[i].conn != NULL:
                ended(subs[i])
    finally:
        free(subs)
        leave(conn.core)
    return remove_all(conn)
