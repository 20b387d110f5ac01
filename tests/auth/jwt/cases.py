"""Who is let in and who is not: nats-server 2.15's verdicts, one function for each.

A case says which accounts there are and what a client sends; :data:`CASES` knows the verdict.
``test_verdicts.py`` asks our authenticator, ``tests/interop/test_jwt_verdicts.py`` asks
nats-server itself, where there is one.
"""

from __future__ import annotations

import base64
import json
import time
from collections.abc import Callable, Mapping
from typing import Any, NamedTuple

from pubsub.auth.jwt.codec import encode
from pubsub.auth.jwt.keys import KeyPair
from tests.auth.jwt.world import UNLIMITED, World, signature

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


CASES: list[Case] = []


def case(accepted: bool) -> Callable[[Callable[[World], Scene]], Callable[[World], Scene]]:
    def register(make: Callable[[World], Scene]) -> Callable[[World], Scene]:
        CASES.append(Case(make.__name__, accepted, make))
        return make

    return register


def scene(w: World, token: str, account: str = "", **connect: Any) -> Scene:
    """The world's user comes with ``token``, and signs the nonce."""

    def sends(nonce: bytes) -> Mapping[str, Any]:
        return {**w.connect(token, nonce=nonce), **connect}

    return Scene({w.account.public_key: account or w.account_jwt()}, sends)


def _b64(value: Any) -> str:
    raw = value if isinstance(value, bytes) else json.dumps(value).encode()
    return base64.urlsafe_b64encode(raw).decode().rstrip("=")


def tampered(token: str, head: Any = None, **payload: Any) -> str:
    """The same signature on something else."""
    parts = token.split(".")
    claims = json.loads(base64.urlsafe_b64decode(parts[1] + "=="))
    claims.update(payload)
    return ".".join([_b64(head) if head else parts[0], _b64(claims), parts[2]])


def resigned(token: str, head: Mapping[str, Any], signer: KeyPair, old: bool = False) -> str:
    """The same claims, honestly signed below another header."""
    part = token.split(".")[1]
    signed = part if old else f"{_b64(head)}.{part}"
    return f"{_b64(head)}.{part}.{signature(signer.sign(signed.encode()))}"


@case(True)
def an_ordinary_user(w: World) -> Scene:
    return scene(w, w.user_jwt())


@case(False)
def no_jwt(w: World) -> Scene:
    return Scene({w.account.public_key: w.account_jwt()}, lambda nonce: {"user": "u", "pass": "p"})


@case(False)
def nothing_at_all(w: World) -> Scene:
    return Scene({w.account.public_key: w.account_jwt()}, lambda nonce: {})


@case(False)
def no_signature(w: World) -> Scene:
    return scene(w, w.user_jwt(), sig="")


@case(False)
def a_signature_of_another_nonce(w: World) -> Scene:
    return scene(w, w.user_jwt(), sig=signature(w.user.sign(b"another nonce")))


@case(False)
def a_signature_by_another_user(w: World) -> Scene:
    token = w.user_jwt()
    other = KeyPair.generate("U")
    return Scene(
        {w.account.public_key: w.account_jwt()},
        lambda nonce: {"jwt": token, "sig": signature(other.sign(nonce))},
    )


@case(True)
def a_signature_in_standard_base64(w: World) -> Scene:
    token = w.user_jwt()
    return Scene(
        {w.account.public_key: w.account_jwt()},
        lambda nonce: {"jwt": token, "sig": base64.b64encode(w.user.sign(nonce)).decode()},
    )


@case(False)
def a_signature_that_is_no_base64(w: World) -> Scene:
    return scene(w, w.user_jwt(), sig="!" * 86)


@case(False)
def a_truncated_signature(w: World) -> Scene:
    token = w.user_jwt()
    return Scene(
        {w.account.public_key: w.account_jwt()},
        lambda nonce: {"jwt": token, "sig": signature(w.user.sign(nonce)[:-1])},
    )


@case(False)
def a_truncated_token(w: World) -> Scene:
    return scene(w, w.user_jwt()[:-3])


