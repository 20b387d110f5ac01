"""From files and settings to Options."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from pubsub.config.build import configure
from pubsub.config.options import (
    Options,
)
from pubsub.config.row import ValueKind
from pubsub.config.table import TABLE
from pubsub.errors import (
    ConfigError,
    ConfigErrors,
    InvalidOption,
    UnknownOption,
    UnsupportedOption,
)
from tests.config.minted import ACCOUNT, USER, jwt


def options(text: str, flags: Mapping[str, object] | None = None) -> Options:
    return configure(text=text, flags=flags).options


def test_nothing_at_all_gives_the_defaults() -> None:
    assert configure().options == Options()


def test_every_simple_option_arrives_at_its_attribute() -> None:
    text = """
        host: h; port: 1; server_name: n; client_advertise: "a:1"; proxy_protocol: true
        router: python; no_header_support: yes; disable_sublist_cache: yes
        max_payload: 2; max_control_line: 3; max_pending: 4k; max_subscriptions: 5
        max_sub_tokens: 6; max_closed_clients: 7; ping_interval: "8s"; ping_max: 9
        write_deadline: "10s"; write_timeout: close; no_fast_producer_stall: on
        connect_error_reports: 11; reconnect_error_reports: 12; http_port: 13
        http_base_path: "a//b/"; log_file: l; logtime: no; logtime_utc: yes; log_format: json
        syslog: yes; remote_syslog: r; debug: yes; trace: yes; log_size_limit: 14
        logfile_max_num: 15; max_traced_msg_len: 16; pid_file: p; ports_file_dir: d
        lame_duck_duration: "40s"; lame_duck_grace_period: "20s"; server_tags: [ " A", b, a ]
        server_metadata { Key: value }; max_connections: 17; allow_non_tls: yes
    """
    assert options(text) == Options(
        host="h", port=1, server_name="n", client_advertise="a:1", proxy_protocol=True,
        router="python", no_header_support=True, disable_sublist_cache=True,
        max_payload=2, max_control_line=3, max_pending=4000, max_subscriptions=5,
        max_sub_tokens=6, max_closed_clients=7, ping_interval=8.0, ping_max=9,
        write_deadline=10.0, write_timeout="close", no_fast_producer_stall=True,
        connect_error_reports=11, reconnect_error_reports=12, http_port=13,
        http_base_path="/a/b", log_file="l", logtime=False, logtime_utc=True, log_format="json",
        syslog=True, remote_syslog="r", debug=True, trace=True, log_size_limit=14,
        logfile_max_num=15, max_traced_msg_len=16, pid_file="p", ports_file_dir="d",
        lame_duck_duration=40.0, lame_duck_grace_period=20.0, server_tags=("a", "b"),
        server_metadata={"Key": "value"}, max_connections=17, allow_non_tls=True,
        config_digest=options(text).config_digest,
    )  # fmt: skip


def test_zero_asks_for_the_default_where_nats_server_says_so() -> None:
    given = options(
        'port: 0; host: ""; max_payload: 0; max_pending: 0; ping_interval: "0s"; ping_max: 0; '
        'write_deadline: "0s"; max_closed_clients: 0; lame_duck_grace_period: "0s"; router: ""; '
        "connect_error_reports: 0; max_control_line: 0; authorization { timeout: 0 }"
    )
    assert given == Options(config_digest=given.config_digest)


def test_zero_connections_are_any_number() -> None:
    assert options("max_connections: 0").max_connections == -1


@pytest.mark.parametrize("key", ["trace_verbose", "trace_headers"])
def test_kinds_of_tracing_turn_tracing_on(key: str) -> None:
    given = options(f"{key}: true")
    assert given.trace
    assert getattr(given, key)


def test_secrets_are_not_in_the_repr() -> None:
    text = "authorization { user: bob, password: hush, plugin: p, options { key: hush } }"
    assert "hush" not in repr(options(text))
    assert "bob" in repr(options(text))


def test_settings_win_over_the_file() -> None:
    given = options("port: 1; debug: true; host: h", {"port": 2, "debug": False})
    assert (given.port, given.debug, given.host) == (2, False, "h")


def test_a_setting_can_turn_tls_off() -> None:
    assert options("tls { cert_file: c, key_file: k }", {"tls": False}).tls is None


def test_a_key_used_as_a_variable_need_not_be_an_option() -> None:
    assert options("MINE = 5\nauthorization { U = x, user = $U }\nport = $MINE").port == 5
    with pytest.raises(UnknownOption):
        options("MINE = 5\nport = 5")


def test_everything_that_is_wrong_is_told_at_once() -> None:
    text = "prot: 1\nmqtt {}\nport: x\ntls { verify: 1, foo: 2 }"
    with pytest.raises(ConfigErrors) as caught:
        configure(text=text, path="f")
    assert [type(error) for error in caught.value.errors] == [
        *(UnknownOption, UnsupportedOption, InvalidOption, InvalidOption, UnknownOption)
    ]
    assert str(caught.value).splitlines()[:2] == [
        'f:1:1: unknown field "prot"; did you mean port?',
        "f:2:1: mqtt: MQTT is not supported yet by this server",
    ]
    assert (caught.value.file, caught.value.line, caught.value.column) == ("f", 1, 1)


def test_a_file_is_read_and_named() -> None:
    files = {"a/f.conf": b"include g.conf", "a/g.conf": b"port: $P"}
    loaded = configure(path="a/f.conf", read_file=files.__getitem__, environ={"P": "5"})
    assert loaded.options.port == 5
    assert loaded.options.config_file == "a/f.conf"
    assert loaded.options.config_digest.startswith("sha256:")


def _texts() -> st.SearchStrategy[str]:
    values = st.sampled_from(
        ["1", "-1", "0", "2k", "yes", '"2s"', '"x"', "[]", "[ a, 5 ]", "{}", "{ a: b }", "1.5"]
    )
    top = st.sampled_from(sorted({name for row in TABLE if not row.parent for name in row.names}))
    nested = st.sampled_from(
        [row for row in TABLE if row.parent in ("tls", "authorization", "mappings.*")]
    )
    entry = st.builds(lambda key, value: f"{key}: {value}", top, values)
    block = st.builds(
        lambda row, value: f"{row.parent.partition('.')[0]} {{ {row.name}: {value} }}",
        nested,
        values,
    )
    return st.lists(entry | block, max_size=6).map("\n".join)


def _nested() -> st.SearchStrategy[str]:
    """Blocks about who may connect, filled with keys that may belong there."""
    words = ("a", "5", "yes", '"1s"', '"a b"', "[]", "{}", USER, ACCOUNT, jwt("operator"), "mem")
    paths = ("authorization", "accounts", "accounts.*", "proxies", "resolver", "exports", "imports")
    rows = [row for row in TABLE if row.path.startswith(paths)]
    names = st.sampled_from(sorted({row.name for row in rows} - {"*"}))
    return st.recursive(
        st.sampled_from(words),
        lambda inner: (
            st.lists(inner, max_size=3).map(lambda items: f"[ {' , '.join(items)} ]")
            | st.dictionaries(names, inner, max_size=4).map(
                lambda block: "\n".join(["{", *(f"{k}: {v}" for k, v in block.items()), "}"])
            )
        ),
        max_leaves=12,
    )


@given(st.sampled_from(sorted(row.path for row in TABLE if not row.parent)), _nested(), _nested())
def test_blocks_of_anything_give_options_or_a_config_error(
    key: str, value: str, other: str
) -> None:
    for text in (
        f"{key}: {value}",
        f"accounts {{ A: {value}, B: {other} }}",
        f"authorization: {value}; accounts: {other}",
        f"operator: {value}; resolver: {other}",
    ):
        try:
            loaded: Any = configure(text=text)
        except ConfigError as error:
            assert str(error)  # noqa: PT017 - one of two good outcomes
        else:
            assert isinstance(loaded.options, Options)


@given(_texts())
def test_any_value_for_any_key_gives_options_or_a_config_error(text: str) -> None:
    try:
        loaded: Any = configure(text=text)
    except ConfigError as error:
        assert str(error)  # noqa: PT017 - one of two good outcomes
    else:
        assert isinstance(loaded.options, Options)


def test_the_test_above_reaches_every_kind_of_value() -> None:
    kinds = {row.kind for row in TABLE if not row.unsupported}
    assert kinds == set(ValueKind)
