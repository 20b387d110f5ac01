"""The observer: what is shown, how, and where."""

from __future__ import annotations

import io
import json
import os
import re
from pathlib import Path
from types import SimpleNamespace

import pytest
from twisted.internet.defer import Deferred
from twisted.logger import ILogObserver, LogBeginner, Logger, LogPublisher
from zope.interface.verify import verifyObject

from pubsub.errors import InvalidOption
from pubsub.system.logging import LogSettings, ServerLog

STAMP = re.compile(
    r"^\[\d+\] \d{4}/\d\d/\d\d \d\d:\d\d:\d\d\.\d{6} \[(?:INF|DBG|TRC|WRN|ERR|FTL)\] "
)


def logging_to(stderr: io.StringIO, **settings: object) -> tuple[ServerLog, Logger]:
    log = ServerLog(LogSettings(**settings), stderr=stderr)  # type: ignore[arg-type]
    return log, Logger("pubsub.test", observer=log)


def shown(text: str) -> list[str]:
    """The lines, each without pid and time."""
    return [re.sub(r"^\[\d+\] (?:\S+ \S+ )?(?=\[)", "", line) for line in text.splitlines()]


def test_it_provides_the_interface_of_an_observer() -> None:
    assert verifyObject(ILogObserver, ServerLog(LogSettings(), stderr=io.StringIO()))


def test_lines_go_to_standard_error_in_nats_servers_format() -> None:
    stderr = io.StringIO()
    _, logger = logging_to(stderr)
    logger.info("Server is ready")
    logger.warn("careful")
    logger.error("no")
    logger.critical("over")
    lines = stderr.getvalue().splitlines()
    assert all(STAMP.match(line) for line in lines)
    assert all(line.startswith(f"[{os.getpid()}] ") for line in lines)
    assert shown(stderr.getvalue()) == [
        "[INF] Server is ready", "[WRN] careful", "[ERR] no", "[FTL] over",
    ]  # fmt: skip


@pytest.mark.parametrize(
    ("debug", "trace", "lines"),
    [
        (False, False, []),
        (True, False, ["[DBG] d"]),
        (False, True, ["[TRC] t"]),
        (True, True, ["[DBG] d", "[TRC] t"]),
    ],
)
def test_debug_and_trace_are_switched_each_for_itself(
    debug: bool, trace: bool, lines: list[str]
) -> None:
    stderr = io.StringIO()
    _, logger = logging_to(stderr, debug=debug, trace=trace)
    logger.debug("d")
    logger.debug("t", trace=True)
    assert shown(stderr.getvalue()) == lines


def test_a_debug_event_that_is_off_is_not_even_formatted() -> None:
    class Costly:
        def __str__(self) -> str:
            raise AssertionError("formatted")

    stderr = io.StringIO()
    _, logger = logging_to(stderr)
    logger.debug("{it}", it=Costly())
    assert stderr.getvalue() == ""


def test_a_failure_is_one_error_line_with_its_traceback_for_debugging() -> None:
    for debug in (False, True):
        stderr = io.StringIO()
        _, logger = logging_to(stderr, debug=debug)
        try:
            raise ValueError("no")
        except ValueError:
            logger.failure("reload failed")
        lines = shown(stderr.getvalue())
        assert lines[0].startswith("[ERR] reload failed: ValueError: no (")
        assert len(lines) == 1 or lines[1].startswith("[DBG] Traceback (most recent call last):")
        assert (len(lines) > 1) is debug


def test_an_unhandled_error_in_a_deferred_is_one_error_line(logged_failures: object) -> None:
    from twisted.internet import defer

    stderr = io.StringIO()
    log, _ = logging_to(stderr)
    publisher = defer.log.observer
    publisher.addObserver(log)
    try:
        deferred: Deferred[None] = Deferred()
        deferred.errback(ValueError("nobody asked"))
        del deferred
    finally:
        publisher.removeObserver(log)
    assert len(logged_failures.flush()) == 2  # type: ignore[attr-defined]
    assert shown(stderr.getvalue()) == [
        "[ERR] Unhandled error in Deferred: ValueError: nobody asked"
    ]


def test_only_a_terminal_gets_colours() -> None:
    class Terminal(io.StringIO):
        def isatty(self) -> bool:
            return True

    for stderr, label in ((Terminal(), "[\x1b[32mINF\x1b[0m] x\n"), (io.StringIO(), "[INF] x\n")):
        _, logger = logging_to(stderr, logtime=False)
        logger.info("x")
        assert stderr.getvalue() == f"[{os.getpid()}] {label}"


def test_a_closed_standard_error_is_no_terminal() -> None:
    stderr = io.StringIO()
    stderr.close()
    _, logger = logging_to(stderr)
    logger.info("x")


def test_json_lines_are_an_option() -> None:
    stderr = io.StringIO()
    _, logger = logging_to(stderr, log_format="json")
    logger.info("{cid} left", cid=5)
    record = json.loads(stderr.getvalue())
    assert (record["level"], record["message"], record["cid"]) == ("INF", "5 left", 5)