@case(False)
def a_token_without_its_signature(w: World) -> Scene:
    return scene(w, w.user_jwt().rsplit(".", 1)[0])


@case(False)
def a_token_with_an_empty_signature(w: World) -> Scene:
    return scene(w, w.user_jwt().rsplit(".", 1)[0] + ".")


@case(False)
def a_changed_name(w: World) -> Scene:
    return scene(w, tampered(w.user_jwt(), name="root"))


@case(False)
def the_algorithm_none(w: World) -> Scene:
    return scene(w, tampered(w.user_jwt(), {"typ": "JWT", "alg": "none"}))


@case(False)
def the_algorithm_none_without_signature(w: World) -> Scene:
    parts = w.user_jwt().split(".")
    return scene(w, f"{_b64({'typ': 'JWT', 'alg': 'none'})}.{parts[1]}.")


@case(False)
def the_algorithm_none_honestly_signed(w: World) -> Scene:
    return scene(w, resigned(w.user_jwt(), {"typ": "JWT", "alg": "none"}, w.account))


@case(False)
def an_unknown_algorithm(w: World) -> Scene:
    return scene(w, resigned(w.user_jwt(), {"typ": "JWT", "alg": "HS256"}, w.account))


@case(False)
def another_type_of_token(w: World) -> Scene:
    return scene(w, resigned(w.user_jwt(), {"typ": "JWE", "alg": "ed25519-nkey"}, w.account))


@case(True)
def a_header_in_other_letters(w: World) -> Scene:
    return scene(w, resigned(w.user_jwt(), {"typ": "jwt", "alg": "ED25519-NKEY"}, w.account))


@case(True)
def the_old_header_above_the_new_layout(w: World) -> Scene:
    return scene(w, resigned(w.user_jwt(), {"typ": "JWT", "alg": "ed25519"}, w.account))


@case(False)
def the_old_way_of_signing_the_new_layout(w: World) -> Scene:
    head = {"typ": "JWT", "alg": "ed25519"}
    return scene(w, resigned(w.user_jwt(), head, w.account, old=True))


def old_user(w: World, **nats: Any) -> str:
    """A user in layout 1."""
    claims = {
        "sub": w.user.public_key,
        "iss": w.account.public_key,
        "iat": int(w.now),
        "jti": "X",
        "name": "U",
        "type": "user",
        "nats": nats,
    }
    head = _b64({"typ": "jwt", "alg": "ed25519"})
    part = _b64(claims)
    return f"{head}.{part}.{signature(w.account.sign(part.encode()))}"


@case(True)
def a_user_in_the_old_layout(w: World) -> Scene:
    return scene(w, old_user(w))


@case(False)
def the_new_way_of_signing_the_old_layout(w: World) -> Scene:
    return scene(w, resigned(old_user(w), {"typ": "jwt", "alg": "ed25519"}, w.account))


@case(False)
def a_layout_of_the_future(w: World) -> Scene:
    claims = {
        "sub": w.user.public_key,
        "iss": w.account.public_key,
        "iat": int(w.now),
        "nats": {"type": "user", "version": 3, "subs": -1, "data": -1, "payload": -1},
    }
    signed = f"{_b64({'typ': 'JWT', 'alg': 'ed25519-nkey'})}.{_b64(claims)}"
    return scene(w, f"{signed}.{signature(w.account.sign(signed.encode()))}")


@case(False)
def an_account_for_a_user(w: World) -> Scene:
    return scene(w, w.account_jwt())


@case(False)
def a_user_signed_by_the_operator(w: World) -> Scene:
    return scene(w, w.user_jwt(signer=w.operator))


@case(False)
def a_user_signed_by_itself(w: World) -> Scene:
    return scene(w, w.user_jwt(signer=w.user))


@case(False)
def a_user_of_another_account_that_names_this_one(w: World) -> Scene:
    return scene(w, w.user_jwt(signer=KeyPair.generate("A")))


