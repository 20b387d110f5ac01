"""tls blocks."""

from __future__ import annotations

import pytest

from pubsub.config.build import configure
from pubsub.config.options import CertificatePair, Options, ResolverOptions, TlsOptions
from pubsub.config.parser import Token
from pubsub.config.special_tls import READERS, finish_tls, read_tls
from pubsub.config.table import children
from pubsub.errors import ConfigErrors, InvalidOption


def options(text: str) -> Options:
    return configure(text=text).options


def test_a_block_becomes_options_and_prolongs_the_time_to_connect() -> None:
    given = options(
        'tls { cert_file: c, key_file: k, ca_file: a, verify: on, insecure: on, timeout: "4s", '
        f'min_version: "1.3", pinned_certs: [ {"A" * 64} ], connection_rate_limit: 5, '
        "cipher_suites: [ TLS_AES_128_GCM_SHA256 ], curve_preferences: [ X25519 ] }"
    )
    assert given.tls == TlsOptions(
        cert_file="c", key_file="k", ca_file="a", verify=True, insecure=True, timeout=4.0,
        min_version="1.3", pinned_certs=frozenset({"a" * 64}), connection_rate_limit=5,
        cipher_suites=("TLS_AES_128_GCM_SHA256",), curve_preferences=("X25519",),
    )  # fmt: skip
    assert given.authorization.timeout == 5.0


def test_an_explicit_time_to_connect_stays() -> None:
    text = "tls { cert_file: c, key_file: k }; authorization { timeout: 7 }"
    assert options(text).authorization.timeout == 7.0


@pytest.mark.parametrize(
    ("value", "expected"),
    [
        ("true", True),
        ("off", False),
        ('"on"', True),
        ('"false"', False),
        ("auto", 0.05),
        ("AUTO_FALLBACK", 0.05),
        ('"300ms"', 0.3),
        ('"0s"', True),
        ('"-1s"', True),
    ],
)
def test_handshake_first_is_a_switch_or_a_time(value: str, expected: object) -> None:
    tls = options(f"tls {{ handshake_first: {value} }}").tls
    assert tls is not None
    assert tls.handshake_first == expected
    assert type(tls.handshake_first) is type(expected)


def test_several_certificates() -> None:
    tls = options("tls { certs: [ {cert_file: a, key_file: b}, {key_file: d, cert_file: c} ] }")
    assert tls.tls == TlsOptions(certs=(CertificatePair("a", "b"), CertificatePair("c", "d")))


def test_taking_the_user_from_the_certificate_needs_one() -> None:
    tls = options("tls { verify_and_map: true }").tls
    assert tls == TlsOptions(verify=True, verify_and_map=True)
    assert options("tls { verify_and_map: false }").tls == TlsOptions()
    # in any order, as nats-server turns verify on with it
    assert options("tls { verify_and_map: true, verify: false }").tls == tls


def test_known_urls_are_not_those_of_clients() -> None:
    with pytest.raises(InvalidOption) as caught:
        options("tls { verify_cert_and_check_known_urls: true }")
    assert caught.value.message == "verify_cert_and_check_known_urls not supported in this context"
    assert options("tls { verify_cert_and_check_known_urls: false }").tls == TlsOptions()


def test_another_block_is_read_like_the_first() -> None:
    text = """
        resolver: URL(https://h/accounts)
        resolver_tls { ca_file: ca, Timeout: 3, min_version: "1.3", first: auto,
            certs: [ { cert_file: c, key_file: k } ] }
    """
    tls = TlsOptions(
        ca_file="ca",
        timeout=3.0,
        min_version="1.3",
        handshake_first=0.05,
        certs=(CertificatePair("c", "k"),),
    )
    assert options(text).resolver == ResolverOptions("url", url="https://h/accounts/", tls=tls)
    assert options(text).tls is None


def test_everything_that_is_wrong_with_another_block_is_told() -> None:
    with pytest.raises(ConfigErrors) as caught:
        options("resolver_tls { verify: 1, foo: 2, ocsp_peer: true, cipher_suites: [] }")
    assert len(caught.value.errors) == 4
    with pytest.raises(InvalidOption, match="missing 'key_file' in TLS configuration"):
        options("resolver_tls { cert_file: c }")
    with pytest.raises(InvalidOption, match="resolver_tls must be a block"):
        options("resolver_tls: 5")


def test_a_time_of_zero_is_the_default() -> None:
    tls = read_tls("resolver_tls", Token({"timeout": Token(0)}), lambda token, reason: None)
    assert tls == TlsOptions()


def test_every_reader_is_of_an_option() -> None:
    names = {f"tls.{row.name}" for row in children("tls").values()}
    assert set(READERS) <= names


def test_certificate_and_key_belong_together() -> None:
    token = Token({}, "f", 2, 3)
    finish_tls(token, {"tls.cert_file": "c", "tls.key_file": "k"})
    with pytest.raises(InvalidOption, match=r"f:2:3: missing 'cert_file'"):
        finish_tls(token, {"tls.key_file": "k"})
