"""What a reload may change of the ``leafnodes`` block."""

from __future__ import annotations

import pytest

from pubsub.config.build import configure
from pubsub.config.options import Options
from pubsub.config.reload import diff
from pubsub.errors import ReloadRefused


def options(text: str) -> Options:
    return configure(text=text, path="f").options


@pytest.mark.parametrize(
    ("old", "new", "complaint"),
    [
        ("", "leaf { port: 2 }", "LeafNode.Port: old=0, new=2"),
        ("leaf { host: a, port: 1 }", "leaf { host: b, port: 1 }", "LeafNode.Host: old=a, new=b"),
        ("leaf { port: 1 }", "leaf { port: 1, advertise: a }", "LeafNode.Advertise: old=, new=a"),
        ("leaf { }", "leaf { isolate: true }", "IsolateLeafnodeInterest: old=false, new=true"),
        ("", "leaf { remotes: [ { url: h } ] }", "cannot add the first leafnodes block"),
    ],
)
def test_what_needs_a_restart_is_refused(old: str, new: str, complaint: str) -> None:
    with pytest.raises(ReloadRefused) as caught:
        diff(options(old), options(new))
    assert complaint in str(caught.value)


@pytest.mark.parametrize(
    ("old", "new"),
    [
        ("leaf { }", "leaf { remotes: [ { url: h } ] }"),
        ("leaf { remotes: [ { url: h } ] }", ""),
        ("leaf { remotes: [ { url: h } ] }", "leaf { remotes: [ { url: h, disabled: true } ] }"),
        ("leaf { port: 1 }", "leaf { port: -1, reconnect: 3s }"),
        ("leaf { port: 1 }", "leaf { port: 1, authorization { user: u, password: p } }"),
    ],
)
def test_the_rest_may_change(old: str, new: str) -> None:
    (change,) = diff(options(old), options(new))
    assert change.path == "leafnodes"


def test_what_changed_is_shown_without_secrets() -> None:
    new = "leaf { remotes: [ { url: 'nats://u:s3cret@h', proxy { url: 'http://p', username: u,"
    (change,) = diff(options("leaf { }"), options(f"{new} password: s3cret }} }} ] }}"))
    assert "s3cret" not in str(change.shown_new)
