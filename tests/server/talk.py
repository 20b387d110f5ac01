"""Blocking clients, for threads and for servers in other processes."""

from __future__ import annotations

import socket
import ssl
from typing import Any

from tests.certs import Authority
from tests.patience import PATIENCE

CONNECT = b'CONNECT {"verbose":false,"echo":true}\r\nPING\r\n'
#: the PROXY protocol: 192.0.2.7:5000 talks to 198.51.100.1:4222
PROXY_1 = b"PROXY TCP4 192.0.2.7 198.51.100.1 5000 4222\r\n"
PROXY_2 = (
    b"\r\n\r\n\x00\r\nQUIT\n\x21\x11\x00\x0c"
    + socket.inet_aton("192.0.2.7")
    + socket.inet_aton("198.51.100.1")
    + (5000).to_bytes(2, "big")
    + (4222).to_bytes(2, "big")
)


def blocking(address: Any, client: ssl.SSLContext | None = None, hello: bytes = b"") -> bytes:
    """A whole conversation, for a thread: what comes back of 100 messages of 20 kB each."""
    family = socket.AF_UNIX if isinstance(address, str) else socket.AF_INET
    connection = socket.socket(family, socket.SOCK_STREAM)
    connection.settimeout(PATIENCE)
    connection.connect(address)
    return converse(connection, client, hello)


def converse(connection: Any, client: ssl.SSLContext | None, hello: bytes) -> bytes:
    if hello:
        connection.sendall(hello)
    info = b""
    while not info.endswith(b"\n"):
        byte = connection.recv(1)
        assert byte, f"closed after {info!r}"
        info += byte
    if client is not None:
        connection = client.wrap_socket(connection, server_hostname="localhost")
    with connection, connection.makefile("rb") as reader:
        connection.sendall(CONNECT + b"SUB a 1\r\n")
        assert reader.readline() == b"PONG\r\n"
        for number in range(100):
            connection.sendall(b"PUB a 20003\r\n%03d" % number + bytes(20_000) + b"\r\n")
        numbers = []
        for _ in range(100):
            assert reader.readline() == b"MSG a 1 20003\r\n"
            payload = reader.read(20_005)
            numbers.append(int(payload[:3]))
        assert numbers == list(range(100))
        if client is not None:
            # says goodbye, and waits for the answer
            connection.unwrap().close()
    return info


def trusting(ca: Authority) -> ssl.SSLContext:
    return ssl.create_default_context(cafile=ca.cert_file)