@case(False)
def an_account_that_is_nowhere(w: World) -> Scene:
    token = w.user_jwt()
    return Scene({}, lambda nonce: w.connect(token, nonce=nonce))


@case(False)
def an_account_of_another_operator(w: World) -> Scene:
    stranger = KeyPair.generate("O")
    return scene(w, w.user_jwt(), w.account_jwt(signer=stranger))


@case(False)
def an_account_that_signed_itself(w: World) -> Scene:
    return scene(w, w.user_jwt(), w.account_jwt(signer=w.account))


@case(True)
def an_account_by_the_operators_signing_key(w: World) -> Scene:
    return scene(w, w.user_jwt(), w.account_jwt(signer=w.operator_key))


@case(True)
def a_user_by_a_signing_key(w: World) -> Scene:
    key = KeyPair.generate("A")
    return scene(w, w.user_jwt(signer=key), w.account_jwt(signing_keys=[key.public_key]))


@case(False)
def a_signing_key_without_issuer_account(w: World) -> Scene:
    key = KeyPair.generate("A")
    token = w.user_jwt(signer=key, issuer_account="")
    return scene(w, token, w.account_jwt(signing_keys=[key.public_key]))


@case(False)
def an_expired_user(w: World) -> Scene:
    return scene(w, w.user_jwt(claims={"exp": int(w.now) - 10}))


@case(True)
def a_user_that_will_expire(w: World) -> Scene:
    return scene(w, w.user_jwt(claims={"exp": int(w.now) + 1000}))


@case(False)
def a_user_that_is_not_valid_yet(w: World) -> Scene:
    return scene(w, w.user_jwt(claims={"nbf": int(w.now) + 1000}))


@case(False)
def an_expired_account(w: World) -> Scene:
    return scene(w, w.user_jwt(), w.account_jwt(claims={"exp": int(w.now) - 10}))


@case(False)
def an_account_that_is_not_valid_yet(w: World) -> Scene:
    return scene(w, w.user_jwt(), w.account_jwt(claims={"nbf": int(w.now) + 1000}))


@case(False)
def a_revoked_user(w: World) -> Scene:
    revoked = {w.user.public_key: int(w.now)}
    return scene(w, w.user_jwt(), w.account_jwt(revocations=revoked))


@case(False)
def all_users_revoked(w: World) -> Scene:
    return scene(w, w.user_jwt(), w.account_jwt(revocations={"*": int(w.now)}))


@case(False)
def a_user_issued_in_the_second_of_its_revocation(w: World) -> Scene:
    revoked = {w.user.public_key: int(w.now) - 100}
    return scene(w, w.user_jwt(issued=w.now - 100), w.account_jwt(revocations=revoked))


@case(True)
def a_user_issued_after_its_revocation(w: World) -> Scene:
    revoked = {w.user.public_key: int(w.now) - 101}
    return scene(w, w.user_jwt(issued=w.now - 100), w.account_jwt(revocations=revoked))


@case(True)
def another_user_revoked(w: World) -> Scene:
    revoked = {KeyPair.generate("U").public_key: int(w.now)}
    return scene(w, w.user_jwt(), w.account_jwt(revocations=revoked))


@case(True)
def a_bearer(w: World) -> Scene:
    return scene(w, w.user_jwt(bearer_token=True), sig="")


@case(True)
def a_bearer_with_a_wrong_signature(w: World) -> Scene:
    return scene(w, w.user_jwt(bearer_token=True), sig="nonsense")


@case(False)
def a_bearer_where_none_are_allowed(w: World) -> Scene:
    limits = {**UNLIMITED, "disallow_bearer": True}
    return scene(w, w.user_jwt(bearer_token=True), w.account_jwt(limits=limits))


@case(True)
def this_type_of_connection(w: World) -> Scene:
    return scene(w, w.user_jwt(allowed_connection_types=["standard", "LEAFNODE"]))


@case(False)
def another_type_of_connection(w: World) -> Scene:
    return scene(w, w.user_jwt(allowed_connection_types=["WEBSOCKET"]))


