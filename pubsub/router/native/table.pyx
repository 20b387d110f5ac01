# cython: language_level=3, boundscheck=False, wraparound=False, cdivision=True
"""The table of literal subjects: who subscribed to exactly this, and the result kept with it."""

from libc.stdint cimport uint32_t, uint64_t
from libc.stdlib cimport calloc, free
from libc.string cimport memcpy

from pubsub.router.native.grave cimport bury
from pubsub.router.native.types cimport Account, Node


cdef int grow_nodes(Account* account) except -1:
    cdef size_t size = (account.mask + 1) * 2
    cdef Node** nodes = <Node**>calloc(size, sizeof(Node*))
    cdef Node* node
    cdef Node* following
    cdef size_t i
    if nodes == NULL:
        raise MemoryError("no memory for the index")
    for i in range(account.mask + 1):
        node = account.nodes[i]
        while node != NULL:
            following = node.next
            node.next = nodes[node.hash & (size - 1)]
            nodes[node.hash & (size - 1)] = node
            node = following
    free(account.nodes)
    account.nodes = nodes
    account.mask = size - 1
    return 0


cdef Node* add_node(Account* account, const char* subject, int length, uint64_t h) except NULL:
    cdef Node* node
    cdef uint64_t both[2]
    if account.count > account.mask:
        grow_nodes(account)
    node = <Node*>calloc(1, sizeof(Node) + length)
    if node == NULL:
        raise MemoryError("no memory for the index")
    memcpy(<char*>(node + 1), subject, length)
    node.hash = h
    node.length = length
    buckets(subject, length, account.core.hash_seed, both)
    node.bucket1 = <uint32_t>both[0]
    node.bucket2 = <uint32_t>both[1]
    node.next = account.nodes[h & account.mask]
    account.nodes[h & account.mask] = node
    account.count += 1
    return node


cdef int drop_result(Account* account, Node* node) except -1:
    if node.result != NULL:
        bury(account.core, node.result)
        node.result = NULL
        account.epoch += 1
    return 0


cdef int drop_node(Account* account, Node* node) except -1:
    cdef Node** at = &account.nodes[node.hash & account.mask]
    while at[0] != node:
        at = &at[0].next
    at[0] = node.next
    account.count -= 1
    drop_result(account, node)
    bury(account.core, node)
    return 0


cdef int sweep_cached(Account* account, size_t keep) except -1:
    """Drop results of subjects without a literal subscription until only ``keep`` are left."""
    cdef Node* node
    cdef Node* following
    while account.cached > keep:
        account.sweep = (account.sweep + 1) & account.mask
        node = account.nodes[account.sweep]
        while node != NULL:
            following = node.next
            if node.subs.count == 0:
                drop_node(account, node)
                account.cached -= 1
            node = following
    return 0


cdef int forget_results(Account* account) except -1:
    """Keep no result at all (``disable_sublist_cache``)."""
    cdef Node* node
    cdef size_t i
    sweep_cached(account, 0)
    for i in range(account.mask + 1):
        node = account.nodes[i]
        while node != NULL:
            drop_result(account, node)
            node = node.next
    return 0


cdef void free_nodes(Account* account) noexcept:
    cdef Node* node
    cdef Node* following
    cdef size_t i
    for i in range(account.mask + 1):
        node = account.nodes[i]
        while node != NULL:
            following = node.next
            free(node.result)
            free(node)
            node = following
    free(account.nodes)
