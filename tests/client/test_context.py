"""What connections share."""

from __future__ import annotations

import pytest

from pubsub.client.context import link_options
from pubsub.client.preamble import TlsDetails
from pubsub.config.options import Options
from pubsub.values.accounts import UserOptions
from tests.client.fakes import Knowing


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


def test_who_drops_the_last_user_does_not_open_the_door(make_server):
    """Configured users mean that credentials are required, even when a program dropped them."""
    anna = UserOptions("anna", "a")
    server = make_server().start(Options(users=(anna,)), Knowing(None, required=False))
    server.context.users.drop("anna")
    assert server.context.required
    peer = server.accept()
    peer.received()
    assert peer.send(b"PUB foo 0\r\n\r\n") == b"-ERR 'Authorization Violation'\r\n"
    assert not make_server().context.required
    assert make_server().start(Options(), Knowing(None)).context.required
