"""The ``leafnodes`` block."""

from __future__ import annotations

from pathlib import Path

import pytest

from pubsub.config.build import configure
from pubsub.config.options import (
    LeafNodeOptions,
    LeafProxyOptions,
    LeafRemoteOptions,
    LeafUrl,
    LeafUserOptions,
)
from pubsub.config.redact import redacted
from pubsub.config.special_leafnodes import parse_leaf_url
from pubsub.errors import ConfigError

SEED = "SUACSSL3UAHUDXKFSNVUZRF5UHPMWZ6BFDTJ7M6USDXIEDNPPQYYYCU3VY"
KEY = "UDXU4RCSJNZOIQHZNWXHXORDPRTGNJAHAHFRGZNEEJCPQTT2M7NLCNF4"


def leafnodes(text: str, more: str = "") -> LeafNodeOptions:
    return configure(text=f"leafnodes {{ {text} }}\n{more}", path="f").options.leafnodes


def remote(text: str) -> LeafRemoteOptions:
    (made,) = leafnodes(f"remotes [ {{ {text} }} ]", "accounts { A { } }").remotes
    return made


def test_nothing_is_on_by_default() -> None:
    assert configure(text="port: 1").options.leafnodes == LeafNodeOptions()
    assert leafnodes("") == LeafNodeOptions(present=True)


def test_the_listener() -> None:
    options = leafnodes(
        'listen: "127.0.0.1:7422", reconnect: 3s, dial_timeout: 500ms, advertise: "a:1",'
        " no_advertise: true, min_version: 2.8.0, isolate: true, write_deadline: 2s,"
        " write_timeout: close, compression: off"
    )
    assert options == LeafNodeOptions(
        present=True,
        host="127.0.0.1",
        port=7422,
        reconnect=3.0,
        dial_timeout=0.5,
        advertise="a:1",
        no_advertise=True,
        min_version="2.8.0",
        isolate_leafnode_interest=True,
        write_deadline=2.0,
        write_timeout="close",
    )
    assert leafnodes("port: 7422, net: localhost").host == "localhost"
    assert leafnodes("listen: 7422").port == 7422


def test_who_may_connect() -> None:
    options = leafnodes(
        "authorization { user: u, pass: p, account: A, timeout: 3 }", "accounts { A { } }"
    )
    assert (options.user, options.password, options.account, options.timeout) == ("u", "p", "A", 3)
    assert leafnodes(f"authorization {{ nkey: {KEY} }}").nkey == KEY
    options = leafnodes(
        "authorization { proxy_required: true, users [ { user: a, password: x, account: A },"
        " { user: b, proxy_required: true } ] }",
        "accounts { A { } }",
    )
    assert options.users == (
        LeafUserOptions("a", "x", "A"),
        LeafUserOptions("b", proxy_required=True),
    )
    assert options.proxy_required


def test_remotes() -> None:
    assert remote('url: "nats-leaf://u:p@host:1", local: A, creds: "~x/y"') == LeafRemoteOptions(
        (LeafUrl("host", 1, "u", "p"),), "A", str(Path("~x/y"))
    )
    made = remote(
        f'urls: ["tls://a", "b:2"], seed: {SEED}, hub: true, deny_import: x,'
        ' deny_exports: [y, "z.>"],'
        " dont_randomize: true, isolate: true, request_isolation: true, first_info_timeout: 2s,"
        " dial_timeout: 4s, disabled: true, ignore_discovered_servers: true, compression: off"
    )
    assert made == LeafRemoteOptions(
        (LeafUrl("a", 7422, scheme="tls"), LeafUrl("b", 2)),
        nkey=SEED,
        hub=True,
        deny_imports=("x",),
        deny_exports=("y", "z.>"),
        no_randomize=True,
        isolate_leafnode_interest=True,
        request_isolation=True,
        first_info_timeout=2.0,
        dial_timeout=4.0,
        disabled=True,
        ignore_discovered_servers=True,
    )


def test_a_proxy() -> None:
    made = remote(
        'url: h, proxy { url: "http://p:3128", username: u, password: s3cret, timeout: 3s }'
    )
    assert made.proxy == LeafProxyOptions("p", 3128, "u", "s3cret", 3.0)
    assert "s3cret" not in repr(made)
    assert remote('url: h, proxy { url: "http://[::1]" }').proxy == LeafProxyOptions("::1", 80)
    assert remote("url: h, proxy { }").proxy is None


def test_what_the_log_calls_a_remote() -> None:
    made = remote(f'urls: ["nats://u:s3cret@h:1", "i"], nkey: {SEED}, account: A')
    assert made.shown == (
        'urls=["nats://h:1" "nats-leaf://i:7422"], account="A", nkey="[REDACTED]"'
    )
    assert remote("url: h, creds: c").shown.endswith('account="$G", credentials="c"')


def test_tls_gives_the_handshake_its_time() -> None:
    options = leafnodes("port: 1, tls { cert_file: c, key_file: k, timeout: 5 }")
    assert options.tls is not None
    assert options.timeout == 6.0
    tls = remote("url: h, tls { ca_file: c, handshake_first: true }").tls
    assert tls is not None
    assert (tls.ca_file, tls.handshake_first) == ("c", True)


