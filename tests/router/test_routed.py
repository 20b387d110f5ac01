"""What other servers say on a route: the lines they may write, and where their messages go."""

from __future__ import annotations

from dataclasses import replace

import pytest

from pubsub.interfaces import IRouterBackend, PeerKind, RouterSettings, ServerPeer
from tests.router.recording import QUIET, World, play
from tests.router.serving import hears, leaf, route

ROUTE, LEAF, CLIENT, GATEWAY = PeerKind.ROUTE, PeerKind.LEAF, PeerKind.CLIENT, PeerKind.GATEWAY


# --- verbs ------------------------------------------------------------------------------


@pytest.mark.parametrize("verb", [b"RS+", b"RS-", b"LS+", b"LS-", b"A+", b"A-"])
@pytest.mark.parametrize("written", [b"%b $G a.b q 3\r\n", b"%b \t $G a.b q 3\n"])
def test_interest_is_handed_over_as_it_is(
    backend: IRouterBackend, verb: bytes, written: bytes
) -> None:
    for said in (verb, verb.lower()):
        world = play(backend, written % said, kind=ROUTE)
        assert world.calls() == [("a", "interest_received", verb, b"$G a.b q 3")]
        assert world.output("a") == b""


@pytest.mark.parametrize(
    "line", [b"INFO {}\r\n", b"connect {}\r\n", b"-ERR 'x'\r\n", b"PONG\r\n", b"+OK\r\n"]
)
@pytest.mark.parametrize("kind", [ROUTE, LEAF, GATEWAY])
def test_servers_say_what_clients_may_say_too(
    backend: IRouterBackend, kind: PeerKind, line: bytes
) -> None:
    assert play(backend, line, kind=kind).state()["log"] == play(backend, line).state()["log"]


def test_a_ping_of_a_server_is_answered(backend: IRouterBackend) -> None:
    assert play(backend, b"ping\r\n", kind=ROUTE).output("a") == b"PONG\r\n"


@pytest.mark.parametrize(
    ("kind", "line"),
    [
        *((kind, line) for kind in (ROUTE, LEAF, GATEWAY) for line in (
            b"PUB a 0\r\n\r\n", b"HPUB a 0 0\r\n\r\n", b"SUB a 1\r\n", b"UNSUB 1\r\n",
            b"MSG a 1 0\r\n\r\n", b"RS* a\r\n", b"\r\n",
        )),
        *((LEAF, line) for line in (
            b"RS+ a\r\n", b"RS- a\r\n", b"A+ a\r\n", b"A- a\r\n", b"RMSG a 0\r\n\r\n",
        )),
        *((GATEWAY, line) for line in (
            b"LS+ a\r\n", b"LS- a\r\n", b"LMSG o $G a 0 0\r\n\r\n",
        )),
        *((CLIENT, line) for line in (
            b"RS+ $G a\r\n", b"RS- $G a\r\n", b"LS+ a\r\n", b"LS- a\r\n", b"A+ x\r\n", b"A- x\r\n",
            b"RMSG $G a 0\r\n\r\n", b"HMSG $G a 0 0\r\n\r\n", b"LMSG a 0\r\n\r\n",
        )),
        (ROUTE, b"RS+$G a\r\n"),
        (ROUTE, b"RMSG\r\n"),
    ],
)  # fmt: skip
def test_verbs_of_others_are_unknown(backend: IRouterBackend, kind: PeerKind, line: bytes) -> None:
    world = play(backend, line, kind=kind)
    assert world.output("a") == b"-ERR 'Unknown Protocol Operation'\r\n"
    assert world.peers["a"].link.closed
    assert len(world.calls()) == 1


@pytest.mark.parametrize("line", [b"RS+ %b\r\n", b"A- %b\r\n", b"RMSG $G a + b %b 0\r\n\r\n"])
def test_lines_of_servers_may_be_sixteen_times_as_long(
    backend: IRouterBackend, line: bytes
) -> None:
    settings = RouterSettings(seed=1, max_control_line=10)
    fits = 160 - len(line.partition(b"\r")[0].partition(b" ")[2]) + 2
    world = World(backend, settings)
    world.attach("a", kind=ROUTE)
    assert world.feed("a", line % (b"x" * fits)) == b""
    said = world.feed("a", line % (b"x" * (fits + 1)))
    assert said == b"-ERR 'maximum control line exceeded'\r\n"


