"""Requests to the system account about accounts and users.

``$SYS.REQ.ACCOUNT.<account>.<what>`` and ``$SYS.REQ.USER.<account>.INFO`` are the subjects
in the system account. Other accounts reach some of them by services they import from it
without being told to: there they are called
``$SYS.REQ.ACCOUNT.PING.CONNZ`` and ``$SYS.REQ.USER.INFO``, and a user learns nothing of
accounts other than its own. (nats-server: ``events.go``, ``registerSystemImports``.)
"""

from __future__ import annotations

import base64
import binascii
import json
from collections.abc import Callable, Mapping
from typing import TYPE_CHECKING, Any

from pubsub.client.becoming import permissions_of
from pubsub.router import subjects
from pubsub.system.advisories import permissions_block, present
from pubsub.system.requests import Page, SkipRequest, ZRequests
from pubsub.wire.gotime import nanoseconds, rfc3339
from pubsub.wire.headers import get_header
from pubsub.wire.info import go_json

if TYPE_CHECKING:
    from pubsub.client.protocol import ClientProtocol
    from pubsub.router.internal import InternalMessage
    from pubsub.system.account_figures import AccountFigures
    from pubsub.system.events import SystemEvents

__all__ = ["AccountRequests"]

#: where the account is in ``$SYS.REQ.ACCOUNT.<account>.<what>``
_ACCOUNT_TOKEN = 3
_STATZ_FIELDS: Mapping[str, str] = {"accounts": "[]string", "include_unused": "bool"}


