"""The language, item by item, and what is said about what is not in it."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from pubsub.config.lexer import MAX_DEPTH, Item, Kind, Lexer
from pubsub.errors import ConfigSyntaxError


def lexed(text: str) -> list[tuple[Kind, str]]:
    return [(item.kind, item.text) for item in Lexer(text, "f.conf").items()][:-1]


def value_of(text: str) -> tuple[Kind, str]:
    items = lexed(f"key = {text}\n")
    assert items[0] == (Kind.KEY, "key")
    assert len(items) == 2
    return items[1]


def complaint(text: str) -> ConfigSyntaxError:
    with pytest.raises(ConfigSyntaxError) as caught:
        lexed(text)
    return caught.value


@pytest.mark.parametrize(
    "text",
    [
        "key = value",
        "key: value",
        "key value",
        "key=value",
        "  key   :   value  ",
        "key = value;",
        "key = value,",
        "key = value # comment",
        "key = value // comment",
        "# comment\nkey = value",
        "// comment\r\nkey = value\r\n",
        "key\n=\tvalue",
        "key\n\nvalue",
        '"key" = value',
        "'key' value",
        "{ key: value }",
        "{\nkey: value\n}\n",
        "{ { key: value } }",
        '{"key":"value"}',
        "key = value }",
        "{ key = value }\n}",
        "\ufeffkey = value",
        "key = 'value'",
        'key = "value"',
        "key = value'",
    ],
)
def test_a_key_and_its_value_may_be_written_in_many_ways(text: str) -> None:
    assert lexed(text) == [(Kind.KEY, "key"), (Kind.STRING, "value")]


@pytest.mark.parametrize(
    ("text", "kind", "value"),
    [
        ("true", Kind.BOOL, "true"),
        ("YES", Kind.BOOL, "yes"),
        ("off", Kind.BOOL, "off"),
        ("truely", Kind.STRING, "truely"),
        ("0", Kind.INTEGER, "0"),
        ("-12", Kind.INTEGER, "-12"),
        ("8kib", Kind.INTEGER, "8kib"),
        ("-1Mb", Kind.INTEGER, "-1Mb"),
        ("1e", Kind.INTEGER, "1e"),
        ("1.5", Kind.FLOAT, "1.5"),
        ("-0.25", Kind.FLOAT, "-0.25"),
        ("127.0.0.1", Kind.STRING, "127.0.0.1"),
        ("127.0.0.1:4222", Kind.STRING, "127.0.0.1:4222"),
        ("1.2.3-4", Kind.STRING, "1.2.3-4"),
        ("30s", Kind.STRING, "30s"),
        ("1kx", Kind.STRING, "1kx"),
        ("4222/tcp", Kind.STRING, "4222/tcp"),
        (r"12\t", Kind.STRING, r"12\t"),
        ("1'2", Kind.STRING, "1'2"),
        ("2016-05-04T18:53:41Z", Kind.DATETIME, "2016-05-04T18:53:41Z"),
        ("$NAME", Kind.VARIABLE, "NAME"),
        ("'$NAME'", Kind.STRING, "$NAME"),
        (r"$\tNAME", Kind.STRING, "$\tNAME"),
        ("foo#bar", Kind.STRING, "foo#bar"),
        ("nats://h:1/", Kind.STRING, "nats://h:1/"),
        ("a{b", Kind.STRING, "a{b"),
        (r"a\x41\n", Kind.STRING, "aA\n"),
        (r'"\t\n\r\"\\\x41"', Kind.STRING, '\t\n\r"\\A'),
        (r'"\xc3\xa9\xff"', Kind.STRING, "é\udcff"),
        ('"two\nlines"', Kind.STRING, "two\nlines"),
        (r"'no \n escape'", Kind.STRING, r"no \n escape"),
        ("''", Kind.STRING, ""),
        ("(\n  as it ) is\n)", Kind.STRING, "\n  as it ) is\n"),
        ("(\n)", Kind.STRING, "\n"),
        ("(a\r\n)\r", Kind.STRING, "a\r\n"),
        (";", Kind.STRING, ""),
    ],
)
def test_a_value_is_what_it_looks_like(text: str, kind: Kind, value: str) -> None:
    assert value_of(text) == (kind, value)


def test_maps_and_arrays_nest() -> None:
    text = "a { b [ 1, [x], {c: 2} // comment\n 3 ] # comment\n d = 4; }"
    assert [item or kind.value for kind, item in lexed(text)] == [
        *("a", "{", "b", "[", "1", "[", "x", "]", "{", "c", "2", "}", "3", "]", "d", "4", "}")
    ]


@pytest.mark.parametrize("text", ["[1,2]", "[1, 2]", "[1\n2\n]", "[ 1 , 2 , ]", "[1 //x\n2]"])
def test_elements_are_separated_by_commas_or_lines(text: str) -> None:
    assert lexed(f"key {text}")[2:-1] == [(Kind.INTEGER, "1"), (Kind.INTEGER, "2")]


@pytest.mark.parametrize("text", ["m {a=1,b=2}", "m {\na 1\nb 2\n}", "m { a:1;b:2; }", "m{"])
def test_entries_of_a_map_are_separated_by_commas_semicolons_or_lines(text: str) -> None:
    if text == "m{":
        assert complaint(text).message == "the key 'm{' has no value; write `m{ = value`"
    else:
        keys = [item for kind, item in lexed(text) if kind is Kind.KEY]
        assert keys == ["m", "a", "b"]


@pytest.mark.parametrize(
    ("text", "path"),
    [
        ("include 'a b.conf'", "a b.conf"),
        ('include "a.conf"', "a.conf"),
        ("include ./a.conf # comment", "./a.conf"),
        ("Include\ta.conf;", "a.conf"),
        ("include a.conf'", "a.conf"),
        ("{ include a.conf }", "a.conf"),
    ],
)
def test_include_names_a_file(text: str, path: str) -> None:
    assert lexed(text) == [(Kind.INCLUDE, path)]


def test_include_is_a_keyword_inside_maps_too_and_a_key_before_a_separator() -> None:
    assert lexed("m { include a.conf }")[2] == (Kind.INCLUDE, "a.conf")
    assert lexed("include= a.conf")[0] == (Kind.KEY, "include")
    assert lexed("'include' a.conf")[0] == (Kind.KEY, "include")


def test_a_map_key_may_begin_with_a_slash() -> None:
    assert lexed("m { /a = b }")[2] == (Kind.KEY, "/a")


def test_lines_and_columns_count_from_one() -> None:
    items = list(Lexer('a = 1\n  b {\n\tc = "x"\n}').items())
    assert [(item.line, item.column) for item in items] == [
        *((1, 1), (1, 5), (2, 3), (2, 5), (3, 2), (3, 6), (4, 1), (4, 2))
    ]
    assert items[-1] == Item(Kind.END, "", 4, 2)


@pytest.mark.parametrize(
    ("text", "line", "column", "message"),
    [
        ("= 1", 1, 1, "expected a key before '='; write `key = value`"),
        ("\n : 1", 2, 2, "expected a key before ':'; write `key : value`"),
        ("key", 1, 1, "the key 'key' has no value; write `key = value`"),
        ("key =\n1", 1, 6, "expected a value but the line ends; put the value on the line of"),
        ("key = -x", 1, 7, "expected a digit after '-'; quote a string that begins with '-'"),
        ("key = .5", 1, 7, "a number begins with a digit, not with '.'; write 0.5, or quote"),
        ("key = 5.x", 1, 8, "expected a digit after the '.' of a number; quote a string"),
        ("key = 20-1", 1, 7, "a datetime is written 2006-01-02T15:04:05Z; quote anything else"),
        ("key = 1.5s", 1, 10, "expected the end of the value but found 's'; put a comma, a semi"),
        ("key = 1k2", 1, 9, "expected the end of the value but found '2'"),
        ("key = a b", 1, 9, "expected the end of the value but found 'b'"),
        ("key = [a b]", 1, 10, "expected the end of the value but found 'b'; put a comma or"),
        ("key = 'x", 1, 7, "this string is not closed; add a '"),
        ('key = "x', 1, 7, 'this string is not closed; add a "'),
        (r'key = "\q"', 1, 8, r"a \ here must be followed by t, n, r, x and two hexadecimal"),
        (r'key = "\x4"', 1, 8, r"expected two hexadecimal digits after \x"),
        ("key = (x", 1, 7, "this block is not closed; add a line with nothing but )"),
        ("'key", 1, 1, "this key is not closed; add a '"),
        ("key { a = 1", 1, 12, "the file ends inside the braces opened at line 1, column 5"),
        ("key { a = 1\n", 2, 1, "the file ends inside the braces opened at line 1, column 5"),
        ("key [ a", 1, 8, "the file ends inside the array opened at line 1, column 5; add a ]"),
        ("key [ a,\n", 2, 1, "the file ends inside the array opened at line 1, column 5"),
        ("{ a = 1", 1, 8, "the file ends inside the braces opened at line 1, column 1"),
        ("{", 1, 2, "the file ends inside the braces opened at line 1, column 1; add a }"),
        ("key { a }", 1, 7, "the key 'a' has no value before '}'"),
        ("key { a", 1, 7, "the key 'a' has no value; write `a = value`"),
        ("key { a =", 1, 7, "the key 'a' has no value before the end of the file"),
        ("key { a = , }", 1, 7, "the key 'a' has no value before ','"),
        ("key { ] }", 1, 7, "a ] without a [ before it; remove it, or open the array"),
        ("] a", 1, 1, "a ] without a [ before it"),
        ("a = 1\n} b = 1", 2, 1, "a } without a { before it; remove it, or open the block"),
        ("key [ , ]", 1, 7, "expected a value but found ','; put a string with it in quotes"),
        ("key [ /a ]", 1, 7, "expected a value but found '/'"),
        ("/ a", 1, 1, "expected a key but found '/'; a comment begins with # or //"),
        ("include\n", 1, 8, "expected the path of a file after include, but the line ends"),
        ("include ", 1, 9, "expected the path of a file after include, but the line ends"),
        ("include 5", 1, 9, "expected the path of a file after include, but found '5'"),
        ("include [", 1, 9, "expected the path of a file after include, but found '['"),
        ("include 'a", 1, 9, "the path of this include is not closed; add a '"),
        ("a = b\0", 1, 6, "a NUL character: this is not a text file"),
        ("a = \ud800", 1, 5, "a character that Unicode does not have; save the file as UTF-8"),
    ],
)
def test_what_is_wrong_is_said_with_its_place(
    text: str, line: int, column: int, message: str
) -> None:
    error = complaint(text)
    assert error.message.startswith(message)
    assert (error.file, error.line, error.column) == ("f.conf", line, column)


def test_nesting_has_a_limit_and_no_recursion() -> None:
    assert lexed("a " + "[" * MAX_DEPTH + "]" * MAX_DEPTH)
    error = complaint("a " + "[" * (MAX_DEPTH + 1))
    assert error.message == f"more than {MAX_DEPTH} levels of nesting"


PIECES = st.sampled_from(
    [*"ab=: \n{}[],;#/'\"()$-.15\\\t\r\0", "include", "//", "2k", "true", "x41", "2016-05-04T"]
)


@given(st.lists(PIECES, max_size=30).map("".join) | st.text(max_size=60))
def test_nothing_but_a_syntax_error_comes_of_any_text(text: str) -> None:
    try:
        items = list(Lexer(text).items())
    except ConfigSyntaxError as error:
        assert error.line >= 1  # noqa: PT017 - raising is only one of the two good outcomes
    else:
        assert items[-1].kind is Kind.END
