from __future__ import annotations

import pytest

from bench.measure import metrics_of
from bench.procfs import Sample

BEFORE = Sample(1.0, 10_000_000, 10_000_000)
AFTER = Sample(1.5, 30_000_000, 40_000_000)


def test_publishing_is_counted_in_messages() -> None:
    done = {"published": 2e6, "delivered": 0, "seconds": 2.0, "publish_rate": 1e6}
    figures = metrics_of("publish", {**done, "client_cpu_seconds": 0.5}, BEFORE, AFTER)
    assert figures == {
        "rate": 1e6,
        "cpu": 0.25,
        "server_cpu": 0.25,
        "rss": 30e6,
        "hwm": 40e6,
        "client_cpu": 0.25,
    }


def test_a_flow_is_counted_in_deliveries() -> None:
    done = {"published": 1e6, "delivered": 4e6, "seconds": 2.0, "delivery_rate": 2e6}
    figures = metrics_of("flow", done, BEFORE, AFTER)
    assert (figures["rate"], figures["cpu"]) == (2e6, 0.125)


def test_churn_is_a_flow_with_two_more_figures() -> None:
    done = {"delivered": 1e6, "seconds": 1.0, "delivery_rate": 1e6, "churn_rate": 5e4, "kept": 0.5}
    figures = metrics_of("churn", done, BEFORE, AFTER)
    assert (figures["churn_rate"], figures["kept"], figures["cpu"]) == (5e4, 0.5, 0.5)


def test_requests_have_latencies() -> None:
    done = {"requests": 1e6, "seconds": 1.0, "request_rate": 1e6}
    latencies = {"p50_us": 10.0, "p99_us": 20.0, "p999_us": 30.0}
    figures = metrics_of("requests", {**done, **latencies}, BEFORE, AFTER)
    assert (figures["p50"], figures["p99"], figures["p999"]) == (10.0, 20.0, 30.0)


@pytest.mark.parametrize(
    ("kind", "items", "rate"),
    [
        ("idle", "connections", "connect_rate"),
        ("subscriptions", "subscriptions", "subscription_rate"),
    ],
)
def test_what_there_are_many_of_is_charged_with_the_memory_that_came(
    kind: str, items: str, rate: str
) -> None:
    figures = metrics_of(kind, {items: 1000.0, "seconds": 1.0, rate: 7.0}, BEFORE, AFTER)
    assert figures["bytes_each"] == 20_000
    assert figures["rate"] == 7.0


def test_propagation_is_a_time_and_not_charged_with_what_trying_it_costs() -> None:
    done = {"subscriptions": 1e5, "seconds": 0.25, "subscription_rate": 4e5}
    figures = metrics_of("propagation", done, BEFORE, AFTER)
    assert figures == {"took": 250.0, "rate": 4e5, "rss": 30e6, "hwm": 40e6}
