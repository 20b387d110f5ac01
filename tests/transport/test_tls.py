"""TLS without sockets: Python's own TLS client against our server side, piece by piece."""

from __future__ import annotations

import contextlib
import datetime as dt
import ssl

import pytest
from OpenSSL import SSL
from twisted.internet.error import ConnectionDone
from twisted.internet.interfaces import (
    IOpenSSLClientConnectionCreator,
    IOpenSSLServerConnectionCreator,
)
from twisted.internet.protocol import Factory
from twisted.internet.task import Clock
from twisted.python.failure import Failure
from zope.interface.verify import verifyObject

from pubsub.config.options import CertificatePair, TlsOptions
from pubsub.errors import InvalidOption
from pubsub.transport import ciphers
from pubsub.transport import tls as tls_module
from pubsub.transport.tls import ClientTls, ServerTls
from tests.certs import Authority, Issued
from tests.transport.tls_peer import Closing, Conversation, Recorder, client_context


@pytest.fixture(scope="module")
def ca(tmp_path_factory: pytest.TempPathFactory) -> Authority:
    return Authority(tmp_path_factory.mktemp("ca"))


@pytest.fixture(scope="module")
def server(ca: Authority) -> Issued:
    return ca.issue("server")


@pytest.fixture(scope="module")
def client(ca: Authority) -> Issued:
    return ca.issue("client", client=True)


class Talk:
    """Makes conversations with one clock."""

    def __init__(self, ca: Authority) -> None:
        self.ca = ca
        self.clock = Clock()

    def server_tls(self, options: TlsOptions) -> ServerTls:
        return ServerTls(options, self.clock)

    def __call__(
        self,
        tls: ServerTls | TlsOptions,
        *,
        certificate: Issued | None = None,
        version: str = "",
        host: str = "localhost",
        step: int = 0,
        ciphers: str = "",
        curve: str = "",
    ) -> Conversation:
        shown = (certificate.cert_file, certificate.key_file) if certificate else None
        context = client_context(self.ca.cert_file, certificate=shown, version=version)
        if ciphers:
            context.set_ciphers(ciphers)
        if curve:
            context.set_ecdh_curve(curve)
        tls = tls if isinstance(tls, ServerTls) else self.server_tls(tls)
        return Conversation(tls, self.clock, context, host, step=step).handshake()


@pytest.fixture
def talk(ca: Authority) -> Talk:
    return Talk(ca)


def test_it_provides_what_twisted_asks_of_it(server, ca) -> None:
    assert verifyObject(IOpenSSLServerConnectionCreator, ServerTls(server.options()))
    creator = ClientTls(TlsOptions(ca_file=ca.cert_file), "localhost")
    assert verifyObject(IOpenSSLClientConnectionCreator, creator)


@pytest.mark.parametrize("version", ["1.2", "1.3"])
@pytest.mark.parametrize("step", [0, 1], ids=["whole", "bytes"])
def test_clear_text_goes_both_ways(talk, server, version, step) -> None:
    conversation = talk(server.options(), version=version, step=step)
    assert conversation.server.handshakes == 1
    conversation.send(b"PING\r\n")
    assert conversation.server.received == b"PING\r\n"
    conversation.server.transport.write(b"PONG\r\n")
    assert conversation.receive() == b"PONG\r\n"


def test_a_large_message_goes_both_ways(talk, server) -> None:
    conversation = talk(server.options())
    conversation.send(b"x" * 100_000)
    assert conversation.server.received == b"x" * 100_000
    conversation.server.transport.write(b"y" * 50_000)
    heard = b""
    while piece := conversation.receive():
        heard += piece
    assert heard == b"y" * 50_000


@pytest.mark.parametrize("version", ["1.2", "1.3"])
def test_the_details_are_in_go_s_words(talk, server, version) -> None:
    details = talk(server.options(), version=version, ciphers="ECDHE+AESGCM").server.details
    assert details.version == version
    assert details.cipher_suite.startswith("TLS_")
    assert ("_WITH_" in details.cipher_suite) == (version == "1.2")
    assert details.peer_certificates == ()


