from __future__ import annotations

from collections.abc import Callable, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest

from bench import certificates, generator, runner, timed
from bench.procfs import Sample
from bench.rows import Row, select
from bench.runner import Runner, Settings, compared, participants, rotated, server_info
from bench.servers import Server, ServerFailed
from bench.systems import System
from tests.bench.made_up import made_up

A, B, C = (Server(name, name, (name,), "1", ours=name == "A") for name in "ABC")
DONE = {"published": 10.0, "seconds": 1.0, "publish_rate": 10.0}


class Listener:
    def __init__(self) -> None:
        self.calls: list[tuple[Any, ...]] = []

    def run_started(self, row: Row, number: int, server: str) -> None:
        self.calls.append((row.name, number, server))

    def run_ended(self, row: Row, number: int, server: str, error: str) -> None:
        if error:
            self.calls.append((server, error))


class FakeInstance:
    port = 4222
    pid = 1
    ready_after = 0.25

    def ended(self) -> bool:
        return True

    def log_tail(self) -> str:
        return "    last words"


@pytest.fixture
def commands(monkeypatch: pytest.MonkeyPatch) -> list[list[str]]:
    """The generator's command lines; nothing is started."""
    seen: list[list[str]] = []

    @contextmanager
    def running(server: Server, directory: Path, tls: object = None, more: str = "") -> Any:
        yield FakeInstance()

    def converse(
        command: list[str], seconds: float, sample: Callable[[], Sample], settle: float
    ) -> Any:
        seen.append(command)
        return DONE, Sample(0.0, 0, 0), Sample(1.0, 5, 6)

    @contextmanager
    def together(server: Server, system: System, directory: Path) -> Any:
        members = [FakeInstance() for _ in range(system.members)]
        for number, member in enumerate(members):
            member.port = 5000 + number
        yield members

    for module in (runner, timed):
        monkeypatch.setattr(module, "running", running)
    monkeypatch.setattr(runner, "together", together)
    monkeypatch.setattr(generator, "converse", converse)
    return seen


def run(
    rows: str, tmp_path: Path, rounds: int = 2, servers: Sequence[Server] = (A, B, C)
) -> tuple[Listener, Any]:
    listener, results = Listener(), made_up()
    results.runs.clear()
    settings = Settings(rounds=rounds, scale=0.1)
    Runner(servers, settings, Path("load"), tmp_path, results, listener).run(select([rows]))
    return listener, results


def test_the_order_rotates_every_round() -> None:
    assert ["".join(s.key for s in rotated([A, B, C], n)) for n in range(4)] == [
        "ABC",
        "BCA",
        "CAB",
        "ABC",
    ]
    assert rotated([], 1) == []


def test_servers_take_turns_within_a_row(commands: list[list[str]], tmp_path: Path) -> None:
    listener, results = run("publish-16", tmp_path)
    assert [call[2] for call in listener.calls] == ["A", "B", "C", "B", "C", "A"]
    assert results.values("publish-16", "B", "rate") == [10.0, 10.0]
    assert commands[0][:2] == ["load", "flow"]
    assert "--tls-ca" not in commands[0]


def test_a_row_and_what_it_is_compared_to_take_turns(
    commands: list[list[str]], tmp_path: Path
) -> None:
    listener, _ = run("p*-128", tmp_path, servers=[A, B])
    assert [call[:2] for call in listener.calls[::2]] == [
        ("publish-128", 0),
        ("publish-128", 0),
        ("publish-128", 1),
        ("publish-128", 1),
    ]
    assert [call[0] for call in listener.calls[1::2]] == ["permitted-128"] * 4
    assert [call[2] for call in listener.calls] == ["A", "A", "B", "B", "B", "B", "A", "A"]


def test_rows_are_together_with_what_they_are_compared_to() -> None:
    rows = select(["publish-*", "permitted-*", "imported-1-1", "wildcard"])
    groups = [[row.name for row in group] for group in compared(rows)]
    assert ["publish-16"] in groups
    assert ["publish-128", "permitted-128"] in groups
    assert ["wildcard", "permitted-10000"] in groups
    assert ["imported-1-1"] in groups
    assert sorted(name for group in groups for name in group) == sorted(row.name for row in rows)


