"""``python -m bench``: measure, compare, save. ``--help`` tells the rest."""

from __future__ import annotations

import argparse
import dataclasses
import datetime as dt
import json
import shutil
import signal
import sys
import tempfile
from collections.abc import Sequence
from pathlib import Path

from bench import compare, generator, plots, report, selftest, summary
from bench.machine import describe
from bench.progress import Progress
from bench.results import Results, load, save
from bench.rows import ROWS, Row, select
from bench.runner import Runner, Settings, server_info
from bench.servers import (
    Server,
    ServerFailed,
    mixed_servers,
    our_servers,
    peer_server,
    running,
)

__all__ = ["arguments", "exit_status", "main"]

HERE = Path(__file__).parent

#: Exit statuses, gravest first.
FAILED, USAGE, REGRESSED, MISSED, FINE = 1, 2, 4, 3, 0

_EPILOG = """\
exit status: 0 all is well; 1 a run lost messages or failed; 2 wrong usage, or something
did not start; 4 --compare found a regression; 3 a target was missed (not with --quick)."""


def arguments(argv: Sequence[str] | None = None) -> argparse.Namespace:
    """The command line."""
    parser = argparse.ArgumentParser(
        prog="python -m bench",
        description="Measure this server against others, on loopback, interleaved.",
        epilog=_EPILOG,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    add = parser.add_argument
    add(
        "--server",
        metavar="CMD",
        default=f"{sys.executable} -m pubsub.main",
        help="what starts this server (default: %(default)s)",
    )
    add(
        "--backends",
        default="native,python",
        help='router backends to measure; "" starts CMD without --router (default: %(default)s)',
    )
    add(
        "--peer",
        metavar="CMD",
        action="append",
        help="a server to compare with; may be repeated (default: nats-server, if there is one)",
    )
    add("--no-mixed", action="store_true", help="no systems of ours and a peer")
    add("--rows", metavar="PATTERN", action="append", default=[], help="only these rows or groups")
    add("--rounds", type=int, metavar="N", help="runs of each row on each server (default: 5)")
    add("--seconds", type=float, metavar="S", help="length of a run (default: 2)")
    add("--quick", action="store_true", help="one short round, a tenth of the things to count")
    add("--list", action="store_true", help="list the rows and exit")
    add("--self-test", action="store_true", help="does the generator notice faults? and exit")
    add("--json", action="store_true", help="print the results as JSON instead of a table")
    add("--compare", metavar="OLD.json", type=Path, help="flag what got worse by more than 5 %%")
    add("--replay", metavar="FILE.json", type=Path, help="no runs: tables of saved results")
    add("--output", metavar="DIR", type=Path, default=HERE / "results", help="%(default)s")
    add("--name", metavar="STEM", help="file name of the results (default: date and time)")
    add("--readme", metavar="FILE", type=Path, help="put the short table between FILE's marks")
    add("--no-plots", action="store_true", help="no pictures")
    options = parser.parse_args(argv)
    if options.rounds is not None and options.rounds < 1:
        parser.error("--rounds must be at least 1")
    return options


def _settings(options: argparse.Namespace) -> Settings:
    settings = Settings()
    if options.quick:
        settings = Settings(rounds=1, seconds=0.5, warmup=0.1, scale=0.1)
    if options.rounds:
        settings = dataclasses.replace(settings, rounds=options.rounds)
    if options.seconds:
        warmup = min(settings.warmup, options.seconds / 4)
        settings = dataclasses.replace(settings, seconds=options.seconds, warmup=warmup)
    return settings


def _servers(options: argparse.Namespace) -> list[Server]:
    backends = [name for name in options.backends.split(",") if name]
    servers = our_servers(options.server, backends)
    peers = options.peer
    if peers is None:
        peers = ["nats-server"] if shutil.which("nats-server") else []
    servers += [peer_server(command) for command in peers if command]
    return servers


def _measure(options: argparse.Namespace, rows: Sequence[Row]) -> Results:
    settings = _settings(options)
    program = generator.build()
    servers = _servers(options)
    mixed = [] if options.no_mixed else mixed_servers(servers)
    results = Results(
        machine=describe(),
        settings={**dataclasses.asdict(settings), "quick": options.quick},
        servers=[server_info(server) for server in servers],
        mixed=[server_info(server) for server in mixed],
    )
    progress = Progress(results, rows, settings.rounds)
    with tempfile.TemporaryDirectory(prefix="pubsub-bench-") as directory:
        for server in servers:
            # one that cannot start at all is told at once; caches on disk are filled
            with running(server, Path(directory)):
                pass
        runner = Runner([*servers, *mixed], settings, program, Path(directory), results, progress)
        # as control-C: whoever ends the bench does not want its servers either
        before = signal.signal(signal.SIGTERM, signal.default_int_handler)
        try:
            runner.run(rows)
        except KeyboardInterrupt:
            print("\ninterrupted: what was measured is kept", file=sys.stderr)
        finally:
            signal.signal(signal.SIGTERM, before)
    return results


def _derived(results: Results) -> dict[str, object]:
    return {
        "figures": [dataclasses.asdict(figure) for figure in summary.figures(results)],
        "ratios": [dataclasses.asdict(ratio) for ratio in summary.ratio_table(results)],
        "verdicts": [dataclasses.asdict(verdict) for verdict in summary.verdicts(results)],
    }


def _keep(results: Results, options: argparse.Namespace) -> Path:
    """Write JSON, Markdown and pictures; where."""
    stem = options.name or dt.datetime.now().strftime("%Y%m%d-%H%M%S")
    options.output.mkdir(parents=True, exist_ok=True)
    path: Path = options.output / f"{stem}.json"
    pictures = [] if options.no_plots else plots.draw(results, options.output, stem)
    save(results, path, _derived(results))
    text = report.full_report(results, [picture.name for picture in pictures])
    path.with_suffix(".md").write_text(text)
    return path


def exit_status(results: Results, regressions: int) -> int:
    """The gravest of what is to be told. Quick runs are too short to judge targets by."""
    if any(results.failures.values()):
        return FAILED
    if regressions:
        return REGRESSED
    missed = [verdict for verdict in summary.verdicts(results) if not verdict.met]
    return MISSED if missed and not results.settings.get("quick") else FINE


def _tell(results: Results, options: argparse.Namespace, path: Path | None) -> int:
    regressions = 0
    if options.json:
        print(json.dumps({**dataclasses.asdict(results), **_derived(results)}, indent=1))
    else:
        print(report.headline_table(results))
        if mixed := report.mixed_table(results):
            print(f"\n{mixed}")
        for row, servers in results.failures.items():
            for server, text in servers.items():
                print(f"FAILED: {row} on {server}: {text.splitlines()[0]}")
        for row, why in results.skipped.items():
            print(f"not measured: {row}: {why}")
    if options.readme:
        section = report.readme_section(results)
        options.readme.write_text(report.insert(options.readme.read_text(), section))
    if options.compare:
        changes = compare.changes(load(options.compare), results)
        regressions = sum(change.regression for change in changes)
        print(compare.render(changes), file=sys.stderr if options.json else sys.stdout)
    if path:
        print(f"saved as {path} and {path.with_suffix('.md').name}", file=sys.stderr)
    return exit_status(results, regressions)


def main(argv: Sequence[str] | None = None) -> int:
    """Run the command line; its exit status."""
    options = arguments(argv)
    if options.list:
        for row in ROWS:
            print(f"{row.name:16} {row.group:10} {row.title}")
        return FINE
    try:
        if options.self_test:
            return FINE if selftest.run(generator.build()) else FAILED
        rows = select(options.rows)
        results = load(options.replay) if options.replay else _measure(options, rows)
        path = None if options.replay and not options.name else _keep(results, options)
        return _tell(results, options, path)
    except (generator.GeneratorMissing, ServerFailed, ValueError, OSError) as error:
        print(f"bench: {error}", file=sys.stderr)
        return USAGE


if __name__ == "__main__":
    sys.exit(main())
