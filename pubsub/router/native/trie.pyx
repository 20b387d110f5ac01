# cython: language_level=3, boundscheck=False, wraparound=False, cdivision=True
"""The trie of wildcard subscriptions, and which results a change of it outdates."""

from libc.stdint cimport uint16_t, uint32_t, uint64_t
from libc.stdlib cimport calloc, free
from libc.string cimport memchr, memcpy

from pubsub.router.native.table cimport buckets
from pubsub.router.native.text cimport hash_bytes
from pubsub.router.native.types cimport IN_TRIE, IN_TRIE_REST, Account, TrieNode


cdef int grow_children(TrieNode* node) except -1:
    cdef uint32_t size = (node.mask + 1) * 2 if node.children != NULL else 4
    cdef TrieNode** children = <TrieNode**>calloc(size, sizeof(TrieNode*))
    cdef TrieNode* child
    cdef TrieNode* following
    cdef uint32_t i
    if children == NULL:
        raise MemoryError("no memory for the index")
    if node.children != NULL:
        for i in range(node.mask + 1):
            child = node.children[i]
            while child != NULL:
                following = child.next
                child.next = children[child.hash & (size - 1)]
                children[child.hash & (size - 1)] = child
                child = following
        free(node.children)
    node.children = children
    node.mask = size - 1
    return 0


cdef TrieNode* new_trie_node(TrieNode* parent, const char* token, int length, uint64_t h) except NULL:
    cdef TrieNode* node = <TrieNode*>calloc(1, sizeof(TrieNode) + length)
    if node == NULL:
        raise MemoryError("no memory for the index")
    memcpy(<char*>(node + 1), token, length)
    node.parent = parent
    node.hash = h
    node.length = length
    return node


cdef TrieNode* descend(Account* account, TrieNode* node, const char* token, int length) except NULL:
    """The child for one token of a pattern, made if it is not there."""
    cdef TrieNode* child
    cdef uint64_t h
    if length == 1 and token[0] == 42:
        if node.star == NULL:
            node.star = new_trie_node(node, token, length, 0)
            node.star.is_star = True
        return node.star
    h = hash_bytes(token, length, account.core.hash_seed)
    child = find_child(node, token, length, h)
    if child == NULL:
        if node.children == NULL or node.count > node.mask:
            grow_children(node)
        child = new_trie_node(node, token, length, h)
        child.next = node.children[h & node.mask]
        node.children[h & node.mask] = child
        node.count += 1
    return child


cdef void prune(TrieNode* node) noexcept:
    """Remove trie nodes that hold nothing any more, upwards."""
    cdef TrieNode* parent
    cdef TrieNode** at
    while (
        node.parent != NULL and node.subs.count == 0 and node.rest.count == 0
        and node.count == 0 and node.star == NULL
    ):
        parent = node.parent
        if node.is_star:
            parent.star = NULL
        else:
            at = &parent.children[node.hash & parent.mask]
            while at[0] != node:
                at = &at[0].next
            at[0] = node.next
            parent.count -= 1
        free(node.children)
        free(node)
        node = parent


cdef void touch(Account* account, const char* pattern, int length) noexcept:
    """Outdate the results that a change of this wildcard subscription may concern."""
    cdef const char* dot = <const char*>memchr(pattern, 46, length)
    cdef int first = length if dot == NULL else <int>(dot - pattern)
    cdef const char* token
    cdef int rest
    cdef uint64_t both[2]
    account.epoch += 1
    if first == 1 and (pattern[0] == 42 or pattern[0] == 62):
        account.generation += 1
        return
    buckets(pattern, length, account.core.hash_seed, both)
    token = pattern + first + 1
    rest = length - first - 1
    # A literal first token and a wildcard in the pattern: there is a second token.
    if (token[0] == 42 or token[0] == 62) and (rest == 1 or token[1] == 46):
        account.by_first[both[0]] += 1
    else:
        account.by_second[both[1]] += 1


cdef TrieNode* trie_place(Account* account, const char* subject, int slen, uint16_t* where) except NULL:
    """Where a wildcard subscription lives: a trie node, and which of its two lists."""
    cdef TrieNode* node = account.root
    cdef const char* dot
    cdef int token
    while slen >= 0:
        dot = <const char*>memchr(subject, 46, slen)
        token = slen if dot == NULL else <int>(dot - subject)
        if token == 1 and subject[0] == 62:
            where[0] = IN_TRIE_REST
            return node
        node = descend(account, node, subject, token)
        subject += token + 1
        slen -= token + 1
    where[0] = IN_TRIE
    return node


cdef void free_trie(TrieNode* node) noexcept:
    cdef TrieNode* child
    cdef TrieNode* following
    cdef uint32_t i
    if node.star != NULL:
        free_trie(node.star)
    if node.children != NULL:
        for i in range(node.mask + 1):
            child = node.children[i]
            while child != NULL:
                following = child.next
                free_trie(child)
                child = following
        free(node.children)
    free(node)
