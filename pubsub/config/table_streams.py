"""The rows about JetStream, WebSocket and MQTT. None is built yet."""

from __future__ import annotations

from pubsub.config.row import Flag, Option
from pubsub.config.row import ValueKind as K
from pubsub.config.table_tls import tls_rows

__all__ = ["ROWS"]

_JETSTREAM = "JetStream"
_WEBSOCKET = "WebSocket"
_MQTT = "MQTT"


def _stream(
    name: str,
    kind: K,
    description: str,
    *aliases: str,
    default: object = None,
    secret: bool = False,
) -> Option:
    return Option(f"jetstream.{name}", kind, description, aliases, default, secret=secret,
                  unsupported=_JETSTREAM)  # fmt: skip


_JETSTREAM_ROWS = (
    Option("jetstream", K.ANY, "Streams: true, false or a block", since="2.2", default=False,
           unsupported=_JETSTREAM,
           flag=Flag(("js", "jetstream"), "", "JetStream", "Enable JetStream functionality")),
    Option("store_dir", K.STRING, "Set the storage directory", ("storedir",),
           unsupported=_JETSTREAM,
           flag=Flag(("sd", "store_dir"), "<dir>", "JetStream")),
    _stream("enabled", K.BOOL, "Turn it on", "enable"),
    _stream("strict", K.BOOL, "Refuse requests with unknown fields",
            default=True),
    _stream("store_dir", K.STRING, "Directory of the streams", "store", "storedir"),
    _stream("sync_interval", K.ANY, "Time between two fsyncs, or always", "sync", default="2m"),
    _stream("max_memory_store", K.SIZE, "Memory for streams", "max_mem_store", "max_mem"),
    _stream("max_file_store", K.SIZE, "Disk for streams", "max_file"),
    _stream("domain", K.STRING, "Name of this JetStream among leaf nodes"),
    _stream("encryption_key", K.STRING, "Encrypt files with it", "key", "ek",
            secret=True),
    _stream("prev_encryption_key", K.STRING, "The key before", "prev_key", "prev_ek", secret=True),
    _stream("cipher", K.CHOICE, "chachapoly or aes", default="chachapoly"),
    _stream("extension_hint", K.STRING, "Whether leaf nodes extend it"),
    _stream("unique_tag", K.STRING, "Replicas on servers that differ in this tag"),
    _stream("max_outstanding_catchup", K.SIZE, "Bytes of catching up in flight"),
    _stream("max_buffered_size", K.SIZE, "Bytes queued for a stream"),
    _stream("max_buffered_msgs", K.INTEGER, "Messages queued for a stream"),
    _stream("request_queue_limit", K.INTEGER, "API requests queued",
            default=10_000),
    _stream("info_queue_limit", K.INTEGER, "Info requests queued"),
    _stream("meta_compact", K.INTEGER, "Entries between two snapshots"),
    _stream("meta_compact_size", K.SIZE, "Bytes between two snapshots"),
    _stream("meta_compact_sync", K.BOOL, "Snapshot without a thread"),
    _stream("max_concurrent_io", K.INTEGER, "File operations at the same time",
            default=4096),
    _stream("limits", K.BLOCK, "Limits of this server"),
    _stream("limits.max_ack_pending", K.INTEGER, "Largest max_ack_pending"),
    _stream("limits.max_ha_assets", K.INTEGER, "Replicated streams and consumers"),
    _stream("limits.max_request_batch", K.INTEGER, "Largest batch of a pull request"),
    _stream("limits.duplicate_window", K.DURATION, "Longest duplicate window"),
    _stream("limits.batch", K.BLOCK, "Limits of atomic batches"),
    _stream("limits.batch.max_inflight_per_stream", K.INTEGER, "Open ones of a stream"),
    _stream("limits.batch.max_inflight_total", K.INTEGER, "Open ones"),
    _stream("limits.batch.max_msgs", K.INTEGER, "Messages of one"),
    _stream("limits.batch.timeout", K.DURATION, "Time to finish one"),
    _stream("tpm", K.BLOCK, "Keep the encryption key in a TPM"),
    _stream("tpm.keys_file", K.STRING, "File of the sealed keys"),
    _stream("tpm.encryption_password", K.STRING, "Password of the keys", secret=True),
    _stream("tpm.srk_password", K.STRING, "Password of the TPM", secret=True),
    _stream("tpm.pcr", K.INTEGER, "Register to seal with", default=22),
    _stream("tpm.cipher", K.CHOICE, "As jetstream.cipher"),
    Option("default_js_domain", K.MAP, "Account to JetStream domain",
           unsupported=_JETSTREAM),
    Option("feature_flags", K.MAP, "Behaviours to opt in to", since="2.14",
           unsupported=_JETSTREAM),
    Option("feature_flags.*", K.BOOL, "js_ack_fc_v2, js_raft_delete_range…",
           unsupported=_JETSTREAM),
)  # fmt: skip


