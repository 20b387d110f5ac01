"""The pid file and the ports file."""

from __future__ import annotations

import json
import os
from pathlib import Path

import pytest
from twisted.logger import Logger, formatEvent

from pubsub.system.files import (
    PortsFile,
    ServerPorts,
    listener_urls,
    ports_file_name,
    write_pid_file,
)


@pytest.fixture
def said(monkeypatch: pytest.MonkeyPatch) -> list[str]:
    lines: list[str] = []
    log = Logger("pubsub.test", observer=lambda event: lines.append(formatEvent(event)))
    monkeypatch.setattr(PortsFile, "_log", log)
    return lines


def test_the_pid_file_holds_the_pid_and_nothing_else(tmp_path: Path) -> None:
    path = tmp_path / "pid"
    path.write_text("something longer than a pid")
    write_pid_file(str(path))
    assert path.read_text() == str(os.getpid())
    write_pid_file(str(path), 42)
    assert path.read_text() == "42"
    assert os.listdir(tmp_path) == ["pid"]


def test_a_pid_file_that_cannot_be_written_is_an_error(tmp_path: Path) -> None:
    with pytest.raises(FileNotFoundError):
        write_pid_file(str(tmp_path / "missing" / "pid"))


def test_a_write_that_fails_leaves_the_old_file_and_nothing_else(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = tmp_path / "pid"
    path.write_text("1")

    def refuse(*arguments: object) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(os, "replace", refuse)
    with pytest.raises(OSError, match="No space"):
        write_pid_file(str(path), 2)
    assert path.read_text() == "1"
    assert os.listdir(tmp_path) == ["pid"]


def test_a_device_is_written_to_and_stays_one() -> None:
    write_pid_file("/dev/null")
    assert not Path("/dev/null").is_file()


def test_the_ports_file_is_called_after_program_and_process() -> None:
    assert ports_file_name("/usr/bin/pubsub-server", 42) == "pubsub-server_42.ports"
    assert ports_file_name().endswith(f"_{os.getpid()}.ports")


def test_the_ports_file_lists_urls_and_leaves_out_what_is_not_there(tmp_path: Path) -> None:
    file = PortsFile(str(tmp_path), "pubsub-server", 42)
    file.write(ServerPorts(nats=("nats://127.0.0.1:4222",), monitoring=["http://127.0.0.1:8222"]))
    path = tmp_path / "pubsub-server_42.ports"
    assert path.read_text() == (
        '{"nats":["nats://127.0.0.1:4222"],"monitoring":["http://127.0.0.1:8222"]}'
    )
    file.remove()
    assert os.listdir(tmp_path) == []


def test_troubles_with_the_ports_file_are_told_and_stop_nobody(
    tmp_path: Path, said: list[str]
) -> None:
    file = PortsFile(str(tmp_path / "missing"), "me", 42)
    file.write(ServerPorts())
    file.remove()
    path = tmp_path / "missing" / "me_42.ports"
    assert said == [
        f"Error writing ports file ({path}): No such file or directory",
        f"Error cleaning up ports file {path}: No such file or directory",
    ]


@pytest.mark.parametrize(
    ("host", "urls"),
    [
        ("127.0.0.1", ["nats://127.0.0.1:4222"]),
        ("::1", ["nats://[::1]:4222"]),
        ("0.0.0.0", ["nats://127.0.0.1:4222", "nats://192.0.2.7:4222"]),
        ("::", ["nats://127.0.0.1:4222", "nats://192.0.2.7:4222", "nats://[::1]:4222"]),
    ],
)
def test_a_listener_has_a_url_for_each_of_its_addresses(host: str, urls: list[str]) -> None:
    assert listener_urls("nats", host, 4222, lambda: ["127.0.0.1", "192.0.2.7", "::1"]) == urls


def test_ports_without_listeners_are_an_empty_object() -> None:
    assert json.loads(ServerPorts().to_json()) == {}
