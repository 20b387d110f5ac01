# cython: language_level=3, boundscheck=False, wraparound=False, cdivision=True
"""Who subscribed to what: one table of literal subjects and one trie of wildcards per account.

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

from cpython.ref cimport Py_DECREF, Py_INCREF, PyObject
from libc.stdint cimport uint32_t, uint64_t
from libc.stdlib cimport calloc, free, malloc, qsort, realloc
from libc.string cimport memchr, memcmp, memcpy

from pubsub.router.native.text cimport has_empty_token, hash_bytes
from pubsub.router.native.types cimport (
    DOORKEEPER, GENERATIONS, IN_NODE, IN_TRIE, IN_TRIE_REST, MAX_CACHED,
    Account, Conn, Core, Node, Result, Sub, SubList, TrieNode,
)

cdef Result NOTHING
NOTHING.plain = 0
NOTHING.groups = 0

cdef enum:
    FIRST_TABLE = 64
    FIRST_SIDS = 4


# --- memory that a delivery in progress may still look at -------------------------------

cdef int bury(Core* core, void* memory) except -1:
    """Free ``memory`` now, or as soon as no delivery is running."""
    cdef void** grown
    if core.depth == 0:
        free(memory)
        return 0
    if core.grave_len == core.grave_cap:
        grown = <void**>realloc(core.grave, (core.grave_cap * 2 + 64) * sizeof(void*))
        if grown == NULL:
            raise MemoryError("no memory for the index")
        core.grave = grown
        core.grave_cap = core.grave_cap * 2 + 64
    core.grave[core.grave_len] = memory
    core.grave_len += 1
    return 0


cdef void leave(Core* core) noexcept:
    """A delivery is over: free what was buried meanwhile if it was the outermost."""
    cdef size_t i
    core.depth -= 1
    if core.depth == 0 and core.grave_len:
        for i in range(core.grave_len):
            free(core.grave[i])
        core.grave_len = 0


# --- accounts ---------------------------------------------------------------------------

cdef Account* new_account(Core* core, object name) except NULL:
    cdef Account* account = <Account*>calloc(1, sizeof(Account))
    if account == NULL:
        raise MemoryError("no memory for an account")
    account.core = core
    account.nodes = <Node**>calloc(FIRST_TABLE, sizeof(Node*))
    account.mask = FIRST_TABLE - 1
    account.seen = <uint32_t*>calloc(DOORKEEPER, sizeof(uint32_t))
    account.root = <TrieNode*>calloc(1, sizeof(TrieNode))
    if account.nodes == NULL or account.seen == NULL or account.root == NULL:
        raise MemoryError("no memory for an account")
    Py_INCREF(name)
    account.name = <PyObject*>name
    account.is_system = name == "$SYS"
    return account


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


cdef void free_account(Account* account) noexcept:
    """Its links are gone already, and their subscriptions with them."""
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
    free_trie(account.root)
    free(account.nodes)
    free(account.seen)
    Py_DECREF(<object>account.name)
    if account.mapper != NULL:
        Py_DECREF(<object>account.mapper)
        Py_DECREF(<object>account.mapped)
    free(account)


# --- lists ------------------------------------------------------------------------------

cdef inline void link_sub(SubList* subs, Sub* sub) noexcept nogil:
    sub.next = NULL
    sub.prev = subs.tail
    if subs.tail == NULL:
        subs.head = sub
    else:
        subs.tail.next = sub
    subs.tail = sub
    subs.count += 1


cdef inline void unlink_sub(SubList* subs, Sub* sub) noexcept nogil:
    if sub.prev == NULL:
        subs.head = sub.next
    else:
        sub.prev.next = sub.next
    if sub.next == NULL:
        subs.tail = sub.prev
    else:
        sub.next.prev = sub.prev
    subs.count -= 1


# --- the table of subjects --------------------------------------------------------------

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


cdef int sweep_cached(Account* account) except -1:
    """Drop a quarter of the results kept for subjects without a literal subscription."""
    cdef Node* node
    cdef Node* following
    while account.cached > MAX_CACHED * 3 // 4:
        account.sweep = (account.sweep + 1) & account.mask
        node = account.nodes[account.sweep]
        while node != NULL:
            following = node.next
            if node.subs.count == 0:
                drop_node(account, node)
                account.cached -= 1
            node = following
    return 0


# --- the trie of wildcards --------------------------------------------------------------

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


# --- matching ---------------------------------------------------------------------------

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
    cdef size_t i
    cdef size_t at
    cdef Group* found
    cdef Result* result
    cdef Sub** out
    qsort(subs, n, sizeof(Sub*), by_group)
    while plain < n and subs[plain].queue_len == 0:
        plain += 1
    found = <Group*>malloc((n - plain) * sizeof(Group))
    result = <Result*>malloc(sizeof(Result) + (n + n - plain) * sizeof(Sub*))
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
    out = <Sub**>(result + 1)
    memcpy(out, subs, plain * sizeof(Sub*))
    at = plain
    for i in range(groups):
        (<size_t*>out)[at] = found[i].count
        memcpy(out + at + 1, found[i].first, found[i].count * sizeof(Sub*))
        at += 1 + found[i].count
    free(found)
    return result


cdef Result* compute(Account* account, Node* node, const char* subject, int length) except NULL:
    cdef Core* core = account.core
    cdef Result* result
    cdef size_t i
    cdef bint sorted_already = True
    cdef bint queues = False
    core.scratch_len = 0
    if node != NULL and node.subs.count:
        gather(core, &node.subs)
    if account.wildcards:
        match_trie(account, account.root, subject, length)
    for i in range(core.scratch_len):
        if core.scratch[i].queue_len:
            queues = True
        if i and core.scratch[i - 1].serial > core.scratch[i].serial:
            sorted_already = False
    if queues:
        return grouped(core)
    if not sorted_already:
        qsort(core.scratch, core.scratch_len, sizeof(Sub*), by_serial)
    result = <Result*>malloc(sizeof(Result) + core.scratch_len * sizeof(Sub*))
    if result == NULL:
        raise MemoryError("no memory for matching")
    result.plain = core.scratch_len
    result.groups = 0
    memcpy(result + 1, core.scratch, core.scratch_len * sizeof(Sub*))
    return result


cdef Result* lookup(Account* account, const char* subject, int length) except NULL:
    """Whom a message on ``subject`` reaches. Only valid until ``leave`` at depth 1."""
    cdef Core* core = account.core
    cdef uint64_t h = hash_bytes(subject, length, core.hash_seed)
    cdef Node* node = find_node(account, subject, length, h)
    cdef Result* result
    cdef uint64_t both[2]
    cdef uint32_t tag
    account.matches += 1
    if node != NULL and node.result != NULL and node.stamp == (
        account.generation + account.by_first[node.bucket1] + account.by_second[node.bucket2]
    ):
        account.hits += 1
        return node.result
    if node == NULL and has_empty_token(subject, length):
        return &NOTHING
    result = compute(account, node, subject, length)
    if node == NULL and core.cache:
        tag = <uint32_t>(h >> 32) | 1
        if account.seen[h & (DOORKEEPER - 1)] == tag:
            if account.cached >= MAX_CACHED:
                sweep_cached(account)
            node = add_node(account, subject, length, h)
            account.cached += 1
        else:
            account.seen[h & (DOORKEEPER - 1)] = tag
    if node == NULL or not core.cache:
        bury(core, result)
        return result
    drop_result(account, node)
    node.result = result
    node.stamp = (
        account.generation + account.by_first[node.bucket1] + account.by_second[node.bucket2]
    )
    return result


# --- subscriptions of a connection, by sid ----------------------------------------------

cdef Sub* find_sid(Conn* conn, const char* sid, int sid_len, uint32_t sid_hash) noexcept:
    cdef Sub* sub
    if conn.sids == NULL:
        return NULL
    sub = conn.sids[sid_hash & conn.sid_mask]
    while sub != NULL:
        if sub.sid_hash == sid_hash and sub.sid_len == <uint32_t>sid_len and memcmp(
            sid_of(sub), sid, sid_len
        ) == 0:
            return sub
        sub = sub.sid_next
    return NULL


cdef int grow_sids(Conn* conn) except -1:
    cdef uint32_t size = (conn.sid_mask + 1) * 2 if conn.sids != NULL else FIRST_SIDS
    cdef Sub** sids = <Sub**>calloc(size, sizeof(Sub*))
    cdef Sub* sub
    cdef Sub* following
    cdef uint32_t i
    if sids == NULL:
        raise MemoryError("no memory for subscriptions")
    if conn.sids != NULL:
        for i in range(conn.sid_mask + 1):
            sub = conn.sids[i]
            while sub != NULL:
                following = sub.sid_next
                sub.sid_next = sids[sub.sid_hash & (size - 1)]
                sids[sub.sid_hash & (size - 1)] = sub
                sub = following
        free(conn.sids)
    conn.sids = sids
    conn.sid_mask = size - 1
    return 0


cdef TrieNode* trie_place(Account* account, const char* subject, int slen, int* where) except NULL:
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


cdef Sub* insert(
    Conn* conn, const char* subject, int slen, const char* queue, int qlen,
    const char* sid, int sid_len, uint32_t sid_hash, bint wildcard,
) except NULL:
    """Subscribe. The subject was found valid, the sid not in use."""
    cdef Account* account = conn.account
    cdef Sub* sub
    cdef Node* node
    cdef TrieNode* place
    cdef uint64_t h
    if conn.sids == NULL or conn.sid_count > conn.sid_mask:
        grow_sids(conn)
    sub = <Sub*>malloc(sizeof(Sub) + sid_len + qlen)
    if sub == NULL:
        raise MemoryError("no memory for a subscription")
    memcpy(sid_of(sub), sid, sid_len)
    sub.sid_len = sid_len
    sub.queue_len = qlen
    memcpy(queue_of(sub), queue, qlen)
    sub.conn = conn
    sub.sid_hash = sid_hash
    sub.delivered = 0
    sub.max = 0
    account.core.serial += 1
    sub.serial = account.core.serial
    if wildcard:
        place = trie_place(account, subject, slen, &sub.where)
        sub.owner = place
        link_sub(&place.rest if sub.where == IN_TRIE_REST else &place.subs, sub)
        account.wildcards += 1
        touch(account, subject, slen)
    else:
        h = hash_bytes(subject, slen, account.core.hash_seed)
        node = find_node(account, subject, slen, h)
        if node == NULL:
            node = add_node(account, subject, slen, h)
        elif node.subs.count == 0:
            account.cached -= 1
        drop_result(account, node)
        sub.owner = node
        sub.where = IN_NODE
        link_sub(&node.subs, sub)
    sub.sid_next = conn.sids[sid_hash & conn.sid_mask]
    conn.sids[sid_hash & conn.sid_mask] = sub
    conn.sid_count += 1
    account.subscriptions += 1
    account.inserts += 1
    return sub


cdef int detach(Account* account, Sub* sub) except -1:
    """Take it out of the index, and bury it."""
    cdef Node* node
    cdef TrieNode* place
    cdef bytes subject
    if sub.where == IN_NODE:
        node = <Node*>sub.owner
        unlink_sub(&node.subs, sub)
        if node.subs.count == 0:
            drop_node(account, node)
        else:
            drop_result(account, node)
    else:
        subject = subject_of(sub)
        touch(account, subject, <int>len(subject))
        place = <TrieNode*>sub.owner
        unlink_sub(&place.rest if sub.where == IN_TRIE_REST else &place.subs, sub)
        prune(place)
        account.wildcards -= 1
    account.subscriptions -= 1
    account.removes += 1
    # Deliveries in progress recognise it by this.
    sub.conn = NULL
    bury(account.core, sub)
    return 0


cdef int remove(Sub* sub) except -1:
    """Unsubscribe."""
    cdef Conn* conn = sub.conn
    cdef Sub** at = &conn.sids[sub.sid_hash & conn.sid_mask]
    while at[0] != sub:
        at = &at[0].sid_next
    at[0] = sub.sid_next
    conn.sid_count -= 1
    detach(conn.account, sub)
    return 0


cdef int remove_all(Conn* conn) except -1:
    """Unsubscribe everything of a connection."""
    cdef Sub** sids = conn.sids
    cdef Sub* sub
    cdef Sub* following
    cdef uint32_t size = conn.sid_mask + 1
    cdef uint32_t i
    if sids == NULL:
        return 0
    conn.sids = NULL
    conn.sid_mask = 0
    conn.sid_count = 0
    for i in range(size):
        sub = sids[i]
        while sub != NULL:
            following = sub.sid_next
            detach(conn.account, sub)
            sub = following
    free(sids)
    return 0


cdef bytes subject_of(Sub* sub):
    """The subject somebody subscribed to, put together again."""
    cdef Node* node
    cdef TrieNode* place
    cdef list tokens
    if sub.where == IN_NODE:
        node = <Node*>sub.owner
        return (<char*>(node + 1))[:node.length]
    place = <TrieNode*>sub.owner
    tokens = [b">"] if sub.where == IN_TRIE_REST else []
    while place.parent != NULL:
        tokens.append((<char*>(place + 1))[:place.length])
        place = place.parent
    tokens.reverse()
    return b".".join(tokens)
