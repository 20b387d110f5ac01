"""What connections share."""

from __future__ import annotations

import pytest

from pubsub.client.context import link_options
from pubsub.client.preamble import TlsDetails


def test_connections_that_chose_the_same_share_one_object():
    one = link_options(True, True, True, False, False, 10, 0)
    assert one is link_options(True, True, True, False, False, 10, 0)
    assert one != link_options(False, True, True, False, False, 10, 0)
    assert one.max_payload == 10


def test_a_context_is_complete_without_tls(make_server):
    context = make_server().context
    assert context.nonce() == ""
    assert context.tls_details(None) == TlsDetails()
    assert context.allow_handshake is None
    with pytest.raises(RuntimeError):
        context.start_tls(None, None, b"")


def test_connections_share_one_registry(make_server):
    server = make_server()
    first, second = server.connect(), server.connect()
    assert first.protocol.link.options is second.protocol.link.options


def test_a_nonce_is_in_the_first_info_and_told_to_the_authenticator(make_server):
    seen = []

    class Curious:
        required = False

        def authenticate(self, attempt):
            seen.append(attempt.nonce)

    server = make_server()
    server.context.nonce = lambda: "abc"
    server.context.authenticator = Curious()
    peer = server.accept()
    assert b',"nonce":"abc"' in peer.received()
    peer.send(b"CONNECT {}\r\n")
    assert seen == [b"abc"]
