"""The monitoring port's HTTP: a ``twisted.web`` site with the one resource there is.

It says nothing of what it is made with, keeps no request body, and writes its access log
for those who debug.
"""

from __future__ import annotations

from typing import Any
from urllib.parse import unquote

from twisted.internet.interfaces import IReactorTime
from twisted.logger import Logger
from twisted.web.resource import Resource
from twisted.web.server import Request, Site

from pubsub.monitor.pages import Answer, Pages
from pubsub.monitor.state import IServerState

__all__ = ["MonitorRequest", "MonitorResource", "MonitorSite", "monitor_site"]

#: No page takes a body. Some clients send a small one all the same, and that is all right.
_MAX_BODY_BYTES = 64 * 1024
#: Seconds a connection may be silent. Those who poll every minute keep theirs.
_IDLE_SECONDS = 75


class MonitorRequest(Request):
    """A request whose body is thrown away as it comes."""

    _body_bytes = 0

    def gotLength(self, length: int | None) -> None:
        """The headers are there: make no room for what follows."""
        Request.gotLength(self, 0)

    def handleContentChunk(self, data: bytes) -> None:
        """A piece of the body: too much of it ends the connection."""
        fits = self._body_bytes <= _MAX_BODY_BYTES
        self._body_bytes += len(data)
        if fits and self._body_bytes > _MAX_BODY_BYTES and self.channel is not None:
            self.channel.loseConnection()


class MonitorResource(Resource):
    """All the pages."""

    isLeaf = True
    _log = Logger()

    def __init__(self, pages: Pages) -> None:
        Resource.__init__(self)
        self._pages = pages

    def render(self, request: Any) -> bytes:
        """Answer GET and HEAD; other methods get 405."""
        request.responseHeaders.removeHeader(b"server")
        if request.method not in (b"GET", b"HEAD"):
            answer = Answer(
                405, b"Method Not Allowed\n", "text/plain; charset=utf-8", {"Allow": "GET, HEAD"}
            )
        else:
            answer = self._answer(request)
        request.setResponseCode(answer.code)
        request.setHeader("Content-Type", answer.content_type)
        for name, value in answer.headers.items():
            request.setHeader(name, value)
        request.setHeader("Content-Length", str(len(answer.body)))
        return b"" if request.method == b"HEAD" else answer.body

    def _answer(self, request: Any) -> Answer:
        path = unquote(request.path.decode("ascii", "replace"), errors="replace")
        _, _, query = request.uri.partition(b"?")
        try:
            return self._pages.answer(path, query)
        except Exception:  # noqa: BLE001  Twisted would show its own error page, banner and all
            self._log.failure("Error answering a monitoring request for {path}", path=path)
            return Answer(500, b"Internal Server Error\n", "text/plain; charset=utf-8")


class MonitorSite(Site):
    """The factory of the monitoring port.

    :param clock: keeps the timeouts.
    """

    _log = Logger()

    def __init__(self, resource: MonitorResource, clock: IReactorTime) -> None:
        Site.__init__(
            self, resource, requestFactory=MonitorRequest, timeout=_IDLE_SECONDS, reactor=clock
        )

    def startFactory(self) -> None:
        """Nothing to start: the base class would keep a clock for an access log."""

    def stopFactory(self) -> None:
        """Nothing to stop."""

    def log(self, request: Any) -> None:
        """One line for each request, for debugging."""
        self._log.debug(
            "monitoring: {client} {method} {uri} {code}",
            client=_host_port(request.getClientAddress()),
            method=request.method.decode("ascii", "replace"),
            uri=request.uri.decode("ascii", "backslashreplace"),
            code=request.code,
        )


def _host_port(address: Any) -> str:
    host, port = getattr(address, "host", ""), getattr(address, "port", 0)
    return f"[{host}]:{port}" if ":" in host else f"{host}:{port}"


def monitor_site(state: IServerState, clock: IReactorTime) -> MonitorSite:
    """The site for ``http_port`` or ``https_port`` of the server ``state`` shows."""
    pages = Pages(state, state.options.http_base_path)
    return MonitorSite(MonitorResource(pages), clock)
