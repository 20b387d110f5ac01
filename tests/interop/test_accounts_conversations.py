"""Accounts and permissions, byte for byte: what nats-server answered is what we answer.

As :mod:`tests.interop.test_transcripts`, with the files of ``accounts/``. To record anew::

    NATS_SERVER=…/nats-server PUBSUB_RECORD=1 pytest tests/interop/test_accounts_conversations.py
"""

from __future__ import annotations

import json
import os
import time
from collections.abc import Iterator
from pathlib import Path
from urllib.request import urlopen

import pytest

from pubsub.testing.child import ChildServer
from tests.interop.accounts_play import AccountsPlay, configurations
from tests.interop.conftest import program, version_of
from tests.interop.conversation import Chapter, Conversation, read_chapter, write_chapter
from tests.interop.test_transcripts import DIFFERENCES, RECORD, RECORDED, Answer, Servers
from tests.patience import PATIENCE

CHAPTERS = [read_chapter(path) for path in sorted(Path(__file__).parent.glob("accounts/*.txt"))]
CONVERSATIONS = [
    pytest.param(chapter, conversation, id=f"{chapter.path.stem}: {conversation.title}")
    for chapter in CHAPTERS
    for conversation in chapter.conversations
]
#: What servers before the recorded version answer otherwise: those are not held with them.
NEWER = {
    "somebody else by a second CONNECT": "a second CONNECT leaves the account",
    "a request nobody answers": "503 for services of other accounts",
    "a request that is measured, and answered by nobody": "503 for services of other accounts",
    "subscriptions that are not permitted any more (in any order)": "a reload names queue groups",
    "denials that come for wider subscriptions (in any order)": "a reload looks at queue groups",
}


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
        pytest.param("nats-server on PATH", marks=[pytest.mark.interop, pytest.mark.compared]),
        pytest.param("NATS_SERVER", marks=[pytest.mark.interop, pytest.mark.compared]),
    ]
)
def kind(request: pytest.FixtureRequest) -> str:
    """Which server."""
    return str(request.param)


def _hold(server: ChildServer, chapter: Chapter, conversation: Conversation) -> list[list[Answer]]:
    http = 'http: "127.0.0.1:-1"'
    configs = {name: f"{text}\n{http}\n" for name, text in configurations(chapter.path).items()}
    answers = AccountsPlay(server, configs).hold(conversation)
    deadline = time.monotonic() + PATIENCE
    while _connections(server):
        assert time.monotonic() < deadline, "connections are left over"
    return answers


def _connections(server: ChildServer) -> int:
    with urlopen(f"{server.http_url}/connz", timeout=PATIENCE) as page:
        return int(json.load(page)["num_connections"])


@pytest.mark.parametrize(("chapter", "conversation"), CONVERSATIONS)
def test_the_answers_are_those_of_nats_server(
    kind: str, chapter: Chapter, conversation: Conversation, servers: Servers
) -> None:
    expected = conversation.answers
    if kind not in ("native", "python"):
        expected = _of_version(_version(kind), conversation)
    answers = _hold(servers.get(kind, chapter.config), chapter, conversation)
    if RECORD and kind == "NATS_SERVER":
        conversation.answers = answers
        write_chapter(chapter)
        return
    if conversation.title.endswith("(in any order)"):
        answers = [sorted(lines) for lines in answers]
        expected = [sorted(lines) for lines in expected]
    assert _shown(conversation, answers) == _shown(conversation, expected)


def _version(kind: str) -> tuple[int, ...]:
    variable = kind if kind == "NATS_SERVER" else ""
    if variable and not os.environ.get(variable):
        pytest.skip("NATS_SERVER names no other nats-server to compare with")
    return version_of(program(variable, "nats-server"))


def _of_version(version: tuple[int, ...], conversation: Conversation) -> list[list[Answer]]:
    """What a nats-server of that version should answer; skips where that is not known."""
    if version < RECORDED and conversation.title in NEWER:
        pytest.skip(f"since {RECORDED}: {NEWER[conversation.title]}")
    expected = conversation.answers
    for difference in DIFFERENCES:
        if version < difference.before and difference.older is not None:
            expected = [list(difference.older(answers)) for answers in expected]
    return expected


def _shown(conversation: Conversation, answers: list[list[Answer]]) -> list[str]:
    """For a readable difference: what was sent, and what came back."""
    lines = []
    for step, answer in zip(conversation.steps, answers, strict=True):
        lines.append(f"{step.peer} {step.sign} {step.data!r}")
        lines += [f"{peer} < {line!r}" for peer, line in answer]
    return lines
