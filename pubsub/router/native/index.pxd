# cython: language_level=3
from libc.stdint cimport uint32_t, uint64_t

from pubsub.router.native.crossing cimport Crossing
from pubsub.router.native.types cimport (
    LEAF_KIND, REMOTE, SHADOW, Account, Conn, Core, Sub,
)

cdef Account* new_account(Core* core, object name) except NULL
cdef void free_account(Account* account) noexcept
cdef Sub* insert(
    Conn* conn, const char* subject, int slen, const char* queue, int qlen,
    const char* sid, int sid_len, uint32_t sid_hash, bint wildcard,
) except NULL
cdef Sub* insert_shadow(
    Sub* primary, Crossing crossing, const char* subject, int slen, bint wildcard
) except NULL
cdef Sub* insert_remote(
    Conn* conn, Crossing crossing, const char* subject, int slen, const char* queue, int qlen,
    const char* key, int key_len, uint32_t key_hash, bint wildcard, int weight,
) except NULL
cdef int weigh(Sub* sub, int weight) except -1
cdef Account* account_of(Sub* sub) noexcept
cdef Sub* primary_of(Sub* sub) noexcept
cdef uint64_t delivered_to(Sub* sub) noexcept
cdef void set_max(Sub* sub, uint64_t maximum) noexcept
cdef int detach(Account* account, Sub* sub) except -1
cdef int detach_shadows(Sub* sub) except -1
cdef int remove(Sub* sub) except -1
cdef Sub* find_sid(Conn* conn, const char* sid, int sid_len, uint32_t sid_hash) noexcept
cdef int remove_all(Conn* conn) except -1
cdef bytes subject_of(Sub* sub)


cdef inline bint is_remote(Sub* sub) noexcept nogil:
    """Another server's, also in the account of a stream that a leaf's account imports."""
    return sub.role >= REMOTE or (sub.role == SHADOW and sub.conn.kind == LEAF_KIND)


cdef inline uint64_t weight_of(Sub* sub) noexcept nogil:
    """How many members of a queue group it stands for."""
    return sub.max if is_remote(sub) and sub.max > 1 else 1


cdef inline char* sid_of(Sub* sub) noexcept nogil:
    return <char*>(sub + 1)


cdef inline char* queue_of(Sub* sub) noexcept nogil:
    return <char*>(sub + 1) + sub.sid_len
