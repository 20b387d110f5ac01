"""Options for logs and JSON."""

from __future__ import annotations

import json
from dataclasses import fields

from pubsub.config.build import configure
from pubsub.config.options import AuthorizationOptions, Options, PluginOptions
from pubsub.config.redact import REDACTED, redacted, shown
from pubsub.config.table import TABLE
from pubsub.values.accounts import AccountOptions, ServiceImport, StreamImport, UserOptions

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


def test_no_secret_of_users_imports_and_resolvers_is_shown() -> None:
    options = Options(
        users=(UserOptions("bob", "hush"), UserOptions("eve")),
        accounts=(
            AccountOptions(
                "A",
                imports=(ServiceImport("B", "s", token="hush"), StreamImport("B", "t")),
                claims="hush",
            ),
        ),
        operator=("hush",),
        resolver_preload={"A": "hush"},
        default_sentinel="hush",
        authorization=AuthorizationOptions(plugins=(PluginOptions("p", {"key": "hush"}),)),
    )
    seen = redacted(options)
    assert "hush" not in json.dumps(seen)
    assert "hush" not in repr(options)
    assert [user["password"] for user in seen["users"]] == [REDACTED, ""]
    assert [each["token"] for each in seen["accounts"][0]["imports"]] == [REDACTED, ""]
    assert seen["authorization"]["plugins"] == [{"name": "p", "options": REDACTED}]
    assert (seen["operator"], seen["resolver_preload"]) == (REDACTED, REDACTED)
    assert shown("users", options.users) == seen["users"]
    assert shown("default_sentinel", "hush") == REDACTED


def test_every_secret_option_is_hidden() -> None:
    paths = {row.stored_as for row in TABLE if row.secret} - {None}
    assert paths
    for path in paths:
        assert shown(str(path), "hush") == REDACTED, path


def test_every_attribute_is_there_and_json_takes_it() -> None:
    seen = redacted(Options())
    assert list(seen) == [field.name for field in fields(Options)]
    assert json.loads(json.dumps(seen)) == seen
    assert seen["tls"] is None


def test_a_secret_that_is_not_set_is_seen_as_such() -> None:
    assert shown("authorization.password", "") == ""
    assert shown("authorization.password", "x") == REDACTED
    assert shown("authorization.options", {}) == {}
