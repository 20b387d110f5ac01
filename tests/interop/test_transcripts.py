"""Whole conversations, byte for byte: what nats-server answered is what we answer.

The conversations in ``conversations/`` hold the answers of a real nats-server 2.15. They are
held again with this server, both routers, and with every nats-server there is: the one on
PATH and the one the environment variable NATS_SERVER names. To record them anew::

    NATS_SERVER=…/nats-server PUBSUB_RECORD=1 pytest tests/interop/test_transcripts.py
"""

from __future__ import annotations

import json
import os
import re
import socket
import time
from collections.abc import Callable, Iterator
from contextlib import ExitStack
from dataclasses import dataclass
from pathlib import Path
from urllib.request import urlopen

import pytest

from pubsub.testing.child import OWN_COMMAND, ChildServer
from tests.interop.conftest import program, version_of
from tests.interop.conversation import Chapter, Conversation, Play, read_chapter, write_chapter
from tests.patience import PATIENCE
from tests.router.recording import native_backend

Answer = tuple[str, bytes]

CHAPTERS = [
    read_chapter(path) for path in sorted(Path(__file__).parent.glob("conversations/*.txt"))
]
CONVERSATIONS = [
    pytest.param(chapter, conversation, id=f"{chapter.path.stem}: {conversation.title}")
    for chapter in CHAPTERS
    for conversation in chapter.conversations
]
RECORD = bool(os.environ.get("PUBSUB_RECORD"))
#: The version the conversations were recorded with, and that this server follows.
RECORDED = (2, 15, 0)


# --- what older servers do differently ----------------------------------------------------


def _plain_503(answers: list[Answer]) -> Iterator[Answer]:
    """503 without the subject nobody listens to."""
    for peer, line in answers:
        if not line.startswith(b"Nats-Subject: "):
            header = re.fullmatch(rb"(HMSG \S+ \S+) (\d+) \2\r\n", line)
            named = header and b"NATS/1.0 503\r\n" in [text for _, text in answers]
            yield peer, header[1] + b" 16 16\r\n" if header and named else line


def _no_connect_info(answers: list[Answer]) -> Iterator[Answer]:
    """No second INFO."""
    return ((peer, line) for peer, line in answers if b'"connect_info"' not in line)


def _open_nrg(answers: list[Answer]) -> Iterator[Answer]:
    """What is published below ``$NRG.`` is a message like any other."""
    for peer, line in answers:
        if line.startswith(b"-ERR 'Permissions Violation for Publish to \"$NRG."):
            yield from ((peer, text) for text in (b"+OK\r\n", b"MSG $NRG.abc 1 2\r\n", b"hi\r\n"))
        else:
            yield peer, line


@dataclass(frozen=True)
class Difference:
    """Something servers before a version do differently.

    :ivar before: the first version that does it our way.
    :ivar older: from the newer answers to a step to the older ones; ``None`` where they
        cannot be told from each other, then the conversation is left out.
    :ivar title: the only conversation it is seen in.
    """

    what: str
    before: tuple[int, ...]
    older: Callable[[list[Answer]], Iterator[Answer]] | None
    title: str = ""


DIFFERENCES = [
    Difference("503 names the subject in Nats-Subject", (2, 12, 0), _plain_503),
    Difference("INFO again after the first PING", (2, 12, 0), _no_connect_info),
    Difference("$NRG. is closed to clients", (2, 11, 0), _open_nrg),
    Difference(
        "a second CONNECT drops the subscriptions",
        (2, 14, 0),
        None,
        "a second CONNECT drops the subscriptions",
    ),
]

#: Members of INFO that a version does not have yet.
INFO_SINCE = {"api_lvl": (2, 12, 0), "xkey": (2, 10, 0)}


# --- servers ------------------------------------------------------------------------------


def _command(kind: str) -> tuple[list[str], list[str]]:
    """The program and its further flags; skips what is not there."""
    if kind == "nats-server on PATH":
        return [program("", "nats-server")], []
    if kind == "NATS_SERVER":
        if not os.environ.get("NATS_SERVER"):
            pytest.skip("NATS_SERVER names no other nats-server to compare with")
        return [program("NATS_SERVER", "nats-server")], []
    if kind == "native":
        native_backend()
    return list(OWN_COMMAND), ["--router", kind]


class Servers:
    """Servers by kind and configuration, started when they are needed first."""

    def __init__(self, directory: Callable[[str], Path]) -> None:
        self._directory = directory
        self._running: dict[tuple[str, str], ChildServer] = {}
        self._stack = ExitStack()

    def get(self, kind: str, config: str) -> ChildServer:
        """A running one."""
        command, args = _command(kind)
        server = self._running.get((kind, config))
        if server is None:
            config_file = config + '\nhttp: "127.0.0.1:-1"\n'
            server = ChildServer(self._directory("server"), config_file, args, command)
            self._running[kind, config] = server.start()
            self._stack.callback(server.stop)
        return server

    def close(self) -> None:
        """Stop them."""
        self._stack.close()


