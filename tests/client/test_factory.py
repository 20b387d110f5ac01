"""A protocol for each connection."""

from __future__ import annotations

from twisted.internet.interfaces import IProtocolFactory
from zope.interface.verify import verifyObject

from pubsub.client.factory import ClientFactory
from pubsub.config.options import Options, TlsOptions
from pubsub.interfaces import Identity


def test_it_provides_what_twisted_asks_for(make_server):
    verifyObject(IProtocolFactory, make_server().factory)


def test_each_connection_gets_its_own(make_server):
    factory = make_server().factory
    first, second = factory.buildProtocol(None), factory.buildProtocol(None)
    assert first is not second
    assert first.context is second.context is factory.context


def test_clients_in_this_process_need_no_tls(make_server):
    server = make_server().start(Options(tls=TlsOptions()))
    server.context.info = server.info(server.context.options, tls_required=True)
    server.factory = ClientFactory(server.context, in_process=True)
    info = server.accept().received()
    assert b'"tls_available":true' in info
    assert b"tls_required" not in info


def test_clients_in_this_process_are_told_the_same_about_tls_later(make_server):
    server = make_server().start(Options(tls=TlsOptions()))
    server.context.info = server.info(server.context.options, tls_required=True)
    seen = []

    class Curious:
        required = False

        def authenticate(self, attempt):
            seen.append(attempt.connection_type)
            return Identity()

    server.context.authenticator = Curious()
    server.factory = ClientFactory(server.context, in_process=True)
    peer = server.accept()
    peer.received()
    info = peer.send(b'CONNECT {"verbose":false,"protocol":1}\r\nPING\r\n')
    assert b'"tls_available":true' in info
    assert b"tls_required" not in info
    assert seen == ["IN_PROCESS"]
