"""Recorded conversations with a server: a file format, and a player that repeats them.

A file of ``conversations/`` holds several conversations, separated by lines that begin with
``==`` and a title::

    == a queue group of one
    A > CONNECT {"verbose":true}\\r\\n
    A < +OK\\r\\n
    A < PONG\\r\\n
    A > SUB foo q 1\\r\\n
    ...
    B ! FOO\\r\\n
    B < -ERR 'Unknown Protocol Operation'\\r\\n

What a line means is said by the sign behind the name of its connection:

``>``
    These bytes are sent. Then every open connection sends PING and reads until its PONG has
    come, the sender first: what the bytes led to has arrived everywhere by then.
``-``
    These bytes are sent, nothing is waited for: more of the same protocol line follows.
``!``
    These bytes are sent, and the server closes the connection because of them.
``.``
    The connection ends, it is the client who closes.
``<``
    What a server answered, one line or payload at a time: this is what is compared, and what
    a recording rewrites.

(``~`` and ``?`` are for :mod:`tests.interop.accounts_play`.)

Bytes are written as in a Python string, so that a line of the protocol is a line here. A
connection is opened when its name is seen first, and its INFO is the first thing it reads.
``# config`` lines ahead of the first conversation are the server's configuration. Messages
for several subscriptions of one connection have no order that servers agree on: where a
title ends in ``(in any order)``, what one step led to is compared as a set.
"""

from __future__ import annotations

import json
import re
import socket
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from pathlib import Path

from tests.patience import PATIENCE

__all__ = ["Chapter", "Conversation", "Play", "Step", "read_chapter", "write_chapter"]

#: A long run of one byte is ``{y*5000}`` in a file.
_RUN = re.compile(rb"\{(.)\*(\d+)\}")
_LONG = re.compile(rb"(.)\1{199,}", re.DOTALL)
#: Lines with their ends, and what is left at the end.
_LINES = re.compile(rb"[^\n]*\n|[^\n]+")
_PING = re.compile(rb"^PING\b", re.IGNORECASE | re.MULTILINE)
_PONG = re.compile(rb"^PONG\r\n", re.MULTILINE)
_INFO = re.compile(rb"INFO (\{.*?\}) \r\n", re.DOTALL)
#: What of INFO is the same wherever a conversation is held.
_SHOWN = (
    "auth_required",
    "tls_required",
    "tls_available",
    "ldm",
    "connect_info",
    "max_payload",
    "headers",
    "proto",
    "remote_account",
)


@dataclass(frozen=True)
class Step:
    """One thing a client does: see the signs above."""

    peer: str
    sign: str
    data: bytes


@dataclass
class Conversation:
    """What is sent, and what a server answered to each step: pairs of peer and line."""

    title: str
    steps: list[Step] = field(default_factory=list)
    answers: list[list[tuple[str, bytes]]] = field(default_factory=list)


@dataclass
class Chapter:
    """A file of conversations with servers of one configuration."""

    path: Path
    config: str
    conversations: list[Conversation]


# the file


def read_chapter(path: Path) -> Chapter:
    """Read a file of conversations."""
    config, conversations = [], []
    for number, line in enumerate(path.read_text(encoding="ascii").splitlines(), 1):
        if line.startswith("# config "):
            config.append(line[9:])
        elif line.startswith("=="):
            conversations.append(Conversation(line[2:].strip()))
        elif line and not line.startswith("#"):
            _read_line(conversations[-1], line, f"{path.name}:{number}")
    return Chapter(path, "\n".join(config), conversations)


def _read_line(conversation: Conversation, line: str, where: str) -> None:
    peer, _, rest = line.partition(" ")
    sign, _, text = rest.partition(" ")
    if sign not in ("<", ">", "-", "!", ".", "~", "?"):
        raise ValueError(f"{where}: {sign!r} is none of < > - ! . ~ ?")
    data = text.encode().decode("unicode_escape").encode("latin-1")
    if sign == "<":
        conversation.answers[-1].append((peer, data))
    else:
        data = _RUN.sub(lambda match: match[1] * int(match[2]), data)
        conversation.steps.append(Step(peer, sign, data))
        conversation.answers.append([])


def write_chapter(chapter: Chapter) -> None:
    """Write the file anew: its comments, its conversations, their present answers."""
    head = []
    for line in chapter.path.read_text(encoding="ascii").splitlines():
        if line.startswith("=="):
            break
        head.append(line)
    while head and not head[-1]:
        head.pop()
    for conversation in chapter.conversations:
        head += ["", f"== {conversation.title}", *_lines(conversation)]
    chapter.path.write_text("\n".join(head).lstrip("\n") + "\n", encoding="ascii")


