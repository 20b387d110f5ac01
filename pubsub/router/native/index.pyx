# cython: language_level=3, boundscheck=False, wraparound=False, cdivision=True
"""Who subscribed to what: subscriptions enter and leave the table, the trie and their link.

One table of literal subjects (:mod:`table`) and one trie of wildcards (:mod:`trie`) per
account; :mod:`matching` reads both.
"""

from cpython.ref cimport Py_DECREF, Py_INCREF, PyObject
from libc.stdint cimport uint32_t, uint64_t
from libc.stdlib cimport calloc, free, malloc
from libc.string cimport memchr, memcmp, memcpy

from pubsub.router.native.crossing cimport Crossing
from pubsub.router.native.grave cimport bury
from pubsub.router.native.table cimport (
    add_node, drop_node, drop_result, find_node, free_nodes,
)
from pubsub.router.native.text cimport hash_bytes
from pubsub.router.native.trie cimport free_trie, prune, touch, trie_place
from pubsub.router.native.types cimport (
    DOORKEEPER, GATEWAY_KIND, IN_NODE, IN_TRIE_REST, ORDINARY, REMOTE, REMOTE_HERE, SHADOW,
    Account, Conn, Core, Node, Sub, SubList, TrieNode,
)

cdef enum:
    FIRST_TABLE = 64
    FIRST_SIDS = 4

# When what does not count was made.
cdef double NEVER = -1e300


# --- accounts ---------------------------------------------------------------------------

cdef Account* new_account(Core* core, object name) except NULL:
    cdef Account* account = <Account*>calloc(1, sizeof(Account))
    if account == NULL:
        raise MemoryError("no memory for an account")
    account.core = core
    account.subscribed = NEVER
    account.nodes = <Node**>calloc(FIRST_TABLE, sizeof(Node*))
    account.mask = FIRST_TABLE - 1
    account.root = <TrieNode*>calloc(1, sizeof(TrieNode))
    if account.nodes == NULL or account.root == NULL:
        raise MemoryError("no memory for an account")
    Py_INCREF(name)
    account.name = <PyObject*>name
    encoded = name.encode("utf-8", "surrogateescape")
    Py_INCREF(encoded)
    account.encoded = <PyObject*>encoded
    account.is_system = name == "$SYS"
    return account


cdef void free_account(Account* account) noexcept:
    """Its links are gone already, and their subscriptions with them; but for its agent's."""
    forget_object(&account.agent)
    free_nodes(account)
    free_trie(account.root)
    free(account.seen)
    Py_DECREF(<object>account.name)
    forget_object(&account.encoded)
    forget_object(&account.mapper)
    forget_object(&account.mapped)
    forget_object(&account.imports)
    forget_object(&account.responses)
    forget_object(&account.owed)
    forget_object(&account.reply_prefix)
    forget_object(&account.routed_replies)
    free(account)


cdef void forget_object(PyObject** slot) noexcept:
    cdef PyObject* old = slot[0]
    slot[0] = NULL
    if old != NULL:
        Py_DECREF(<object>old)


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


cdef Sub* new_sub(
    Conn* conn, const char* queue, int qlen, const char* sid, int sid_len, uint32_t sid_hash,
) except NULL:
    cdef Sub* sub = <Sub*>malloc(sizeof(Sub) + sid_len + qlen)
    if sub == NULL:
        raise MemoryError("no memory for a subscription")
    memcpy(sid_of(sub), sid, sid_len)
    sub.sid_len = sid_len
    sub.queue_len = qlen
    memcpy(queue_of(sub), queue, qlen)
    sub.conn = conn
    sub.sid_next = NULL
    sub.sid_hash = sid_hash
    sub.delivered = 0
    sub.max = 0
    sub.role = ORDINARY
    sub.extra = NULL
    sub.since = NEVER
    return sub


cdef int attach(Account* account, Sub* sub, const char* subject, int slen, bint wildcard) except -1:
    """Put it into the index of an account."""
    cdef Node* node
    cdef TrieNode* place
    cdef uint64_t h
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
    if sub.conn.kind == GATEWAY_KIND:
        # Other clusters' interest is not counted as this one's.
        account.epoch += 1
        return 0
    account.subscriptions += 1
    account.inserts += 1
    return 0


cdef Sub* insert(
    Conn* conn, const char* subject, int slen, const char* queue, int qlen,
    const char* sid, int sid_len, uint32_t sid_hash, bint wildcard,
) except NULL:
    """Subscribe. The subject was found valid, the sid not in use."""
    cdef Sub* sub
    if conn.sids == NULL or conn.sid_count > conn.sid_mask:
        grow_sids(conn)
    sub = new_sub(conn, queue, qlen, sid, sid_len, sid_hash)
    attach(conn.account, sub, subject, slen, wildcard)
    sub.sid_next = conn.sids[sid_hash & conn.sid_mask]
    conn.sids[sid_hash & conn.sid_mask] = sub
    conn.sid_count += 1
    return sub


