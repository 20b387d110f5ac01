"""The page that lists the pages."""

from __future__ import annotations

import re
from html.parser import HTMLParser
from urllib.parse import urljoin

import pytest

from pubsub.monitor.index import PAGES, index


class Links(HTMLParser):
    """Where a page leads, and that its tags are closed."""

    def __init__(self, html: str) -> None:
        super().__init__()
        self.targets: list[str] = []
        self.open: list[str] = []
        self.feed(html)

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        if tag != "meta":
            self.open.append(tag)
        self.targets += [value or "" for name, value in attrs if name in ("href", "src")]

    def handle_endtag(self, tag: str) -> None:
        assert self.open.pop() == tag


@pytest.mark.parametrize(
    ("base", "location"), [("", "/"), ("/", "/"), ("/nats", "/nats"), ("/a/b", "/a/b")]
)
def test_every_link_leads_to_a_page_whatever_the_base_path(base: str, location: str) -> None:
    links = Links(index("edge", "1", base))
    assert links.open == []
    reached = {urljoin(location, target).partition("?")[0] for target in links.targets}
    assert reached == {f"{base.rstrip('/')}{path}" for path, *_ in PAGES}


def test_names_cannot_bring_markup() -> None:
    html = index("<script>alert(1)</script>", "<b>", "")
    assert "<script>" not in html
    assert "<b>" not in html


def test_nothing_is_loaded_from_elsewhere() -> None:
    assert not re.search(r"https?://|url\(|@import", index("edge", "1", ""))
