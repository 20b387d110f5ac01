"""The console script."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path
from types import ModuleType
from typing import Any

import pytest

from pubsub import main as main_module
from pubsub._version import NATS_VERSION, VERSION
from pubsub.config.options import Options
from pubsub.main import main, read_file
from tests.certs import Authority


@pytest.fixture
def ran(monkeypatch: pytest.MonkeyPatch) -> list[tuple[Options, Any]]:
    """Servers that would have run."""
    runs: list[tuple[Options, Any]] = []

    def run(options: Options, command_line: Any) -> int:
        runs.append((options, command_line))
        return 7

    service = ModuleType("pubsub.service")
    service.run = run  # type: ignore[attr-defined]
    monkeypatch.setitem(sys.modules, "pubsub.service", service)
    return runs


def test_a_server_is_run_with_the_options_and_its_exit_code_is_ours(
    ran: list[tuple[Options, Any]], capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(["-p", "5"]) == 7
    ((options, command_line),) = ran
    assert options.port == 5
    assert command_line.options is options
    assert capsys.readouterr() == ("", "")


def test_arguments_are_those_of_the_process_by_default(
    ran: list[tuple[Options, Any]], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(sys, "argv", ["pubsub.service", "-p", "6"])
    assert main() == 7
    assert ran[0][0].port == 6


def test_warnings_are_shown_before_the_server_runs(
    ran: list[tuple[Options, Any]], tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    path = tmp_path / "f.conf"
    path.write_text("ping_interval: 5")
    assert main(["-c", str(path)]) == 7
    assert len(ran) == 1
    assert capsys.readouterr().err.startswith(f'{path}:1:1: invalid use of field "ping_interval"')


def test_the_version_is_alone_on_standard_output(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["-v"]) == 0
    shown = capsys.readouterr()
    assert shown.out == f"nats-server: v{NATS_VERSION}\n"
    assert shown.err == f"pubsub-server: v{VERSION}, behaves as nats-server {NATS_VERSION}\n"


def test_help_goes_to_standard_output(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["--help"]) == 0
    assert "Usage: pubsub-server [options]" in capsys.readouterr().out
    assert main(["--help_tls"]) == 0
    assert "cipher suites" in capsys.readouterr().out


def test_an_unknown_flag_shows_the_usage_and_fails(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["-foo"]) == 1
    shown = capsys.readouterr()
    assert shown.err.startswith("flag provided but not defined: -foo\n\nUsage: pubsub-server")
    assert shown.out == ""


def test_a_wrong_configuration_is_told_with_our_name(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    path = tmp_path / "f.conf"
    path.write_text("prot: 5")
    assert main(["-c", str(path)]) == 1
    assert capsys.readouterr().err == (
        f'pubsub-server: {path}:1:1: unknown field "prot"; did you mean port?\n'
    )


#: a bcrypt string that takes days to check
COSTLY = "$2a$30$" + "x" * 53


class TestChecking:
    def check(self, tmp_path: Path, text: str) -> int:
        path = tmp_path / "f.conf"
        path.write_text(text)
        return main(["-t", "-c", str(path)])

    def test_a_valid_file_is_told_on_standard_error(
        self, tmp_path: Path, capsys: pytest.CaptureFixture[str]
    ) -> None:
        assert self.check(tmp_path, "port: 5\nmappings { a: b }\nrouter: python") == 0
        shown = capsys.readouterr()
        assert shown.out == ""
        assert shown.err.startswith(
            f"pubsub-server: configuration file {tmp_path}/f.conf is valid (sha256:"
        )

    def test_files_that_the_configuration_names_are_looked_at(
        self, tmp_path: Path, capsys: pytest.CaptureFixture[str]
    ) -> None:
        text = f'tls {{ cert_file: "{tmp_path}/no.pem", key_file: "{tmp_path}/no.key" }}'
        assert self.check(tmp_path, text) == 1
        assert "no.pem" in capsys.readouterr().err

    def test_certificates_that_fit_are_valid(
        self, tmp_path: Path, capsys: pytest.CaptureFixture[str]
    ) -> None:
        authority = Authority(tmp_path)
        issued = authority.issue("server", names=["localhost"])
        pair = f'cert_file: "{issued.cert_file}", key_file: "{issued.key_file}"'
        assert self.check(tmp_path, f"tls {{ {pair} }}") == 0
        assert self.check(tmp_path, f'tls {{ {pair}, ca_file: "{authority.cert_file}" }}') == 0
        assert self.check(tmp_path, f'tls {{ {pair}, ca_file: "{tmp_path}/no.pem" }}') == 1
        assert "no.pem" in capsys.readouterr().err

    def test_a_mapping_that_cannot_be_is_found(
        self, tmp_path: Path, capsys: pytest.CaptureFixture[str]
    ) -> None:
        assert self.check(tmp_path, 'mappings { "a.*": "b.$2" }') == 1
        assert "invalid mapping destination" in capsys.readouterr().err

    @pytest.mark.parametrize(
        ("text", "told"),
        [
            ("authorization { plugin: nowhere }", "no authenticator plugin is called 'nowhere'"),
            ("hooks: [ { plugin: nowhere } ]", "no hook plugin is called 'nowhere'"),
            (
                f'authorization {{ users: [ {{ user: u, password: "{COSTLY}" }} ] }}',
                "password of user 'u': bcrypt cost 30 is not between",
            ),
            (
                f'authorization {{ user: u, password: "{COSTLY}" }}',
                "authorization.password: bcrypt cost 30 is not between",
            ),
            (f'authorization {{ token: "{COSTLY}" }}', "authorization.token: bcrypt cost 30"),
        ],
        ids=["authenticator", "hook", "user", "single user", "token"],
    )
    def test_what_would_keep_it_from_starting_is_found(
        self, tmp_path: Path, capsys: pytest.CaptureFixture[str], text: str, told: str
    ) -> None:
        assert self.check(tmp_path, text) == 1
        assert told in capsys.readouterr().err

    @pytest.mark.parametrize(
        "text",
        [
            "hooks: [ { plugin: rate_limit, options: { messages: 5 } } ]",
            "authorization { plugin: userpass, user: u, password: p }",
        ],
    )
    def test_plugins_that_are_there_are_valid(self, tmp_path: Path, text: str) -> None:
        assert self.check(tmp_path, text) == 0

    def test_a_router_that_is_not_there_is_found(
        self, tmp_path: Path, capsys: pytest.CaptureFixture[str]
    ) -> None:
        assert self.check(tmp_path, "router: nowhere") == 1
        assert "nowhere" in capsys.readouterr().err


def test_a_signal_to_nobody_fails(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["--signal", "quit=none"]) == 1
    assert capsys.readouterr().err == "pubsub-server: invalid pid: none\n"


def test_a_signal_is_sent(monkeypatch: pytest.MonkeyPatch) -> None:
    sent: list[tuple[str, str, str]] = []

    def send_signal(command: str, expression: str, program: str, **keywords: Any) -> None:
        sent.append((command, expression, program))
        assert os.getpid() not in keywords["find"]()

    monkeypatch.setattr(main_module, "send_signal", send_signal)
    assert main(["--signal", "ldm=12"]) == 0
    assert sent == [("ldm", "12", "pubsub-server")]


def test_the_module_is_a_program() -> None:
    command = [sys.executable, "-m", "pubsub.main"]
    assert subprocess.check_output([*command, "-v"], stderr=subprocess.DEVNULL) == (
        f"nats-server: v{NATS_VERSION}\n".encode()
    )
    assert subprocess.run([*command, "-foo"], capture_output=True, check=False).returncode == 1


def test_files_are_read_as_bytes(tmp_path: Path) -> None:
    (tmp_path / "x").write_bytes(b"\xff\r\n")
    assert read_file(str(tmp_path / "x")) == b"\xff\r\n"
    with pytest.raises(OSError, match="No such file"):
        read_file(str(tmp_path / "y"))
