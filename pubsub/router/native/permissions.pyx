# cython: language_level=3, boundscheck=False, wraparound=False, cdivision=True
"""What a link may publish and hear: answers of predicates, remembered in C.

A predicate is asked once for each subject. Its answers are kept with the predicate, not
with the link, so that ten thousand clients of one user share them.
"""

from libc.stdint cimport uint32_t, uint64_t
from libc.stdlib cimport calloc, free, malloc
from libc.string cimport memcmp, memcpy

from pubsub.router.native.output cimport monotonic
from pubsub.router.native.text cimport hash_bytes
from pubsub.router.native.types cimport Conn

cdef enum:
    FIRST_SLOTS = 64
    # Answers kept before starting afresh: about 80 bytes each. As many as results are kept of
    # subjects nobody subscribed to; with fewer, many subjects are asked about again and again.
    MOST = 65536
    # nats-server's replyPermLimit: look for outdated replies after so many new ones,
    # or after a second.
    PRUNE_AFTER = 4096


cdef class Decisions:
    """The answers of one predicate.

    :param predicate: ``(subject)``, or ``(subject, queue)`` if ``with_queue``.
    """

    def __cinit__(self, predicate, bint with_queue, uint64_t seed):
        self.predicate = predicate
        self.with_queue = with_queue
        self.seed = seed
        self.slots = <Decision*>calloc(FIRST_SLOTS, sizeof(Decision))
        if self.slots == NULL:
            raise MemoryError("no memory for permissions")
        self.mask = FIRST_SLOTS - 1

    def __dealloc__(self):
        cdef size_t i
        if self.slots != NULL:
            for i in range(self.mask + 1):
                free(self.slots[i].key)
            free(self.slots)

    cdef bint ask(self, const char* subject, int slen) except -1:
        """The answer for a subject."""
        cdef uint64_t h = hash_bytes(subject, slen, self.seed)
        cdef size_t at = h & self.mask
        cdef Decision* slot
        while True:
            slot = &self.slots[at]
            if slot.key == NULL:
                break
            if slot.hash == h and slot.length == <uint32_t>slen and memcmp(
                slot.key, subject, slen
            ) == 0:
                return slot.answer
            at = (at + 1) & self.mask
        if self.with_queue:
            answer = bool(self.predicate(<bytes>subject[:slen], b""))
        else:
            answer = bool(self.predicate(<bytes>subject[:slen]))
        keep_answer(self, h, subject, slen, answer)
        return answer

    cdef bint allowed_before(self, const char* subject, int slen) noexcept:
        """Whether the predicate has allowed a subject already; never asks."""
        cdef uint64_t h = hash_bytes(subject, slen, self.seed)
        cdef size_t at = h & self.mask
        cdef Decision* slot = &self.slots[at]
        while slot.key != NULL:
            if slot.hash == h and slot.length == <uint32_t>slen and memcmp(
                slot.key, subject, slen
            ) == 0:
                return slot.answer
            at = (at + 1) & self.mask
            slot = &self.slots[at]
        return False

    cdef bint ask_for(
        self, const char* subject, int slen, const char* queue, int qlen
    ) except -1:
        """The answer for a subject and a queue group."""
        cdef bytes key
        cdef uint64_t h
        cdef size_t at
        cdef Decision* slot
        if qlen == 0:
            return self.ask(subject, slen)
        # no subject holds a space
        key = subject[:slen] + b" " + queue[:qlen]
        h = hash_bytes(key, len(key), self.seed)
        at = h & self.mask
        while True:
            slot = &self.slots[at]
            if slot.key == NULL:
                break
            if slot.hash == h and slot.length == <uint32_t>len(key) and memcmp(
                slot.key, <char*>key, len(key)
            ) == 0:
                return slot.answer
            at = (at + 1) & self.mask
        answer = bool(self.predicate(<bytes>subject[:slen], <bytes>queue[:qlen]))
        keep_answer(self, h, key, <int>len(key), answer)
        return answer


