from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from bench import timed
from bench.generator import Failure
from bench.servers import Server
from bench.systems import System
from tests.bench.fake_cluster import FakeCluster, FakeMember

SERVER = Server("fake", "fake 1", ("fake",), "1")


@pytest.fixture
def use(monkeypatch: pytest.MonkeyPatch) -> Callable[..., None]:
    """Let the system be a fake one with these faults."""

    def use(**faults: int) -> None:
        @contextmanager
        def together(server: Server, system: System, directory: Path) -> Iterator[list[FakeMember]]:
            with FakeCluster(system.members, **faults) as fake:
                yield fake.members

        monkeypatch.setattr(timed, "together", together)
        if faults:
            # what is wrong stays wrong
            monkeypatch.setattr(timed, "PATIENCE", 1.0)

    monkeypatch.setattr(timed, "QUIET", 0.05)
    monkeypatch.setattr(timed, "SUBSCRIPTIONS", 10)
    return use


def test_a_mesh_is_there_when_everybody_was_heard_by_everybody(
    use: Callable[..., None], tmp_path: Path
) -> None:
    use()
    figures = timed.mesh(SERVER, tmp_path)
    assert set(figures) == {"took", "settled", "rss", "hwm"}
    assert figures["took"] > 0
    assert figures["hwm"] > 0


def test_a_mesh_with_a_deaf_member_is_a_failure(use: Callable[..., None], tmp_path: Path) -> None:
    use(deaf=4)
    with pytest.raises(Failure, match="for 1 s"):
        timed.mesh(SERVER, tmp_path)


def test_after_a_death_clients_are_told_and_requests_are_answered(
    use: Callable[..., None], tmp_path: Path
) -> None:
    use()
    figures = timed.death(SERVER, tmp_path)
    assert set(figures) == {"took", "lost", "rss", "hwm"}
    assert figures["took"] > 0


def test_requests_to_the_dead_are_counted(
    use: Callable[..., None], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    use(sent_to_the_dead=5)
    monkeypatch.setattr(timed, "PATIENCE", 20.0)
    assert timed.death(SERVER, tmp_path)["lost"] >= 5


def test_clients_that_are_not_told_of_a_death_are_a_failure(
    use: Callable[..., None], tmp_path: Path
) -> None:
    use(untold=True)
    with pytest.raises(Failure, match="for 1 s"):
        timed.death(SERVER, tmp_path)


def test_requests_that_are_never_answered_are_a_failure(
    use: Callable[..., None], tmp_path: Path
) -> None:
    use(sent_to_the_dead=1_000_000)
    with pytest.raises(Failure, match="for 1 s"):
        timed.death(SERVER, tmp_path)


def test_a_worker_that_is_never_asked_is_a_failure(
    use: Callable[..., None], tmp_path: Path
) -> None:
    use(deaf=2)
    with pytest.raises(Failure, match="for 1 s"):
        timed.death(SERVER, tmp_path)
