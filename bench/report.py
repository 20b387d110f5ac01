"""The tables, as Markdown that also reads well in a terminal."""

from __future__ import annotations

from collections.abc import Sequence

from bench.machine import one_line
from bench.metrics import format_value
from bench.results import Results, ServerInfo
from bench.rows import Row
from bench.stats import Spread, spread
from bench.summary import (
    figures,
    generator_bound,
    headline_metrics,
    main_server,
    measured_rows,
    mixed_ratio,
    ratio,
    row_named,
    verdicts,
)
from bench.targets import Target, target_for

__all__ = ["full_report", "headline_table", "insert", "mixed_table", "readme_section", "table"]

#: What :func:`insert` replaces is between these two lines.
BEGIN, END = "<!-- benchmarks: begin -->", "<!-- benchmarks: end -->"


def table(header: Sequence[str], rows: Sequence[Sequence[str]]) -> str:
    """A Markdown table with padded columns; all but the first are aligned to the right."""
    lines = [list(header), *[list(row) for row in rows]]
    widths = [max(len(line[i]) for line in lines) for i in range(len(header))]

    def padded(line: Sequence[str]) -> str:
        cells = [
            cell.ljust(width) if i == 0 else cell.rjust(width)
            for i, (cell, width) in enumerate(zip(line, widths, strict=True))
        ]
        return f"| {' | '.join(cells)} |"

    rule = [f"{'-' * (width + 1)}{':' if i else '-'}" for i, width in enumerate(widths)]
    return "\n".join([padded(header), f"|{'|'.join(rule)}|", *map(padded, rows)])


def _times(value: float) -> str:
    return f"{value:.1f}×" if value >= 10 else f"{value:.2f}×"


def _ratio_cell(found: Spread | None) -> str:
    if found is None:
        return "–"
    return f"**{_times(found.median)}** ({_times(found.minimum)}–{_times(found.maximum)})"


def _figure_cell(results: Results, row: Row, metric: str, server: ServerInfo) -> str:
    if server.key in results.failures.get(row.name, {}):
        return "FAILED"
    values = results.values(row.name, server.key, metric)
    return format_value(metric, spread(values).median) if values else "–"


def _bound(target: Target) -> str:
    sign = "≥" if target.at_least else "≤"
    if target.versus:
        return f"{sign} {target.bound:g}× of {target.versus}"
    if target.absolute:
        return f"{target.backend} {sign} {format_value(target.metric, target.bound)}"
    return f"{sign} {target.bound:g}×"


def _promise_cell(results: Results, row: Row, metric: str) -> str:
    """Every promise about one line of the table, with a mark for kept or not."""
    judged: dict[Target, bool] = {}
    for verdict in verdicts(results):
        if (verdict.target.row, verdict.target.metric) == (row.name, metric):
            judged[verdict.target] = judged.get(verdict.target, True) and verdict.met
    return ", ".join(f"{_bound(target)} {'✓' if met else '✗'}" for target, met in judged.items())


def _title(row: Row, metric: str) -> str:
    return f"{row.title}: {row.metric_title(metric)}"


def headline_table(results: Results) -> str:
    """The table for the README: medians, ratios with their range, promises."""
    ours = main_server(results)
    header = ["", *[server.label for server in results.servers]]
    if ours:
        header += [f"{ours.backend or ours.label} / {peer.label}" for peer in results.peers]
    lines = []
    for row in measured_rows(results):
        for metric in headline_metrics(row):
            line = [_title(row, metric)]
            line += [_figure_cell(results, row, metric, server) for server in results.servers]
            if ours:
                line += [
                    _ratio_cell(ratio(results, row.name, metric, ours.key, peer.key))
                    for peer in results.peers
                ]
            lines.append([*line, _promise_cell(results, row, metric)])
    return table([*header, "target"], lines)


def _mixed_cell(results: Results, row: Row, metric: str, mixed: ServerInfo) -> str:
    cell = _figure_cell(results, row, metric, mixed)
    found = mixed_ratio(results, row.name, metric, mixed)
    return f"{cell} (**{_times(found.median)}**)" if found else cell


def mixed_table(results: Results) -> str:
    """Systems of ours and a peer: medians, and ratios to such a system of that peer alone.
    Empty if there are none."""
    lines = [
        [
            _title(row, metric),
            *[_mixed_cell(results, row, metric, mixed) for mixed in results.mixed],
        ]
        for row in measured_rows(results)
        if row.mixed
        for metric in headline_metrics(row)
    ]
    if not lines or not results.mixed:
        return ""
    return table(["", *[mixed.label for mixed in results.mixed]], lines)


