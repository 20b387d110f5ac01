from __future__ import annotations

import xml.etree.ElementTree as ET
from pathlib import Path

import pytest

from bench import plot_matplotlib, plot_svg
from bench.plots import axis_range, axis_ticks, draw, pictures
from bench.results import Results
from tests.bench.made_up import made_up

SVG = "{http://www.w3.org/2000/svg}"


def test_a_picture_has_a_line_for_each_row_with_a_bar_for_each_comparison(results: Results) -> None:
    found = {picture.name: picture for picture in pictures(results)}
    assert set(found) == {"throughput", "cpu"}
    throughput = found["throughput"]
    assert throughput.series == (
        ("pubsub native / nats-server 2.9.10", True),
        ("pubsub python / nats-server 2.9.10", False),
    )
    (line,) = throughput.lines
    assert [(bar.series, round(bar.spread.median, 2)) for bar in line.bars] == [(0, 3.0), (1, 0.1)]
    assert line.target is not None
    assert (line.target.bound, line.judged) == (2.5, 1)


def test_without_a_peer_there_is_nothing_to_draw() -> None:
    alone = made_up(native=[1e6])
    alone.servers.pop()
    assert pictures(alone) == []


def test_the_axis_reaches_beyond_everything_drawn(results: Results) -> None:
    low, high = axis_range(pictures(results)[0])
    assert low < 0.0667 < 3.0 < high


def test_ticks_are_round_and_fewer_on_a_long_axis() -> None:
    assert axis_ticks(0.4, 6.0) == [0.5, 1.0, 2.0, 5.0]
    assert axis_ticks(0.01, 100.0) == [0.01, 0.1, 1.0, 10.0, 100.0]


def test_the_svg_shows_bars_on_their_sides_of_one_and_the_target(results: Results) -> None:
    picture = pictures(results)[0]
    root = ET.fromstring(plot_svg.render(picture))
    texts = [element.text for element in root.iter(f"{SVG}text")]
    assert {"Messages per second", "1:1, 128 B", "3.00×", "0.10×"} <= set(texts)
    blue, amber = plot_svg.colours(picture)
    bars = {
        element.get("fill"): (float(element.get("x", 0)), float(element.get("width", 0)))
        for element in list(root.iter(f"{SVG}rect"))[1:3]
    }
    one = bars[blue][0]
    assert bars[amber][0] + bars[amber][1] == pytest.approx(one, abs=0.2)
    assert bars[blue][1] > 0


def test_without_matplotlib_the_pictures_are_svg(
    results: Results, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(plot_matplotlib, "available", lambda: False)
    files = draw(results, tmp_path, "latest")
    assert [file.name for file in files] == ["latest-throughput.svg", "latest-cpu.svg"]
    assert all(file.read_text().startswith("<svg") for file in files)
