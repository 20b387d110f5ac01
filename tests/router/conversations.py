"""Random conversations with a router: what peers say, and what happens to them.

A conversation is a list of steps; :class:`tests.router.player.Player` takes a router through it.
"""

from __future__ import annotations

from typing import Any, TypeVar

from hypothesis import strategies as st

from pubsub.interfaces import (
    LinkOptions,
    PeerKind,
    ResponsePermission,
    ResponseType,
    RouterSettings,
    ServerPeer,
    ServiceRoute,
)
from tests.router.importing import Prefix

T = TypeVar("T")


def weighted(*choices: tuple[int, st.SearchStrategy[T]]) -> st.SearchStrategy[T]:
    """One of these, as often as its weight says (``one_of`` counts each strategy once)."""
    row = [strategy for weight, strategy in choices for _ in range(weight)]
    return st.integers(0, len(row) - 1).flatmap(lambda at: row[at])


# --- what peers say ---------------------------------------------------------------------

TOKENS = st.sampled_from([b"a", b"b", b"cc", b"*", b">", b"", b"a*", b"_GR_", b"$NRG", b"\xff"])
COMMON = st.sampled_from([b"a", b"a", b"a.b", b"a.b", b"a.b.cc", b"b", b"_INBOX.x.1"])
SUBJECTS = weighted(
    (6, COMMON),
    (1, st.sampled_from([b"mapped", b"denied"])),
    (1, st.lists(TOKENS, min_size=1, max_size=4).map(b".".join)),
)
COMMON_PATTERNS = st.sampled_from(
    [b"a", b"a.b", b"a.*", b"a.>", b">", b"*", b"*.b", b"_INBOX.x.*", b"a.b.>", b"b"]
)
PATTERNS = weighted((3, COMMON_PATTERNS), (1, SUBJECTS))
SIDS = st.sampled_from([b"1", b"2", b"3", b"44"])
QUEUES = st.sampled_from([b"", b"", b"", b"q", b"q", b"r", b"_sys_"])
REPLIES = st.sampled_from([b"", b"", b"", b"_INBOX.x.1", b"_INBOX.x.1", b"_R_.x", b"$JS.ACK.y"])
#: 30 is the rare case
RARELY = st.integers(0, 30)
SPACES = st.sampled_from([b" ", b" ", b" ", b"\t", b"  ", b" \t "])
ENDS = st.sampled_from([b"\r\n", b"\r\n", b"\r\n", b"\n", b"\r\r\n", b" \r\n"])
PAYLOADS = st.one_of(
    st.sampled_from([b"", b"x", b"hello", b"\r\n", b"PUB a 1\r\nx\r\n", b"y" * 300]),
    st.binary(max_size=20),
)
HEADERS = st.sampled_from([b"", b"NATS/1.0\r\n\r\n", b"NATS/1.0\r\nA: b\r\n\r\n"])


def _line(verb: bytes, fields: list[bytes], space: bytes, end: bytes) -> bytes:
    return space.join([verb, *[field for field in fields if field]]) + end


@st.composite
def pubs(draw: st.DrawFn) -> bytes:
    payload, space = draw(PAYLOADS), draw(SPACES)
    digits = b"%d" % len(payload)
    if draw(RARELY) == 30:
        digits = draw(st.sampled_from([b"00" + digits, b"x", b"-1", b"9999999999", b"7"]))
    verb = draw(st.sampled_from([b"PUB", b"PUB", b"pub", b"PuB"]))
    line = _line(verb, [draw(SUBJECTS), draw(REPLIES), digits], space, draw(ENDS))
    return line + payload + (b"\n" if draw(RARELY) == 30 else b"\r\n")


@st.composite
def hpubs(draw: st.DrawFn) -> bytes:
    headers, payload = draw(HEADERS), draw(PAYLOADS)
    sizes = [b"%d" % len(headers), b"%d" % (len(headers) + len(payload))]
    if draw(RARELY) == 30:
        sizes = draw(st.sampled_from([sizes[::-1], [b"0" + sizes[0], b"0" + sizes[1]], sizes[1:]]))
    line = _line(b"HPUB", [draw(SUBJECTS), draw(REPLIES), *sizes], draw(SPACES), draw(ENDS))
    return line + headers + payload + b"\r\n"