def _mixed_section(results: Results) -> list[str]:
    mixed = mixed_table(results)
    if not mixed:
        return []
    return [
        "",
        "Ours and a nats-server in one system, in turn: publishers and requesters are at the",
        "first. In brackets: by a system of that nats-server alone.",
        "",
        mixed,
    ]


def _problems(results: Results) -> list[str]:
    lines = [
        f"- **{row}** failed on {server}: {text}"
        for row, servers in results.failures.items()
        for server, text in servers.items()
    ]
    lines += [f"- {row} was not measured: {why}" for row, why in results.skipped.items()]
    lines += [
        f"- {row}: the load generator was busy all the time; the server can do more"
        for row in generator_bound(results)
    ]
    return ["", *lines] if lines else []


def _verdict_table(results: Results) -> str:
    labels = {server.key: server.label for server in results.servers}
    lines = []
    for verdict in verdicts(results):
        target = verdict.target
        value = (
            format_value(target.metric, verdict.value)
            if target.absolute and not target.versus
            else _times(verdict.value)
        )
        against = labels.get(verdict.peer, "–")
        promise = _bound(target)
        name = _title(row_named(target.row), target.metric)
        lines.append([name, against, promise, value, "met" if verdict.met else "MISSED"])
    return table(["target", "against", "bound", "median", ""], lines)


def _figure_table(results: Results) -> str:
    labels = {server.key: server.label for server in [*results.servers, *results.mixed]}
    lines = []
    for figure in figures(results):
        s = figure.spread
        cells = [s.median, s.minimum, s.lower_quartile, s.upper_quartile, s.maximum]
        lines.append(
            [
                _title(row_named(figure.row), figure.metric),
                labels[figure.server],
                *[format_value(figure.metric, cell) for cell in cells],
            ]
        )
    return table(["", "server", "median", "min", "25 %", "75 %", "max"], lines)


def _ratio_lines(results: Results) -> str:
    lines = []
    for row in measured_rows(results):
        for metric in row.metrics:
            for ours in results.ours:
                for peer in results.peers:
                    found = ratio(results, row.name, metric, ours.key, peer.key)
                    if found is None:
                        continue
                    target = target_for(row.name, metric, ours.backend, absolute=False)
                    met = "" if target is None else "✓" if target.met(found.median) else "✗"
                    cells = [found.median, found.minimum, found.lower_quartile]
                    cells += [found.upper_quartile, found.maximum]
                    lines.append(
                        [
                            _title(row, metric),
                            f"{ours.label} / {peer.label}",
                            *[_times(cell) for cell in cells],
                            f"{_bound(target)} {met}" if target else "",
                        ]
                    )
    return table(["", "ratio of", "median", "min", "25 %", "75 %", "max", "target"], lines)


def readme_section(results: Results) -> str:
    """The short table with what a reader must know about it."""
    rounds, seconds = results.settings["rounds"], results.settings["seconds"]
    how = f"Medians of {rounds} interleaved rounds of {seconds:g} s."
    page = "[docs/topics/benchmarks.rst](docs/topics/benchmarks.rst)"
    lines = [
        f"{how} Ratios are taken round by round; their range is in brackets.",
        one_line(results.machine) + ".",
        f"How it was measured, and how to repeat it: {page}.",
    ]
    return "\n".join([headline_table(results), *_mixed_section(results), "", *lines])


def insert(text: str, section: str) -> str:
    """``text`` with ``section`` between its two marks.

    :raises ValueError: if the marks are not there.
    """
    head, begin, rest = text.partition(BEGIN)
    _, end, tail = rest.partition(END)
    if not begin or not end:
        raise ValueError(f"there are no lines {BEGIN} and {END}")
    return f"{head}{begin}\n{section}\n{end}{tail}"


def full_report(results: Results, pictures: Sequence[str] = ()) -> str:
    """The whole Markdown file: the short table, promises, pictures, every figure."""
    settings = results.settings
    parts = [
        "# Benchmark",
        "",
        f"Medians of {settings['rounds']} interleaved rounds of {settings['seconds']:g} s.",
        "Ratios are taken round by round; their range is in brackets.",
        one_line(results.machine) + ".",
        "",
        headline_table(results),
        *_mixed_section(results),
        *_problems(results),
        "",
        "## Targets",
        "",
        _verdict_table(results),
        "",
        *[f"![{name}]({name})" for name in pictures],
        "",
        "## Ratios",
        "",
        _ratio_lines(results),
        "",
        "## Figures",
        "",
        _figure_table(results),
        "",
        "## Servers",
        "",
        *[f"- {s.label}: `{s.command}`, version {s.version}" for s in results.servers],
        "",
    ]
    return "\n".join(parts)
