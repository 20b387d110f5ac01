"""A directory with one file for each account JWT, as nats-server has it (``dirstore.go``).

The files are called ``<public key>.jwt``, those of deleted accounts ``….jwt.deleted``; a
directory may move from one server to the other. New files appear whole or not at all.
Nothing here knows the reactor: every method may be called in a thread, and one that reads or
writes files should be.
"""

from __future__ import annotations

import contextlib
import enum
import hashlib
import os
import tempfile
import threading
import time
from collections import OrderedDict
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path

from twisted.logger import Logger

from pubsub.auth.jwt.account_claims import AccountClaims
from pubsub.auth.jwt.codec import MAX_TOKEN_SIZE, decode_account
from pubsub.auth.jwt.keys import is_account
from pubsub.errors import CredentialsError

__all__ = ["AccountDirectory", "Deletion"]

_EXTENSION = ".jwt"
_DELETED = ".deleted"
#: nats-server's; the JWTs hold no secrets, but say who uses the server
_DIRECTORY_MODE = 0o700
_FILE_MODE = 0o600
_HASH_BYTES = 32


class Deletion(enum.Enum):
    """What becomes of the file of a deleted account."""

    REFUSED = "refused"
    RENAMED = "renamed"
    REMOVED = "removed"


@dataclass
class _Entry:
    digest: bytes
    #: epoch seconds, infinite for never
    expires: float


