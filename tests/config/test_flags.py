"""The command line, read as Go reads flags."""

from __future__ import annotations

from collections.abc import Mapping

import pytest

from pubsub._version import NATS_VERSION
from pubsub.config.flags import Action, CommandLine, parse_command_line
from pubsub.config.options import AuthorizationOptions, Options, TlsOptions
from pubsub.errors import ConfigError, InvalidOption, UnsupportedOption, UsageError

FILES = {
    "f.conf": b"port: 1\ndebug: true\ntrace: true\nhost: $HOST_NAME\n",
    "bad.conf": b"port: x",
    "warn.conf": b"ping_interval: 5",
    "tls.conf": (
        b"tls { cert_file: c, key_file: k, ca_file: a, verify: on, timeout: 5, "
        b'min_version: "1.3", cipher_suites: [ TLS_AES_128_GCM_SHA256 ], handshake_first: on }'
    ),
    "unix.conf": b'listen: "unix:/run/n.sock"',
}
ENVIRON = {"HOST_NAME": "example"}


def read_file(path: str) -> bytes:
    if path not in FILES:
        raise FileNotFoundError(2, "No such file or directory")
    return FILES[path]


def command_line(*argv: str) -> CommandLine:
    return parse_command_line(argv, ENVIRON, read_file)


def options(*argv: str) -> Options:
    line = command_line(*argv)
    assert line.action is Action.RUN
    assert line.options is not None
    return line.options


def complaint(*argv: str, kind: type[ConfigError] = ConfigError) -> str:
    with pytest.raises(kind) as caught:
        command_line(*argv)
    return str(caught.value)


def test_no_flags_run_a_server_with_the_defaults() -> None:
    assert options() == Options()


@pytest.mark.parametrize(
    "argv",
    [
        ["-p", "5"],
        ["--p", "5"],
        ["-port", "5"],
        ["--port", "5"],
        ["-p=5"],
        ["--port=5"],
        ["-p", "0x5"],
        ["-p", "05"],
        ["-p", "+5"],
        ["-p", "4", "-port", "5"],
        ["-p", "5", "--"],
    ],
)
def test_a_flag_may_be_written_in_many_ways(argv: list[str]) -> None:
    assert options(*argv).port == 5


@pytest.mark.parametrize(
    ("argv", "expected"),
    [
        (["-a", "h"], {"host": "h"}),
        (["--net", "h"], {"host": "h"}),
        (["-p", "-1"], {"port": -1}),
        (["-p", "0"], {"port": 4222}),
        (["-n", "x"], {"server_name": "x"}),
        (["--name", "x"], {"server_name": "x"}),
        (["--server_name", "x"], {"server_name": "x"}),
        (["--client_advertise", "h:1"], {"client_advertise": "h:1"}),
        (["-P", "x.pid"], {"pid_file": "x.pid"}),
        (["-m", "8222"], {"http_port": 8222}),
        (["--ports_file_dir", "/x"], {"ports_file_dir": "/x"}),
        (["-l", "x.log"], {"log_file": "x.log"}),
        (["--log_size_limit", "5"], {"log_size_limit": 5}),
        (["-s"], {"syslog": True}),
        (["-r", "udp://h:1"], {"remote_syslog": "udp://h:1"}),
        (["-T=false"], {"logtime": False}),
        (["-logtime_utc"], {"logtime_utc": True}),
        (["--max_traced_msg_len", "5"], {"max_traced_msg_len": 5}),
        (["--router", "python"], {"router": "python"}),
        (["--log_format", "json"], {"log_format": "json"}),
        (["-D"], {"debug": True}),
        (["-V"], {"trace": True}),
        (["-DV"], {"debug": True, "trace": True}),
        (["-VV"], {"trace": True, "trace_verbose": True}),
        (["-DVV"], {"debug": True, "trace": True, "trace_verbose": True}),
        (["-js=false", "--cluster=", "--profile", "0"], {}),
    ],
)
def test_flags_set_options(argv: list[str], expected: Mapping[str, object]) -> None:
    assert options(*argv) == Options(**expected)  # type: ignore[arg-type]


