from __future__ import annotations

import os
import threading

import pytest

from pubsub.auth.jwt.codec import MAX_TOKEN_SIZE
from pubsub.auth.jwt.keys import KeyPair
from pubsub.auth.jwt.resolvers.directory import AccountDirectory, Deletion
from pubsub.errors import CredentialsError
from tests.auth.jwt.world import NOW, World
from tests.patience import PATIENCE


class Clock:
    now = NOW

    def __call__(self) -> float:
        return self.now


@pytest.fixture
def clock() -> Clock:
    return Clock()


@pytest.fixture
def w() -> World:
    return World()


@pytest.fixture
def path(tmp_path):
    return tmp_path / "a" / "jwt"


def names(path):
    return sorted(file.name for file in path.iterdir())


def new(w):
    """Another account and its JWT."""
    key = KeyPair.generate("A")
    return key.public_key, w.account_jwt(key)


def test_a_directory_is_made_and_only_its_owner_may_look(path):
    AccountDirectory(str(path))
    assert path.stat().st_mode & 0o777 == 0o700


def test_what_is_saved_is_loaded(path, w):
    store = AccountDirectory(str(path))
    name, token = new(w)
    assert store.load(name) == ""
    assert store.save(name, token)
    assert not store.save(name, token)
    assert store.load(name) == token
    assert len(store) == 1
    assert names(path) == [f"{name}.jwt"]
    assert (path / f"{name}.jwt").stat().st_mode & 0o777 == 0o600
    assert AccountDirectory(str(path)).load(name) == token


@pytest.mark.parametrize("key", ["", "..", "../../etc/passwd", "A/B", "B" * 56, "x\0y"])
def test_only_public_keys_are_names(path, w, key):
    store = AccountDirectory(str(path), deletion=Deletion.REMOVED)
    for act in (store.load, store.delete, lambda k: store.save(k, w.account_jwt())):
        with pytest.raises(CredentialsError, match="invalid public key"):
            act(key)


def test_nothing_is_no_jwt(path, w):
    with pytest.raises(CredentialsError, match="invalid JWT"):
        AccountDirectory(str(path)).save(w.account.public_key, "")


def test_a_failed_write_leaves_what_was_there(path, w, monkeypatch):
    store = AccountDirectory(str(path))
    name, token = new(w)
    store.save(name, token)

    def full(*arguments):
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(os, "replace", full)
    with pytest.raises(OSError, match="No space"):
        store.save(name, w.account_jwt(name="newer"))
    monkeypatch.undo()
    assert names(path) == [f"{name}.jwt"]
    assert store.load(name) == token


def test_corrupt_files_are_named_and_skipped(path, w, log):
    path.mkdir(parents=True)
    good, token = new(w)
    (path / f"{good}.jwt").write_text(token)
    broken = {
        KeyPair.generate("A").public_key: b"garbage",
        KeyPair.generate("A").public_key: b"",
        KeyPair.generate("A").public_key: b"\xff\xfe\x00",
        KeyPair.generate("A").public_key: token.encode(),
        KeyPair.generate("A").public_key: token.encode()[:-10],
        KeyPair.generate("A").public_key: b"x" * (MAX_TOKEN_SIZE + 10),
        "notakey": token.encode(),
    }
    for name, content in broken.items():
        (path / f"{name}.jwt").write_bytes(content)
    (path / f"{KeyPair.generate('A').public_key}.jwt").mkdir()
    (path / "README").write_text("not ours")
    store = AccountDirectory(str(path))
    assert len(store) == 1
    assert [name for name, _ in store.packs()] == [good]
    for name in broken:
        assert sum(f"{name}.jwt" in line for line in log) == 1
    assert len(log) == len(broken) + 1
    # and none of them keeps a good one from coming
    name = next(iter(broken))
    assert store.save(name, token)


def test_newer_ones_are_kept(path, w):
    store = AccountDirectory(str(path))
    name = w.account.public_key
    first = w.account_jwt(issued=NOW - 100)
    assert store.save_if_newer(name, first)
    assert not store.save_if_newer(name, first)
    assert not store.save_if_newer(name, w.account_jwt(issued=NOW - 200))
    assert store.load(name) == first
    second = w.account_jwt(issued=NOW)
    assert store.save_if_newer(name, second)
    assert store.load(name) == second


def test_what_is_broken_is_older_than_anything(path, w):
    store = AccountDirectory(str(path))
    name = w.account.public_key
    (path / f"{name}.jwt").write_text("garbage")
    assert store.save_if_newer(name, w.account_jwt())


def test_another_accounts_jwt_is_not_kept(path, w):
    store = AccountDirectory(str(path))
    with pytest.raises(CredentialsError, match="do not match"):
        store.save_if_newer(w.system.public_key, w.account_jwt())
    with pytest.raises(CredentialsError):
        store.save_if_newer(w.account.public_key, "garbage")


def test_the_hash_tells_directories_apart(tmp_path, w):
    one, other = (AccountDirectory(str(tmp_path / name)) for name in "ab")
    assert one.hash() == bytes(32)
    accounts = [new(w) for _ in range(3)]
    for name, token in accounts:
        one.save(name, token)
    assert one.hash() != other.hash()
    for name, token in reversed(accounts):
        other.save(name, token)
    assert one.hash() == other.hash() == AccountDirectory(str(tmp_path / "a")).hash()


