# cython: language_level=3, boundscheck=False, wraparound=False, cdivision=True
from libc.stdint cimport uint16_t, uint32_t, uint64_t
from libc.string cimport memcmp

from pubsub.router.native.types cimport Account, TrieNode

cdef TrieNode* trie_place(Account* account, const char* subject, int slen, uint16_t* where) except NULL
cdef void prune(TrieNode* node) noexcept
cdef void touch(Account* account, const char* pattern, int length) noexcept
cdef void free_trie(TrieNode* node) noexcept


cdef inline TrieNode* find_child(TrieNode* node, const char* token, int length, uint64_t h) noexcept nogil:
    cdef TrieNode* child
    if node.children == NULL:
        return NULL
    child = node.children[h & node.mask]
    while child != NULL:
        if child.hash == h and child.length == <uint32_t>length and memcmp(
            <char*>(child + 1), token, length
        ) == 0:
            return child
        child = child.next
    return NULL
