# cython: language_level=3, boundscheck=False, wraparound=False, cdivision=True
"""Publishers send the same PUB line again and again.

If the next line is equal to the last to the byte, nothing of it has to be looked at, and
while ``Account.epoch`` stays, its result is still the one. Whatever could change the
outcome (options, account, trace, permissions) forgets the line by ``line_len = 0``.
"""

from libc.string cimport memcmp, memcpy

from pubsub.router.native.delivery cimport plain
from pubsub.router.native.types cimport CLIENT_KIND, LEAF_KIND, LINE, Conn, Message


cdef inline void remember(Conn* conn, const char* line, size_t n, Message* m) noexcept:
    """Keep a PUB line that raised no fault, if the next one like it needs no checks."""
    conn.line_len = 0
    if n > LINE:
        return
    if conn.publish_check != NULL and (
        n != <size_t>conn.line_seen or memcmp(line, conn.line, n)
    ):
        # Whether it is permitted is not looked up twice for what never comes again.
        memcpy(conn.line, line, n)
        conn.line_seen = <int>n
        return
    if not plain(conn, m):
        return
    memcpy(conn.line, line, n)
    conn.line_seen = <int>n
    conn.line_subject = <int>(m.subject - line)
    conn.line_slen = m.slen
    conn.line_reply = <int>(m.reply - line)
    conn.line_rlen = m.rlen
    conn.line_szb = <int>(m.szb - line)
    conn.line_szb_len = m.szb_len
    conn.line_size = m.size
    conn.line_len = <int>n
    conn.line_account = m.account
    conn.line_result = NULL


cdef inline bint recalled(Conn* conn, const char* at, size_t n, Message* m) noexcept:
    """Whether the line at ``at`` is the remembered one; then ``m`` is filled in."""
    if conn.line_len == 0 or n < <size_t>conn.line_len or memcmp(at, conn.line, conn.line_len):
        return False
    if conn.kind == CLIENT_KIND:
        if conn.account.mapper != NULL or conn.core.hook != NULL:
            return False
    elif conn.kind == LEAF_KIND and conn.account.mapper != NULL:
        return False
    m.subject = at + conn.line_subject
    m.slen = conn.line_slen
    m.reply = at + conn.line_reply
    m.rlen = conn.line_rlen
    m.hdb_len = 0
    m.hdr = -1
    m.szb = at + conn.line_szb
    m.szb_len = conn.line_szb_len
    m.size = conn.line_size
    m.block = NULL
    m.via = NULL
    m.account = conn.line_account
    m.qlen = m.olen = 0
    m.answer = m.any_queue = False
    m.abroad = 0
    return True