SUBS = st.builds(
    lambda subject, queue, sid, space, end: _line(b"SUB", [subject, queue, sid], space, end),
    PATTERNS, QUEUES, SIDS, SPACES, ENDS,
)  # fmt: skip
UNSUBS = st.builds(
    lambda sid, most, space, end: _line(b"UNSUB", [sid, most], space, end),
    SIDS, st.sampled_from([b"", b"0", b"1", b"2", b"5", b"x"]), SPACES, ENDS,
)  # fmt: skip
OTHERS = st.sampled_from(
    [
        b"PING\r\n", b"ping x\n", b"PONG\r\n", b"+OK\r\n", b"-ERR 'x'\r\n", b"INFO {}\r\n",
        b"CONNECT {}\r\n", b"CONNECT{}\r\n", b"connect  \t{\r}\r\n",
    ]
)  # fmt: skip
WRONG = st.sampled_from(
    [
        b"\r\n", b"PINK\r\n", b"PUB\r\n", b"PUB a\r\n", b"SUB a\r\n", b"UNSUB 1 2 3\r\n",
        b"SUB " + b"a" * 70 + b" 1\r\n", b"SUB \r\n", b"PUB \n\n", b"MSG a 1 0\r\n\r\n", b"\x00",
        b"SUB a b c d\r\n", b"HPUB a 5 3\r\n", b"PUB a 0\r\nx\r\n", b"CONNECT \r\n",
    ]
)  # fmt: skip
OPERATIONS = weighted((4, pubs()), (2, hpubs()), (3, SUBS), (1, UNSUBS), (1, OTHERS))
#: a producer that repeats itself
BURST = st.builds(lambda operation, times: operation * times, pubs(), st.integers(2, 12))
TALK = weighted(
    (4, st.lists(OPERATIONS, min_size=1, max_size=6).map(b"".join)),
    (2, BURST),
    (1, st.tuples(BURST, BURST, SUBS, BURST).map(b"".join)),
    (
        1,
        st.builds(
            lambda talk, rare, wrong: b"".join(talk) + (wrong if rare > 20 else b""),
            st.lists(OPERATIONS, max_size=3), RARELY, WRONG,
        ),
    ),
)  # fmt: skip

# --- what happens to them ---------------------------------------------------------------

OPTIONS = st.builds(
    LinkOptions,
    verbose=st.booleans(),
    pedantic=st.booleans(),
    echo=st.booleans(),
    headers=st.booleans(),
    no_responders=st.booleans(),
    max_payload=st.sampled_from([-1, 100, 1000]),
    max_subscriptions=st.sampled_from([0, 0, 2]),
)
SETTINGS = st.builds(
    RouterSettings,
    max_control_line=st.sampled_from([60, 4096]),
    max_pending=st.sampled_from([200, 1000, 1 << 20]),
    max_sub_tokens=st.sampled_from([0, 3]),
    no_fast_producer_stall=st.booleans(),
    cache=st.sampled_from([True, True, True, False]),
    seed=st.integers(1, 2**64 - 1),
)
PEERS = st.sampled_from("abc")
KINDS = st.sampled_from(
    [PeerKind.CLIENT, PeerKind.CLIENT, PeerKind.CLIENT, PeerKind.INTERNAL, PeerKind.SINK]
)
ACCOUNTS = st.sampled_from(["$G", "$G", "$G", "$SYS", "A", "A", "B"])
RESPONSES = st.sampled_from(
    [None, *(ResponsePermission(most, 0.0) for most in (0, 1, 2)), ResponsePermission(1, 1e-9)]
)
MEMBERS = st.tuples(KINDS, ACCOUNTS, OPTIONS)

Step = tuple[Any, ...]

#: What a handler may do from within a call.
REACTIONS = ("answers", "unsubscribes", "subscribes", "closes", "flushes", "pauses", "nothing")


def _step(name: str, *arguments: st.SearchStrategy[Any]) -> st.SearchStrategy[Step]:
    return st.tuples(st.just(name), *arguments)


