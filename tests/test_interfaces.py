"""The contracts are complete, documented, and cheap to import."""

from __future__ import annotations

import dataclasses
import inspect
import subprocess
import sys

import pytest
from zope.interface import Attribute
from zope.interface.interface import InterfaceClass, Method

from pubsub import interfaces
from pubsub.interfaces import Identity, LinkOptions, PeerKind, Permissions, RouterSettings

INTERFACES = [
    found for found in vars(interfaces).values()
    if isinstance(found, InterfaceClass) and found.__name__ != "Interface"
]  # fmt: skip


@pytest.mark.parametrize("interface", INTERFACES, ids=lambda interface: str(interface.__name__))
def test_every_contract_is_exported_and_documented(interface: InterfaceClass) -> None:
    assert interface.__name__ in interfaces.__all__
    assert interface.__doc__
    for name, member in interface.namesAndDescriptions(all=False):
        assert isinstance(member, Method | Attribute)
        assert member.__doc__, f"{interface.__name__}.{name} says nothing"


def test_values_that_cross_contracts_cannot_be_changed() -> None:
    """One is shared by many links: changing it under them would change them all."""
    values = [found for found in vars(interfaces).values() if dataclasses.is_dataclass(found)]
    assert values
    for value in values:
        assert inspect.isclass(value)
        with pytest.raises(dataclasses.FrozenInstanceError):
            setattr(value.__new__(value), dataclasses.fields(value)[0].name, None)


def test_defaults_are_those_of_nats_server() -> None:
    options = LinkOptions()
    assert options.verbose
    assert options.pedantic
    assert options.echo
    assert not options.headers
    assert RouterSettings().max_control_line == 4096
    assert RouterSettings().max_pending == 64 * 1024 * 1024


def test_who_has_no_permissions_may_do_everything() -> None:
    assert Identity().permissions is None
    assert Permissions().publish_allow is None


def test_kinds_of_peers_are_numbers_the_compiled_router_shares() -> None:
    assert [kind.name for kind in sorted(PeerKind)] == [
        "CLIENT",
        "ROUTE",
        "GATEWAY",
        "LEAF",
        "INTERNAL",
        "SINK",
    ]
    assert PeerKind.CLIENT == 0


def test_importing_the_contracts_loads_no_reactor() -> None:
    """Every plugin file imports them, also at ``twistd --help``."""
    code = "import pubsub.interfaces, sys; print([m for m in sys.modules if 'internet' in m])"
    output = subprocess.run([sys.executable, "-c", code], capture_output=True, check=True).stdout
    assert output.strip() == b"[]"
