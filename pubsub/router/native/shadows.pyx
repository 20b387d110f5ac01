# cython: language_level=3, boundscheck=False, wraparound=False, cdivision=True
"""Subscriptions that also hear the streams their account imports.

Asked for once, when somebody subscribes; a message then finds the shadow in the exporter's
index as it finds any other subscription there.
"""

from pubsub.router.native.crossing cimport Crossing
from pubsub.router.native.index cimport insert_shadow
from pubsub.router.native.interest cimport began
from pubsub.router.native.text cimport classify_pattern
from pubsub.router.native.types cimport Account, Sub

cdef enum:
    ROUTE = 1
    GATEWAY = 2


cdef int add_shadows(Sub* sub, const char* subject, int slen) except -1:
    """Subscribe ``sub`` to what its subject means in other accounts."""
    cdef Account* account = sub.conn.account
    if sub.conn.kind == ROUTE or sub.conn.kind == GATEWAY:
        return 0  # other servers import for their own clients
    cdef Crossing crossing
    cdef bytes pattern
    cdef int tokens
    cdef int kind
    for name, pattern, mapper in (<object>account.imports).shadows(<bytes>subject[:slen]):
        kind = classify_pattern(pattern, <int>len(pattern), &tokens)
        if kind < 0:
            raise ValueError(f"an import of {name} asks for {pattern!r}, which is no subject")
        crossing = (<object>account.core.router).crossing(name, mapper)
        began(insert_shadow(sub, crossing, pattern, <int>len(pattern), kind))
    return 0
