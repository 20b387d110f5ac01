"""What a reload may change, and what it refuses."""

from __future__ import annotations

from typing import Any

import pytest

from pubsub.config.build import configure
from pubsub.config.options import Options
from pubsub.config.reload import Change, diff
from pubsub.config.table import TABLE
from pubsub.errors import ReloadRefused
from tests.config.minted import ACCOUNT, OPERATOR, USER, jwt

TLS = "tls { cert_file: c, key_file: k, %s }"


def options(text: str) -> Options:
    return configure(text=text).options


def changes(old: str, new: str) -> list[tuple[str, Any, Any]]:
    return [(change.path, change.old, change.new) for change in diff(options(old), options(new))]


def refusal(old: str, new: str) -> str:
    with pytest.raises(ReloadRefused) as caught:
        diff(options(old), options(new))
    return str(caught.value)


def test_nothing_changes_without_a_change() -> None:
    assert changes("port: 5 # x", "port = 5") == []


def test_changes_come_in_the_order_of_the_table() -> None:
    assert changes("debug: no", "debug: yes; max_payload: 5; server_tags: a") == [
        ("max_payload", 1048576, 5),
        ("debug", False, True),
        ("server_tags", (), ("a",)),
    ]


def test_nested_options_are_named_by_their_path() -> None:
    assert changes("authorization { user: a }", "authorization { user: b }") == [
        ("authorization.user", "a", "b")
    ]
    assert changes(TLS % "timeout: 1", TLS % "timeout: 3, verify: on") == [
        ("authorization.timeout", 2.0, 4.0),
        ("tls.verify", False, True),
        ("tls.timeout", 1.0, 3.0),
    ]


def test_tls_can_come_and_go() -> None:
    came = changes("", TLS % "")
    assert [path for path, _, _ in came] == ["tls", "authorization.timeout"]
    assert [path for path, _, _ in changes(TLS % "", "")] == ["tls", "authorization.timeout"]


@pytest.mark.parametrize(
    ("old", "new", "text"),
    [
        ("port: 5", "port: 6", "Port: old=5, new=6"),
        ("host: a", "host: b", "Host: old=a, new=b"),
        ("", "server_name: x", "ServerName: old=, new=x"),
        ("", "max_pending: 2MB", "MaxPending: old=67108864, new=2097152"),
        ("", 'lame_duck_duration: "90s"', "LameDuckDuration: old=2m0s, new=1m30s"),
        ("", "no_header_support: on", "NoHeaderSupport: old=false, new=true"),
        ("", 'listen: [ 4222 , "unix:/x" ]', "Listen: old=[], new=[unix:/x]"),
        ("", 'listen: "unix:/x"', "DontListen: old=false, new=true"),
        ("", "http: 5", "HTTPPort: old=0, new=5"),
        ("", "write_timeout: close", "WriteTimeout: old=default, new=close"),
        (TLS % "", TLS % "connection_rate_limit: 5", "TLSRateLimit: old=0, new=5"),
        (TLS % "", TLS % "verify_and_map: true", "TLSMap: old=false, new=true"),
        (
            "accounts { A {} }",
            "accounts { A {} }; system: A; authorization {}",
            "SystemAccount: old=$SYS, new=A",
        ),
        ("", "no_sys_acc: true", "NoSystemAccount: old=false, new=true"),
        ("", "authorization { proxy_required: on }", "ProxyRequired: old=false, new=true"),
        ("", f"trusted: {OPERATOR}", f"TrustedKeys: old=[], new=[{OPERATOR}]"),
    ],
)
def test_an_option_that_needs_a_restart_refuses_in_the_words_of_nats_server(
    old: str, new: str, text: str
) -> None:
    assert refusal(old, new) == f"config reload not supported for {text}"


def changed(old: str, new: str) -> list[str]:
    return [path for path, *_ in changes(old, new)]


USERS = "authorization {{ users: [ {{user: a, password: {0}}} ] }}; accounts {{ A {{ {1} }} }}"
NOBODY = "authorization { users: [ %s\n {user: b} ] }"


def test_users_and_accounts_change_without_a_restart() -> None:
    paths = changed(USERS.format("x", ""), USERS.format("y", "limits { max_conn: 1 }"))
    assert paths == ["users", "accounts"]
    assert changed("", f"proxies {{ trusted: [ {{key: {USER}}} ] }}") == ["trusted_proxies"]
    default = "authorization { default_permissions { publish: a } }"
    assert changed("", default) == ["authorization.default_permissions"]
    assert changed("authorization { plugins: [ a ] }", "authorization { plugins: [ b ] }") == [
        "authorization.plugins"
    ]


