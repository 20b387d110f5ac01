"""Users whose signing key has a scope: the account says what they may."""

from __future__ import annotations

from typing import Any

from pubsub.auth.jwt.keys import KeyPair
from tests.auth.jwt.scenes import Scene, case, scene
from tests.auth.jwt.world import World


def _scope(w: World, key: KeyPair, **template: Any) -> str:
    scoped = {"kind": "user_scope", "key": key.public_key, "role": "r", "template": template}
    return w.account_jwt(signing_keys=[scoped])


@case(True)
def a_scoped_user(w: World) -> Scene:
    key = KeyPair.generate("A")
    account = _scope(w, key, pub={"allow": ["a.{{name()}}"]})
    return scene(w, w.user_jwt(signer=key, scoped=True), account)


@case(False)
def a_scoped_user_with_limits(w: World) -> Scene:
    key = KeyPair.generate("A")
    return scene(w, w.user_jwt(signer=key), _scope(w, key))


@case(False)
def a_scoped_user_with_permissions(w: World) -> Scene:
    key = KeyPair.generate("A")
    token = w.user_jwt(signer=key, scoped=True, pub={"allow": ["a"]})
    return scene(w, token, _scope(w, key))


@case(True)
def a_scope_with_a_bearer_token(w: World) -> Scene:
    key = KeyPair.generate("A")
    token = w.user_jwt(signer=key, scoped=True)
    return scene(w, token, _scope(w, key, bearer_token=True), sig="")


@case(False)
def a_scope_of_another_network(w: World) -> Scene:
    key = KeyPair.generate("A")
    return scene(w, w.user_jwt(signer=key, scoped=True), _scope(w, key, src=["203.0.113.0/24"]))


@case(False)
def a_scope_of_another_type_of_connection(w: World) -> Scene:
    key = KeyPair.generate("A")
    account = _scope(w, key, allowed_connection_types=["MQTT"])
    return scene(w, w.user_jwt(signer=key, scoped=True), account)


@case(False)
def a_scope_with_an_unknown_operation(w: World) -> Scene:
    key = KeyPair.generate("A")
    account = _scope(w, key, pub={"allow": ["a.{{colour()}}"]})
    return scene(w, w.user_jwt(signer=key, scoped=True), account)


@case(True)
def a_scope_that_allows_by_a_tag_that_is_not_there(w: World) -> Scene:
    key = KeyPair.generate("A")
    account = _scope(w, key, pub={"allow": ["a.{{tag(x)}}"]})
    return scene(w, w.user_jwt(signer=key, scoped=True), account)


@case(False)
def a_scope_that_denies_by_a_tag_that_is_not_there(w: World) -> Scene:
    key = KeyPair.generate("A")
    account = _scope(w, key, pub={"deny": ["a.{{tag(x)}}"]})
    return scene(w, w.user_jwt(signer=key, scoped=True), account)


@case(True)
def as_many_combinations_as_there_may_be(w: World) -> Scene:
    key = KeyPair.generate("A")
    account = _scope(w, key, pub={"allow": ["{{tag(x)}}.{{tag(x)}}"]})
    tags = [f"x:{number}" for number in range(64)]
    return scene(w, w.user_jwt(signer=key, scoped=True, tags=tags), account)


@case(False)
def one_combination_too_many(w: World) -> Scene:
    key = KeyPair.generate("A")
    account = _scope(w, key, pub={"allow": ["{{tag(x)}}.{{tag(x)}}", "a.{{tag(x)}}"]})
    tags = [f"x:{number}" for number in range(64)]
    return scene(w, w.user_jwt(signer=key, scoped=True, tags=tags), account)


@case(False)
def a_scope_of_no_known_kind(w: World) -> Scene:
    key = KeyPair.generate("A")
    scoped = {"kind": "group_scope", "key": key.public_key, "template": {}}
    return scene(w, w.user_jwt(signer=key, scoped=True), w.account_jwt(signing_keys=[scoped]))
