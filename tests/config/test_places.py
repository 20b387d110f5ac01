"""Where everything stands."""

from __future__ import annotations

from pubsub.config.build import configure
from pubsub.config.parser import parse
from pubsub.config.places import Place, Places, find_places

TEXT = """
PORT: 1
accounts {
  A {
    users: [ {user: a}, {user: b} ]
    EXPORTS: [ {stream: s}
      {service: t, threshold: "1s"} ]
    Maps { "x.*": y }
  }
}
auth: 5
tls { certificates: [ {cert_file: c} ] }
"""


def test_each_entry_has_its_place_by_the_names_of_the_table() -> None:
    places = find_places(parse(TEXT, "f"))
    assert places.find(("port",)) == Place("f", 2, 1)
    assert places.find(("accounts",)) == Place("f", 3, 1)
    assert places.find(("accounts", "A")) == Place("f", 4, 3)
    assert places.find(("accounts", "A", "users", 1)) == Place("f", 5, 25)
    assert places.find(("accounts", "A", "users", 1, "user")) == Place("f", 5, 26)
    assert places.find(("accounts", "A", "exports", 1)) == Place("f", 7, 7)
    assert places.find(("accounts", "A", "exports", 1, "response_threshold")) == (Place("f", 7, 20))
    assert places.find(("accounts", "A", "mappings", "x.*")) == Place("f", 8, 12)
    assert places.find(("tls", "certs", 0, "cert_file")) == Place("f", 12, 24)


def test_what_is_in_no_file_has_no_place() -> None:
    places = find_places(parse(TEXT, "f"))
    assert places.find(("auth",)) is None
    assert places.find(("accounts", "B")) is None
    assert places.find(("accounts", "a")) is None
    assert Places().find(("port",)) is None


def test_a_complaint_is_at_the_first_place_that_there_is() -> None:
    places = find_places(parse(TEXT, "f"))
    path = ("accounts", "A", "exports", 0)
    assert str(places.error("wrong", path, "port")) == "f:6:16: wrong"
    assert str(places.error("wrong", "tls.verify", "host", "port")) == "f:2:1: wrong"
    assert str(places.error("wrong", "tls.certs")) == "f:12:7: wrong"
    assert str(places.error("wrong", "host")) == "wrong"
    assert str(places.error("wrong")) == "wrong"


def test_whoever_loads_a_file_gets_them() -> None:
    loaded = configure(text="accounts: [ A, B ]", path="f")
    assert loaded.places.find(("accounts", 1)) == Place("f", 1, 16)
    assert "places" not in repr(loaded)