@pytest.mark.parametrize("version", ["1.2", "1.3"])
def test_verify_lets_in_a_client_the_authority_vouches_for(
    talk, server, client, ca, version
) -> None:
    options = server.options(ca_file=ca.cert_file, verify=True)
    details = talk(options, certificate=client, version=version).server.details
    # Python sends the authority along
    shown = details.peer_certificates[0]
    assert shown.subject == "CN=client"
    assert shown.der == client.der
    assert shown.spki_sha256 == client.spki_sha256


def test_a_client_s_chain_comes_after_its_own_certificate(talk, server, ca) -> None:
    middle = Authority(ca.directory, "middle", issuer=ca)
    client = middle.issue("via-middle", client=True, chain=[middle.certificate])
    options = server.options(ca_file=ca.cert_file, verify=True)
    details = talk(options, certificate=client).server.details
    subjects = [certificate.subject for certificate in details.peer_certificates]
    assert subjects[:2] == ["CN=via-middle", "CN=middle authority"]


@pytest.mark.parametrize("version", ["1.2", "1.3"])
def test_verify_refuses_a_client_without_a_certificate(talk, server, ca, version) -> None:
    conversation = talk(server.options(ca_file=ca.cert_file, verify=True), version=version)
    assert conversation.server.handshakes == 0
    assert conversation.server.lost == "tls: client didn't provide a certificate"
    conversation.receive()
    assert conversation.error is not None


@pytest.mark.parametrize("version", ["1.2", "1.3"])
def test_verify_refuses_a_client_of_another_authority(talk, server, ca, tmp_path, version) -> None:
    stranger = Authority(tmp_path, "other").issue("stranger", client=True)
    options = server.options(ca_file=ca.cert_file, verify=True)
    conversation = talk(options, certificate=stranger, version=version)
    assert conversation.server.handshakes == 0
    assert conversation.server.lost is not None
    assert conversation.server.lost.startswith(
        "tls: failed to verify certificate: x509: certificate signed by unknown authority"
        " (CN=stranger SHA-256: "
    )
    conversation.receive()
    assert "unknown ca" in str(conversation.error).lower()


def test_verify_refuses_an_expired_client(talk, server, ca) -> None:
    options = server.options(ca_file=ca.cert_file, verify=True)
    conversation = talk(options, certificate=ca.expired("late-client", client=True))
    assert conversation.server.handshakes == 0
    assert "certificate has expired or is not yet valid" in str(conversation.server.lost)


def test_verify_refuses_a_server_s_certificate_from_a_client(talk, server, ca) -> None:
    options = server.options(ca_file=ca.cert_file, verify=True)
    conversation = talk(options, certificate=server)
    assert conversation.server.handshakes == 0
    assert "certificate specifies an incompatible key usage" in str(conversation.server.lost)


def test_without_verify_nobody_is_asked_for_a_certificate(talk, server, client, ca) -> None:
    conversation = talk(server.options(ca_file=ca.cert_file), certificate=client)
    assert conversation.server.handshakes == 1
    assert conversation.server.details.peer_certificates == ()


def test_verify_without_ca_file_trusts_the_system_only(talk, server, client) -> None:
    conversation = talk(server.options(verify=True), certificate=client)
    assert conversation.server.handshakes == 0
    assert "unknown authority" in str(conversation.server.lost)


def test_a_client_that_distrusts_us_is_a_failed_handshake(talk, ca) -> None:
    conversation = talk(ca.wrong_host().options())
    assert conversation.error is not None
    assert conversation.server.handshakes == 0
    assert str(conversation.server.lost).startswith("remote error: tls: ")


def test_bytes_that_are_no_tls_fail_the_handshake(server) -> None:
    clock = Clock()
    tls = ServerTls(server.options(), clock)
    recorder, transport = Recorder(), Closing()
    recorder.makeConnection(transport)
    transport.protocol = recorder
    tls.start_tls(transport, recorder, b"\x16\x03\x01\x00\x05hello")
    clock.advance(0)
    assert recorder.lost
    assert recorder.handshakes == 0


def test_hanging_up_in_the_middle_is_eof(talk, server) -> None:
    conversation = Conversation(
        talk.server_tls(server.options()), talk.clock, client_context(talk.ca.cert_file)
    )
    conversation.tls.start_tls(conversation.transport, conversation.server, b"\x16\x03\x01")
    conversation.transport.disconnected = True
    conversation.transport.protocol.connectionLost(Failure(ConnectionDone()))
    assert conversation.server.lost == "EOF"


