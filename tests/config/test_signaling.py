"""``--signal`` finds a server and tells it something."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
from pathlib import Path

import pytest

from pubsub.config.signaling import find_processes, send_signal
from pubsub.errors import SignalNotSent


class Machine:
    """Processes that run, files that are there, signals that were sent."""

    def __init__(self, *pids: int) -> None:
        self.pids = pids
        self.files: dict[str, bytes] = {}
        self.sent: list[tuple[int, int]] = []
        self.failing: dict[int, OSError] = {}

    def read_file(self, path: str) -> bytes:
        if path not in self.files:
            raise FileNotFoundError(2, "No such file or directory")
        return self.files[path]

    def kill(self, pid: int, number: int) -> None:
        if pid in self.failing:
            raise self.failing[pid]
        self.sent.append((pid, number))

    def send(self, command: str, expression: str = "") -> list[tuple[int, int]]:
        send_signal(
            command,
            expression,
            "server",
            read_file=self.read_file,
            find=lambda: self.pids,
            kill=self.kill,
        )
        return self.sent

    def refusal(self, command: str, expression: str = "") -> str:
        with pytest.raises(SignalNotSent) as caught:
            self.send(command, expression)
        return str(caught.value)


@pytest.mark.parametrize(
    ("command", "number"),
    [
        ("stop", signal.SIGKILL),
        ("quit", signal.SIGINT),
        ("term", signal.SIGTERM),
        ("reopen", signal.SIGUSR1),
        ("reload", signal.SIGHUP),
        ("ldm", signal.SIGUSR2),
    ],
)
def test_the_only_server_gets_what_the_command_stands_for(command: str, number: int) -> None:
    assert Machine(12).send(command) == [(12, number)]


def test_a_pid_is_taken_as_it_is() -> None:
    assert Machine(1, 2).send("quit", "34") == [(34, signal.SIGINT)]


def test_a_pid_file_is_read() -> None:
    machine = Machine()
    machine.files["/run/n.pid"] = b"34\n"
    assert machine.send("quit", "/run/n.pid") == [(34, signal.SIGINT)]


@pytest.mark.parametrize(("expression", "pids"), [("*", [12, 123, 40]), ("12*", [12, 123])])
def test_a_pattern_reaches_several(expression: str, pids: list[int]) -> None:
    sent = Machine(12, 123, 40).send("quit", expression)
    assert [pid for pid, _ in sent] == pids


def test_refusals_are_in_the_words_of_nats_server() -> None:
    assert Machine(12).refusal("foo") == 'unknown signal "foo"'
    assert Machine().refusal("foo") == "no server processes running"
    assert Machine().refusal("quit", "*") == "no server processes running"
    assert Machine(12, 34).refusal("quit") == "multiple server processes running:\n12\n34"
    assert Machine(12).refusal("quit", "abc") == "invalid pid: abc"
    assert Machine(12).refusal("quit", "abc*") == "invalid pid: abc"


def test_who_did_not_get_it_is_told_and_the_others_got_it() -> None:
    machine = Machine(12, 34, 56, 78)
    machine.failing = {
        12: ProcessLookupError(3, "No such process"),
        34: PermissionError(1, "Operation not permitted"),
        56: OSError("Odd"),
    }
    assert machine.refusal("quit", "*") == (
        'signal "quit" 12: no such process'
        '\nsignal "quit" 34: operation not permitted'
        '\nsignal "quit" 56: odd'
    )
    assert machine.sent == [(78, signal.SIGINT)]


@pytest.fixture
def proc(tmp_path: Path) -> Path:
    for pid, arguments in {
        "10": ["/usr/bin/server", "-p", "1"],
        "9": ["/usr/bin/python3", "-E", "/usr/bin/server", "-D"],
        "8": ["/usr/bin/python3", "-m", "pubsub.main", "-D"],
        "11": ["/usr/bin/python3", "other.py", "server"],
        "12": ["vi", "server"],
        "13": [],
        str(os.getpid()): ["server"],
    }.items():
        (tmp_path / pid).mkdir()
        (tmp_path / pid / "cmdline").write_bytes("\0".join([*arguments, ""]).encode())
    (tmp_path / "14").mkdir()
    (tmp_path / "sys").mkdir()
    return tmp_path


def test_servers_are_found_by_what_they_run(proc: Path) -> None:
    # an editor that has opened the script looks the same as an interpreter
    (proc / "12" / "cmdline").write_bytes(b"vi\0notes.txt\0server\0")
    assert find_processes("server", str(proc)) == [8, 9, 10]


def test_without_a_list_of_processes_a_pid_is_needed(tmp_path: Path) -> None:
    with pytest.raises(SignalNotSent, match="unable to resolve pid, try providing one"):
        find_processes("server", str(tmp_path / "none"))


def test_a_real_process_gets_a_real_signal() -> None:
    code = "import sys; sys.stdout.write('up\\n'); sys.stdout.flush(); sys.stdin.read()"
    with subprocess.Popen(
        [sys.executable, "-c", code], stdin=subprocess.PIPE, stdout=subprocess.PIPE
    ) as child:
        assert child.stdout is not None
        assert child.stdout.readline() == b"up\n"
        send_signal("stop", str(child.pid), "server", read_file=Machine().read_file, find=list)
        assert child.wait() == -signal.SIGKILL