def _lines(conversation: Conversation) -> Iterator[str]:
    for step, answers in zip(conversation.steps, conversation.answers, strict=True):
        yield f"{step.peer} {step.sign} {_escaped(step.data)}".rstrip(" ")
        for peer, data in answers:
            yield f"{peer} < {_escaped(data)}"


def shortened(data: bytes) -> bytes:
    """Long runs of one byte as ``{y*5000}``."""
    return _LONG.sub(lambda match: b"{%b*%d}" % (match[1], len(match[0])), data)


def _escaped(data: bytes) -> str:
    text = shortened(data).decode("latin-1").encode("unicode_escape").decode("ascii")
    # a space at the end of a line would be lost, and be invisible if it was not
    return re.sub(r" $", r"\\x20", text)


# playing one


class Peer:
    """One connection of a conversation."""

    def __init__(self, address: tuple[str, int]) -> None:
        self._socket = socket.create_connection(address, PATIENCE)
        self._socket.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        self._unread = b""
        self._pings = 0
        self.open = True

    def send(self, data: bytes) -> None:
        """Send; a server that has closed already is no news."""
        self._pings += len(_PING.findall(data))
        try:
            self._socket.sendall(data)
        except ConnectionError:
            self.open = False

    def read_line(self) -> bytes:
        """One line, or all there is if the server closes first."""
        return self._read(lambda data: data.find(b"\n") + 1)

    def read_to_pong(self) -> bytes:
        """Everything up to the answer to the last PING sent, or to the end."""
        data = self._read(lambda data: _after_pongs(data, self._pings))
        self._pings = 0
        return data

    def read_to_end(self) -> bytes:
        """Everything until the server closes the connection."""
        return self._read(lambda data: 0)

    def _read(self, enough: Callable[[bytes], int]) -> bytes:
        while not (size := enough(self._unread)):
            data = self._receive()
            if not data:
                size = len(self._unread)
                self.close()
                break
            self._unread += data
        result, self._unread = self._unread[:size], self._unread[size:]
        return result

    def _receive(self) -> bytes:
        try:
            return self._socket.recv(65536)
        except ConnectionError:
            return b""

    def close(self) -> None:
        """End it."""
        self.open = False
        self._socket.close()


def _after_pongs(data: bytes, count: int) -> int:
    """How long ``data`` is up to that many PONGs; 0 if they are not all there."""
    pongs = [match.end() for match in _PONG.finditer(data)]
    return pongs[count - 1] if len(pongs) >= count else 0


class Play:
    """One conversation being held.

    :param address: host and port of the server.
    """

    def __init__(self, address: tuple[str, int]) -> None:
        self._address = address
        self._peers: dict[str, Peer] = {}
        #: in the middle of a protocol line: a PING would become a part of it
        self._unfinished: set[str] = set()
        self._answers: list[tuple[str, bytes]] = []

    def hold(self, conversation: Conversation) -> list[list[tuple[str, bytes]]]:
        """The server's answers to each step, normalised."""
        answers = []
        try:
            for step in conversation.steps:
                self._answers = []
                self._take(step)
                answers.append(self._answers)
        finally:
            for peer in self._peers.values():
                peer.close()
        return answers

    def _take(self, step: Step) -> None:
        name = step.peer
        if name not in self._peers:
            self._peers[name] = Peer(self._address)
            self._note(name, self._peers[name].read_line())
        peer = self._peers[name]
        if not peer.open:
            raise AssertionError(f"{name} was closed by the server before {step.data!r}")
        peer.send(step.data)
        self._unfinished.discard(name)
        if step.sign == "-":
            self._unfinished.add(name)
            return
        if step.sign == ".":
            peer.close()
        elif step.sign == "!":
            self._note(name, peer.read_to_end())
        for other in sorted(self._peers, key=lambda key: key != name):
            if self._peers[other].open and other not in self._unfinished:
                self._peers[other].send(b"PING\r\n")
                self._note(other, self._peers[other].read_to_pong())

    def _note(self, name: str, data: bytes) -> None:
        for line in _LINES.findall(normalised(data)):
            if line != b"PING\r\n":
                # a server asks when it likes whether we are there
                self._answers.append((name, line))


def normalised(data: bytes) -> bytes:
    """Without what differs from server to server and run to run."""

    def shown(match: re.Match[bytes]) -> bytes:
        fields = json.loads(match[1])
        kept = {name: fields[name] for name in _SHOWN if name in fields}
        return b"INFO %b \r\n" % json.dumps(kept).encode()

    return shortened(_INFO.sub(shown, data))
