"""The tables of verbs."""

from __future__ import annotations

from pubsub.router.python import parser
from pubsub.router.python.verbs import ARGUMENT_VERBS, LINE_VERBS


def test_every_verb_of_the_parser_has_something_to_do() -> None:
    with_argument = {
        verb for verb, state in parser._AFTER.items() if state in (parser.GAP, parser.SPACES)
    }
    assert with_argument == set(ARGUMENT_VERBS)
    assert set(parser._AFTER) - with_argument == set(LINE_VERBS)