def test_min_version_keeps_older_clients_out(talk, server) -> None:
    conversation = talk(server.options(min_version="1.3"), version="1.2")
    assert conversation.server.handshakes == 0
    assert conversation.server.lost == "tls: client offered only unsupported versions"
    assert talk(server.options(min_version="1.2"), version="1.2").server.handshakes == 1


def test_cipher_suites_choose_for_tls_1_2(talk, server) -> None:
    suite = "TLS_ECDHE_ECDSA_WITH_CHACHA20_POLY1305_SHA256"
    options = server.options(cipher_suites=(suite,))
    assert talk(options, version="1.2").server.details.cipher_suite == suite
    conversation = talk(options, version="1.2", ciphers="ECDHE+AESGCM")
    assert conversation.server.handshakes == 0
    assert "no cipher suite supported by both" in str(conversation.server.lost)


def test_cipher_suites_choose_for_tls_1_3(talk, server) -> None:
    options = server.options(cipher_suites=("TLS_CHACHA20_POLY1305_SHA256",))
    assert talk(options).server.details.cipher_suite == "TLS_CHACHA20_POLY1305_SHA256"


def test_insecure_suites_work_where_they_are_allowed_and_are_a_warning(talk, ca) -> None:
    classic = ca.issue("insecure", kind="rsa")
    suite = "TLS_RSA_WITH_AES_128_CBC_SHA"
    tls = talk.server_tls(classic.options(cipher_suites=(suite,)))
    assert tls.warnings == [f"tls: insecure cipher suites are enabled: {suite}"]
    conversation = talk(tls, version="1.2", ciphers="AES128-SHA:@SECLEVEL=0")
    assert conversation.server.details.cipher_suite == suite


def test_tls_1_3_takes_go_s_favourite(talk, server) -> None:
    assert talk(server.options()).server.details.cipher_suite == "TLS_AES_128_GCM_SHA256"


def test_only_tls_1_3_suites_mean_only_tls_1_3(talk, server) -> None:
    options = server.options(cipher_suites=("TLS_AES_128_GCM_SHA256",))
    assert talk(options, version="1.2").server.handshakes == 0
    assert talk(options, version="1.3").server.handshakes == 1


can_set_curves = pytest.mark.skipif(
    not hasattr(SSL._lib, "SSL_CTX_set1_curves_list"),
    reason="this version of cryptography cannot set curves",
)


def test_curves_need_a_cryptography_that_can_set_them(server, monkeypatch) -> None:
    monkeypatch.setattr(tls_module, "_SET_CURVES", "no_such_function")
    with pytest.raises(InvalidOption, match="curve_preferences needs a newer 'cryptography'"):
        ServerTls(server.options(curve_preferences=("CurveP256",)))
    assert ServerTls(server.options())


@can_set_curves
def test_curve_preferences_choose(talk, server) -> None:
    options = server.options(curve_preferences=("CurveP384",))
    assert talk(options, curve="secp384r1").server.handshakes == 1
    assert talk(options, curve="prime256v1").server.handshakes == 0


@pytest.mark.parametrize(
    ("setting", "message"),
    [
        ({"cipher_suites": ("TLS_NONE",)}, "tls: unrecognized cipher TLS_NONE"),
        ({"curve_preferences": ("P256",)}, "tls: unrecognized curve preference P256"),
        ({"min_version": "1.1"}, "tls: unsupported min_version '1.1'"),
    ],
)
def test_a_setting_that_cannot_be_is_refused(server, setting, message) -> None:
    with pytest.raises(InvalidOption) as caught:
        ServerTls(server.options(**setting))
    assert str(caught.value) == message


@can_set_curves
def test_a_curve_this_openssl_lacks_is_refused(server, monkeypatch) -> None:
    monkeypatch.setitem(ciphers.CURVES, "CurveP256", "no-such-group")
    with pytest.raises(InvalidOption, match=r"tls: curve_preferences: OpenSSL .* no-such-group"):
        ServerTls(server.options(curve_preferences=("CurveP256",)))


