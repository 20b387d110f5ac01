"""The options whose meaning is more than a value."""

from __future__ import annotations

import pytest

from pubsub.config.build import configure
from pubsub.config.options import (
    AuthorizationOptions,
    CertificatePair,
    MappingEntry,
    Options,
    TlsOptions,
    WeightedDestination,
)
from pubsub.config.parser import Token
from pubsub.config.special import finish_block, special
from pubsub.config.table import TABLE
from pubsub.errors import InvalidOption


def options(text: str) -> Options:
    return configure(text=text).options


def test_they_are_options() -> None:
    paths = {row.path for row in TABLE}
    found = {path for path in paths if special(path) is not None}
    assert {"listen", "tls.certs", "mappings"} <= found
    assert special("no.such.option") is None


class TestListening:
    @pytest.mark.parametrize(
        ("text", "host", "port", "listen", "dont_listen"),
        [
            ("listen: 5", "0.0.0.0", 5, (), False),
            ("listen: h:5", "h", 5, (), False),
            ('listen: "[::1]:5"', "::1", 5, (), False),
            ('listen: ":5"', "0.0.0.0", 5, (), False),
            ("listen: h:-1", "h", -1, (), False),
            ("listen: [ 5 , h:6 ]", "0.0.0.0", 5, ("h:6",), False),
            ('listen: [ h:5, ":6", "[::1]:7" ]', "h", 5, (":6", "[::1]:7"), False),
            ('listen: "unix:/run/n.sock"', "0.0.0.0", 4222, ("unix:/run/n.sock",), True),
            (
                'listen: [ "unix:/run/n.sock", h:5 ]',
                *("h", 5, ("unix:/run/n.sock",), False),
            ),
            (
                'listen: "tcp6:4222:interface=\\\\:\\\\:1"',
                *("0.0.0.0", 4222, ("tcp6:4222:interface=\\:\\:1",), True),
            ),
            ('listen: "onion:80:dir=/x"', "0.0.0.0", 4222, ("onion:80:dir=/x",), True),
            ('listen: "unix:/x"; port: 5', "0.0.0.0", 5, ("unix:/x",), False),
        ],
    )
    def test_listen_takes_addresses_endpoints_and_lists_of_both(
        self, text: str, host: str, port: int, listen: tuple[str, ...], dont_listen: bool
    ) -> None:
        given = options(text)
        assert (given.host, given.port, given.listen) == (host, port, listen)
        assert given.dont_listen is dont_listen

    def test_monitoring_has_an_address_of_its_own(self) -> None:
        given = options('http: "h:1"')
        assert (given.http_host, given.http_port, given.https_port) == ("h", 1, 0)
        given = options("https: 2; tls { cert_file: c, key_file: k }")
        assert (given.http_host, given.http_port, given.https_port) == ("", 0, 2)


class TestTls:
    def test_a_block_becomes_options_and_prolongs_the_time_to_connect(self) -> None:
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

    def test_an_explicit_time_to_connect_stays(self) -> None:
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
    def test_handshake_first_is_a_switch_or_a_time(self, value: str, expected: object) -> None:
        tls = options(f"tls {{ handshake_first: {value} }}").tls
        assert tls is not None
        assert tls.handshake_first == expected
        assert type(tls.handshake_first) is type(expected)

    def test_several_certificates(self) -> None:
        tls = options("tls { certs: [ {cert_file: a, key_file: b}, {key_file: d, cert_file: c} ] }")
        assert tls.tls == TlsOptions(certs=(CertificatePair("a", "b"), CertificatePair("c", "d")))


def test_mappings_keep_their_order_weights_and_clusters() -> None:
    text = 'mappings { foo: bar, "a.*": [ {dest: "x.$1", weight: 30%}, '
    text += "{destination: y, weight: 70, cluster: c} ], b: {dest: z, weight: 0} }"
    assert options(text).mappings == (
        MappingEntry("foo", (WeightedDestination("bar", 100),)),
        MappingEntry("a.*", (WeightedDestination("x.$1", 30), WeightedDestination("y", 70, "c"))),
        MappingEntry("b", (WeightedDestination("z", 0),)),
    )


def test_authorization_may_name_a_plugin_with_options_of_its_own() -> None:
    given = options("authorization { plugin: ldap, options { url: x, n: [ 1 ], deep { a: b } } }")
    assert given.authorization == AuthorizationOptions(
        plugin="ldap", options={"url": "x", "n": [1], "deep": {"a": "b"}}
    )


def test_what_concerns_a_whole_block_is_told_at_the_block() -> None:
    token = Token({}, "f", 2, 3)
    finish_block("tls", token, {"tls.cert_file": "c", "tls.key_file": "k"})
    with pytest.raises(InvalidOption, match=r"f:2:3: missing 'key_file' in TLS configuration"):
        finish_block("tls", token, {"tls.cert_file": "c"})
