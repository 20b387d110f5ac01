# cython: language_level=3, boundscheck=False, wraparound=False, cdivision=True
"""Whom a message reaches: matching, and the results that are kept.

A subject's result, the flat array of everybody a message on it reaches, is kept with
the subject. Results are never searched for to invalidate them: a literal subscription
drops the one result of its own subject; a wildcard subscription raises a generation
counter chosen by its leading literal tokens, and a result whose stamp (the sum of the
three counters its subject depends on) differs is recomputed when next asked for. So
the inboxes that come and go with every requester (``_INBOX.<id>.*``) leave all other
results alone.

Subjects nobody subscribed to literally get a place in the table only when they come
twice (the "doorkeeper"), so that one-shot reply subjects do not flood it, and their
number is bounded.

Results list subscriptions by serial number, oldest first; so do the groups in them, by
their oldest member. The Python backend does the same: that is what makes the two
comparable byte for byte.
"""

from libc.stdint cimport uint32_t, uint64_t
from libc.stdlib cimport calloc, free, malloc, qsort, realloc
from libc.string cimport memchr, memcmp, memcpy

from pubsub.router.native.abroad cimport set_apart
from pubsub.router.native.grave cimport bury
from pubsub.router.native.index cimport is_remote, weight_of
from pubsub.router.native.table cimport add_node, drop_result, find_node, sweep_cached
from pubsub.router.native.text cimport has_empty_token, hash_bytes
from pubsub.router.native.trie cimport find_child
from pubsub.router.native.types cimport (
    DOORKEEPER, MAX_CACHED, ORDINARY, Account, Core, Node, Result,
    Sub, SubList, TrieNode,
)

cdef enum:
    # Entries of one server in one queue group: what counts beyond is lost in rounding.
    MOST_WEIGHT = 1024

cdef Result NOTHING
NOTHING.plain = 0
NOTHING.groups = 0
NOTHING.remote = False
NOTHING.gates = 0


cdef int gather(Core* core, SubList* subs) except -1:
    cdef Sub** grown
    cdef Sub* sub
    cdef size_t need = core.scratch_len + subs.count
    if need > core.scratch_cap:
        grown = <Sub**>realloc(core.scratch, (need * 2 + 64) * sizeof(Sub*))
        if grown == NULL:
            raise MemoryError("no memory for matching")
        core.scratch = grown
        core.scratch_cap = need * 2 + 64
    sub = subs.head
    while sub != NULL:
        core.scratch[core.scratch_len] = sub
        core.scratch_len += 1
        sub = sub.next
    return 0


cdef int match_trie(Account* account, TrieNode* node, const char* subject, int length) except -1:
    """Gather the subscriptions below ``node`` that match the tokens left (length -1: none)."""
    cdef Core* core = account.core
    cdef TrieNode* child
    cdef const char* dot
    cdef int token
    while length >= 0:
        if node.rest.count:
            gather(core, &node.rest)
        dot = <const char*>memchr(subject, 46, length)
        token = length if dot == NULL else <int>(dot - subject)
        child = NULL
        if node.count:
            child = find_child(node, subject, token, hash_bytes(subject, token, core.hash_seed))
        subject += token + 1
        length -= token + 1
        if node.star != NULL:
            if child == NULL:
                child = node.star
            else:
                match_trie(account, node.star, subject, length)
        if child == NULL:
            return 0
        node = child
    if node.subs.count:
        gather(core, &node.subs)
    return 0


cdef int by_serial(const void* left, const void* right) noexcept nogil:
    cdef uint64_t a = (<Sub**>left)[0].serial
    cdef uint64_t b = (<Sub**>right)[0].serial
    return (a > b) - (a < b)


cdef int by_group(const void* left, const void* right) noexcept nogil:
    """Plain subscriptions first, then by group name, then by serial."""
    cdef Sub* a = (<Sub**>left)[0]
    cdef Sub* b = (<Sub**>right)[0]
    cdef int order
    if a.queue_len != b.queue_len:
        return (a.queue_len > b.queue_len) - (a.queue_len < b.queue_len)
    if a.queue_len:
        order = memcmp(<char*>(a + 1) + a.sid_len, <char*>(b + 1) + b.sid_len, a.queue_len)
        if order:
            return order
    return (a.serial > b.serial) - (a.serial < b.serial)


cdef struct Group:
    Sub** first
    size_t count


cdef int by_oldest(const void* left, const void* right) noexcept nogil:
    cdef uint64_t a = (<Group*>left).first[0].serial
    cdef uint64_t b = (<Group*>right).first[0].serial
    return (a > b) - (a < b)