@pytest.mark.parametrize(
    ("deletion", "left"), [(Deletion.RENAMED, ".jwt.deleted"), (Deletion.REMOVED, "")]
)
def test_deletion(path, w, deletion, left):
    store = AccountDirectory(str(path), deletion=deletion)
    name, token = new(w)
    store.save(name, token)
    assert store.delete(name)
    assert not store.delete(name)
    assert names(path) == ([f"{name}{left}"] if left else [])
    assert store.load(name) == ""
    assert store.hash() == bytes(32)
    assert store.save(name, token)


def test_deletion_has_to_be_allowed(path, w):
    with pytest.raises(CredentialsError, match="not set up"):
        AccountDirectory(str(path)).delete(w.account.public_key)


def test_a_full_directory_takes_no_more(path, w):
    store = AccountDirectory(str(path), limit=2)
    accounts = [new(w) for _ in range(3)]
    for name, token in accounts[:2]:
        store.save(name, token)
    with pytest.raises(CredentialsError, match="jwt store is full"):
        store.save(*accounts[2])
    assert store.save(accounts[0][0], w.account_jwt(name="newer"))


def test_or_forgets_what_was_not_used_for_longest(path, w):
    store = AccountDirectory(str(path), limit=2, evict=True)
    (one, token), (two, other), (three, last) = (new(w) for _ in range(3))
    store.save(one, token)
    store.save(two, other)
    store.load(one)
    (path / f"{two}.jwt").unlink()  # somebody was faster
    store.save(three, last)
    assert names(path) == sorted([f"{one}.jwt", f"{three}.jwt"])
    assert len(store) == 2


def test_what_expires_is_removed(path, w, clock):
    store = AccountDirectory(str(path), wall=clock)
    mortal = w.account_jwt(claims={"exp": int(NOW) + 60})
    store.save(w.account.public_key, mortal)
    store.save(*new(w))
    assert store.expire() == []
    clock.now += 60
    assert store.expire() == [w.account.public_key]
    assert store.load(w.account.public_key) == ""
    assert len(store) == 1


def test_what_is_not_used_for_long_is_removed(path, w, clock):
    store = AccountDirectory(str(path), ttl=60.0, wall=clock)
    (used, token), (idle, other) = new(w), new(w)
    store.save(used, token)
    store.save(idle, other)
    clock.now += 40
    store.load(used)
    clock.now += 40
    assert store.expire() == [idle]
    assert names(path) == [f"{used}.jwt"]


def test_packs_leave_out_what_has_expired_or_gone(path, w, clock):
    store = AccountDirectory(str(path), wall=clock)
    good, token = new(w)
    gone, other = new(w)
    store.save(good, token)
    store.save(gone, other)
    store.save(w.account.public_key, w.account_jwt(claims={"exp": int(NOW) + 1}))
    (path / f"{gone}.jwt").unlink()
    clock.now += 10
    assert list(store.packs()) == [(good, token)]


def test_threads_do_not_disturb_one_another(path, w):
    store = AccountDirectory(str(path))
    accounts = [new(w) for _ in range(20)]
    wrong = []

    def work(name, token):
        try:
            for _ in range(5):
                store.save(name, token)
                assert store.load(name) == token
                list(store.packs())
        except Exception as error:  # noqa: BLE001 - told to the test
            wrong.append(error)

    threads = [threading.Thread(target=work, args=account) for account in accounts]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert wrong == []
    assert len(store) == 20


def test_a_directory_that_cannot_be(tmp_path):
    (tmp_path / "file").write_text("")
    with pytest.raises(OSError, match="file"):
        AccountDirectory(str(tmp_path / "file"))


def test_what_is_there_may_be_found_out_later(path, w, clock):
    AccountDirectory(str(path)).save(*new(w))
    name, token = new(w)
    store = AccountDirectory(str(path), limit=2, wall=clock, scan=False)
    assert len(store) == 0
    assert store.save(name, token)
    # a limit cannot be kept to without looking
    assert len(store) == 2
    whole = store.hash()
    store.scan()
    assert store.hash() == whole == AccountDirectory(str(path)).hash()
    assert store.load(name) == token


def test_what_is_preloaded_again_needs_no_look_at_the_others(path, w):
    accounts = [new(w) for _ in range(3)]
    whole = AccountDirectory(str(path))
    for account in accounts:
        whole.save(*account)
    store = AccountDirectory(str(path), limit=3, scan=False)
    assert not store.save_if_newer(*accounts[0])
    newer = (w.account.public_key, w.account_jwt())
    assert len(store) == 0
    with pytest.raises(CredentialsError, match="full"):
        store.save(*newer)
    store.scan()
    assert store.names() == sorted(name for name, _ in accounts)
    assert store.hash() == whole.hash()


def test_what_is_kept_is_known_without_a_look(path, w):
    store = AccountDirectory(str(path))
    name, token = new(w)
    store.save(name, token)
    assert store.holds(name, token.encode())
    assert not store.holds(name, b"another")
    assert not store.holds("nobody", token.encode())


def test_the_reactor_does_not_wait_for_a_thread_that_writes(path, w):
    store = AccountDirectory(str(path))
    name, token = new(w)
    store.save(name, token)
    seen = []

    def look():
        seen.append((store.hash(), store.holds(name, token.encode()), len(store)))

    with store._lock:
        looking = threading.Thread(target=look, daemon=True)
        looking.start()
        looking.join(PATIENCE)
    assert seen == [(store.hash(), True, 1)]
