# cython: language_level=3, boundscheck=False, wraparound=False, cdivision=True
"""The words that begin a line, by who may say them. All inline, none allocates."""

from pubsub.router.native.types cimport (
    ADDED, AGONE, CONNECT, ERR, GATEWAY_KIND, HMSG, HPUB, INFO, LADDED, LEAF_KIND, LGONE, LMSG, OK, PARTIAL, PING, PONG,
    PUB, RADDED, RGONE, RMSG, SUB, UNKNOWN, UNSUB,
)


cdef inline int spelled(const char* p, size_t n, const char* word, int length, int verb, int* used) noexcept nogil:
    """``verb`` if ``word`` (lower case) is what ``p`` begins with, PARTIAL, or UNKNOWN."""
    cdef int i
    for i in range(length):
        if <size_t>i == n:
            return PARTIAL
        if p[i] != word[i] and (word[i] < 97 or p[i] != word[i] - 32):
            return UNKNOWN
    used[0] = length
    return verb


cdef inline int verb_at(const char* p, size_t n, int* used) noexcept nogil:
    """Which verb of a client begins here; ``used`` becomes its length."""
    cdef char first = p[0] | 32
    if first == 112:  # p
        if n == 1:
            return PARTIAL
        if (p[1] | 32) == 117:
            return spelled(p, n, b"pub", 3, PUB, used)
        if (p[1] | 32) == 105:
            return spelled(p, n, b"ping", 4, PING, used)
        return spelled(p, n, b"pong", 4, PONG, used)
    if first == 104:
        return spelled(p, n, b"hpub", 4, HPUB, used)
    if first == 115:
        return spelled(p, n, b"sub", 3, SUB, used)
    if first == 117:
        return spelled(p, n, b"unsub", 5, UNSUB, used)
    if first == 99:
        return spelled(p, n, b"connect", 7, CONNECT, used)
    if first == 105:
        return spelled(p, n, b"info", 4, INFO, used)
    if p[0] == 43:
        return spelled(p, n, b"+ok", 3, OK, used)
    if p[0] == 45:
        return spelled(p, n, b"-err", 4, ERR, used)
    return UNKNOWN


cdef inline int interest_verb(
    const char* p, size_t n, const char* more, const char* less, int length,
    int added, int gone, int* used,
) noexcept nogil:
    """``RS+`` or ``RS-``, and the like."""
    cdef int found = spelled(p, n, more, length, added, used)
    if found == UNKNOWN:
        found = spelled(p, n, less, length, gone, used)
    return found


cdef inline int server_verb_at(const char* p, size_t n, int kind, int* used) noexcept nogil:
    """Which verb of another server of that kind begins here."""
    cdef char first = p[0] | 32
    if first == 108 and kind != GATEWAY_KIND:  # l
        if n == 1:
            return PARTIAL
        if (p[1] | 32) == 109:
            return spelled(p, n, b"lmsg", 4, LMSG, used)
        return interest_verb(p, n, b"ls+", b"ls-", 3, LADDED, LGONE, used)
    if first == 104:
        return spelled(p, n, b"hmsg", 4, HMSG, used)
    if first == 114 and kind != LEAF_KIND:
        if n == 1:
            return PARTIAL
        if (p[1] | 32) == 109:
            return spelled(p, n, b"rmsg", 4, RMSG, used)
        return interest_verb(p, n, b"rs+", b"rs-", 3, RADDED, RGONE, used)
    if first == 97 and kind != LEAF_KIND:
        return interest_verb(p, n, b"a+", b"a-", 2, ADDED, AGONE, used)
    if first == 112:
        if n == 1:
            return PARTIAL
        if (p[1] | 32) == 105:
            return spelled(p, n, b"ping", 4, PING, used)
        return spelled(p, n, b"pong", 4, PONG, used)
    if first == 99:
        return spelled(p, n, b"connect", 7, CONNECT, used)
    if first == 105:
        return spelled(p, n, b"info", 4, INFO, used)
    if p[0] == 43:
        return spelled(p, n, b"+ok", 3, OK, used)
    if p[0] == 45:
        return spelled(p, n, b"-err", 4, ERR, used)
    return UNKNOWN