@case(False)
def only_unknown_types_of_connection(w: World) -> Scene:
    return scene(w, w.user_jwt(allowed_connection_types=["CARRIER_PIGEON"]))


@case(True)
def known_and_unknown_types_of_connection(w: World) -> Scene:
    return scene(w, w.user_jwt(allowed_connection_types=["CARRIER_PIGEON", "STANDARD"]))


@case(True)
def this_network(w: World) -> Scene:
    return scene(w, w.user_jwt(src=["203.0.113.0/24", "127.0.0.0/8"]))


@case(False)
def another_network(w: World) -> Scene:
    return scene(w, w.user_jwt(src=["203.0.113.0/24"]))


@case(True)
def networks_in_the_old_way(w: World) -> Scene:
    return scene(w, w.user_jwt(src="203.0.113.0/24,127.0.0.0/8"))


@case(False)
def a_network_that_is_none(w: World) -> Scene:
    return scene(w, w.user_jwt(src=["127.0.0.1"]))


def _clock(w: World, offset: float) -> str:
    return time.strftime("%H:%M:%S", time.gmtime(w.now + offset))


@case(True)
def this_time_of_day(w: World) -> Scene:
    times = [{"start": _clock(w, -3600), "end": _clock(w, 3600)}]
    return scene(w, w.user_jwt(times=times, times_location="UTC"))


@case(False)
def another_time_of_day(w: World) -> Scene:
    times = [{"start": _clock(w, 3600), "end": _clock(w, 7200)}]
    return scene(w, w.user_jwt(times=times, times_location="UTC"))


@case(True)
def one_of_several_times(w: World) -> Scene:
    times = [
        {"start": _clock(w, 3600), "end": _clock(w, 7200)},
        {"start": _clock(w, -60), "end": _clock(w, 60)},
    ]
    return scene(w, w.user_jwt(times=times, times_location="UTC"))


@case(False)
def the_same_time_elsewhere(w: World) -> Scene:
    times = [{"start": _clock(w, -60), "end": _clock(w, 60)}]
    return scene(w, w.user_jwt(times=times, times_location="Asia/Kolkata"))


@case(False)
def a_time_zone_that_is_nowhere(w: World) -> Scene:
    times = [{"start": _clock(w, -60), "end": _clock(w, 60)}]
    return scene(w, w.user_jwt(times=times, times_location="Mars/Olympus"))


@case(False)
def a_time_that_is_none(w: World) -> Scene:
    return scene(w, w.user_jwt(times=[{"start": "25:00:00", "end": "26:00:00"}]))


@case(False)
def a_proxy_is_required(w: World) -> Scene:
    return scene(w, w.user_jwt(proxy_required=True))


@case(False)
def a_subject_of_permissions_that_cannot_be(w: World) -> Scene:
    return scene(w, w.user_jwt(pub={"allow": ["a..b"]}))


@case(False)
def a_queue_in_the_publish_list(w: World) -> Scene:
    return scene(w, w.user_jwt(pub={"allow": ["a b"]}))


@case(True)
def a_queue_in_the_subscribe_list(w: World) -> Scene:
    return scene(w, w.user_jwt(sub={"allow": ["a b"]}))


@case(False)
def limits_that_are_no_numbers(w: World) -> Scene:
    return scene(w, w.user_jwt(subs="many"))


@case(False)
def a_limit_with_a_fraction(w: World) -> Scene:
    return scene(w, w.user_jwt(subs=1.5))


@case(True)
def unknown_members(w: World) -> Scene:
    return scene(w, w.user_jwt(colour="blue", claims={"more": [1, 2, {"x": None}]}))


@case(False)
def an_issuer_account_that_is_none(w: World) -> Scene:
    return scene(w, w.user_jwt(issuer_account="AAAA"))


@case(True)
def a_null_where_an_object_could_be(w: World) -> Scene:
    return scene(w, w.user_jwt(pub=None, resp=None, src=None, times=None))


# scopes


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


# accounts that cannot be


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
