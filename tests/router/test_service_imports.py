"""Requests to services of other accounts, and the way back of their answers."""

from __future__ import annotations

import re
from dataclasses import replace

import pytest

from pubsub.interfaces import PeerKind, ResponseType, ServiceRoute
from tests.router.importing import Interest, Prefix
from tests.router.recording import QUIET, World

ASK = b"PUB help _INBOX.1 3\r\nwhy\r\n"
WHO = b'Nats-Request-Info: {"who":"a"}\r\n\r\n'
HEADERS = b"NATS/1.0\r\n" + WHO
REQUEST = re.compile(rb"H?MSG (\S+) (\S+) (_R_\.\w{6}\.\w{8})(?: \d+){1,2}\r\n")

#: Account A reaches what B serves on ``help``.
ROUTE = ServiceRoute(b"help", "B")


@pytest.fixture
def accounts(world: World) -> World:
    """Requester ``a`` in account A with an inbox, service ``b`` in account B."""
    world.attach("a", account="A")
    world.attach("b", account="B")
    world.feed("a", b"SUB _INBOX.* 1\r\n")
    world.feed("b", b"SUB help 1\r\n")
    return world


def serve(world: World, *routes: ServiceRoute, account: str = "A") -> None:
    world.router.set_service_imports(account, routes)


def asked(world: World, name: str = "b") -> bytes:
    """The reply of the one request a peer was sent since the last time."""
    (request,) = REQUEST.findall(world.output(name))
    reply: bytes = request[2]
    return reply


def answer(world: World, reply: bytes, name: str = "b", text: bytes = b"ok") -> bytes:
    return world.feed(name, b"PUB %b %d\r\n%b\r\n" % (reply, len(text), text))


def frame(text: bytes = b"ok", reply: bytes = b"_INBOX.1") -> bytes:
    return b"MSG %b 1 %d\r\n%b\r\n" % (reply, len(text), text)


# --- there ------------------------------------------------------------------------------


