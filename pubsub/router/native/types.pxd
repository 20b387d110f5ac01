# cython: language_level=3
"""The C structures of the data plane. One place, so that every unit agrees.

Ownership, in one paragraph: a ``Core`` belongs to a NativeRouter, a ``Conn`` to a
NativeLink (it is embedded in the Python object), an ``Account`` to its Core. A ``Sub``
belongs to its Conn and sits in three lists: the Conn's sid table, the list of its
subject (a ``Node`` for literal subjects, a ``TrieNode`` for wildcards), and, by pointer
only, in cached ``Result`` blocks. Whatever may still be referenced by a delivery in
progress is put into the Core's graveyard instead of being freed; the graveyard is
emptied when no delivery is running (``core.depth == 0``).
"""

from cpython.ref cimport PyObject
from libc.stdint cimport int64_t, uint8_t, uint16_t, uint32_t, uint64_t

# A chunk of queued output. Own bytes follow the structure, or ``block`` lends them.
cdef struct Chunk:
    Chunk* next
    char* data
    size_t start
    size_t end
    size_t cap
    Block* block

# Bytes shared by several output queues (a large payload), reference counted.
cdef struct Block:
    size_t refs
    size_t size

# A message whose payload has not arrived completely: the parsed line and the bytes so far.
cdef struct Body:
    Block* block
    size_t filled
    size_t need
    int slen
    int rlen
    int hdr
    int size
    int hdb_len
    int szb_len
    int qlen
    int olen
    Account* account
    # subject, reply, hdb, szb, queues and origin follow the structure, in that order

# One import a message came through; on the stack of who carried it over.
cdef struct Via:
    Via* up
    PyObject* export
    int hops
    # the first of them shares who asks; it does not, but one of them may know where they are
    bint share
    bint located

# One message on its way: everything points into somebody else's memory.
cdef struct Message:
    const char* subject
    const char* reply
    const char* hdb
    const char* szb
    const char* payload
    Block* block
    # the imports it came through so far
    Via* via
    # from other servers: the account, the queue groups it is for ("a b c"), the leaf's cluster
    Account* account
    const char* queues
    const char* origin
    int qlen
    int olen
    # an answer on its way back through the import of a service
    bint answer
    # without a list of groups any will do
    bint any_queue
    # Abroad: what gateways have to do with it
    int abroad
    int slen
    int rlen
    int hdb_len
    int szb_len
    int hdr
    int size

cdef enum Abroad:
    # its reply is ``_GR_.…``, which leads through a gateway
    ROUTED_REPLY = 1
    # an answer whose subject was that, in the cluster that asked
    RETURNED = 2
    # its reply says on which subject readers here get it
    ENCODED_ACK = 4

cdef struct Sub:
    Conn* conn
    Sub* next
    Sub* prev
    Sub* sid_next
    void* owner
    uint64_t serial
    uint64_t delivered
    uint64_t max
    uint32_t sid_hash
    uint32_t sid_len
    uint32_t queue_len
    uint16_t where
    uint16_t role
    # ORDINARY: its first shadow (a Sub, the next one by sid_next); SHADOW, SERVICE and
    # REMOTE: the Crossing, owned
    void* extra
    # when it was made, monotonic, where that counts: see interest.is_local
    double since
    # sid, then queue follow the structure

# pubsub.interfaces.PeerKind
cdef enum Kind:
    CLIENT_KIND = 0
    ROUTE_KIND = 1
    GATEWAY_KIND = 2
    LEAF_KIND = 3
    INTERNAL_KIND = 4
    SINK_KIND = 5

cdef enum Where:
    IN_NODE = 0
    IN_TRIE = 1
    IN_TRIE_REST = 2

cdef enum Role:
    ORDINARY = 0
    # stands in another account, for a stream its account imports
    SHADOW = 1
    # carries requests over to another account
    SERVICE = 2
    # carries their answers back
    ANSWERS = 3
    # what another server wants to hear; ``max`` is its weight, its sid "origin account
    # subject queue"
    REMOTE = 4
    # the same in the link's own account: then ``extra`` is its first shadow
    REMOTE_HERE = 5

