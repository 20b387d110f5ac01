from __future__ import annotations

import pytest

from pubsub.auth.known_urls import is_known_server, matches_known_urls
from pubsub.errors import AuthenticationFailed
from tests.auth.certificates import certificate

URLS = ("nats-route://a.example.com:6222", "b.example.com:6222", "nats://user:pass@C.Example.com")


@pytest.mark.parametrize(
    ("name", "result"),
    [
        ("a.example.com", True),
        ("A.EXAMPLE.com", True),
        ("b.example.com", True),
        ("c.example.com", True),
        ("d.example.com", False),
        ("*.example.com", True),
        ("*.com", False),
        ("*.a.example.com", False),
        ("a.*.com", False),
        ("a*.example.com", False),
        ("*", False),
        ("", False),
        ("example.com", False),
        ("a.example.com.", False),
    ],
)
def test_the_name_of_a_url(name, result):
    assert matches_known_urls(name, URLS) is result


@pytest.mark.parametrize(
    ("name", "url", "result"),
    [
        ("localhost", "localhost:6222", True),
        ("*", "localhost:6222", True),
        ("::1", "nats-route://[::1]:6222", True),
        ("x", "nats-route://[bad:6222", False),
        ("x", "", False),
    ],
)
def test_unusual_urls(name, url, result):
    assert matches_known_urls(name, [url]) is result


def test_certificates_of_servers():
    assert is_known_server(certificate(dns=["x.org", "b.example.com"]), URLS)
    assert is_known_server(certificate(dns=["*.example.com"]), URLS)
    assert not is_known_server(certificate(dns=["x.org"]), URLS)
    assert not is_known_server(certificate(emails=["a@b.example.com"]), URLS)
    assert not is_known_server(certificate(dns=["b.example.com"]), [])


def test_certificates_of_the_user_that_links_have():
    assert is_known_server(certificate(emails=["route@x.org"]), URLS, user="route@x.org")
    assert is_known_server(certificate([("CN", "route")]), [], user="CN=route")
    assert not is_known_server(certificate([("CN", "route")]), [], user="route")
    assert not is_known_server(certificate([("CN", "route")]), URLS)


def test_a_certificate_that_cannot_be_read():
    with pytest.raises(AuthenticationFailed):
        is_known_server(b"\x30\x03\x02\x01\x01", URLS)