# --- arguments of messages --------------------------------------------------------------

R, H, L = (
    "processRoutedMsgArgs",
    "processRoutedHeaderMsgArgs",
    "processRoutedOriginClusterMsgArgs",
)
PARSE, REPLY, SIZE = " Parse Error: ", " Bad or Missing Reply Indicator: ", " Bad or Missing Size: "
HEADER, LARGER = " Bad or Missing Header Size: ", " Header Size larger then TotalSize: "

MALFORMED = [
    (b"RMSG a\r\n", R + PARSE + "'[a]'"),
    (b"RMSG \r\n", R + PARSE + "'[]'"),
    (b"RMSG $G  5\r\n", R + PARSE + "'[$G 5]'"),
    (b"RMSG $G a x\r\n", R + SIZE + "'[$G a x]'"),
    (b"RMSG $G\ta b -1\r\n", R + SIZE + "'[$G a b -1]'"),
    (b"RMSG $G a + b c 1234567890\r\n", R + SIZE + "'[$G a + b c 1234567890]'"),
    (b"RMSG $G a * b 5\r\n", R + REPLY + "'*'"),
    (b"RMSG $G a ++ b 5\r\n", R + REPLY + "'++'"),
    (b"RMSG $G \xff x\r\n", R + SIZE + "'[$G \\xff x]'"),
    (b"HMSG $G a 5\r\n", H + PARSE + "'[$G a 5]'"),
    (b"HMSG $G a x 5\r\n", H + HEADER + "'$G a x 5'"),
    (b"HMSG $G\t a x y\r\n", H + HEADER + "'$G\t a x y'"),
    (b"HMSG $G a 5 x\r\n", H + SIZE + "'[$G a 5 x]'"),
    (b"HMSG $G a b 6  5\r\n", H + LARGER + "'$G a b 6  5'"),
    (b"HMSG $G a - b 5 5\r\n", H + REPLY + "'-'"),
    (b"HMSG $G a + b 5\r\n", H + HEADER + "'$G a + b 5'"),
    (b"LMSG o $G a 5\r\n", L + PARSE + "'[o $G a 5]'"),
    (b"LMSG o $G a x 5\r\n", L + HEADER + "'o $G a x 5'"),
    (b"LMSG o $G a 0 x\r\n", L + SIZE + "'[o $G a 0 x]'"),
    (b"LMSG o $G a r 6 5\r\n", L + LARGER + "'o $G a r 6 5'"),
    (b"LMSG o $G a r q 0 5\r\n", L + REPLY + "'r'"),
]
PINNED = [
    (b"RMSG a\r\n", R + PARSE + "'[X a]'"),
    (b"RMSG a x\r\n", R + SIZE + "'[X a x]'"),
    (b"HMSG a 5\r\n", H + PARSE + "'[X a 5]'"),
    (b"LMSG o a\r\n", L + PARSE + "'[o a]'"),
    (b"LMSG o a 5\r\n", L + PARSE + "'[o X a 5]'"),
    (b"LMSG o a 0 x\r\n", L + SIZE + "'[o X a 0 x]'"),
]


@pytest.mark.parametrize(("line", "detail"), MALFORMED)
def test_malformed_messages_close_without_a_word(
    backend: IRouterBackend, line: bytes, detail: str
) -> None:
    world = play(backend, line + b"PING\r\n", kind=ROUTE)
    assert world.output("a") == b""
    assert world.calls() == [("a", "fault", "MalformedArguments", "")]
    assert [fault.detail for fault in world.peers["a"].faults] == [detail]
    assert world.peers["a"].link.closed


@pytest.mark.parametrize(("line", "detail"), PINNED)
def test_on_a_route_for_one_account_lines_do_not_name_it(
    backend: IRouterBackend, line: bytes, detail: str
) -> None:
    def pin(world: World) -> None:
        world.peers["a"].link.peer = ServerPeer(account="X")

    world = play(backend, line, pin, kind=ROUTE)
    assert [fault.detail for fault in world.peers["a"].faults] == [detail]


def listen(world: World) -> None:
    """Somebody in three accounts hears everything, and two queue groups."""
    for account in ("$G", "X", "Y"):
        name = f"{account} client"
        world.attach(name, account=account)
        world.feed(name, b"SUB > 1\r\nSUB > q 2\r\nSUB > p 3\r\n")


