# cython: language_level=3, boundscheck=False, wraparound=False, cdivision=True
"""RMSG, HMSG and LMSG: messages of other servers.

Their arguments (nats-server: processRoutedMsgArgs and its relatives)::

    [origin] [account] subject [reply]            [header size] size
    [origin] [account] subject + reply queue…     [header size] size
    [origin] [account] subject | queue…           [header size] size

``origin``, the cluster of a leaf, only in LMSG on routes; no account where the link is for one
only, as those of leafs are.
"""

from libc.string cimport memcmp

from pubsub import errors

from pubsub.router.native.delivery cimport raise_fault
from pubsub.router.native.text cimport parse_size, split_fields
from pubsub.router.native.types cimport (
    HMSG, LEAF_KIND, LMSG, RMSG, Account, Conn, Message,
)

cdef enum:
    # More queue groups than that on one subject are not sent to one server.
    FIELDS = 1024


cdef str reader_name(Conn* conn, int verb):
    if conn.kind == LEAF_KIND:
        return "processLeafMsgArgs" if verb == LMSG else "processLeafHeaderMsgArgs"
    if verb == RMSG:
        return "processRoutedMsgArgs"
    return "processRoutedHeaderMsgArgs" if verb == HMSG else "processRoutedOriginClusterMsgArgs"


cdef int refuse(Conn* conn, int verb, str what, bytes shown) except -1:
    raise_fault(conn, errors.MalformedArguments(
        f"{reader_name(conn, verb)} {what}: '{shown.decode('utf-8', 'backslashreplace')}'"
    ))
    return 0


cdef bytes listed(
    Conn* conn, int verb, const char** starts, int* lengths, int fields
):
    """The fields as nats-server shows them, the account of the link included."""
    cdef list shown = [starts[i][:lengths[i]] for i in range(min(fields, FIELDS))]
    cdef int at = 1 if verb == LMSG else 0
    if conn.kind != LEAF_KIND and conn.peer_account != NULL and (at == 0 or len(shown) > 2):
        shown.insert(at, <bytes>conn.peer_account.encoded)
    return b"[%b]" % b" ".join(shown)


cdef int read_routed(Conn* conn, int verb, const char* arg, size_t n, Message* m) except -1:
    """Parse the arguments of a message: 1 fine, 2 in an account nobody is in, 0 closed."""
    cdef const char* starts[FIELDS]
    cdef int lengths[FIELDS]
    cdef int fields = split_fields(arg, <int>n, starts, lengths, FIELDS, True)
    cdef bint with_origin = verb == LMSG and conn.kind != LEAF_KIND
    cdef bint with_header = verb == HMSG or with_origin
    cdef bint named = conn.peer_account == NULL and conn.kind != LEAF_KIND
    cdef int at = with_origin + named
    cdef int tail = 2 if with_header else 1
    cdef int first
    cdef int rest = fields - at - 1 - tail
    if rest < 0 or fields > FIELDS:
        return refuse(
            conn, verb, "Parse Error", listed(conn, verb, starts, lengths, fields)
        )
    m.block = NULL
    m.via = NULL
    m.answer = m.any_queue = False
    m.abroad = 0
    m.reply = starts[at]
    m.rlen = m.qlen = m.olen = m.hdb_len = 0
    m.hdr = -1
    if rest == 1:
        m.reply = starts[at + 1]
        m.rlen = lengths[at + 1]
    elif rest > 1:
        if lengths[at + 1] != 1 or (starts[at + 1][0] != 43 and starts[at + 1][0] != 124):
            return refuse(
                conn, verb, "Bad or Missing Reply Indicator", starts[at + 1][:lengths[at + 1]]
            )
        first = at + 2
        if starts[at + 1][0] == 43:
            m.reply = starts[first]
            m.rlen = lengths[first]
            first += 1
        if first < fields - tail:
            m.queues = starts[first]
            m.qlen = <int>(
                starts[fields - tail - 1] + lengths[fields - tail - 1] - starts[first]
            )
    if with_header:
        m.hdb = starts[fields - 2]
        m.hdb_len = lengths[fields - 2]
        m.hdr = parse_size(m.hdb, m.hdb_len)
        if m.hdr < 0:
            return refuse(conn, verb, "Bad or Missing Header Size", arg[:n])
    m.szb = starts[fields - 1]
    m.szb_len = lengths[fields - 1]
    m.size = parse_size(m.szb, m.szb_len)
    if m.size < 0:
        return refuse(
            conn, verb, "Bad or Missing Size", listed(conn, verb, starts, lengths, fields)
        )
    if m.hdr > m.size:
        return refuse(conn, verb, "Header Size larger then TotalSize", arg[:n])
    if conn.kind == LEAF_KIND and conn.max_payload != -1 and m.size > conn.max_payload:
        raise_fault(conn, errors.MaximumPayloadViolation("%d vs %d" % (m.size, conn.max_payload)))
        return 0
    m.subject = starts[at]
    m.slen = lengths[at]
    if with_origin:
        m.origin = starts[0]
        m.olen = lengths[0]
    if named:
        m.account = find_account(conn, starts[at - 1], lengths[at - 1])
        conn.line_account = m.account
        return 2 if m.account == conn.core.nobody else 1
    else:
        m.account = conn.account if conn.peer_account == NULL else conn.peer_account
    return 1


cdef Account* find_account(Conn* conn, const char* name, int length) except NULL:
    """The account a line names; the one of the last line is at hand.

    What nobody here has ever been in is not made for that: who tells others of it has to be told.
    """
    cdef bytes last
    if conn.line_account != NULL:
        last = <bytes>conn.line_account.encoded
        if len(last) == length and memcmp(<char*>last, name, length) == 0:
            return conn.line_account
    return <Account*><size_t>(<object>conn.core.router).known_address(
        name[:length].decode("utf-8", "surrogateescape"), conn.optimistic
    )