def _listener_rows(
    path: str, feature: str, what: str, *aliases: str, since: str
) -> tuple[Option, ...]:
    """The rows every block with a listener of its own begins with."""

    def row(name: str, kind: K, description: str, *aliases: str, secret: bool = False) -> Option:
        return Option(
            f"{path}.{name}", kind, description, aliases, secret=secret, unsupported=feature
        )

    return (
        Option(path, K.BLOCK, what, aliases, since=since, unsupported=feature),
        row("listen", K.ADDRESS, "Address to listen on"),
        row("host", K.STRING, "Host to listen on", "net"),
        row("port", K.PORT, "Port to listen on"),
        row(
            "authorization",
            K.BLOCK,
            "Who may connect",
            "authentication",
        ),
        row("authorization.user", K.STRING, "User", "username"),
        row("authorization.password", K.STRING, "Password", "pass", secret=True),
        row("authorization.token", K.STRING, "Token", secret=True),
        row("authorization.timeout", K.SECONDS, "Time to send CONNECT"),
        *tls_rows(f"{path}.tls", feature),
    )


def _websocket(name: str, kind: K, description: str, *aliases: str, since: str = "") -> Option:
    return Option(f"websocket.{name}", kind, description, aliases, since=since,
                  unsupported=_WEBSOCKET)  # fmt: skip


def _mqtt(
    name: str, kind: K, description: str, *aliases: str, since: str = "", default: object = None
) -> Option:
    return Option(f"mqtt.{name}", kind, description, aliases, default, since=since,
                  unsupported=_MQTT)  # fmt: skip


_WEBSOCKET_ROWS = (
    *_listener_rows("websocket", _WEBSOCKET, "Clients over WebSocket", "ws", since="2.2"),
    _websocket("advertise", K.STRING, "URL to advertise"),
    _websocket("no_tls", K.BOOL, "Without encryption"),
    _websocket("same_origin", K.BOOL, "Only pages of the same origin"),
    _websocket("allowed_origins", K.STRINGS, "Only pages of these origins", "allowed_origin",
               "allow_origins", "allow_origin", "origins", "origin"),
    _websocket("handshake_timeout", K.STRICT_DURATION, "Time for the handshake"),
    _websocket("compression", K.BOOL, "Compress frames", "compress"),
    _websocket("jwt_cookie", K.STRING, "Cookie with a user JWT"),
    _websocket("user_cookie", K.STRING, "Cookie with a user name"),
    _websocket("pass_cookie", K.STRING, "Cookie with a password"),
    _websocket("token_cookie", K.STRING, "Cookie with a token", since="2.11"),
    _websocket("no_auth_user", K.STRING, "The user of clients without credentials"),
    _websocket("headers", K.MAP, "Headers of the answer"),
    _websocket("ping_interval", K.DURATION, "Time between PINGs"),
)  # fmt: skip

_MQTT_ROWS = (
    *_listener_rows("mqtt", _MQTT, "Clients that speak MQTT 3.1.1", since="2.2"),
    _mqtt("no_auth_user", K.STRING, "The user of clients without credentials"),
    _mqtt("ack_wait", K.DURATION, "Time for an acknowledgement", "ackwait", default="30s"),
    _mqtt("js_api_timeout", K.DURATION, "Time for JetStream requests", "api_timeout",
          since="2.12", default="5s"),
    _mqtt("max_ack_pending", K.INTEGER, "Unacknowledged messages", "max_pending",
          "max_inflight", default=1024),
    _mqtt("js_domain", K.STRING, "JetStream domain"),
    _mqtt("stream_replicas", K.INTEGER, "Copies of its streams"),
    _mqtt("consumer_replicas", K.INTEGER, "Copies of its consumers"),
    _mqtt("consumer_memory_storage", K.BOOL, "Keep consumers in memory"),
    _mqtt("consumer_inactive_threshold", K.DURATION, "Remove idle consumers after",
          "consumer_auto_cleanup"),
    _mqtt("reject_qos2_publish", K.BOOL, "Disconnect clients that publish with QoS 2",
          since="2.10"),
    _mqtt("downgrade_qos2_subscribe", K.BOOL, "Give QoS 1 to who asks for 2", since="2.10"),
)  # fmt: skip

ROWS = (*_JETSTREAM_ROWS, *_WEBSOCKET_ROWS, *_MQTT_ROWS)
