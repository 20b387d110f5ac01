"""Coverage-guided fuzzing with atheris, of everything that reads what strangers send.

    python -m tests.fuzz.fuzz_parser TARGET [-max_total_time=30] [libFuzzer's other options]

Targets: ``router`` (both backends, and that they agree), ``connect``, ``proxy``, ``config``.
``tox -e fuzz`` runs each of them for some seconds. An input that fails is left in
``crash-…``; give it as an argument to run it again.
"""

from __future__ import annotations

import sys
import tempfile
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path

try:
    import atheris  # type: ignore[import-untyped, import-not-found, unused-ignore]
except ImportError as missing:
    # It has wheels for Linux and some versions of CPython only.
    sys.stderr.write(f"no fuzzing here: {missing} (Hypothesis and the seeds still run)\n")
    raise SystemExit(0) from None

with atheris.instrument_imports(include=["pubsub"]):
    from pubsub.config.parser import parse
    from pubsub.errors import ConfigError, ProxyHeaderError
    from pubsub.interfaces import IRouterBackend
    from pubsub.router.python.backend import PythonBackend
    from pubsub.wire.connect import DEFAULT_CONNECT, ConnectError
    from pubsub.wire.proxy import ProxyHeaderParser

from tests.fuzz.test_fuzz_parser import CORPUS, run


def router(data: bytes) -> None:
    """The first byte says where to cut; the readable router is what the compiled one must be."""
    if not data:
        return
    step, body = data[0] % 16 + 1, data[1:]
    expected = run(PythonBackend(), iter([body]))
    pieces = [body[at : at + step] for at in range(0, len(body), step)]
    assert run(PythonBackend(), iter(pieces)).state() == expected.state()
    if _native is not None:
        assert run(_native(), iter([body])).state() == expected.state()
        assert run(_native(), iter(pieces)).state() == expected.state()


def connect(data: bytes) -> None:
    """Read, or refused in one way."""
    try:
        options = DEFAULT_CONNECT.updated(data)
    except ConnectError:
        return
    options.name.encode()
    dict(options.fields())


def proxy(data: bytes) -> None:
    """However it is cut, the outcome is the same."""
    assert _proxy_outcome([data]) == _proxy_outcome([data[i : i + 1] for i in range(len(data))])


def _proxy_outcome(pieces: list[bytes]) -> object:
    parser = ProxyHeaderParser()
    for index, piece in enumerate(pieces):
        try:
            header = parser.feed(piece)
        except ProxyHeaderError:
            return "refused"
        if header is not None:
            rest = header.rest + b"".join(pieces[index + 1 :])
            return header.version, header.source, rest
    return None


def config(data: bytes) -> None:
    """A tree, or an error of one kind."""
    with suppress(ConfigError):
        parse(data.decode("utf-8", "replace"), "fuzzed.conf")


def _find_native() -> Callable[[], IRouterBackend] | None:
    try:
        from pubsub.router.native.backend import NativeBackend
    except ImportError:
        return None
    return NativeBackend


_native = _find_native()

TARGETS: dict[str, tuple[Callable[[bytes], None], list[bytes]]] = {
    "router": (router, CORPUS),
    "connect": (connect, [b'{"verbose":false,"name":"a","protocol":1,"user":"u","pass":"p"}']),
    "proxy": (proxy, [b"PROXY TCP4 192.0.2.1 192.0.2.2 1 2\r\n"]),
    "config": (
        config,
        [b'port: 4222\nauthorization { user: "a", timeout: 2 }\nmax_payload: 1MB\n'],
    ),
}


def main(arguments: list[str]) -> None:
    """Fuzz the target that is named first."""
    name, *options = arguments[1:] or [""]
    if name not in TARGETS:
        raise SystemExit(f"which target? {', '.join(TARGETS)}")
    target, seeds = TARGETS[name]
    with tempfile.TemporaryDirectory() as corpus:
        for number, seed in enumerate(seeds):
            # the router's first byte says how it is cut
            (Path(corpus) / str(number)).write_bytes(b"\x0f" * (target is router) + seed)
        given = any(not option.startswith("-") for option in options)
        atheris.Setup([arguments[0], *options, *([] if given else [corpus])], target)
        atheris.Fuzz()


if __name__ == "__main__":
    main(sys.argv)