cdef Sub* insert_shadow(
    Sub* primary, Crossing crossing, const char* subject, int slen, bint wildcard
) except NULL:
    """Let a subscription also stand in another account, for a stream that is imported.

    The cluster a leaf's is for is left out: nobody there heard the messages of that account.
    """
    cdef const char* sid = sid_of(primary)
    cdef int cut = 0
    if primary.role >= REMOTE:
        cut = <int>(<const char*>memchr(sid, 32, primary.sid_len) - sid)
    cdef Sub* sub = new_sub(
        primary.conn, queue_of(primary), primary.queue_len, sid + cut, primary.sid_len - cut,
        primary.sid_hash,
    )
    cdef Sub* last = <Sub*>primary.extra
    sub.role = SHADOW
    sub.max = primary.max
    Py_INCREF(crossing)
    sub.extra = <PyObject*>crossing
    attach(crossing.account, sub, subject, slen, wildcard)
    if last == NULL:
        primary.extra = sub
        return sub
    while last.sid_next != NULL:
        last = last.sid_next
    last.sid_next = sub
    return sub


cdef Sub* insert_remote(
    Conn* conn, Crossing crossing, const char* subject, int slen, const char* queue, int qlen,
    const char* key, int key_len, uint32_t key_hash, bint wildcard, int weight,
) except NULL:
    """What another server wants to hear, in whatever account."""
    cdef Sub* sub
    if conn.sids == NULL or conn.sid_count > conn.sid_mask:
        grow_sids(conn)
    sub = new_sub(conn, queue, qlen, key, key_len, key_hash)
    sub.max = weight
    if crossing.account == conn.account:
        sub.role = REMOTE_HERE
    else:
        sub.role = REMOTE
        Py_INCREF(crossing)
        sub.extra = <PyObject*>crossing
    attach(crossing.account, sub, subject, slen, wildcard)
    sub.sid_next = conn.sids[key_hash & conn.sid_mask]
    conn.sids[key_hash & conn.sid_mask] = sub
    conn.sid_count += 1
    return sub


cdef int weigh(Sub* sub, int weight) except -1:
    """Another server has another number of members in a queue group now."""
    cdef Account* account = account_of(sub)
    cdef bytes subject
    sub.max = weight
    if sub.where == IN_NODE:
        drop_result(account, <Node*>sub.owner)
    else:
        subject = subject_of(sub)
        touch(account, subject, <int>len(subject))
    return 0


cdef Account* account_of(Sub* sub) noexcept:
    """The account in whose index it stands."""
    if sub.role == SHADOW or sub.role == REMOTE:
        return (<Crossing>sub.extra).account
    return sub.conn.account


cdef Sub* primary_of(Sub* sub) noexcept:
    """The subscription its peer made: itself, or the one it is a shadow of."""
    if sub.role != SHADOW:
        return sub
    return find_sid(sub.conn, sid_of(sub), sub.sid_len, sub.sid_hash)


cdef uint64_t delivered_to(Sub* sub) noexcept:
    """Deliveries to a subscription and all its shadows: what UNSUB counts."""
    cdef uint64_t count
    sub = primary_of(sub)
    count = sub.delivered
    if sub.role == ORDINARY or sub.role == REMOTE_HERE:
        sub = <Sub*>sub.extra
        while sub != NULL:
            count += sub.delivered
            sub = sub.sid_next
    return count


cdef void set_max(Sub* sub, uint64_t maximum) noexcept:
    """UNSUB with a maximum, for a subscription and its shadows."""
    sub.max = maximum
    sub = <Sub*>sub.extra
    while sub != NULL:
        sub.max = maximum
        sub = sub.sid_next


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
    if sub.conn.kind == GATEWAY_KIND:
        account.epoch += 1
    else:
        account.subscriptions -= 1
        account.removes += 1
    # Deliveries in progress recognise it by this.
    sub.conn = NULL
    if sub.role != ORDINARY and sub.role != REMOTE_HERE and sub.extra != NULL:
        Py_DECREF(<object>sub.extra)
        sub.extra = NULL
    bury(account.core, sub)
    return 0


cdef int detach_shadows(Sub* sub) except -1:
    """Take the shadows of a subscription out of the index."""
    cdef Sub* shadow
    cdef Sub* following
    if sub.role != ORDINARY and sub.role != REMOTE_HERE:
        return 0
    shadow = <Sub*>sub.extra
    sub.extra = NULL
    while shadow != NULL:
        following = shadow.sid_next
        detach(account_of(shadow), shadow)
        shadow = following
    return 0


cdef int remove(Sub* sub) except -1:
    """Unsubscribe."""
    cdef Conn* conn = sub.conn
    cdef Sub** at = &conn.sids[sub.sid_hash & conn.sid_mask]
    while at[0] != sub:
        at = &at[0].sid_next
    at[0] = sub.sid_next
    conn.sid_count -= 1
    detach_shadows(sub)
    detach(account_of(sub), sub)
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
            detach_shadows(sub)
            detach(account_of(sub), sub)
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
