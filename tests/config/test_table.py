"""The table is complete and consistent: everything is made from it."""

from __future__ import annotations

from dataclasses import fields

import pytest

from pubsub.config import table, table_core
from pubsub.config.options import AuthorizationOptions, Options, TlsOptions
from pubsub.config.row import Flag, Option, ValueKind
from pubsub.config.special import special
from pubsub.config.table import TABLE, by_path, children, default_of, flagged, suggestion
from pubsub.config.values import has_converter

#: All keys of nats-server 2.15 at the top level of a file, with their other names.
TOP_LEVEL = """
    accounts account_resolver accounts_resolver allow_non_tls authorization client_advertise
    cluster connect_error_reports debug default_js_domain default_sentinel disable_sublist_cache
    feature_flags gateway host http http_base_path http_port https https_port jetstream
    lame_duck_duration lame_duck_grace_period leaf leafnodes listen log_file log_max_num
    log_size_limit logfile logfile_max_num logfile_size_limit logtime logtime_utc mappings maps
    max_closed_clients max_conn max_connections max_control_line max_payload max_pending
    max_sub_tokens max_subs max_subscription_tokens max_subscriptions max_traced_msg_len
    monitor_port mqtt net no_auth_user no_fast_producer_stall no_header_support no_sublist_cache
    no_sys_acc no_system no_system_account ocsp ocsp_cache operator operators pid_file pidfile
    ping_interval ping_max port ports_file_dir prof_block_rate prof_port proxies proxy_protocol
    reconnect_error_reports remote_syslog resolver resolver_pinned_accounts resolver_preload
    resolver_tls root root_operator root_operators roots server_metadata server_name server_tags
    store_dir storedir syslog system system_account tls trace trace_headers trace_verbose trusted
    trusted_keys websocket write_deadline write_timeout ws
"""

OURS = {"router", "log_format"}


def test_every_top_level_key_of_nats_server_is_known_and_no_other_but_ours() -> None:
    assert set(children()) == set(TOP_LEVEL.split()) | OURS | {"hooks"}


#: The keys of the blocks, with their other names; tls blocks are all alike.
BLOCKS = {
    "authorization": """
        auth_callout auth_hook default_permission default_permissions pass password permissions
        proxy_required timeout token user username users
    """,
    "tls": """
        allow_insecure_cipher_suites ca_certs_match ca_file cert_file cert_match cert_match_by
        cert_match_skip_invalid cert_store certificates certs cipher_suites
        connection_rate_limit curve_preferences first handshake_first immediate insecure key_file
        min_version ocsp_peer pinned_certs timeout verify verify_and_map
        verify_cert_and_check_known_urls
    """,
    "cluster": """
        accounts advertise authorization cluster_advertise compression connect_backoff
        connect_retries host listen name net no_advertise permissions ping_interval ping_max
        pool_size port routes tls write_deadline write_timeout
    """,
    "gateway": """
        advertise authorization connect_backoff connect_retries gateways host listen name net port
        reject_unknown reject_unknown_cluster tls write_deadline write_timeout
    """,
    "leafnodes": """
        advertise authorization compression dial_timeout host isolate isolate_leafnode_interest
        leafnode_advertise listen min_version minimum_version net no_advertise port reconnect
        reconnect_delay reconnect_interval remotes tls write_deadline write_timeout
    """,
    "leafnodes.remotes": """
        account compression credentials creds deny_export deny_exports deny_import deny_imports
        dial_timeout disabled dont_randomize first_info_timeout hub ignore_discovered_servers
        isolate isolate_leafnode_interest jetstream_cluster_migrate js_cluster_migrate local nkey
        no_randomize proxy request_isolation seed tls url urls websocket_compress
        websocket_compression websocket_no_masking ws_compress ws_compression ws_no_masking
    """,
    "jetstream": """
        cipher domain ek enable enabled encryption_key extension_hint info_queue_limit key limits
        max_buffered_msgs max_buffered_size max_concurrent_io max_file max_file_store max_mem
        max_mem_store max_memory_store max_outstanding_catchup meta_compact meta_compact_size
        meta_compact_sync prev_ek prev_encryption_key prev_key request_queue_limit store
        store_dir storedir strict sync sync_interval tpm unique_tag
    """,
    "websocket": """
        advertise allow_origin allow_origins allowed_origin allowed_origins authentication
        authorization compress
        compression handshake_timeout headers host jwt_cookie listen net no_auth_user no_tls
        origin origins pass_cookie ping_interval port same_origin tls token_cookie user_cookie
    """,
    "mqtt": """
        ack_wait ackwait api_timeout authentication authorization consumer_auto_cleanup
        consumer_inactive_threshold consumer_memory_storage consumer_replicas
        downgrade_qos2_subscribe host js_api_timeout js_domain listen max_ack_pending max_inflight
        max_pending net no_auth_user port reject_qos2_publish stream_replicas tls
    """,
}


@pytest.mark.parametrize("path", BLOCKS)
def test_every_key_of_a_block_of_nats_server_is_known(path: str) -> None:
    ours = {name for name, row in children(path).items() if row.since.startswith("pubsub")}
    assert set(children(path)) - ours == set(BLOCKS[path].split())


