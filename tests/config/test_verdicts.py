"""Files that nats-server 2.15.2 was asked about with ``-t``: the same verdict.

The texts are its own wherever it has a text; where it only tells of a failed type conversion, or
where we say more, they are ours.
"""

from __future__ import annotations

import pytest

from pubsub.config.build import configure
from pubsub.errors import ConfigError

ENVIRON = {"USER_NAME": "bob", "PASSWORD": '"pa ss"', "TRACE": "true"}
PAIR = 'cert_file: "c.pem", key_file: "k.pem"'
PIN = "a8f407340dcc719864214b85ed96f98d16cbffa8f509d9fa4ca237b7bb3f9c32"

VALID = [
    "port: 4222",
    "port: -1",
    "port: 0",
    "listen: 4222",
    "listen: localhost:4222",
    'listen: "[::1]:4222"',
    'listen: ":4222"',
    "net: 127.0.0.1",
    "server_name: foo",
    "Debug: on",
    "trace: yes",
    "trace: $TRACE",
    "logtime: false",
    "mappings: { foo: bar }",
    "maps: { foo: [ {dest: bar, weight: 50%} ] }",
    'mappings: { foo: [ {dest: bar, weight: "50%"}, {dest: baz, weight: 50, cluster: x} ] }',
    "mappings: { foo: {dest: bar, weight: 50, cluster: c} }",
    "authorization { user: a, password: b, timeout: 1.5 }",
    "authorization { username: a, pass: $2a$11$W2zko751KUvVy59mUTWmpOdWjpEm5qhcCZRd05GjI/s }",
    'authorization { token: t, timeout: "3s" }',
    "authorization { user: $USER_NAME, password: $PASSWORD }",
    "authorization { }",
    "http: 8222",
    'http: "localhost:8222"',
    "monitor_port: 8222",
    "http_base_path: foo",
    "log_size_limit: 1mb",
    "max_control_line: 1k",
    "max_payload: -1",
    "max_conn: 0",
    "max_subs: 0",
    "max_sub_tokens: 8",
    'ping_interval: "2m"',
    "ping_interval: 1h",
    "write_timeout: retry",
    "lame_duck_duration: 60s",
    'lame_duck_grace_period: "5s"',
    "server_tags: foo",
    'server_tags: [ "a", "b" ]',
    "server_metadata: { a: $USER_NAME }",
    "foo = 4222\nport = $foo",
    f"tls {{ {PAIR} }}",
    f'tls {{ {PAIR}, ca_file: "ca.pem", verify: true, timeout: "3s" }}',
    f"tls {{ {PAIR}, handshake_first: true }}",
    f"tls {{ {PAIR}, first: auto }}",
    f'tls {{ {PAIR}, immediate: "300ms" }}',
    f'tls {{ {PAIR}, min_version: "1.3" }}',
    f"tls {{ {PAIR}, cipher_suites: [ TLS_ECDHE_RSA_WITH_AES_128_GCM_SHA256 ] }}",
    (
        f"tls {{ {PAIR}, cipher_suites: [ TLS_RSA_WITH_RC4_128_SHA ], "
        "allow_insecure_cipher_suites: true }"
    ),
    f"tls {{ {PAIR}, curve_preferences: [ CurveP256 , X25519 ] }}",
    f'tls {{ {PAIR}, pinned_certs: [ "{PIN.upper()}" ] }}',
    f"tls {{ {PAIR}, connection_rate_limit: 5, insecure: true, verify_and_map: false }}",
    f"tls {{ certs: [ {{ {PAIR} }} ] }}",
    "jetstream: false",
    "jetstream: disabled",
    "ocsp: false",
    "prof_port: 0",
    "no_system_account: false",
    '{ "port": 4222, "server_tags": ["a", "b"] }',
]

