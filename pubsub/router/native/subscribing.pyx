# cython: language_level=3, boundscheck=False, wraparound=False, cdivision=True
"""SUB and UNSUB, and what other servers want to hear."""

from cpython.ref cimport Py_INCREF, PyObject
from libc.stdint cimport uint32_t, uint64_t
from libc.string cimport memcmp

from pubsub import errors

from pubsub.router.native.crossing cimport Crossing
from pubsub.router.native.delivery cimport raise_fault
from pubsub.router.native.index cimport (
    delivered_to, find_sid, insert, insert_remote, set_max, weigh,
)
from pubsub.router.native.interest cimport began, ended, watched
from pubsub.router.native.output cimport put
from pubsub.router.native.shadows cimport add_shadows
from pubsub.router.native.text cimport classify_pattern, count_tokens, hash_bytes
from pubsub.router.native.types cimport (
    CLIENT_KIND, GATEWAY_KIND, LEAF_KIND, REMOTE_HERE, Conn, Sub,
)


cdef int say_ok(Conn* conn) except -1:
    if conn.verbose and not conn.closed:
        if conn.trace:
            (<object>conn.handler).traced("out", "OK", b"")
        put(conn, b"+OK\r\n", 5)
    return 0


cdef int add_subscription(
    Conn* conn, const char* subject, int slen, const char* queue, int qlen,
    const char* sid, int sid_len,
) except -1:
    """1 if there is a subscription with that sid now, 0 if the subject is bad."""
    cdef int tokens
    cdef int kind
    cdef Sub* sub
    cdef uint32_t h = <uint32_t>hash_bytes(sid, sid_len, conn.core.hash_seed)
    if find_sid(conn, sid, sid_len, h) != NULL:
        return 1
    kind = classify_pattern(subject, slen, &tokens)
    if kind < 0:
        return 0
    sub = insert(conn, subject, slen, queue, qlen, sid, sid_len, h, kind)
    began(sub)
    if conn.account.imports != NULL:
        add_shadows(sub, subject, slen)
    return 1


cdef int subscribe(
    Conn* conn, const char* subject, int slen, const char* queue, int qlen,
    const char* sid, int sid_len,
) except -1:
    """Subscribe as SUB does: 1 if there is such a subscription now, 0 if a fault was raised."""
    conn.active = True
    if (
        conn.subscribe_check != NULL
        and not (<object>conn.subscribe_check)(<bytes>subject[:slen], <bytes>queue[:qlen])
    ) or (conn.kind == CLIENT_KIND and qlen == 5 and memcmp(queue, b"_sys_", 5) == 0):
        raise_fault(conn, errors.SubscriptionPermissionViolation(subject[:slen], queue[:qlen]))
        return 0
    if (
        conn.core.max_sub_tokens and conn.kind == CLIENT_KIND
        and count_tokens(subject, slen) > conn.core.max_sub_tokens
    ):
        raise_fault(conn, errors.TooManyTokens(subject[:slen]))
        return 0
    if conn.max_subscriptions > 0 and conn.sid_count >= <uint32_t>conn.max_subscriptions:
        raise_fault(conn, errors.MaximumSubscriptionsExceeded())
        return 0
    if conn.closed:
        return 0
    if not add_subscription(conn, subject, slen, queue, qlen, sid, sid_len):
        raise_fault(conn, errors.InvalidSubject(errors.go_quote(subject[:slen])))
        return 0
    return 1


cdef int unsubscribe(Conn* conn, const char* sid, int sid_len, int maximum) except -1:
    """Unsubscribe as UNSUB does; ``maximum`` below 1 is none."""
    cdef Sub* sub
    conn.active = True
    sub = find_sid(conn, sid, sid_len, <uint32_t>hash_bytes(sid, sid_len, conn.core.hash_seed))
    if sub == NULL:
        return 0
    if maximum > 0 and <uint64_t>maximum > delivered_to(sub):
        set_max(sub, maximum)
        return 0
    ended(sub)
    return 0


# --- other servers ----------------------------------------------------------------------

cdef bytes remote_key(str account, bytes subject, bytes queue, bytes origin):
    """What such a subscription is known by; no field holds a space."""
    return b"%b %b %b %b" % (origin, account.encode("utf-8", "surrogateescape"), subject, queue)


cdef int hear(
    Conn* conn, str account, bytes subject, bytes queue, int weight, bytes origin
) except -1:
    """1 if another server hears that now, 0 if the subject is bad."""
    cdef bytes key = remote_key(account, subject, queue, origin)
    cdef uint32_t h = <uint32_t>hash_bytes(key, len(key), conn.core.hash_seed)
    cdef Sub* sub = find_sid(conn, key, <int>len(key), h)
    cdef Crossing crossing
    cdef int tokens
    cdef int kind
    cdef int before
    weight = max(weight, 1) if queue else 1
    conn.active = True
    if sub != NULL:
        before = <int>sub.max
        if before != weight:
            weigh(sub, weight)
            watched(sub, weight - before)
            if sub.role == REMOTE_HERE:
                sub = <Sub*>sub.extra
                while sub != NULL:
                    weigh(sub, weight)
                    watched(sub, weight - before)
                    sub = sub.sid_next
        return 1
    kind = classify_pattern(subject, <int>len(subject), &tokens)
    if kind < 0:
        return 0
    if conn.kind == GATEWAY_KIND:
        conn.core.abroad = True
    crossing = (<object>conn.core.router).crossing(account, None)
    sub = insert_remote(
        conn, crossing, subject, <int>len(subject), queue, <int>len(queue), key, <int>len(key),
        h, kind, weight,
    )
    began(sub)
    if conn.kind == LEAF_KIND and conn.account.imports != NULL:
        add_shadows(sub, subject, <int>len(subject))
    return 1


cdef int unhear(Conn* conn, str account, bytes subject, bytes queue, bytes origin) except -1:
    """Another server does not want to hear that any more."""
    cdef bytes key = remote_key(account, subject, queue, origin)
    cdef uint32_t h = <uint32_t>hash_bytes(key, len(key), conn.core.hash_seed)
    cdef Sub* sub = find_sid(conn, key, <int>len(key), h)
    conn.active = True
    if sub != NULL:
        ended(sub)
    return 0