def test_a_count_is_scaled(
    commands: list[list[str]], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("resource.getrlimit", lambda number: (20_000, 20_000))
    with pytest.raises(KeyError):
        run("idle", tmp_path)  # the fake generator has no connections to tell of
    assert commands[0][commands[0].index("--count") + 1] == "1000"


def test_no_more_connections_than_files_may_be_open(
    commands: list[list[str]], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("resource.getrlimit", lambda number: (512, 512))
    with pytest.raises(KeyError):
        run("idle", tmp_path)
    assert commands[0][commands[0].index("--count") + 1] == "256"


def test_a_server_that_failed_a_row_is_not_tried_again_in_it(
    commands: list[list[str]], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def lose(*arguments: object) -> None:
        raise generator.Failure("lost")

    monkeypatch.setattr(generator, "converse", lose)
    listener, results = run("publish-16", tmp_path)
    assert results.failures["publish-16"]["C"] == "round 1: lost\n    last words"
    assert len(listener.calls) == 6
    assert results.runs == {}


def test_a_server_that_does_not_start_fails_the_row(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def refuse(*arguments: object) -> None:
        raise ServerFailed("port taken")

    monkeypatch.setattr(timed, "running", refuse)
    _, results = run("startup", tmp_path)
    assert results.failures["startup"]["A"] == "round 1: port taken"


def test_start_up_needs_no_generator(commands: list[list[str]], tmp_path: Path) -> None:
    _, results = run("startup", tmp_path)
    assert results.values("startup", "A", "ready") == [0.25, 0.25]
    assert commands == []


def test_tls_rows_get_certificates(commands: list[list[str]], tmp_path: Path) -> None:
    with pytest.raises(KeyError):
        run("tls-1-1", tmp_path)  # the fake generator has no deliveries to tell of
    authority = commands[0][commands[0].index("--tls-ca") + 1]
    assert "BEGIN CERTIFICATE" in Path(authority).read_text()
    assert "PRIVATE KEY" in (tmp_path / "server.key").read_text()


def test_without_cryptography_the_tls_row_is_skipped(
    commands: list[list[str]], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def missing(directory: Path) -> None:
        raise ImportError("No module named 'cryptography'")

    monkeypatch.setattr(certificates, "make", missing)
    _, results = run("tls-1-1", tmp_path)
    assert results.skipped == {"tls-1-1": "No module named 'cryptography'"}
    assert commands == []


def test_the_results_keep_how_a_server_was_started() -> None:
    info = server_info(Server("native", "pubsub native", ("a b", "-x"), "1", "native", ours=True))
    assert (info.command, info.backend, info.ours) == ("'a b' -x", "native", True)


MIXED = Server("A+B", "A → B", (), "", members=(A, B))


def far_ports(command: list[str]) -> list[str]:
    return [command[at + 1] for at, text in enumerate(command) if text == "--far-port"]


def test_mixed_systems_take_their_turn_in_rows_that_are_about_them(
    commands: list[list[str]], tmp_path: Path
) -> None:
    row = select(["routed-1-1"])[0]
    assert participants(row, [A, B, MIXED]) == [A, B, MIXED]
    assert participants(select(["publish-16"])[0], [A, B, MIXED]) == [A, B]
    listener, _ = run("publish-16", tmp_path, servers=[A, MIXED])
    assert [call[2] for call in listener.calls] == ["A", "A"]


def test_some_rows_are_not_about_every_backend() -> None:
    python = Server("python", "python", ("x",), "1", backend="python", ours=True)
    native = Server("native", "native", ("x",), "1", backend="native", ours=True)
    assert participants(select(["mesh-9"])[0], [native, python, B]) == [native, B]


def test_subscribers_are_at_the_other_servers_or_everywhere(
    commands: list[list[str]], tmp_path: Path
) -> None:
    for row in ("routed-1-1", "fan-out-3"):
        with pytest.raises(KeyError):
            run(row, tmp_path)  # the fake generator has no deliveries to tell of
    routed, everywhere = commands
    assert (
        routed[routed.index("--port") + 1] == everywhere[everywhere.index("--port") + 1] == "5000"
    )
    assert far_ports(routed) == ["5001"]
    assert far_ports(everywhere) == ["5000", "5001", "5002"]


def test_the_results_keep_who_is_in_a_mixed_system() -> None:
    info = server_info(MIXED)
    assert (info.key, info.label, info.members, info.ours) == ("A+B", "A → B", ("A", "B"), False)
