from __future__ import annotations

import socket
import threading
from collections.abc import Iterator

import pytest

from bench.clients import Client, Message, wait_for
from bench.generator import Failure


class Peer:
    """The other end of a client's connection."""

    def __init__(self, listener: socket.socket) -> None:
        self._listener = listener
        self.port: int = listener.getsockname()[1]
        self.thread = threading.Thread(target=self._shake_hands)
        self.thread.start()

    def _shake_hands(self) -> None:
        self.socket, _ = self._listener.accept()
        self.socket.settimeout(20)
        self.socket.sendall(b'INFO {"connect_urls":["a:1","b:2"]} \r\n')
        lines = b""
        while b"PING\r\n" not in lines:
            lines += self.socket.recv(4096)
        self.socket.sendall(b"PONG\r\n")


@pytest.fixture
def ends() -> Iterator[tuple[Client, Peer]]:
    with socket.create_server(("127.0.0.1", 0)) as listener:
        peer = Peer(listener)
        client = Client(peer.port, "member 0")
        peer.thread.join()
        try:
            yield client, peer
        finally:
            client.close()
            peer.socket.close()


def test_urls_are_those_told_last(ends: tuple[Client, Peer]) -> None:
    client, peer = ends
    assert client.urls == {"a:1", "b:2"}
    peer.socket.sendall(b'INFO {"connect_urls":["a:1"]} \r\n')
    wait_for([client], lambda: len(client.urls) == 1, 20, "not told")
    peer.socket.sendall(b'INFO {"server_id":"x"}\r\n')
    wait_for([client], lambda: not client.urls, 20, "not told")


def test_messages_may_come_in_pieces(ends: tuple[Client, Peer]) -> None:
    client, peer = ends
    for piece in (b"MSG a", b".b 1 re", b"ply 4\r\na\r\nb", b"\r", b"\nMSG c 2 0\r\n\r\n"):
        peer.socket.sendall(piece)
        client.receive()
    assert client.messages == [Message("a.b", "reply", b"a\r\nb"), Message("c", "", b"")]


def test_of_a_message_with_headers_the_payload_is_kept(ends: tuple[Client, Peer]) -> None:
    client, peer = ends
    peer.socket.sendall(b"HMSG a 1 16 18\r\nNATS/1.0 503\r\n\r\nhi\r\n")
    wait_for([client], lambda: bool(client.messages), 20, "no message")
    assert client.messages == [Message("a", "", b"hi")]


def test_pings_are_answered(ends: tuple[Client, Peer]) -> None:
    client, peer = ends
    peer.socket.sendall(b"PING\r\n")
    client.receive()
    assert peer.socket.recv(100) == b"PONG\r\n"


@pytest.mark.parametrize("line", [b"-ERR 'Slow Consumer'\r\n", b"nonsense\r\n"])
def test_what_a_server_complains_of_is_a_failure(ends: tuple[Client, Peer], line: bytes) -> None:
    client, peer = ends
    peer.socket.sendall(line)
    with pytest.raises(Failure, match="member 0 said"):
        client.receive()


def test_a_connection_that_ends_is_closed_and_may_still_be_written_to(
    ends: tuple[Client, Peer],
) -> None:
    client, peer = ends
    peer.socket.close()
    wait_for([client], lambda: client.closed, 20, "still open")
    for _ in range(3):
        client.send(b"PUB x 0\r\n\r\n")


def test_a_server_that_is_not_there_is_a_failure() -> None:
    with socket.create_server(("127.0.0.1", 0)) as listener:
        port = listener.getsockname()[1]
    with pytest.raises(Failure, match="member 3"):
        Client(port, "member 3")


def test_what_does_not_come_true_is_a_failure_and_meanwhile_things_are_tried(
    ends: tuple[Client, Peer],
) -> None:
    client, _ = ends
    tries: list[int] = []
    with pytest.raises(Failure, match="nothing came for 0 s"):
        wait_for([client], lambda: False, 0.05, "nothing came", lambda: tries.append(1))
    assert tries
