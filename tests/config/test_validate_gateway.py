"""What must be right between gateways and the rest."""

from __future__ import annotations

import pytest

from pubsub.config.build import configure
from pubsub.config.options import GatewayOptions, Options
from pubsub.config.validate import validate
from pubsub.errors import InvalidOption

_CONFLICT = (
    "f:1:42: cluster name conflicts between cluster and gateway definitions:"
    " 'B' and 'A' have to be the same"
)


@pytest.mark.parametrize(
    "text",
    [
        "gateway { host: h }",
        "gateway { name: A, port: -1 }",
        "gateway { name: A, port: -1 }, cluster { port: -1 }",
        "gateway { name: A, port: -1 }, cluster { name: A, port: -1 }",
        "gateway { name: A, port: -1 }, leafnodes { port: -1 }",
        "gateway { name: A, port: -1, gateways: [ { name: A, url: 'nats://a:1' } ] }",
    ],
)
def test_what_is_right_is_accepted(text: str) -> None:
    configure(text=text, path="f")


@pytest.mark.parametrize(
    ("text", "complaint"),
    [
        (
            "gateway { port: -1 }",
            "f:1:1: gateway has no name: add that of this cluster, name: NAME",
        ),
        (
            "gateway { name: A }",
            'f:1:1: gateway "A" has no port specified (select -1 for random port)',
        ),
        (
            "gateway { name: A, port: -1, gateways: [ { url: 'nats://a:1' } ] }",
            "f:1:42: gateway in the list 0 has no name",
        ),
        (
            "gateway { name: A, port: -1, gateways: [ { name: B } ] }",
            'f:1:42: gateway "B" has no URL',
        ),
        (
            "gateway { name: A, port: -1 }, cluster { name: B, port: -1 }",
            _CONFLICT,
        ),
        (
            "gateway { name: A, port: -1 }, leafnodes { port: -1 }, no_system_account: true",
            (
                "f:1:56: leaf nodes and gateways (both being defined) require a system account to"
                " also be configured"
            ),
        ),
    ],
)
def test_what_is_not_is_refused_with_its_place(text: str, complaint: str) -> None:
    with pytest.raises(InvalidOption) as caught:
        configure(text=text, path="f")
    assert str(caught.value) == complaint


def test_a_program_may_not_do_what_a_file_may_not() -> None:
    with pytest.raises(InvalidOption, match=r"^gateway name cannot contain spaces$"):
        validate(Options(gateway=GatewayOptions("A B", port=1)))