def test_a_chain_is_sent_along(talk, ca) -> None:
    middle = Authority(ca.directory, "server-middle", issuer=ca)
    issued = middle.issue("chained", chain=[middle.certificate])
    assert talk(issued.options()).server.handshakes == 1
    # without its chain nobody can tell who vouches for it
    alone = middle.issue("unchained")
    assert talk(alone.options()).server.handshakes == 0


def shown_to(conversation: Conversation) -> bytes:
    der = conversation.client.getpeercert(binary_form=True)
    assert der is not None
    return der


def test_certs_are_chosen_by_name(talk, ca) -> None:
    one = ca.issue("one", names=["one.example"])
    two = ca.issue("two", names=["two.example", "*.two.example"])
    options = TlsOptions(
        certs=tuple(CertificatePair(each.cert_file, each.key_file) for each in (one, two))
    )
    tls = talk.server_tls(options)
    assert shown_to(talk(tls, host="one.example")) == one.der
    assert shown_to(talk(tls, host="two.example")) == two.der
    assert shown_to(talk(tls, host="sub.two.example")) == two.der
    assert talk(tls, host="three.example").server.handshakes == 0
    # no name: the first
    assert shown_to(talk(tls, host="127.0.0.1")) == one.der


def test_certs_for_one_name_may_have_two_kinds_of_key(talk, ca) -> None:
    elliptic = ca.issue("elliptic")
    classic = ca.issue("classic", kind="rsa")
    options = TlsOptions(
        certs=tuple(CertificatePair(each.cert_file, each.key_file) for each in (elliptic, classic))
    )
    tls = talk.server_tls(options)
    rsa_only = talk(tls, version="1.2", ciphers="ECDHE-RSA-AES128-GCM-SHA256")
    assert shown_to(rsa_only) == classic.der
    assert shown_to(talk(tls)) == elliptic.der


def test_reload_gives_new_connections_the_new_certificate(talk, ca, server) -> None:
    tls = talk.server_tls(server.options())
    old = talk(tls)
    renewed = ca.issue("renewed")
    tls.reload(renewed.options())
    new = talk(tls)
    assert shown_to(old) == server.der
    assert shown_to(new) == renewed.der
    old.send(b"still here")
    assert old.server.received == b"still here"


def test_reload_reads_the_same_files_again(talk, tmp_path, ca) -> None:
    first = ca.issue("rotating")
    tls = talk.server_tls(first.options())
    # the same names, new contents
    second = ca.issue("rotating")
    assert shown_to(talk(tls)) == first.der
    tls.reload(tls.options)
    assert shown_to(talk(tls)) == second.der


def test_a_reload_that_fails_changes_nothing(talk, server, tmp_path) -> None:
    tls = talk.server_tls(server.options())
    with pytest.raises(InvalidOption, match="No such file"):
        tls.reload(TlsOptions(cert_file=str(tmp_path / "none"), key_file=server.key_file))
    with pytest.raises(InvalidOption, match="unrecognized cipher"):
        tls.reload(server.options(cipher_suites=("TLS_NONE",)))
    assert tls.options == server.options()
    assert shown_to(talk(tls)) == server.der


def test_reload_may_begin_to_verify(talk, server, client, ca) -> None:
    tls = talk.server_tls(server.options())
    assert talk(tls).server.handshakes == 1
    tls.reload(server.options(verify=True, ca_file=ca.cert_file))
    assert talk(tls).server.handshakes == 0
    assert talk(tls, certificate=client).server.handshakes == 1


def test_an_expired_certificate_is_a_warning(ca, server) -> None:
    expired = ca.expired()
    (warning,) = ServerTls(expired.options()).warnings
    assert "expired on" in warning
    assert expired.cert_file in warning
    assert ServerTls(server.options()).warnings == []


def test_the_first_certificate_to_expire_is_known(ca, server) -> None:
    early = ca.issue("early", days=(-1, 2))
    certs = tuple(CertificatePair(each.cert_file, each.key_file) for each in (server, early))
    tls = ServerTls(TlsOptions(certs=certs))
    expires = early.not_after
    assert tls.not_after == expires
    tls.reload(server.options())
    assert tls.not_after > expires


