"""What goes into a configuration in place of a secret, made by one command."""

from __future__ import annotations

import io
import subprocess
import sys

import bcrypt
import nkeys
import pytest
from argon2 import PasswordHasher
from hypothesis import given
from hypothesis import strategies as st

from pubsub.auth.passwords import Secret
from pubsub.errors import CredentialsError
from pubsub.passwd import decode_seed, encode_public_key, encode_seed, main, public_key_of
from pubsub.values.strkey import KeyKind, raw_key

KINDS = {
    "account": "A",
    "cluster": "C",
    "server": "N",
    "operator": "O",
    "user": "U",
    "curve": "X",
}


class Terminal(io.StringIO):
    def isatty(self):
        return True


@pytest.fixture
def run(monkeypatch, capsys):
    """``run("--flag", stdin="…")``: status, lines of output, what went to standard error."""

    def running(*arguments, stdin="", typed=None):
        monkeypatch.setattr(sys, "stdin", Terminal() if typed else io.StringIO(stdin))
        answers = iter(typed or ())

        def getpass(prompt):
            answer = next(answers)
            if isinstance(answer, BaseException):
                raise answer
            return answer

        monkeypatch.setattr("getpass.getpass", getpass)
        status = main(arguments)
        said = capsys.readouterr()
        return status, said.out.splitlines(), said.err

    return running


class TestHashes:
    def test_bcrypt_from_standard_input(self, run):
        status, (hashed,), error = run("--cost", "4", stdin="sécret\nnot this\n")
        assert (status, error) == (0, "")
        assert hashed.startswith("$2b$04$")
        assert bcrypt.checkpw("sécret".encode(), hashed.encode())

    def test_argon2(self, run):
        _, (hashed,), _ = run("--argon2", stdin="secret\n")
        assert PasswordHasher().verify(hashed, "secret")

    @pytest.mark.parametrize("kind", [("--cost", "4"), ("--argon2",)])
    def test_the_server_takes_them(self, run, kind):
        _, (hashed,), _ = run(*kind, stdin="secret\n")
        assert Secret(hashed, "password").slow

    def test_typed_twice(self, run):
        status, (hashed,), _ = run("--cost", "4", typed=["secret", "secret"])
        assert status == 0
        assert bcrypt.checkpw(b"secret", hashed.encode())

    @pytest.mark.parametrize(
        ("typed", "error"),
        [
            (["secret", "other"], "two different ones"),
            ([""], "empty"),
            ([KeyboardInterrupt()], "interrupted"),
            ([EOFError()], "interrupted"),
        ],
    )
    def test_typed_badly(self, run, typed, error):
        status, lines, said = run(typed=typed)
        assert (status, lines) == (1, [])
        assert error in said
        assert "secret" not in said

    def test_generated(self, run):
        _, (password, hashed), _ = run("--generate", "--cost", "4")
        assert len(password) == 22
        assert password.isalnum()
        assert bcrypt.checkpw(password.encode(), hashed.encode())
        assert run("--generate", "--cost", "4")[1][0] != password

    @pytest.mark.parametrize(
        ("arguments", "stdin", "error"),
        [
            ((), "", "empty"),
            ((), "\nsecret\n", "empty"),
            ((), "s" * 5000, "too long"),
            ((), "s" * 73, "72 bytes"),
            (("--cost", "3"), "secret", "between 4 and 17"),
            (("--cost", "18"), "secret", "between 4 and 17"),
            (("--argon2", "--cost", "4"), "secret", "about bcrypt"),
        ],
    )
    def test_what_cannot_be_done_is_said_without_the_password(self, run, arguments, stdin, error):
        status, lines, said = run(*arguments, stdin=stdin)
        assert (status, lines) == (1, [])
        assert error in said
        assert "secret" not in said

    def test_without_argon2_it_is_said_how_to_get_it(self, run, monkeypatch):
        monkeypatch.setitem(sys.modules, "argon2", None)
        assert "txpubsub[argon2]" in run("--argon2", stdin="secret")[2]


class TestKeys:
    @pytest.mark.parametrize(("kind", "letter"), KINDS.items())
    def test_a_new_one(self, run, kind, letter):
        status, (seed, public), _ = run("--nkey", kind)
        assert status == 0
        assert (seed[:2], public[0]) == (f"S{letter}", letter)
        assert raw_key(public)[0] is KeyKind[kind.upper()]
        assert run("--pub", stdin=f"{seed}\n")[1] == [public]

    @pytest.mark.parametrize("kind", [kind for kind in KINDS if kind != "curve"])
    def test_the_nkeys_library_agrees(self, run, kind):
        _, (seed, public), _ = run("--nkey", kind)
        assert nkeys.from_seed(bytearray(seed.encode())).public_key == public.encode()

    def test_the_example_of_the_documentation_of_nkeys(self):
        """Of the Go library."""
        seed = "SUAKYRHVIOREXV7EUZTBHUHL7NUMHPMAS7QMDU3GTIUWEI5LDNOXD43IZY"
        assert decode_seed(seed)[0] is KeyKind.USER
        assert encode_seed(*decode_seed(seed)) == seed
        assert public_key_of(*decode_seed(seed)) == (
            nkeys.from_seed(bytearray(seed.encode())).public_key.decode()
        )

    @pytest.mark.parametrize(
        "damage",
        [
            lambda seed: "",
            lambda seed: seed[:-1],
            lambda seed: seed + "A",
            lambda seed: seed.lower(),
            lambda seed: "U" + seed[1:],
            lambda seed: seed[:20] + ("A" if seed[20] != "A" else "B") + seed[21:],
            lambda seed: "ä" * 58,
        ],
    )
    def test_what_is_no_seed_is_not_repeated(self, run, damage):
        _, (seed, _), _ = run("--nkey", "user")
        status, lines, said = run("--pub", stdin=damage(seed))
        assert (status, lines) == (1, [])
        assert seed[5:15] not in said

    def test_a_seed_of_an_unknown_kind(self):
        with pytest.raises(CredentialsError, match="unknown kind"):
            decode_seed(encode_seed(9 << 3, bytes(32)))

    @given(st.sampled_from(list(KeyKind)), st.binary(min_size=32, max_size=32))
    def test_what_is_written_can_be_read(self, kind, raw):
        assert decode_seed(encode_seed(kind, raw)) == (kind, raw)
        assert raw_key(encode_public_key(kind, raw)) == (kind, raw)


@pytest.mark.parametrize("arguments", [("--nkey", "x"), ("--nkey", "user", "--pub"), ("secret",)])
def test_what_it_cannot_be_asked(arguments, capsys):
    with pytest.raises(SystemExit) as ended:
        main(arguments)
    assert ended.value.code == 2
    assert "usage: pubsub-passwd" in capsys.readouterr().err


def test_it_is_a_program():
    made = subprocess.run(
        [sys.executable, "-m", "pubsub.passwd", "--cost", "4"],
        input="secret\n",
        capture_output=True,
        text=True,
        check=True,
    )
    assert bcrypt.checkpw(b"secret", made.stdout.strip().encode())