@pytest.mark.parametrize(
    ("text", "url"),
    [
        ("h", LeafUrl("h")),
        ("h:1", LeafUrl("h", 1)),
        ("nats://u@h", LeafUrl("h", 7422, "u", None, "nats")),
        ("nats://u:%40@[::1]:2", LeafUrl("::1", 2, "u", "@", "nats")),
    ],
)
def test_urls(text: str, url: LeafUrl) -> None:
    assert parse_leaf_url(text) == url
    assert url.address in ("h:7422", "h:1", "[::1]:2")


@pytest.mark.parametrize(
    ("text", "complaint"),
    [
        ("leafnodes: 7422", "f:1:1: Expected map to define a leafnode"),
        ("leafnodes { prot: 1 }", 'f:1:13: unknown field "prot"; did you mean port?'),
        ("leafnodes { min_version: 2.7.9 }", "the minimum version should be at least 2.8.0"),
        ("leafnodes { min_version: two }", "invalid leafnode's minimum version"),
        ("leafnodes { compression: s2_fast }", "compression between leaf nodes is not supported"),
        ("leafnodes { compression { mode: off } }", "is not supported yet"),
        ("leafnodes { write_timeout: never }", "write_timeout"),
        ("leafnodes { authorization: x }", "must be a block"),
        ("leafnodes { authorization { nkey: U } }", "Not a valid public nkey for leafnode auth"),
        (
            "leafnodes { authorization { user: a, users: [ { user: b } ] } }",
            "can not have a single user/pass and a users array",
        ),
        (
            f"leafnodes {{ authorization {{ nkey: {KEY}, users: [ {{ user: b }} ] }} }}",
            "can not have a single nkey and a users array",
        ),
        (
            "leafnodes { authorization { users: [ { user: b }, { user: b } ] } }",
            'f:1:51: duplicate user "b" detected in leafnode authorization',
        ),
        ("leafnodes { authorization { users: b } }", "Expected users field to be an array"),
        ("leafnodes { authorization { users: [ b ] } }", "Expected user entry to be a map"),
        (
            "leafnodes { tls { verify_cert_and_check_known_urls: true } }",
            "not supported in this context",
        ),
        ("leafnodes { remotes: x }", "Expected remotes field to be an array"),
        ("leafnodes { remotes: [ x ] }", "Expected remote leafnode entry to be a map"),
        ("leafnodes { remotes: [ { hub: true } ] }", "a remote needs the URL of a hub"),
        ('leafnodes { remotes: [ { url: "nats://:1" } ] }', "error parsing leafnode url"),
        ('leafnodes { remotes: [ { url: "h:99999" } ] }', "error parsing leafnode url"),
        (
            'leafnodes { remotes: [ { url: "wss://h" } ] }',
            "f:1:26: urls: leaf nodes over WebSocket are not supported yet by this server",
        ),
        ("leafnodes { remotes: [ { url: h, ws_compression: true } ] }", "is not supported yet"),
        ("leafnodes { remotes: [ { url: h, proxy: x } ] }", "Expected proxy to be a map"),
        (
            'leafnodes { remotes: [ { url: h, proxy { url: "https://p" } } ] }',
            "proxy URL scheme must be http, got: https",
        ),
        (
            'leafnodes { remotes: [ { url: h, proxy { url: "http://:1" } } ] }',
            "proxy URL must specify a host",
        ),
        (
            'leafnodes { remotes: [ { url: h, proxy { url: "http://p:x" } } ] }',
            "invalid proxy URL",
        ),
        (
            'leafnodes { remotes: [ { url: h, proxy { url: "http://p", username: u } } ] }',
            "proxy username and password must both be specified or both be empty",
        ),
        ("leafnodes { remotes: [ { url: h, js_cluster_migrate: true } ] }", "is not supported yet"),
        ("leafnodes { remotes: [ { url: h, nkey: SUA } ] }", "nkey is not a valid seed"),
        (
            f"leafnodes {{ remotes: [ {{ url: h, creds: c, nkey: {SEED} }} ] }}",
            "can not have both creds and nkey defined",
        ),
        ('leafnodes { remotes: [ { url: h, deny_imports: "a..b" } ] }', "is not a valid subject"),
        (
            'leafnodes { remotes: [ { url: "h" }, { url: "h" } ] }',
            "duplicate remote h:7422",
        ),
    ],
)
def test_what_cannot_be_is_refused_with_its_place(text: str, complaint: str) -> None:
    with pytest.raises(ConfigError) as caught:
        configure(text=text, path="f")
    assert str(caught.value).startswith("f:1:")
    assert complaint in str(caught.value)
    assert SEED not in str(caught.value)


def test_a_password_in_a_bad_url_is_not_shown() -> None:
    with pytest.raises(ConfigError) as caught:
        configure(text='leafnodes { remotes: [ { url: "nats://u:s3cret@:1" } ] }', path="f")
    assert "s3cret" not in str(caught.value)


def test_secrets_are_not_shown() -> None:
    options = configure(
        text=f"leafnodes {{ authorization {{ user: u, password: s3cret }}, remotes: "
        f'[ {{ url: "nats://u:s3cret@h", nkey: {SEED} }} ] }}'
    ).options
    for shown in (repr(options), str(redacted(options))):
        assert "s3cret" not in shown
        assert SEED not in shown
