"""The ``cluster`` block and its flags."""

from __future__ import annotations

import pytest

from pubsub.config.build import configure
from pubsub.config.flags import parse_command_line
from pubsub.config.options import ClusterOptions, Options, RouteUrl
from pubsub.config.special_cluster import parse_route_url
from pubsub.errors import ConfigError
from pubsub.interfaces import Permissions


def read(text: str) -> Options:
    """The options of a file."""
    return configure(text=text, path="f").options


def flags(*argv: str) -> ClusterOptions:
    """What a command line makes of no file."""
    options = parse_command_line(argv, {}, lambda path: b"").options
    assert options is not None
    return options.cluster


def test_everything_that_is_built_can_be_configured() -> None:
    cluster = read("""
        cluster {
          name: C, listen: "h:6222", advertise: "out:1", no_advertise: true
          authorization { user: u, password: p, timeout: 3 }
          routes: [ "nats-route://u:p%40@a:1", "nats://[::1]:2" ]
          connect_retries: 5, connect_backoff: true, pool_size: 2, accounts: [A, B]
          compression: off, ping_interval: "20s", ping_max: 3, write_deadline: "4s"
          write_timeout: retry
          permissions { import: "in.>", export: { allow: ["out.>"], deny: "out.secret" } }
        }""").cluster
    assert cluster == ClusterOptions(
        name="C", host="h", port=6222, user="u", password="p", timeout=3.0,
        routes=(RouteUrl("a", 1, "u", "p@"), RouteUrl("::1", 2)),
        advertise="out:1", no_advertise=True, connect_retries=5, connect_backoff=True,
        permissions=Permissions(("in.>",), (), ("out.>",), ("out.secret",)),
        pool_size=2, accounts=("A", "B"), ping_interval=20.0, ping_max=3, write_deadline=4.0,
        write_timeout="retry",
    )  # fmt: skip


def test_defaults_are_nats_servers() -> None:
    assert read("cluster { }").cluster == ClusterOptions()
    assert read("cluster { port: 1, host: '', pool_size: 0 }").cluster == ClusterOptions(port=1)


def test_tls_asks_both_sides_for_certificates_and_takes_its_time() -> None:
    cluster = read("cluster { port: 1, tls { cert_file: c, key_file: k, timeout: 4 } }").cluster
    assert cluster.tls is not None
    assert (cluster.tls.verify, cluster.timeout) == (True, 5.0)


@pytest.mark.parametrize("block", ["cluster", "gateway", "gateway { gateways: [ { name: B"])
@pytest.mark.parametrize(
    ("key", "attribute"),
    [
        ("verify_and_map", "verify_and_map"),
        ("verify_cert_and_check_known_urls", "check_known_urls"),
    ],
)
def test_certificates_of_servers_may_have_to_have_a_known_name(
    block: str, key: str, attribute: str
) -> None:
    """Of other clusters, too; what stands in an entry of ``gateways`` is for our certificate."""
    tls = f"tls {{ cert_file: c, key_file: k, {key}: true }}"
    if "gateways" in block:
        options = read(f"{block}, url: 'nats://b:1', {tls} }} ] }}")
        found = options.gateway.gateways[0].tls
    else:
        options = read(f"{block} {{ {tls} }}")
        found = getattr(options, block).tls
    assert found is not None
    assert getattr(found, attribute)
    assert found.verify


@pytest.mark.parametrize(
    ("block", "complaint"),
    [
        ("name: 'a b'", "f:1:11: cluster name cannot contain spaces"),
        ("routes: nats://a:1", "f:1:11: routes must be a list of URLs"),
        ("routes: ['nats://:secret@a']", "f:1:20: error parsing route url: write nats://"),
        ("routes: [1]", "f:1:20: a route is a URL in quotes"),
        ("authorization { token: t }", "Cluster authorization does not support tokens"),
        ("authorization { users: [] }", "Cluster authorization does not allow multiple users"),
        ("accounts: [A, A]", 'found duplicate account name "A" in pinned accounts list'),
        ("accounts: [A], pool_size: -1", "pool_size cannot be negative if pinned accounts"),
        ("compression: s2_best", "compression between servers is not supported yet"),
        ("compression: { mode: s2_fast }", "compression between servers is not supported yet"),
        ("advertise: 'a:b:c'", "write host or host:port"),
        ("permissions { import: a, allow_responses: true }", "do not support dynamic responses"),
        ("permissions { export: 'a queue' }", "are about subjects, not about queue groups"),
        ("write_timeout: never", "write_timeout must be 'default', 'close' or 'retry'"),
        ("nonsense: 1", 'unknown field "nonsense"'),
    ],
)
def test_what_cannot_be_is_refused_with_its_place(block: str, complaint: str) -> None:
    with pytest.raises(ConfigError) as caught:
        read(f"cluster {{ {block} }}")
    assert complaint in str(caught.value)
    assert str(caught.value).startswith("f:1:")
    assert "secret" not in str(caught.value)


def test_what_was_probably_not_meant_is_told() -> None:
    loaded = configure(
        text="""cluster { routes: ["nats://a:1", "nats://a:1"], ping_interval: "2m"
        authorization { user: u, permissions { import: a } } }""",
        path="f",
    )
    texts = [warning.partition(": ")[2] for warning in loaded.warnings]
    assert texts == [
        "Duplicate route entry detected",
        "Cluster 'ping_interval' will reset to 30s which is the max for routes",
        'setting "permissions" within cluster authorization is deprecated',
    ]
    cluster = loaded.options.cluster
    assert (len(cluster.routes), cluster.ping_interval) == (1, 30.0)
    assert cluster.permissions == Permissions(publish_allow=("a",))


def test_flags_win_over_the_file() -> None:
    assert flags(
        "--cluster", "nats://u:p%40@h:6222", "--cluster_name", "C", "--routes",
        "nats-route://a:1,nats-route://b:2", "--no_advertise", "--connect_retries", "3",
        "--cluster_advertise", "out",
    ) == ClusterOptions(
        name="C", host="h", port=6222, user="u", password="p@", advertise="out",
        routes=(RouteUrl("a", 1), RouteUrl("b", 2)), no_advertise=True, connect_retries=3,
    )  # fmt: skip
    assert flags("--cluster_listen", "nats://h:-1").port == -1
    assert flags("--cluster", "").port == 0


@pytest.mark.parametrize(
    ("argv", "complaint"),
    [
        (
            ["--routes", "nats://a:1"],
            "solicited routes require cluster capabilities, e.g. --cluster",
        ),
        (["--cluster", "nats://u@h:1"], "expected cluster password to be set"),
        (["--cluster", "h"], "-cluster: write nats://host:port"),
        (["--cluster", "nats://h:x"], "-cluster: write nats://host:port"),
        (["--cluster", "nats://h:1", "--routes", "a"], "-routes: write nats://host:port"),
        (["--cluster_name", "a b"], "cluster name cannot contain spaces"),
        (["--cluster_advertise", "a:b:c"], "-cluster_advertise: write host or host:port"),
    ],
)
def test_flags_that_cannot_be_are_refused(argv: list[str], complaint: str) -> None:
    with pytest.raises(ConfigError) as caught:
        flags(*argv)
    assert str(caught.value) == complaint


def test_a_url_does_not_show_its_password() -> None:
    url = parse_route_url("a:1")
    assert url == RouteUrl("a", 1)
    assert str(parse_route_url("nats://u:secret@[::1]:1")) == "nats-route://[::1]:1"
    assert "secret" not in repr(parse_route_url("nats://u:secret@a:1"))
