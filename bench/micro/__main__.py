"""``python -m bench.micro``: nanoseconds per operation of a router backend, in memory."""

from __future__ import annotations

import argparse
import fnmatch
import json
import sys
from collections.abc import Sequence
from pathlib import Path

from bench.micro.router import backend_named, measure
from bench.micro.scenarios import SCENARIOS
from bench.report import table
from bench.stats import quantile

__all__ = ["main", "render"]

Medians = dict[str, dict[str, float]]


def _arguments(argv: Sequence[str] | None) -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="python -m bench.micro", description=__doc__)
    add = parser.add_argument
    add("--backend", action="append", help="may be repeated (default: native and python)")
    add("--rows", metavar="PATTERN", default="*", help=f"of {', '.join(SCENARIOS)}")
    add("--seconds", type=float, default=0.5, help="for each row (default: %(default)s)")
    add("--save", metavar="FILE", type=Path, help="keep the medians as JSON")
    add("--compare", metavar="FILE", type=Path, help="show what changed since --save")
    return parser.parse_args(argv)


def render(medians: Medians, old: Medians) -> str:
    """A table: nanoseconds, operations per second, change since ``old``."""
    lines = []
    for row in SCENARIOS:
        for backend, rows in medians.items():
            nanoseconds = rows.get(row)
            if nanoseconds is None:
                continue
            before = old.get(backend, {}).get(row)
            change = f"{nanoseconds / before - 1:+.1%}" if before else ""
            rate = f"{1e3 / nanoseconds:.3f}"
            lines.append([row, backend, f"{nanoseconds:.1f}", rate, change])
    return table(["", "backend", "CPU ns each", "million/s", "change"], lines)


def main(argv: Sequence[str] | None = None) -> int:
    """Run the command line; its exit status."""
    options = _arguments(argv)
    rows = [name for name in SCENARIOS if fnmatch.fnmatch(name, f"*{options.rows}*")]
    medians: Medians = {}
    try:
        backends = {name: backend_named(name) for name in options.backend or ("native", "python")}
        old: Medians = json.loads(options.compare.read_text()) if options.compare else {}
    except (ValueError, OSError) as error:
        print(f"bench.micro: {error}", file=sys.stderr)
        return 2
    for row in rows:
        # backends take turns, so that a busy minute hits both
        for name, backend in backends.items():
            spans = measure(backend, SCENARIOS[row], options.seconds)
            medians.setdefault(name, {})[row] = quantile(spans, 0.5)
    print(render(medians, old))
    if options.save:
        options.save.write_text(json.dumps(medians, indent=1) + "\n")
    return 0


if __name__ == "__main__":
    sys.exit(main())