@pytest.mark.parametrize(
    ("line", "account", "frames"),
    [
        (b"RMSG $G a 2\r\nhi\r\n", "$G", b"MSG a 1 2\r\nhi\r\n"),
        (b"rmsg X a.b 0\n\r\n", "X", b"MSG a.b 1 0\r\n\r\n"),
        (b"RMSG\t X \ta r 02 \r\nhi\r\n", "X", b"MSG a 1 r 02\r\nhi\r\n"),
        (b"RMSG X a + 2\r\nhi\r\n", "X", b"MSG a 1 + 2\r\nhi\r\n"),
        (b"RMSG X a | 2\r\nhi\r\n", "X", b"MSG a 1 | 2\r\nhi\r\n"),
        (b"RMSG X a + r 2\r\nhi\r\n", "X", b"MSG a 1 r 2\r\nhi\r\n"),
        (b"RMSG X a + r q 2\r\nhi\r\n", "X", b"MSG a 1 r 2\r\nhi\r\nMSG a 2 r 2\r\nhi\r\n"),
        (b"RMSG X a | p 2\r\nhi\r\n", "X", b"MSG a 1 2\r\nhi\r\nMSG a 3 2\r\nhi\r\n"),
        (b"RMSG X a | o pp 2\r\nhi\r\n", "X", b"MSG a 1 2\r\nhi\r\n"),
        (
            b"RMSG X a | p \t q 2\r\nhi\r\n",
            "X",
            b"MSG a 1 2\r\nhi\r\nMSG a 2 2\r\nhi\r\nMSG a 3 2\r\nhi\r\n",
        ),
        (
            b"HMSG $G a 12 14\r\nNATS/1.0\r\n\r\nhi\r\n",
            "$G",
            b"HMSG a 1 12 14\r\nNATS/1.0\r\n\r\nhi\r\n",
        ),
        (
            b"HMSG $G a + r q 12 14\r\nNATS/1.0\r\n\r\nhi\r\n",
            "$G",
            b"HMSG a 1 r 12 14\r\nNATS/1.0\r\n\r\nhi\r\nHMSG a 2 r 12 14\r\nNATS/1.0\r\n\r\nhi\r\n",
        ),
        (b"HMSG $G a 0 2\r\nhi\r\n", "$G", b"MSG a 1 2\r\nhi\r\n"),
        (b"LMSG o $G a 0 2\r\nhi\r\n", "$G", b"MSG a 1 2\r\nhi\r\n"),
        (
            b"LMSG o X a | q 12 14\r\nNATS/1.0\r\n\r\nhi\r\n",
            "X",
            b"HMSG a 1 12 14\r\nNATS/1.0\r\n\r\nhi\r\nHMSG a 2 12 14\r\nNATS/1.0\r\n\r\nhi\r\n",
        ),
    ],
)
def test_messages_are_published_where_their_line_says(
    backend: IRouterBackend, line: bytes, account: str, frames: bytes
) -> None:
    world = play(backend, line * 2, listen, kind=ROUTE)
    assert world.output(f"{account} client") == frames * 2
    assert world.calls() == []
    others = {"$G", "X", "Y"} - {account}
    assert not any(world.output(f"{other} client") for other in others)


@pytest.mark.parametrize(
    "line", [b"RMSG a 2\r\nhi\r\n", b"HMSG a 0 2\r\nhi\r\n", b"LMSG o a 0 2\r\nhi\r\n"]
)
def test_messages_of_a_route_for_one_account_are_published_there(
    backend: IRouterBackend, line: bytes
) -> None:
    def setup(world: World) -> None:
        listen(world)
        world.peers["a"].link.peer = ServerPeer(account="Y")

    assert play(backend, line, setup, kind=ROUTE).output("Y client") == b"MSG a 1 2\r\nhi\r\n"


def test_a_payload_that_does_not_end_where_it_should_is_a_fault(backend: IRouterBackend) -> None:
    world = play(backend, b"RMSG $G a 2\r\nhix\r\n", listen, kind=ROUTE)
    assert world.output("a") == b"-ERR 'Unknown Protocol Operation'\r\n"
    assert world.output("$G client") == b""


