"""Other clusters: where their servers are."""

from __future__ import annotations

import ipaddress
from collections.abc import Iterable
from random import Random
from typing import TYPE_CHECKING
from urllib.parse import urlsplit

from pubsub.cluster.hashes import old_hash, short_hash
from pubsub.config.options import GatewayUrl

if TYPE_CHECKING:
    from pubsub.config.options import GatewayOptions, RemoteGatewayOptions, TlsOptions

__all__ = ["MOST_REMOTES", "MOST_URLS", "Remote"]

#: More clusters, or servers of one, than that nobody has, and the lists would be filled on the
#: word of another server.
MOST_REMOTES = 1024
MOST_URLS = 1024


class Remote:
    """Another cluster.

    :param options: its entry in ``gateways``; ``None`` if another server told us of it.
    :ivar urls: of its servers, by ``host:port``: those of the configuration, and those it told.
    :ivar tls_name: whose certificate a server has to have whose address has no name.
    """

    def __init__(self, name: str, options: RemoteGatewayOptions | None = None) -> None:
        self.name = name
        self.hash = short_hash(name)
        self.old_hash = old_hash(name)
        self._options = options
        self.urls: dict[str, GatewayUrl] = {}
        self.tls_name = ""
        self.replace(())

    @property
    def implicit(self) -> bool:
        """It is not in ``gateways``."""
        return self._options is None

    def tls(self, gateway: GatewayOptions) -> TlsOptions | None:
        """For connecting there: its own block, or that of ``gateway``."""
        own = None
        for options in gateway.gateways:
            if options.name == self.name and not self.implicit:
                own = options.tls
        return own or gateway.tls

    def replace(self, addresses: Iterable[str]) -> None:
        """These are its servers now, and those of the configuration."""
        self.urls = {}
        for url in self._options.urls if self._options is not None else ():
            self._add(url)
        self.add(addresses)

    def add(self, addresses: Iterable[str]) -> None:
        """These are servers of it, too: ``host:port``. What is none is left out."""
        for address in addresses:
            if address not in self.urls and len(self.urls) < MOST_URLS:
                url = _parsed(address)
                if url is not None:
                    self._add(url)

    def _add(self, url: GatewayUrl) -> None:
        self.urls.setdefault(url.address, url)
        if not self.tls_name and not _is_address(url.host):
            self.tls_name = url.host

    def shuffled(self, random: Random) -> list[GatewayUrl]:
        """Its servers, in the order in which they will be tried."""
        urls = list(self.urls.values())
        random.shuffle(urls)
        return urls

    def hostname(self, url: GatewayUrl) -> str:
        """Whose certificate it has to be at ``url`` (nats-server: saveTLSHostname)."""
        if self.tls_name and _is_address(url.host):
            return self.tls_name
        return url.host


def _parsed(address: str) -> GatewayUrl | None:
    try:
        parts = urlsplit(f"//{address}")
        if parts.hostname and parts.port and not (parts.path or parts.username):
            return GatewayUrl(parts.hostname, parts.port)
    except ValueError:
        pass
    return None


def _is_address(host: str) -> bool:
    try:
        ipaddress.ip_address(host)
    except ValueError:
        return False
    return True
