"""Mutated conversations for the router's parsers: nothing raises, nothing grows, all agree.

Seeded, so a failure can be repeated; ``PUBSUB_FUZZ_ROUNDS`` makes it longer. The corpus
is what real clients send; mutations cut, repeat, swap and overwrite it. Every parser sees
the same bytes, cut at other places, and must leave its world in the same state.
"""

from __future__ import annotations

import os
import random
from collections.abc import Callable, Iterator

import pytest

from pubsub.interfaces import IRouterBackend, LinkOptions, RouterSettings
from pubsub.router.python.backend import PythonBackend
from pubsub.router.python.link import PythonLink
from tests.router.recording import World, native_backend

ROUNDS = int(os.environ.get("PUBSUB_FUZZ_ROUNDS", "300"))

CORPUS = [
    b'CONNECT {"verbose":false,"pedantic":false,"lang":"go","version":"1","protocol":1}\r\n',
    b"PING\r\nPONG\r\n+OK\r\n-ERR 'Unknown Protocol Operation'\r\nINFO {}\r\n",
    b"SUB foo 1\r\nSUB foo.* q 2\r\nSUB > 3\r\nUNSUB 2\r\nUNSUB 3 2\r\n",
    b"PUB foo 5\r\nhello\r\nPUB foo.bar reply 0\r\n\r\n",
    b"PUB foo 5\r\nhello\r\n" * 6,
    b"HPUB foo 12 17\r\nNATS/1.0\r\n\r\nhello\r\nHPUB foo r 12 12\r\nNATS/1.0\r\n\r\n\r\n",
    b"pub\tfoo\t 11\r\nhello\r\nworld\r\nsub foo\tabc\n",
    b"PUB foo 40\r\nPUB foo 5\r\nhello\r\nPING\r\nSUB bar 1\r\n abc\r\n",
]
PIECES = [
    b"\r\n", b"\n", b"\r", b" ", b"\t", b"\x00", b"\xff", b"0", b"9", b"999999999", b"-1",
    b"PUB ", b"HPUB ", b"SUB ", b"UNSUB ", b"PING", b"*", b">", b".", b"..", b"x" * 70,
]  # fmt: skip

#: Small limits, so that the corpus reaches them.
SETTINGS = RouterSettings(seed=5, max_control_line=64, max_pending=1 << 20)
OPTIONS = LinkOptions(
    verbose=False, pedantic=True, headers=True, no_responders=True, max_payload=1000
)


def mutate(draw: random.Random, data: bytes) -> bytes:
    """One to four random changes."""
    for _ in range(draw.randint(1, 4)):
        at, end = sorted(draw.randrange(len(data) + 1) for _ in range(2))
        kind = draw.randrange(5)
        if kind == 0:
            data = data[:at] + draw.choice(PIECES) + data[at:]
        elif kind == 1:
            data = data[:at] + data[min(end, at + 8) :]
        elif kind == 2:
            data = data[:end] + data[at : at + 40] + data[end:]
        elif kind == 3 and data:
            at = min(at, len(data) - 1)
            data = data[:at] + bytes((draw.randrange(256),)) + data[at + 1 :]
        else:
            data += draw.choice(CORPUS)
    return data


def cut(draw: random.Random, data: bytes) -> Iterator[bytes]:
    """The same bytes in pieces of random sizes."""
    most = draw.choice((1, 3, 20, 1000))
    while data:
        size = draw.randint(1, most)
        yield data[:size]
        data = data[size:]


def run(backend: IRouterBackend, pieces: Iterator[bytes]) -> World:
    world = World(backend, SETTINGS)
    world.attach("a", OPTIONS)
    world.attach("b", OPTIONS)
    world.feed("b", b"SUB foo.> 1\r\nSUB foo q 2\r\n")
    for piece in pieces:
        world.feed("a", piece)
        link = world.peers["a"].link
        if isinstance(link, PythonLink):
            kept = len(link.kept) + len(link.body) + sum(map(len, link.backlog))
            assert kept <= SETTINGS.max_control_line + OPTIONS.max_payload + 4
    return world


BACKENDS = pytest.mark.parametrize(
    "make", [PythonBackend, native_backend], ids=["python", "native"]
)


@BACKENDS
@pytest.mark.parametrize("seed", range(4))
def test_mutated_conversations_never_raise_and_cuts_never_matter(
    make: Callable[[], IRouterBackend], seed: int
) -> None:
    backend = make()
    draw = random.Random(seed)
    for _ in range(ROUNDS // 4):
        data = mutate(draw, b"".join(draw.sample(CORPUS, draw.randint(1, 4))))
        whole = run(backend, iter([data]))
        pieces = run(backend, cut(draw, data))
        assert pieces.state() == whole.state(), data


@pytest.mark.parametrize("seed", range(4))
def test_all_parsers_do_the_same_with_mutated_conversations(seed: int) -> None:
    native = native_backend()
    draw = random.Random(100 + seed)
    for _ in range(ROUNDS // 4):
        data = mutate(draw, b"".join(draw.sample(CORPUS, draw.randint(1, 4))))
        expected = run(PythonBackend(), iter([data]))
        actual = run(native, cut(draw, data))
        assert actual.state() == expected.state(), data


@BACKENDS
@pytest.mark.parametrize("seed", range(2))
def test_noise_is_refused(make: Callable[[], IRouterBackend], seed: int) -> None:
    backend = make()
    draw = random.Random(200 + seed)
    for _ in range(ROUNDS // 2):
        data = bytes(draw.choices(b"PUBSHCONEIFG+-ERK \r\n\t01", k=draw.randint(1, 60)))
        whole = run(backend, iter([data]))
        assert run(backend, cut(draw, data)).state() == whole.state(), data
