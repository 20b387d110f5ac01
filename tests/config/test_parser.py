"""Values, variables and includes."""

from __future__ import annotations

from collections.abc import Callable
from datetime import datetime, timezone
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from pubsub.config.parser import MAX_INCLUDES, Token, parse, parse_file, plain
from pubsub.errors import ConfigError, ConfigSyntaxError


def reader(**files: str) -> Callable[[str], bytes]:
    """Reads from a dict: underscores in names are dots."""
    contents = {name.replace("_", "."): text.encode() for name, text in files.items()}

    def read(path: str) -> bytes:
        try:
            return contents[path]
        except KeyError:
            raise FileNotFoundError(2, "No such file or directory", path) from None

    return read


def values(text: str, **environ: str) -> Any:
    return plain(dict(parse(text, environ=environ)))


def complaint(text: str, **environ: str) -> str:
    with pytest.raises(ConfigSyntaxError) as caught:
        parse(text, "f.conf", environ=environ)
    return str(caught.value)


@pytest.mark.parametrize(
    ("text", "value"),
    [
        ("yes", True),
        ("Off", False),
        ("12", 12),
        ("-12", -12),
        ("3k", 3000),
        ("3KB", 3 * 1024),
        ("3ki", 3 * 1024),
        ("3kib", 3 * 1024),
        ("-1m", -1_000_000),
        ("1mb", 2**20),
        ("1g", 10**9),
        ("1gib", 2**30),
        ("1t", 10**12),
        ("1ti", 2**40),
        ("1p", 10**15),
        ("1pb", 2**50),
        ("1e", 10**18),
        ("1eb", 2**60),
        ("9223372036854775807", 2**63 - 1),
        ("-9223372036854775808", -(2**63)),
        ("1.5", 1.5),
        ("1.5.2", "1.5.2"),
        ("2016-05-04T18:53:41Z", datetime(2016, 5, 4, 18, 53, 41, tzinfo=timezone.utc)),
        ("[]", []),
        ("{}", {}),
        ("[ {a: 1}, [ 2 ], x ]", [{"a": 1}, [2], "x"]),
        ("{ a { b = 'c' } }", {"a": {"b": "c"}}),
    ],
)
def test_values_have_the_types_of_nats_server(text: str, value: object) -> None:
    assert values(f"key = {text}") == {"key": value}
    assert type(values(f"key = {text}")["key"]) is type(value)


def test_a_json_document_is_a_configuration() -> None:
    text = '{"port": 4222, "tags": ["a", "b"], "n": [1,2], "m": {"x": true, "y": 1.5}}'
    assert values(text) == {
        "port": 4222,
        "tags": ["a", "b"],
        "n": [1, 2],
        "m": {"x": True, "y": 1.5},
    }


def test_the_last_of_equal_keys_wins() -> None:
    assert values("a = 1\na = 2") == {"a": 2}


def test_tokens_know_where_their_key_or_they_themselves_are() -> None:
    entries = parse("a = 1\n  m { b [ x, { c: 2 } ] }", "f.conf")
    block: Any = entries["m"].value
    tokens: list[Token] = block["b"].value
    places = [(token.line, token.column) for token in (entries["a"], entries["m"], *tokens)]
    assert places == [(1, 1), (2, 3), (2, 11), (2, 14)]
    assert repr(entries["a"]) == "Token(1, 'f.conf', 1, 1)"


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("9223372036854775808", "the number 9223372036854775808 is out of range: it needs 64"),
        ("1" * 5000, "the number " + "1" * 40 + " is out of range"),
        ("99eb", "the number 99eb is out of range"),
        ("1kbb", "'1kbb' is not a size; write for example 64k, 64kb or 64kib"),
        ("1kbi", "'1kbi' is not a size"),
        (f"{'9' * 400}.0", f"the number {'9' * 40}… is out of range"),
        ("2016-13-04T18:53:41Z", "2016-13-04T18:53:41Z is not a date and time that exists"),
    ],
)
def test_a_value_that_cannot_be_is_refused_at_its_place(text: str, message: str) -> None:
    assert complaint(f"\nkey = {text}").startswith(f"f.conf:2:7: {message}")