def test_routes_send_payloads_of_any_size(world: World) -> None:
    link = route(world, "r")
    link.options = replace(QUIET, max_payload=10)
    listen(world)
    world.feed("r", b"RMSG $G a 1000\r\n%b\r\n" % (b"x" * 1000))
    assert len(world.output("$G client")) > 1000


def test_messages_for_accounts_nobody_was_in_go_nowhere_and_make_none(world: World) -> None:
    """Whatever names a server makes up; and as soon as somebody is there, they arrive."""
    route(world, "r")
    line = b"RMSG ZZ a 2\r\nhi\r\n"
    world.feed("r", 3 * line + b"".join(b"RMSG Z%d a 0\r\n\r\n" % n for n in range(100)))
    assert world.router.accounts() == ["$G"]
    world.attach("z", account="ZZ").feed(b"SUB a 1\r\n")
    world.feed("r", 2 * line)
    assert world.output("z") == 2 * b"MSG a 1 2\r\nhi\r\n"
    assert world.router.accounts() == ["$G", "ZZ"]


def test_what_servers_send_is_counted_on_their_link_only(world: World) -> None:
    link = route(world, "r")
    link.options = replace(QUIET, verbose=True, no_responders=True)
    listen(world)
    assert world.feed("r", b"RMSG $G a r 2\r\nhi\r\nRMSG ZZ a r 3\r\nhey\r\n") == b""
    assert link.counters()[:4] == (2, 5, 0, 0)
    assert world.router.account_counters("$G") == (0, 0, 1, 2)


# --- what they hear ---------------------------------------------------------------------


def test_what_a_server_hears_is_listed_with_its_account(world: World) -> None:
    link = route(world, "r")
    hears(link, b"a.*", account="X")
    hears(link, b"b", b"q", 3)
    hears(link, b"b", b"q", 2, origin=b"L")
    world.router.publish("X", b"a.b", b"", b"", b"")
    rows = [("X", 1, b"", b"a.*", b"", 1, 0), *[("$G", 1, b"", b"b", b"q", 0, 0)] * 2]
    assert list(link.subscriptions()) == rows
    assert list(world.router.subscriptions()) == rows
    assert list(world.router.subscriptions("X")) == rows[:1]
    assert list(world.router.subscriptions("$G")) == rows[1:]
    assert list(world.router.matching("X", b"a.b")) == rows[:1]
    assert link.counters().subscriptions == 3
    assert world.router.stats()["num_subscriptions"] == 3
    assert world.router.subscription_count("$G") == 2
    assert world.router.account_counters("$G") == (0, 0, 0, 0)


@pytest.mark.parametrize("subject", [b"", b"a..b", b".a", b"a.>.b", b"a."])
def test_what_is_no_subject_is_not_heard(world: World, subject: bytes) -> None:
    link = route(world, "r")
    assert link.hear("$G", subject, b"", 1, b"") is False
    assert list(link.subscriptions()) == []


@pytest.mark.parametrize("kind", [CLIENT, PeerKind.INTERNAL, PeerKind.SINK])
def test_whoever_is_no_server_subscribes(world: World, kind: PeerKind) -> None:
    with pytest.raises(ValueError, match=f"a link of kind {kind.name} hears by subscribing"):
        world.attach("a", kind=kind).hear("$G", b"a", b"", 1, b"")


def test_what_is_heard_again_is_heard_once(world: World) -> None:
    link = route(world, "r")
    world.attach("a")
    for _ in range(2):
        hears(link, b"a")
        hears(link, b"a", b"q", 2)
    world.feed("a", b"PUB a 0\r\n\r\n")
    assert world.output("r") == b"RMSG $G a | q 0\r\n\r\n"
    link.unhear("$G", b"a", b"q", b"")
    link.unhear("$G", b"a", b"p", b"")
    link.unhear("X", b"a", b"", b"")
    link.unhear("$G", b"a", b"", b"other")
    world.feed("a", b"PUB a 0\r\n\r\n")
    assert world.output("r") == b"RMSG $G a 0\r\n\r\n"
    link.unhear("$G", b"a", b"", b"")
    world.feed("a", b"PUB a 0\r\n\r\n")
    assert world.output("r") == b""
    assert list(link.subscriptions()) == []


