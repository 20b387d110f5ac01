"""The ``gateway`` block."""

from __future__ import annotations

import pytest

from pubsub.config.build import configure
from pubsub.config.options import GatewayOptions, GatewayUrl, Options, RemoteGatewayOptions
from pubsub.config.special_gateway import parse_gateway_url
from pubsub.errors import ConfigError


def read(text: str) -> Options:
    """The options of a file."""
    return configure(text=text, path="f").options


def test_everything_that_is_built_can_be_configured() -> None:
    gateway = read("""
        gateway {
          name: A, listen: "h:7222", advertise: "out:1"
          authorization { user: u, password: p, timeout: 3 }
          connect_retries: 5, connect_backoff: true, reject_unknown: true, write_deadline: "4s"
          gateways: [
            { name: A, url: "nats://h:7222" }
            { name: B, url: "nats://u:p%40@b:1", urls: ["nats://[::1]:2", "c:3"] }
          ]
        }""").gateway
    assert gateway == GatewayOptions(
        name="A", host="h", port=7222, user="u", password="p", timeout=3.0, advertise="out:1",
        connect_retries=5, connect_backoff=True, reject_unknown_cluster=True, write_deadline=4.0,
        gateways=(
            RemoteGatewayOptions("A", (GatewayUrl("h", 7222),)),
            RemoteGatewayOptions(
                "B", (GatewayUrl("b", 1, "u", "p@"), GatewayUrl("::1", 2), GatewayUrl("c", 3))
            ),
        ),
    )  # fmt: skip


def test_defaults_are_nats_servers() -> None:
    assert read("gateway { }").gateway == GatewayOptions()
    gateway = read("gateway { name: A, port: 1, host: '' }").gateway
    assert gateway == GatewayOptions(name="A", port=1)
    assert read("gateway { name: A, port: 1, reject_unknown_cluster: on }").gateway == (
        GatewayOptions(name="A", port=1, reject_unknown_cluster=True)
    )


def test_tls_asks_both_sides_for_certificates_and_takes_its_time() -> None:
    tls = "tls { cert_file: c, key_file: k, timeout: 4 }"
    remote = f"{{ name: B, url: 'nats://b:1', {tls} }}"
    gateway = read(f"gateway {{ name: A, port: 1, {tls}, gateways: [ {remote} ] }}").gateway
    assert gateway.tls is not None
    assert (gateway.tls.verify, gateway.timeout) == (True, 5.0)
    assert gateway.gateways[0].tls == gateway.tls


@pytest.mark.parametrize(
    ("block", "complaint"),
    [
        ("name: 'a b'", "f:1:11: gateway name cannot contain spaces"),
        ("listen: x", "f:1:11: "),
        ("authorization { token: t }", "f:1:27: Gateway authorization does not support tokens"),
        ("authorization { users: [] }", "Gateway authorization does not allow multiple users"),
        ("authorization { auth_callout { } }", "does not support callouts"),
        ("gateways: { name: B }", "f:1:11: Expected gateways field to be an array"),
        ("gateways: [ 1, ]", "f:1:23: Expected gateway entry to be a map/struct"),
        (
            "gateways: [ { name: B, url: 'nats://:secret@a' } ]",
            "error parsing gateway url: write nats://",
        ),
        ("gateways: [ { urls: [ 'nats://a:1', 'a' ] } ]", "f:1:47: error parsing gateway url"),
        ("gateways: [ { nonsense: 1 } ]", 'f:1:25: unknown field "nonsense"'),
        ("advertise: 'a:b:c'", "f:1:11: invalid advertise 'a:b:c'; write host or host:port"),
        ("write_timeout: never", "write_timeout must be 'default', 'close' or 'retry'"),
        ("nonsense: 1", 'f:1:11: unknown field "nonsense"'),
    ],
)
def test_what_cannot_be_is_refused_with_its_place(block: str, complaint: str) -> None:
    with pytest.raises(ConfigError) as caught:
        read(f"gateway {{ {block} }}")
    assert complaint in str(caught.value)
    assert str(caught.value).startswith("f:1:")
    assert "secret" not in str(caught.value)


def test_a_gateway_is_a_block() -> None:
    with pytest.raises(ConfigError, match=r"^f:1:1: Expected gateway to be a map$"):
        read("gateway: 1")


def test_what_was_probably_not_meant_is_told() -> None:
    loaded = configure(
        text="""gateway { name: A, port: 1, authorization { user: u, permissions { publish: a } }
        gateways: [ { name: B, urls: ["nats://a:1", "nats://a:1"] } ] }""",
        path="f",
    )
    assert sorted(warning.partition(": ")[2] for warning in loaded.warnings) == [
        "Duplicate gateway entry detected",
        "permissions of a gateway are ignored",
    ]
    assert loaded.options.gateway.gateways[0].urls == (GatewayUrl("a", 1),)


def test_a_url_does_not_show_its_password() -> None:
    url = parse_gateway_url("nats://u:secret@[::1]:1")
    assert (str(url), url.address) == ("nats://[::1]:1", "[::1]:1")
    assert "secret" not in repr(url)
