"""CONNECT, read as Go reads it. The expectations were seen with Go's encoding/json."""

from __future__ import annotations

import contextlib
import json

import pytest
from hypothesis import given
from hypothesis import strategies as st

from pubsub.wire.connect import (
    DEFAULT_CONNECT,
    ConnectError,
    ConnectOptions,
    decode_json_object,
)


def read(argument):
    return DEFAULT_CONNECT.updated(argument)


def test_the_defaults():
    options = ConnectOptions()
    assert options.verbose
    assert options.pedantic
    assert options.echo
    assert not options.headers
    assert not options.no_responders
    assert options.protocol == 0
    assert options.fields() == {}


def test_every_field():
    sent = {
        "echo": False,
        "verbose": False,
        "pedantic": False,
        "tls_required": True,
        "nkey": "a",
        "jwt": "b",
        "sig": "c",
        "auth_token": "d",
        "user": "e",
        "pass": "f",
        "name": "g",
        "lang": "h",
        "version": "i",
        "protocol": 1,
        "account": "j",
        "new_account": True,
        "headers": True,
        "no_responders": True,
        "remote_account": "k",
        "proxy_sig": "l",
    }
    options = read(json.dumps(sent).encode())
    assert options.fields() == sent
    assert options.password == "f"


@pytest.mark.parametrize(
    ("argument", "field", "value"),
    [
        (b'{"NAME":"x"}', "name", "x"),
        (b'{"Name":"x","name":"y"}', "name", "y"),
        (b'{"name":"x","Name":"y"}', "name", "y"),
        (b'{"u\xc5\xbfer":"x"}', "user", "x"),
        ('{"n\u212aey":"x"}'.encode(), "nkey", "x"),
        (b'{"name":null}', "name", ""),
        (b'{"verbose":null}', "verbose", True),
        (b"null", "verbose", True),
        (b' { "name" : "x" } ', "name", "x"),
        (b'{"unknown":{"a":[1,2,{}]},"name":"x"}', "name", "x"),
        (b'{"protocol":-0}', "protocol", 0),
        (b'{"protocol":-1}', "protocol", -1),
        (b'{"protocol":9223372036854775807}', "protocol", 2**63 - 1),
        (b'{"name":"\\u00e9\\n"}', "name", "é\n"),
        (b'{"name":"\\ud83d\\ude00"}', "name", "\U0001f600"),
        (b'{"name":"\\ud800x"}', "name", "\ufffdx"),
        (b'{"name":"a\xff\xfeb"}', "name", "a\ufffd\ufffdb"),
        (b'{"name":"\xed\xa0\x80"}', "name", "\ufffd\ufffd\ufffd"),
        (b'{"import":{"allow":["a"],"deny":null,"x":1},"name":"x"}', "name", "x"),
        (b'{"export":null,"name":"x"}', "name", "x"),
        (b'{"big":1e999999,"name":"x"}', "name", "x"),
        (b'{"big":' + b"9" * 5000 + b',"name":"x"}', "name", "x"),
    ],
)
def test_what_is_read(argument, field, value):
    assert getattr(read(argument), field) == value


@pytest.mark.parametrize(
    "argument",
    [
        b"",
        b"{",
        b"{}}",
        b"[]",
        b'"x"',
        b"1",
        b"true",
        b"{'name':'x'}",
        b'{"name":"x",}',
        b'{"name":1}',
        b'{"name":true}',
        b'{"name":["x"]}',
        b'{"name":{}}',
        b'{"verbose":1}',
        b'{"verbose":"true"}',
        b'{"verbose":0}',
        b'{"protocol":"1"}',
        b'{"protocol":1.0}',
        b'{"protocol":1e0}',
        b'{"protocol":true}',
        b'{"protocol":9223372036854775808}',
        b'{"protocol":123456789012345678901234567890}',
        b'{"protocol":NaN}',
        b'{"x":NaN}',
        b'{"x":Infinity}',
        b'{"x":-Infinity}',
        b'{"x":01}',
        b'{"name":"a\nb"}',
        b'{"name":"x"} x',
        b"\xef\xbb\xbf{}",
        b"\xff{}",
        b'{"import":[]}',
        b'{"import":{"allow":"a"}}',
        b'{"import":{"allow":[1]}}',
        b'{"import":{"deny":{}}}',
        pytest.param(b'{"x":' * 20_000 + b"1" + b"}" * 20_000, id="nested-too-deeply"),
    ],
)
def test_what_is_refused(argument):
    with pytest.raises(ConnectError):
        read(argument)


def test_an_error_does_not_tell_the_value():
    with pytest.raises(ConnectError) as caught:
        read(b'{"pass":["secret"]}')
    assert "secret" not in str(caught.value)
    with pytest.raises(ConnectError) as caught:
        read(b'{"pass":"secret"')
    assert "secret" not in str(caught.value)


def test_a_second_connect_changes_only_what_it_names():
    first = read(b'{"name":"n","verbose":false,"user":"u"}')
    second = first.updated(b'{"user":"v","echo":false}')
    assert second.fields() == {
        "echo": False,
        "verbose": False,
        "user": "v",
        "name": "n",
    }
    assert first.user == "u"


def test_fields_do_not_show_their_values():
    fields = read(b'{"user":"u","pass":"secret","import":{}}').fields()
    assert repr(fields) == "<CONNECT fields user, pass>"
    assert len(fields) == 2
    assert "import" not in fields
    assert "nonsense" not in fields
    assert fields.get("jwt", "") == ""


def test_what_many_clients_say_is_kept_once():
    one, other = read(b'{"lang":"pyth%s"}' % b"on9"), read(b'{"lang":"python9"}')
    assert one.lang is other.lang


def test_members_come_in_order_with_equal_keys():
    assert decode_json_object(b'{"a":"x","b":true,"a":null}') == [
        ("a", "x"),
        ("b", True),
        ("a", None),
    ]


@given(st.binary(max_size=60))
def test_any_bytes_are_read_or_refused(argument):
    with contextlib.suppress(ConnectError):
        read(argument)


@given(
    st.dictionaries(
        st.sampled_from(["name", "user", "pass", "verbose", "protocol", "Echo", "x"]),
        st.one_of(
            st.none(), st.booleans(), st.integers(), st.floats(), st.text(), st.lists(st.text())
        ),
    )
)
def test_any_json_is_read_or_refused(fields):
    try:
        options = read(json.dumps(fields).encode())
    except ConnectError:
        return
    assert isinstance(options.name, str)
    assert isinstance(options.verbose, bool)
    assert type(options.protocol) is int
    options.name.encode()