def test_a_closed_link_hears_nothing(world: World) -> None:
    link = route(world, "r")
    world.attach("a")
    hears(link, b"a", account="X")
    link.close()
    assert world.router.subscription_count("X") == 0
    assert link.hear("$G", b"a", b"", 1, b"") is False
    link.unhear("$G", b"a", b"", b"")
    assert world.router.publish("X", b"a", b"", b"", b"") == 0


def test_clearing_forgets_what_was_heard_in_all_accounts(world: World) -> None:
    link = route(world, "r")
    for account in ("$G", "X"):
        hears(link, b"a", account=account)
    link.clear_subscriptions()
    assert list(world.router.subscriptions()) == []


# --- frames -----------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("said", "frame"),
    [
        (b"PUB a 2\r\nhi\r\n", b"RMSG $G a 2\r\nhi\r\n"),
        (b"PUB a r 02\r\nhi\r\n", b"RMSG $G a r 02\r\nhi\r\n"),
        (b"PUB b 2\r\nhi\r\n", b"RMSG $G b | q 2\r\nhi\r\n"),
        (b"PUB b r 2\r\nhi\r\n", b"RMSG $G b + r q 2\r\nhi\r\n"),
        (b"PUB c 2\r\nhi\r\n", b"RMSG $G c | q p 2\r\nhi\r\n"),
        (b"PUB c r 2\r\nhi\r\n", b"RMSG $G c + r q p 2\r\nhi\r\n"),
        (
            b"HPUB a 12 014\r\nNATS/1.0\r\n\r\nhi\r\n",
            b"HMSG $G a 12 014\r\nNATS/1.0\r\n\r\nhi\r\n",
        ),
        (
            b"HPUB b r 12 14\r\nNATS/1.0\r\n\r\nhi\r\n",
            b"HMSG $G b + r q 12 14\r\nNATS/1.0\r\n\r\nhi\r\n",
        ),
        (b"HPUB a 0 2\r\nhi\r\n", b"RMSG $G a 2\r\nhi\r\n"),
    ],
)
def test_each_server_gets_one_frame(world: World, said: bytes, frame: bytes) -> None:
    for name in ("r", "s"):
        link = route(world, name)
        for subject in (b"a", b"*", b">", b"c"):
            if subject not in (b"*", b">") or said.startswith((b"PUB a ", b"HPUB a ")):
                hears(link, subject)
    world.peers["r"].link.hear("$G", b"b", b"q", 5, b"")
    world.peers["r"].link.hear("$G", b"c", b"q", 1, b"")
    world.peers["r"].link.hear("$G", b"*", b"p", 1, b"") if b" c " in said else None
    world.attach("a")
    world.feed("a", said)
    assert world.output("r") == frame
    body = frame.partition(b"\r\n")[2]
    counters = world.peers["r"].link.counters()
    assert counters[:4] == (0, 0, 1, len(body) - 2)
    assert world.router.account_counters("$G").out_msgs == 0


def test_a_route_for_one_account_is_not_told_which(world: World) -> None:
    hears(route(world, "r", account="X"), b"a", account="X")
    world.attach("a", account="X")
    world.feed("a", b"PUB a r 2\r\nhi\r\n")
    assert world.output("r") == b"RMSG a r 2\r\nhi\r\n"


def test_servers_that_know_no_headers_get_none(world: World) -> None:
    link = route(world, "r", headers=False)
    hears(link, b"a")
    world.attach("a")
    world.feed("a", b"HPUB a r 12 14\r\nNATS/1.0\r\n\r\nhi\r\n")
    assert world.output("r") == b"RMSG $G a r 2\r\nhi\r\n"
    assert link.counters()[2:4] == (1, 2)


def test_headers_are_a_matter_of_the_peer_not_of_the_options(world: World) -> None:
    link = route(world, "r")
    link.options = replace(QUIET, headers=False)
    hears(link, b"a")
    world.attach("a")
    world.feed("a", b"HPUB a 12 14\r\nNATS/1.0\r\n\r\nhi\r\n")
    assert world.output("r") == b"HMSG $G a 12 14\r\nNATS/1.0\r\n\r\nhi\r\n"


