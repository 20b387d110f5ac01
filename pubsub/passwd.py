"""``pubsub-passwd``: makes what a configuration needs in place of a secret.

A hash of a password, bcrypt or argon2, goes where the password would be written::

    $ pubsub-passwd
    Password:
    Again:
    $2b$11$…

An NKEY is a seed, which its owner keeps, and a public key, which the server gets::

    $ pubsub-passwd --nkey user
    SUAG…
    UB7N…

Results are written to standard output, everything else to standard error.
"""

from __future__ import annotations

import argparse
import base64
import getpass
import secrets
import string
import sys
from binascii import crc_hqx
from collections.abc import Callable, Sequence
from typing import TextIO

from pubsub.errors import CredentialsError
from pubsub.values.strkey import KeyKind

__all__ = ["decode_seed", "encode_public_key", "encode_seed", "main", "public_key_of"]

#: first byte of a seed; the kind of the key is in the five bits after it
_SEED = 18 << 3
_KEY_BYTES = 32
_SEED_LETTERS = 58
#: nats-server's own tool uses 11; a check takes a tenth of a second
_BCRYPT_COST = 11
_MIN_COST, _MAX_COST = 4, 17
#: bcrypt does not look at more bytes
_BCRYPT_BYTES = 72
#: of a generated password: 22 letters and digits are 130 bits
_GENERATED = 22
#: a longer line is no password, but a file somebody piped into this by mistake
_MAX_INPUT = 4096

_KINDS = {kind.name.lower(): kind for kind in KeyKind}


def main(arguments: Sequence[str] | None = None) -> int:
    """The console script. The exit status: 0, or 1 with a line that says what is wrong."""
    options = _parser().parse_args(arguments)
    try:
        for line in _work(options):
            sys.stdout.write(line + "\n")
    except CredentialsError as error:
        sys.stderr.write(f"pubsub-passwd: {error}\n")
        return 1
    except (KeyboardInterrupt, EOFError):
        sys.stderr.write("\npubsub-passwd: interrupted\n")
        return 1
    return 0


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        prog="pubsub-passwd",
        description="Prints the hash of a password, or a new NKEY. The password is asked for, "
        "or is the first line of standard input.",
    )
    what = parser.add_mutually_exclusive_group()
    what.add_argument("--argon2", action="store_true", help="an argon2id string (default: bcrypt)")
    what.add_argument(
        "--nkey", metavar="KIND", choices=sorted(_KINDS), help=f"a new key: {', '.join(_KINDS)}"
    )
    what.add_argument(
        "--pub", action="store_true", help="the public key of the seed on standard input"
    )
    parser.add_argument(
        "--cost",
        type=int,
        metavar="N",
        help=f"of bcrypt, {_MIN_COST} to {_MAX_COST} (default: {_BCRYPT_COST}); "
        "each step doubles the time a login takes",
    )
    parser.add_argument(
        "--generate", action="store_true", help="make up the password, and print it first"
    )
    return parser


def _work(options: argparse.Namespace) -> list[str]:
    if options.nkey:
        seed = secrets.token_bytes(_KEY_BYTES)
        kind = _KINDS[options.nkey]
        return [encode_seed(kind, seed), public_key_of(kind, seed)]
    if options.pub:
        return [public_key_of(*decode_seed(_first_line(sys.stdin)))]
    if options.generate:
        letters = string.ascii_letters + string.digits
        password = "".join(secrets.choice(letters) for _ in range(_GENERATED))
        return [password, _hash(password, options)]
    return [_hash(_ask(sys.stdin, getpass.getpass), options)]


def _hash(password: str, options: argparse.Namespace) -> str:
    encoded = password.encode("utf-8", "surrogateescape")
    if options.argon2:
        if options.cost is not None:
            raise CredentialsError("--cost is about bcrypt")
        return _argon2(encoded)
    cost = _BCRYPT_COST if options.cost is None else options.cost
    if not _MIN_COST <= cost <= _MAX_COST:
        raise CredentialsError(f"the cost has to be between {_MIN_COST} and {_MAX_COST}")
    if len(encoded) > _BCRYPT_BYTES:
        raise CredentialsError(
            f"bcrypt does not look beyond {_BCRYPT_BYTES} bytes: take a shorter one, or --argon2"
        )
    import bcrypt

    return bcrypt.hashpw(encoded, bcrypt.gensalt(cost)).decode("ascii")


def _argon2(password: bytes) -> str:
    try:
        from argon2 import PasswordHasher
    except ImportError as error:
        raise CredentialsError(
            "--argon2 needs argon2-cffi: pip install 'txpubsub[argon2]'"
        ) from error
    return PasswordHasher().hash(password)


def _ask(stdin: TextIO, prompt: Callable[[str], str]) -> str:
    """The password: typed twice, or piped in."""
    if not stdin.isatty():
        return _first_line(stdin)
    password = prompt("Password: ")
    if not password:
        raise CredentialsError("the password is empty")
    if not secrets.compare_digest(_encode(prompt("Again: ")), _encode(password)):
        raise CredentialsError("these were two different ones")
    return password


def _encode(text: str) -> bytes:
    return text.encode("utf-8", "surrogateescape")


def _first_line(stdin: TextIO) -> str:
    line = stdin.readline(_MAX_INPUT + 2).rstrip("\r\n")
    if not line:
        raise CredentialsError("the first line of standard input is empty")
    if len(line) > _MAX_INPUT:
        raise CredentialsError("the first line of standard input is too long")
    return line


def _base32(raw: bytes) -> str:
    return base64.b32encode(raw + crc_hqx(raw, 0).to_bytes(2, "little")).decode().rstrip("=")


def encode_public_key(kind: KeyKind, key: bytes) -> str:
    """The text of a public key of 32 bytes."""
    return _base32(bytes([kind]) + key)


def encode_seed(kind: KeyKind, seed: bytes) -> str:
    """The text of a seed of 32 bytes: ``S``, and the letter of its kind."""
    return _base32(bytes([_SEED | kind >> 5, (kind & 31) << 3]) + seed)


def decode_seed(text: str) -> tuple[KeyKind, bytes]:
    """The kind of a key and the 32 bytes of its seed.

    :raises pubsub.errors.CredentialsError: it is no seed; the text does not hold it.
    """
    text = text.strip()
    try:
        raw = base64.b32decode(text + "=" * (-len(text) % 8))
    except ValueError as error:
        raise CredentialsError("this is not the seed of an NKEY: it is no base32") from error
    checksum = int.from_bytes(raw[-2:], "little")
    if len(text) != _SEED_LETTERS or raw[0] & 0xF8 != _SEED or crc_hqx(raw[:-2], 0) != checksum:
        raise CredentialsError("this is not the seed of an NKEY")
    try:
        kind = KeyKind((raw[0] & 7) << 5 | raw[1] >> 3)
    except ValueError as error:
        raise CredentialsError("this is the seed of an unknown kind of key") from error
    return kind, raw[2:-2]


def public_key_of(kind: KeyKind, seed: bytes) -> str:
    """The text of the public key that belongs to a seed of 32 bytes."""
    if kind is KeyKind.CURVE:
        from nacl.public import PrivateKey

        return encode_public_key(kind, bytes(PrivateKey(seed).public_key))
    from nacl.signing import SigningKey

    return encode_public_key(kind, bytes(SigningKey(seed).verify_key))


if __name__ == "__main__":
    sys.exit(main())
