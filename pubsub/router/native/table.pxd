# cython: language_level=3, boundscheck=False, wraparound=False, cdivision=True
from libc.stdint cimport uint32_t, uint64_t
from libc.string cimport memchr, memcmp

from pubsub.router.native.text cimport hash_bytes
from pubsub.router.native.types cimport GENERATIONS, Account, Node

cdef Node* add_node(Account* account, const char* subject, int length, uint64_t h) except NULL
cdef int drop_result(Account* account, Node* node) except -1
cdef int drop_node(Account* account, Node* node) except -1
cdef int sweep_cached(Account* account, size_t keep) except -1
cdef int forget_results(Account* account) except -1
cdef void free_nodes(Account* account) noexcept


cdef inline void buckets(const char* subject, int length, uint64_t seed, uint64_t* both) noexcept nogil:
    """Which generation counters the leading one and two tokens of a subject share."""
    cdef const char* dot = <const char*>memchr(subject, 46, length)
    cdef int first = length if dot == NULL else <int>(dot - subject)
    cdef int second = length
    both[0] = hash_bytes(subject, first, seed) & (GENERATIONS - 1)
    if dot != NULL:
        dot = <const char*>memchr(dot + 1, 46, length - first - 1)
        if dot != NULL:
            second = <int>(dot - subject)
    both[1] = hash_bytes(subject, second, seed) & (GENERATIONS - 1)


cdef inline Node* find_node(Account* account, const char* subject, int length, uint64_t h) noexcept nogil:
    cdef Node* node = account.nodes[h & account.mask]
    while node != NULL:
        if node.hash == h and node.length == <uint32_t>length and memcmp(
            <char*>(node + 1), subject, length
        ) == 0:
            return node
        node = node.next
    return NULL