cdef struct SubList:
    Sub* head
    Sub* tail
    size_t count

# What one subject reaches: ``plain`` subs, then per queue group a count and its members.
cdef struct Result:
    size_t plain
    size_t groups
    # some of them are other servers', or gateways want it
    uint32_t remote
    # where the Gates begin, in words behind this structure and from 1; 0: nobody abroad wants it
    uint32_t gates
    # Decisions.number of those by which its subject was last found to be permitted; 0: of none.
    # Of results that are kept only.
    uint64_t permitted
    # Sub* array follows

# The end of a result that gateways are part of.
cdef struct Gates:
    Account* account
    # Core.gates_epoch when it was made: else the links may be gone
    uint64_t epoch
    size_t count
    # that many times: a Gate, then the Sub* of its groups

# One gateway that wants a subject, and the queue groups it wants it for.
cdef struct Gate:
    Conn* conn
    uint32_t plain
    uint32_t groups

# A literal subject that somebody subscribed to, or whose result is worth keeping.
cdef struct Node:
    Node* next
    SubList subs
    Result* result
    uint64_t hash
    uint64_t stamp
    uint32_t length
    uint16_t bucket1
    uint16_t bucket2
    # the subject follows the structure

cdef struct TrieNode:
    TrieNode* parent
    TrieNode* next
    TrieNode** children
    TrieNode* star
    SubList subs
    SubList rest
    uint64_t hash
    uint32_t mask
    uint32_t count
    uint32_t length
    bint is_star
    # the token follows the structure

cdef enum:
    GENERATIONS = 1024
    DOORKEEPER = 16384
    #: results kept for subjects nobody subscribed to literally; about 150 B each
    MAX_CACHED = 65536

    # Longest PUB line that is remembered, CRLF included.
    LINE = 96

# Messages and their bytes.
cdef struct Traffic:
    uint64_t in_msgs
    uint64_t in_bytes
    uint64_t out_msgs
    uint64_t out_bytes

cdef struct Account:
    Core* core
    # Changes whenever a kept result is dropped or outdated.
    uint64_t epoch
    PyObject* name
    # the same as bytes
    PyObject* encoded
    PyObject* mapper
    PyObject* mapped
    # IStreamImports
    PyObject* imports
    # a link of the router's own for its imports and answers
    PyObject* agent
    # requests waiting for an answer, by the reply that was given to the service
    PyObject* responses
    PyObject* reply_prefix
    # its own requests to others that wait, by the reply they have asked for: the last of these
    PyObject* owed
    # RoutedReplies of messages for readers in this process
    PyObject* routed_replies
    Node** nodes
    size_t mask
    size_t count
    size_t cached
    size_t sweep
    TrieNode* root
    uint64_t generation
    uint64_t by_first[GENERATIONS]
    uint64_t by_second[GENERATIONS]
    uint32_t* seen
    uint64_t subscriptions
    uint64_t wildcards
    uint64_t inserts
    uint64_t removes
    uint64_t matches
    uint64_t hits
    uint64_t in_msgs
    uint64_t in_bytes
    uint64_t out_msgs
    uint64_t out_bytes
    # what ROUTE, GATEWAY and LEAF links have carried for it
    Traffic linked[3]
    bint is_system
    # imports services
    bint asks
    # when somebody here last subscribed, monotonic
    double subscribed

cdef enum Verb:
    NO_VERB = 0
    CONNECT = 1
    INFO = 2
    # messages: of clients, and of other servers
    PUB = 3
    HPUB = 4
    RMSG = 5
    HMSG = 6
    LMSG = 7
    SUB = 8
    UNSUB = 9
    # interest of other servers: RS+, RS-, LS+, LS-, A+, A-
    RADDED = 10
    RGONE = 11
    LADDED = 12
    LGONE = 13
    ADDED = 14
    AGONE = 15
    ERR = 16
    # The rest of the line does not matter for these.
    PING = 17
    PONG = 18
    OK = 19

