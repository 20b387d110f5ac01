"""Users: who signed what, and what a token says of who may come."""

from __future__ import annotations

import base64
import json
import time
from collections.abc import Mapping
from typing import Any

from pubsub.auth.jwt.keys import KeyPair
from tests.auth.jwt.scenes import Scene, case, scene
from tests.auth.jwt.world import UNLIMITED, World, signature


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
