"""Draws a picture as PNG with matplotlib, an optional extra."""

from __future__ import annotations

import importlib
from pathlib import Path
from typing import Any

from bench.plot_svg import colours
from bench.plots import Line, Picture, axis_range, axis_ticks

__all__ = ["available", "save"]

_BAR = 0.17  # inches
_GAP = 0.15
_WIDTH = 10.5
_MARGINS = 1.7
_TARGET = "#b00020"
_INK = "#222222"


def available() -> bool:
    """Whether matplotlib can be imported."""
    try:
        importlib.import_module("matplotlib.figure")
    except ImportError:
        return False
    return True


def _draw_line(axes: Any, line: Line, top: float, shades: list[str]) -> float:
    """Draw one label's bars downwards from ``top``; where the next ones start."""
    y = top
    for bar in line.bars:
        s = bar.spread
        middle = y - _BAR / 2
        axes.barh(middle, s.median - 1.0, _BAR * 0.86, left=1.0, color=shades[bar.series])
        axes.plot([s.minimum, s.maximum], [middle, middle], color=_INK, linewidth=0.9)
        axes.plot([s.lower_quartile, s.upper_quartile], [middle, middle], color=_INK, linewidth=2.6)
        right = s.median >= 1.0
        axes.annotate(
            f"{s.median:.2f}×",
            (s.maximum if right else s.minimum, middle),
            xytext=(5 if right else -5, 0),
            textcoords="offset points",
            ha="left" if right else "right",
            va="center",
            fontsize=8,
            zorder=5,
            bbox={"facecolor": "white", "edgecolor": "none", "pad": 0.8},
        )
        y -= _BAR
    place = {"transform": axes.get_yaxis_transform(), "ha": "right", "va": "center"}
    axes.text(-0.015, (top + y) / 2, line.label, fontsize=9, **place)
    if line.target:
        bound = line.target.bound
        bottom = top - line.judged * _BAR
        axes.plot([bound, bound], [bottom - 0.03, top + 0.03], color=_TARGET, linewidth=2.2)
    return y - _GAP


def _decorate(axes: Any, picture: Picture, height: float) -> None:
    low, high = axis_range(picture)
    axes.set_xscale("log")
    axes.set_xlim(low, high)
    axes.set_ylim(-height, _GAP)
    ticks = axis_ticks(low, high)
    axes.set_xticks(ticks, [f"{tick:g}×" for tick in ticks])
    axes.set_xticks([], minor=True)
    axes.set_yticks([])
    axes.grid(axis="x", color="#dddddd", linewidth=0.8)
    axes.axvline(1.0, color=_INK, linewidth=1.0)
    axes.set_axisbelow(True)
    for side in ("top", "right", "left"):
        axes.spines[side].set_visible(False)
    better = "to the right is better" if picture.higher_is_better else "to the left is better"
    left = {"transform": axes.transAxes, "va": "bottom", "ha": "left"}
    axes.text(-0.56, 1 + 0.30 / height, picture.title, fontsize=13, fontweight="bold", **left)
    note = f"ratio ours / peer, logarithmic: {better}"
    axes.text(-0.56, 1 + 0.08 / height, note, fontsize=9, **left)


def _legend(axes: Any, picture: Picture, shades: list[str], drop: float) -> None:
    """Below the axis, at ``drop`` (a share of the axes' height)."""
    patches = importlib.import_module("matplotlib.patches")
    lines = importlib.import_module("matplotlib.lines")
    handles = [
        patches.Patch(color=shade, label=label)
        for (label, _), shade in zip(picture.series, shades, strict=True)
    ]
    mark = {"marker": "|", "markersize": 11, "markeredgewidth": 2.2, "color": _TARGET}
    text = "target of the native backend; thin: range, thick: quartiles"
    handles.append(lines.Line2D([], [], linestyle="none", label=text, **mark))
    place = {"loc": "upper left", "bbox_to_anchor": (0.0, -drop), "borderaxespad": 0.0}
    axes.legend(handles=handles, frameon=False, fontsize=9, **place)


def save(picture: Picture, stem: Path) -> Path:
    """Write ``stem.png``; its path.

    :raises ImportError: without matplotlib.
    """
    figure_module = importlib.import_module("matplotlib.figure")
    bars = sum(len(line.bars) for line in picture.lines)
    height = bars * _BAR + len(picture.lines) * _GAP
    figure = figure_module.Figure(figsize=(_WIDTH, height + _MARGINS), dpi=130, facecolor="white")
    axes = figure.add_axes((0.355, 0.95 / (height + _MARGINS), 0.61, height / (height + _MARGINS)))
    shades = colours(picture)
    y = 0.0
    for line in picture.lines:
        y = _draw_line(axes, line, y, shades)
    _decorate(axes, picture, height)
    _legend(axes, picture, shades, 0.32 / height)
    path = stem.with_name(f"{stem.name}.png")
    figure.savefig(path, bbox_inches="tight", pad_inches=0.15)
    return path
