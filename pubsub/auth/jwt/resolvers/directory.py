"""A directory with one file for each account JWT, as nats-server has it (``dirstore.go``).

The files are called ``<public key>.jwt``, those of deleted accounts ``….jwt.deleted``; a
directory may move from one server to the other. New files appear whole or not at all.
Nothing here knows the reactor: every method may be called in a thread, and one that reads or
writes files should be. (nats-server: ``DirJWTStore``; its other servers' packs, ``Merge``, are
in :mod:`pubsub.auth.jwt.resolvers.packs`.)
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
from collections.abc import Callable, Iterable, Iterator
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
    :param scan: find out at once what is there; otherwise :meth:`scan` has to be called, in a
        thread, as the first thing after what is preloaded. JWTs can be loaded before.
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
        scan: bool = True,
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
        self._scanned = False
        self.path.mkdir(mode=_DIRECTORY_MODE, parents=True, exist_ok=True)
        if scan:
            self.scan()

    def __len__(self) -> int:
        return len(self._entries)

    # without the lock: a thread has it while it writes a file, and the reactor must not wait

    def hash(self) -> bytes:
        """32 bytes that tell two directories with different JWTs apart: XOR of their SHA-256.

        No file is read, and nothing waited for.
        """
        return self._hash

    def holds(self, key: str, token: bytes) -> bool:
        """Whether that is what is kept for the account. No file is read, nothing waited for."""
        entry = self._entries.get(key)
        return entry is not None and entry.digest == hashlib.sha256(token).digest()

    def names(self) -> list[str]:
        """The accounts, in order."""
        with self._lock:
            return sorted(self._entries)

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

    def save(self, key: str, token: str, claims: AccountClaims | None = None) -> bool:
        """Keep a JWT; whether it is another one than before.

        :param claims: what it says, if that has been read already.
        :raises pubsub.errors.CredentialsError: it is empty, or the directory is full.
        :raises OSError: it cannot be written.
        """
        path = self._file(key)
        if not token:
            raise CredentialsError("invalid JWT")
        digest = hashlib.sha256(token.encode("utf-8")).digest()
        with self._lock:
            if self._limit and not self._scanned and not path.exists():
                # how many there are has to be known now
                self.scan()
            entry = self._entries.get(key)
            if entry is not None:
                self._used(key)
                if entry.digest == digest:
                    return False
            elif self._limit > 0 and len(self._entries) >= self._limit:
                self._make_room()
            self._write(path, token)
            self._track(key, digest, self._claims(token) if claims is None else claims)
            return True

    def save_if_newer(self, key: str, token: str, claims: AccountClaims | None = None) -> bool:
        """Keep a JWT unless the one that is there was issued later; whether it was kept.

        :param claims: what it says, if that has been read already.
        :raises pubsub.errors.CredentialsError: it is no JWT of that account, or the directory
            is full.
        :raises OSError: it cannot be written.
        """
        if claims is None:
            claims = decode_account(token)
        if claims.subject != key:
            raise CredentialsError("jwt subject nkey and provided nkey do not match")
        with self._lock:
            old = self._claims(self.load(key))
            if old is not None and (
                (old.id and old.id == claims.id) or old.issued_at > claims.issued_at
            ):
                return False
            return self.save(key, token, claims)

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

    def packs(self, keys: Iterable[str] | None = None) -> Iterator[tuple[str, str]]:
        """Public key and JWT of each account that has not expired, by key.

        :param keys: of these only.
        """
        now = self._wall()
        for key in self.names() if keys is None else keys:
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

    def scan(self) -> None:
        """Find what is there. A file that is no JWT of its account is named and left alone.

        The second time nothing happens.
        """
        if self._scanned:
            return
        self._scanned = True
        for path in sorted(self.path.glob(f"*{_EXTENSION}")):
            try:
                with self._lock:
                    self._find(path)
            except (OSError, CredentialsError) as error:
                self._log.error(
                    "Skipped {path}: {error}", path=str(path), error=str(error) or "unreadable"
                )

    def _find(self, path: Path) -> None:
        key = path.name[: -len(_EXTENSION)]
        token = self._read(path)
        if not is_account(key):
            raise CredentialsError("its name is no account's public key")
        claims = decode_account(token)
        if claims.subject != key:
            raise CredentialsError("it is the JWT of another account")
        self._track(key, hashlib.sha256(token.encode("utf-8")).digest(), claims)

    # what is known of them

    @staticmethod
    def _claims(token: str) -> AccountClaims | None:
        try:
            return decode_account(token)
        except CredentialsError:
            return None

    def _track(self, key: str, digest: bytes, claims: AccountClaims | None) -> None:
        if self._ttl:
            expires = self._wall() + self._ttl
        else:
            expires = float(claims.expires if claims is not None else 0) or float("inf")
        before = self._entries.pop(key, None)
        self._entries[key] = _Entry(digest, expires)
        if before is not None:
            digest = _xor(digest, before.digest)
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
