"""Accounts: what of them makes them unusable, and what is only left out."""

from __future__ import annotations

from pubsub.auth.jwt.codec import encode
from pubsub.auth.jwt.keys import KeyPair
from tests.auth.jwt.scenes import Scene, case, scene
from tests.auth.jwt.world import UNLIMITED, World


@case(False)
def an_account_with_too_many_exports(w: World) -> Scene:
    limits = {**UNLIMITED, "exports": 1}
    exports = [{"subject": s, "type": "stream"} for s in ("a", "b")]
    return scene(w, w.user_jwt(), w.account_jwt(limits=limits, exports=exports))


@case(False)
def an_account_with_forbidden_wildcards(w: World) -> Scene:
    limits = {**UNLIMITED, "exports": 5, "wildcards": False}
    exports = [{"subject": "a.*", "type": "stream"}]
    return scene(w, w.user_jwt(), w.account_jwt(limits=limits, exports=exports))


@case(True)
def wildcards_without_a_limit_of_exports(w: World) -> Scene:
    limits = {**UNLIMITED, "wildcards": False}
    exports = [{"subject": "a.*", "type": "stream"}]
    return scene(w, w.user_jwt(), w.account_jwt(limits=limits, exports=exports))


@case(False)
def exports_that_overlap(w: World) -> Scene:
    exports = [{"subject": s, "type": "service"} for s in ("a.*", "a.b")]
    return scene(w, w.user_jwt(), w.account_jwt(exports=exports))


@case(True)
def exports_of_two_kinds_that_overlap(w: World) -> Scene:
    exports = [{"subject": "a.*", "type": "service"}, {"subject": "a.b", "type": "stream"}]
    return scene(w, w.user_jwt(), w.account_jwt(exports=exports))


@case(False)
def an_export_of_an_unknown_kind(w: World) -> Scene:
    exports = [{"subject": "a", "type": "queue"}]
    return scene(w, w.user_jwt(), w.account_jwt(exports=exports))


@case(False)
def a_mapping_of_more_than_everything(w: World) -> Scene:
    mappings = {"a": [{"subject": "b", "weight": 60}, {"subject": "c", "weight": 60}]}
    return scene(w, w.user_jwt(), w.account_jwt(mappings=mappings))


@case(False)
def an_account_without_connections(w: World) -> Scene:
    limits = {**UNLIMITED, "conn": 0}
    return scene(w, w.user_jwt(), w.account_jwt(limits=limits))


@case(True)
def an_import_from_an_account_that_is_nowhere(w: World) -> Scene:
    imports = [
        {"account": KeyPair.generate("A").public_key, "subject": "a", "type": "stream"},
    ]
    return scene(w, w.user_jwt(), w.account_jwt(imports=imports))


@case(False)
def an_import_with_a_token_that_is_none(w: World) -> Scene:
    imports = [
        {
            "account": KeyPair.generate("A").public_key,
            "subject": "a",
            "type": "stream",
            "token": "https://example.com/token.jwt",
        },
    ]
    return scene(w, w.user_jwt(), w.account_jwt(imports=imports))


@case(False)
def a_token_of_another_account_in_an_import(w: World) -> Scene:
    exporter = KeyPair.generate("A")
    token = encode(
        {
            "sub": KeyPair.generate("A").public_key,
            "nats": {"type": "activation", "subject": "a", "kind": "stream"},
        },
        exporter,
    )
    imports = [
        {"account": exporter.public_key, "subject": "a", "type": "stream", "token": token},
    ]
    return scene(w, w.user_jwt(), w.account_jwt(imports=imports))