@pytest.fixture(scope="module")
def servers(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Servers]:
    """All servers of this module."""
    running = Servers(tmp_path_factory.mktemp)
    yield running
    running.close()


@pytest.fixture(
    params=[
        "native",
        "python",
        pytest.param("nats-server on PATH", marks=pytest.mark.interop),
        pytest.param("NATS_SERVER", marks=pytest.mark.interop),
    ]
)
def kind(request: pytest.FixtureRequest) -> str:
    """Which server."""
    return str(request.param)


def hold(server: ChildServer, conversation: Conversation) -> list[list[Answer]]:
    """Have it, and wait until the server knows that everybody has gone."""
    answers = Play((server.host, server.port)).hold(conversation)
    deadline = time.monotonic() + PATIENCE
    while _connections(server):
        assert time.monotonic() < deadline, "connections are left over"
    return answers


def _connections(server: ChildServer) -> int:
    with urlopen(f"{server.http_url}/connz", timeout=PATIENCE) as page:
        return int(json.load(page)["num_connections"])


# --- tests --------------------------------------------------------------------------------


@pytest.mark.parametrize(("chapter", "conversation"), CONVERSATIONS)
def test_the_answers_are_those_of_nats_server(
    kind: str, chapter: Chapter, conversation: Conversation, servers: Servers
) -> None:
    server = servers.get(kind, chapter.config)
    expected = conversation.answers
    if kind not in ("native", "python"):
        version = version_of(_command(kind)[0][0])
        for difference in DIFFERENCES:
            if version < difference.before:
                if difference.older is None:
                    if difference.title == conversation.title:
                        pytest.skip(f"{difference.what} since {difference.before}")
                    continue
                expected = [list(difference.older(answers)) for answers in expected]
    answers = hold(server, conversation)
    if RECORD and kind == "NATS_SERVER":
        conversation.answers = answers
        write_chapter(chapter)
        return
    if conversation.title.endswith("(in any order)"):
        answers, expected = _sorted(answers), _sorted(expected)
    assert _shown(conversation, answers) == _shown(conversation, expected)


def _sorted(answers: list[list[Answer]]) -> list[list[Answer]]:
    return [sorted(lines) for lines in answers]


def _shown(conversation: Conversation, answers: list[list[Answer]]) -> list[str]:
    """For a readable difference: what was sent, and what came back."""
    lines = []
    for step, answer in zip(conversation.steps, answers, strict=True):
        lines.append(f"{step.peer} {step.sign} {step.data!r}")
        lines += [f"{peer} < {line!r}" for peer, line in answer]
    return lines


def test_info_has_the_same_members_in_the_same_order(kind: str, servers: Servers) -> None:
    """The first INFO of every kind of server: the names, their order, and their types."""
    recorded = [
        *("server_id:str", "server_name:str", "version:str", "proto:int", "go:str", "host:str"),
        *("port:int", "headers:bool", "max_payload:int", "client_id:int", "client_ip:str"),
        *("api_lvl:int", "xkey:str"),
    ]
    config = "authorization { user: a, password: b }"
    absent: set[str] = set()
    if kind not in ("native", "python"):
        version = version_of(_command(kind)[0][0])
        absent = {name for name, since in INFO_SINCE.items() if version < since}
    for text, added in (("", None), (config, "auth_required:bool")):
        server = servers.get(kind, text)
        expected = [name for name in recorded if name.partition(":")[0] not in absent]
        if added:
            expected.insert(expected.index("max_payload:int"), added)
        info = _first_info(server)
        assert [f"{name}:{type(value).__name__}" for name, value in info.items()] == expected
        assert (info["proto"], info["port"], info["client_ip"]) == (1, server.port, "127.0.0.1")
        assert info["host"] == "127.0.0.1"
        assert re.fullmatch("N[A-Z2-7]{55}", str(info["server_id"]))
        assert info["server_name"] == info["server_id"]


def _first_info(server: ChildServer) -> dict[str, str | int | bool]:
    with socket.create_connection((server.host, server.port), PATIENCE) as connection:
        line = connection.makefile("rb").readline()
    assert line.startswith(b"INFO {")
    assert line.endswith(b"} \r\n")
    info: dict[str, str | int | bool] = json.loads(line[5:])
    # only builds that know their commit tell it
    info.pop("git_commit", None)
    return info
