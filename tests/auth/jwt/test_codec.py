from __future__ import annotations

import base64
import json
import random

import pytest

from pubsub.auth.jwt import codec
from pubsub.auth.jwt.account_claims import AccountClaims
from pubsub.auth.jwt.claims import (
    ActivationClaims,
    AuthorizationRequestClaims,
    AuthorizationResponseClaims,
    GenericClaims,
    OperatorClaims,
    UserClaims,
)
from pubsub.auth.jwt.keys import KeyPair
from pubsub.errors import CredentialsError
from tests.auth.jwt.world import NOW, World, signature

#: written by nats-io/jwt 2.8.2; the keys are nobody's
KINDS = {
    "operator": (OperatorClaims, "O"),
    "account": (AccountClaims, "O"),
    "user": (UserClaims, "A"),
    "activation": (ActivationClaims, "A"),
    "authorization_request": (AuthorizationRequestClaims, "N"),
    "authorization_response": (AuthorizationResponseClaims, "A"),
    "something": (GenericClaims, "U"),
}


def part(value):
    raw = value if isinstance(value, bytes) else json.dumps(value).encode()
    return base64.urlsafe_b64encode(raw).decode().rstrip("=")


def signed(payload, signer, head=None, old=False):
    head = part(head or {"typ": "JWT", "alg": "ed25519-nkey"})
    body = part(payload)
    text = body if old else f"{head}.{body}"
    return f"{head}.{body}.{signature(signer.sign(text.encode()))}"


@pytest.mark.parametrize("kind", KINDS)
def test_what_is_encoded_is_decoded(kind):
    cls, letter = KINDS[kind]
    signer = KeyPair.generate(letter)
    token = codec.encode({"sub": "X", "name": "n", "nats": {"type": kind}}, signer, NOW)
    if cls is GenericClaims:
        # the public library verifies tokens of unknown types as those of layout 1
        with pytest.raises(CredentialsError, match="V1"):
            codec.decode(token)
        claims = codec.decode_generic(token)
    else:
        claims = codec.decode(token)
    assert type(claims) is cls
    assert (claims.subject, claims.name, claims.issuer) == ("X", "n", signer.public_key)
    assert claims.issued_at == NOW
    assert len(claims.id) == 52


@pytest.mark.parametrize("kind", [kind for kind in KINDS if kind != "something"])
def test_each_kind_has_signers_of_its_own(kind):
    token = codec.encode({"sub": "X", "nats": {"type": kind}}, KeyPair.generate("C"))
    with pytest.raises(CredentialsError, match="expected prefixes"):
        codec.decode(token)


def test_bytes_will_do():
    w = World()
    assert codec.decode_user(w.user_jwt().encode()) == codec.decode_user(w.user_jwt())


@pytest.mark.parametrize("name", ["user", "account", "operator", "activation"])
def test_a_token_of_another_kind_is_told_apart(name):
    token = World().user_jwt() if name != "user" else World().account_jwt()
    with pytest.raises(CredentialsError, match=f"not {name} claim"):
        getattr(codec, f"decode_{name}")(token)


HEAD = part({"typ": "JWT", "alg": "ed25519"})


@pytest.mark.parametrize(
    "token",
    [
        "",
        ".",
        "..",
        "a.b",
        "a.b.c",
        "a.b.c.d",
        "....",
        "é.é.é",
        f"{part([])}.{part({})}.",
        part({"typ": 1, "alg": "ed25519"}) + f".{part({})}.",
        part({"typ": "JWT", "alg": ["ed25519"]}) + f".{part({})}.",
        f"{HEAD}.{part([])}.",
        f"{HEAD}." + part(b"{") + ".",
        f"{HEAD}." + part(b"{}{}") + ".",
        f"{HEAD}." + part(b"\xff") + ".",
        f"{HEAD}." + part(b'{"iat": NaN}') + ".",
        f"{HEAD}." + part({"nats": []}) + ".",
        f"{HEAD}." + part({"type": 1}) + ".",
        f"{HEAD}." + part({"nats": {"version": "x"}}) + ".",
        f"{HEAD}." + part({}) + ".*",
        f"{HEAD}." + part({}) + ".A",
        f"{HEAD}." + part({}) + ".\n",
        f"{HEAD}." + part({}) + ".é",
    ],
)
def test_what_is_no_token_is_refused(token):
    for decode in (codec.decode, codec.decode_generic):
        with pytest.raises(CredentialsError):
            decode(token)


