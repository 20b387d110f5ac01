"""Draws a picture as SVG without any library."""

from __future__ import annotations

import math
from pathlib import Path
from xml.sax.saxutils import escape

from bench.plots import Bar, Line, Picture, axis_range, axis_ticks

__all__ = ["COLOURS", "render", "save"]

#: Main comparisons, then the others: blues and ambers, told apart without colour by order.
COLOURS = {True: ("#1f5fa8", "#6ba3dd", "#a9cbee"), False: ("#c9731b", "#eab273", "#f4d6b3")}

#: Of the part with the bars; the labels get what they need beside it.
_AXIS = 580
_RIGHT = 40
_TOP = 62
_BAR = 13
_GAP = 11
_LEGEND = 18
#: Wide enough for the widest of the usual fonts, at 12 pixels.
_CHARACTER = 6.8
_INK = "#222222"
_FAINT = "#dddddd"
_TARGET = "#b00020"


def colours(picture: Picture) -> list[str]:
    """A colour for each series."""
    seen = {True: 0, False: 0}
    found = []
    for _, main in picture.series:
        shades = COLOURS[main]
        found.append(shades[seen[main] % len(shades)])
        seen[main] += 1
    return found


class _Canvas:
    """Collects SVG elements; knows the axis."""

    def __init__(self, picture: Picture) -> None:
        self.picture = picture
        self.low, self.high = axis_range(picture)
        longest = max(len(line.label) for line in picture.lines)
        self.left = round(40 + _CHARACTER * longest)
        self.width = self.left + _AXIS + _RIGHT
        self.parts: list[str] = []

    def x(self, value: float) -> float:
        """Where a ratio is on the logarithmic axis."""
        share = math.log(value / self.low) / math.log(self.high / self.low)
        return self.left + share * _AXIS

    def text(
        self,
        x: float,
        y: float,
        text: str,
        *,
        size: int = 12,
        anchor: str = "start",
        bold: bool = False,
    ) -> None:
        weight = ' font-weight="600"' if bold else ""
        self.parts.append(
            f'<text x="{x:.1f}" y="{y:.1f}" font-size="{size}" text-anchor="{anchor}"'
            f'{weight} fill="{_INK}">{escape(text)}</text>'
        )

    def line(
        self, x1: float, y1: float, x2: float, y2: float, *, colour: str = _INK, width: float = 1.0
    ) -> None:
        self.parts.append(
            f'<line x1="{x1:.1f}" y1="{y1:.1f}" x2="{x2:.1f}" y2="{y2:.1f}" '
            f'stroke="{colour}" stroke-width="{width}"/>'
        )

    def box(self, x: float, y: float, width: float, height: float, colour: str) -> None:
        self.parts.append(
            f'<rect x="{x:.1f}" y="{y:.1f}" width="{width:.1f}" height="{height:.1f}" '
            f'fill="{colour}"/>'
        )


def _grid(canvas: _Canvas, bottom: float) -> None:
    for tick in axis_ticks(canvas.low, canvas.high):
        at_one = tick == 1.0
        x = canvas.x(tick)
        canvas.line(x, _TOP, x, bottom, colour=_INK if at_one else _FAINT)
        canvas.text(x, bottom + 15, f"{tick:g}×", size=11, anchor="middle")


def _bar(canvas: _Canvas, bar: Bar, y: float, shade: str) -> None:
    s = bar.spread
    median, one, middle = canvas.x(s.median), canvas.x(1.0), y + _BAR / 2
    canvas.box(min(median, one), y + 1, abs(median - one), _BAR - 2, shade)
    canvas.line(canvas.x(s.minimum), middle, canvas.x(s.maximum), middle)
    low, high = canvas.x(s.lower_quartile), canvas.x(s.upper_quartile)
    canvas.line(low, middle, high, middle, width=3.0)


def _value(canvas: _Canvas, bar: Bar, y: float) -> None:
    """The median at the bar's end, on white: a target's mark may be behind it."""
    text = f"{bar.spread.median:.2f}×"
    width = 7.0 * len(text)
    if bar.spread.median >= 1.0:
        x, anchor = canvas.x(bar.spread.maximum) + 5, "start"
        canvas.box(x, y + 1, width, _BAR - 2, "#ffffff")
    else:
        x, anchor = canvas.x(bar.spread.minimum) - 5, "end"
        canvas.box(x - width, y + 1, width, _BAR - 2, "#ffffff")
    canvas.text(x, y + _BAR / 2 + 4, text, size=11, anchor=anchor)


def _bars(canvas: _Canvas, line: Line, top: float, shades: list[str]) -> float:
    """Draw the bars of one line from ``top``; where the next line starts."""
    places = [top + number * _BAR for number in range(len(line.bars) + 1)]
    for bar, y in zip(line.bars, places, strict=False):
        _bar(canvas, bar, y, shades[bar.series])
    if line.target:
        x = canvas.x(line.target.bound)
        canvas.line(x, top - 3, x, places[line.judged] + 3, colour=_TARGET, width=2.5)
    for bar, y in zip(line.bars, places, strict=False):
        _value(canvas, bar, y)
    canvas.text(canvas.left - 12, (top + places[-1]) / 2 + 4, line.label, anchor="end")
    return places[-1] + _GAP


def render(picture: Picture) -> str:
    """The SVG document."""
    canvas = _Canvas(picture)
    shades = colours(picture)
    bars = sum(len(line.bars) for line in picture.lines)
    bottom = _TOP + 8 + bars * _BAR + len(picture.lines) * _GAP
    height = bottom + 34 + _LEGEND * (len(picture.series) + 1)
    better = "to the right is better" if picture.higher_is_better else "to the left is better"
    canvas.box(0, 0, canvas.width, height, "#ffffff")
    canvas.text(16, 26, picture.title, size=17, bold=True)
    canvas.text(16, 45, f"ratio ours / peer, logarithmic: {better}")
    _grid(canvas, bottom)
    y = float(_TOP + 8)
    for line in picture.lines:
        y = _bars(canvas, line, y, shades)
    y = bottom + 34
    for (label, _), shade in zip(picture.series, shades, strict=True):
        canvas.box(canvas.left, y - 10, 22, 11, shade)
        canvas.text(canvas.left + 30, y, label)
        y += _LEGEND
    canvas.line(canvas.left + 11, y - 11, canvas.left + 11, y + 2, colour=_TARGET, width=2.5)
    canvas.text(canvas.left + 30, y, "target of the native backend; thin: range, thick: quartiles")
    body = "\n".join(canvas.parts)
    return (
        f'<svg xmlns="http://www.w3.org/2000/svg" width="{canvas.width}" height="{height:.0f}" '
        f'viewBox="0 0 {canvas.width} {height:.0f}" font-family="Helvetica, Arial, sans-serif">\n'
        f"{body}\n</svg>\n"
    )


def save(picture: Picture, stem: Path) -> Path:
    """Write ``stem.svg``; its path."""
    path = stem.with_name(f"{stem.name}.svg")
    path.write_text(render(picture))
    return path