class AccountDirectory:
    """The JWTs in a directory, which is made if it is not there.

    :param path: the directory.
    :param limit: how many accounts there may be; 0 for any number.
    :param evict: at the limit, forget the one that was not used for longest, rather than
        refuse a new one.
    :param ttl: seconds after its last use when a JWT is forgotten; 0: when it expires.
    :param wall: epoch seconds.
    :raises OSError: the directory cannot be used.
    """

    _log = Logger()

    def __init__(
        self,
        path: str,
        *,
        deletion: Deletion = Deletion.REFUSED,
        limit: int = 0,
        evict: bool = False,
        ttl: float = 0.0,
        wall: Callable[[], float] = time.time,
    ) -> None:
        self.path = Path(path).absolute()
        self.deletion = deletion
        self._limit = limit
        self._evict = evict
        self._ttl = ttl
        self._wall = wall
        self._lock = threading.RLock()
        #: those that were not used for longest first
        self._entries: OrderedDict[str, _Entry] = OrderedDict()
        self._hash = bytes(_HASH_BYTES)
        self.path.mkdir(mode=_DIRECTORY_MODE, parents=True, exist_ok=True)
        self._scan()

    def __len__(self) -> int:
        return len(self._entries)

    def hash(self) -> bytes:
        """32 bytes that tell two directories with different JWTs apart: XOR of their SHA-256."""
        with self._lock:
            return self._hash

    def load(self, key: str) -> str:
        """The JWT of an account, ``""`` if there is none.

        :raises pubsub.errors.CredentialsError: ``key`` is no account's public key.
        :raises OSError: the file cannot be read.
        """
        path = self._file(key)
        with self._lock:
            try:
                token = self._read(path)
            except FileNotFoundError:
                return ""
            self._used(key)
            return token

    def save(self, key: str, token: str) -> bool:
        """Keep a JWT; whether it is another one than before.

        :raises pubsub.errors.CredentialsError: it is empty, or the directory is full.
        :raises OSError: it cannot be written.
        """
        path = self._file(key)
        if not token:
            raise CredentialsError("invalid JWT")
        digest = hashlib.sha256(token.encode("utf-8")).digest()
        with self._lock:
            entry = self._entries.get(key)
            if entry is not None:
                self._used(key)
                if entry.digest == digest:
                    return False
            elif self._limit > 0 and len(self._entries) >= self._limit:
                self._make_room()
            self._write(path, token)
            self._track(key, token, digest)
            return True

    def save_if_newer(self, key: str, token: str) -> bool:
        """Keep a JWT unless the one that is there was issued later; whether it was kept.

        :raises pubsub.errors.CredentialsError: it is no JWT of that account, or the directory
            is full.
        :raises OSError: it cannot be written.
        """
        claims = decode_account(token)
        if claims.subject != key:
            raise CredentialsError("jwt subject nkey and provided nkey do not match")
        with self._lock:
            old = self._claims(self.load(key))
            if old is not None and (
                (old.id and old.id == claims.id) or old.issued_at > claims.issued_at
            ):
                return False
            return self.save(key, token)

    def delete(self, key: str) -> bool:
        """Delete an account; whether it was there.

        :raises pubsub.errors.CredentialsError: nothing may be deleted.
        :raises OSError: its file cannot be removed or renamed.
        """
        if self.deletion is Deletion.REFUSED:
            raise CredentialsError("store is not set up to for delete")
        path = self._file(key)
        with self._lock:
            try:
                if self.deletion is Deletion.RENAMED:
                    path.rename(path.with_name(path.name + _DELETED))
                else:
                    path.unlink()
            except FileNotFoundError:
                return False
            self._forget(key)
            return True

    def packs(self) -> Iterator[tuple[str, str]]:
        """Public key and JWT of each account that has not expired, by key."""
        now = self._wall()
        with self._lock:
            keys = sorted(self._entries)
        for key in keys:
            with self._lock:
                try:
                    token = self._read(self._file(key))
                except OSError:
                    continue
            claims = self._claims(token)
            if token and not (claims is not None and 0 < claims.expires < now):
                yield key, token

    def expire(self) -> list[str]:
        """Remove the files whose time is over; which accounts they were of."""
        now = self._wall()
        with self._lock:
            late = [key for key, entry in self._entries.items() if entry.expires <= now]
            for key in late:
                with contextlib.suppress(OSError):
                    self._file(key).unlink()
                self._forget(key)
        return late

    # files

    def _file(self, key: str) -> Path:
        # The key becomes part of a path: a public key has neither dots nor slashes.
        if not is_account(key):
            raise CredentialsError("invalid public key")
        return self.path / f"{key}{_EXTENSION}"

    def _read(self, path: Path) -> str:
        with path.open("rb") as file:
            raw = file.read(MAX_TOKEN_SIZE + 1)
        # what is no text or too long is no JWT either, and whoever decodes it says so
        return raw.decode("utf-8", "replace").strip()

    def _write(self, path: Path, token: str) -> None:
        """Whole or not at all, and on the disk before it is said to be."""
        handle, temporary = tempfile.mkstemp(prefix=".", suffix=".tmp", dir=self.path)
        try:
            with os.fdopen(handle, "wb") as file:
                file.write(token.encode("utf-8"))
                file.flush()
                os.fsync(file.fileno())
            os.chmod(temporary, _FILE_MODE)
            os.replace(temporary, path)
        except BaseException:
            with contextlib.suppress(OSError):
                os.unlink(temporary)
            raise

    def _scan(self) -> None:
        """Find what is there. A file that is no JWT of its account is named and left alone."""
        for path in sorted(self.path.glob(f"*{_EXTENSION}")):
            key = path.name[: -len(_EXTENSION)]
            try:
                token = self._read(path)
                if not is_account(key):
                    raise CredentialsError("its name is no account's public key")
                if decode_account(token).subject != key:
                    raise CredentialsError("it is the JWT of another account")
            except (OSError, CredentialsError) as error:
                self._log.error(
                    "Skipped {path}: {error}", path=str(path), error=str(error) or "unreadable"
                )
                continue
            self._track(key, token, hashlib.sha256(token.encode("utf-8")).digest())

    # what is known of them

    @staticmethod
    def _claims(token: str) -> AccountClaims | None:
        try:
            return decode_account(token)
        except CredentialsError:
            return None

    def _track(self, key: str, token: str, digest: bytes) -> None:
        self._forget(key)
        if self._ttl:
            expires = self._wall() + self._ttl
        else:
            claims = self._claims(token)
            expires = float(claims.expires if claims is not None else 0) or float("inf")
        self._entries[key] = _Entry(digest, expires)
        self._hash = _xor(self._hash, digest)

    def _used(self, key: str) -> None:
        entry = self._entries.get(key)
        if entry is None:
            return
        self._entries.move_to_end(key)
        if self._ttl:
            entry.expires = self._wall() + self._ttl

    def _forget(self, key: str) -> None:
        entry = self._entries.pop(key, None)
        if entry is not None:
            self._hash = _xor(self._hash, entry.digest)

    def _make_room(self) -> None:
        if not self._evict:
            raise CredentialsError("jwt store is full")
        oldest = next(iter(self._entries))
        with contextlib.suppress(FileNotFoundError):
            self._file(oldest).unlink()
        self._forget(oldest)


def _xor(one: bytes, other: bytes) -> bytes:
    return bytes(a ^ b for a, b in zip(one, other, strict=True))