INVALID = [
    ('port: "4222"', 'f:1:1: port must be a whole number, without quotes, not the string "4222"'),
    ("port: 4222.5", "f:1:1: port must be a whole number, without quotes, not the number 4222.5"),
    ("port: yes", "f:1:1: port must be a whole number, without quotes, not the boolean true"),
    ("port: [1 ]", "f:1:1: port must be a whole number, without quotes, not a list"),
    ("port: 2016-05-04T18:53:41Z", "f:1:1: port must be a whole number, without quotes, not a d"),
    ("port: 70000", "f:1:1: port must be a port from 0 to 65535, or -1, not 70000"),
    ('listen: "localhost"', 'f:1:1: could not parse address string "localhost"'),
    ('listen: "localhost:abc"', 'f:1:1: could not parse port "abc"'),
    ("listen: true", "f:1:1: expected port or host:port"),
    ("listen: 65536", "f:1:1: the port must be from 0 to 65535, or -1, not 65536"),
    ("listen: []", "f:1:1: listen is an empty list; name an address, or remove it"),
    ("host: 12", "f:1:1: host must be a string (put it in quotes), not the number 12"),
    ("host: {}", "f:1:1: host must be a string (put it in quotes), not a map"),
    ('server_name: "foo bar"', "f:1:1: server name cannot contain spaces"),
    ('debug: "true"', 'f:1:1: debug must be true or false, without quotes, not the string "true"'),
    ("mappings: { foo: {dest: bar } }", 'f:1:13: Missing weight for mapping destination "bar"'),
    (
        "mappings: { foo: {dest: bar, weight: 101 } }",
        "f:1:30: Invalid weight 101 for mapping destination",
    ),
    (
        "mappings: { foo: {dest: bar, weight: -1 } }",
        "f:1:30: Invalid weight -1 for mapping destination",
    ),
    (
        "mappings: { foo: {dest: bar, weight: abc } }",
        'f:1:30: Invalid weight "abc" for mapping destination',
    ),
    (
        "mappings: { foo: {dest: bar, weight: true } }",
        'f:1:30: Unknown entry type for weight: write 0 to 100, or "20%"',
    ),
    (
        "mappings: { foo: {dest: bar, weigh: 1 } }",
        'f:1:30: Unknown field "weigh" for mapping destination',
    ),
    ("mappings: { foo: 5 }", "f:1:13: Expected an entry for the mapping destination"),
    ("mappings: { foo: [ bar ] }", "f:1:20: Expected an entry for the mapping destination"),
    ('mappings: { "foo..bar": x }', 'f:1:13: Subject "foo..bar" is not a valid subject'),
    ('mappings: { "foo.>.x": x }', 'f:1:13: Subject "foo.>.x" is not a valid subject'),
    ('mappings: { "foo bar": x }', 'f:1:13: Subject "foo bar" is not a valid subject'),
    (
        "mappings: { foo: [ {dest: bar, weight: 50}, {dest: bar, weight: 20} ] }",
        'f:1:13: Error adding mapping for "foo" : duplicate entry for "bar"',
    ),
    (
        "mappings: { foo: [ {dest: bar, weight: 50}, {dest: baz, weight: 60} ] }",
        'f:1:13: Error adding mapping for "foo" : total weight needs to be <= 100',
    ),
    ("mappings: [ foo ]", "f:1:1: mappings must be a map of subjects, { from: to }"),
    (
        "mappings: { foo: { destination: 5, weight: 3 } }",
        "f:1:20: destination of a mapping destination must be a string",
    ),
    ("authorization { user: a, token: t }", "f:1:1: Cannot have a user/pass and token"),
    ("authorization { password: b, token: t }", "f:1:1: Cannot have a user/pass and token"),
    (
        "authorization { user: a, password: 12 }",
        "f:1:26: password must be a string (put it in quotes), not something else",
    ),
    (
        'authorization { timeout: "3x" }',
        (
            "f:1:17: error parsing authorization config, 'timeout' time: unknown unit \"x\" in "
            'duration "3x"'
        ),
    ),
    (
        "authorization { timeout: true }",
        "f:1:17: error parsing authorization config, 'timeout' wrong type",
    ),
    ("authorization { foo: 1 }", 'f:1:17: unknown field "foo"'),
    ("authorization: true", "f:1:1: authorization must be a block, { … }"),
    ("authorization { options: {} , options: 5 }", "f:1:31: authorization.options must be a map"),
    ("authorization { options: { a: 1 } }", "f:1:1: authorization.options are for a plugin"),
    ('http: "localhost"', 'f:1:1: could not parse address string "localhost"'),
    ("http_base_path: /a/../b", "f:1:1: http_base_path must not contain .."),
    ("max_control_line: 3000000000", "f:1:1: max_control_line value is too big"),
    ("max_payload: 4gb", "f:1:1: max_payload value is too big"),
    ("max_payload: -2", "f:1:1: max_payload must be -1 or more, not -2"),
    ("max_sub_tokens: 256", "f:1:1: max_sub_tokens value is too big"),
    ("max_sub_tokens: 0", "f:1:1: max_sub_tokens value can not be negative"),
    (
        'ping_interval: "abc"',
        'f:1:1: error parsing ping_interval: time: invalid duration "abc"',
    ),
    ("ping_interval: true", 'f:1:1: ping_interval must be a duration such as "2m" or "1h30m", not'),
    (
        'write_deadline: "5"',
        'f:1:1: error parsing write_deadline: time: missing unit in duration "5"',
    ),
    ("write_timeout: foo", "f:1:1: write_timeout must be 'default', 'close' or 'retry'"),
    (
        'lame_duck_duration: "29s"',
        "f:1:1: invalid lame_duck_duration of 29s, minimum is 30 seconds",
    ),
    ("lame_duck_duration: 60", 'f:1:1: lame_duck_duration must be a duration such as "30s" or'),
    (
        'lame_duck_grace_period: "-5s"',
        "f:1:1: invalid lame_duck_grace_period, needs to be positive",
    ),
    ("server_tags: 5", "f:1:1: server_tags must be a string or a list of strings, not the numb"),
    ('server_tags: ["a", 5 ]', "f:1:20: server_tags must be a string or a list of strings, not"),
    ("server_metadata: { a: 5 }", "f:1:20: server_metadata: the value of a must be a string in"),
    ("server_metadata: 5", "f:1:1: server_metadata must be a map, { name: value }, not the number"),
    ("foo: bar", 'f:1:1: unknown field "foo"'),
    ("Max_Paylod: 1", 'f:1:1: unknown field "Max_Paylod"; did you mean max_payload?'),
    ('tls { cert_file: "c.pem" }', "f:1:1: missing 'key_file' in TLS configuration"),
    ('tls { key_file: "k.pem" }', "f:1:1: missing 'cert_file' in TLS configuration"),
    ("tls { verify: 1 }", "f:1:7: verify must be true or false, without quotes, not the number 1"),
    ("tls { timeout: true }", "f:1:7: error parsing tls config, 'timeout' wrong type"),
    (
        "tls { handshake_first: foo }",
        'f:1:7: field "handshake_first"\'s value "foo" is invalid',
    ),
    (
        "tls { handshake_first: 5 }",
        'f:1:7: field "handshake_first" should be a boolean or a string',
    ),
    (
        'tls { min_version: "1.1" }',
        "f:1:7: error parsing tls config: unsupported TLS version: TLS 1.1",
    ),
    ('tls { min_version: "1.5" }', "f:1:7: min_version must be '1.2' or '1.3'"),
    ("tls { cipher_suites: [] }", "f:1:7: error parsing tls config, 'cipher_suites' cannot be"),
    ("tls { cipher_suites: [ a ] }", "f:1:24: unrecognized cipher a; --help_tls lists them"),
    (
        "tls { cipher_suites: [ TLS_RSA_WITH_RC4_128_SHA ] }",
        (
            "f:1:1: insecure cipher suites configured without 'allow_insecure_cipher_suites' "
            "option set: TLS_RSA_WITH_RC4_128_SHA"
        ),
    ),
    ("tls { curve_preferences: [ a ] }", "f:1:28: unrecognized curve preference a"),
    (
        'tls { pinned_certs: [ "foo" ] }',
        "f:1:23: error parsing tls config, 'pinned_certs' key foo does not look like hex-encoded",
    ),
    (
        'tls { pinned_certs: "a" }',
        "f:1:7: error parsing tls config, expected 'pinned_certs' to be a list of hex-encoded",
    ),
    ("tls { foo: true }", 'f:1:7: unknown field "foo"'),
    ("tls { certs: 5 }", "f:1:7: error parsing certificates config: certs must be a list of maps"),
    ("tls { certs: [ 5 ] }", "f:1:16: error parsing certificates config: certs must be a list"),
    (
        'tls { certs: [ { cert_file: "c" } ] }',
        "f:1:16: error parsing certificates config: both 'cert_file' and 'key_file' are required",
    ),
    (
        "tls { certs: [ { cert_file: 5 } ] }",
        "f:1:18: error parsing certificates config: cert_file must be a path",
    ),
    (
        "tls { certs: [ { x: y } ] }",
        'f:1:18: error parsing tls certs config, unknown field "x"',
    ),
    (
        f"tls {{ {PAIR}, certs: [ {{ {PAIR} }} ] }}",
        "f:1:1: error parsing tls config, cannot combine 'cert_file' option with 'certs' option",
    ),
    ("authorization { user: $NOBODY }", "f:1:23: the variable $NOBODY is neither a key above"),
]

