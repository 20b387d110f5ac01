"""The options whose meaning is more than a value."""

from __future__ import annotations

import pytest

from pubsub.config.build import configure
from pubsub.config.options import Options
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


def test_what_concerns_a_whole_block_is_told_at_the_block() -> None:
    token = Token({}, "f", 2, 3)
    finish_block("tls", token, {"tls.cert_file": "c", "tls.key_file": "k"})
    with pytest.raises(InvalidOption, match=r"f:2:3: missing 'key_file' in TLS configuration"):
        finish_block("tls", token, {"tls.cert_file": "c"})
