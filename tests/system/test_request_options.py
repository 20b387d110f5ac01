"""The JSON of requests: what Go would make of it, and which servers it is for."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest

from pubsub.config.options import Options
from pubsub.system.request_options import RequestError, concerns, read_options
from pubsub.wire.info import ServerInfo

FIELDS = {"limit": "int", "auth": "bool", "sort": "string", "cid": "uint64"}
STRUCT = "ConnzEventOptions.ConnzOptions"
INFO = ServerInfo("NAB", "edge-1", "2.15.0", "CPython", "10.0.0.1", 4222, 1048576, cluster="east")
OPTIONS = Options(server_tags=("rack:1", "big"))


@pytest.mark.parametrize("data", [b"", b"null", b"{}", b' {"unknown": [1]} ', b'{"limit": null}'])
def test_no_options(data: bytes) -> None:
    assert read_options(data, FIELDS, STRUCT) == {}


def test_keys_are_read_whatever_their_case() -> None:
    data = b'{"LIMIT": 5, "Auth": true, "sort": "cid", "server_name": "x", "tags": ["a", null]}'
    assert read_options(data, FIELDS, STRUCT) == {
        "limit": 5, "auth": True, "sort": "cid", "server_name": "x", "tags": ["a", ""]
    }  # fmt: skip


@pytest.mark.parametrize(
    ("data", "text"),
    [
        (b"[]", "cannot unmarshal array into Go value of type server.ConnzEventOptions"),
        (b'"x"', "cannot unmarshal string into Go value of type server.ConnzEventOptions"),
        (b"1", "cannot unmarshal number 1 into Go value of type server.ConnzEventOptions"),
        (b'{"auth": "x"}', "string into Go struct field ConnzEventOptions.ConnzOptions.auth"),
        (b'{"auth": {}}', "object into Go struct field"),
        (b'{"limit": 1.5}', "number 1.5 into Go struct field"),
        (b'{"limit": true}', "bool into Go struct field"),
        (b'{"cid": -1}', "number -1 into Go struct field"),
        (b'{"limit": 99999999999999999999}', "number into Go struct field"),
        (b'{"limit": 1e999}', "number into Go struct field"),
        (b'{"tags": [1]}', "ConnzEventOptions.EventFilterOptions.tags of type []string"),
        (b'{"auth":', "invalid JSON"),
        (b"\xff", "invalid JSON"),
        (b"[" * 100_000, "invalid JSON"),
        (b'{"limit": ' + b"9" * 10_000 + b"}", ""),
    ],
)
def test_what_cannot_be_read_is_refused(data: bytes, text: str) -> None:
    with pytest.raises(RequestError) as caught:
        read_options(data, FIELDS, STRUCT)
    assert text in str(caught.value)
    assert len(str(caught.value)) < 200


@pytest.mark.parametrize(
    ("asked", "answer"),
    [
        ({}, True),
        ({"server_name": "edge"}, True),
        ({"server_name": "edge", "exact_match": True}, False),
        ({"server_name": "edge-1", "exact_match": True}, True),
        ({"server_name": "other"}, False),
        ({"host": "10."}, True),
        ({"host": "11."}, False),
        ({"cluster": "ea"}, True),
        ({"cluster": "west"}, False),
        ({"tags": ["RACK:1", "big"]}, True),
        ({"tags": ["big", "small"]}, False),
        ({"domain": "hub"}, False),
        ({"domain": ""}, True),
    ],
)
def test_filters(asked: dict[str, Any], answer: bool) -> None:
    assert concerns(asked, INFO, OPTIONS) is answer


def test_a_domain_is_compared_as_it_is() -> None:
    assert concerns({"domain": "hub"}, replace(INFO, domain="hub"), OPTIONS)
