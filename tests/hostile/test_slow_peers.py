"""Peers that never come to the point: nothing, half of everything, a byte now and then.

Time is the server's own and its limits are small here; nothing is asserted about it.
"""

from __future__ import annotations

from typing import Any

import pytest

from tests.certs import Authority
from tests.hostile.peers import Peer, Witness
from tests.hostile.servers import Server, Starter, eventually

EXPIRED = b"-ERR 'Authentication Timeout'\r\n"
STALE = b"-ERR 'Stale Connection'\r\n"
GUARDED = "debug: true\nauthorization { token: s3cret, timeout: 0.3 }"


@pytest.fixture(scope="module")
def guarded(start_shared: Starter) -> Server:
    return start_shared(GUARDED)


def punctual(server: Server, **options: Any) -> Peer:
    """A client that was in time: on a busy machine it may not be, and tries again."""

    def join() -> Peer | None:
        try:
            return server.client(**options)
        except (AssertionError, OSError):
            return None

    return eventually(join, "a client in time")


@pytest.fixture
def witness(guarded: Server) -> Witness:
    token = "s3cret"
    return Witness(punctual(guarded, auth_token=token), punctual(guarded, auth_token=token))


@pytest.mark.compared
@pytest.mark.parametrize(
    "said",
    [b"", b"C", b"CONNECT", b"CONNECT   \t ", b'CONNECT {"auth_token":"s3cret"}', b"CONNECT {}\r"],
    ids=["nothing", "a byte", "a verb", "blanks", "no line end", "half a line end"],
)
def test_who_does_not_say_who_it_is_is_closed(
    guarded: Server, witness: Witness, said: bytes
) -> None:
    with guarded.peer() as peer:
        peer.trickle(said)
        assert peer.rest() == EXPIRED
    assert guarded.reason(peer.cid) == "Authentication Timeout"
    if guarded.flavour.ours:
        assert len(guarded.lines(peer.cid)) == 1
    witness.check()


@pytest.mark.compared
def test_a_connect_that_trickles_does_not_get_more_time(guarded: Server, witness: Witness) -> None:
    with guarded.peer() as peer:
        peer.send(b"CONNECT {")
        while peer.trickle(b" ") and peer.silent():
            witness.speak()
            witness.check()
        assert peer.rest() == EXPIRED
    assert guarded.reason(peer.cid) == "Authentication Timeout"


@pytest.mark.compared
def test_many_half_open_connections_are_all_closed(guarded: Server, witness: Witness) -> None:
    peers = [guarded.peer() for _ in range(200)]
    witness.check()
    assert {peer.rest() for peer in peers} == {EXPIRED}
    witness.check()
    assert {guarded.reason(peer.cid) for peer in peers[::40]} == {"Authentication Timeout"}


@pytest.mark.compared
def test_without_a_pong_a_connection_is_stale(start: Starter) -> None:
    server = start('ping_interval: "300ms"\nping_max: 2\n')
    with server.peer() as silent, server.client() as half:
        # in the middle of a payload nobody is heard either
        half.send(b"PUB foo 100\r\nhalf of it")
        for peer in (silent, half):
            assert peer.rest().replace(b"PING\r\n", b"") == STALE
            assert server.reason(peer.cid) == "Stale Connection"
    if server.version >= (2, 12):
        assert server.varz("stale_connections") == 2


def test_a_payload_may_take_its_time(start: Starter) -> None:
    """Who answers PING between its bytes cannot; who is heard is not stale."""
    server = start()
    with server.client() as reader, server.client() as writer:
        witness = Witness(server.client(), server.client())
        reader.send(b"SUB slow 1\r\n")
        reader.ping()
        writer.send(b"PUB slow 2000\r\n")
        for _ in range(20):
            writer.trickle(b"x" * 100)
            witness.check()
        assert reader.until_pong() == b""
        writer.send(b"\r\n")
        writer.ping()
        assert reader.until_pong() == b"MSG slow 1 2000\r\n" + b"x" * 2000 + b"\r\n"


@pytest.fixture(scope="module")
def encrypted(start_shared: Starter, tmp_path_factory: pytest.TempPathFactory) -> Server:
    authority = Authority(tmp_path_factory.mktemp("ca"))
    issued = authority.issue("server", names=["localhost"], addresses=["127.0.0.1"])
    return start_shared(
        f"debug: true\nallow_non_tls: true\n"
        f'tls {{ cert_file: "{issued.cert_file}", key_file: "{issued.key_file}", timeout: 0.3 }}'
    )


@pytest.mark.parametrize(
    "said",
    [b"\x16\x03\x01", b"\x16\x03\x01\x02\x00\x01\x00\x01"],
    ids=["half a record header", "the beginning of a hello"],
)
def test_a_tls_handshake_that_never_comes_ends(encrypted: Server, said: bytes) -> None:
    plain = Witness(punctual(encrypted), punctual(encrypted))
    with encrypted.peer() as peer:
        peer.trickle(said)
        assert peer.rest() == b""
    assert encrypted.reason(peer.cid) == "TLS Handshake Failure"
    plain.check()


def test_binary_where_tls_is_spoken_ends_the_handshake(encrypted: Server) -> None:
    with encrypted.peer() as peer:
        peer.send(b"\x16\x03\x01\x00\x20" + bytes(range(32)))
        peer.rest()  # perhaps an alert, which is TLS's affair
    assert encrypted.reason(peer.cid) == "TLS Handshake Failure"


@pytest.fixture(scope="module")
def proxied(start_shared: Starter) -> Server:
    return start_shared("proxy_protocol: true\ndebug: true\n")


@pytest.mark.slow
@pytest.mark.parametrize("said", [b"", b"PROXY TCP4 1"], ids=["nothing", "half of it"])
def test_a_proxy_header_that_never_comes_ends(proxied: Server, said: bytes) -> None:
    server = proxied
    with Peer(server.child.port) as peer:
        peer.send(said)
        assert peer.rest() == b""
    assert server.reason(peer.cid) == "Protocol Violation"
    assert len(server.lines(peer.cid)) == 1


@pytest.mark.parametrize(
    "said",
    [
        b"PROXY TCP4 999.0.0.1 192.0.2.1 1 2\r\n",
        b"PROXY " + b"x" * 200,
        b"\r\n\r\n\x00\r\nQUIT\n\x31\x11\x00\x0c" + bytes(12),
        b"\r\n\r\n\x00\r\nQUIT\n\x21\xff\xff\xff",
    ],
    ids=["no address", "too long", "a version that does not exist", "a family that does not exist"],
)
def test_a_proxy_header_that_is_none_is_refused(proxied: Server, said: bytes) -> None:
    server = proxied
    for trickle in (False, True):
        with server.peer() as peer:
            if trickle:
                peer.trickle(said)
            else:
                peer.send(said)
            assert peer.rest() == b""
        assert server.reason(peer.cid) == "Protocol Violation"
        eventually(lambda cid=peer.cid: server.lines(cid))  # type: ignore[misc]
        assert len(server.lines(peer.cid)) == 1
