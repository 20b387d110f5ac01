"""Certificate files that are there, missing, broken or not each other's."""

from __future__ import annotations

from pathlib import Path

import pytest

from pubsub.config.options import CertificatePair, TlsOptions
from pubsub.errors import InvalidOption
from pubsub.transport.certificates import (
    covers,
    load_authorities,
    load_pair,
    load_pairs,
    server_names,
)
from tests.certs import Authority, Issued


@pytest.fixture(scope="module")
def ca(tmp_path_factory: pytest.TempPathFactory) -> Authority:
    return Authority(tmp_path_factory.mktemp("ca"))


@pytest.fixture(scope="module")
def server(ca: Authority) -> Issued:
    return ca.issue("server", names=["localhost", "*.Example.ORG"], addresses=["192.0.2.1", "::1"])


@pytest.mark.parametrize("kind", ["ec", "rsa"])
def test_a_pair_is_read(ca, kind) -> None:
    issued = ca.issue(f"pair-{kind}", kind=kind)
    pair = load_pair(issued.cert_file, issued.key_file)
    assert pair.certificate == issued.certificate
    assert (pair.cert_file, pair.key_file) == (issued.cert_file, issued.key_file)


def test_kinds_of_key_are_told_apart(ca, server) -> None:
    classic = ca.issue("classic", kind="rsa")
    other = ca.issue("other")
    kinds = [load_pair(each.cert_file, each.key_file).kind for each in (server, classic, other)]
    assert kinds[0] == kinds[2] != kinds[1]


def test_the_first_certificate_of_a_file_is_ours(ca) -> None:
    chained = ca.issue("chained", chain=[ca.certificate])
    assert load_pair(chained.cert_file, chained.key_file).certificate == chained.certificate


def test_a_missing_file_is_named(server, tmp_path) -> None:
    missing = str(tmp_path / "none.pem")
    with pytest.raises(InvalidOption) as caught:
        load_pair(missing, server.key_file)
    assert str(caught.value) == f"tls: cannot read cert_file '{missing}': No such file or directory"
    with pytest.raises(InvalidOption, match="cannot read key_file"):
        load_pair(server.cert_file, missing)
    with pytest.raises(InvalidOption, match="cannot read ca_file"):
        load_authorities(missing)


def test_a_directory_is_no_file(tmp_path, server) -> None:
    with pytest.raises(InvalidOption, match="Is a directory"):
        load_pair(str(tmp_path), server.key_file)


@pytest.mark.parametrize("text", ["", "hello", "-----BEGIN CERTIFICATE-----\nAAAA\n"])
def test_what_is_no_certificate_is_refused(server, tmp_path, text) -> None:
    path = tmp_path / "odd.pem"
    path.write_text(text)
    with pytest.raises(InvalidOption, match=r"cert_file .*odd\.pem.* holds no certificate in PEM"):
        load_pair(str(path), server.key_file)
    with pytest.raises(InvalidOption, match=r"ca_file .*odd\.pem.* holds no certificate in PEM"):
        load_authorities(str(path))


def test_what_is_no_key_is_refused(server) -> None:
    with pytest.raises(InvalidOption, match="holds no private key in PEM"):
        load_pair(server.cert_file, server.cert_file)


def test_an_encrypted_key_is_refused(ca) -> None:
    locked = ca.issue("locked", passphrase=b"secret")
    with pytest.raises(InvalidOption, match="is encrypted: decrypt it"):
        load_pair(locked.cert_file, locked.key_file)


def test_a_key_must_belong_to_its_certificate(ca, server) -> None:
    other = ca.issue("stranger")
    with pytest.raises(InvalidOption, match="private key does not match public key") as caught:
        load_pair(server.cert_file, other.key_file)
    assert server.cert_file in str(caught.value)
    assert other.key_file in str(caught.value)


def test_certificate_and_key_may_share_a_file(ca, tmp_path) -> None:
    issued = ca.issue("shared")
    both = tmp_path / "both.pem"
    both.write_bytes(Path(issued.cert_file).read_bytes() + Path(issued.key_file).read_bytes())
    assert load_pair(str(both), str(both)).certificate == issued.certificate


@pytest.mark.parametrize(
    ("options", "message"),
    [
        (TlsOptions(cert_file="c"), "missing 'key_file' in TLS configuration"),
        (TlsOptions(key_file="k"), "missing 'cert_file' in TLS configuration"),
        (
            TlsOptions(cert_file="c", key_file="k", certs=(CertificatePair("c", "k"),)),
            "tls: 'cert_file' and 'certs' cannot be combined",
        ),
        (TlsOptions(), "tls: a listener needs 'cert_file' and 'key_file', or 'certs'"),
    ],
)
def test_a_listener_needs_exactly_one_way_to_its_certificates(options, message) -> None:
    with pytest.raises(InvalidOption) as caught:
        load_pairs(options)
    assert str(caught.value) == message


def test_several_pairs_are_read_in_order(ca, server) -> None:
    other = ca.issue("second")
    certs = tuple(CertificatePair(each.cert_file, each.key_file) for each in (other, server))
    pairs = load_pairs(TlsOptions(certs=certs))
    assert [pair.certificate for pair in pairs] == [other.certificate, server.certificate]


def test_the_names_of_a_certificate(ca, server) -> None:
    assert server_names(server.certificate) == {"localhost", "*.example.org", "192.0.2.1", "::1"}
    assert server_names(ca.certificate) == frozenset()


@pytest.mark.parametrize(
    ("host", "expected"),
    [
        ("localhost", True),
        ("LocalHost.", True),
        ("192.0.2.1", True),
        ("::1", True),
        ("a.example.org", True),
        ("a.b.example.org", False),
        ("example.org", False),
        (".example.org", False),
        ("192.0.2.2", False),
        ("", False),
    ],
)
def test_whom_a_certificate_covers(server, host, expected) -> None:
    assert covers(server.certificate, host) is expected