#: tls blocks of what is built; those of the others are refused as a whole
BUILT = (
    *("resolver_tls", "cluster.tls", "gateway.tls", "gateway.gateways.tls"),
    *("leafnodes.tls", "leafnodes.remotes.tls"),
)


def test_every_tls_block_has_the_same_keys() -> None:
    for path in (*BUILT, "mqtt.tls"):
        assert set(children(path)) == set(children("tls"))
        alike = children("tls")
        for name, row in children(path).items():
            assert bool(row.unsupported) == (path not in BUILT or bool(alike[name].unsupported))


def test_paths_and_names_are_unique() -> None:
    assert len({row.path for row in TABLE}) == len(TABLE)
    for parent in {row.parent for row in TABLE}:
        names = [
            name
            for row in TABLE
            if row.parent == parent and row.kind is not ValueKind.ACTION
            for name in row.names
        ]
        assert len(names) == len(set(names)), parent
        assert all(name == name.lower() for name in names)


def test_every_block_of_a_nested_row_is_a_row() -> None:
    paths = {row.path for row in TABLE} | {""}
    assert {row.parent for row in TABLE} <= paths


def test_every_attribute_has_a_row_and_every_supported_row_an_attribute() -> None:
    attributes = {field.name for field in fields(Options)}
    # whole blocks, what a row for addresses sets along, and where the options came from
    attributes -= {"tls", "authorization", "dont_listen", "config_file", "config_digest"}
    attributes |= {f"tls.{field.name}" for field in fields(TlsOptions)}
    attributes |= {f"authorization.{field.name}" for field in fields(AuthorizationOptions)}
    assert {row.stored_as for row in TABLE if row.stored_as is not None} == attributes


def test_every_supported_row_can_be_read() -> None:
    for row in TABLE:
        if row.unsupported or row.kind in (ValueKind.ACTION, ValueKind.BLOCK):
            continue
        # a reader of the block above may read it, too
        above = row.path
        while above and not special(above):
            above = above.rpartition(".")[0]
        chosen = row.path.startswith("server_metadata.")
        assert above or has_converter(row.kind) or chosen, row.path


def test_every_row_that_needs_a_restart_has_the_name_that_a_refusal_says() -> None:
    for row in TABLE:
        if row.stored_as is not None and not row.reloadable:
            assert row.go_name, row.path


def test_every_row_is_described_in_a_line() -> None:
    for row in TABLE:
        assert row.description, row.path
        assert row.description[-1] != "."
        assert len(row.description) <= 140


def test_every_flag_of_nats_server_is_known_and_no_other_but_ours() -> None:
    theirs = """
        D DV DVV P T V VV a addr auth c client_advertise cluster cluster_advertise cluster_listen
        cluster_name config connect_retries debug h help help_tls http_port https_port jetstream
        js l log log_size_limit logtime logtime_utc m max_traced_msg_len ms n name net
        no_advertise p pass pid port ports_file_dir profile r remote_syslog routes s sd
        server_name signal sl store_dir syslog t tls tlscacert tlscert tlskey tlsverify trace
        user v version
    """
    assert set(flagged()) == set(theirs.split()) | OURS


def test_flags_are_unique() -> None:
    names = [name for row in TABLE if row.flag for name in row.flag.names]
    assert len(names) == len(set(names))


def test_defaults_are_those_of_the_dataclasses_or_of_the_row() -> None:
    assert default_of(by_path("port")) == 4222
    assert default_of(by_path("tls.timeout")) == 2.0
    assert default_of(by_path("authorization.user")) == ""
    assert default_of(by_path("http")) == ""
    assert default_of(by_path("cluster.pool_size")) == 3
    assert default_of(by_path("https")) is None


def test_an_unknown_path_is_a_key_error() -> None:
    with pytest.raises(KeyError):
        by_path("no.such.option")
    assert children("no.such.block") == {}


@pytest.mark.parametrize(
    ("key", "path", "guess"),
    [
        ("max_paylod", "", "; did you mean max_payload?"),
        ("PROT", "", "; did you mean port?"),
        ("cert_fil", "tls", "; did you mean cert_file?"),
        ("pool_size", "", "; did you mean cluster.pool_size?"),
        ("users", "tls", ""),
        ("xyzzy", "", ""),
        ("", "", ""),
    ],
)
def test_a_misspelt_key_is_guessed(key: str, path: str, guess: str) -> None:
    assert suggestion(key, path) == guess


def test_rows_know_their_place() -> None:
    row = Option("a.b.c", ValueKind.STRING, "x", ("d",), flag=Flag(("f",)))
    assert (row.name, row.parent, row.names, row.stored_as) == ("c", "a.b", ("c", "d"), "a.b.c")
    assert Option("a", ValueKind.STRING, "x").parent == ""
    assert Option("a", ValueKind.STRING, "x", attribute="b").stored_as == "b"
    assert Option("a", ValueKind.STRING, "x", attribute=None).stored_as is None
    assert Option("a", ValueKind.STRING, "x", unsupported="y").stored_as is None
    assert Option("a", ValueKind.BLOCK, "x").stored_as is None


def test_the_areas_make_up_the_table() -> None:
    assert set(table_core.ROWS) < set(table.TABLE)
