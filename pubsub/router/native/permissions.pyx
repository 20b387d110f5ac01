# cython: language_level=3, boundscheck=False, wraparound=False, cdivision=True
"""What a link may publish and hear: answers of predicates, remembered in C.

A predicate is asked once for each subject. Its answers are kept with the predicate, not
with the link, so that ten thousand clients of one user share them. That somebody may publish
is also noted in the result of the subject, which has to be read anyway.
"""

from libc.stdint cimport uint32_t, uint64_t
from libc.stdlib cimport free, malloc
from libc.string cimport memcmp, memcpy, memset
from posix.stdlib cimport posix_memalign

from pubsub.router.native.output cimport monotonic
from pubsub.router.native.table cimport find_node
from pubsub.router.native.text cimport hash_bytes
from pubsub.router.native.types cimport Conn, Node, Result

cdef uint64_t numbers = 0

cdef enum:
    FIRST_SLOTS = 16
    # Answers kept before starting afresh: about 130 bytes each. As many as results are kept of
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
        global numbers
        numbers += 1
        self.number = numbers
        self.slots = new_slots(FIRST_SLOTS)
        self.mask = FIRST_SLOTS - 1

    def __dealloc__(self):
        if self.slots != NULL:
            forget(self)
            free(self.slots)

    cdef bint ask(self, const char* subject, int slen) except -1:
        """The answer for a subject."""
        cdef uint64_t h = hash_bytes(subject, slen, self.seed)
        cdef Decision* slot = find(self, h, subject, slen)
        if slot != NULL:
            return slot.answer
        if self.with_queue:
            answer = bool(self.predicate(<bytes>subject[:slen], b""))
        else:
            answer = bool(self.predicate(<bytes>subject[:slen]))
        keep_answer(self, h, subject, slen, answer)
        return answer

    cdef bint allowed_before(self, const char* subject, int slen) noexcept:
        """Whether the predicate has allowed a subject already; never asks."""
        cdef Decision* slot = find(self, hash_bytes(subject, slen, self.seed), subject, slen)
        return slot != NULL and slot.answer

    cdef bint ask_for(
        self, const char* subject, int slen, const char* queue, int qlen
    ) except -1:
        """The answer for a subject and a queue group."""
        cdef bytes key
        cdef uint64_t h
        cdef Decision* slot
        if qlen == 0:
            return self.ask(subject, slen)
        # no subject holds a space
        key = subject[:slen] + b" " + queue[:qlen]
        h = hash_bytes(key, len(key), self.seed)
        slot = find(self, h, key, <int>len(key))
        if slot != NULL:
            return slot.answer
        answer = bool(self.predicate(<bytes>subject[:slen], <bytes>queue[:qlen]))
        keep_answer(self, h, key, <int>len(key), answer)
        return answer


cdef Decision* new_slots(size_t size) except NULL:
    cdef void* slots = NULL
    if posix_memalign(&slots, sizeof(Decision), size * sizeof(Decision)):
        raise MemoryError("no memory for permissions")
    memset(slots, 0, size * sizeof(Decision))
    return <Decision*>slots


cdef inline char* key_of(Decision* slot) noexcept nogil:
    if slot.length - 1 <= HELD:
        return slot.held
    return (<char**>slot.held)[0]


cdef inline Decision* find(Decisions self, uint64_t h, const char* key, int length) noexcept nogil:
    """What was answered about it; ``NULL``: nothing yet."""
    cdef size_t at = h & self.mask
    cdef Decision* slot = &self.slots[at]
    while slot.length:
        if slot.hash == h and slot.length == <uint32_t>length + 1 and memcmp(
            key_of(slot), key, length
        ) == 0:
            return slot
        at = (at + 1) & self.mask
        slot = &self.slots[at]
    return NULL


cdef void forget(Decisions self) noexcept:
    """All answers."""
    cdef size_t i
    for i in range(self.mask + 1):
        if self.slots[i].length > HELD + 1:
            free(key_of(&self.slots[i]))
        self.slots[i].length = 0
    self.count = 0


cdef int grow(Decisions self) except -1:
    cdef Decision* old = self.slots
    cdef size_t size = self.mask + 1
    cdef Decision* slots = new_slots(size * 2)
    cdef size_t i
    for i in range(size):
        if old[i].length:
            place(slots, size * 2 - 1, &old[i])
    free(old)
    self.slots = slots
    self.mask = size * 2 - 1
    return 0


cdef int keep_answer(
    Decisions self, uint64_t h, const char* key, int length, bint answer
) except -1:
    # The predicate ran: the table may be another one than before.
    cdef Decision fresh
    cdef char* copy = fresh.held
    if self.count >= MOST:
        forget(self)
    elif self.count * 2 >= self.mask + 1:
        grow(self)
    if length > HELD:
        copy = <char*>malloc(length)
        if copy == NULL:
            raise MemoryError("no memory for permissions")
        (<char**>fresh.held)[0] = copy
    memcpy(copy, key, length)
    fresh.hash = h
    fresh.length = <uint32_t>length + 1
    fresh.answer = answer
    place(self.slots, self.mask, &fresh)
    self.count += 1
    return 0


cdef void place(Decision* slots, size_t mask, Decision* decision) noexcept:
    cdef size_t at = decision.hash & mask
    while slots[at].length:
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
    cdef uint64_t h = hash_bytes(subject, slen, decisions.seed)
    cdef Node* node = find_node(conn.account, subject, slen, h)
    cdef Result* result = NULL if node == NULL else node.result
    cdef Decision* slot
    cdef bint allowed
    if result != NULL and result.permitted == decisions.number:
        return True
    slot = find(decisions, h, subject, slen)
    if slot == NULL:
        # Python runs: the result may be gone.
        allowed = decisions.ask(subject, slen)
    else:
        allowed = slot.answer
        if allowed and result != NULL:
            result.permitted = decisions.number
    if allowed:
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
