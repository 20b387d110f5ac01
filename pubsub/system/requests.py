"""Requests to the system account that are about the server: what it is asked, and answers.

``$SYS.REQ.SERVER.PING.<what>`` asks every server, ``$SYS.REQ.SERVER.<id>.<what>`` this one.
The answer is in an envelope that says whose it is: ``{"server": …, "data": …}`` or
``{"server": …, "error": {"code": …, "description": …}}`` (``zReq`` in nats-server's
``events.go``). What is about an account or a user is in
:mod:`pubsub.system.account_requests`.
"""

from __future__ import annotations

import gzip
from collections.abc import Callable, Mapping
from typing import TYPE_CHECKING, Any, Protocol

from twisted.logger import Logger

from pubsub.client import control
from pubsub.errors import BadMonitorQuery, PubSubError
from pubsub.system.request_options import RequestError, concerns, read_options
from pubsub.wire.headers import build_headers, get_header
from pubsub.wire.info import go_json

if TYPE_CHECKING:
    from pubsub.client.context import ClientContext
    from pubsub.router.internal import InternalMessage
    from pubsub.system.bus import SystemBus
    from pubsub.system.statsz import Statsz

__all__ = ["Page", "ServerRequests", "SkipRequest", "ZRequests"]

_CID: Mapping[str, str] = {"cid": "uint64"}

_BAD_REQUEST = 400
_SERVER_ERROR = 500

#: Go's gzip compresses at its default; less is faster, and JSON shrinks to a tenth anyway.
_GZIP_LEVEL = 6


class Page(Protocol):
    """A monitoring page that can be asked for by message."""

    @property
    def struct(self) -> str:
        """What nats-server calls its options, for the texts of errors."""

    @property
    def fields(self) -> Mapping[str, str]:
        """The options by name, with their Go types."""

    def answer(self, options: Mapping[str, Any]) -> Any:
        """The page.

        :raises pubsub.errors.PubSubError: there is none; the text is for who asked.
        """


class SkipRequest(Exception):
    """This server has nothing to say to that request."""


class ZRequests:
    """Answers requests in envelopes.

    :param context: whose ``info`` and ``options`` say which requests are for this server.
    """

    _log = Logger()

    def __init__(self, bus: SystemBus, context: ClientContext) -> None:
        self.bus = bus
        self.context = context

    def answer(
        self,
        message: InternalMessage,
        struct: str,
        fields: Mapping[str, str],
        make: Callable[[Mapping[str, Any]], Any],
        *,
        shows: bool = True,
    ) -> None:
        """Answer ``message`` with what ``make`` makes of its options.

        ``make`` may raise :class:`SkipRequest` to be silent, and :class:`PubSubError`; a
        result of ``None`` is an empty answer.

        :param shows: there is something to show, as a rule; where there is not, because of an
            error, nats-server says so: ``"data":null``.
        """
        if not message.reply:
            return
        body: dict[str, Any]
        code = _BAD_REQUEST
        try:
            asked = read_options(message.payload, fields, struct)
            if not concerns(asked, self.context.info.info, self.context.options):
                return
            code = _SERVER_ERROR
            data = make(asked)
        except SkipRequest:
            return
        except (RequestError, PubSubError) as error:
            nothing = {"data": None} if shows and code == _SERVER_ERROR else {}
            body = {**nothing, "error": {"code": code, "description": str(error)}}
        except Exception:  # noqa: BLE001  who asked is told that it failed, and no more
            self._log.failure("Error answering {subject}", subject=message.subject.decode())
            body = {"error": {"code": _SERVER_ERROR, "description": "internal server error"}}
        else:
            body = {} if data is None else {"data": data}
        self.respond(message, body, compress="error" not in body)

    def respond(
        self, message: InternalMessage, body: Mapping[str, Any], compress: bool = True
    ) -> None:
        """Send ``body`` in an envelope."""
        payload = go_json({"server": self.bus.stamp(), **body})
        encoding = _encoding(message.headers) if compress and message.headers else b""
        if encoding == b"gzip":
            payload = gzip.compress(payload, _GZIP_LEVEL)
        headers = build_headers([(b"Content-Encoding", encoding)]) if encoding else b""
        self.bus.answer(message.reply, payload, headers)


