"""What the server says from start to exit."""

from __future__ import annotations

import pytest
from twisted.logger import Logger, LogLevel, formatEvent

from pubsub.system import startup
from pubsub.system.startup import Line


def test_a_start_names_versions_server_and_router() -> None:
    lines = startup.identity_lines(
        version="2.15.0", git_commit="", pubsub_version="0.1.0", router="native",
        runtime="CPython 3.11.2", server_name="edge", server_id="NABC",
    )  # fmt: skip
    assert [line.text for line in lines] == [
        "Starting pubsub-server",
        "  Version:  2.15.0",
        "  Git:      [not set]",
        "  Pubsub:   0.1.0",
        "  Router:   native",
        "  Runtime:  CPython 3.11.2",
        "  Name:     edge",
        "  ID:       NABC",
    ]
    assert [line.text for line in lines if line.level is LogLevel.debug] == [
        "  Runtime:  CPython 3.11.2"
    ]


def test_the_cluster_is_named_if_there_is_one() -> None:
    lines = startup.identity_lines(
        version="2.15.0", git_commit="abc1234", pubsub_version="0.1.0", router="python",
        runtime="", server_name="edge", server_id="NABC", cluster="east",
    )  # fmt: skip
    texts = [line.text for line in lines]
    assert "  Git:      [abc1234]" in texts
    assert texts.index("  Cluster:  east") == texts.index("  Name:     edge") - 1


def test_the_configuration_file_is_named_with_its_digest() -> None:
    assert startup.configuration_lines("", "sha256:00") == []
    assert startup.configuration_lines("a.conf", "sha256:00") == [
        Line("Using configuration file: a.conf (sha256:00)")
    ]


@pytest.mark.parametrize(
    ("password", "max_payload", "lines"),
    [
        ("", 1024, []),
        ("$2a$11$abc", 8 * 1024 * 1024, []),
        ("s3cret", 0, ["Plaintext passwords detected, use nkeys or bcrypt"]),
        (
            "",
            8 * 1024 * 1024 + 1,
            [
                (
                    "Maximum payloads over 8.00 MB are generally discouraged "
                    "and could lead to poor performance"
                )
            ],
        ),
    ],
)
def test_risky_settings_are_warned_of(password: str, max_payload: int, lines: list[str]) -> None:
    said = startup.warning_lines(password=password, max_payload=max_payload)
    assert said == [Line(text, LogLevel.warn) for text in lines]


def test_listeners_are_named_with_the_port_they_got() -> None:
    assert startup.listening_lines("0.0.0.0", 4222) == [
        Line("Listening for client connections on 0.0.0.0:4222")
    ]
    assert startup.listening_lines("::1", 4222, proxy_protocol=True) == [
        Line("Listening for client connections on [::1]:4222"),
        Line("PROXY protocol enabled for client connections"),
    ]
    assert startup.monitoring_line("https", "0.0.0.0", 8222) == Line(
        "Starting https monitor on 0.0.0.0:8222"
    )


@pytest.mark.parametrize(
    ("allow_non_tls", "handshake_first", "lines"),
    [
        (False, False, ["TLS required for client connections"]),
        (True, False, ["TLS available for client connections"]),
        (True, 0.05, ["TLS available for client connections"]),
        (
            True,
            True,
            [
                "TLS required for client connections",
                'Clients that are not using "TLS Handshake First" option will fail to connect',
            ],
        ),
    ],
)
def test_clients_are_told_about_in_terms_of_tls(
    allow_non_tls: bool, handshake_first: bool | float, lines: list[str]
) -> None:
    said = startup.tls_lines(allow_non_tls=allow_non_tls, handshake_first=handshake_first)
    assert [line.text for line in said] == lines


def test_the_lines_harnesses_wait_for_are_nats_servers() -> None:
    assert [line.text for line in (startup.READY, startup.SHUTTING_DOWN, startup.EXITING)] == [
        "Server is ready",
        "Initiating Shutdown...",
        "Server Exiting..",
    ]


def test_lines_are_logged_as_they_are_braces_included() -> None:
    events = []
    log = Logger("pubsub.test", observer=events.append)
    startup.say(log, startup.READY, Line("{odd} name", LogLevel.warn))
    assert [(e["log_level"], formatEvent(e)) for e in events] == [
        (LogLevel.info, "Server is ready"),
        (LogLevel.warn, "{odd} name"),
    ]


def test_a_router_that_could_be_faster_is_a_warning_each() -> None:
    (line,) = startup.missing_router_lines("python", ["native: it was not compiled"])
    assert line.level is LogLevel.warn
    assert line.text == "Using the python router, which is slower; native: it was not compiled"
    assert startup.missing_router_lines("native", []) == []