def test_somebody_here_is_served_before_other_servers(world: World) -> None:
    link = route(world, "r")
    hears(link, b"a")
    world.attach("a")
    world.attach("b", kind=PeerKind.INTERNAL).subscribe(b"a", b"", b"1")
    seen: list[int] = []
    world.peers["b"].on["message_received"] = lambda *message: seen.append(link.pending_bytes)
    world.feed("a", b"PUB a 2\r\nhi\r\n")
    assert seen == [0]
    assert world.output("r") == b"RMSG $G a 2\r\nhi\r\n"


def test_servers_count_as_somebody_who_responds(world: World) -> None:
    hears(route(world, "r"), b"a", b"q")
    world.attach("a")
    assert world.feed("a", b"SUB r 1\r\nPUB a r 0\r\n\r\n") == b""
    assert world.router.publish("$G", b"a", b"", b"", b"") == 1
    assert world.feed("a", b"PUB b r 0\r\n\r\n").startswith(b"HMSG r 1 ")


def test_what_goes_to_a_server_is_traced(world: World) -> None:
    link = route(world, "r")
    link.trace = True
    hears(link, b"a", b"q")
    world.attach("a")
    world.feed("a", b"PUB a r 2\r\nhi\r\n")
    world.feed("r", b"RMSG X b 2\r\nho\r\nRS+ $G c\r\n")
    link.unhear("$G", b"a", b"q", b"")
    assert world.calls() == [
        ("r", "traced", "out", "RMSG", b"$G a + r q 2"),
        ("r", "traced", "out", "MSG_PAYLOAD", b"hi"),
        ("r", "traced", "in", "RMSG", b"X b 2"),
        ("r", "traced", "in", "MSG_PAYLOAD", b"ho"),
        ("r", "traced", "in", "RS+", b"$G c"),
        ("r", "interest_received", b"RS+", b"$G c"),
    ]


def test_a_server_that_does_not_keep_up_is_reported_and_holds_nobody_up(
    backend: IRouterBackend,
) -> None:
    world = World(backend, RouterSettings(seed=1, max_pending=25))
    hears(route(world, "r"), b"a")
    world.attach("a")
    # four times as much may wait for it as for a client
    world.peers["a"].link.feed(b"PUB a 40\r\n%b\r\n" % (b"x" * 40))
    assert world.calls() == []
    world.peers["a"].link.feed(b"PUB a 40\r\n%b\r\n" % (b"x" * 40))
    assert [call[:3] for call in world.calls()] == [("r", "fault", "SlowConsumer")]
    assert world.peers["r"].link.closed


# --- one hop ----------------------------------------------------------------------------


def test_what_came_over_a_route_goes_over_no_other(world: World) -> None:
    for name in ("r", "s"):
        link = route(world, name)
        hears(link, b"a")
    listen(world)
    world.feed("r", b"RMSG $G a 2\r\nhi\r\nLMSG o $G a 0 2\r\nhi\r\n")
    assert world.output("$G client") == b"MSG a 1 2\r\nhi\r\n" * 2
    assert world.output("r") == world.output("s") == b""


def test_what_came_over_a_route_goes_to_leafs_of_ours(world: World) -> None:
    route(world, "r")
    hears(leaf(world, "l", origin="L"), b">")
    hears(leaf(world, "m", origin="M"), b">")
    hears(leaf(world, "h", origin="H", spoke=True), b">")
    world.feed("r", b"RMSG $G a 1\r\n1\r\nLMSG L $G a 0 1\r\n2\r\nRMSG $G _R_.x 1\r\n3\r\n")
    both = b"LMSG a 1\r\n1\r\n", b"LMSG a 1\r\n2\r\n", b"LMSG _R_.x 1\r\n3\r\n"
    assert world.output("l") == both[0] + both[2]
    assert world.output("m") == b"".join(both)
    assert world.output("h") == both[2]


def test_messages_of_gateways_go_over_routes(world: World) -> None:
    world.attach("g", kind=GATEWAY)
    world.peers["g"].link.hear("$G", b"a", b"", 1, b"")
    hears(route(world, "r"), b"a")
    world.feed("g", b"RMSG $G a 2\r\nhi\r\n")
    assert world.output("r") == b"RMSG $G a 2\r\nhi\r\n"
    world.attach("a")
    world.feed("a", b"PUB a 0\r\n\r\n")
    assert world.output("g") == b"", "what goes to gateways is decided elsewhere"