class AccountRequests:
    """Answers them.

    :param pages: SUBSZ, CONNZ, LEAFZ, JSZ and ACCOUNTZ are shown for one account.
    """

    def __init__(
        self,
        requests: ZRequests,
        events: SystemEvents,
        figures: AccountFigures,
        pages: Mapping[str, Page],
    ) -> None:
        self._requests = requests
        self._events = events
        self._figures = figures
        self._pages = pages

    def start(self) -> None:
        """Listen."""
        client = self._requests.bus.client
        shown: dict[str, tuple[str, dict[str, Any]]] = {
            # page, and what is asked of it besides the name of the account
            "SUBSZ": ("account", {"subscriptions": True}),
            "CONNZ": ("acc", {}),
            "LEAFZ": ("account", {}),
            "JSZ": ("account", {"of_account": True}),
        }
        for name, (key, more) in shown.items():
            if name in self._pages:
                subject = f"$SYS.REQ.ACCOUNT.*.{name}".encode()
                client.subscribe(subject, self._page(self._pages[name], key, more))
        client.subscribe(b"$SYS.REQ.ACCOUNT.*.INFO", self._info_asked)
        client.subscribe(b"$SYS.REQ.ACCOUNT.*.STATZ", self._statz_asked)
        client.subscribe(b"$SYS.REQ.ACCOUNT.*.CONNS", self._connections_asked)
        client.subscribe(b"$SYS.REQ.ACCOUNT.PING.STATZ", self._all_statz_asked)
        client.subscribe(b"$SYS.REQ.ACCOUNT.NSUBS", self._subscribers_asked)
        client.subscribe(b"$SYS.REQ.USER.*.INFO", self._user_info_asked)
        client.subscribe(b"$SYS.DEBUG.SUBSCRIBERS", self._debug_subscribers)

    # about an account

    def _page(
        self, page: Page, key: str, more: Mapping[str, Any]
    ) -> Callable[[InternalMessage], None]:
        def answer(message: InternalMessage) -> None:
            account = _account(message)
            self._requests.answer(
                message,
                page.struct,
                page.fields,
                lambda asked: page.answer({**asked, **more, key: account}),
            )

        return answer

    def _info_asked(self, message: InternalMessage) -> None:
        page, account = self._pages["ACCOUNTZ"], _account(message)
        self._requests.answer(
            message,
            "AccInfoEventOptions",
            {},
            lambda asked: page.answer({"account": account})["account_detail"],
        )

    def _statz_asked(self, message: InternalMessage) -> None:
        account = _account(message)
        if account == "PING":
            return
        self._answer_statz(message, [account])

    def _all_statz_asked(self, message: InternalMessage) -> None:
        self._answer_statz(message, None)

    def _answer_statz(self, message: InternalMessage, names: list[str] | None) -> None:
        def statz(asked: Mapping[str, Any]) -> dict[str, Any]:
            unused = asked.get("include_unused", False)
            found = self._figures.statz(names or asked.get("accounts"), unused)
            if not found and not unused:
                raise SkipRequest
            bus = self._requests.bus
            return {
                "server_id": bus.server.server_id,
                "now": rfc3339(bus.now()),
                "account_statz": found,
            }

        self._requests.answer(message, "AccountStatzEventOptions", _STATZ_FIELDS, statz)

    def _connections_asked(self, message: InternalMessage) -> None:
        """``CONNS`` is older than envelopes; a server without clients of it says nothing."""
        account, bus = _account(message), self._requests.bus
        asked = _json_object(message.payload)
        if asked is None or asked.get("acc", account) != account or not message.reply:
            return
        if bus.server.accounts.connections(account):
            bus.answer(message.reply, go_json(self._events.connections_event(account)))

    # about subscribers

    def _subscribers_asked(self, message: InternalMessage) -> None:
        """``NSUBS``: another server wants to know how many subscribers there are here."""
        asked = _json_object(message.payload) or {}
        account, subject, queue = (asked.get(name, "") for name in ("acc", "subject", "queue"))
        if not all(isinstance(value, str) for value in (account, subject, queue)):
            return
        bus = self._requests.bus
        if not message.reply or not bus.server.accounts.connections(account):
            return
        try:
            group = base64.b64decode(queue, validate=True)
        except (binascii.Error, ValueError):
            return
        number = self._subscribers(account, subject.encode("utf-8", "replace"), group)
        bus.answer(message.reply, b"%d" % number)

    def _debug_subscribers(self, message: InternalMessage) -> None:
        """How many clients of one's account a subject (and a queue group) has."""
        bus = self._requests.bus
        info = _request_info(message)
        if not message.reply or info is None:
            return
        account = _text(info, "svc") or _text(info, "acc") or bus.account
        words = message.payload.strip().split(b" ")
        number = self._subscribers(account, words[0], words[1] if len(words) > 1 else b"")
        bus.answer(message.reply, b"%d" % number)

    def _subscribers(self, account: str, subject: bytes, queue: bytes) -> int:
        router, registry = self._requests.bus.server.router, self._requests.context.registry
        if subjects.is_valid_literal(subject):
            found = router.matching(account, subject)
        else:
            found = [
                row
                for row in router.subscriptions(account)
                if subjects.is_subset(row.subject, subject)
            ]
        return sum(row.cid in registry.open for row in found if not queue or row.queue == queue)

    # about users

    def _user_info_asked(self, message: InternalMessage) -> None:
        """Who am I, and what may I do."""
        if not message.reply:
            return
        info = _request_info(message)
        if info is None:
            self._requests.respond(message, {"error": {"code": 400}}, compress=False)
            return
        self._requests.respond(message, {"data": self._user_info(info)}, compress=False)

    def _user_info(self, info: Mapping[str, Any]) -> dict[str, Any]:
        account = _text(info, "acc")
        client = self._asker(info)
        shown: dict[str, Any] = {"user": _text(info, "user"), "account": account}
        if account:
            shown["account_name"] = self._figures.name_tag(account)
        shown.update(present(user_name=_text(info, "name_tag")))
        if client is None:
            return shown
        permissions, expires = permissions_of(client), client.identity.expires
        if permissions is not None:
            shown["permissions"] = permissions_block(permissions)
        if expires:
            left = int(expires - self._requests.bus.now())
            shown.update(present(expires=nanoseconds(left)))
        return shown

    def _asker(self, info: Mapping[str, Any]) -> ClientProtocol | None:
        """The client of this server that sent the request."""
        cid = info.get("id", 0)
        client = self._requests.context.registry.open.get(cid) if isinstance(cid, int) else None
        if client is None or client.identity.account != _text(info, "acc"):
            return None
        return client


def _account(message: InternalMessage) -> str:
    return message.subject.split(b".")[_ACCOUNT_TOKEN].decode("utf-8", "surrogateescape")


def _json_object(data: bytes) -> dict[str, Any] | None:
    """What is in there, ``{}`` if it is empty, ``None`` if it cannot be read."""
    if not data:
        return {}
    try:
        value = json.loads(data.decode("utf-8", "replace"))
    except (ValueError, RecursionError):
        return None
    return value if isinstance(value, dict) else None


def _request_info(message: InternalMessage) -> dict[str, Any] | None:
    """Who asks, as the router says in ``Nats-Request-Info``; ``{}`` if it does not."""
    if not message.headers:
        return {}
    return _json_object(get_header(message.headers, b"Nats-Request-Info") or b"")


def _text(info: Mapping[str, Any], name: str) -> str:
    """A field of it. The system account's own users may write what they like there."""
    value = info.get(name, "")
    return value if isinstance(value, str) else ""
