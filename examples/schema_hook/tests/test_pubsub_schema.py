"""Without a network: a router, a client made of two links, and the hook between them."""

from __future__ import annotations

import json
from pathlib import Path
from types import SimpleNamespace

import pytest
from pubsub_schema.hook import MAX_KNOWN, SchemaPlugin
from zope.interface.verify import verifyObject

from pubsub.errors import InvalidOption, MessageRefused
from pubsub.interfaces import (
    IMessageHook,
    IMessageHookPlugin,
    LinkOptions,
    PeerKind,
    RouterSettings,
)
from pubsub.router.choose import choose_backend

SCHEMAS = Path(__file__).parents[1] / "schemas"
SUBJECTS = {"orders.new": "order.json", "orders.*.changed": "order.json"}
GOOD = b'{"item": "tea", "count": 2}'


class Peer:
    """As much of a client as is needed: what it was sent."""

    def __init__(self):
        self.output = b""

    def transmit(self, data):
        self.output += data

    def request_info(self, detailed):
        return b""


class Talk:
    """A client on a router with the hook."""

    def __init__(self, backend):
        self.router = choose_backend(backend).create(RouterSettings())
        self.hook = SchemaPlugin().create(
            {"directory": str(SCHEMAS), "subjects": SUBJECTS}, SimpleNamespace(router=self.router)
        )
        self.router.set_hook(self.hook)
        self.peer = Peer()
        self.link = self.router.attach(self.peer, PeerKind.CLIENT, 1, "$G")
        self.link.options = LinkOptions(verbose=False, pedantic=False, headers=True)
        self.link.feed(b"SUB > 1\r\n")

    def publish(self, subject, payload, reply=b""):
        reply = reply and reply + b" "
        self.link.feed(b"PUB %b %b%d\r\n%b\r\n" % (subject, reply, len(payload), payload))
        self.router.flush()
        output, self.peer.output = self.peer.output, b""
        return output


@pytest.fixture(params=["python", "auto"])
def talk(request):
    return Talk(request.param)


def test_it_keeps_the_contracts(talk):
    assert verifyObject(IMessageHook, talk.hook)
    assert verifyObject(IMessageHookPlugin, SchemaPlugin())


@pytest.mark.parametrize("subject", [b"orders.new", b"orders.7.changed"])
def test_what_matches_passes(talk, subject):
    assert talk.publish(subject, GOOD) == b"MSG %b 1 %d\r\n%b\r\n" % (subject, len(GOOD), GOOD)


@pytest.mark.parametrize("subject", [b"orders", b"orders.new.x", b"orders.7.gone", b"other"])
def test_other_subjects_are_not_looked_at(talk, subject):
    assert talk.publish(subject, b"x") == b"MSG %b 1 1\r\nx\r\n" % subject


@pytest.mark.parametrize(
    ("payload", "reason"),
    [
        (b'{"item": "tea", "count": 0}', "$.count: 0 is less than the minimum of 1"),
        (b'{"item": "tea"}', '$: "count" is a required property'),
        (b"[]", '$: [] is not of type "object"'),
        (b"{", "not JSON"),
        (b"", "not JSON"),
        (b"\xff", "not JSON"),
        (b'{"item": "tea", "count": NaN}', "not JSON"),
        (b"[" * 100_000, "not JSON"),
        (b'"\\ud800"', '$: "\\ud800" is not of type "object"'),
    ],
)
def test_what_does_not_is_refused_and_the_publisher_is_told(talk, payload, reason):
    refused = MessageRefused(b"orders.new", reason).to_bytes()
    assert talk.publish(b"orders.new", payload) == refused
    assert not talk.link.closed


def test_whoever_asked_gets_an_answer(talk):
    text = b"$.count: 'many' is not of type 'integer'"
    head = b"NATS/1.0 400 Bad Request\r\n\r\n"
    wrong = b'{"item": "tea", "count": "many"}'
    assert talk.publish(b"orders.new", wrong, reply=b"inbox") == (
        b"HMSG inbox 1 %d %d\r\n%b%b\r\n" % (len(head), len(head) + len(text), head, text)
    )


def test_any_number_of_subjects_costs_no_more_memory(talk):
    for number in range(MAX_KNOWN * 2):
        talk.publish(b"made.up.%d" % number, b"")
    assert len(talk.hook._known) <= MAX_KNOWN


@pytest.mark.parametrize(
    ("options", "reason"),
    [
        ({}, "subjects must name"),
        ({"subjects": {}}, "subjects must name"),
        ({"subjects": ["a"]}, "subjects must name"),
        ({"subjects": {"a..b": "order.json"}}, "is no subject"),
        ({"subjects": {"a": "absent.json"}}, "absent.json cannot be used"),
        ({"subjects": {"a": "broken.json"}}, "broken.json cannot be used"),
        ({"subjects": {"a": "wrong.json"}}, "wrong.json cannot be used: 5 is not valid"),
    ],
)
def test_a_mistake_keeps_the_server_from_starting(tmp_path, options, reason):
    (tmp_path / "broken.json").write_text("{")
    (tmp_path / "wrong.json").write_text(json.dumps({"type": 5}))
    with pytest.raises(InvalidOption) as error:
        SchemaPlugin().create({"directory": str(tmp_path), **options}, SimpleNamespace())
    assert reason in str(error.value)
