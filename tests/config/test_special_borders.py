"""What crosses the borders of accounts, as it comes out of a file."""

from __future__ import annotations

from typing import Any

import pytest

from pubsub.config.build import configure
from pubsub.errors import ConfigErrors, InvalidOption
from pubsub.values.accounts import (
    LatencyOptions,
    ResponseType,
    ServiceExport,
    ServiceImport,
    StreamExport,
    StreamImport,
)


def exports(text: str) -> tuple[StreamExport | ServiceExport, ...]:
    accounts = f"accounts {{ A {{ exports: [ {text} ] }}, B {{}} }}"
    return configure(text=accounts).options.accounts[0].exports


def imports(text: str) -> tuple[StreamImport | ServiceImport, ...]:
    return (
        configure(text=f"accounts {{ A {{}}, B {{ imports: [ {text} ] }} }}")
        .options.accounts[1]
        .imports
    )


def test_exports_keep_their_order() -> None:
    assert exports("{stream: a}, {service: b}, {stream: c, accounts: [ B, A ]}") == (
        StreamExport("a"),
        ServiceExport("b"),
        StreamExport("c", accounts=("B", "A")),
    )


def test_an_empty_list_of_accounts_is_as_good_as_none() -> None:
    assert exports("{stream: a, accounts: []}") == (StreamExport("a"),)


def test_an_export_of_nothing_is_none() -> None:
    assert exports("{}, {accounts: [ B ]}, {stream: a}") == (StreamExport("a"),)


@pytest.mark.parametrize(
    ("text", "field", "value"),
    [
        ("response: single", "response_type", ResponseType.SINGLETON),
        ("response_type: Singleton", "response_type", ResponseType.SINGLETON),
        ("response_type: STREAM", "response_type", ResponseType.STREAM),
        ("response_type: chunk", "response_type", ResponseType.CHUNKED),
        ("response_type: chunked", "response_type", ResponseType.CHUNKED),
        ('threshold: "5s"', "response_threshold", 5.0),
        ('response_max_time: "1m"', "response_threshold", 60.0),
        ('response_time: "0s"', "response_threshold", 120.0),
        ("account_token_position: 2", "account_token_position", 2),
        ("account_token_position: 0", "account_token_position", 0),
        ("latency: m", "latency", LatencyOptions("m")),
        ("latency: {subject: m}", "latency", LatencyOptions("m", 100)),
        ("latency: {subject: m, sampling: 5}", "latency", LatencyOptions("m", 5)),
        ('latency: {subject: m, sampling: "5%"}', "latency", LatencyOptions("m", 5)),
        ('latency: {subject: m, sampling: " HEADERS "}', "latency", LatencyOptions("m", 0)),
    ],
)
def test_what_a_service_has(text: str, field: str, value: object) -> None:
    expected: dict[str, Any] = {field: value}
    assert exports(f'{{{text}, service: "s.*"}}') == (ServiceExport("s.*", **expected),)


def test_a_stream_may_name_the_importer_too() -> None:
    assert exports('{stream: "*.s", account_token_position: 1}') == (
        StreamExport("*.s", account_token_position=1),
    )


def test_imports_keep_their_order() -> None:
    text = """
        {stream: {account: A, subject: s}}
        {stream: {account: A, subject: "s.*"}, to: "t.$1"}
        {stream: {account: A, subject: s.>}, prefix: p}
        {stream: {account: A, subject: s.>}, prefix: "p.q."}
        {service: {account: A, subject: r}}
        {service: {account: A, subject: r}, to: l, share: true}
        {to: nothing}
    """
    assert imports(text) == (
        StreamImport("A", "s"),
        StreamImport("A", "s.*", "t.$1"),
        StreamImport("A", "s.>", "p.s.>"),
        StreamImport("A", "s.>", "p.q.s.>"),
        ServiceImport("A", "r"),
        ServiceImport("A", "r", "l", share=True),
    )