FEED = _step("feed", PEERS, TALK, st.lists(st.integers(0, 60), max_size=3))
#: Mappers are part of an import: its subscriptions share what they say.
MAPPERS = st.sampled_from([None, None, b"in.", b"a."]).map(lambda prefix: prefix and Prefix(prefix))
#: What is subscribed to here, the account, what that means there, a mapper, and whether the
#: subscription's own subject is meant.
STREAMS = st.lists(
    st.tuples(COMMON_PATTERNS, ACCOUNTS, COMMON_PATTERNS, MAPPERS, st.booleans()), max_size=3
)
#: Every message comes through each export once at most, so they bound what one can become.
ROUTES = st.lists(
    st.builds(
        ServiceRoute,
        subject=COMMON_PATTERNS,
        account=ACCOUNTS,
        mapper=MAPPERS,
        response=st.sampled_from(ResponseType),
        threshold=st.sampled_from([-1.0, 1e6, 1e6]),
        share=st.booleans(),
        located=st.booleans(),
        export=st.sampled_from(["one", "two", "three"]),
    ),
    max_size=2,
)
IMPORTS = weighted(
    (1, _step("streams", ACCOUNTS, STREAMS)),
    (1, _step("services", ACCOUNTS, ROUTES, st.booleans())),
    (4, _step("respond", st.sampled_from(["", "", "a", "b", "c"]), REPLIES, PAYLOADS)),
    (1, _step("expire")),
    (1, _step("forget", PEERS)),
)
CHANGES = st.one_of(
    _step("close", PEERS),
    _step("options", PEERS, OPTIONS),
    _step("trace", PEERS, st.booleans()),
    _step("awaiting", PEERS),
    _step("first_ping", PEERS),
    _step("pause_input", PEERS, st.booleans()),
    _step("pause_output", PEERS, st.booleans()),
    _step("permissions", PEERS, st.booleans(), RESPONSES),
    _step("clear", PEERS),
    _step("account", PEERS, ACCOUNTS),
    _step("subscribe", PEERS, PATTERNS, QUEUES, SIDS),
    _step("unsubscribe", PEERS, SIDS, st.integers(0, 3)),
    _step("publish", PEERS, SUBJECTS, REPLIES, HEADERS, PAYLOADS),
    _step("server", ACCOUNTS, SUBJECTS, REPLIES, HEADERS, PAYLOADS),
    _step("react", PEERS, st.sampled_from(REACTIONS)),
    _step("mapper", ACCOUNTS, st.booleans()),
    _step("hook", st.booleans()),
    _step("settings", SETTINGS),
    _step("system", ACCOUNTS),
)
STEPS = weighted((12, FEED), (2, _step("flush")), (10, CHANGES))

# --- between accounts -------------------------------------------------------------------


def _pub(subject: bytes, reply: bytes, payload: bytes) -> bytes:
    line = _line(b"PUB", [subject, reply, b"%d" % len(payload)], b" ", b"\r\n")
    return line + payload + b"\r\n"


#: Somebody asks for something, or tells everybody.
ASK = _step(
    "feed",
    PEERS,
    st.builds(
        lambda subject, reply, payload, times: times * _pub(subject, reply, payload),
        COMMON, st.sampled_from([b"", b"_INBOX.x.1", b"_INBOX.x.1"]), PAYLOADS, st.integers(1, 3),
    ),
    st.just([]),
)  # fmt: skip
#: Peers and settings that let most messages through: faults are the other test's business.
CALM_SETTINGS = st.builds(
    RouterSettings,
    max_pending=st.sampled_from([1 << 20, 1 << 20, 2000]),
    cache=st.sampled_from([True, True, True, False]),
    seed=st.integers(1, 2**64 - 1),
)
CALM_MEMBERS = st.tuples(
    KINDS,
    st.builds(
        LinkOptions,
        verbose=st.sampled_from([False, False, True]),
        pedantic=st.just(False),
        echo=st.sampled_from([True, True, False]),
        headers=st.sampled_from([True, True, False]),
        no_responders=st.booleans(),
    ),
)
#: Most of the time they speak, so that there is something to differ about.
STEPS_BETWEEN_ACCOUNTS = weighted((8, ASK), (3, FEED), (6, IMPORTS), (3, CHANGES))