cdef int keep_answer(
    Decisions self, uint64_t h, const char* key, int length, bint answer
) except -1:
    # The predicate ran: the table may be another one than before.
    cdef Decision* old = self.slots
    cdef Decision* slots
    cdef size_t size = self.mask + 1
    cdef size_t i
    cdef char* copy
    if self.count >= MOST:
        for i in range(size):
            free(old[i].key)
            old[i].key = NULL
        self.count = 0
    elif self.count * 2 >= size:
        slots = <Decision*>calloc(size * 2, sizeof(Decision))
        if slots == NULL:
            raise MemoryError("no memory for permissions")
        for i in range(size):
            if old[i].key != NULL:
                place(slots, size * 2 - 1, &old[i])
        free(old)
        self.slots = slots
        self.mask = size * 2 - 1
    copy = <char*>malloc(length if length else 1)
    if copy == NULL:
        raise MemoryError("no memory for permissions")
    memcpy(copy, key, length)
    cdef Decision fresh
    fresh.key = copy
    fresh.hash = h
    fresh.length = length
    fresh.answer = answer
    place(self.slots, self.mask, &fresh)
    self.count += 1
    return 0


cdef void place(Decision* slots, size_t mask, Decision* decision) noexcept:
    cdef size_t at = decision.hash & mask
    while slots[at].key != NULL:
        at = (at + 1) & mask
    slots[at] = decision[0]


cdef class Replies:
    """``allow_responses``: the replies a link may publish to, since it was asked."""

    def __cinit__(self, permission):
        self.max_messages = permission.max_messages
        self.expires = permission.expires
        self.waiting = {}
        self.since_prune = 0
        self.last_prune = monotonic()

    cdef int remember(self, bytes reply) except -1:
        """A message with that reply was delivered to the link."""
        cdef double now = monotonic()
        self.waiting[reply] = [now, 0]
        self.since_prune += 1
        if self.since_prune > PRUNE_AFTER or now - self.last_prune > 1.0:
            self.prune(now)
        return 0

    def prune(self, double now):
        """Forget what is used up or outdated."""
        for reply, (since, count) in list(self.waiting.items()):
            if 0 < self.max_messages <= count or 0.0 < self.expires < now - since:
                del self.waiting[reply]
        self.since_prune = 0
        self.last_prune = now

    cdef bint allowed(self, bytes subject) except -1:
        """Whether the link may answer there once more; counts it."""
        entry = self.waiting.get(subject)
        if entry is None:
            return False
        entry[1] += 1
        if 0 < self.max_messages < entry[1] or 0.0 < self.expires < monotonic() - entry[0]:
            del self.waiting[subject]
            return False
        return True


cdef bint may_publish(Conn* conn, const char* subject, int slen) except -1:
    """Whether a publish is permitted; a permitted answer is used up by asking."""
    # a reference of our own: the predicate may change the link's permissions
    cdef Decisions decisions = <Decisions>conn.publish_check
    if decisions.ask(subject, slen):
        return True
    return conn.replies != NULL and (<Replies>conn.replies).allowed(<bytes>subject[:slen])


cdef int expect_answer(Conn* conn, const char* reply, int rlen) except -1:
    """A message with a reply was delivered to a link with ``allow_responses``."""
    cdef Replies replies = <Replies>conn.replies
    cdef Decisions decisions
    if conn.publish_check != NULL:
        decisions = <Decisions>conn.publish_check
        if not decisions.ask(reply, rlen):
            replies.remember(<bytes>reply[:rlen])
    return 0


cdef bint may_hear(
    Conn* conn, const char* subject, int slen, const char* queue, int qlen
) except -1:
    """Whether a message may be delivered to a subscription of a link."""
    cdef Decisions decisions = <Decisions>conn.deliver_check
    return decisions.ask_for(subject, slen, queue, qlen)