def test_a_token_that_is_too_large_is_not_looked_at():
    with pytest.raises(CredentialsError, match="token too large"):
        codec.decode("a" * (codec.MAX_TOKEN_SIZE + 1))


def test_a_token_of_the_largest_size_is():
    w = World()
    token = w.user_jwt(colour="x" * 700_000)
    assert len(token) < codec.MAX_TOKEN_SIZE
    assert codec.decode_user(token).name == "U"


@pytest.mark.parametrize("brackets", ["[" * 100_000, '{"a":' * 100_000, "[" * 65 + "]" * 65])
def test_json_that_nests_without_end_is_refused(brackets):
    body = part(b'{"x": ' + brackets.encode() + b"}")
    with pytest.raises(CredentialsError):
        codec.decode(f"{HEAD}.{body}.")


def test_brackets_in_texts_nest_nothing():
    w = World()
    token = w.user_jwt(colour='[[[["{\\' * 100)
    assert codec.decode_user(token).name == "U"


@pytest.mark.parametrize("algorithm", ["none", "None", "", "HS256", "ed25519-nkey2", "EdDSA"])
def test_there_is_no_other_algorithm(algorithm):
    w = World()
    payload = {"sub": w.user.public_key, "iss": w.account.public_key}
    payload["nats"] = {"type": "user", "version": 2}
    token = signed(payload, w.account, {"typ": "JWT", "alg": algorithm})
    for decode in (codec.decode, codec.decode_generic):
        with pytest.raises(CredentialsError, match="algorithm"):
            decode(token)


@pytest.mark.parametrize("kind", ["cluster", "server"])
def test_kinds_of_former_times_are_not_supported(kind):
    signer = KeyPair.generate("O")
    with pytest.raises(CredentialsError, match="not supported"):
        codec.decode(codec.encode({"sub": "X", "nats": {"type": kind}}, signer))


def test_a_newer_layout_is_refused():
    signer = KeyPair.generate("A")
    payload = {"sub": "U", "iss": signer.public_key, "nats": {"type": "user", "version": 3}}
    with pytest.raises(CredentialsError, match="newer version"):
        codec.decode(signed(payload, signer))


def test_a_layout_that_says_nothing_is_refused():
    signer = KeyPair.generate("A")
    payload = {"sub": "U", "iss": signer.public_key, "nats": {"type": "user"}}
    with pytest.raises(CredentialsError, match="received 0"):
        codec.decode(signed(payload, signer))


def test_of_a_generic_token_the_header_says_what_was_signed():
    signer = KeyPair.generate("O")
    payload = {"sub": signer.public_key, "iss": signer.public_key, "nats": {"accounts": []}}
    old = {"typ": "JWT", "alg": "ed25519"}
    assert codec.decode_generic(signed(payload, signer, old, old=True)).data == {"accounts": []}
    assert codec.decode_generic(signed(payload, signer)).data == {"accounts": []}
    for token in (signed(payload, signer, old), signed(payload, signer, old=True)):
        with pytest.raises(CredentialsError, match="signature"):
            codec.decode_generic(token)


def test_one_changed_letter_is_noticed_wherever_it_is():
    token = World().user_jwt()
    chance = random.Random(1)
    for place in chance.sample(range(len(token) - 1), 60):
        other = "A" if token[place] != "A" else "B"
        with pytest.raises(CredentialsError):
            codec.decode_user(token[:place] + other + token[place + 1 :])


def test_errors_do_not_show_the_token():
    token = World().user_jwt()
    for spoiled in (token[:-2], token + ".x", "x" + token):
        with pytest.raises(CredentialsError) as caught:
            codec.decode(spoiled)
        assert token[:40] not in str(caught.value)


def test_a_file_of_nsc():
    w = World()
    token = w.user_jwt()
    creds = codec.format_credentials(token, w.user.seed)
    assert codec.find_jwt(creds) == token
    assert codec.find_jwt(creds.replace("\n", "\r\n")) == token
    assert codec.find_jwt(f" {token}\n") == token
    assert creds.splitlines()[0] == "-----BEGIN NATS USER JWT-----"
    assert w.user.seed in creds
