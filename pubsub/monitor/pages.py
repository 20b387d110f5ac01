"""From a path and a query string to an answer. Knows HTTP's words, not its bytes.

The status codes, headers and texts are those of nats-server 2.15. ``callback=`` (JSONP) is
what nats-server had up to 2.14; a name that is no JavaScript name is ignored.
"""

from __future__ import annotations

import posixpath
import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field

from twisted.logger import Logger

from pubsub._version import VERSION
from pubsub.errors import BadMonitorQuery, go_quote
from pubsub.monitor.accountz import accountz
from pubsub.monitor.accstatz import accstatz
from pubsub.monitor.connz import ConnzOptions, connz
from pubsub.monitor.gatewayz import GatewayzOptions, gatewayz
from pubsub.monitor.goformat import compact, indented
from pubsub.monitor.healthz import HealthzOptions, healthz
from pubsub.monitor.index import index
from pubsub.monitor.leafz import LeafzOptions, leafz
from pubsub.monitor.query import Query
from pubsub.monitor.routez import RoutezOptions, routez
from pubsub.monitor.state import IServerState
from pubsub.monitor.subsz import SubszOptions, subsz
from pubsub.monitor.varz import varz

__all__ = ["Answer", "Pages", "normal_base_path"]

_TEXT = "text/plain; charset=utf-8"
_HTML = "text/html; charset=utf-8"
#: The index shows nothing but itself.
_POLICY = "default-src 'none'; style-src 'unsafe-inline'; base-uri 'none'; frame-ancestors 'none'"
_CALLBACK = re.compile(r"[A-Za-z_$][\w$.]{0,127}\Z", re.ASCII)


@dataclass(frozen=True)
class Answer:
    """What is sent back."""

    code: int
    body: bytes
    content_type: str
    headers: Mapping[str, str] = field(default_factory=dict)


class Pages:
    """The pages of one server.

    :param state: the server.
    :param base_path: ``http_base_path``: the prefix of all paths, ``""`` for none.
    """

    _log = Logger()

    def __init__(self, state: IServerState, base_path: str = "") -> None:
        self._state = state
        self._base = normal_base_path(base_path)
        pages: dict[str, Callable[[Query], Answer]] = {
            "/varz": self._varz,
            "/connz": self._connz,
            "/routez": self._routez,
            "/gatewayz": self._gatewayz,
            "/leafz": self._leafz,
            "/subsz": self._subsz,
            "/subscriptionsz": self._subsz,
            "/healthz": self._healthz,
            "/accountz": self._accountz,
            "/accstatz": self._accstatz,
        }
        self._pages = {posixpath.join(self._base, name[1:]): page for name, page in pages.items()}
        self._pages[self._base] = self._index

    def answer(self, path: str, query: bytes) -> Answer:
        """The answer to a GET request.

        :param path: decoded.
        :param query: as it was sent.
        """
        page = self._pages.get(path)
        if page is None:
            return Answer(
                404, b"404 page not found\n", _TEXT, {"X-Content-Type-Options": "nosniff"}
            )
        try:
            return page(Query(query))
        except BadMonitorQuery as error:
            return Answer(400, str(error).encode("utf-8", "replace"), _TEXT)

    def _count(self, page: str) -> None:
        requests = self._state.http_requests
        requests[page] = requests.get(page, 0) + 1

    def _index(self, query: Query) -> Answer:
        self._count("/")
        info = self._state.info
        version = f"pubsub {VERSION}, compatible with nats-server {info.version}"
        page = index(info.server_name, version, self._base)
        headers = {"Content-Security-Policy": _POLICY, "X-Content-Type-Options": "nosniff"}
        return Answer(200, page.encode("utf-8", "replace"), _HTML, headers)

    def _varz(self, query: Query) -> Answer:
        self._count("/varz")
        return _json(200, indented(varz(self._state)), query)

    def _connz(self, query: Query) -> Answer:
        options = ConnzOptions.from_query(query)
        self._count("/connz")
        return _json(200, indented(connz(self._state, options)), query)

    def _routez(self, query: Query) -> Answer:
        options = RoutezOptions.from_query(query)
        self._count("/routez")
        return _json(200, indented(routez(self._state, options)), query)

    def _gatewayz(self, query: Query) -> Answer:
        self._count("/gatewayz")
        options = GatewayzOptions.from_query(query)
        return _json(200, indented(gatewayz(self._state, options)), query)

    def _leafz(self, query: Query) -> Answer:
        self._count("/leafz")
        return _json(200, indented(leafz(self._state, LeafzOptions.from_query(query))), query)

    def _subsz(self, query: Query) -> Answer:
        self._count("/subsz")
        return _json(200, indented(subsz(self._state, SubszOptions.from_query(query))), query)

    def _accountz(self, query: Query) -> Answer:
        self._count("/accountz")
        return _json(200, indented(accountz(self._state, query.text("acc"))), query)

    def _accstatz(self, query: Query) -> Answer:
        self._count("/accstatz")
        return _json(200, indented(accstatz(self._state, query)), query)

    def _healthz(self, query: Query) -> Answer:
        self._count("/healthz")
        health = healthz(self._state, HealthzOptions.from_query(query))
        if "error" in health.page:
            quoted = go_quote(health.page["error"].encode())
            self._log.warn("Healthcheck failed: {error}", error=quoted)
        elif "errors" in health.page:
            count = len(health.page["errors"])
            self._log.warn("Healthcheck failed: {count} errors", count=count)
        return _json(health.code, compact(health.page), query)


def normal_base_path(path: str) -> str:
    """``http_base_path`` with a slash before it and none behind; ``/`` for none."""
    return "/" + posixpath.normpath(f"/{path}").strip("/")


def _json(code: int, body: bytes, query: Query) -> Answer:
    callback = query.text("callback")
    if _CALLBACK.match(callback):
        script = b"%b(%b)" % (callback.encode(), body)
        headers = {"X-Content-Type-Options": "nosniff"}
        return Answer(code, script, "application/javascript", headers)
    return Answer(code, body, "application/json", {"Access-Control-Allow-Origin": "*"})