def test_the_resolver_may_become_another_one() -> None:
    text = "resolver: %s; resolver_preload { %s: %s }"
    jwts = jwt("account"), jwt("account", name="x")
    assert changed(*(text % ("MEM", ACCOUNT, token) for token in jwts)) == ["resolver_preload"]
    assert changed("resolver: MEM", "resolver: URL(http://h)") == ["resolver"]
    for old, new in (("", "resolver: MEM"), ("resolver: MEM", "")):
        assert refusal(old, new) == (
            "config reload does not support moving to or from an account resolver"
        )


def test_operators_need_a_restart_and_are_not_shown() -> None:
    text = "operator: %s; resolver: MEM"
    other = jwt("operator", name="x")
    assert refusal(text % jwt("operator"), text % other) == (
        "config reload not supported for TrustedOperators: old=[REDACTED], new=[REDACTED]"
    )


def test_who_has_no_credentials_changes_only_by_going_with_the_user() -> None:
    nobody = "no_auth_user: a; " + NOBODY % "{user: a}"
    assert changed(nobody, NOBODY % "") == ["users", "no_auth_user"]
    assert refusal(nobody, NOBODY % "{user: a}") == (
        "config reload not supported for NoAuthUser: old=a, new="
    )
    assert refusal(NOBODY % "{user: a}", nobody).endswith("NoAuthUser: old=, new=a")
    assert refusal(nobody, nobody.replace("_user: a", "_user: b")).endswith("old=a, new=b")


def test_the_user_that_follows_from_other_options_comes_and_goes_with_them() -> None:
    implied = 'accounts { "$SYS" { users: [ {user: s} ] } }'
    plain = 'accounts { "$SYS" { users: [ {user: s} ] } , A {} }'
    for old, new in ((implied, plain), (plain, implied)):
        assert changed(old, new) == ["users", "no_auth_user", "accounts"]
    assert changed(implied, implied) == []


def test_tls_that_comes_may_bring_no_mapping_of_users() -> None:
    assert refusal("", TLS % "verify_and_map: true").endswith("TLSMap: old=false, new=true")
    assert changed("", TLS % "") == ["tls", "authorization.timeout"]


def test_a_port_that_is_left_to_the_kernel_has_not_changed() -> None:
    assert changes("port: 33445", "port: -1") == []
    assert changes("http_port: 33445", "http_port: -1") == []
    assert refusal("port: -1", "port: 5").endswith("Port: old=-1, new=5")


def test_the_log_shows_no_secret() -> None:
    change = Change("authorization.password", "old secret", "")
    assert (change.shown_old, change.shown_new) == ("[REDACTED]", "")
    assert Change("port", 1, 2).shown_new == 2


def test_what_can_be_reloaded_is_what_nats_server_reloads() -> None:
    attributes = {row.stored_as for row in TABLE if row.reloadable} - {None}
    assert attributes == set(
        """
        client_advertise cluster leafnodes hooks mappings max_connections max_payload
        max_control_line ping_interval
        ping_max write_deadline no_fast_producer_stall connect_error_reports
        reconnect_error_reports log_file logtime logtime_utc log_format syslog remote_syslog debug
        trace trace_verbose trace_headers max_traced_msg_len pid_file ports_file_dir server_tags
        server_metadata authorization.user authorization.password authorization.token
        authorization.timeout authorization.plugin authorization.options authorization.plugins
        authorization.default_permissions users accounts trusted_proxies resolver resolver_preload
        resolver_pinned_accounts default_sentinel tls.cert_file
        tls.key_file tls.ca_file tls.verify tls.insecure tls.timeout tls.handshake_first
        tls.pinned_certs tls.cipher_suites tls.curve_preferences tls.min_version tls.certs
        """.split()  # noqa: SIM905
    )


GATEWAY = "gateway { name: A, port: %d, gateways: [ { name: B, url: 'nats://%s@b:1', %s } ] }"
CERTIFICATE = "tls { cert_file: %s, key_file: k }"


def test_of_gateways_only_certificates_may_change() -> None:
    old = GATEWAY % (-1, "u:secret", CERTIFICATE % "c")
    assert changes(old, old) == []
    [(path, _, _)] = changes(old, GATEWAY % (-1, "u:secret", CERTIFICATE % "d"))
    assert path == "gateway"
    assert refusal(old, GATEWAY % (5, "u:secret", CERTIFICATE % "c")) == (
        "config reload not supported for Gateway.Port: old=-1, new=5"
    )
    for new in (GATEWAY % (-1, "u:secret", ""), GATEWAY % (-1, "u:hidden", CERTIFICATE % "c"), ""):
        text = refusal(old, new)
        assert text.startswith("config reload not supported for Gateway.")
        assert "secret" not in text
        assert "hidden" not in text
