"""Random conversations of this cluster with others, over gateways.

``a`` and ``b`` are clients or the server's own, ``c`` is another server of this cluster or a
leaf, ``d`` is a gateway, and ``e`` any of these servers.
"""

from __future__ import annotations

from dataclasses import dataclass

from hypothesis import strategies as st

from pubsub.interfaces import PeerKind, ServerPeer
from tests.router.conversations import (
    ASK,
    CALM_MEMBERS,
    CHANGES,
    COMMON,
    COMMON_PATTERNS,
    FEED,
    GROUPS,
    HEADERS,
    IMPORTS,
    ORIGINS,
    PATTERNS,
    PAYLOADS,
    QUEUES,
    SERVED_ACCOUNTS,
    WANTED,
    WEIGHTS,
    WRONG_OF_SERVERS,
    _step,
    weighted,
)

#: What stands in front of replies: ours, those of this server's neighbour, and others'.
WAYS = st.sampled_from(
    [
        b"_GR_.OURCLU.OURSRV.", b"_GR_.OURCLU.OURSRV.", b"_GR_.OURCLU.THATSV.",
        b"_GR_.OURCLU.THATSV.", b"$GR.ourc.",
        b"_GR_.OTHERS.THESRV.", b"_GR_.OTHERS.THESRV.", b"_GR_.FARFAR.THESRV.", b"$GR.othe.",
        b"$GR.farr.", b"_GR_.OTHERS.", b"_GR_.OTHERS.ANOTHE._GR_.FARFAR.THESRV.",
    ]
)  # fmt: skip
INBOXES = st.sampled_from([b"_INBOX.x.1", b"_INBOX.x.1", b"a.b", b"a", b"_R_.x", b"$JS.ACK.y", b""])
PREFIXED = st.builds(lambda way, reply: way + reply, WAYS, INBOXES)
SUBJECTS_ABROAD = weighted((4, COMMON), (2, PREFIXED))
REPLIES_ABROAD = weighted(
    (2, st.just(b"")), (2, st.sampled_from([b"_INBOX.x.1", b"_INBOX.y"])), (3, PREFIXED)
)
SERVERS = st.sampled_from("ccddddeee")
FAR = st.sampled_from("de")


@dataclass(frozen=True)
class Presumes:
    """Wants everything below a prefix, except in one account."""

    prefix: bytes
    but: str

    def __call__(self, account: str, subject: bytes) -> bool:
        return subject.startswith(self.prefix) and account != self.but


PRESUMED = st.sampled_from(
    [None, None, None, Presumes(b"", "A"), Presumes(b"a", "A"), Presumes(b"_", "$G")]
)
PEERS_ABROAD = st.builds(
    ServerPeer,
    account=st.sampled_from(["", "", "", "A", "$G"]),
    headers=st.sampled_from([True, True, False]),
    origin=st.sampled_from(["", "L", "M"]),
    spoke=st.booleans(),
    leaf_origins=st.sampled_from([True, True, False]),
    hash=st.sampled_from([b"OTHERS", b"OTHERS", b"FARFAR", b"THATSV", b"THATSV", b""]),
    old_hash=st.sampled_from([b"othe", b"othe", b"farr", b""]),
    old_replies=st.sampled_from([False, False, False, True]),
    presumed=PRESUMED,
    optimistic=st.booleans(),
)
OWN_KINDS = st.sampled_from(
    [PeerKind.CLIENT, PeerKind.CLIENT, PeerKind.CLIENT, PeerKind.INTERNAL, PeerKind.SINK]
)
MEMBERS_ABROAD = st.builds(
    lambda kinds, rows: [(kind, *row) for kind, row in zip(kinds, rows, strict=True)],
    st.tuples(
        st.just(PeerKind.CLIENT),
        OWN_KINDS,
        st.sampled_from([PeerKind.ROUTE, PeerKind.LEAF]),
        st.just(PeerKind.GATEWAY),
        st.sampled_from([PeerKind.GATEWAY, PeerKind.GATEWAY, PeerKind.ROUTE, PeerKind.LEAF]),
    ),
    st.lists(
        st.tuples(SERVED_ACCOUNTS, CALM_MEMBERS.map(lambda row: row[1]), PEERS_ABROAD),
        min_size=5,
        max_size=5,
    ),
)

# --- what happens -------------------------------------------------------------------------

PASSED_ABROAD = st.tuples(
    st.just("message"),
    SERVED_ACCOUNTS, SUBJECTS_ABROAD, REPLIES_ABROAD, GROUPS, ORIGINS, HEADERS, PAYLOADS,
)  # fmt: skip
SERVE_ABROAD = _step(
    "serve",
    SERVERS,
    st.lists(weighted((4, PASSED_ABROAD), (1, WANTED)), min_size=1, max_size=4),
    st.integers(1, 3),
    st.lists(st.integers(0, 80), max_size=3),
)
BLUNDER_ABROAD = _step(
    "serve", FAR, WRONG_OF_SERVERS.map(lambda wrong: [("raw", wrong)]), st.just(1), st.just([])
)
#: What gateways want is never for leafs elsewhere.
HEAR_ABROAD = _step("hear", SERVERS, SERVED_ACCOUNTS, PATTERNS, QUEUES, WEIGHTS, st.just(b""))
UNHEAR_ABROAD = _step("unhear", SERVERS, SERVED_ACCOUNTS, COMMON_PATTERNS, QUEUES, st.just(b""))
#: A reply is best heard by somebody new.
RENEW = st.builds(
    lambda name, subject, sid: (
        "feed",
        name,
        b"UNSUB %b\r\nSUB %b %b\r\n" % (sid, subject, sid),
        [],
    ),
    st.sampled_from("ab"),
    st.sampled_from([b"_INBOX.x.1", b"_INBOX.x.*", b">", b"a"]),
    st.sampled_from([b"7", b"8"]),
)
GATEWAYS = _step("gateways", st.sampled_from([["d"], ["d", "e"], ["e", "d"], ["d", "e"], []]))
PUBLISH_ABROAD = st.one_of(
    _step("publish", st.sampled_from("ab"), SUBJECTS_ABROAD, REPLIES_ABROAD, HEADERS, PAYLOADS),
    _step("server", SERVED_ACCOUNTS, SUBJECTS_ABROAD, REPLIES_ABROAD, HEADERS, PAYLOADS),
)
CHANGES_ABROAD = st.one_of(
    _step("close", FAR),
    _step("trace", FAR, st.booleans()),
    _step("pause_output", FAR, st.booleans()),
    _step("pause_input", FAR, st.booleans()),
    _step("clear", FAR),
    _step("permissions", st.sampled_from("cde"), st.booleans(), st.none()),
)
STEPS_ABROAD = weighted(
    (6, ASK), (2, FEED), (10, SERVE_ABROAD), (5, HEAR_ABROAD), (2, UNHEAR_ABROAD), (3, RENEW),
    (2, _step("peer", SERVERS, PEERS_ABROAD)), (1, GATEWAYS), (3, PUBLISH_ABROAD),
    (2, _step("advance", st.sampled_from([0.25, 0.5, 1.0, 1.5, 2.0, 2.25]))),
    (3, IMPORTS), (2, CHANGES), (1, CHANGES_ABROAD), (1, st.one_of(BLUNDER_ABROAD, SERVE_ABROAD)),
)  # fmt: skip
