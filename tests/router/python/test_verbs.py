"""What each verb does: every verb that any peer may say is known."""

from __future__ import annotations

from pubsub.router.python import parser
from pubsub.router.python.verbs import ARGUMENT_VERBS, LINE_VERBS


def test_every_verb_of_the_parser_has_something_to_do() -> None:
    verbs = {
        verb: state
        for language in parser.LANGUAGES.values()
        for row in language.values()
        for verb, state in row
    }
    with_argument = {verb for verb, state in verbs.items() if state != parser.SKIP}
    assert with_argument == set(ARGUMENT_VERBS)
    assert set(verbs) - with_argument == set(LINE_VERBS)