class TestVariables:
    def test_a_key_of_the_enclosing_blocks_is_found_innermost_first(self) -> None:
        text = "a = 1\nb = 2\nm { a = 3, n { x = $a, y = [ $b ] } }\nz = $a"
        assert values(text) == {
            "a": 1,
            "b": 2,
            "m": {"a": 3, "n": {"x": 3, "y": [2]}},
            "z": 1,
        }

    def test_maps_and_lists_can_be_referred_to(self) -> None:
        assert values("a { b = [1] }\nc = $a")["c"] == {"b": [1]}

    def test_a_key_that_is_referred_to_is_marked(self) -> None:
        entries = parse("a = 1\nb = $a", "f.conf")
        assert entries["a"].used_variable
        assert not entries["b"].used_variable
        assert (entries["b"].line, entries["b"].column) == (2, 1)

    def test_a_later_key_is_not_found(self) -> None:
        assert complaint("b = $a\na = 1") == (
            "f.conf:1:5: the variable $a is neither a key above this line nor in the environment; "
            "define it, or put the text in quotes"
        )

    @pytest.mark.parametrize(
        ("text", "value"),
        [
            ("4222", 4222),
            ("'a b'", "a b"),
            ("true", True),
            ("[1, x]", [1, "x"]),
            ("{a: $B}", {"a": 5}),
            ("", ""),
            ("word # comment", "word"),
            ("$2a$11$abc", "$2a$11$abc"),
        ],
    )
    def test_the_environment_is_read_as_a_value_of_the_language(
        self, text: str, value: object
    ) -> None:
        assert values("key = $A", A=text, B="5") == {"key": value}

    def test_a_key_wins_over_the_environment(self) -> None:
        assert values("A = 1\nkey = $A", A="2")["key"] == 1

    def test_the_environment_can_be_wrong(self) -> None:
        assert complaint("key = $A", A='"x') == (
            "f.conf:1:7: the environment variable A cannot be read: "
            'this string is not closed; add a "'
        )

    def test_the_environment_cannot_go_round_in_a_circle(self) -> None:
        message = complaint("key = $A", A="$B", B="$A")
        assert message.endswith("the environment variable A refers to itself")

    @pytest.mark.parametrize("text", ["$2a$11$abc", "$2b$11$abc", "$2y$11$abc"])
    def test_bcrypt_strings_are_no_variables(self, text: str) -> None:
        assert values(f"key = {text}") == {"key": text}


class TestIncludes:
    def test_an_included_file_is_as_if_its_entries_stood_there(self) -> None:
        read = reader(f_conf="a = 1\ninclude 'b.conf'\nm { include c.conf }", b_conf="b = 2",
                      c_conf="c = 3\n")  # fmt: skip
        entries = parse_file("f.conf", read)
        assert plain(dict(entries)) == {"a": 1, "b": 2, "m": {"c": 3}}
        assert entries["b"].file == "b.conf"

    def test_paths_are_relative_to_the_file_they_stand_in(self) -> None:
        read = {
            "/etc/f.conf": b"include sub/g.conf",
            "/etc/sub/g.conf": b"include ../h.conf",
            "/etc/h.conf": b"h = 1",
        }.__getitem__
        assert plain(dict(parse_file("/etc/f.conf", read))) == {"h": 1}

    def test_an_absolute_path_is_tried_below_the_directory_first(self) -> None:
        files = {"/etc/f.conf": b"include /x/g.conf", "/etc/x/g.conf": b"g = 1"}

        def read(path: str) -> bytes:
            if path in files:
                return files[path]
            raise FileNotFoundError(2, "No such file or directory")

        assert plain(dict(parse_file("/etc/f.conf", read))) == {"g": 1}
        files["/x/g.conf"] = files.pop("/etc/x/g.conf")
        assert plain(dict(parse_file("/etc/f.conf", read))) == {"g": 1}
        del files["/x/g.conf"]
        with pytest.raises(ConfigSyntaxError, match="cannot read the included file /etc/x/g"):
            parse_file("/etc/f.conf", read)

    def test_keys_of_an_included_file_serve_as_variables_after_it_not_in_it(self) -> None:
        read = reader(f_conf="include g.conf\nx = $g", g_conf="g = 1")
        assert parse_file("f.conf", read)["x"].value == 1
        read = reader(f_conf="x = 1\ninclude g.conf", g_conf="g = $x")
        with pytest.raises(ConfigSyntaxError, match=r"g\.conf:1:5: the variable \$x is neither"):
            parse_file("f.conf", read)

    def test_a_circle_is_refused(self) -> None:
        read = reader(f_conf="include g.conf", g_conf="a = 1\ninclude ./f.conf")
        with pytest.raises(ConfigSyntaxError) as caught:
            parse_file("f.conf", read)
        assert str(caught.value) == (
            "g.conf:2:9: this include goes round in a circle: "
            "f.conf includes g.conf includes f.conf"
        )

    def test_a_chain_has_a_limit(self) -> None:
        def read(path: str) -> bytes:
            return b"include f%d" % (int(path[1:]) + 1)

        with pytest.raises(ConfigSyntaxError, match=f"more than {MAX_INCLUDES} files include"):
            parse_file("f0", read)

    def test_a_file_that_is_not_there_is_named(self) -> None:
        with pytest.raises(ConfigSyntaxError) as caught:
            parse_file("f.conf", reader(f_conf="\ninclude g.conf"))
        assert str(caught.value) == (
            "f.conf:2:9: cannot read the included file g.conf: no such file or directory"
        )
        with pytest.raises(ConfigError) as missing:
            parse_file("no.conf", reader())
        assert str(missing.value) == "open no.conf: no such file or directory"

    def test_an_error_without_a_reason_of_the_system_is_shown_as_it_is(self) -> None:
        def read(path: str) -> bytes:
            raise OSError("The Disk is Gone")

        with pytest.raises(ConfigError, match="the disk is gone"):
            parse_file("f.conf", read)

    def test_a_text_without_files_cannot_include(self) -> None:
        assert complaint("include g.conf").endswith("include needs a configuration file, and this "
                                                    "is not one")  # fmt: skip

    def test_bytes_that_are_not_utf8_survive(self) -> None:
        entries = parse_file("f.conf", {"f.conf": b"a = 'x\xff'"}.__getitem__)
        assert entries["a"].value == "x\udcff"