def test_credentials_come_from_flags() -> None:
    expected = AuthorizationOptions(user="u", password="p", token="t")
    assert options("--user", "u", "--pass", "p", "--auth", "t").authorization == expected


def test_flags_win_over_the_file_also_when_they_say_no() -> None:
    given = options("-c", "f.conf", "-p", "5", "-D=false")
    assert (given.port, given.debug, given.trace, given.host) == (5, False, True, "example")
    assert options("-c", "f.conf", "-DV=false").trace is False
    assert given.config_file == "f.conf"


def test_an_address_from_flags_opens_a_port_that_the_file_did_not_want() -> None:
    assert options("-c", "unix.conf").dont_listen
    assert not options("-c", "unix.conf", "-p", "5").dont_listen


def test_a_reload_reads_the_file_again_and_keeps_the_flags(monkeypatch: pytest.MonkeyPatch) -> None:
    line = command_line("-c", "f.conf", "-p", "5")
    monkeypatch.setitem(FILES, "f.conf", b"port: 7\nhost: changed\n")
    loaded = line.load(read_file, ENVIRON)
    assert (loaded.options.port, loaded.options.host) == (5, "changed")


def test_warnings_of_the_file_are_handed_on() -> None:
    (warning,) = command_line("-c", "warn.conf").warnings
    assert warning.startswith('warn.conf:1:1: invalid use of field "ping_interval"')


class TestTls:
    def test_flags_replace_the_certificates_of_the_file_and_keep_its_times(self) -> None:
        given = options("-c", "tls.conf", "--tls", "--tlscert", "x", "--tlskey", "y")
        assert given.tls == TlsOptions(
            cert_file="x", key_file="y", timeout=5.0, handshake_first=True
        )
        assert given.authorization.timeout == 6.0

    def test_any_of_the_flags_turns_it_on(self) -> None:
        given = options("--tlsverify", "--tlscert=x", "--tlskey=y", "--tlscacert=z")
        assert given.tls == TlsOptions(cert_file="x", key_file="y", ca_file="z", verify=True)

    def test_it_can_be_turned_off(self) -> None:
        assert options("-c", "tls.conf", "--tls=false").tls is None
        assert options("-c", "tls.conf", "--tls=false", "--tlscert", "x").tls is None

    def test_it_needs_a_certificate_and_a_key(self) -> None:
        assert complaint("--tls") == (
            "TLS Server certificate must be present and valid: add --tlscert FILE"
        )
        assert complaint("--tls", "--tlscert", "x") == (
            "TLS Server private key must be present and valid: add --tlskey FILE"
        )


@pytest.mark.parametrize(
    ("argv", "message"),
    [
        (["-foo"], "flag provided but not defined: -foo"),
        (["--foo=1"], "flag provided but not defined: -foo"),
        (["--prot", "1"], "flag provided but not defined: -prot; did you mean -port?"),
        (["-p"], "flag needs an argument: -p"),
        (["--port"], "flag needs an argument: -port"),
        (["-p", "abc"], 'invalid value "abc" for flag -p: parse error'),
        (["-p", "1.5"], 'invalid value "1.5" for flag -p: parse error'),
        (["--log_size_limit="], 'invalid value "" for flag -log_size_limit: parse error'),
        (
            ["--port=99999999999999999999"],
            'invalid value "99999999999999999999" for flag -port: value out of range',
        ),
        (["-D=maybe"], 'invalid boolean value "maybe" for -D: parse error'),
        (["-DV="], 'invalid boolean value "" for -DV: parse error'),
        (["---p", "3"], "bad flag syntax: ---p"),
        (["--=3"], "bad flag syntax: --=3"),
        (["-=3"], "bad flag syntax: -=3"),
    ],
)
def test_what_go_cannot_read_is_refused_in_its_words(argv: list[str], message: str) -> None:
    assert complaint(*argv, kind=UsageError) == message