def _encoding(headers: bytes) -> bytes:
    """How to send the answer: ``b""`` where nobody cares.

    nats-server also knows snappy; who accepts only that gets plain text, and is told so.
    """
    wanted = (get_header(headers, b"Accept-Encoding") or b"").lower()
    if not wanted:
        return b""
    return b"gzip" if b"gzip" in wanted else b"identity"


class ServerRequests:
    """The requests about the server itself.

    :param pages: by the last token of their subject (``CONNZ``).
    :param reload: reads the configuration again; raises :class:`PubSubError`.
    """

    def __init__(
        self,
        requests: ZRequests,
        statsz: Statsz,
        pages: Mapping[str, Page],
        reload: Callable[[], None],
    ) -> None:
        self._requests = requests
        self._statsz = statsz
        self._pages = pages
        self._reload = reload

    def start(self) -> None:
        """Listen."""
        bus = self._requests.bus
        own = f"$SYS.REQ.SERVER.{bus.server.server_id}"
        bus.client.subscribe(b"$SYS.REQ.SERVER.PING", self._statsz_asked)
        answers: dict[str, Callable[[InternalMessage], None]] = {
            "IDZ": self._idz,
            "STATSZ": self._statsz_asked,
            **{name: self._page(page) for name, page in self._pages.items()},
        }
        for name, answer in answers.items():
            bus.client.subscribe(f"$SYS.REQ.SERVER.PING.{name}".encode(), answer)
            bus.client.subscribe(f"{own}.{name}".encode(), answer)
        bus.client.subscribe(f"{own}.RELOAD".encode(), self._reload_asked)
        bus.client.subscribe(f"{own}.KICK".encode(), self._kick_asked)
        bus.client.subscribe(f"{own}.LDM".encode(), self._lame_duck_asked)

    def _page(self, page: Page) -> Callable[[InternalMessage], None]:
        def answer(message: InternalMessage) -> None:
            self._requests.answer(message, page.struct, page.fields, page.answer)

        return answer

    def _idz(self, message: InternalMessage) -> None:
        if not message.reply:
            return
        info = self._requests.context.info.info
        about = {"name": info.server_name, "host": info.host, "id": info.server_id}
        self._requests.bus.answer(message.reply, go_json(about))

    def _statsz_asked(self, message: InternalMessage) -> None:
        """The figures: to who asks, or to everybody if there is no reply subject."""
        context = self._requests.context
        try:
            asked = read_options(message.payload, {}, "StatszEventOptions")
        except RequestError as error:
            if message.reply:
                body = {"error": {"code": _BAD_REQUEST, "description": str(error)}}
                self._requests.respond(message, body, compress=False)
            return
        if not concerns(asked, context.info.info, context.options):
            return
        if message.reply:
            self._statsz.send(message.reply.decode("utf-8", "surrogateescape"))
        else:
            self._statsz.send_at_once()

    def _reload_asked(self, message: InternalMessage) -> None:
        self._requests.answer(
            message, "EventFilterOptions", {}, lambda asked: self._reload(), shows=False
        )

    def _kick_asked(self, message: InternalMessage) -> None:
        """Close one connection."""

        def kick(asked: Mapping[str, Any]) -> None:
            if not control.kick(self._requests.context, asked.get("cid", 0)):
                raise BadMonitorQuery("no such client or leafnode id")

        self._requests.answer(message, "KickClientReq", _CID, kick, shows=False)

    def _lame_duck_asked(self, message: InternalMessage) -> None:
        """Tell one connection to go elsewhere."""

        def lame_duck(asked: Mapping[str, Any]) -> None:
            cid, context = asked.get("cid", 0), self._requests.context
            if cid not in context.registry.open:
                raise BadMonitorQuery("no such client id")
            if not control.lame_duck_one(context, cid):
                raise BadMonitorQuery(
                    "client does not support Lame Duck Mode or is not ready to receive the"
                    " notification"
                )

        self._requests.answer(message, "LDMClientReq", _CID, lame_duck, shows=False)
