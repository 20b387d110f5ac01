# cython: language_level=3, boundscheck=False, wraparound=False, cdivision=True
"""Small things done to bytes: hashing, splitting, numbers. All inline, none allocates."""

from libc.stdint cimport uint32_t, uint64_t
from libc.string cimport memchr, memcpy


cdef inline bint blank(char c) noexcept nogil:
    return c == 32 or c == 9


cdef inline uint64_t hash_bytes(const char* p, size_t n, uint64_t seed) noexcept nogil:
    """A 64-bit hash, eight bytes a step; seeded, so that peers cannot choose collisions."""
    cdef uint64_t h = seed ^ (<uint64_t>n * <uint64_t>0x9E3779B97F4A7C15)
    cdef uint64_t w
    while n >= 8:
        memcpy(&w, p, 8)
        h = (h ^ w) * <uint64_t>0xFF51AFD7ED558CCD
        h ^= h >> 32
        p += 8
        n -= 8
    if n:
        w = 0
        if n >= 4:
            memcpy(&w, p, 4)
            memcpy((<char*>&w) + 4, p + n - 4, 4)
        else:
            w = <unsigned char>p[0]
            w |= <uint64_t>(<unsigned char>p[n >> 1]) << 8
            w |= <uint64_t>(<unsigned char>p[n - 1]) << 16
        h = (h ^ w) * <uint64_t>0xFF51AFD7ED558CCD
        h ^= h >> 32
    h *= <uint64_t>0xC4CEB9FE1A85EC53
    h ^= h >> 29
    return h


cdef inline int split_fields(
    const char* p, int n, const char** starts, int* lengths, int limit, bint newlines
) noexcept nogil:
    """Split on space and tab (and CR, LF if ``newlines``); how many fields, at most limit+1."""
    cdef int count = 0
    cdef int i = 0
    cdef int start
    cdef char c
    while True:
        while i < n:
            c = p[i]
            if c == 32 or c == 9 or (newlines and (c == 13 or c == 10)):
                i += 1
            else:
                break
        if i >= n:
            return count
        if count == limit:
            return limit + 1
        start = i
        i += 1
        while i < n:
            c = p[i]
            if c == 32 or c == 9 or (newlines and (c == 13 or c == 10)):
                break
            i += 1
        starts[count] = p + start
        lengths[count] = i - start
        count += 1


cdef inline int parse_size(const char* p, int n) noexcept nogil:
    """1 to 9 ASCII digits as a number, -1 for anything else (nats-server's parseSize)."""
    cdef int i
    cdef int value = 0
    cdef int digit
    if n == 0 or n > 9:
        return -1
    for i in range(n):
        digit = p[i] - 48
        if digit < 0 or digit > 9:
            return -1
        value = value * 10 + digit
    return value


cdef inline int write_number(char* out, uint64_t value) noexcept nogil:
    """``value`` in decimal; how many bytes (at most 20)."""
    cdef char digits[20]
    cdef int n = 0
    cdef int i
    while True:
        digits[n] = <char>(48 + value % 10)
        n += 1
        value //= 10
        if value == 0:
            break
    for i in range(n):
        out[i] = digits[n - 1 - i]
    return n


cdef inline bint is_literal(const char* p, int n) noexcept nogil:
    """No empty token, and no token that is exactly ``*`` or ``>``."""
    cdef int start = 0
    cdef int i
    for i in range(n + 1):
        if i == n or p[i] == 46:
            if i == start:
                return False
            if i - start == 1 and (p[start] == 42 or p[start] == 62):
                return False
            start = i + 1
    return True


cdef inline int classify_pattern(const char* p, int n, int* tokens) noexcept nogil:
    """-1 if not a subject one can subscribe to, 0 literal, 1 with wildcards."""
    cdef int start = 0
    cdef int i
    cdef int kind = 0
    cdef bint ended = False
    tokens[0] = 0
    for i in range(n + 1):
        if i == n or p[i] == 46:
            if i == start or ended:
                return -1
            if i - start == 1:
                if p[start] == 62:
                    ended = True
                    kind = 1
                elif p[start] == 42:
                    kind = 1
            tokens[0] += 1
            start = i + 1
    return kind


cdef inline int count_tokens(const char* p, int n) noexcept nogil:
    """How many pieces splitting on ``.`` gives."""
    cdef int count = 1
    cdef int i
    for i in range(n):
        if p[i] == 46:
            count += 1
    return count


cdef inline bint has_empty_token(const char* p, int n) noexcept nogil:
    """Whether a published subject can match nothing."""
    cdef int i
    if n == 0 or p[0] == 46 or p[n - 1] == 46:
        return True
    for i in range(1, n):
        if p[i] == 46 and p[i - 1] == 46:
            return True
    return False