cdef enum:
    PARTIAL = -1
    UNKNOWN = -2

cdef struct Conn:
    Core* core
    Account* account
    PyObject* handler
    PyObject* link
    PyObject* transport
    PyObject* publish_check
    PyObject* subscribe_check
    PyObject* deliver_check
    PyObject* replies
    # what request_info said: in short, and in detail
    PyObject* info_short
    PyObject* info_long
    # what services behind other services are told, and the system account's: by how much, and
    # by the account that passes the request on
    PyObject* info_more
    PyObject* batch
    PyObject* later
    # RoutedReplies of messages for this client
    PyObject* routed_replies
    # of another server: ServerPeer
    Account* peer_account
    PyObject* peer_origin
    Conn* dirty_next
    uint64_t cid
    int fd
    int kind
    int max_payload
    int max_subscriptions
    int verb
    bint verbose
    bint pedantic
    bint echo
    bint headers
    bint no_responders
    bint closed
    bint paused
    bint awaiting_connect
    bint announce
    bint trace
    bint dirty
    bint output_paused
    bint stalled
    bint active
    bint parsing
    bint writing
    bint spoke
    bint leaf_origins
    bint optimistic
    bint old_replies
    # input: ``tail`` is the beginning of a verb, or of the argument of ``verb``
    char* tail
    size_t tail_len
    size_t tail_cap
    Body* body
    # output
    Chunk* out_head
    Chunk* out_tail
    size_t pending
    # The last PUB line, if the next one may be acted on without parsing: see parser.remember.
    char line[LINE]
    Result* line_result
    Account* line_account
    uint64_t line_epoch
    int line_len
    # how much of ``line`` is a line that was seen, remembered or not
    int line_seen
    int line_subject
    int line_reply
    int line_size
    int line_slen
    int line_rlen
    int line_szb
    int line_szb_len
    # subscriptions by sid
    Sub** sids
    uint32_t sid_mask
    uint32_t sid_count
    uint64_t in_msgs
    uint64_t in_bytes
    uint64_t out_msgs
    uint64_t out_bytes
    uint64_t stalls
    double last_activity
    double last_input
    double blocked_since

cdef struct Core:
    char* rbuf
    size_t rcap
    Conn* dirty_head
    Conn* dirty_tail
    Chunk* free_chunks
    size_t free_count
    int depth
    void** grave
    size_t grave_len
    size_t grave_cap
    PyObject* hook
    # IServiceTracker
    PyObject* tracker
    PyObject* listeners
    # ISubscriptionListener
    PyObject* watchers
    # the account of messages for accounts nobody here is in
    Account* nobody
    # calls NativeRouter.agent_for
    PyObject* router
    uint64_t serial
    uint64_t rng
    # requests to imported services that wait for an answer
    uint64_t owing
    uint64_t hash_seed
    size_t max_pending
    size_t max_pending_far
    size_t stall_pending
    # Pending bytes that are written at once, not at the end of the turn.
    size_t early_flush
    int max_control_line
    int max_sub_tokens
    bint no_stall
    bint cache
    # scratch for matching, grown as needed
    Sub** scratch
    size_t scratch_cap
    size_t scratch_len
    # Whether the result the last lookup gave is one that is kept.
    bint kept
    # somebody was asked what to presume of a gateway
    bint asked
    # Gateways are in use, or were heard of: results have to keep them apart.
    bint abroad
    # a tuple of Gateway, the nearest first; NULL until gateways are used
    PyObject* gateways
    # goes up with each change of these
    uint64_t gates_epoch
    # _GR_.<cluster>.<server>., and $GR.<cluster>.
    PyObject* reply_start
    PyObject* old_reply_start
    # asked for the time instead of the system: tests have clocks of their own
    PyObject* clock