#: Valid for ``nats-server -t``, which does not look that far, and refused when it starts.
REFUSED_AT_START = [
    (
        "max_pending: 1k",
        "f:1:1: max_payload (1048576) cannot be higher than max_pending (1000)",
    ),
    (
        "max_payload: 2MB; max_pending: 1MB",
        "f:1:1: max_payload (2097152) cannot be higher than max_pending (1048576)",
    ),
    (
        'lame_duck_grace_period: "3m"',
        (
            "f:1:1: lame duck grace period (3m0s) should be strictly lower than lame duck duration "
            "(2m0s)"
        ),
    ),
    ("http: 8222; https: 8443", "f:1:13: can't specify both HTTP (8222) and HTTPs (8443) ports"),
    ("https_port: 8443", "f:1:1: TLS cert and key required for HTTPS"),
]

#: Options of nats-server whose features are not built.
UNSUPPORTED = [
    ("jetstream: enabled", "f:1:1: jetstream: JetStream is not supported yet by this server"),
    ("websocket { }", "f:1:1: websocket: WebSocket is not supported yet by this server"),
    ("mqtt { }", "f:1:1: mqtt: MQTT is not supported yet by this server"),
    ("prof_port: 1", "f:1:1: prof_port: profiling is not supported yet by this server"),
    ("tls { ocsp_peer: true }", "f:1:7: ocsp_peer: OCSP is not supported yet by this server"),
]