def spelled(seed: int, lengths: list[int]) -> list[bytes]:
    """The words of the generator, as they are specified, written down a second time."""
    digits = b"0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz"
    words = []
    for length in lengths:
        seed ^= seed >> 12
        seed = (seed ^ (seed << 25)) & 0xFFFFFFFFFFFFFFFF
        seed ^= seed >> 27
        value = seed * 2685821657736338717 & 0xFFFFFFFFFFFFFFFF
        words.append(bytes(digits[value // 62**place % 62] for place in range(length)))
    return words


def test_a_request_crosses_with_a_reply_of_its_own(accounts: World) -> None:
    """Prefix and token are drawn from the router's one stream of numbers."""
    serve(accounts, ROUTE)
    accounts.feed("a", ASK * 2)
    prefix, first, second = spelled(1, [6, 8, 8])
    size = len(HEADERS)
    assert accounts.output("b") == b"".join(
        b"HMSG help 1 _R_.%b.%b %d %d\r\n%bwhy\r\n" % (prefix, token, size, size + 3, HEADERS)
        for token in (first, second)
    )


def test_each_serving_account_has_a_prefix(accounts: World) -> None:
    accounts.attach("c", account="C")
    accounts.feed("c", b"SUB aid 1\r\n")
    serve(accounts, ROUTE, ServiceRoute(b"aid", "C"))
    accounts.feed("a", ASK + b"PUB aid _INBOX.1 0\r\n\r\n" + ASK)
    first, second = (match[2] for match in REQUEST.findall(accounts.output("b")))
    other = asked(accounts, "c")
    assert first[:11] == second[:11] != other[:11]
    assert first != second


def test_without_a_reply_nothing_is_drawn(accounts: World) -> None:
    serve(accounts, ROUTE)
    accounts.feed("a", b"PUB help 3\r\nwhy\r\n" + ASK)
    size = len(HEADERS)
    told = b"HMSG help 1 %d %d\r\n%bwhy\r\n" % (size, size + 3, HEADERS)
    output = accounts.output("b")
    assert output.startswith(told)
    assert REQUEST.search(output[len(told) :])[3] == b"_R_.%b.%b" % tuple(spelled(1, [6, 8]))  # type: ignore[index]


def test_subjects_are_mapped_on_the_way(accounts: World) -> None:
    """First by the import, then by the mapping of the serving account."""
    accounts.feed("b", b"SUB > 2\r\n")
    serve(accounts, ServiceRoute(b"ask.*", "B", mapper=Prefix(b"v1.")))
    accounts.feed("a", b"PUB ask.me 0\r\n\r\n")
    assert accounts.output("b").startswith(b"HMSG v1.ask.me 2 ")
    accounts.router.set_mapper("B", Prefix(b"internal."))
    accounts.feed("a", b"PUB ask.me 0\r\n\r\n" * 2)
    assert accounts.output("b").count(b"HMSG internal.v1.ask.me 2 ") == 2
    accounts.router.set_mapper("A", Prefix(b"nowhere."))
    accounts.feed("a", b"PUB ask.me 0\r\n\r\n")
    assert accounts.output("b") == b"", "the requester's own mapping comes first"


def test_a_mapper_that_changes_its_mind_is_asked_each_time(accounts: World) -> None:
    mapper, steady = Prefix(b"x.", always=False), Prefix(b"y.")
    serve(
        accounts, ServiceRoute(b"one", "B", mapper=mapper), ServiceRoute(b"two", "B", mapper=steady)
    )
    accounts.feed("a", b"PUB one 0\r\n\r\nPUB two 0\r\n\r\n" * 3)
    assert (mapper.asked, steady.asked) == ([b"one"] * 3, [b"two"])


def test_acknowledgements_keep_their_reply(accounts: World) -> None:
    """A client cannot ask for one, a server can."""
    serve(accounts, ROUTE)
    accounts.router.publish("A", b"help", b"$JS.ACK.S.C.1", b"", b"")
    assert accounts.output("b") == b"MSG help 1 $JS.ACK.S.C.1 0\r\n\r\n"
    assert b"Permissions Violation" in accounts.feed("a", b"PUB help $JS.ACK.x 0\r\n\r\n")


def test_local_subscriptions_hear_the_request_too(accounts: World) -> None:
    serve(accounts, ROUTE)
    accounts.feed("a", b"SUB help 2\r\n")
    assert accounts.feed("a", ASK) == b"MSG help 2 _INBOX.1 3\r\nwhy\r\n"
    answer(accounts, asked(accounts))
    assert accounts.output("a").endswith(frame())


def test_the_import_has_its_place_among_the_subscriptions(accounts: World) -> None:
    for name, account in (("x", "A"), ("s", "B"), ("y", "A")):
        accounts.attach(name, account=account, kind=PeerKind.INTERNAL)
    accounts.peers["x"].link.subscribe(b"help", b"", b"1")
    accounts.peers["s"].link.subscribe(b"help", b"", b"1")
    serve(accounts, ROUTE)
    accounts.peers["y"].link.subscribe(b"help", b"", b"1")
    accounts.router.publish("A", b"help", b"", b"", b"")
    assert [call[0] for call in accounts.calls()] == ["x", "s", "y"]


def test_one_member_of_a_group_serves(accounts: World) -> None:
    accounts.attach("b2", account="B")
    accounts.feed("b", b"UNSUB 1\r\nSUB help q 2\r\n")
    accounts.feed("b2", b"SUB help q 2\r\n")
    serve(accounts, ROUTE)
    accounts.feed("a", ASK * 40)
    counts = [accounts.output(name).count(b"HMSG help 2 _R_.") for name in ("b", "b2")]
    assert sum(counts) == 40
    assert min(counts) > 5


def test_the_requester_may_be_a_service_elsewhere(accounts: World) -> None:
    """The same link asks and, by a second import, is asked: echo is about a link."""
    accounts.feed("b", b"UNSUB 1\r\n")
    accounts.attach("both", replace(QUIET, echo=False), account="B")
    accounts.feed("both", b"SUB help 1\r\n")
    serve(accounts, ServiceRoute(b"self", "A"), account="B")
    serve(accounts, ServiceRoute(b"self", "B", mapper=Prefix(b"x.")))
    accounts.feed("both", b"SUB x.self 2\r\nPUB self _INBOX.9 0\r\n\r\n")
    assert accounts.output("both") == b"", "its own request does not come back to it"


# --- and back ---------------------------------------------------------------------------


def test_an_answer_comes_back_on_the_reply(accounts: World) -> None:
    serve(accounts, ROUTE)
    accounts.feed("a", ASK)
    reply = asked(accounts)
    assert answer(accounts, reply) == b""
    assert accounts.output("a") == frame()


def test_headers_of_an_answer_are_left_alone(accounts: World) -> None:
    serve(accounts, ROUTE)
    accounts.feed("a", ASK)
    reply = asked(accounts)
    accounts.feed("b", b"HPUB %b 018 020\r\nNATS/1.0\r\nA: b\r\n\r\nok\r\n" % reply)
    assert accounts.output("a") == b"HMSG _INBOX.1 1 018 020\r\nNATS/1.0\r\nA: b\r\n\r\nok\r\n"


def test_there_is_one_answer(accounts: World) -> None:
    serve(accounts, ROUTE)
    accounts.feed("a", ASK)
    reply = asked(accounts)
    for _ in range(3):
        answer(accounts, reply)
    assert accounts.output("a") == frame()


@pytest.mark.parametrize("response", [ResponseType.STREAM, ResponseType.CHUNKED])
def test_there_are_many_answers_until_an_empty_one(accounts: World, response: ResponseType) -> None:
    serve(accounts, replace(ROUTE, response=response))
    accounts.feed("a", ASK)
    reply = asked(accounts)
    for text in (b"1", b"2", b"3", b"", b"late"):
        answer(accounts, reply, text=text)
    assert accounts.output("a") == frame(b"1") + frame(b"2") + frame(b"3") + frame(b"")


def test_an_answer_with_headers_only_is_not_the_last(accounts: World) -> None:
    serve(accounts, replace(ROUTE, response=ResponseType.STREAM))
    accounts.feed("a", ASK)
    reply = asked(accounts)
    accounts.feed("b", b"HPUB %b 12 12\r\nNATS/1.0\r\n\r\n\r\n" % reply)
    answer(accounts, reply)
    head = b"HMSG _INBOX.1 1 12 12\r\nNATS/1.0\r\n\r\n\r\n"
    assert accounts.output("a") == head + frame()


def test_an_answer_nobody_hears_is_the_last(accounts: World) -> None:
    serve(accounts, replace(ROUTE, response=ResponseType.STREAM))
    accounts.feed("a", ASK)
    reply = asked(accounts)
    accounts.feed("a", b"UNSUB 1\r\n")
    answer(accounts, reply)
    accounts.feed("a", b"SUB _INBOX.* 1\r\n")
    answer(accounts, reply)
    assert accounts.output("a") == b""


def test_an_answer_may_be_a_question(accounts: World) -> None:
    """Its reply is rewritten the other way round."""
    serve(accounts, ROUTE)
    accounts.feed("b", b"SUB _INBOX.* 2\r\n")
    accounts.feed("a", ASK)
    reply = asked(accounts)
    accounts.feed("b", b"PUB %b _INBOX.2 5\r\nwhat?\r\n" % reply)
    back = REQUEST.fullmatch(accounts.output("a").removesuffix(b"what?\r\n"))
    assert back
    assert back[3][:11] != reply[:11], "A has a prefix of its own now"
    answer(accounts, back[3], "a")
    assert accounts.output("b") == b"MSG _INBOX.2 2 2\r\nok\r\n"
    answer(accounts, back[3], "a")
    assert accounts.output("b") == b"", "to that, there is one answer"


def test_answers_of_the_server_itself(accounts: World) -> None:
    """A service within the server answers before the request has been delivered."""
    service = accounts.attach("s", account="B", kind=PeerKind.INTERNAL)
    service.options = QUIET
    service.subscribe(b"help", b"", b"1")
    accounts.feed("b", b"UNSUB 1\r\n")
    accounts.peers["s"].on["message_received"] = lambda sid, subject, reply, headers, payload: (
        service.publish(reply, b"", b"", payload[::-1])
    )
    serve(accounts, ROUTE)
    assert accounts.feed("a", ASK) == frame(b"yhw")


def test_a_wrong_token_reaches_nobody(accounts: World) -> None:
    serve(accounts, ROUTE)
    accounts.feed("a", ASK)
    reply = asked(accounts)
    for wrong in (reply[:-1], reply + b"x", reply + b".x", reply[:11] + b"x" * 8):
        answer(accounts, wrong)
    assert accounts.output("a") == b""
    answer(accounts, reply, "a")
    assert accounts.output("a") == b"", "A is not where answers come from"
    answer(accounts, reply)
    assert accounts.output("a") == frame()


def test_answers_to_nobody_count_for_nothing(accounts: World) -> None:
    serve(accounts, ROUTE)
    accounts.feed("a", ASK)
    reply = asked(accounts)
    service = accounts.peers["b"].link
    assert service.publish(reply, b"", b"", b"ok") == 1
    assert service.publish(reply, b"", b"", b"ok") == 0


def test_waiting_requests_outlive_the_import(accounts: World) -> None:
    serve(accounts, ROUTE)
    accounts.feed("a", ASK)
    reply = asked(accounts)
    serve(accounts)
    accounts.feed("a", ASK)
    assert accounts.output("b") == b""
    answer(accounts, reply)
    assert accounts.output("a").endswith(frame())


# --- who asks ---------------------------------------------------------------------------


@pytest.mark.parametrize("share", [False, True])
def test_the_requester_is_introduced(accounts: World, share: bool) -> None:
    serve(accounts, replace(ROUTE, share=share))
    accounts.feed("a", ASK * 2)
    more = b',"more":true,"server":"here"' if share else b""
    introduced = b'NATS/1.0\r\nNats-Request-Info: {"who":"a"%b}\r\n\r\nwhy\r\n' % more
    assert accounts.output("b").count(introduced) == 2
    assert accounts.calls() == [("a", "request_info", share)], "it is asked once"


def test_what_a_requester_says_of_itself_goes_out_of_date(accounts: World) -> None:
    serve(accounts, ROUTE, ServiceRoute(b"more", "B", share=True))
    both = ASK + b"PUB more 0\r\n\r\n"
    expected = [("a", "request_info", False), ("a", "request_info", True)]
    accounts.feed("a", both * 2)
    assert accounts.calls() == expected
    accounts.peers["a"].link.forget_request_info()
    accounts.feed("a", both)
    assert accounts.calls() == expected
    accounts.peers["a"].link.account = "C"
    accounts.peers["a"].link.account = "A"
    accounts.feed("a", both)
    assert accounts.calls() == expected


def test_headers_of_a_request_are_kept_and_nobody_introduces_itself(accounts: World) -> None:
    serve(accounts, ROUTE)
    block = b"NATS/1.0\r\nA: b\r\nNats-Request-Info: evil\r\nC: d\r\n\r\n"
    accounts.feed("a", b"HPUB help %d %d\r\n%bwhy\r\n" % (len(block), len(block) + 3, block))
    introduced = b"NATS/1.0\r\nA: b\r\nC: d\r\n" + WHO
    size = len(introduced)
    head = b"HMSG help 1 %d %d\r\n" % (size, size + 3)
    assert accounts.output("b") == head + introduced + b"why\r\n"


@pytest.mark.parametrize(
    "block",
    [
        b"NATS/1.0\r\nnats-request-info: evil\r\n\r\n",
        b"NATS/1.0\r\nNats-Request-Info : evil\r\n\r\n",
        b"NATS/1.0\nNats-Request-Info: evil\n\n",
        b"NATS/1.0\r\n",
        b"NATS/1.0",
        b"NATS/1.0\r\n\r\nNats-Request-Info: evil\r\n\r\n",
    ],
)
def test_no_twisted_header_block_hides_the_requester(accounts: World, block: bytes) -> None:
    serve(accounts, ROUTE)
    accounts.feed("a", b"HPUB help %d %d\r\n%bwhy\r\n" % (len(block), len(block) + 3, block))
    size = len(HEADERS)
    assert accounts.output("b") == b"HMSG help 1 %d %d\r\n%bwhy\r\n" % (size, size + 3, HEADERS)


def test_services_without_headers_get_the_bare_request(accounts: World) -> None:
    accounts.peers["b"].link.options = replace(QUIET, headers=False)
    serve(accounts, ROUTE)
    accounts.feed("a", ASK)
    assert re.fullmatch(rb"MSG help 1 _R_\.\w{6}\.\w{8} 3\r\nwhy\r\n", accounts.output("b"))


def test_who_says_nothing_is_not_introduced(accounts: World) -> None:
    serve(accounts, ROUTE)
    accounts.peers["a"].request_info = lambda detailed: b""  # type: ignore[method-assign]
    accounts.feed("a", b"PUB help 3\r\nwhy\r\n")
    assert accounts.output("b") == b"MSG help 1 3\r\nwhy\r\n"


def test_servers_are_not_introduced(accounts: World) -> None:
    serve(accounts, ROUTE)
    accounts.attach("x", account="A", kind=PeerKind.INTERNAL).publish(b"help", b"", b"", b"why")
    assert accounts.output("b") == b"MSG help 1 3\r\nwhy\r\n"
    accounts.router.publish("A", b"help", b"", b"", b"why")
    assert accounts.output("b") == b"MSG help 1 3\r\nwhy\r\n"
    assert accounts.calls() == []


@pytest.mark.parametrize("kind", [PeerKind.ROUTE, PeerKind.GATEWAY])
def test_what_servers_of_the_cluster_pass_on_has_been_imported_there(
    accounts: World, kind: PeerKind
) -> None:
    serve(accounts, ROUTE)
    assert not accounts.attach("x", account="A", kind=kind).publish(b"help", b"", b"", b"why")
    assert accounts.output("b") == b""


def test_the_system_account_learns_where_the_requester_is(accounts: World) -> None:
    serve(accounts, replace(ROUTE, located=True))
    accounts.feed("a", ASK * 2)
    introduced = b'Nats-Request-Info: {"who":"a","server":"here"}\r\n\r\nwhy\r\n'
    assert accounts.output("b").count(introduced) == 2
    assert len(accounts.calls()) == 2, "in short and in detail, once each"


def test_leafs_are_introduced(accounts: World) -> None:
    serve(accounts, ROUTE)
    accounts.attach("x", account="A", kind=PeerKind.LEAF).publish(b"help", b"", b"", b"why")
    assert accounts.calls() == [("x", "request_info", False)]


# --- nobody there -----------------------------------------------------------------------


def no_responders(subject: bytes = b"help", reply: bytes = b"_INBOX.1") -> bytes:
    size = 32 + len(subject)
    return b"HMSG %b 1 %d %d\r\nNATS/1.0 503\r\nNats-Subject: %b\r\n\r\n\r\n" % (
        reply, size, size, subject
    )  # fmt: skip


def test_without_a_service_the_requester_is_told(accounts: World) -> None:
    """The subject is the one it asked on, not the one that was looked for."""
    serve(accounts, ServiceRoute(b"help", "B", mapper=Prefix(b"x.")))
    assert accounts.feed("a", ASK) == no_responders()
    assert accounts.router.expire_responses() == 0, "nothing is remembered of it"


def test_a_local_reader_is_somebody(accounts: World) -> None:
    accounts.feed("b", b"UNSUB 1\r\n")
    accounts.feed("a", b"SUB help 2\r\n")
    serve(accounts, ROUTE)
    assert accounts.feed("a", ASK) == b"MSG help 2 _INBOX.1 3\r\nwhy\r\n"


def test_how_many_links_a_request_went_to(accounts: World) -> None:
    accounts.feed("b", b"SUB help 2\r\nSUB help 3\r\n")
    serve(accounts, ROUTE)
    assert accounts.peers["a"].link.publish(b"help", b"_INBOX.1", b"", b"") == 3


# --- the end of waiting -----------------------------------------------------------------


def test_a_request_is_forgotten_after_its_time(accounts: World) -> None:
    serve(accounts, replace(ROUTE, threshold=-1.0))
    accounts.feed("a", ASK * 2)
    replies = [match[2] for match in REQUEST.findall(accounts.output("b"))]
    assert accounts.router.expire_responses() == 2
    for reply in replies:
        answer(accounts, reply)
    assert accounts.output("a") == b""
    assert accounts.router.expire_responses() == 0


def test_an_answer_after_its_time_is_none(accounts: World) -> None:
    """Even if nobody has looked what is outdated."""
    serve(accounts, replace(ROUTE, threshold=-1.0))
    accounts.feed("a", ASK)
    answer(accounts, REQUEST.findall(accounts.output("b"))[0][2])
    assert accounts.output("a") == b""
    assert accounts.router.expire_responses() == 0, "it is forgotten"


def test_a_request_is_forgotten_when_nobody_waits(accounts: World) -> None:
    serve(accounts, ROUTE)
    accounts.feed("a", ASK)
    assert accounts.router.expire_responses() == 0
    matches = accounts.router.stats()["num_matches"]
    accounts.feed("a", b"UNSUB 1\r\n")
    assert accounts.router.stats()["num_matches"] == matches, "looking is not matching"
    assert accounts.router.expire_responses() == 0, "it was forgotten at once"
    accounts.feed("a", b"SUB _INBOX.* 1\r\n")
    answer(accounts, asked(accounts))
    assert accounts.output("a") == b""


@pytest.mark.parametrize("pattern", [b"_INBOX.1", b"_INBOX.*", b">"])
@pytest.mark.parametrize("end", ["unsub", "close", "move"])
def test_all_that_wait_are_forgotten_with_the_last_who_listens(
    accounts: World, pattern: bytes, end: str
) -> None:
    """Those of others are not."""
    serve(accounts, ROUTE)
    accounts.feed("a", b"UNSUB 1\r\nSUB %b 2\r\n" % pattern + ASK * 3)
    accounts.attach("other", account="A")
    accounts.feed("other", b"SUB mine 1\r\nPUB help mine 0\r\n\r\n")
    *gone, kept = [match[2] for match in REQUEST.findall(accounts.output("b"))]
    link = accounts.peers["a"].link
    if end == "unsub":
        accounts.feed("a", b"UNSUB 2\r\n")
    elif end == "close":
        link.close()
    else:
        link.account = "C"
    accounts.attach("late", account="A")
    accounts.feed("late", b"SUB _INBOX.* 1\r\n")
    for reply in gone:
        answer(accounts, reply)
    assert accounts.output("late") == b""
    answer(accounts, kept)
    assert b"mine" in accounts.output("other")
    assert accounts.router.expire_responses() == 0


def test_of_very_many_some_are_found_later(accounts: World) -> None:
    """Who unsubscribes from a pattern does not wait until all were looked at."""
    serve(accounts, ROUTE)
    for number in range(65):
        accounts.feed("a", b"PUB help _INBOX.%d 0\r\n\r\n" % number)
    accounts.feed("a", b"UNSUB 1\r\n")
    assert accounts.router.expire_responses() == 65


def test_answers_on_one_reply_come_in_any_order(accounts: World) -> None:
    serve(accounts, ROUTE)
    accounts.feed("a", ASK * 4)
    replies = [match[2] for match in REQUEST.findall(accounts.output("b"))]
    for place in (1, 3, 0):
        answer(accounts, replies[place])
        assert accounts.output("a") == frame()
    accounts.feed("a", ASK + b"UNSUB 1\r\n")
    accounts.feed("a", b"SUB _INBOX.* 1\r\n")
    answer(accounts, replies[2])
    assert accounts.output("a") == b""
    assert accounts.router.expire_responses() == 0


def test_interest_in_an_answer_may_be_anybodys(accounts: World) -> None:
    accounts.attach("watcher", account="A")
    accounts.feed("watcher", b"SUB > q 9\r\n")
    serve(accounts, ROUTE)
    accounts.feed("a", ASK + b"UNSUB 1\r\n")
    assert accounts.router.expire_responses() == 0
    answer(accounts, asked(accounts))
    assert frame().replace(b" 1 2", b" 9 2") in accounts.output("watcher")


def test_the_responder_may_be_gone(accounts: World) -> None:
    serve(accounts, ROUTE)
    accounts.feed("a", ASK)
    accounts.peers["b"].link.close()
    assert accounts.router.expire_responses() == 0, "another may have taken the request over"
    assert accounts.feed("a", ASK) == no_responders()


def test_the_requester_may_be_gone(accounts: World) -> None:
    serve(accounts, ROUTE)
    accounts.feed("a", ASK)
    accounts.peers["a"].link.close()
    answer(accounts, asked(accounts))
    assert accounts.output("a") == b""
    assert accounts.router.expire_responses() == 0


# --- what is told and listed ------------------------------------------------------------


def test_imports_are_in_no_list(accounts: World) -> None:
    listener = Interest()
    accounts.router.add_interest_listener(listener)
    serve(accounts, ROUTE)
    assert list(accounts.router.matching("A", b"help")) == []
    assert len(list(accounts.router.subscriptions())) == 2
    assert accounts.router.stats()["num_subscriptions"] == 3
    assert listener.told == [], "nobody in A wants to hear it"
    accounts.feed("a", b"SUB help 5\r\nUNSUB 5\r\n")
    assert listener.told == [("A", b"help", b"", 1), ("A", b"help", b"", 0)]


def test_the_way_back_is_interest(accounts: World) -> None:
    """Other servers must send the answers of their services here."""
    listener = Interest()
    accounts.router.add_interest_listener(listener)
    serve(accounts, ROUTE)
    accounts.feed("a", ASK * 2)
    prefix = asked_first(accounts)
    assert listener.told == [("B", prefix + b">", b"", 1)]
    assert list(accounts.router.matching("B", prefix + b"x")) == []


def asked_first(world: World) -> bytes:
    reply: bytes = REQUEST.findall(world.output("b"))[0][2]
    return reply[:11]


def test_counters_of_both_accounts(accounts: World) -> None:
    serve(accounts, ROUTE)
    accounts.feed("a", ASK)
    answer(accounts, asked(accounts))
    size = len(HEADERS) + 3
    assert tuple(accounts.router.account_counters("A")) == (1, 3, 1, 2)
    assert tuple(accounts.router.account_counters("B")) == (1, 2, 1, size)
    stats = accounts.router.stats()
    assert stats["num_matches"] == 4, "each message in both accounts"
    assert (stats["num_subscriptions"], stats["num_inserts"]) == (4, 4)


def test_imports_are_replaced_as_a_whole(accounts: World) -> None:
    serve(accounts, ROUTE, ServiceRoute(b"a", "B"), ServiceRoute(b"b", "B"))
    serve(accounts, ServiceRoute(b"b", "B"))
    stats = accounts.router.stats()
    assert (stats["num_subscriptions"], stats["num_removes"]) == (3, 3)
    assert accounts.feed("a", ASK) == no_responders()


@pytest.mark.parametrize("subject", [b"", b"a..b", b"a.", b">.a"])
def test_a_service_needs_a_subject(accounts: World, subject: bytes) -> None:
    with pytest.raises(ValueError, match="no subject"):
        serve(accounts, ServiceRoute(subject, "B"))


def test_the_way_back_cannot_be_asked_for(accounts: World) -> None:
    """Clients may publish there, or nobody could answer, but may not have answers sent there."""
    assert b"Permissions Violation" in accounts.feed("a", b"PUB help _R_.x.y 0\r\n\r\n")
    assert accounts.feed("a", b"SUB _R_.x.y 2\r\nPUB _R_.x.y 2\r\nok\r\n").endswith(b"2\r\nok\r\n")
