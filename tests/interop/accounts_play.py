"""Conversations about accounts: with reloads between, and answers to what was asked elsewhere.

The files of ``accounts/`` are those of :mod:`tests.interop.conversation`, and more:

``# config:NAME`` lines are other configurations. ``server ~ NAME`` has the server take that one
by a reload; what it says to that, ``reloaded`` or ``refused``, is an answer, and so is whatever
clients hear of it. ``E ? metric`` waits for a measurement of a service, which is sent at any
time after the answer; it is heard there, wherever it came.

``_R_.1`` is the first reply subject a server made up in a conversation, ``_R_.2`` the second:
in what is received, and in what is sent. ``(closed)`` is what a client hears when the server
has closed its connection. In JSON of services (who asks, how long it took), times, ids and
addresses are replaced by their types, and the sizes around them by ``#``.
"""

from __future__ import annotations

import json
import re
import time
from pathlib import Path
from typing import Any

from pubsub.testing.child import ChildServer, ServerFailed
from tests.interop.conversation import Conversation, Play, Step, read_chapter
from tests.patience import PATIENCE

__all__ = ["AccountsPlay", "configurations"]

_CONFIG = re.compile(r"# config:(\w+) ?(.*)")
_REPLY = re.compile(rb"_R_(?:\.[A-Za-z0-9]+)+")
_PLACED = re.compile(rb"_R_\.(\d+)\b")
#: a message with who asks in its header
_ASKED = re.compile(
    rb"HMSG (\S+ \S+(?: [^\s\d]\S*)?) (\d+) (\d+)\r\n"
    rb"(NATS/1\.0[^\r]*\r\n(?:[^\r]+\r\n)*?)"
    rb"Nats-Request-Info: (\{[^\r]*\})\r\n((?:[^\r]+\r\n)*\r\n)"
)
_METRIC = re.compile(rb'MSG (\S+ \S+) +\d+\r\n(\{"type":"io\.nats\.server\.metric[^\r]*\})\r\n')
#: members whose values are the same wherever a conversation is held
_SAME = {
    *("type", "status", "description", "acc", "user", "name", "kind", "client_type", "header"),
    *("issuer_key", "name_tag", "tags", "lang", "ver"),
}


def configurations(path: Path) -> dict[str, str]:
    """The configurations of a file for reloads, by name; ``""`` is the first one."""
    named: dict[str, list[str]] = {}
    for line in path.read_text(encoding="ascii").splitlines():
        found = _CONFIG.match(line)
        if found is not None:
            named.setdefault(found[1], []).append(found[2])
    return {"": read_chapter(path).config, **{name: "\n".join(c) for name, c in named.items()}}


class AccountsPlay(Play):
    """One conversation being held.

    :param configs: for reloads, by name.
    """

    def __init__(self, server: ChildServer, configs: dict[str, str]) -> None:
        super().__init__((server.host, server.port))
        self._server = server
        self._configs = configs
        self._replies: list[bytes] = []
        self._reloaded = False
        self._metrics: dict[str, list[bytes]] = {}

    def hold(self, conversation: Conversation) -> list[list[tuple[str, bytes]]]:
        """The server's answers to each step, normalised."""
        try:
            return super().hold(conversation)
        finally:
            if self._reloaded:
                self._server.reload(self._configs[""])

    def _take(self, step: Step) -> None:
        if step.sign == "~":
            self._reload(step.data.decode())
            return
        if step.sign == "?":
            self._wait_for_metric(step.peer)
            return
        super()._take(Step(step.peer, step.sign, _PLACED.sub(self._actual, step.data)))

    def _actual(self, placed: re.Match[bytes]) -> bytes:
        return self._replies[int(placed[1]) - 1]

    def _wait_for_metric(self, name: str) -> None:
        kept, self._answers = self._answers, []
        deadline = time.monotonic() + PATIENCE
        while not self._metrics.get(name):
            assert time.monotonic() < deadline, "there was no measurement"
            self._peers[name].send(b"PING\r\n")
            self._note(name, self._peers[name].read_to_pong())
        self._answers = kept
        super()._note(name, self._metrics[name].pop(0))

    def _reload(self, name: str) -> None:
        self._reloaded = True
        try:
            self._server.reload(self._configs[name])
            self._answers.append(("server", b"reloaded"))
        except ServerFailed:
            self._answers.append(("server", b"refused"))
        for peer in sorted(self._peers):
            if self._peers[peer].open:
                self._peers[peer].send(b"PING\r\n")
                self._note(peer, self._peers[peer].read_to_pong())

    def _note(self, name: str, data: bytes) -> None:
        metrics = self._metrics.setdefault(name, [])
        metrics += (_metric(found) for found in _METRIC.finditer(data))
        super()._note(name, self._normalised(_METRIC.sub(b"", data)))
        peer = self._peers.get(name)
        if peer is not None and not peer.open:
            self._answers.append((name, b"(closed)"))

    def _normalised(self, data: bytes) -> bytes:
        for reply in _REPLY.findall(data):
            if reply not in self._replies:
                self._replies.append(reply)
        data = _REPLY.sub(lambda found: b"_R_.%d" % (self._replies.index(found[0]) + 1), data)
        return _ASKED.sub(_asked, data)


def _asked(found: re.Match[bytes]) -> bytes:
    payload = int(found[3]) - int(found[2])
    info = json.dumps(_typed(json.loads(found[5]))).encode()
    head = b"HMSG %b # #+%d\r\n%b" % (found[1], payload, found[4])
    return b"%bNats-Request-Info: %b\r\n%b" % (head, info, found[6])


def _metric(found: re.Match[bytes]) -> bytes:
    return b"MSG %b #\r\n%b\r\n" % (found[1], json.dumps(_typed(json.loads(found[2]))).encode())


def _typed(value: Any, name: str = "") -> Any:
    if name in _SAME:
        return value
    if isinstance(value, dict):
        return {key: _typed(inner, key) for key, inner in value.items()}
    return f"<{type(value).__name__}>"