@pytest.mark.parametrize(
    ("argv", "message"),
    [
        (["foo"], 'unrecognized command: "foo"'),
        (["-"], 'unrecognized command: "-"'),
        (["-p", "5", "help_tls"], 'unrecognized command: "help_tls"'),
        (["-t"], "must specify [-c, --config] option to check configuration file syntax"),
        (["-c", "no.conf"], "open no.conf: no such file or directory"),
        (["-sl", "a=b=c"], "invalid signal parameters: [c]"),
    ],
)
def test_what_nats_server_refuses_is_refused_in_its_words(argv: list[str], message: str) -> None:
    assert complaint(*argv) == message


@pytest.mark.parametrize(
    ("argv", "message"),
    [
        (["-js"], "-js: JetStream is not supported yet by this server"),
        (["--profile", "1"], "-profile: profiling is not supported yet by this server"),
        (["-sd", "/x"], "-sd: JetStream is not supported yet by this server"),
    ],
)
def test_flags_of_features_that_are_not_built_are_refused(argv: list[str], message: str) -> None:
    assert complaint(*argv, kind=UnsupportedOption) == message


def test_values_have_to_be_possible() -> None:
    assert complaint("-p", "70000", kind=InvalidOption) == (
        "port must be a port from 0 to 65535, or -1, not 70000"
    )
    assert complaint("--log_format", "xml") == "log_format must be text or json, not xml"
    assert complaint("-n", "a b") == "server name cannot contain spaces"


@pytest.mark.parametrize("argv", [["-v"], ["--version"], ["version"], ["-h", "-v"], ["VERSION"]])
def test_the_version_is_the_line_that_harnesses_look_for(argv: list[str]) -> None:
    line = command_line(*argv)
    assert line.action is Action.VERSION
    assert line.text == f"nats-server: v{NATS_VERSION}\n"


@pytest.mark.parametrize(
    "argv", [["-h"], ["--help"], ["help"], ["-h", "version"], ["-c", "no.conf", "--help"]]
)
def test_help_is_the_usage(argv: list[str]) -> None:
    line = command_line(*argv)
    assert line.action is Action.HELP
    assert line.text.startswith("\nUsage: pubsub-server [options]\n")


def test_help_on_tls_is_a_text_of_its_own() -> None:
    line = command_line("--help_tls")
    assert line.action is Action.HELP_TLS
    assert "cipher suites" in line.text


def test_a_flag_that_says_no_asks_for_nothing() -> None:
    assert command_line("-h=false", "-v=0").action is Action.RUN


class TestChecking:
    def test_a_valid_file_is_told_with_its_digest(self) -> None:
        line = command_line("-t", "-c", "f.conf")
        assert line.action is Action.TEST
        assert line.options is not None
        assert line.text == (
            f"pubsub-server: configuration file f.conf is valid ({line.options.config_digest})\n"
        )

    def test_warnings_make_a_file_invalid(self) -> None:
        assert complaint("-t", "-c", "warn.conf").startswith("warn.conf:1:1: invalid use of field")

    def test_a_wrong_file_is_told(self) -> None:
        assert complaint("-t", "-c", "bad.conf").startswith("bad.conf:1:1: port must be")


@pytest.mark.parametrize(
    ("text", "signal", "pid"),
    [("reload", "reload", ""), ("stop=12", "stop", "12"), ("ldm=*", "ldm", "*"), ("x=", "x", "")],
)
def test_a_signal_has_a_command_and_perhaps_somebody_to_get_it(
    text: str, signal: str, pid: str
) -> None:
    line = command_line("--signal", text)
    assert (line.action, line.signal, line.pid) == (Action.SIGNAL, signal, pid)
    assert command_line(f"-sl={text}") == line
