"""``twistd pubsub``: the flags of pubsub-server, as a service."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
from pathlib import Path

import pytest
from twisted.application.service import IService
from twisted.logger import LogEvent, globalLogPublisher
from twisted.python import usage
from zope.interface.verify import verifyObject

from pubsub.service import PubSubService
from pubsub.tap import Options, makeService


def _options(*arguments: str) -> Options:
    options = Options()
    options.parseOptions(arguments)
    return options


def test_its_flags_are_those_of_pubsub_server(tmp_path: Path) -> None:
    config = tmp_path / "server.conf"
    config.write_text("max_payload: 4096\nport: 5000")
    parsed = _options("-c", str(config), "-p", "-1").command_line.options
    assert parsed is not None
    assert (parsed.max_payload, parsed.port) == (4096, -1)


@pytest.mark.parametrize(
    ("arguments", "text"),
    [
        (["--nonsense"], "nonsense"),
        (["-c", "missing.conf"], "missing.conf"),
        (["--signal", "reload=1"], "pubsub-server --signal"),
    ],
)
def test_what_cannot_be_used_is_a_usage_error(arguments: list[str], text: str) -> None:
    """twistd shows it with the usage."""
    with pytest.raises(usage.UsageError, match=text):
        _options(*arguments)


@pytest.mark.parametrize(("flag", "text"), [("--help", "Usage: "), ("--version", "nats-server: v")])
def test_what_only_prints_prints_and_exits(
    flag: str, text: str, capsys: pytest.CaptureFixture[str]
) -> None:
    with pytest.raises(SystemExit) as ended:
        _options(flag)
    assert ended.value.code == 0
    assert text in capsys.readouterr().out


def test_a_configuration_can_be_checked(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    (tmp_path / "server.conf").write_text("port: 4222")
    with pytest.raises(SystemExit) as ended:
        _options("-t", "-c", str(tmp_path / "server.conf"))
    assert ended.value.code == 0
    assert "is valid" in capsys.readouterr().out


def test_the_usage_names_twistd() -> None:
    assert str(Options()).lstrip().startswith("Usage: twistd pubsub [options]")


def test_the_service_is_made_from_the_options() -> None:
    service = makeService(_options("-p", "-1", "-n", "nina"))
    assert verifyObject(IService, service)
    assert isinstance(service, PubSubService)
    assert service.server.name == "nina"


def test_a_configuration_that_cannot_be_used_ends_it_with_the_reason() -> None:
    with pytest.raises(SystemExit, match=r"twistd pubsub: .*'nowhere'"):
        makeService(_options("--router", "nowhere"))


def test_warnings_are_logged(tmp_path: Path) -> None:
    config = tmp_path / "server.conf"
    config.write_text("ping_interval: 20")
    options = _options("-p", "-1", "-c", str(config))
    events: list[LogEvent] = []
    globalLogPublisher.addObserver(events.append)
    try:
        makeService(options)
    finally:
        globalLogPublisher.removeObserver(events.append)
    assert [event["warning"] for event in events if "warning" in event]


def _twistd(directory: Path, *arguments: str) -> subprocess.Popen[str]:
    return subprocess.Popen(
        [
            sys.executable,
            "-c",
            "import sys; sys.argv[0] = 'twistd'; from twisted.scripts.twistd import run; run()",
            *arguments,
        ],
        cwd=directory,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
    )


def test_twistd_runs_and_reloads_and_ends_it(tmp_path: Path) -> None:
    """The whole way, in a process of its own."""
    config = tmp_path / "server.conf"
    config.write_text("max_payload: 4096")
    process = _twistd(tmp_path, "-n", "pubsub", "-a", "127.0.0.1", "-p", "-1", "-c", str(config))
    assert process.stdout is not None
    seen = ""
    for line in process.stdout:
        seen += line
        if "Server is ready" in line:
            config.write_text("max_payload: 8192")
            os.kill(process.pid, signal.SIGHUP)
        elif "Reloaded server configuration" in line:
            process.terminate()
    assert process.wait() == 0, seen
    assert "Reloaded: max_payload = 8192" in seen
    assert "Traceback" not in seen


def test_twistd_ends_with_the_reason_if_it_cannot_listen(tmp_path: Path) -> None:
    process = _twistd(tmp_path, "-n", "pubsub", "-a", "192.0.2.1", "-p", "4222")
    output, _ = process.communicate(timeout=60)
    assert "192.0.2.1:4222" in output