WORDS = st.from_regex(r"[a-zA-Z_][a-zA-Z0-9_.>*-]{0,8}", fullmatch=True).filter(
    lambda word: word.lower() not in ("include", "true", "false", "on", "off", "yes", "no")
)
SCALARS = (
    st.booleans()
    | st.integers(-(2**63), 2**63 - 1)
    | st.floats(allow_nan=False, allow_infinity=False).filter(lambda x: "e" not in repr(x))
    | st.text(st.characters(codec="utf-8", exclude_characters="\0"), max_size=12)
)
DOCUMENTS = st.recursive(
    SCALARS,
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(WORDS, inner, max_size=4),
    max_leaves=12,
)


def _written(value: object, draw: Callable[[list[str]], str]) -> str:
    if isinstance(value, bool):
        return draw(["true", "yes", "On"] if value else ["false", "no", "OFF"])
    if isinstance(value, (int, float)):
        return repr(value)
    if isinstance(value, list):
        separator = draw([", ", "\n", " ,\n# comment\n"])
        return f"[{separator.join(_written(item, draw) for item in value)} ]"
    if isinstance(value, dict):
        separator = draw([", ", "\n", "; ", " // comment\n"])
        entries = (f"{key}{draw([' = ', ': ', ' '])}{_written(item, draw)}"
                   for key, item in value.items())  # fmt: skip
        return f"{{ {separator.join(entries)} }}"
    escaped = str(value).replace("\\", "\\\\").replace('"', '\\"').replace("\n", "\\n")
    return f'"{escaped}"'


@given(st.dictionaries(WORDS, DOCUMENTS, max_size=5), st.data())
def test_what_is_written_is_read(document: dict[str, object], data: st.DataObject) -> None:
    def draw(choices: list[str]) -> str:
        return data.draw(st.sampled_from(choices))

    text = "\n".join(f"{key} = {_written(value, draw)}" for key, value in document.items())
    assert values(text) == document


@given(
    st.lists(
        st.sampled_from(
            [*"a=: \n{}[],;#'\"$-.1\\", "include g ", "$A", "1kbb", "2016-99-04T18:53:41Z", "$2a$"]
        ),
        max_size=25,
    ).map("".join)
)
def test_nothing_but_a_config_error_comes_of_any_text(text: str) -> None:
    try:
        entries = parse(text, "f", read_file=reader(g="x = 1"), environ={"A": "$A"})
    except ConfigError as error:
        assert error.line  # noqa: PT017 - one of two good outcomes
    else:
        assert all(isinstance(token, Token) for token in entries.values())
