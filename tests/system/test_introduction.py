"""What a server says about itself: INFO, the first lines of the log, the ports file."""

from __future__ import annotations

import pytest
from twisted.logger import LogLevel

from pubsub._version import NATS_VERSION
from pubsub.config.options import AuthorizationOptions, GatewayOptions, Options, TlsOptions
from pubsub.errors import InvalidOption
from pubsub.system.introduction import (
    advertised,
    opened_lines,
    opening_lines,
    server_info,
    server_ports,
)
from pubsub.wire.info import ServerInfo


def _info(options: Options) -> ServerInfo:
    return server_info(options, server_id="NID", server_name="nina", port=4333, auth_required=False)


@pytest.mark.parametrize(
    ("given", "expected"),
    [
        ("", ("0.0.0.0", 4222)),
        ("nats.example", ("nats.example", 4222)),
        ("nats.example:5000", ("nats.example", 5000)),
        ("nats.example:0", ("nats.example", 4222)),
        ("nats.example:-1", ("nats.example", 4222)),
        ("192.0.2.7:5000", ("192.0.2.7", 5000)),
        ("[2001:db8::1]:5000", ("2001:db8::1", 5000)),
        ("[localhost]", ("localhost", 4222)),
    ],
)
def test_clients_are_told_the_advertised_address(given: str, expected: tuple[str, int]) -> None:
    assert advertised(given, "0.0.0.0", 4222) == expected


@pytest.mark.parametrize("given", [":5000", "a:b:c", "host:port", "host:70000", "4222"])
def test_an_address_that_is_none_is_refused_by_name(given: str) -> None:
    with pytest.raises(InvalidOption, match="client_advertise"):
        advertised(given, "0.0.0.0", 4222)


def test_info_has_the_port_the_kernel_gave_and_what_the_options_say() -> None:
    info = _info(Options(host="127.0.0.1", port=-1, max_payload=77, no_header_support=True))
    assert (info.server_id, info.server_name, info.version) == ("NID", "nina", NATS_VERSION)
    assert (info.host, info.port, info.max_payload, info.headers) == ("127.0.0.1", 4333, 77, False)
    assert [info.auth_required, info.tls_required, info.tls_verify] == [False] * 3


def test_info_says_whether_tls_must_or_may_be_used() -> None:
    required = _info(Options(tls=TlsOptions(verify=True)))
    assert (required.tls_required, required.tls_verify, required.tls_available) == (
        True,
        True,
        False,
    )
    offered = _info(Options(tls=TlsOptions(), allow_non_tls=True))
    assert (offered.tls_required, offered.tls_verify, offered.tls_available) == (
        False,
        False,
        True,
    )


def test_the_first_lines_name_the_server_its_configuration_and_what_to_worry_about() -> None:
    options = Options(
        config_file="a.conf",
        config_digest="sha256:12",
        authorization=AuthorizationOptions(user="u", password="secret"),
    )
    lines = opening_lines(
        options, server_id="NID", server_name="nina", router="python", missing=["native: no cc"]
    )
    texts = [line.text for line in lines]
    assert texts[0] == "Starting pubsub-server"
    assert "  Router:   python" in texts
    assert "  Name:     nina" in texts
    assert "Using configuration file: a.conf (sha256:12)" in texts
    warnings = [line.text for line in lines if line.level is LogLevel.warn]
    assert warnings == [
        "Using the python router, which is slower; native: no cc",
        "Plaintext passwords detected, use nkeys or bcrypt",
    ]


def test_the_lines_after_opening_name_every_address() -> None:
    options = Options(proxy_protocol=True, tls=TlsOptions())
    assert [line.text for line in opened_lines(options, ["127.0.0.1:1", "/run/s"])] == [
        "Listening for client connections on 127.0.0.1:1",
        "Listening for client connections on /run/s",
        "PROXY protocol enabled for client connections",
        "TLS required for client connections",
    ]


def test_the_ports_file_names_schemes() -> None:
    clients, monitoring = [("127.0.0.1", 1), ("::1", 2)], [("https", "127.0.0.1", 3)]
    plain = server_ports(Options(), clients, monitoring)
    assert plain.nats == ["nats://127.0.0.1:1", "nats://[::1]:2"]
    assert plain.monitoring == ["https://127.0.0.1:3"]
    assert server_ports(Options(tls=TlsOptions()), clients, ()).nats[0] == "tls://127.0.0.1:1"
    linked = server_ports(
        Options(gateway=GatewayOptions(tls=TlsOptions())), (), (), clients[:1], clients[1:]
    )
    assert (linked.cluster, linked.gateway) == (["nats://127.0.0.1:1"], ["tls://[::1]:2"])