def test_a_log_file_takes_the_place_of_standard_error(tmp_path: Path) -> None:
    stderr = io.StringIO()
    path = tmp_path / "log"
    log, logger = logging_to(stderr, log_file=str(path), logtime=False)
    logger.info("x")
    log.close()
    log.close()
    assert path.read_text() == f"[{os.getpid()}] [INF] x\n"
    assert stderr.getvalue() == ""
    logger.info("late")
    assert shown(stderr.getvalue()) == ["[INF] late"]


def test_the_log_file_rotates_and_says_so_in_the_logs_own_format(tmp_path: Path) -> None:
    path = tmp_path / "log"
    log, logger = logging_to(io.StringIO(), log_file=str(path), log_size_limit=10)
    logger.info("more than ten bytes")
    log.close()
    assert STAMP.match(path.read_text())
    assert shown(path.read_text())[0].startswith('[INF] Rotated log, backup saved as "')


def test_reopening_goes_on_in_a_new_file_and_loses_no_line(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = tmp_path / "log"
    log, logger = logging_to(io.StringIO(), log_file=str(path))
    monkeypatch.setattr(ServerLog, "_log", logger)
    logger.info("one")
    path.rename(tmp_path / "log.1")
    logger.info("two")
    log.reopen()
    logger.info("three")
    log.close()
    assert shown((tmp_path / "log.1").read_text()) == ["[INF] one", "[INF] two"]
    assert shown(path.read_text()) == ["[INF] File log re-opened", "[INF] three"]


def test_reopening_that_fails_goes_on_with_the_old_file(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    folder = tmp_path / "logs"
    folder.mkdir()
    log, logger = logging_to(io.StringIO(), log_file=str(folder / "log"))
    monkeypatch.setattr(ServerLog, "_log", logger)
    folder.rename(tmp_path / "moved")
    log.reopen()
    log.close()
    assert shown((tmp_path / "moved" / "log").read_text()) == [
        "[ERR] Unable to re-open the logfile: No such file or directory"
    ]


def test_reopening_without_a_file_is_ignored_and_says_so(monkeypatch: pytest.MonkeyPatch) -> None:
    stderr = io.StringIO()
    log, logger = logging_to(stderr)
    monkeypatch.setattr(ServerLog, "_log", logger)
    log.reopen()
    assert shown(stderr.getvalue()) == ["[INF] File log re-open ignored, not a file logger"]


def test_reconfiguring_changes_levels_and_place(tmp_path: Path) -> None:
    stderr = io.StringIO()
    log, logger = logging_to(stderr)
    path = tmp_path / "log"
    settings = LogSettings(debug=True, log_file=str(path))
    log.reconfigure(settings)
    logger.debug("there")
    log.close()
    assert log.settings == settings
    assert stderr.getvalue() == ""
    assert shown(path.read_text()) == ["[DBG] there"]


def test_reconfiguring_that_fails_changes_nothing(tmp_path: Path) -> None:
    stderr = io.StringIO()
    log, logger = logging_to(stderr)
    with pytest.raises(OSError, match="No such file"):
        log.reconfigure(LogSettings(log_file=str(tmp_path / "missing" / "log")))
    with pytest.raises(InvalidOption):
        log.reconfigure(LogSettings(remote_syslog="http://x"))
    logger.info("still here")
    assert log.settings == LogSettings()
    assert shown(stderr.getvalue()) == ["[INF] still here"]


def test_beginning_writes_what_was_logged_before_it() -> None:
    stderr = io.StringIO()
    publisher = LogPublisher()
    warnings = SimpleNamespace(showwarning=None)
    beginner = LogBeginner(publisher, io.StringIO(), SimpleNamespace(), warnings)  # type: ignore[arg-type]
    early = Logger("pubsub.test", observer=publisher)
    early.info("early")
    ServerLog(LogSettings(), stderr=stderr).begin(beginner)
    early.info("late")
    assert shown(stderr.getvalue()) == ["[INF] early", "[INF] late"]


def test_settings_come_from_the_options_of_the_same_names() -> None:
    options = SimpleNamespace(
        debug=True, trace=True, logtime=False, logtime_utc=True, log_file="/x", log_format="json",
        log_size_limit=1, logfile_max_num=2, syslog=True, remote_syslog="udp://x", port=4222,
    )  # fmt: skip
    assert LogSettings.from_options(options) == LogSettings(
        True, True, False, True, "/x", "json", 1, 2, True, "udp://x"
    )


@pytest.mark.parametrize(
    ("settings", "where"),
    [
        (LogSettings(log_file="/no/such/dir/x.log"), "/no/such/dir/x.log"),
        (LogSettings(remote_syslog="udp://nowhere:514"), "udp://nowhere:514"),
        (LogSettings(syslog=True), "syslog"),
    ],
)
def test_a_log_that_cannot_be_opened_is_named(settings: LogSettings, where: str) -> None:
    error = settings.unusable(OSError(2, "No such file or directory"))
    assert str(error) == f"error opening the log {where}: No such file or directory"