@pytest.mark.parametrize("text", VALID)
def test_what_nats_server_accepts_is_accepted(text: str) -> None:
    assert configure(text=text, path="f", environ=ENVIRON).warnings == ()


@pytest.mark.parametrize(("text", "complaint"), INVALID + REFUSED_AT_START + UNSUPPORTED)
def test_what_nats_server_refuses_is_refused_with_its_place(text: str, complaint: str) -> None:
    with pytest.raises(ConfigError) as caught:
        configure(text=text, path="f", environ=ENVIRON)
    assert str(caught.value).startswith(complaint)


@pytest.mark.parametrize(
    ("text", "warning"),
    [
        ("", "f: config has no values or is empty"),
        (
            "ping_interval: 10",
            (
                'f:1:1: invalid use of field "ping_interval": ping_interval should be converted to '
                "a duration"
            ),
        ),
        (
            "write_deadline: 2m",
            (
                'f:1:1: invalid use of field "write_deadline": write_deadline should be converted '
                "to a duration (an unquoted 2m is the number 2000000)"
            ),
        ),
        (
            "authorization { user: a, password: b, timeout: 120 }",
            (
                'f:1:39: invalid use of field "timeout": timeout of 120 (120.000000 seconds) is '
                "high, consider keeping it under 60 seconds. possibly caused by unquoted duration; "
                "use '1m' instead of 1m, for example"
            ),
        ),
    ],
)
def test_what_nats_server_warns_of_is_warned_of(text: str, warning: str) -> None:
    assert configure(text=text, path="f").warnings == (warning,)