def test_everything_that_is_wrong_with_exports_is_told_at_once() -> None:
    text = """
        5
        {stream: a, service: b}
        {service: a, stream: b}
        {stream: 5}
        {stream: a, accounts: B}
        {stream: a, accounts: [ 5 ]}
        {stream: a, response: single, threshold: "1s", latency: m, allow_trace: false}
        {service: a, response: x}
        {service: a, response: 5}
        {service: a, response: single, response_type: single}
        {service: a, threshold: x}
        {service: a, threshold: 5}
        {service: a, threshold: "1s", response_time: "1s"}
        {service: "a.*", account_token_position: 1}
        {service: a, nonsense: 1}
    """
    with pytest.raises(ConfigErrors) as caught:
        exports(text)
    threshold = "Expected response threshold to be a parseable time duration"
    assert [error.message for error in caught.value.errors] == [
        "Export Items should be a map with type entry",
        'Detected service "b" but already saw a stream',
        'Detected stream "b" but already saw a service',
        "Expected stream name to be string",
        "accounts of an export must be a list of names",
        "accounts of an export must be a list of names",
        "Detected response directive on non-service",
        "Detected response directive on non-service",
        "Detected latency directive on non-service",
        "Detected allow_trace directive on non-service",
        'Unknown response type: "x"',
        "Expected response type to be string",
        "Duplicate response type definition",
        f'{threshold}, got "x"',
        f'{threshold} such as "2s"',
        "Duplicate response threshold detected",
        'Error adding service export "a.*": invalid subject: token 1 is not a *',
        'unknown field "nonsense"',
    ]


@pytest.mark.parametrize(
    ("text", "complaint"),
    [
        ("5", "Expected latency entry to be a map/struct or string"),
        ("{sampling: 5}", "Latency subject required, but missing"),
        ("{subject: 5}", "Expected latency subject to be a string"),
        ("{subject: m, sampling: 0}", "bad sampling percentage, should be 1-100"),
        ('{subject: m, sampling: "101%"}', "bad sampling percentage, should be 1-100"),
        ('{subject: m, sampling: ""}', 'Failed to parse latency sample: "" is no whole number'),
        ("{subject: m, sampling: true}", "Expected latency sample to be a string or map/struct"),
        ('"m.*"', "invalid publish subject"),
        ('"m.>"', "invalid publish subject"),
        ('"m..x"', "invalid publish subject"),
        ("m, response: stream", "bad service response type"),
    ],
)
def test_wrong_measurements_are_refused(text: str, complaint: str) -> None:
    with pytest.raises(InvalidOption) as caught:
        exports(f"{{service: a, latency: {text}}}")
    assert complaint in caught.value.message


def test_keys_that_nats_server_does_not_look_at_are_warned_of() -> None:
    text = "accounts { A { exports: [ {service: a, latency: {subject: m, x: 1}} ] } }"
    assert configure(text=text, path="f").warnings == ('f:1:62: unknown field "x"',)


def test_everything_that_is_wrong_with_imports_is_told_at_once() -> None:
    text = """
        5
        {stream: 5}
        {stream: {account: A}}
        {service: {subject: a}}
        {service: {account: A, subject: 5, nonsense: 1}}
        {stream: {account: A, subject: a}, service: {account: A, subject: a}}
        {service: {account: A, subject: a}, stream: {account: A, subject: a}}
        {stream: {account: A, subject: a}, prefix: "p.*"}
        {stream: {account: A, subject: a}, prefix: p, to: t}
        {service: {account: A, subject: a}, allow_trace: false}
        {service: {account: A, subject: b}, to: t}
        {service: {account: A, subject: c}, to: t}
        {service: {account: A, subject: a}, share: 1}
    """
    with pytest.raises(ConfigErrors) as caught:
        imports(text)
    assert [error.message for error in caught.value.errors] == [
        "Import Items should be a map with type entry",
        "Stream entry should be an account map",
        "Expect an account name and a subject",
        "Expect an account name and a subject",
        "subject must be a string (put it in quotes), not the number 5",
        'unknown field "nonsense"',
        "Detected service but already saw a stream",
        "Detected stream but already saw a service",
        'Error adding stream import "a": stream import prefix can not contain wildcard tokens',
        "Stream import can not have a 'prefix' and a 'to' property",
        "Detected allow_trace directive on a non-stream",
        (
            'Duplicate service import subject "t", previously used in import for account "A", '
            'subject "b"'
        ),
        "share must be true or false, without quotes, not the number 1",
    ]


def test_what_is_refused_as_a_whole() -> None:
    for key in ("exports", "imports"):
        with pytest.raises(InvalidOption, match=f"{key.capitalize()} should be an array"):
            configure(text=f"accounts {{ A {{ {key}: 5 }} }}")
