"""Log files: rotated as nats-server does, and no line is lost."""

from __future__ import annotations

import io
import os
import sys
import time
from pathlib import Path

import pytest

from pubsub.system.levels import Level
from pubsub.system.log_file import FileDestination, StreamDestination


class Lines:
    """A destination that remembers."""

    def __init__(self) -> None:
        self.lines: list[str] = []

    def write(self, level: Level, line: str) -> None:
        self.lines.append(line)

    def close(self) -> None:
        return


def render(level: Level, message: str) -> str:
    return f"[{level.name}] {message}"


class Clock:
    """Nanoseconds since the epoch, one more second at each look; a made-up time zone."""

    def __init__(self) -> None:
        self.now = 1787323811_000000042

    def __call__(self) -> int:
        self.now += 1_000_000_000
        return self.now


@pytest.fixture
def errors() -> Lines:
    return Lines()


@pytest.fixture(autouse=True)
def utc(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(time, "localtime", time.gmtime)


def open_log(path: Path, errors: Lines, **settings: int) -> FileDestination:
    return FileDestination(str(path), render, errors, now_ns=Clock(), **settings)


def test_lines_are_appended_to_what_is_there(tmp_path: Path, errors: Lines) -> None:
    path = tmp_path / "log"
    path.write_text("old\n")
    log = open_log(path, errors)
    log.write(Level.INF, "new \u20ac \udc80")
    log.close()
    log.close()
    assert path.read_text() == "old\nnew \u20ac \\udc80\n"


def test_a_new_file_is_not_for_everybody(tmp_path: Path, errors: Lines) -> None:
    umask = os.umask(0)
    try:
        open_log(tmp_path / "log", errors).close()
    finally:
        os.umask(umask)
    assert (tmp_path / "log").stat().st_mode & 0o777 == 0o640


def test_a_file_that_cannot_be_opened_is_an_error_at_once(tmp_path: Path, errors: Lines) -> None:
    with pytest.raises(FileNotFoundError):
        open_log(tmp_path / "missing" / "log", errors)


def test_the_line_that_passes_the_limit_is_the_last_of_its_file(
    tmp_path: Path, errors: Lines
) -> None:
    path = tmp_path / "log"
    log = open_log(path, errors, size_limit=10)
    log.write(Level.INF, "123456789")
    assert os.listdir(tmp_path) == ["log"]
    log.write(Level.INF, "one too many")
    backup = f"{path}.2026.08.21.14.50.12.000000042"
    assert Path(backup).read_text() == "123456789\none too many\n"
    assert path.read_text() == f'[INF] Rotated log, backup saved as "{backup}"\n'
    log.close()


def test_a_file_over_the_limit_at_the_start_is_rotated(tmp_path: Path, errors: Lines) -> None:
    path = tmp_path / "log"
    path.write_text("x" * 20)
    open_log(path, errors, size_limit=10).close()
    backup = f"{path}.2026.08.21.14.50.12.000000042"
    assert Path(backup).read_text() == "x" * 20 + "[INF] Rotating logfile...\n"


def test_only_so_many_files_are_kept_the_current_one_included(
    tmp_path: Path, errors: Lines
) -> None:
    path = tmp_path / "log"
    for name in ("log.bak", "log.2026.13.41.00.00.00.1", "log2", "log.2020.01.01.00.00.00"):
        (tmp_path / name).write_text("")
    log = open_log(path, errors, size_limit=200, max_files=3)
    for number in range(4):
        log.write(Level.INF, f"{number}" * 300)
    log.close()
    assert sorted(os.listdir(tmp_path)) == [
        "log",
        "log.2026.08.21.14.50.14.000000042",
        "log.2026.08.21.14.50.15.000000042",
        "log.2026.13.41.00.00.00.1",
        "log.bak",
        "log2",
    ]
    assert '[INF] Purged log file "log.2026.08.21.14.50.13.000000042"\n' in path.read_text()


def test_a_backup_that_cannot_be_removed_is_tried_again_later(
    tmp_path: Path, errors: Lines, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = tmp_path / "log"
    (tmp_path / "log.2020.01.01.00.00.00.1").write_text("")

    def refuse(path: str) -> None:
        raise PermissionError(1, "Operation not permitted")

    monkeypatch.setattr(os, "remove", refuse)
    log = open_log(path, errors, size_limit=10, max_files=1)
    log.write(Level.INF, "123456789012")
    log.close()
    assert path.read_text().endswith(
        '[ERR] Unable to remove backup log file "log.2020.01.01.00.00.00.1" '
        "(Operation not permitted), will attempt next rotation\n"
    )


def test_a_folder_that_cannot_be_listed_is_told(
    tmp_path: Path, errors: Lines, monkeypatch: pytest.MonkeyPatch
) -> None:
    def refuse(path: str) -> list[str]:
        raise PermissionError(13, "Permission denied")

    monkeypatch.setattr(os, "listdir", refuse)
    log = open_log(tmp_path / "log", errors, size_limit=10, max_files=1)
    log.write(Level.INF, "123456789012")
    log.close()
    assert "[ERR] Unable to read directory" in (tmp_path / "log").read_text()


@pytest.mark.parametrize("call", ["rename", "open"])
def test_a_rotation_that_fails_goes_on_in_the_old_file_and_is_tried_at_twice_its_size(
    tmp_path: Path, errors: Lines, monkeypatch: pytest.MonkeyPatch, call: str
) -> None:
    path = tmp_path / "log"
    log = open_log(path, errors, size_limit=100)

    def refuse(*arguments: object) -> None:
        raise PermissionError(13, "Permission denied")

    with monkeypatch.context() as trouble:
        trouble.setattr(os, call, refuse)
        log.write(Level.INF, "1" * 120)
        log.write(Level.INF, "still here")
    lines = path.read_text().splitlines()
    assert lines == [
        "1" * 120,
        (
            "[ERR] Unable to rotate logfile (Permission denied), "
            "will attempt next rotation at size 242"
        ),
        "still here",
    ]
    log.close()


def test_a_file_moved_away_before_its_rotation_is_simply_begun_anew(
    tmp_path: Path, errors: Lines
) -> None:
    path = tmp_path / "log"
    log = open_log(path, errors, size_limit=10)
    path.rename(tmp_path / "moved")
    log.write(Level.INF, "123456789012")
    log.write(Level.INF, "new")
    log.close()
    assert (tmp_path / "moved").read_text() == "123456789012\n"
    assert path.read_text() == "new\n"


def test_what_the_file_does_not_take_goes_to_the_fallback_and_the_reason_is_told_once(
    tmp_path: Path, errors: Lines
) -> None:
    log = open_log(tmp_path / "log", errors)
    os.close(log._fd)
    for line in ("one", "two"):
        log.write(Level.INF, line)
    assert errors.lines == [
        f'[ERR] Unable to write to logfile "{tmp_path / "log"}" (Bad file descriptor)',
        "one",
        "two",
    ]
    log._fd = os.open(tmp_path / "log", os.O_WRONLY | os.O_APPEND)
    log.write(Level.INF, "three")
    log.close()
    log.write(Level.INF, "four")
    assert (tmp_path / "log").read_text() == "three\n"
    assert len(errors.lines) == 5
    assert errors.lines[-1] == "four"


def test_a_write_the_kernel_takes_in_parts_is_finished(
    tmp_path: Path, errors: Lines, monkeypatch: pytest.MonkeyPatch
) -> None:
    log = open_log(tmp_path / "log", errors)
    write = os.write
    monkeypatch.setattr(os, "write", lambda fd, data: write(fd, data[:3]))
    log.write(Level.INF, "a line in parts")
    monkeypatch.undo()
    log.close()
    assert (tmp_path / "log").read_text() == "a line in parts\n"


def test_a_stream_gets_what_its_encoding_can_say() -> None:
    raw = io.BytesIO()
    stream = io.TextIOWrapper(raw, encoding="ascii")
    StreamDestination(stream).write(Level.INF, "caf\u00e9")
    assert raw.getvalue() == b"caf\\xe9\n"


def test_a_stream_that_is_gone_stops_nobody() -> None:
    stream = io.StringIO()
    destination = StreamDestination(stream)
    destination.close()
    assert not stream.closed
    stream.close()
    destination.write(Level.INF, "into the void")
    StreamDestination(sys.stderr).close()