def test_whether_it_expired_is_asked_of_the_clock(server) -> None:
    later = dt.datetime(2100, 1, 1, tzinfo=dt.timezone.utc).timestamp()
    assert "expired" in ServerTls(server.options(), wall=lambda: later).warnings[0]
    assert "not valid before" in ServerTls(server.options(), wall=lambda: 0.0).warnings[0]


def test_pins_without_verify_are_a_warning(server, ca) -> None:
    pins = frozenset(["ab" * 32])
    (warning,) = ServerTls(server.options(pinned_certs=pins)).warnings
    assert "pinned_certs without verify" in warning
    verified = server.options(pinned_certs=pins, verify=True, ca_file=ca.cert_file)
    assert ServerTls(verified).warnings == []


def test_a_ca_file_that_cannot_be_used_is_refused(server, tmp_path) -> None:
    path = tmp_path / "ca.pem"
    path.write_text("nothing")
    for tls in (
        lambda: ServerTls(server.options(ca_file=str(path), verify=True)),
        lambda: ClientTls(TlsOptions(ca_file=str(path)), "localhost"),
    ):
        with pytest.raises(InvalidOption, match=r"ca_file .* holds no certificate in PEM"):
            tls()


def test_a_key_file_is_never_asked_for_its_passphrase(ca) -> None:
    locked = ca.issue("locked", passphrase=b"secret")
    with pytest.raises(InvalidOption, match="is encrypted"):
        ServerTls(locked.options())


def test_a_key_openssl_finds_too_weak_is_refused(ca, monkeypatch, server) -> None:
    def refuse(*args: object) -> None:
        raise SSL.Error([("SSL routines", "", "ee key too small")])

    monkeypatch.setattr(SSL.Context, "use_certificate_chain_file", refuse)
    with pytest.raises(InvalidOption, match=r"cannot use cert_file .*: ee key too small"):
        ServerTls(server.options())


def test_pyopenssl_before_25_2_chooses_tls_1_3_suites_too(talk, server, monkeypatch) -> None:
    monkeypatch.delattr(SSL.Context, "set_tls13_ciphersuites", raising=False)
    options = server.options(cipher_suites=("TLS_CHACHA20_POLY1305_SHA256",))
    assert talk(options).server.details.cipher_suite == "TLS_CHACHA20_POLY1305_SHA256"


def test_a_refused_curve_leaves_openssl_s_error_queue_empty(server, monkeypatch) -> None:
    monkeypatch.setitem(ciphers.CURVES, "CurveP256", "no-such-group")
    with pytest.raises(InvalidOption):
        ServerTls(server.options(curve_preferences=("CurveP256",)))
    assert SSL._lib.ERR_peek_error() == 0


def test_a_factory_may_be_inside_tls_from_the_first_byte(talk, server) -> None:
    recorder = Recorder()
    tls = talk.server_tls(server.options())
    layer = tls.wrap(Factory.forProtocol(lambda: recorder)).buildProtocol(None)
    transport = Closing()
    transport.protocol = layer
    layer.makeConnection(transport)
    incoming, outgoing = ssl.MemoryBIO(), ssl.MemoryBIO()
    client = client_context(talk.ca.cert_file).wrap_bio(
        incoming, outgoing, server_hostname="localhost"
    )
    for _ in range(3):
        with contextlib.suppress(ssl.SSLWantReadError):
            client.do_handshake()
        if outgoing.pending:
            layer.dataReceived(outgoing.read())
        talk.clock.advance(0)
        incoming.write(transport.value())
        transport.clear()
    client.write(b"GET / HTTP/1.1")
    layer.dataReceived(outgoing.read())
    assert recorder.received == b"GET / HTTP/1.1"


def test_one_adopts_what_another_was_made_as(talk, server) -> None:
    """A reload makes a new one first, and takes it over when nothing can fail any more."""
    old = talk.server_tls(server.options())
    new = talk.server_tls(talk.ca.issue("other", days=(-1, 3)).options(timeout=5.0))
    assert old.not_after != new.not_after
    old.adopt(new)
    assert (old.not_after, old.options, old.warnings) == (new.not_after, new.options, new.warnings)
