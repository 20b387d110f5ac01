"""Addresses of servers, and the URLs that clients are told."""

from __future__ import annotations

from collections.abc import Iterable
from urllib.parse import urlsplit

__all__ = ["ClientUrls", "split_advertised"]


def split_advertised(text: str, port: int) -> tuple[str, int]:
    """Host and port of ``advertise``: ``host`` or ``host:port``; without one it is ``port``.

    :raises ValueError: it is neither.
    """
    parts = urlsplit(f"//{text.strip()}")
    if not parts.hostname or parts.path or parts.username:
        raise ValueError("advertise is host or host:port")
    return parts.hostname, parts.port or port


class ClientUrls:
    """Where clients may connect to: this server's own URLs, and those of each other server.

    Two servers may name the same one: it goes when the last of them does.
    """

    def __init__(self) -> None:
        self.own: tuple[str, ...] = ()
        self._others: dict[str, int] = {}
        #: other servers have told of theirs at least once: from then on clients are told
        self._ever = False

    def add(self, urls: Iterable[str]) -> bool:
        """A server has these; whether the list has changed."""
        changed = False
        for url in urls:
            count = self._others.get(url, 0)
            self._others[url] = count + 1
            changed = changed or not count
        self._ever = self._ever or changed
        return changed

    def remove(self, urls: Iterable[str]) -> bool:
        """It has them no longer, or is gone; whether the list has changed."""
        changed = False
        for url in urls:
            count = self._others.get(url, 0)
            if count > 1:
                self._others[url] = count - 1
            elif count:
                del self._others[url]
                changed = True
        return changed

    def all(self, *, leaving: bool = False) -> tuple[str, ...]:
        """What INFO tells clients: our own first. Nothing before there was another server.

        :param leaving: without our own: this server is about to go.
        """
        own = () if leaving or not self._ever else self.own
        return tuple(dict.fromkeys([*own, *self._others]))
