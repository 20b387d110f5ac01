"""``verify_cert_and_check_known_urls``: a server may link up if its certificate names a URL
that is configured here, and ``verify_and_map``: or the user that links have.

For the links between servers; clients are mapped in :mod:`pubsub.auth.tlsmap`. The rules are
nats-server's ``dnsAltNameMatches``, which are those of RFC 6125, 6.4.1 and 6.4.3: the names
are compared label by label without regard to case, and a ``*`` stands for one whole label,
the first.
"""

from __future__ import annotations

from collections.abc import Iterable
from urllib.parse import urlsplit

from pubsub.auth.certnames import read_names

__all__ = ["is_known_server", "matches_known_urls"]


def matches_known_urls(dns_name: str, urls: Iterable[str]) -> bool:
    """Whether the DNS name of a certificate is that of one of the URLs.

    :param urls: ``nats-route://host:port`` or ``host:port``; those that cannot be read match
        nothing.
    """
    labels = dns_name.lower().split(".")
    first = 1 if labels[0] == "*" else 0
    for url in urls:
        host = _host(url).split(".")
        if len(host) == len(labels) and host[first:] == labels[first:]:
            return True
    return False


def is_known_server(certificate: bytes, urls: Iterable[str], user: str = "") -> bool:
    """Whether whoever showed that certificate may link up.

    :param certificate: DER.
    :param urls: those that are known; none if that is not asked for.
    :param user: whom certificates may name, too; ``""`` if they are not mapped.
    :raises pubsub.errors.AuthenticationFailed: the certificate cannot be read.
    """
    names = read_names(certificate)
    known = tuple(urls)
    if any(matches_known_urls(name, known) for name in names.dns_names):
        return True
    return bool(user) and user in (*names.alternative(), *names.written())


def _host(url: str) -> str:
    try:
        return (urlsplit(url if "//" in url else f"//{url}").hostname or "").lower()
    except ValueError:
        return ""
