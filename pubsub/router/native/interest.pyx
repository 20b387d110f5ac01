# cython: language_level=3, boundscheck=False, wraparound=False, cdivision=True
"""Telling routes, gateways and leafs what this server wants to hear.

Without listeners this costs one comparison per subscription.
"""

from libc.stdint cimport uint64_t
from libc.stdlib cimport free, malloc, qsort
from libc.string cimport memcmp

from pubsub.router.native.grave cimport leave
from pubsub.router.native.index cimport (
    account_of, detach, detach_shadows, queue_of, remove, remove_all, sid_of, subject_of,
)
from pubsub.router.native.types cimport (
    IN_NODE, IN_TRIE_REST, ORDINARY, SERVICE, Account, Conn, Node, Sub, TrieNode,
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
        # the import of a service is no interest: nobody here wants to hear it
        if other.role != SERVICE and other.queue_len == sub.queue_len and memcmp(
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


cdef int began(Sub* sub) except -1:
    """It was just inserted."""
    cdef Account* account = account_of(sub)
    cdef size_t members
    if account.core.listeners == NULL:
        return 0
    members = count_members(sub)
    if sub.queue_len or members == 1:
        tell(account, subject_of(sub), (queue_of(sub))[:sub.queue_len], members)
    return 0


cdef int shadows_ended(Sub* sub) except -1:
    """Remove the shadows of a subscription, and say so."""
    cdef Sub* shadow
    cdef Sub* following
    cdef Account* account
    cdef size_t members
    cdef bytes subject
    cdef bytes queue
    if sub.role != ORDINARY or sub.extra == NULL:
        return 0
    if sub.conn.core.listeners == NULL:
        return detach_shadows(sub)
    shadow = <Sub*>sub.extra
    sub.extra = NULL
    while shadow != NULL:
        following = shadow.sid_next
        account = account_of(shadow)
        members = count_members(shadow) - 1
        subject = subject_of(shadow)
        queue = (queue_of(shadow))[:shadow.queue_len]
        detach(account, shadow)
        if queue or members == 0:
            tell(account, subject, queue, members)
        shadow = following
    return 0


cdef int ended(Sub* sub) except -1:
    """Remove it, and say so."""
    cdef Conn* conn = sub.conn
    cdef Account* account = conn.account
    cdef size_t members
    cdef bytes subject
    cdef bytes queue
    if conn.trace:
        (<object>conn.handler).traced("both", "DELSUB", <bytes>(sid_of(sub))[:sub.sid_len])
    if account.core.listeners == NULL:
        return remove(sub)
    members = count_members(sub) - 1
    subject = subject_of(sub)
    queue = (queue_of(sub))[:sub.queue_len]
    shadows_ended(sub)
    if sub.conn == NULL:
        return 0  # a listener was quicker
    remove(sub)
    if queue or members == 0:
        tell(account, subject, queue, members)
    return 0


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
    if conn.account.core.listeners == NULL and not conn.trace:
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
