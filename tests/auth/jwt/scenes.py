"""What a case of :mod:`tests.auth.jwt.cases` is made of."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from types import ModuleType
from typing import Any, NamedTuple

from tests.auth.jwt.world import World

#: what a client sends, given the nonce
Connect = Callable[[bytes], Mapping[str, Any]]


class Scene(NamedTuple):
    """What there is, and who comes."""

    #: public key to JWT
    accounts: Mapping[str, str]
    connect: Connect


class Case(NamedTuple):
    """A verdict."""

    name: str
    accepted: bool
    #: the scene, in a world of its own
    make: Callable[[World], Scene]


_registered: dict[str, list[Case]] = {}


def cases_of(module: ModuleType) -> list[Case]:
    """The cases of a module, in the order in which they stand there."""
    return _registered[module.__name__]


def case(accepted: bool) -> Callable[[Callable[[World], Scene]], Callable[[World], Scene]]:
    """The function makes the scene of a case that is called as it is."""

    def register(make: Callable[[World], Scene]) -> Callable[[World], Scene]:
        _registered.setdefault(make.__module__, []).append(Case(make.__name__, accepted, make))
        return make

    return register


def scene(w: World, token: str, account: str = "", **connect: Any) -> Scene:
    """The world's user comes with ``token``, and signs the nonce."""

    def sends(nonce: bytes) -> Mapping[str, Any]:
        return {**w.connect(token, nonce=nonce), **connect}

    return Scene({w.account.public_key: account or w.account_jwt()}, sends)