# --- between servers --------------------------------------------------------------------

#: Any three, but mostly one of each: then there is something to choose from.
SERVER_KINDS = st.one_of(
    st.permutations([PeerKind.CLIENT, PeerKind.ROUTE, PeerKind.LEAF]),
    st.permutations([PeerKind.CLIENT, PeerKind.ROUTE, PeerKind.LEAF]),
    st.lists(
        st.sampled_from([PeerKind.CLIENT, PeerKind.ROUTE, PeerKind.LEAF]), min_size=3, max_size=3
    ),
)
#: Mostly the same account: others hear nothing of what is said there.
SERVED_ACCOUNTS = st.sampled_from(["$G"] * 6 + ["A"])
ORIGINS = st.sampled_from([b"", b"", b"L", b"M"])
GROUPS = st.lists(st.sampled_from([b"q", b"q", b"r", b"nobody"]), max_size=3)
WEIGHTS = st.sampled_from([0, 1, 1, 2, 3, 7])
#: The account is that of the link for half of the leafs; routes for one account are rare.
SERVER_PEERS = st.builds(
    ServerPeer,
    account=st.sampled_from(["", "", "", "", "A"]),
    headers=st.sampled_from([True, True, False]),
    origin=st.sampled_from(["", "L", "M"]),
    spoke=st.booleans(),
    leaf_origins=st.sampled_from([True, True, False]),
)
#: What a server passes on, or wants to hear; the player writes it as that server would.
PASSED = st.tuples(
    st.just("message"), SERVED_ACCOUNTS, COMMON, REPLIES, GROUPS, ORIGINS, HEADERS, PAYLOADS
)
WANTED = st.tuples(
    st.just("interest"),
    SERVED_ACCOUNTS,
    PATTERNS,
    QUEUES,
    WEIGHTS,
    ORIGINS,
    st.sampled_from([True] * 3 + [False]),
)
WRONG_OF_SERVERS = st.sampled_from(
    [
        b"RMSG $G a\r\n", b"RMSG $G a x\r\n", b"LMSG a b c 0\r\n", b"HMSG $G a 6 5\r\n",
        b"LMSG a 100000\r\n", b"PUB a 0\r\n\r\n", b"RS+ \r\n", b"A+ x\r\n", b"LS- $G a\r\n",
        b"LMSG o $G a 0 2\r\nhix\n", b"RMSG $G a 0\r\nx\r\n",
    ]
)  # fmt: skip
SAID_BY_SERVERS = weighted(
    (6, PASSED), (4, WANTED), (1, st.tuples(st.just("raw"), OTHERS)),
)  # fmt: skip
SERVE = _step(
    "serve",
    PEERS,
    st.lists(SAID_BY_SERVERS, min_size=1, max_size=5),
    st.integers(1, 4),
    st.lists(st.integers(0, 60), max_size=3),
)
BLUNDER = _step(
    "serve", PEERS, WRONG_OF_SERVERS.map(lambda wrong: [("raw", wrong)]), st.just(1), st.just([])
)
HEAR = _step("hear", PEERS, SERVED_ACCOUNTS, PATTERNS, QUEUES, WEIGHTS, ORIGINS)
UNHEAR = _step("unhear", PEERS, SERVED_ACCOUNTS, COMMON_PATTERNS, QUEUES, ORIGINS)
PEER = _step("peer", PEERS, SERVER_PEERS)
CALM_SERVERS = st.builds(
    lambda kinds, rows: [(kind, *row) for kind, row in zip(kinds, rows, strict=True)],
    SERVER_KINDS,
    st.lists(
        st.tuples(SERVED_ACCOUNTS, CALM_MEMBERS.map(lambda row: row[1]), SERVER_PEERS),
        min_size=3,
        max_size=3,
    ),
)
STEPS_BETWEEN_SERVERS = weighted(
    (6, ASK), (2, FEED), (10, SERVE), (4, HEAR), (1, UNHEAR), (1, PEER), (3, IMPORTS), (3, CHANGES),
    (1, st.one_of(BLUNDER, SERVE)),
)  # fmt: skip
