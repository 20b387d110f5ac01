"""Answers of a service: what is wrong with them, and who they make the client."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest

from pubsub.auth.callout_answer import Callout, identity, issuing_account, user_of
from pubsub.auth.jwt.codec import decode_user, encode
from pubsub.auth.jwt.keys import KeyPair
from pubsub.errors import AuthenticationFailed, CredentialsError
from pubsub.interfaces import Identity
from pubsub.system.identity import ServerIdentity
from pubsub.values.accounts import AccountOptions
from tests.auth.callout_service import Case, Request, attempt_of
from tests.system.fakes import NOW

#: what a test changes: claims of the answer, and of the user in it
Change = Callable[[Case, Request], bytes]


def answer(**claims: Any) -> Change:
    """An answer with a good user in it, and these claims."""

    def change(case: Case, request: Request) -> bytes:
        nats = {"jwt": case.service.user(request), **claims.get("nats", {})}
        return case.service.respond(request, **{**claims, "nats": nats})

    return change


def user(**claims: Any) -> Change:
    """A good answer with such a user."""
    return lambda case, request: case.service.allowing(**claims)(request) or b""


def by(letter: str) -> KeyPair:
    return KeyPair.generate(letter)


WRONG: dict[str, tuple[Change, str]] = {
    "an answer for somebody else": (answer(sub=by("U").public_key), "not for expected user"),
    "an answer for another server": (
        answer(aud=ServerIdentity().server_id), "not for server"
    ),
    "no subject": (answer(sub=""), "subject must be a user public key"),
    "a subject of another kind": (answer(sub=by("A").public_key), "subject must be a user"),
    "no audience": (answer(aud=""), "audience must be a server public key"),
    "an audience of another kind": (answer(aud=by("A").public_key), "audience must be a server"),
    "an answer that expired": (answer(exp=int(NOW - 10)), "expired"),
    "an answer of the future": (answer(nbf=int(NOW + 100)), "not yet valid"),
    "both an error and a user": (answer(nats={"error": "x"}), "one of error and jwt"),
    "neither": (answer(nats={"jwt": ""}), "one of error and jwt"),
    "a wrong issuer account": (answer(nats={"issuer_account": "x"}), "issuer_account"),
    "signed by a user": (answer(signer=by("U")), "expected prefixes"),
    "no answer but a user": (
        lambda case, request: case.service.user(request).encode(), "not an authorization response"
    ),
    "the request itself": (
        lambda case, request: request.message.payload
        if case.service.keys is None else b"eyJ", ""
    ),
    "a user that is none": (answer(nats={"jwt": "x.y.z"}), ""),
    "an answer in an answer": (
        lambda case, request: case.service.respond(
            request, nats={"jwt": case.service.allow(request).decode()}
        ),
        "not user claim",
    ),
    "a user for somebody else": (user(sub=by("U").public_key), "for another user"),
    "a user signed by itself": (user(signer=by("U")), "expected prefixes"),
    "a user signed by another account": (user(signer=by("A")), "wrong issuer"),
    "a user that expired": (user(exp=int(NOW - 10)), "claim is expired"),
    "a user of the future": (user(nbf=int(NOW + 100)), "not yet valid"),
    "a user with an issuer account": (
        user(nats={"issuer_account": by("A").public_key}), "only be used in operator mode"
    ),
    "a user with bad subjects": (user(nats={"pub": {"allow": ["a..b"]}}), "validating user JWT"),
    "a user of another kind of connection": (
        user(nats={"allowed_connection_types": ["MQTT"]}), "connection type not allowed"
    ),
    "a user from elsewhere": (user(nats={"src": ["203.0.113.0/24"]}), "bad source address"),
    "a user who sleeps": (
        user(nats={"times": [{"start": "23:00:00", "end": "23:00:01"}], "times_location": "UTC"}),
        "outside of valid connect times",
    ),
}  # fmt: skip


@pytest.mark.parametrize("encrypted", [False, True], ids=["plain", "encrypted"])
@pytest.mark.parametrize("wrong", WRONG)
def test_what_is_wrong_is_refused(wrong: str, encrypted: bool) -> None:
    case = Case(encrypted=encrypted)
    change, text = WRONG[wrong]
    case.service.decide = lambda request: change(case, request)
    refusal = case.refusal()
    assert refusal.startswith("auth callout: ")
    assert text in refusal


@pytest.mark.parametrize("nats", [{}, {"error": "go away", "jwt": ""}], ids=["user", "refusal"])
def test_nobody_but_the_service_answers(nats: dict[str, Any]) -> None:
    """Who listens beside it can neither let in nor refuse; sealing an answer proves enough."""
    case = Case()
    case.service.decide = lambda request: answer(signer=by("A"), nats=nats)(case, request)
    assert case.refusal() == "auth callout: auth callout signing key is unknown"
    case = Case(encrypted=True)
    case.service.decide = lambda request: answer(signer=by("A"))(case, request)
    assert case.ask() is not None


def test_a_token_whose_signature_was_changed_is_refused() -> None:
    case = Case()

    def tampered(request: Request) -> bytes:
        good = case.service.allow(request)
        return good[:-6] + (b"AAAAAA" if not good.endswith(b"AAAAAA") else b"BBBBBB")

    case.service.decide = tampered
    assert "signature" in case.refusal()


def test_a_token_without_an_algorithm_is_refused() -> None:
    import base64
    import json

    case = Case()

    def unsigned(request: Request) -> bytes:
        _, payload, _ = case.service.allow(request).split(b".")
        head = base64.urlsafe_b64encode(json.dumps({"typ": "JWT", "alg": "none"}).encode())
        return b".".join([head.rstrip(b"="), payload, b""])

    case.service.decide = unsigned
    assert "algorithm" in case.refusal()


def test_what_the_service_says_is_in_the_reason_but_not_endlessly() -> None:
    case = Case()
    case.service.decide = lambda request: case.service.respond(
        request, nats={"error": "x\r\n" * 999}
    )
    refusal = case.refusal()
    assert "service returned an error: 'x\\r\\nx" in refusal
    assert len(refusal) < 1000


def asked(callout: Callout, account: str = "", issuer: KeyPair | None = None) -> str:
    """The account of a user that such a key issued."""
    key, nkey = issuer or by("A"), by("U").public_key
    nats = {"type": "user", **({"issuer_account": account} if account else {})}
    return issuing_account(
        decode_user(encode({"sub": nkey, "aud": "X", "nats": nats}, key, NOW)), callout
    )


def test_the_configuration_names_the_only_issuer() -> None:
    key = by("A")
    assert asked(Callout("AUTH", key.public_key), issuer=key) == "X"
    allowed = Callout("AUTH", key.public_key, allowed_accounts=("X",))
    assert asked(allowed, issuer=key) == "X"
    with pytest.raises(CredentialsError, match="'X' is not allowed"):
        asked(Callout("AUTH", key.public_key, allowed_accounts=("Y",)), issuer=key)


def test_limits_of_zero_do_not_limit() -> None:
    """Who writes tokens by hand leaves them out."""
    key, nkey = by("A"), by("U").public_key
    nats = {"type": "user", "payload": 1024, "subs": 0, "data": -1}
    claims = decode_user(encode({"sub": nkey, "nats": nats}, key, NOW))
    found = identity(
        claims, AccountOptions("A"), Callout("AUTH", key.public_key), attempt_of(), "eve", NOW
    )
    assert found == Identity(user="eve", account="A", limits={"max_payload": 1024}, issuer_key="A")


def test_connect_times_end_the_connection() -> None:
    """NOW is 14:50:11 UTC."""
    key = by("A")
    times = [{"start": "14:00:00", "end": "15:00:00"}]
    nats = {"type": "user", "times": times, "times_location": "UTC"}
    claims = decode_user(encode({"sub": by("U").public_key, "nats": nats}, key, NOW))
    callout = Callout("AUTH", key.public_key)
    found = identity(claims, AccountOptions("A"), callout, attempt_of(), "", NOW)
    assert found.expires == NOW + 589


def test_an_answer_is_bound_to_its_question() -> None:
    case = Case()
    case.ask()
    request = case.service.requests[0]
    callout = Callout("AUTH", case.issuer.public_key)
    token = case.service.allow(request)
    found = user_of(
        token, callout, user_nkey=request.claims.user_nkey, server_id=case.server.server_id,
        encrypted=False, now=NOW,
    )  # fmt: skip
    assert found.subject == request.claims.user_nkey
    with pytest.raises(CredentialsError):
        user_of(
            token, callout, user_nkey=by("U").public_key, server_id=case.server.server_id,
            encrypted=False, now=NOW,
        )  # fmt: skip


def test_an_account_without_claims_is_nothing_in_operator_mode() -> None:
    from tests.auth.test_callout_operator import Operator

    mode = Operator()
    claims = decode_user(mode.case.service.user(mode.ask_once()))
    with pytest.raises(AuthenticationFailed, match="no claims"):
        identity(claims, AccountOptions("A"), mode.callout(), attempt_of(), "", NOW)