cdef Result* grouped(Core* core) except NULL:
    """A result with queue groups from what was gathered."""
    cdef Sub** subs = core.scratch
    cdef size_t n = core.scratch_len
    cdef size_t plain = 0
    cdef size_t groups = 0
    cdef size_t entries = 0
    cdef size_t i
    cdef size_t j
    cdef size_t at
    cdef size_t begin
    cdef size_t weight
    cdef Group* found
    cdef Result* result
    cdef Sub** out
    qsort(subs, n, sizeof(Sub*), by_group)
    while plain < n and subs[plain].queue_len == 0:
        plain += 1
    for i in range(plain, n):
        entries += min(weight_of(subs[i]), <uint64_t>MOST_WEIGHT)
    found = <Group*>malloc((n - plain) * sizeof(Group))
    result = <Result*>malloc(sizeof(Result) + (n + entries) * sizeof(Sub*))
    if found == NULL or result == NULL:
        free(found)
        free(result)
        raise MemoryError("no memory for matching")
    for i in range(plain, n):
        if groups and found[groups - 1].first[0].queue_len == subs[i].queue_len and memcmp(
            <char*>(found[groups - 1].first[0] + 1) + found[groups - 1].first[0].sid_len,
            <char*>(subs[i] + 1) + subs[i].sid_len, subs[i].queue_len
        ) == 0:
            found[groups - 1].count += 1
        else:
            found[groups].first = &subs[i]
            found[groups].count = 1
            groups += 1
    qsort(found, groups, sizeof(Group), by_oldest)
    result.plain = plain
    result.groups = groups
    result.gates = 0
    out = <Sub**>(result + 1)
    memcpy(out, subs, plain * sizeof(Sub*))
    at = plain
    for i in range(groups):
        begin = at
        at += 1
        for j in range(found[i].count):
            weight = min(weight_of(found[i].first[j]), <uint64_t>MOST_WEIGHT)
            while weight:
                out[at] = found[i].first[j]
                at += 1
                weight -= 1
        (<size_t*>out)[begin] = at - begin - 1
    free(found)
    return result


cdef Result* compute(Account* account, Node* node, const char* subject, int length) except NULL:
    cdef Core* core = account.core
    core.scratch_len = 0
    if node != NULL and node.subs.count:
        gather(core, &node.subs)
    if account.wildcards:
        match_trie(account, account.root, subject, length)
    return set_apart(account, subject, length) if core.abroad else arranged(core)


cdef Result* arranged(Core* core) except NULL:
    """A result from what was gathered."""
    cdef Result* result
    cdef size_t i
    cdef bint sorted_already = True
    cdef bint queues = False
    cdef bint remote = False
    for i in range(core.scratch_len):
        if core.scratch[i].queue_len:
            queues = True
        if core.scratch[i].role != ORDINARY and is_remote(core.scratch[i]):
            remote = True
        if i and core.scratch[i - 1].serial > core.scratch[i].serial:
            sorted_already = False
    if queues:
        result = grouped(core)
        result.remote = remote
        return result
    if not sorted_already:
        qsort(core.scratch, core.scratch_len, sizeof(Sub*), by_serial)
    result = <Result*>malloc(sizeof(Result) + core.scratch_len * sizeof(Sub*))
    if result == NULL:
        raise MemoryError("no memory for matching")
    result.plain = core.scratch_len
    result.groups = 0
    result.gates = 0
    result.remote = remote
    memcpy(result + 1, core.scratch, core.scratch_len * sizeof(Sub*))
    return result


cdef Result* nothing(Account* account, const char* subject, int length) except NULL:
    """Nobody subscribes to such a subject; but of gateways other things may be presumed."""
    cdef Core* core = account.core
    cdef Result* result
    if core.gateways == NULL:
        return &NOTHING
    core.scratch_len = 0
    result = set_apart(account, subject, length)
    bury(core, result)
    return result


cdef Result* lookup(Account* account, const char* subject, int length) except NULL:
    """Whom a message on ``subject`` reaches. Only valid until ``leave`` at depth 1."""
    cdef Core* core = account.core
    cdef uint64_t h = hash_bytes(subject, length, core.hash_seed)
    cdef Node* node = find_node(account, subject, length, h)
    cdef Result* result
    cdef uint64_t state
    cdef uint32_t tag
    cdef uint32_t* last
    account.matches += 1
    if node != NULL and node.result != NULL and node.stamp == (
        account.generation + account.by_first[node.bucket1] + account.by_second[node.bucket2]
    ):
        account.hits += 1
        core.kept = True
        return node.result
    core.kept = False
    if node == NULL and has_empty_token(subject, length):
        return nothing(account, subject, length)
    state = state_of(account)
    core.asked = False
    result = compute(account, node, subject, length)
    if core.abroad:
        # Somebody was asked what to presume, who may have done anything.
        if state != state_of(account):
            bury(core, result)
            return result
        node = find_node(account, subject, length, h)
    if node == NULL and core.cache:
        tag = <uint32_t>(h >> 32) | 1
        if account.seen == NULL:
            # an account may be there without ever having a message
            account.seen = <uint32_t*>calloc(DOORKEEPER, sizeof(uint32_t))
            if account.seen == NULL:
                raise MemoryError("no memory for an account")
        last = &account.seen[h & (DOORKEEPER - 1)]
        if core.asked or last[0] == tag:
            if account.cached >= MAX_CACHED:
                sweep_cached(account, MAX_CACHED * 3 // 4)
            node = add_node(account, subject, length, h)
            account.cached += 1
        elif last[0] == 0 or (account.matches * <uint64_t>0x9E3779B97F4A7C15) >> 63:
            # Every other time: two subjects in turn would keep each other out for ever.
            last[0] = tag
    if node == NULL or not core.cache:
        bury(core, result)
        return result
    drop_result(account, node)
    result.permitted = 0
    node.result = result
    node.stamp = (
        account.generation + account.by_first[node.bucket1] + account.by_second[node.bucket2]
    )
    core.kept = True
    return result
