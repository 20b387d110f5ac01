"""Options for logs and JSON."""

from __future__ import annotations

import json
from dataclasses import fields

from pubsub.config.build import configure
from pubsub.config.options import Options
from pubsub.config.redact import REDACTED, redacted, shown

TEXT = f"""
    authorization {{ user: bob, password: hush, plugin: p, options {{ key: hush }} }}
    tls {{ cert_file: c, key_file: k, pinned_certs: [ {"b" * 64}, {"a" * 64} ] }}
    mappings {{ a: b }}
    server_metadata {{ x: y }}
    listen: [ 1 , "unix:/x" ]
"""


def test_secrets_are_hidden_and_everything_else_is_shown() -> None:
    seen = redacted(configure(text=TEXT).options)
    assert "hush" not in json.dumps(seen)
    assert seen["authorization"] == {
        "user": "bob",
        "password": REDACTED,
        "token": "",
        "timeout": 3.0,
        "plugin": "p",
        "options": REDACTED,
        "plugins": [],
        "default_permissions": None,
        "proxy_required": False,
        "auth_callout": None,
    }
    assert seen["tls"]["key_file"] == "k"
    assert seen["tls"]["pinned_certs"] == ["a" * 64, "b" * 64]
    assert seen["mappings"] == [
        {"source": "a", "destinations": [{"subject": "b", "weight": 100, "cluster": ""}]}
    ]
    assert seen["server_metadata"] == {"x": "y"}
    assert seen["listen"] == ["unix:/x"]


def test_every_attribute_is_there_and_json_takes_it() -> None:
    seen = redacted(Options())
    assert list(seen) == [field.name for field in fields(Options)]
    assert json.loads(json.dumps(seen)) == seen
    assert seen["tls"] is None


def test_a_secret_that_is_not_set_is_seen_as_such() -> None:
    assert shown("authorization.password", "") == ""
    assert shown("authorization.password", "x") == REDACTED
    assert shown("authorization.options", {}) == {}
